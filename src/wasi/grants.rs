//! What a guest was granted, as plain values.

use super::{
    cli::{Input, Output, is_argument, is_variable},
    filesystem::Access,
    http::Granted,
    random::Source,
    sockets::{GuestNetwork, Socket},
};
use crate::cap::{Code, clocks::Clocks, filesystem::Directory, random::Random};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

/// Everything that a guest may reach. Beyond it there is nothing.
///
/// A value, not a policy: each field is a handle or a text that was handed in, and a dialect looks
/// nothing up anywhere else.
#[derive(Clone)]
pub struct Grants {
    /// The program's arguments, its name first. Without NUL.
    pub args: Arc<[String]>,
    /// The environment, in this order. Without NUL, and without `=` in a name.
    pub env: Vec<(String, String)>,
    /// Standard input: at its end from the start, unless granted.
    pub stdin: Input,
    /// Standard output: into nothing, unless granted.
    pub stdout: Output,
    /// Standard error: into nothing, unless granted.
    pub stderr: Output,
    /// Directories, in this order.
    pub directories: Vec<Preopen>,
    /// Sockets, in this order.
    pub sockets: Vec<Socket>,
    /// HTTP.
    pub http: Granted,
    /// The share of a network, to open sockets on.
    pub network: GuestNetwork,
    /// The clocks.
    pub clocks: Arc<dyn Clocks>,
    /// The source of random bytes.
    pub random: Source,
}

/// A directory that a guest finds open.
#[derive(Clone)]
pub struct Preopen {
    /// What the guest sees it as: `/`, `/data`.
    pub name: String,
    /// The directory.
    pub directory: Arc<dyn Directory>,
    /// What the guest may do in it.
    pub access: Access,
}

impl Grants {
    /// Clocks and randomness, which no program can do without, and nothing else.
    #[must_use]
    pub fn new(clocks: Arc<dyn Clocks>, random: Arc<dyn Random>) -> Self {
        Self {
            args: Arc::default(),
            env: Vec::new(),
            stdin: Input::empty(),
            stdout: Output::sink(),
            stderr: Output::sink(),
            directories: Vec::new(),
            sockets: Vec::new(),
            http: Granted::default(),
            network: GuestNetwork::default(),
            clocks,
            random: Source::Granted(random),
        }
    }
}

impl Grants {
    /// Checks that a guest can be told what it was granted.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for an argument, variable or directory name that cannot be one.
    pub fn check_names(&self) -> Result<(), Code> {
        let is_name = |name: &str| !name.is_empty() && !name.contains('\0');
        let fit = self.args.iter().all(|arg| is_argument(arg))
            && self.env.iter().all(|(name, value)| is_variable(name, value))
            && self.directories.iter().all(|preopen| is_name(&preopen.name));
        if fit { Ok(()) } else { Err(Code::Invalid) }
    }
}

impl fmt::Debug for Grants {
    // Says what was granted and not what it holds: an environment may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("args", &self.args.len())
            .field("env", &self.env.len())
            .field("directories", &self.directories)
            .field("sockets", &self.sockets.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Preopen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preopen")
            .field("name", &self.name)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
