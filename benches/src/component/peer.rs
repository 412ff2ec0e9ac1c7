//! wasmtime's components, by its interpreter or by its compiler. All options as they come: no fuel, no epochs.

use super::{CALLS, Record, runner};
use anyhow::{Result, ensure};
use wasmtime::{
    Config, Engine, Store,
    component::{
        Component, ComponentExportIndex, Instance, InstancePre, Linker, Resource, ResourceAny, ResourceType,
        TypedFunc,
    },
};

pub(super) struct Wasmtime {
    pub(super) store: Store<()>,
    pub(super) host: Instance,
    guests: Instance,
    id: TypedFunc<(u32,), (u32,)>,
    echo: TypedFunc<(String,), (String,)>,
    bytes: TypedFunc<(Vec<u8>,), (Vec<u8>,)>,
    record: TypedFunc<(Record,), (Record,)>,
    get: TypedFunc<(ResourceAny,), (u32,)>,
    thing: ResourceAny,
}

/// wasmtime's errors, which need not be `anyhow`'s.
pub(super) fn told(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

pub(super) fn engine(is_pulley: bool) -> Result<Engine> {
    let mut config = Config::new();
    if is_pulley {
        config.target("pulley64").map_err(told)?;
    }
    Engine::new(&config).map_err(told)
}

/// The host's things, of which nothing is ever read but their number.
struct Thing;

pub(super) fn load(engine: &Engine, bytes: &[u8]) -> Result<InstancePre<()>> {
    link(engine, bytes).map_err(told)
}

fn link(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<InstancePre<()>> {
    let component = Component::new(engine, bytes)?;
    let mut linker = Linker::new(engine);
    let mut host = linker.instance("bench:host/host")?;
    host.resource("t", ResourceType::host::<Thing>(), |_, _| Ok(()))?;
    host.func_wrap("f", |_, (number,): (u32,)| Ok((number + 1,)))?;
    host.func_wrap("s", |_, (text,): (String,)| Ok((text,)))?;
    host.func_wrap("b", |_, (bytes,): (Vec<u8>,)| Ok((bytes,)))?;
    host.func_wrap("e", |_, (record,): (Record,)| Ok((record,)))?;
    host.func_wrap("new", |_, (): ()| Ok((Resource::<Thing>::new_own(7),)))?;
    host.func_wrap("get", |_, (thing,): (Resource<Thing>,)| Ok((thing.rep(),)))?;
    linker.instantiate_pre(&component)
}

/// From a loaded program to a first result.
pub(super) fn first(program: &InstancePre<()>) -> Result<()> {
    let mut store = Store::new(program.engine(), ());
    let instance = program.instantiate(&mut store).map_err(told)?;
    let id = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "id").map_err(told)?;
    ensure!(id.call(&mut store, (41,)).map_err(told)? == (42,));
    Ok(())
}

/// A function of the exported interface.
pub(super) fn find(instance: &Instance, store: &mut Store<()>, name: &str) -> ComponentExportIndex {
    let interface = instance.get_export_index(&mut *store, None, "bench:host/api");
    instance.get_export_index(store, interface.as_ref(), name).expect("the interface has it")
}

impl Wasmtime {
    pub(super) fn new(is_pulley: bool, host: &[u8], guests: &[u8]) -> Result<Self> {
        let engine = engine(is_pulley)?;
        let (host, guests) = (load(&engine, host)?, load(&engine, guests)?);
        Self::instantiate(Store::new(&engine, ()), &host, &guests).map_err(told)
    }

    fn instantiate(
        mut store: Store<()>,
        host: &InstancePre<()>,
        guests: &InstancePre<()>,
    ) -> wasmtime::Result<Self> {
        let (host, guests) = (host.instantiate(&mut store)?, guests.instantiate(&mut store)?);
        let [make, record, get] = ["make", "record", "get"].map(|name| find(&host, &mut store, name));
        let make = host.get_typed_func::<(u32,), (ResourceAny,)>(&mut store, make)?;
        let (thing,) = make.call(&mut store, (7,))?;
        Ok(Self {
            id: host.get_typed_func(&mut store, "id")?,
            echo: host.get_typed_func(&mut store, "echo")?,
            bytes: host.get_typed_func(&mut store, "bytes")?,
            record: host.get_typed_func(&mut store, record)?,
            get: host.get_typed_func(&mut store, get)?,
            thing,
            host,
            guests,
            store,
        })
    }
}
runner!(Wasmtime, told);
