//! Which proposals of the Component Model a program may use. Runtime configuration, not Cargo features:
//! the code for all of them is always there.

/// Gates of the Component Model: what has shipped is on, the rest is off until asked for.
///
/// ```
/// use wasmote::component::Features;
/// let features = Features { threading: true, ..Features::default() };
/// assert!(features.concurrency && !features.error_context);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one proposal, and none depends on another")]
pub struct Features {
    /// 🔀 Asynchronous functions, streams and futures. Shipped with 0.3.0.
    pub concurrency: bool,
    /// 🗺️ `map<k, v>`. Shipped with 0.3.1.
    pub map: bool,
    /// 🏷️ `implements` on imports and exports. Shipped with 0.3.1.
    pub implements: bool,
    /// 🚟 Asynchronous exports without a callback.
    pub stackful: bool,
    /// 🚝 Synchronous forms of the asynchronous built-ins, and the other way round.
    pub more_async_builtins: bool,
    /// 🧵 Cooperative threads.
    pub threading: bool,
    /// 📝 `error-context`.
    pub error_context: bool,
    /// 🔧 Lists of a fixed length.
    pub fixed_length_lists: bool,
    /// 🐘 64-bit memories: pointers into them are 64 bits wide. Core modules need the Cargo feature `memory64` for them.
    /// Resources with a representation of 64 bits, which stand behind the same gate, are refused: the specification does
    /// not say how their destructors are called, nor how one is lent to who implements it.
    pub memory64: bool,
}

impl Default for Features {
    /// What has shipped.
    fn default() -> Self {
        Self {
            concurrency: true,
            map: true,
            implements: true,
            stackful: false,
            more_async_builtins: false,
            threading: false,
            error_context: false,
            fixed_length_lists: false,
            memory64: false,
        }
    }
}

impl Features {
    /// Everything this runtime implements.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            concurrency: true,
            map: true,
            implements: true,
            stackful: true,
            more_async_builtins: true,
            threading: true,
            error_context: true,
            fixed_length_lists: true,
            memory64: true,
        }
    }
}
