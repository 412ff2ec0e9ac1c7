//! `wasmote wast`, as a person or a script meets it.

mod program;

use program::{Files, wasmote};
use serde_json::Value;

const GOOD: &str = r#"
(component
  (core module $m
    (func (export "one") (result i32) (i32.const 1))
    (func (export "trap") (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "one") (result u32) (canon lift (core func $i "one")))
  (func (export "trap") (canon lift (core func $i "trap"))))
(assert_return (invoke "one") (u32.const 1))
(assert_trap (invoke "trap") "unreachable")
(assert_invalid (component (export "x" (func 0))) "unknown function")
"#;

#[test]
fn assertions_that_hold_are_counted() {
    let files = Files::new();
    let ran = wasmote(["wast", &files.file("good.wast", GOOD)]);
    ran.said(0, &[]);
    assert!(ran.text().ends_with("good.wast: 3 passed, 0 failed, 0 skipped\n"), "{}", ran.text());
}

#[test]
fn what_does_not_hold_is_said_with_its_line() {
    let files = Files::new();
    let bad =
        GOOD.replace("(u32.const 1)", "(u32.const 2)").replace("\"unreachable\"", "\"integer overflow\"");
    let path = files.file("bad.wast", bad);
    let ran = wasmote(["wast", &path]);
    ran.said(1, &[]);
    for part in
        ["1 passed, 2 failed, 0 skipped", "bad.wast:9: expected", "bad.wast:10: expected `integer overflow`"]
    {
        assert!(ran.text().contains(part), "`{part}` is not in: {}", ran.text());
    }
    let ran = wasmote(["wast", "--json", &path]);
    ran.said(1, &[]);
    let json: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(json["total"]["passed"], 1);
    assert_eq!(json["total"]["failed"], 2);
    assert_eq!(json["files"][0]["failed"][0]["line"], 9);
    assert_eq!(json["files"][0]["error"], Value::Null);
}

#[test]
fn a_gated_proposal_is_one_flag_away() {
    let files = Files::new();
    let script = r#"(component (type (list u8 4)) (import "f" (func (param "x" (list u8 4)))))"#;
    let script = script.replace("(component", "(component definition");
    let path = files.file("gated.wast", script);
    let ran = wasmote(["wast", &path]);
    ran.said(0, &[]);
    for part in ["1 skipped", "skipped, line 1: a proposal of the Component Model that is off"] {
        assert!(ran.text().contains(part), "`{part}` is not in: {}", ran.text());
    }
    let ran = wasmote(["wast", "--features", "fixed-length-lists", &path]);
    ran.said(0, &[]);
    assert!(ran.text().contains("0 failed, 0 skipped"), "{}", ran.text());
    wasmote(["wast", "--features", "all", &path]).said(0, &[]);
    wasmote(["wast", "--features", "no-such", &path]).said(2, &["fixed-length-lists"]);
}

#[test]
fn folders_are_searched_and_files_that_are_no_scripts_fail() {
    let files = Files::new();
    std::fs::create_dir(files.path("inner")).unwrap();
    files.file("inner/a.wast", GOOD);
    files.file("b.wast", GOOD);
    files.file("c.txt", "(not a script");
    let folder = files.dir().to_str().unwrap().to_owned();
    let ran = wasmote(["wast", &folder]);
    ran.said(0, &[]);
    assert!(ran.text().contains("total: 6 passed, 0 failed, 0 skipped"), "{}", ran.text());

    let broken = files.file("broken.wast", "(component");
    let ran = wasmote(["wast", &broken, &files.file("d.wast", GOOD)]);
    ran.said(1, &[]);
    assert!(ran.text().contains("broken.wast: no script: "), "{}", ran.text());
    assert!(
        ran.text().contains("total: 3 passed, 0 failed, 0 skipped, 1 file is no script"),
        "{}",
        ran.text()
    );

    wasmote(["wast", &files.file("bytes.wast", [0xff, 0xfe])]).said(1, &[]);
    wasmote(["wast", "absent.wast"]).said(1, &["there is no file `absent.wast`"]);
    std::fs::create_dir(files.path("empty")).unwrap();
    wasmote(["wast", files.path("empty").to_str().unwrap()]).said(1, &["no .wast file"]);
}

#[test]
fn core_scripts_run_and_what_is_not_here_is_skipped_with_its_reason() {
    let files = Files::new();
    let script = r#"
(module $m (func (export "one") (result i32) (i32.const 1)) (func (export "trap") (unreachable)))
(register "m")
(module (import "m" "one" (func $one (result i32)))
  (func (export "two") (result i32) (i32.add (call $one) (call $one))))
(assert_return (invoke "two") (i32.const 2))
(assert_trap (invoke $m "trap") "unreachable")
(module $tagged (tag $t) (func (export "throw") (throw $t)))
(assert_exception (invoke "throw"))
(assert_return (invoke $m "one") (i32.const 1))
"#;
    let path = files.file("core.wast", script);
    let ran = wasmote(["wast", &path]);
    ran.said(0, &[]);
    for part in ["core.wast: 3 passed, 0 failed, 2 skipped", "skipped, lines 8, 9: exception handling"] {
        assert!(ran.text().contains(part), "`{part}` is not in: {}", ran.text());
    }
    let wrong = files.file("wrong.wast", script.replace("(i32.const 2))", "(i32.const 3))"));
    let ran = wasmote(["wast", &wrong]);
    ran.said(1, &[]);
    assert!(ran.text().contains("2 passed, 1 failed, 2 skipped"), "{}", ran.text());
}
