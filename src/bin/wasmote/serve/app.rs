//! Apps as programs: loading one, and answering a request with an instance of it.

use crate::{
    component, failure,
    features::Feature,
    file, grants, network,
    serve::{
        contents::Contents,
        log::Log,
        manifest::{App, FileGrant},
        metrics::{AppMetrics, Reason},
        output::{Lines, Told},
        piece::Pieces,
        pool::{Kept, Pool},
        record::{Failure, Id, Record, Stage, Used},
        server::{Answer, Body, BodyError, Exchange, Handler, Served, plain},
        slices::Slices,
        spin,
        streamed::{Room, Streamed},
        trailers::{Lost, Trailers},
        turns::{Turn, Turns},
    },
    settings::{Randomness, Resolved},
    watch::Trace,
};
use anyhow::{Context as _, Result, bail};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use std::{
    borrow::Cow,
    io::Read as _,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::timeout_at};
use wasmote::{
    Access, Error, Guest, HandleError, Host, Loader, Rest, Trap,
    backend::{
        mem,
        std::http::{request_from_hyper, response_to_hyper},
    },
    cap::http as cap,
    engine::Metering,
    wasi::{self, sockets::policy as sockets},
};

/// What all apps have in common.
#[derive(Clone)]
pub struct Common {
    /// Root certificates to trust, in PEM.
    pub roots: Vec<Vec<u8>>,
    pub log: Log,
    /// Where each call of the system is told.
    pub trace: Option<Trace>,
    /// For answers that nobody has taken.
    pub room: Room,
}

/// The deadline of a request where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Checks that these settings are some of what is served.
///
/// # Errors
///
/// When they are for `wasmote run`, in a sentence.
pub fn check(settings: &Resolved) -> Result<(), &'static str> {
    if settings.metering == Metering::Off {
        return Err(
            "`-W metering=n` is for `wasmote run`: a program that is not metered gives way to nobody, so no deadline \
             would end a request",
        );
    }
    if !settings.tcp_listen.is_empty() {
        return Err("`-S tcplisten` is for `wasmote run`: what is served listens on --addr");
    }
    if settings.terminal.is_some() {
        return Err(
            "`-S terminal` is for `wasmote run`: what is served prints to the log, which is always filtered",
        );
    }
    Ok(())
}

/// Loads an app.
///
/// # Errors
///
/// When its program or something that it is granted cannot be had, and when it handles no requests. Which app it was is
/// for the caller to say.
pub fn load(app: &App, common: &Common, metrics: Arc<AppMetrics>, turns: Arc<Turns>) -> Result<Served> {
    let settings = app.resolve()?;
    check(&settings).map_err(anyhow::Error::msg)?;
    let name = app.program.to_string_lossy().into_owned();
    let module = file::read(&app.program, &settings.limits)?;
    let loader = Loader::new().limits(settings.limits).metering(settings.metering);
    let loader = loader.features(Feature::all_of(&app.features, settings.features));
    let wrong = |error: &Error| anyhow::Error::msg(failure::not_served(&name, error, settings.fuel));
    let program = loader.load(&module.bytes).map_err(|error| wrong(&error))?;
    if !component::handles_requests(program.exports().map(|(name, _)| name)) {
        if component::is_command(program.exports().map(|(name, _)| name)) {
            bail!("{name} handles no requests, but is a command: `wasmote run {name}`");
        }
        bail!(
            "{name} handles no requests: it exports neither wasi:http/handler of WASI 0.3 nor \
             wasi:http/incoming-handler of WASI 0.2"
        );
    }
    if component::hands_requests_on(program.imports().map(|(interface, ..)| interface)) {
        bail!(
            "{name} is a middleware: it hands requests on to a handler behind it, which it imports as wasi:http/handler, \
             and there is none. Compose the two into one component: `wac plug {name} --plug HANDLER -o BOTH`"
        );
    }
    let requests_max = app.reuse.unwrap_or(1);
    let is_newest = component::handles_newest(program.exports().map(|(name, _)| name));
    if requests_max > 1 && !is_newest {
        let text =
            "handles requests of WASI 0.2: each gets an instance of its own, whatever is said of reuse";
        common.log.event(&format!("app `{}` {text}", app.name));
    }
    let template = Template::new(app, &settings, common)?;
    let requests_max = if is_newest { requests_max } else { 1 };
    let pool = Pool::new(program, template, common.trace.clone(), requests_max);
    let deadline = settings.timeout.unwrap_or(TIMEOUT);
    let room = common.room.clone();
    let shared = Shared {
        name: app.name.clone(),
        log: common.log.clone(),
        file: name,
        told_trailers: AtomicBool::new(false),
        pool: Arc::new(pool),
        settings,
        deadline,
        room,
    };
    // One instance that nobody calls: what is missing is said now, and not to each request.
    drop(shared.pool.start().map_err(|error| anyhow::Error::msg(shared.not_started(&error).text))?);
    let handler =
        Box::new(Instances { shared: Arc::new(shared), metrics: metrics.clone(), is_spin: app.is_spin });
    Ok(Served { name: app.name.clone(), handler, deadline, metrics, turns })
}

/// What each instance of an app starts from.
pub struct Template {
    /// With everything granted but the network.
    local: Host,
    /// With that too. What is denied is an event of the log.
    host: Host,
    network: Network,
    random: Randomness,
    fuel: Option<u64>,
}

/// What an app is granted of the network.
struct Network {
    policy: sockets::Policy,
    http: network::Http,
}

impl Network {
    /// Grants it. `tell` hears of what is denied.
    fn grant(&self, local: &Host, tell: impl Fn(&str) + Clone + Send + Sync + 'static) -> Host {
        let told = tell.clone();
        let policy = self.policy.clone().on_denied(move |denied| told(&network::explain(denied)));
        self.http.grant(network::connect(local.clone(), policy), tell)
    }
}

impl Template {
    fn new(app: &App, settings: &Resolved, common: &Common) -> Result<Self> {
        let mut local = Host::new().args([&app.name]).limits(settings.limits);
        local = grants::environment(local, &app.env, settings.inherit_env)?;
        for grant in &app.dirs {
            local = grant.grant(local)?;
        }
        if !app.files.is_empty() {
            local = local.directory("/", files(&app.files)?, Access::ReadOnly);
        }
        local = grants::system(local, settings);
        let log = &common.log;
        local = local.stdout(Lines::new(&app.name, "stdout", log.clone()));
        local = local.stderr(Lines::new(&app.name, "stderr", log.clone()));

        let policy = network::policy(&app.allow_net, &app.allow_listen, settings);
        let denials = Told::new(&format!("app `{}`:", app.name), log.clone());
        let tell = move |denied: &str| denials.tell(denied);
        let http = network::Http::new(&app.allow_http, &common.roots, tell.clone())?;
        let network = Network { policy, http };
        let host = network.grant(&local, tell);
        Ok(Self { local, host, network, random: settings.random, fuel: settings.fuel })
    }

    /// Who starts an instance.
    ///
    /// A seed is where its numbers begin, and not where all of them go on: what one draws is for nobody else to see.
    pub fn host(&self) -> Cow<'_, Host> {
        self.seeded(&self.host)
    }

    /// Who starts one, and tells what it is denied.
    pub fn host_telling(&self, tell: impl Fn(&str) + Clone + Send + Sync + 'static) -> Host {
        self.seeded(&self.network.grant(&self.local, tell)).into_owned()
    }

    fn seeded<'a>(&self, host: &'a Host) -> Cow<'a, Host> {
        match self.random {
            Randomness::Host => Cow::Borrowed(host),
            Randomness::Seed(seed) => Cow::Owned(host.clone().random(mem::Random::seeded(seed))),
        }
    }

    /// What a request may spend.
    pub fn fuel(&self) -> Option<u64> {
        self.fuel
    }
}

/// Bytes of all files of one app together.
const FILES_BYTES_MAX: u64 = 256 << 20;

/// A directory with these files in it, as they are now.
fn files(grants: &[FileGrant]) -> Result<mem::Directory> {
    let directory = mem::Directory::with_quota(mem::Quota { bytes: 2 * FILES_BYTES_MAX, inodes: u32::MAX });
    let mut bytes = 0;
    for FileGrant { source, name } in grants {
        let shown = source.display();
        let mut contents = Vec::new();
        std::fs::File::open(source)
            .and_then(|file| file.take(FILES_BYTES_MAX - bytes + 1).read_to_end(&mut contents))
            .with_context(|| format!("cannot read `{shown}`"))?;
        bytes += contents.len() as u64;
        if bytes > FILES_BYTES_MAX {
            bail!("its `files` have more than 256 MiB: mount their directory instead");
        }
        directory.insert(name, contents).map_err(|code| anyhow::anyhow!("cannot grant `{shown}`: {code}"))?;
    }
    Ok(directory)
}

struct Shared {
    name: String,
    log: Log,
    file: String,
    /// Whether it was told that trailers were not sent that could have been.
    told_trailers: AtomicBool,
    pool: Arc<Pool>,
    settings: Resolved,
    deadline: Duration,
    room: Room,
}

/// Answers each request with an instance.
struct Instances {
    shared: Arc<Shared>,
    metrics: Arc<AppMetrics>,
    is_spin: bool,
}

impl Handler for Instances {
    fn handle(&self, exchange: Exchange) -> Answer {
        let (shared, metrics, is_spin) = (self.shared.clone(), self.metrics.clone(), self.is_spin);
        Box::pin(async move {
            let Exchange { request, peer, record, deadline, body_timeout, route, rest, turn } = exchange;
            let method = request.method().clone();
            let (of_trailers, id) = (shared.clone(), record.id);
            let trailers =
                Trailers::to(&request, move |lost, names| of_trailers.lost_trailers(id, lost, names));
            let mut request = match request_from_hyper(request, cap::Scheme::Http) {
                Ok(request) => request,
                Err(code) => return Ok(refused(&code)),
            };
            if is_spin {
                spin::add_headers(&mut request, &route, &rest, peer);
            }
            // What the client sends is no failure of the program's.
            if let Err(code) = wasi::http::check(&shared.settings.limits.http, &request) {
                return Ok(refused(&code));
            }
            request.body = Box::new(Contents::new(request.body, record.clone(), body_timeout));
            let taken = shared.pool.take(record.id).await.map_err(|error| match Instant::now() {
                now if now >= deadline => Failure::late(shared.deadline),
                _ => shared.not_started(&error),
            });
            let (guest, kept, is_new) = taken.inspect_err(|_| shared.pool.flush())?;
            if is_new {
                metrics.instance();
                // Nothing ends a start but its own end.
                if Instant::now() >= deadline {
                    record.used(Used { fuel: guest.fuel_spent(), memory_bytes: guest.memory_bytes() });
                    shared.pool.flush();
                    return Err(Failure::late(shared.deadline));
                }
            }
            let kept = Mutex::new(Some(kept));
            let work = Work { shared, record, kept, deadline, _turn: turn };
            Arc::new(work).answer(guest, request, &method, trailers).await
        })
    }
}

/// What a client is told that asks for too much, or is not understood.
fn refused(code: &cap::ErrorCode) -> Response<Body> {
    match code {
        cap::ErrorCode::HttpRequestUriTooLong => plain(StatusCode::URI_TOO_LONG, "the path is too long\n"),
        cap::ErrorCode::HttpRequestHeaderSectionSize(_) => {
            plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the header section is too large\n")
        }
        _ => plain(StatusCode::BAD_REQUEST, "this is no request\n"),
    }
}

/// An instance at work on one request.
struct Work {
    shared: Arc<Shared>,
    record: Arc<Record>,
    /// What stays of the instance while it works.
    kept: Mutex<Option<Kept>>,
    deadline: Instant,
    _turn: Turn,
}

impl Work {
    async fn answer(
        self: Arc<Self>,
        guest: Guest,
        request: cap::Request,
        method: &Method,
        trailers: Trailers,
    ) -> Result<Response<Body>, Failure> {
        let at_end = self.clone();
        let handling = guest.handle(request).on_end(move |rest| at_end.finish(rest));
        let mut response = Slices::new().run(handling).await.map_err(|error| match error {
            HandleError::Code(code) => unanswered(&code),
            HandleError::Error(error) => match error.trap() {
                Some(Trap::Host(reason)) => no_response((*reason).into()),
                _ => self.shared.ended(&error, self.record.memory_bytes()),
            },
        })?;
        self.record.given();
        let (record, deadline) = (self.record.clone(), self.shared.deadline);
        let late = move || record.failed(Failure::late(deadline));
        let body = Streamed::new(&response.headers, response.body, trailers, self.deadline, late).await;
        let body = body.map_err(|code| self.record.failure().unwrap_or_else(|| broken_off(&code)))?;
        let Some(place) = self.shared.room.take(body.bytes()) else {
            let text = "the answers that nobody takes leave no room for another".into();
            return Err(Failure { reason: Reason::Busy, text });
        };
        response.body = Box::new(body);
        let response = response_to_hyper(response, method);
        let response = response.map_err(|_| no_response("its response is none that can be sent".into()))?;
        self.record.goes_out()?;
        let record = self.record.clone();
        Ok(response.map(|body| {
            let broken = move |code| {
                record.broke_off(match code {
                    cap::ErrorCode::HttpResponseTimeout => Failure::late(deadline),
                    _ => broken_off(&code),
                });
                Box::new(code) as BodyError
            };
            Pieces::new(body, place).map_err(broken).boxed_unsync()
        }))
    }

    /// Nobody runs the guest any more. Where the response is out, it may come to its end, but not past the deadline.
    fn finish(self: Arc<Self>, mut rest: Rest) {
        // It has failed, which is its answer; or the client has left, or the time is over, and nobody waits for one.
        if self.record.stage() == Stage::Waiting {
            return self.stopped(rest);
        }
        // Nearly always it has ended by now.
        if let Poll::Ready(ended) = Pin::new(&mut rest).poll(&mut Context::from_waker(Waker::noop())) {
            return self.ended(ended);
        }
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Late { work: self, rest: Some(rest) }.run())),
            Err(_) => self.stopped(rest),
        }
    }

    fn ended(&self, ended: Option<(Guest, Result<(), Error>)>) {
        let Some((guest, result)) = ended else { return };
        let kept = self.used(&guest);
        match (result, kept) {
            (Ok(()), Some(kept)) => self.shared.pool.give_back(guest, kept),
            (Ok(()), None) => {}
            // An instance that failed answers nothing any more.
            (Err(error), _) => self.record.failed(self.shared.ended(&error, guest.memory_bytes())),
        }
    }

    fn stopped(&self, rest: Rest) {
        if let Some(guest) = rest.stop() {
            self.used(&guest);
        }
    }

    /// Records what it used for this request.
    fn used(&self, guest: &Guest) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let before = kept.as_ref().map_or(0, |kept| kept.fuel_before);
        let fuel = guest.fuel_spent().saturating_sub(before);
        self.record.used(Used { fuel, memory_bytes: guest.memory_bytes() });
        kept
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.shared.pool.flush();
    }
}

/// A guest whose response is out, or given up. When this is dropped, it ends.
struct Late {
    work: Arc<Work>,
    rest: Option<Rest>,
}

impl Late {
    async fn run(mut self) {
        let Some(rest) = &mut self.rest else { return };
        match timeout_at(self.work.deadline.into(), rest).await {
            Ok(ended) => self.work.ended(ended),
            Err(_) => self.work.record.failed(Failure::late(self.work.shared.deadline)),
        }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.work.stopped(rest);
        }
    }
}

/// A program, or this host before it gave the program anything, said that there is no response to this request.
fn unanswered(code: &cap::ErrorCode) -> Failure {
    use cap::ErrorCode;
    let reason = match code {
        ErrorCode::HttpRequestUriTooLong => Reason::TargetTooLong,
        ErrorCode::HttpRequestHeaderSectionSize(_) | ErrorCode::HttpRequestHeaderSize(_) => {
            Reason::FieldsTooLarge
        }
        _ => Reason::NoResponse,
    };
    Failure { reason, text: format!("it was answered with an error: {code}") }
}

fn broken_off(code: &cap::ErrorCode) -> Failure {
    no_response(format!("its response broke off: {code}"))
}

fn no_response(text: String) -> Failure {
    Failure { reason: Reason::NoResponse, text }
}

impl Shared {
    /// Trailers that answer request `id` were not sent. What the program could do about it is told to who runs it, once.
    fn lost_trailers(&self, id: Id, lost: Lost, names: &[String]) {
        let (names, text) = (names.join(", "), lost.text());
        self.pool.line(id, || format!("trailers not sent ({names}): {text}"));
        if lost.is_programs() && !self.told_trailers.swap(true, Ordering::Relaxed) {
            let Self { name, log, .. } = self;
            let text =
                format!("app `{name}`: trailers of request {id} were not sent ({names}): {text}; told once");
            log.event(&text);
        }
    }

    fn not_started(&self, error: &Error) -> Failure {
        let reason = match error.trap() {
            Some(Trap::OutOfFuel) => Reason::Fuel,
            Some(Trap::OutOfMemory) => Reason::Memory,
            _ => Reason::NotStarted,
        };
        Failure { reason, text: failure::not_served(&self.file, error, self.settings.fuel) }
    }

    fn ended(&self, error: &Error, memory_bytes: u64) -> Failure {
        let reason = match error.trap() {
            Some(Trap::OutOfFuel) => Reason::Fuel,
            Some(Trap::OutOfMemory) => Reason::Memory,
            // Languages trap when an allocation fails, and wasm does not tell that apart from any other trap.
            Some(_) if failure::memory_is_short(memory_bytes, self.settings.limits.memory_bytes) => {
                Reason::Memory
            }
            _ => Reason::Trap,
        };
        let text = failure::ended(&self.file, "handle", error, &self.settings, memory_bytes);
        Failure { reason, text }
    }
}
