//! What was seen here, as a script that wasmtime checks.

use super::{Ended, module::Case, operators};
use std::{fs, process::Command};
use wasmote::engine::Value;

#[derive(Default)]
pub struct Script {
    text: String,
    lines: usize,
    /// The seed of each case, by its first line.
    seeds: Vec<(usize, u64)>,
}

impl Script {
    fn line(&mut self, text: &str) {
        self.lines += 1 + text.matches('\n').count();
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Adds a module, calls of it, and what they came to.
    pub fn add(&mut self, seed: u64, case: &Case, ended: &[Ended]) {
        self.seeds.push((self.lines + 1, seed));
        self.line(&format!("(module definition $m{seed}\n{})", case.text));
        let mut instance = format!("$i{seed}");
        let instantiate = |instance: &str| format!("(module instance {instance} $m{seed})");
        self.line(&instantiate(&instance));
        for (at, (call, ended)) in case.calls.iter().zip(ended).enumerate() {
            self.line(&format!("(invoke {instance} \"reset\")"));
            let invoke = format!("(invoke {instance} \"f{}\"{})", call.function, params(&call.params));
            match ended {
                Ended::Values(values, hash) => {
                    self.line(&format!("(assert_return {invoke}{})", results(values)));
                    self.line(&format!("(assert_return (invoke {instance} \"hash\"){})", results(&[*hash])));
                }
                Ended::Trap(text) => {
                    self.line(&format!("(assert_trap {invoke} \"{}\")", wording(text)));
                    instance = format!("$i{seed}-{at}");
                    self.line(&instantiate(&instance));
                }
            }
        }
    }

    /// Has wasmtime check it.
    ///
    /// # Errors
    ///
    /// The seed of a case that is otherwise there, and what wasmtime says.
    pub fn run(&self, wasmtime: &str) -> Result<(), (u64, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("core.wast");
        fs::write(&file, &self.text).unwrap();
        let ran = Command::new(wasmtime)
            .args(["wast", "-O", "opt-level=0", "-C", "cache=n,parallel-compilation=n"])
            .args(["-W", "multi-memory=y,tail-call=y,simd=y,reference-types=y"])
            .arg(&file)
            .env_clear()
            .output()
            .unwrap_or_else(|error| panic!("{wasmtime}: {error}"));
        if ran.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let behind = said.split("core.wast:").nth(1);
        let line = behind.and_then(|text| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let line: usize = line.unwrap_or_else(|| panic!("{said}"));
        let what = self.text.lines().nth(line - 1).unwrap_or("");
        let (_, seed) = self.seeds.iter().rev().find(|(first, _)| *first <= line).expect("lines begin at 1");
        Err((*seed, format!("{what}\n{said}")))
    }
}

/// Parameters as a script has them.
fn params(values: &[Value]) -> String {
    values.iter().map(|value| format!(" {}", written(value))).collect()
}

/// Results as a script expects them: any NaN for a NaN.
fn results(values: &[Value]) -> String {
    let any = |value: &Value| match value {
        Value::F32(value) if value.is_nan() => " (f32.const nan:arithmetic)".into(),
        Value::F64(value) if value.is_nan() => " (f64.const nan:arithmetic)".into(),
        value => format!(" {}", written(value)),
    };
    values.iter().map(any).collect()
}

fn written(value: &Value) -> String {
    match value {
        Value::I32(value) => format!("(i32.const {value})"),
        Value::I64(value) => format!("(i64.const {value})"),
        Value::F32(value) => format!("(f32.const {})", operators::f32_text(value.to_bits())),
        Value::F64(value) => format!("(f64.const {})", operators::f64_text(value.to_bits())),
        Value::V128(value) => format!("(v128.const i64x2 {} {})", *value as i64, (value >> 64) as i64),
        _ => unreachable!("no function takes or returns a reference"),
    }
}

/// How wasmtime says it, or begins to.
fn wording(trap: &str) -> &str {
    trap.strip_suffix(" executed").unwrap_or(trap)
}
