//! What can go wrong, in three planes.
//!
//! What a guest is told is a [`Code`](crate::cap::Code). What ends a guest is a [`Trap`], and names the
//! rule that was broken. What an embedder is told is an [`Error`], whose kind stays private so that it
//! can grow.

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};
use core::fmt;

#[cfg(feature = "component")]
mod rule;
#[cfg(not(feature = "component"))]
#[path = "error/rule_absent.rs"]
mod rule;

pub use rule::Rule;

/// Why loading, linking, starting or running a program failed.
///
/// One pointer wide. Its text reads as a sentence; what a caller may want to branch on has an accessor.
pub struct Error(Box<Kind>);

enum Kind {
    Malformed { reason: String, offset: Option<usize> },
    Unsupported { what: &'static str, reason: String },
    Limit(LimitExceeded),
    Imports(Vec<MissingImport>),
    Export { name: String, reason: String },
    Trap(Trap),
    Misuse(&'static str),
}

/// A bound of [`Limits`](crate::Limits) that a program asked to go past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitExceeded {
    /// The field of `Limits`.
    pub limit: &'static str,
    /// How much was asked for, in the field's unit.
    pub asked: u64,
    /// How much the field allows.
    pub allowed: u64,
}

/// An import that a host does not provide, or provides with another type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingImport {
    /// The module or interface it is imported from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What the program expects.
    pub expected: String,
    /// What the host has under that name, if anything.
    pub found: Option<String>,
    /// Whether a component imports it, so that names and types are spelled as in WIT.
    pub of_component: bool,
}

/// What is imported, and its type: `example:log/log@1.0.0#say: func(text: string)`, as WIT has it. Of a core module it is
/// `env::say: func(i32, i32) -> ()`. What is longer than anyone reads is cut short.
impl fmt::Display for MissingImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = match (&*self.module, &*self.name) {
            ("", _) | (_, "") => "",
            _ if self.of_component => "#",
            _ => "::",
        };
        let (module, name, expected) = (Short(&self.module), Short(&self.name), Short(&self.expected));
        write!(f, "{module}{between}{name}: {expected}")
    }
}

/// A part of a text that came from a program, which may be of any length.
struct Short<'t>(&'t str);

/// How many bytes of such a part are shown.
const PART_SHOWN_MAX: usize = 200;

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.floor_char_boundary(PART_SHOWN_MAX)];
        f.write_str(shown)?;
        if shown.len() < self.0.len() { f.write_str("…") } else { Ok(()) }
    }
}

/// Which rule a guest broke. A trap ends the guest it happened in, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trap {
    /// An `unreachable` instruction was executed.
    Unreachable,
    /// A memory access out of bounds.
    MemoryOutOfBounds,
    /// A table access out of bounds.
    TableOutOfBounds,
    /// An indirect call to an element that holds no function.
    IndirectCallToNull,
    /// An indirect call to a function of another type.
    IndirectCallType,
    /// An integer was divided by zero.
    IntegerDivisionByZero,
    /// An integer operation overflowed.
    IntegerOverflow,
    /// A float that is no integer was converted to one.
    ConversionToInteger,
    /// The guest's call stack is full.
    StackOverflow,
    /// The whole budget of fuel is spent.
    OutOfFuel,
    /// A function is too large for the interpreter to translate.
    FunctionTooLarge,
    /// The host could not give memory it had granted.
    OutOfMemory,
    /// Guest and host called each other too deeply.
    ReentryDepth,
    /// A host call would have moved more bytes than [`Limits`](crate::Limits) allows.
    HostCallBytes,
    /// The guest holds as many handles as it may.
    Handles,
    /// A rule of the Component Model was broken.
    Component(Rule),
    /// The host function this guest called ended it on purpose.
    Host(&'static str),
    /// An invariant of this library does not hold. Please report it.
    Bug(&'static str),
}

/// Ends a guest because an invariant of this library does not hold, without ending the host.
#[macro_export]
#[doc(hidden)]
macro_rules! bug {
    ($what:literal) => {{
        debug_assert!(false, "bug: {}", $what);
        $crate::Trap::Bug($what)
    }};
}

impl Error {
    /// The bytes are no valid WebAssembly.
    pub(crate) fn malformed(reason: impl Into<String>, offset: Option<usize>) -> Self {
        Self(Box::new(Kind::Malformed { reason: reason.into(), offset }))
    }

    /// The bytes may be valid, yet need what cannot be run here.
    pub(crate) fn unsupported(what: &'static str, reason: impl Into<String>) -> Self {
        Self(Box::new(Kind::Unsupported { what, reason: reason.into() }))
    }

    /// Something is larger than a limit.
    pub(crate) fn limit(limit: &'static str, asked: u64, allowed: u64) -> Self {
        Self(Box::new(Kind::Limit(LimitExceeded { limit, asked, allowed })))
    }

    /// Imports that nothing provides.
    pub(crate) fn imports(missing: Vec<MissingImport>) -> Self {
        Self(Box::new(Kind::Imports(missing)))
    }

    /// An export that is not there, or not of the expected type.
    pub(crate) fn export(name: &str, reason: impl Into<String>) -> Self {
        Self(Box::new(Kind::Export { name: name.to_owned(), reason: reason.into() }))
    }

    /// The embedder called something it may not call now.
    pub(crate) fn misuse(what: &'static str) -> Self {
        Self(Box::new(Kind::Misuse(what)))
    }

    /// What was granted cannot be: a text with a NUL.
    pub(crate) fn grants() -> Self {
        Self::misuse("an argument, variable or directory name is empty or has a NUL or `=`")
    }

    /// The rule the guest broke, if that is what happened.
    #[must_use]
    pub fn trap(&self) -> Option<Trap> {
        if let Kind::Trap(trap) = &*self.0 { Some(*trap) } else { None }
    }

    /// The limit that was exceeded, if that is what happened.
    #[must_use]
    pub fn limit_exceeded(&self) -> Option<LimitExceeded> {
        if let Kind::Limit(limit) = &*self.0 { Some(*limit) } else { None }
    }

    /// Every import that is missing or of another type; empty if that is not what happened.
    #[must_use]
    pub fn missing_imports(&self) -> &[MissingImport] {
        if let Kind::Imports(missing) = &*self.0 { missing } else { &[] }
    }

    /// Whether the bytes are malformed or invalid.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        matches!(*self.0, Kind::Malformed { .. })
    }

    /// The proposal or format that cannot be run here, if that is what happened.
    #[must_use]
    pub fn unsupported_feature(&self) -> Option<&'static str> {
        if let Kind::Unsupported { what, .. } = &*self.0 { Some(what) } else { None }
    }
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Self {
        Self(Box::new(Kind::Trap(trap)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Malformed { reason, offset: Some(offset) } => {
                write!(f, "not a valid WebAssembly program: {reason} (at byte {offset:#x})")
            }
            Kind::Malformed { reason, offset: None } => {
                write!(f, "not a valid WebAssembly program: {reason}")
            }
            Kind::Unsupported { what, reason } => write!(f, "the program needs {what}: {reason}"),
            Kind::Limit(LimitExceeded { limit, asked, allowed }) => {
                write!(f, "the program asks for {asked} of `{limit}`, and {allowed} is the limit")
            }
            Kind::Imports(missing) => write_imports(f, missing),
            Kind::Export { name, reason } => write!(f, "export `{name}`: {reason}"),
            Kind::Trap(trap) => write!(f, "the guest trapped: {trap}"),
            Kind::Misuse(what) => f.write_str(what),
        }
    }
}

/// How many missing imports a text lists before it only counts: a program may declare 100,000.
const IMPORTS_SHOWN_MAX: usize = 16;

fn write_imports(f: &mut fmt::Formatter<'_>, missing: &[MissingImport]) -> fmt::Result {
    f.write_str("the program imports what this host does not provide:")?;
    for import in missing.iter().take(IMPORTS_SHOWN_MAX) {
        let found = Short(import.found.as_deref().unwrap_or("nothing"));
        write!(f, "\n  expected {import}; found {found}")?;
    }
    match missing.len().saturating_sub(IMPORTS_SHOWN_MAX) {
        0 => Ok(()),
        more => write!(f, "\n  and {more} more"),
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it reads: a second text for each kind would be flash that says nothing more.
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {}

impl From<Rule> for Trap {
    fn from(rule: Rule) -> Self {
        Self::Component(rule)
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable executed",
            Self::MemoryOutOfBounds => "out of bounds memory access",
            Self::TableOutOfBounds => "out of bounds table access",
            Self::IndirectCallToNull => "uninitialized element",
            Self::IndirectCallType => "indirect call type mismatch",
            Self::IntegerDivisionByZero => "integer divide by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::ConversionToInteger => "invalid conversion to integer",
            Self::StackOverflow => "call stack exhausted",
            Self::OutOfFuel => "all fuel consumed",
            Self::FunctionTooLarge => "a function is too large for the interpreter",
            Self::OutOfMemory => "the host is out of memory",
            Self::ReentryDepth => "guest and host call each other too deeply",
            Self::HostCallBytes => "a host call moves too many bytes",
            Self::Handles => "too many handles are open",
            Self::Component(rule) => return rule.fmt(f),
            Self::Host(what) => what,
            Self::Bug(what) => return write!(f, "bug in wasmote, please report it: {what}"),
        })
    }
}

impl core::error::Error for Trap {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    }

    #[test]
    fn a_flood_of_missing_imports_has_a_bounded_text() {
        let import = |n: usize| MissingImport {
            module: "env".into(),
            name: format!("f{n}"),
            expected: "func()".into(),
            found: None,
            of_component: false,
        };
        let text = format!("{}", Error::imports((0..100_000).map(import).collect()));
        assert!(text.len() < 2_000, "{} bytes", text.len());
        assert!(text.ends_with("and 99984 more"), "{text}");
    }

    #[test]
    fn a_missing_import_reads_as_wit_has_it() {
        let import = |module: &str, name: &str, of_component| MissingImport {
            module: module.into(),
            name: name.into(),
            expected: "func(n: u32)".into(),
            found: None,
            of_component,
        };
        for (import, text) in [
            (import("a:b/c@1.0.0", "f", true), "a:b/c@1.0.0#f: func(n: u32)"),
            (import("f", "", true), "f: func(n: u32)"),
            (import("env", "f", false), "env::f: func(n: u32)"),
        ] {
            assert_eq!(format!("{import}"), text);
        }
        let long = MissingImport { expected: "ü".repeat(50_000), ..import(&"m".repeat(100_000), "f", true) };
        assert!(format!("{long}").len() < 500, "{}", format!("{long}").len());
        assert!(format!("{}", Error::imports([long].into())).ends_with("ü…; found nothing"));
    }
}
