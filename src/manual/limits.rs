//! What bounds a guest, and what an embedder has to know of the bounds that are not fields of [`Limits`](crate::Limits).
//!
//! # The native stack
//!
//! The interpreter runs on the stack of whoever polls a guest. How much of it one poll takes depends on how **the
//! interpreter was compiled**, which the profile of your package decides and not that of this one:
//!
//! | profile | a loop of a guest takes |
//! |---|---|
//! | optimised, `lto = "fat"` | nothing (the program asks at each start) |
//! | optimised, `lto = "thin"`, or Cargo's default for it | nothing is expected, and nobody has measured it: ask |
//! | not optimised (`opt-level` 0 or 1) | nothing: the interpreter dispatches in another way (tested) |
//! | optimised, `lto = "off"`, one of `codegen-units` for wasmi | nothing (tested) |
//! | optimised, `lto = "off"`, 16 `codegen-units` | some 100 to 200 bytes for each unit of fuel |
//! | optimised, with `debug-assertions` | as much |
//!
//! The last two are repaired in your `Cargo.toml`, at the cost of a slower build of one package:
//!
//! ```toml
//! [profile.release.package.wasmi]
//! codegen-units = 1
//! debug-assertions = false
//! ```
//!
//! [`engine::keeps_native_stack`](crate::engine::keeps_native_stack) tells whether this build is sound. Ask it in a test,
//! or when your program starts. The program `wasmote` asks when it starts, and ends when it is not.
//!
//! Where it is sound, 64 KiB of stack is enough for what a guest does by itself; what host functions, deep calls from
//! guest to host to guest ([`Limits::reentry_depth`](crate::Limits::reentry_depth)) and deep types
//! ([`Limits::type_depth`](crate::Limits::type_depth)) take comes on top, and threads of 2 MiB, Rust's default, have room
//! for it. Where it is not sound, a slice of fuel still ends what a loop leaves behind, but one of 20,000
//! units ran 2 MiB over (4 MiB held it), those of [`Limits::server`](crate::Limits::server) are five times as long, and a
//! guest that was loaded unmetered has no slices: do not run untrusted guests in such a build.
//!
//! # Descriptors of the process
//!
//! [`Limits::descriptors`](crate::Limits::descriptors) and [`handles`](crate::Limits::handles) bound one guest. What guests
//! open on the platform (files, directories, those along a path, sockets) is also counted for all of them together, and
//! no more of it is open than half of what the process may have (`RLIMIT_NOFILE`): the rest is the host's. A host with other
//! needs says how many (`backend::std::set_descriptors_max`). The guest that asks for one too many is told that the
//! host has none left (`nfile`; `insufficient-memory` in WASI 0.2 and 0.3). That no guest takes all of it from the others
//! is for the host to see to: as many guests at once, times `descriptors` and `path_depth`, as there are.
//!
//! # What each limit is called where
//!
//! Fields of [`Limits`](crate::Limits) are keys of `-W` and `-S` on the program's command line and of `wasm` and `wasi` in
//! a `wasmote.toml`; `wasmote run -W help` and `-S help` list them with what they are by default. Four go by the names
//! that wasmtime has for them as well:
//!
//! | key of `-S` | field | |
//! |---|---|---|
//! | `max-resources` | [`handles`](crate::Limits::handles) | handles of every kind, in a guest's whole world |
//! | `hostcall-fuel` | [`host_call_bytes`](crate::Limits::host_call_bytes) | bytes that one call of the host moves |
//! | `max-random-size` | [`random_bytes`](crate::Limits::random_bytes) | random bytes of one call |
//! | `max-http-fields-size` | [`http.fields_bytes`](crate::HttpLimits::fields_bytes) | bytes of one header or trailer section |
