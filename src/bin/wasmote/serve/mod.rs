//! `wasmote serve`.

mod app;
mod connection;
mod contents;
mod descriptors;
mod log;
mod manifest;
mod metrics;
mod output;
mod piece;
mod pool;
mod protocol;
mod record;
mod reload;
mod route;
mod server;
mod share;
mod slices;
mod spin;
mod streamed;
mod trailers;
mod turns;

use crate::{
    features::Feature,
    grants::{DirectoryGrant, Variable},
    network,
    say::{self, Misuse},
    settings::{self, Profile, Settings},
    units,
    watch::Trace,
};
use anyhow::{Context, Result};
use clap::Args;
use connection::Patience;
use log::Log;
use manifest::{App, Manifest};
use metrics::Metrics;
use reload::Watcher;
use route::Pattern;
use server::{Bounds, Server};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use streamed::Room;
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};
use wasmote::wasi::{http, sockets::policy::Rule};

/// Serve HTTP with a program
///
/// Answers HTTP requests with a component that handles them (`wasi:http/incoming-handler` of WASI 0.2,
/// `wasi:http/handler` of WASI 0.3). Each request gets an instance of its own, which sees nothing of any other.
/// A request whose program fails is answered with a 5xx that has an id; the log, on standard error, says under
/// that id why.
///
/// FILE is the component; or a wasmote.toml, which says which components answer which paths and what each may
/// use; or a spin.toml (version 2), of which the HTTP triggers are served. Grants and settings given here hold
/// for all of them.
///
/// Ends on SIGTERM and SIGINT, when the requests under way have been answered: with 0; with 1 when programs were
/// still at work after --drain-timeout, or a second signal came. Ends with 1 too when it could not begin, and with 2
/// when a flag makes no sense.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Arguments {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    addr: SocketAddr,

    /// Answer /metrics here, for Prometheus
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    metrics_addr: Option<SocketAddr>,

    /// Load a program anew when its file changes; one that does not load changes nothing
    #[arg(long)]
    watch: bool,

    /// Requests that are answered at once; more wait, four times as many at most
    ///
    /// One of several apps has up to three quarters of them, or what its `max-concurrent` says.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = at_least_one)]
    max_concurrent: usize,

    /// Connections that are open at once; more wait
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = at_least_one)]
    max_connections: usize,

    /// How long requests under way may still take when the server is to end
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::duration)]
    drain_timeout: Duration,

    /// How long a client may take to send a request's head, or to send the next one
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::some_time)]
    head_timeout: Duration,

    /// How long a program may wait for a request's contents in vain, or for less than 240 bytes a second on the average
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::some_time)]
    body_timeout: Duration,

    /// How long a client may take nothing of what it is sent, or less than 240 bytes a second on the average
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = units::some_time)]
    write_timeout: Duration,

    /// Have an instance answer up to N requests, one after the other, where its program handles those of WASI 0.3
    ///
    /// What a request leaves behind, the next ones find: memory stays as it is, and grows up to `max-memory-size` in
    /// all. Fuel and timeout are each request's own. One that fails ends its instance.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    reuse: Option<usize>,

    /// Print each call of the system that a program makes, under its request's id, to standard error or to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    trace: Option<PathBuf>,

    /// Do not write a line for each request
    #[arg(long, short)]
    quiet: bool,

    /// Let the program use the directory HOST, which it sees as GUEST, as for `wasmote run`
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]", value_parser = DirectoryGrant::parser())]
    dirs: Vec<DirectoryGrant>,

    /// Set a variable of the program's environment, or take NAME over from this one
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = Variable::parser())]
    env: Vec<Variable>,

    /// Let the program send HTTP requests there: example.com, *.example.com:8443, https://*, 127.0.0.1:9000
    ///
    /// Names, and `*` for all of them, lead to public addresses only, whatever they stand for; an address of this
    /// machine or its network is granted as such, alone or as a range (10.0.0.0/8). `localhost`, by this name, leads here.
    /// Without a port a name or an address is for that of the scheme (80, 443), and a range or `*` for all.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = network::destination)]
    allow_http: Vec<http::Rule>,

    /// Let the program connect sockets there
    #[arg(long, value_name = "HOST:PORTS", value_parser = network::rule)]
    allow_net: Vec<Rule>,

    /// Let the program bind sockets there: to be connected to, or to exchange datagrams from there (0.0.0.0:0)
    #[arg(long, value_name = "ADDR:PORTS", value_parser = network::listen)]
    allow_listen: Vec<Rule>,

    /// Trust the root certificates in this PEM file too, for requests that the program sends
    #[arg(long, value_name = "FILE")]
    http_root: Vec<PathBuf>,

    /// Turn on proposals of the Component Model besides those that have shipped
    #[arg(long, value_enum, value_name = "NAME,…", value_delimiter = ',')]
    features: Vec<Feature>,

    /// Bound each request: fuel=N, timeout=2s, max-memory-size=64M, … (`-W help` lists all)
    ///
    /// `timeout` is 30s where nothing else is said, and counts from the request's head to the response's end.
    #[arg(short = 'W', long = "wasm", value_name = "KEY=VALUE,…", value_parser = settings::wasm)]
    wasm: Vec<Settings>,

    /// Choose the program's system: inherit-env, inherit-network, random=seed:1, … (`-S help`)
    #[arg(short = 'S', long = "wasi", value_name = "KEY=VALUE,…", value_parser = settings::system)]
    system: Vec<Settings>,

    /// The limits to start from
    #[arg(long, value_enum, value_name = "FOR", default_value_t)]
    limits: Profile,

    /// Accepted and ignored: nothing is compiled here
    #[arg(short = 'C', short_alias = 'O', value_name = "…", hide = true)]
    ignored: Vec<String>,

    /// The component (.wasm or .wat), or a manifest (.toml)
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  wasmote serve hello.wasm                     on http://127.0.0.1:8080
  wasmote serve --addr 0.0.0.0:80 -W timeout=5s,max-memory-size=64M hello.wasm
  wasmote serve --allow-http api.example.com --env TOKEN hello.wasm
                                               it may ask that API, and reads its TOKEN
  wasmote serve --watch --metrics-addr 127.0.0.1:9090 wasmote.toml
                                               several apps, loaded anew when they change

A wasmote.toml:
  [[app]]
  name = \"shop\"
  program = \"shop.wasm\"
  routes = [\"/shop/...\"]                     # this path and all below it
  dirs = [\"data::/data:ro\"]
  env = { CURRENCY = \"EUR\" }
  inherit-env = [\"TOKEN\"]
  allow-http = [\"api.example.com\"]
  reuse = 100                                # requests that an instance answers (WASI 0.3)
  max-concurrent = 50                        # requests that are answered at once
  wasm = { timeout = \"2s\", fuel = 100_000_000, max-memory-size = \"32M\" } # as -W
  wasi = { max-resources = 100 }             # as -S";

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "an address and a port are wanted: write 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:80";
    text.parse().map_err(|_| wrong.into())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let count = units::count(text)?;
    usize::try_from(count)
        .ok()
        .filter(|count| (1..=1 << 20).contains(count))
        .ok_or_else(|| "1 to 1048576".into())
}

impl Arguments {
    /// What holds for each app.
    fn given(&self) -> App {
        App {
            name: String::new(),
            program: self.file.clone(),
            routes: Vec::new(),
            dirs: self.dirs.clone(),
            files: Vec::new(),
            env: self.env.clone(),
            allow_http: self.allow_http.clone(),
            allow_net: self.allow_net.clone(),
            allow_listen: self.allow_listen.clone(),
            profile: self.limits,
            settings: self.wasm.iter().chain(&self.system).cloned().collect(),
            features: self.features.clone(),
            reuse: self.reuse.map(|reuse| reuse as u64),
            max_concurrent: None,
            is_spin: false,
        }
    }

    /// What is to be served, as the file says it now.
    fn manifest(&self) -> Result<Manifest> {
        let given = self.given();
        if manifest::is_manifest(&self.file) {
            return manifest::read(&self.file, &given);
        }
        let name =
            self.file.file_stem().map_or_else(|| "app".into(), |name| name.to_string_lossy().into_owned());
        let all = Pattern::parse("/...").map_err(anyhow::Error::msg)?;
        let app = App { name, routes: vec![all], ..given };
        Ok(Manifest { apps: vec![app], unsupported: Vec::new() })
    }
}

/// Serves until it is told to end; answers the status to end with.
pub fn serve(arguments: &Arguments) -> Result<i32> {
    let flags = Settings::resolve(arguments.wasm.iter().chain(&arguments.system), arguments.limits)?;
    app::check(&flags).map_err(|reason| Misuse(reason.into()))?;
    if !arguments.http_root.is_empty()
        && arguments.allow_http.is_empty()
        && !manifest::is_manifest(&arguments.file)
    {
        say::warning(network::ROOT_FOR_NOBODY);
    }
    let metrics = Arc::new(Metrics::default());
    let (log, writer) =
        Log::start(!arguments.quiet, metrics.clone()).context("cannot start the log's thread")?;
    let runtime = Builder::new_multi_thread().enable_all().thread_name("serve").build();
    let runtime = runtime.context("cannot start the threads that serve")?;
    let served = runtime.block_on(listen(arguments, log, metrics));
    // Requests that were given up must not hold the end up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    writer.finish();
    served
}

async fn listen(arguments: &Arguments, log: Log, metrics: Arc<Metrics>) -> Result<i32> {
    let before = reload::stamp(&arguments.file);
    let manifest = arguments.manifest()?;
    let roots = network::roots(&arguments.http_root)?;
    let trace = arguments.trace.as_deref().map(Trace::create).transpose()?;
    let common = app::Common { roots, log: log.clone(), trace: trace.clone(), room: Room::default() };
    let mut watcher = Watcher::new(common, metrics.clone(), arguments.max_concurrent);
    for sentence in &manifest.unsupported {
        log.event(&format!("warning: {sentence}"));
    }
    let table = watcher.load(&manifest)?;
    let bounds = Bounds {
        requests: arguments.max_concurrent,
        connections: arguments.max_connections,
        patience: Patience {
            head: arguments.head_timeout,
            body: arguments.body_timeout,
            write: arguments.write_timeout,
        },
    };
    descriptors::raise(arguments.max_connections, &log);
    let server = Server::new(table, bounds, log.clone(), metrics.clone());

    let listener = bind("--addr", arguments.addr).await?;
    let metrics_listener = match arguments.metrics_addr {
        Some(addr) => Some(bind("--metrics-addr", addr).await?),
        None => None,
    };
    let mut stop = Stop::new().context("cannot wait for signals")?;
    let address = listener.local_addr().context("cannot tell the address")?;
    say::plain(&format!("Serving HTTP on http://{address}/"));
    if let Some(listener) = metrics_listener {
        let address = listener.local_addr().context("cannot tell the address")?;
        say::plain(&format!("Metrics on http://{address}/metrics"));
        tokio::spawn(server::metrics(listener, metrics));
    }
    if arguments.watch {
        let again = arguments.clone();
        tokio::spawn(watcher.watch(arguments.file.clone(), before, move || again.manifest(), server.clone()));
    }

    let ending = log.clone();
    let stopped = async move {
        stop.wait().await;
        ending.event("ending: no new requests are taken");
        tokio::spawn(async move {
            stop.wait().await;
            std::process::exit(1)
        });
    };
    let drained = server.run(listener, stopped, arguments.drain_timeout).await;
    if !drained {
        log.error("some requests were still under way and have been given up");
    }
    trace.map_or(Ok(()), |trace| trace.finish())?;
    Ok(i32::from(!drained))
}

async fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen at `{flag} {address}`"))
}

/// SIGTERM and SIGINT. The second one ends the process at once.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        std::future::poll_fn(|cx| {
            if self.terminate.poll_recv(cx).is_ready() || self.interrupt.poll_recv(cx).is_ready() {
                return std::task::Poll::Ready(());
            }
            std::task::Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_example_of_a_manifest_is_one() {
        let (_, example) = EXAMPLES.split_once("A wasmote.toml:\n").unwrap();
        let environment = |name: &str| Ok(format!("the {name}"));
        let read = manifest::parse(example, Path::new(""), &manifest::nothing_given(), &environment).unwrap();
        let [app] = &read.apps[..] else { panic!("{read:?}") };
        assert_eq!((app.name.as_str(), app.reuse, app.max_concurrent), ("shop", Some(100), Some(50)));
        assert!(app.env.contains(&Variable::parse("TOKEN=the TOKEN").unwrap()));
    }
}
