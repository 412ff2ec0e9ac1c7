//! Bytes and branches of a parser: writes a JSON document of some 6 KiB, then reads it back.

use core::fmt::{self, Write};

/// The document's text, cut off where the buffer ends.
struct Text {
    bytes: [u8; 8192],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

fn write_document(text: &mut Text, seed: u32) -> fmt::Result {
    let mut random = super::Random(u64::from(seed) + 19);
    text.len = 0;
    text.write_str("{\"items\": [")?;
    for index in 0..64 {
        let number = random.next();
        let comma = if index == 0 { "" } else { ", " };
        write!(text, "{comma}{{\"id\": {index}, \"name\": \"item \\\"{:x}\\\"\", ", number >> 40)?;
        write!(text, "\"price\": -{}, \"tags\": [\"a\", \"b\\n\", null]", number & 0xffff)?;
        write!(text, ", \"on\": {}}}", number & 1 == 0)?;
    }
    text.write_str("]}")
}

/// The document breaks the grammar.
struct Bad;

struct Parser<'a> {
    rest: &'a [u8],
    hash: u64,
}

impl Parser<'_> {
    fn take(&mut self) -> Result<u8, Bad> {
        let (&first, rest) = self.rest.split_first().ok_or(Bad)?;
        self.rest = rest;
        Ok(first)
    }

    fn peek(&mut self) -> Result<u8, Bad> {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied().ok_or(Bad)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Bad> {
        if self.peek()? == byte { self.take().map(drop) } else { Err(Bad) }
    }

    /// FNV-1a over all that was read and meant something.
    fn note(&mut self, byte: u8) {
        self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }

    fn string(&mut self) -> Result<(), Bad> {
        self.expect(b'"')?;
        loop {
            let byte = match self.take()? {
                b'"' => return Ok(()),
                b'\\' => match self.take()? {
                    b'n' => b'\n',
                    escaped @ (b'"' | b'\\' | b'/') => escaped,
                    _ => return Err(Bad),
                },
                byte => byte,
            };
            self.note(byte);
        }
    }

    fn number(&mut self) -> Result<(), Bad> {
        let negative = self.peek()? == b'-';
        if negative {
            self.take()?;
        }
        let mut value = 0i64;
        let mut digits = 0;
        while let Some(digit @ b'0'..=b'9') = self.rest.first() {
            value = value * 10 + i64::from(digit - b'0');
            self.rest = &self.rest[1..];
            digits += 1;
        }
        if !(1..=18).contains(&digits) {
            return Err(Bad);
        }
        let value = if negative { -value } else { value };
        value.to_le_bytes().into_iter().for_each(|byte| self.note(byte));
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Bad> {
        self.rest = self.rest.strip_prefix(word).ok_or(Bad)?;
        self.note(word[0]);
        Ok(())
    }

    /// What stands between `open` and `close`, with commas; `member` reads one.
    fn list(
        &mut self,
        [open, close]: [u8; 2],
        mut member: impl FnMut(&mut Self) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        self.expect(open)?;
        self.note(open);
        if self.peek()? == close {
            return self.expect(close);
        }
        loop {
            member(self)?;
            match self.peek()? {
                b',' => self.expect(b',')?,
                _ => return self.expect(close),
            }
        }
    }

    fn value(&mut self, depth: u32) -> Result<(), Bad> {
        let deeper = depth.checked_sub(1).ok_or(Bad)?;
        match self.peek()? {
            b'"' => self.string(),
            b'[' => self.list(*b"[]", |parser| parser.value(deeper)),
            b'{' => self.list(*b"{}", |parser| {
                parser.string()?;
                parser.expect(b':')?;
                parser.value(deeper)
            }),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }
}

pub fn run(iterations: u32) -> u64 {
    let mut text = Text { bytes: [0; 8192], len: 0 };
    (0..iterations).fold(0, |sum, round| {
        if write_document(&mut text, round).is_err() {
            return 0xbad;
        }
        let mut parser = Parser { rest: &text.bytes[..text.len], hash: 0xcbf2_9ce4_8422_2325 };
        let read = parser.value(8).is_ok() && parser.rest.is_empty();
        super::fold(sum, if read { parser.hash } else { 0xbad })
    })
}
