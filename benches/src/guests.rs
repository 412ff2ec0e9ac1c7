//! The guests that run here: the repository's own, one from outside, and one that does nothing but call its host.

use anyhow::{Context, Result};
use std::{env, fs, path::Path};

/// A guest of the repository, by its name.
pub fn guest(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests").join(format!("{name}.wasm"));
    fs::read(&path).with_context(|| path.display().to_string())
}

/// CoreMark, where `WASMOTE_COREMARK` says.
pub fn coremark() -> Result<Option<Vec<u8>>> {
    let Some(path) = env::var_os("WASMOTE_COREMARK") else { return Ok(None) };
    fs::read(&path).map(Some).with_context(|| Path::new(&path).display().to_string())
}

/// Exports `empty`, `clock` and `write`: each makes as many rounds as its parameter says, with one host call a round
/// in the last two, and answers the sum of their error numbers.
pub fn caller() -> Result<Vec<u8>> {
    let body = |call: &str| {
        format!(
            "(param $rounds i32) (result i32) (local $errors i32)
                (loop $again
                    (local.set $errors (i32.add (local.get $errors) {call}))
                    (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
                    (br_if $again (local.get $rounds)))
                (local.get $errors)"
        )
    };
    let empty = body("(i32.const 0)");
    let clock = body("(call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 32))");
    let write = body("(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40))");
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "clock_time_get"
                (func $clock_time_get (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write"
                (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            ;; One buffer: a byte at 16.
            (data (i32.const 0) "\10\00\00\00\01\00\00\00")
            (data (i32.const 16) "x")
            (func (export "_start"))
            (func (export "empty") {empty})
            (func (export "clock") {clock})
            (func (export "write") {write}))"#
    );
    Ok(wat::parse_str(text)?)
}
