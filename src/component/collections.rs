//! Rust types for `map`, for lists of a fixed length, and for `error-context`.

use crate::{
    Rule, bug,
    component::{
        abi::{LiftContext, LowerContext, Place},
        fits::Fitting,
        handles,
        host::Check,
        host_channel::GivenUp,
        typed::{ComponentType, Lift, Lower},
        types::{TypeDef, ValType},
    },
    engine::Fault,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

impl<K: ComponentType + Ord, V: ComponentType> ComponentType for BTreeMap<K, V> {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::Map(key, value)) => {
                K::check(check, *key)?;
                V::check(check, *value)
            }
            _ => Err(check.mismatch("map", ty)),
        }
    }
}

/// What the host's nodes take of memory besides the entries themselves, which fill no less than half of each.
const ENTRY_OVERHEAD_BYTES: usize = 16;

impl<K: Lift + Ord, V: Lift> Lift for BTreeMap<K, V> {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        let TypeDef::Map(key, value) = cx.def(ty)?.0 else { return Err(Rule::ValueType.into()) };
        // A map is laid out as a list of pairs. Of pairs with one key the last counts (`Explainer.md`, "map").
        let pair = handles::pair(cx.types, *key, *value)?;
        let entry_bytes = 2 * size_of::<(K, V)>() + ENTRY_OVERHEAD_BYTES;
        let (at, length) = cx.list(pair, from, entry_bytes)?;
        cx.cx.charge_elements(length)?;
        let (_, id) = cx.def(pair)?;
        let (size, offset) =
            (cx.layouts().size(pair) as usize, cx.layouts().layout(id).fields[1].offset as usize);
        let mut map = Self::new();
        for n in 0..length as usize {
            // The list lies inside a memory, so no sum passes the end of the addresses.
            let at = at + n * size;
            let entry = K::lift(cx, *key, Place::Memory(at))?;
            map.insert(entry, V::lift(cx, *value, Place::Memory(at + offset))?);
        }
        Ok(map)
    }

    fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
        self.values().for_each(|value| value.give_up(call));
    }
}

impl<K: Lower + Ord, V: Lower> Lower for BTreeMap<K, V> {
    const HANDLES: bool = K::HANDLES || V::HANDLES;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match fitting.def(ty) {
            Some(TypeDef::Map(key, value)) if Self::HANDLES => self.iter().try_for_each(|(k, v)| {
                k.fits(fitting, *key)?;
                v.fits(fitting, *value)
            }),
            _ => Ok(()),
        }
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        let TypeDef::Map(key, value) = cx.def(ty)?.0 else { return Err(Rule::ValueType.into()) };
        let pair = handles::pair(cx.types, *key, *value)?;
        let mut at = cx.list(pair, self.len(), to)?;
        let (_, id) = cx.def(pair)?;
        let (size, offset) =
            (cx.layouts().size(pair) as usize, cx.layouts().layout(id).fields[1].offset as usize);
        self.iter().try_for_each(|(entry_key, entry_value)| {
            entry_key.lower(cx, *key, Place::Memory(at))?;
            entry_value.lower(cx, *value, Place::Memory(at.wrapping_add(offset)))?;
            at = at.wrapping_add(size);
            Ok(())
        })
    }
}

impl<E: ComponentType, const N: usize> ComponentType for [E; N] {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::FixedList(element, length)) if *length as usize == N => E::check(check, *element),
            _ => Err(check.mismatch(&format!("list of {N} elements"), ty)),
        }
    }
}

impl<E: Lift, const N: usize> Lift for [E; N] {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        let TypeDef::FixedList(element, length) = *cx.def(ty)?.0 else { return Err(Rule::ValueType.into()) };
        let items = match from {
            Place::Memory(at) => E::lift_elements(cx, element, at, length)?,
            Place::Flat(_) => {
                let flat = cx.types.flat_count(element);
                let items = (0..length).map(|n| E::lift(cx, element, from.field(n * flat, 0)));
                items.collect::<Result<Vec<_>, _>>()?
            }
        };
        items.try_into().map_err(|_| Fault::Trap(bug!("an array's length was checked with its type")))
    }

    fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
        self.iter().for_each(|item| item.give_up(call));
    }
}

impl<E: Lower, const N: usize> Lower for [E; N] {
    const HANDLES: bool = E::HANDLES;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match fitting.def(ty) {
            Some(TypeDef::FixedList(element, _)) if E::HANDLES => {
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
        let TypeDef::FixedList(element, _) = *cx.def(ty)?.0 else { return Err(Rule::ValueType.into()) };
        match to {
            Place::Memory(at) => E::lower_elements(self, cx, element, at),
            Place::Flat(_) => {
                let flat = cx.types.flat_count(element) as usize;
                let mut place = to;
                self.iter().try_for_each(|item| {
                    item.lower(cx, element, place)?;
                    place = place.field(flat as u32, 0);
                    Ok(())
                })
            }
        }
    }
}

/// What went wrong, as guests tell each other and their hosts: a text for people, whose wording nothing may depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorContext(Arc<str>);

impl ErrorContext {
    /// An error that says this.
    #[must_use]
    pub fn new(debug_message: impl ToString) -> Self {
        Self(debug_message.to_string().into())
    }

    /// What it says.
    #[must_use]
    pub fn debug_message(&self) -> &str {
        &self.0
    }
}

impl ComponentType for ErrorContext {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        if ty == ValType::ErrorContext { Ok(()) } else { Err(check.mismatch("error-context", ty)) }
    }
}

impl Lift for ErrorContext {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        _: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        cx.error_context(from).map(Self)
    }
}

impl Lower for ErrorContext {
    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        _: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        cx.error_context(self.0.clone(), to)
    }
}
