//! `wasm_component_layer` on wasmi 0.40. It is not asked for guests that call guests.

use super::{CALLS, Record, Runner};
use anyhow::{Context, Result, bail, ensure};
use wasm_component_layer::{
    Component, Engine, Func, FuncType, Instance, Linker, List, OptionType, OptionValue, ResourceOwn,
    ResourceType, Store, Value, ValueType,
};

pub(super) struct Layer {
    host: Loaded,
    thing: ResourceOwn,
}

pub(super) struct Loaded {
    store: Store<(), wasmi_runtime_layer::Engine>,
    instance: Instance,
}

struct Thing;

impl Loaded {
    pub(super) fn new(bytes: &[u8]) -> Result<Self> {
        let engine = Engine::new(wasmi_runtime_layer::Engine::default());
        let mut store = Store::new(&engine, ());
        let component = Component::new(&engine, bytes)?;
        let mut linker = Linker::default();
        let record = component.imports().instances().next().and_then(|(_, instance)| {
            instance.funcs().find(|(name, _)| *name == "e").map(|(_, ty)| ty.clone())
        });
        let host = linker.define_instance("bench:host/host".try_into()?)?;
        let thing = ResourceType::new::<Thing>(None);
        host.define_resource("t", thing.clone())?;
        let (number, text) = (ValueType::U32, ValueType::String);
        let bytes = ValueType::List(wasm_component_layer::ListType::new(ValueType::U8));
        let f =
            Func::new(&mut store, FuncType::new([number.clone()], [number.clone()]), |_, params, results| {
                if let [Value::U32(number)] = params {
                    results[0] = Value::U32(number + 1);
                }
                Ok(())
            });
        host.define_func("f", f)?;
        let mut echo = |name: &str, ty: FuncType| {
            let func = Func::new(&mut store, ty, |_, params, results| {
                results[0] = params[0].clone();
                Ok(())
            });
            host.define_func(name, func)
        };
        echo("s", FuncType::new([text.clone()], [text]))?;
        echo("b", FuncType::new([bytes.clone()], [bytes]))?;
        if let Some(ty) = record {
            echo("e", ty)?;
        }
        let new = FuncType::new([], [ValueType::Own(thing.clone())]);
        let ty = thing.clone();
        let new = Func::new(&mut store, new, move |mut ctx, _, results| {
            results[0] = Value::Own(ResourceOwn::new(&mut ctx, Thing, ty.clone())?);
            Ok(())
        });
        host.define_func("new", new)?;
        let get = FuncType::new([ValueType::Borrow(thing)], [number]);
        let get = Func::new(&mut store, get, |_, params, results| {
            ensure!(matches!(params, [Value::Borrow(_)]));
            results[0] = Value::U32(7);
            Ok(())
        });
        host.define_func("get", get)?;
        let instance = linker.instantiate(&mut store, &component)?;
        Ok(Self { store, instance })
    }

    fn func(&self, name: &str) -> Result<Func> {
        let exports = self.instance.exports();
        let func = match name.split_once('#') {
            Some((interface, name)) => {
                exports.instance(&interface.try_into()?).and_then(|found| found.func(name))
            }
            None => exports.root().func(name),
        };
        func.with_context(|| format!("no function `{name}`"))
    }

    pub(super) fn number(&mut self) -> Result<()> {
        let func = self.func("id")?.typed::<u32, u32>()?;
        ensure!(func.call(&mut self.store, 41)? == 42);
        Ok(())
    }
}

impl Layer {
    pub(super) fn new(host: &[u8]) -> Result<Self> {
        let mut host = Loaded::new(host)?;
        let mut results = [Value::Bool(false)];
        host.func("bench:host/api#make")?.call(&mut host.store, &[Value::U32(7)], &mut results)?;
        let [Value::Own(thing)] = results else { bail!("no resource") };
        Ok(Self { host, thing })
    }
}

impl Runner for Layer {
    fn number(&mut self) -> Result<()> {
        self.host.number()
    }

    fn echo(&mut self, text: &str) -> Result<()> {
        let func = self.host.func("echo")?.typed::<String, String>()?;
        ensure!(func.call(&mut self.host.store, text.to_owned())?.len() == text.len());
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let func = self.host.func("bytes")?.typed::<Vec<u8>, Vec<u8>>()?;
        ensure!(func.call(&mut self.host.store, bytes.to_vec())?.len() == bytes.len());
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Result<()> {
        let func = self.host.func("bench:host/api#record")?;
        let types = func.ty();
        let Some(ValueType::Record(ty)) = types.params().first().cloned() else { bail!("no record") };
        let option = OptionValue::new(OptionType::new(ValueType::U32), record.f.map(Value::U32))?;
        let fields = [
            ("a", Value::U8(record.a)),
            ("b", Value::S64(record.b)),
            ("c", Value::F64(record.c)),
            ("d", Value::String(record.d.as_str().into())),
            ("e", Value::List(List::from(record.e.as_slice()))),
            ("f", Value::Option(option)),
            ("g", Value::Bool(record.g)),
        ];
        let value = Value::Record(wasm_component_layer::Record::new(ty, fields)?);
        let mut results = [Value::Bool(false)];
        func.call(&mut self.host.store, &[value], &mut results)?;
        ensure!(matches!(results, [Value::Record(_)]));
        Ok(())
    }

    fn method(&mut self) -> Result<()> {
        let func = self.host.func("bench:host/api#get")?;
        let borrow = self.thing.borrow(&mut self.host.store)?;
        let mut results = [Value::Bool(false)];
        func.call(&mut self.host.store, &[Value::Borrow(borrow)], &mut results)?;
        ensure!(matches!(results, [Value::U32(8)]));
        Ok(())
    }

    fn rounds(&mut self, name: &str, length: Option<u32>) -> Result<()> {
        let loaded = &mut self.host;
        let func = loaded.func(name)?;
        let done = match length {
            Some(length) => func.typed::<(u32, u32), u32>()?.call(&mut loaded.store, (CALLS, length))?,
            None => func.typed::<u32, u32>()?.call(&mut loaded.store, CALLS)?,
        };
        ensure!(done == CALLS);
        Ok(())
    }
}
