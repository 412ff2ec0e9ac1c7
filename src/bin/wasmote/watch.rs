//! `--trace` and `--stats`: watching a guest.

use crate::{say, units::show_bytes};
use anyhow::{Context, Result};
use std::{
    borrow::Cow,
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use wasmote::{
    Guest,
    engine::{Accounting, Tracer},
    wasi::filesystem::Denied,
};

/// Where the lines of a trace go. Clones write to the same place.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<Sink>>);

enum Sink {
    Stderr,
    File { path: PathBuf, file: BufWriter<File>, failed: Option<std::io::Error> },
}

impl Trace {
    /// A trace to standard error, or to a new file at `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let sink = match path.as_os_str() == "-" {
            true => Sink::Stderr,
            false => {
                let shown = path.display();
                let file =
                    File::create(path).with_context(|| format!("cannot write the trace to `{shown}`"))?;
                Sink::File { path: path.into(), file: BufWriter::new(file), failed: None }
            }
        };
        Ok(Self(Arc::new(Mutex::new(sink))))
    }

    /// The interposer that writes here, of a guest that was granted a directory or not.
    pub fn tracer(&self, has_directory: bool) -> Tracer<impl FnMut(&str) + Send + 'static> {
        let trace = self.clone();
        let mut is_said = has_directory;
        Tracer::new(move |line| {
            let line = with_flag(line);
            match !is_said && looks_for_directories(&line) {
                true => {
                    is_said = true;
                    trace.line(&format!("{line} (no directory is granted): --dir HOST::GUEST"));
                }
                false => trace.line(&line),
            }
        })
    }

    /// Writes one line.
    pub fn line(&self, line: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).line(&without_values(line));
    }

    /// Writes what is held back, for those who read along.
    pub fn flush(&self) {
        let mut sink = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Sink::File { file, failed: failed @ None, .. } = &mut *sink {
            *failed = file.flush().err();
        }
    }

    /// Writes what is held back.
    ///
    /// # Errors
    ///
    /// When not all of the trace could be written.
    pub fn finish(&self) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

/// A line of a tracer's; where it says that a grant was missing, with the flag that gives it.
pub fn with_flag(line: &str) -> Cow<'_, str> {
    let flags =
        [(Denied::Change, "--dir without `:ro`"), (Denied::Outside, "--dir of the directory that it is in")];
    let said = |denied: &Denied| line.strip_suffix(')').is_some_and(|line| line.ends_with(denied.text()));
    match flags.iter().find(|(denied, _)| said(denied)) {
        Some((_, flag)) => Cow::Owned(format!("{line}: {flag}")),
        None => Cow::Borrowed(line),
    }
}

/// Whether a guest that was granted none asks here for the directories it has.
fn looks_for_directories(line: &str) -> bool {
    line.ends_with(".get-directories() = []")
        || (line.contains(" fd_prestat_get(fd=3, ") && line.ends_with(") = badf"))
}

/// A line of a tracer's, without the values of a guest's variables: they are often secrets, and traces are shown around.
fn without_values(line: &str) -> Cow<'_, str> {
    const CALL: &str = "wasi:cli/environment.get-environment() = ";
    let Some((before, result)) = line.split_once(CALL) else { return Cow::Borrowed(line) };
    let mut shown = format!("{before}{CALL}");
    // A list of pairs of texts: every other text is a value.
    let (mut texts, mut is_text, mut is_escaped) = (0, false, false);
    for letter in result.chars() {
        let is_quote = letter == '"' && !is_escaped;
        is_escaped = is_text && letter == '\\' && !is_escaped;
        if is_quote {
            is_text = !is_text;
            texts += usize::from(is_text);
        }
        match texts % 2 == 0 && is_text {
            true if is_quote => shown.push_str("\"…"),
            true => {}
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

impl Sink {
    fn line(&mut self, line: &str) {
        match self {
            Self::Stderr => say::plain(line),
            Self::File { file, failed, .. } if failed.is_none() => *failed = writeln!(file, "{line}").err(),
            Self::File { .. } => {}
        }
    }

    fn finish(&mut self) -> Result<()> {
        let Self::File { path, file, failed } = self else { return Ok(()) };
        let ended = match failed.take() {
            Some(error) => Err(error),
            None => file.flush(),
        };
        ended.with_context(|| format!("the trace `{}` is incomplete", path.display()))
    }
}

/// What a guest used, for a person.
pub fn stats(
    guest: &Guest,
    accounting: &Accounting,
    metered: bool,
    of_component: bool,
    loading: Duration,
    running: Duration,
) -> String {
    let stats = accounting.stats();
    // What crosses the border of a component is values, which the library does not count by their bytes.
    let written = (!of_component).then_some(stats.bytes_written);
    let mut out = String::new();
    let mut line = |name: &str, value: String| _ = writeln!(out, "{name:<14}{value}");
    if metered {
        line("fuel", guest.fuel_spent().to_string());
    }
    line("host calls", format!("{} ({} of them waited)", stats.host_calls, stats.host_waits));
    if let Some(bytes) = written {
        line("written", format!("{} to its memory", show_bytes(bytes)));
    }
    line("memory", format!("{} at most", show_bytes(guest.memory_bytes())));
    line("time", format!("{loading:.1?} to load, {running:.1?} to run"));
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_are_left_out() {
        let call = "  12   wasi:cli/environment.get-environment() = ";
        for (result, shown) in [
            ("[]", "[]"),
            (r#"[("A", "b"), ("C", "")]"#, r#"[("A", "…"), ("C", "…")]"#),
            (r#"[("A\"", "b\\"), ("C\\", "\", \"d")]"#, r#"[("A\"", "…"), ("C\\", "…")]"#),
            // As long as a line gets.
            (r#"[("A", "b…"#, r#"[("A", "…"#),
        ] {
            assert_eq!(without_values(&format!("{call}{result}")), format!("{call}{shown}"));
        }
        let other = r#"wasi:io/streams.output-stream.write(contents: b"A") = ok"#;
        assert_eq!(without_values(other), other);
    }
}
