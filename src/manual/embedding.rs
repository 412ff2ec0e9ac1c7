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
//! #[derive(Default)]
//! struct State {
//!     table: ResourceTable,
//!     lines: Vec<String>,
//! }
//!
//! struct Counter(u32);
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bytes = wat::parse_str(PLUGIN)?;
//!     let engine = Engine::default();
//!     let component = Component::new(&engine, &bytes)?;
//!
//!     let mut linker = Linker::new(&engine);
//!     let mut counters = linker.instance("example:host/counters")?;
//!     counters.resource("counter", ResourceType::host::<Counter>(), |mut store: StoreContextMut<'_, State>, rep| {
//!         store.data_mut().table.delete(Resource::<Counter>::new_own(rep))?;
//!         Ok(())
//!     })?;
//!     counters.func_wrap("[constructor]counter", |mut store: StoreContextMut<'_, State>, (from,): (u32,)| {
//!         Ok((store.data_mut().table.push(Counter(from))?,))
//!     })?;
//!     counters.func_wrap(
//!         "[method]counter.next",
//!         |mut store: StoreContextMut<'_, State>, (counter,): (Resource<Counter>,)| {
//!             let counter = store.data_mut().table.get_mut(&counter)?;
//!             counter.0 += 1;
//!             Ok((counter.0,))
//!         },
//!     )?;
//!     linker.root().func_wrap("log", |mut store: StoreContextMut<'_, State>, (line,): (String,)| {
//!         store.data_mut().lines.push(line);
//!         Ok(())
//!     })?;
//!
//!     let mut store = Store::new(&engine, State::default());
//!     let instance = linker.instantiate(&mut store, &component)?;
//!     let count = instance.get_typed_func::<(String, u32), (u32,)>(&mut store, "count")?;
//!     let (last,) = count.call(&mut store, ("sheep".to_string(), 41))?;
//!
//!     assert_eq!(last, 42);
//!     assert_eq!(store.data().lines, ["sheep"]);
//!     assert!(store.data().table.is_empty());
//!     Ok(())
//! }
//! # const PLUGIN: &str = r#"(component
//! #   (import "example:host/counters" (instance $counters
//! #     (export "counter" (type $counter (sub resource)))
//! #     (export "[constructor]counter" (func (param "from" u32) (result (own $counter))))
//! #     (export "[method]counter.next" (func (param "self" (borrow $counter)) (result u32)))))
//! #   (import "log" (func $log (param "line" string)))
//! #   (alias export $counters "counter" (type $counter))
//! #   (core module $Memory (memory (export "m") 1)
//! #     (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16)))
//! #   (core instance $memory (instantiate $Memory))
//! #   (core func $new (canon lower (func $counters "[constructor]counter")))
//! #   (core func $next (canon lower (func $counters "[method]counter.next")))
//! #   (core func $drop (canon resource.drop $counter))
//! #   (core func $log' (canon lower (func $log) (memory (core memory $memory "m"))))
//! #   (core module $Main
//! #     (import "" "new" (func $new (param i32) (result i32)))
//! #     (import "" "next" (func $next (param i32) (result i32)))
//! #     (import "" "drop" (func $drop (param i32)))
//! #     (import "" "log" (func $log (param i32 i32)))
//! #     (func (export "count") (param i32 i32 i32) (result i32)
//! #       (local $counter i32) (local $last i32)
//! #       (call $log (local.get 0) (local.get 1))
//! #       (local.set $counter (call $new (local.get 2)))
//! #       (local.set $last (call $next (local.get $counter)))
//! #       (call $drop (local.get $counter))
//! #       (local.get $last)))
//! #   (core instance $main (instantiate $Main (with "" (instance
//! #     (export "new" (func $new)) (export "next" (func $next)) (export "drop" (func $drop))
//! #     (export "log" (func $log'))))))
//! #   (func (export "count") (param "line" string) (param "from" u32) (result u32)
//! #     (canon lift (core func $main "count") (memory (core memory $memory "m"))
//! #       (realloc (core func $memory "realloc")))))"#;
//! ```
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
//! | a host function may call any guest, also one that waits, by `call_async` | a synchronous function of one that is not among its callers: see [`Func::call`](crate::component::Func::call) |
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
