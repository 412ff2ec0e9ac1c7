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
//! * Blocks that take parameters have something put before them, and some `br_table` get a block of their own: see
//!   [`blocks`](super::blocks).
//! * What may be a store of a number at itself has something put before it: see [`stores`](super::stores).
//! * Short loops that are likely to run often are unrolled, where fuel is counted: see [`unroll`].
//! * Tail calls of imports become calls that return: see [`wrappers`].
//! * Where fuel is not counted, growing a memory or table becomes a call of the host: see [`growth`].
//!
//! Everything else is copied as it is, and what comes out is validated as if it had come in.

use crate::{
    Error,
    engine::{
        Engine, Metering, Outline, growth, paying,
        scan::{Body, Cursor, Noted, START, Section, locals_fuel, place, sections},
        seek, selects, stores, unroll, wrappers,
    },
};
use alloc::{borrow::Cow, vec::Vec};
use core::ops::Range;

/// The module to compile for `bytes`, which may be linked with others or not. The outline counts what functions it has
/// then.
pub(super) fn rewrite<'a>(
    bytes: &'a [u8],
    outline: &mut Outline,
    engine: &Engine,
    is_linked: bool,
) -> Result<Cow<'a, [u8]>, Error> {
    let mut edits = Edits {
        pays_for_locals: outline.locals_priced > 0,
        taken: outline.load_bytes(bytes.len() as u64),
        allowed: engine.limits.load_bytes,
        ..Edits::default()
    };
    match engine.metering {
        Metering::On => paying::edit(bytes, outline, engine, is_linked, &mut edits)?,
        Metering::Off => growth::edit(bytes, outline, engine, &mut edits)?,
    }
    selects::edit(outline, &mut edits)?;
    stores::edit(outline, &mut edits)?;
    if !engine.is_plain {
        seek::edit(bytes, outline, engine, &mut edits)?;
    }
    edits.splices.sort_by_key(|splice| splice.place.start);
    if engine.metering == Metering::On && !outline.tail_calls_import {
        unroll::edit(bytes, outline, &mut edits)?;
    }
    outline.noted = Noted::default();
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
    /// Instructions to replace, by place.
    pub(super) splices: Vec<Splice>,
    /// The same in globals and element segments.
    pub(super) constants: Vec<Splice>,
    /// What is put in their places.
    text: Vec<u8>,
    /// Bytes of host memory that loading takes so far, and those it may.
    taken: u64,
    allowed: u64,
    /// Of the functions defined, in their order, those that pay for being called indirectly; the rest do not.
    pub(super) called_indirectly: Vec<bool>,
    drops_start: bool,
    pays_for_locals: bool,
    /// By how much the module grows, without the lengths of what does.
    added_bytes: u64,
}

/// What comes to stand for what.
pub(super) struct Splice {
    /// What is replaced in the module; nothing, where something is put between two instructions.
    pub(super) place: Range<usize>,
    text: Text,
}

/// Some of the text of all edits.
#[derive(Clone, Copy)]
pub(super) struct Text {
    start: usize,
    end: usize,
}

impl Text {
    fn len(self) -> usize {
        self.end - self.start
    }
}

/// What noting one place, and a few bytes to put there, takes of host memory, from above.
pub(super) const SPLICE_BYTES: u64 = 128;

impl Edits {
    /// Keeps what is to be put somewhere, once for all places.
    pub(super) fn text(&mut self, text: &[u8]) -> Text {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        Text { start, end: self.text.len() }
    }

    /// Keeps what `write` writes there, which is so much.
    pub(super) fn text_of_length(&mut self, length: usize, write: impl FnOnce(&mut Vec<u8>)) -> Text {
        let start = self.text.len();
        self.text.reserve_exact(length);
        write(&mut self.text);
        debug_assert_eq!(self.text.len(), start + length);
        Text { start, end: self.text.len() }
    }

    /// Puts `text` where `place` is.
    pub(super) fn splice(&mut self, place: Range<usize>, text: Text) -> Result<(), Error> {
        self.charge(SPLICE_BYTES)?;
        self.splices.push(Splice { place, text });
        Ok(())
    }

    /// The same in globals and element segments.
    pub(super) fn splice_constant(&mut self, place: Range<usize>, text: Text) -> Result<(), Error> {
        self.charge(SPLICE_BYTES)?;
        self.constants.push(Splice { place, text });
        Ok(())
    }

    /// What is put there.
    pub(super) fn text_of(&self, splice: &Splice) -> &[u8] {
        &self.text[splice.text.start..splice.text.end]
    }

    /// Pays for what an edit takes of host memory, before it does.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.taken = self.taken.saturating_add(bytes);
        let (asked, allowed) = (self.taken, self.allowed);
        if asked > allowed { Err(Error::limit("load_bytes", asked, allowed)) } else { Ok(()) }
    }

    fn is_empty(&self) -> bool {
        let adds = [&self.types, &self.functions, &self.tables, &self.exports, &self.elements];
        let splices = !(self.splices.is_empty() && self.constants.is_empty());
        adds.iter().all(|items| items.is_empty()) && !self.drops_start && !self.edits_bodies() && !splices
    }

    /// Whether bodies get something where they begin.
    fn edits_bodies(&self) -> bool {
        self.pays_for_locals || !self.called_indirectly.is_empty()
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
        let spliced =
            self.splices.iter().map(|Splice { place, text }| text.len().saturating_sub(place.len()));
        let called = self.called_indirectly.iter().filter(|is_called| **is_called).count();
        let added: usize = spliced.chain(self.bodies.iter().map(Vec::len)).sum();
        added.saturating_add(called) as u64
    }

    fn splices_bytes(&self) -> u64 {
        let splices = self.splices.iter().chain(&self.constants).map(|splice| splice.text.len());
        let added: u64 = splices.chain(self.bodies.iter().map(Vec::len)).map(|length| length as u64).sum();
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
                    let behind = self.constants.partition_point(|splice| splice.place.start < contents.start);
                    self.copy(&mut edited, bytes, contents, &mut &self.constants[behind..]);
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
        out.push(10);
        let start = out.len();
        // Its length is known when all of it is there; there is no room for two of it.
        out.extend_from_slice(&[0; LENGTH_BYTES_MAX]);
        leb128(out, usize::try_from(count).unwrap_or(usize::MAX).saturating_add(added.len()));
        let mut splices = &self.splices[..];
        // Up to where all is copied. Most bodies stay as they are, and many of them are copied at once.
        let mut copied = cursor.at;
        for at in 0..count as usize {
            let body = cursor.at;
            let whole = cursor.sized()?;
            let is_called = self.called_indirectly.get(at).is_some_and(|is_called| *is_called);
            let is_spliced = splices.first().is_some_and(|splice| splice.place.end <= whole.end);
            if !(is_called || is_spliced || self.pays_for_locals) {
                continue;
            }
            out.extend_from_slice(&bytes[copied..body]);
            copied = cursor.at;
            cursor.at = body;
            self.body(out, bytes, cursor.body()?, is_called, &mut splices);
        }
        out.extend_from_slice(&bytes[copied..contents.end]);
        added.iter().for_each(|body| out.extend_from_slice(body));
        // As long as there is room: a number may be longer than it has to be (core specification, 5.2.2).
        let mut length = out.len() - start - LENGTH_BYTES_MAX;
        for (at, byte) in out[start..start + LENGTH_BYTES_MAX].iter_mut().enumerate() {
            let more = if at + 1 < LENGTH_BYTES_MAX { 0x80 } else { 0 };
            *byte = u8::try_from(length & 0x7f).unwrap_or(0) | more;
            length >>= 7;
        }
        Ok(())
    }

    /// One body, with those splices that are next and inside it.
    fn body(&self, out: &mut Vec<u8>, bytes: &[u8], body: Body, is_called: bool, splices: &mut &[Splice]) {
        let fuel = locals_fuel(u32::try_from(body.locals).unwrap_or(u32::MAX)) as usize;
        let inside = splices.partition_point(|splice| splice.place.end <= body.code.end);
        let spliced = splices[..inside].iter().fold(0usize, |sum, Splice { place, text }| {
            sum.wrapping_add(text.len()).wrapping_sub(place.len())
        });
        let length = (body.declarations.len() + body.code.len()).wrapping_add(spliced);
        leb128(out, length + fuel * DROPPED_CONSTANT.len() + usize::from(is_called));
        out.extend_from_slice(&bytes[body.declarations]);
        for _ in 0..fuel {
            out.extend_from_slice(&DROPPED_CONSTANT);
        }
        if is_called {
            out.push(paying::PRICED);
        }
        self.copy(out, bytes, body.code, splices);
    }

    /// Copies `range` of a module, with those splices that are next and inside it.
    fn copy(&self, out: &mut Vec<u8>, bytes: &[u8], range: Range<usize>, splices: &mut &[Splice]) {
        let mut at = range.start;
        while let Some((Splice { place, text }, rest)) = splices.split_first()
            && place.end <= range.end
        {
            out.extend_from_slice(&bytes[at..place.start]);
            out.extend_from_slice(&self.text[text.start..text.end]);
            at = place.end;
            *splices = rest;
        }
        out.extend_from_slice(&bytes[at..range.end]);
    }
}

/// What a section's length takes at most (core specification, 5.2.2).
const LENGTH_BYTES_MAX: usize = 5;

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

/// Writes a number that is not negative as a signed LEB128 number, as `i32.const` and the types of blocks take it.
pub(super) fn signed_leb128(out: &mut Vec<u8>, value: u32) {
    let mut value = value;
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 && low & 0x40 == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}
