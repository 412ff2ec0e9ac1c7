//! `wasmote run --link` of components that use WASI: all of them share what is granted.

mod program;

use program::{Files, wasmote};

/// The part of a component that writes to standard output: `$write`, with `$mem` for its memory.
const WRITING: &str = r#"
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $failure))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $failure (type $outer))
    (export "error" (type $error (eq $outer)))
    (export "output-stream" (type $stream (sub resource)))
    (type $e' (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $e (eq $e')))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $e)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $stream (eq $outer)))
    (export "get-stdout" (func (result (own $stream))))))
  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $mem)))
"#;

/// A plugin: `say` writes to standard output, `variables` answers the environment.
fn plugin() -> String {
    format!(
        r#"(component {WRITING}
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))))
  (core func $environment (canon lower (func $environment "get-environment") (memory $mem) (realloc $realloc)))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "get" (func $get (result i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "environment" (func $environment (param i32)))
    (func (export "say") (param i32 i32)
      (call $write (call $get) (local.get 0) (local.get 1) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then unreachable)))
    (func (export "variables") (result i32) (call $environment (i32.const 8)) (i32.const 8)))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $mem))
    (export "get" (func $get))
    (export "write" (func $write))
    (export "environment" (func $environment))))))
  (func $say (param "text" string) (canon lift (core func $i "say") (memory $mem) (realloc $realloc)))
  (func (export "variables") (result (list (tuple string string)))
    (canon lift (core func $i "variables") (memory $mem)))
  (instance $log (export "say" (func $say)))
  (export "test:log/log@1.0.0" (instance $log)))"#
    )
}

/// A command that says something by the plugin, and something itself.
fn command() -> String {
    format!(
        r#"(component {WRITING}
  (import "test:log/log@1.0.0" (instance $log (export "say" (func (param "text" string)))))
  (core func $say (canon lower (func $log "say") (memory $mem)))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "get" (func $get (result i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "say" (func $say (param i32 i32)))
    (data (i32.const 100) "plugin\0acommand\0a")
    (func (export "run") (result i32)
      (call $say (i32.const 100) (i32.const 7))
      (call $write (call $get) (i32.const 107) (i32.const 8) (i32.const 16))
      (i32.const 0)))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $mem))
    (export "get" (func $get))
    (export "write" (func $write))
    (export "say" (func $say))))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run)))"#
    )
}

/// Offers an environment of its own, under a version that is compatible with what the host offers.
const ENVIRONMENT: &str = r#"(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\01\00\00\00")
    (data (i32.const 16) "\30\00\00\00\04\00\00\00\34\00\00\00\06\00\00\00")
    (data (i32.const 48) "FROMplugin")
    (func (export "get") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func $get (result (list (tuple string string)))
    (canon lift (core func $i "get") (memory (core memory $i "memory"))))
  (instance $environment (export "get-environment" (func $get)))
  (export "wasi:cli/environment@0.2.1" (instance $environment)))"#;

/// Ends the program from within a plugin.
const ENDING: &str = r#"(component
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (core func $exit (canon lower (func $exit "exit")))
  (core module $m
    (import "" "exit" (func $exit (param i32)))
    (func (export "say") (param i32 i32) (call $exit (i32.const 1)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $i (instantiate $m (with "" (instance (export "exit" (func $exit))))))
  (func $say (param "text" string)
    (canon lift (core func $i "say") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $log (export "say" (func $say)))
  (export "test:log/log@1.0.0" (instance $log)))"#;

#[test]
fn a_plugin_writes_to_the_programs_standard_output() {
    let files = Files::new();
    let (plugin, main) = (files.file("plugin.wat", plugin()), files.file("main.wat", command()));
    let ran = wasmote(["run", "--link", &plugin, "--stats", &main]);
    ran.said(0, &["fuel"]);
    assert_eq!(ran.text(), "plugin\ncommand\n");
    wasmote(["run", &main])
        .said(1, &["main.wat imports `test:log/log@1.0.0#say: func(text: string)`, which", "--link FILE"]);
}

/// A command that writes its arguments, each with a line's end.
const ARGUMENTS: &str = r#"
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (core func $arguments (canon lower (func $environment "get-arguments") (memory $mem) (realloc $realloc)))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "get" (func $get (result i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "arguments" (func $arguments (param i32)))
    (data (i32.const 100) "\0a")
    (func (export "run") (result i32)
      (local $at i32) (local $end i32)
      (call $arguments (i32.const 8))
      (local.set $at (i32.load (i32.const 8)))
      (local.set $end (i32.add (local.get $at) (i32.mul (i32.load (i32.const 12)) (i32.const 8))))
      (loop $more
        (if (i32.lt_u (local.get $at) (local.get $end)) (then
          (call $write (call $get) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.const 16))
          (call $write (call $get) (i32.const 100) (i32.const 1) (i32.const 16))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br $more))))
      (i32.const 0)))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $mem))
    (export "get" (func $get))
    (export "write" (func $write))
    (export "arguments" (func $arguments))))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run))"#;

/// What the issue writes: the plugin behind the program.
#[test]
fn a_plugin_behind_the_program_is_linked_where_that_cannot_start_without() {
    let files = Files::new();
    let (plugin, main) = (files.file("plugin.wat", plugin()), files.file("main.wat", command()));
    let equals = format!("--link={plugin}");
    for behind in [&["--link", &plugin][..], &[&equals], &["--link", &plugin, "--", "--link", "x"]] {
        let ran = wasmote(["run", &main].iter().chain(behind));
        ran.said(0, &[]);
        assert_eq!(ran.text(), "plugin\ncommand\n", "{behind:?}");
    }
    let lacking = format!(
        r#"(component {WRITING} (import "test:log/log@1.0.0" (instance (export "say" (func (param "text" string)))))
          {ARGUMENTS})"#
    );
    let lacking = files.file("lacking.wat", lacking);
    let arguments = |behind: &[&str]| {
        let ran = wasmote(["run", "--argv0", "me", &lacking].iter().chain(behind));
        ran.said(0, &[]);
        ran.text().lines().skip(1).map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(arguments(&["--link", &plugin, "a", "--link", "b"]), ["a", "--link", "b"]);
    assert_eq!(arguments(&["--link", &plugin, "--", "--link", "b"]), ["--link", "b"]);
    // What stands elsewhere is the program's; that it may have been meant otherwise is said.
    for behind in [&["--", "--link", &plugin][..], &["a", "--link", &plugin]] {
        let ran = wasmote(["run", &main].iter().chain(behind));
        ran.said(1, &["link a component that exports it with `--link FILE`, before the program"]);
    }
    // With one linked before it, the program could start: what is behind is its own.
    let ran = wasmote(["run", "--argv0", "me", "--link", &plugin, &lacking, "--link", "b"]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "me\n--link\nb\n");
}

#[test]
fn a_program_that_lacks_nothing_gets_every_argument() {
    let files = Files::new();
    let main = files.file("main.wat", format!("(component {WRITING} {ARGUMENTS})"));
    let ran = wasmote(["run", "--argv0", "me", &main, "--link", "b", "c"]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "me\n--link\nb\nc\n");
}

/// The plugin's function, called by a program that has nothing but an import of it.
const PASSES_ON: &str = r#"(component
    (import "variables" (func $variables (result (list (tuple string string)))))
    (export "all" (func $variables)))"#;

#[test]
fn a_function_takes_its_parameters_behind_a_plugin() {
    let files = Files::new();
    let plugin = files.file("plugin.wat", plugin());
    let main = files.file("main.wat", PASSES_ON);
    let ran = wasmote(["run", "--env", "A=1", "--invoke", "all", &main, "--link", &plugin]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "[(\"A\", \"1\")]\n");
}

#[test]
fn a_plugin_is_granted_what_the_program_is() {
    let files = Files::new();
    let plugin = files.file("plugin.wat", plugin());
    let main = files.file("main.wat", PASSES_ON);
    let arguments = ["run", "--link", &plugin, "--invoke", "all()"];
    let ran = wasmote(arguments.into_iter().chain(["--env", "A=1", "--env", "B=zwei", &main]));
    ran.said(0, &[]);
    assert_eq!(ran.text(), "[(\"A\", \"1\"), (\"B\", \"zwei\")]\n");
    let ran = wasmote(arguments.into_iter().chain([main.as_str()]));
    ran.said(0, &[]);
    assert_eq!(ran.text(), "[]\n");
}

#[test]
fn a_plugin_stands_in_for_a_part_of_wasi() {
    let files = Files::new();
    let (plugin, environment) =
        (files.file("plugin.wat", plugin()), files.file("environment.wat", ENVIRONMENT));
    let ran = wasmote(["run", "--env", "A=1", "--link", &environment, "--invoke", "variables()", &plugin]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "[(\"FROM\", \"plugin\")]\n");
}

#[test]
fn a_plugin_ends_the_program() {
    let files = Files::new();
    let (plugin, main) = (files.file("ending.wat", ENDING), files.file("main.wat", command()));
    let ran = wasmote(["run", "--link", &plugin, &main]);
    ran.said(1, &[]);
    assert_eq!(ran.text(), "");
}

#[test]
fn calls_of_plugins_are_traced() {
    let files = Files::new();
    let (plugin, main) = (files.file("plugin.wat", plugin()), files.file("main.wat", command()));
    let ran = wasmote(["run", "--link", &plugin, "--trace", &main]);
    ran.said(0, &["blocking-write-and-flush"]);
    assert_eq!(ran.stderr.matches("blocking-write-and-flush").count(), 2, "{}", ran.stderr);
}
