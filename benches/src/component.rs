//! Components: calls each way, between two guests, dynamic beside typed, and from bytes or a loaded program to a first
//! result. Against wasmtime, by its interpreter (Pulley) and by its compiler, and against `wasm_component_layer` on
//! wasmi 0.40. Target: ahead of Pulley, and 3 × ahead of `wasm_component_layer`.

mod ours;

#[cfg(feature = "component")]
pub mod command;
#[cfg(feature = "component")]
mod dynamic;
#[cfg(feature = "component")]
mod layer;
#[cfg(feature = "component")]
mod peer;
#[cfg(feature = "component")]
mod port;
#[cfg(feature = "component")]
mod rows;
#[cfg(feature = "component")]
mod start;

use anyhow::Result;
use ours::Ours;
use wasmote::{component::Val, engine::Metering};

#[cfg(feature = "component")]
pub use rows::run;

const CALLS: u32 = 2_000;
const TEXT: &str = "sixteen letters!";

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower),
    component(record)
)]
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

fn host() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("component/host.wat"))?)
}

fn guests() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("component/guests.wat"))?)
}

/// `count` calls by one who is not compared: for instruction counts.
pub fn fixed(metering: Metering, name: &str, count: u32) -> Result<()> {
    let mut it = Ours::new(metering, &host()?, &guests()?)?;
    let (long, list, record) = (&*TEXT.repeat(64), &*vec![7; 1 << 16], &record());
    let bytes = Val::List(list.to_vec().into());
    // The guests' loops are of `CALLS` calls each.
    let guests =
        |it: &mut Ours, name, length| (0..count.div_ceil(CALLS)).try_for_each(|_| it.rounds(name, length));
    let each = |it: &mut Ours, call: &dyn Fn(&mut Ours) -> Result<()>| (0..count).try_for_each(|_| call(it));
    match name.split_once(' ') {
        None if name == "number" => each(&mut it, &|it| it.number()),
        None if name == "record" => each(&mut it, &|it| it.record(record)),
        None if name == "method" => each(&mut it, &|it| it.method()),
        None if name == "echo-16" => each(&mut it, &|it| it.echo(TEXT)),
        None if name == "echo-1024" => each(&mut it, &|it| it.echo(long)),
        None if name == "bytes" => each(&mut it, &|it| it.bytes(list)),
        None if name == "dynamic-bytes" => {
            let func = it.host.get_func(&it.store, "bytes")?;
            each(&mut it, &|it| it.dynamic(&func, &bytes))
        }
        None => guests(&mut it, name, None),
        Some((name, length)) => guests(&mut it, name, Some(length.parse()?)),
    }
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
