//! The edits that a module needs before the interpreter may have it.
//!
//! * A start function becomes an export. The interpreter runs start functions in a way that cannot be
//!   suspended or metered in slices; as an export it is a call like any other. What is exported is a function that
//!   calls it: an export declares a reference to what it names (core specification, 3.4.10, `C.refs`), and one to the start
//!   function itself would make valid what is not.
//! * A function with many locals pays for having them zeroed. The interpreter charges the same for
//!   calling it as for one with none; here its body begins with constants that are dropped at once, each of
//!   which is charged and none of which is executed.
//! * What leaves native stack behind is paid for at once: see [`paying`].
//! * A `select` that the interpreter may get wrong has something put before it: see [`selects`].
//! * Tail calls of imports become calls that return: see [`wrappers`].
//! * Where fuel is not counted, growing a memory or table becomes a call of the host: see [`growth`].
//!
//! Everything else is copied as it is, and what comes out is validated as if it had come in.

use crate::{
    Error,
    engine::{
        Engine, Metering, Outline, growth, paying,
        scan::{Cursor, START, Section, locals_fuel, place, sections},
        selects, wrappers,
    },
};
use alloc::{borrow::Cow, vec::Vec};
use core::{iter::Peekable, ops::Range};

/// The module to compile for `bytes`, which may be linked with others or not. The outline counts what functions it has
/// then.
pub(super) fn rewrite<'a>(
    bytes: &'a [u8],
    outline: &mut Outline,
    engine: &Engine,
    is_linked: bool,
) -> Result<Cow<'a, [u8]>, Error> {
    let mut edits = Edits { edits_code: outline.locals_priced > 0, ..Edits::default() };
    match engine.metering {
        Metering::On => paying::edit(bytes, outline, engine, is_linked, &mut edits)?,
        Metering::Off => growth::edit(bytes, outline, engine, &mut edits)?,
    }
    selects::edit(bytes, outline, engine, &mut edits)?;
    outline.noted = Vec::new();
    if outline.tail_calls_import {
        wrappers::edit(bytes, outline, engine, &mut edits)?;
        outline.tail_calls_import = false;
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let wrappers = count(edits.functions.len());
    if let Some(start) = outline.start {
        if outline.exports_reserved_name {
            return Err(reserved_name());
        }
        // As it is: with a function and a type more than it has, an invalid module could be a valid one.
        engine.validate(bytes)?;
        edits.export_start(start, outline);
    }
    if edits.is_empty() {
        return Ok(Cow::Borrowed(bytes));
    }
    outline.functions = outline.functions.saturating_add(wrappers);
    let added = outline.locals_priced.saturating_mul(DROPPED_CONSTANT.len() as u64);
    let code_bytes = u64::from(outline.code_bytes).saturating_add(added).saturating_add(edits.code_bytes());
    outline.code_bytes = u32::try_from(code_bytes).unwrap_or(u32::MAX);
    edits.added_bytes = added.saturating_add(edits.splices_bytes());
    let size = (bytes.len() as u64).saturating_add(edits.added_bytes);
    let size_max = u64::from(engine.limits.module_bytes);
    if size > size_max {
        return Err(Error::limit("module_bytes", size, size_max));
    }
    let mut out = Vec::with_capacity(usize::try_from(size).unwrap_or(bytes.len()) + 256);
    edits.apply(bytes, &mut out)?;
    Ok(Cow::Owned(out))
}

/// Why a module is refused whose exports would be mistaken for those that are added.
pub(super) fn reserved_name() -> Error {
    Error::unsupported("a name of its host's", "it exports one that begins with `wasmote:`")
}

/// Why a module is refused whose tables others may put functions into.
pub(super) fn tail_call_refused() -> Error {
    let reason = "the interpreter cannot suspend them, and another module may put an import into the table";
    Error::unsupported("tail calls of imports", reason)
}

/// `i32.const 0` and `drop`.
const DROPPED_CONSTANT: [u8; 3] = [0x41, 0x00, 0x1a];

/// What to change in a module. Items are added behind those of their kind, so no index shifts.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) types: Vec<Vec<u8>>,
    functions: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
    pub(super) tables: Vec<Vec<u8>>,
    pub(super) exports: Vec<Vec<u8>>,
    pub(super) elements: Vec<Vec<u8>>,
    /// Instructions to replace: their place in the module, and what to put there, by place.
    pub(super) splices: Vec<(Range<usize>, Vec<u8>)>,
    /// The same in globals and element segments.
    pub(super) constants: Vec<(Range<usize>, Vec<u8>)>,
    /// Of the functions defined, in their order, those that pay for being called indirectly; the rest do not.
    pub(super) called_indirectly: Vec<bool>,
    drops_start: bool,
    edits_code: bool,
    /// By how much the module grows, without the lengths of what does.
    added_bytes: u64,
}

impl Edits {
    fn is_empty(&self) -> bool {
        let adds = [&self.types, &self.functions, &self.tables, &self.exports, &self.elements];
        let splices = !(self.splices.is_empty() && self.constants.is_empty());
        adds.iter().all(|items| items.is_empty()) && !self.drops_start && !self.edits_bodies() && !splices
    }

    /// Whether bodies get something where they begin.
    fn edits_bodies(&self) -> bool {
        self.edits_code || !self.called_indirectly.is_empty()
    }

    /// Adds a type, and answers its index.
    pub(super) fn add_type(&mut self, ty: Vec<u8>, outline: &Outline) -> u32 {
        let index = u32::try_from(self.types.len()).unwrap_or(u32::MAX);
        self.types.push(ty);
        outline.types.saturating_add(index)
    }

    /// The index that the next function will have that is added.
    pub(super) fn next_function(&self, outline: &Outline) -> u32 {
        outline.functions.saturating_add(u32::try_from(self.functions.len()).unwrap_or(u32::MAX))
    }

    /// Adds a function of the type `ty`, without locals and with this code.
    pub(super) fn add_function(&mut self, ty: u32, code: &[u8]) {
        let mut function = Vec::new();
        leb128(&mut function, usize::try_from(ty).unwrap_or(usize::MAX));
        self.functions.push(function);
        let mut body = Vec::new();
        leb128(&mut body, code.len().saturating_add(1));
        body.push(0);
        body.extend_from_slice(code);
        self.bodies.push(body);
    }

    /// Exports a function that calls the start function, instead of the start section.
    fn export_start(&mut self, start: u32, outline: &Outline) {
        let ty = self.add_type([0x60, 0, 0].into(), outline);
        let function = self.next_function(outline);
        // `call`.
        let mut code = Vec::from([0x10]);
        leb128(&mut code, start as usize);
        code.push(0x0b);
        self.add_function(ty, &code);
        self.exports.push(export(START, 0, function));
        self.drops_start = true;
    }

    /// By how much more code is translated than the module came with, what its locals cost apart.
    fn code_bytes(&self) -> u64 {
        let spliced = self.splices.iter().map(|(replaced, with)| with.len().saturating_sub(replaced.len()));
        let called = self.called_indirectly.iter().filter(|is_called| **is_called).count();
        let added: usize = spliced.chain(self.bodies.iter().map(Vec::len)).sum();
        added.saturating_add(called) as u64
    }

    fn splices_bytes(&self) -> u64 {
        let splices = self.splices.iter().chain(&self.constants).map(|(_, with)| with);
        let added: u64 = splices.chain(&self.bodies).map(|with| with.len() as u64).sum();
        added.saturating_add(self.called_indirectly.len() as u64)
    }

    fn apply(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut additions = [
            (1, &self.types[..]),
            (3, &self.functions),
            (4, &self.tables),
            (7, &self.exports),
            (9, &self.elements),
            (10, &self.bodies),
        ];
        out.extend_from_slice(&bytes[..8]);
        for section in sections(bytes) {
            let Section { id, contents } = section?;
            if id != 0 {
                flush(out, &mut additions, id);
            }
            let added = additions.iter_mut().find(|(addition, _)| *addition == id);
            let items = added.map_or(&[][..], |(_, items)| core::mem::take(items));
            match id {
                8 if self.drops_start => {}
                10 if self.edits_bodies() || !self.splices.is_empty() => {
                    self.code(out, bytes, contents, items)?
                }
                6 | 9 if !self.constants.is_empty() => {
                    let mut edited = Vec::with_capacity(contents.len());
                    let mut splices = self.constants.iter().peekable();
                    while splices.next_if(|(range, _)| range.start < contents.start).is_some() {}
                    splice(&mut edited, bytes, contents, &mut splices);
                    let all = 0..edited.len();
                    append(out, id, &edited, all, items)?;
                }
                _ if items.is_empty() => emit(out, id, &bytes[contents]),
                _ => append(out, id, bytes, contents, items)?,
            }
        }
        flush(out, &mut additions, u8::MAX);
        Ok(())
    }

    /// The code section in `contents` with each body paying for its locals, with its splices, and with `added` bodies.
    fn code(
        &self,
        out: &mut Vec<u8>,
        bytes: &[u8],
        contents: Range<usize>,
        added: &[Vec<u8>],
    ) -> Result<(), Error> {
        let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
        let count = cursor.u32()?;
        let mut splices = self.splices.iter().peekable();
        // All at once, or it would have two homes for a while. The length of a body can take a byte more as well.
        let added_bytes =
            usize::try_from(self.added_bytes.saturating_add(count.into())).unwrap_or(usize::MAX);
        let mut section = Vec::with_capacity(contents.len().saturating_add(added_bytes));
        leb128(&mut section, usize::try_from(count).unwrap_or(usize::MAX).saturating_add(added.len()));
        let mut edited = Vec::new();
        for at in 0..count as usize {
            let body = cursor.body()?;
            let fuel = locals_fuel(u32::try_from(body.locals).unwrap_or(u32::MAX));
            edited.clear();
            edited.extend_from_slice(&bytes[body.declarations]);
            for _ in 0..fuel {
                edited.extend_from_slice(&DROPPED_CONSTANT);
            }
            if self.called_indirectly.get(at).is_some_and(|is_called| *is_called) {
                edited.push(paying::PRICED);
            }
            splice(&mut edited, bytes, body.code, &mut splices);
            leb128(&mut section, edited.len());
            section.extend_from_slice(&edited);
        }
        section.extend_from_slice(cursor.rest());
        section.extend(added.iter().flatten());
        emit(out, 10, &section);
        Ok(())
    }
}

/// Copies `range` of a module, with those splices that are next and inside it.
fn splice<'s>(
    out: &mut Vec<u8>,
    bytes: &[u8],
    range: Range<usize>,
    splices: &mut Peekable<impl Iterator<Item = &'s (Range<usize>, Vec<u8>)>>,
) {
    let mut at = range.start;
    while let Some((replaced, with)) = splices.next_if(|(replaced, _)| replaced.end <= range.end) {
        out.extend_from_slice(&bytes[at..replaced.start]);
        out.extend_from_slice(with);
        at = replaced.end;
    }
    out.extend_from_slice(&bytes[at..range.end]);
}

/// Whether a section of this id comes before one of that, which may be the end.
fn before(id: u8, other: u8) -> bool {
    place(other).is_none_or(|other| place(id) < Some(other))
}

/// Emits as sections of their own the additions that come before section `id` and found none to join.
fn flush(out: &mut Vec<u8>, additions: &mut [(u8, &[Vec<u8>])], id: u8) {
    for (addition, items) in additions {
        if !items.is_empty() && before(*addition, id) {
            let mut section = Vec::new();
            leb128(&mut section, items.len());
            section.extend(items.iter().flatten());
            emit(out, *addition, &section);
            *items = &[];
        }
    }
}

/// A section of the module with `items` added at its end.
fn append(
    out: &mut Vec<u8>,
    id: u8,
    bytes: &[u8],
    contents: Range<usize>,
    items: &[Vec<u8>],
) -> Result<(), Error> {
    let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
    let count = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
    let mut section = Vec::with_capacity(contents.len() + items.iter().map(Vec::len).sum::<usize>() + 8);
    leb128(&mut section, count.saturating_add(items.len()));
    section.extend_from_slice(cursor.rest());
    section.extend(items.iter().flatten());
    emit(out, id, &section);
    Ok(())
}

fn emit(out: &mut Vec<u8>, id: u8, contents: &[u8]) {
    out.push(id);
    leb128(out, contents.len());
    out.extend_from_slice(contents);
}

/// An export of item `index` of `kind`.
pub(super) fn export(name: &str, kind: u8, index: u32) -> Vec<u8> {
    let mut item = Vec::new();
    leb128(&mut item, name.len());
    item.extend_from_slice(name.as_bytes());
    item.push(kind);
    leb128(&mut item, usize::try_from(index).unwrap_or(usize::MAX));
    item
}

/// Writes an unsigned LEB128 number (core specification, 5.2.2).
pub(super) fn leb128(out: &mut Vec<u8>, value: usize) {
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
