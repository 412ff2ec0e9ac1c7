//! Component types and values out of bytes, as text and as values: what `lift_lower` sends on its way.

use std::fmt::Write;
use wasmote::component::{List, Val};

/// Bytes that decide; zeroes where they end.
pub struct Bytes<'d>(std::slice::Iter<'d, u8>);

impl<'d> Bytes<'d> {
    pub fn new(data: &'d [u8]) -> Self {
        Self(data.iter())
    }

    pub fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: u8) -> u8 {
        self.byte() % count.max(1)
    }

    pub fn wide(&mut self) -> u64 {
        (0..8).fold(0, |sum, _| sum << 8 | u64::from(self.byte()))
    }
}

/// A type. Those that need a name in a component have a number.
#[derive(Clone, Debug)]
pub enum Type {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<Type>),
    Tuple(Vec<Type>),
    Option(Box<Type>),
    Result(Option<Box<Type>>, Option<Box<Type>>),
    Record(usize, Vec<Type>),
    Variant(usize, Vec<Option<Type>>),
    Enum(usize, usize),
    Flags(usize, usize),
}

/// Types as they are made, with the definitions of those that have a name.
#[derive(Default)]
pub struct Defined(pub Vec<String>);

impl Defined {
    fn add(&mut self, text: String) -> usize {
        self.0.push(text);
        self.0.len() - 1
    }

    pub fn ty(&mut self, bytes: &mut Bytes<'_>, depth: u8) -> Type {
        let choices = if depth == 0 { 13 } else { 21 };
        match bytes.below(choices) {
            0 => Type::Bool,
            1 => Type::S8,
            2 => Type::U8,
            3 => Type::S16,
            4 => Type::U16,
            5 => Type::S32,
            6 => Type::U32,
            7 => Type::S64,
            8 => Type::U64,
            9 => Type::F32,
            10 => Type::F64,
            11 => Type::Char,
            12 => Type::String,
            13 => Type::List(Box::new(self.ty(bytes, depth - 1))),
            14 => Type::Tuple((0..=bytes.below(4)).map(|_| self.ty(bytes, depth - 1)).collect()),
            15 => Type::Option(Box::new(self.ty(bytes, depth - 1))),
            16 => {
                let which = bytes.below(4);
                let ok = (which & 1 == 1).then(|| Box::new(self.ty(bytes, depth - 1)));
                Type::Result(ok, (which & 2 == 2).then(|| Box::new(self.ty(bytes, depth - 1))))
            }
            17 => {
                let fields: Vec<_> = (0..=bytes.below(5)).map(|_| self.ty(bytes, depth - 1)).collect();
                let text = fields.iter().enumerate().fold(String::new(), |mut text, (at, ty)| {
                    let _ = write!(text, "(field \"f{at}\" {})", ty.text());
                    text
                });
                Type::Record(self.add(format!("(record {text})")), fields)
            }
            18 => {
                let cases: Vec<_> = (0..=bytes.below(5))
                    .map(|_| (bytes.below(3) > 0).then(|| self.ty(bytes, depth - 1)))
                    .collect();
                let text = cases.iter().enumerate().fold(String::new(), |mut text, (at, ty)| {
                    let payload = ty.as_ref().map_or(String::new(), Type::text);
                    let _ = write!(text, "(case \"c{at}\" {payload})");
                    text
                });
                Type::Variant(self.add(format!("(variant {text})")), cases)
            }
            19 => {
                // On both sides of where a discriminant takes two bytes.
                let count = [1, 2, 255, 256, 257][usize::from(bytes.below(5))];
                Type::Enum(self.add(format!("(enum {})", labels(count))), count)
            }
            _ => {
                let count = [1, 7, 8, 9, 16, 17, 32][usize::from(bytes.below(7))];
                Type::Flags(self.add(format!("(flags {})", labels(count))), count)
            }
        }
    }
}

fn labels(count: usize) -> String {
    (0..count).map(|at| format!("\"l{at}\"")).collect::<Vec<_>>().join(" ")
}

impl Type {
    /// How it reads where types `$t0`, `$t1`… are at hand.
    pub fn text(&self) -> String {
        match self {
            Self::List(element) => format!("(list {})", element.text()),
            Self::Tuple(types) => {
                format!("(tuple {})", types.iter().map(Self::text).collect::<Vec<_>>().join(" "))
            }
            Self::Option(some) => format!("(option {})", some.text()),
            Self::Result(ok, err) => {
                let ok = ok.as_ref().map_or(String::new(), |ty| ty.text());
                let err = err.as_ref().map_or(String::new(), |ty| format!("(error {})", ty.text()));
                format!("(result {ok} {err})")
            }
            Self::Record(at, _) | Self::Variant(at, _) | Self::Enum(at, _) | Self::Flags(at, _) => {
                format!("$t{at}")
            }
            scalar => format!("{scalar:?}").to_lowercase(),
        }
    }

    /// The core types it takes where it is passed flat (`flatten_type`).
    pub fn flat(&self) -> Vec<&'static str> {
        match self {
            Self::S64 | Self::U64 => vec!["i64"],
            Self::F32 => vec!["f32"],
            Self::F64 => vec!["f64"],
            Self::String | Self::List(_) => vec!["i32", "i32"],
            Self::Tuple(types) | Self::Record(_, types) => types.iter().flat_map(Self::flat).collect(),
            Self::Option(some) => cases([Some(&**some), None].into_iter()),
            Self::Result(ok, err) => cases([ok.as_deref(), err.as_deref()].into_iter()),
            Self::Variant(_, types) => cases(types.iter().map(Option::as_ref)),
            _ => vec!["i32"],
        }
    }

    /// A value of it.
    pub fn value(&self, bytes: &mut Bytes<'_>, size: &mut u32) -> Val {
        *size += 1;
        let payload = |ty: &Option<Box<Self>>, bytes: &mut Bytes<'_>, size: &mut u32| {
            ty.as_ref().map(|ty| Box::new(ty.value(bytes, size)))
        };
        match self {
            Self::Bool => Val::Bool(bytes.byte() & 1 == 1),
            Self::S8 => Val::S8(bytes.byte().cast_signed()),
            Self::U8 => Val::U8(bytes.byte()),
            Self::S16 => Val::S16(bytes.wide() as i16),
            Self::U16 => Val::U16(bytes.wide() as u16),
            Self::S32 => Val::S32(bytes.wide() as i32),
            Self::U32 => Val::U32(bytes.wide() as u32),
            Self::S64 => Val::S64(bytes.wide().cast_signed()),
            Self::U64 => Val::U64(bytes.wide()),
            Self::F32 => Val::Float32(f32::from_bits(bytes.wide() as u32)),
            Self::F64 => Val::Float64(f64::from_bits(bytes.wide())),
            Self::Char => Val::Char(character(bytes)),
            Self::String => Val::String((0..bytes.below(12)).map(|_| character(bytes)).collect()),
            Self::List(element) => {
                let length = if *size > 500 { 0 } else { bytes.below(6) };
                Val::List(list(element, (0..length).map(|_| element.value(bytes, size)).collect()))
            }
            Self::Tuple(types) => Val::Tuple(types.iter().map(|ty| ty.value(bytes, size)).collect()),
            Self::Option(some) => {
                Val::Option((bytes.byte() & 1 == 1).then(|| Box::new(some.value(bytes, size))))
            }
            Self::Result(ok, err) => Val::Result(if bytes.byte() & 1 == 1 {
                Ok(payload(ok, bytes, size))
            } else {
                Err(payload(err, bytes, size))
            }),
            Self::Record(_, types) => {
                let field = |(at, ty): (usize, &Self)| (format!("f{at}"), ty.value(bytes, size));
                Val::Record(types.iter().enumerate().map(field).collect())
            }
            Self::Variant(_, cases) => {
                let case = usize::from(bytes.byte()) % cases.len();
                let payload = cases[case].as_ref().map(|ty| Box::new(ty.value(bytes, size)));
                Val::Variant(format!("c{case}"), payload)
            }
            Self::Enum(_, count) => Val::Enum(format!("l{}", bytes.wide() as usize % count)),
            Self::Flags(_, count) => {
                let bits = bytes.wide();
                let set = (0..*count).filter(|at| bits >> at & 1 == 1);
                Val::Flags(set.map(|at| format!("l{at}")).collect())
            }
        }
    }
}

/// The flat form of cases: a discriminant, and what can hold any payload (`flatten_variant`).
fn cases<'t>(types: impl Iterator<Item = Option<&'t Type>>) -> Vec<&'static str> {
    let mut joined = Vec::new();
    for ty in types.flatten() {
        for (at, one) in ty.flat().into_iter().enumerate() {
            match joined.get_mut(at) {
                None => joined.push(one),
                Some(known) if *known == one => {}
                Some(known) if matches!((*known, one), ("i32", "f32") | ("f32", "i32")) => *known = "i32",
                Some(known) => *known = "i64",
            }
        }
    }
    [vec!["i32"], joined].concat()
}

/// Of one byte, two, three and four, in the encodings that there are.
fn character(bytes: &mut Bytes<'_>) -> char {
    let number = u32::from(bytes.byte());
    let number = match bytes.below(5) {
        0 | 1 => number & 0x7f,
        2 => number,
        3 => 0x2000 + number,
        _ => 0x1_f300 + number,
    };
    char::from_u32(number).unwrap_or('?')
}

/// A list as the library lifts one: of numbers in bulk.
fn list(element: &Type, values: Vec<Val>) -> List {
    macro_rules! bulk {
        ($($ty:ident $val:ident),*) => {
            match element {
                $(Type::$ty => List::from(
                    values.iter().filter_map(|value| match value {
                        Val::$val(number) => Some(*number),
                        _ => None,
                    }).collect::<Vec<_>>(),
                ),)*
                _ => List::Values(values),
            }
        };
    }
    bulk!(U8 U8, S8 S8, U16 U16, S16 S16, U32 U32, S32 S32, U64 U64, S64 S64, F32 Float32, F64 Float64)
}
