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
fn only_what_traps_is_a_trap() {
    let files = Files::new();
    for text in [
        "(module (func (export \"f\")))\n",
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
           (func (export \"f\") (canon lift (core func $i \"f\"))))\n",
    ] {
        for assertion in [
            "(assert_exhaustion (invoke \"nothere\") \"\")",
            "(assert_trap (invoke \"nothere\") \"\")",
            "(assert_trap (invoke \"f\" (i32.const 1)) \"\")",
        ] {
            let ran = wasmote(["wast", &files.file("no.wast", format!("{text}{assertion}"))]);
            assert!(!ran.text().contains("1 passed"), "{assertion}: {}", ran.text());
        }
    }
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
    let ran = wasmote(["wast", "-W", "component-model-fixed-length-lists,timeout=1s", &path]);
    ran.said(0, &[]);
    assert!(ran.text().contains("0 failed, 0 skipped"), "{}", ran.text());
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

const ENDLESS: &str = r#"
(module $core (func (export "spin") (loop (br 0))) (func (export "one") (result i32) (i32.const 1)))
(component $component
  (core module $m (func (export "spin") (loop (br 0))) (func (export "one") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "one") (result u32) (canon lift (core func $i "one"))))
(assert_trap (invoke $core "spin") "")
(assert_return (invoke $core "one") (i32.const 1))
(assert_return (invoke $component "one") (u32.const 1))
(assert_trap (invoke $component "spin") "")
(assert_return (invoke $component "one") (u32.const 1))
(module (func (export "spin") (loop (br 0))))
(invoke "spin")
(assert_exhaustion (invoke "spin") "")
"#;

#[test]
fn a_call_that_never_ends_is_a_failure_and_the_script_goes_on() {
    let files = Files::new();
    let path = files.file("endless.wast", ENDLESS);
    for (bounds, why) in [("fuel=1000000", "all fuel consumed"), ("timeout=50ms", "did not end within 50ms")]
    {
        let ran = wasmote(["wast", "-W", bounds, "--json", &path]);
        ran.said(1, &[]);
        let json: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(json["files"][0]["passed"], 2, "{json}");
        let failed = json["files"][0]["failed"].as_array().unwrap();
        let lines: Vec<_> = failed.iter().map(|failure| failure["line"].as_u64().unwrap()).collect();
        assert_eq!(lines, [8, 11, 14, 15], "{json}");
        for failure in failed {
            assert!(failure["reason"].as_str().unwrap().contains(why), "{failure}");
        }
        let skipped = json["files"][0]["skipped"].as_array().unwrap();
        assert_eq!(skipped.len(), 1, "{json}");
        assert!(skipped[0]["reason"].as_str().unwrap().contains("was stopped before"), "{json}");
    }
    // What making an instance takes is of the same fuel.
    let start = files.file("start.wast", "(module (func $f (loop (br 0))) (start $f))");
    let ran = wasmote(["wast", "-W", "fuel=1000", &start]);
    ran.said(1, &[]);
    assert!(ran.text().contains("all fuel consumed"), "{}", ran.text());
    let ran = wasmote(["wast", &start]);
    ran.said(1, &[]);
    assert!(ran.text().contains("did not return"), "{}", ran.text());
    wasmote(["wast", "-W", "fuel=1000000,timeout=1m", &files.file("good.wast", GOOD)]).said(0, &[]);
    for text in ["max-memory-size=1k", "metering=n", "help"] {
        wasmote(["wast", "-W", text, &path]).said(2, &["`fuel=N` and `timeout=TIME`"]);
    }
}
