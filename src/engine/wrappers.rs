//! Tail calls in a module that imports functions.
//!
//! The interpreter must never tail-call a host's function: it gives up the caller's frame first, and cannot tell
//! afterwards to whom a function that waited answers. So none of its tail calls meets one:
//!
//! * `return_call` of an import becomes `call` and `return`.
//! * Where there is a `return_call_indirect`, a reference to an import (`ref.func`, in code and in constants, and elements
//!   of segments) becomes one to a function of the module's own that calls it. What its tables hold is its own then,
//!   unless others put something there: a module that imports a table, a global of functions, or a function that returns
//!   one, is refused; so are, where modules are linked, those that [`tail_calls`](super::tail_calls) knows.
//!
//! Exports stay as they are: who imports them has its own tail calls changed, or refused.

use crate::{
    Error,
    engine::{
        Engine, Outline,
        operators::{self, Instruction},
        paying, references,
        rewrite::{Edits, leb128, tail_call_refused},
        scan::{Cursor, Section, sections},
    },
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

/// The type of a reference to a function (core specification, 5.3.3).
const FUNCREF: u8 = 0x70;
/// What a wrapper takes besides its code.
const WRAPPER_BYTES: u64 = 512;

/// Notes in `edits` what keeps tail calls inside the module.
pub(super) fn edit(bytes: &[u8], outline: &Outline, engine: &Engine, edits: &mut Edits) -> Result<(), Error> {
    // As it is: a `call` and a `return` are valid where a tail call need not be.
    engine.validate(bytes)?;
    let mut wrappers = Wrappers { first: edits.next_function(outline), ..Wrappers::default() };
    wrappers.imports(bytes)?;
    let mut is_indirect = false;
    each_in_code(bytes, |_, instruction| {
        is_indirect |= matches!(instruction, Instruction::TailCallIndirect(_));
        Ok(())
    })?;
    if is_indirect {
        if wrappers.takes_functions {
            return Err(tail_call_refused());
        }
        references::each(bytes, |range, function| {
            if wrappers.is_import(function) {
                let mut index = Vec::new();
                leb128(&mut index, wrappers.of(function, edits)? as usize);
                let index = edits.text(&index);
                edits.splice_constant(range, index)?;
            }
            Ok(())
        })?;
    }
    each_in_code(bytes, |range, instruction| {
        let mut code = Vec::new();
        match instruction {
            Instruction::TailCall(function) if wrappers.is_import(function) => {
                code.push(0x10);
                leb128(&mut code, function as usize);
                code.push(0x0f);
            }
            Instruction::Reference(function) if is_indirect && wrappers.is_import(function) => {
                code.push(0xd2);
                leb128(&mut code, wrappers.of(function, edits)? as usize);
            }
            _ => return Ok(()),
        }
        let code = edits.text(&code);
        edits.splice(range, code)
    })?;
    edits.splices.sort_by_key(|splice| splice.place.start);
    wrappers.define(engine, edits)
}

/// Each instruction in a module's code that someone has to know of.
fn each_in_code(
    bytes: &[u8],
    mut each: impl FnMut(Range<usize>, Instruction) -> Result<(), Error>,
) -> Result<(), Error> {
    for section in sections(bytes) {
        let Section { id: 10, contents } = section? else { continue };
        let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
        for _ in 0..cursor.u32()? {
            let code = cursor.body()?.code;
            let start = code.start;
            let place = |range: Range<usize>| start + range.start..start + range.end;
            operators::each(&bytes[code], |range, instruction| each(place(range), instruction))?;
        }
    }
    Ok(())
}

/// What a function type says of the values that cross.
#[derive(Clone, Copy)]
struct Type {
    params: u32,
    returns_function: bool,
}

/// The functions that stand for imports.
#[derive(Default)]
struct Wrappers {
    /// The type of each imported function: its index, and what it says.
    imports: Vec<(u32, Type)>,
    /// Whether functions come in other than by being imported or called.
    takes_functions: bool,
    /// By the index of the import: the wrapper's, from `first` on in the order they were asked for.
    found: BTreeMap<u32, u32>,
    first: u32,
}

impl Wrappers {
    fn is_import(&self, function: u32) -> bool {
        (function as usize) < self.imports.len()
    }

    /// The wrapper of an import.
    fn of(&mut self, function: u32, edits: &mut Edits) -> Result<u32, Error> {
        let next = self.first.saturating_add(u32::try_from(self.found.len()).unwrap_or(u32::MAX));
        if let Some(wrapper) = self.found.get(&function) {
            return Ok(*wrapper);
        }
        edits.charge(WRAPPER_BYTES)?;
        self.found.insert(function, next);
        Ok(next)
    }

    /// Reads the types and the imports of a module that is valid (core specification, 5.5.4 and 5.5.5).
    fn imports(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut types = Vec::new();
        for section in sections(bytes) {
            let Section { id, contents } = section?;
            let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
            match id {
                1 => {
                    for _ in 0..cursor.u32()? {
                        cursor.u8()?;
                        let params = cursor.u32()?;
                        (0..params).try_for_each(|_| cursor.u8().map(drop))?;
                        let mut returns_function = false;
                        for _ in 0..cursor.u32()? {
                            returns_function |= cursor.u8()? == FUNCREF;
                        }
                        types.push(Type { params, returns_function });
                    }
                }
                2 => {
                    for _ in 0..cursor.u32()? {
                        self.import(&mut cursor, &types)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn import(&mut self, cursor: &mut Cursor<'_>, types: &[Type]) -> Result<(), Error> {
        cursor.name()?;
        cursor.name()?;
        match cursor.u8()? {
            0 => {
                let index = cursor.u32()?;
                let invalid = || Error::malformed("an import of an unknown type", None);
                let ty = *types.get(index as usize).ok_or_else(invalid)?;
                self.takes_functions |= ty.returns_function;
                self.imports.push((index, ty));
            }
            1 => {
                self.takes_functions = true;
                cursor.u8()?;
                cursor.limits()?;
            }
            2 => drop(cursor.limits()?),
            _ => {
                self.takes_functions |= cursor.u8()? == FUNCREF;
                cursor.u8()?;
            }
        }
        Ok(())
    }

    /// Adds the wrappers, and a segment that declares references to them: what was declared was the import.
    fn define(&self, engine: &Engine, edits: &mut Edits) -> Result<(), Error> {
        let functions = u64::from(self.first).saturating_add(self.found.len() as u64);
        let functions_max = u64::from(engine.limits.functions);
        if functions > functions_max {
            return Err(Error::limit("functions", functions, functions_max));
        }
        if self.found.is_empty() {
            return Ok(());
        }
        let mut by_wrapper: Vec<_> = self.found.iter().map(|(import, wrapper)| (*wrapper, *import)).collect();
        by_wrapper.sort_unstable();
        // Declarative, of function indices.
        let mut segment = Vec::from([3, 0]);
        leb128(&mut segment, by_wrapper.len());
        for (wrapper, import) in by_wrapper {
            let (index, ty) = self.imports[import as usize];
            edits.charge(u64::from(ty.params).saturating_mul(8))?;
            let mut code = Vec::from([paying::PRICED]);
            for param in 0..ty.params {
                code.push(0x20);
                leb128(&mut code, param as usize);
            }
            code.push(0x10);
            leb128(&mut code, import as usize);
            code.push(0x0b);
            edits.add_function(index, &code);
            leb128(&mut segment, wrapper as usize);
        }
        edits.elements.push(segment);
        Ok(())
    }
}
