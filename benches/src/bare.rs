//! wasmi without a host library: the least WASI that the guests here need, written by hand.
//!
//! As lean as one would write it who trusts his guests: the memory is looked up once, nothing is metered, limited or
//! watched, descriptors are the three streams, output goes nowhere.

use anyhow::{Result, ensure};
use std::{hint::black_box, time::Instant};
use wasmi::{
    Caller, CompilationMode, Config, CustomFuelCosts, Engine, Error, Extern, Instance, Linker, Memory,
    Module, Store,
};

/// What the hand-written functions keep for a guest.
pub struct World {
    args: Vec<String>,
    memory: Option<Memory>,
    start: Instant,
}

/// An engine configured as wasmote's own.
pub fn engine(fuel: bool) -> Engine {
    let mut config = Config::default();
    config
        .compilation_mode(CompilationMode::LazyTranslation)
        .consume_fuel(fuel)
        .fuel_cost(CustomFuelCosts {
            bytes_copied_per_fuel: 64,
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        })
        .ignore_custom_sections(true);
    Engine::new(&config)
}

/// A module, and functions to link it with.
pub struct Loaded {
    fuel: bool,
    module: Module,
    linker: Linker<World>,
}

impl Loaded {
    pub fn new(bytes: &[u8], fuel: bool) -> Result<Self> {
        let engine = engine(fuel);
        let module = Module::new(&engine, bytes)?;
        let mut linker = Linker::new(&engine);
        for edition in ["wasi_snapshot_preview1", "wasi_unstable"] {
            if module.imports().any(|import| import.module() == edition) {
                define(&mut linker, edition)?;
            }
        }
        Ok(Self { fuel, module, linker })
    }

    /// Makes an instance.
    pub fn start(&self, args: &[&str]) -> Result<(Store<World>, Instance)> {
        let args = args.iter().map(ToString::to_string).collect();
        let world = World { args, memory: None, start: Instant::now() };
        let mut store = Store::new(self.module.engine(), world);
        if self.fuel {
            store.set_fuel(u64::MAX)?;
        }
        let instance = self.linker.instantiate_and_start(&mut store, &self.module)?;
        store.data_mut().memory = instance.get_export(&store, "memory").and_then(Extern::into_memory);
        Ok((store, instance))
    }

    /// Makes an instance, runs it to its end, drops it.
    pub fn run(&self, args: &[&str]) -> Result<()> {
        let (mut store, instance) = self.start(args)?;
        let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
        match start.call(&mut store, ()) {
            Err(error) if error.i32_exit_status() == Some(0) => Ok(()),
            ended => Ok(ended?),
        }
    }
}

/// Calls a function of the guest [`caller`](crate::guests::caller) makes.
pub fn rounds<T>(store: &mut Store<T>, instance: Instance, name: &str, rounds: i32) -> Result<()> {
    let errors = instance.get_typed_func::<i32, i32>(&mut *store, name)?.call(store, rounds)?;
    ensure!(errors == 0, "`{name}` answered {errors}");
    Ok(())
}

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const INVAL: u32 = 28;

type Guest<'a> = Caller<'a, World>;

fn define(linker: &mut Linker<World>, edition: &str) -> Result<()> {
    linker.func_wrap(edition, "args_get", |mut guest: Guest<'_>, argv: u32, buffer: u32| {
        let (bytes, world) = memory(&mut guest)?;
        let mut at = buffer;
        for (index, arg) in (0..).zip(&world.args) {
            write(bytes, argv + 4 * index, &at.to_le_bytes())?;
            write(bytes, at, arg.as_bytes())?;
            at += arg.len() as u32;
            write(bytes, at, &[0])?;
            at += 1;
        }
        Ok(SUCCESS)
    })?;
    linker.func_wrap(edition, "args_sizes_get", |mut guest: Guest<'_>, count: u32, size: u32| {
        let (bytes, world) = memory(&mut guest)?;
        let total: usize = world.args.iter().map(|arg| arg.len() + 1).sum();
        write(bytes, count, &(world.args.len() as u32).to_le_bytes())?;
        write(bytes, size, &(total as u32).to_le_bytes())?;
        Ok(SUCCESS)
    })?;
    linker.func_wrap(edition, "environ_get", |_: Guest<'_>, _: u32, _: u32| SUCCESS)?;
    linker.func_wrap(edition, "environ_sizes_get", |mut guest: Guest<'_>, count: u32, size: u32| {
        let (bytes, _) = memory(&mut guest)?;
        write(bytes, count, &[0; 4])?;
        write(bytes, size, &[0; 4])?;
        Ok(SUCCESS)
    })?;
    linker.func_wrap(edition, "clock_time_get", clock_time_get)?;
    linker.func_wrap(edition, "fd_close", |_: Guest<'_>, _: u32| SUCCESS)?;
    linker.func_wrap(edition, "fd_fdstat_get", |mut guest: Guest<'_>, fd: u32, stat: u32| {
        let (bytes, _) = memory(&mut guest)?;
        let mut record = [0; 24];
        record[0] = 2;
        record[8..16].fill(0xff);
        write(bytes, stat, &record)?;
        Ok(if fd < 3 { SUCCESS } else { BADF })
    })?;
    linker.func_wrap(edition, "fd_prestat_dir_name", |_: Guest<'_>, _: u32, _: u32, _: u32| BADF)?;
    linker.func_wrap(edition, "fd_prestat_get", |_: Guest<'_>, _: u32, _: u32| BADF)?;
    linker.func_wrap(edition, "fd_seek", |_: Guest<'_>, _: u32, _: u64, _: u32, _: u32| BADF)?;
    linker.func_wrap(edition, "fd_write", fd_write)?;
    linker.func_wrap(edition, "proc_exit", |_: Guest<'_>, code: u32| -> Result<(), Error> {
        Err(Error::i32_exit(code.cast_signed()))
    })?;
    Ok(())
}

fn clock_time_get(mut guest: Guest<'_>, id: u32, _precision: u64, time: u32) -> Result<u32, Error> {
    let (bytes, world) = memory(&mut guest)?;
    if id > 1 {
        return Ok(INVAL);
    }
    let now = world.start.elapsed().as_nanos() as u64;
    write(bytes, time, &now.to_le_bytes())?;
    Ok(SUCCESS)
}

fn fd_write(mut guest: Guest<'_>, fd: u32, list: u32, count: u32, size: u32) -> Result<u32, Error> {
    let (bytes, _) = memory(&mut guest)?;
    if !matches!(fd, 1 | 2) {
        return Ok(BADF);
    }
    let mut total = 0;
    for index in 0..count {
        let record = read(bytes, list + 8 * index, 8)?;
        let address = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
        let length = u32::from_le_bytes([record[4], record[5], record[6], record[7]]);
        black_box(read(bytes, address, length)?);
        total += length;
    }
    write(bytes, size, &total.to_le_bytes())?;
    Ok(SUCCESS)
}

fn memory<'a>(guest: &'a mut Guest<'_>) -> Result<(&'a mut [u8], &'a mut World), Error> {
    let memory = guest.data().memory.ok_or_else(|| Error::new("no memory"))?;
    Ok(memory.data_and_store_mut(guest))
}

fn read(bytes: &[u8], at: u32, length: u32) -> Result<&[u8], Error> {
    let bytes = bytes.get(at as usize..).and_then(|bytes| bytes.get(..length as usize));
    bytes.ok_or_else(|| Error::new("pointer out of bounds"))
}

fn write(bytes: &mut [u8], at: u32, value: &[u8]) -> Result<(), Error> {
    let bytes = bytes.get_mut(at as usize..).and_then(|bytes| bytes.get_mut(..value.len()));
    bytes.ok_or_else(|| Error::new("pointer out of bounds"))?.copy_from_slice(value);
    Ok(())
}
