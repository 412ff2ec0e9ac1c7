//! Paying at once for what leaves native stack behind.
//!
//! Of what a guest executes, growing a memory or table leaves native stack behind until its slice of fuel ends, and on
//! Arm so does an indirect call. A price on those instructions would not bound it: the interpreter charges for a function,
//! a loop or a branch of an `if` as a whole when it is entered. A recursion could pay for a million of them on its way
//! down, slice by slice, and execute them all on its way up, in one. So they are free, and what they cost is paid right
//! before: each growth stands behind a loop that does nothing but cost, and the functions that a table can come to hold
//! begin with what each indirect call of them costs. (What is called may also be a function of the host, which is
//! [paid](super::meter::HOST_CALL_FUEL) as it is called.)
//!
//! `nop` is what costs. The interpreter makes no instruction of it.
//!
//! Before a `table.grow` stands a call instead of a loop, of a function that does nothing but cost. Growing also costs by
//! what is added, and where that is more than the slice has left, the interpreter stops without noting where it was: it
//! would go on behind the last call that returned, and do again what has been done since. So that is where it is.
//!
//! Behind the growth of a memory that is imported, and that may be the first one once more, the first grows by nothing. The
//! interpreter has at hand where that one lies, and looks again only when it is grown by its own index: a guest that
//! imports one memory twice would read and write what was freed.

use crate::{
    Error,
    engine::{
        Engine, Outline,
        operators::{Grown, Instruction},
        references,
        rewrite::{Edits, leb128},
        scan::{Noted, Site},
    },
};
use alloc::{collections::BTreeSet, vec::Vec};

/// `nop`, for which [`meter`](super::meter) sets a price.
pub(super) const PRICED: u8 = 0x01;
/// The instructions that a growth is paid with: 1,280 of fuel. It leaves some 180 bytes behind, and as many of them are to
/// fit a slice of [`Limits::server`](crate::Limits::server) as a thread of 64 KiB holds in a build that is not optimised.
const GROWTH: [u8; 40] = [PRICED; 40];

/// Notes in `edits` where what leaves native stack is paid for.
pub(super) fn edit(
    bytes: &[u8],
    outline: &Outline,
    engine: &Engine,
    is_linked: bool,
    edits: &mut Edits,
) -> Result<(), Error> {
    edits.called_indirectly = called_indirectly(bytes, outline, is_linked)?;
    if outline.growths == 0 {
        return Ok(());
    }
    let loop_before = [&[0x03, 0x40][..], &GROWTH, &[0x0b]].concat();
    let again = edits.text(&[&loop_before, &first_again(&outline.noted)[..]].concat());
    let loop_before = edits.text(&loop_before);
    let mut call_before = None;
    for Site { place, instruction } in &outline.noted.sites {
        let Instruction::Growth(grown) = *instruction else { continue };
        let before = match (grown, call_before) {
            (Grown::Memory(_), _) => loop_before,
            (Grown::Table(_), Some(call)) => call,
            (Grown::Table(_), None) => {
                let call = call(bytes, outline, engine, edits)?;
                *call_before.insert(edits.text(&call))
            }
        };
        edits.splice(place.start..place.start, before)?;
        if let Grown::Memory(index @ 1..) = grown
            && index < outline.noted.imported_memories
        {
            edits.splice(place.end..place.end, again)?;
        }
    }
    Ok(())
}

/// Growing the first memory by nothing, for behind growths of those that it may be: `memory.size 0` twice, `i32.sub` or
/// `i64.sub`, `memory.grow 0`, `drop`. Where the nothing is a constant, the interpreter makes no growth of it.
fn first_again(noted: &Noted) -> [u8; 8] {
    let difference = if noted.is_first_memory_64 { 0x7d } else { 0x6b };
    [0x3f, 0x00, 0x3f, 0x00, difference, 0x40, 0x00, 0x1a]
}

/// Adds a function that does nothing but cost what a growth does, and answers the instruction that calls it.
fn call(bytes: &[u8], outline: &Outline, engine: &Engine, edits: &mut Edits) -> Result<Vec<u8>, Error> {
    // As it is: with a function and a type more than it has, an invalid module could be a valid one.
    engine.validate(bytes)?;
    let mut call = Vec::from([0x10]);
    leb128(&mut call, edits.next_function(outline) as usize);
    let ty = edits.add_type([0x60, 0, 0].into(), outline);
    edits.add_function(ty, &[&GROWTH[..], &[0x0b]].concat());
    Ok(call)
}

/// For each function that is defined here, whether a table can come to hold it. One that is exported may be put there by
/// code that names it, and where modules are linked also by another module.
fn called_indirectly(bytes: &[u8], outline: &Outline, is_linked: bool) -> Result<Vec<bool>, Error> {
    let mut found = Vec::new();
    let mut note = |function: u32| {
        if function >= outline.imported_functions && function < outline.functions {
            let at = (function - outline.imported_functions) as usize;
            if found.len() <= at {
                found.resize(at + 1, false);
            }
            found[at] = true;
        }
    };
    references::each(bytes, |_, function| {
        note(function);
        Ok(())
    })?;
    let mut exported = BTreeSet::new();
    references::each_export(bytes, |function| _ = exported.insert(function))?;
    if !is_linked && outline.tables > 0 {
        let mut named = BTreeSet::new();
        references::each_named(bytes, |function| _ = exported.contains(&function) && named.insert(function))?;
        exported = named;
    }
    if is_linked || outline.tables > 0 {
        exported.into_iter().for_each(note);
    }
    Ok(found)
}
