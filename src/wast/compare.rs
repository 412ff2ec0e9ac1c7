//! What a script says beside what happened.

use crate::component::Val;
use alloc::{boxed::Box, string::ToString};
use wast::component::WastVal;

/// A script's value as ours.
pub(super) fn value(from: &WastVal<'_>) -> Val {
    let boxed = |value: &Option<Box<WastVal<'_>>>| value.as_ref().map(|inner| Box::new(value_of(inner)));
    match from {
        WastVal::Bool(value) => Val::Bool(*value),
        WastVal::U8(value) => Val::U8(*value),
        WastVal::S8(value) => Val::S8(*value),
        WastVal::U16(value) => Val::U16(*value),
        WastVal::S16(value) => Val::S16(*value),
        WastVal::U32(value) => Val::U32(*value),
        WastVal::S32(value) => Val::S32(*value),
        WastVal::U64(value) => Val::U64(*value),
        WastVal::S64(value) => Val::S64(*value),
        WastVal::F32(value) => Val::Float32(f32::from_bits(value.bits)),
        WastVal::F64(value) => Val::Float64(f64::from_bits(value.bits)),
        WastVal::Char(value) => Val::Char(*value),
        WastVal::String(value) => Val::String((*value).into()),
        WastVal::List(values) => {
            Val::List(values.iter().map(value_of).collect::<alloc::vec::Vec<_>>().into())
        }
        WastVal::Map(pairs) => {
            Val::Map(pairs.iter().map(|(key, value)| (value_of(key), value_of(value))).collect())
        }
        WastVal::Record(fields) => {
            Val::Record(fields.iter().map(|(name, value)| (name.to_string(), value_of(value))).collect())
        }
        WastVal::Tuple(values) => Val::Tuple(values.iter().map(value_of).collect()),
        WastVal::Variant(name, payload) => Val::Variant(name.to_string(), boxed(payload)),
        WastVal::Enum(name) => Val::Enum(name.to_string()),
        WastVal::Option(value) => Val::Option(boxed(value)),
        WastVal::Result(Ok(value)) => Val::Result(Ok(boxed(value))),
        WastVal::Result(Err(value)) => Val::Result(Err(boxed(value))),
        WastVal::Flags(names) => Val::Flags(names.iter().map(ToString::to_string).collect()),
    }
}

fn value_of(from: &WastVal<'_>) -> Val {
    value(from)
}

/// Whether a value is the expected one; floats by their bits.
pub(super) fn matches(expected: &WastVal<'_>, found: &Val) -> bool {
    same(&value(expected), found)
}

fn same(expected: &Val, found: &Val) -> bool {
    let option = |a: &Option<Box<Val>>, b: &Option<Box<Val>>| match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    };
    match (expected, found) {
        (Val::Float32(a), Val::Float32(b)) => a.to_bits() == b.to_bits(),
        (Val::Float64(a), Val::Float64(b)) => a.to_bits() == b.to_bits(),
        (Val::List(a), Val::List(b)) => {
            a.len() == b.len()
                && a.clone().into_values().iter().zip(&b.clone().into_values()).all(|(a, b)| same(a, b))
        }
        (Val::Tuple(a), Val::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Val::Record(a), Val::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
        }
        (Val::Variant(a, x), Val::Variant(b, y)) => a == b && option(x, y),
        (Val::Option(a), Val::Option(b)) => option(a, b),
        (Val::Result(Ok(a)), Val::Result(Ok(b))) | (Val::Result(Err(a)), Val::Result(Err(b))) => option(a, b),
        (a, b) => a == b,
    }
}

/// Upstream's words for what we say in others: what a script may expect, and what it is here.
const WORDS: &[(&str, &str)] = &[
    ("unreachable", "unreachable executed"),
    ("wasm `unreachable` instruction executed", "unreachable executed"),
    ("cannot write after being notified that the readable end dropped", "readable end dropped"),
    ("cannot read after being notified that the writable end dropped", "writable end dropped"),
    ("deadlock detected", "deadlock detected"),
    ("was not found", "found nothing"),
    // The interpreter has one trap for a table's end, whatever asked for the element.
    ("undefined element", "out of bounds table access"),
    ("unknown import", "found nothing"),
    ("incompatible import type", "type mismatch. expected"),
    ("incompatible import type", "import type: expected"),
    ("expected module found instance", ": core module; found instance"),
    ("expected function found instance", "found instance"),
    ("expected resource found func", ": resource; found function"),
    ("expected instance found func", ": instance; found function"),
    ("export `f` has the wrong type", "found a module: expected"),
    ("export `g` has the wrong type", "found a module: expected"),
    ("export `m` has the wrong type", "found a module: expected"),
    ("export `t` has the wrong type", "found a module: expected"),
    ("module import `::` has the wrong type", "found a module: expected"),
    ("discriminant 2 out of range [0..2)", "invalid variant discriminant"),
];

const UNINITIALIZED: &str = "uninitialized element";

/// Whether a failure's text is the expected one.
pub(super) fn message(expected: &str, found: &str) -> bool {
    let expected = expected.strip_prefix("wasm trap: ").unwrap_or(expected);
    // Which element it was, some say behind it.
    let expected = if expected.starts_with(UNINITIALIZED) { UNINITIALIZED } else { expected };
    found.contains(expected) || WORDS.iter().any(|(theirs, ours)| *theirs == expected && found.contains(ours))
}
