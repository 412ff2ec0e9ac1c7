//! wasmote beside bare wasmi with a hand-written WASI, and beside `wasmi_wasi`: all in one process, in turns.
//!
//! `cargo run --release [-- GROUP…]`, of the groups `compute load start calls`, and `component command` where their
//! peers are built in (feature `component`); `fixed` for instruction counts. See README.md.

mod bare;
mod calls;
mod component;
mod compute;
mod fixed;
mod guests;
mod measure;
mod ours;
mod peer;
mod start;

use anyhow::{Result, bail};

type Group = fn() -> Result<()>;

const GROUPS: &[(&str, Group)] = &[
    ("compute", compute::run),
    ("load", start::load),
    ("start", start::start),
    ("calls", calls::run),
    #[cfg(feature = "component")]
    ("component", component::run),
    #[cfg(feature = "component")]
    ("command", component::command::run),
];

fn main() -> Result<()> {
    keep_memory();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let Some((_, words)) = wanted.split_first().filter(|(first, _)| *first == "fixed") {
        return fixed::run(words);
    }
    if let Some(unknown) = wanted.iter().find(|name| GROUPS.iter().all(|group| group.0 != **name)) {
        let names = GROUPS.iter().map(|group| group.0).collect::<Vec<_>>().join(", ");
        bail!("there is no group `{unknown}`; there are: {names}");
    }
    for (name, run) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run()?;
        }
    }
    Ok(())
}

/// Has glibc keep what is freed. By itself it gives back what is free at the top of its heap beyond 128 KiB, and then a call
/// that holds three lists of 64 KiB takes new pages of the system each time, or none, as its blocks happen to lie: 43 µs or
/// 13. A block that was mapped, and freed, raises that bound to twice its length.
fn keep_memory() {
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
}
