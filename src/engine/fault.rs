//! How a host function ends the guest that called it, and how wasmi's errors become ours.

use crate::{Error, Rule, Trap, bug};
use core::fmt;

/// Ends the guest that called a host function.
///
/// A [`Trap`], a [`Rule`] and an [`Error`] become one by `?`. What a guest is to be told of, a
/// [`Code`](crate::cap::Code) say, is no fault: it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The guest broke a rule.
    Trap(Trap),
    /// The guest asked to end with this status.
    Exit(u32),
}

impl From<Trap> for Fault {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

impl From<Rule> for Fault {
    fn from(rule: Rule) -> Self {
        Self::Trap(Trap::Component(rule))
    }
}

/// A host function that fails for whatever reason ends its guest.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Trap(error.trap().unwrap_or(Trap::Host("a call that the host made failed")))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(trap) => trap.fmt(f),
            Self::Exit(code) => write!(f, "exit with status {code}"),
        }
    }
}

// What it says is all there is to say: it has no source.
impl core::error::Error for Fault {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Trap(trap) => trap.into(),
            Fault::Exit(_) => Self::misuse("a guest asked to exit where nothing can"),
        }
    }
}

/// A fault as wasmi carries it.
#[derive(Debug)]
struct Carried(Fault);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl wasmi::errors::HostError for Carried {}

impl Fault {
    /// The fault as wasmi carries it out of a host function.
    #[cold]
    pub(super) fn into_wasmi(self) -> wasmi::Error {
        wasmi::Error::host(Carried(self))
    }

    /// What ended a call, from the error wasmi reports for it.
    pub(super) fn from_wasmi(error: &wasmi::Error) -> Self {
        if let Some(Carried(fault)) = error.downcast_ref() {
            return *fault;
        }
        Self::Trap(trap_of(error))
    }
}

fn trap_of(error: &wasmi::Error) -> Trap {
    use wasmi::{TrapCode, errors::ErrorKind};
    if let Some(code) = error.as_trap_code() {
        return match code {
            TrapCode::UnreachableCodeReached => Trap::Unreachable,
            TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
            TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
            TrapCode::IndirectCallToNull => Trap::IndirectCallToNull,
            TrapCode::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
            TrapCode::IntegerOverflow => Trap::IntegerOverflow,
            TrapCode::BadConversionToInteger => Trap::ConversionToInteger,
            TrapCode::StackOverflow => Trap::StackOverflow,
            TrapCode::BadSignature => Trap::IndirectCallType,
            TrapCode::OutOfFuel => Trap::OutOfFuel,
            TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory => Trap::OutOfMemory,
        };
    }
    match error.kind() {
        ErrorKind::Memory(_) | ErrorKind::Table(_) => Trap::OutOfMemory,
        ErrorKind::Fuel(_) => Trap::OutOfFuel,
        // Translation is lazy: what the interpreter's format cannot hold shows when it is called.
        ErrorKind::Translation(_) | ErrorKind::Ir(_) | ErrorKind::ImplementationLimits(_) => {
            Trap::FunctionTooLarge
        }
        _ => bug!("an error of the interpreter that is no trap"),
    }
}

/// What wasmi carries out of a host function that waits. Zero-sized: boxing it allocates nothing.
#[derive(Debug)]
pub(super) struct Suspended;

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("suspended in a host function")
    }
}

impl wasmi::errors::HostError for Suspended {}

/// Why wasmi refuses a module, in our terms.
pub(super) fn load_error(error: &wasmi::Error) -> Error {
    use alloc::format;
    let text = format!("{error}");
    match proposal_in(&text) {
        Some(proposal) => Error::unsupported(proposal, "the interpreter does not implement it"),
        None => Error::malformed(text, None),
    }
}

/// The proposal a validator's message is about, by the words it uses for it.
fn proposal_in(text: &str) -> Option<&'static str> {
    const PROPOSALS: &[(&str, &str)] = &[
        ("exception", "exception handling"),
        ("gc feature", "garbage collection"),
        ("gc proposal", "garbage collection"),
        ("function references", "typed function references"),
        ("threads", "threads and shared memory"),
        ("shared memor", "threads and shared memory"),
        ("stack switching", "stack switching"),
        ("custom page sizes", "custom page sizes"),
        ("memory64", "64-bit memories"),
        ("SIMD", "128-bit vectors (feature `simd`)"),
        ("wide arithmetic", "wide arithmetic"),
    ];
    PROPOSALS.iter().find(|(word, _)| text.contains(word)).map(|(_, proposal)| *proposal)
}
