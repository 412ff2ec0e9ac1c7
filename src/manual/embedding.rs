//! Components in a program of one's own.
//!
//! # From `wasmtime::component`
//!
//! [`component`](crate::component) has the names and shapes of `wasmtime::component`, so most of a host ports by changing
//! its `use` lines, and the table below has the rest. This one gives components a resource and a function, and calls what one exports:
//!
//! ```
//! // use wasmtime::component::{Component, Linker, Resource, ResourceTable, ResourceType};
//! // use wasmtime::{Engine, Store, StoreContextMut};
//! use wasmote::component::{Component, Linker, Resource, ResourceTable, ResourceType};
//! use wasmote::component::{Engine, Store, StoreContextMut};
//!
#![doc = include_str!("ported.rs")]
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bytes = wat::parse_file(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/ported.wat"))?;
//! assert_eq!(count(&bytes, "sheep", 41)?, (42, vec!["sheep".to_string()]));
//! # Ok(())
//! # }
//! ```
//!
//! The benches compile this text (`src/manual/ported.rs`) with either crate, and see that both answer the same.
//!
//! What differs: a host function ends its guest with a [`Fault`](crate::engine::Fault), which `?` makes of a
//! [`Trap`](crate::Trap), a [`Rule`](crate::Rule), an [`Error`](crate::Error) and the errors of a `ResourceTable`, and
//! which `?` makes an `Error` of. A function that waits is no `async` closure but one
//! that is polled, [`func_wrap_poll`](crate::component::LinkerInstance::func_wrap_poll). Types of one's own stand for
//! WIT types by [`record!`](crate::record), [`variant!`](crate::variant) and [`flags!`](crate::flags) in place of
//! derives. Beyond that:
//!
//! | there | here |
//! |---|---|
//! | `get_func` answers an `Option`, and exports have indices | a `Result` that says what is there; functions of interfaces go by `"interface#function"` |
//! | a host function may call any guest, also one that waits, by `call_async` | one that answers at once calls a synchronous function of a guest that is not among its callers: see [`Func::call`](crate::component::Func::call) |
//! | one that waits may `call_concurrent` | it [starts](crate::component::TypedFunc::start_call_concurrent) a call of any guest, keeps that in the store ([`keep`](crate::component::StoreContextMut::keep), [`take_kept`](crate::component::StoreContextMut::take_kept)) and [polls](crate::component::TypedFuncCallConcurrent::poll) it in place of `finish_call_concurrent` |
//! | a name is defined once, unless shadowing is allowed | the last definition holds |
//! | a `ResourceTable` lists children, and has them added and removed later | a child is one from when it is pushed |
//! | streams are made by `Pin`ned producers with a `Destination` | by a [`StreamProducer`](crate::component::StreamProducer) that is given a [`StreamWriter`](crate::component::StreamWriter) to write to and answers a [`StreamResult`](crate::component::StreamResult), or by a writer that the host keeps |
//! | `Engine::new(&Config)`, `Engine::default()` | [`Engine::new(Features, &Limits)`](crate::component::Engine::new): fuel is counted and memory bounded without being asked for |
//! | `get_fuel` | [`fuel_left`](crate::component::Store::fuel_left) and [`fuel_spent`](crate::component::Store::fuel_spent) |
//! | a store's data may be anything | it is `Send` |
//! | `TypedFunc<(&str, &[u8]), _>` lowers what is borrowed | parameters are `String` and `Vec`, or `&'static str`: a call that the guest has not let in yet keeps its arguments |
//! | `Val::List(Vec<Val>)` | [`Val::List(List)`](crate::component::List), where numbers stay numbers |
//! | an instance, a function or a resource of another store panics | it is an [`Error`](crate::Error) |
//! | `ComponentType::imports(&engine)` | [`component_type().imports()`](crate::component::Component::component_type), without the engine |
//! | `LinkerInstance::module` takes a `Module` | it takes the [bytes](crate::component::LinkerInstance::module) |
//! | `Component::{from_file, from_binary}` | [`Component::new`](crate::component::Component::new) of the bytes |
//! | `Type::{Own, Borrow}` name a `ResourceType`, as `Linker::resource` takes | a [`NamedResource`](crate::component::types::NamedResource): which type a component's name stands for, is only known of instances |
//! | `post_return` | has no counterpart: it is called when the result was lifted |
//! | `Instance::{get_resource, get_module}`, `ResourceAny::ty`, `Store::into_data`, `Linker::define_unknown_imports_as_traps`, a maximum of `ResourceTable` | are not there |
//!
//! # Bindings for a WIT world
//!
//! With the feature `bindgen` among its build dependencies, a build script has all of the above written for it, types
//! and names included:
//!
//! ```ignore
//! // build.rs
//! fn main() -> Result<(), wasmote::bindgen::Error> {
//!     wasmote::bindgen::Config::new("wit").world("plugin").generate_to_out_dir("plugin.rs")
//! }
//! ```
//!
//! For a world that imports an interface `counters` and exports `count`, the host is then
//!
//! ```text
//! mod bindings {
//!     include!(concat!(env!("OUT_DIR"), "/plugin.rs"));
//! }
//! use bindings::{Plugin, example::host::counters};
//!
//! impl counters::Host for State {}
//! impl counters::HostCounter for State {
//!     fn new(&mut self, from: u32) -> Result<Resource<Counter>, Fault> { … }
//!     fn next(&mut self, this: Resource<Counter>) -> Result<u32, Fault> { … }
//!     fn drop(&mut self, this: Resource<Counter>) -> Result<(), Fault> { … }
//! }
//!
//! Plugin::add_to_linker(&mut linker, |state: &mut State| state)?;
//! let plugin = Plugin::instantiate(&mut store, &component, &linker)?;
//! let last = plugin.call_count(&mut store, "sheep".into(), 41)?;
//! ```
//!
//! `wasmote bindgen wit --world plugin -o src/plugin.rs` writes the same to a file that is kept. What is generated, and
//! what can be chosen, is told where `wasmote::bindgen` is documented. A whole host by generated bindings is
//! `tests/bindgen_garden.rs`; the interfaces of WASI, in `wasi::p2::bindings` and `wasi::p3::bindings`, are made by the
//! same generator.
//!
//! # Components with components
//!
//! Where components satisfy each other's imports and need nothing but WASI from their host, [`Linked`](crate::Linked)
//! loads them and [`Host::start_linked`](crate::Host::start_linked) starts them as one guest. On the second floor,
//! [`LinkerInstance::export`](crate::component::LinkerInstance::export) offers what one instance exports to the next one
//! in the same store.
