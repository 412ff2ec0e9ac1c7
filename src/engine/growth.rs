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
        operators::{Grown, Instruction},
        rewrite::{Edits, export, leb128, reserved_name, signed_leb128},
        scan::{Cursor, Section, sections},
        store::Data,
    },
};
use alloc::{collections::BTreeSet, format, vec, vec::Vec};

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

impl Slot {
    /// The type of its function: what is grown with, where that is a table; by how much, the index of what is grown.
    fn ty(self) -> &'static [u8] {
        match self {
            Self::Memory => &[0x60, 2, I32, I32, 1, I32],
            Self::FuncTable => &[0x60, 3, FUNCREF, I32, I32, 1, I32],
            Self::ExternTable => &[0x60, 3, EXTERNREF, I32, I32, 1, I32],
        }
    }
}

/// How many slots there are.
const SLOTS: u8 = 3;

/// Notes in `edits` what makes growth a call of the host.
pub(super) fn edit(bytes: &[u8], outline: &Outline, engine: &Engine, edits: &mut Edits) -> Result<(), Error> {
    let growths = outline.noted.sites.iter().filter_map(|site| match site.instruction {
        Instruction::Growth(grown) => Some((&site.place, grown)),
        _ => None,
    });
    let items: BTreeSet<_> = growths.clone().map(|(_, grown)| grown).collect();
    if items.is_empty() {
        return Ok(());
    }
    let declared = declared(bytes)?;
    let mut types = [None; SLOTS as usize];
    for grown in &items {
        let slot = declared.slot(*grown);
        let ty = &mut types[slot as usize];
        if ty.is_none() {
            *ty = Some(
                find_type(bytes, slot.ty())?.unwrap_or_else(|| edits.add_type(slot.ty().into(), outline)),
            );
        }
    }
    let is_only_memory = items.iter().all(|grown| matches!(grown, Grown::Memory(_)));
    if !(is_only_memory && edits.types.is_empty() && is_table_unnamed(outline)) {
        // As it is: with a table more than it has, an invalid module could be a valid one.
        engine.validate(bytes)?;
    }
    if outline.exports_reserved_name {
        return Err(reserved_name());
    }
    if items.iter().any(|grown| declared.is_memory_64(*grown)) {
        return Err(Error::unsupported("metering", "it grows a 64-bit memory, which takes fuel to bound"));
    }
    edits.tables.push(vec![FUNCREF, 0x01, SLOTS, SLOTS]);
    edits.exports.push(export(TABLE, 1, outline.tables));
    edits.exports.extend(items.iter().map(|grown| match grown {
        Grown::Memory(index) => export(&format!("wasmote:memory{index}"), 2, *index),
        Grown::Table(index) => export(&format!("wasmote:table{index}"), 1, *index),
    }));
    for (place, grown) in growths {
        let slot = declared.slot(grown);
        let call = call(outline, slot, types[slot as usize].unwrap_or_default(), grown);
        let call = edits.text(&call);
        edits.splice(place.clone(), call)?;
    }
    Ok(())
}

/// Whether the module surely says nothing of the table that comes behind its own.
fn is_table_unnamed(outline: &Outline) -> bool {
    // A glance knows it by one byte.
    outline.tables < 0x80 && outline.noted.tables_named <= outline.tables
}

/// The index of a function type, if the module has it as it would be written here.
fn find_type(bytes: &[u8], wanted: &[u8]) -> Result<Option<u32>, Error> {
    for section in sections(bytes) {
        let Section { id: 1, contents } = section? else { continue };
        let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
        for index in 0..cursor.u32()? {
            let start = cursor.at;
            cursor.u8()?;
            for _ in 0..2 {
                for _ in 0..cursor.u32()? {
                    cursor.u8()?;
                }
            }
            if bytes[start..cursor.at] == *wanted {
                return Ok(Some(index));
            }
        }
    }
    Ok(None)
}

/// The instructions that call the growing function of `slot`, whose type this is, for a memory or table.
fn call(outline: &Outline, slot: Slot, ty: u32, grown: Grown) -> Vec<u8> {
    let (Grown::Memory(index) | Grown::Table(index)) = grown;
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let mut code = vec![0x41];
    signed_leb128(&mut code, index);
    code.extend([0x41, slot as u8, 0x11]);
    leb128(&mut code, size(ty));
    leb128(&mut code, size(outline.tables));
    code
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

#[cfg(all(test, feature = "validate"))]
mod tests {
    use super::*;
    use crate::{
        Limits,
        engine::{Metering, Module},
    };

    /// A module of one type, one table and one function, which has this code.
    fn is_unnamed(code: &[u8]) -> bool {
        let length = u8::try_from(code.len()).unwrap();
        let sections = [
            &b"\0asm\x01\0\0\0"[..],
            &[1, 4, 1, 0x60, 0, 0],
            &[3, 2, 1, 0],
            &[4, 4, 1, FUNCREF, 0, 1],
            &[10, length + 4, 1, length + 2, 0],
            code,
            &[0x0b],
        ];
        is_table_unnamed(&Outline::of_part(&sections.concat(), &Limits::server()).unwrap())
    }

    #[test]
    fn what_may_name_the_added_table_is_seen() {
        for code in [
            &[0x11, 0, 1][..],
            &[0x11, 0x80, 0, 1],
            &[0x11, 0, 0x81, 0],
            &[0x11, 0x80, 0x80, 0x80, 0x80, 0, 0x81, 0x80, 0x80, 0x80, 0],
            &[0x13, 0, 1],
            &[0x25, 1],
            &[0x25, 0x81, 0],
            &[0x26, 1],
            &[0xfc, 12, 0, 1],
            &[0xfc, 14, 0, 1],
            &[0xfc, 14, 1, 0],
            &[0xfc, 15, 1],
            &[0xfc, 16, 1],
            &[0xfc, 17, 1],
            &[0xfc, 0x91, 0, 0x81, 0],
        ] {
            for before in 0..20 {
                assert!(!is_unnamed(&[&[0x01].repeat(before), code].concat()), "{code:x?}");
            }
        }
        for code in [
            &[0x11, 0, 0][..],
            &[0x11, 0x80, 0x80, 0, 0x80, 0],
            &[0x20, 0x11, 0x0d, 1],
            &[0x41, 0x25, 1],
            &[0xfc, 12, 1, 0],
        ] {
            assert!(is_unnamed(code), "{code:x?}");
        }
        assert!(!is_table_unnamed(&Outline { tables: 0x80, ..Outline::default() }));
    }

    /// Each module has one table, and does something with a second.
    #[test]
    fn what_is_invalid_stays_invalid_whoever_names_the_table() {
        for named in [
            "(func (call_indirect 1 (type $f) (i32.const 0)))",
            "(elem (table 1) (i32.const 0) func $grow)",
            r#"(export "t" (table 1))"#,
            "(func (drop (table.size 1)))",
        ] {
            let text = format!(
                "(module (type $f (func)) (type (func (param i32 i32) (result i32)))
                    (table 1 funcref) (table 1 funcref) (memory 1)
                    (func $grow (drop (memory.grow (i32.const 1)))) {named})"
            );
            let bytes = wat::parse_str(text).unwrap();
            let (two, one) = ([4, 7, 2, 0x70, 0, 1, 0x70, 0, 1], [4, 4, 1, 0x70, 0, 1]);
            let at = bytes.windows(two.len()).position(|window| window == two).unwrap();
            let invalid = [&bytes[..at], &one, &bytes[at + two.len()..]].concat();
            for metering in [Metering::On, Metering::Off] {
                let engine = Engine::new(metering, &Limits::server());
                Module::load(&engine, &bytes).unwrap();
                assert!(Module::load(&engine, &invalid).is_err(), "{metering:?}: {named}");
            }
        }
    }
}
