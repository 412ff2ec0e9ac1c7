//! wasmote, as an embedder uses it.

use anyhow::{Result, ensure};
use wasmote::{
    Guest, Host, Loader, Program, backend,
    engine::{Metering, Value},
};

pub fn program(bytes: &[u8], metering: Metering) -> Result<Program> {
    Ok(Loader::new().metering(metering).load(bytes)?)
}

/// A host with the clocks of this machine, whose guests write to nowhere.
pub fn host(args: &[&str]) -> Host {
    Host::new().args(args).clocks(backend::std::Clocks)
}

/// Starts a guest, runs it to its end, drops it.
pub fn run(host: &Host, program: &Program) -> Result<()> {
    let exit = wasmote::block_on(host.start(program)?.run())?;
    ensure!(exit.is_success(), "the guest ended with {}", exit.code());
    Ok(())
}

/// Calls a function of the guest [`caller`](crate::guests::caller) makes.
pub fn rounds(guest: &mut Guest, name: &str, rounds: i32) -> Result<()> {
    let results = wasmote::block_on(guest.call(name, &[Value::I32(rounds)]))?;
    ensure!(results == [Value::I32(0)], "`{name}` answered {results:?}");
    Ok(())
}
