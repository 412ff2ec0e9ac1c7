//! Strings: three encodings, and the nine ways from one to another.
//!
//! The sequence of allocations is the specification's (`CanonicalABI.md`, "Storing", from
//! `store_string_into_range` on), since a guest can watch it: how much is asked for first, when it grows to
//! the worst case, and when it shrinks to what was used.

use crate::{
    Rule,
    component::{
        abi::{BYTES_MAX, GuestOptions, UTF16_TAG, bytes, bytes_mut, reallocate, slice, slice_mut},
        definition::Encoding,
        store::Cx,
    },
    engine::Fault,
};
use alloc::{string::String, vec::Vec};

/// A string's code units, in whichever form its owner keeps them. UTF-8 is valid.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'t> {
    Utf8(&'t str),
    /// Little-endian, well-formed.
    Utf16 {
        units: &'t [u8],
        tagged: bool,
    },
    Latin1(&'t [u8]),
}

/// How long the code units of a guest's string are, checked: bytes, and whether they are UTF-16,
/// Latin-1, or else UTF-8.
pub(crate) struct Span {
    pub(crate) length: usize,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Utf8,
    Utf16 { tagged: bool },
    Latin1,
}

impl Span {
    /// Checks a pointer and a number of code units (`load_string_from_range`).
    pub(crate) fn check(
        encoding: Encoding,
        memory: &[u8],
        at: u32,
        units: u32,
        to_host: bool,
    ) -> Result<Self, Fault> {
        let (form, align, length) = match encoding {
            Encoding::Utf8 => (Form::Utf8, 1, u64::from(units)),
            Encoding::Utf16 => (Form::Utf16 { tagged: false }, 2, u64::from(units) * 2),
            Encoding::Latin1OrUtf16 if units & UTF16_TAG != 0 => {
                (Form::Utf16 { tagged: true }, 2, u64::from(units ^ UTF16_TAG) * 2)
            }
            Encoding::Latin1OrUtf16 => (Form::Latin1, 2, u64::from(units)),
        };
        let out_of_bounds = if to_host { Rule::StringPointer } else { Rule::StringOutOfBounds };
        if length > BYTES_MAX {
            return Err(out_of_bounds.into());
        }
        if !at.is_multiple_of(align) {
            return Err(if to_host { Rule::StringUnaligned } else { Rule::UnalignedPointer }.into());
        }
        let length = length as usize;
        slice(memory, at, length, out_of_bounds)?;
        Ok(Self { length, form })
    }

    /// The code units, checked for well-formedness.
    pub(crate) fn text<'t>(&self, units: &'t [u8]) -> Result<Text<'t>, Fault> {
        Ok(match self.form {
            Form::Utf8 => Text::Utf8(utf8(units)?),
            Form::Latin1 => Text::Latin1(units),
            Form::Utf16 { tagged } => {
                if char::decode_utf16(units16(units)).any(|unit| unit.is_err()) {
                    return Err(Rule::InvalidUtf16.into());
                }
                Text::Utf16 { units, tagged }
            }
        })
    }
}

/// A guest's string as the host has strings.
pub(crate) fn lift_string<T: Send>(
    cx: &Cx<'_, T>,
    options: &GuestOptions,
    at: u32,
    units: u32,
) -> Result<String, Fault> {
    let memory = bytes(cx, options);
    let span = Span::check(options.encoding, memory, at, units, true)?;
    cx.check_host_bytes(span.length)?;
    let text = span.text(slice(memory, at, span.length, Rule::StringPointer)?)?;
    Ok(match text {
        Text::Utf8(text) => text.into(),
        Text::Latin1(units) => units.iter().copied().map(char::from).collect(),
        Text::Utf16 { units, .. } => chars16(units).collect(),
    })
}

fn utf8(units: &[u8]) -> Result<&str, Fault> {
    core::str::from_utf8(units).map_err(|error| match error.error_len() {
        None => Rule::IncompleteUtf8.into(),
        Some(_) => Rule::InvalidUtf8.into(),
    })
}

fn units16(units: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    units.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// The characters of well-formed UTF-16.
fn chars16(units: &[u8]) -> impl Iterator<Item = char> + Clone + '_ {
    char::decode_utf16(units16(units)).filter_map(Result::ok)
}

/// Puts a string into a guest's memory: its address, and its length as that guest counts it.
pub(crate) fn store_text<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    text: Text<'_>,
) -> Result<(u32, u32), Fault> {
    match (options.encoding, text) {
        (Encoding::Utf8, Text::Utf8(text)) => {
            let at = store_units(cx, options, 1, text.as_bytes())?;
            Ok((at, text.len() as u32))
        }
        (Encoding::Utf8, Text::Utf16 { units, .. }) => {
            to_utf8(cx, options, units.len() / 2, 3, chars16(units))
        }
        (Encoding::Utf8, Text::Latin1(units)) => {
            to_utf8(cx, options, units.len(), 2, units.iter().copied().map(char::from))
        }
        (Encoding::Utf16, Text::Utf8(text)) => to_utf16(cx, options, text),
        (Encoding::Utf16, Text::Utf16 { units, .. }) => {
            let at = store_units(cx, options, 2, units)?;
            Ok((at, (units.len() / 2) as u32))
        }
        (Encoding::Utf16, Text::Latin1(units)) => {
            let wide: Vec<u8> = units.iter().flat_map(|unit| [*unit, 0]).collect();
            let at = store_units(cx, options, 2, &wide)?;
            Ok((at, units.len() as u32))
        }
        (Encoding::Latin1OrUtf16, Text::Utf8(text)) => to_compact(cx, options, text.len(), text.chars()),
        (Encoding::Latin1OrUtf16, Text::Utf16 { units, tagged: false }) => {
            to_compact(cx, options, units.len() / 2, chars16(units))
        }
        (Encoding::Latin1OrUtf16, Text::Utf16 { units, tagged: true }) => probably_wide(cx, options, units),
        (Encoding::Latin1OrUtf16, Text::Latin1(units)) => {
            let at = store_units(cx, options, 2, units)?;
            Ok((at, units.len() as u32))
        }
    }
}

fn write<T: Send>(cx: &mut Cx<'_, T>, options: &GuestOptions, at: u32, units: &[u8]) -> Result<(), Fault> {
    slice_mut(bytes_mut(cx, options), at, units.len(), Rule::StringOutOfBounds)?.copy_from_slice(units);
    Ok(())
}

/// Code units that stay as they are (`store_string_copy`).
fn store_units<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    align: u32,
    units: &[u8],
) -> Result<u32, Fault> {
    cx.charge_moved(units.len())?;
    let at = reallocate(cx, options, (0, 0), align, units.len() as u64)?;
    write(cx, options, at, units)?;
    Ok(at)
}

/// Characters of another encoding as UTF-8 (`store_string_to_utf8`): hoping for ASCII at first.
fn to_utf8<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    count: usize,
    worst: u64,
    chars: impl Iterator<Item = char>,
) -> Result<(u32, u32), Fault> {
    cx.charge_moved(count)?;
    let text: String = chars.collect();
    let first = count as u32;
    let at = reallocate(cx, options, (0, 0), 1, count as u64)?;
    if text.len() == count {
        write(cx, options, at, text.as_bytes())?;
        return Ok((at, first));
    }
    let plain = text.bytes().take_while(u8::is_ascii).count();
    write(cx, options, at, &text.as_bytes()[..plain])?;
    let worst = count as u64 * worst;
    let at = reallocate(cx, options, (at, first), 1, worst)?;
    write(cx, options, at.wrapping_add(plain as u32), &text.as_bytes()[plain..])?;
    let length = text.len() as u32;
    if worst > u64::from(length) {
        let at = reallocate(cx, options, (at, worst as u32), 1, u64::from(length))?;
        return Ok((at, length));
    }
    Ok((at, length))
}

/// UTF-8 as UTF-16 (`store_utf8_to_utf16`): as many units as there were bytes at most.
fn to_utf16<T: Send>(cx: &mut Cx<'_, T>, options: &GuestOptions, text: &str) -> Result<(u32, u32), Fault> {
    cx.charge_moved(text.len())?;
    let worst = text.len() as u64 * 2;
    let at = reallocate(cx, options, (0, 0), 2, worst)?;
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(cx, options, at, &wide)?;
    let at = if (wide.len() as u64) < worst {
        reallocate(cx, options, (at, worst as u32), 2, wide.len() as u64)?
    } else {
        at
    };
    Ok((at, (wide.len() / 2) as u32))
}

/// Characters as Latin-1 until one does not fit, then all as UTF-16 (`store_string_to_latin1_or_utf16`).
fn to_compact<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    count: usize,
    chars: impl Iterator<Item = char> + Clone,
) -> Result<(u32, u32), Fault> {
    cx.charge_moved(count)?;
    let first = count as u32;
    let at = reallocate(cx, options, (0, 0), 2, count as u64)?;
    let narrow: Vec<u8> = chars.clone().map_while(|c| u8::try_from(u32::from(c)).ok()).collect();
    write(cx, options, at, &narrow)?;
    let total = chars.clone().count();
    if narrow.len() == total {
        let length = narrow.len() as u32;
        let at = if narrow.len() < count {
            reallocate(cx, options, (at, first), 2, u64::from(length))?
        } else {
            at
        };
        return Ok((at, length));
    }
    let worst = count as u64 * 2;
    let at = reallocate(cx, options, (at, first), 2, worst)?;
    let mut units = [0; 2];
    let wide: Vec<u8> = chars
        .flat_map(|c| {
            c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<_>>()
        })
        .collect();
    write(cx, options, at, &wide)?;
    let at = if worst > wide.len() as u64 {
        reallocate(cx, options, (at, worst as u32), 2, wide.len() as u64)?
    } else {
        at
    };
    Ok((at, (wide.len() / 2) as u32 | UTF16_TAG))
}

/// UTF-16 that was chosen because Latin-1 did not do (`store_probably_utf16_to_latin1_or_utf16`).
fn probably_wide<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    units: &[u8],
) -> Result<(u32, u32), Fault> {
    let at = store_units(cx, options, 2, units)?;
    if units16(units).any(|unit| unit > 0xff) {
        return Ok((at, (units.len() / 2) as u32 | UTF16_TAG));
    }
    let narrow: Vec<u8> = units.iter().step_by(2).copied().collect();
    write(cx, options, at, &narrow)?;
    let at = reallocate(cx, options, (at, units.len() as u32), 2, narrow.len() as u64)?;
    Ok((at, narrow.len() as u32))
}
