//! Which proposals of the Component Model are on: the names that flags take.

use clap::ValueEnum;
use wasmote::component::Features;

/// A proposal that has not shipped, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Feature {
    /// All that follow
    All,
    /// Asynchronous exports without a callback
    Stackful,
    /// The other form, synchronous or asynchronous, of the asynchronous built-ins
    MoreAsyncBuiltins,
    /// Cooperative threads
    Threading,
    /// Contexts of errors
    ErrorContext,
    /// Lists of a fixed length
    FixedLengthLists,
    /// 64-bit memories
    Memory64,
}

impl Feature {
    /// What has shipped, and `features` besides.
    pub fn all_of(features: &[Self]) -> Features {
        features.iter().fold(Features::default(), |on, feature| match feature {
            Self::All => Features::all(),
            Self::Stackful => Features { stackful: true, ..on },
            Self::MoreAsyncBuiltins => Features { more_async_builtins: true, ..on },
            Self::Threading => Features { threading: true, ..on },
            Self::ErrorContext => Features { error_context: true, ..on },
            Self::FixedLengthLists => Features { fixed_length_lists: true, ..on },
            Self::Memory64 => Features { memory64: true, ..on },
        })
    }
}
