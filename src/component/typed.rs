//! Rust types as component types.
//!
//! A Rust type says which component type it is ([`ComponentType`]), how it comes out of a guest ([`Lift`]) and how it
//! goes into one ([`Lower`]). Numbers, `bool`, `char`, strings, vectors, options, results and tuples are implemented
//! here; [`record!`](crate::record), [`variant!`](crate::variant) and [`flags!`](crate::flags) implement them for types
//! of yours.

use crate::{
    Rule,
    component::{
        abi::{LiftContext, LowerContext, Place, lift_numbers, lower_numbers},
        describe,
        fits::Fitting,
        host::Check,
        host_channel::GivenUp,
        types::{FieldLayout, Layouts, TypeDef, ValType},
    },
    engine::Fault,
};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{any, slice};

/// A Rust type that stands for a component type.
pub trait ComponentType: Send + 'static {
    /// Refuses to stand for another type than it does.
    #[doc(hidden)]
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String>;
}

/// A Rust type whose values come out of guests.
pub trait Lift: ComponentType + Sized {
    #[doc(hidden)]
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault>;

    #[doc(hidden)]
    fn lift_list<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        element: ValType,
        from: Place,
    ) -> Result<Vec<Self>, Fault> {
        let (at, length) = cx.list(element, from, size_of::<Self>())?;
        cx.cx.charge_elements(length.saturating_mul(cx.types.leaves(element)))?;
        Self::lift_elements(cx, element, at, length)
    }

    /// Lifts `length` elements at `at`, which were checked and paid for.
    #[doc(hidden)]
    fn lift_elements<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        element: ValType,
        at: usize,
        length: u32,
    ) -> Result<Vec<Self>, Fault> {
        let size = cx.layouts().size(element) as usize;
        (0..length as usize).map(|n| Self::lift(cx, element, Place::Memory(at + n * size))).collect()
    }

    /// Closes the streams and futures that it holds.
    #[doc(hidden)]
    fn give_up<T: Send + 'static>(&self, _: &mut GivenUp<'_, T>) {}
}

/// A Rust type whose values go into guests.
pub trait Lower: ComponentType {
    /// Whether its values may hold resources, streams or futures.
    #[doc(hidden)]
    const HANDLES: bool = false;

    /// Refuses a value with handles that the host cannot give.
    #[doc(hidden)]
    fn fits<T: Send + 'static>(&self, _: &mut Fitting<'_, T>, _: ValType) -> Result<(), String> {
        Ok(())
    }

    #[doc(hidden)]
    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault>;

    #[doc(hidden)]
    fn lower_list<T: Send + 'static>(
        items: &[Self],
        cx: &mut LowerContext<'_, '_, T>,
        element: ValType,
        to: Place,
    ) -> Result<(), Fault>
    where
        Self: Sized,
    {
        let at = cx.list(element, items.len(), to)?;
        Self::lower_elements(items, cx, element, at)
    }

    /// Lowers elements to `at`, where there is room for them.
    #[doc(hidden)]
    fn lower_elements<T: Send + 'static>(
        items: &[Self],
        cx: &mut LowerContext<'_, '_, T>,
        element: ValType,
        at: usize,
    ) -> Result<(), Fault>
    where
        Self: Sized,
    {
        let size = cx.layouts().size(element) as usize;
        let mut place = at;
        items.iter().try_for_each(|item| {
            item.lower(cx, element, Place::Memory(place))?;
            place = place.wrapping_add(size);
            Ok(())
        })
    }
}

impl<'c> Check<'c> {
    /// What is said of a type that is not the one expected.
    pub(crate) fn mismatch(&self, expected: &str, found: ValType) -> String {
        format!("expected `{expected}` found `{}`", describe::value(self.types, found))
    }

    /// A composite type's definition.
    pub(crate) fn def(&self, ty: ValType) -> Option<&'c TypeDef> {
        match ty {
            ValType::Def(id) => Some(self.types.def(id)),
            _ => None,
        }
    }
}

// The bits of a flat value may be more than its type's: they are cut off (`CanonicalABI.md`, "Flat Lifting").
macro_rules! scalar {
    ($($rust:ty, $ty:ident, $wit:literal, $size:literal, $from:expr, $to:expr, $($list:ident)?;)*) => {
        $(impl ComponentType for $rust {
            fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
                if ty == ValType::$ty { Ok(()) } else { Err(check.mismatch($wit, ty)) }
            }
        }

        impl Lift for $rust {
            fn lift<T: Send + 'static>(cx: &mut LiftContext<'_, '_, T>, _: ValType, from: Place) -> Result<Self, Fault> {
                let from_bits: fn(u64) -> Option<Self> = $from;
                // Its type was looked at before: how many bytes it has, Rust knows.
                from_bits(cx.read(from, $size)?).ok_or_else(|| Rule::InvalidChar.into())
            }

            $(fn lift_list<T: Send + 'static>(
                cx: &mut LiftContext<'_, '_, T>,
                element: ValType,
                from: Place,
            ) -> Result<Vec<Self>, Fault> {
                $list::lift(cx, element, from)
            }

            fn lift_elements<T: Send + 'static>(
                cx: &mut LiftContext<'_, '_, T>,
                _: ValType,
                at: usize,
                length: u32,
            ) -> Result<Vec<Self>, Fault> {
                $list::lift_elements(cx, at, length)
            })?
        }

        impl Lower for $rust {
            fn lower<T: Send + 'static>(&self, cx: &mut LowerContext<'_, '_, T>, _: ValType, to: Place) -> Result<(), Fault> {
                let to_bits: fn(Self) -> u64 = $to;
                cx.write(to, $size, to_bits(*self))
            }

            $(fn lower_list<T: Send + 'static>(
                items: &[Self],
                cx: &mut LowerContext<'_, '_, T>,
                element: ValType,
                to: Place,
            ) -> Result<(), Fault> {
                $list::lower(items, cx, element, to)
            }

            fn lower_elements<T: Send + 'static>(
                items: &[Self],
                cx: &mut LowerContext<'_, '_, T>,
                _: ValType,
                at: usize,
            ) -> Result<(), Fault> {
                $list::lower_elements(cx, items, at)
            })?
        })*
    };
}

/// Lists of numbers move in bulk.
mod bulk {
    pub(super) use super::{lift_numbers as lift, lower_bulk as lower};
    pub(super) use crate::component::abi::{lift_elements, lower_elements};
}

fn lower_bulk<T: Send + 'static, N: crate::component::abi::Number>(
    items: &[N],
    cx: &mut LowerContext<'_, '_, T>,
    element: ValType,
    to: Place,
) -> Result<(), Fault> {
    lower_numbers(cx, element, items, to)
}

scalar! {
    bool, Bool, "bool", 1, |bits| Some(bits as u32 != 0), u64::from,;
    u8, U8, "u8", 1, |bits| Some(bits as u8), u64::from, bulk;
    i8, S8, "s8", 1, |bits| Some(bits as i8), |n| u64::from(i32::from(n).cast_unsigned()), bulk;
    u16, U16, "u16", 2, |bits| Some(bits as u16), u64::from, bulk;
    i16, S16, "s16", 2, |bits| Some(bits as i16), |n| u64::from(i32::from(n).cast_unsigned()), bulk;
    u32, U32, "u32", 4, |bits| Some(bits as u32), u64::from, bulk;
    i32, S32, "s32", 4, |bits| Some(bits as i32), |n| u64::from(n.cast_unsigned()), bulk;
    u64, U64, "u64", 8, Some, |n| n, bulk;
    i64, S64, "s64", 8, |bits| Some(bits.cast_signed()), |n| n.cast_unsigned(), bulk;
    f32, F32, "f32", 4, |bits| Some(f32::from_bits(bits as u32)), |n| u64::from(n.to_bits()), bulk;
    f64, F64, "f64", 8, |bits| Some(f64::from_bits(bits)), f64::to_bits, bulk;
    char, Char, "char", 4, |bits| char::from_u32(bits as u32), |c| u64::from(u32::from(c)),;
}

impl ComponentType for String {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        if ty == ValType::String { Ok(()) } else { Err(check.mismatch("string", ty)) }
    }
}

impl Lift for String {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        _: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        cx.string(from)
    }
}

impl Lower for String {
    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        _: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        cx.string(self, to)
    }
}

impl ComponentType for &'static str {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        String::check(check, ty)
    }
}

impl Lower for &'static str {
    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        _: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        cx.string(self, to)
    }
}

impl<E: ComponentType> ComponentType for Vec<E> {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::List(element)) => E::check(check, *element),
            _ => Err(check.mismatch("list", ty)),
        }
    }
}

impl<E: Lift> Lift for Vec<E> {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        match cx.def(ty)?.0 {
            TypeDef::List(element) => E::lift_list(cx, *element, from),
            _ => Err(Rule::ValueType.into()),
        }
    }

    fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
        self.iter().for_each(|item| item.give_up(call));
    }
}

impl<E: Lower> Lower for Vec<E> {
    const HANDLES: bool = E::HANDLES;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match fitting.def(ty) {
            Some(TypeDef::List(element)) if E::HANDLES => {
                self.iter().try_for_each(|item| item.fits(fitting, *element))
            }
            _ => Ok(()),
        }
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        match cx.def(ty)?.0 {
            TypeDef::List(element) => E::lower_list(self, cx, *element, to),
            _ => Err(Rule::ValueType.into()),
        }
    }
}

impl<E: ComponentType> ComponentType for Box<E> {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        E::check(check, ty)
    }
}

impl<E: Lift> Lift for Box<E> {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        cx.charge(size_of::<E>())?;
        E::lift(cx, ty, from).map(Self::new)
    }

    fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
        E::give_up(self, call);
    }
}

impl<E: Lower> Lower for Box<E> {
    const HANDLES: bool = E::HANDLES;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        E::fits(self, fitting, ty)
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        E::lower(self, cx, ty, to)
    }
}

impl<E: ComponentType> ComponentType for Option<E> {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::Option(some)) => E::check(check, *some),
            _ => Err(check.mismatch("option", ty)),
        }
    }
}

impl<E: Lift> Lift for Option<E> {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        let (TypeDef::Option(some), id) = cx.def(ty)? else { return Err(Rule::ValueType.into()) };
        let some = *some;
        match cx.case(id, 2, from)? {
            (0, _) => Ok(None),
            (_, payload) => E::lift(cx, some, payload).map(Some),
        }
    }

    fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
        self.iter().for_each(|value| value.give_up(call));
    }
}

impl<E: Lower> Lower for Option<E> {
    const HANDLES: bool = E::HANDLES;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match (self, fitting.def(ty)) {
            (Some(value), Some(TypeDef::Option(some))) => value.fits(fitting, *some),
            _ => Ok(()),
        }
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        let (TypeDef::Option(some), id) = cx.def(ty)? else { return Err(Rule::ValueType.into()) };
        let some = *some;
        let payload = cx.case(id, usize::from(self.is_some()), to)?;
        self.as_ref().map_or(Ok(()), |value| value.lower(cx, some, payload))
    }
}

/// What stands for a case without a payload, or with one.
pub(crate) fn check_case<E: ComponentType>(check: &Check<'_>, ty: Option<ValType>) -> Result<(), String> {
    match ty {
        Some(ty) => E::check(check, ty),
        None if any::TypeId::of::<E>() == any::TypeId::of::<()>() => Ok(()),
        None => Err("expected a payload, found none".into()),
    }
}

impl<A: ComponentType, B: ComponentType> ComponentType for Result<A, B> {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::Result(ok, err)) => {
                check_case::<A>(check, *ok)?;
                check_case::<B>(check, *err)
            }
            _ => Err(check.mismatch("result", ty)),
        }
    }
}

/// An empty tuple's type, for payloads that are none.
const NONE: ValType = ValType::Bool;

impl<A: Lift, B: Lift> Lift for Result<A, B> {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        let (TypeDef::Result(ok, err), id) = cx.def(ty)? else { return Err(Rule::ValueType.into()) };
        let (ok, err) = (ok.unwrap_or(NONE), err.unwrap_or(NONE));
        match cx.case(id, 2, from)? {
            (0, payload) => A::lift(cx, ok, payload).map(Ok),
            (_, payload) => B::lift(cx, err, payload).map(Err),
        }
    }

    fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
        match self {
            Ok(value) => value.give_up(call),
            Err(value) => value.give_up(call),
        }
    }
}

impl<A: Lower, B: Lower> Lower for Result<A, B> {
    const HANDLES: bool = A::HANDLES || B::HANDLES;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match (self, fitting.def(ty)) {
            (Ok(value), Some(TypeDef::Result(Some(ok), _))) => value.fits(fitting, *ok),
            (Err(value), Some(TypeDef::Result(_, Some(err)))) => value.fits(fitting, *err),
            _ => Ok(()),
        }
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        let (TypeDef::Result(ok, err), id) = cx.def(ty)? else { return Err(Rule::ValueType.into()) };
        let (ok, err) = (ok.unwrap_or(NONE), err.unwrap_or(NONE));
        let payload = cx.case(id, usize::from(self.is_err()), to)?;
        match self {
            Ok(value) => value.lower(cx, ok, payload),
            Err(value) => value.lower(cx, err, payload),
        }
    }
}

impl ComponentType for () {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::Tuple(types)) if types.is_empty() => Ok(()),
            _ => Err(check.mismatch("nothing", ty)),
        }
    }
}

impl Lift for () {
    fn lift<T: Send + 'static>(_: &mut LiftContext<'_, '_, T>, _: ValType, _: Place) -> Result<Self, Fault> {
        Ok(())
    }
}

impl Lower for () {
    fn lower<T: Send + 'static>(
        &self,
        _: &mut LowerContext<'_, '_, T>,
        _: ValType,
        _: Place,
    ) -> Result<(), Fault> {
        Ok(())
    }
}

/// What a function takes or returns: a tuple of as many values as it has parameters; `()` or `(R,)` for its result.
pub trait ComponentNamedList: ComponentType {
    #[doc(hidden)]
    const COUNT: usize;

    #[doc(hidden)]
    fn check_list(check: &Check<'_>, types: &[ValType]) -> Result<(), String>;
}

/// What a function returns, going into a guest: `()` or `(R,)`.
pub trait LowerResult: ComponentNamedList {
    #[doc(hidden)]
    fn lower_result<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: Option<ValType>,
        to: Place,
    ) -> Result<(), Fault>;
}

/// What a function returns, coming out of a guest: `()` or `(R,)`.
pub trait LiftResult: ComponentNamedList + Sized {
    #[doc(hidden)]
    fn lift_result<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: Option<ValType>,
        from: Place,
    ) -> Result<Self, Fault>;
}

impl LowerResult for () {
    fn lower_result<T: Send + 'static>(
        &self,
        _: &mut LowerContext<'_, '_, T>,
        _: Option<ValType>,
        _: Place,
    ) -> Result<(), Fault> {
        Ok(())
    }
}

impl LiftResult for () {
    fn lift_result<T: Send + 'static>(
        _: &mut LiftContext<'_, '_, T>,
        _: Option<ValType>,
        _: Place,
    ) -> Result<Self, Fault> {
        Ok(())
    }
}

impl<A: Lower> LowerResult for (A,) {
    fn lower_result<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: Option<ValType>,
        to: Place,
    ) -> Result<(), Fault> {
        self.0.lower(cx, ty.ok_or(Rule::ValueType)?, to)
    }
}

impl<A: Lift> LiftResult for (A,) {
    fn lift_result<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: Option<ValType>,
        from: Place,
    ) -> Result<Self, Fault> {
        match A::lift(cx, ty.ok_or(Rule::ValueType)?, from) {
            Ok(value) => Ok((value,)),
            Err(fault) => apart(fault),
        }
    }
}

/// Hands a fault on. Where that is moved by the same instructions as the value that should have been there, both are moved
/// in pieces that overlap, and the processor waits for each.
#[cold]
#[inline(never)]
pub(super) fn apart<R>(fault: Fault) -> Result<R, Fault> {
    Err(fault)
}

impl ComponentNamedList for () {
    const COUNT: usize = 0;

    fn check_list(_: &Check<'_>, types: &[ValType]) -> Result<(), String> {
        check_count(0, types.len())
    }
}

fn check_count(expected: usize, found: usize) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("expected {expected} values, found {found}")) }
}

macro_rules! tuple {
    ($($name:ident $at:tt),*) => {
        impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
            fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
                match check.def(ty) {
                    Some(TypeDef::Tuple(types)) => Self::check_list(check, types),
                    _ => Err(check.mismatch("tuple", ty)),
                }
            }
        }

        impl<$($name: ComponentType),*> ComponentNamedList for ($($name,)*) {
            const COUNT: usize = [$($at),*].len();

            fn check_list(check: &Check<'_>, types: &[ValType]) -> Result<(), String> {
                check_count(Self::COUNT, types.len())?;
                $($name::check(check, types[$at])?;)*
                Ok(())
            }
        }

        impl<$($name: Lift),*> Lift for ($($name,)*) {
            fn lift<T: Send + 'static>(cx: &mut LiftContext<'_, '_, T>, ty: ValType, from: Place) -> Result<Self, Fault> {
                let mut fields = cx.fields(ty, from)?;
                Ok(($({
                    let (ty, from) = fields.advance()?;
                    $name::lift(cx, ty, from)?
                },)*))
            }

            fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
                $(self.$at.give_up(call);)*
            }
        }

        impl<$($name: Lower),*> Lower for ($($name,)*) {
            const HANDLES: bool = false $(|| $name::HANDLES)*;

            fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
                let mut fields = fitting.fields(ty);
                $(if let Some(ty) = fields.next() {
                    self.$at.fits(fitting, ty)?;
                })*
                Ok(())
            }

            fn lower<T: Send + 'static>(&self, cx: &mut LowerContext<'_, '_, T>, ty: ValType, to: Place) -> Result<(), Fault> {
                let mut fields = cx.fields(ty, to)?;
                $({
                    let (ty, to) = fields.advance()?;
                    self.$at.lower(cx, ty, to)?;
                })*
                Ok(())
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
// For functions: Rust's own traits end at twelve.
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15);

/// The fields of a record or tuple, one after the other, with where each stands.
#[derive(Clone, Debug)]
pub struct Fields<'t> {
    fields: slice::Iter<'t, FieldLayout>,
    /// Of the whole.
    place: Place,
}

impl<'t> Fields<'t> {
    fn new(layouts: Layouts<'t>, ty: ValType, place: Place) -> Result<Self, Fault> {
        match ty {
            // What has no fields has none here, and shows when one is asked for.
            ValType::Def(id) => Ok(Self { fields: layouts.layout(id).fields.iter(), place }),
            _ => Err(Rule::ValueType.into()),
        }
    }

    /// The next field's type and place.
    #[doc(hidden)]
    #[inline]
    pub fn advance(&mut self) -> Result<(ValType, Place), Fault> {
        match self.fields.next() {
            Some(field) => Ok((field.ty, self.place.field(field.flat, field.offset))),
            None => Err(Rule::ValueType.into()),
        }
    }
}

impl<'c, T: Send + 'static> LiftContext<'c, '_, T> {
    #[doc(hidden)]
    pub fn fields(&self, ty: ValType, from: Place) -> Result<Fields<'c>, Fault> {
        Fields::new(self.layouts(), ty, from)
    }
}

impl<'c, T: Send + 'static> LowerContext<'c, '_, T> {
    #[doc(hidden)]
    pub fn fields(&self, ty: ValType, to: Place) -> Result<Fields<'c>, Fault> {
        Fields::new(self.layouts(), ty, to)
    }
}
