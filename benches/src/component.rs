//! Components: calls each way, between two guests, dynamic beside typed, and from bytes or a loaded program to a first
//! result. Against wasmtime, by its interpreter (Pulley) and by its compiler, and against `wasm_component_layer` on
//! wasmi 0.40. Target: ahead of Pulley, and 3 × ahead of `wasm_component_layer`.

pub mod command;
mod dynamic;
mod layer;
mod ours;
mod peer;
mod start;

use crate::measure::{Contestant, compare};
use anyhow::Result;
use layer::Layer;
use ours::Ours;
use peer::Wasmtime;
use wasmote::engine::Metering;

const ROUNDS: usize = 61;
const CALLS: u32 = 2_000;
const TEXT: &str = "sixteen letters!";

#[derive(
    Clone,
    Debug,
    PartialEq,
    wasmtime::component::ComponentType,
    wasmtime::component::Lift,
    wasmtime::component::Lower,
)]
#[component(record)]
struct Record {
    a: u8,
    b: i64,
    c: f64,
    d: String,
    e: Vec<u32>,
    f: Option<u32>,
    g: bool,
}

wasmote::record! {
    Record {
        a: u8 = "a", b: i64 = "b", c: f64 = "c", d: String = "d", e: Vec<u32> = "e", f: Option<u32> = "f", g: bool = "g",
    }
}

fn record() -> Record {
    Record { a: 1, b: -2, c: 3.5, d: TEXT.into(), e: vec![1, 2, 3, 4], f: Some(5), g: true }
}

/// One who runs components. What it is asked for, it does and checks.
trait Runner {
    fn number(&mut self) -> Result<()>;
    fn echo(&mut self, text: &str) -> Result<()>;
    fn bytes(&mut self, bytes: &[u8]) -> Result<()>;
    fn record(&mut self, record: &Record) -> Result<()>;
    fn method(&mut self) -> Result<()>;

    /// One of the guest's loops, so many times around.
    fn rounds(&mut self, name: &str, length: Option<u32>) -> Result<()>;
}

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

fn host() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("component/host.wat"))?)
}

fn guests() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("component/guests.wat"))?)
}

/// Runs the same work of all; who cannot do it at all does not take part.
fn all(
    title: &str,
    units: u32,
    runners: &mut Runners,
    work: impl Fn(&mut dyn Runner) -> Result<()> + Copy,
) -> Result<()> {
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

fn many(count: u32, work: impl Fn() -> Result<()>) -> Result<()> {
    (0..count).try_for_each(|_| work())
}

pub fn run() -> Result<()> {
    let runners = &mut runners()?;
    calls_of_guests(runners)?;
    calls_of_the_host(runners)?;
    calls_between_guests(runners)?;
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

/// Typed functions have one shape with us and with wasmtime.
macro_rules! runner {
    ($name:ident, $error:expr) => {
        impl $crate::component::Runner for $name {
            fn number(&mut self) -> Result<()> {
                ensure!(self.id.call(&mut self.store, (41,)).map_err($error)? == (42,));
                Ok(())
            }

            fn echo(&mut self, text: &str) -> Result<()> {
                let (found,) = self.echo.call(&mut self.store, (text.to_owned(),)).map_err($error)?;
                ensure!(found.len() == text.len());
                Ok(())
            }

            fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
                let (found,) = self.bytes.call(&mut self.store, (bytes.to_vec(),)).map_err($error)?;
                ensure!(found.len() == bytes.len());
                Ok(())
            }

            fn record(&mut self, record: &Record) -> Result<()> {
                let (found,) = self.record.call(&mut self.store, (record.clone(),)).map_err($error)?;
                ensure!(found.b == record.b);
                Ok(())
            }

            fn method(&mut self) -> Result<()> {
                ensure!(self.get.call(&mut self.store, (self.thing,)).map_err($error)? == (8,));
                Ok(())
            }

            fn rounds(&mut self, name: &str, length: Option<u32>) -> Result<()> {
                let instance = if name.starts_with("guest") { &self.guests } else { &self.host };
                let store = &mut self.store;
                let (done,) = match length {
                    Some(length) => {
                        let func = instance.get_typed_func::<(u32, u32), (u32,)>(&mut *store, name);
                        func.map_err($error)?.call(store, (CALLS, length)).map_err($error)?
                    }
                    None => {
                        let func = instance.get_typed_func::<(u32,), (u32,)>(&mut *store, name);
                        func.map_err($error)?.call(store, (CALLS,)).map_err($error)?
                    }
                };
                ensure!(done == CALLS);
                Ok(())
            }
        }
    };
}
use runner;
