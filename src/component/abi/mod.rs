//! The Canonical ABI: how component values stand in core values and linear memory.
//!
//! Three ends meet here: flat core values, linear memory, and Rust values. Where a value stands is a
//! [`Place`]; core values travel as 64-bit patterns, an `i32` zero-extended and a float by its bits, which makes
//! every coercion of `CanonicalABI.md` ("Flat Lifting") the identity or a truncation. Between two guests `copy`
//! walks a type once, from place to place; between a guest and its host a Rust type does so through
//! [`LiftContext`] or [`LowerContext`]. Nothing here knows what a task is.

mod copy;
mod host;
mod string;

pub(crate) use copy::{Copier, copy_elements, in_guest};
pub use host::{LiftContext, LowerContext};
pub(crate) use host::{Number, lift_elements, lift_numbers, lower_elements, lower_numbers};
pub(crate) use string::{Source, Units, beginning, lift_string, store_string};

use crate::{
    Rule,
    component::{
        definition::Encoding,
        store::{Cx, InstanceId},
        types::{AddressType, Layouts, Types, ValType},
    },
    engine::{CoreFunc, CoreMemory, Fault, Prepared},
};

/// The longest string or list, in bytes, that may be lifted (`MAX_STRING_BYTE_LENGTH`).
pub(crate) const BYTES_MAX: u64 = (1 << 28) - 1;

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// From this flat value on.
    Flat(usize),
    /// At this address, where it was seen that the value lies inside the memory: addresses that guests name become such
    /// only after `inside`.
    Memory(usize),
}

impl Place {
    /// The place of a field: so many flat values, or so many bytes, further on.
    #[inline]
    pub(crate) fn field(self, flat: u32, offset: u32) -> Self {
        match self {
            Self::Flat(at) => Self::Flat(at + flat as usize),
            Self::Memory(at) => Self::Memory(at.wrapping_add(offset as usize)),
        }
    }

    /// The number of `size` bytes that stands there; a flat one as it is.
    #[inline]
    pub(crate) fn read<'m>(
        self,
        flat: &[u64],
        memory: impl FnOnce() -> &'m [u8],
        size: u32,
    ) -> Result<u64, Fault> {
        match self {
            Self::Flat(at) => {
                flat.get(at).copied().ok_or_else(|| Fault::Trap(crate::bug!("a flat value is missing")))
            }
            Self::Memory(at) => read_number(memory(), at, size),
        }
    }

    /// Puts a number of `size` bytes there.
    #[inline]
    pub(crate) fn write<'m>(
        self,
        flat: &mut [u64],
        memory: impl FnOnce() -> &'m mut [u8],
        size: u32,
        bits: u64,
    ) -> Result<(), Fault> {
        match self {
            Self::Flat(at) => match flat.get_mut(at) {
                Some(place) => {
                    *place = bits;
                    Ok(())
                }
                None => Err(Fault::Trap(crate::bug!("a flat value has no place"))),
            },
            Self::Memory(at) => write_number(memory(), at, size, bits),
        }
    }

    /// The pointer and the length that stand there.
    #[inline]
    pub(crate) fn read_span<'m>(
        self,
        flat: &[u64],
        memory: impl FnOnce() -> &'m [u8],
        address: AddressType,
    ) -> Result<Span, Fault> {
        let (at, length) = match self {
            Self::Flat(at) => match flat.get(at..) {
                Some([pointer, length, ..]) => (*pointer, *length),
                _ => return Err(Fault::Trap(crate::bug!("a flat value is missing"))),
            },
            Self::Memory(at) => match address {
                // Both at once.
                AddressType::I32 => {
                    let both = read_number(memory(), at, 8)?;
                    (both & 0xffff_ffff, both >> 32)
                }
                AddressType::I64 => {
                    let memory = memory();
                    (read_number(memory, at, 8)?, read_number(memory, at.wrapping_add(8), 8)?)
                }
            },
        };
        Ok((address.pointer(at), address.pointer(length)))
    }

    /// Puts a pointer and a length there.
    #[inline]
    pub(crate) fn write_span<'m>(
        self,
        flat: &mut [u64],
        memory: impl FnOnce() -> &'m mut [u8],
        address: AddressType,
        (at, length): Span,
    ) -> Result<(), Fault> {
        match self {
            Self::Flat(place) => match flat.get_mut(place..) {
                Some([pointer, count, ..]) => {
                    (*pointer, *count) = (at, length);
                    Ok(())
                }
                _ => Err(Fault::Trap(crate::bug!("a flat value has no place"))),
            },
            Self::Memory(place) => {
                let (memory, size) = (memory(), address.size());
                write_number(memory, place, size, at)?;
                write_number(memory, place.wrapping_add(size as usize), size, length)
            }
        }
    }
}

/// One guest's end of a call: canonical options, resolved in a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuestOptions {
    pub(crate) instance: InstanceId,
    pub(crate) encoding: Encoding,
    pub(crate) memory: Option<CoreMemory>,
    /// Of that memory's addresses; [`AddressType::I32`] where there is none.
    pub(crate) address: AddressType,
    pub(crate) realloc: Option<Prepared>,
    pub(crate) post_return: Option<Prepared>,
    pub(crate) callback: Option<CoreFunc>,
    pub(crate) is_async: bool,
}

impl GuestOptions {
    /// The options of a function that has none.
    pub(crate) fn bare(instance: InstanceId) -> Self {
        Self {
            instance,
            encoding: Encoding::Utf8,
            memory: None,
            address: AddressType::I32,
            realloc: None,
            post_return: None,
            callback: None,
            is_async: false,
        }
    }

    /// How types are laid out in its memory.
    #[inline]
    pub(crate) fn layouts<'t>(&self, types: &'t Types) -> Layouts<'t> {
        types.layouts(self.address)
    }
}

/// The bytes of a guest's memory; none where it named none.
#[inline]
pub(crate) fn bytes<'m, T: Send>(cx: &'m Cx<'_, T>, options: &GuestOptions) -> &'m [u8] {
    match options.memory {
        Some(memory) => cx.memory_bytes(memory),
        None => cx.state().instance(options.instance).transit.as_deref().unwrap_or(&[]),
    }
}

/// The bytes of a guest's memory, to write.
#[inline]
pub(crate) fn bytes_mut<'m, T: Send>(cx: &'m mut Cx<'_, T>, options: &GuestOptions) -> &'m mut [u8] {
    match options.memory {
        Some(memory) => cx.memory_bytes_mut(memory),
        None => cx.state_mut().instance_mut(options.instance).transit.as_deref_mut().unwrap_or(&mut []),
    }
}

/// Where `size` bytes from an address on lie, if all of them do: no bit of an address is ever cut off.
#[inline]
pub(crate) fn inside(bytes: &[u8], at: u64, size: u64) -> Option<usize> {
    let end = at.checked_add(size)?;
    if end <= bytes.len() as u64 { usize::try_from(at).ok() } else { None }
}

/// Whether an address is a multiple of `align`, a power of two.
#[inline]
pub(crate) fn is_aligned(at: u64, align: u32) -> bool {
    at as u32 & (align - 1) == 0
}

/// `length` bytes at `start`, or `rule`.
#[inline]
pub(crate) fn slice(bytes: &[u8], start: usize, length: usize, rule: Rule) -> Result<&[u8], Fault> {
    start.checked_add(length).and_then(|end| bytes.get(start..end)).ok_or_else(|| rule.into())
}

/// `length` bytes at `start`, or `rule`.
#[inline]
pub(crate) fn slice_mut(
    bytes: &mut [u8],
    start: usize,
    length: usize,
    rule: Rule,
) -> Result<&mut [u8], Fault> {
    start.checked_add(length).and_then(|end| bytes.get_mut(start..end)).ok_or_else(|| rule.into())
}

/// The little-endian number of 1, 2, 4 or 8 bytes at `at`. Most callers know how many.
#[inline]
pub(crate) fn read_number(bytes: &[u8], at: usize, size: u32) -> Result<u64, Fault> {
    let from = bytes.get(at..).ok_or_else(outside)?;
    let number = match size {
        1 => from.first().map(|byte| u64::from(*byte)),
        2 => from.first_chunk().map(|bytes| u64::from(u16::from_le_bytes(*bytes))),
        4 => from.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes))),
        8 => from.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
        _ => None,
    };
    number.ok_or_else(outside)
}

/// Writes the low `size` bytes of a number at `at`: 1, 2, 4 or 8.
#[inline]
pub(crate) fn write_number(bytes: &mut [u8], at: usize, size: u32, value: u64) -> Result<(), Fault> {
    fn put<const SIZE: usize>(to: &mut [u8], bytes: [u8; SIZE]) -> Option<()> {
        *to.first_chunk_mut()? = bytes;
        Some(())
    }
    let to = bytes.get_mut(at..).ok_or_else(outside)?;
    let written = match size {
        1 => put(to, [value as u8]),
        2 => put(to, (value as u16).to_le_bytes()),
        4 => put(to, (value as u32).to_le_bytes()),
        8 => put(to, value.to_le_bytes()),
        _ => None,
    };
    written.ok_or_else(outside)
}

/// Of a place that lies nowhere.
#[cold]
fn outside() -> Fault {
    Rule::PointerOutOfBounds.into()
}

/// A scalar as it is lifted: truncated to its width, checked, and in the one form that is lowered again.
#[inline]
pub(crate) fn normalise(ty: ValType, bits: u64) -> Result<u64, Fault> {
    Ok(match ty {
        ValType::Bool => u64::from(bits as u32 != 0),
        ValType::U8 => bits & 0xff,
        ValType::U16 => bits & 0xffff,
        // Signed numbers are sign-extended to 32 bits in their flat form.
        ValType::S8 => u64::from((bits as i8 as i32).cast_unsigned()),
        ValType::S16 => u64::from((bits as i16 as i32).cast_unsigned()),
        ValType::U32 | ValType::S32 | ValType::F32 | ValType::ErrorContext => bits & 0xffff_ffff,
        ValType::U64 | ValType::S64 | ValType::F64 => bits,
        ValType::Char => match char::from_u32(bits as u32) {
            Some(_) => bits & 0xffff_ffff,
            None => return Err(Rule::InvalidChar.into()),
        },
        ValType::String | ValType::Def(_) => {
            return Err(Fault::Trap(crate::bug!("a composite is no scalar")));
        }
    })
}

/// Where `length` elements at `at` lie and how many they are, if they are aligned and lie inside
/// (`load_list_from_range`).
#[inline]
pub(crate) fn check_list(
    layouts: Layouts<'_>,
    element: ValType,
    bytes: &[u8],
    (at, length): Span,
    out_of_bounds: Rule,
) -> Result<(usize, u32), Fault> {
    let size = length.saturating_mul(u64::from(layouts.size(element)));
    let count = u32::try_from(length).ok().filter(|_| size <= BYTES_MAX).ok_or(out_of_bounds)?;
    if !is_aligned(at, layouts.align(element)) {
        return Err(Rule::UnalignedPointer.into());
    }
    Ok((inside(bytes, at, size).ok_or(out_of_bounds)?, count))
}

/// A pointer and a length, as a guest says them.
pub(crate) type Span = (u64, u64);

/// Has the guest allocate, or grow what it allocated before, and checks what it answers
/// (`LiftLowerContext.reallocate`).
pub(crate) fn reallocate<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    (old, old_size): (usize, u64),
    align: u32,
    size: u64,
) -> Result<usize, Fault> {
    let address = answered(cx, options, (old, old_size), align, size)?;
    inside(bytes(cx, options), address, size).ok_or_else(|| Rule::ReallocOutOfBounds.into())
}

/// What the guest answers, which may lie outside of its memory.
#[inline]
fn answered<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    (old, old_size): (usize, u64),
    align: u32,
    size: u64,
) -> Result<u64, Fault> {
    let Some(realloc) = &options.realloc else {
        return allocate(cx, options, (old, old_size), align, size).map(|at| at as u64);
    };
    if options.address.pointer(size) != size {
        return Err(Rule::ReallocOutOfBounds.into());
    }
    let instance = options.instance;
    let state = cx.state_mut();
    let may_leave = core::mem::replace(&mut state.instance_mut(instance).may_leave, false);
    // It runs as a task of its own would: with fresh context slots.
    let context = state.swap_context([0; 2]);
    let arguments = [old as u64, old_size, u64::from(align), size];
    let address = options.address.pointer(cx.call_prepared_to_end(realloc, &arguments)?);
    let state = cx.state_mut();
    state.instance_mut(instance).may_leave = may_leave;
    state.swap_context(context);
    if !is_aligned(address, align) {
        return Err(Rule::ReallocUnaligned.into());
    }
    Ok(address)
}

/// Has the guest allocate: the address, and the bytes that lie there.
pub(crate) fn room<'m, T: Send>(
    cx: &'m mut Cx<'_, T>,
    options: &GuestOptions,
    align: u32,
    size: usize,
) -> Result<(usize, &'m mut [u8]), Fault> {
    let at = answered(cx, options, (0, 0), align, size as u64)?;
    let outside = || Fault::from(Rule::ReallocOutOfBounds);
    let at = usize::try_from(at).map_err(|_| outside())?;
    let bytes = bytes_mut(cx, options);
    Ok((at, at.checked_add(size).and_then(|end| bytes.get_mut(at..end)).ok_or_else(outside)?))
}

/// Makes room where values only pass through: behind what is there, for nothing stays there long.
#[cold]
fn allocate<T: Send>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    (old, old_size): (usize, u64),
    align: u32,
    size: u64,
) -> Result<usize, Fault> {
    let bytes_max = u64::from(cx.limits().host_call_bytes);
    let Some(memory) = &cx.state().instance(options.instance).transit else {
        return Err(Fault::Trap(crate::bug!("a value that needs memory is lowered without realloc")));
    };
    if size <= old_size {
        return Ok(old);
    }
    let at = memory.len().next_multiple_of(align as usize);
    let end = (at as u64).saturating_add(size);
    if end > bytes_max {
        return Err(crate::Trap::HostCallBytes.into());
    }
    let (end, old_size) = (end as usize, old_size as usize);
    cx.charge_moved(end - at)?;
    if let Some(memory) = &mut cx.state_mut().instance_mut(options.instance).transit {
        memory.resize(end, 0);
        memory.copy_within(old..old + old_size, at);
    }
    Ok(at)
}
