//! Component values whose types are only known at run time.

use crate::{
    Rule,
    component::{
        abi::{LiftContext, LowerContext, Place, lift_numbers, lower_numbers},
        definition::Channel,
        fits::Fitting,
        host::Check,
        resource::{ChannelAny, ResourceAny},
        typed::{ComponentType, Lift, Lower},
        types::{TypeDef, ValType},
    },
    engine::Fault,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

/// A component value. Names and shapes are those of `wasmtime::component::Val`, but for [`List`], which holds
/// lists of numbers in bulk.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is the WIT type of its name")]
pub enum Val {
    Bool(bool),
    S8(i8),
    U8(u8),
    S16(i16),
    U16(u16),
    S32(i32),
    U32(u32),
    S64(i64),
    U64(u64),
    Float32(f32),
    Float64(f64),
    Char(char),
    String(String),
    List(List),
    Map(Vec<(Val, Val)>),
    Record(Vec<(String, Val)>),
    Tuple(Vec<Val>),
    Variant(String, Option<Box<Val>>),
    Enum(String),
    Option(Option<Box<Val>>),
    Result(Result<Option<Box<Val>>, Option<Box<Val>>>),
    Flags(Vec<String>),
    Resource(ResourceAny),
    Stream(ChannelAny),
    Future(ChannelAny),
    ErrorContext(Arc<str>),
}

macro_rules! list {
    ($($variant:ident $number:ty, $val:ident;)*) => {
        /// A list: numbers in bulk, anything else as values.
        #[derive(Clone, Debug)]
        #[expect(missing_docs, reason = "each variant holds the elements of its name")]
        pub enum List {
            Values(Vec<Val>),
            $($variant(Vec<$number>),)*
        }

        impl List {
            /// How many elements it has.
            #[must_use]
            pub fn len(&self) -> usize {
                match self {
                    Self::Values(values) => values.len(),
                    $(Self::$variant(numbers) => numbers.len(),)*
                }
            }

            /// Whether it has no elements.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The type of its elements, where they stand in bulk.
            pub(crate) fn element(&self) -> Option<ValType> {
                match self {
                    Self::Values(_) => None,
                    $(Self::$variant(_) => Some(ValType::$variant),)*
                }
            }

            /// Its elements as values.
            #[must_use]
            pub fn into_values(self) -> Vec<Val> {
                match self {
                    Self::Values(values) => values,
                    $(Self::$variant(numbers) => numbers.into_iter().map(Val::$val).collect(),)*
                }
            }
        }

        $(impl From<Vec<$number>> for List {
            fn from(numbers: Vec<$number>) -> Self {
                Self::$variant(numbers)
            }
        })*

        fn lift_list<T: Send + 'static>(
            cx: &mut LiftContext<'_, '_, T>,
            element: ValType,
            from: Place,
        ) -> Result<List, Fault> {
            Ok(match element {
                $(ValType::$variant => List::$variant(lift_numbers(cx, element, from)?),)*
                _ => List::Values(Val::lift_list(cx, element, from)?),
            })
        }

        fn lower_list<T: Send + 'static>(
            list: &List,
            cx: &mut LowerContext<'_, '_, T>,
            element: ValType,
            to: Place,
        ) -> Result<(), Fault> {
            match (list, element) {
                $((List::$variant(numbers), ValType::$variant) => lower_numbers(cx, element, numbers, to),)*
                (List::Values(values), _) => Val::lower_list(values, cx, element, to),
                _ => Err(Rule::ValueType.into()),
            }
        }
    };
}

list! {
    U8 u8, U8;
    S8 i8, S8;
    U16 u16, U16;
    S16 i16, S16;
    U32 u32, U32;
    S32 i32, S32;
    U64 u64, U64;
    S64 i64, S64;
    F32 f32, Float32;
    F64 f64, Float64;
}

impl From<Vec<Val>> for List {
    fn from(values: Vec<Val>) -> Self {
        Self::Values(values)
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::U8(a), Self::U8(b)) => a == b,
            (a, b) => a.len() == b.len() && a.clone().into_values() == b.clone().into_values(),
        }
    }
}

impl ComponentType for Val {
    fn check(_: &Check<'_>, _: ValType) -> Result<(), String> {
        Ok(())
    }
}

impl Lift for Val {
    // As deep as its type.
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        Ok(match ty {
            ValType::Bool => Self::Bool(Lift::lift(cx, ty, from)?),
            ValType::S8 => Self::S8(Lift::lift(cx, ty, from)?),
            ValType::U8 => Self::U8(Lift::lift(cx, ty, from)?),
            ValType::S16 => Self::S16(Lift::lift(cx, ty, from)?),
            ValType::U16 => Self::U16(Lift::lift(cx, ty, from)?),
            ValType::S32 => Self::S32(Lift::lift(cx, ty, from)?),
            ValType::U32 => Self::U32(Lift::lift(cx, ty, from)?),
            ValType::S64 => Self::S64(Lift::lift(cx, ty, from)?),
            ValType::U64 => Self::U64(Lift::lift(cx, ty, from)?),
            ValType::F32 => Self::Float32(Lift::lift(cx, ty, from)?),
            ValType::F64 => Self::Float64(Lift::lift(cx, ty, from)?),
            ValType::Char => Self::Char(Lift::lift(cx, ty, from)?),
            ValType::String => Self::String(Lift::lift(cx, ty, from)?),
            ValType::ErrorContext => Self::ErrorContext(cx.error_context(from)?),
            ValType::Def(_) => lift_composite(cx, ty, from)?,
        })
    }
}

/// A copy of a name that a type has, paid for.
fn label<T: Send + 'static>(cx: &mut LiftContext<'_, '_, T>, name: &Arc<str>) -> Result<String, Fault> {
    cx.charge(name.len())?;
    Ok(String::from(&**name))
}

fn lift_composite<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    ty: ValType,
    from: Place,
) -> Result<Val, Fault> {
    let types = cx.types;
    let ValType::Def(id) = ty else { return Err(Rule::ValueType.into()) };
    let payload = |cx: &mut LiftContext<'_, '_, T>, ty: Option<ValType>, from| {
        let Some(ty) = ty else { return Ok(None) };
        cx.charge(size_of::<Val>())?;
        Val::lift(cx, ty, from).map(|value| Some(Box::new(value)))
    };
    Ok(match types.def(id) {
        TypeDef::Record(fields) => lift_record(cx, fields, ty, from)?,
        TypeDef::Tuple(fields) => lift_tuple(cx, fields.len(), ty, from)?,
        TypeDef::Variant(cases) => {
            let (case, place) = cx.case(id, cases.len(), from)?;
            let (name, ty) = &cases[case];
            Val::Variant(label(cx, name)?, payload(cx, *ty, place)?)
        }
        TypeDef::Enum(labels) => {
            let case = cx.case(id, labels.len(), from)?.0;
            Val::Enum(label(cx, &labels[case])?)
        }
        TypeDef::Option(some) => match cx.case(id, 2, from)? {
            (0, _) => Val::Option(None),
            (_, place) => Val::Option(payload(cx, Some(*some), place)?),
        },
        TypeDef::Result(ok, err) => match cx.case(id, 2, from)? {
            (0, place) => Val::Result(Ok(payload(cx, *ok, place)?)),
            (_, place) => Val::Result(Err(payload(cx, *err, place)?)),
        },
        TypeDef::Flags(labels) => {
            let bits = cx.flags(id, labels.len(), from)?;
            let set = labels.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
            let set = set.map(|(_, name)| {
                cx.charge(size_of::<String>())?;
                label(cx, name)
            });
            Val::Flags(set.collect::<Result<_, Fault>>()?)
        }
        TypeDef::List(element) => Val::List(lift_list(cx, *element, from)?),
        TypeDef::FixedList(element, length) => lift_fixed_list(cx, *element, *length, from)?,
        TypeDef::Map(key, value) => lift_map(cx, *key, *value, from)?,
        TypeDef::Own(resource) => Val::Resource(ResourceAny::lift(cx, *resource, true, from)?),
        TypeDef::Borrow(resource) => Val::Resource(ResourceAny::lift(cx, *resource, false, from)?),
        TypeDef::Stream(payload) => Val::Stream(cx.channel(Channel::Stream, *payload, from)?),
        TypeDef::Future(payload) => Val::Future(cx.channel(Channel::Future, *payload, from)?),
    })
}

fn lift_record<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    fields: &[(Arc<str>, ValType)],
    ty: ValType,
    from: Place,
) -> Result<Val, Fault> {
    cx.charge(fields.len().saturating_mul(size_of::<(String, Val)>()))?;
    let mut places = cx.fields(ty, from)?;
    let field = |(name, _): &(Arc<str>, ValType)| {
        let (ty, from) = places.advance()?;
        Ok((label(cx, name)?, Val::lift(cx, ty, from)?))
    };
    Ok(Val::Record(fields.iter().map(field).collect::<Result<_, Fault>>()?))
}

fn lift_tuple<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    count: usize,
    ty: ValType,
    from: Place,
) -> Result<Val, Fault> {
    cx.charge(count.saturating_mul(size_of::<Val>()))?;
    let mut places = cx.fields(ty, from)?;
    let field = |_| {
        let (ty, from) = places.advance()?;
        Val::lift(cx, ty, from)
    };
    Ok(Val::Tuple((0..count).map(field).collect::<Result<_, Fault>>()?))
}

fn lift_fixed_list<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    element: ValType,
    length: u32,
    from: Place,
) -> Result<Val, Fault> {
    let (flat, size) = (cx.types.flat_count(element), cx.layouts().size(element));
    cx.charge((length as usize).saturating_mul(size_of::<Val>()))?;
    let items = (0..length).map(|n| Val::lift(cx, element, from.field(n * flat, n * size)));
    Ok(Val::List(List::Values(items.collect::<Result<_, _>>()?)))
}

fn lift_map<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    key: ValType,
    value: ValType,
    from: Place,
) -> Result<Val, Fault> {
    let pair = crate::component::handles::pair(cx.types, key, value)?;
    let pairs = Val::lift_list(cx, pair, from)?.into_iter().map(|pair| match pair {
        Val::Tuple(pair) => match <[Val; 2]>::try_from(pair) {
            Ok([key, value]) => Ok((key, value)),
            Err(_) => Err(Rule::ValueType.into()),
        },
        _ => Err(Rule::ValueType.into()),
    });
    Ok(Val::Map(pairs.collect::<Result<_, Fault>>()?))
}

impl Lower for Val {
    const HANDLES: bool = true;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        fitting.value(self, ty)
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        match (self, ty) {
            (Self::Bool(value), ValType::Bool) => value.lower(cx, ty, to),
            (Self::S8(value), ValType::S8) => value.lower(cx, ty, to),
            (Self::U8(value), ValType::U8) => value.lower(cx, ty, to),
            (Self::S16(value), ValType::S16) => value.lower(cx, ty, to),
            (Self::U16(value), ValType::U16) => value.lower(cx, ty, to),
            (Self::S32(value), ValType::S32) => value.lower(cx, ty, to),
            (Self::U32(value), ValType::U32) => value.lower(cx, ty, to),
            (Self::S64(value), ValType::S64) => value.lower(cx, ty, to),
            (Self::U64(value), ValType::U64) => value.lower(cx, ty, to),
            (Self::Float32(value), ValType::F32) => value.lower(cx, ty, to),
            (Self::Float64(value), ValType::F64) => value.lower(cx, ty, to),
            (Self::Char(value), ValType::Char) => value.lower(cx, ty, to),
            (Self::String(value), ValType::String) => value.lower(cx, ty, to),
            (Self::ErrorContext(text), ValType::ErrorContext) => cx.error_context(text.clone(), to),
            (_, ValType::Def(_)) => lower_composite(self, cx, ty, to),
            _ => Err(Rule::ValueType.into()),
        }
    }
}

fn lower_composite<T: Send + 'static>(
    value: &Val,
    cx: &mut LowerContext<'_, '_, T>,
    ty: ValType,
    to: Place,
) -> Result<(), Fault> {
    let types = cx.types;
    let mismatch = Fault::from(Rule::ValueType);
    let ValType::Def(id) = ty else { return Err(mismatch) };
    let payload = |cx: &mut LowerContext<'_, '_, T>, value: &Option<Box<Val>>, ty: Option<ValType>, to| match (
        value, ty,
    ) {
        (Some(value), Some(ty)) => value.lower(cx, ty, to),
        (None, None) => Ok(()),
        _ => Err(Rule::ValueType.into()),
    };
    match (types.def(id), value) {
        (TypeDef::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
            let mut places = cx.fields(ty, to)?;
            fields.iter().zip(values).try_for_each(|((name, _), (label, value))| {
                let (ty, to) = places.advance()?;
                if **name == **label { value.lower(cx, ty, to) } else { Err(mismatch) }
            })
        }
        (TypeDef::Tuple(fields), Val::Tuple(values)) if fields.len() == values.len() => {
            let mut places = cx.fields(ty, to)?;
            values.iter().try_for_each(|value| {
                let (ty, to) = places.advance()?;
                value.lower(cx, ty, to)
            })
        }
        (TypeDef::Variant(cases), Val::Variant(name, value)) => {
            let case = cases.iter().position(|(case, _)| **case == **name).ok_or(mismatch)?;
            let place = cx.case(id, case, to)?;
            payload(cx, value, cases[case].1, place)
        }
        (TypeDef::Enum(labels), Val::Enum(name)) => {
            let case = labels.iter().position(|label| **label == **name).ok_or(mismatch)?;
            cx.case(id, case, to).map(|_| ())
        }
        (TypeDef::Option(some), Val::Option(value)) => {
            let place = cx.case(id, usize::from(value.is_some()), to)?;
            payload(cx, value, value.is_some().then_some(*some), place)
        }
        (TypeDef::Result(ok, err), Val::Result(value)) => {
            let place = cx.case(id, usize::from(value.is_err()), to)?;
            match value {
                Ok(value) => payload(cx, value, *ok, place),
                Err(value) => payload(cx, value, *err, place),
            }
        }
        (TypeDef::Flags(labels), Val::Flags(set)) => {
            let mut bits = 0;
            for name in set {
                bits |= 1 << labels.iter().position(|label| **label == **name).ok_or(mismatch)?;
            }
            cx.flags(id, bits, to)
        }
        (TypeDef::List(element), Val::List(list)) => lower_list(list, cx, *element, to),
        (TypeDef::FixedList(element, length), Val::List(list)) if list.len() == *length as usize => {
            lower_fixed_list(list, cx, *element, to)
        }
        (TypeDef::Map(key, item), Val::Map(pairs)) => lower_map(pairs, cx, (*key, *item), to),
        (TypeDef::Own(resource), Val::Resource(handle)) => handle.lower(cx, *resource, true, to),
        (TypeDef::Borrow(resource), Val::Resource(handle)) => handle.lower(cx, *resource, false, to),
        (TypeDef::Stream(ty), Val::Stream(channel)) => cx.channel(*channel, Channel::Stream, *ty, to),
        (TypeDef::Future(ty), Val::Future(channel)) => cx.channel(*channel, Channel::Future, *ty, to),
        _ => Err(mismatch),
    }
}

fn lower_fixed_list<T: Send + 'static>(
    list: &List,
    cx: &mut LowerContext<'_, '_, T>,
    element: ValType,
    to: Place,
) -> Result<(), Fault> {
    let (flat, size) = (cx.types.flat_count(element), cx.layouts().size(element));
    let mut values = (0..).zip(list.clone().into_values());
    values.try_for_each(|(n, value)| value.lower(cx, element, to.field(n * flat, n * size)))
}

fn lower_map<T: Send + 'static>(
    pairs: &[(Val, Val)],
    cx: &mut LowerContext<'_, '_, T>,
    (key, value): (ValType, ValType),
    to: Place,
) -> Result<(), Fault> {
    let pair = crate::component::handles::pair(cx.types, key, value)?;
    let pairs: Vec<Val> =
        pairs.iter().map(|(key, value)| Val::Tuple([key.clone(), value.clone()].into())).collect();
    Val::lower_list(&pairs, cx, pair, to)
}
