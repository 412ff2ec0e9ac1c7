//! What is granted and allowed: the host of guests.

#[cfg(feature = "http")]
mod http;
#[cfg(feature = "component")]
mod linked;
#[cfg(feature = "component")]
mod network;
#[cfg(not(feature = "component"))]
#[path = "host/network_absent.rs"]
mod network;

use crate::{
    Error, Guest, Limits, Program,
    backend::mem,
    cap::{
        cli::{InputStream, OutputStream},
        clocks::Clocks,
        filesystem::Directory,
        random::Random,
        sockets::{TcpListener, TcpStream},
    },
    wasi::{
        Grants, Preopen,
        cli::{Input, Output},
        filesystem::Access,
        http::Granted,
        random::Source,
        sockets::{NetworkGrant, Socket},
    },
};
use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

/// What guests are granted and allowed. Starts with nothing granted, and starts any number of guests.
///
/// A guest of a host that granted nothing can compute, read a virtual clock that begins at 0, and draw numbers
/// from a seeded source; its output goes nowhere, its input has ended, and it has no file, no socket,
/// no argument and no environment. Two such guests of one program do exactly the same.
///
/// ```
/// use wasmote::{Access, Host, Limits, Program, backend::mem};
/// # let bytes = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)?;
/// let program = Program::load(&bytes)?;
/// let output = mem::Output::new();
/// let host = Host::new()
///     .args(["hello", "world"])
///     .stdout(output.clone())
///     .directory("/data", mem::Directory::new(), Access::ReadWrite)
///     .limits(Limits::server());
/// let mut guest = host.start(&program)?;
/// let exit = wasmote::block_on(guest.run())?;
/// assert_eq!(exit.code(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Host {
    args: Arc<[String]>,
    env: Vec<(String, String)>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    directories: Vec<Preopen>,
    sockets: Vec<Socket>,
    network: NetworkGrant,
    http: Granted,
    clocks: Option<Arc<dyn Clocks>>,
    random: Option<Arc<dyn Random>>,
    limits: Limits,
    fuel: Option<u64>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host that grants nothing, under [`Limits::server`], with fuel without end.
    #[must_use]
    pub fn new() -> Self {
        Self {
            args: Arc::default(),
            env: Vec::new(),
            stdin: Input::empty(),
            stdout: Output::sink(),
            stderr: Output::sink(),
            directories: Vec::new(),
            sockets: Vec::new(),
            network: NetworkGrant::default(),
            http: Granted::default(),
            clocks: None,
            random: None,
            limits: Limits::default(),
            fuel: None,
        }
    }

    /// The program's arguments. The first is its name.
    #[must_use]
    pub fn args<S: ToString>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = args.into_iter().map(|arg| arg.to_string()).collect();
        self
    }

    /// One more variable of the environment; a second of the same name replaces the first.
    #[must_use]
    pub fn env(mut self, name: impl ToString, value: impl ToString) -> Self {
        let (name, value) = (name.to_string(), value.to_string());
        match self.env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.env.push((name, value)),
        }
        self
    }

    /// Standard input.
    #[must_use]
    pub fn stdin(mut self, stream: impl InputStream + 'static) -> Self {
        self.stdin = Input::new(Arc::new(stream));
        self
    }

    /// Standard output.
    #[must_use]
    pub fn stdout(mut self, stream: impl OutputStream + 'static) -> Self {
        self.stdout = Output::new(Arc::new(stream));
        self
    }

    /// Standard error.
    #[must_use]
    pub fn stderr(mut self, stream: impl OutputStream + 'static) -> Self {
        self.stderr = Output::new(Arc::new(stream));
        self
    }

    /// One more directory, which guests find open as `name` and may use as `access` says.
    #[must_use]
    pub fn directory(
        mut self,
        name: impl ToString,
        directory: impl Directory + 'static,
        access: Access,
    ) -> Self {
        self.directories.push(Preopen { name: name.to_string(), directory: Arc::new(directory), access });
        self
    }

    /// One more socket that guests may accept connections from. WASI 0.1 guests find it open after the
    /// directories.
    #[must_use]
    pub fn tcp_listener(mut self, listener: impl TcpListener + 'static) -> Self {
        self.sockets.push(Socket::Listener(Arc::new(listener)));
        self
    }

    /// One more connection.
    #[must_use]
    pub fn tcp_stream(mut self, stream: impl TcpStream + 'static) -> Self {
        self.sockets.push(Socket::Stream(Arc::new(stream)));
        self
    }

    /// The clocks of all guests, instead of a virtual clock for each.
    #[must_use]
    pub fn clocks(mut self, clocks: impl Clocks + 'static) -> Self {
        self.clocks = Some(Arc::new(clocks));
        self
    }

    /// The random source of all guests, instead of one for each that is seeded with 0.
    #[must_use]
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Some(Arc::new(random));
        self
    }

    /// What a guest may use. Bounds of loading, and of the interpreter's stacks, are those the program was loaded under
    /// ([`Loader::limits`](crate::Loader::limits)); nor is a guest given more of anything than those.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Fuel for a guest's whole life: its start, and every call of it. A function, a loop or a branch of an `if` is charged as
    /// it is entered, for the instructions it has; a short loop within another, for three rounds at once.
    #[must_use]
    pub fn fuel(mut self, fuel: u64) -> Self {
        self.fuel = Some(fuel);
        self
    }

    /// Starts a guest: an instance of `program` of its own, that shares nothing but what was granted. None
    /// of its code runs yet.
    ///
    /// # Errors
    ///
    /// When the program imports what this host does not provide ([`Error::missing_imports`] lists all of it),
    /// when an instance passes a limit or the fuel does not cover making it, and when an argument, a
    /// variable or the name of a directory cannot be one.
    pub fn start(&self, program: &Program) -> Result<Guest, Error> {
        Guest::start(program, self.grants(program.is_component()), &self.limits, self.fuel)
    }

    /// One guest's source of random bytes. The dialects that a component may speak all draw from one, so it is there
    /// before they are.
    fn source(&self, is_component: bool) -> Source {
        match &self.random {
            Some(random) => Source::Granted(Arc::clone(random)),
            None if is_component => Source::Granted(own_random()),
            None => Source::Own(own_random),
        }
    }

    /// What one guest is given. A core module has no use for a network or HTTP: its sockets are open already.
    fn grants(&self, is_component: bool) -> Grants {
        Grants {
            args: Arc::clone(&self.args),
            env: self.env.clone(),
            stdin: self.stdin.clone(),
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
            directories: self.directories.clone(),
            sockets: self.sockets.clone(),
            http: if is_component { self.http.clone() } else { Granted::default() },
            network: network::share(&self.network, is_component),
            clocks: self.clocks.clone().unwrap_or_else(|| Arc::new(mem::Clocks::new())),
            random: self.source(is_component),
        }
    }
}

/// The random source of a guest that was granted none.
fn own_random() -> Arc<dyn Random> {
    Arc::new(mem::Random::seeded(0))
}
