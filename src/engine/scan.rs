//! A first look at a core module's bytes, before anything is allocated for them.
//!
//! One pass counts what the module declares, checks it against [`Limits`], and estimates what loading
//! it will take. It does not validate: whatever it does not need to understand it leaves to the
//! interpreter's validator. The binary format is the WebAssembly core specification's, chapter 5.

use crate::{
    Error, Limits,
    engine::{
        glance::{Glance, Glancer},
        operators::{Found, Grown, Instruction, each},
    },
};
use alloc::vec::Vec;
use core::ops::Range;

/// What a module declares, by count and size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Function types.
    pub types: u32,
    /// Imports.
    pub imports: u32,
    /// Exports.
    pub exports: u32,
    /// Functions, imported ones included.
    pub functions: u32,
    /// Globals defined here.
    pub globals: u32,
    /// Linear memories, imported ones included.
    pub memories: u32,
    /// Bytes that the memories defined here begin with.
    pub memory_bytes: u64,
    /// Tables, imported ones included.
    pub tables: u32,
    /// Elements that the tables defined here begin with.
    pub table_elements: u64,
    /// Data and element segments.
    pub segments: u32,
    /// Bytes of all segments.
    pub segment_bytes: u64,
    /// Bytes of all function bodies, as they are translated: what `rewrite` adds included.
    pub code_bytes: u32,
    /// The most locals that one function has, parameters not counted.
    pub frame_locals_max: u32,
    /// Fuel for zeroing locals, over what [`rewrite`](super::rewrite) must add to bodies.
    pub(super) locals_priced: u64,
    /// Functions imported; they come first.
    pub(super) imported_functions: u32,
    /// The most that one body nests blocks, from above.
    pub(super) blocks_max: u32,
    /// Bytes of the largest body.
    pub(super) body_bytes_max: u32,
    /// Bytes of all function types.
    pub(super) type_bytes: u64,
    /// The most values that one function type returns.
    pub(super) results_max: u32,
    /// Elements of all element segments.
    pub(super) elements: u32,
    /// Operators of all constant expressions.
    pub(super) constant_operators: u32,
    /// Instructions that grow a memory or a table.
    pub(super) growths: u32,
    /// The index of the start function.
    pub(super) start: Option<u32>,
    /// Whether an export's name begins as those do that are added to modules.
    pub(super) exports_reserved_name: bool,
    /// Whether it imports anything and has tail calls that may be of that: [`wrappers`](super::wrappers).
    pub(super) tail_calls_import: bool,
    /// What [`rewrite`](super::rewrite) has to know besides, until it does.
    pub(super) noted: Noted,
    /// What loading the rest of the component takes that it is part of, while it is loaded.
    pub(super) load_bytes_elsewhere: u64,
}

/// What edits are made by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted {
    /// The instructions that something is done about: those that grow a memory or a table, and each `select` and store that the
    /// interpreter may get wrong. By place.
    pub(super) sites: Vec<Site>,
    /// How many there are. Where the limits leave no room for all, fewer are noted, and the module is refused.
    pub(super) count: u32,
    /// Memories imported; they come first.
    pub(super) imported_memories: u32,
    /// Whether the first of those is addressed by 64 bits.
    pub(super) is_first_memory_64: bool,
    /// One more than the highest index of a table that is exported, that a segment fills, or that code names which does not have
    /// so many.
    pub(super) tables_named: u32,
}

impl Noted {
    fn name_table(&mut self, index: u32) {
        self.tables_named = self.tables_named.max(index.saturating_add(1));
    }
}

/// An instruction, and where it is in the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) place: Range<usize>,
    pub(super) instruction: Instruction,
}

/// What noting one takes of host memory: a list that grows has two homes for a while, of which one is twice the other.
const PER_SITE: u64 = 3 * size_of::<Site>() as u64;

/// More bytes than an instruction takes that edits are made by: an opcode, and numbers of five, five and ten.
const LONGEST: usize = 32;

/// The name a start function is exported under, so that it can be run like any other call.
pub(super) const START: &str = "wasmote:start";
/// What the names of all added exports begin with.
pub(super) const RESERVED: &[u8] = b"wasmote:";
/// Locals of a function that are zeroed for its call's own price.
pub(super) const LOCALS_FREE: u32 = 32;
/// Locals beyond those that are zeroed for one unit of fuel.
pub(super) const LOCALS_PER_FUEL: u32 = 8;

/// The eight bytes that every core module begins with.
const HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";

/// What bytes are, by their first eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A core module.
    Module,
    /// A component (component-model `Binary.md`: version 0x0d, layer 1).
    Component,
}

/// Tells a core module from a component.
pub(crate) fn format(bytes: &[u8]) -> Result<Format, Error> {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(Error::malformed("the file is too short", Some(bytes.len())));
    };
    if magic != b"\0asm" {
        return Err(Error::malformed("it does not begin with `\\0asm`", Some(0)));
    }
    match rest.first_chunk::<4>() {
        Some([1, 0, 0, 0]) => Ok(Format::Module),
        Some([0x0d, 0, 1, 0]) => Ok(Format::Component),
        Some(_) => Err(Error::malformed("its version is unknown", Some(4))),
        None => Err(Error::malformed("the file is too short", Some(bytes.len()))),
    }
}

/// Where among the others a section stands that is no custom one (core specification, 5.5.16): their ids are in the order
/// they were invented.
pub(super) fn place(id: u8) -> Option<usize> {
    const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
    ORDER.iter().position(|known| *known == id)
}

/// One section: its id, and the range of its contents.
pub(super) struct Section {
    pub(super) id: u8,
    pub(super) contents: Range<usize>,
}

/// The sections of a module, in order.
pub(super) fn sections(bytes: &[u8]) -> impl Iterator<Item = Result<Section, Error>> + '_ {
    let mut cursor = Cursor { bytes, at: HEADER.len() };
    core::iter::from_fn(move || {
        if cursor.is_at_end() {
            return None;
        }
        let section = cursor.section();
        if section.is_err() {
            cursor.at = bytes.len();
        }
        Some(section)
    })
}

impl Outline {
    /// Looks through `bytes`, which begin as a core module.
    ///
    /// # Errors
    ///
    /// When a count or size passes its limit, when a section lies about its size, and when a proposal
    /// is used that the interpreter does not implement.
    pub(crate) fn of(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let outline = Self::of_part(bytes, limits)?;
        check("load_bytes", outline.load_bytes(bytes.len() as u64), limits.load_bytes)?;
        Ok(outline)
    }

    /// The same of a module that is part of something else, of which `limits` leave so much: whether they leave what loading
    /// all of it takes is for who calls this to check, and before anything is done by the outline.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of), but for that.
    pub(crate) fn of_part(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let length = bytes.len() as u64;
        check("module_bytes", length, u64::from(limits.module_bytes))?;
        let mut outline = Self::default();
        let mut last = None;
        for section in sections(bytes) {
            let Section { id, contents } = section?;
            let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
            // Each at most once, and in their order (5.5.2): what reads or edits the module later counts on it.
            if let Some(place) = place(id) {
                if last >= Some(place) {
                    return Err(cursor.malformed("a section out of place"));
                }
                last = Some(place);
            }
            match id {
                1 => outline.types(&mut cursor, limits)?,
                2 => outline.imports(&mut cursor)?,
                3 => outline.functions = outline.functions.saturating_add(cursor.u32()?),
                4 => outline.tables(&mut cursor)?,
                5 => outline.memories(&mut cursor)?,
                6 => outline.globals(&mut cursor, limits)?,
                7 => outline.exports(&mut cursor)?,
                8 => outline.start(&mut cursor)?,
                9 => outline.element_segments(&mut cursor, limits)?,
                11 => outline.data_segments(&mut cursor, limits)?,
                10 => outline.code(&mut cursor, limits)?,
                13 => return Err(unsupported("exception handling")),
                _ => {}
            }
            outline.check(limits)?;
        }
        Ok(outline)
    }

    /// What loading may take of host memory, from above. The constants were measured on 64-bit hosts
    /// (`tests/load_memory.rs` holds them): a validator's and a translator's worst cases by kind.
    #[must_use]
    pub fn load_bytes(&self, module_bytes: u64) -> u64 {
        // Half of each is what it takes; the other half, that a list which grows has two homes for a while.
        const BASE: u64 = 12 << 10;
        const PER_BLOCK: u64 = 100;
        const PER_OPERAND: u64 = 12;
        const PER_FUNCTION: u64 = 120;
        const PER_TYPE: u64 = 256;
        const PER_TYPE_BYTE: u64 = 8;
        const PER_IMPORT: u64 = 512;
        const PER_EXPORT: u64 = 256;
        const PER_GLOBAL: u64 = 96;
        const PER_SEGMENT: u64 = 208;
        const PER_ELEMENT: u64 = 48;
        const PER_CONSTANT_OPERATOR: u64 = 48;
        const PER_LOCAL_PRICED: u64 = 20;
        const PER_GROWTH: u64 = 256;
        // No operator of fewer than two bytes leaves more on the stack than it took.
        let operands = u64::from(self.body_bytes_max / 2).saturating_mul(self.results_max.max(1).into());
        let counts = [
            (u64::from(self.blocks_max), PER_BLOCK),
            (operands, PER_OPERAND),
            (self.functions.into(), PER_FUNCTION),
            (self.types.into(), PER_TYPE),
            (self.type_bytes, PER_TYPE_BYTE),
            (self.imports.into(), PER_IMPORT),
            (self.exports.into(), PER_EXPORT),
            (self.globals.into(), PER_GLOBAL),
            (self.segments.into(), PER_SEGMENT),
            (self.elements.into(), PER_ELEMENT),
            (self.constant_operators.into(), PER_CONSTANT_OPERATOR),
            (self.locals_priced, PER_LOCAL_PRICED),
            (self.growths.into(), PER_GROWTH),
            (self.noted.count.into(), PER_SITE),
        ];
        let base =
            BASE.saturating_add(module_bytes.saturating_mul(2)).saturating_add(self.load_bytes_elsewhere);
        counts.into_iter().fold(base, |sum, (count, each)| sum.saturating_add(count.saturating_mul(each)))
    }

    /// What one instance takes of host memory besides its memories and tables, from above.
    #[must_use]
    pub fn instance_bytes(&self) -> u64 {
        let each = |count: u32, bytes: u64| u64::from(count).saturating_mul(bytes);
        1_024u64
            .saturating_add(each(self.functions, 64))
            .saturating_add(each(self.globals, 64))
            .saturating_add(each(self.exports, 128))
            .saturating_add(each(self.segments, 48))
            .saturating_add(each(self.elements, 16))
            .saturating_add(each(self.memories.saturating_add(self.tables), 128))
    }

    /// Refuses what passes `limits` by itself.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Error> {
        let checks = [
            ("types", u64::from(self.types), u64::from(limits.types)),
            ("functions", u64::from(self.functions), u64::from(limits.functions)),
            (
                "imports_exports",
                u64::from(self.imports) + u64::from(self.exports),
                u64::from(limits.imports_exports),
            ),
            ("globals", u64::from(self.globals), u64::from(limits.globals)),
            ("memories", u64::from(self.memories), u64::from(limits.memories)),
            ("memory_bytes", self.memory_bytes, limits.memory_bytes),
            ("tables", u64::from(self.tables), u64::from(limits.tables)),
            ("table_elements", self.table_elements, limits.table_elements),
            ("segments", u64::from(self.segments), u64::from(limits.segments)),
        ];
        checks.into_iter().try_for_each(|(limit, asked, allowed)| check(limit, asked, allowed))
    }

    /// The start section is taken out before validation, so what it may be is checked here (core
    /// specification, 5.5.11 and 5.5.16).
    fn start(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        if self.start.is_some() || self.code_bytes > 0 || self.segments > 0 {
            return Err(cursor.malformed("a start section out of place"));
        }
        self.start = Some(cursor.u32()?);
        if cursor.is_at_end() { Ok(()) } else { Err(cursor.malformed("a start section out of place")) }
    }

    fn types(&mut self, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Error> {
        self.type_bytes = cursor.rest().len() as u64;
        self.types = cursor.u32()?;
        check("types", u64::from(self.types), u64::from(limits.types))?;
        for _ in 0..self.types {
            match cursor.u8()? {
                0x60 => {}
                0x4e | 0x4f | 0x50 | 0x5e | 0x5f => return Err(unsupported("garbage collection")),
                0x5d => return Err(unsupported("stack switching")),
                _ => return Err(cursor.malformed("a type of unknown form")),
            }
            for is_results in [false, true] {
                let values = cursor.u32()?;
                check("function_values", u64::from(values), u64::from(limits.function_values))?;
                (0..values).try_for_each(|_| cursor.value_type())?;
                if is_results {
                    self.results_max = self.results_max.max(values);
                }
            }
        }
        Ok(())
    }

    fn imports(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        self.imports = cursor.u32()?;
        for _ in 0..self.imports {
            cursor.name()?;
            cursor.name()?;
            match cursor.u8()? {
                0 => {
                    cursor.u32()?;
                    self.functions = self.functions.saturating_add(1);
                    self.imported_functions = self.functions;
                }
                1 => {
                    cursor.value_type()?;
                    cursor.limits()?;
                    self.tables = self.tables.saturating_add(1);
                }
                2 => {
                    let is_64 = cursor.peek().is_some_and(|flags| flags & 0x04 != 0);
                    self.noted.is_first_memory_64 |= self.memories == 0 && is_64;
                    cursor.limits()?;
                    self.memories = self.memories.saturating_add(1);
                    self.noted.imported_memories = self.memories;
                }
                3 => {
                    cursor.value_type()?;
                    cursor.u8()?;
                }
                4 => return Err(unsupported("exception handling")),
                _ => return Err(cursor.malformed("an import of unknown kind")),
            }
        }
        Ok(())
    }

    fn tables(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let count = cursor.u32()?;
        self.tables = self.tables.saturating_add(count);
        for _ in 0..count {
            if cursor.peek() == Some(0x40) {
                return Err(unsupported("tables with initial values"));
            }
            cursor.value_type()?;
            let (elements, _) = cursor.limits()?;
            self.table_elements = self.table_elements.saturating_add(elements);
        }
        Ok(())
    }

    fn memories(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let count = cursor.u32()?;
        self.memories = self.memories.saturating_add(count);
        for _ in 0..count {
            let (pages, page_bytes) = cursor.limits()?;
            self.memory_bytes = self.memory_bytes.saturating_add(pages.saturating_mul(page_bytes));
        }
        Ok(())
    }

    fn exports(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        self.exports = cursor.u32()?;
        for _ in 0..self.exports {
            self.exports_reserved_name |= cursor.name()?.starts_with(RESERVED);
            let (kind, index) = (cursor.u8()?, cursor.u32()?);
            if kind == 1 {
                self.noted.name_table(index);
            }
        }
        Ok(())
    }

    fn globals(&mut self, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Error> {
        self.globals = cursor.u32()?;
        for _ in 0..self.globals {
            cursor.value_type()?;
            cursor.u8()?;
            self.constant(cursor, limits)?;
        }
        Ok(())
    }

    /// Element segments (core specification, 5.5.12). The bits of their flags: not active, with an index
    /// or declared only, and elements that are expressions.
    fn element_segments(&mut self, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Error> {
        self.segment_bytes = self.segment_bytes.saturating_add(cursor.rest().len() as u64);
        let count = cursor.u32()?;
        self.segments = self.segments.saturating_add(count);
        for _ in 0..count {
            let flags = cursor.u32()?;
            if flags & 1 == 0 {
                self.noted.name_table(if flags & 2 == 0 { 0 } else { cursor.u32()? });
                self.constant(cursor, limits)?;
            }
            match (flags & 3, flags & 4) {
                (0, _) => {}
                (_, 0) => _ = cursor.u8()?,
                (..) => cursor.value_type()?,
            }
            let elements = cursor.u32()?;
            for _ in 0..elements {
                match flags & 4 {
                    0 => _ = cursor.u32()?,
                    _ => self.constant(cursor, limits)?,
                }
            }
            self.elements = self.elements.saturating_add(elements);
        }
        Ok(())
    }

    /// Data segments (core specification, 5.5.14).
    fn data_segments(&mut self, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Error> {
        self.segment_bytes = self.segment_bytes.saturating_add(cursor.rest().len() as u64);
        let count = cursor.u32()?;
        self.segments = self.segments.saturating_add(count);
        for _ in 0..count {
            match cursor.u32()? {
                0 => self.constant(cursor, limits)?,
                1 => {}
                2 => {
                    cursor.u32()?;
                    self.constant(cursor, limits)?;
                }
                _ => return Err(cursor.malformed("a data segment of unknown kind")),
            }
            cursor.sized()?;
        }
        Ok(())
    }

    /// A constant expression. The interpreter makes of each a value in a value in a value, to be
    /// evaluated and dropped by recursion: a hundred thousand operators end the process.
    fn constant(&mut self, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Error> {
        let mut operators = 0u32;
        while cursor.constant_operator()? {
            operators += 1;
            check("constant_operators", u64::from(operators), u64::from(limits.constant_operators))?;
        }
        self.constant_operators = self.constant_operators.saturating_add(operators);
        Ok(())
    }

    /// Looks for what must not be in a body as it is, where a glance does not rule it out.
    fn instructions(
        &mut self,
        bytes: &[u8],
        code: Range<usize>,
        seen: Glance,
        limits: &Limits,
    ) -> Result<(), Error> {
        // What an imported table holds may be a host's function as well.
        let imports = self.imports > 0 && seen.tail_calls_import && !self.tail_calls_import;
        if !(imports || seen.grows || seen.selects || seen.stores_far || seen.names_no_table) {
            return Ok(());
        }
        let mut found = Found::default();
        // To where the last of them ends: none is longer than that.
        let length = code.len().min(seen.end.saturating_add(LONGEST));
        each(&bytes[code.clone()][..length], |place, instruction| {
            found.add(instruction, self.imported_functions);
            if let Instruction::Table(index)
            | Instruction::TailCallIndirect(index)
            | Instruction::Growth(Grown::Table(index)) = instruction
            {
                self.noted.name_table(index);
            }
            if let Instruction::Growth(_) | Instruction::Select | Instruction::StoreFar { .. } = instruction {
                self.noted.count = self.noted.count.saturating_add(1);
                // What passes the limit is counted to the end, and refused then.
                let taken = u64::from(self.noted.count).saturating_mul(PER_SITE);
                if self.noted.sites.len() == self.noted.sites.capacity() && taken > limits.load_bytes {
                    return Ok(());
                }
                let place = code.start + place.start..code.start + place.end;
                self.noted.sites.push(Site { place, instruction });
            }
            Ok::<_, Error>(())
        })?;
        self.tail_calls_import |= imports && found.tail_calls_import;
        self.growths = self.growths.saturating_add(found.growths);
        Ok(())
    }

    fn code(&mut self, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Error> {
        let glancer = Glancer::new(self.types, self.imported_functions, self.memories, self.tables);
        let bodies = cursor.u32()?;
        // What is noted of each is bounded by the limit on functions.
        if bodies != self.functions.saturating_sub(self.imported_functions) {
            return Err(cursor.malformed("function and code section have inconsistent lengths"));
        }
        for _ in 0..bodies {
            let body = cursor.body()?;
            check("frame_locals", body.locals, u64::from(limits.frame_locals))?;
            let locals = u32::try_from(body.locals).unwrap_or(u32::MAX);
            self.frame_locals_max = self.frame_locals_max.max(locals);
            self.locals_priced = self.locals_priced.saturating_add(u64::from(locals_fuel(locals)));
            let seen = glancer.glance(&cursor.bytes[body.code.clone()]);
            let length = u32::try_from(body.code.len()).unwrap_or(u32::MAX);
            self.instructions(cursor.bytes, body.code, seen, limits)?;
            self.body_bytes_max = self.body_bytes_max.max(length);
            self.code_bytes = self.code_bytes.saturating_add(length);
            self.blocks_max = self.blocks_max.max(seen.blocks);
        }
        Ok(())
    }
}

/// Fuel to add to a call of a function with this many locals.
pub(super) fn locals_fuel(locals: u32) -> u32 {
    locals.saturating_sub(LOCALS_FREE).div_ceil(LOCALS_PER_FUEL)
}

fn check(limit: &'static str, asked: u64, allowed: u64) -> Result<(), Error> {
    if asked > allowed { Err(Error::limit(limit, asked, allowed)) } else { Ok(()) }
}

fn unsupported(proposal: &'static str) -> Error {
    Error::unsupported(proposal, "the interpreter does not implement it")
}

/// A place in the bytes of a module.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// One function body.
pub(super) struct Body {
    /// How many locals it declares.
    pub(super) locals: u64,
    /// Its declarations of locals.
    pub(super) declarations: Range<usize>,
    /// Its instructions.
    pub(super) code: Range<usize>,
}

impl<'a> Cursor<'a> {
    fn malformed(&self, reason: &str) -> Error {
        Error::malformed(reason, Some(self.at))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        let byte = self.peek().ok_or_else(|| self.malformed("unexpected end"))?;
        self.at += 1;
        Ok(byte)
    }

    /// An unsigned LEB128 number of at most `bits` bits (core specification, 5.2.2).
    fn leb128(&mut self, bits: u32) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..bits).step_by(7) {
            let byte = self.u8()?;
            let low = u64::from(byte & 0x7f);
            if bits - shift < 7 && low >> (bits - shift) != 0 {
                return Err(self.malformed("integer too large"));
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed("integer representation too long"))
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        // Most are a byte long.
        if let Some(byte @ ..0x80) = self.peek() {
            self.at += 1;
            return Ok(byte.into());
        }
        self.u32_long()
    }

    fn u32_long(&mut self) -> Result<u32, Error> {
        let value = self.leb128(32)?;
        u32::try_from(value).map_err(|_| self.malformed("integer too large"))
    }

    fn section(&mut self) -> Result<Section, Error> {
        let id = self.u8()?;
        let contents = self.sized()?;
        Ok(Section { id, contents })
    }

    /// A length and that many bytes.
    pub(super) fn sized(&mut self) -> Result<Range<usize>, Error> {
        let length = self.u32()?;
        let start = self.at;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        match end.filter(|end| *end <= self.bytes.len()) {
            Some(end) => {
                self.at = end;
                Ok(start..end)
            }
            None => Err(self.malformed("a length reaches past the end")),
        }
    }

    pub(super) fn name(&mut self) -> Result<&'a [u8], Error> {
        let range = self.sized()?;
        Ok(&self.bytes[range])
    }

    /// One operator of a constant expression (core specification, 3.3.10.2); answers whether more follow.
    pub(super) fn constant_operator(&mut self) -> Result<bool, Error> {
        match self.u8()? {
            0x0b => return Ok(false),
            0x23 | 0xd2 => drop(self.u32()?),
            0x41 => self.skip_leb128(5)?,
            0x42 => self.skip_leb128(10)?,
            0x43 => self.skip(4)?,
            0x44 => self.skip(8)?,
            0x6a..=0x6c | 0x7c..=0x7e => {}
            0xd0 => self.value_type()?,
            0xfb => return Err(unsupported("garbage collection")),
            0xfd if self.u32()? == 12 => self.skip(16)?,
            _ => return Err(self.malformed("constant expression required")),
        }
        Ok(true)
    }

    fn skip(&mut self, count: usize) -> Result<(), Error> {
        (0..count).try_for_each(|_| self.u8().map(drop))
    }

    /// Passes over a number of at most so many bytes, whatever its sign.
    fn skip_leb128(&mut self, bytes_max: usize) -> Result<(), Error> {
        for _ in 0..bytes_max {
            if self.u8()? & 0x80 == 0 {
                return Ok(());
            }
        }
        Err(self.malformed("integer representation too long"))
    }

    fn value_type(&mut self) -> Result<(), Error> {
        match self.u8()? {
            0x7b..=0x7f | 0x6f | 0x70 => Ok(()),
            0x63 | 0x64 => Err(unsupported("typed function references")),
            0x69 | 0x74 => Err(unsupported("exception handling")),
            0x65..=0x68 | 0x6a..=0x6e | 0x71..=0x73 => Err(unsupported("garbage collection")),
            _ => Err(self.malformed("an unknown value type")),
        }
    }

    /// The limits of a memory or table: its minimum, and the bytes of a page.
    pub(super) fn limits(&mut self) -> Result<(u64, u64), Error> {
        let flags = self.u8()?;
        if flags & 0x02 != 0 {
            return Err(unsupported("threads and shared memory"));
        }
        let minimum = self.leb128(64)?;
        if flags & 0x01 != 0 {
            self.leb128(64)?;
        }
        let page_bytes = match flags & 0x08 {
            0 => 1 << 16,
            _ => 1u64.checked_shl(self.u32()?).unwrap_or(u64::MAX),
        };
        Ok((minimum, page_bytes))
    }

    pub(super) fn body(&mut self) -> Result<Body, Error> {
        let range = self.sized()?;
        let mut body = Cursor { bytes: &self.bytes[..range.end], at: range.start };
        let mut locals = 0u64;
        for _ in 0..body.u32()? {
            locals = locals.saturating_add(u64::from(body.u32()?));
            body.value_type()?;
        }
        Ok(Body { locals, declarations: range.start..body.at, code: body.at..range.end })
    }
}
