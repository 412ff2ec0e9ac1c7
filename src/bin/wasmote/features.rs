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

/// The field of a proposal.
type Gate = fn(&mut Features) -> &mut bool;

/// `component-model-…`, as behind wasmtime's `-W`, and which proposal each is.
const GATES: [(&str, Gate); 9] = [
    ("async", |features| &mut features.concurrency),
    ("map", |features| &mut features.map),
    ("implements", |features| &mut features.implements),
    ("async-stackful", |features| &mut features.stackful),
    ("more-async-builtins", |features| &mut features.more_async_builtins),
    ("threading", |features| &mut features.threading),
    ("error-context", |features| &mut features.error_context),
    ("fixed-length-lists", |features| &mut features.fixed_length_lists),
    ("memory64", |features| &mut features.memory64),
];

/// How wasmtime called one of them before.
const FORMER: (&str, &str) = ("async-builtins", "more-async-builtins");

/// A proposal turned on, or off, by the name that wasmtime has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    gate: usize,
    on: bool,
}

impl Switch {
    /// For `key`, if that is such a name.
    pub fn find(key: &str) -> Option<Self> {
        let name = key.strip_prefix("component-model-")?;
        let name = if name == FORMER.0 { FORMER.1 } else { name };
        GATES.iter().position(|(gate, _)| *gate == name).map(|gate| Self { gate, on: true })
    }

    pub fn turned(self, on: bool) -> Self {
        Self { on, ..self }
    }

    pub fn apply(self, features: &mut Features) {
        if let Some((_, gate)) = GATES.get(self.gate) {
            *gate(features) = self.on;
        }
    }

    /// Each by its name.
    pub fn all() -> impl Iterator<Item = (String, Self)> {
        let switch = |(gate, (name, _)): (usize, &(&str, Gate))| {
            (format!("component-model-{name}"), Self { gate, on: true })
        };
        GATES.iter().enumerate().map(switch)
    }

    /// Whether it is on in these.
    pub fn is_on(self, features: &mut Features) -> bool {
        GATES.get(self.gate).is_some_and(|(_, gate)| *gate(features))
    }
}

impl Feature {
    /// `on`, and `features` besides.
    pub fn all_of(features: &[Self], on: Features) -> Features {
        features.iter().fold(on, |on, feature| match feature {
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
