//! `wasmote run`, as a person or a script meets it.

mod program;

use program::{
    Files, REFUSED, args, cat, command, command_wat, ended, env, exit, expected, guest, make, show, sleep,
    wasmote, wasmote_with,
};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

#[test]
fn compiled_programs_run() {
    let hello = wasmote(["run", &guest("hello-rust"), "--", "world"]);
    hello.said(0, &[]);
    assert!(hello.text().starts_with("hello, world\n"), "{}", hello.text());

    let files = Files::new();
    let dir = format!("{}::/", files.dir().to_str().unwrap());
    let ran = wasmote(["run", "--dir", &dir, &guest("files")]);
    ran.said(0, &[]);
    assert_eq!(ran.text(), expected("files"));

    let clock = wasmote(["run", "-S", "clocks=virtual", &guest("clock")]);
    clock.said(0, &[]);
    assert_eq!(clock.text(), expected("clock"));

    let trap = wasmote(["run", &guest("trap"), "divide"]);
    trap.said(134, &["trap.wasm", "integer divide by zero"]);
    assert_eq!(trap.text(), "before the trap\n");
}

#[test]
fn what_the_interpreter_lacks_is_refused_with_the_reason() {
    for (name, reason) in REFUSED {
        let ran = wasmote(["run", &guest(&format!("refused/{name}"))]);
        ran.said(1, &[reason, name]);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_program_without_a_command_is_told_which_one_runs_it() {
    let ran = wasmote([&guest("hello-rust")]);
    ran.said(2, &["is no command: to run it as a program, write `wasmote run ", "hello-rust.wasm`"]);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    wasmote(["rum"]).said(2, &["unrecognized subcommand 'rum'", "'run'"]);
}

#[test]
fn an_entry_that_takes_parameters_is_no_commands() {
    let files = Files::new();
    let file = files.dir().join("entry.wat");
    fs::write(&file, "(module (func (export \"_start\") (param i32)))").unwrap();
    let file = file.to_str().unwrap();
    wasmote(["run", file]).said(1, &["entry.wat is no command", "--invoke _start"]);
    wasmote(["run", "--invoke", "_start", file, "1"]).said(0, &[]);
}

#[test]
fn hostile_programs_end_within_their_fuel() {
    for name in ["spin", "grow-loop", "grow-denied", "table-grow-loop", "many-locals"] {
        let ran = wasmote(["run", "-W", "fuel=50000000", &guest(&format!("hostile/{name}"))]);
        ran.said(134, &["spent all its fuel", name]);
    }
    wasmote(["run", &guest("hostile/deep-recursion")]).said(134, &["call stack exhausted"]);
    wasmote(["run", &guest("hostile/huge-memory")]).said(1, &["-W max-memory-size=…"]);
    wasmote(["run", &guest("hostile/huge-table")]).said(1, &["-W max-table-elements=…"]);
}

#[test]
fn standard_streams_carry_every_byte() {
    let files = Files::new();
    let cat = files.file("cat.wat", cat());
    let bytes: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let ran = wasmote_with(["run", &cat], &bytes);
    ran.said(0, &[]);
    assert!(ran.stdout == bytes, "{} of {} bytes", ran.stdout.len(), bytes.len());
    assert_eq!(ran.stderr, "");
    assert_eq!(wasmote(["run", &cat]).stdout, b"");
}

#[test]
fn what_comes_after_the_module_is_the_programs() {
    let files = Files::new();
    let path = files.file("args.wat", args());
    for (args, expected) in [
        (&["run", "PATH"][..], "args.wat\0"),
        (&["run", "PATH", "--", "--help", "-W"], "args.wat\0--help\0-W\0"),
        (&["run", "PATH", "--dir", "x", "--"], "args.wat\0--dir\0x\0--\0"),
        (&["run", "PATH", "--", "--", ""], "args.wat\0--\0\0"),
        (&["run", "--argv0", "me", "PATH", "größe"], "me\0größe\0"),
        (&["run", "--", "PATH", "--stats"], "args.wat\0--stats\0"),
    ] {
        let args = args.iter().map(|arg| if *arg == "PATH" { path.as_str() } else { arg });
        let ran = wasmote(args.clone());
        ran.said(0, &[]);
        assert_eq!(ran.text(), expected, "{:?}", args.collect::<Vec<_>>());
    }
}

#[test]
fn the_environment_is_what_was_granted() {
    let files = Files::new();
    let env = files.file("env.wat", env());
    let run = |args: &[&str]| {
        let output =
            command().env("SECRET", "s").env("KEPT", "k").arg("run").args(args).arg(&env).output().unwrap();
        ended(output)
    };
    assert_eq!(run(&[]).text(), "");
    assert_eq!(run(&["--env", "A=1", "--env", "KEPT", "--env", "A=2=3"]).text(), "A=2=3\0KEPT=k\0");
    let inherited = run(&["-S", "inherit-env", "--env", "SECRET="]);
    assert!(inherited.text().contains("KEPT=k\0") && inherited.text().contains("SECRET=\0"));
    run(&["--env", "ABSENT"]).said(1, &["`--env ABSENT`", "is not set here", "`--env ABSENT=VALUE`"]);
    {
        use std::os::unix::ffi::OsStrExt as _;
        let odd = command()
            .env("ODD", std::ffi::OsStr::from_bytes(b"\xff"))
            .args(["run", "--env", "ODD", &env])
            .output();
        ended(odd.unwrap()).said(1, &["`--env ODD`", "no UTF-8"]);
    }
    run(&["--env", "=1"]).said(2, &["a variable needs a name"]);
}

#[test]
fn the_status_is_the_programs() {
    let files = Files::new();
    for (status, expected) in [(0, 0), (1, 1), (42, 42), (255, 255), (256, 1), (u32::MAX, 255)] {
        let ran = wasmote(["run", &files.file("exit.wat", exit(status))]);
        ran.said(expected, &[]);
        assert_eq!(ran.stderr, "", "{status}");
    }
}

#[test]
fn a_directory_is_granted_as_far_as_it_says() {
    let files = Files::new();
    let (make, show) = (files.file("make.wat", make()), files.file("show.wat", show()));
    files.file("file", "in it");
    let dir = files.dir().to_str().unwrap();

    let none = wasmote(["run", &show]);
    assert_ne!(none.status, 0, "a file was opened without any directory");
    assert_eq!(none.text(), "");

    let read_only = format!("{dir}::/data:ro");
    assert_eq!(wasmote(["run", "--dir", &read_only, &show]).text(), "in it");
    assert_ne!(wasmote(["run", "--dir", &read_only, &make]).status, 0);
    assert!(!files.path("made").exists());

    wasmote(["run", "--dir", dir, &make]).said(0, &[]);
    assert_eq!(fs::read(files.path("made")).unwrap(), b"made");
}

#[test]
fn a_directory_may_go_by_any_name() {
    let files = Files::new();
    let name = |name: &str| {
        let body = format!(
            "(call $check (call $fd_prestat_dir_name (i32.const 3) (i32.const 8192) (i32.const {0})))
             (call $write (i32.const 1) (i32.const 8192) (i32.const {0}))",
            name.len()
        );
        files.file("name.wat", command_wat(&body, ""))
    };
    let dir = files.dir().to_str().unwrap();
    for (spelled, expected) in [
        ("::/", "/"),
        ("::/a:b", "/a:b"),
        ("::ro", "ro"),
        ("::/x:ro", "/x"),
        ("::/x:ro:rw", "/x:ro"),
        ("", dir),
    ] {
        let ran = wasmote(["run", "--dir", &format!("{dir}{spelled}"), &name(expected)]);
        ran.said(0, &[]);
        assert_eq!(ran.text(), expected, "{spelled}");
    }
}

#[test]
fn a_function_is_called_with_values_of_its_types() {
    let files = Files::new();
    let path = files.file("functions.wat", program::FUNCTIONS);
    let call = |args: &[&str]| wasmote(["run", "--invoke", args[0], &path].iter().chain(&args[1..]));
    assert_eq!(call(&["add", "1", "2"]).text(), "3\n");
    assert_eq!(call(&["add", "-1", "0xffffffff"]).text(), "-2\n");
    assert_eq!(call(&["add", "--", "-1", "2"]).text(), "1\n");
    assert_eq!(call(&["swap", "-9223372036854775808", "1.5"]).text(), "1.5\n-9223372036854775808\n");
    assert_eq!(call(&["nothing"]).text(), "");
    for (args, parts) in [
        (&["add", "1"][..], &["`add` takes 2 parameters (i32, i32)", "1 was given"][..]),
        (&["add", "1", "x"], &["parameter 2 of `add`", "`x` is no i32"]),
        (&["add", "4294967296", "0"], &["parameter 1 of `add`"]),
        (&["ad"], &["exports no function `ad`", "`add`, `deep`"]),
        (&["memory"], &["exports no function `memory`"]),
    ] {
        let ran = call(args);
        ran.said(1, parts);
        assert_eq!(ran.stdout, b"", "{args:?}");
    }
    wasmote(["run", &path]).said(1, &["is no command", "--invoke NAME", "`add`"]);
}

#[test]
fn a_trap_names_the_file_the_function_and_the_rule() {
    let files = Files::new();
    let path = files.file("functions.wat", program::FUNCTIONS);
    let call = |args: &[&str]| {
        wasmote(["run", "--invoke"].iter().chain(&args[..1]).chain([&&*path]).chain(&args[1..]))
    };
    call(&["divide", "1", "0"])
        .said(134, &["error: ", "functions.wat", "`divide`", "integer divide by zero"]);
    call(&["deep"]).said(134, &["`deep`", "call stack exhausted", "-W max-wasm-stack=…"]);
    let short = wasmote(["run", "-W", "max-memory-size=4M", "--invoke", "fill", &path]);
    short.said(134, &["unreachable", "4 MiB of 4 MiB", "-W max-memory-size=…"]);
    // What was written before a trap has been written.
    let body = "(call $write (i32.const 1) (i32.const 4096) (i32.const 6)) unreachable";
    let ran = wasmote(["run", &files.file("trap.wat", command_wat(body, "before"))]);
    ran.said(134, &["`_start`", "unreachable"]);
    assert_eq!(ran.text(), "before");
}

#[test]
fn fuel_and_memory_are_bounded_as_told() {
    let files = Files::new();
    let path = files.file("functions.wat", program::FUNCTIONS);
    let spin = wasmote(["run", "-W", "fuel=100_000", "--invoke", "spin", &path]);
    spin.said(134, &["spent all its fuel of 100000", "`spin`", "-W fuel=…"]);
    wasmote(["run", "-W", "fuel=1", "--invoke", "spin", &path])
        .said(1, &["before it was started", "-W fuel=…"]);
    let grow = |args: &[&str]| wasmote(["run"].iter().chain(args).chain(&["--invoke", "grow", &path, "15"]));
    assert_eq!(grow(&["-W", "max-memory-size=1M"]).text(), "1\n");
    assert_eq!(grow(&["-W", "max-memory-size=1023k"]).text(), "-1\n");
    assert_eq!(grow(&["--limits", "mcu"]).text(), "-1\n");
    assert_eq!(grow(&["--limits", "mcu", "-W", "max-memory-size=1M"]).text(), "1\n");
    assert_eq!(grow(&["-W", "metering=n"]).text(), "1\n");
    let large = files.file("large.wat", "(module (memory 17) (func (export \"_start\")))");
    wasmote(["run", "-W", "max-memory-size=1M", &large])
        .said(1, &["1 MiB is the limit", "-W max-memory-size=…"]);
    wasmote(["run", "-W", "max-module-size=8", &large])
        .said(1, &["larger than 8 bytes", "-W max-module-size=…"]);
}

#[test]
fn what_the_machine_cannot_give_is_told_as_that() {
    let files = Files::new();
    let empty = files.file("empty.wat", "(module (func (export \"_start\")))");
    wasmote(["run", "-W", "max-instances=0", &empty])
        .said(1, &["asks for 1, and 0 is the limit (core instances)", "-W max-instances=…"]);
    let big = files.file("big.wat", "(module (memory 60000) (func (export \"_start\")))");
    let script = "ulimit -v 3000000; exec \"$0\" run -W max-memory-size=4G \"$1\"";
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(script).arg(command().get_program()).arg(&big);
    let ran = ended(shell.output().unwrap());
    ran.said(1, &["more memory", "than this machine can give", "big.wat"]);
    assert!(!ran.stderr.contains("not a valid"), "{}", ran.stderr);
    // A segment that does not fit traps, as an instruction would.
    let segment =
        r#"(module (table 1 funcref) (func $f) (elem (i32.const 1) func $f) (func (export "_start")))"#;
    let ran = wasmote(["run", &files.file("segment.wat", segment)]);
    ran.said(1, &["out of bounds table access"]);
    // And names that are the host's are no reason to call a module invalid.
    let reserved = r#"(module (func (export "wasmote:x")) (func $s) (start $s) (func (export "_start")))"#;
    let ran = wasmote(["run", &files.file("reserved.wat", reserved)]);
    ran.said(1, &["`wasmote:`"]);
    assert!(!ran.stderr.contains("not a valid"), "{}", ran.stderr);
}

/// The platform ends a process that writes past what it may (`SIGXFSZ`): a guest is told, and goes on.
#[test]
fn a_guest_that_writes_past_the_longest_file_is_told() {
    let files = Files::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "xy")
        (data (i32.const 8) "\00\10\00\00\00\10\00\00")
        ;; Opens the file whose name lies there.
        (func $file (param $name i32) (param $flags i32) (result i32)
            (if (call $open (i32.const 3) (i32.const 0) (local.get $name) (i32.const 1) (i32.const 1)
                    (i64.const 0x400044) (i64.const 0) (local.get $flags) (i32.const 100))
                (then (call $exit (i32.const 99))))
            (i32.load (i32.const 100)))
        ;; What a write says that does not succeed any more, of a thousand of 4 KiB.
        (func $fill (param $fd i32) (result i32) (local $left i32) (local $errno i32)
            (local.set $left (i32.const 1000))
            (loop $more
                (local.set $errno (call $write (local.get $fd) (i32.const 8) (i32.const 1) (i32.const 200)))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $more (i32.and (i32.eqz (local.get $errno)) (i32.ne (local.get $left) (i32.const 0)))))
            (local.get $errno))
        (func $expect (param $number i32) (param $errno i32) (param $expected i32)
            (if (i32.ne (local.get $errno) (local.get $expected)) (then (call $exit (local.get $number)))))
        (func (export "_start") (local $x i32)
            (local.set $x (call $file (i32.const 0) (i32.const 0)))
            (call $expect (i32.const 10)
                (call $pwrite (local.get $x) (i32.const 8) (i32.const 1) (i64.const 2000000000) (i32.const 200))
                (i32.const 22))
            (call $expect (i32.const 11) (call $size (local.get $x) (i64.const 2000000000)) (i32.const 22))
            (call $expect (i32.const 12) (call $size (local.get $x) (i64.const 10)) (i32.const 0))
            (call $expect (i32.const 13) (call $fill (local.get $x)) (i32.const 22))
            (call $expect (i32.const 14) (call $fill (call $file (i32.const 1) (i32.const 1))) (i32.const 22))
            (call $expect (i32.const 15) (call $fill (i32.const 1)) (i32.const 22))))"#;
    let text = files.file("long.wat", text);
    let (folder, out) = (files.dir().join("folder"), files.path("out"));
    std::fs::create_dir(&folder).unwrap();
    for redirected in [">", ">>"] {
        std::fs::write(&out, "").unwrap();
        let script = format!("ulimit -f 100; exec \"$0\" run --dir \"$1::/\" \"$2\" {redirected} \"$3\"");
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(script).arg(command().get_program()).arg(&folder).arg(&text).arg(&out);
        ended(shell.output().unwrap()).said(0, &[]);
        let lengths = [folder.join("x"), folder.join("y"), out.clone()];
        let lengths = lengths.map(|path| std::fs::metadata(path).unwrap().len());
        assert!(lengths.iter().all(|length| *length == lengths[0] && *length > 4_096), "{lengths:?}");
        std::fs::remove_file(folder.join("y")).unwrap();
    }
}

/// As above, where it is this program that writes.
#[test]
fn what_the_program_writes_past_the_longest_file_is_an_error() {
    let files = Files::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (func (export "_start") (local $left i32)
            (local.set $left (i32.const 2000))
            (loop $more
                (drop (call $yield))
                (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#;
    let (calls, traced) = (files.file("calls.wat", text), files.path("trace"));
    let big = format!("(module (memory 2) (data (i32.const 0) \"{}\"))", "x".repeat(80_000));
    let big = files.file("big.wasm", wat::parse_str(big).unwrap());
    let (key, bundled) = (files.path("key.pem"), files.path("big.bundle"));
    wasmote(["bundle", "--new-key", key.to_str().unwrap()]).said(0, &[]);
    let limited = |script: &str, paths: [&Path; 3]| {
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -f 100; {script}")).arg(command().get_program()).args(paths);
        ended(shell.output().unwrap())
    };
    let length = |path: &Path| fs::metadata(path).unwrap().len();
    // To a file of its own: the guest ends by itself, and what it was to be told with is not whole.
    let ran = limited("exec \"$0\" run --trace=\"$2\" \"$1\"", [calls.as_ref(), &traced, &traced]);
    ran.said(1, &["the trace", "is incomplete"]);
    let room = length(&traced);
    assert!((4_096..100_000).contains(&room), "{room}");
    // To a standard error that is a file nobody is told, and the guest ends as it would.
    let ran = limited("exec \"$0\" run --trace \"$1\" 2> \"$2\"", [calls.as_ref(), &traced, &traced]);
    ran.said(0, &[]);
    assert_eq!(length(&traced), room);
    // And what a command is for.
    let ran = limited("exec \"$0\" bundle \"$1\" --key \"$2\" -o \"$3\"", [big.as_ref(), &key, &bundled]);
    ran.said(1, &["big.bundle"]);
}

#[test]
fn a_function_that_is_imported_and_exported_may_wait() {
    let files = Files::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $c (param i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 4) "\08")
        (export "y" (func $y)) (export "r" (func $r)) (export "c" (func $c)))"#;
    let path = files.file("back.wat", text);
    let call = |args: &[&str]| {
        wasmote(["run", "--invoke"].iter().chain(&args[..1]).chain([&&*path]).chain(&args[1..]))
    };
    for (args, errno) in [(&["y"][..], "0\n"), (&["c", "77"], "8\n"), (&["r", "0", "0", "1", "16"], "0\n")] {
        let ran = call(args);
        ran.said(0, &[]);
        assert_eq!(ran.text(), errno, "{args:?}");
    }
    // Nobody ever writes to it.
    let mut child = command();
    child
        .args(["run", "-W", "timeout=200ms", "--invoke", "r", &path, "0", "0", "1", "16"])
        .stdin(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let stdin = child.stdin.take();
    let ran = ended(child.wait_with_output().unwrap());
    drop(stdin);
    ran.said(134, &["did not end `r` within 200ms"]);
}

#[test]
fn a_timeout_ends_what_computes_what_sleeps_and_what_reads() {
    let files = Files::new();
    let spin = files.file("spin.wat", "(module (func (export \"_start\") (loop $l (br $l))))");
    let sleep = files.file("sleep.wat", sleep());
    let cat = files.file("cat.wat", cat());
    for path in [spin, sleep, cat] {
        let began = Instant::now();
        let mut child = command();
        child.args(["run", "-W", "timeout=200ms", &path]).stdin(Stdio::piped());
        let mut child = child.spawn().unwrap();
        // Open, and silent, for as long as the program runs.
        let stdin = child.stdin.take();
        let ran = ended(child.wait_with_output().unwrap());
        drop(stdin);
        ran.said(134, &["did not end `_start` within 200ms", "-W timeout=…"]);
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(20), "{path}: {took:?}");
    }
}

#[test]
fn a_timeout_covers_what_nobody_interrupts() {
    let files = Files::new();
    let component = |iterations: u32| {
        format!(
            r#"(component
              (core module $m
                (func $start (local $n i32)
                  (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {iterations})))))
                (start $start)
                (func (export "run") (result i32) (i32.const 0)))
              (core instance $m (instantiate $m))
              (func $run (result (result)) (canon lift (core func $m "run")))
              (instance $command (export "run" (func $run)))
              (export "wasi:cli/run@0.2.0" (instance $command)))"#
        )
    };
    let quick = files.file("quick.wat", component(1));
    wasmote(["run", "-W", "timeout=20s", &quick]).said(0, &[]);
    // It ends, but too late.
    let slow = files.file("slow.wat", component(8_000_000));
    wasmote(["run", &slow]).said(0, &[]);
    wasmote(["run", "--stats", "-W", "timeout=5ms", &slow]).said(134, &["did not end", "within 5ms", "fuel"]);
}

#[test]
fn a_virtual_clock_and_a_seed_make_runs_the_same() {
    let files = Files::new();
    let sleep = files.file("sleep.wat", sleep());
    let began = Instant::now();
    wasmote(["run", "-S", "clocks=virtual", &sleep]).said(0, &[]);
    assert!(began.elapsed() < Duration::from_secs(30), "a minute of virtual time took as long");
    let body = "(call $check (call $random_get (i32.const 8192) (i32.const 16)))
                (call $write (i32.const 1) (i32.const 8192) (i32.const 16))";
    let random = files.file("random.wat", command_wat(body, ""));
    let seeded = |seed: &str| wasmote(["run", "-S", &format!("random=seed:{seed}"), &random]).stdout;
    assert_eq!(seeded("1").len(), 16);
    assert_eq!(seeded("1"), seeded("1"));
    assert_ne!(seeded("1"), seeded("2"));
    assert_ne!(wasmote(["run", &random]).stdout, wasmote(["run", &random]).stdout);
}

#[test]
fn a_granted_socket_accepts_connections() {
    let files = Files::new();
    let body = "(call $check (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16)))
                (call $write (i32.load (i32.const 16)) (i32.const 4096) (i32.const 5))";
    let path = files.file("serve.wat", command_wat(body, "hello"));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child =
        command().args(["run", "-S", &format!("tcplisten={address}"), "-W", "timeout=30s", &path]).spawn();
    let mut connection = (0..1_000).find_map(|_| {
        thread::sleep(Duration::from_millis(10));
        TcpStream::connect(address).ok()
    });
    let mut text = String::new();
    connection.as_mut().expect("nobody listens").read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    ended(child.unwrap().wait_with_output().unwrap()).said(0, &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    wasmote(["run", "-S", &format!("tcplisten={address}"), &path])
        .said(1, &[&format!("cannot listen on {address}")]);
}

#[test]
fn a_trace_says_which_grant_was_missing_and_how_to_give_it() {
    let files = Files::new();
    fs::create_dir(files.path("a")).unwrap();
    let dir = format!("{}::/:ro", files.path("a").to_str().unwrap());
    let cases = [
        ("mkdir|0|new", "! not-permitted", "(this is granted for reading only): --dir without `:ro`"),
        (
            "stat|0|../b",
            "! not-permitted",
            "of the directory that is granted): --dir of the directory that it is in",
        ),
        ("stat|0|b", "! no-entry", "no-entry)"),
    ];
    // What its file system does in a directory that may not be changed, and in one that may.
    let dir_ro = ["--dir", &format!("{}:ro", files.dir().to_str().unwrap())];
    let ran = wasmote(["run", "--trace"].iter().chain(&dir_ro).chain(&[&*files.file("make.wat", make())]));
    ran.said(63, &["path_open(", " = perm (this is granted for reading only): --dir without `:ro`"]);
    let outside = files.file("outside.wat", make().replace("\"made\"", "\"../x\""));
    let ran = wasmote(["run", "--trace", "--dir", files.dir().to_str().unwrap(), &outside]);
    ran.said(63, &["path_open(", " = perm (this is outside of", "): --dir of the directory that it is in"]);
    for dialect in ["paths-p2", "paths-p3"] {
        for (attack, said, end) in cases {
            let ran = wasmote(["run", "--trace", "--dir", &dir, &guest(dialect), attack]);
            ran.said(0, &[]);
            assert_eq!(ran.text(), format!("{said}\n"), "{dialect} {attack}");
            let mut calls = ran.stderr.lines().filter(|line| line.contains("-at("));
            assert!(calls.any(|line| line.ends_with(end)), "{dialect} {attack}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_trace_says_once_that_no_directory_is_granted() {
    for guest in ["files", "p2/files", "p3/files"].map(guest) {
        let ran = wasmote(["run", "--trace", &guest]);
        assert_eq!(
            ran.stderr.matches("(no directory is granted): --dir HOST::GUEST").count(),
            1,
            "{}",
            ran.stderr
        );
        let files = Files::new();
        let ran = wasmote(["run", "--trace", "--dir", files.dir().to_str().unwrap(), &guest]);
        assert!(!ran.stderr.contains("no directory is granted"), "{}", ran.stderr);
    }
}

#[test]
fn a_trace_names_variables_and_keeps_their_values() {
    let files = Files::new();
    for name in ["hello-rust", "p2/hello-rust", "p3/hello-rust"] {
        let trace = files.path("trace");
        let to = format!("--trace={}", trace.display());
        let ran = wasmote(["run", "--env", "TOKEN=hunter2", &to, &guest(name)]);
        ran.said(0, &[]);
        // What the program itself does with it is another matter.
        assert!(ran.text().contains("TOKEN=hunter2"), "{}", ran.text());
        let trace = fs::read_to_string(trace).unwrap();
        let asked: Vec<_> = trace.lines().filter(|line| line.contains("environ")).collect();
        assert!(!asked.is_empty() && asked.iter().all(|line| !line.contains("hunter")), "{asked:#?}");
        assert!(
            name == "hello-rust" || asked.iter().any(|line| line.contains(r#"("TOKEN", "…")"#)),
            "{asked:#?}"
        );
    }
}

#[test]
fn flags_that_are_of_no_use_are_told() {
    let files = Files::new();
    let module = files.file("exit.wat", exit(0));
    let flags = ["--allow-http", "a", "--allow-net", "a:1", "--allow-listen", "*:1", "--features", "all"];
    let ran =
        wasmote(["run"].iter().chain(&flags).chain(&["-S", "inherit-network,allow-ip-name-lookup", &module]));
    ran.said(
        0,
        &[
            "warning: ",
            "exit.wat is a core module, and only components have a use for",
            "`--allow-http`, `--allow-net`, `--allow-listen`",
        ],
    );
    ran.said(0, &["`--features`, `-S inherit-network`, `-S allow-ip-name-lookup`"]);
    for component in ["p2/hello", "p3/hello"].map(guest) {
        let ran = wasmote(["run", "-S", "tcplisten=127.0.0.1:0", &component]);
        ran.said(0, &["warning: ", "is a component", "`-S tcplisten`", "--allow-listen"]);
        // What a component could use is not told, nor what wasmtime wants to be told.
        let ran =
            wasmote(["run", "--allow-http", "a", "--allow-net", "a:1", "-S", "cli,http,p3", &component]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    }
    wasmote(["run", "-S", "fuel=1", &module]).said(2, &["`fuel` is a setting of -W: write `-W fuel=1`"]);
}

#[test]
fn names_need_not_be_text_but_what_a_program_is_told_does() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let files = Files::new();
    let odd = |bytes: &[u8]| files.dir().join(OsStr::from_bytes(bytes)).into_os_string();
    let (module, dir) = (odd(b"make\xff.wat"), odd(b"d\xff"));
    fs::write(&module, make()).unwrap();
    fs::create_dir(&dir).unwrap();
    let mut granted = dir.clone();
    granted.push("::/d");
    let run = |args: &[&OsStr]| wasmote([OsStr::new("run")].iter().chain(args));
    run(&[OsStr::new("--dir"), &granted, &module]).said(0, &[]);
    assert_eq!(fs::read(std::path::Path::new(&dir).join("made")).unwrap(), b"made");
    run(&[OsStr::new("--dir"), &dir, &module]).said(2, &["no UTF-8", "HOST::GUEST"]);
    run(&[&module, OsStr::from_bytes(b"a\xff")]).said(2, &["the program's argument", "no UTF-8"]);
    for flag in ["--env", "--argv0"] {
        run(&[OsStr::new(flag), OsStr::from_bytes(b"A=\xff"), &module]).said(2, &[flag, "no UTF-8"]);
    }
}

#[test]
fn a_trace_and_statistics_say_what_happened() {
    let files = Files::new();
    let cat = files.file("cat.wat", cat());
    let trace = files.path("trace.txt");
    let option = format!("--trace={}", trace.to_str().unwrap());
    let ran = wasmote_with(["run", &option, "--stats", &cat], b"a line");
    ran.said(0, &["fuel ", "host calls ", "memory ", "1 MiB at most", "time "]);
    assert_eq!(ran.text(), "a line");
    let lines = fs::read_to_string(trace).unwrap();
    assert!(lines.contains("fd_read(") && lines.contains("fd_write(") && lines.contains("_start"), "{lines}");

    let ran = wasmote_with(["run", "--trace", &cat], b"x");
    ran.said(0, &["fd_write("]);
    assert_eq!(ran.text(), "x");
    wasmote(["run", "--trace=/nowhere/at/all", &cat])
        .said(1, &["cannot write the trace to `/nowhere/at/all`"]);
}

#[test]
fn a_reader_that_leaves_is_no_failure_of_the_host() {
    let files = Files::new();
    let cat = files.file("cat.wat", cat());
    let mut child = command().args(["run", &cat]).stdin(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || drop(stdin.write_all(&[0; 1 << 20])));
    let ran = ended(child.wait_with_output().unwrap());
    writer.join().unwrap();
    // EPIPE, which this guest ends with.
    ran.said(64, &[]);
}

#[test]
fn modules_are_read_as_binary_as_text_and_from_standard_input() {
    let files = Files::new();
    let text = exit(9);
    let binary = wat::parse_str(&text).unwrap();
    for (name, contents) in [
        ("a.wasm", binary.as_slice()),
        ("a.wat", text.as_bytes()),
        ("none", text.as_bytes()),
        ("b.txt", &binary),
    ] {
        wasmote(["run", &files.file(name, contents)]).said(9, &[]);
    }
    wasmote_with(["run", "-"], &binary).said(9, &[]);
    wasmote_with(["run", "-", "x"], text.as_bytes()).said(9, &[]);
    let commented = format!(" \n;; says nothing\n{text}");
    wasmote(["run", &files.file("commented", commented)]).said(9, &[]);
}

#[test]
fn what_is_no_program_is_refused_in_one_sentence() {
    let files = Files::new();
    let binary = wat::parse_str(exit(0)).unwrap();
    let import = r#"(module (import "env" "magic" (func)) (import "wasi_snapshot_preview1" "fd_write" (func))
                      (func (export "_start")))"#;
    let component = b"(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
      (func (export \"compute\") (canon lift (core func $i \"f\"))))";
    let handler = include_bytes!("program/handler.wat");
    let cases: [(&str, &[u8], &[&str]); 14] = [
        ("empty.wasm", b"", &["is empty"]),
        ("text.wasm", b"hello, world", &["is no WebAssembly file", "does not begin with"]),
        ("elf", b"\x7fELF\x02\x01\x01", &["native ELF", "WASI target"]),
        ("zip", b"PK\x03\x04", &["compressed"]),
        ("three", b"\0as", &["ends after its first bytes"]),
        ("half.wasm", &binary[..binary.len() / 2], &["cannot run", "half.wasm", "not a valid"]),
        ("header.wasm", b"\0asm\x07\0\0\0", &["cannot run", "version"]),
        (
            "bad.wat",
            b"(module (func (export \"_start\") (i32.const)))",
            &["no valid WebAssembly text", "bad.wat:1:"],
        ),
        (
            "wrong.wat",
            b"(module (func (export \"_start\") (result i32) (i64.const 1)))",
            &["cannot run", "wrong.wat"],
        ),
        (
            "import.wat",
            import.as_bytes(),
            &[
                "`env::magic: func() -> ()`",
                "`wasi_snapshot_preview1::fd_write: func() -> ()` instead of func",
            ],
        ),
        ("none.wat", b"(module)", &["exports no function at all"]),
        ("nothing.wat", b"(component)", &["exports no function at all"]),
        ("compute.wat", component, &["is no command", "--invoke", "`compute`"]),
        ("handler.wat", handler, &["answers HTTP requests", "`wasmote serve ", "handler.wat`"]),
    ];
    for (name, contents, parts) in cases {
        let ran = wasmote(["run", &files.file(name, contents)]);
        ran.said(1, parts);
        ran.said(1, &["error: ", name]);
        assert_eq!(ran.stdout, b"", "{name}");
    }
    let start = files.file("start.wat", "(module (func (export \"_start\") (param i32)))");
    wasmote(["run", &start])
        .said(1, &["start.wat is no command", "`_start` takes 1 parameter (i32)", "--invoke _start"]);
    let dir = files.dir().to_str().unwrap();
    wasmote(["run", dir]).said(1, &[&format!("`{dir}` is a directory")]);
    wasmote(["run", "/no/such.wasm"]).said(1, &["there is no file `/no/such.wasm`"]);
    wasmote(["run", "/dev/zero"]).said(1, &["is larger than"]);
    // Less than a file may be, and more than there is memory to assemble in.
    let text = files.file("long.wat", ["(module ", &"(func)".repeat(600_000), ")"].concat());
    wasmote(["run", &text]).said(1, &["long.wat is WebAssembly text of 3.4 MiB", "`-W max-load-memory=…`"]);
    // A line of a generated file is cut.
    let wide = files.file("wide.wat", ["(module (func (nonsense))", &"(func)".repeat(2_000), ")"].concat());
    let ran = wasmote(["run", &wide]);
    ran.said(1, &["wide.wat:1:", "(module (func (nonsense))(func)", "…"]);
    assert!(ran.stderr.len() < 1_000, "{}", ran.stderr.len());
    let few = files.file("few.wat", ["(module ", &"(func)".repeat(1_000), ")"].concat());
    wasmote(["run", "-W", "max-load-memory=400k", &few])
        .said(1, &["WebAssembly text", "`-W max-load-memory=…`"]);
    wasmote(["run", "-W", "max-load-memory=8m", &few]).said(1, &["few.wat", "exports no function"]);
}

#[test]
fn what_cannot_be_granted_is_refused_before_anything_runs() {
    let files = Files::new();
    let make = files.file("make.wat", make());
    let file = files.file("file", "");
    let trace = files.path("trace.txt");
    let option = format!("--trace={}", trace.to_str().unwrap());
    let dir = files.dir().to_str().unwrap();
    let run = |args: &[&str]| wasmote(["run", &option, "--dir", dir].iter().chain(args).chain([&&*make]));
    for (args, status, parts) in [
        (&["--dir", "/no/such"][..], 1, &["there is no directory `/no/such`"][..]),
        (&["--dir", &file], 1, &["is no directory"]),
        (&["--dir", "::/x"], 2, &["HOST::GUEST"]),
        (&["-W", "fule=1"], 2, &["there is no setting `fule`", "-W help"]),
        (&["-W", "fuel=-1"], 2, &["fuel", "no whole number"]),
        (&["-W", "fuel=99999999999999999999"], 2, &["too large"]),
        (&["-W", "timeout=soon"], 2, &["timeout", "500ms"]),
        (&["-W", "max-tables=4294967296"], 2, &["max-tables", "at most 4294967295"]),
        (&["-W", "metering=n,fuel=1"], 2, &["metering=n"]),
        (&["-S", "clocks=slow"], 2, &["clocks", "host or virtual"]),
        (&["-S", "tcplisten=nowhere"], 2, &["tcplisten", "127.0.0.1:8080"]),
        (&["--limits", "pdp11"], 2, &["mcu, server"]),
        (&["--no-such-flag"], 2, &["--no-such-flag"]),
    ] {
        run(args).said(status, parts);
        assert!(!trace.exists() && !files.path("made").exists(), "{args:?} was half done");
    }
    wasmote(["run"]).said(2, &["<MODULE>"]);
}

#[test]
fn help_that_nobody_reads_is_no_fault_and_that_cannot_be_written_is_an_error() {
    for args in [&["run", "-W", "help"][..], &["run", "-S", "help"], &["run", "--help"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = ended(command().args(args).stdout(writer).output().unwrap());
        assert!(ran.status == 0 && ran.stderr.is_empty(), "{args:?}: {} {}", ran.status, ran.stderr);
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = ended(command().args(["run", "-W", "help"]).stdout(full).output().unwrap());
    ran.said(1, &["cannot print the settings"]);
}

#[test]
fn help_says_what_matters() {
    for (args, parts) in [
        (
            &["--help"][..],
            &["run", "inspect", "--dir data::/data:ro", "wasm32-wasip1", "-W fuel=1000000"][..],
        ),
        (&["run", "--help"], &["--dir", "read", "--env", "--invoke", "-W help", "134", "Examples:"]),
        (&["run", "-W", "help"], &["fuel=N", "timeout=TIME", "max-memory-size=BYTES", "256 MiB"]),
        (
            &["run", "-S", "help"],
            &["inherit-env", "clocks=host|virtual", "random=host|seed:N", "max-handles"],
        ),
        (&["inspect", "--help"], &["--json", "Runs nothing"]),
        (&["--version"], &["wasmote 0."]),
    ] {
        let ran = wasmote(args);
        ran.said(0, &[]);
        for part in parts {
            assert!(ran.text().contains(part), "{args:?}: `{part}` is not in: {}", ran.text());
        }
        assert!(!ran.text().contains('\x1b'), "colours where there is no terminal");
    }
}

#[test]
fn limits_that_are_met_at_the_start_name_their_flags() {
    let files = Files::new();
    let dir = files.dir().to_str().unwrap();
    let (hello, component) = (guest("hello"), guest("p2/hello"));
    for (args, parts) in [
        (
            &["-W", "fuel=10", &*hello][..],
            &["spent all its fuel of 10 before it was started", "`-W fuel=…`"][..],
        ),
        (&["-W", "fuel=10", &component], &["spent all its fuel of 10 before it was started", "`-W fuel=…`"]),
        (
            &["-S", "max-descriptors=3", "--dir", dir, &hello],
            &["asks for 4, and 3 is the limit (open files,", "`-S max-descriptors=…`"],
        ),
        (&["-W", "max-tasks=0", &component], &["too many tasks", "`-W max-tasks=…`"]),
        (&["-W", "max-call-depth=1", &component], &["call stack exhausted", "`-W max-call-depth=…`"]),
        (
            &["-W", "max-load-memory=1", &component],
            &["and 1 byte is the limit (host memory to load it, by estimate)"],
        ),
        (
            &["-W", "max-imports-exports=1", &component],
            &["and 1 is the limit (imports and exports together)"],
        ),
    ] {
        wasmote(["run"].iter().chain(args)).said(1, parts);
    }
}

#[test]
fn a_program_without_memory_runs_and_its_pointers_lead_nowhere() {
    let ran = wasmote(["run", "--trace", &guest("refused/no-memory")]);
    ran.said(0, &["fd_write(fd=1, ", ") = fault"]);
}
