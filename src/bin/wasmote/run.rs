//! `wasmote run`.

use crate::{
    component, deadline, failure,
    features::Feature,
    file,
    grants::{self, DirectoryGrant, Granted, Variable},
    invoke::Call,
    links::{self, Links},
    network,
    say::{self, Misuse},
    settings::{self, Profile, Resolved, Settings},
    unused,
    watch::{self, Trace},
};
use anyhow::{Context, Result};
use clap::Args;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::exit,
    time::{Duration, Instant},
};
use wasmote::{
    CallError, Error, Exit, Guest, Host, Linked, Loader, Program,
    engine::{Accounting, Metering, Value},
    wasi::{http, sockets::policy::Rule},
};

/// Run a program
///
/// Runs a command, which is a module of WASI 0.1 or a component of WASI 0.2 or 0.3; or with --invoke one function
/// of any module or component. The program gets this terminal's standard streams, the clock and random numbers;
/// files, variables and the network only as far as you grant them. Everything after MODULE is the program's own (but see
/// --link); a `--` right behind it may divide the two, and is not passed on.
///
/// Ends with the status the program ends with; with 134 when it was stopped (it broke a rule, or its
/// fuel or time was over), with 1 when it could not be started, with 2 when a flag makes no sense.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Arguments {
    /// Let the program use the directory HOST, which it sees as GUEST
    ///
    /// GUEST is HOST where nothing else is said. With `:ro` behind it may only read: `data::/data:ro`.
    /// To grant a name that itself ends in `:ro`, say `:rw` behind it. Repeatable.
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]", value_parser = DirectoryGrant::parser())]
    pub dirs: Vec<DirectoryGrant>,

    /// Let the program connect to these, and exchange datagrams with them
    ///
    /// HOST is a name (`*.example.com` for all below it), an address, a range of addresses (10.0.0.0/8,
    /// [fd00::/8]), or `*`. PORTS are 443, 8000-8010, or `*`. A name grants what it stands for, but nothing inside:
    /// grant that by its address. Repeatable.
    #[arg(long, value_name = "HOST:PORTS", value_parser = network::rule)]
    pub allow_net: Vec<Rule>,

    /// Let the program listen here, and receive datagrams from anybody here: 127.0.0.1:8080. Repeatable
    #[arg(long, value_name = "ADDR:PORTS", value_parser = network::listen)]
    pub allow_listen: Vec<Rule>,

    /// Let the program send HTTP requests there: example.com, *.example.com:8443, https://*, 127.0.0.1:9000
    ///
    /// Names, and `*` for all of them, lead to public addresses only, whatever they stand for; an address of this
    /// machine or its network is granted as such, alone or as a range (10.0.0.0/8). `localhost`, by this name, leads here.
    /// Without a port a name or an address is for that of the scheme (80, 443), and a range or `*` for all.
    /// Repeatable.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = network::destination)]
    pub allow_http: Vec<http::Rule>,

    /// Trust the root certificates in this PEM file too, for requests that the program sends
    #[arg(long, value_name = "FILE")]
    pub http_root: Vec<PathBuf>,

    /// Set a variable of the program's environment, or take NAME over from this one
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = Variable::parser())]
    pub env: Vec<Variable>,

    /// What the program is told that it is called [default: the file's name]
    #[arg(long, value_name = "NAME", value_parser = grants::text())]
    pub argv0: Option<String>,

    /// Call this function, with ARGS as its parameters, and print what it returns
    ///
    /// Of a component, its parameters are written as WAVE: --invoke 'f("a", [1, 2])'. A function of an interface
    /// is `ns:package/interface@version#function`, or its own name where no other is called the same.
    #[arg(long, value_name = "FUNCTION")]
    pub invoke: Option<String>,

    /// Link a component: what it exports, the program may import. Repeatable
    ///
    /// Components that are linked may use everything that is granted to the program. What they export goes before
    /// what the host offers under the same name. Right behind MODULE it may stand too, `a.wasm --link b.wasm`, where
    /// MODULE imports what only another component can offer.
    #[arg(long, value_name = "FILE")]
    pub link: Vec<PathBuf>,

    /// Turn on proposals of the Component Model besides those that have shipped
    #[arg(long, value_enum, value_name = "NAME,…", value_delimiter = ',')]
    pub features: Vec<Feature>,

    /// Bound the program: fuel=N, timeout=2s, max-memory-size=64M, … (`-W help` lists all)
    #[arg(short = 'W', long = "wasm", value_name = "KEY=VALUE,…", value_parser = settings::wasm)]
    pub wasm: Vec<Settings>,

    /// Choose its system: inherit-env, clocks=virtual, random=seed:1, tcplisten=ADDR, … (`-S help`)
    #[arg(short = 'S', long = "wasi", value_name = "KEY=VALUE,…", value_parser = settings::system)]
    pub system: Vec<Settings>,

    /// The limits to start from
    #[arg(long, value_enum, value_name = "FOR", default_value_t)]
    pub limits: Profile,

    /// Print each call of the system that the program makes, to standard error or to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub trace: Option<PathBuf>,

    /// Print what the program used when it has ended, to standard error
    ///
    /// Fuel, calls of the system, memory and time; of a module also the bytes that calls wrote to its memory.
    #[arg(long)]
    pub stats: bool,

    /// Accepted and ignored: nothing is compiled here (wasmtime: code generation, optimisation)
    #[arg(short = 'C', short_alias = 'O', value_name = "…", hide = true)]
    pub ignored: Vec<String>,

    /// The program: a .wasm or .wat file, `-` for standard input; and its arguments
    #[arg(value_names = ["MODULE", "ARGS"], required = true, trailing_var_arg = true)]
    pub module_and_args: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  wasmote run hello.wasm --name Ada         `--name Ada` is the program's; so it is behind a `--`
  wasmote run --dir . --env HOME=/ app.wasm
                                            with the folder you are in, to read and write
  wasmote run -W timeout=5s,max-memory-size=64M app.wasm
  wasmote run -S clocks=virtual,random=seed:1 app.wasm
                                            the same in every run
  wasmote run --trace=calls.txt --stats app.wasm
  wasmote run --invoke fib fib.wat 30
  wasmote run --invoke 'sum([1, 2])' calc.wasm
  wasmote run --link words.wasm --invoke 'sum([1, 2])' calc.wasm
  wasmote run calc.wasm --link words.wasm   the same way round; behind a `--` all is the program's";

/// The status of a program that was stopped, as shells have it for an aborted process.
const STOPPED: i32 = 134;

impl Arguments {
    fn module(&self) -> &Path {
        self.module_and_args.first().map_or(Path::new("-"), Path::new)
    }

    /// The program's own arguments. A `--` right behind the module only divides.
    ///
    /// # Errors
    ///
    /// When one is no text, which is all that a program can be told.
    fn args(&self) -> Result<Vec<String>> {
        let args = match self.module_and_args.get(1..).unwrap_or(&[]) {
            [divider, args @ ..] if divider == "--" => args,
            args => args,
        };
        let text = |arg: &OsString| {
            let text = arg.to_str().map(String::from);
            let wrong = || format!("the program's argument `{}` is no UTF-8, and has to be", arg.display());
            text.ok_or_else(|| Misuse(wrong()).into())
        };
        args.iter().map(text).collect()
    }
}

/// Runs a program; answers the status to end with.
pub fn run(mut arguments: Arguments) -> Result<i32> {
    let settings = Settings::resolve(arguments.wasm.iter().chain(&arguments.system), arguments.limits)?;
    let began = Instant::now();
    let module = file::read(arguments.module(), &settings.limits)?;
    links::take_from_behind(&mut arguments, &module, &settings);
    let arguments = &arguments;
    let words = arguments.args()?;
    let (code, call) = Code::load(arguments, &words, &module, &settings)?;
    for sentence in unused::of(arguments, &settings, &code, &module.name) {
        say::warning(&sentence);
    }

    let mut args = vec![arguments.argv0.clone().unwrap_or_else(|| module.argv0())];
    args.extend(if arguments.invoke.is_none() { words } else { Vec::new() });
    let Granted { host, outputs } = grants::grant(arguments, &settings, args)?;
    let trace = arguments.trace.as_deref().map(Trace::create).transpose()?;
    let host = network::grant(host, arguments, &settings, trace.as_ref())?;
    let accounting = Accounting::new();
    // It stays when its time is over.
    let mut started = None;
    let running = async {
        let mut guest = match code.start(&host, &module.name, settings.fuel) {
            Ok(guest) => guest,
            Err(error) => {
                // Where it took too long, that is what there is to say.
                deadline::give_way().await;
                return Err(error);
            }
        };
        let loading = began.elapsed();
        if let Some(trace) = &trace {
            guest.interpose(trace.tracer(!arguments.dirs.is_empty()));
        }
        if arguments.stats {
            guest.interpose(accounting.clone());
        }
        let (guest, ..) = started.insert((guest, loading, Instant::now()));
        // Starting it gives way to nobody: now is when the clock is looked at.
        deadline::give_way().await;
        anyhow::Ok(perform(guest, &call).await)
    };
    let ended = timed(running, settings.timeout, &late(&module.name, call.name()), trace.as_ref())?;
    let ended = ended.transpose()?.unwrap_or_else(|| Ended::Late(settings.timeout.unwrap_or_default()));
    let running = started.as_ref().map(|(.., began)| began.elapsed());
    wasmote::block_on(outputs.finish());

    let memory_bytes = started.as_ref().map_or(0, |(guest, ..)| guest.memory_bytes());
    let status = report(ended, call.name(), &module.name, &settings, memory_bytes)?;
    if let (true, Some((guest, loading, _)), Some(running)) = (arguments.stats, &started, running) {
        let metered = settings.metering == Metering::On;
        let of_component = matches!(code, Code::Component { .. });
        say::plain(&watch::stats(guest, &accounting, metered, of_component, *loading, running));
    }
    trace.map_or(Ok(()), |trace| trace.finish())?;
    Ok(status)
}

/// What is run.
pub enum Code {
    Module(Program),
    /// A component, with what is linked to it.
    Component {
        linked: Linked,
        links: Links,
    },
}

impl Code {
    /// Loads it, and finds the call that is to be made.
    fn load(
        arguments: &Arguments,
        words: &[String],
        module: &file::Module,
        settings: &Resolved,
    ) -> Result<(Self, Call)> {
        if component::is_component(module) {
            let (linked, call) = component::load(arguments, words, module, settings)?;
            return Ok((Self::Component { linked, links: Links::of(arguments, words) }, call));
        }
        if !arguments.link.is_empty() {
            return Err(component::no_component(&module.name).into());
        }
        let loader = Loader::new().limits(settings.limits).metering(settings.metering);
        let program = loader.load(&module.bytes);
        let program = program.map_err(|error| wrong(&module.name, &error, settings.fuel))?;
        let call = Call::new(&program, &module.name, arguments.invoke.as_deref(), words)?;
        Ok((Self::Module(program), call))
    }

    fn start(&self, host: &Host, file: &str, fuel: Option<u64>) -> Result<Guest> {
        match self {
            Self::Module(program) => host.start(program).map_err(|error| wrong(file, &error, fuel)),
            Self::Component { linked, links } => {
                host.start_linked(linked).map_err(|error| component::unlinked(&error, *links, fuel))
            }
        }
    }
}

fn wrong(file: &str, error: &Error, fuel: Option<u64>) -> anyhow::Error {
    anyhow::Error::msg(failure::not_started(file, error, fuel))
}

/// How a call ended.
pub enum Ended {
    Exit(Exit),
    Returned(Vec<Value>),
    /// What a component returned, as text, or why it has none.
    Printed(Vec<Result<String, String>>),
    Failed(Error),
    /// After this long it was stopped.
    Late(Duration),
}

/// Drives a call to its end, or until its time is over: then there is none.
fn timed<T>(
    running: impl Future<Output = T>,
    timeout: Option<Duration>,
    late: &dyn Fn(Duration) -> String,
    trace: Option<&Trace>,
) -> Result<Option<T>> {
    let Some(time) = timeout else { return Ok(Some(wasmote::block_on(running))) };
    let message = late(time);
    let trace = trace.cloned();
    let abort = move || {
        say::error(&message);
        drop(trace.map(|trace| trace.finish()));
        exit(STOPPED)
    };
    let ended = wasmote::block_on(deadline::within(time, running, abort));
    ended.context("cannot start the thread that watches the time")
}

async fn perform(guest: &mut Guest, call: &Call) -> Ended {
    match call {
        Call::Entry { .. } => match guest.run().await {
            Ok(exit) => Ended::Exit(exit),
            Err(error) => Ended::Failed(error),
        },
        Call::Component { name, params } => match guest.call_component(name, params).await {
            Ok(values) => Ended::Printed(component::show(&values)),
            Err(CallError::Exit(exit)) => Ended::Exit(exit),
            Err(CallError::Error(error)) => Ended::Failed(error),
        },
        Call::Function { name, params } => match guest.call(name, params).await {
            Ok(values) => Ended::Returned(values),
            Err(CallError::Exit(exit)) => Ended::Exit(exit),
            Err(CallError::Error(error)) => Ended::Failed(error),
        },
    }
}

/// Says how it ended; answers the status.
fn report(ended: Ended, function: &str, file: &str, settings: &Resolved, memory_bytes: u64) -> Result<i32> {
    match ended {
        Ended::Exit(exit) => Ok(status(exit.code())),
        Ended::Returned(values) => {
            let text: String = values.iter().map(|value| format!("{value}\n")).collect();
            say::print(&text, "the results").map(|_| 0)
        }
        Ended::Printed(results) => say::print(&component::print(&results), "the results").map(|_| 0),
        Ended::Failed(error) => {
            say::error(&failure::ended(file, function, &error, settings, memory_bytes));
            Ok(STOPPED)
        }
        Ended::Late(time) => {
            say::error(&late(file, function)(time));
            Ok(STOPPED)
        }
    }
}

fn late(file: &str, function: &str) -> impl Fn(Duration) -> String {
    move |time| format!("{file} did not end `{function}` within {time:?}: give it longer with `-W timeout=…`")
}

/// A guest's status as this process's. Of a status platforms keep eight bits; what then reads as success
/// and was none becomes 1.
fn status(code: u32) -> i32 {
    match i32::try_from(code & 0xff).unwrap_or(1) {
        0 if code != 0 => 1,
        status => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_becomes_a_success() {
        assert_eq!([0, 1, 255, 256, 257, u32::MAX].map(status), [0, 1, 255, 1, 1, 255]);
    }
}
