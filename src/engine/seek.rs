//! Which bodies have what the interpreter gets wrong in [`blocks`](super::blocks).
//!
//! Hardly any has, and each body is gone through for it: what it begins with is too like any other bytes to be told at a
//! glance. So it is only done for a module that was not [seen](super::load) to have none of it.

use crate::{
    Error,
    engine::{
        Engine, Outline, blocks,
        operators::{SHORT, end_of},
        rewrite::Edits,
        scan::{Cursor, sections},
    },
};
use alloc::vec::Vec;
use core::ops::Range;

pub(super) const EMPTY: u8 = 0x40;
pub(super) const V128: u8 = 0x7b;

/// The types that a function or a block takes and returns, each a byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'a> {
    pub(super) params: &'a [u8],
    pub(super) results: &'a [u8],
}

/// The function types of a module.
#[derive(Debug)]
pub(super) struct Types<'a>(Vec<Shape<'a>>);

/// What a body has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// A block that takes parameters.
    pub(super) takes: bool,
    /// A `br_table` that may pass on more than one value, or a vector.
    pub(super) passes: bool,
}

/// Notes in `edits` what to change in bodies that have any of it.
pub(super) fn edit(bytes: &[u8], outline: &Outline, engine: &Engine, edits: &mut Edits) -> Result<(), Error> {
    let items = u64::from(outline.types).saturating_add(outline.blocks_max.into());
    edits.charge(items.saturating_mul(ITEM_BYTES))?;
    let mut blocks = blocks::Editor::new(bytes, outline, engine, edits);
    each_body(
        bytes,
        |types, ty, code, seen| {
            if seen.takes || seen.passes { blocks.edit(types, ty, code, edits) } else { Ok(()) }
        },
    )
}

/// What one type or one open block takes of host memory, from above: a list that grows has two homes for a while.
const ITEM_BYTES: u64 = 3 * size_of::<Shape<'_>>() as u64;

/// Calls `each` with each body that has any of it: its type, where its instructions are, and what it has.
fn each_body<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(&Types<'a>, u32, Range<usize>, Seen) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut types = Types(Vec::new());
    let mut functions = None;
    for section in sections(bytes) {
        let section = section?;
        let mut cursor = Cursor { bytes: &bytes[..section.contents.end], at: section.contents.start };
        match section.id {
            1 => types = Types::read(&mut cursor)?,
            3 => {
                cursor.u32()?;
                functions = Some(cursor);
            }
            10 => {
                let Some(functions) = &mut functions else { continue };
                for _ in 0..cursor.u32()? {
                    let (ty, code) = (functions.u32()?, cursor.body()?.code);
                    let seen = seek(bytes, code.clone(), ty, &types);
                    if seen != Seen::default() {
                        each(&types, ty, code, seen)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Types<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let mut types = Vec::new();
        for _ in 0..cursor.u32()? {
            cursor.u8()?;
            types.push(Shape { params: cursor.name()?, results: cursor.name()? });
        }
        Ok(Self(types))
    }

    pub(super) fn shape(&self, ty: u32) -> Shape<'a> {
        let known = usize::try_from(ty).ok().and_then(|ty| self.0.get(ty));
        // Where there is none of this index, the module is not valid.
        known.copied().unwrap_or(Shape { params: &[], results: &[] })
    }

    /// What a block of this type takes and returns (core specification, 5.4.1).
    pub(super) fn block(&self, ty: &'a [u8]) -> Shape<'a> {
        match ty {
            [EMPTY] => Shape { params: &[], results: &[] },
            [EMPTY..0x80] => Shape { params: &[], results: ty },
            // A number that is no index is not valid.
            _ => self.shape(Cursor { bytes: ty, at: 0 }.u32().unwrap_or(u32::MAX)),
        }
    }
}

/// Whether values of these types are more than the registers hold of a branch.
pub(super) fn is_wide(values: &[u8]) -> bool {
    values.len() > 1 || values.contains(&V128)
}

/// [`SHORT`], and above it what the bytes are to be compared with: a block is stepped over if its type is the empty one.
const STEPS: [u64; 256] = {
    let mut steps = [0; 256];
    let mut opcode = 0;
    while opcode < 256 {
        steps[opcode] = SHORT[opcode] as u64;
        opcode += 1;
    }
    opcode = 0x02;
    while opcode <= 0x04 {
        steps[opcode] = 2 | 0xff << 8 | (EMPTY as u64) << 40;
        opcode += 1;
    }
    steps
};

/// Where the next instruction begins that may have to be looked at, or something behind `end`.
fn skip(bytes: &[u8], at: usize, end: usize) -> usize {
    let mut at = at;
    while at < end
        && let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk)
    {
        let step = STEPS[usize::from(word[0])];
        let length = step & 0xff;
        let otherwise = (u64::from(u32::from_le_bytes(*word)) ^ (step >> 32)) & step & 0xffff_ff00;
        // One comparison: no length is 0 then, and nothing is otherwise.
        if otherwise | length.wrapping_sub(1) >= 0xff {
            break;
        }
        at += usize::try_from(length).unwrap_or(1);
    }
    at
}

fn seek(bytes: &[u8], code: Range<usize>, ty: u32, types: &Types<'_>) -> Seen {
    let mut seen = Seen::default();
    let mut wide = is_wide(types.shape(ty).results);
    let mut has_table = false;
    let mut start = skip(bytes, code.start, code.end);
    while let Some(end) = end_of(&bytes[..code.end], start) {
        let opcode = bytes[start];
        let immediate = &bytes[start + 1..end];
        match opcode {
            0x02..=0x04 if immediate != [EMPTY] => {
                let block = types.block(immediate);
                seen.takes |= !block.params.is_empty();
                // A loop's parameters are what a branch to it passes on.
                wide |= is_wide(block.results) || is_wide(block.params);
            }
            0x0e => has_table = true,
            _ => {}
        }
        start = skip(bytes, end, code.end);
    }
    seen.passes = wide && has_table;
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(code: &[u8]) -> Seen {
        let types = [(&[][..], &[][..]), (&[0x7f], &[0x7f]), (&[], &[0x7f, 0x7f])];
        let types = Types(types.iter().map(|(params, results)| Shape { params, results }).collect());
        let seen = seek(code, 0..code.len(), 0, &types);
        // What comes behind does not matter.
        let behind = [code, &[0x02, 0x01, 0x36, 0x42]].concat();
        assert_eq!(seek(&behind, 0..code.len(), 0, &types), seen, "{code:x?}");
        seen
    }

    /// Steps as [`end_of`] does, over whatever opcode and whatever follows it.
    #[test]
    fn each_instruction_is_stepped_over() {
        for opcode in 0..=0xff {
            for [next, last] in
                [[0x00, 0x01], [0x02, 0x00], [0x3f, 0x80], [0x40, 0x81], [0x80, 0x01], [0x7f, 0x40]]
            {
                let code = [opcode, next, last, 0x00, 0x01, 0x01, 0x01, 0x01, 0x01, 0x02, 0x01, 0x0b, 0x0b];
                let (mut start, mut takes) = (0, false);
                while let Some(end) = end_of(&code, start) {
                    // The over-long number of type 1 is among them.
                    takes |= matches!(code[start], 0x02..=0x04)
                        && [&[1][..], &[0x81, 0]].contains(&&code[start + 1..end]);
                    start = end;
                }
                assert_eq!(seen(&code).takes, takes, "{code:x?}");
            }
        }
    }

    #[test]
    fn what_a_body_has_is_seen() {
        let takes = Seen { takes: true, passes: false };
        let passes = Seen { takes: false, passes: true };
        assert_eq!(seen(&[0x02, 0x01, 0x0b]), takes);
        assert_eq!(seen(&[0x04, 0x81, 0x00, 0x0b]), takes, "over-long");
        assert_eq!(seen(&[0x02, 0x00, 0x03, 0x02, 0x04, 0x40, 0x02, 0x7b, 0x0b]), Seen::default());
        assert_eq!(seen(&[0x02, 0x02, 0x0e, 0x00, 0x00]), passes);
        assert_eq!(seen(&[0x0e, 0x00, 0x00, 0x02, 0x7b]), passes, "a vector");
        assert_eq!(seen(&[0x02, 0x7f, 0x0e, 0x01, 0x00, 0x00]), Seen::default(), "one value");
        assert_eq!(
            seen(&[0x41, 0x02, 0x01, 0x20, 0x02, 0x01, 0x28, 0x02, 0x01]),
            Seen::default(),
            "immediates"
        );
    }
}
