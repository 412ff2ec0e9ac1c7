//! Arguments and environment: `args_*`, `environ_*`.

use super::{State, errno::Failure};
use crate::engine::{Caller, Memory};
use alloc::string::String;

pub(super) fn args_get(caller: &mut Caller<'_, State>, argv: u32, buffer: u32) -> Result<(), Failure> {
    write_texts(caller, argv, buffer, |state| &state.args)
}

pub(super) fn args_sizes_get(caller: &mut Caller<'_, State>, count: u32, bytes: u32) -> Result<(), Failure> {
    write_sizes(caller, count, bytes, |state| &state.args)
}

pub(super) fn environ_get(caller: &mut Caller<'_, State>, environ: u32, buffer: u32) -> Result<(), Failure> {
    write_texts(caller, environ, buffer, |state| &state.env)
}

pub(super) fn environ_sizes_get(
    caller: &mut Caller<'_, State>,
    count: u32,
    bytes: u32,
) -> Result<(), Failure> {
    write_sizes(caller, count, bytes, |state| &state.env)
}

/// How many texts there are, and how many bytes with a NUL after each.
///
/// What was granted may be larger than a guest can address, and then it cannot be told: so saturated.
fn sizes(texts: &[String]) -> (u32, u32) {
    let bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
    (u32::try_from(texts.len()).unwrap_or(u32::MAX), u32::try_from(bytes).unwrap_or(u32::MAX))
}

fn write_sizes(
    caller: &mut Caller<'_, State>,
    count_at: u32,
    bytes_at: u32,
    texts: fn(&State) -> &[String],
) -> Result<(), Failure> {
    let (mut memory, state) = caller.split()?;
    let (count, bytes) = sizes(texts(state));
    memory.check(bytes_at, 4)?;
    memory.write_u32(count_at, count)?;
    memory.write_u32(bytes_at, bytes)?;
    Ok(())
}

fn write_texts(
    caller: &mut Caller<'_, State>,
    pointers: u32,
    buffer: u32,
    texts: fn(&State) -> &[String],
) -> Result<(), Failure> {
    let (count, bytes) = sizes(texts(caller.data()));
    caller.charge_elements(count)?;
    caller.charge_bytes(bytes.saturating_add(count.saturating_mul(POINTER_BYTES)))?;
    let (mut memory, state) = caller.split()?;
    memory.check(pointers, count.saturating_mul(POINTER_BYTES))?;
    memory.check(buffer, bytes)?;
    write_all(&mut memory, pointers, buffer, texts(state))
}

fn write_all(memory: &mut Memory<'_>, pointers: u32, buffer: u32, texts: &[String]) -> Result<(), Failure> {
    let (mut pointer, mut at) = (pointers, buffer);
    for text in texts {
        memory.write_u32(pointer, at)?;
        memory.write(at, text.as_bytes())?;
        let end = at.wrapping_add(u32::try_from(text.len()).unwrap_or(u32::MAX));
        memory.write_u8(end, 0)?;
        (pointer, at) = (pointer.wrapping_add(POINTER_BYTES), end.wrapping_add(1));
    }
    Ok(())
}

const POINTER_BYTES: u32 = 4;
