//! Whether what an embedder made at run time are values of the types that a function takes. It is looked at before the
//! call begins: there, a mistake of the embedder's is an error, and in the middle of a call it would end the guest.

use crate::component::{
    Val,
    channel::Payload,
    definition::Channel,
    describe,
    host_channel::OTHER_STORE,
    resource::{ChannelAny, HostHeldId, ResourceAny},
    sorted::sort,
    store::{InstanceId, State},
    typed::Lower,
    types::{ResourceIx, TypeDef, Types, ValType},
    val::List,
};
use alloc::{format, string::String, sync::Arc, vec::Vec};

/// Looks at the arguments of a call, as many as it has parameters: which of them is none, and why. `view` is the instance
/// that knows the resources of the function's type.
pub(crate) fn check<T: Send + 'static>(
    state: &State<T>,
    types: &Types,
    view: InstanceId,
    params: &[(Arc<str>, ValType)],
    values: &[Val],
) -> Result<(), String> {
    let mut fitting = Fitting::new(state, types, view);
    for ((name, ty), value) in params.iter().zip(values) {
        fitting.value(value, *ty).map_err(|reason| format!("argument `{name}`: {reason}"))?;
    }
    fitting.finish()
}

/// The same of a typed call's arguments, of which only the handles can be none. `params` is their tuple.
pub(crate) fn check_typed<T: Send + 'static>(
    state: &State<T>,
    types: &Types,
    view: InstanceId,
    params: ValType,
    values: &impl Lower,
) -> Result<(), String> {
    let mut fitting = Fitting::new(state, types, view);
    values.fits(&mut fitting, params)?;
    fitting.finish()
}

/// The typed ends of streams and futures among a typed call's arguments.
pub(crate) fn typed_ends<T: Send + 'static>(
    state: &State<T>,
    types: &Types,
    view: InstanceId,
    params: ValType,
    values: &impl Lower,
) -> Vec<ChannelAny> {
    let mut fitting = Fitting { typed: Some(Vec::new()), ..Fitting::new(state, types, view) };
    // They were found to be of these types when the call was made.
    _ = values.fits(&mut fitting, params);
    fitting.typed.unwrap_or_default()
}

/// Arguments, as far as they were looked at.
pub struct Fitting<'s, T: 'static> {
    state: &'s State<T>,
    types: &'s Types,
    view: InstanceId,
    /// Resources of the host's, by number.
    given: Vec<u64>,
    lent: Vec<u64>,
    /// Streams and futures, by number.
    channels: Vec<u64>,
    /// Typed ends, where only they are looked for and nothing else.
    typed: Option<Vec<ChannelAny>>,
}

impl<'s, T: Send + 'static> Fitting<'s, T> {
    fn new(state: &'s State<T>, types: &'s Types, view: InstanceId) -> Self {
        let (given, lent, channels) = (Vec::new(), Vec::new(), Vec::new());
        Self { state, types, view, given, lent, channels, typed: None }
    }

    /// Refuses what is given away and given or lent once more.
    fn finish(mut self) -> Result<(), String> {
        sort(&mut self.given, |a, b| a < b);
        sort(&mut self.channels, |a, b| a < b);
        let is_given = |lent: &u64| self.given.binary_search(lent).is_ok();
        if self.given.windows(2).any(|pair| pair[0] == pair[1]) || self.lent.iter().any(is_given) {
            return Err("a resource is given away that the same call gives or lends once more".into());
        }
        if self.channels.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a stream or future is given away that the same call gives once more".into());
        }
        Ok(())
    }

    /// A composite type's definition.
    pub(crate) fn def(&self, ty: ValType) -> Option<&'s TypeDef> {
        match ty {
            ValType::Def(id) => Some(self.types.def(id)),
            _ => None,
        }
    }

    /// The types of a record's or tuple's fields.
    #[doc(hidden)]
    pub fn fields(&self, ty: ValType) -> impl Iterator<Item = ValType> + use<'s, T> {
        let (record, tuple): (&[_], &[_]) = match self.def(ty) {
            Some(TypeDef::Record(fields)) => (fields, &[]),
            Some(TypeDef::Tuple(fields)) => (&[], fields),
            _ => (&[], &[]),
        };
        record.iter().map(|(_, ty)| *ty).chain(tuple.iter().copied())
    }

    /// What a variant's case carries.
    #[doc(hidden)]
    pub fn case(&self, ty: ValType, case: usize) -> Option<ValType> {
        match self.def(ty) {
            Some(TypeDef::Variant(cases)) => cases.get(case).and_then(|(_, ty)| *ty),
            _ => None,
        }
    }
}

impl<T: Send + 'static> Fitting<'_, T> {
    // As deep as its type. A list in bulk is one value, and texts are looked at by nobody.
    pub(crate) fn value(&mut self, value: &Val, ty: ValType) -> Result<(), String> {
        match (value, ty) {
            (Val::Bool(_), ValType::Bool)
            | (Val::S8(_), ValType::S8)
            | (Val::U8(_), ValType::U8)
            | (Val::S16(_), ValType::S16)
            | (Val::U16(_), ValType::U16)
            | (Val::S32(_), ValType::S32)
            | (Val::U32(_), ValType::U32)
            | (Val::S64(_), ValType::S64)
            | (Val::U64(_), ValType::U64)
            | (Val::Float32(_), ValType::F32)
            | (Val::Float64(_), ValType::F64)
            | (Val::Char(_), ValType::Char)
            | (Val::String(_), ValType::String)
            | (Val::ErrorContext(_), ValType::ErrorContext) => Ok(()),
            (value, ValType::Def(id)) => self.composite(value, ty, self.types.def(id)),
            (value, ty) => Err(self.mismatch(value, ty)),
        }
    }

    fn composite(&mut self, value: &Val, ty: ValType, def: &TypeDef) -> Result<(), String> {
        match (def, value) {
            (TypeDef::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
                fields.iter().zip(values).try_for_each(|((name, ty), (label, value))| {
                    if **name != **label {
                        return Err(format!("expected the field `{name}`, got `{label}`"));
                    }
                    self.value(value, *ty)
                })
            }
            (TypeDef::Tuple(fields), Val::Tuple(values)) if fields.len() == values.len() => {
                fields.iter().zip(values).try_for_each(|(ty, value)| self.value(value, *ty))
            }
            (TypeDef::Variant(cases), Val::Variant(name, payload)) => {
                match cases.iter().find(|(case, _)| **case == **name) {
                    Some((_, case)) => self.payload(payload.as_deref(), *case, value, ty),
                    None => Err(self.no_case(name, ty)),
                }
            }
            (TypeDef::Enum(labels), Val::Enum(name)) => self.label(labels, name, ty),
            (TypeDef::Option(some), Val::Option(payload)) => {
                payload.as_ref().map_or(Ok(()), |payload| self.value(payload, *some))
            }
            (TypeDef::Result(ok, _), Val::Result(Ok(payload))) => {
                self.payload(payload.as_deref(), *ok, value, ty)
            }
            (TypeDef::Result(_, err), Val::Result(Err(payload))) => {
                self.payload(payload.as_deref(), *err, value, ty)
            }
            (TypeDef::Flags(labels), Val::Flags(set)) => {
                set.iter().try_for_each(|name| self.label(labels, name, ty))
            }
            (TypeDef::List(element), Val::List(list)) => self.list(list, *element, value, ty),
            (TypeDef::FixedList(element, length), Val::List(list)) if list.len() == *length as usize => {
                self.list(list, *element, value, ty)
            }
            (TypeDef::Map(key, item), Val::Map(pairs)) => pairs.iter().try_for_each(|(k, v)| {
                self.value(k, *key)?;
                self.value(v, *item)
            }),
            (TypeDef::Own(resource), Val::Resource(handle)) => self.resource(handle, *resource, true),
            (TypeDef::Borrow(resource), Val::Resource(handle)) => self.resource(handle, *resource, false),
            (TypeDef::Stream(payload), Val::Stream(end)) => self.channel(*end, Channel::Stream, *payload),
            (TypeDef::Future(payload), Val::Future(end)) => self.channel(*end, Channel::Future, *payload),
            _ => Err(self.mismatch(value, ty)),
        }
    }

    fn payload(
        &mut self,
        payload: Option<&Val>,
        case: Option<ValType>,
        value: &Val,
        ty: ValType,
    ) -> Result<(), String> {
        match (payload, case) {
            (Some(payload), Some(case)) => self.value(payload, case),
            (None, None) => Ok(()),
            (None, Some(_)) => Err(format!("{} without what its case carries", self.mismatch(value, ty))),
            (Some(_), None) => Err(format!("{} with what its case does not carry", self.mismatch(value, ty))),
        }
    }

    fn list(&mut self, list: &List, element: ValType, value: &Val, ty: ValType) -> Result<(), String> {
        match list {
            List::Values(values) => values.iter().try_for_each(|value| self.value(value, element)),
            bulk if bulk.element() == Some(element) => Ok(()),
            _ => Err(self.mismatch(value, ty)),
        }
    }

    fn label(&self, labels: &[Arc<str>], name: &str, ty: ValType) -> Result<(), String> {
        if labels.iter().any(|label| **label == *name) { Ok(()) } else { Err(self.no_case(name, ty)) }
    }

    fn no_case(&self, name: &str, ty: ValType) -> String {
        format!("{} has no `{name}`", describe::value(self.types, ty))
    }

    pub(crate) fn resource(
        &mut self,
        handle: &ResourceAny,
        resource: ResourceIx,
        is_own: bool,
    ) -> Result<(), String> {
        if self.typed.is_some() {
            return Ok(());
        }
        let ty = self.state.resource_of(self.view, resource).map_err(|trap| format!("{trap}"))?;
        match handle.usable(self.state, ty, is_own) {
            Ok(id) => {
                let into = if is_own { &mut self.given } else { &mut self.lent };
                into.push(HostHeldId::number(id));
                Ok(())
            }
            Err(trap) => Err(format!("{trap}")),
        }
    }

    /// A typed end of a stream or future.
    pub(crate) fn end(&mut self, any: ChannelAny, ty: ValType) -> Result<(), String> {
        match &mut self.typed {
            Some(typed) => {
                typed.push(any);
                Ok(())
            }
            None => any.fits(self, ty),
        }
    }

    pub(crate) fn channel(
        &mut self,
        any: ChannelAny,
        channel: Channel,
        ty: Option<ValType>,
    ) -> Result<(), String> {
        if self.typed.is_some() {
            return Ok(());
        }
        let ChannelAny { id, store } = any;
        if store != self.state.number {
            return Err(OTHER_STORE.into());
        }
        let payload = Payload { view: self.view, ty };
        match self.state.channels.find(id).filter(|known| known.channel == channel) {
            None => Err("the stream or future is gone, or is of another sort".into()),
            Some(known) if !known.host_reads => Err("the stream or future was given away before".into()),
            Some(known) if known.held.is_some() => {
                Err("the stream or future holds what was read from it and not taken".into())
            }
            // What one carries that the host just made, this call says.
            Some(known) if !known.is_new && !self.state.carries(known, payload, self.types, &mut 0) => {
                Err("the stream or future carries values of another type".into())
            }
            Some(_) => {
                self.channels.push(id.number());
                Ok(())
            }
        }
    }

    fn mismatch(&self, value: &Val, ty: ValType) -> String {
        format!("expected {}, got {}", describe::value(self.types, ty), kind(value))
    }
}

/// What sort of value it is.
fn kind(value: &Val) -> &'static str {
    match value {
        Val::Bool(_) => "bool",
        Val::S8(_) => "s8",
        Val::U8(_) => "u8",
        Val::S16(_) => "s16",
        Val::U16(_) => "u16",
        Val::S32(_) => "s32",
        Val::U32(_) => "u32",
        Val::S64(_) => "s64",
        Val::U64(_) => "u64",
        Val::Float32(_) => "f32",
        Val::Float64(_) => "f64",
        Val::Char(_) => "char",
        Val::String(_) => "string",
        Val::List(_) => "another list",
        Val::Map(_) => "a map",
        Val::Record(_) => "another record",
        Val::Tuple(_) => "another tuple",
        Val::Variant(..) => "a variant",
        Val::Enum(_) => "an enum",
        Val::Option(_) => "an option",
        Val::Result(_) => "another result",
        Val::Flags(_) => "flags",
        Val::Resource(_) => "a resource",
        Val::Stream(_) => "a stream",
        Val::Future(_) => "a future",
        Val::ErrorContext(_) => "error-context",
    }
}
