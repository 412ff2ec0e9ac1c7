//! The engine room: core WebAssembly on wasmi. The only code that names the interpreter.
//!
//! Read it in this order: `scan` looks at a module's bytes before anything is allocated, `rewrite` makes the
//! few edits that let it be metered and started soundly, `load` has wasmi validate it. A [`Store`] is one
//! guest's world: its `meter` of fuel and its `budget` of memory. Guests call out through a [`Caller`] to a
//! [`HostFunction`]; hosts call in through an `activation`, which can stop wherever a host function waits or
//! a slice of fuel ends, and go on later. Everything that enters a guest passes `caller` and `memory`, where
//! an [`Interposer`] can watch it.
//!
//! Nothing here knows a WASI interface or a component.

mod activation;
mod blocks;
mod budget;
#[cfg(feature = "bundle")]
pub mod bundle;
mod call;
mod caller;
mod describe;
mod fault;
mod function;
mod glance;
// Without fuel, only what the native-stack test has seen to leave nothing behind may run: x86-64, and RISC-V with
// its portable dispatch. On Arm every indirect call leaves native stack behind until a slice ends.
#[cfg(all(
    feature = "unmetered",
    any(target_arch = "x86_64", target_arch = "riscv32", target_arch = "riscv64")
))]
mod growth;
#[cfg(not(all(
    feature = "unmetered",
    any(target_arch = "x86_64", target_arch = "riscv32", target_arch = "riscv64")
)))]
#[path = "growth_absent.rs"]
mod growth;
pub mod host_function;
mod interpose;
#[cfg(feature = "component")]
mod linkage;
#[cfg(feature = "validate")]
mod load;
#[cfg(not(feature = "validate"))]
#[path = "load_absent.rs"]
mod load;
mod memory;
mod meter;
mod module;
#[cfg(feature = "validate")]
mod native_stack;
#[cfg(feature = "component")]
mod nesting;
mod operators;
mod paying;
#[cfg(feature = "component")]
mod prepared;
#[cfg(not(feature = "component"))]
#[path = "prepared_absent.rs"]
mod prepared;
mod references;
mod rewrite;
pub(crate) mod scan;
#[cfg(feature = "wast")]
pub(crate) mod script;
mod seek;
mod selects;
#[cfg(all(feature = "validate", feature = "simd"))]
mod simd;
#[cfg(all(feature = "validate", not(feature = "simd")))]
#[path = "simd_absent.rs"]
mod simd;
mod store;
mod stores;
#[cfg(feature = "component")]
mod tail_calls;
mod trace;
#[cfg(feature = "component")]
mod turn;
#[cfg(not(feature = "component"))]
#[path = "turn_absent.rs"]
mod turn;
#[cfg(feature = "bundle")]
mod unchecked;
mod unroll;
mod value;
#[cfg(feature = "validate")]
mod wrappers;
#[cfg(not(feature = "validate"))]
#[path = "wrappers_absent.rs"]
mod wrappers;

#[cfg(all(test, feature = "validate"))]
mod tests;

#[cfg(any(test, feature = "component"))]
pub(crate) use activation::{Activation, Step};
pub(crate) use call::Call;
pub use caller::{AtOnce, Caller};
pub use describe::{Kind, Param, Signature};
pub use fault::Fault;
pub(crate) use function::Function;
pub use host_function::{HostFunction, HostParam, HostResult, Resolver};
pub use interpose::{Accounting, ComponentCall, HostCall, Interposer, Stats, Writes};
#[cfg(feature = "component")]
pub(crate) use linkage::{Answer, bits, value_of};
pub use memory::{Memory, PointerError};
pub use meter::Metering;
pub use module::{Engine, Module};
#[cfg(feature = "validate")]
pub use native_stack::keeps_native_stack;
#[cfg(feature = "component")]
pub(crate) use prepared::{NotReturned, Prepared};
pub use scan::Outline;
pub use store::Store;
pub use trace::Tracer;
pub use value::{Value, ValueType};
#[cfg(feature = "component")]
pub(crate) use wasmi::{
    Extern, ExternType, Func as CoreFunc, Global as CoreGlobal, Memory as CoreMemory, RefType,
    Table as CoreTable, ValType,
};
pub(crate) use wasmi::{Instance, Val};
