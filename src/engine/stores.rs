//! Storing a number at itself.
//!
//! Where a local is in the register, and its value is stored at the address that it is too, wasmi 2.0.0 has no
//! instruction for that if the offset takes more than 16 bits or the memory is not the first, and panics as it translates.
//! So `or` with 0, which changes nothing and whose result takes the local's place in the register, is put before each
//! such store but those of surely something else, or to what is surely something else.

use crate::{
    Error,
    engine::{
        operators::end_of,
        rewrite::{Edits, Text},
        scan::Cursor,
        seek::{is_far, stores_integer},
    },
};
use core::ops::Range;

/// `i32.const 0` and `i32.or`; the same of 64 bits.
const AS_IT_IS: [u8; 3] = [0x41, 0x00, 0x72];
const AS_IT_IS_64: [u8; 3] = [0x42, 0x00, 0x84];

/// What is put before such stores.
pub(super) struct AsItIs {
    of_32: Text,
    of_64: Text,
}

impl AsItIs {
    pub(super) fn new(edits: &mut Edits) -> Self {
        Self { of_32: edits.text(&AS_IT_IS), of_64: edits.text(&AS_IT_IS_64) }
    }

    /// Notes where a number may be stored at itself in a body.
    pub(super) fn edit(&self, bytes: &[u8], code: Range<usize>, edits: &mut Edits) -> Result<(), Error> {
        each_store_at_itself(&bytes[code.clone()], |place, is_64| {
            let at = code.start.saturating_add(place);
            edits.splice(at..at, if is_64 { self.of_64 } else { self.of_32 })
        })
    }
}

/// What an instruction left on the stack.
#[derive(Clone, Copy, PartialEq)]
enum Left {
    /// The local of this index.
    Local(u32),
    /// Something else, surely.
    Other,
    Unknown,
}

impl Left {
    /// The local that is named so, however long that is.
    fn local(immediate: &[u8]) -> Self {
        Cursor { bytes: immediate, at: 0 }.u32().map_or(Self::Unknown, Self::Local)
    }
}

/// The place in `code` of each far store where address and value may be the same local, and whether it is of 64 bits.
fn each_store_at_itself(
    code: &[u8],
    mut each: impl FnMut(usize, bool) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut start = 0;
    let (mut below, mut top) = (Left::Unknown, Left::Unknown);
    // Whether the last was a constant by which nothing is shifted as far as it is wide.
    let mut shifts = false;
    while let Some(end) = end_of(code, start) {
        let (opcode, immediate) = (code[start], &code[start + 1..end]);
        let was_number = core::mem::take(&mut shifts);
        (below, top) = match opcode {
            // The interpreter makes nothing of them: `nop`, `i64.extend_i32_u`.
            0x01 | 0xad => (below, top),
            0x20 => (top, Left::local(immediate)),
            0x22 => (below, Left::local(immediate)),
            0x41 | 0x42 => {
                shifts = immediate.first().is_some_and(|byte| byte & 0x1f != 0);
                (top, Left::Other)
            }
            // `global.get`, `memory.size`, other constants.
            0x23 | 0x3f | 0x43 | 0x44 => (top, Left::Other),
            // Loads and what takes one value, then what takes two.
            0x28..=0x35 | 0x45 | 0x50 | 0x67..=0x69 | 0x79..=0x7b | 0xa7 | 0xac | 0xc0..=0xc4 => {
                (below, Left::Other)
            }
            0x46..=0x4f | 0x51..=0x66 | 0x6a..=0x73 | 0x7c..=0x85 => (Left::Unknown, Left::Other),
            0x74..=0x78 | 0x86..=0x8a if was_number => (Left::Unknown, Left::Other),
            _ => {
                let is_same = match (below, top) {
                    (Left::Other, _) | (_, Left::Other) => false,
                    (Left::Local(address), Left::Local(value)) => address == value,
                    _ => true,
                };
                if stores_integer(opcode) && is_same && is_far(immediate) {
                    each(start, matches!(opcode, 0x37 | 0x3c..=0x3e))?;
                }
                (Left::Unknown, Left::Unknown)
            }
        };
        start = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn places(code: &[u8]) -> Vec<(usize, bool)> {
        let code = [code, &[0x0b]].concat();
        let mut places = Vec::new();
        each_store_at_itself(&code, |place, is_64| {
            places.push((place, is_64));
            Ok(())
        })
        .unwrap();
        places
    }

    #[test]
    fn what_may_be_stored_at_itself_is_found() {
        let far = [0x36, 0x02, 0x80, 0x80, 0x04];
        let store = |before: &[u8]| places(&[before, &far].concat());
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x00]), [(4, false)]);
        assert_eq!(store(&[0x20, 0x00, 0x22, 0x00]), [(4, false)], "local.tee");
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x80, 0x00]), [(5, false)], "an over-long index");
        assert_eq!(store(&[0x20, 0x80, 0x80, 0x00, 0x22, 0x00]), [(6, false)], "the address's");
        assert_eq!(store(&[0x20, 0x00, 0x01, 0x20, 0x00, 0x01]), [(6, false)], "nops");
        assert_eq!(store(&[0x20, 0x00, 0x41, 0x20, 0x74, 0x20, 0x00]), [(7, false)], "shifted by nothing");
        assert_eq!(
            store(&[0x20, 0x00, 0x20, 0x01, 0x21, 0x00, 0x20, 0x00]),
            [(8, false)],
            "from further below"
        );
        let popped = [0x20, 0x00, 0x20, 0x00, 0x20, 0x01, 0x1a];
        assert_eq!(store(&popped), [(7, false)], "what comes to the top again");
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x01]), [], "another local");
        assert_eq!(store(&[0x20, 0x00, 0x41, 0x02, 0x74, 0x20, 0x00]), [], "an address that is computed");
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x00, 0x28, 0x02, 0x00]), [], "a value that is loaded");
        assert_eq!(places(&[0x20, 0x00, 0x20, 0x00, 0x36, 0x02, 0x00]), [], "near");
        assert_eq!(places(&[0x20, 0x00, 0x20, 0x00, 0x36, 0x42, 0x01, 0x00]), [(4, false)], "another memory");
        let long = [0x20, 0x00, 0x20, 0x00, 0xad, 0x37, 0x03, 0xff, 0xff, 0x7f];
        assert_eq!(places(&long), [(5, true)], "of 64 bits");
    }
}
