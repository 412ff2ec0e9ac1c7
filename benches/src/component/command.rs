//! A command of WASI 0.2, Rust's standard library behind the usual adapter: from bytes to its exit (target: 2 ms), and
//! each time a fresh instance of a loaded one (target: not behind wasmtime).

use super::{
    peer,
    rows::{ROUNDS, many},
};
use crate::{
    guests,
    measure::{Contestant, compare},
    ours,
};
use anyhow::{Result, ensure};
use wasmote::{Program, engine::Metering};
use wasmtime::{
    Engine, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    p2::{self, bindings::sync::CommandPre},
};

const ARGS: [&str; 2] = ["hello", "world"];
/// How many runs of a loaded program one sample holds.
const RUNS: u32 = 20;

pub fn run() -> Result<()> {
    let bytes = guests::guest("p2/hello-rust")?;
    from_bytes(&bytes)?;
    fresh_instances(&bytes)
}

/// Everything that a process does that has the bytes, and drops what it made of them.
fn from_bytes(bytes: &[u8]) -> Result<()> {
    let wasmtime = |is_pulley| first(&load(&peer::engine(is_pulley)?, bytes)?);
    let ours = |metering| ours::run(&ours::host(&ARGS), &ours::program(bytes, metering)?);
    compare(
        "commands of WASI 0.2: bytes to exit, hello-rust",
        1,
        ROUNDS,
        vec![
            Contestant::new("wasmtime, Cranelift", || wasmtime(false)),
            Contestant::new("wasmtime, Pulley", || wasmtime(true)),
            Contestant::new("wasmote, metering off", || ours(Metering::Off)),
            Contestant::new("wasmote, metering on", || ours(Metering::On)),
        ],
    )
}

fn fresh_instances(bytes: &[u8]) -> Result<()> {
    let cranelift = load(&peer::engine(false)?, bytes)?;
    let pulley = load(&peer::engine(true)?, bytes)?;
    let host = ours::host(&ARGS);
    let ours = |program: &Program| many(RUNS, || ours::run(&host, program));
    let (off, on) = (ours::program(bytes, Metering::Off)?, ours::program(bytes, Metering::On)?);
    compare(
        "commands of WASI 0.2: start, run, drop, hello-rust",
        RUNS,
        ROUNDS,
        vec![
            Contestant::new("wasmtime, Cranelift", || many(RUNS, || first(&cranelift))),
            Contestant::new("wasmtime, Pulley", || many(RUNS, || first(&pulley))),
            Contestant::new("wasmote, metering off", || ours(&off)),
            Contestant::new("wasmote, metering on", || ours(&on)),
        ],
    )
}

/// What wasmtime keeps for a guest.
struct State {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

fn load(engine: &Engine, bytes: &[u8]) -> Result<CommandPre<State>> {
    let link = || {
        let component = Component::new(engine, bytes)?;
        let mut linker = Linker::new(engine);
        p2::add_to_linker_sync(&mut linker)?;
        CommandPre::new(linker.instantiate_pre(&component)?)
    };
    link().map_err(peer::told)
}

/// A guest of its own, from its start to its exit.
fn first(program: &CommandPre<State>) -> Result<()> {
    let ctx = WasiCtx::builder().args(&ARGS).build();
    let mut store = Store::new(program.engine(), State { ctx, table: ResourceTable::new() });
    let command = program.instantiate(&mut store).map_err(peer::told)?;
    let ended = command.wasi_cli_run().call_run(&mut store).map_err(peer::told)?;
    ensure!(ended.is_ok(), "the guest failed");
    Ok(())
}
