//! Choosing by whether a number is nothing.
//!
//! Where the condition of a `select` is whether a local or another value in a slot is 0 (`i32.eqz`, or `i32.eq` or `i32.ne` with
//! 0), wasmi 2.0.0 leaves the comparison out and is to look at that value instead; it looks where the comparison would have put
//! its result, which nobody has written, and chooses by that. What it takes for such a comparison does not show in the
//! instructions: it folds constants, makes them of other comparisons, and makes nothing of some instructions between the two. So
//! it is the other way round: `i32.or` with 0, which changes nothing and is translated as it stands, is put before each
//! `select` but those that surely have another condition.

use crate::{
    Error,
    engine::{Outline, operators::Instruction, rewrite::Edits, scan::Site},
};

/// `i32.const 0` and `i32.or`.
const AS_IT_IS: [u8; 3] = [0x41, 0x00, 0x72];

/// Notes in `edits` where a condition is to be taken as it is.
pub(super) fn edit(outline: &Outline, edits: &mut Edits) -> Result<(), Error> {
    let as_it_is = edits.text(&AS_IT_IS);
    for Site { place, instruction } in &outline.noted.sites {
        if let Instruction::Select = instruction {
            edits.splice(place.start..place.start, as_it_is)?;
        }
    }
    Ok(())
}
