//! Growing a memory or table as a call of the host, for guests that run unmetered.
//!
//! wasmi's fast dispatch leaves a native frame behind at each `memory.grow` and `table.grow`, and gives it back
//! when the guest next returns to its host. A slice of fuel bounds that; without fuel nothing would,
//! and a loop would end the whole process. A call of a host function leaves nothing behind, so the two
//! instructions become one: `call_indirect` through a table of its own that the host fills after
//! instantiation. A table, and not imports, because those would shift the index of every function.

use crate::{
    Error,
    engine::{
        Engine, Outline,
        rewrite::{Edits, export, leb128, reserved_name},
        scan::Noted,
        store::Data,
    },
};
use alloc::{collections::BTreeSet, format, vec, vec::Vec};
use wasmparser::{BinaryReader, Operator};

/// The table that holds the growing functions.
const TABLE: &str = "wasmote:growth";
const I32: u8 = 0x7f;
const FUNCREF: u8 = 0x70;
const EXTERNREF: u8 = 0x6f;

/// The growing functions in the table, by what they grow.
#[derive(Clone, Copy)]
enum Slot {
    Memory = 0,
    FuncTable = 1,
    ExternTable = 2,
}

/// What an instruction grows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grown {
    Memory(u32),
    Table(u32),
}

/// What rewriting one growing instruction takes of host memory, from above.
const SITE_BYTES: u64 = 128;
/// How many slots there are.
const SLOTS: u8 = 3;

/// Notes in `edits` what makes growth a call of the host.
pub(super) fn edit(bytes: &[u8], outline: &Outline, engine: &Engine, edits: &mut Edits) -> Result<(), Error> {
    let load_bytes_max = engine.limits.load_bytes;
    let mut sites = Vec::new();
    for Noted { code, .. } in outline.noted.iter().filter(|body| body.grows) {
        each_growth(bytes, code.clone(), |range, grown| sites.push((range, grown)))?;
        let asked = outline.load_bytes(bytes.len() as u64).saturating_add(sites.len() as u64 * SITE_BYTES);
        if asked > load_bytes_max {
            return Err(Error::limit("load_bytes", asked, load_bytes_max));
        }
    }
    if sites.is_empty() {
        return Ok(());
    }
    // As it is: with a table more than it has, an invalid module could be a valid one.
    engine.validate(bytes)?;
    if outline.exports_reserved_name {
        return Err(reserved_name());
    }
    let declared = declared(bytes)?;
    let items: BTreeSet<_> = sites.iter().map(|(_, grown)| *grown).collect();
    if items.iter().any(|grown| declared.is_memory_64(*grown)) {
        return Err(Error::unsupported("metering", "it grows a 64-bit memory, which takes fuel to bound"));
    }
    for value in [None, Some(FUNCREF), Some(EXTERNREF)] {
        let mut ty = vec![0x60, if value.is_some() { 3 } else { 2 }];
        ty.extend(value);
        ty.extend([I32, I32, 1, I32]);
        edits.types.push(ty);
    }
    edits.tables.push(vec![FUNCREF, 0x01, SLOTS, SLOTS]);
    edits.exports.push(export(TABLE, 1, outline.tables));
    edits.exports.extend(items.iter().map(|grown| match grown {
        Grown::Memory(index) => export(&format!("wasmote:memory{index}"), 2, *index),
        Grown::Table(index) => export(&format!("wasmote:table{index}"), 1, *index),
    }));
    let calls = sites.into_iter().map(|(range, grown)| (range, call(outline, declared.slot(grown), grown)));
    edits.splices.extend(calls);
    Ok(())
}

/// The instructions that call the growing function of `slot` for the memory or table `index`.
fn call(outline: &Outline, slot: Slot, grown: Grown) -> Vec<u8> {
    let (Grown::Memory(index) | Grown::Table(index)) = grown;
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let mut code = vec![0x41];
    signed_leb128(&mut code, index);
    code.extend([0x41, slot as u8, 0x11]);
    leb128(&mut code, size(outline.types) + usize::from(slot as u8));
    leb128(&mut code, size(outline.tables));
    code
}

/// A number that is not negative as signed LEB128, as `i32.const` takes it.
fn signed_leb128(out: &mut Vec<u8>, value: u32) {
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

fn each_growth(
    bytes: &[u8],
    body: core::ops::Range<usize>,
    mut visit: impl FnMut(core::ops::Range<usize>, Grown),
) -> Result<(), Error> {
    let mut reader = wasmparser::OperatorsReader::new(BinaryReader::new(&bytes[body.clone()], 0));
    while !reader.eof() {
        let start = place(&reader, &body);
        let grown = match reader.read().map_err(|error| malformed(&error))? {
            Operator::MemoryGrow { mem } => Grown::Memory(mem),
            Operator::TableGrow { table } => Grown::Table(table),
            _ => continue,
        };
        visit(start..place(&reader, &body), grown);
    }
    Ok(())
}

/// Where `reader`, which reads `body` alone, stands in the module.
fn place(reader: &wasmparser::OperatorsReader<'_>, body: &core::ops::Range<usize>) -> usize {
    let offset = usize::try_from(reader.original_position()).unwrap_or(usize::MAX);
    body.start.saturating_add(offset).min(body.end)
}

fn malformed(error: &wasmparser::BinaryReaderError) -> Error {
    Error::malformed(error.message(), usize::try_from(error.offset()).ok())
}

/// What a module declares of the things that grow, imported ones first.
#[derive(Default)]
struct Declared {
    /// The element type of each table.
    tables: Vec<u8>,
    memories: u32,
    /// The memories that are addressed by 64 bits.
    memories_64: BTreeSet<u32>,
}

impl Declared {
    fn add(&mut self, ty: wasmparser::TypeRef) {
        match ty {
            wasmparser::TypeRef::Table(ty) => {
                self.tables.push(if ty.element_type.is_extern_ref() { EXTERNREF } else { FUNCREF });
            }
            wasmparser::TypeRef::Memory(ty) => {
                if ty.memory64 {
                    self.memories_64.insert(self.memories);
                }
                self.memories += 1;
            }
            _ => {}
        }
    }
}

impl Declared {
    fn is_memory_64(&self, grown: Grown) -> bool {
        matches!(grown, Grown::Memory(index) if self.memories_64.contains(&index))
    }

    fn slot(&self, grown: Grown) -> Slot {
        let Grown::Table(index) = grown else { return Slot::Memory };
        match usize::try_from(index).ok().and_then(|index| self.tables.get(index)) {
            Some(&EXTERNREF) => Slot::ExternTable,
            _ => Slot::FuncTable,
        }
    }
}

fn declared(bytes: &[u8]) -> Result<Declared, Error> {
    let mut declared = Declared::default();
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| malformed(&error))? {
            wasmparser::Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    declared.add(import.map_err(|error| malformed(&error))?.ty);
                }
            }
            wasmparser::Payload::TableSection(section) => {
                for table in section {
                    declared.add(wasmparser::TypeRef::Table(table.map_err(|error| malformed(&error))?.ty));
                }
            }
            wasmparser::Payload::MemorySection(section) => {
                for memory in section {
                    declared.add(wasmparser::TypeRef::Memory(memory.map_err(|error| malformed(&error))?));
                }
            }
            wasmparser::Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    Ok(declared)
}

/// Fills the table of growing functions of a new instance, if it has one.
pub(super) fn connect<T: 'static>(
    store: &mut wasmi::Store<Data<T>>,
    instance: wasmi::Instance,
) -> Result<(), Error> {
    let Some(table) = instance.get_table(&*store, TABLE) else { return Ok(()) };
    let memory =
        wasmi::Func::wrap(&mut *store, |mut caller: wasmi::Caller<'_, Data<T>>, delta: u32, index: u32| {
            let memory =
                caller.get_export(&format!("wasmote:memory{index}")).and_then(wasmi::Extern::into_memory);
            let grown = memory.and_then(|memory| memory.grow(&mut caller, u64::from(delta)).ok());
            grown.and_then(|pages| u32::try_from(pages).ok()).unwrap_or(u32::MAX)
        });
    let funcs = wasmi::Func::wrap(
        &mut *store,
        |caller: wasmi::Caller<'_, Data<T>>, value: wasmi::Nullable<wasmi::Func>, delta: u32, index: u32| {
            grow_table(caller, value.into(), delta, index)
        },
    );
    let externs = wasmi::Func::wrap(
        &mut *store,
        |caller: wasmi::Caller<'_, Data<T>>,
         value: wasmi::Nullable<wasmi::ExternRef>,
         delta: u32,
         index: u32| { grow_table(caller, value.into(), delta, index) },
    );
    for (slot, function) in [(Slot::Memory, memory), (Slot::FuncTable, funcs), (Slot::ExternTable, externs)] {
        let value = wasmi::Nullable::Val(function);
        table
            .set(&mut *store, slot as u64, value.into())
            .map_err(|_| Error::misuse("the table of growth is too small"))?;
    }
    Ok(())
}

fn grow_table<T: 'static>(
    mut caller: wasmi::Caller<'_, Data<T>>,
    value: wasmi::Ref,
    delta: u32,
    index: u32,
) -> u32 {
    let table = caller.get_export(&format!("wasmote:table{index}")).and_then(wasmi::Extern::into_table);
    let grown = table.and_then(|table| table.grow(&mut caller, u64::from(delta), value).ok());
    grown.and_then(|elements| u32::try_from(elements).ok()).unwrap_or(u32::MAX)
}
