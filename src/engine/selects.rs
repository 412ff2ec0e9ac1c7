//! Choosing by whether a number is nothing.
//!
//! Where the condition of a `select` is `i32.eqz` of a local, or `i32.eq` or `i32.ne` of one with 0, wasmi 2.0.0 leaves the
//! comparison out and is to look at the local instead; it looks where the comparison would have put its result, which
//! nobody has written, and chooses by that. So `i32.and` with 1 stands between the two here, which changes no result of a
//! comparison and is no comparison.

use crate::{
    Error,
    engine::{Engine, Outline, operators::each_select, rewrite::Edits, scan::Noted},
};

/// `i32.const 1` and `i32.and`.
const AS_IT_IS: [u8; 3] = [0x41, 0x01, 0x71];
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
