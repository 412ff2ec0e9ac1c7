//! What a component imports and exports at its root that WIT has no words for: core modules, components, and types
//! that are exported by themselves.

use super::{
    module::function_text,
    report::{Beyond, Way},
};
use crate::say::short;
use std::ops::Range;
use wasmparser::{
    ComponentExternalKind, Parser, Payload, ValidPayload, Validator, WasmFeatures,
    component_types::{
        ComponentDefinedType, ComponentEntityType, ComponentFuncTypeId, ComponentItem, ComponentValType,
    },
    types::{EntityType, Types},
};

/// How deep a type is described before it says "…".
const DEPTH_MAX: usize = 4;
/// How much of one type is said.
const TEXT_BYTES_MAX: usize = 4_000;

/// All of it, in the order of the file; nothing, where the bytes are not valid.
pub fn find(bytes: &[u8]) -> Vec<Beyond> {
    let Some((types, items)) = root(bytes) else { return Vec::new() };
    let mut beyond = Vec::new();
    for (way, name, item) in &items {
        collect(&types, *way, name, item, &mut beyond);
    }
    beyond
}

type Items = Vec<(Way, String, ComponentItem)>;

/// What the root imports and exports, with the types of all that.
fn root(bytes: &[u8]) -> Option<(Types, Items)> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (mut depth, mut items) = (0usize, Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        let ended = match validator.payload(&payload).ok()? {
            ValidPayload::End(types) => Some(types),
            _ => None,
        };
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    let name = import.ok()?.name.name;
                    let item = validator.types(0)?.component_item_for_import(name)?.clone();
                    items.push((Way::Import, name.to_string(), item));
                }
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                for export in exports {
                    let name = export.ok()?.name.name;
                    let item = validator.types(0)?.component_item_for_export(name)?.clone();
                    items.push((Way::Export, name.to_string(), item));
                }
            }
            Payload::End(_) => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some((ended?, items));
                }
            }
            _ => {}
        }
    }
    None
}

fn collect(types: &Types, way: Way, name: &str, item: &ComponentItem, into: &mut Vec<Beyond>) {
    let is_beyond = match item.ty {
        ComponentEntityType::Module(_)
        | ComponentEntityType::Component(_)
        | ComponentEntityType::Value(_) => true,
        // A world may import a type, and an interface have one.
        ComponentEntityType::Type { .. } => way == Way::Export,
        ComponentEntityType::Func(_) => false,
        ComponentEntityType::Instance(id) => {
            for (inner, item) in &types[id].exports {
                let is_in_interface =
                    matches!(item.ty, ComponentEntityType::Func(_) | ComponentEntityType::Type { .. });
                if !is_in_interface {
                    let ty = item_text(types, item, 0);
                    into.push(Beyond { way, name: short(&format!("{name}#{inner}")), ty });
                }
            }
            false
        }
    };
    if is_beyond {
        into.push(Beyond { way, name: short(name), ty: item_text(types, item, 0) });
    }
}

/// An item's type, as near to WIT as it comes.
fn item_text(types: &Types, item: &ComponentItem, depth: usize) -> String {
    if depth == DEPTH_MAX {
        return "…".into();
    }
    let list = |way: &str, items: &mut dyn Iterator<Item = (&String, &ComponentItem)>| {
        let mut text = String::new();
        for (name, item) in items {
            if text.len() > TEXT_BYTES_MAX {
                return text + " …";
            }
            text += &format!(" {way}{}: {};", short(name), item_text(types, item, depth + 1));
        }
        text
    };
    match item.ty {
        ComponentEntityType::Module(id) => {
            let ty = &types[id];
            let imports =
                ty.imports.iter().map(|((module, name), ty)| (format!("import {module}::{name}"), ty));
            let exports = ty.exports.iter().map(|(name, ty)| (format!("export {name}"), ty));
            let mut text = "core module {".to_string();
            for (name, ty) in imports.chain(exports) {
                if text.len() > TEXT_BYTES_MAX {
                    text += " …";
                    break;
                }
                text += &format!(" {}: {};", short(&name), core_text(types, ty));
            }
            text + " }"
        }
        ComponentEntityType::Component(id) => {
            let ty = &types[id];
            let imports = list("import ", &mut ty.imports.iter());
            format!("component {{{imports}{} }}", list("export ", &mut ty.exports.iter()))
        }
        ComponentEntityType::Instance(id) => {
            format!("instance {{{} }}", list("", &mut types[id].exports.iter()))
        }
        ComponentEntityType::Func(id) => func_text(types, id),
        ComponentEntityType::Value(ty) => format!("value {}", value_text(types, ty, depth)),
        ComponentEntityType::Type { .. } => "type".into(),
    }
}

fn core_text(types: &Types, ty: &EntityType) -> String {
    match ty {
        EntityType::Func(id) | EntityType::FuncExact(id) => match &types[*id].composite_type.inner {
            wasmparser::CompositeInnerType::Func(ty) => function_text(ty),
            _ => "func".into(),
        },
        EntityType::Table(_) => "table".into(),
        EntityType::Memory(_) => "memory".into(),
        EntityType::Global(_) => "global".into(),
        EntityType::Tag(_) => "tag".into(),
    }
}

fn func_text(types: &Types, id: ComponentFuncTypeId) -> String {
    let ty = &types[id];
    let params = ty.params.iter().map(|(name, ty)| format!("{name}: {}", value_text(types, *ty, 0)));
    let params = params.collect::<Vec<_>>().join(", ");
    let result = ty.result.map(|ty| format!(" -> {}", value_text(types, ty, 0))).unwrap_or_default();
    format!("{}func({params}){result}", if ty.async_ { "async " } else { "" })
}

/// A value's type. Of what has members, only what it is.
fn value_text(types: &Types, ty: ComponentValType, depth: usize) -> String {
    let id = match ty {
        ComponentValType::Primitive(ty) => return ty.to_string(),
        ComponentValType::Type(_) if depth >= DEPTH_MAX => return "…".into(),
        ComponentValType::Type(id) => id,
    };
    let inner = |ty: ComponentValType| value_text(types, ty, depth + 1);
    let option = |ty: Option<ComponentValType>| ty.map_or_else(|| "_".into(), inner);
    match &types[id] {
        ComponentDefinedType::Primitive(ty) => ty.to_string(),
        ComponentDefinedType::Record(_) => "record".into(),
        ComponentDefinedType::Variant(_) => "variant".into(),
        ComponentDefinedType::Flags(_) => "flags".into(),
        ComponentDefinedType::Enum(_) => "enum".into(),
        ComponentDefinedType::Own(_) => "own".into(),
        ComponentDefinedType::Borrow(_) => "borrow".into(),
        ComponentDefinedType::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types.iter().map(|ty| inner(*ty)).collect::<Vec<_>>().join(", "))
        }
        ComponentDefinedType::List { element, .. } => format!("list<{}>", inner(*element)),
        ComponentDefinedType::FixedLengthList { element, length, .. } => {
            format!("list<{}, {length}>", inner(*element))
        }
        ComponentDefinedType::Map { key, value, .. } => format!("map<{}, {}>", inner(*key), inner(*value)),
        ComponentDefinedType::Option { ty, .. } => format!("option<{}>", inner(*ty)),
        ComponentDefinedType::Result { ok, err, .. } => format!("result<{}, {}>", option(*ok), option(*err)),
        ComponentDefinedType::Future { ty, .. } => format!("future<{}>", option(*ty)),
        ComponentDefinedType::Stream { ty, .. } => format!("stream<{}>", option(*ty)),
    }
}

/// The component without those of its exports that WIT cannot say, so that it can say the others. An export is also a
/// definition, which others count on: an alias takes its place (component-model `Binary.md`, "Alias Definitions").
pub fn without(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::from(bytes.get(..8)?);
    let (mut depth, mut left_out) = (0usize, false);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        match &payload {
            Payload::Version { .. } => {
                depth += 1;
                continue;
            }
            Payload::End(_) => {
                depth = depth.checked_sub(1)?;
                continue;
            }
            _ if depth != 1 => continue,
            Payload::ComponentExportSection(exports) => {
                let mut entries = Vec::new();
                for export in exports.clone().into_iter_with_offsets() {
                    let (at, export) = export.ok()?;
                    entries.push((at, export.kind, export.index));
                }
                let end = exports.range().end;
                for (number, (at, kind, index)) in entries.iter().enumerate() {
                    let next = entries.get(number + 1).map_or(end, |(at, ..)| *at);
                    match sort(*kind) {
                        Some(sort) => {
                            left_out = true;
                            // Of the component itself, which no component lies around.
                            let alias = [&[1], sort, &[2, 0], &*leb128(*index)].concat();
                            section(6, &alias, &mut out);
                        }
                        None => section(11, &[&[1][..], piece(bytes, *at..next)?].concat(), &mut out),
                    }
                }
            }
            payload => {
                let (id, range) = payload.as_section()?;
                section(id, piece(bytes, range)?, &mut out);
            }
        }
    }
    left_out.then_some(out)
}

/// How a sort that WIT cannot export is encoded.
fn sort(kind: ComponentExternalKind) -> Option<&'static [u8]> {
    match kind {
        ComponentExternalKind::Module => Some(&[0x00, 0x11]),
        ComponentExternalKind::Type => Some(&[0x03]),
        ComponentExternalKind::Component => Some(&[0x04]),
        ComponentExternalKind::Func | ComponentExternalKind::Value | ComponentExternalKind::Instance => None,
    }
}

fn piece(bytes: &[u8], at: Range<u64>) -> Option<&[u8]> {
    bytes.get(usize::try_from(at.start).ok()?..usize::try_from(at.end).ok()?)
}

fn section(id: u8, contents: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    out.extend(leb128(u32::try_from(contents.len()).unwrap_or(u32::MAX)));
    out.extend_from_slice(contents);
}

fn leb128(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
