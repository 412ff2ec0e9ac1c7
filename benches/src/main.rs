//! wasmote beside bare wasmi with a hand-written WASI, and beside `wasmi_wasi`: all in one process, in turns.
//!
//! `cargo run --release [-- GROUP…]`, of the groups `compute load start calls`. See README.md.

mod bare;
mod calls;
mod compute;
mod guests;
mod measure;
mod ours;
mod peer;
mod start;

use anyhow::{Result, bail};

type Group = fn() -> Result<()>;

const GROUPS: [(&str, Group); 4] =
    [("compute", compute::run), ("load", start::load), ("start", start::start), ("calls", calls::run)];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let Some(unknown) = wanted.iter().find(|name| GROUPS.iter().all(|group| group.0 != **name)) {
        let names = GROUPS.map(|group| group.0).join(", ");
        bail!("there is no group `{unknown}`; there are: {names}");
    }
    for (name, run) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run()?;
        }
    }
    Ok(())
}
