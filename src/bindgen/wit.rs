//! WIT items as WIT spells them, for the comments of generated code.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use wit_parser::{Function, FunctionKind, Handle, Resolve, Type, TypeDefKind};

/// `read: func(len: u64) -> result<list<u8>, stream-error>`
pub(super) fn function(resolve: &Resolve, function: &Function) -> String {
    let is_method = matches!(
        function.kind,
        FunctionKind::Method(_)
            | FunctionKind::AsyncMethod(_)
            | FunctionKind::MethodGetter(_)
            | FunctionKind::MethodSetter(_)
    );
    let params: Vec<String> = function
        .params
        .iter()
        .skip(usize::from(is_method))
        .map(|param| format!("{}: {}", param.name, ty(resolve, &param.ty)))
        .collect();
    let params = params.join(", ");
    if let FunctionKind::Constructor(_) = function.kind {
        return format!("constructor({params})");
    }
    let word = match function.kind {
        FunctionKind::Static(_) => "static func",
        FunctionKind::AsyncStatic(_) => "static async func",
        FunctionKind::AsyncFreestanding | FunctionKind::AsyncMethod(_) => "async func",
        _ => "func",
    };
    let result = function.result.map(|result| format!(" -> {}", ty(resolve, &result)));
    format!("{}: {word}({params}){}", function.item_name(), result.unwrap_or_default())
}

/// `list<u8>`
pub(super) fn ty(resolve: &Resolve, ty: &Type) -> String {
    let name = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(id) => {
            let def = &resolve.types[*id];
            return match &def.name {
                Some(name) => name.clone(),
                None => kind(resolve, &def.kind),
            };
        }
    };
    name.to_string()
}

/// A type that has no name, by what it is made of.
fn kind(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let ty = |part: &Type| self::ty(resolve, part);
    let optional = |name: &str, part: &Option<Type>| match part {
        Some(part) => format!("{name}<{}>", ty(part)),
        None => name.to_string(),
    };
    match kind {
        TypeDefKind::Handle(Handle::Own(resource)) => ty(&Type::Id(*resource)),
        TypeDefKind::Handle(Handle::Borrow(resource)) => format!("borrow<{}>", ty(&Type::Id(*resource))),
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types.iter().map(ty).collect::<Vec<_>>().join(", "))
        }
        TypeDefKind::Option(part) => format!("option<{}>", ty(part)),
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (ok, None) => optional("result", ok),
            (ok, Some(err)) => format!("result<{}, {}>", ok.map_or("_".into(), |ok| ty(&ok)), ty(err)),
        },
        TypeDefKind::List(part) => format!("list<{}>", ty(part)),
        TypeDefKind::FixedLengthList(part, length) => format!("list<{}, {length}>", ty(part)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", ty(key), ty(value)),
        TypeDefKind::Future(part) => optional("future", part),
        TypeDefKind::Stream(part) => optional("stream", part),
        TypeDefKind::Type(part) => ty(part),
        kind => kind.as_str().to_string(),
    }
}
