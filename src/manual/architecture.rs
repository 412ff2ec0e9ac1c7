//! The rooms of this library, which way their doors open, and how a call runs.
//!
//! # Four ideas
//!
//! 1. **Every guest call is a future.** It makes progress while it is polled and gives way where the guest
//!    waits and at the end of each slice of fuel. No thread, no fiber, no executor of ours.
//! 2. **One boundary.** Whatever enters a guest passes [`engine`](crate::engine): a call into it, the result of a
//!    host call, bytes in its memory. An [`Interposer`](crate::engine::Interposer) sees it pass, stamped with
//!    the fuel spent so far, and knows no interface.
//! 3. **Fuel is the clock.** It counts instructions (by what a function, a loop or a branch has, as it is entered), host calls,
//!    bytes, elements, and the zeroing of locals. It depends on the module and its input, and on nothing else.
//! 4. **Nothing is granted.** A capability is a value that is handed in.
//!
//! # The rooms
//!
//! ```text
//! host, guest, program   what is granted and allowed; one running instance; loaded code
//! engine                 core modules on wasmi: the only room that names it
//! wasi                   what WASI means, once, as poll functions on plain types
//! wasi/p1, p2, p3        dialects: decode, call wasi, encode; none sees another
//! component              the Component Model; knows no WASI            (feature `component`)
//! dialects               which dialects a component is linked with
//! bundled                programs that were validated elsewhere       (feature `bundle`)
//! bindgen                WIT worlds as Rust; `wasi/p2/bindings` and `wasi/p3/bindings` are made by it
//! wast                   running the standard's scripts               (feature `wast`)
//! cap                    traits that a port implements, one file per noun
//! backend/mem            no_std, deterministic, the default
//! backend/std            the real world                                (feature `std`)
//! error, limits          under everything
//! ```
//!
//! The same noun has a file of the same name in every layer: `cap/clocks.rs`, `wasi/clocks.rs`,
//! `wasi/p1/clocks.rs`, `backend/mem/clocks.rs`, `backend/std/clocks.rs`.
//!
//! Rooms that are planned and not there yet: `backend/hal` (embedded-hal), `replay`, `snapshot` and `fuzz`, which stand on
//! the line between guest and host that [`engine::Interposer`](crate::engine::Interposer) watches already.
//!
//! # The doors
//!
//! ```text
//! bin ─► host …              (public API only)
//! host ─► guest, backend::mem          guest ─► dialects, wasi, wasi::p1, engine, component
//! wasi::p1 ─► wasi, engine             wasi::p2, wasi::p3 ─► wasi, component
//! wasi ─► cap   component ─► engine ─► wasmi   backend ─► cap
//! ```
//!
//! `tests/tidy.rs` proves this from the source, and with it that a `cfg` stands only on `mod` and `use` lines.
//!
//! # How a call runs
//!
//! `Guest::call` makes a call, which owns an activation. Polling it
//!
//! 1. asks the host function the guest waits in, if it does, whether it is ready;
//! 2. fills the interpreter's fuel counter for one slice;
//! 3. runs the guest until it returns, a host function waits, or the slice ends;
//! 4. answers `Pending`, with a wake-up arranged, unless the call is over.
//!
//! A host function that waits is called again with the same arguments until it is ready; what must not be
//! decoded twice, it keeps. Nothing of a suspended guest is on the native stack, so guests interleave in any
//! order, move between threads between polls, and can be dropped at any point.
//!
//! # How a component runs
//!
//! A component's instances, handles, tasks and streams are data in its store ([`component`](crate::component)); its core
//! modules are instances of the engine room, in one store with one budget. A task that waits has suspended its core
//! call; the scheduler is first come, first served, so a run with virtual clocks is the same each time. What the host
//! does for a guest meanwhile (a call that waits, a stream it fills) is polled when its waker was woken. The clock is
//! asked last, when nothing else can go on: a virtual one jumps then, to the earliest deadline and no further.
//!
//! # The native stack
//!
//! wasmi's fast dispatch turns each instruction's end into a jump to the next handler, where the compiler
//! makes a sibling call of it. It does not everywhere: `memory.grow` and `table.grow` leave about 180 bytes behind, and
//! on Arm an indirect call about 90, until the guest next returns to its host. A slice of fuel bounds that, because each
//! of them is paid for (1,280 and 32 fuel) right before it happens: a slice of [`Limits::mcu`](crate::Limits::mcu) leaves at
//! most 14 KiB (22 KiB, where what is called is a function of the host), one of
//! [`Limits::server`](crate::Limits::server) twenty times as much on 32-bit Arm, and 14 KiB on x86-64. That it is paid for *then*
//! takes an edit of the module (`engine/paying.rs`): by itself the interpreter charges for a function as a whole when it
//! is entered, so a recursion would pay on its way down and overflow on its way up. Guests that run
//! unmetered grow through a call of the host instead; where that is not enough (Arm), they are refused. On RISC-V no
//! handler is a sibling call, and the portable dispatch is used (`Cargo.toml`).
//!
//! **How wasmi was compiled decides whether sibling calls are made at all**: with debug assertions at `opt-level` 2 or 3,
//! or divided into `codegen-units` without link-time optimisation, they are not, and any loop takes native stack. This
//! package's `Cargo.toml` sets both for its own builds, and `tests/native_stack.rs` fails where it is not so; builds of
//! embedders have their own profile, and [`limits`](super::limits) says what they do.
//!
//! # What the interpreter cannot do
//!
//! * Run exceptions, garbage collection, typed function references, threads: refused at load, by name.
//! * Name the functions on the stack of a trap.
//! * Suspend a *tail call* of an import: it gives up the caller's frame first. So loading makes `return_call` of an
//!   import a call that returns, and lets references to imports be to functions of the module's own that call them. A
//!   module with `return_call_indirect` that others can give functions to is refused: that imports a table, a global of
//!   functions or a function that returns one, and in a component one that exports any of these or takes a function as a
//!   parameter.
//!
//! # What the interpreter gets wrong
//!
//! In wasmi 2.0.0, each reached by valid modules with default settings. Loading edits modules around them (`engine/rewrite.rs`),
//! which [`Metering::Off`](crate::engine::Metering) takes part in where it says so:
//!
//! * A `select` whose condition is whether a value is 0 may choose by a register that nobody wrote (`engine/selects.rs`; metering on and
//!   off).
//! * A module that imports one memory twice and grows it by its second index goes on with where the first one lay: it reads
//!   and writes what the host has freed (`engine/paying.rs`; with metering off, growth is a call of the host, after which the
//!   interpreter looks again).
//! * Of locals that lie beneath the parameters of a block, loop or `if`, and of what such an `if` without `else` passes on, something
//!   else may be read, among it what nobody wrote (`engine/blocks.rs`; metering on and off). So may what a `br_table` passes on
//!   that is more than one value or a vector (there as well). All code is gone through for them, but for a program that is one core
//!   module: it is first loaded by an engine without multiple values and vectors, which accepts most, and none that has any of this.
//! * Translating a store of a local at the address that is the same local, with an offset past 65535 or in another memory
//!   than the first, panics (`engine/stores.rs`; metering on and off).
//! * A `table.grow` that costs more than its slice has left is resumed behind the last call that returned
//!   (`engine/paying.rs`; with metering off nothing is resumed).
//! * In builds without 64-bit memories, one lane of a vector that is stored with an offset past 65535, or in another memory than
//!   the first, goes anywhere, and so does the interpreter: what follows in its code is read from a wrong place. So the feature
//!   `simd` comes with `memory64` (`Cargo.toml`).
//! * A tail call of an import that waits is resumed in a frame that is gone (`engine/wrappers.rs`, above).
//!
//! # To add an interface
//!
//! `cap/<noun>.rs` (what a port brings) → `backend/mem/<noun>.rs` and `backend/std/<noun>.rs` → `wasi/<noun>.rs`
//! (what it means) → `wasi/p1/<noun>.rs`, `wasi/p2/<noun>.rs`, `wasi/p3/<noun>.rs` (how a dialect spells it) → a suite in `tests/` over both backends.
