//! The edits that a module needs before the interpreter may have it.
//!
//! * A start function becomes an export. The interpreter runs start functions in a way that cannot be
//!   suspended or metered in slices; as an export it is a call like any other.
//! * A function with many locals pays for having them zeroed. The interpreter charges the same for
//!   calling it as for one with none; here its body begins with constants that are dropped at once, each of
//!   which is charged and none of which is executed.
//!
//! Everything else is copied as it is, and what comes out is validated as if it had come in.

use crate::{
    Error, Limits,
    engine::{
        Outline,
        scan::{Cursor, START, Section, locals_fuel, sections},
    },
};
use alloc::{borrow::Cow, vec::Vec};

/// The module to compile for `bytes`.
pub(super) fn rewrite<'a>(
    bytes: &'a [u8],
    outline: &Outline,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>, Error> {
    if outline.start.is_none() && outline.locals_priced == 0 {
        return Ok(Cow::Borrowed(bytes));
    }
    if outline.start.is_some() && outline.exports_start_name {
        return Err(Error::malformed(
            "it has a start function and exports a name that is reserved for it",
            None,
        ));
    }
    let added = outline.locals_priced.saturating_mul(DROPPED_CONSTANT.len() as u64);
    let size = (bytes.len() as u64).saturating_add(added);
    if size > u64::from(limits.module_bytes) {
        return Err(Error::limit("module_bytes", size, u64::from(limits.module_bytes)));
    }
    let mut out = Vec::with_capacity(bytes.len() + usize::try_from(added).unwrap_or(0) + 64);
    out.extend_from_slice(&bytes[..8]);
    let mut exported = outline.start.is_none();
    for section in sections(bytes) {
        let Section { id, contents } = section?;
        match (id, outline.start) {
            (7, Some(start)) => {
                exports(&mut out, bytes, &contents, start)?;
                exported = true;
            }
            (8, Some(start)) if !exported => exports(&mut out, &[0], &(0..1), start)?,
            (8, Some(_)) => {}
            (10, _) if outline.locals_priced > 0 => code(&mut out, bytes, contents)?,
            _ => emit(&mut out, id, &bytes[contents]),
        }
    }
    Ok(Cow::Owned(out))
}

/// `i32.const 0` and `drop`.
const DROPPED_CONSTANT: [u8; 3] = [0x41, 0x00, 0x1a];

fn emit(out: &mut Vec<u8>, id: u8, contents: &[u8]) {
    out.push(id);
    leb128(out, contents.len());
    out.extend_from_slice(contents);
}

/// The export section in `contents` with the start function added.
fn exports(
    out: &mut Vec<u8>,
    bytes: &[u8],
    contents: &core::ops::Range<usize>,
    start: u32,
) -> Result<(), Error> {
    let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
    let count = cursor.u32()?;
    let mut section = Vec::with_capacity(contents.len() + START.len() + 16);
    leb128(&mut section, usize::try_from(count).unwrap_or(usize::MAX).saturating_add(1));
    section.extend_from_slice(cursor.rest());
    leb128(&mut section, START.len());
    section.extend_from_slice(START.as_bytes());
    section.push(0);
    leb128(&mut section, usize::try_from(start).unwrap_or(usize::MAX));
    emit(out, 7, &section);
    Ok(())
}

/// The code section in `contents` with each body paying for its locals.
fn code(out: &mut Vec<u8>, bytes: &[u8], contents: core::ops::Range<usize>) -> Result<(), Error> {
    let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
    let count = cursor.u32()?;
    let mut section = Vec::with_capacity(contents.len());
    leb128(&mut section, usize::try_from(count).unwrap_or(usize::MAX));
    for _ in 0..count {
        let body = cursor.body()?;
        let fuel = locals_fuel(u32::try_from(body.locals).unwrap_or(u32::MAX));
        let added = usize::try_from(fuel).unwrap_or(usize::MAX).saturating_mul(DROPPED_CONSTANT.len());
        leb128(&mut section, body.declarations.len() + added + body.code.len());
        section.extend_from_slice(&bytes[body.declarations]);
        for _ in 0..fuel {
            section.extend_from_slice(&DROPPED_CONSTANT);
        }
        section.extend_from_slice(&bytes[body.code]);
    }
    section.extend_from_slice(cursor.rest());
    emit(out, 10, &section);
    Ok(())
}

fn leb128(out: &mut Vec<u8>, value: usize) {
    let mut value = value;
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}
