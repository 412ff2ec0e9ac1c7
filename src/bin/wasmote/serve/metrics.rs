//! What is counted while serving, as text that Prometheus reads (exposition format 0.0.4).

use http::StatusCode;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Upper bounds of the histogram of durations, in microseconds.
const BOUNDS_US: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The program broke a rule of WebAssembly or WASI.
    Trap,
    Fuel,
    Memory,
    Deadline,
    /// Too many requests at once.
    Busy,
    /// The request has a target that is longer than a program may be given.
    TargetTooLong,
    /// The request has a header section that is larger than a program may be given.
    FieldsTooLarge,
    /// It gave no response, or a broken one.
    NoResponse,
    /// It could not be started.
    NotStarted,
}

impl Reason {
    const ALL: [Self; 9] = [
        Self::Trap,
        Self::Fuel,
        Self::Memory,
        Self::Deadline,
        Self::Busy,
        Self::TargetTooLong,
        Self::FieldsTooLarge,
        Self::NoResponse,
        Self::NotStarted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Fuel => "fuel",
            Self::Memory => "memory",
            Self::Deadline => "deadline",
            Self::Busy => "busy",
            Self::TargetTooLong => "target_too_long",
            Self::FieldsTooLarge => "fields_too_large",
            Self::NoResponse => "no_response",
            Self::NotStarted => "not_started",
        }
    }

    /// Whether a program can come to this by its client breaking a request off: what it spends is its own doing.
    pub fn may_follow_a_broken_request(self) -> bool {
        matches!(self, Self::Trap | Self::NoResponse)
    }
}

/// What is counted of one app. It outlives reloads.
#[derive(Debug, Default)]
pub struct AppMetrics {
    /// By the first digit of the status, less one.
    statuses: [AtomicU64; 5],
    /// Given up by the client before there was a status.
    aborted: AtomicU64,
    failures: [AtomicU64; Reason::ALL.len()],
    /// One more than there are bounds: for what is longer than all.
    durations: [AtomicU64; BOUNDS_US.len() + 1],
    duration_us: AtomicU64,
    waiting: AtomicI64,
    in_flight: AtomicI64,
    instances: AtomicU64,
    fuel: AtomicU64,
    memory_peak_bytes: AtomicU64,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl AppMetrics {
    /// A request waits for its turn, until the answer begins or is dropped.
    pub fn waits(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self.clone())
    }

    /// A request has ended, with a status or without one.
    pub fn answered(&self, status: Option<u16>, duration: Duration) {
        let class = |status: u16| &self.statuses[usize::from(status / 100).clamp(1, 5) - 1];
        add(status.map_or(&self.aborted, class), 1);
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        add(&self.durations[BOUNDS_US.partition_point(|bound| *bound < us)], 1);
        add(&self.duration_us, us);
    }

    pub fn failed(&self, reason: Reason) {
        add(&self.failures[reason as usize], 1);
    }

    /// An instance was made.
    pub fn instance(&self) {
        add(&self.instances, 1);
    }

    /// A request has taken so much.
    pub fn used(&self, fuel: u64, memory_bytes: u64) {
        add(&self.fuel, fuel);
        self.memory_peak_bytes.fetch_max(memory_bytes, Ordering::Relaxed);
    }

    pub fn reloaded(&self, ok: bool) {
        add(if ok { &self.reloads } else { &self.reloads_failed }, 1);
    }
}

/// A request that waits for its turn.
pub struct Waiting(Arc<AppMetrics>);

impl Waiting {
    /// It has it, until the answer is dropped.
    pub fn begins(self) -> InFlight {
        // First, so that it is never in neither.
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.0.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that is being answered.
pub struct InFlight(Arc<AppMetrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    apps: Mutex<BTreeMap<String, Arc<AppMetrics>>>,
    pub connections: AtomicI64,
    pub log_lines_dropped: AtomicU64,
    refused: [AtomicU64; REFUSED.len()],
    closed: [AtomicU64; Closed::ALL.len()],
}

/// With what requests are refused that are for no app, or not yet known to be.
const REFUSED: [u16; 5] = [400, 404, 414, 431, 501];

/// Why a connection was closed by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// No request came, or not all of its head.
    Silent,
    /// The client took too little of what it was sent.
    Stuck,
    /// The client broke a rule of HTTP/2.
    Broken,
}

impl Closed {
    const ALL: [Self; 3] = [Self::Silent, Self::Stuck, Self::Broken];

    fn name(self) -> &'static str {
        match self {
            Self::Silent => "head_timeout",
            Self::Stuck => "write_timeout",
            Self::Broken => "protocol",
        }
    }
}

/// A gauge or a counter of each app: name, kind, help, and how to read it.
type Simple = (&'static str, &'static str, &'static str, fn(&AppMetrics) -> u64);

const SIMPLE: [Simple; 7] = [
    ("wasmote_requests_waiting", "gauge", "Requests that wait for their turn (--max-concurrent).", |app| {
        u64::try_from(app.waiting.load(Ordering::Relaxed)).unwrap_or(0)
    }),
    ("wasmote_requests_in_flight", "gauge", "Requests that are being answered.", |app| {
        u64::try_from(app.in_flight.load(Ordering::Relaxed)).unwrap_or(0)
    }),
    ("wasmote_instances_total", "counter", "Instances made.", |app| app.instances.load(Ordering::Relaxed)),
    ("wasmote_fuel_total", "counter", "Fuel spent.", |app| app.fuel.load(Ordering::Relaxed)),
    ("wasmote_memory_peak_bytes", "gauge", "The most linear memory that one instance had.", |app| {
        app.memory_peak_bytes.load(Ordering::Relaxed)
    }),
    ("wasmote_reloads_total", "counter", "Times that the program was loaded anew.", |app| {
        app.reloads.load(Ordering::Relaxed)
    }),
    ("wasmote_reloads_failed_total", "counter", "Times that it changed and could not be loaded.", |app| {
        app.reloads_failed.load(Ordering::Relaxed)
    }),
];

impl Metrics {
    /// What is counted of the app `name`.
    pub fn app(&self, name: &str) -> Arc<AppMetrics> {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.entry(name.into()).or_default().clone()
    }

    /// Requests under way, of all apps: those that wait, and those that are being answered.
    pub fn under_way(&self) -> i64 {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let of_app = |app: &Arc<AppMetrics>| {
            app.waiting.load(Ordering::Relaxed) + app.in_flight.load(Ordering::Relaxed)
        };
        apps.values().map(of_app).sum()
    }

    /// A request was refused that is for no app, or not yet known to be for one.
    pub fn refused(&self, status: StatusCode) {
        if let Some(at) = REFUSED.iter().position(|known| *known == status.as_u16()) {
            add(&self.refused[at], 1);
        }
    }

    /// A connection was closed by the server.
    pub fn closed(&self, why: Closed) {
        add(&self.closed[why as usize], 1);
    }

    /// All of it.
    pub fn text(&self) -> String {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let apps: Vec<_> = apps.iter().map(|(name, app)| (label(name), &**app)).collect();
        let mut out = String::new();
        for (name, kind, help, read) in SIMPLE {
            head(&mut out, name, kind, help);
            for (label, app) in &apps {
                _ = writeln!(out, "{name}{{app=\"{label}\"}} {}", read(app));
            }
        }
        head(
            &mut out,
            "wasmote_requests_total",
            "counter",
            "Requests, by class of status; aborted: the client left before there was one.",
        );
        for (label, app) in &apps {
            for (class, count) in (1..).zip(&app.statuses) {
                let count = count.load(Ordering::Relaxed);
                _ = writeln!(out, "wasmote_requests_total{{app=\"{label}\",status=\"{class}xx\"}} {count}");
            }
            let count = app.aborted.load(Ordering::Relaxed);
            _ = writeln!(out, "wasmote_requests_total{{app=\"{label}\",status=\"aborted\"}} {count}");
        }
        head(&mut out, "wasmote_failures_total", "counter", "Requests that failed, by reason.");
        for (label, app) in &apps {
            for reason in Reason::ALL {
                let count = app.failures[reason as usize].load(Ordering::Relaxed);
                let reason = reason.name();
                _ = writeln!(out, "wasmote_failures_total{{app=\"{label}\",reason=\"{reason}\"}} {count}");
            }
        }
        head(
            &mut out,
            "wasmote_request_duration_seconds",
            "histogram",
            "From the request's head to the response's end.",
        );
        apps.iter().for_each(|(label, app)| histogram(&mut out, label, app));
        self.process(&mut out);
        out
    }

    fn process(&self, out: &mut String) {
        let text = "Requests that were refused before an app was asked, by status.";
        head(out, "wasmote_requests_refused_total", "counter", text);
        for (status, count) in REFUSED.iter().zip(&self.refused) {
            let count = count.load(Ordering::Relaxed);
            _ = writeln!(out, "wasmote_requests_refused_total{{status=\"{status}\"}} {count}");
        }
        head(out, "wasmote_connections", "gauge", "Open connections.");
        _ = writeln!(out, "wasmote_connections {}", self.connections.load(Ordering::Relaxed).max(0));
        let text = "Connections closed for what the client did or left undone, by reason.";
        head(out, "wasmote_connections_closed_total", "counter", text);
        for why in Closed::ALL {
            let (count, why) = (self.closed[why as usize].load(Ordering::Relaxed), why.name());
            _ = writeln!(out, "wasmote_connections_closed_total{{reason=\"{why}\"}} {count}");
        }
        head(out, "wasmote_log_lines_dropped_total", "counter", "Lines that the log was too slow for.");
        let dropped = self.log_lines_dropped.load(Ordering::Relaxed);
        _ = writeln!(out, "wasmote_log_lines_dropped_total {dropped}");
        if let Some(bytes) = resident_bytes() {
            head(out, "process_resident_memory_bytes", "gauge", "Resident memory of this process.");
            _ = writeln!(out, "process_resident_memory_bytes {bytes}");
        }
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn histogram(out: &mut String, label: &str, app: &AppMetrics) {
    const NAME: &str = "wasmote_request_duration_seconds";
    let mut total = 0;
    for (bound, count) in BOUNDS_US.iter().zip(&app.durations) {
        total += count.load(Ordering::Relaxed);
        let seconds = Duration::from_micros(*bound).as_secs_f64();
        _ = writeln!(out, "{NAME}_bucket{{app=\"{label}\",le=\"{seconds}\"}} {total}");
    }
    total += app.durations[BOUNDS_US.len()].load(Ordering::Relaxed);
    let sum = Duration::from_micros(app.duration_us.load(Ordering::Relaxed)).as_secs_f64();
    _ = writeln!(out, "{NAME}_bucket{{app=\"{label}\",le=\"+Inf\"}} {total}");
    _ = writeln!(out, "{NAME}_sum{{app=\"{label}\"}} {sum}\n{NAME}_count{{app=\"{label}\"}} {total}");
}

/// A label's value, escaped as the format has it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Resident memory, where `/proc` says it.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_back_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        let app = metrics.app("a\"b");
        let waiting = app.waits();
        assert_eq!(metrics.under_way(), 1);
        assert!(metrics.text().contains("wasmote_requests_waiting{app=\"a\\\"b\"} 1"));
        let in_flight = waiting.begins();
        assert_eq!(metrics.under_way(), 1);
        metrics.refused(StatusCode::BAD_REQUEST);
        metrics.closed(Closed::Stuck);
        app.answered(Some(200), Duration::from_micros(300));
        app.answered(Some(504), Duration::from_secs(60));
        app.answered(None, Duration::from_millis(2));
        app.failed(Reason::Deadline);
        app.used(7, 65_536);
        let text = metrics.text();
        for line in [
            "wasmote_requests_waiting{app=\"a\\\"b\"} 0",
            "wasmote_requests_in_flight{app=\"a\\\"b\"} 1",
            "wasmote_requests_refused_total{status=\"400\"} 1",
            "wasmote_requests_refused_total{status=\"431\"} 0",
            "wasmote_connections_closed_total{reason=\"write_timeout\"} 1",
            "wasmote_requests_total{app=\"a\\\"b\",status=\"2xx\"} 1",
            "wasmote_requests_total{app=\"a\\\"b\",status=\"5xx\"} 1",
            "wasmote_requests_total{app=\"a\\\"b\",status=\"4xx\"} 0",
            "wasmote_requests_total{app=\"a\\\"b\",status=\"aborted\"} 1",
            "wasmote_failures_total{app=\"a\\\"b\",reason=\"deadline\"} 1",
            "wasmote_request_duration_seconds_bucket{app=\"a\\\"b\",le=\"0.00025\"} 0",
            "wasmote_request_duration_seconds_bucket{app=\"a\\\"b\",le=\"0.0005\"} 1",
            "wasmote_request_duration_seconds_bucket{app=\"a\\\"b\",le=\"30\"} 2",
            "wasmote_request_duration_seconds_bucket{app=\"a\\\"b\",le=\"+Inf\"} 3",
            "wasmote_request_duration_seconds_count{app=\"a\\\"b\"} 3",
            "wasmote_fuel_total{app=\"a\\\"b\"} 7",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
        drop(in_flight);
        assert!(metrics.text().contains("wasmote_requests_in_flight{app=\"a\\\"b\"} 0"));
        let declared = text.lines().filter(|line| line.starts_with("# TYPE")).count();
        assert_eq!(declared, text.lines().filter(|line| line.starts_with("# HELP")).count());
    }
}
