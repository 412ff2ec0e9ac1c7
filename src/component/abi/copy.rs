//! From guest to guest: one walk over a type, from place to place.
//!
//! No value is ever built in between. Strings and lists of plain types move in bulk; what must be checked or
//! translated (booleans, characters, discriminants, handles) is met on the way.

use crate::{
    Rule,
    component::{
        abi::{
            GuestOptions, Place, Span, bytes, bytes_mut, check_list, normalise, reallocate, slice, slice_mut,
            string::{Source, Units, store_string},
        },
        handles::{self, Lender},
        store::{Cx, InstanceId},
        types::{Layouts, TypeDef, TypeId, Types, ValType},
    },
    engine::Fault,
};

/// A copy from one guest to another.
pub(crate) struct Copier<'c, 'a, T: 'static> {
    pub(crate) cx: &'c mut Cx<'a, T>,
    /// The types, as `view` sees them: that instance knows which resource each stands for.
    pub(crate) types: &'c Types,
    pub(crate) view: InstanceId,
    pub(crate) from: &'c GuestOptions,
    pub(crate) to: &'c GuestOptions,
    /// The flat values that are read.
    pub(crate) flat_from: &'c [u64],
    /// The flat values that are written: zeroes, as many as there will be.
    pub(crate) flat_to: &'c mut [u64],
    pub(crate) lender: Lender,
}

impl<'c, T: Send + 'static> Copier<'c, '_, T> {
    /// Copies one value. The recursion is as deep as its type.
    pub(crate) fn value(&mut self, ty: ValType, from: Place, to: Place) -> Result<(), Fault> {
        match ty {
            ValType::String => self.string(from, to),
            ValType::Def(id) => self.composite(id, from, to),
            ValType::ErrorContext => {
                let index = self.read(from, 4)? as u32;
                let index =
                    handles::move_error_context(self.cx, self.from.instance, self.to.instance, index)?;
                self.write(to, 4, u64::from(index))
            }
            scalar => {
                let size = self.layouts_from().size(scalar);
                let bits = normalise(scalar, self.read(from, size)?)?;
                self.write(to, size, bits)
            }
        }
    }

    /// Copies what a function is called with, which stands like the tuple of its parameters.
    #[inline]
    pub(crate) fn parameters(&mut self, tuple: TypeId, from: Place, to: Place) -> Result<(), Fault> {
        let (Place::Flat(_), Place::Flat(_)) = (from, to) else { return self.fields(tuple, from, to) };
        for field in &self.layouts_from().layout(tuple).fields {
            self.value(field.ty, from.field(field.flat, 0), to.field(field.flat, 0))?;
        }
        Ok(())
    }

    fn read(&self, from: Place, size: u32) -> Result<u64, Fault> {
        from.read(self.flat_from, || bytes(self.cx, self.from), size)
    }

    fn write(&mut self, to: Place, size: u32, bits: u64) -> Result<(), Fault> {
        to.write(self.flat_to, || bytes_mut(self.cx, self.to), size, bits)
    }

    /// How types are laid out where values are read.
    fn layouts_from(&self) -> Layouts<'c> {
        self.from.layouts(self.types)
    }

    /// How types are laid out where values are written.
    fn layouts_to(&self) -> Layouts<'c> {
        self.to.layouts(self.types)
    }

    /// A pointer and a length.
    #[inline]
    fn read_span(&self, from: Place) -> Result<Span, Fault> {
        from.read_span(self.flat_from, || bytes(self.cx, self.from), self.from.address)
    }

    #[inline]
    fn write_span(&mut self, to: Place, span: Span) -> Result<(), Fault> {
        to.write_span(self.flat_to, || bytes_mut(self.cx, self.to), self.to.address, span)
    }

    fn string(&mut self, from: Place, to: Place) -> Result<(), Fault> {
        let span = self.read_span(from)?;
        let units = Units::check(self.from, bytes(self.cx, self.from), span, false)?;
        let source = Source::Guest { options: self.from, units: &units };
        let stored = store_string(self.cx, self.to, source)
            .map_err(|fault| in_guest(fault, Rule::StringOutOfBounds))?;
        self.write_span(to, stored)
    }

    fn composite(&mut self, id: TypeId, from: Place, to: Place) -> Result<(), Fault> {
        let types = self.types;
        match types.def(id) {
            TypeDef::Record(_) | TypeDef::Tuple(_) => self.fields(id, from, to),
            TypeDef::Variant(cases) => self.case(id, cases.len(), |case| cases[case].1, from, to),
            TypeDef::Enum(labels) => self.case(id, labels.len(), |_| None, from, to),
            TypeDef::Option(some) => self.case(id, 2, |case| (case == 1).then_some(*some), from, to),
            TypeDef::Result(ok, err) => self.case(id, 2, |case| if case == 0 { *ok } else { *err }, from, to),
            TypeDef::Flags(labels) => {
                let size = types.layout(id).tag;
                let bits = self.read(from, size)? & flags_mask(labels.len());
                self.write(to, size, bits)
            }
            TypeDef::List(element) => self.list(*element, from, to),
            TypeDef::Map(key, value) => {
                let pair = handles::pair(types, *key, *value)?;
                self.list(pair, from, to)
            }
            TypeDef::FixedList(element, length) => {
                let flat = types.flat_count(*element);
                let (size, size_to) = (self.layouts_from().size(*element), self.layouts_to().size(*element));
                (0..*length).try_for_each(|n| {
                    self.value(*element, from.field(n * flat, n * size), to.field(n * flat, n * size_to))
                })
            }
            TypeDef::Own(resource) => {
                let ty = self.cx.state().resource_of(self.view, *resource)?;
                let index = self.read(from, 4)? as u32;
                let rep = handles::lift_own(self.cx, self.from.instance, index, ty)?;
                let index = handles::lower_own(self.cx, self.to.instance, rep, ty)?;
                self.write(to, 4, u64::from(index))
            }
            TypeDef::Borrow(resource) => {
                let ty = self.cx.state().resource_of(self.view, *resource)?;
                let index = self.read(from, 4)? as u32;
                let rep = handles::lift_borrow(self.cx, self.from.instance, index, ty, self.lender)?;
                let index = handles::lower_borrow(self.cx, self.to.instance, rep, ty, self.lender)?;
                self.write(to, 4, u64::from(index))
            }
            TypeDef::Stream(payload) => self.channel(handles::Channel::Stream, *payload, from, to),
            TypeDef::Future(payload) => self.channel(handles::Channel::Future, *payload, from, to),
        }
    }

    fn channel(
        &mut self,
        channel: handles::Channel,
        payload: Option<ValType>,
        from: Place,
        to: Place,
    ) -> Result<(), Fault> {
        let index = self.read(from, 4)? as u32;
        let shared = handles::lift_channel(
            self.cx,
            self.from.instance,
            self.view,
            self.types,
            channel,
            payload,
            index,
        )?;
        let index = handles::lower_channel(self.cx, self.to.instance, shared)?;
        self.write(to, 4, u64::from(index))
    }

    fn fields(&mut self, id: TypeId, from: Place, to: Place) -> Result<(), Fault> {
        let (layout, layout_to) = (self.layouts_from().layout(id), self.layouts_to().layout(id));
        if let (true, Place::Memory(source), Place::Memory(target)) = (layout.plain, from, to) {
            return self.bulk(source, target, layout.size as usize);
        }
        layout.fields.iter().zip(&layout_to.fields).try_for_each(|(field, field_to)| {
            let (from, to) = (from.field(field.flat, field.offset), to.field(field.flat, field_to.offset));
            self.value(field.ty, from, to)
        })
    }

    fn case(
        &mut self,
        id: TypeId,
        count: usize,
        payload: impl Fn(usize) -> Option<ValType>,
        from: Place,
        to: Place,
    ) -> Result<(), Fault> {
        let layout = self.layouts_from().layout(id);
        let (tag, offset, offset_to) = (layout.tag, layout.payload, self.layouts_to().layout(id).payload);
        let case = self.read(from, tag)?;
        let case = if let Place::Flat(_) = from { case & 0xffff_ffff } else { case };
        if case >= count as u64 {
            return Err(Rule::InvalidDiscriminant.into());
        }
        self.write(to, tag, case)?;
        match payload(case as usize) {
            Some(ty) => self.value(ty, from.field(1, offset), to.field(1, offset_to)),
            None => Ok(()),
        }
    }

    fn list(&mut self, element: ValType, from: Place, to: Place) -> Result<(), Fault> {
        let span = self.read_span(from)?;
        let rule = Rule::ListOutOfBounds;
        let (source, length) =
            check_list(self.layouts_from(), element, bytes(self.cx, self.from), span, rule)?;
        let layouts = self.layouts_to();
        let size = u64::from(length) * u64::from(layouts.size(element));
        let target = reallocate(self.cx, self.to, (0, 0), layouts.align(element), size)
            .map_err(|fault| in_guest(fault, rule))?;
        self.elements(element, source, target, length)?;
        self.write_span(to, (target as u64, u64::from(length)))
    }

    /// Copies `length` elements between ranges that were checked.
    fn elements(&mut self, element: ValType, from: usize, to: usize, length: u32) -> Result<(), Fault> {
        let size = self.layouts_from().size(element) as usize;
        if self.types.is_plain(element) {
            return self.bulk(from, to, size.saturating_mul(length as usize));
        }
        let size_to = self.layouts_to().size(element) as usize;
        self.cx.charge_elements(length.saturating_mul(self.types.leaves(element)))?;
        (0..length as usize).try_for_each(|n| {
            self.value(element, Place::Memory(from + n * size), Place::Memory(to + n * size_to))
        })
    }

    /// Copies bytes a piece at a time: the interpreter lends out one memory at once. An instance may copy from one of its
    /// buffers to another that overlaps it, and is to find there what was in the first: so no piece is written over what
    /// is still to be read.
    fn bulk(&mut self, from: usize, to: usize, size: usize) -> Result<(), Fault> {
        self.cx.charge_moved(size)?;
        let rule = Rule::ListOutOfBounds;
        slice_mut(bytes_mut(self.cx, self.to), to, size, rule)?;
        let mut scratch = self.cx.state_mut().take_scratch();
        let mut done = 0;
        while done < size {
            let count = (size - done).min(PIECE_BYTES);
            let at = if to > from { size - done - count } else { done };
            scratch.clear();
            let source = slice(bytes(self.cx, self.from), from, size, rule)?;
            scratch.extend_from_slice(&source[at..at + count]);
            let target = slice_mut(bytes_mut(self.cx, self.to), to, size, rule)?;
            target[at..at + count].copy_from_slice(&scratch);
            done += count;
        }
        self.cx.state_mut().keep_scratch(scratch);
        Ok(())
    }
}

/// So many bytes are copied at once: they fit what is next to the processor.
const PIECE_BYTES: usize = 16 << 10;

/// What a bad answer of `realloc` is called between guests: as any other bad pointer.
pub(crate) fn in_guest(fault: Fault, out_of_bounds: Rule) -> Fault {
    match fault {
        Fault::Trap(crate::Trap::Component(Rule::ReallocUnaligned)) => Rule::UnalignedPointer.into(),
        Fault::Trap(crate::Trap::Component(Rule::ReallocOutOfBounds)) => out_of_bounds.into(),
        fault => fault,
    }
}

/// Copies elements of a stream or future from a written buffer to a read one; both were checked.
pub(crate) fn copy_elements<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    types: &Types,
    view: InstanceId,
    element: ValType,
    (from, at): (&GuestOptions, usize),
    (to, target): (&GuestOptions, usize),
    length: u32,
) -> Result<(), Fault> {
    let lender = Lender::default();
    Copier { cx, types, view, from, to, flat_from: &[], flat_to: &mut [], lender }
        .elements(element, at, target, length)
}

/// The bits of flags that have a label.
pub(crate) fn flags_mask(labels: usize) -> u64 {
    (1_u64 << labels.min(32)) - 1
}
