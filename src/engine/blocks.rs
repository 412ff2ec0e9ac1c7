//! Blocks that take parameters, and `br_table` that passes on more than one value.
//!
//! Where wasmi 2.0.0 enters a block, loop or `if` that takes parameters, it loses sight of locals that are on the stack: those
//! beneath the parameters it may save only within the block, where a branch passes that by, or from the register that a
//! parameter has just been put in; and an `if` without `else` passes on what the other arm left in the register. What is
//! read then has been written by nobody. A block that takes none saves all there are. So one that holds nothing is put
//! before each of them.
//!
//! A `br_table` whose targets are equally high passes values on where they are, even if that is not where the targets look for
//! them: something may lie beneath. Values that fit the registers are not concerned. So it stands in a block of its
//! own then, which is a target more and as high as what is there: either the targets are not equally high now, and the
//! values are copied for each, or they are where they have to be. An index that comes to the added target is one past
//! those there were, and goes on to the default one.

use crate::{
    Error,
    engine::{
        Engine, Outline,
        operators::end_of,
        rewrite::{Edits, Text, leb128, signed_leb128},
        scan::Cursor,
        seek::{EMPTY, Types, is_wide},
    },
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

/// `block` and `end`.
const NOTHING: [u8; 3] = [0x02, EMPTY, 0x0b];
const I32: u8 = 0x7f;
/// How often bytes are in memory at once that are put somewhere: where they were made, and in a list that grows.
const HOMES: u64 = 4;
/// What stands around the targets of a `br_table`, from above.
const TABLE_BYTES: usize = 32;
/// What noting a type takes besides, from above.
const TYPE_BYTES: u64 = 256;

/// Edits bodies of one module.
pub(super) struct Editor<'a, 'e> {
    bytes: &'a [u8],
    outline: &'e Outline,
    engine: &'e Engine,
    nothing: Text,
    /// Types added, by what they return: they take that and an index.
    added: BTreeMap<&'a [u8], u32>,
    /// What a branch to each of the open blocks passes on.
    labels: Vec<&'a [u8]>,
}

impl<'a, 'e> Editor<'a, 'e> {
    pub(super) fn new(bytes: &'a [u8], outline: &'e Outline, engine: &'e Engine, edits: &mut Edits) -> Self {
        let nothing = edits.text(&NOTHING);
        Self { bytes, outline, engine, nothing, added: BTreeMap::new(), labels: Vec::new() }
    }

    /// Notes what to put before blocks of a body, and instead of `br_table`.
    pub(super) fn edit(
        &mut self,
        types: &Types<'a>,
        ty: u32,
        code: Range<usize>,
        edits: &mut Edits,
    ) -> Result<(), Error> {
        let bytes = self.bytes;
        self.labels.clear();
        self.labels.push(types.shape(ty).results);
        let body = &bytes[..code.end];
        let mut start = code.start;
        while let Some(end) = end_of(body, start) {
            match body[start] {
                opcode @ 0x02..=0x04 => {
                    let block = types.block(&body[start + 1..end]);
                    if !block.params.is_empty() {
                        edits.splice(start..start, self.nothing)?;
                    }
                    self.labels.push(if opcode == 0x03 { block.params } else { block.results });
                }
                0x0b => _ = self.labels.pop(),
                0x0e => self.br_table(start..end, edits)?,
                _ => {}
            }
            start = end;
        }
        Ok(())
    }

    fn br_table(&mut self, range: Range<usize>, edits: &mut Edits) -> Result<(), Error> {
        let mut cursor = Cursor { bytes: &self.bytes[..range.end], at: range.start + 1 };
        let count = cursor.u32()?;
        let first = cursor.at;
        for _ in 0..count {
            cursor.u32()?;
        }
        let default = cursor.u32()?;
        let Some(values) = self.label(default).filter(|values| is_wide(values)) else {
            return Ok(());
        };
        // Where code is dead, labels may take different values, and nothing is passed on.
        cursor.at = first;
        for _ in 0..count {
            if self.label(cursor.u32()?) != Some(values) {
                return Ok(());
            }
        }
        // A target's number takes a byte more at most.
        let length = range.len().saturating_mul(2).saturating_add(TABLE_BYTES);
        edits.charge((length as u64).saturating_mul(HOMES))?;
        let mut with = Vec::with_capacity(length);
        with.extend(NOTHING);
        with.push(0x02);
        signed_leb128(&mut with, self.add_type(values, edits)?);
        with.push(0x0e);
        leb128(&mut with, one_more(count));
        cursor.at = first;
        for _ in 0..count {
            leb128(&mut with, one_more(cursor.u32()?));
        }
        with.push(0x00);
        leb128(&mut with, one_more(default));
        // `end`, `br`.
        with.extend([0x0b, 0x0c]);
        leb128(&mut with, usize::try_from(default).unwrap_or(usize::MAX));
        let with = edits.text(&with);
        edits.splice(range, with)
    }

    /// What a branch to this label passes on.
    fn label(&self, label: u32) -> Option<&'a [u8]> {
        let above = usize::try_from(label).ok()?.checked_add(1)?;
        self.labels.get(self.labels.len().checked_sub(above)?).copied()
    }

    /// The type of a block that takes `values` and an index, and returns the values.
    fn add_type(&mut self, values: &'a [u8], edits: &mut Edits) -> Result<u32, Error> {
        if let Some(ty) = self.added.get(values) {
            return Ok(*ty);
        }
        if self.added.is_empty() {
            // As it is: with a type more than it has, an invalid module could be a valid one.
            self.engine.validate(self.bytes)?;
        }
        let mut ty = Vec::from([0x60]);
        leb128(&mut ty, values.len() + 1);
        ty.extend_from_slice(values);
        ty.push(I32);
        leb128(&mut ty, values.len());
        ty.extend_from_slice(values);
        edits.charge(TYPE_BYTES + ty.len() as u64 * HOMES)?;
        let index = edits.add_type(ty, self.outline);
        self.added.insert(values, index);
        Ok(index)
    }
}

fn one_more(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).saturating_add(1)
}
