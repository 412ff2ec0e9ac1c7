//! Why it is so.
//!
//! # Why does a program own its interpreter?
//!
//! wasmi never frees a module it compiled before its engine is dropped. An engine of its own, about half a
//! kilobyte, is what lets dropping a program give everything back.
//!
//! # Why is translation charged when a guest starts?
//!
//! Functions are translated when they are first called. Charged then, a run's fuel would depend on which guest of the
//! program came first; and the interpreter cannot resume a call that ran out of fuel in the middle of it.
//! So it is free then, and 7 fuel for each byte of code are charged at start.
//!
//! # Why does a directory in memory cost as much fuel as one of the platform?
//!
//! A run's fuel must not depend on where it is made: it is the time stamp of a trace, and a budget that fits on a laptop
//! is to fit on a board. So prices ([`wasi::price`](crate::wasi::price)) are those of a call of an operating system,
//! whatever is below. For the same reason what may wait is paid for when it is ready, once, and not each time it is asked.
//!
//! # Why do functions with many locals begin with dropped constants?
//!
//! Calling a function zeroes its locals, and the interpreter charges nothing for that: 30,000 locals cost a thousand
//! times what the fuel says. A constant that is dropped at once is charged and never executed, so prefixing
//! a body with one for every eight locals beyond the first 32 prices them at no cost in time.
//!
//! # Why may a loop cost more than it executes?
//!
//! The interpreter counts fuel at the head of each function, loop and branch of an `if`, and charges there for what stands
//! behind it up to the next, executed or not. In a loop of ten instructions that counting is a fifth of the time. So where fuel is
//! counted, loading writes down several times what some short loops repeat, and they pass their head once for three rounds
//! (`engine/unroll.rs`). The rule:
//!
//! * Unrolled are loops that are likely to run often: those within another, and those that call the function that they are in. They
//!   take at most 100 bytes, end with a `br_if` to their beginning, and have no blocks, no other branch to it, no `br`, `br_table` or
//!   `return`, and nothing that grows or copies memories and tables. Functions of more than 4 KiB are left as they are, and so are modules
//!   with tail calls of imports. A module grows by no more than an eighth of its code, and 8 KiB: the first loops come first.
//! * The first round is charged with what stands before the loop, and then three rounds at a time, as the first of them begins.
//!   What was charged and not executed is not given back. The copies are charged as code at start.
//!
//! So fuel depends on the module and its input, and not on limits, slices, the machine, or what else is loaded: a
//! module is refused where its limits leave no room for the copies. With fuel not counted, nothing is unrolled.
//!
//! # Why is a start function an export?
//!
//! The interpreter runs start functions during instantiation, in a way that can be neither suspended nor
//! sliced. As an export it is a call like any other, and instantiating runs no guest code at all.
//!
//! # Why is there no linker underneath?
//!
//! A linker would have to be filled for every program, since each has an engine of its own. Imports
//! are looked up one by one in a static table, and only what is imported becomes a function.
//!
//! # Why do paths never reach a backend?
//!
//! `wasi/path.rs` walks them, one name at a time, over directory handles that cannot name their parent. So a
//! directory in memory and one of the platform have the same sandbox, and a backend cannot get it wrong.
//!
//! # Why are clocks virtual unless granted?
//!
//! A guest that can tell the time can tell runs apart. A virtual clock moves by a microsecond at each look, so that
//! a guest that spins on it ends, and jumps to what is waited for.
//!
//! # What can be done about a linear memory being touched whole?
//!
//! From outside the interpreter, nothing: it fills a memory with zeroes when it makes it. A live guest of 17
//! pages costs 1,088 KiB from its start. What helps is fewer pages: link guests with a smaller initial memory.
//!
//! # Why does a bundle carry what reading a component found out?
//!
//! Which type is which in a component is the validator's to resolve, and a device that takes bundles has none. Carrying
//! the bare bytes would ask it to resolve types a second way, with a parser of 40 KB. What the loader makes of a
//! component is a list of types and of steps, closed in itself, so that is what is written down, signed, and read back.
//! The price is that a bundle belongs to one version of its format, as it belongs to one version of the interpreter.
