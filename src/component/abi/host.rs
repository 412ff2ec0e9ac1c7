//! The host's end: Rust values lifted from a guest and lowered into one.

use crate::{
    Rule, Trap,
    component::{
        abi::{
            GuestOptions, Place, Span, bytes, bytes_mut, check_list, lift_string, reallocate, store_string,
            string::{Source, Units},
        },
        channel::Payload,
        handles::{self, Channel, Lender},
        resource::ChannelAny,
        started::Came,
        store::{Cx, InstanceId, ResourceTypeId},
        types::{Layouts, ResourceIx, TypeDef, TypeId, Types, ValType},
    },
    engine::Fault,
};
use alloc::{string::String, vec::Vec};

/// Values on their way from a guest to its host.
pub struct LiftContext<'c, 'a, T: 'static> {
    pub(crate) cx: &'c mut Cx<'a, T>,
    pub(crate) types: &'c Types,
    pub(crate) view: InstanceId,
    pub(crate) options: &'c GuestOptions,
    pub(crate) flat: &'c [u64],
    pub(crate) lender: Lender,
}

/// Values on their way from a host to a guest.
pub struct LowerContext<'c, 'a, T: 'static> {
    pub(crate) cx: &'c mut Cx<'a, T>,
    pub(crate) types: &'c Types,
    pub(crate) view: InstanceId,
    pub(crate) options: &'c GuestOptions,
    pub(crate) flat: &'c mut [u64],
    pub(crate) lender: Lender,
}

impl<'c, T: Send + 'static> LiftContext<'c, '_, T> {
    /// How types are laid out in the guest's memory.
    #[inline]
    pub(crate) fn layouts(&self) -> Layouts<'c> {
        self.options.layouts(self.types)
    }

    /// The number of `size` bytes that stands there; a flat one as it is.
    #[inline]
    pub(crate) fn read(&self, from: Place, size: u32) -> Result<u64, Fault> {
        from.read(self.flat, || bytes(self.cx, self.options), size)
    }

    /// A composite type's definition.
    #[inline]
    pub(crate) fn def(&self, ty: ValType) -> Result<(&'c TypeDef, TypeId), Fault> {
        match ty {
            ValType::Def(id) => Ok((self.types.def(id), id)),
            _ => Err(Rule::ValueType.into()),
        }
    }

    /// Which case of a type with this many a value is, and where its payload would be.
    #[inline]
    pub(crate) fn case(&self, id: TypeId, count: usize, from: Place) -> Result<(usize, Place), Fault> {
        let layout = self.layouts().layout(id);
        let case = (self.read(from, layout.tag)? & 0xffff_ffff) as usize;
        if case >= count {
            return Err(Rule::InvalidDiscriminant.into());
        }
        Ok((case, from.field(1, layout.payload)))
    }

    /// The bits of flags.
    pub(crate) fn flags(&self, id: TypeId, labels: usize, from: Place) -> Result<u64, Fault> {
        Ok(self.read(from, self.types.layout(id).tag)? & super::copy::flags_mask(labels))
    }

    /// The pointer and the length that stand there, and the memory that they mean.
    #[inline]
    fn span(&self, from: Place) -> Result<(Span, &[u8]), Fault> {
        let memory = bytes(self.cx, self.options);
        Ok((from.read_span(self.flat, || memory, self.options.address)?, memory))
    }

    #[inline]
    pub(crate) fn string(&mut self, from: Place) -> Result<String, Fault> {
        let (span, memory) = self.span(from)?;
        let units = Units::check(self.options, memory, span, true)?;
        let text = lift_string(self.cx, self.options, &units)?;
        // It may be longer than what was read, in another encoding.
        self.cx.check_host_bytes(text.len())?;
        self.cx.state_mut().host_bytes += text.len() as u64;
        Ok(text)
    }

    /// Where a list's elements lie, checked and paid for at `host_size` bytes each.
    #[inline]
    pub(crate) fn list(
        &mut self,
        element: ValType,
        from: Place,
        host_size: usize,
    ) -> Result<(usize, u32), Fault> {
        let (span, memory) = self.span(from)?;
        let (at, length) = check_list(self.layouts(), element, memory, span, Rule::ListPointer)?;
        self.charge((length as usize).saturating_mul(host_size))?;
        Ok((at, length))
    }

    /// Pays for bytes that become host memory.
    #[inline]
    pub(crate) fn charge(&mut self, count: usize) -> Result<(), Fault> {
        self.cx.check_host_bytes(count)?;
        self.cx.state_mut().host_bytes += count as u64;
        self.cx.charge_moved(count)
    }

    /// The bytes of a checked range.
    #[inline]
    pub(crate) fn bytes(&self, at: usize, size: usize) -> Result<&[u8], Fault> {
        super::slice(bytes(self.cx, self.options), at, size, Rule::ListPointer)
    }

    pub(crate) fn resource(&self, resource: ResourceIx) -> Result<ResourceTypeId, Trap> {
        self.cx.state().resource_of(self.view, resource)
    }

    pub(crate) fn own(&mut self, ty: ResourceTypeId, from: Place) -> Result<u32, Fault> {
        let index = self.read(from, 4)? as u32;
        let giver = self.options.instance;
        let rep = handles::lift_own(self.cx, giver, index, ty)?;
        self.cx.state_mut().note_came(|| Came::Own { giver, ty, rep });
        Ok(rep)
    }

    pub(crate) fn borrow(&mut self, ty: ResourceTypeId, from: Place) -> Result<u32, Fault> {
        let index = self.read(from, 4)? as u32;
        handles::lift_borrow(self.cx, self.options.instance, index, ty, self.lender)
    }

    pub(crate) fn channel(
        &mut self,
        channel: Channel,
        payload: Option<ValType>,
        from: Place,
    ) -> Result<ChannelAny, Fault> {
        let index = self.read(from, 4)? as u32;
        let (from, view) = (self.options.instance, self.view);
        let shared = handles::lift_channel(self.cx, from, view, self.types, channel, payload, index)?;
        let state = self.cx.state_mut();
        let end = state.channel_came(shared)?;
        state.note_came(|| Came::End(end));
        Ok(end)
    }

    pub(crate) fn error_context(&mut self, from: Place) -> Result<alloc::sync::Arc<str>, Fault> {
        let index = self.read(from, 4)? as u32;
        match self.cx.state().instance(self.options.instance).handles.get(index)? {
            crate::component::store::Handle::ErrorContext(text) => Ok(text.clone()),
            _ => Err(Rule::HandleSort("an error-context").into()),
        }
    }
}

impl<'c, T: Send + 'static> LowerContext<'c, '_, T> {
    /// How types are laid out in the guest's memory.
    #[inline]
    pub(crate) fn layouts(&self) -> Layouts<'c> {
        self.options.layouts(self.types)
    }

    /// Puts a number of `size` bytes there.
    #[inline]
    pub(crate) fn write(&mut self, to: Place, size: u32, bits: u64) -> Result<(), Fault> {
        to.write(self.flat, || bytes_mut(self.cx, self.options), size, bits)
    }

    /// A composite type's definition.
    #[inline]
    pub(crate) fn def(&self, ty: ValType) -> Result<(&'c TypeDef, TypeId), Fault> {
        match ty {
            ValType::Def(id) => Ok((self.types.def(id), id)),
            _ => Err(Rule::ValueType.into()),
        }
    }

    /// Writes which case a value is; where its payload goes.
    #[inline]
    pub(crate) fn case(&mut self, id: TypeId, case: usize, to: Place) -> Result<Place, Fault> {
        let layout = self.layouts().layout(id);
        let (tag, offset) = (layout.tag, layout.payload);
        self.write(to, tag, case as u64)?;
        Ok(to.field(1, offset))
    }

    /// Writes the bits of flags.
    pub(crate) fn flags(&mut self, id: TypeId, bits: u64, to: Place) -> Result<(), Fault> {
        self.write(to, self.types.layout(id).tag, bits)
    }

    #[inline]
    fn span(&mut self, to: Place, span: Span) -> Result<(), Fault> {
        to.write_span(self.flat, || bytes_mut(self.cx, self.options), self.options.address, span)
    }

    #[inline]
    pub(crate) fn string(&mut self, text: &str, to: Place) -> Result<(), Fault> {
        let span = store_string(self.cx, self.options, Source::Host(text))?;
        self.span(to, span)
    }

    /// Has the guest make room for a list: its address.
    #[inline]
    pub(crate) fn list(&mut self, element: ValType, length: usize, to: Place) -> Result<usize, Fault> {
        let layouts = self.layouts();
        let size = (length as u64).saturating_mul(u64::from(layouts.size(element)));
        self.cx.charge_moved(usize::try_from(size).unwrap_or(usize::MAX))?;
        let at = reallocate(self.cx, self.options, (0, 0), layouts.align(element), size)?;
        self.span(to, (at as u64, length as u64))?;
        Ok(at)
    }

    /// The bytes of a range that was allocated.
    #[inline]
    pub(crate) fn bytes(&mut self, at: usize, size: usize) -> Result<&mut [u8], Fault> {
        super::slice_mut(bytes_mut(self.cx, self.options), at, size, Rule::ListPointer)
    }

    pub(crate) fn resource(&self, resource: ResourceIx) -> Result<ResourceTypeId, Trap> {
        self.cx.state().resource_of(self.view, resource)
    }

    pub(crate) fn own(&mut self, ty: ResourceTypeId, rep: u32, to: Place) -> Result<(), Fault> {
        let index = handles::lower_own(self.cx, self.options.instance, rep, ty)?;
        self.write(to, 4, u64::from(index))
    }

    pub(crate) fn borrow(&mut self, ty: ResourceTypeId, rep: u32, to: Place) -> Result<(), Fault> {
        let index = handles::lower_borrow(self.cx, self.options.instance, rep, ty, self.lender)?;
        self.write(to, 4, u64::from(index))
    }

    /// Gives the guest the readable end of a channel; one the host made learns here what it carries.
    pub(crate) fn channel(
        &mut self,
        any: ChannelAny,
        channel: Channel,
        ty: Option<ValType>,
        to: Place,
    ) -> Result<(), Fault> {
        let payload = Payload { view: self.view, ty };
        let state = self.cx.state_mut();
        state.named(any)?;
        let shared = any.id;
        let known = state.channels.get_mut(shared)?;
        if known.channel != channel {
            return Err(Rule::ValueType.into());
        }
        if !known.host_reads {
            return Err(Trap::Host("a stream or future was given away more than once").into());
        }
        if known.held.is_some() {
            return Err(Trap::Host("a stream that its host reads was given away").into());
        }
        known.asked = false;
        // From here on it is the guest's.
        known.host_reads = false;
        if known.is_new {
            known.is_new = false;
            // What the host took it for is to be held against what it turns out to be.
            known.carries = None;
            (known.payload, known.seen) = (payload, payload);
        } else {
            state.handles = state.handles.saturating_sub(1);
            state.check_payload(shared, payload, self.types)?;
        }
        let index = handles::lower_channel(self.cx, self.options.instance, shared)?;
        self.write(to, 4, u64::from(index))
    }

    pub(crate) fn error_context(&mut self, text: alloc::sync::Arc<str>, to: Place) -> Result<(), Fault> {
        let handle = crate::component::store::Handle::ErrorContext(text);
        let index = self.cx.state_mut().add_handle(self.options.instance, handle)?;
        self.write(to, 4, u64::from(index))
    }
}

/// Numbers as they stand in memory, for lists in bulk.
pub(crate) trait Number: Copy {
    const SIZE: usize;
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
    fn to_bytes(numbers: &[Self], bytes: &mut [u8]);
}

macro_rules! number {
    ($($ty:ty),*) => {
        $(impl Number for $ty {
            const SIZE: usize = size_of::<$ty>();

            // Over arrays of a constant size, so that the compiler makes one copy of it.
            fn from_bytes(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|number| <$ty>::from_le_bytes(*number)).collect()
            }

            fn to_bytes(numbers: &[Self], bytes: &mut [u8]) {
                for (place, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
                    *place = number.to_le_bytes();
                }
            }
        })*
    };
}
number!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// A list of numbers, in bulk.
pub(crate) fn lift_numbers<T: Send + 'static, N: Number>(
    cx: &mut LiftContext<'_, '_, T>,
    element: ValType,
    from: Place,
) -> Result<Vec<N>, Fault> {
    let (at, length) = cx.list(element, from, N::SIZE)?;
    lift_elements(cx, at, length)
}

/// Numbers that lie one after the other.
pub(crate) fn lift_elements<T: Send + 'static, N: Number>(
    cx: &LiftContext<'_, '_, T>,
    at: usize,
    length: u32,
) -> Result<Vec<N>, Fault> {
    let bytes = cx.bytes(at, length as usize * N::SIZE)?;
    Ok(N::from_bytes(bytes))
}

/// A list of numbers, in bulk.
pub(crate) fn lower_numbers<T: Send + 'static, N: Number>(
    cx: &mut LowerContext<'_, '_, T>,
    element: ValType,
    numbers: &[N],
    to: Place,
) -> Result<(), Fault> {
    let at = cx.list(element, numbers.len(), to)?;
    lower_elements(cx, numbers, at)
}

/// Numbers, one after the other, to where there is room for them.
pub(crate) fn lower_elements<T: Send + 'static, N: Number>(
    cx: &mut LowerContext<'_, '_, T>,
    numbers: &[N],
    at: usize,
) -> Result<(), Fault> {
    let bytes = cx.bytes(at, numbers.len() * N::SIZE)?;
    N::to_bytes(numbers, bytes);
    Ok(())
}
