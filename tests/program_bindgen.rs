//! `wasmote bindgen`, as a person or a build meets it.

mod program;

use program::{Files, wasmote};

const WIT: &str = "package example:shop@1.0.0;

interface stock {
    resource shelf {
        constructor(name: string);
        take: func(count: u32) -> result<u32, string>;
    }
    restock: async func(shelf: borrow<shelf>);
}

world shop {
    import stock;
    export greet: func(name: string) -> string;
}

world other {}
";

#[test]
fn bindings_are_printed_or_written() {
    let files = Files::new();
    let wit = files.file("shop.wit", WIT);
    let printed = wasmote(["bindgen", &wit, "--world", "shop"]);
    printed.said(0, &[]);
    let text: String = printed.text().split_whitespace().collect();
    for part in [
        "pubmodstock{",
        "pubtraitHostShelf{",
        "fntake(&mutself,this:Resource<Shelf>,count:u32",
        "cx:&mutContext<'_>",
        "use::wasmote::{",
        "pubfncall_greet<T",
    ] {
        assert!(text.contains(part), "`{part}` is not in: {}", printed.text());
    }
    let output = files.path("shop.rs");
    wasmote(["bindgen", &wit, "-w", "example:shop/shop@1.0.0", "-o", output.to_str().unwrap()]).said(0, &[]);
    assert_eq!(std::fs::read_to_string(output).unwrap(), printed.text());
}

#[test]
fn settings_change_what_is_generated() {
    let files = Files::new();
    let wit = files.file("shop.wit", WIT);
    let with = "example:shop/stock/shelf=crate::Shelf";
    let ran = wasmote([
        "bindgen",
        &wit,
        "-w",
        "shop",
        "--poll",
        "shelf.take",
        "--store",
        "*.constructor",
        "--with",
        with,
        "--crate-path",
        "::other",
    ]);
    ran.said(0, &[]);
    let text: String = ran.text().split_whitespace().collect();
    for part in [
        "pubusecrate::Shelf;",
        "fntake(&mutself,cx:&mutContext<'_>,this:&mutResource<Shelf>,count:&mutu32",
        "fnnew<T:Send+'static>(access:Access<'_,T,Self>,name:String",
        "use::other::",
    ] {
        assert!(text.contains(part), "`{part}` is not in: {}", ran.text());
    }
}

#[test]
fn a_package_is_given_as_text_and_put_at_the_root() {
    let text = "package a:b; interface i { @unstable(feature = early) f: func(); } world w { import i; }";
    let ran = wasmote(["bindgen", "--inline", text, "--at-root", "a:b", "--features", "late,early"]);
    ran.said(0, &[]);
    assert!(ran.text().contains("\npub mod i {") && ran.text().contains("fn f("), "{}", ran.text());
    wasmote(["bindgen", "--inline", text, "--at-root", "a:c"]).said(1, &["--at-root a:c", "nothing"]);
    wasmote(["bindgen", "--inline", text, "--all-features"]).said(0, &[]);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let files = Files::new();
    let wit = files.file("shop.wit", WIT);
    let none = files.path("none");
    std::fs::create_dir(&none).unwrap();
    let none = none.to_str().unwrap().to_owned();
    let broken = files.file("broken.wit", "package a:b;\ninterface i { f: func(x: nothing); }");
    let page = files.file("page.wit", "package a:b;\nworld w { import f: func(x: list<u8, 2000>); }");
    let cases: &[(&[&str], &[&str])] = &[
        (&[&wit], &["multiple worlds", "shop", "other", "name one with --world"]),
        (&[&wit, "-w", "market"], &["market"]),
        (&[&broken], &["nothing", "broken.wit:2:"]),
        (&[&page], &["w/f: no bindings for a fixed-length list"]),
        (&["/nowhere/at/all.wit"], &["cannot read `/nowhere/at/all.wit`: No such file"]),
        (&[&none, "-w", "shop"], &["there is no WIT in `", "none`"]),
        (&[&wit, "-w", "shop", "--poll", "shelf.tkae"], &["--poll shelf.tkae", "nothing of this name"]),
        (&[&wit, "-w", "shop", "--with", "a:b/c/d=E"], &["--with a:b/c/d", "nothing of this name"]),
        (&[&wit, "-w", "shop", "-o", "/nowhere/at/all.rs"], &["cannot write `/nowhere/at/all.rs`"]),
    ];
    for (arguments, parts) in cases {
        wasmote(["bindgen"].iter().chain(*arguments)).said(1, parts);
    }
    let missing = wasmote(["bindgen", "/nowhere/at/all.wit"]);
    assert_eq!(missing.stderr.matches("No such file").count(), 1, "{}", missing.stderr);
    for path in ["1 2", "", "a::", "a:b", "::", "1a"] {
        wasmote(["bindgen", &wit, "-w", "shop", "--crate-path", path]).said(2, &["--crate-path", "crate::a"]);
        wasmote(["bindgen", &wit, "-w", "shop", "--with", &format!("a:b={path}")]).said(2, &["--with"]);
    }
    wasmote(["bindgen", &wit, "--with", "a:b"]).said(2, &["WIT=RUST"]);
    wasmote(["bindgen"]).said(2, &["<WIT>"]);
}

#[test]
#[cfg(unix)]
fn a_formatter_that_fails_is_quoted() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    // It reads nothing of what it is to format, which is more than fits a pipe.
    let formatter = files.file("rustfmt", "#!/bin/sh\nexec 0<&-\necho no such option >&2\nexit 3\n");
    std::fs::set_permissions(&formatter, std::fs::Permissions::from_mode(0o755)).unwrap();
    let functions: String = (0..400).map(|n| format!("export go{n}: func(a: string) -> string;")).collect();
    let folder = std::path::Path::new(&formatter).parent().unwrap();
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_wasmote"))
        .args(["bindgen", "--inline", &format!("package a:b; world w {{ {functions} }}")])
        .env("PATH", format!("{}:/bin:/usr/bin", folder.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("not formatted: no such option"), "{said}");
    assert!(ran.status.success() && ran.stdout.len() > 1 << 16);
}

/// What a build script does, in a process with the variables that Cargo gives one.
#[test]
fn a_build_script_writes_to_its_folder() {
    const WIT_OF_CHILD: &str = "TEST_WIT";
    if let Some(wit) = std::env::var_os(WIT_OF_CHILD) {
        let generated = wasmote::bindgen::Config::new(wit).world("shop").generate_to_out_dir("shop.rs");
        print!("{}", generated.map_or_else(|error| error.to_string(), |()| String::new()));
        return;
    }
    let files = Files::new();
    let wit = files.file("shop.wit", WIT);
    let script = || {
        let mut script = std::process::Command::new(std::env::current_exe().unwrap());
        script.args(["--exact", "a_build_script_writes_to_its_folder", "--nocapture"]);
        script.env(WIT_OF_CHILD, &wit).env_remove("OUT_DIR");
        script
    };
    let said =
        |script: &mut std::process::Command| String::from_utf8(script.output().unwrap().stdout).unwrap();
    let text = said(&mut script());
    assert!(text.contains("`OUT_DIR` is not set: this is no build script"), "{text}");
    let text = said(script().env("OUT_DIR", files.dir()));
    assert!(text.contains(&format!("cargo:rerun-if-changed={wit}\n")), "{text}");
    let written = std::fs::read_to_string(files.path("shop.rs")).unwrap();
    let generated = wasmote::bindgen::Config::new(&wit).world("shop").generate().unwrap();
    assert_eq!(written, generated);
    let missing = files.path("no-such-folder");
    let text = said(script().env("OUT_DIR", &missing));
    assert!(text.contains("cannot write") && text.contains("no-such-folder"), "{text}");
}
