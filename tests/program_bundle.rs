//! `wasmote bundle`, as a person or a script meets it.

mod program;

use program::{Files, guest, wasmote};

#[test]
fn a_key_is_made_a_program_is_bundled_and_the_bundle_holds() {
    let files = Files::new();
    let key = files.path("key.pem");
    let key = key.to_str().unwrap();
    let made = wasmote(["bundle", "--new-key", key]);
    made.said(0, &[]);
    let public = made.text().trim().to_owned();
    assert_eq!(public.len(), 64);
    let bundle = files.path("hello.bundle");
    let bundle = bundle.to_str().unwrap();
    wasmote(["bundle", &guest("hello"), "-o", bundle, "--key", key]).said(0, &["hello.bundle", &public]);
    wasmote(["bundle", "--verify", &public, bundle]).said(0, &["holds"]);
    wasmote(["bundle", "--verify", key, bundle]).said(0, &["holds"]);

    let other = files.path("other.pem");
    let other = other.to_str().unwrap();
    wasmote(["bundle", "--new-key", other]).said(0, &[]);
    assert_ne!(std::fs::read(key).unwrap(), std::fs::read(other).unwrap());
    let tampered = wasmote(["bundle", "--verify", other, bundle]);
    tampered.said(1, &["must not be loaded: the bundle's signature does not hold"]);
    wasmote(["bundle", "--verify", other, key]).said(1, &["must not be loaded: it is no bundle"]);
    for command in ["run", "inspect"] {
        wasmote([command, bundle]).said(1, &["it is a bundle", "wasmote bundle --verify", "the .wasm file"]);
    }
    // A key is never written over.
    wasmote(["bundle", "--new-key", key]).said(1, &["cannot make the new file"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_key_whose_public_half_nobody_was_told_is_not_left() {
    let files = Files::new();
    let key = files.path("key.pem");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = program::command().arg("bundle").arg("--new-key").arg(&key).stdout(full).output().unwrap();
    program::ended(ran).said(1, &["cannot print the public key"]);
    assert!(!key.exists());
    wasmote(["bundle", "--new-key", key.to_str().unwrap()]).said(0, &[]);
}

#[test]
fn a_bundle_is_not_written_over_what_it_is_made_of() {
    let files = Files::new();
    let module = files.file("m.bundle", "(module (func (export \"_start\")))");
    let key = files.file("k.bundle", "07".repeat(32));
    wasmote(["bundle", &module, "--key", &key]).said(1, &["over the program", "-o FILE"]);
    let other = files.file("k.wat", "(module (func (export \"_start\")))");
    wasmote(["bundle", &other, "--key", &key]).said(1, &["over the key", "-o FILE"]);
    let link = files.path("link");
    std::os::unix::fs::symlink(&module, &link).unwrap();
    wasmote(["bundle", &module, "--key", &key, "-o", link.to_str().unwrap()]).said(1, &["over the program"]);
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "07".repeat(32));
    assert!(std::fs::read_to_string(&module).unwrap().starts_with("(module"));
}

#[test]
fn a_bundle_is_written_as_a_whole_or_not_at_all() {
    let files = Files::new();
    let key = files.file("key", "07".repeat(32));
    let (new, old) = (files.path("new.bundle"), files.file("old.bundle", "what was there"));
    for output in [new.to_str().unwrap(), &old] {
        let mut shell = std::process::Command::new("sh");
        // Of blocks of 512 bytes, or of 1024: less than any bundle has.
        shell.args(["-c", "ulimit -f 1; exec \"$0\" bundle \"$1\" --key \"$2\" -o \"$3\""]);
        shell.arg(program::command().get_program()).args([&guest("hello"), &key, output]);
        program::ended(shell.output().unwrap()).said(1, &["cannot write", output]);
    }
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "what was there");
    let mut left: Vec<_> = std::fs::read_dir(files.dir()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["key", "old.bundle"]);

    // A link leads to what is written; a pipe is no file to write beside.
    std::os::unix::fs::symlink("old.bundle", files.path("link.bundle")).unwrap();
    let link = files.path("link.bundle");
    wasmote(["bundle", &guest("hello"), "-o", link.to_str().unwrap(), "--key", &key]).said(0, &[]);
    assert!(link.is_symlink());
    wasmote(["bundle", "--verify", &public_of_sevens(), &old]).said(0, &["holds"]);
    wasmote(["bundle", &guest("hello"), "-o", "/dev/full", "--key", &key])
        .said(1, &["cannot write `/dev/full`"]);
}

#[test]
fn a_component_is_bundled_too() {
    let files = Files::new();
    let seed = files.file("seed", "07".repeat(32));
    let bundle = files.path("hello.bundle");
    let bundle = bundle.to_str().unwrap();
    let limits = ["--limits", "server"];
    let made = ["bundle", &guest("p2/hello"), "-o", bundle, "--key", &seed];
    wasmote(made.into_iter().chain(limits)).said(0, &["hello.bundle"]);
    let public = public_of_sevens();
    wasmote(["bundle", "--verify", &public, bundle]).said(0, &["holds", "a component"]);
}

#[test]
fn a_component_with_a_64_bit_memory_is_bundled_when_asked_for() {
    let files = Files::new();
    let seed = files.file("seed", "07".repeat(32));
    let text = r#"(component
        (core module $m (memory (export "mem") i64 1) (func (export "f") (result i64) (i64.const 0)))
        (core instance $i (instantiate $m))
        (func (export "f") (result string) (canon lift (core func $i "f") (memory (core memory $i "mem")))))"#;
    let component = files.file("wide.wat", text);
    let bundle = ["bundle", &component, "--key", &seed];
    let with = |flags: &[&str]| wasmote(bundle.iter().chain(flags));
    with(&["--memory64"]).said(1, &["wide.wat", "a proposal of the Component Model that is off"]);
    with(&["--features", "memory64"]).said(1, &["wide.wat", "64-bit memories", "say `--memory64`"]);
    with(&["--features", "memory64", "--memory64"]).said(0, &["wide.bundle"]);
    with(&["--features", "no-such"]).said(2, &["no-such"]);
}

/// The public half of the key of sevens.
fn public_of_sevens() -> String {
    use wasmote::engine::bundle::SecretKey;
    SecretKey::from_bytes(&[7; 32]).public().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn keys_are_read_as_hexadecimal_and_as_others_write_them() {
    let files = Files::new();
    let module = files.file("m.wat", "(module (func (export \"_start\")))");
    let seed = "07".repeat(32);
    let from = |key: &str| {
        let output = files.path("out.bundle");
        wasmote(["bundle", &module, "-o", output.to_str().unwrap(), "--key", key]).said(0, &[]);
        std::fs::read(output).unwrap()
    };
    let bundle = from(&files.file("key.hex", format!("{seed}\n")));
    // PKCS#8 as openssl writes it: 30 2e 02 01 00 30 05 06 03 2b 65 70 04 22 04 20, and the seed.
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
        -----END PRIVATE KEY-----\n";
    assert_eq!(bundle, from(&files.file("key.pem", pem)));
    // Whoever is on this machine reads a command line; and a public key, which is no secret, would sign as one.
    for digits in [&seed, &public_of_sevens()] {
        wasmote(["bundle", &module, "--key", digits])
            .said(1, &["--key takes a file", "a public one does not sign"]);
    }
}

#[test]
fn what_cannot_be_bundled_is_said() {
    let files = Files::new();
    let digits = "07".repeat(32);
    let seed = files.file("seed", &digits);
    let module = files.file("m.wat", "(module (func (export \"_start\")))");
    wasmote(["bundle", &module]).said(1, &["--key", "--new-key"]);
    wasmote(["bundle"]).said(2, &[]);
    // What only a bundle that is made has a use for.
    for flag in
        [&["--simd"][..], &["--memory64"], &["--limits=mcu"], &["-Wmax-memory-size=1M"], &["--features=all"]]
    {
        for instead in ["--verify=key.pem", "--new-key=key.pem"] {
            wasmote(["bundle", instead].iter().chain(flag)).said(2, &["cannot be used with"]);
        }
    }
    wasmote(["bundle", &module, "--key", "absent.pem"]).said(1, &["there is no file `absent.pem`"]);
    let wrong = files.file("wrong.pem", "no key");
    wasmote(["bundle", &module, "--key", &wrong]).said(1, &["holds no secret Ed25519 key"]);
    let large = files.file("large.wat", "(module (memory 1000) (func (export \"_start\")))");
    wasmote(["bundle", &large, "--key", &seed])
        .said(1, &["and 128 KiB is the limit (all linear memories together)"]);
    let out = files.path("large.bundle");
    let out = out.to_str().unwrap();
    wasmote(["bundle", &large, "--key", &seed, "--limits", "server", "-o", out]).said(0, &[]);
    let vectors = files.file("v.wat", "(module (func (param v128)))");
    wasmote(["bundle", &vectors, "--key", &seed]).said(1, &["v.wat", "say `--simd`"]);
    wasmote(["bundle", &vectors, "--simd", "--key", &seed]).said(0, &["v.bundle"]);
    wasmote(["bundle", "--verify", &digits, &module]).said(1, &[]);
    wasmote(["bundle", "-W", "fuel=1,timeout=1s", &module, "--key", &seed])
        .said(2, &["`fuel` is for what is run"]);
}
