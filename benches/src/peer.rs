//! wasmi with `wasmi_wasi`, the host library that comes with it.

use crate::bare;
use anyhow::Result;
use wasmi::{Instance, Linker, Module, Store};
use wasmi_wasi::{WasiCtx, WasiCtxBuilder};

/// A module, and functions to link it with.
pub struct Loaded {
    module: Module,
    linker: Linker<WasiCtx>,
}

impl Loaded {
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let engine = bare::engine(false);
        let module = Module::new(&engine, bytes)?;
        let mut linker = Linker::new(&engine);
        wasmi_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
        Ok(Self { module, linker })
    }

    /// Makes an instance that writes to nowhere.
    pub fn start(&self, args: &[&str]) -> Result<(Store<WasiCtx>, Instance)> {
        let mut context = WasiCtxBuilder::new();
        for arg in args {
            context.arg(arg)?;
        }
        let mut store = Store::new(self.module.engine(), context.build());
        let instance = self.linker.instantiate_and_start(&mut store, &self.module)?;
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
