//! What a WIT file says of its items as documentation comments. It is Markdown, in which rustdoc takes every block of
//! code for Rust to be tested: here each is marked as text, however it is written.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// Text as a documentation comment.
pub(super) fn comment(text: &str) -> Vec<String> {
    let mut blocks = Blocks { after_gap: true, ..Blocks::default() };
    text.trim_matches(['\n', '\r']).lines().for_each(|line| blocks.add(&line.trim_end().replace('\r', " ")));
    blocks.close();
    let lines = blocks.lines.into_iter();
    lines.map(|line| if line.is_empty() { "///".to_owned() } else { format!("/// {line}") }).collect()
}

/// Where in its Markdown a text is: what is taken for a block of code is at least what rustdoc takes for one.
#[derive(Default)]
struct Blocks {
    lines: Vec<String>,
    /// How far in the contents of the list items are that this is in, the innermost last.
    lists: Vec<usize>,
    open: Option<Open>,
    /// Whether the last line was empty, or none.
    after_gap: bool,
}

/// A block of code, as it was begun.
enum Open {
    Fence {
        mark: char,
        length: usize,
        quotes: usize,
        indent: usize,
    },
    /// By how far in it is, with how far in its fences are.
    Indented(usize),
}

/// A line without what it is in.
struct Line<'l> {
    indent: usize,
    quotes: usize,
    /// Its list markers and quotation marks.
    before: &'l str,
    rest: &'l str,
}

/// So much further in, a line that no paragraph goes on with is code.
const CODE_INDENT: usize = 4;

impl Blocks {
    fn add(&mut self, text: &str) {
        let text = text.replace('\t', "    ");
        let line = Line::new(&text);
        if line.rest.is_empty() && line.quotes == 0 {
            self.after_gap = true;
            self.lines.push(text);
            return;
        }
        if self.goes_on(&line, &text) {
            return;
        }
        self.lists.retain(|contents| *contents <= line.indent);
        let within = self.lists.last().copied().unwrap_or_default();
        let after_gap = core::mem::take(&mut self.after_gap);
        if line.indent >= within + CODE_INDENT {
            if after_gap && line.quotes == 0 {
                self.open = Some(Open::Indented(within));
                self.lines.push(format!("{}```text", " ".repeat(within)));
                self.lines.push(text);
            } else {
                self.lines.push(text);
            }
            return;
        }
        match line.fence() {
            Some((mark, length, info)) if mark == '~' || !info.contains('`') => {
                let Line { quotes, indent, before, .. } = line;
                self.open = Some(Open::Fence { mark, length, quotes, indent });
                let fence: String = core::iter::repeat_n(mark, length).collect();
                self.lines.push(format!("{before}{fence}text"));
            }
            _ => {
                // A line of marks alone is a rule across the page.
                if !line.before.trim().is_empty() && !is_rule(&text) {
                    self.lists.push(line.before.len());
                }
                // Code may be the first thing in an item or a quotation.
                let deep = line.rest.len() - line.rest.trim_start().len() >= CODE_INDENT;
                let is_code = deep && !line.before.trim().is_empty();
                self.lines.push(if is_code {
                    format!("{}{}", line.before, line.rest.trim_start())
                } else {
                    text
                });
            }
        }
    }

    /// Whether a line belongs to the block of code that is open. If not, none is any more.
    fn goes_on(&mut self, line: &Line<'_>, text: &str) -> bool {
        match self.open {
            None => return false,
            Some(Open::Indented(within)) if line.indent >= within + CODE_INDENT => {}
            Some(Open::Indented(_)) => {
                self.close();
                return false;
            }
            Some(Open::Fence { mark, length, quotes, indent }) => {
                if line.quotes < quotes || self.lists.last().is_some_and(|_| line.indent < indent) {
                    self.close();
                    return false;
                }
                if line.fence().is_some_and(|(its, count, info)| {
                    its == mark && count >= length && info.is_empty() && line.indent < indent + CODE_INDENT
                }) {
                    self.open = None;
                }
            }
        }
        self.after_gap = false;
        self.lines.push(text.to_owned());
        true
    }

    /// Ends a block of code that is open, before the empty lines that follow it.
    fn close(&mut self) {
        let end = match self.open.take() {
            None => return,
            Some(Open::Fence { mark, length, quotes, indent }) => {
                let marks: String = core::iter::repeat_n("> ", quotes).collect();
                format!(
                    "{}{marks}{}",
                    " ".repeat(indent),
                    core::iter::repeat_n(mark, length).collect::<String>()
                )
            }
            Some(Open::Indented(within)) => format!("{}```", " ".repeat(within)),
        };
        let last = self.lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        self.lines.insert(last, end);
    }
}

impl<'l> Line<'l> {
    fn new(text: &'l str) -> Self {
        let mut rest = text.trim_start();
        let indent = text.len() - rest.len();
        let mut quotes = 0;
        loop {
            let marker = marker(rest);
            let Some(after) = rest.get(marker..).filter(|_| marker > 0) else { break };
            quotes += usize::from(rest.starts_with('>'));
            rest = after;
        }
        let before = &text[..text.len() - rest.len()];
        Self { indent, quotes, before, rest }
    }

    /// What fence it may be: its mark, how long it is, and what it says.
    fn fence(&self) -> Option<(char, usize, &'l str)> {
        let rest = self.rest.trim_start();
        let mark = rest.chars().next().filter(|mark| ['`', '~'].contains(mark))?;
        let info = rest.trim_start_matches(mark);
        let length = rest.len() - info.len();
        (length >= 3).then_some((mark, length, info.trim()))
    }
}

/// How long the quotation mark or list marker is that a text begins with, with the space after it.
fn marker(text: &str) -> usize {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let mark = match text[digits..].chars().next() {
        Some('>') if digits == 0 => return if text.starts_with("> ") { 2 } else { 1 },
        Some('-' | '*' | '+') if digits == 0 => 1,
        Some('.' | ')') if (1..10).contains(&digits) => digits + 1,
        _ => return 0,
    };
    if text[mark..].starts_with(' ') { mark + 1 } else { 0 }
}

fn is_rule(text: &str) -> bool {
    let mut marks = text.chars().filter(|mark| *mark != ' ');
    let Some(first) = marks.next().filter(|mark| "-*_".contains(*mark)) else { return false };
    marks.all(|mark| mark == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let lines: Vec<_> =
            comment(text).iter().map(|line| line[3..].trim_start_matches(' ').to_owned()).collect();
        lines.join("|")
    }

    #[test]
    fn every_block_of_code_is_text() {
        for (text, expected) in [
            ("a\n\n```\nf();\n```\nb", "a||```text|f();|```|b"),
            ("```rust\nf();\n```", "```text|f();|```"),
            ("~~~\nf();\n```\n~~~~\nb", "~~~text|f();|```|~~~~|b"),
            ("> ```\n> f();\n> ```\nb", "> ```text|> f();|> ```|b"),
            ("> ```\n> f();\nb", "> ```text|> f();|> ```|b"),
            ("- a\n  ```\n  f();\n  ```", "- a|```text|f();|```"),
            ("1. ```\n   f();\n   ```", "1. ```text|f();|```"),
            ("a\n\n    f();\n\n    g();\n\nb", "a||```text|f();||g();|```||b"),
            ("    f();", "```text|f();|```"),
            ("a\n\n\tf();", "a||```text|f();|```"),
            ("- a\n\n      f();\n\nb", "- a||```text|f();|```||b"),
            // What is never closed ends with the comment.
            ("a\n```\nf();", "a|```text|f();|```"),
            // No code: a paragraph goes on, an item has another paragraph, a fence that is none.
            ("a\n    b", "a|b"),
            ("- a\n\n  b\n\n    c", "- a||b||c"),
            ("``` a ``` b\nc", "``` a ``` b|c"),
            ("-     f();", "- f();"),
            (">     f();", "> f();"),
            ("* * *\n\n     f();", "* * *||```text|f();|```"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }
}
