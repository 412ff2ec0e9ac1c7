//! The Component Model: typed components on top of core modules. It knows nothing of what a host offers.
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

// What to read where, in the order of the specification (`design/mvp` of WebAssembly/component-model), whose document
// and heading stand to the right. "CABI" is CanonicalABI.md.
//
// Bytes to a program
//   load             a loaded component, its budget                Binary.md, "Component Definitions"
//   features         which proposals may be used                   Explainer.md, "Gated Features"
//   binary           one walk over the bytes                       Binary.md
//   binary_absent    in its place where nothing is validated
//   definition       the list of definitions that this gives       Explainer.md, "Index Spaces"
//   types            value types, interned and laid out            Explainer.md, "Type Definitions";
//                                                                  CABI, "Alignment", "Element Size", "Flattening"
//   resolve          the validator's types as these
//   sorted           lists that are looked up by key
//   link             numbers in the place of names                 Explainer.md, "Alias Definitions"
//   bundled, bundled/make, codec
//                    a loaded component as bytes, and back
//
// A program to an instance
//   linker           what is offered, by name                      Explainer.md, "Import and Export Definitions"
//   names            which version answers which                   Explainer.md, "Canonical Interface Name"
//   offered          what a linker offers, as a list
//   matching         whether it is what is imported                Explainer.md, "Type Checking"
//   subtype          the same of whole components                  Subtyping.md
//   describe         types in words, for messages
//   pre              imports met once, for many instances
//   instance         carries the definitions out                   Explainer.md, "Instance Definitions"
//
// What an instance remembers
//   store            all of its state, plain data                  CABI, "Runtime State", "Component Instances"
//   table            handles, slabs, lists                         CABI, "Table State"
//   task             tasks and threads, and who runs them          CABI, "Threads", "Tasks"; Concurrency.md
//   ready            who goes on next                              CABI, "Embedding" (`Store.tick`)
//   waitable         what is waited for, and sets of it            CABI, "Waitable State", "Subtask State"
//   channel          streams and futures                           CABI, "Buffer State" to "Future State"
//
// Values
//   abi, abi/host    between a guest and Rust                      CABI, "Loading" to "Lifting and Lowering Values"
//   abi/copy         from guest to guest                           the same
//   abi/string       encodings                                     CABI, "Storing"
//   handles          resources and streams that cross              CABI, `lift_own` to `lower_async_value`
//   wide             representations of 64 bits                    Binary.md, "Type Definitions"
//
// Calls
//   call             with and without waiting                      CABI, "canon lift", "canon lower"
//   direct           the short way, as long as nothing waits       the same
//   canon            every other definition                        CABI, "canon resource.new" and on
//
// The host's side of it
//   host             functions of the host                         CABI, "Embedding"
//   wrapped          Rust functions as such
//   host_channel, host_ends
//                    its ends of streams and futures, plain and typed
//   host_task        its work in the background
//   wakeup           when that is polled
//   rest             guests and the host by turns
//   within           guests called by host functions               Explainer.md, "Component Invariants"
//   started          guests called by what is polled               CABI, "Embedding" (`Store.invoke`)
//   passed_on        a component's imports that it exports
//   show             what is said to who watches calls
//   resource         resources, held or implemented by it          CABI, "Resource State"
//
// The embedder's face
//   func             instances and their functions
//   typed, derive, collections
//                    Rust types as component types
//   checked, fits    whether they are a function's, found once; whether a `Val` is
//   val              values whose types are not known before
//   ty               types that an embedder sees
//   wave             values as text
//   access           what functions of generated bindings get
//   reflect          what scripts of tests look at
//   debug            how all this prints

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
#[doc(hidden)]
pub mod host_channel;
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
mod started;
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
mod wide;
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
pub use started::{FuncCallConcurrent, TypedFuncCallConcurrent};
pub use store::Store;
pub use ty::Type;
pub use typed::{ComponentNamedList, ComponentType, Lift, LiftResult, Lower, LowerResult};
pub use val::{List, Val};
pub use wrapped::{AsContextMut, StoreContextMut};
