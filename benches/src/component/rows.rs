//! The rows of the table: each call by all who can make it.

use super::{
    CALLS, Runner, TEXT, dynamic, guests, host, layer::Layer, ours::Ours, peer::Wasmtime, port, record, start,
};
use crate::measure::{Contestant, compare};
use anyhow::Result;
use wasmote::engine::Metering;

pub(super) const ROUNDS: usize = 61;

type Runners = Vec<(&'static str, Box<dyn Runner>)>;

fn runners() -> Result<Runners> {
    let (host, guests) = (host()?, guests()?);
    let mut runners: Runners = vec![
        ("wasmtime, Pulley", Box::new(Wasmtime::new(true, &host, &guests)?)),
        ("wasmtime, Cranelift", Box::new(Wasmtime::new(false, &host, &guests)?)),
        ("wasmote, metering off", Box::new(Ours::new(Metering::Off, &host, &guests)?)),
        ("wasmote, metering on", Box::new(Ours::new(Metering::On, &host, &guests)?)),
    ];
    match Layer::new(&host) {
        Ok(layer) => runners.push(("wasm_component_layer", Box::new(layer))),
        Err(error) => println!("wasm_component_layer does not take part: {error:#}"),
    }
    Ok(runners)
}

/// Runs the same work of all; who cannot do it at all does not take part.
fn all(
    title: &str,
    units: u32,
    runners: &mut Runners,
    work: impl Fn(&mut dyn Runner) -> Result<()> + Copy,
) -> Result<()> {
    if std::env::var("WASMOTE_BENCH_ROWS")
        .is_ok_and(|wanted| !wanted.split(',').any(|part| title.contains(part)))
    {
        return Ok(());
    }
    let mut contestants = Vec::new();
    let mut absent = Vec::new();
    for (name, runner) in runners {
        match work(&mut **runner) {
            Ok(()) => contestants.push(Contestant::new(name, move || work(&mut **runner))),
            Err(error) => absent.push(format!("  {name} does not take part: {error:#}")),
        }
    }
    compare(&format!("components: {title}"), units, ROUNDS, contestants)?;
    absent.iter().for_each(|line| println!("{line}"));
    Ok(())
}

pub(super) fn many(count: u32, work: impl Fn() -> Result<()>) -> Result<()> {
    (0..count).try_for_each(|_| work())
}

pub fn run() -> Result<()> {
    port::check()?;
    let runners = &mut runners()?;
    calls_of_guests(runners)?;
    calls_of_the_host(runners)?;
    calls_between_guests(runners)?;
    if std::env::var_os("WASMOTE_BENCH_ROWS").is_some() {
        return Ok(());
    }
    dynamic::run()?;
    start::run()
}

fn calls_of_guests(runners: &mut Runners) -> Result<()> {
    let (long, list, record) = (&*TEXT.repeat(64), &*vec![7; 1 << 16], &record());
    all("host to guest, u32", 1_000, runners, |it| (0..1_000).try_for_each(|_| it.number()))?;
    all("host to guest, string of 16 bytes", 500, runners, |it| (0..500).try_for_each(|_| it.echo(TEXT)))?;
    all("host to guest, string of 1 KiB", 500, runners, |it| (0..500).try_for_each(|_| it.echo(long)))?;
    all("host to guest, list<u8> of 64 KiB", 50, runners, |it| (0..50).try_for_each(|_| it.bytes(list)))?;
    all("host to guest, record", 300, runners, |it| (0..300).try_for_each(|_| it.record(record)))?;
    all("host to guest, method", 1_000, runners, |it| (0..1_000).try_for_each(|_| it.method()))
}

fn calls_of_the_host(runners: &mut Runners) -> Result<()> {
    all("guest to host, u32", CALLS, runners, |it| it.rounds("host-numbers", None))?;
    all("guest to host, string of 16 bytes", CALLS, runners, |it| it.rounds("host-strings", Some(16)))?;
    all("guest to host, string of 1 KiB", CALLS, runners, |it| it.rounds("host-strings", Some(1_024)))?;
    all("guest to host, list<u8> of 64 KiB", CALLS, runners, |it| it.rounds("host-bytes", Some(1 << 16)))?;
    all("guest to host, record", CALLS, runners, |it| it.rounds("host-records", None))?;
    all("guest to host, method", CALLS, runners, |it| it.rounds("host-methods", None))
}

fn calls_between_guests(runners: &mut Runners) -> Result<()> {
    all("guest to guest, u32", CALLS, runners, |it| it.rounds("guest-numbers", None))?;
    all("guest to guest, string of 16 bytes", CALLS, runners, |it| it.rounds("guest-strings", Some(16)))?;
    all("guest to guest, string of 1 KiB", CALLS, runners, |it| it.rounds("guest-strings", Some(1_024)))?;
    all("guest to guest, method", CALLS, runners, |it| it.rounds("guest-methods", None))
}
