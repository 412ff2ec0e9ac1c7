//! Reading a module: from a file or standard input, as binary or as text.

use crate::{settings, units::show_bytes};
use anyhow::{Context, Result, bail};
use std::{
    borrow::Cow,
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};
use wasmote::Limits;

/// The first bytes of every binary, module or component.
const MAGIC: &[u8] = b"\0asm";

/// A module's bytes, and what to call it.
pub struct Module {
    pub bytes: Vec<u8>,
    /// What messages call it: the path as it was given, where that is text.
    pub name: String,
}

impl Module {
    /// What the program is told that it is called, where `--argv0` says nothing else.
    pub fn argv0(&self) -> String {
        let name = Path::new(&self.name).file_name();
        name.map_or_else(|| self.name.clone(), |name| name.to_string_lossy().into_owned())
    }
}

/// How many bytes of memory assembling takes for one byte of text, at most: 74 were measured for many short functions, 40
/// for types, 30 for nested blocks.
const ASSEMBLY_BYTES_PER_BYTE: u64 = 80;

/// Reads the module at `path`, `-` being standard input, but no more than `limits` say. Text is assembled, where that
/// takes no more memory than loading may.
pub fn read(path: &Path, limits: &Limits) -> Result<Module> {
    let name = name(path);
    let bytes = read_bytes(path, limits.module_bytes, Some("module_bytes"))?;
    Ok(Module { bytes: binary(bytes, &name, limits.load_bytes)?, name: name.into() })
}

/// Whether this stands for standard input.
fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What messages call `path`.
fn name(path: &Path) -> Cow<'_, str> {
    if is_stdin(path) { "standard input".into() } else { path.to_string_lossy() }
}

/// Reads the file at `path`, `-` being standard input, but no more than `bytes_max`, which is this limit if it is one.
pub fn read_bytes(path: &Path, bytes_max: u32, limit: Option<&str>) -> Result<Vec<u8>> {
    let name = name(path);
    let bytes = if is_stdin(path) {
        read_at_most(std::io::stdin().lock(), bytes_max)
    } else {
        read_at_most(open(path)?, bytes_max)
    };
    let bytes = bytes.with_context(|| format!("cannot read {name}"))?;
    let Some(bytes) = bytes else {
        let largest = show_bytes(u64::from(bytes_max));
        match limit {
            Some(limit) => {
                bail!(
                    "{name} is larger than {largest}, which is the limit: raise it with `{}`",
                    settings::raise(limit)
                )
            }
            None => bail!("{name} is larger than {largest}: is it what it should be?"),
        }
    };
    Ok(bytes)
}

fn open(path: &Path) -> Result<File> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("there is no file `{shown}`"),
        ErrorKind::PermissionDenied => anyhow::anyhow!("no permission to read `{shown}`"),
        _ => anyhow::Error::new(error).context(format!("cannot open `{shown}`")),
    })?;
    let metadata = file.metadata().with_context(|| format!("cannot open `{shown}`"))?;
    if metadata.is_dir() {
        bail!("`{shown}` is a directory: name a file in it");
    }
    Ok(file)
}

/// All that `reader` has; nothing if that is more than `bytes_max`.
fn read_at_most(reader: impl Read, bytes_max: u32) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(u64::from(bytes_max) + 1).read_to_end(&mut bytes)?;
    let fits = u32::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max);
    Ok(fits.then_some(bytes))
}

/// `bytes` if they are binary, assembled if they are text.
fn binary(bytes: Vec<u8>, name: &str, load_bytes: u64) -> Result<Vec<u8>> {
    if bytes.is_empty() {
        bail!("{name} is empty, so it is no WebAssembly program");
    }
    if bytes.starts_with(MAGIC) {
        return Ok(bytes);
    }
    if !is_text(&bytes, name) {
        bail!(
            "{name} is no WebAssembly file: {}",
            if MAGIC.starts_with(&bytes) { "it ends after its first bytes" } else { looks_like(&bytes) },
        );
    }
    let text_bytes_max = load_bytes / ASSEMBLY_BYTES_PER_BYTE;
    if bytes.len() as u64 > text_bytes_max {
        bail!(
            "{name} is WebAssembly text of {}, and to assemble more than {} may take more memory than loading may: \
             assemble it before, or raise the limit with `{}`",
            show_bytes(bytes.len() as u64),
            show_bytes(text_bytes_max),
            settings::raise("load_bytes"),
        );
    }
    wat::Parser::new().parse_bytes(Some(Path::new(name)), &bytes).map(std::borrow::Cow::into_owned).map_err(
        |error| {
            let error = error.to_string();
            anyhow::anyhow!("{name} is no valid WebAssembly text: {}", shortened(error.trim()))
        },
    )
}

/// How much of one line of somebody's file a message shows.
const LINE_CHARS_MAX: usize = 200;

/// What a parser says of a text, with the line that it means cut: a generated file may have all in one. What points into
/// the part that is gone goes too.
pub fn shortened(message: &str) -> String {
    let mut lines = Vec::new();
    for line in message.lines() {
        match line.char_indices().nth(LINE_CHARS_MAX) {
            None => lines.push(Cow::Borrowed(line)),
            Some((at, _)) if line[..at].trim_matches([' ', '|']).is_empty() => {}
            Some((at, _)) => lines.push(Cow::Owned(format!("{}…", &line[..at]))),
        }
    }
    lines.join("\n")
}

/// Whether to read `bytes` as text: by what the file is called, or by what it begins with.
fn is_text(bytes: &[u8], name: &str) -> bool {
    let called_so = Path::new(name).extension().is_some_and(|extension| extension == "wat");
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    called_so || matches!(first, Some(b'(')) || bytes.trim_ascii_start().starts_with(b";;")
}

fn looks_like(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => "it is a native ELF file; compile for a WASI target instead",
        [b'#', b'!', ..] => "it is a script",
        [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            "it is compressed; unpack it first"
        }
        [0x7f, b'w', b'a', b's', b'm', b'o', b't', b'e', ..] => {
            "it is a bundle, which devices load: `wasmote bundle --verify KEY` checks it; to run or inspect it here, name \
             the .wasm file that it was made of"
        }
        [b'B', b'C', 0xc0, 0xde, ..] => "it is LLVM bitcode; link it first",
        _ => "it does not begin with `\\0asm`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_what_points_into_them_goes() {
        let short = "unknown operator\n --> a.wat:1:9\n  |\n1 | (module x)\n  |         ^";
        assert_eq!(shortened(short), short);
        let spaces = " ".repeat(1_000);
        let long =
            format!("unknown operator\n --> a.wat:1:999\n  |\n1 | {}\n  | {spaces}^", "é".repeat(1_000));
        let cut = shortened(&long);
        assert!(cut.starts_with("unknown operator\n --> a.wat:1:999\n  |\n1 | éé"), "{cut}");
        assert!(cut.ends_with("é…") && cut.chars().count() < 300, "{cut}");
    }
}
