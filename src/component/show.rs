//! Calls of host functions as those who watch see them: values in words, read where they stand.
//!
//! Nothing here lifts: a handle stays where it is and is shown by its number, and nothing is charged, so that a guest
//! that is watched does just what it does otherwise. What is shown of a value is bounded, whatever the guest sent.

use crate::{
    component::{
        abi::{GuestOptions, Place, Span, beginning, bytes, inside},
        call::Lowered,
        store::{Cx, FuncInst},
        types::{FuncType, Layouts, TypeDef, TypeId, Types, ValType},
    },
    engine::{ComponentCall, Fault},
};
use alloc::{string::String, sync::Arc};
use core::fmt::Write;

/// How much of a text or of a list of bytes is shown.
const TEXT_BYTES_MAX: usize = 64;
/// How many elements of a list are shown.
const ELEMENTS_MAX: usize = 8;
/// How deep is looked.
const DEPTH_MAX: u32 = 6;
/// How long what is shown of one call may become, but for the last value.
const SHOWN_BYTES_MAX: usize = 1_024;

/// Tells those who watch that a guest calls a host function.
pub(super) fn called<T: Send + 'static>(cx: &mut Cx<'_, T>, lowered: &Lowered, flat: &[u64]) {
    if cx.is_watched() {
        tell(cx, lowered, flat, |interposer, at, call| interposer.component_call(at, call));
    }
}

/// Tells those who watch that a host function waits.
pub(super) fn waits<T: Send + 'static>(cx: &mut Cx<'_, T>, lowered: &Lowered, flat: &[u64]) {
    if cx.is_watched() {
        tell(cx, lowered, flat, |interposer, at, call| interposer.component_wait(at, call));
    }
}

/// Tells those who watch that a host function returned, with `direct` where its result is no pointer.
pub(super) fn returned<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    flat: &[u64],
    ended: Result<Option<u64>, Fault>,
) {
    if !cx.is_watched() {
        return;
    }
    let types = lowered.program.types();
    let text = ended.map(|direct| {
        let mut text = String::new();
        if let Some(ty) = types.func(lowered.ty).result {
            let flat_result = [direct.unwrap_or(0)];
            let place = match direct {
                Some(_) => Place::Flat(0),
                None => Place::Memory(flat.last().map_or(0, |at| usize::try_from(*at).unwrap_or(usize::MAX))),
            };
            let look = Look::new(cx, lowered, &flat_result);
            look.value(&mut text, ty, place, 0);
        }
        if let Some(note) = cx.state().note {
            let _ = write!(text, " ({note})");
        }
        text
    });
    tell(cx, lowered, flat, |interposer, at, call| {
        interposer.component_return(at, call, text.as_deref().map_err(|fault| *fault));
    });
}

#[cold]
fn tell<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    flat: &[u64],
    mut tell: impl FnMut(&mut dyn crate::engine::Interposer, u64, &ComponentCall<'_>),
) {
    let name: Arc<str> = match &cx.state().funcs[lowered.callee.0] {
        FuncInst::Host(_, name, _) => name.clone(),
        FuncInst::Lifted(_) => return,
    };
    let types = lowered.program.types();
    let from = lowered.seen_arguments(cx, types, flat);
    let look = Look::new(cx, lowered, flat);
    let arguments = from.map_or_else(|| "?".into(), |from| look.arguments(types.func(lowered.ty), from));
    cx.tell(|interposer, at| tell(interposer, at, &ComponentCall { name: &name, arguments: &arguments }));
}

/// What can be seen of a guest's values.
struct Look<'l> {
    types: &'l Types,
    layouts: Layouts<'l>,
    options: &'l GuestOptions,
    memory: &'l [u8],
    flat: &'l [u64],
}

impl<'l> Look<'l> {
    fn new<T: Send + 'static>(cx: &'l Cx<'_, T>, lowered: &'l Lowered, flat: &'l [u64]) -> Self {
        let (types, options) = (lowered.program.types(), &lowered.options);
        Self { types, layouts: options.layouts(types), options, memory: bytes(cx, options), flat }
    }

    /// `a: 1, b: "two"`
    fn arguments(&self, func: &FuncType, from: Place) -> String {
        let mut text = String::new();
        let mut flat = 0;
        for (index, (name, ty)) in func.params.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(text, "{comma}{name}: ");
            let offset =
                self.layouts.layout(func.params_tuple).fields.get(index).map_or(0, |field| field.offset);
            self.value(&mut text, *ty, from.field(flat, offset), 0);
            flat += self.types.flat_count(*ty);
        }
        text
    }

    fn value(&self, text: &mut String, ty: ValType, at: Place, depth: u32) {
        if depth == DEPTH_MAX || text.len() > SHOWN_BYTES_MAX {
            return text.push('…');
        }
        if self.try_value(text, ty, at, depth).is_none() {
            text.push('?');
        }
    }

    /// None where a value is not where it should be, or none of its type.
    fn try_value(&self, text: &mut String, ty: ValType, at: Place, depth: u32) -> Option<()> {
        let id = match ty {
            ValType::Def(id) => id,
            ValType::String => return self.text(text, at),
            scalar => return self.scalar(text, scalar, at),
        };
        let inner = |text: &mut String, ty, at| self.value(text, ty, at, depth + 1);
        match self.types.def(id) {
            TypeDef::Record(fields) => {
                let fields = fields.iter().map(|(name, ty)| (Some(&**name), *ty));
                self.fields(text, ('{', '}'), id, fields, at, depth);
            }
            TypeDef::Tuple(types) => {
                self.fields(text, ('(', ')'), id, types.iter().map(|ty| (None, *ty)), at, depth);
            }
            TypeDef::Variant(cases) => {
                let (case, payload) = self.case(id, at)?;
                let (name, ty) = cases.get(case)?;
                text.push_str(name);
                if let Some(ty) = ty {
                    text.push('(');
                    inner(text, *ty, payload);
                    text.push(')');
                }
            }
            TypeDef::Enum(labels) => text.push_str(labels.get(self.case(id, at)?.0)?),
            TypeDef::Flags(labels) => {
                let bits = self.read(at, self.layouts.layout(id).tag)?;
                let set = labels.iter().enumerate().filter(|(at, _)| bits >> (at & 63) & 1 == 1);
                let mut set = set.map(|(_, label)| &**label);
                text.push_str(set.next().unwrap_or("0"));
                set.for_each(|label| text.extend(["|", label]));
            }
            TypeDef::Option(some) => match self.case(id, at)? {
                (0, _) => text.push_str("none"),
                (_, payload) => inner(text, *some, payload),
            },
            TypeDef::Result(ok, err) => {
                let (case, payload) = self.case(id, at)?;
                let (name, ty) = if case == 0 { ("ok", ok) } else { ("err", err) };
                text.push_str(name);
                if let Some(ty) = ty {
                    text.push('(');
                    inner(text, *ty, payload);
                    text.push(')');
                }
            }
            TypeDef::List(element) => return self.list(text, *element, at, depth),
            TypeDef::Own(_) | TypeDef::Borrow(_) | TypeDef::Stream(_) | TypeDef::Future(_) => {
                let _ = write!(text, "#{}", self.read(at, 4)? as u32);
            }
            TypeDef::FixedList(..) | TypeDef::Map(..) => text.push('…'),
        }
        Some(())
    }

    fn fields<'n>(
        &self,
        text: &mut String,
        (open, close): (char, char),
        id: TypeId,
        fields: impl Iterator<Item = (Option<&'n str>, ValType)>,
        at: Place,
        depth: u32,
    ) {
        text.push(open);
        let mut flat = 0;
        for (index, (name, ty)) in fields.enumerate() {
            text.push_str(if index == 0 { "" } else { ", " });
            if let Some(name) = name {
                text.extend([name, ": "]);
            }
            let offset = self.layouts.layout(id).fields.get(index).map_or(0, |field| field.offset);
            self.value(text, ty, at.field(flat, offset), depth + 1);
            flat += self.types.flat_count(ty);
        }
        text.push(close);
    }

    fn scalar(&self, text: &mut String, ty: ValType, at: Place) -> Option<()> {
        let bits = self.read(at, self.layouts.size(ty))?;
        let _ = match ty {
            ValType::Bool => write!(text, "{}", bits as u8 != 0),
            ValType::S8 => write!(text, "{}", bits as i8),
            ValType::S16 => write!(text, "{}", bits as i16),
            ValType::S32 => write!(text, "{}", bits as i32),
            ValType::S64 => write!(text, "{}", bits.cast_signed()),
            ValType::F32 => write!(text, "{}", f32::from_bits(bits as u32)),
            ValType::F64 => write!(text, "{}", f64::from_bits(bits)),
            ValType::U8 => write!(text, "{}", bits as u8),
            ValType::U16 => write!(text, "{}", bits as u16),
            ValType::U64 => write!(text, "{bits}"),
            ValType::Char => write!(text, "{:?}", char::from_u32(bits as u32)?),
            _ => write!(text, "{}", bits as u32),
        };
        Some(())
    }

    fn list(&self, text: &mut String, element: ValType, at: Place, depth: u32) -> Option<()> {
        let (start, length) = self.span(at)?;
        let size = self.layouts.size(element);
        let start = inside(self.memory, start, length.checked_mul(size.into())?)?;
        let length = usize::try_from(length).ok()?;
        if element == ValType::U8 {
            let shown = &self.memory[start..start + length.min(TEXT_BYTES_MAX)];
            quote(text, "b", &String::from_utf8_lossy(shown), length);
            return Some(());
        }
        text.push('[');
        for index in 0..length.min(ELEMENTS_MAX) {
            text.push_str(if index == 0 { "" } else { ", " });
            self.value(text, element, Place::Memory(start + index * size as usize), depth + 1);
        }
        text.push_str(if length > ELEMENTS_MAX { ", …]" } else { "]" });
        Some(())
    }

    fn text(&self, text: &mut String, at: Place) -> Option<()> {
        let (shown, length) = beginning(self.options, self.memory, self.span(at)?, TEXT_BYTES_MAX)?;
        quote(text, "", &shown, length);
        Some(())
    }

    /// A pointer and a length.
    fn span(&self, at: Place) -> Option<Span> {
        at.read_span(self.flat, || self.memory, self.options.address).ok()
    }

    fn case(&self, id: TypeId, at: Place) -> Option<(usize, Place)> {
        let layout = self.layouts.layout(id);
        let case = self.read(at, layout.tag)? as u32 as usize;
        Some((case, at.field(1, layout.payload)))
    }

    fn read(&self, at: Place, size: u32) -> Option<u64> {
        at.read(self.flat, || self.memory, size).ok()
    }
}

/// The beginning of what has so many bytes, escaped so that it is safe for a terminal.
fn quote(text: &mut String, prefix: &str, shown: &str, length: usize) {
    let _ = write!(text, "{prefix}\"{}\"", shown.escape_debug());
    if length > TEXT_BYTES_MAX {
        let _ = write!(text, "… {length} bytes");
    }
}
