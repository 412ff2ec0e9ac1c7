//! What this program itself says: on standard error in colour on a terminal, plain elsewhere, and never with a
//! control character that came from a file or a guest, nor more of a name than anyone reads; on standard output what it
//! was asked for.

use anyhow::{Context, Result};
use clap::builder::styling::{AnsiColor, Style};
use std::{
    borrow::Cow,
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
    _ = writeln!(stderr, "{ERROR}error:{ERROR:#} {}", sentence(message));
}

/// Says what went wrong, and when.
pub fn error_at(time: &str, message: &str) {
    let mut stderr = anstream::stderr().lock();
    _ = writeln!(stderr, "{time} {ERROR}error:{ERROR:#} {}", sentence(message));
}

/// Says what is done, though it may not be what was meant.
pub fn warning(message: &str) {
    let mut stderr = anstream::stderr().lock();
    _ = writeln!(stderr, "{WARNING}warning:{WARNING:#} {}", sentence(message));
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

/// `text` with control characters escaped, and those that show what stands around them in another order. Line ends stay.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        let is_order = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if is_order || char.is_control() && char != '\n' {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

/// How long a name is shown that stands beside others: one may have as many bytes as its file.
const NAME_BYTES_MAX: usize = 200;

/// `name`, cut where it is too long.
pub fn short(name: &str) -> String {
    cut(name, NAME_BYTES_MAX, 0).into_owned()
}

/// How much is shown of a word, and of a line: what a file or a guest is to blame for is named by it, and its names may
/// have no spaces and no end.
const WORD_BYTES_MAX: usize = 400;
const LINE_BYTES_MAX: usize = 4_000;

/// As [`printable`], with long words and lines cut. What to do about it stands at the end of a line, so that stays.
pub fn readable(text: &str) -> String {
    let cut_line = |line: &str| {
        let words: Vec<_> =
            line.split(' ').map(|word| cut(word, WORD_BYTES_MAX, WORD_BYTES_MAX / 4)).collect();
        cut(&words.join(" "), LINE_BYTES_MAX, LINE_BYTES_MAX / 4).into_owned()
    };
    printable(text).split('\n').map(cut_line).collect::<Vec<_>>().join("\n")
}

/// A message as [`readable`], of which none but the first line begins where messages do: names may hold line ends.
fn sentence(message: &str) -> String {
    readable(message).replace('\n', "\n  ")
}

/// `text` if it is no longer than so many bytes; otherwise about as much of it, of which so many are its end.
fn cut(text: &str, bytes_max: usize, end_bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let begin = text.floor_char_boundary(bytes_max - end_bytes);
    let end = text.ceil_char_boundary(text.len() - end_bytes);
    Cow::Owned(format!("{}…{}", &text[..begin], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES_MAX, printable, readable, sentence};

    #[test]
    fn control_characters_are_escaped_and_line_ends_stay() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}c\nd"), "a\\u{1b}[2Jb\\u{9b}c\nd");
        assert_eq!(printable("größer"), "größer");
    }

    #[test]
    fn what_turns_the_order_of_letters_is_escaped() {
        assert_eq!(printable("a\u{202e}b\u{2069}\u{2028}"), "a\\u{202e}b\\u{2069}\\u{2028}");
        assert_eq!(printable("\u{1f468}\u{200d}\u{1f469} \u{5d0}"), "\u{1f468}\u{200d}\u{1f469} \u{5d0}");
    }

    #[test]
    fn long_names_are_cut_and_what_stands_behind_them_stays() {
        let named = |name: &str| format!("a.wasm exports `{name}`: raise the limit with `-W x=…`");
        assert_eq!(readable(&named("größer als")), named("größer als"));
        for name in ["ö".repeat(50_000), "two words ".repeat(10_000), "\x1b".repeat(50_000)] {
            let shown = readable(&named(&name));
            assert!(shown.len() < LINE_BYTES_MAX + 10 && shown.contains('…'), "{shown}");
            assert!(shown.starts_with("a.wasm exports `") && shown.ends_with("with `-W x=…`"), "{shown}");
        }
        assert_eq!(sentence("a\nerror: b"), "a\n  error: b");
    }
}
