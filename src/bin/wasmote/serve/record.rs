//! What became of one request: its status, why it failed, what its program used. Told once, to the log and to the
//! metrics, when both the response and the program are done with.

use crate::serve::{
    log::Log,
    metrics::{AppMetrics, Reason},
};
use http::StatusCode;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Why a request failed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub reason: Reason,
    /// For the log only.
    pub text: String,
}

impl Failure {
    /// There was no end within `time`.
    pub fn late(time: Duration) -> Self {
        Self { reason: Reason::Deadline, text: format!("it did not end within {time:?}") }
    }
}

/// A number that no other request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub u64);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The record of a request. Whoever does something for it holds it; it is told when the last one lets it go.
pub struct Record {
    pub id: Id,
    pub log: Log,
    pub peer: SocketAddr,
    /// Method and path.
    pub request: String,
    /// Whom it is for, if for anybody.
    pub app: Option<(String, Arc<AppMetrics>)>,
    pub began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// None while there is no head of a response: then it is given up.
    status: Option<StatusCode>,
    bytes: u64,
    took: Option<Duration>,
    failure: Option<Failure>,
    /// How the response broke off, which a failure explains, if there is one.
    broken: Option<Failure>,
    /// How the request's contents broke off.
    request_broken: Option<String>,
    /// And that it did by not coming.
    request_late: bool,
    used: Option<Used>,
}

/// What a program used for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub fuel: u64,
    pub memory_bytes: u64,
}

/// How far a response is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The program has given none.
    #[default]
    Waiting,
    /// It has, and a failure can still be told instead.
    Given,
    /// It goes out: a failure breaks it off.
    Out,
}

impl Record {
    pub fn new(
        id: Id,
        log: Log,
        peer: SocketAddr,
        request: String,
        app: Option<(String, Arc<AppMetrics>)>,
    ) -> Arc<Self> {
        Arc::new(Self { id, log, peer, request, app, began: Instant::now(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stage(&self) -> Stage {
        self.state().stage
    }

    /// The program has given its response.
    pub fn given(&self) {
        self.state().stage = Stage::Given;
    }

    /// From here on the response goes out, unless there was a failure before.
    pub fn goes_out(&self) -> Result<(), Failure> {
        let mut state = self.state();
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => {
                state.stage = Stage::Out;
                Ok(())
            }
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<Failure> {
        self.state().failure.clone()
    }

    /// It failed. What comes after the first failure is its consequence.
    pub fn failed(&self, failure: Failure) {
        self.state().failure.get_or_insert(failure);
    }

    /// Its response broke off.
    pub fn broke_off(&self, failure: Failure) {
        self.state().broken.get_or_insert(failure);
    }

    /// The client broke the contents of its request off: what fails from here on is its doing.
    pub fn request_broke_off(&self, how: String) {
        let mut state = self.state();
        if state.failure.is_none() {
            state.request_broken.get_or_insert(how);
        }
    }

    /// The contents of the request did not come, or too slowly: the client's doing too.
    pub fn request_is_late(&self, how: String) {
        self.state().request_late = true;
        self.request_broke_off(how);
    }

    /// Whether it broke off by not coming.
    pub fn is_late(&self) -> bool {
        self.state().request_late
    }

    /// Whether it did.
    pub fn is_broken(&self) -> bool {
        self.state().request_broken.is_some()
    }

    /// A program is done with it.
    pub fn used(&self, used: Used) {
        self.state().used = Some(used);
    }

    /// How much memory its program had in the end.
    pub fn memory_bytes(&self) -> u64 {
        self.state().used.map_or(0, |used| used.memory_bytes)
    }

    /// This is sent.
    pub fn answered(&self, status: StatusCode) {
        self.state().status = Some(status);
    }

    /// So many bytes more are sent.
    pub fn sent(&self, bytes: u64) {
        self.state().bytes += bytes;
    }

    /// Nothing more is sent.
    pub fn ended(&self) {
        self.state().took = Some(self.began.elapsed());
    }
}

/// How much of a method and path goes into the log, and how much of what failed: both are others' words.
const REQUEST_BYTES_MAX: usize = 2 << 10;
const TEXT_BYTES_MAX: usize = 4 << 10;

/// `text`, no longer than that, in which no line can pass for one of the log's own.
fn shown(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    let cut = if end < text.len() { " …" } else { "" };
    format!("{}{cut}", text[..end].replace('\n', "\n    "))
}

impl Drop for Record {
    fn drop(&mut self) {
        let Self { id, log, peer, request, app, began, state } = self;
        let app = app.as_ref();
        let state = state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let failure = state.failure.as_ref().or(state.broken.as_ref());
        let took = state.took.unwrap_or_else(|| began.elapsed());
        let name = app.map_or("-", |(name, _)| name);
        let request = shown(request, REQUEST_BYTES_MAX);
        let (failure, consequence) = match &state.request_broken {
            Some(how) if failure.is_none_or(|failure| failure.reason.may_follow_a_broken_request()) => {
                (None, failure.map(|failure| (how, failure)))
            }
            _ => (failure, None),
        };
        // A response that breaks off because the request did is none.
        let is_response = consequence.is_none() || state.stage != Stage::Out;
        let status = state.status.filter(|_| is_response);
        if let Some((_, metrics)) = app {
            metrics.answered(status.map(|status| status.as_u16()), took);
            if let Some(used) = state.used {
                metrics.used(used.fuel, used.memory_bytes);
            }
            if let Some(failure) = failure {
                metrics.failed(failure.reason);
            }
        }
        if let Some(Failure { text, .. }) = failure {
            let text = shown(text, TEXT_BYTES_MAX);
            let when = if state.stage == Stage::Out { " after its response began" } else { "" };
            log.error(&format!("request {id} ({request}) of app `{name}` failed{when}: {text}"));
        }
        log.request(|| {
            let status = status.map_or_else(|| "aborted".into(), |status| status.as_u16().to_string());
            let line = format!("{peer} {request} {status} {} {took:.1?} {name}", state.bytes);
            match consequence {
                None => line,
                // The program's own words may be of several lines.
                Some((how, Failure { text, .. })) => {
                    let first = shown(text.lines().next().unwrap_or_default(), TEXT_BYTES_MAX);
                    format!("{line} (its client broke the request off: {how}; then: {first})")
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn no_words_of_others_begin_a_line_or_fill_the_log() {
        assert_eq!(shown("it said: x\n2026 GET / 200", 100), "it said: x\n    2026 GET / 200");
        assert_eq!(shown("größer", 3), "gr …");
        assert_eq!(shown("größer", 8), "größer");
    }
}
