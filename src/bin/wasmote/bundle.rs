//! `wasmote bundle`: validates a program for a device that cannot, and signs it.

use crate::{
    failure,
    features::Feature,
    file, say,
    settings::{self, Profile, Resolved, Settings},
    units::show_bytes,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};
use wasmote::engine::bundle::{Bundler, PublicKey, SecretKey, VerifiedBundle};

/// Validate a program and sign it, for a device that cannot validate
///
/// A bundle is loaded by a device built without validators, if its signature holds against the public key that
/// the device was built with. Validation is held against the limits given here; the device's may be wider. Of a
/// component, the bundle also says what reading it found out, so that the device needs no parser for components.
///
/// The key is a PEM file (PKCS#8, Ed25519), as `wasmote bundle --new-key` and `openssl genpkey -algorithm
/// ed25519` write it, or a file of 64 hexadecimal digits. A public key may also be the digits themselves.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Arguments {
    /// Where to write the bundle [default: PROGRAM, ending in .bundle]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The secret key to sign with
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Make a new key instead, write it to FILE, and print its public half
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "output", "verify", "module", "limits", "wasm", "simd", "memory64", "features"])]
    new_key: Option<PathBuf>,

    /// Check instead that PROGRAM is a bundle signed with the secret half of this public key
    #[arg(long, value_name = "FILE|HEX", conflicts_with_all = ["key", "output", "limits", "wasm", "simd", "memory64", "features"])]
    verify: Option<OsString>,

    /// The limits to start from: those of the device
    #[arg(long, value_enum, value_name = "FOR", default_value = "mcu")]
    limits: Profile,

    /// Set single limits, as for `wasmote run`: max-memory-size=64M, … (`-W help` lists all)
    #[arg(short = 'W', long = "wasm", value_name = "KEY=VALUE,…", value_parser = settings::limits)]
    wasm: Vec<Settings>,

    /// Let modules use 128-bit vectors: the device is built with the feature `simd`
    #[arg(long)]
    simd: bool,

    /// Let modules use 64-bit memories: the device is built with the feature `memory64`
    #[arg(long)]
    memory64: bool,

    /// Turn on proposals of the Component Model besides those that have shipped
    ///
    /// A device needs on those that the program uses. With `memory64` goes `--memory64`, for the modules in it.
    #[arg(long, value_enum, value_name = "NAME,…", value_delimiter = ',')]
    features: Vec<Feature>,

    /// The program: a core module or a component, .wasm or .wat, or `-` for standard input
    #[arg(value_name = "PROGRAM", required_unless_present = "new_key")]
    module: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  wasmote bundle --new-key key.pem           make a key; prints the public half, for the device
  wasmote bundle app.wasm -o app.bundle --key key.pem
  wasmote bundle --verify PUBLIC app.bundle  does it hold against that public key?";

/// A key file is no larger.
const KEY_FILE_BYTES_MAX: u32 = 64 << 10;
/// A bundle is no larger.
const BUNDLE_BYTES_MAX: u32 = 256 << 20;

/// Makes a bundle, or a key, or checks a bundle.
pub fn bundle(arguments: &Arguments) -> Result<()> {
    if let Some(path) = &arguments.new_key {
        return new_key(path);
    }
    let module = arguments.module.as_deref().unwrap_or(Path::new("-"));
    if let Some(key) = &arguments.verify {
        return verify(module, &public_key(key)?);
    }
    let Some(key) = &arguments.key else {
        bail!(
            "a bundle is signed: name the key with --key, or make one with `wasmote bundle --new-key FILE`"
        );
    };
    let output = output(arguments.output.as_deref(), module)?;
    for (what, path) in [("the program", module), ("the key", key)] {
        if is_same(&output, path) {
            bail!(
                "the bundle would be written over {what}, `{}`: say where else with -o FILE",
                path.display()
            );
        }
    }
    let key = SecretKey::from_bytes(&secret_key(key)?);
    let Resolved { limits, features, .. } = Settings::resolve(&arguments.wasm, arguments.limits)?;
    let read = file::read(module, &limits)?;
    let bundler = Bundler::new().limits(limits).simd(arguments.simd).memory64(arguments.memory64);
    let bundler = bundler.features(Feature::all_of(&arguments.features, features));
    let bundle = bundler.bundle(&read.bytes, &key);
    let bundle = bundle.map_err(|error| refused(arguments, &read.name, &error))?;
    write_whole(&output, &bundle).with_context(|| format!("cannot write `{}`", output.display()))?;
    say::plain(&format!(
        "{}: {}, for public key {}",
        output.display(),
        show_bytes(bundle.len() as u64),
        hex(&key.public().to_bytes()),
    ));
    Ok(())
}

/// Writes a file as a whole: where that fails, what was there before is there still. What is no plain file (a device, a pipe),
/// or lies where no file can be made, is written as it is.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a link leads to is written, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.into());
    let before = target.metadata().ok();
    if target.is_symlink() || before.as_ref().is_some_and(|before| !before.is_file()) {
        return fs::write(path, bytes);
    }
    if before.is_some() {
        // What nobody may write stays.
        OpenOptions::new().write(true).open(&target)?;
    }
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let part = target.with_file_name(name);
    let Ok(mut file) = OpenOptions::new().write(true).create_new(true).open(&part) else {
        return fs::write(path, bytes);
    };
    let keeps = before.map_or(Ok(()), |before| file.set_permissions(before.permissions()));
    let written = keeps.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    // Why it failed says more than why its beginning could not be removed.
    written.and_then(|()| fs::rename(&part, &target)).inspect_err(|_| drop(fs::remove_file(&part)))
}

/// Where to write the bundle of `module`.
fn output(named: Option<&Path>, module: &Path) -> Result<PathBuf> {
    match named {
        Some(path) => Ok(path.into()),
        None if module.as_os_str() == "-" => {
            bail!("what comes from standard input has no name: say where to write with -o FILE")
        }
        None => Ok(module.with_extension("bundle")),
    }
}

/// Whether both are there, and one file.
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let file = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    file(one).is_some_and(|one| file(other) == Some(one))
}

/// Why there is no bundle of `file`, and the flag that would change it.
fn refused(arguments: &Arguments, file: &str, error: &wasmote::Error) -> anyhow::Error {
    let proposal = error.unsupported_feature().unwrap_or_default();
    let flags = [("64-bit", "--memory64", arguments.memory64), ("128-bit", "--simd", arguments.simd)];
    match flags.iter().find(|(begins, _, given)| proposal.starts_with(begins) && !given) {
        Some((_, flag, _)) => anyhow::anyhow!(
            "{file} uses {proposal}, which a bundle is made without: say `{flag}` for a device that has them"
        ),
        None => anyhow::Error::msg(failure::not_started(file, error, None)),
    }
}

fn verify(path: &Path, key: &PublicKey) -> Result<()> {
    let bytes = file::read_bytes(path, BUNDLE_BYTES_MAX, None)?;
    let path = path.display();
    let bundle = VerifiedBundle::verify(&bytes, key);
    let bundle = bundle.map_err(|error| anyhow::anyhow!("{path} must not be loaded: {error}"))?;
    let what = if bundle.is_component() { "a component with core modules" } else { "a module" };
    say::plain(&format!("{path}: holds, {what} of {}", show_bytes(bundle.module_bytes() as u64)));
    Ok(())
}

/// Makes a key that nobody else can read, and prints its public half.
fn new_key(path: &Path) -> Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no random numbers for a key: {error}"))?;
    let key = SigningKey::from_bytes(&seed);
    let pem =
        key.to_pkcs8_pem(LineEnding::LF).map_err(|error| anyhow::anyhow!("cannot write a key: {error}"))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path);
    let mut file = file.with_context(|| format!("cannot make the new file `{}`", path.display()))?;
    let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all());
    let written = written.with_context(|| format!("cannot write `{}`", path.display()));
    let public = hex(&key.verifying_key().to_bytes());
    let print = || match say::print(&format!("{public}\n"), "the public key")? {
        true => Ok(()),
        false => bail!("nobody reads the public key that is printed"),
    };
    // Whoever is told that it failed has no key, and may try again.
    written.and_then(|()| print()).inspect_err(|_| drop(fs::remove_file(path)))
}

/// The seed of a secret key.
fn secret_key(path: &Path) -> Result<[u8; 32]> {
    // What stands on a command line is no secret: whoever is on this machine may read it, and shells keep it.
    if path.to_str().and_then(from_hex).is_some() && !path.exists() {
        bail!(
            "--key takes a file: a secret key is not for a command line, and a public one does not sign. Put the digits \
             of a secret key into a file that only you may read"
        );
    }
    let shown = path.display();
    let contents = key_file(path)?;
    let pem = || SigningKey::from_pkcs8_pem(contents.trim()).ok().map(|key| key.to_bytes());
    from_hex(contents.trim()).or_else(pem).with_context(|| {
        format!("`{shown}` holds no secret Ed25519 key, as PEM (PKCS#8) or as 64 hexadecimal digits")
    })
}

/// A public key; the one that belongs to a secret key's file will do.
fn public_key(text: &OsStr) -> Result<PublicKey> {
    let shown = text.display();
    let bytes = match text.to_str().and_then(from_hex) {
        Some(bytes) => bytes,
        None => {
            let contents = key_file(Path::new(text))?;
            let contents = contents.trim();
            let public = ed25519_dalek::VerifyingKey::from_public_key_pem(contents).ok();
            let secret = || SigningKey::from_pkcs8_pem(contents).ok().map(|key| key.verifying_key());
            let pem = || public.or_else(secret).map(|key| key.to_bytes());
            from_hex(contents).or_else(pem).with_context(|| {
                format!("`{shown}` holds no public Ed25519 key, as PEM or as 64 hexadecimal digits")
            })?
        }
    };
    PublicKey::from_bytes(&bytes).with_context(|| format!("`{shown}`"))
}

fn key_file(path: &Path) -> Result<String> {
    let bytes = file::read_bytes(path, KEY_FILE_BYTES_MAX, None)?;
    String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("`{}` is no text, so no key", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
