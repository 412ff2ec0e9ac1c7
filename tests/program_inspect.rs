//! `wasmote inspect`, as a person or a script meets it.

mod program;

use program::{Files, REFUSED, cat, command, ended, guest, wasmote, wasmote_with};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

fn json(path: &str) -> Value {
    let ran = wasmote(["inspect", "--json", path]);
    ran.said(0, &[]);
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn a_command_is_described_with_what_it_needs() {
    let files = Files::new();
    let path = files.file("cat.wat", cat());
    let ran = wasmote(["inspect", &path]);
    ran.said(0, &[]);
    for part in [
        "core module, a command",
        "runs here    yes",
        "arguments, clocks, environment, filesystem, process, random, sockets, streams",
        "--dir HOST::GUEST",
        "-S tcplisten=ADDR:PORT",
        "1 MiB at least, no maximum",
        "path_open",
        "func() -> ()",
    ] {
        assert!(ran.text().contains(part), "`{part}` is not in: {}", ran.text());
    }
    let json = json(&path);
    assert_eq!(json["kind"], "module");
    assert_eq!(json["runs"], true);
    assert_eq!(json["reason"], Value::Null);
    assert_eq!(json["entry"], "_start");
    assert_eq!(json["memories"][0]["minimum_bytes"], 1 << 20);
    assert_eq!(json["imports"].as_array().unwrap().len(), 12);
    let streams =
        json["needs"].as_array().unwrap().iter().find(|need| need["capability"] == "streams").unwrap();
    assert_eq!(names(&streams["imports"]), ["fd_read", "fd_write"]);
}

#[test]
fn a_component_is_told_the_grants_of_its_dialect() {
    let files = Files::new();
    for (imports, told) in [
        (&["wasi:sockets/tcp@0.2.0"][..], &["--allow-net HOST:PORTS", "--allow-listen ADDR:PORTS"][..]),
        (&["wasi:http/types@0.2.0", "wasi:http/outgoing-handler@0.2.0"], &["--allow-http HOST[:PORT]"]),
        (&["wasi:http/client@0.3.0"], &["--allow-http HOST[:PORT]"]),
        (&["wasi:http/types@0.2.0"], &[]),
    ] {
        let imports: String =
            imports.iter().map(|import| format!("(import \"{import}\" (instance))")).collect();
        let json = json(&files.file("needs.wat", format!("(component {imports})")));
        let flags: Vec<_> =
            json["grants"].as_array().unwrap().iter().map(|grant| grant["flag"].as_str().unwrap()).collect();
        assert_eq!(flags, told, "{imports}");
    }
}

#[test]
fn proposals_are_found_where_they_are_used() {
    let files = Files::new();
    for (wat, expected) in [
        ("(module (func))", &[][..]),
        (
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
            &["bulk-memory"],
        ),
        ("(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))", &["sign-extension"]),
        ("(module (func (param v128)))", &["simd"]),
        ("(module (func (local v128)))", &["simd"]),
        ("(module (memory 1) (memory 1))", &["multi-memory"]),
        ("(module (memory i64 1))", &["memory64"]),
        ("(module (memory 1 1 shared))", &["threads"]),
        ("(module (func (result i32 i32) (i32.const 1) (i32.const 1)))", &["multi-value"]),
        ("(module (func $f (return_call $f)))", &["tail-call"]),
        ("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", &["extended-const"]),
        ("(module (global (export \"g\") (mut i32) (i32.const 1)))", &["mutable-global"]),
        ("(module (table 1 externref))", &["reference-types"]),
        ("(module (tag))", &["exception-handling"]),
        ("(module (type (struct (field i32))))", &["gc"]),
        ("(module (table 1 funcref))", &[]),
    ] {
        let json = json(&files.file("proposal.wat", wat));
        assert_eq!(names(&json["proposals"]), expected, "{wat}");
    }
}

#[test]
fn what_cannot_run_is_described_with_the_reason() {
    let files = Files::new();
    for (name, wat, kind, reason) in [
        (
            "exceptions.wat",
            "(module (tag) (func (export \"_start\") (throw 0)))",
            "module",
            "exception handling",
        ),
        ("gc.wat", "(module (type (array i8)) (func (export \"_start\")))", "module", "garbage collection"),
        ("threads.wat", "(module (memory 1 1 shared) (func (export \"_start\")))", "module", "threads"),
        ("import.wat", "(module (import \"env\" \"magic\" (func)))", "module", "`env::magic: func() -> ()`"),
        ("memory.wat", "(module (memory 65536))", "module", "-W max-memory-size=…"),
    ] {
        let path = files.file(name, wat);
        let json = json(&path);
        assert_eq!((json["kind"].as_str(), json["runs"].as_bool()), (Some(kind), Some(false)), "{name}");
        let text = json["reason"].as_str().unwrap();
        assert!(text.contains(reason) && text.contains(name), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        let ran = wasmote(["inspect", &path]);
        ran.said(0, &[]);
        assert!(ran.text().contains("runs here    no: "), "{}", ran.text());
    }
}

#[test]
fn whether_it_runs_here_is_what_run_would_say() {
    for (name, reason) in REFUSED {
        let json = json(&guest(&format!("refused/{name}")));
        assert_eq!(json["runs"], false, "{name}");
        assert!(json["reason"].as_str().unwrap().contains(reason), "{json}");
    }
    for name in ["hello", "hello-rust", "kernels", "files", "hostile/spin"] {
        let json = json(&guest(name));
        assert_eq!((&json["runs"], &json["entry"]), (&Value::Bool(true), &Value::from("_start")), "{name}");
    }
    assert_eq!(json(&guest("refused/no-start"))["entry"], Value::Null);
}

#[test]
fn a_component_is_told_from_a_module() {
    let files = Files::new();
    let wat = r#"(component
      (import "wasi:filesystem/types@0.2.0" (instance (export "f" (func))))
      (import "wasi:cli/environment@0.2.0" (instance))
      (core module $m (func (export "f") (param v128)))
      (core instance (instantiate $m))
      (component $nested (import "inner" (func)))
      (export "out" (core module $m)))"#;
    let json = json(&files.file("component.wat", wat));
    assert_eq!(json["kind"], "component");
    assert_eq!(json["core_modules"], 1);
    assert_eq!(json["imports"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["imports"][0]["module"], "wasi:filesystem/types@0.2.0");
    assert_eq!(json["imports"][0]["type"], "instance");
    assert_eq!(json["exports"][0]["name"], "out");
    assert_eq!(names(&json["proposals"]), ["simd"]);
    assert_eq!(json["needs"][1]["capability"], "filesystem");
}

#[test]
fn limits_decide_whether_it_would_run() {
    let files = Files::new();
    let path = files.file("large.wat", "(module (memory 3) (func (export \"_start\")))");
    assert!(wasmote(["inspect", &path]).text().contains("runs here    yes"));
    let mcu = wasmote(["inspect", "--limits", "mcu", &path]);
    assert!(mcu.text().contains("192 KiB") && mcu.text().contains("128 KiB is the limit"), "{}", mcu.text());
    // The advice that it gives, it takes.
    let wider = wasmote(["inspect", "--limits", "mcu", "-W", "max-memory-size=192k", &path]);
    assert!(wider.text().contains("runs here    yes"), "{}", wider.text());
    wasmote(["inspect", "-W", "fuel=1", &path]).said(2, &["`fuel` is for what is run"]);
    let rust = wasmote(["inspect", "--limits", "mcu", &guest("p2/hello-rust")]);
    assert!(rust.text().contains("a bundle of it takes less to load (`wasmote bundle`)"), "{}", rust.text());
}

#[test]
fn names_cannot_forge_lines_or_drive_a_terminal() {
    let files = Files::new();
    let wat = "(module (func (export \"a\\0aruns here    yes\")) (func (export \"\\1b[2J\\c2\\9b\")))";
    let ran = wasmote(["inspect", &files.file("names.wat", wat)]);
    ran.said(0, &[]);
    assert!(!ran.text().contains(['\x1b', '\u{9b}']), "{:?}", ran.text());
    assert_eq!(ran.text().lines().filter(|line| line.starts_with("runs here")).count(), 1);
    // Nor in a message, nor show what stands beside them in another order.
    let wat = r#"(module (func (export "a\0aerror: all is well") (export "\e2\80\aegnihton")))"#;
    let path = files.file("order.wat", wat);
    let ran = wasmote(["run", &path]);
    ran.said(1, &["exports no `_start`", "`a\n  error: all is well`", "`\\u{202e}gnihton`"]);
    assert!(!wasmote(["inspect", &path]).text().contains('\u{202e}'));
    assert_eq!(json(&path)["exports"][1]["name"], "\u{202e}gnihton");
}

#[test]
fn long_lists_are_cut_and_long_names_too() {
    let files = Files::new();
    let long = "x".repeat(100_000);
    let exports: String = (0..500).map(|n| format!("(export \"{n}\" (func 0))")).collect();
    let path = files.file("many.wat", format!("(module (func (export \"{long}\")) {exports})"));
    let ran = wasmote(["inspect", &path]);
    ran.said(0, &[]);
    assert!(ran.stdout.len() < 5_000, "{} bytes", ran.stdout.len());
    assert!(ran.text().contains("and 461 more (--json lists all)"), "{}", ran.text());
    let exports = json(&path)["exports"].clone();
    assert_eq!((exports.as_array().unwrap().len(), &exports[0]["name"]), (501, &long.into()));
}

#[test]
fn long_names_are_cut_wherever_they_are_told() {
    let files = Files::new();
    let long = "x".repeat(90_000);
    let cases = [
        // What a validator says.
        ("twice.wasm", format!(r#"(module (func (export "{long}") (export "{long}")))"#)),
        ("export.wat", format!(r#"(module (func (export "{long}")))"#)),
        ("import.wat", format!(r#"(module (import "{long}" "{long}" (func)) (func (export "_start")))"#)),
        (
            "component.wat",
            format!(
                r#"(component (import "{long}" (func)) (type $r (record (field "{long}" u8))) (import "r" (type $p (eq $r)))
                    (core module $m (func (export "f") (param i32))) (core instance $i (instantiate $m))
                    (func (export "{long}2") (param "{long}" $p) (canon lift (core func $i "f"))))"#
            ),
        ),
        (
            "instance.wat",
            format!(
                r#"(component (core module $m (import "{long}" "{long}" (func))) (core instance (instantiate $m)))"#
            ),
        ),
    ];
    let call = format!("{long}2(1)");
    for (name, text) in cases {
        let path = match name.ends_with(".wasm") {
            true => files.file(name, wat::parse_str(&text).unwrap()),
            false => files.file(name, text),
        };
        for words in
            [&["inspect"][..], &["run"], &["run", "--invoke", "f"], &["run", "--invoke", &call], &["serve"]]
        {
            let ran = wasmote(words.iter().copied().chain([&*path]));
            assert!(ran.stderr.len() < 5_000, "{name}, {}: {}", words[0], ran.stderr.len());
            assert!(ran.stdout.len() < 5_000, "{name}, {}: {}", words[0], ran.text());
            let (out, told) = (ran.text(), [ran.text(), &ran.stderr].concat());
            assert!(told.contains('…') || !told.contains("xxxx"), "{name}, {}: {out}", words[0]);
        }
    }
}

#[test]
fn what_is_no_webassembly_is_an_error() {
    let files = Files::new();
    let binary = wat::parse_str(cat()).unwrap();
    for (name, contents, part) in [
        ("empty", &b""[..], "is empty"),
        ("text", b"hello", "is no WebAssembly file"),
        ("half.wasm", &binary[..binary.len() / 2], "is no valid WebAssembly"),
    ] {
        for flags in [&[][..], &["--json"]] {
            let path = files.file(name, contents);
            let ran = wasmote(["inspect"].iter().chain(flags).chain([&&*path]));
            ran.said(1, &["error: ", name, part]);
            assert_eq!(ran.stdout, b"");
        }
    }
    wasmote(["inspect", "/no/such"]).said(1, &["there is no file `/no/such`"]);
    wasmote(["inspect"]).said(2, &["<MODULE>"]);
}

#[test]
fn every_cut_and_every_flipped_byte_is_answered() {
    let files = Files::new();
    let binary = wat::parse_str(
        "(module (func (export \"_start\") (block (br 0))) (memory 1) (data (i32.const 0) \"x\"))",
    );
    let binary = binary.unwrap();
    for at in 0..binary.len() {
        let mut flipped = binary.clone();
        flipped[at] ^= 0x55;
        for bytes in [&binary[..at], &flipped] {
            let ran = wasmote(["inspect", "--json", &files.file("hurt.wasm", bytes)]);
            assert!(ran.status == 0 || ran.status == 1, "{at}: {}", ran.stderr);
            ran.said(ran.status, &[]);
        }
    }
}

#[test]
fn a_report_may_be_read_from_standard_input_and_not_to_its_end() {
    let binary = wat::parse_str(cat()).unwrap();
    let ran = wasmote_with(["inspect", "-"], &binary);
    ran.said(0, &[]);
    assert!(ran.text().contains("core module"));
    let files = Files::new();
    let path = files.file("cat.wasm", binary);
    let mut child = command().args(["inspect", &path]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    ended(child.wait_with_output().unwrap()).said(0, &[]);
}

const COMPONENT: &str = r#"(component
  (component $inner
    (core module $m (func (export "f") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (type $r' (record (field "x" u32)))
    (export $r "point" (type $r'))
    (func (export "id") (param "p" $r) (result $r) (canon lift (core func $i "f"))))
  (instance $i (instantiate $inner))
  (export "test:geo/points@0.1.0" (instance $i)))"#;

#[test]
fn a_component_is_described_by_its_world() {
    let files = Files::new();
    let path = files.file("points.wat", COMPONENT);
    let ran = wasmote(["inspect", &path]);
    ran.said(0, &[]);
    for part in [
        "component, of 1 core modules",
        "runs here    yes",
        "needs        nothing",
        "nested: 2",
        "world root {",
        "export test:geo/points@0.1.0;",
        "record point {",
        "id: func(p: point) -> point;",
    ] {
        assert!(ran.text().contains(part), "`{part}` is not in: {}", ran.text());
    }
    let json = json(&path);
    assert_eq!(json["kind"], "component");
    assert_eq!(json["runs"], true);
    assert_eq!(json["world_unknown"], Value::Null);
    assert!(json["world"].as_str().unwrap().contains("interface points {"));
    let nested = json["nested"].as_array().unwrap();
    assert_eq!((&nested[0]["kind"], &nested[0]["depth"]), (&Value::from("component"), &Value::from(1)));
    assert_eq!((&nested[1]["kind"], &nested[1]["depth"]), (&Value::from("module"), &Value::from(2)));
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(nested[1]["bytes"].as_u64() < nested[0]["bytes"].as_u64());
    assert!(nested[0]["bytes"].as_u64().unwrap() < size);
}

#[test]
fn a_components_needs_and_proposals_are_told() {
    let files = Files::new();
    let wasi = r#"(component
      (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))
      (import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64)))))
      (import "made:up/thing" (instance (export "f" (func async (result (stream u8)))))))"#;
    let json = json(&files.file("wasi.wat", wasi));
    let needs: Vec<_> = json["needs"].as_array().unwrap().iter().map(|need| &need["capability"]).collect();
    assert_eq!(needs, ["clocks", "other", "random"]);
    assert_eq!(names(&json["proposals"]), ["async"]);
    assert_eq!(json["runs"], false);
    assert!(json["world"].as_str().unwrap().contains("import wasi:random/random@0.2.0;"));
}

#[test]
fn a_component_that_is_hurt_is_answered() {
    let files = Files::new();
    let binary = wat::parse_str(COMPONENT).unwrap();
    for at in 0..binary.len() {
        let mut flipped = binary.clone();
        flipped[at] ^= 0x15;
        let ran = wasmote(["inspect", "--json", &files.file("hurt.wasm", flipped)]);
        assert!(ran.status == 0 || ran.status == 1, "{at}: {}", ran.stderr);
        ran.said(ran.status, &[]);
    }
}

/// The world that `inspect` tells of the file, which is WIT: read again, it is the same.
#[track_caller]
fn world_of(json: &Value) -> String {
    let text = json["world"].as_str().unwrap_or_else(|| panic!("{json}"));
    assert_eq!(json["world_flaw"], Value::Null, "{text}");
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_source("world.wit", text).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    let world = resolve.select_world(&[package], None).unwrap();
    let said = text.lines().filter(|line| line.starts_with("  export ")).count();
    assert_eq!(resolve.worlds[world].exports.len(), said, "{text}");
    text.into()
}

fn components(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            components(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "wasm")
            && std::fs::read(&path).unwrap().starts_with(b"\0asm\x0d\0\x01\0")
        {
            into.push(path);
        }
    }
}

#[test]
fn the_worlds_of_all_guests_are_wit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut guests = Vec::new();
    components(&root.join("tests/guests"), &mut guests);
    components(&root.join("no_std-examples/firmware/guests"), &mut guests);
    assert!(guests.len() >= 24, "{guests:?}");
    for guest in guests {
        let json = json(guest.to_str().unwrap());
        world_of(&json);
        assert_eq!(json["beyond_wit"].as_array().unwrap().len(), 0, "{}", guest.display());
    }
}

#[test]
fn types_of_others_are_declared_where_they_are_used() {
    let files = Files::new();
    let types = r#"(import "a:b/types@0.1.0" (instance $types
            (export "r" (type (sub resource)))
            (type $point (record (field "x" u32))) (export "t" (type (eq $point)))))
        (alias export $types "r" (type $r)) (alias export $types "t" (type $t))"#;
    let function = r#"(func (param "x" (list (option $t))) (param "r" (borrow $r)) (result (own $r)))"#;
    for (import, parts) in [
        // A function of the root.
        (
            format!(r#"(import "f" {function})"#),
            &["use a:b/types@0.1.0.{t, r};", "import f: func(x: list<option<t>>, r: borrow<r>) -> r;"][..],
        ),
        // One of an interface, and of one that has a type of this name itself.
        (
            format!(r#"(import "a:c/user@0.1.0" (instance (export "f" {function})))"#),
            &["use a:b/types@0.1.0.{t, r};", "f: func(x: list<option<t>>, r: borrow<r>) -> r;"],
        ),
        (
            format!(
                r#"(import "a:c/user@0.1.0" (instance (export "t" (type (sub resource))) (export "f" {function})))"#
            ),
            &[
                "use a:b/types@0.1.0.{t as types-t, r};",
                "f: func(x: list<option<types-t>>, r: borrow<r>) -> r;",
            ],
        ),
        // In a type of the interface's own.
        (
            r#"(import "a:c/user@0.1.0" (instance
                (type $l (record (field "all" (list $t)))) (export "l" (type (eq $l)))))"#
                .into(),
            &["use a:b/types@0.1.0.{t};", "all: list<t>,"],
        ),
    ] {
        let json = json(&files.file("uses.wat", format!("(component {types} {import})")));
        let world = world_of(&json);
        for part in parts {
            assert!(world.contains(part), "`{part}` is not in: {world}");
        }
    }
}

#[test]
fn what_wit_cannot_say_is_said_beside_it() {
    let files = Files::new();
    let text = r#"(component
        (import "m" (core module $m (import "a" "b" (func (result i64))) (export "f" (func (param i32)))
            (export "mem" (memory 1))))
        (import "c" (component (import "x" (func (param "a" (list u8)))) (export "y" (func async (result string)))))
        (import "n" (instance $n (export "m" (core module)) ))
        (import "f" (func $f (param "x" u32)))
        (export "out" (core module $m))
        (component $inner)
        (export $exported "inner" (component $inner))
        (instance $made (instantiate $exported))
        (type $t u32)
        (export "number" (type $t))
        (export "g" (func $f)))"#;
    let without_instance = text.replace(r#"(import "n" (instance $n (export "m" (core module)) ))"#, "");
    let path = files.file("beyond.wat", without_instance);
    let told = json(&path);
    let world = world_of(&told);
    for part in ["import f: func(x: u32);", "export g: func(x: u32);"] {
        assert!(world.contains(part), "`{part}` is not in: {world}");
    }
    let expected = [
        (
            "import",
            "m",
            "core module { import a::b: func() -> (i64); export f: func(i32) -> (); export mem: memory; }",
        ),
        ("import", "c", "component { import x: func(a: list<u8>); export y: async func() -> string; }"),
        (
            "export",
            "out",
            "core module { import a::b: func() -> (i64); export f: func(i32) -> (); export mem: memory; }",
        ),
        ("export", "inner", "component { }"),
        ("export", "number", "type"),
    ];
    let beyond: Vec<_> = told["beyond_wit"].as_array().unwrap().iter().collect();
    assert_eq!(beyond.len(), expected.len(), "{told}");
    for (told, (way, name, ty)) in beyond.iter().zip(expected) {
        assert_eq!((&told["way"], &told["name"], &told["type"]), (&way.into(), &name.into(), &ty.into()));
    }
    let ran = wasmote(["inspect", &path]);
    ran.said(0, &[]);
    for part in
        ["beyond WIT: 5", "  import         m: core module {", "  export         inner: component { }"]
    {
        assert!(ran.text().contains(part), "`{part}` is not in: {}", ran.text());
    }
    // An interface that has a module is none, and then there is no world to tell.
    let told = json(&files.file("nested.wat", text));
    assert!(told["world_unknown"].as_str().unwrap().contains('n'), "{told}");
    assert!(told["beyond_wit"].as_array().unwrap().iter().any(|beyond| beyond["name"] == "n#m"), "{told}");
}

#[test]
fn a_world_that_is_no_wit_says_so() {
    let files = Files::new();
    // A type of the world's, used by an interface: WIT has no name for it there.
    let text = r#"(component
        (import "r" (type $r (sub resource)))
        (import "a:b/c@0.1.0" (instance (export "f" (func (param "x" (own $r)))))))"#;
    let path = files.file("flaw.wat", text);
    let told = json(&path);
    assert!(told["world_flaw"].as_str().unwrap().contains("`r`"), "{told}");
    assert!(told["world"].as_str().unwrap().contains("f: func(x: r);"), "{told}");
    let ran = wasmote(["inspect", &path]);
    assert!(ran.text().contains("\n// This is not WIT to its last word: "), "{}", ran.text());
}
