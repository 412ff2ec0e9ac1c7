//! Storing a number at itself.
//!
//! Where a local is in the register, and its value is stored at the address that it is too, wasmi 2.0.0 has no
//! instruction for that if the offset takes more than 16 bits or the memory is not the first, and panics as it translates.
//! So `or` with 0, which changes nothing and whose result takes the local's place in the register, is put before each
//! such store but those of surely something else, or to what is surely something else.

use crate::{
    Error,
    engine::{
        Outline,
        operators::Instruction,
        rewrite::Edits,
        scan::{Cursor, Site},
    },
};

/// `i32.const 0` and `i32.or`; the same of 64 bits.
const AS_IT_IS: [u8; 3] = [0x41, 0x00, 0x72];
const AS_IT_IS_64: [u8; 3] = [0x42, 0x00, 0x84];

/// Notes in `edits` where a number may be stored at itself.
pub(super) fn edit(outline: &Outline, edits: &mut Edits) -> Result<(), Error> {
    let (of_32, of_64) = (edits.text(&AS_IT_IS), edits.text(&AS_IT_IS_64));
    for Site { place, instruction } in &outline.noted.sites {
        if let Instruction::StoreFar { is_64 } = *instruction {
            edits.splice(place.start..place.start, if is_64 { of_64 } else { of_32 })?;
        }
    }
    Ok(())
}

/// Whether an opcode stores an integer.
pub(super) const fn stores_integer(opcode: u8) -> bool {
    matches!(opcode, 0x36 | 0x37 | 0x3a..=0x3e)
}

/// Whether what follows a store's opcode names an offset that takes more than 16 bits, or a memory that is not the first.
pub(super) fn is_far(immediate: &[u8]) -> bool {
    let mut cursor = Cursor { bytes: immediate, at: 0 };
    let memory = match cursor.u32() {
        Ok(flags) if flags & 0x40 != 0 => cursor.u32(),
        _ => Ok(0),
    };
    // What linkers write may be longer than it is.
    match (memory, cursor.u32()) {
        (Ok(0), Ok(offset)) => offset > u16::MAX.into(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_that_are_far_are_told() {
        assert!(!is_far(&[0x02, 0xff, 0x7f]) && !is_far(&[0x02, 0x00]), "near");
        assert!(!is_far(&[0x02, 0xff, 0xff, 0x03]) && is_far(&[0x02, 0x80, 0x80, 0x04]), "16 bits");
        assert!(!is_far(&[0x02, 0x80, 0x80, 0x80, 0x80, 0x00]), "an over-long offset");
        assert!(is_far(&[0x42, 0x01, 0x00]) && is_far(&[0xc2, 0x80, 0x00, 0x01, 0x00]), "another memory");
        assert!(
            !is_far(&[0x42, 0x00, 0x00]) && is_far(&[0x42, 0x80, 0x00, 0x80, 0x80, 0x04]),
            "the first by its index"
        );
        assert!(is_far(&[0x82, 0x00, 0x80, 0x80, 0x04]), "an over-long alignment");
        assert!([0x36, 0x37, 0x3a, 0x3e].iter().all(|opcode| stores_integer(*opcode)));
        assert!(![0x28, 0x38, 0x39, 0x3f].iter().any(|opcode| stores_integer(*opcode)));
    }
}
