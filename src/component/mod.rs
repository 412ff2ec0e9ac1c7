//! The Component Model: typed components on top of core modules. It knows no WASI.
//!
//! Names and shapes are those of `wasmtime::component`: an [`Engine`] loads a [`Component`], a [`Linker`] meets its
//! imports, an [`Instance`] in a [`Store`] has [`Func`]s to call.
//!
//! ```
//! use wasmote::component::{Component, Engine, Features, Linker, Store};
//!
//! let text = r#"(component
//!     (core module $m (func (export "add") (param i32 i32) (result i32)
//!         (i32.add (local.get 0) (local.get 1))))
//!     (core instance $i (instantiate $m))
//!     (func (export "add") (param "a" u32) (param "b" u32) (result u32)
//!         (canon lift (core func $i "add"))))"#;
//! let engine = Engine::default();
//! let component = Component::new(&engine, wat::parse_str(text)?)?;
//! let mut store = Store::new(&engine, ());
//! let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
//! let add = instance.get_typed_func::<(u32, u32), (u32,)>(&store, "add")?;
//! assert_eq!(add.call(&mut store, (40, 2))?, (42,));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read it in the order of the specification: `types` and `binary` make a program out of bytes, a list of
//! `definition`s, in which `link` puts numbers in the place of names, once for all instances; `instance` carries them out
//! in a `store`; `abi` moves values; `call` is `canon lift` and `canon lower`, `canon` the built-ins; `task` runs what
//! waits, `ready` says what of it first, `waitable` and `channel` are what is waited for.

#[doc(hidden)]
pub mod abi;
mod access;
#[cfg(feature = "validate")]
mod binary;
#[cfg(not(feature = "validate"))]
#[path = "binary_absent.rs"]
mod binary;
#[cfg(feature = "bundle")]
mod bundled;
mod call;
mod canon;
mod channel;
mod checked;
#[cfg(feature = "bundle")]
mod codec;
mod collections;
mod debug;
mod definition;
#[doc(hidden)]
pub mod derive;
mod describe;
mod direct;
mod features;
#[doc(hidden)]
pub mod fits;
mod func;
mod handles;
#[doc(hidden)]
pub mod host;
mod host_channel;
mod host_ends;
mod host_task;
mod instance;
mod link;
mod linker;
mod load;
mod matching;
mod names;
mod offered;
mod passed_on;
mod pre;
mod ready;
#[cfg(feature = "wast")]
mod reflect;
#[cfg(feature = "validate")]
mod resolve;
mod resource;
mod rest;
mod show;
mod sorted;
mod store;
mod subtype;
mod table;
mod task;
mod ty;
#[doc(hidden)]
pub mod typed;
pub mod types;
mod val;
mod waitable;
mod wakeup;
#[cfg(feature = "wave")]
mod wave;
mod within;
mod wrapped;

pub use access::Access;
pub use collections::ErrorContext;
pub use features::Features;
pub use func::{Func, Instance, TypedFunc};
pub use host_ends::{
    FutureReader, FutureWriter, StreamConsumer, StreamProducer, StreamReader, StreamResult, StreamWriter,
};
pub use linker::{Linker, LinkerInstance};
pub use load::{Component, Engine};
pub use pre::InstancePre;
pub use resource::{ChannelAny, Resource, ResourceAny, ResourceTable, ResourceTableError, ResourceType};
pub use store::Store;
pub use ty::Type;
pub use typed::{ComponentNamedList, ComponentType, Lift, LiftResult, Lower, LowerResult};
pub use val::{List, Val};
pub use wrapped::{AsContextMut, StoreContextMut};
