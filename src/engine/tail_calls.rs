//! Tail calls in core modules that are linked with others.
//!
//! The interpreter must never tail-call a host's function: it gives up the caller's frame first, and goes on at a
//! stack pointer that points nowhere. What a module imports it does not tail-call, for loading edits that
//! (`wrappers`); else it calls what is its own, as long as nobody else puts functions into its tables. In a component,
//! others can: through a table that it exports, through a global, through a parameter.

use crate::{
    Error,
    engine::{
        Engine, Module, Outline,
        glance::Glancer,
        operators::{Instruction, each},
        rewrite::tail_call_refused,
        scan::{Cursor, Section, sections},
    },
};

impl Module {
    /// Loads a core module that may be linked with others.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and when it has an indirect tail call that may reach a function of another's.
    pub(crate) fn load_linked(engine: &Engine, bytes: &[u8]) -> Result<Self, Error> {
        let module = Self::look_and_load(engine, bytes, true)?;
        Self::check_linked(bytes)?;
        Ok(module)
    }

    /// The same of a module that was looked through before, as part of what holds it, of which the rest takes
    /// `load_bytes_elsewhere` of host memory: editing the module may take no more than the limit leaves.
    ///
    /// # Errors
    ///
    /// As [`load_linked`](Self::load_linked).
    pub(crate) fn load_outlined(
        engine: &Engine,
        bytes: &[u8],
        mut outline: Outline,
        load_bytes_elsewhere: u64,
    ) -> Result<Self, Error> {
        outline.check(&engine.limits)?;
        outline.load_bytes_elsewhere = load_bytes_elsewhere;
        let mut module = Self::load_as(engine, bytes, outline, true)?;
        module.outline.load_bytes_elsewhere = 0;
        Self::check_linked(bytes)?;
        Ok(module)
    }

    /// Refuses indirect tail calls that may reach a function of another's, in a module that was validated.
    pub(crate) fn check_linked(bytes: &[u8]) -> Result<(), Error> {
        if Openings::of(bytes)?.are_reached() { Err(tail_call_refused()) } else { Ok(()) }
    }
}

/// Where functions of others could come from, and whether they would be tail-called.
#[derive(Default)]
struct Openings {
    tail_calls: bool,
    table_export: bool,
    global_export: bool,
    mutable_global: bool,
    parameter: bool,
}

/// The type of a reference to a function (core specification, 5.3.3).
const FUNCREF: u8 = 0x70;

impl Openings {
    fn are_reached(&self) -> bool {
        self.tail_calls && self.are_there()
    }

    fn are_there(&self) -> bool {
        self.table_export || self.parameter || self.global_export && self.mutable_global
    }

    /// Looks through a module that is valid.
    fn of(bytes: &[u8]) -> Result<Self, Error> {
        let mut openings = Self::default();
        for section in sections(bytes) {
            let Section { id, contents } = section?;
            let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
            match id {
                1 => openings.types(&mut cursor)?,
                6 => openings.globals(&mut cursor)?,
                7 => openings.exports(&mut cursor)?,
                // The last of these sections. Nearly all modules are closed.
                10 if openings.are_there() => openings.code(&mut cursor)?,
                _ => {}
            }
        }
        Ok(openings)
    }

    fn types(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        for _ in 0..cursor.u32()? {
            cursor.u8()?;
            for _ in 0..cursor.u32()? {
                self.parameter |= cursor.u8()? == FUNCREF;
            }
            for _ in 0..cursor.u32()? {
                cursor.u8()?;
            }
        }
        Ok(())
    }

    fn globals(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        for _ in 0..cursor.u32()? {
            let (ty, mutability) = (cursor.u8()?, cursor.u8()?);
            self.mutable_global |= ty == FUNCREF && mutability == 1;
            while cursor.constant_operator()? {}
        }
        Ok(())
    }

    fn exports(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        for _ in 0..cursor.u32()? {
            cursor.name()?;
            match cursor.u8()? {
                1 => self.table_export = true,
                3 => self.global_export = true,
                _ => {}
            }
            cursor.u32()?;
        }
        Ok(())
    }

    fn code(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let glancer = Glancer::new(0, 0, 0, u32::MAX);
        for _ in 0..cursor.u32()? {
            let body = cursor.body()?;
            let code = &cursor.bytes[body.code];
            self.tail_calls |= glancer.glance(code).tail_calls_import && tail_calls_indirectly(code);
        }
        Ok(())
    }
}

fn tail_calls_indirectly(code: &[u8]) -> bool {
    let found = each(code, |_, instruction| match instruction {
        Instruction::TailCallIndirect(_) => Err(()),
        _ => Ok(()),
    });
    found.is_err()
}
