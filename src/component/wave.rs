//! Values and their types as WAVE, the text form of component values: the traits of `wasm-wave`, so that its parser
//! and its writer take ours.
//!
//! The traits let a caller ask a type or value for what it is not, and expect nothing sensible then; here they
//! are answered with nothing.

use crate::component::{List, Type, Val};
use alloc::{
    borrow::{Cow, ToOwned},
    boxed::Box,
    format,
    string::ToString,
    vec::Vec,
};
use core::iter::empty;
use wasm_wave::wasm::{WasmFunc, WasmType, WasmTypeKind, WasmValue, WasmValueError};

type Each<'a, I> = Box<dyn Iterator<Item = I> + 'a>;

impl WasmType for Type {
    fn kind(&self) -> WasmTypeKind {
        match self {
            Self::Bool => WasmTypeKind::Bool,
            Self::S8 => WasmTypeKind::S8,
            Self::U8 => WasmTypeKind::U8,
            Self::S16 => WasmTypeKind::S16,
            Self::U16 => WasmTypeKind::U16,
            Self::S32 => WasmTypeKind::S32,
            Self::U32 => WasmTypeKind::U32,
            Self::S64 => WasmTypeKind::S64,
            Self::U64 => WasmTypeKind::U64,
            Self::Float32 => WasmTypeKind::F32,
            Self::Float64 => WasmTypeKind::F64,
            Self::Char => WasmTypeKind::Char,
            Self::String => WasmTypeKind::String,
            // The parser knows no lists of a fixed length yet; they are written the same.
            Self::List(_) | Self::FixedLengthList(_) => WasmTypeKind::List,
            Self::Map(_) => WasmTypeKind::Map,
            Self::Record(_) => WasmTypeKind::Record,
            Self::Tuple(_) => WasmTypeKind::Tuple,
            Self::Variant(_) => WasmTypeKind::Variant,
            Self::Enum(_) => WasmTypeKind::Enum,
            Self::Option(_) => WasmTypeKind::Option,
            Self::Result(_) => WasmTypeKind::Result,
            Self::Flags(_) => WasmTypeKind::Flags,
            Self::Own(_) | Self::Borrow(_) | Self::Future(_) | Self::Stream(_) | Self::ErrorContext => {
                WasmTypeKind::Unsupported
            }
        }
    }

    fn list_element_type(&self) -> Option<Self> {
        match self {
            Self::List(list) => Some(list.ty()),
            Self::FixedLengthList(list) => Some(list.ty()),
            _ => None,
        }
    }

    fn record_fields(&self) -> Each<'_, (Cow<'_, str>, Self)> {
        match self {
            Self::Record(record) => {
                Box::new(record.fields().map(|field| (Cow::Borrowed(field.name), field.ty)))
            }
            _ => Box::new(empty()),
        }
    }

    fn tuple_element_types(&self) -> Each<'_, Self> {
        match self {
            Self::Tuple(tuple) => Box::new(tuple.types()),
            _ => Box::new(empty()),
        }
    }

    fn variant_cases(&self) -> Each<'_, (Cow<'_, str>, Option<Self>)> {
        match self {
            Self::Variant(variant) => {
                Box::new(variant.cases().map(|case| (Cow::Borrowed(case.name), case.ty)))
            }
            _ => Box::new(empty()),
        }
    }

    fn enum_cases(&self) -> Each<'_, Cow<'_, str>> {
        match self {
            Self::Enum(names) => Box::new(names.names().map(Cow::Borrowed)),
            _ => Box::new(empty()),
        }
    }

    fn option_some_type(&self) -> Option<Self> {
        match self {
            Self::Option(option) => Some(option.ty()),
            _ => None,
        }
    }

    fn result_types(&self) -> Option<(Option<Self>, Option<Self>)> {
        match self {
            Self::Result(result) => Some((result.ok(), result.err())),
            _ => None,
        }
    }

    fn flags_names(&self) -> Each<'_, Cow<'_, str>> {
        match self {
            Self::Flags(flags) => Box::new(flags.names().map(Cow::Borrowed)),
            _ => Box::new(empty()),
        }
    }

    fn map_key_value_types(&self) -> Option<(Self, Self)> {
        match self {
            Self::Map(map) => Some((map.key(), map.value())),
            _ => None,
        }
    }
}

impl WasmFunc for crate::component::types::ComponentFunc {
    type Type = Type;

    fn params(&self) -> Each<'_, Type> {
        Box::new(self.params().map(|(_, ty)| ty))
    }

    fn param_names(&self) -> Each<'_, Cow<'_, str>> {
        Box::new(self.params().map(|(name, _)| Cow::Borrowed(name)))
    }

    fn results(&self) -> Each<'_, Type> {
        Box::new(self.results())
    }
}

/// Whether `value` is of type `ty`, as far as WAVE can tell values apart.
fn check(ty: &Type, value: &Val) -> Result<(), WasmValueError> {
    let (wanted, got) = (ty.kind(), value.kind());
    if wanted == got {
        return Ok(());
    }
    Err(WasmValueError::WrongValueType { ty: format!("{ty}"), val: format!("a {got}") })
}

fn check_payload(name: &str, ty: Option<&Type>, value: Option<&Val>) -> Result<(), WasmValueError> {
    match (ty, value) {
        (Some(ty), Some(value)) => check(ty, value),
        (None, None) => Ok(()),
        (Some(_), None) => Err(WasmValueError::MissingPayload(name.into())),
        (None, Some(_)) => Err(WasmValueError::UnexpectedPayload(name.into())),
    }
}

fn wrong<V>(ty: &Type, kind: WasmTypeKind) -> Result<V, WasmValueError> {
    Err(WasmValueError::WrongTypeKind { kind, ty: format!("{ty}") })
}

macro_rules! primitives {
    ($($make:ident $unwrap:ident $variant:ident $rust:ty;)*) => {$(
        fn $make(value: $rust) -> Self {
            Self::$variant(value)
        }

        fn $unwrap(&self) -> $rust {
            match self {
                Self::$variant(value) => *value,
                _ => <$rust>::default(),
            }
        }
    )*};
}

impl WasmValue for Val {
    type Type = Type;

    fn kind(&self) -> WasmTypeKind {
        match self {
            Self::Bool(_) => WasmTypeKind::Bool,
            Self::S8(_) => WasmTypeKind::S8,
            Self::U8(_) => WasmTypeKind::U8,
            Self::S16(_) => WasmTypeKind::S16,
            Self::U16(_) => WasmTypeKind::U16,
            Self::S32(_) => WasmTypeKind::S32,
            Self::U32(_) => WasmTypeKind::U32,
            Self::S64(_) => WasmTypeKind::S64,
            Self::U64(_) => WasmTypeKind::U64,
            Self::Float32(_) => WasmTypeKind::F32,
            Self::Float64(_) => WasmTypeKind::F64,
            Self::Char(_) => WasmTypeKind::Char,
            Self::String(_) => WasmTypeKind::String,
            Self::List(_) => WasmTypeKind::List,
            Self::Map(_) => WasmTypeKind::Map,
            Self::Record(_) => WasmTypeKind::Record,
            Self::Tuple(_) => WasmTypeKind::Tuple,
            Self::Variant(..) => WasmTypeKind::Variant,
            Self::Enum(_) => WasmTypeKind::Enum,
            Self::Option(_) => WasmTypeKind::Option,
            Self::Result(_) => WasmTypeKind::Result,
            Self::Flags(_) => WasmTypeKind::Flags,
            Self::Resource(_) | Self::Stream(_) | Self::Future(_) | Self::ErrorContext(_) => {
                WasmTypeKind::Unsupported
            }
        }
    }

    primitives! {
        make_bool unwrap_bool Bool bool;
        make_s8 unwrap_s8 S8 i8;
        make_u8 unwrap_u8 U8 u8;
        make_s16 unwrap_s16 S16 i16;
        make_u16 unwrap_u16 U16 u16;
        make_s32 unwrap_s32 S32 i32;
        make_u32 unwrap_u32 U32 u32;
        make_s64 unwrap_s64 S64 i64;
        make_u64 unwrap_u64 U64 u64;
        make_f32 unwrap_f32 Float32 f32;
        make_f64 unwrap_f64 Float64 f64;
        make_char unwrap_char Char char;
    }

    fn make_string(value: Cow<'_, str>) -> Self {
        Self::String(value.into_owned())
    }

    fn make_list(ty: &Type, values: impl IntoIterator<Item = Self>) -> Result<Self, WasmValueError> {
        let Some(element) = ty.list_element_type() else { return wrong(ty, WasmTypeKind::List) };
        let values: Vec<Self> = values.into_iter().collect();
        values.iter().try_for_each(|value| check(&element, value))?;
        if let Type::FixedLengthList(list) = ty {
            let (want, got) = (list.size() as usize, values.len());
            if want != got {
                return Err(WasmValueError::Other(format!("a list of {want} elements, not of {got}")));
            }
        }
        Ok(Self::List(List::Values(values)))
    }

    fn make_record<'a>(
        ty: &Type,
        fields: impl IntoIterator<Item = (&'a str, Self)>,
    ) -> Result<Self, WasmValueError> {
        let Type::Record(record) = ty else { return wrong(ty, WasmTypeKind::Record) };
        let mut given: alloc::collections::BTreeMap<&str, Self> = fields.into_iter().collect();
        let mut values = Vec::new();
        for field in record.fields() {
            let value = match (given.remove(field.name), &field.ty) {
                (Some(value), ty) => {
                    check(ty, &value)?;
                    value
                }
                (None, Type::Option(_)) => Self::Option(None),
                (None, _) => return Err(WasmValueError::MissingField(field.name.into())),
            };
            values.push((field.name.to_owned(), value));
        }
        match given.into_keys().next() {
            Some(name) => Err(WasmValueError::UnknownField(name.into())),
            None => Ok(Self::Record(values)),
        }
    }

    fn make_tuple(ty: &Type, values: impl IntoIterator<Item = Self>) -> Result<Self, WasmValueError> {
        let Type::Tuple(tuple) = ty else { return wrong(ty, WasmTypeKind::Tuple) };
        let values: Vec<Self> = values.into_iter().collect();
        let (want, got) = (tuple.types().len(), values.len());
        if want != got {
            return Err(WasmValueError::WrongNumberOfTupleValues { want, got });
        }
        tuple.types().zip(&values).try_for_each(|(ty, value)| check(&ty, value))?;
        Ok(Self::Tuple(values))
    }

    fn make_variant(ty: &Type, name: &str, value: Option<Self>) -> Result<Self, WasmValueError> {
        let Type::Variant(variant) = ty else { return wrong(ty, WasmTypeKind::Variant) };
        let Some(case) = variant.cases().find(|case| case.name == name) else {
            return Err(WasmValueError::UnknownCase(name.into()));
        };
        check_payload(name, case.ty.as_ref(), value.as_ref())?;
        Ok(Self::Variant(name.into(), value.map(Box::new)))
    }

    fn make_enum(ty: &Type, name: &str) -> Result<Self, WasmValueError> {
        let Type::Enum(names) = ty else { return wrong(ty, WasmTypeKind::Enum) };
        if names.names().any(|known| known == name) {
            return Ok(Self::Enum(name.into()));
        }
        Err(WasmValueError::UnknownCase(name.into()))
    }

    fn make_option(ty: &Type, value: Option<Self>) -> Result<Self, WasmValueError> {
        let Type::Option(option) = ty else { return wrong(ty, WasmTypeKind::Option) };
        if let Some(value) = &value {
            check(&option.ty(), value)?;
        }
        Ok(Self::Option(value.map(Box::new)))
    }

    fn make_result(ty: &Type, value: Result<Option<Self>, Option<Self>>) -> Result<Self, WasmValueError> {
        let Type::Result(result) = ty else { return wrong(ty, WasmTypeKind::Result) };
        match &value {
            Ok(value) => check_payload("ok", result.ok().as_ref(), value.as_ref())?,
            Err(value) => check_payload("err", result.err().as_ref(), value.as_ref())?,
        }
        let boxed = |value: Option<Self>| value.map(Box::new);
        Ok(Self::Result(value.map(boxed).map_err(boxed)))
    }

    fn make_flags<'a>(ty: &Type, names: impl IntoIterator<Item = &'a str>) -> Result<Self, WasmValueError> {
        let Type::Flags(flags) = ty else { return wrong(ty, WasmTypeKind::Flags) };
        let set = names.into_iter().map(|name| match flags.names().any(|known| known == name) {
            true => Ok(name.to_string()),
            false => Err(WasmValueError::UnknownCase(name.into())),
        });
        Ok(Self::Flags(set.collect::<Result<_, _>>()?))
    }

    fn make_map(ty: &Type, entries: impl IntoIterator<Item = (Self, Self)>) -> Result<Self, WasmValueError> {
        let Type::Map(map) = ty else { return wrong(ty, WasmTypeKind::Map) };
        let (key_type, value_type) = (map.key(), map.value());
        let entries = entries.into_iter().map(|(key, value)| {
            check(&key_type, &key)?;
            check(&value_type, &value)?;
            Ok((key, value))
        });
        Ok(Self::Map(entries.collect::<Result<_, WasmValueError>>()?))
    }

    fn unwrap_string(&self) -> Cow<'_, str> {
        match self {
            Self::String(text) => Cow::Borrowed(text),
            _ => Cow::Borrowed(""),
        }
    }

    fn unwrap_list(&self) -> Each<'_, Cow<'_, Self>> {
        match self {
            Self::List(List::Values(values)) => Box::new(values.iter().map(Cow::Borrowed)),
            Self::List(numbers) => Box::new(numbers.clone().into_values().into_iter().map(Cow::Owned)),
            _ => Box::new(empty()),
        }
    }

    fn unwrap_record(&self) -> Each<'_, (Cow<'_, str>, Cow<'_, Self>)> {
        match self {
            Self::Record(fields) => Box::new(
                fields.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value))),
            ),
            _ => Box::new(empty()),
        }
    }

    fn unwrap_tuple(&self) -> Each<'_, Cow<'_, Self>> {
        match self {
            Self::Tuple(values) => Box::new(values.iter().map(Cow::Borrowed)),
            _ => Box::new(empty()),
        }
    }

    fn unwrap_variant(&self) -> (Cow<'_, str>, Option<Cow<'_, Self>>) {
        match self {
            Self::Variant(name, value) => (Cow::Borrowed(name), value.as_deref().map(Cow::Borrowed)),
            _ => (Cow::Borrowed(""), None),
        }
    }

    fn unwrap_enum(&self) -> Cow<'_, str> {
        match self {
            Self::Enum(name) => Cow::Borrowed(name),
            _ => Cow::Borrowed(""),
        }
    }

    fn unwrap_option(&self) -> Option<Cow<'_, Self>> {
        match self {
            Self::Option(value) => value.as_deref().map(Cow::Borrowed),
            _ => None,
        }
    }

    fn unwrap_result(&self) -> Result<Option<Cow<'_, Self>>, Option<Cow<'_, Self>>> {
        match self {
            Self::Result(Ok(value)) => Ok(value.as_deref().map(Cow::Borrowed)),
            Self::Result(Err(value)) => Err(value.as_deref().map(Cow::Borrowed)),
            _ => Ok(None),
        }
    }

    fn unwrap_flags(&self) -> Each<'_, Cow<'_, str>> {
        match self {
            Self::Flags(names) => Box::new(names.iter().map(|name| Cow::Borrowed(name.as_str()))),
            _ => Box::new(empty()),
        }
    }

    fn unwrap_map(&self) -> Each<'_, (Cow<'_, Self>, Cow<'_, Self>)> {
        match self {
            Self::Map(entries) => {
                Box::new(entries.iter().map(|(key, value)| (Cow::Borrowed(key), Cow::Borrowed(value))))
            }
            _ => Box::new(empty()),
        }
    }
}
