//! Strings: three encodings, and the nine ways from one to another.
//!
//! The sequence of allocations is the specification's (`CanonicalABI.md`, "Storing", from
//! `store_string_into_range` on), since a guest can watch it: how much is asked for first, when it grows to
//! the worst case, and when it shrinks to what was used.

use crate::{
    Rule,
    component::{
        abi::{
            BYTES_MAX, GuestOptions, Span, bytes, bytes_mut, inside, is_aligned, reallocate, room, slice,
            slice_mut,
        },
        definition::Encoding,
        store::Cx,
        types::AddressType,
    },
    engine::Fault,
};
use alloc::{string::String, vec::Vec};

/// The beginning of a guest's string, for who watches: at most so many bytes of it, whatever is in them; and how many the
/// whole has. None where it lies nowhere.
pub(crate) fn beginning(
    options: &GuestOptions,
    memory: &[u8],
    span: Span,
    bytes_max: usize,
) -> Option<(String, usize)> {
    let Units { at, length, form } = Units::check(options, memory, span, true).ok()?;
    let shown = &memory[at..at + length.min(bytes_max)];
    let text = match form {
        Form::Utf8 => String::from_utf8_lossy(shown).into_owned(),
        Form::Latin1 => shown.iter().copied().map(char::from).collect(),
        Form::Utf16 { .. } => {
            let units = shown.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
    };
    Some((text, length))
}

/// Some of a string's code units, in whichever form its owner keeps them: whole characters, well-formed.
#[derive(Clone, Copy, Debug)]
enum Text<'t> {
    Utf8(&'t str),
    /// Little-endian.
    Utf16(&'t [u8]),
    Latin1(&'t [u8]),
}

/// A string on its way into a guest.
pub(crate) enum Source<'s> {
    /// The host's.
    Host(&'s str),
    /// Another guest's, which keeps it in its memory.
    Guest { options: &'s GuestOptions, units: &'s Units },
}

/// So many bytes of a string are on their way at once: a string crosses without the host holding more of it.
const CHUNK_BYTES: usize = 16 << 10;

/// The bit that marks UTF-16 in the length of a `latin1+utf16` string (`utf16_tag`).
fn utf16_tag(address: AddressType) -> u64 {
    1 << (address.size() * 8 - 1)
}

/// Where the code units of a guest's string lie, checked: how many bytes, and whether they are UTF-16, Latin-1, or else
/// UTF-8.
pub(crate) struct Units {
    at: usize,
    length: usize,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Utf8,
    Utf16 { tagged: bool },
    Latin1,
}

impl Units {
    /// Checks a pointer and a number of code units (`load_string_from_range`).
    #[inline]
    pub(crate) fn check(
        options: &GuestOptions,
        memory: &[u8],
        (at, units): Span,
        to_host: bool,
    ) -> Result<Self, Fault> {
        let tag = utf16_tag(options.address);
        let (form, align, length) = match options.encoding {
            Encoding::Utf8 => (Form::Utf8, 1, units),
            Encoding::Utf16 => (Form::Utf16 { tagged: false }, 2, units.saturating_mul(2)),
            Encoding::Latin1OrUtf16 if units & tag != 0 => {
                (Form::Utf16 { tagged: true }, 2, (units ^ tag).saturating_mul(2))
            }
            Encoding::Latin1OrUtf16 => (Form::Latin1, 2, units),
        };
        let out_of_bounds = if to_host { Rule::StringPointer } else { Rule::StringOutOfBounds };
        if length > BYTES_MAX {
            return Err(out_of_bounds.into());
        }
        if !is_aligned(at, align) {
            return Err(if to_host { Rule::StringUnaligned } else { Rule::UnalignedPointer }.into());
        }
        let at = inside(memory, at, length).ok_or(out_of_bounds)?;
        Ok(Self { at, length: length as usize, form })
    }

    /// The code units of a whole string, checked for well-formedness.
    #[inline]
    fn text<'t>(&self, units: &'t [u8]) -> Result<Text<'t>, Fault> {
        Ok(match self.form {
            Form::Utf8 => Text::Utf8(utf8(units)?),
            Form::Latin1 => Text::Latin1(units),
            Form::Utf16 { .. } => Text::Utf16(utf16(units)?),
        })
    }

    /// As many of the next code units as are whole characters, checked for well-formedness. `is_last` says whether the
    /// string ends with them.
    fn next_text<'t>(&self, units: &'t [u8], is_last: bool) -> Result<Text<'t>, Fault> {
        if is_last {
            return self.text(units);
        }
        match self.form {
            Form::Utf8 => {
                // A character has no more than three bytes before its last.
                let cut =
                    (0..4).find(|cut| !matches!(units[units.len() - 1 - cut], 0x80..=0xbf)).unwrap_or(0);
                let end = units.len() - 1 - cut;
                self.text(if units[end] < 0x80 { units } else { &units[..end] })
            }
            Form::Latin1 => self.text(units),
            Form::Utf16 { .. } => {
                let is_high = matches!(units, [.., 0xd8..=0xdb]);
                self.text(if is_high { &units[..units.len() - 2] } else { units })
            }
        }
    }
}

/// What is left of a string to be read, a piece at a time.
struct Pieces<'s> {
    source: Source<'s>,
    /// Bytes of it that were read.
    done: usize,
}

impl Pieces<'_> {
    /// The next piece; none at the end. `buffer` is where it is read to.
    fn next<'b, T: Send>(
        &'b mut self,
        cx: &Cx<'_, T>,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<Text<'b>>, Fault> {
        match &self.source {
            Source::Host(text) => {
                let rest = &text[self.done..];
                let piece = &rest[..rest.floor_char_boundary(CHUNK_BYTES)];
                self.done += piece.len();
                Ok((!piece.is_empty()).then_some(Text::Utf8(piece)))
            }
            Source::Guest { options, units: all } => {
                let left = all.length - self.done;
                if left == 0 {
                    return Ok(None);
                }
                let units = slice(bytes(cx, options), all.at, all.length, Rule::StringOutOfBounds)?;
                let count = left.min(CHUNK_BYTES);
                buffer.clear();
                buffer.extend_from_slice(&units[self.done..self.done + count]);
                let text = all.next_text(buffer, count == left)?;
                self.done += text.len();
                if text.len() == 0 {
                    // Not one whole character in as many bytes.
                    return Err(Rule::InvalidUtf8.into());
                }
                Ok(Some(text))
            }
        }
    }
}

impl Text<'_> {
    /// Its length in bytes, as its owner has it.
    fn len(&self) -> usize {
        match self {
            Self::Utf8(text) => text.len(),
            Self::Utf16(units) | Self::Latin1(units) => units.len(),
        }
    }

    fn for_each(&self, mut each: impl FnMut(char)) {
        match self {
            Self::Utf8(text) => text.chars().for_each(each),
            Self::Utf16(units) => chars16(units).for_each(each),
            Self::Latin1(units) => units.iter().for_each(|unit| each(char::from(*unit))),
        }
    }
}

/// A guest's string as the host has strings. Reading it is paid for.
#[inline]
pub(crate) fn lift_string<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    units: &Units,
) -> Result<String, Fault> {
    cx.check_host_bytes(units.length)?;
    cx.charge_moved(units.length)?;
    let memory = bytes(cx, options);
    let text = units.text(slice(memory, units.at, units.length, Rule::StringPointer)?)?;
    Ok(match text {
        Text::Utf8(text) => text.into(),
        Text::Latin1(units) => units.iter().copied().map(char::from).collect(),
        Text::Utf16(units) => chars16(units).collect(),
    })
}

#[inline]
fn utf8(units: &[u8]) -> Result<&str, Fault> {
    core::str::from_utf8(units).map_err(|error| match error.error_len() {
        None => Rule::IncompleteUtf8.into(),
        Some(_) => Rule::InvalidUtf8.into(),
    })
}

fn utf16(units: &[u8]) -> Result<&[u8], Fault> {
    if char::decode_utf16(units16(units)).any(|unit| unit.is_err()) {
        return Err(Rule::InvalidUtf16.into());
    }
    Ok(units)
}

fn units16(units: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    units.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// The characters of well-formed UTF-16.
fn chars16(units: &[u8]) -> impl Iterator<Item = char> + Clone + '_ {
    char::decode_utf16(units16(units)).filter_map(Result::ok)
}

fn push16(c: char, to: &mut Vec<u8>) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        to.extend_from_slice(&unit.to_le_bytes());
    }
}

fn push8(c: char, to: &mut Vec<u8>) {
    to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Puts a string into a guest's memory: its address, and its length as that guest counts it.
#[inline]
pub(crate) fn store_string<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    source: Source<'_>,
) -> Result<Span, Fault> {
    match &source {
        Source::Host(text) if options.encoding == Encoding::Utf8 => store_same(cx, options, text),
        Source::Guest { options: from, units }
            if options.encoding == Encoding::Utf8
                && units.form == Form::Utf8
                && units.length <= CHUNK_BYTES =>
        {
            copy_short(cx, from, units, options)
        }
        _ => store_in_pieces(cx, options, source),
    }
}

/// Any string from any encoding to any other.
#[inline(never)]
fn store_in_pieces<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    source: Source<'_>,
) -> Result<Span, Fault> {
    let (form, length) = match &source {
        Source::Host(text) => (Form::Utf8, text.len()),
        Source::Guest { units, .. } => (units.form, units.length),
    };
    let mut store = Storing {
        options,
        pieces: Pieces { source, done: 0 },
        buffer: cx.state_mut().take_scratch(),
        at: 0,
        allocated: 0,
        written: 0,
        is_tagged: false,
    };
    cx.charge_moved(length)?;
    let units = if matches!(form, Form::Utf16 { .. }) { length / 2 } else { length };
    let stored = match (options.encoding, form) {
        (Encoding::Utf8, Form::Utf8) => store.same(cx, 1, length),
        (Encoding::Utf8, Form::Utf16 { .. }) => store.store_utf8(cx, units, 3),
        (Encoding::Utf8, Form::Latin1) => store.store_utf8(cx, units, 2),
        (Encoding::Utf16, Form::Utf8) => store.store_utf16(cx, units),
        (Encoding::Utf16, Form::Utf16 { .. }) => store.same(cx, 2, length).map(|_| units),
        (Encoding::Utf16, Form::Latin1) => store.store_utf16(cx, units),
        (Encoding::Latin1OrUtf16, Form::Utf8 | Form::Utf16 { tagged: false }) => {
            store.store_compact(cx, units)
        }
        (Encoding::Latin1OrUtf16, Form::Utf16 { tagged: true }) => store.probably_wide(cx, length),
        (Encoding::Latin1OrUtf16, Form::Latin1) => store.same(cx, 2, length),
    };
    let (at, stored) = (store.at, stored?);
    cx.state_mut().keep_scratch(store.buffer);
    let tag = if store.is_tagged { utf16_tag(options.address) } else { 0 };
    Ok((at as u64, stored as u64 | tag))
}

/// The host's string as it is: what most strings are.
#[inline]
fn store_same<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    text: &str,
) -> Result<Span, Fault> {
    cx.charge_moved(text.len())?;
    let at = reallocate(cx, options, (0, 0), 1, text.len() as u64)?;
    let memory = slice_mut(bytes_mut(cx, options), at, text.len(), Rule::StringOutOfBounds)?;
    memory.copy_from_slice(text.as_bytes());
    Ok((at as u64, text.len() as u64))
}

/// Another guest's UTF-8 in one piece: what most strings between guests are.
#[inline]
fn copy_short<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    from: &GuestOptions,
    units: &Units,
    to: &GuestOptions,
) -> Result<Span, Fault> {
    let length = units.length;
    cx.charge_moved(length)?;
    let mut scratch = cx.state_mut().take_scratch();
    scratch.clear();
    let source = slice(bytes(cx, from), units.at, length, Rule::StringOutOfBounds)?;
    // Most text is ASCII, and that is told sooner.
    if !source.is_ascii() {
        utf8(source)?;
    }
    scratch.extend_from_slice(source);
    let (at, target) = room(cx, to, 1, length)?;
    target.copy_from_slice(&scratch);
    cx.state_mut().keep_scratch(scratch);
    Ok((at as u64, length as u64))
}

/// A string while it is stored. Each form answers the length as the guest counts it, but for the tag.
struct Storing<'s> {
    options: &'s GuestOptions,
    pieces: Pieces<'s>,
    buffer: Vec<u8>,
    /// Where the guest made room, and for how many bytes.
    at: usize,
    allocated: u64,
    /// Bytes that stand there.
    written: usize,
    /// Whether it became UTF-16 where it could have been Latin-1.
    is_tagged: bool,
}

impl Storing<'_> {
    /// Has the guest make room, or other room.
    fn reallocate<T: Send + 'static>(
        &mut self,
        cx: &mut Cx<'_, T>,
        align: u32,
        size: u64,
    ) -> Result<(), Fault> {
        self.at = reallocate(cx, self.options, (self.at, self.allocated), align, size)?;
        self.allocated = size;
        Ok(())
    }

    /// Gives back what is more than was written.
    fn shrink<T: Send + 'static>(&mut self, cx: &mut Cx<'_, T>, align: u32) -> Result<(), Fault> {
        if self.allocated > self.written as u64 {
            self.reallocate(cx, align, self.written as u64)?;
        }
        Ok(())
    }

    fn write<T: Send>(&mut self, cx: &mut Cx<'_, T>, units: &[u8]) -> Result<(), Fault> {
        write(cx, self.options, self.at, &mut self.written, units)
    }

    /// What stands there.
    fn memory<'m, T: Send>(&self, cx: &'m mut Cx<'_, T>, length: usize) -> Result<&'m mut [u8], Fault> {
        slice_mut(bytes_mut(cx, self.options), self.at, length, Rule::StringOutOfBounds)
    }

    /// Code units that stay as they are (`store_string_copy`).
    fn same<T: Send + 'static>(
        &mut self,
        cx: &mut Cx<'_, T>,
        align: u32,
        length: usize,
    ) -> Result<usize, Fault> {
        self.reallocate(cx, align, length as u64)?;
        while let Some(text) = self.pieces.next(cx, &mut self.buffer)? {
            let units = match text {
                Text::Utf8(text) => text.as_bytes(),
                Text::Utf16(units) | Text::Latin1(units) => units,
            };
            write(cx, self.options, self.at, &mut self.written, units)?;
        }
        Ok(length)
    }

    /// Characters of another encoding as UTF-8 (`store_string_to_utf8`): hoping for ASCII at first.
    fn store_utf8<T: Send + 'static>(
        &mut self,
        cx: &mut Cx<'_, T>,
        count: usize,
        worst: u64,
    ) -> Result<usize, Fault> {
        self.reallocate(cx, 1, count as u64)?;
        let (mut is_ascii, mut piece) = (true, Vec::new());
        while let Some(text) = self.pieces.next(cx, &mut self.buffer)? {
            piece.clear();
            text.for_each(|c| push8(c, &mut piece));
            let mut rest = &*piece;
            if is_ascii && !piece.is_ascii() {
                is_ascii = false;
                let (plain, other) = piece.split_at(piece.iter().take_while(|byte| byte.is_ascii()).count());
                self.write(cx, plain)?;
                self.reallocate(cx, 1, count as u64 * worst)?;
                rest = other;
            }
            self.write(cx, rest)?;
        }
        if !is_ascii {
            self.shrink(cx, 1)?;
        }
        Ok(self.written)
    }

    /// UTF-8 as UTF-16 (`store_utf8_to_utf16`), as many units as there were bytes at most; and Latin-1, exactly as many.
    fn store_utf16<T: Send + 'static>(&mut self, cx: &mut Cx<'_, T>, count: usize) -> Result<usize, Fault> {
        self.reallocate(cx, 2, count as u64 * 2)?;
        let mut piece = Vec::new();
        while let Some(text) = self.pieces.next(cx, &mut self.buffer)? {
            piece.clear();
            text.for_each(|c| push16(c, &mut piece));
            self.write(cx, &piece)?;
        }
        self.shrink(cx, 2)?;
        Ok(self.written / 2)
    }

    /// Characters as Latin-1 until one does not fit, then all as UTF-16 (`store_string_to_latin1_or_utf16`).
    fn store_compact<T: Send + 'static>(&mut self, cx: &mut Cx<'_, T>, count: usize) -> Result<usize, Fault> {
        self.reallocate(cx, 2, count as u64)?;
        let (mut is_narrow, mut piece) = (true, Vec::new());
        while let Some(text) = self.pieces.next(cx, &mut self.buffer)? {
            piece.clear();
            let mut fits = 0;
            text.for_each(|c| match u8::try_from(u32::from(c)) {
                Ok(unit) if is_narrow && fits == piece.len() => {
                    piece.push(unit);
                    fits += 1;
                }
                _ => push16(c, &mut piece),
            });
            let (narrow, wide) = piece.split_at(fits);
            self.write(cx, narrow)?;
            if is_narrow && !wide.is_empty() {
                is_narrow = false;
                self.reallocate(cx, 2, count as u64 * 2)?;
                self.widen(cx)?;
            }
            self.write(cx, wide)?;
        }
        self.shrink(cx, 2)?;
        self.is_tagged = !is_narrow;
        Ok(if is_narrow { self.written } else { self.written / 2 })
    }

    /// Makes UTF-16 of the Latin-1 that stands there.
    fn widen<T: Send>(&mut self, cx: &mut Cx<'_, T>) -> Result<(), Fault> {
        let memory = self.memory(cx, self.written * 2)?;
        for at in (0..self.written).rev() {
            memory[2 * at] = memory[at];
            memory[2 * at + 1] = 0;
        }
        self.written *= 2;
        Ok(())
    }

    /// UTF-16 that was chosen because Latin-1 did not do (`store_probably_utf16_to_latin1_or_utf16`).
    fn probably_wide<T: Send + 'static>(
        &mut self,
        cx: &mut Cx<'_, T>,
        length: usize,
    ) -> Result<usize, Fault> {
        self.same(cx, 2, length)?;
        let memory = self.memory(cx, length)?;
        if memory.iter().skip(1).step_by(2).any(|high| *high != 0) {
            self.is_tagged = true;
            return Ok(length / 2);
        }
        for at in 0..length / 2 {
            memory[at] = memory[2 * at];
        }
        // Told of in any case, of the empty string as well; and Latin-1 need not be aligned here.
        self.reallocate(cx, 1, length as u64 / 2)?;
        Ok(length / 2)
    }
}

/// Writes code units behind those that stand at `start`.
fn write<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    start: usize,
    written: &mut usize,
    units: &[u8],
) -> Result<(), Fault> {
    let end = written.saturating_add(units.len());
    let memory = slice_mut(bytes_mut(cx, options), start, end, Rule::StringOutOfBounds)?;
    memory[*written..].copy_from_slice(units);
    *written = end;
    Ok(())
}
