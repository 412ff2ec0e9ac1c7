//! Driving the built program.
#![allow(dead_code, reason = "each suite uses a part of this")]

pub mod server;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

/// How a run of the program ended.
pub struct Ended {
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    /// What it printed, as text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    /// Fails unless it ended with `status`, and said on standard error all of `parts` and nothing wild.
    #[track_caller]
    pub fn said(&self, status: i32, parts: &[&str]) {
        assert_eq!(self.status, status, "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in: {}", self.stderr);
        }
        for wild in ["panicked", "RUST_BACKTRACE", "bug in wasmote", "\x1b"] {
            assert!(!self.stderr.contains(wild), "{}", self.stderr);
        }
    }
}

/// The program, with no variable of this environment but `PATH`.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmote"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program.
pub fn wasmote<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    ended(command().args(args).output().unwrap())
}

/// Runs the program with `stdin`.
pub fn wasmote_with<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>, stdin: &[u8]) -> Ended {
    let mut child = command().args(args).stdin(Stdio::piped()).spawn().unwrap();
    let (mut pipe, stdin) = (child.stdin.take().unwrap(), stdin.to_vec());
    // Fails where the program does not want it all.
    let writer = thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    ended(output)
}

pub fn ended(output: Output) -> Ended {
    let status = output.status.code().unwrap_or_else(|| panic!("killed: {}", output.status));
    Ended { status, stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
}

/// A directory of this test's, gone when it is over.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file; answers its path.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path.to_str().unwrap().into()
    }
}

/// A command of WASI 0.1 that does `body`, with `$write` and what else of it a test needs at hand. Its
/// memory has 16 pages; what lies in it from 4096 on is `data`.
pub fn command_wat(body: &str, data: &str) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (data (i32.const 4096) "{data}")
  ;; Ends with the errno, if it is one.
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $exit (local.get $errno)))))
  ;; Writes all of some bytes to a descriptor.
  (func $write (param $fd i32) (param $at i32) (param $count i32)
    (loop $more
      (if (local.get $count) (then
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $count))
        (call $check (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
        (local.set $count (i32.sub (local.get $count) (i32.load (i32.const 8))))
        (br $more)))))
  (func (export "_start") {body}))"#
    )
}

/// Copies standard input to standard output.
pub fn cat() -> String {
    command_wat(
        "(loop $more
           (i32.store (i32.const 0) (i32.const 8192))
           (i32.store (i32.const 4) (i32.const 65536))
           (call $check (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
           (if (i32.load (i32.const 8)) (then
             (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 8)))
             (br $more))))",
        "",
    )
}

/// Prints its arguments, each with a NUL behind it.
pub fn args() -> String {
    command_wat(
        "(call $check (call $args_sizes_get (i32.const 16) (i32.const 20)))
         (call $check (call $args_get (i32.const 1024) (i32.const 8192)))
         (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 20)))",
        "",
    )
}

/// Prints its environment, each variable with a NUL behind it.
pub fn env() -> String {
    command_wat(
        "(call $check (call $environ_sizes_get (i32.const 16) (i32.const 20)))
         (call $check (call $environ_get (i32.const 1024) (i32.const 65536)))
         (call $write (i32.const 1) (i32.const 65536) (i32.load (i32.const 20)))",
        "",
    )
}

/// Ends with `status`.
pub fn exit(status: u32) -> String {
    command_wat(&format!("(call $exit (i32.const {}))", status.cast_signed()), "")
}

/// Creates the file `made` in its first directory; ends with the errno.
pub fn make() -> String {
    command_wat(
        "(call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 4096) (i32.const 4)
           (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 16)))
         (call $write (i32.load (i32.const 16)) (i32.const 4096) (i32.const 4))",
        "made",
    )
}

/// Prints the first bytes of the file `file` in its first directory.
pub fn show() -> String {
    command_wat(
        "(call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 4096) (i32.const 4)
           (i32.const 0) (i64.const 0x2) (i64.const 0) (i32.const 0) (i32.const 16)))
         (i32.store (i32.const 0) (i32.const 8192))
         (i32.store (i32.const 4) (i32.const 100))
         (call $check (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
         (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 8)))",
        "file",
    )
}

/// Waits a minute.
pub fn sleep() -> String {
    // A subscription to the monotonic clock (id 1), relative; all other fields are 0.
    command_wat(
        "(i32.store (i32.const 1040) (i32.const 1))
         (i64.store (i32.const 1048) (i64.const 60000000000))
         (call $check (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 16)))",
        "",
    )
}

/// A module that is no command: it has functions to call.
pub const FUNCTIONS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "swap") (param i64 f64) (result f64 i64) (local.get 1) (local.get 0))
  (func (export "nothing"))
  (func (export "spin") (loop $l (br $l)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $deep (export "deep") (call $deep))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "fill") (drop (memory.grow (i32.const 63))) unreachable))"#;

/// A built guest of `tests/guests`.
pub fn guest(name: &str) -> String {
    format!("{}/tests/guests/{name}.wasm", env!("CARGO_MANIFEST_DIR"))
}

/// What a guest is expected to print.
pub fn expected(name: &str) -> String {
    fs::read_to_string(format!("{}/tests/guests/expected/{name}.txt", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The guests in `refused`, each with a word of the reason.
pub const REFUSED: [(&str, &str); 8] = [
    ("exceptions", "exception"),
    ("legacy-exceptions", "exception"),
    ("gc", "garbage collection"),
    ("function-references", "function references"),
    ("threads", "threads"),
    ("stack-switching", "stack switching"),
    ("unknown-import", "`wasi_snapshot_preview1::fd_teleport: func(i32) -> (i32)`"),
    ("wrong-import", "`wasi_snapshot_preview1::fd_close: func(i64) -> (i32)` instead of func(i32) -> (i32)"),
];
