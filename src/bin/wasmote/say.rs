//! What this program itself says: on standard error in colour on a terminal, plain elsewhere, and never with a
//! control character that came from a file or a guest; on standard output what it was asked for.

use anyhow::{Context, Result};
use clap::builder::styling::{AnsiColor, Style};
use std::{
    fmt,
    io::{ErrorKind, Write, stdout},
};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Flags that make no sense together, or not with what they are for. This program ends with it as clap does with one that
/// makes none by itself.
#[derive(Debug)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// Says what went wrong.
pub fn error(message: &str) {
    let mut stderr = anstream::stderr().lock();
    _ = writeln!(stderr, "{ERROR}error:{ERROR:#} {}", printable(message));
}

/// Says what went wrong, and when.
pub fn error_at(time: &str, message: &str) {
    let mut stderr = anstream::stderr().lock();
    _ = writeln!(stderr, "{time} {ERROR}error:{ERROR:#} {}", printable(message));
}

/// Says what is done, though it may not be what was meant.
pub fn warning(message: &str) {
    let mut stderr = anstream::stderr().lock();
    _ = writeln!(stderr, "{WARNING}warning:{WARNING:#} {}", printable(message));
}

/// Says `message` as it is, line by line.
pub fn plain(message: &str) {
    let mut stderr = anstream::stderr().lock();
    // A closed standard error leaves nobody to tell.
    _ = writeln!(stderr, "{}", printable(message));
}

/// Prints `text`, which is `what`, as it is on standard output; whether anyone still reads there.
///
/// # Errors
///
/// When it cannot be written. Whoever has read enough (`wasmote inspect … | head`) is no error.
pub fn print(text: &str, what: &str) -> Result<bool> {
    let mut stdout = stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.with_context(|| format!("cannot print {what}")).map(|()| true),
    }
}

/// `text` with control characters escaped. Line ends stay.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && char != '\n' {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_escaped_and_line_ends_stay() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}c\nd"), "a\\u{1b}[2Jb\\u{9b}c\nd");
        assert_eq!(printable("größer"), "größer");
    }
}
