//! Instances: a fresh one for each request, or, of WASI 0.3 and where that was asked for, one for several requests, one
//! after the other.

use crate::{
    serve::{app::Template, record::Id},
    watch::{Trace, with_flag},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Semaphore, task::block_in_place};
use wasmote::{Error, Guest, Program, engine::Tracer};

/// Instances of one app.
pub struct Pool {
    program: Program,
    template: Template,
    trace: Option<Trace>,
    /// How many requests one instance answers.
    requests_max: u64,
    idle: Mutex<Idle>,
    /// Whether one took long to start.
    is_slow: AtomicBool,
    /// How many of those are started at once.
    slow_starts: Semaphore,
}

/// What stays here while a guest is at work.
pub struct Kept {
    answered: u64,
    /// What it had spent before this request.
    pub fuel_before: u64,
    /// Which request it is at, for the trace.
    current: Arc<AtomicU64>,
}

/// Those that wait for their next request, the longest waiting first.
#[derive(Default)]
struct Idle {
    instances: VecDeque<(Instant, Guest, Kept)>,
    /// Whether someone looks after them.
    watched: bool,
}

/// How long an instance waits for its next request, and how many do.
const IDLE: Duration = Duration::from_secs(10);
const IDLE_MAX: usize = 256;

/// What an instance may take of `max-uninterrupted-fuel` to start, for the next ones to be started right where their
/// requests are answered: well below a millisecond. Nothing else is done there meanwhile, and no deadline ends it.
const QUICK_START_FUEL: u64 = 200_000;
/// The same for one that fails.
const QUICK_START: Duration = Duration::from_millis(5);
/// How many instances of an app are started at once that take longer.
const SLOW_STARTS_MAX: usize = 2;

impl Pool {
    pub fn new(program: Program, template: Template, trace: Option<Trace>, requests_max: u64) -> Self {
        Self {
            program,
            template,
            trace,
            requests_max,
            idle: Mutex::default(),
            is_slow: AtomicBool::new(false),
            slow_starts: Semaphore::new(SLOW_STARTS_MAX),
        }
    }

    /// An instance, for nobody yet.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self) -> Result<Guest, Error> {
        self.noted(|| self.template.host().start(&self.program))
    }

    /// Notes whether it took long. One that failed does not say what it took.
    fn noted(&self, start: impl FnOnce() -> Result<Guest, Error>) -> Result<Guest, Error> {
        let began = Instant::now();
        let started = start();
        let was_slow = match &started {
            Ok(guest) => guest.uninterrupted_fuel_spent() > QUICK_START_FUEL,
            Err(_) => began.elapsed() > QUICK_START,
        };
        if was_slow {
            self.is_slow.store(true, Ordering::Relaxed);
        }
        started
    }

    /// An instance for request `id`, with all the fuel that a request has; and whether it is a new one. Where that is known to
    /// take long, it is started on a thread that answers nobody else.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub async fn take(&self, id: Id) -> Result<(Guest, Kept, bool), Error> {
        if let Some(again) = self.again(id) {
            return again;
        }
        let current = Arc::new(AtomicU64::new(id.0));
        let start = || match &self.trace {
            None => self.start(),
            Some(trace) => self.traced(trace, &current),
        };
        let guest = if self.is_slow.load(Ordering::Relaxed) {
            // Nobody closes it.
            let _one_of_few = self.slow_starts.acquire().await;
            if let Some(again) = self.again(id) {
                return again;
            }
            block_in_place(start)?
        } else {
            start()?
        };
        Ok((guest, Kept { answered: 0, fuel_before: 0, current }, true))
    }

    /// An instance that has answered before and waits, the last one to do so.
    fn again(&self, id: Id) -> Option<Result<(Guest, Kept, bool), Error>> {
        let (_, mut guest, mut kept) = self.idle().instances.pop_back()?;
        kept.current.store(id.0, Ordering::Relaxed);
        kept.fuel_before = guest.fuel_spent();
        let refilled = self.template.fuel().map_or(Ok(()), |fuel| guest.set_fuel(fuel));
        Some(refilled.map(|()| (guest, kept, false)))
    }

    /// One that says what it does, each time under the id of the request that it does it for.
    fn traced(&self, trace: &Trace, current: &Arc<AtomicU64>) -> Result<Guest, Error> {
        let line = |line: &str, current: &AtomicU64, trace: &Trace| {
            trace.line(&format!("{} {line}", Id(current.load(Ordering::Relaxed))));
        };
        let (to, of) = (trace.clone(), current.clone());
        let host = self.template.host_telling(move |denied| line(denied, &of, &to));
        let mut guest = self.noted(|| host.start(&self.program))?;
        let (to, of) = (trace.clone(), current.clone());
        guest.interpose(Tracer::new(move |text| line(&with_flag(text), &of, &to)));
        Ok(guest)
    }

    /// Takes an instance back that has answered a request and come to its end.
    pub fn give_back(self: &Arc<Self>, guest: Guest, mut kept: Kept) {
        kept.answered += 1;
        if kept.answered >= self.requests_max {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut idle = self.idle();
        if idle.instances.len() >= IDLE_MAX {
            return;
        }
        idle.instances.push_back((Instant::now(), guest, kept));
        if !std::mem::replace(&mut idle.watched, true) {
            runtime.spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Traces what the server did for request `id`, if anybody listens.
    pub fn line(&self, id: Id, text: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.line(&format!("{id} {}", text()));
        }
    }

    /// A request is over: what was traced of it is there to be read.
    pub fn flush(&self) {
        self.trace.iter().for_each(Trace::flush);
    }

    /// Drops what has waited too long; whether anything is left.
    fn sweep(&self) -> bool {
        let mut gone = Vec::new();
        let mut idle = self.idle();
        while idle.instances.front().is_some_and(|(since, ..)| since.elapsed() >= IDLE) {
            gone.extend(idle.instances.pop_front());
        }
        idle.watched = !idle.instances.is_empty();
        let watched = idle.watched;
        // Freeing their memory takes time, which is not for those who wait for the lock.
        drop(idle);
        drop(gone);
        watched
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(IDLE / 4).await;
        if !pool.upgrade().is_some_and(|pool| pool.sweep()) {
            return;
        }
    }
}
