//! `wasmote run` of components: `--invoke` with WAVE, and `--link`.

mod program;

use program::{Files, wasmote};

/// Functions of many types, each of which returns what it is given.
fn echo() -> String {
    let functions = [
        ("string", "string", "i32 i32"),
        ("list", "(list u16)", "i32 i32"),
        ("tuple", "(tuple s8 bool char)", "i32 i32 i32"),
        ("option", "(option u32)", "i32 i32"),
        ("result", "(result string (error u8))", "i32 i32 i32"),
        ("float", "f64", "f64"),
        ("record", "$record", "i32 i32 i32 i32"),
        ("variant", "$variant", "i32 i64"),
        ("colour", "$colour", "i32"),
        ("flags", "$flags", "i32"),
    ];
    let mut text = String::from(
        r#"(component
  (type $record' (record (field "name" string) (field "age" (option u8))))
  (export $record "record-type" (type $record'))
  (type $variant' (variant (case "none") (case "number" s64)))
  (export $variant "variant-type" (type $variant'))
  (type $colour' (enum "red" "green"))
  (export $colour "colour-type" (type $colour'))
  (type $flags' (flags "read" "write"))
  (export $flags "flags-type" (type $flags'))
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
"#,
    );
    // How each flat form lies in memory: stores of `type.store offset`.
    for (name, _, flat) in functions {
        let params: Vec<_> = flat.split(' ').collect();
        let body = match name {
            "string" | "list" => {
                "(i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0)"
            }
            "tuple" => {
                "(i32.store8 (i32.const 0) (local.get 0)) (i32.store8 (i32.const 1) (local.get 1)) (i32.store (i32.const 4) (local.get 2)) (i32.const 0)"
            }
            "option" => {
                "(i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0)"
            }
            "result" => {
                "(i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.store (i32.const 8) (local.get 2)) (i32.const 0)"
            }
            "record" => {
                "(i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.store8 (i32.const 8) (local.get 2)) (i32.store8 (i32.const 9) (local.get 3)) (i32.const 0)"
            }
            "variant" => {
                "(i32.store (i32.const 0) (local.get 0)) (i64.store (i32.const 8) (local.get 1)) (i32.const 0)"
            }
            _ => "(local.get 0)",
        };
        let result = if name == "float" { "f64" } else { "i32" };
        text +=
            &format!("(func (export \"{name}\") (param {}) (result {result}) {body})\n", params.join(" "));
    }
    text +=
        ")\n(core instance $i (instantiate $m))\n(alias core export $i \"memory\" (core memory $memory))\n";
    for (name, ty, _) in functions {
        text += &format!(
            "(func (export \"echo-{name}\") (param \"value\" {ty}) (result {ty})
               (canon lift (core func $i \"{name}\") (memory $memory) (realloc (core func $i \"realloc\"))))\n"
        );
    }
    text + ")"
}

#[test]
fn values_of_every_type_go_in_and_come_out() {
    let files = Files::new();
    let path = files.file("echo.wat", echo());
    for (call, printed) in [
        (r#"echo-string("größer \"so\"\n")"#, r#""größer \"so\"\n""#),
        ("echo-list([1, 65535, 3])", "[1, 65535, 3]"),
        ("echo-list([])", "[]"),
        ("echo-tuple((-8, true, 'x'))", "(-8, true, 'x')"),
        ("echo-option(some(7))", "some(7)"),
        ("echo-option(7)", "some(7)"),
        ("echo-option(none)", "none"),
        ("echo-option()", "none"),
        (r#"echo-result(ok("fine"))"#, r#"ok("fine")"#),
        ("echo-result(err(9))", "err(9)"),
        ("echo-float(-inf)", "-inf"),
        ("echo-float(1.5)", "1.5"),
        (r#"echo-record({name: "Ada", age: 36})"#, r#"{name: "Ada", age: some(36)}"#),
        (r#"echo-record({name: ""})"#, r#"{name: ""}"#),
        ("echo-variant(number(-1))", "number(-1)"),
        ("echo-variant(%none)", "%none"),
        ("echo-colour(green)", "green"),
        ("echo-flags({write})", "{write}"),
        ("echo-flags({})", "{}"),
    ] {
        let ran = wasmote(["run", "--invoke", call, &path]);
        ran.said(0, &[]);
        assert_eq!(ran.text(), format!("{printed}\n"), "{call}");
    }
    let ran = wasmote(["run", "--invoke", "echo-option", &path, "3"]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "some(3)\n");
}

#[test]
fn a_call_that_does_not_fit_is_refused_with_what_would() {
    let files = Files::new();
    let path = files.file("echo.wat", echo());
    for (call, parts) in [
        ("echo-list(7)", &["func(value: list<u16>) -> list<u16>", "at `7"][..]),
        ("echo-list([70000])", &["at `70000"]),
        ("echo-list", &["func(value: list<u16>)", "it takes 1 parameter, not 0"]),
        ("echo-list([1], [2])", &["func(value: list<u16>)", "it takes 1 parameter, not 2"]),
        ("echo-list([1]", &["func(value: list<u16>)", "`([1]` is no WAVE: it ends too early"]),
        ("echo-list([1])]", &["more than there should be, at `]`"]),
        ("echo-list([1 2])", &["something else should stand here, at `2])`"]),
        ("echo-list(\"a\")", &["its parameter `value`: a value of another type, at `\"a\")`"]),
        ("echo-record({age: 3})", &["name"]),
        ("echo-record({name: \"\", extra: 3})", &["extra"]),
        ("echo-colour(blue)", &["blue"]),
        ("echo-flags({execute})", &["execute"]),
        ("absent()", &["exports no function `absent`", "`echo-string`"]),
    ] {
        wasmote(["run", "--invoke", call, &path]).said(1, parts);
    }
    // Nobody counts places, and what nobody wrote is not complained of.
    for word in ["x", "70000", "[70000]", "[1", "[1])", "[1], [2]", ""] {
        let ran = wasmote(["run", "--invoke", "echo-list", &path, word]);
        ran.said(1, &["`echo-list` is func(value: list<u16>) -> list<u16>: its parameter `value`: "]);
        let wrote = word.contains(')');
        assert!(!ran.stderr.contains("..") && (wrote || !ran.stderr.contains(")`")), "{}", ran.stderr);
    }
    let deep = format!("echo-list({}{})", "[".repeat(10_000), "]".repeat(10_000));
    wasmote(["run", "--invoke", &deep, &path]).said(1, &["nesting"]);
    wasmote(["run", "--invoke", "echo-list([1])", &path, "[2]"]).said(1, &["brings its parameters already"]);
    wasmote(["run", "--link", &path, &path]).said(1, &["is no command", "`echo-string`"]);
}

const WORDS: &str = r#"(component
  (component $inner
    (core module $m (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
    (core instance $i (instantiate $m))
    (func (export "double") (param "n" u32) (result u32) (canon lift (core func $i "double"))))
  (instance $inner (instantiate $inner))
  (export "test:math/double@1.2.0" (instance $inner)))"#;

/// Imports `double` in an older version, and exports `quadruple`.
const USER: &str = r#"(component
  (import "test:math/double@1.1.0" (instance $double
    (export "double" (func (param "n" u32) (result u32)))))
  (core func $double (canon lower (func $double "double")))
  (core module $m
    (import "" "double" (func $double (param i32) (result i32)))
    (func (export "quadruple") (param i32) (result i32) (call $double (call $double (local.get 0)))))
  (core instance $i (instantiate $m (with "" (instance (export "double" (func $double))))))
  (func (export "quadruple") (param "n" u32) (result u32) (canon lift (core func $i "quadruple"))))"#;

const LAST: &str = r#"(component
  (import "quadruple" (func $quadruple (param "n" u32) (result u32)))
  (core func $quadruple (canon lower (func $quadruple)))
  (core module $m
    (import "" "quadruple" (func $quadruple (param i32) (result i32)))
    (func (export "go") (param i32) (result i32) (i32.add (call $quadruple (local.get 0)) (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance (export "quadruple" (func $quadruple))))))
  (func (export "go") (param "n" u32) (result u32) (canon lift (core func $i "go"))))"#;

#[test]
fn functions_of_interfaces_are_called_by_either_spelling() {
    let files = Files::new();
    let path = files.file("words.wat", WORDS);
    for call in ["test:math/double@1.2.0#double(21)", "test:math/double.double@1.2.0(21)", "double(21)"] {
        let ran = wasmote(["run", "--invoke", call, &path]);
        ran.said(0, &[]);
        assert_eq!(ran.text(), "42\n");
    }
}

#[test]
fn plugins_satisfy_imports_in_whatever_order_they_are_named() {
    let files = Files::new();
    let (words, user, last) =
        (files.file("words.wat", WORDS), files.file("user.wat", USER), files.file("last.wat", LAST));
    for plugins in [[&words, &user], [&user, &words]] {
        let ran = wasmote([
            "run", "--link", plugins[0], "--link", plugins[1], "--stats", "--invoke", "go(5)", &last,
        ]);
        ran.said(0, &["fuel  "]);
        assert_eq!(ran.text(), "21\n");
    }
    let ran = wasmote(["run", "--link", &words, "-W", "timeout=20s", "--invoke", "quadruple(2)", &user]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "8\n");
}

#[test]
fn what_nobody_offers_is_said() {
    let files = Files::new();
    let (words, user, last) =
        (files.file("words.wat", WORDS), files.file("user.wat", USER), files.file("last.wat", LAST));
    wasmote(["run", "--invoke", "go(5)", &last])
        .said(1, &["last.wat imports `quadruple: func(n: u32) -> u32`", "--link FILE"]);
    wasmote(["run", "--link", &user, "--invoke", "go(5)", &last])
        .said(1, &["user.wat imports `test:math/double@1.1.0", "nor what is linked"]);
    wasmote(["run", "--link", &words, "--link", &words, "--invoke", "quadruple(1)", &user])
        .said(1, &["both export `test:math/double@1.2.0`"]);
    let other = USER.replace("(param \"n\" u32) (result u32)", "(param \"n\" u64) (result u32)");
    let other = other.replacen("(func $double (param i32)", "(func $double (param i64)", 1);
    let other = other.replace(
        "(param i32) (result i32) (call $double (call $double (local.get 0)))",
        "(param i64) (result i32) (call $double (local.get 0))",
    );
    let other = files.file("other.wat", other);
    wasmote(["run", "--link", &words, "--invoke", "quadruple(1)", &other])
        .said(1, &["u64", "instead of", "u32"]);
    let core = files.file("core.wat", "(module (func (export \"f\")))");
    wasmote(["run", "--link", &core, "--invoke", "go(5)", &last]).said(2, &["core.wat is a core module"]);
    wasmote(["run", "--link", &words, "--invoke", "f", &core]).said(2, &["core.wat is a core module"]);
}

#[test]
fn traps_fuel_and_time_end_a_call() {
    let files = Files::new();
    let path = files.file(
        "ends.wat",
        r#"(component
          (core module $m (func (export "spin") (loop (br 0))) (func (export "trap") unreachable))
          (core instance $i (instantiate $m))
          (func (export "spin") (canon lift (core func $i "spin")))
          (func (export "trap") (canon lift (core func $i "trap"))))"#,
    );
    wasmote(["run", "--invoke", "trap()", &path]).said(134, &["trapped in `trap`"]);
    wasmote(["run", "-W", "fuel=100000", "--invoke", "spin()", &path]).said(134, &["spent all its fuel"]);
    wasmote(["run", "-W", "timeout=300ms", "--invoke", "spin()", &path]).said(134, &["did not end `spin`"]);
}

#[test]
fn functions_of_components_with_wasi_are_called() {
    let files = Files::new();
    let path = files.file(
        "args.wat",
        r#"(component
          (import "wasi:cli/environment@0.2.0" (instance $environment
            (export "get-arguments" (func (result (list string))))))
          (core module $memory
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
              (local $at i32)
              (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
              (global.set $next (i32.add (local.get $at) (local.get 3)))
              (local.get $at)))
          (core instance $memory (instantiate $memory))
          (core func $arguments (canon lower (func $environment "get-arguments")
            (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
          (core module $m
            (import "" "arguments" (func $arguments (param i32)))
            (import "" "memory" (memory 1))
            (func (export "f") (result i32) (call $arguments (i32.const 8)) (i32.const 8)))
          (core instance $i (instantiate $m (with "" (instance
            (export "arguments" (func $arguments))
            (export "memory" (memory $memory "memory"))))))
          (func (export "arguments") (result (list string))
            (canon lift (core func $i "f") (memory (core memory $memory "memory")))))"#,
    );
    let ran = wasmote(["run", "--argv0", "me", "--invoke", "arguments()", &path]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "[\"me\"]\n");
}

#[test]
fn a_gated_proposal_is_one_flag_away() {
    let files = Files::new();
    let path = files.file(
        "gated.wat",
        r#"(component
          (core module $m (func (export "f") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
          (core instance $i (instantiate $m))
          (func (export "sum") (param "of" (list u32 2)) (result u32) (canon lift (core func $i "f"))))"#,
    );
    wasmote(["run", "--invoke", "sum([1, 2])", &path]).said(1, &["gated.wat"]);
    wasmote(["run", "-W", "component-model-map=n", "--invoke", "sum([1, 2])", &path]).said(1, &["gated.wat"]);
    for flags in [["--features", "fixed-length-lists"], ["-W", "component-model-fixed-length-lists=y"]] {
        let ran = wasmote(["run"].into_iter().chain(flags).chain(["--invoke", "sum([1, 2])", &path]));
        ran.said(0, &[]);
        assert_eq!(ran.text(), "3\n", "{flags:?}");
        assert!(wasmote(["inspect"].into_iter().chain(flags).chain([path.as_str()])).status == 0);
    }
}

#[test]
fn an_import_of_another_type_is_said_with_both() {
    let files = Files::new();
    let other = r#"(component (import "wasi:cli/environment@0.2.0"
        (instance (export "get-arguments" (func (result (list u32))))))
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (func (export "f") (canon lift (core func $i "f"))))"#;
    let ran = wasmote(["run", "--invoke", "f()", &files.file("other.wat", other)]);
    ran.said(
        1,
        &["`wasi:cli/environment@0.2.0#get-arguments: func() -> list<u32>`, of which the host says: expected `string` found `u32`"],
    );
}

#[test]
fn static_functions_and_methods_of_resources_are_called_by_their_names() {
    let files = Files::new();
    let at_root = r#"(component
      (core module $m (func (export "f") (param i32) (result i32) local.get 0))
      (core instance $i (instantiate $m))
      (type $r' (resource (rep i32)))
      (export $r "r" (type $r'))
      (func (export "[static]r.two") (param "n" u32) (result u32) (canon lift (core func $i "f"))))"#;
    let in_interface = r#"(component
      (core module $m (func (export "f") (param i32) (result i32) local.get 0))
      (core instance $i (instantiate $m))
      (type $r (resource (rep i32)))
      (func $two (param "n" u32) (result u32) (canon lift (core func $i "f")))
      (component $c
        (import "r" (type $r (sub resource)))
        (import "two" (func $two (param "n" u32) (result u32)))
        (export "r" (type $r))
        (export "[static]r.two" (func $two)))
      (instance $x (instantiate $c (with "r" (type $r)) (with "two" (func $two))))
      (export "a:b/c@1.0.0" (instance $x)))"#;
    let (root, interface) = (files.file("root.wat", at_root), files.file("interface.wat", in_interface));
    for (file, call) in [
        (&root, "[static]r.two(5)"),
        (&interface, "[static]r.two(5)"),
        (&interface, "a:b/c@1.0.0#[static]r.two(5)"),
        (&interface, "a:b/c.[static]r.two@1.0.0(5)"),
    ] {
        let ran = wasmote(["run", "--invoke", call, file]);
        assert_eq!((ran.status, ran.text()), (0, "5\n"), "{call}: {}", ran.stderr);
    }
}

#[test]
fn a_plugin_that_nothing_imports_from_is_told() {
    let files = Files::new();
    let (words, user, last) =
        (files.file("words.wat", WORDS), files.file("user.wat", USER), files.file("last.wat", LAST));
    let unused = wasmote(["run", "--invoke", "double(2)", "--link", &last, "--link", &user, &words]);
    unused.said(1, &[]);
    let unused =
        wasmote(["run", "--invoke", "double(2)", "--link", &files.file("no.wat", "(component)"), &words]);
    unused.said(0, &["warning: `--link ", "no.wat` links what nothing imports from"]);
    let used = wasmote(["run", "--invoke", "go(2)", "--link", &user, "--link", &words, &last]);
    assert_eq!((used.status, used.stderr.as_str()), (0, ""));
}

#[test]
fn a_core_function_that_is_called_as_a_components_is_told_how() {
    let files = Files::new();
    let path = files.file("functions.wat", program::FUNCTIONS);
    let call = |call: &str| wasmote(["run", "--invoke", call, &path]);
    call("add(1, 2)").said(1, &["is a core module", &format!("write `--invoke add {path} 1 2`")]);
    call("nothing()").said(1, &["is a core module", &format!("write `--invoke nothing {path}`")]);
    call("absent(1)").said(1, &["exports no function `absent(1)`"]);
}
