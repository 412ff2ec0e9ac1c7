//! The references to functions that a module declares.
//!
//! Which functions a table can come to hold is known before any code is read: `ref.func` in code may name only what an
//! element segment, a global or an export names (core specification, 3.4.10, `C.refs`).

use crate::{
    Error,
    engine::scan::{Cursor, Section, sections},
};
use core::ops::Range;

/// `ref.func`.
const REF_FUNC: u8 = 0xd2;
/// So many bytes are looked through at once for one that is rare.
const SOME: usize = 256;

/// Each reference in globals and element segments (core specification, 5.5.9 and 5.5.12): where the function's index
/// stands, and the index.
pub(super) fn each(
    bytes: &[u8],
    mut visit: impl FnMut(Range<usize>, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    for section in sections(bytes) {
        let Section { id, contents } = section?;
        let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
        match id {
            6 => {
                for _ in 0..cursor.u32()? {
                    cursor.u8()?;
                    cursor.u8()?;
                    constant(&mut cursor, &mut visit)?;
                }
            }
            9 => {
                for _ in 0..cursor.u32()? {
                    segment(&mut cursor, &mut visit)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Each function that is exported.
pub(super) fn each_export(bytes: &[u8], mut visit: impl FnMut(u32)) -> Result<(), Error> {
    for section in sections(bytes) {
        let Section { id: 7, contents } = section? else { continue };
        let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
        for _ in 0..cursor.u32()? {
            cursor.name()?;
            let (kind, index) = (cursor.u8()?, cursor.u32()?);
            if kind == 0 {
                visit(index);
            }
        }
    }
    Ok(())
}

/// Each function that code may name with `ref.func`, by its bytes alone: no fewer than those that it does name.
pub(super) fn each_named(bytes: &[u8], mut visit: impl FnMut(u32)) -> Result<(), Error> {
    for section in sections(bytes) {
        let Section { id: 10, contents } = section? else { continue };
        let code = &bytes[..contents.end];
        let mut start = contents.start;
        // Few have one, and those are passed over quickly.
        for some in code[contents].chunks(SOME) {
            if some.iter().fold(false, |has, byte| has | (*byte == REF_FUNC)) {
                for at in (start..start + some.len()).filter(|at| code[*at] == REF_FUNC) {
                    if let Ok(function) = (Cursor { bytes: code, at: at + 1 }).u32() {
                        visit(function);
                    }
                }
            }
            start += some.len();
        }
    }
    Ok(())
}

fn segment(
    cursor: &mut Cursor<'_>,
    visit: &mut impl FnMut(Range<usize>, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    let flags = cursor.u32()?;
    if flags & 1 == 0 {
        if flags & 2 != 0 {
            cursor.u32()?;
        }
        constant(cursor, visit)?;
    }
    // The kind of its elements, or their type.
    if flags & 3 != 0 {
        cursor.u8()?;
    }
    for _ in 0..cursor.u32()? {
        match flags & 4 {
            0 => reference(cursor, visit)?,
            _ => constant(cursor, visit)?,
        }
    }
    Ok(())
}

fn constant(
    cursor: &mut Cursor<'_>,
    visit: &mut impl FnMut(Range<usize>, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    loop {
        if cursor.rest().first() == Some(&REF_FUNC) {
            cursor.u8()?;
            reference(cursor, visit)?;
        } else if !cursor.constant_operator()? {
            return Ok(());
        }
    }
}

fn reference(
    cursor: &mut Cursor<'_>,
    visit: &mut impl FnMut(Range<usize>, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    let start = cursor.at;
    let function = cursor.u32()?;
    visit(start..cursor.at, function)
}
