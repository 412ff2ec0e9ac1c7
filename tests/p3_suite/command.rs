//! Commands, run in this process.

use crate::{
    case::{Case, Operation, copy},
    servers::Servers,
};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use wasmote::{
    Access, Host, Program,
    backend::{self, mem},
    block_on,
    cap::filesystem::Directory,
    wasi::sockets::policy::Policy,
};

/// What programs are run over.
#[derive(Clone, Copy)]
pub enum Backend {
    Mem,
    Std,
}

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a command, does with it what its description says, and tells what is wrong.
pub fn run(case: &Case, backend: Backend) -> Result<(), String> {
    let fixture = tempfile::tempdir().expect("a directory");
    if let Some(root) = &case.root {
        copy(root, fixture.path());
    }
    let servers = Servers::start(&case.servers);
    let program = std::fs::read(&case.module).map_err(|error| error.to_string())?;
    let pipes = Pipes { stdin: mem::Pipe::new(), stdout: mem::Pipe::new(), stderr: mem::Pipe::new() };
    let mut host = host(backend, case.root.as_ref().map(|_| fixture.path()))
        .args([&format!("{}.wasm", case.name)].into_iter().chain(&case.args))
        .stdin(pipes.stdin.clone())
        .stdout(pipes.stdout.clone())
        .stderr(pipes.stderr.clone());
    for (name, value) in case.env.iter().chain(servers.env()) {
        host = host.env(name, value);
    }
    let mut running = Running { pipes, sockets: BTreeMap::new(), guest: Some(start(program, host)) };
    for operation in &case.operations {
        running.operate(operation)?;
    }
    Ok(())
}

fn host(backend: Backend, root: Option<&Path>) -> Host {
    let open = |root: &Path| backend::std::Directory::open_ambient(root).expect("a directory");
    match (backend, root) {
        (Backend::Std, root) => {
            let host = Host::new()
                .clocks(backend::std::Clocks)
                .random(backend::std::Random)
                .network(backend::std::Network::new(), Policy::new().allow_all().allow_names());
            match root {
                Some(root) => host.directory("/", open(root), Access::ReadWrite),
                None => host,
            }
        }
        (Backend::Mem, root) => {
            let clocks = mem::Clocks::new();
            let host = Host::new().clocks(clocks.clone());
            let Some(root) = root else { return host };
            let settings =
                mem::filesystem::Settings { clocks: Some(Arc::new(clocks)), device: 1, ..Default::default() };
            let directory = mem::Directory::with(settings);
            let fixture: Arc<dyn Directory> = Arc::new(open(root));
            directory.copy_from(&fixture).expect("a copy of the fixture");
            host.directory("/", directory, Access::ReadWrite)
        }
    }
}

fn start(program: Vec<u8>, host: Host) -> JoinHandle<Result<u32, String>> {
    thread::spawn(move || {
        let program = Program::load(&program).map_err(|error| error.to_string())?;
        let mut guest = host.start(&program).map_err(|error| error.to_string())?;
        block_on(guest.run()).map(|exit| exit.code()).map_err(|error| error.to_string())
    })
}

#[derive(Clone)]
struct Pipes {
    stdin: mem::Pipe,
    stdout: mem::Pipe,
    stderr: mem::Pipe,
}

struct Running {
    pipes: Pipes,
    sockets: BTreeMap<String, TcpStream>,
    guest: Option<JoinHandle<Result<u32, String>>>,
}

impl Running {
    fn operate(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::Wait { exit_code, stdout } => self.wait(*exit_code, stdout.as_deref()),
            Operation::Read { stream, payload } => {
                let pipe = if stream == "stdout" { &self.pipes.stdout } else { &self.pipes.stderr };
                let found = self.read(pipe, |read| read.len() >= payload.len())?;
                same(payload, &found)
            }
            Operation::Write { payload } => {
                let count = self.pipes.stdin.write(payload.as_bytes());
                same(&payload.len().to_string(), &count.to_string())
            }
            Operation::Connect { id } => {
                let line = self.read(&self.pipes.stdout, |read| read.ends_with(b"\n"))?;
                let socket = TcpStream::connect(line.trim()).map_err(|error| format!("{line}: {error}"))?;
                socket.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
                self.sockets.insert(id.clone(), socket);
                Ok(())
            }
            Operation::Send { id, payload } => {
                let socket = self.sockets.get_mut(id).ok_or("no such connection")?;
                socket.write_all(payload.as_bytes()).map_err(|error| error.to_string())
            }
            Operation::Receive { id, payload } => {
                let socket = self.sockets.get_mut(id).ok_or("no such connection")?;
                let mut found = vec![0; payload.len()];
                socket.read_exact(&mut found).map_err(|error| error.to_string())?;
                same(payload, &String::from_utf8_lossy(&found))
            }
            Operation::Request(_) | Operation::Kill => Err("a command is no service".into()),
        }
    }

    /// Reads byte by byte, so that nothing beyond is taken.
    fn read(&self, pipe: &mem::Pipe, enough: impl Fn(&[u8]) -> bool) -> Result<String, String> {
        let (began, mut read) = (Instant::now(), Vec::new());
        while !enough(&read) {
            let mut byte = [0];
            if pipe.read(&mut byte) == 1 {
                read.push(byte[0]);
            } else if began.elapsed() > PATIENCE
                || self.guest.as_ref().is_none_or(JoinHandle::is_finished) && pipe.is_empty()
            {
                return Err(format!("it says only {:?}", String::from_utf8_lossy(&read)));
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(String::from_utf8_lossy(&read).into_owned())
    }

    fn wait(&mut self, exit_code: u32, stdout: Option<&str>) -> Result<(), String> {
        self.pipes.stdin.close();
        let guest = self.guest.take().ok_or("it has ended")?;
        let began = Instant::now();
        while !guest.is_finished() {
            if began.elapsed() > PATIENCE {
                return Err(format!("it hangs\n{}", self.said()));
            }
            thread::sleep(Duration::from_millis(1));
        }
        let ended = guest.join().map_err(|_| "the host panicked".to_string())?;
        match ended {
            Ok(code) if code == exit_code => {}
            Ok(code) => return Err(format!("status {code} instead of {exit_code}\n{}", self.said())),
            Err(error) => return Err(format!("{error}\n{}", self.said())),
        }
        match stdout {
            Some(expected) => same(expected, &String::from_utf8_lossy(&self.pipes.stdout.take())),
            None => Ok(()),
        }
    }

    fn said(&self) -> String {
        let text = |pipe: &mem::Pipe| String::from_utf8_lossy(&pipe.take()).into_owned();
        format!("stdout: {}\nstderr: {}", text(&self.pipes.stdout), text(&self.pipes.stderr))
    }
}

fn same(expected: &str, found: &str) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}
