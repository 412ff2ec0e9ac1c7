//! Components: typed calls each way, between two guests, and from bytes or a loaded program to a first result. Against
//! wasmtime, by its interpreter (Pulley) and by its compiler, and against `wasm_component_layer` on wasmi 0.40. Target:
//! ahead of Pulley, and 3 × ahead of `wasm_component_layer`.

use crate::measure::{Contestant, compare};
use anyhow::{Result, ensure};
use wasm_component_layer as layer;
use wasmote::{
    Limits,
    component::{Component, Engine, Features, InstancePre, Linker, Store, TypedFunc},
    engine::Metering,
};
use wasmtime::component as peer;

const ROUNDS: usize = 61;
const CALLS: u32 = 2_000;

#[derive(Clone, Debug, PartialEq, peer::ComponentType, peer::Lift, peer::Lower)]
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
    Record { a: 1, b: -2, c: 3.5, d: "sixteen letters!".into(), e: vec![1, 2, 3, 4], f: Some(5), g: true }
}

/// One who runs components. What it is asked for, it does and checks.
trait Runner {
    fn number(&mut self) -> Result<()>;
    fn echo(&mut self, text: &str) -> Result<()>;
    fn bytes(&mut self, bytes: &[u8]) -> Result<()>;
    fn record(&mut self, record: &Record) -> Result<()>;
    /// A guest's loop of this name, so many times around.
    fn rounds(&mut self, name: &str, length: Option<u32>) -> Result<()>;
}

macro_rules! runner {
    ($name:ident, $store:ty, $func:ident, $error:expr) => {
        impl Runner for $name {
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

            fn rounds(&mut self, name: &str, length: Option<u32>) -> Result<()> {
                let (done,) = match length {
                    Some(length) => self
                        .instance
                        .get_typed_func::<(u32, u32), (u32,)>(&mut self.store, name)
                        .map_err($error)?
                        .call(&mut self.store, (CALLS, length))
                        .map_err($error)?,
                    None => self
                        .instance
                        .get_typed_func::<(u32,), (u32,)>(&mut self.store, name)
                        .map_err($error)?
                        .call(&mut self.store, (CALLS,))
                        .map_err($error)?,
                };
                ensure!(done == CALLS);
                Ok(())
            }
        }
    };
}

struct Ours {
    store: Store<()>,
    instance: wasmote::component::Instance,
    id: TypedFunc<(u32,), (u32,)>,
    echo: TypedFunc<(String,), (String,)>,
    bytes: TypedFunc<(Vec<u8>,), (Vec<u8>,)>,
    record: TypedFunc<(Record,), (Record,)>,
}

fn ours_pre(bytes: &[u8], metering: Metering) -> Result<InstancePre<()>> {
    let engine = Engine::with_metering(Features::default(), &Limits::server(), metering);
    let component = Component::new(&engine, bytes)?;
    let mut linker = Linker::new(&engine);
    let mut host = linker.instance("bench:host/host")?;
    host.func_wrap("f", |_, (number,): (u32,)| Ok((number + 1,)))?;
    host.func_wrap("s", |_, (text,): (String,)| Ok((text,)))?;
    Ok(linker.instantiate_pre(&component)?)
}

impl Ours {
    fn new(pre: &InstancePre<()>) -> Result<Self> {
        let mut store = Store::new(pre.component().engine(), ());
        let instance = pre.instantiate(&mut store)?;
        Ok(Self {
            id: instance.get_typed_func(&store, "id")?,
            echo: instance.get_typed_func(&store, "echo")?,
            bytes: instance.get_typed_func(&store, "bytes")?,
            record: instance.get_typed_func(&store, "record")?,
            instance,
            store,
        })
    }
}
runner!(Ours, Store<()>, TypedFunc, anyhow::Error::from);

struct Wasmtime {
    store: wasmtime::Store<()>,
    instance: peer::Instance,
    id: peer::TypedFunc<(u32,), (u32,)>,
    echo: peer::TypedFunc<(String,), (String,)>,
    bytes: peer::TypedFunc<(Vec<u8>,), (Vec<u8>,)>,
    record: peer::TypedFunc<(Record,), (Record,)>,
}

/// wasmtime's errors, which need not be `anyhow`'s.
fn told(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

fn wasmtime_engine(is_pulley: bool) -> Result<wasmtime::Engine> {
    let mut config = wasmtime::Config::new();
    if is_pulley {
        config.target("pulley64").map_err(told)?;
    }
    wasmtime::Engine::new(&config).map_err(told)
}

fn wasmtime_pre(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<peer::InstancePre<()>> {
    let component = peer::Component::new(engine, bytes).map_err(told)?;
    let mut linker = peer::Linker::new(engine);
    let mut host = linker.instance("bench:host/host").map_err(told)?;
    host.func_wrap("f", |_, (number,): (u32,)| Ok((number + 1,))).map_err(told)?;
    host.func_wrap("s", |_, (text,): (String,)| Ok((text,))).map_err(told)?;
    linker.instantiate_pre(&component).map_err(told)
}

impl Wasmtime {
    fn new(pre: &peer::InstancePre<()>) -> Result<Self> {
        let mut store = wasmtime::Store::new(pre.engine(), ());
        let instance = pre.instantiate(&mut store).map_err(told)?;
        Ok(Self {
            id: instance.get_typed_func(&mut store, "id").map_err(told)?,
            echo: instance.get_typed_func(&mut store, "echo").map_err(told)?,
            bytes: instance.get_typed_func(&mut store, "bytes").map_err(told)?,
            record: instance.get_typed_func(&mut store, "record").map_err(told)?,
            instance,
            store,
        })
    }
}
runner!(Wasmtime, wasmtime::Store<()>, peer::TypedFunc, told);

struct Layer {
    store: layer::Store<(), wasmi_runtime_layer::Engine>,
    instance: layer::Instance,
}

impl Layer {
    fn new(bytes: &[u8]) -> Result<Self> {
        let engine = layer::Engine::new(wasmi_runtime_layer::Engine::default());
        let mut store = layer::Store::new(&engine, ());
        let component = layer::Component::new(&engine, bytes)?;
        let mut linker = layer::Linker::default();
        let host = linker.define_instance("bench:host/host".try_into()?)?;
        let (number, text) = (layer::ValueType::U32, layer::ValueType::String);
        let f = layer::FuncType::new([number.clone()], [number]);
        let f = layer::Func::new(&mut store, f, |_, params, results| {
            if let [layer::Value::U32(number)] = params {
                results[0] = layer::Value::U32(number + 1);
            }
            Ok(())
        });
        host.define_func("f", f)?;
        let s = layer::FuncType::new([text.clone()], [text]);
        let s = layer::Func::new(&mut store, s, |_, params, results| {
            results[0] = params[0].clone();
            Ok(())
        });
        host.define_func("s", s)?;
        let instance = linker.instantiate(&mut store, &component)?;
        Ok(Self { store, instance })
    }

    fn func(&self, name: &str) -> Result<layer::Func> {
        let func = self.instance.exports().root().func(name);
        func.ok_or_else(|| anyhow::anyhow!("no function `{name}`"))
    }
}

impl Runner for Layer {
    fn number(&mut self) -> Result<()> {
        let func = self.func("id")?.typed::<u32, u32>()?;
        ensure!(func.call(&mut self.store, 41)? == 42);
        Ok(())
    }

    fn echo(&mut self, text: &str) -> Result<()> {
        let func = self.func("echo")?.typed::<String, String>()?;
        ensure!(func.call(&mut self.store, text.to_owned())?.len() == text.len());
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let func = self.func("bytes")?.typed::<Vec<u8>, Vec<u8>>()?;
        ensure!(func.call(&mut self.store, bytes.to_vec())?.len() == bytes.len());
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Result<()> {
        let func = self.func("record")?;
        let types = func.ty();
        let Some(layer::ValueType::Record(ty)) = types.params().first().cloned() else {
            anyhow::bail!("no record")
        };
        let optional = layer::OptionType::new(layer::ValueType::U32);
        let value = layer::Record::new(
            ty,
            [
                ("a", layer::Value::U8(record.a)),
                ("b", layer::Value::S64(record.b)),
                ("c", layer::Value::F64(record.c)),
                ("d", layer::Value::String(record.d.as_str().into())),
                ("e", layer::Value::List(layer::List::from(record.e.as_slice()))),
                (
                    "f",
                    layer::Value::Option(layer::OptionValue::new(optional, record.f.map(layer::Value::U32))?),
                ),
                ("g", layer::Value::Bool(record.g)),
            ],
        )?;
        let mut results = [layer::Value::Bool(false)];
        func.call(&mut self.store, &[layer::Value::Record(value)], &mut results)?;
        ensure!(matches!(results, [layer::Value::Record(_)]));
        Ok(())
    }

    fn rounds(&mut self, name: &str, length: Option<u32>) -> Result<()> {
        let func = self.func(name)?;
        let done = match length {
            Some(length) => func.typed::<(u32, u32), u32>()?.call(&mut self.store, (CALLS, length))?,
            None => func.typed::<u32, u32>()?.call(&mut self.store, CALLS)?,
        };
        ensure!(done == CALLS);
        Ok(())
    }
}

/// Runs the same work of all; who cannot do it at all does not take part.
fn all(
    title: &str,
    units: u32,
    runners: &mut [(&'static str, Box<dyn Runner>)],
    work: impl Fn(&mut dyn Runner) -> Result<()> + Copy,
) -> Result<()> {
    let mut contestants = Vec::new();
    for (name, runner) in runners {
        match work(&mut **runner) {
            Ok(()) => contestants.push(Contestant::new(name, move || work(&mut **runner))),
            Err(error) => println!("{name} does not take part in `{title}`: {error:#}"),
        }
    }
    compare(title, units, ROUNDS, contestants)
}

pub fn run() -> Result<()> {
    let bytes = wat::parse_str(include_str!("component.wat"))?;
    let (pulley, cranelift) = (wasmtime_engine(true)?, wasmtime_engine(false)?);
    let (pulley_pre, cranelift_pre) = (wasmtime_pre(&pulley, &bytes)?, wasmtime_pre(&cranelift, &bytes)?);
    let (off_pre, on_pre) = (ours_pre(&bytes, Metering::Off)?, ours_pre(&bytes, Metering::On)?);
    let mut runners: Vec<(&'static str, Box<dyn Runner>)> = vec![
        ("wasmtime, Pulley", Box::new(Wasmtime::new(&pulley_pre)?)),
        ("wasmtime, Cranelift", Box::new(Wasmtime::new(&cranelift_pre)?)),
        ("wasmote, metering off", Box::new(Ours::new(&off_pre)?)),
        ("wasmote, metering on", Box::new(Ours::new(&on_pre)?)),
    ];
    match Layer::new(&bytes) {
        Ok(layer) => runners.push(("wasm_component_layer", Box::new(layer))),
        Err(error) => println!("wasm_component_layer does not take part: {error:#}"),
    }
    let many = |runner: &mut dyn Runner, count: u32, work: &dyn Fn(&mut dyn Runner) -> Result<()>| {
        (0..count).try_for_each(|_| work(runner))
    };
    let runners = &mut runners;
    all("components: host to guest, u32", 1_000, runners, |it| many(it, 1_000, &|it| it.number()))?;
    all("components: guest to host, u32", CALLS, runners, |it| it.rounds("host-numbers", None))?;
    let (short, long) = ("sixteen letters!", "sixteen letters!".repeat(64));
    all("components: string of 16 bytes to a guest and back", 500, runners, |it| {
        many(it, 500, &|it| it.echo(short))
    })?;
    let long = &*long;
    all("components: string of 1 KiB to a guest and back", 500, runners, |it| {
        many(it, 500, &|it| it.echo(long))
    })?;
    for (title, length) in
        [("string of 16 bytes to the host and back", 16), ("string of 1 KiB to the host and back", 1_024)]
    {
        all(&format!("components: {title}"), CALLS, runners, |it| it.rounds("host-strings", Some(length)))?;
    }
    let (list, record) = (&*vec![7; 1 << 16], &record());
    all("components: list<u8> of 64 KiB to a guest and back", 50, runners, |it| {
        many(it, 50, &|it| it.bytes(list))
    })?;
    all("components: a record to a guest and back", 300, runners, |it| {
        many(it, 300, &|it| it.record(record))
    })?;
    all("components: guest to guest, u32", CALLS, runners, |it| it.rounds("guest-numbers", None))?;
    all("components: guest to guest, 16 bytes", CALLS, runners, |it| it.rounds("guest-strings", Some(16)))?;
    all("components: guest to guest, 1 KiB", CALLS, runners, |it| it.rounds("guest-strings", Some(1_024)))?;
    all("components: guest to guest, a method", CALLS, runners, |it| it.rounds("guest-methods", None))?;
    compare(
        "components: instantiate, call, drop",
        20,
        ROUNDS,
        vec![
            Contestant::new("wasmtime, Pulley", || many_times(20, || Wasmtime::new(&pulley_pre)?.number())),
            Contestant::new("wasmtime, Cranelift", || {
                many_times(20, || Wasmtime::new(&cranelift_pre)?.number())
            }),
            Contestant::new("wasmote, metering off", || many_times(20, || Ours::new(&off_pre)?.number())),
            Contestant::new("wasmote, metering on", || many_times(20, || Ours::new(&on_pre)?.number())),
        ],
    )?;
    let mut first = vec![
        Contestant::new("wasmtime, Pulley", || {
            Wasmtime::new(&wasmtime_pre(&wasmtime_engine(true)?, &bytes)?)?.number()
        }),
        Contestant::new("wasmote, metering on", || Ours::new(&ours_pre(&bytes, Metering::On)?)?.number()),
    ];
    if Layer::new(&bytes).is_ok() {
        first.push(Contestant::new("wasm_component_layer", || Layer::new(&bytes)?.number()));
    }
    compare("components: from bytes to a first result", 1, 25, first)
}

fn many_times(count: u32, work: impl Fn() -> Result<()>) -> Result<()> {
    (0..count).try_for_each(|_| work())
}
