//! What a host function's parameters mean, so that a call can be shown without knowing its interface.

/// A function a host offers: its name, its parameters, and how its result reads.
#[derive(Debug)]
pub struct Signature {
    /// Its name within the module or interface.
    pub name: &'static str,
    /// Its parameters, in order. One that takes two core values ([`Kind::Text`]) is one parameter here.
    pub params: &'static [Param],
    /// How its result reads; `None` where it has none.
    pub result: Option<Kind>,
}

/// One parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name in the specification.
    pub name: &'static str,
    /// How to read it.
    pub kind: Kind,
}

/// How to read the core values of a parameter or result.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A number without sign.
    Number,
    /// A number with sign.
    Signed,
    /// An address.
    Pointer,
    /// An address and a length in bytes: text. Two core values.
    Text,
    /// One of these names, by its number.
    Enum(&'static [&'static str]),
    /// Any of these names, by bit.
    Flags(&'static [&'static str]),
}

impl Kind {
    /// How many core values it takes.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::Text => 2,
            _ => 1,
        }
    }
}
