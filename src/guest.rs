//! One running, isolated instance of a program.

#[cfg(feature = "component")]
mod any;
#[cfg(feature = "component")]
mod component;
#[cfg(feature = "http")]
mod http;
mod module;
#[cfg(not(feature = "p1"))]
#[path = "guest/p1_absent.rs"]
mod p1;

// Where there are only core modules, a guest is one: no branch, and no byte more on a board.
#[cfg(feature = "component")]
pub use any::Guest;
#[cfg(not(feature = "component"))]
pub use module::Guest;

#[cfg(feature = "http")]
pub use http::{HandleError, Handling, Rest};

use crate::Error;
#[cfg(feature = "p1")]
use crate::wasi::p1;
use core::fmt;

/// How a program ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Exit(u32);

impl Exit {
    /// Its status: 0 for success.
    #[must_use]
    pub fn code(self) -> u32 {
        self.0
    }

    /// Whether the status says success.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0 == 0
    }
}

/// Why a call brought no results.
#[derive(Debug)]
pub enum CallError {
    /// The program ended itself in the middle of it.
    Exit(Exit),
    /// The call failed.
    Error(Error),
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(exit) => {
                write!(f, "the program ended with status {} instead of returning", exit.code())
            }
            Self::Error(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CallError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not called yet: start function and `_initialize` are still to run.
    Fresh,
    Ready,
    /// In a call; still so when that call was dropped.
    Called,
    Over,
}

impl State {
    /// Marks the guest as called; answers whether this is its first call.
    fn begin(&mut self) -> Result<bool, Error> {
        match core::mem::replace(self, Self::Called) {
            Self::Fresh => Ok(true),
            Self::Ready => Ok(false),
            Self::Called => Err(Error::misuse("the guest was dropped in a call and cannot be called again")),
            Self::Over => {
                *self = Self::Over;
                Err(Error::misuse("the guest has ended"))
            }
        }
    }
}
