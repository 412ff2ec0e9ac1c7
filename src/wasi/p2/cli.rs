//! `wasi:cli`: arguments, environment, standard streams, and ending.

use super::{
    State,
    bindings::cli::{
        environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
        terminal_stdin, terminal_stdout,
    },
};
use crate::{
    component::Resource,
    engine::Fault,
    wasi::{
        cli::Output,
        io::{InputStream, OutputStream},
    },
};
use alloc::{string::String, vec::Vec};

/// A terminal that is read. It has no functions yet.
#[derive(Clone, Copy, Debug)]
pub struct TerminalInput;

/// A terminal that is written. It has no functions yet.
#[derive(Clone, Copy, Debug)]
pub struct TerminalOutput;

impl State {
    fn output(&mut self, stream: Output) -> Result<Resource<OutputStream>, Fault> {
        Ok(self.table.push(OutputStream::with_permit_max(stream, self.permit_max()))?)
    }

    fn terminal(&mut self, is_terminal: bool) -> Result<Option<Resource<TerminalOutput>>, Fault> {
        Ok(if is_terminal { Some(self.table.push(TerminalOutput)?) } else { None })
    }

    /// How much a guest may write to a stream at once.
    pub(super) fn permit_max(&self) -> u64 {
        OutputStream::PERMIT_BYTES_MAX.min(u64::from(self.limits.host_call_bytes) / 2)
    }
}

impl environment::Host for State {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>, Fault> {
        Ok(self.grants.env.clone())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>, Fault> {
        Ok(self.grants.args.to_vec())
    }

    // Where a path begins is for the guest to decide: there is no directory that was not granted by a name.
    fn initial_cwd(&mut self) -> Result<Option<String>, Fault> {
        Ok(None)
    }
}

impl exit::Host for State {
    fn exit(&mut self, status: Result<(), ()>) -> Result<(), Fault> {
        Err(Fault::Exit(u32::from(status.is_err())))
    }

    fn exit_with_code(&mut self, status_code: u8) -> Result<(), Fault> {
        Err(Fault::Exit(u32::from(status_code)))
    }
}

impl stdin::Host for State {
    fn get_stdin(&mut self) -> Result<Resource<InputStream>, Fault> {
        Ok(self.table.push(InputStream::new(self.grants.stdin.clone()))?)
    }
}

impl stdout::Host for State {
    fn get_stdout(&mut self) -> Result<Resource<OutputStream>, Fault> {
        self.output(self.grants.stdout.clone())
    }
}

impl stderr::Host for State {
    fn get_stderr(&mut self) -> Result<Resource<OutputStream>, Fault> {
        self.output(self.grants.stderr.clone())
    }
}

impl terminal_input::Host for State {}

impl terminal_input::HostTerminalInput for State {
    fn drop(&mut self, this: Resource<TerminalInput>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl terminal_output::Host for State {}

impl terminal_output::HostTerminalOutput for State {
    fn drop(&mut self, this: Resource<TerminalOutput>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl terminal_stdin::Host for State {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<TerminalInput>>, Fault> {
        let is_terminal = self.grants.stdin.is_terminal();
        Ok(if is_terminal { Some(self.table.push(TerminalInput)?) } else { None })
    }
}

impl terminal_stdout::Host for State {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<TerminalOutput>>, Fault> {
        self.terminal(self.grants.stdout.is_terminal())
    }
}

impl terminal_stderr::Host for State {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<TerminalOutput>>, Fault> {
        self.terminal(self.grants.stderr.is_terminal())
    }
}
