//! What the command line grants, as a [`Host`].

use crate::{
    run::Arguments,
    settings::{Randomness, Resolved, Source, Terminal},
    terminal::Filtered,
};
use anyhow::{Context, Result, bail};
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::{
    env::VarError,
    ffi::OsStr,
    io::ErrorKind,
    net,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    task::{Context as Cx, Poll},
};
use wasmote::{
    Access, Host,
    backend::{mem, std as real},
    cap::{Code, cli::OutputStream},
};

/// A `--dir`: which directory, under which name, and whether to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryGrant {
    host: PathBuf,
    guest: String,
    access: Access,
}

impl DirectoryGrant {
    /// The directory at `host`, seen as `guest`, only to read.
    pub fn to_read(host: PathBuf, guest: String) -> Self {
        Self { host, guest, access: Access::ReadOnly }
    }

    /// Reads `HOST[::GUEST][:ro|:rw]`.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self, String> {
        let text = text.as_ref().as_bytes();
        let (paths, access) = match text {
            [paths @ .., b':', b'r', b'o'] if !paths.ends_with(b":") => (paths, Access::ReadOnly),
            [paths @ .., b':', b'r', b'w'] if !paths.ends_with(b":") => (paths, Access::ReadWrite),
            _ => (text, Access::ReadWrite),
        };
        let (host, guest) = match paths.windows(2).position(|pair| pair == b"::") {
            Some(at) => (&paths[..at], &paths[at + 2..]),
            None => (paths, paths),
        };
        if host.is_empty() || guest.is_empty() {
            return Err("write HOST, HOST::GUEST or HOST::GUEST:ro, with no empty part".into());
        }
        let guest = str::from_utf8(guest).map_err(|_| {
            "a program cannot be told a name that is no UTF-8: write HOST::GUEST, with another name for it"
        })?;
        Ok(Self { host: OsStr::from_bytes(host).into(), guest: guest.into(), access })
    }

    /// Reads the value of a `--dir`, which need not be text.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(Self::parse)
    }

    /// The same directory, with its path taken from `folder` instead of from here.
    pub fn below(self, folder: &Path) -> Self {
        Self { host: folder.join(&self.host), ..self }
    }

    /// Grants it.
    pub fn grant(&self, host: Host) -> Result<Host> {
        Ok(host.directory(&self.guest, directory(&self.host)?, self.access))
    }
}

/// Reads what a program is told: it knows no other text.
pub fn text() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(|text| {
        text.into_string().map_err(|_| "it is no UTF-8, and has to be: a program is told nothing else")
    })
}

/// An `--env`: a variable with its value, or one to take over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    name: String,
    value: Option<String>,
}

impl Variable {
    /// Reads `NAME=VALUE` or `NAME`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("a variable needs a name: write NAME=VALUE, or NAME to take it over".into());
        }
        Ok(Self { name: name.into(), value })
    }

    /// Reads the value of an `--env`.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        text().try_map(|text| Self::parse(&text))
    }

    /// One that a manifest's `inherit-env` takes over.
    pub fn inherited(name: &str, environment: Environment<'_>) -> Result<Self> {
        let asked = format!("`inherit-env = [\"{name}\"]`");
        let value = taken_over(name, &asked, "give it a value under `env`", environment)?;
        Ok(Self { name: name.into(), value: Some(value) })
    }
}

/// Where variables are taken over from: this process's environment, but in tests.
pub type Environment<'e> = &'e dyn Fn(&str) -> Result<String, VarError>;

/// The value of the variable `name`, which `asked` takes over. What to do where there is none begins as `instead`.
fn taken_over(name: &str, asked: &str, instead: &str, environment: Environment<'_>) -> Result<String> {
    environment(name).map_err(|error| match error {
        VarError::NotPresent => {
            anyhow::anyhow!("{asked} takes over a variable that is not set here: set it, or {instead}")
        }
        VarError::NotUnicode(_) => anyhow::anyhow!(
            "{asked} takes over a variable whose value is no UTF-8, which programs cannot be given: {instead}"
        ),
    })
}

/// The host of one run, and what is to be done when it is over.
pub struct Granted {
    pub host: Host,
    pub outputs: Outputs,
}

/// Everything that `arguments` and `settings` grant.
pub fn grant(arguments: &Arguments, settings: &Resolved, args: Vec<String>) -> Result<Granted> {
    let mut host = Host::new().args(args).limits(settings.limits);
    host = environment(host, &arguments.env, settings.inherit_env)?;
    for grant in &arguments.dirs {
        host = grant.grant(host)?;
    }
    for address in &settings.tcp_listen {
        let listener = net::TcpListener::bind(address);
        let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
        let listener = real::TcpListener::from_std(listener);
        host = host
            .tcp_listener(listener.map_err(|code| anyhow::anyhow!("cannot listen on {address}: {code}"))?);
    }
    host = system(host, settings);
    let outputs = Outputs::new(settings.terminal.unwrap_or_default());
    host = host.stdin(real::Input::stdin()).stdout(outputs.stdout.clone()).stderr(outputs.stderr.clone());
    Ok(Granted { host, outputs })
}

/// The clocks, the randomness and the fuel that `settings` say.
pub fn system(mut host: Host, settings: &Resolved) -> Host {
    host = match settings.clocks {
        Source::Host => host.clocks(real::Clocks),
        // Which each guest has of its own where nothing is granted.
        Source::Virtual => host,
    };
    host = match settings.random {
        Randomness::Host => host.random(real::Random),
        Randomness::Seed(seed) => host.random(mem::Random::seeded(seed)),
    };
    if let Some(fuel) = settings.fuel {
        host = host.fuel(fuel);
    }
    host
}

/// The variables, and with `inherit` all of this process's before them.
pub fn environment(mut host: Host, variables: &[Variable], inherit: bool) -> Result<Host> {
    if inherit {
        for (name, value) in std::env::vars_os() {
            // A guest's variables are UTF-8; what is not cannot be given to it.
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) {
                host = host.env(name, value);
            }
        }
    }
    for Variable { name, value } in variables {
        let value = match value {
            Some(value) => value.clone(),
            None => {
                let (asked, instead) = (format!("`--env {name}`"), format!("write `--env {name}=VALUE`"));
                taken_over(name, &asked, &instead, &|name| std::env::var(name))?
            }
        };
        host = host.env(name, value);
    }
    Ok(host)
}

fn directory(path: &Path) -> Result<real::Directory> {
    let shown = path.display();
    // Asked first, because this answer is the platform's own and says more than a guest may learn.
    let metadata = path.metadata().map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("there is no directory `{shown}` to grant"),
        ErrorKind::PermissionDenied => anyhow::anyhow!("no permission to open the directory `{shown}`"),
        _ => anyhow::Error::new(error).context(format!("cannot open the directory `{shown}`")),
    })?;
    if !metadata.is_dir() {
        bail!("`{shown}` is no directory, and only directories are granted: grant the one it is in");
    }
    real::Directory::open_ambient(path)
        .map_err(|code| anyhow::anyhow!("cannot open the directory `{shown}`: {code}"))
}

/// Standard output and error, as a guest gets them.
pub struct Outputs {
    stdout: Output,
    stderr: Output,
}

#[derive(Clone)]
enum Output {
    Plain(real::Output),
    Filtered(Arc<Filtered<real::Output>>),
}

impl Outputs {
    fn new(terminal: Terminal) -> Self {
        let output = |output: real::Output| match terminal {
            Terminal::Filtered if output.is_terminal() => Output::Filtered(Arc::new(Filtered::new(output))),
            _ => Output::Plain(output),
        };
        Self { stdout: output(real::Output::stdout()), stderr: output(real::Output::stderr()) }
    }

    /// Writes what is still held back.
    pub async fn finish(&self) {
        for output in [&self.stdout, &self.stderr] {
            // Nobody is left to hear that nobody listens.
            _ = std::future::poll_fn(|cx| output.poll_finish(cx)).await;
        }
    }
}

impl Output {
    fn inner(&self) -> &dyn OutputStream {
        match self {
            Self::Plain(output) => output,
            Self::Filtered(output) => &**output,
        }
    }

    fn poll_finish(&self, cx: &mut Cx<'_>) -> Poll<Result<(), Code>> {
        match self {
            Self::Plain(output) => output.poll_flush(cx),
            Self::Filtered(output) => output.poll_finish(cx),
        }
    }
}

impl OutputStream for Output {
    fn poll_write(&self, cx: &mut Cx<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_flush(&self, cx: &mut Cx<'_>) -> Poll<Result<(), Code>> {
        self.inner().poll_flush(cx)
    }

    fn poll_writable(&self, cx: &mut Cx<'_>) -> Poll<u64> {
        self.inner().poll_writable(cx)
    }

    fn is_terminal(&self) -> bool {
        self.inner().is_terminal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &str, guest: &str, access: Access) -> DirectoryGrant {
        DirectoryGrant { host: host.into(), guest: guest.into(), access }
    }

    #[test]
    fn directories_read_as_wasmtimes_with_access_behind() {
        let (ro, rw) = (Access::ReadOnly, Access::ReadWrite);
        for (text, expected) in [
            (".", grant(".", ".", rw)),
            ("data::/data", grant("data", "/data", rw)),
            ("data:ro", grant("data", "data", ro)),
            ("data::/data:ro", grant("data", "/data", ro)),
            ("data::/a:b", grant("data", "/a:b", rw)),
            ("data::/a:ro:rw", grant("data", "/a:ro", rw)),
            ("data::ro", grant("data", "ro", rw)),
            ("data::ro:ro", grant("data", "ro", ro)),
            ("C:\\x::/x", grant("C:\\x", "/x", rw)),
        ] {
            assert_eq!(DirectoryGrant::parse(text), Ok(expected), "{text}");
        }
        for text in ["", "::", "::/x", "x::", ":ro"] {
            assert!(DirectoryGrant::parse(text).is_err(), "{text}");
        }
        let odd = DirectoryGrant::parse(OsStr::from_bytes(b"d\xff::/d:ro")).unwrap();
        assert_eq!(odd, DirectoryGrant::to_read(OsStr::from_bytes(b"d\xff").into(), "/d".into()));
        let unnamed = DirectoryGrant::parse(OsStr::from_bytes(b"d\xff")).unwrap_err();
        assert!(unnamed.contains("write HOST::GUEST"), "{unnamed}");
    }

    #[test]
    fn variables_may_be_empty_but_not_nameless() {
        let variable =
            |name: &str, value: Option<&str>| Variable { name: name.into(), value: value.map(Into::into) };
        assert_eq!(Variable::parse("A=b=c"), Ok(variable("A", Some("b=c"))));
        assert_eq!(Variable::parse("A="), Ok(variable("A", Some(""))));
        assert_eq!(Variable::parse("A"), Ok(variable("A", None)));
        assert!(Variable::parse("=x").is_err());
        assert!(Variable::parse("").is_err());
    }

    #[test]
    fn a_variable_that_cannot_be_taken_over_is_said_in_one_sentence() {
        let missing = Variable::inherited("TOKEN", &|_| Err(VarError::NotPresent)).unwrap_err();
        assert_eq!(
            format!("{missing:#}"),
            "`inherit-env = [\"TOKEN\"]` takes over a variable that is not set here: set it, or give it a value under \
             `env`"
        );
        let odd = taken_over("A", "`--env A`", "write `--env A=VALUE`", &|_| {
            Err(VarError::NotUnicode("\u{fffd}".into()))
        });
        assert_eq!(
            format!("{:#}", odd.unwrap_err()),
            "`--env A` takes over a variable whose value is no UTF-8, which programs cannot be given: write `--env A=VALUE`"
        );
        let there = Variable::inherited("A", &|_| Ok("b".into())).unwrap();
        assert_eq!(there, Variable::parse("A=b").unwrap());
    }
}
