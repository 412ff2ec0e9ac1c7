//! A loaded component as bytes, and back: what a bundle says of one (`engine::bundle`).
//!
//! The bytes are written by the version of this library that reads them; a bundle's version says so. They follow the
//! types one to one: fields in their order, a byte for which variant, numbers as LEB128, a count before each list.

use super::{
    definition::{
        Canon, Capture, Channel, CoreSort, Definition, Encoding, End, Named, Op, Options, Sort, Switch,
    },
    load::Census,
    types::{
        AddressType, ComponentTypeDef, CoreType, CoreVal, FuncType, FuncTypeId, ItemType, ModuleTypeDef,
        ResourceIx, TypeDef, TypeId, Types, ValType,
    },
};
use crate::Error;
use alloc::{boxed::Box, sync::Arc, vec::Vec};

/// What can be written, and read again.
pub(super) trait Code: Sized {
    fn write(&self, out: &mut Vec<u8>);

    /// # Errors
    ///
    /// When the bytes were not written by [`write`](Self::write).
    fn read(from: &mut Reader<'_>) -> Result<Self, Error>;
}

/// Bytes not read yet.
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// # Errors
    ///
    /// When something is left.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(bad()) }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let (byte, rest) = self.0.split_first().ok_or_else(bad)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn bytes(&mut self, length: usize) -> Result<&'b [u8], Error> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(bad)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cold]
fn bad() -> Error {
    Error::malformed("what the bundle says of its component has no meaning", None)
}

impl Code for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = from.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(bad())
    }
}

impl Code for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        u64::read(from)?.try_into().map_err(|_| bad())
    }
}

impl Code for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(bad()),
        }
    }
}

impl Code for Arc<str> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let length = u32::read(from)?;
        let bytes = from.bytes(usize::try_from(length).map_err(|_| bad())?)?;
        core::str::from_utf8(bytes).map(Into::into).map_err(|_| bad())
    }
}

impl<C: Code> Code for Vec<C> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        self.iter().for_each(|item| item.write(out));
    }

    // No room is made for items that are not there: each takes a byte at least.
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let count = u32::read(from)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(C::read(from)?);
        }
        Ok(items)
    }
}

impl<C: Code> Code for Box<[C]> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Vec::read(from).map(Into::into)
    }
}

impl<C: Code> Code for Option<C> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        if bool::read(from)? { C::read(from).map(Some) } else { Ok(None) }
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl<A: Code, B: Code, C: Code> Code for (A, B, C) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
        self.2.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((A::read(from)?, B::read(from)?, C::read(from)?))
    }
}

macro_rules! fields {
    ($($ty:ty { $($field:tt),* })*) => { $(
        impl Code for $ty {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
                Ok(Self { $($field: Code::read(from)?),* })
            }
        }
    )* };
}

fields! {
    TypeId { 0 }
    ResourceIx { 0 }
    FuncTypeId { 0 }
    FuncType { is_async, params, result, params_tuple }
    ComponentTypeDef { imports, exports }
    ModuleTypeDef { imports, exports }
    Named<Sort> { name, sort, index }
    Named<CoreSort> { name, sort, index }
    Definition { imports, ops, exports }
    Options { encoding, memory, realloc, post_return, callback, is_async }
    Census { depth, modules, components, items }
}

macro_rules! variants {
    ($($ty:ty { $($tag:literal $variant:ident $({ $($field:tt $value:ident),* })?,)* })*) => { $(
        impl Code for $ty {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($($field: $value),*)? } => {
                        out.push($tag);
                        $($($value.write(out);)*)?
                    })*
                }
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
                Ok(match from.byte()? {
                    $($tag => Self::$variant { $($($field: Code::read(from)?),*)? },)*
                    _ => return Err(bad()),
                })
            }
        }
    )* };
}

variants! {
    ValType {
        0 Bool, 1 S8, 2 U8, 3 S16, 4 U16, 5 S32, 6 U32, 7 S64, 8 U64, 9 F32, 10 F64, 11 Char, 12 String,
        13 ErrorContext,
        14 Def { 0 id },
    }
    TypeDef {
        0 Record { 0 fields },
        1 Tuple { 0 types },
        2 Variant { 0 cases },
        3 Enum { 0 labels },
        4 Option { 0 ty },
        5 Result { 0 ok, 1 err },
        6 Flags { 0 labels },
        7 List { 0 ty },
        8 FixedList { 0 ty, 1 length },
        9 Map { 0 key, 1 value },
        10 Own { 0 id },
        11 Borrow { 0 id },
        12 Stream { 0 ty },
        13 Future { 0 ty },
    }
    ItemType {
        0 Func { 0 id },
        1 Instance { 0 id },
        2 Component { 0 id },
        3 Module { 0 id },
        4 Resource { 0 id },
        5 Type { 0 ty },
        6 Value,
    }
    CoreType {
        0 Func { 0 params, 1 results },
        1 Memory { min min, max max, is_64 is_64, shared shared },
        2 Table { min min, max max, is_64 is_64, element element },
        3 Global { ty ty, mutable mutable },
        4 Tag,
    }
    CoreVal { 0 I32, 1 I64, 2 F32, 3 F64, 4 V128, 5 FuncRef, 6 ExternRef, 7 Other, }
    Sort { 0 Module, 1 Func, 2 Type, 3 Component, 4 Instance, }
    CoreSort { 0 Func, 1 Table, 2 Memory, 3 Global, }
    Capture { 0 Module { 0 at }, 1 Component { 0 at }, 2 OuterModule { 0 at }, 3 OuterComponent { 0 at }, }
    Encoding { 0 Utf8, 1 Utf16, 2 Latin1OrUtf16, }
    End { 0 Readable, 1 Writable, }
    Channel { 0 Stream, 1 Future, }
    AddressType { 0 I32, 1 I64, }
    Switch {
        0 Suspend, 1 Yield, 2 SuspendThenResume, 3 YieldThenResume, 4 SuspendThenPromote, 5 YieldThenPromote,
    }
    Op {
        0 Import { 0 at },
        1 Module { 0 at },
        2 Component { definition definition, captures captures },
        3 CapturedModule { 0 at },
        4 CapturedComponent { 0 at },
        5 Type,
        6 Resource { id id, dtor dtor },
        7 CoreInstantiate { module module, args args },
        8 CoreBundle { 0 items },
        9 Instantiate { component component, args args },
        10 Bundle { 0 items },
        11 AliasExport { instance instance, name name, sort sort },
        12 AliasCore { instance instance, name name, sort sort },
        13 Lift { core core, ty ty, options options },
        14 Canon { 0 canon },
        15 Again { sort sort, index index },
        16 BindType { index index, id id },
        17 BindExport { instance instance, path path, id id },
        18 CoreLink { module module, imports imports },
        19 Link { component component, imports imports },
        20 AliasAt { instance instance, at at, sort sort },
        21 AliasCoreAt { instance instance, at at, sort sort },
        22 BindAt { instance instance, path path, id id },
    }
    Canon {
        0 Lower { func func, ty ty, options options },
        1 ResourceNew { 0 id },
        2 ResourceDrop { 0 id },
        3 ResourceRep { 0 id },
        4 ContextGet { slot slot, wide wide },
        5 ContextSet { slot slot, wide wide },
        6 BackpressureInc,
        7 BackpressureDec,
        8 TaskReturn { result result, options options },
        9 TaskCancel,
        10 WaitableSetNew,
        11 WaitableSetWait { memory memory },
        12 WaitableSetPoll { memory memory },
        13 WaitableSetDrop,
        14 WaitableJoin,
        15 SubtaskCancel { is_async is_async },
        16 SubtaskDrop,
        17 ChannelNew { channel channel, payload payload },
        18 Copy { channel channel, end end, payload payload, options options },
        19 CancelCopy { channel channel, end end, payload payload, is_async is_async },
        20 DropEnd { channel channel, end end, payload payload },
        21 ErrorContextNew { options options },
        22 ErrorContextDebugMessage { options options },
        23 ErrorContextDrop,
        24 ThreadIndex,
        25 ThreadNewIndirect { table table, argument argument },
        26 ThreadResumeLater,
        27 ThreadSwitch { 0 switch },
        28 ResourceNewWide { 0 id },
        29 ResourceRepWide { 0 id },
    }
}

impl Code for Types {
    fn write(&self, out: &mut Vec<u8>) {
        (self.defs().len() as u64).write(out);
        self.defs().iter().for_each(|def| def.write(out));
        self.funcs.write(out);
        self.instances.write(out);
        self.components.write(out);
        self.modules.write(out);
        self.resource_names.write(out);
    }

    // Layouts are not written: they follow from the definitions, in the order of their ids.
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let mut types = Self::default();
        for at in 0..u32::read(from)? {
            let def = TypeDef::read(from)?;
            if !def.refers_below(at) || types.intern(def) != TypeId(at) {
                return Err(bad());
            }
        }
        types.funcs = Code::read(from)?;
        types.instances = Code::read(from)?;
        types.components = Code::read(from)?;
        types.modules = Code::read(from)?;
        types.resource_names = Code::read(from)?;
        Ok(types)
    }
}

impl TypeDef {
    /// Whether it is made of definitions that come before the one at `end`.
    fn refers_below(&self, end: u32) -> bool {
        let is_known = |ty: &ValType| !matches!(ty, ValType::Def(id) if id.0 >= end);
        let is_known_if_any = |ty: &Option<ValType>| ty.as_ref().is_none_or(is_known);
        match self {
            Self::Record(fields) => fields.iter().all(|(_, ty)| is_known(ty)),
            Self::Tuple(types) => types.iter().all(is_known),
            Self::Variant(cases) => cases.iter().all(|(_, ty)| is_known_if_any(ty)),
            Self::Result(ok, err) => is_known_if_any(ok) && is_known_if_any(err),
            Self::Option(ty) | Self::List(ty) | Self::FixedList(ty, _) => is_known(ty),
            Self::Map(key, value) => is_known(key) && is_known(value),
            Self::Stream(ty) | Self::Future(ty) => is_known_if_any(ty),
            Self::Enum(_) | Self::Flags(_) | Self::Own(_) | Self::Borrow(_) => true,
        }
    }
}
