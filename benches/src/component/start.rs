//! From bytes to a first result (target: 300 µs), and instances of a loaded program beside bare wasmi instances of its
//! core modules (target: 3 × as long at most).

use super::{
    host,
    layer::Loaded,
    ours, peer,
    rows::{ROUNDS, many},
};
use crate::measure::{Contestant, compare};
use anyhow::Result;
use wasmote::{component::Store, engine::Metering};

/// A component of the size of a small plugin: it echoes strings.
const SMALL: &str = include_str!("small.wat");

pub(super) fn run() -> Result<()> {
    let bytes = wat::parse_str(SMALL)?;
    for (title, bytes) in [("a small component", bytes), ("that of all the calls above", host()?)] {
        from_bytes(title, &bytes)?;
        calls_of_new_instances(title, &bytes)?;
    }
    instances()
}

fn from_bytes(title: &str, bytes: &[u8]) -> Result<()> {
    let ours = |metering| ours::first(&ours::load(&ours::engine(metering), bytes)?);
    let wasmtime = |is_pulley| peer::first(&peer::load(&peer::engine(is_pulley)?, bytes)?);
    let mut contestants = vec![
        Contestant::new("wasmtime, Pulley", || wasmtime(true)),
        Contestant::new("wasmtime, Cranelift", || wasmtime(false)),
        Contestant::new("wasmote, metering off", || ours(Metering::Off)),
        Contestant::new("wasmote, metering on", || ours(Metering::On)),
    ];
    match Loaded::new(bytes) {
        Ok(_) => contestants.push(Contestant::new("wasm_component_layer", || Loaded::new(bytes)?.number())),
        Err(error) => println!("wasm_component_layer does not take part: {error:#}"),
    }
    compare(&format!("components: bytes to a first result, {title}"), 1, ROUNDS, contestants)
}

fn calls_of_new_instances(title: &str, bytes: &[u8]) -> Result<()> {
    let pulley = peer::load(&peer::engine(true)?, bytes)?;
    let cranelift = peer::load(&peer::engine(false)?, bytes)?;
    let off = ours::load(&ours::engine(Metering::Off), bytes)?;
    let on = ours::load(&ours::engine(Metering::On), bytes)?;
    compare(
        &format!("components: instantiate, call, drop, {title}"),
        20,
        ROUNDS,
        vec![
            Contestant::new("wasmtime, Pulley", || many(20, || peer::first(&pulley))),
            Contestant::new("wasmtime, Cranelift", || many(20, || peer::first(&cranelift))),
            Contestant::new("wasmote, metering off", || many(20, || ours::first(&off))),
            Contestant::new("wasmote, metering on", || many(20, || ours::first(&on))),
        ],
    )
}

/// The core modules of the small component, in one bare store.
fn instances() -> Result<()> {
    let bytes = wat::parse_str(SMALL)?;
    let module = wat::parse_str(core_module(SMALL))?;
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, &module)?;
    let bare = || {
        let mut store = wasmi::Store::new(&engine, ());
        let import = wasmi::Func::wrap(&mut store, |number: u32| number + 1);
        wasmi::Instance::new(&mut store, &module, &[wasmi::Extern::Func(import)])?;
        Ok(())
    };
    let off = ours::load(&ours::engine(Metering::Off), &bytes)?;
    let on = ours::load(&ours::engine(Metering::On), &bytes)?;
    let ours = |program: &wasmote::component::InstancePre<()>| {
        let mut store = Store::new(program.component().engine(), ());
        program.instantiate(&mut store)?;
        Ok(())
    };
    compare(
        "components: instantiate and drop, a small component",
        50,
        ROUNDS,
        vec![
            Contestant::new("bare wasmi, its core module", || many(50, bare)),
            Contestant::new("wasmote, metering off", || many(50, || ours(&off))),
            Contestant::new("wasmote, metering on", || many(50, || ours(&on))),
        ],
    )
}

/// The text of the component's one core module, which stands between two lines of dashes.
fn core_module(text: &str) -> String {
    text.split(";; ----\n").nth(1).unwrap_or_default().replace("(core module", "(module")
}
