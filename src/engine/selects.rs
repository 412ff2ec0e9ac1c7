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
    engine::{Engine, Outline, operators::each_select, rewrite::Edits, scan::Noted},
};

/// `i32.const 0` and `i32.or`.
const AS_IT_IS: [u8; 3] = [0x41, 0x00, 0x72];
/// What noting one place takes of host memory, from above.
const SITE_BYTES: u64 = 128;

/// Notes in `edits` where a condition is to be taken as it is.
pub(super) fn edit(bytes: &[u8], outline: &Outline, engine: &Engine, edits: &mut Edits) -> Result<(), Error> {
    let noted = (edits.splices.len() as u64).saturating_mul(SITE_BYTES);
    let mut taken = outline.load_bytes(bytes.len() as u64).saturating_add(noted);
    for Noted { code, .. } in outline.noted.iter().filter(|body| body.selects) {
        each_select(&bytes[code.clone()], |place| {
            taken = taken.saturating_add(SITE_BYTES);
            if taken > engine.limits.load_bytes {
                return Err(Error::limit("load_bytes", taken, engine.limits.load_bytes));
            }
            let at = code.start.saturating_add(place);
            edits.splices.push((at..at, AS_IT_IS.into()));
            Ok(())
        })?;
    }
    edits.splices.sort_by_key(|(replaced, _)| replaced.start);
    Ok(())
}
