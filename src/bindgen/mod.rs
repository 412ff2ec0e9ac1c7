//! Rust bindings for WIT worlds: a trait to implement for what a world imports, typed callers for what it exports.
//!
//! From a build script:
//!
//! ```no_run
//! fn main() -> Result<(), wasmote::bindgen::Error> {
//!     wasmote::bindgen::Config::new("wit").world("plugin").generate_to_out_dir("plugin.rs")
//! }
//! ```
//!
//! and in the crate, which has `wasmote` among its dependencies too:
//!
//! ```ignore
//! #[allow(clippy::all, clippy::pedantic, reason = "its names and types are those of WIT")]
//! mod bindings {
//!     include!(concat!(env!("OUT_DIR"), "/plugin.rs"));
//! }
//! ```
//!
//! `wasmote bindgen wit --world plugin -o src/plugin.rs` writes the same to a file to keep and to read.
//!
//! # What is generated
//!
//! For an imported interface `wasi:io/streams` there is a module `wasi::io::streams` with its types; a trait `Host` with
//! its functions, and one more, `HostInputStream`, for each of its resources; and `add_to_linker`. For an exported one
//! there is `exports::…::Guest`, whose methods call it. The world is a struct: `add_to_linker` for all its imports,
//! `instantiate`, and callers for what it exports. All of it needs only `core` and `alloc`.
//!
//! A host's function is of one of two shapes:
//!
//! * It answers at once: `fn f(&mut self, a: A) -> Result<R, Fault>`, where `R` is what WIT says (`Result<B, E>` for a
//!   `result<b, e>`), and a `Fault` ends the guest.
//! * It may wait ([`Config::poll`]; WIT's `async` functions always), and is ready or pending:
//!   `fn f(&mut self, cx: &mut Context<'_>, a: &mut A) -> Poll<Result<R, Fault>>`. It is called again, with the same
//!   arguments, until it is ready.
//!
//! In either, one that needs the store ([`Config::store`]; those with streams or futures always) has
//! `access: Access<'_, T, Self>` in the place of `&mut self`, for any `T: Send + 'static`.
//!
//! A `map` is a `BTreeMap`, a list of fixed length an array, an `error-context` an
//! [`ErrorContext`](crate::component::ErrorContext). A `stream<u8>` is a `StreamReader<u8>` and a `future<string>` a
//! `FutureReader<String>`; one that carries nothing carries `()`. A function that may wait takes them out of its
//! arguments with [`StreamReader::take`](crate::component::StreamReader::take).
//!
//! Not bound, and refused by name: functions of more than 16 parameters, tuples of more than 12 values, lists of a
//! fixed length of none or, together with those within them, more than 1,024 values, flags of more than 32 labels.
//!
//! Two versions of a package have modules of their own: `wasi::io0_2_0` and `wasi::io0_2_12`.

mod comment;
mod exports;
mod imports;
mod names;
mod plan;
mod scope;
mod source;
mod types;
mod wit;

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;
use plan::Plan;
use std::{
    env, fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Tuples have Rust's own traits up to this many values.
const VALUES_MAX: usize = 12;
/// Functions have a Rust type up to this many parameters.
const PARAMETERS_MAX: usize = 16;
/// Arrays stand on the stack: up to this many values, arrays within them included.
const ARRAY_MAX: u64 = 1_024;

/// What to generate bindings for, and how they look. The default reads nothing but what [`inline`](Self::inline) gives.
#[derive(Clone, Debug, Default)]
pub struct Config {
    paths: Vec<PathBuf>,
    inline: Option<String>,
    world: Option<String>,
    poll: Vec<String>,
    store: Vec<String>,
    with: Vec<(String, String)>,
    at_root: Option<String>,
    features: Vec<String>,
    all_features: bool,
    crate_path: Option<String>,
    rustfmt: bool,
}

/// Why there are no bindings.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder with WIT could not be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The WIT is wrong: what, and where.
    Wit(String),
    /// There is no such world, or more than one.
    World(String),
    /// Something in the world that bindings cannot express yet.
    Unsupported {
        /// What, in WIT's terms.
        what: &'static str,
        /// Where it is used.
        place: String,
    },
    /// A pattern or name that was given and is found nowhere in the world.
    Unused {
        /// Which setting: `poll`, `store`, `with` or `at-root`.
        setting: &'static str,
        /// What it was set to.
        value: String,
    },
    /// A name without a version that two versions in the world answer to.
    Ambiguous {
        /// Which setting: `with` or `at-root`.
        setting: &'static str,
        /// What it was set to.
        value: String,
    },
    /// The bindings could not be written.
    Write {
        /// Where to.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// `OUT_DIR` is not set: this is no build script.
    NoOutDir,
    /// `rustfmt` was asked for and could not be run.
    Rustfmt(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "cannot read `{}`: {error}", path.display()),
            Self::Wit(text) | Self::World(text) => f.write_str(text.trim_end()),
            Self::Unsupported { what, place } => write!(f, "{place}: no bindings for {what} yet"),
            Self::Unused { setting, value } => write!(f, "`{setting}`: the world has nothing like `{value}`"),
            Self::Ambiguous { setting, value } => {
                write!(
                    f,
                    "`{setting}`: the world has more than one version of `{value}`: say which, with `@`"
                )
            }
            Self::Write { path, error } => write!(f, "cannot write `{}`: {error}", path.display()),
            Self::NoOutDir => f.write_str("`OUT_DIR` is not set: this is no build script"),
            Self::Rustfmt(text) => write!(f, "rustfmt failed: {}", text.trim_end()),
        }
    }
}

/// Its text says the cause too, so there is no source.
impl core::error::Error for Error {}

impl Config {
    /// Bindings for the world of the package at `path`: a `.wit` file, or a folder of them with what it depends on in
    /// its folder `deps`, or a folder of packages.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { paths: [path.into()].into(), ..Self::default() }
    }

    /// More packages to find what is imported in.
    #[must_use]
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// A package given as text: its world is the one bindings are generated for.
    #[must_use]
    pub fn inline(mut self, text: impl Into<String>) -> Self {
        self.inline = Some(text.into());
        self
    }

    /// The world: `plugin`, or with its package, `example:plugins/plugin@1.0.0`. It may be left out where there is one.
    #[must_use]
    pub fn world(mut self, world: impl Into<String>) -> Self {
        self.world = Some(world.into());
        self
    }

    /// Host functions that may wait: see [the kinds](crate::bindgen#what-is-generated). `*` in the pattern stands for any
    /// characters. Where it has a `/` it is matched with the whole name (`wasi:io/poll/pollable.block`, and with a
    /// version, `wasi:io/poll@0.2.12/pollable.block`), else with what comes after the interface (`*.blocking-*`).
    #[must_use]
    pub fn poll(mut self, pattern: impl Into<String>) -> Self {
        self.poll.push(pattern.into());
        self
    }

    /// Host functions that need the store: matched as [`poll`](Self::poll)'s.
    #[must_use]
    pub fn store(mut self, pattern: impl Into<String>) -> Self {
        self.store.push(pattern.into());
        self
    }

    /// Takes something from elsewhere instead of generating it: an imported resource (`wasi:io/poll/pollable`) from the
    /// Rust type that stands for it, an imported interface (`wasi:io/poll`) or all of a package (`wasi:io`) from modules
    /// generated before. A name may end the package or interface with its version (`wasi:io/poll@0.2.12`), and has to
    /// where the world has two.
    ///
    /// `path` is as seen from the root of what is generated, where `super::` is the module around it, or begins with
    /// `crate::` or `::`. An interface's is that of its module, `crate::bindings::wasi::io::poll`; a package's is where
    /// those of its interfaces are, `crate::bindings::wasi::io`. Such a module has the types under the names that are
    /// generated for them, its own `add_to_linker`, and nothing else that these bindings ask for: what it offers to
    /// components has to be offered apart.
    ///
    /// A resource's is a type of the crate that generates, or one that both know, and its `drop` is part of the host's
    /// trait as always. One of an interface that is taken from elsewhere is as it is there.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.with.push((name.into(), path.into()));
        self
    }

    /// Has the parts of the WIT that need this feature (`@unstable(feature = …)`). They are left out if it is not said.
    #[must_use]
    pub fn feature(mut self, name: impl Into<String>) -> Self {
        self.features.push(name.into());
        self
    }

    /// Has the parts of the WIT that need a feature, whichever.
    #[must_use]
    pub fn all_features(mut self) -> Self {
        self.all_features = true;
        self
    }

    /// Puts the interfaces of this package (`wasi:io`, or `wasi:io@0.2.12`) at the root of what is generated, not in
    /// `wasi::io`.
    #[must_use]
    pub fn at_root(mut self, package: impl Into<String>) -> Self {
        self.at_root = Some(package.into());
        self
    }

    /// How generated code names this crate: `::wasmote` if nothing else is said.
    #[must_use]
    pub fn crate_path(mut self, path: impl Into<String>) -> Self {
        self.crate_path = Some(path.into());
        self
    }

    /// Has `rustfmt` format what is generated, by the settings of the current folder.
    #[must_use]
    pub fn rustfmt(mut self) -> Self {
        self.rustfmt = true;
        self
    }

    /// Generates the bindings, as the text of a module.
    ///
    /// # Errors
    ///
    /// When the WIT cannot be read, is wrong, or has what bindings cannot express; when a setting is about nothing in the
    /// world; when `rustfmt` was asked for and fails.
    pub fn generate(&self) -> Result<String, Error> {
        let (resolve, world) = source::read(self)?;
        let text = Plan::new(self, &resolve, world)?.generate()?;
        if self.rustfmt { rustfmt(&text) } else { Ok(text) }
    }

    /// Generates the bindings into a file.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate), and when the file cannot be written.
    pub fn generate_to(&self, file: impl AsRef<Path>) -> Result<(), Error> {
        let path = file.as_ref();
        fs::write(path, self.generate()?).map_err(|error| Error::Write { path: path.to_owned(), error })
    }

    /// Generates the bindings into a file of this name in `OUT_DIR`, and has Cargo run the build script again when
    /// the WIT changes.
    ///
    /// # Errors
    ///
    /// As [`generate_to`](Self::generate_to), and when this is no build script.
    pub fn generate_to_out_dir(&self, name: &str) -> Result<(), Error> {
        let folder = env::var_os("OUT_DIR").ok_or(Error::NoOutDir)?;
        for path in &self.paths {
            std::println!("cargo:rerun-if-changed={}", path.display());
        }
        self.generate_to(Path::new(&folder).join(name))
    }
}

/// Formats code.
fn rustfmt(text: &str) -> Result<String, Error> {
    let failed = |error: io::Error| Error::Rustfmt(alloc::string::ToString::to_string(&error));
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // It reads all of its input before it writes, so neither waits for the other. One that fails early reads none of
    // it: then it has more to say than that its pipe is broken.
    let written = child.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::Rustfmt(match said.trim_end() {
            "" => alloc::string::ToString::to_string(&output.status),
            said => said.to_owned(),
        }));
    }
    written.transpose().map_err(failed)?;
    String::from_utf8(output.stdout).map_err(|_| Error::Rustfmt("its output is no UTF-8".into()))
}
