//! Types in words, in the spelling of WIT.
//!
//! A type that a file declares in some bytes can be of any length in words: each is said up to a bound.

use crate::component::types::{CoreType, FuncTypeId, ItemType, TypeDef, Types, ValType};
use alloc::{format, string::String, vec::Vec};

/// How deep a text goes before it says "…": a type can nest deeper than anyone reads.
const DEPTH_MAX: u32 = 8;
/// How many bytes long it becomes before it says so: several times what any function of WIT packages in use takes.
pub(crate) const TEXT_MAX: usize = 4 << 10;
/// How many bytes of a name are told where it stands beside others.
pub(crate) const NAME_MAX: usize = 256;

/// The beginning of a text, with "…" for the rest of it.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    let shown = &text[..text.floor_char_boundary(bytes_max)];
    let more = if shown.len() < text.len() { "…" } else { "" };
    [shown, more].concat()
}

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
    let mut words = Words::new(types);
    words.say(if func.is_async { "async func(" } else { "func(" });
    words.fields(&func.params, 0);
    words.say(")");
    if let Some(ty) = func.result {
        words.say(" -> ");
        words.value(ty, 0);
    }
    words.text
}

/// A value type.
pub(crate) fn value(types: &Types, ty: ValType) -> String {
    let mut words = Words::new(types);
    words.value(ty, 0);
    words.text
}

/// A text that grows up to its bound.
struct Words<'t> {
    types: &'t Types,
    text: String,
    is_full: bool,
}

impl<'t> Words<'t> {
    fn new(types: &'t Types) -> Self {
        Self { types, text: String::new(), is_full: false }
    }

    fn say(&mut self, part: &str) {
        if self.is_full {
            return;
        }
        let room = TEXT_MAX - self.text.len();
        self.is_full = part.len() > room;
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        if self.is_full {
            self.text.push('…');
        }
    }

    /// Items with commas between them, as long as there is room.
    fn list<I>(&mut self, items: impl IntoIterator<Item = I>, mut each: impl FnMut(&mut Self, I)) {
        for (at, item) in items.into_iter().enumerate() {
            if self.is_full {
                return;
            }
            if at > 0 {
                self.say(", ");
            }
            each(self, item);
        }
    }

    fn fields<N: AsRef<str>>(&mut self, fields: &[(N, ValType)], depth: u32) {
        self.list(fields, |words, (name, ty)| {
            words.say(name.as_ref());
            words.say(": ");
            words.value(*ty, depth);
        });
    }

    /// `name<…>`, with `_` for a type that is not there.
    fn of(&mut self, name: &str, types: &[Option<ValType>], depth: u32) {
        self.say(name);
        self.say("<");
        self.list(types, |words, ty| match ty {
            Some(ty) => words.value(*ty, depth),
            None => words.say("_"),
        });
        self.say(">");
    }

    /// `name { … }`.
    fn braced(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.say(name);
        self.say(" { ");
        inside(self);
        self.say(" }");
    }

    fn handle(&mut self, name: &str, resource: &str) {
        self.say(name);
        self.say("<");
        self.say(resource);
        self.say(">");
    }

    fn value(&mut self, ty: ValType, depth: u32) {
        match ty {
            ValType::Def(_) if depth == DEPTH_MAX => self.say("…"),
            ValType::Def(id) => self.definition(self.types.def(id), depth + 1),
            ty => self.say(primitive(ty)),
        }
    }

    /// A type that the component defines, whose parts stand `depth` types within.
    fn definition(&mut self, ty: &TypeDef, depth: u32) {
        match ty {
            TypeDef::Record(fields) => self.braced("record", |words| words.fields(fields, depth)),
            TypeDef::Tuple(fields) => {
                self.say("tuple<");
                self.list(&**fields, |words, ty| words.value(*ty, depth));
                self.say(">");
            }
            TypeDef::Variant(cases) => self.braced("variant", |words| {
                words.list(&**cases, |words, (name, ty)| {
                    words.say(name);
                    if let Some(ty) = ty {
                        words.say("(");
                        words.value(*ty, depth);
                        words.say(")");
                    }
                });
            }),
            TypeDef::Enum(labels) => self.braced("enum", |words| words.labels(labels)),
            TypeDef::Flags(labels) => self.braced("flags", |words| words.labels(labels)),
            TypeDef::Option(ty) => self.of("option", &[Some(*ty)], depth),
            TypeDef::Result(None, None) => self.say("result"),
            TypeDef::Result(ok, None) => self.of("result", &[*ok], depth),
            TypeDef::Result(ok, err) => self.of("result", &[*ok, *err], depth),
            TypeDef::List(ty) => self.of("list", &[Some(*ty)], depth),
            TypeDef::FixedList(ty, length) => {
                self.say("list<");
                self.value(*ty, depth);
                self.say(&format!(", {length}>"));
            }
            TypeDef::Map(key, ty) => self.of("map", &[Some(*key), Some(*ty)], depth),
            TypeDef::Own(resource) => self.handle("own", &self.types.resource_names[resource.0 as usize]),
            TypeDef::Borrow(resource) => {
                self.handle("borrow", &self.types.resource_names[resource.0 as usize]);
            }
            TypeDef::Stream(None) => self.say("stream"),
            TypeDef::Stream(ty) => self.of("stream", &[*ty], depth),
            TypeDef::Future(None) => self.say("future"),
            TypeDef::Future(ty) => self.of("future", &[*ty], depth),
        }
    }

    fn labels<N: AsRef<str>>(&mut self, labels: &[N]) {
        self.list(labels, |words, label| words.say(label.as_ref()));
    }
}

/// What needs no definition.
fn primitive(ty: ValType) -> &'static str {
    match ty {
        ValType::Bool => "bool",
        ValType::S8 => "s8",
        ValType::U8 => "u8",
        ValType::S16 => "s16",
        ValType::U16 => "u16",
        ValType::S32 => "s32",
        ValType::U32 => "u32",
        ValType::S64 => "s64",
        ValType::U64 => "u64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::Char => "char",
        ValType::String => "string",
        ValType::ErrorContext => "error-context",
        ValType::Def(_) => "…",
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
