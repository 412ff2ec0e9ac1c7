//! Types in words, in the spelling of WIT.

use crate::component::types::{CoreType, FuncTypeId, ItemType, TypeDef, Types, ValType};
use alloc::{format, string::String, vec::Vec};

/// How deep a text goes before it says "…": a type can nest deeper than anyone reads.
const DEPTH_MAX: u32 = 8;

/// An item's type.
pub(crate) fn item(types: &Types, ty: ItemType) -> String {
    match ty {
        ItemType::Func(id) => func(types, id),
        ItemType::Instance(_) => "instance".into(),
        ItemType::Component(_) => "component".into(),
        ItemType::Module(_) => "core module".into(),
        ItemType::Resource(_) => "resource".into(),
        ItemType::Type(_) => "type".into(),
        ItemType::Value => "value".into(),
    }
}

/// A function's type: `func(a: u32) -> string`.
pub(crate) fn func(types: &Types, id: FuncTypeId) -> String {
    let func = types.func(id);
    let params: Vec<_> =
        func.params.iter().map(|(name, ty)| format!("{name}: {}", value(types, *ty))).collect();
    let is_async = if func.is_async { "async " } else { "" };
    let result = func.result.map(|ty| format!(" -> {}", value(types, ty))).unwrap_or_default();
    format!("{is_async}func({}){result}", params.join(", "))
}

/// A value type.
pub(crate) fn value(types: &Types, ty: ValType) -> String {
    value_at(types, ty, 0)
}

fn value_at(types: &Types, ty: ValType, depth: u32) -> String {
    let id = match ty {
        ValType::Bool => return "bool".into(),
        ValType::S8 => return "s8".into(),
        ValType::U8 => return "u8".into(),
        ValType::S16 => return "s16".into(),
        ValType::U16 => return "u16".into(),
        ValType::S32 => return "s32".into(),
        ValType::U32 => return "u32".into(),
        ValType::S64 => return "s64".into(),
        ValType::U64 => return "u64".into(),
        ValType::F32 => return "f32".into(),
        ValType::F64 => return "f64".into(),
        ValType::Char => return "char".into(),
        ValType::String => return "string".into(),
        ValType::ErrorContext => return "error-context".into(),
        ValType::Def(_) if depth == DEPTH_MAX => return "…".into(),
        ValType::Def(id) => id,
    };
    let inner = |ty: ValType| value_at(types, ty, depth + 1);
    let option = |ty: Option<ValType>| ty.map_or_else(|| "_".into(), inner);
    match types.def(id) {
        TypeDef::Record(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, ty)| format!("{name}: {}", inner(*ty))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDef::Tuple(fields) => {
            let fields: Vec<_> = fields.iter().map(|ty| inner(*ty)).collect();
            format!("tuple<{}>", fields.join(", "))
        }
        TypeDef::Variant(cases) => {
            let case = |(name, ty): &(_, Option<ValType>)| match ty {
                Some(ty) => format!("{name}({})", inner(*ty)),
                None => format!("{name}"),
            };
            let cases: Vec<_> = cases.iter().map(|(name, ty)| case(&(name.clone(), *ty))).collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDef::Enum(labels) => format!("enum {{ {} }}", labels.join(", ")),
        TypeDef::Flags(labels) => format!("flags {{ {} }}", labels.join(", ")),
        TypeDef::Option(ty) => format!("option<{}>", inner(*ty)),
        TypeDef::Result(None, None) => "result".into(),
        TypeDef::Result(ok, None) => format!("result<{}>", option(*ok)),
        TypeDef::Result(ok, err) => format!("result<{}, {}>", option(*ok), option(*err)),
        TypeDef::List(ty) => format!("list<{}>", inner(*ty)),
        TypeDef::FixedList(ty, length) => format!("list<{}, {length}>", inner(*ty)),
        TypeDef::Map(key, ty) => format!("map<{}, {}>", inner(*key), inner(*ty)),
        TypeDef::Own(resource) => format!("own<{}>", types.resource_names[resource.0 as usize]),
        TypeDef::Borrow(resource) => format!("borrow<{}>", types.resource_names[resource.0 as usize]),
        TypeDef::Stream(None) => "stream".into(),
        TypeDef::Stream(Some(ty)) => format!("stream<{}>", inner(*ty)),
        TypeDef::Future(None) => "future".into(),
        TypeDef::Future(Some(ty)) => format!("future<{}>", inner(*ty)),
    }
}

/// What sort of core item it is, and a function's type.
pub(crate) fn core(ty: &CoreType) -> String {
    match ty {
        CoreType::Func(params, results) => {
            let list = |keyword: &str, types: &[crate::component::types::CoreVal]| {
                if types.is_empty() {
                    return String::new();
                }
                let names: Vec<_> = types.iter().map(|ty| format!("{ty:?}").to_lowercase()).collect();
                format!(" ({keyword} {})", names.join(" "))
            };
            format!("(func{}{})", list("param", params), list("result", results))
        }
        CoreType::Memory { .. } => "memory".into(),
        CoreType::Table { .. } => "table".into(),
        CoreType::Global { .. } => "global".into(),
        CoreType::Tag => "tag".into(),
    }
}
