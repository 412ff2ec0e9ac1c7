//! Component types for Rust types of one's own, without a macro crate.

use crate::{
    Rule,
    component::{
        abi::{LiftContext, LowerContext, Place},
        host::Check,
        types::{TypeDef, ValType},
    },
    engine::Fault,
};
use alloc::format;

pub use alloc::string::String;

impl<'c> Check<'c> {
    /// The types of a record's fields, if they have these names.
    #[doc(hidden)]
    pub fn record(
        &self,
        ty: ValType,
        names: &[&str],
    ) -> Result<impl Iterator<Item = ValType> + use<'c>, String> {
        match self.def(ty) {
            Some(TypeDef::Record(fields))
                if fields.iter().map(|(name, _)| &**name).eq(names.iter().copied()) =>
            {
                Ok(fields.iter().map(|(_, ty)| *ty))
            }
            _ => Err(self.mismatch(&format!("record {{ {} }}", names.join(", ")), ty)),
        }
    }

    /// The payloads of a variant's or enumeration's cases, if they have these names.
    #[doc(hidden)]
    pub fn cases(
        &self,
        ty: ValType,
        names: &[&str],
    ) -> Result<impl Iterator<Item = Option<ValType>> + use<'c>, String> {
        let payloads: (&'c [_], usize) = match self.def(ty) {
            Some(TypeDef::Variant(cases))
                if cases.iter().map(|(name, _)| &**name).eq(names.iter().copied()) =>
            {
                (cases, 0)
            }
            Some(TypeDef::Enum(labels)) if labels.iter().map(|name| &**name).eq(names.iter().copied()) => {
                (&[], labels.len())
            }
            _ => return Err(self.mismatch(&format!("variant {{ {} }}", names.join(", ")), ty)),
        };
        let (cases, labels) = payloads;
        Ok(cases.iter().map(|(_, ty)| *ty).chain(core::iter::repeat_n(None, labels)))
    }

    /// What is said of a case with a payload where none is expected, or the other way round.
    #[doc(hidden)]
    pub fn payload_mismatch(&self, case: &str) -> String {
        format!("case `{case}` has a payload on one side only")
    }

    /// Refuses flags of other names.
    #[doc(hidden)]
    pub fn flags(&self, ty: ValType, names: &[&str]) -> Result<(), String> {
        match self.def(ty) {
            Some(TypeDef::Flags(labels)) if labels.iter().map(|name| &**name).eq(names.iter().copied()) => {
                Ok(())
            }
            _ => Err(self.mismatch(&format!("flags {{ {} }}", names.join(", ")), ty)),
        }
    }
}

/// The payload type of a case.
fn payload(def: &TypeDef, case: usize) -> Option<ValType> {
    match def {
        TypeDef::Variant(cases) => cases.get(case).and_then(|(_, ty)| *ty),
        _ => None,
    }
}

fn count(def: &TypeDef) -> usize {
    match def {
        TypeDef::Variant(cases) => cases.len(),
        TypeDef::Enum(labels) | TypeDef::Flags(labels) => labels.len(),
        _ => 0,
    }
}

impl<T: Send + 'static> LiftContext<'_, '_, T> {
    /// Which case a value is, the type of its payload and where that is.
    #[doc(hidden)]
    pub fn lift_case(&self, ty: ValType, from: Place) -> Result<(usize, Option<ValType>, Place), Fault> {
        let (def, id) = self.def(ty)?;
        let (case, place) = self.case(id, count(def), from)?;
        Ok((case, payload(def, case), place))
    }

    #[doc(hidden)]
    pub fn lift_flags(&self, ty: ValType, from: Place) -> Result<u32, Fault> {
        let (def, id) = self.def(ty)?;
        Ok(self.flags(id, count(def), from)? as u32)
    }
}

impl<T: Send + 'static> LowerContext<'_, '_, T> {
    /// Writes which case a value is; the type of its payload and where that goes.
    #[doc(hidden)]
    pub fn lower_case(
        &mut self,
        ty: ValType,
        case: usize,
        to: Place,
    ) -> Result<(Option<ValType>, Place), Fault> {
        let (def, id) = self.def(ty)?;
        if case >= count(def) {
            return Err(Rule::ValueType.into());
        }
        let place = self.case(id, case, to)?;
        Ok((payload(def, case), place))
    }

    #[doc(hidden)]
    pub fn lower_flags(&mut self, ty: ValType, bits: u32, to: Place) -> Result<(), Fault> {
        let (def, id) = self.def(ty)?;
        let mask = (1_u64 << count(def).min(32)) - 1;
        self.flags(id, u64::from(bits) & mask, to)
    }
}

/// Makes a struct stand for a WIT record: each field with its type and its name there, in the record's order.
///
/// The struct is one of named fields, all of them listed, and has no type parameters or lifetimes; each field's type is
/// one that [crosses](crate::component::Lift) too. Whether it is the record it stands for shows where a function with it
/// is met: [`get_typed_func`](crate::component::Instance::get_typed_func) and
/// [`instantiate`](crate::component::Linker::instantiate) refuse one of other fields, naming what was found.
///
/// ```
/// #[derive(Debug, PartialEq)]
/// struct Point { x: i32, label: String }
/// wasmote::record! { Point { x: i32 = "x", label: String = "the-label" } }
/// ```
#[macro_export]
macro_rules! record {
    ($name:ident { $($field:ident: $ty:ty = $label:literal),* $(,)? }) => {
        impl $crate::component::ComponentType for $name {
            fn check(
                check: &$crate::component::host::Check<'_>,
                ty: $crate::component::types::ValType,
            ) -> ::core::result::Result<(), $crate::component::derive::String> {
                let mut fields = check.record(ty, &[$($label),*])?;
                $(if let Some(field) = fields.next() {
                    <$ty as $crate::component::ComponentType>::check(check, field)?;
                })*
                Ok(())
            }
        }

        impl $crate::component::Lift for $name {
            fn lift<T: Send + 'static>(
                cx: &mut $crate::component::abi::LiftContext<'_, '_, T>,
                ty: $crate::component::types::ValType,
                from: $crate::component::abi::Place,
            ) -> ::core::result::Result<Self, $crate::engine::Fault> {
                let mut fields = cx.fields(ty, from)?;
                Ok(Self { $($field: {
                    let (ty, from) = fields.advance()?;
                    <$ty as $crate::component::Lift>::lift(cx, ty, from)?
                }),* })
            }

            fn give_up<T: Send + 'static>(&self, call: &mut $crate::component::host_channel::GivenUp<'_, T>) {
                $(<$ty as $crate::component::Lift>::give_up(&self.$field, call);)*
            }
        }

        impl $crate::component::Lower for $name {
            const HANDLES: bool = false $(|| <$ty as $crate::component::Lower>::HANDLES)*;

            fn fits<T: Send + 'static>(
                &self,
                fitting: &mut $crate::component::fits::Fitting<'_, T>,
                ty: $crate::component::types::ValType,
            ) -> ::core::result::Result<(), $crate::component::derive::String> {
                let mut fields = fitting.fields(ty);
                $(if let Some(field) = fields.next() {
                    <$ty as $crate::component::Lower>::fits(&self.$field, fitting, field)?;
                })*
                Ok(())
            }

            fn lower<T: Send + 'static>(
                &self,
                cx: &mut $crate::component::abi::LowerContext<'_, '_, T>,
                ty: $crate::component::types::ValType,
                to: $crate::component::abi::Place,
            ) -> ::core::result::Result<(), $crate::engine::Fault> {
                let mut fields = cx.fields(ty, to)?;
                $({
                    let (ty, to) = fields.advance()?;
                    <$ty as $crate::component::Lower>::lower(&self.$field, cx, ty, to)?;
                })*
                Ok(())
            }
        }
    };
}

/// Makes an enum stand for a WIT variant or enum: each case with its payload, if it has one, and its name there, in
/// order.
///
/// A case is written without anything, or with one payload in parentheses; where WIT's is a record or a tuple, that is a
/// struct or a tuple. The enum has no type parameters or lifetimes. A mismatch shows as [`record!`](crate::record)'s does.
///
/// ```
/// #[derive(Debug, PartialEq)]
/// enum Shape { Empty, Circle(f32) }
/// wasmote::variant! { Shape { Empty = "empty", Circle(f32) = "circle" } }
/// ```
#[macro_export]
macro_rules! variant {
    ($name:ident { $($case:ident $(($ty:ty))? = $label:literal),* $(,)? }) => {
        impl $crate::component::ComponentType for $name {
            fn check(
                check: &$crate::component::host::Check<'_>,
                ty: $crate::component::types::ValType,
            ) -> ::core::result::Result<(), $crate::component::derive::String> {
                let mut cases = check.cases(ty, &[$($label),*])?;
                $(let payload = cases.next().flatten();
                $(if let Some(payload) = payload {
                    <$ty as $crate::component::ComponentType>::check(check, payload)?;
                })?
                let expected = <[&str]>::len(&[$(stringify!($ty))?]);
                if usize::from(payload.is_some()) != expected {
                    return Err(check.payload_mismatch($label));
                })*
                Ok(())
            }
        }

        impl $crate::component::Lift for $name {
            fn lift<T: Send + 'static>(
                cx: &mut $crate::component::abi::LiftContext<'_, '_, T>,
                ty: $crate::component::types::ValType,
                from: $crate::component::abi::Place,
            ) -> ::core::result::Result<Self, $crate::engine::Fault> {
                let (case, payload, place) = cx.lift_case(ty, from)?;
                let (_, _) = (&payload, &place);
                let mut cases = 0..;
                $(if cases.next() == Some(case) {
                    return Ok(Self::$case $(({
                        let ty = payload.ok_or($crate::Trap::Component($crate::Rule::ValueType))?;
                        <$ty as $crate::component::Lift>::lift(cx, ty, place)?
                    }))?);
                })*
                Err($crate::Trap::Component($crate::Rule::InvalidDiscriminant).into())
            }

            fn give_up<T: Send + 'static>(&self, call: &mut $crate::component::host_channel::GivenUp<'_, T>) {
                let _ = &call;
                $($(if let Self::$case(value) = self {
                    return <$ty as $crate::component::Lift>::give_up(value, call);
                })?)*
            }
        }

        impl $crate::component::Lower for $name {
            const HANDLES: bool = false $($(|| <$ty as $crate::component::Lower>::HANDLES)?)*;

            fn fits<T: Send + 'static>(
                &self,
                fitting: &mut $crate::component::fits::Fitting<'_, T>,
                ty: $crate::component::types::ValType,
            ) -> ::core::result::Result<(), $crate::component::derive::String> {
                let (mut cases, _) = (0.., (&fitting, &ty));
                $({
                    let _case: usize = cases.next().unwrap_or_default();
                    $(if let (Self::$case(value), Some(payload)) = (self, fitting.case(ty, _case)) {
                        return <$ty as $crate::component::Lower>::fits(value, fitting, payload);
                    })?
                })*
                Ok(())
            }

            fn lower<T: Send + 'static>(
                &self,
                cx: &mut $crate::component::abi::LowerContext<'_, '_, T>,
                ty: $crate::component::types::ValType,
                to: $crate::component::abi::Place,
            ) -> ::core::result::Result<(), $crate::engine::Fault> {
                let mut cases = 0..;
                $({
                    let case: usize = cases.next().unwrap_or_default();
                    if let Self::$case { .. } = self {
                        let (payload, place) = cx.lower_case(ty, case, to)?;
                        let (_, _) = (&payload, &place);
                        $(if let (Self::$case(value), Some(payload)) = (self, payload) {
                            <$ty as $crate::component::Lower>::lower(value, cx, payload, place)?;
                        })?
                        return Ok(());
                    }
                })*
                Err($crate::Trap::Component($crate::Rule::ValueType).into())
            }
        }
    };
}

/// Defines a struct of bits that stands for WIT flags: each flag as a constant, with its name there, in order.
///
/// The struct is `pub` and holds a `u32`, the first flag in its lowest bit: there are 32 flags at most. Bits that are no
/// flag's are left out when it goes to a guest. A mismatch shows as [`record!`](crate::record)'s does.
///
/// ```
/// wasmote::flags! { Access { READ = "read", WRITE = "write" } }
/// let both = Access::READ | Access::WRITE;
/// assert!(both.contains(Access::WRITE));
/// assert_eq!(both.0, 3);
/// ```
#[macro_export]
macro_rules! flags {
    ($(#[$attr:meta])* $name:ident { $($(#[$flag_attr:meta])* $flag:ident = $label:literal),* $(,)? }) => {
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the names are the user's")]
        pub struct $name(pub u32);

        const _: () = {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names are the user's")]
            enum __WasmoteFlagPlaces {
                $($flag),*
            }

            #[allow(missing_docs, dead_code, reason = "the names are the user's")]
            impl $name {
                $($(#[$flag_attr])* pub const $flag: Self = Self(1 << (__WasmoteFlagPlaces::$flag as u32));)*

                /// No flag at all.
                #[must_use]
                pub const fn empty() -> Self {
                    Self(0)
                }

                /// Whether every flag of `other` is set.
                #[must_use]
                pub const fn contains(self, other: Self) -> bool {
                    self.0 & other.0 == other.0
                }
            }
        };

        impl ::core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl ::core::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }

        impl $crate::component::ComponentType for $name {
            fn check(
                check: &$crate::component::host::Check<'_>,
                ty: $crate::component::types::ValType,
            ) -> ::core::result::Result<(), $crate::component::derive::String> {
                check.flags(ty, &[$($label),*])
            }
        }

        impl $crate::component::Lift for $name {
            fn lift<T: Send + 'static>(
                cx: &mut $crate::component::abi::LiftContext<'_, '_, T>,
                ty: $crate::component::types::ValType,
                from: $crate::component::abi::Place,
            ) -> ::core::result::Result<Self, $crate::engine::Fault> {
                cx.lift_flags(ty, from).map(Self)
            }
        }

        impl $crate::component::Lower for $name {
            fn lower<T: Send + 'static>(
                &self,
                cx: &mut $crate::component::abi::LowerContext<'_, '_, T>,
                ty: $crate::component::types::ValType,
                to: $crate::component::abi::Place,
            ) -> ::core::result::Result<(), $crate::engine::Fault> {
                cx.lower_flags(ty, self.0, to)
            }
        }
    };
}
