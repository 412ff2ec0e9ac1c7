//! `wasi:cli`, without `run`: that is the guest's.

use super::{State, errors::CliError, interface, state, streams};
use crate::{
    Error,
    component::{Linker, Resource, ResourceType, StoreContextMut, StreamReader},
    engine::Fault,
    wasi::cli::{Input, Output},
};
use alloc::string::String;
use core::task::{Context, Poll};

/// `wasi:cli/terminal-input.terminal-input`.
struct TerminalInput;

/// `wasi:cli/terminal-output.terminal-output`.
struct TerminalOutput;

/// Offers `wasi:cli`.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    let mut it = linker.instance(interface!("cli/environment"))?;
    it.func_wrap("get-environment", move |mut store, (): ()| Ok((state(&mut store, get).env.clone(),)))?;
    it.func_wrap("get-arguments", move |mut store, (): ()| Ok((state(&mut store, get).args.clone(),)))?;
    it.func_wrap("get-initial-cwd", |_, (): ()| Ok((None::<String>,)))?;
    let mut it = linker.instance(interface!("cli/exit"))?;
    it.func_wrap("exit", |_, (status,): (Result<(), ()>,)| -> Result<(), Fault> {
        Err(Fault::Exit(u32::from(status.is_err())))
    })?;
    it.func_wrap("exit-with-code", |_, (code,): (u8,)| -> Result<(), Fault> {
        Err(Fault::Exit(u32::from(code)))
    })?;
    add_streams(linker, get)?;
    add_terminals(linker, get)
}

fn add_streams<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    let mut it = linker.instance(interface!("cli/stdin"))?;
    it.func_wrap("read-via-stream", move |mut store, (): ()| {
        let stdin = state(&mut store, get).stdin.clone();
        Ok((streams::from_source(&mut store, stdin),))
    })?;
    let mut it = linker.instance(interface!("cli/stdout"))?;
    it.func_wrap("write-via-stream", move |mut store, (data,): (StreamReader<u8>,)| {
        let stdout = state(&mut store, get).stdout.clone();
        Ok((streams::into_sink(&mut store, data, stdout),))
    })?;
    let mut it = linker.instance(interface!("cli/stderr"))?;
    it.func_wrap("write-via-stream", move |mut store, (data,): (StreamReader<u8>,)| {
        let stderr = state(&mut store, get).stderr.clone();
        Ok((streams::into_sink(&mut store, data, stderr),))
    })
}

fn add_terminals<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    // They have no functions: a number is all there is to one.
    let mut it = linker.instance(interface!("cli/terminal-input"))?;
    it.resource("terminal-input", ResourceType::host::<TerminalInput>(), |_, _| Ok(()))?;
    let mut it = linker.instance(interface!("cli/terminal-output"))?;
    it.resource("terminal-output", ResourceType::host::<TerminalOutput>(), |_, _| Ok(()))?;
    let mut it = linker.instance(interface!("cli/terminal-stdin"))?;
    it.func_wrap("get-terminal-stdin", move |mut store: StoreContextMut<'_, T>, (): ()| {
        let is_terminal = state(&mut store, get).stdin.is_terminal();
        Ok((is_terminal.then(|| Resource::<TerminalInput>::new_own(0)),))
    })?;
    let mut it = linker.instance(interface!("cli/terminal-stdout"))?;
    it.func_wrap("get-terminal-stdout", move |mut store: StoreContextMut<'_, T>, (): ()| {
        let is_terminal = state(&mut store, get).stdout.is_terminal();
        Ok((is_terminal.then(|| Resource::<TerminalOutput>::new_own(1)),))
    })?;
    let mut it = linker.instance(interface!("cli/terminal-stderr"))?;
    it.func_wrap("get-terminal-stderr", move |mut store: StoreContextMut<'_, T>, (): ()| {
        let is_terminal = state(&mut store, get).stderr.is_terminal();
        Ok((is_terminal.then(|| Resource::<TerminalOutput>::new_own(2)),))
    })
}

impl streams::Source for Input {
    type Error = CliError;

    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, CliError>> {
        Self::poll_read(self, cx, bytes).map_err(CliError::from)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Self::poll_readable(self, cx).map(|_| ())
    }
}

impl streams::Sink for Output {
    type Error = CliError;

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, CliError>> {
        Self::poll_write(self, cx, bytes).map_err(CliError::from)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CliError>> {
        self.poll_flush(cx).map_err(CliError::from)
    }
}
