//! What a guest writes, made safe for a terminal.
//!
//! A terminal obeys what it is sent: it can be told to rename its window, to report things as if they were
//! typed, to hide what was printed before. Here text and colours pass (`ESC [ … m`), line ends, tabs and
//! backspaces too; every other control character becomes a picture of itself, and what is no
//! UTF-8 becomes U+FFFD.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use wasmote::cap::{Code, cli::OutputStream};

/// How much of one write is translated at once. Bounds what is held back: at most three times as much.
const CHUNK_BYTES: usize = 4096;
/// As long as a colour sequence may be.
const COLOUR_BYTES_MAX: usize = 32;

/// A stream to a terminal that only passes on what is harmless.
pub struct Filtered<S> {
    to: S,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Bytes of a character or colour that has not ended.
    partial: Vec<u8>,
    /// Translated, and not written yet.
    ready: Vec<u8>,
}

impl<S: OutputStream> Filtered<S> {
    pub fn new(to: S) -> Self {
        Self { to, state: Mutex::new(State::default()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_drain(&self, cx: &mut Context<'_>, state: &mut State) -> Poll<Result<(), Code>> {
        while !state.ready.is_empty() {
            let count = ready!(self.to.poll_write(cx, &state.ready))?;
            state.ready.drain(..count.min(state.ready.len()));
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is held back, the beginning of something that never ended included.
    pub fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        let mut state = self.state();
        for byte in mem::take(&mut state.partial) {
            state.show_byte(byte);
        }
        ready!(self.poll_drain(cx, &mut state))?;
        self.to.poll_flush(cx)
    }
}

impl<S: OutputStream> OutputStream for Filtered<S> {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        let mut state = self.state();
        ready!(self.poll_drain(cx, &mut state))?;
        let taken = &bytes[..bytes.len().min(CHUNK_BYTES)];
        taken.iter().for_each(|byte| state.push(*byte));
        // What cannot be written now is written before the next; it is bounded by the chunk.
        match self.poll_drain(cx, &mut state) {
            Poll::Ready(Err(code)) => Poll::Ready(Err(code)),
            _ => Poll::Ready(Ok(taken.len())),
        }
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        ready!(self.poll_drain(cx, &mut self.state()))?;
        self.to.poll_flush(cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        // An error shows at the next write.
        _ = ready!(self.poll_drain(cx, &mut self.state()));
        self.to.poll_writable(cx)
    }

    fn is_terminal(&self) -> bool {
        self.to.is_terminal()
    }
}

impl State {
    fn push(&mut self, byte: u8) {
        self.partial.push(byte);
        match judge(&self.partial) {
            Judgement::Incomplete => {}
            Judgement::Passes => self.ready.append(&mut self.partial),
            Judgement::Control(char) => {
                self.partial.clear();
                self.show(char);
            }
            // The first byte begins nothing; those after it may.
            Judgement::Broken => {
                let partial = mem::take(&mut self.partial);
                self.show_byte(partial[0]);
                partial[1..].iter().for_each(|byte| self.push(*byte));
            }
        }
    }

    fn show_byte(&mut self, byte: u8) {
        self.show(if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER });
    }

    /// Appends `char`, or its picture.
    fn show(&mut self, char: char) {
        let shown = match char {
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(char)).unwrap_or(char::REPLACEMENT_CHARACTER),
            '\x7f' => '\u{2421}',
            '\u{80}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
            _ => char,
        };
        self.ready.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

enum Judgement {
    Incomplete,
    Passes,
    Control(char),
    Broken,
}

/// What `bytes` are, of which all but the last were incomplete.
fn judge(bytes: &[u8]) -> Judgement {
    match bytes {
        [0x1b, rest @ ..] => judge_colour(rest),
        _ => match core::str::from_utf8(bytes) {
            Ok(text) => match text.chars().next() {
                Some(char) if char.is_control() && !matches!(char, '\n' | '\r' | '\t' | '\x08') => {
                    Judgement::Control(char)
                }
                _ => Judgement::Passes,
            },
            Err(error) if error.error_len().is_none() => Judgement::Incomplete,
            Err(_) => Judgement::Broken,
        },
    }
}

/// What comes after an escape: a colour (ECMA-48, SGR) passes, and nothing else.
fn judge_colour(rest: &[u8]) -> Judgement {
    match rest {
        [] | [b'['] => Judgement::Incomplete,
        [b'[', parameters @ .., last] if parameters.len() < COLOUR_BYTES_MAX => match last {
            b'm' => Judgement::Passes,
            b'0'..=b'9' | b';' | b':' => Judgement::Incomplete,
            _ => Judgement::Broken,
        },
        _ => Judgement::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use wasmote::backend::mem;

    /// What comes out for `bytes`, written `step` at a time.
    fn filtered(bytes: &[u8], step: usize) -> Vec<u8> {
        let out = mem::Output::new();
        let filter = Filtered::new(out.clone());
        let mut cx = Context::from_waker(Waker::noop());
        for chunk in bytes.chunks(step) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let Poll::Ready(Ok(count)) = filter.poll_write(&mut cx, rest) else {
                    panic!("memory never waits")
                };
                rest = &rest[count..];
            }
        }
        assert_eq!(filter.poll_finish(&mut cx), Poll::Ready(Ok(())));
        out.contents()
    }

    #[test]
    fn text_and_colours_pass_unchanged() {
        let text = "plain\tgrün\r\n\x1b[1;38;5;196mred\x1b[0m \u{1f980} a\x08b".as_bytes();
        for step in [1, 2, 3, 1000] {
            assert_eq!(filtered(text, step), text, "{step}");
        }
    }

    #[test]
    fn what_commands_a_terminal_becomes_visible() {
        let cases: [(&[u8], &str); 8] = [
            (b"\x1b]0;title\x07", "\u{241b}]0;title\u{2407}"),
            (b"\x1b[2J", "\u{241b}[2J"),
            (b"\x1b[6n", "\u{241b}[6n"),
            (b"\x1b\x1b[31m!", "\u{241b}\x1b[31m!"),
            ("\u{9b}2J".as_bytes(), "\u{fffd}2J"),
            (b"\x9b2J", "\u{fffd}2J"),
            (b"\x7f\x00", "\u{2421}\u{2400}"),
            (b"end\x1b[3", "end\u{241b}[3"),
        ];
        for (bytes, expected) in cases {
            for step in [1, 1000] {
                assert_eq!(String::from_utf8(filtered(bytes, step)).unwrap(), expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_colour_without_end_is_held_back_only_so_far() {
        let mut bytes = b"\x1b[".to_vec();
        bytes.resize(100_000, b'1');
        let out = filtered(&bytes, 7);
        assert_eq!(out.len(), bytes.len() + 2);
        assert!(out.starts_with("\u{241b}[111".as_bytes()));
    }

    #[test]
    fn no_input_brings_an_escape_out_but_in_a_colour() {
        let mut seed = 1u32;
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..24)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"\x1b[m;1\x9b\xc2\xe2\x07a"[(seed >> 24) as usize % 10]
                })
                .collect();
            let out = String::from_utf8(filtered(&bytes, 5)).unwrap();
            for (at, _) in out.match_indices('\x1b') {
                let rest = &out[at + 1..];
                let end = rest.find('m').unwrap_or_else(|| panic!("{bytes:?}: {out:?}"));
                assert!(
                    rest[..end].starts_with('[')
                        && !rest[1..end].contains(|c: char| !"0123456789;:".contains(c))
                );
            }
            assert!(!out.contains('\u{9b}') && !out.contains('\x07'));
        }
    }
}
