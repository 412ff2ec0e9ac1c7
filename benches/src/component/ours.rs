//! wasmote's components.

use super::{CALLS, Record, runner};
use anyhow::{Result, ensure};
use wasmote::{
    Limits,
    component::{
        Component, Engine, Features, Func, Instance, InstancePre, Linker, Resource, ResourceAny,
        ResourceType, Store, TypedFunc, Val,
    },
    engine::Metering,
};

pub(super) struct Ours {
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

pub(super) fn engine(metering: Metering) -> Engine {
    Engine::with_metering(Features::default(), &Limits::server(), metering)
}

/// The host's things, of which nothing is ever read but their number.
struct Thing;

pub(super) fn load(engine: &Engine, bytes: &[u8]) -> Result<InstancePre<()>> {
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
    Ok(linker.instantiate_pre(&component)?)
}

/// From a loaded program to a first result.
#[cfg(feature = "component")]
pub(super) fn first(program: &InstancePre<()>) -> Result<()> {
    let mut store = Store::new(program.component().engine(), ());
    let instance = program.instantiate(&mut store)?;
    let id: TypedFunc<(u32,), (u32,)> = instance.get_typed_func(&store, "id")?;
    ensure!(id.call(&mut store, (41,))? == (42,));
    Ok(())
}

impl Ours {
    pub(super) fn new(metering: Metering, host: &[u8], guests: &[u8]) -> Result<Self> {
        let engine = engine(metering);
        let mut store = Store::new(&engine, ());
        let host = load(&engine, host)?.instantiate(&mut store)?;
        let guests = load(&engine, guests)?.instantiate(&mut store)?;
        let make: TypedFunc<(u32,), (ResourceAny,)> = host.get_typed_func(&store, "bench:host/api#make")?;
        let (thing,) = make.call(&mut store, (7,))?;
        Ok(Self {
            id: host.get_typed_func(&store, "id")?,
            echo: host.get_typed_func(&store, "echo")?,
            bytes: host.get_typed_func(&store, "bytes")?,
            record: host.get_typed_func(&store, "bench:host/api#record")?,
            get: host.get_typed_func(&store, "bench:host/api#get")?,
            thing,
            host,
            guests,
            store,
        })
    }

    /// Calls a function with values whose types are only known at run time: as a typed call does, with arguments of its own.
    pub(super) fn dynamic(&mut self, func: &Func, value: &Val) -> Result<()> {
        let (params, mut results) = ([value.clone()], [Val::Bool(false)]);
        func.call(&mut self.store, &params, &mut results)?;
        ensure!(results[0] != Val::Bool(false));
        Ok(())
    }
}
runner!(Ours, anyhow::Error::from);
