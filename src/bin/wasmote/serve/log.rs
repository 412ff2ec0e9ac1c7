//! The log of requests, on standard error. A thread writes it, so a slow terminal holds no request up; a line that
//! finds the queue full is dropped and counted. What programs print is counted apart, each against a share of its own, so
//! none of them takes the room of another, or of what the server has to say.

use crate::{
    say,
    serve::{metrics::Metrics, share::Share},
};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Lines of the server's that wait to be written.
const LINES_MAX: usize = 16_384;

enum Line {
    Plain(String),
    /// What went wrong, and when.
    Error {
        at: String,
        text: String,
    },
    /// So many lines that a program printed.
    Printed(String, usize, Share),
}

/// Where lines are sent.
#[derive(Clone)]
pub struct Log {
    lines: Sender<Line>,
    /// How many there are that no program printed.
    waiting: Arc<AtomicUsize>,
    requests: bool,
    metrics: Arc<Metrics>,
}

/// Waits for the last line when everything else has ended.
pub struct Writer(JoinHandle<()>);

impl Log {
    /// Starts the thread. Without `requests` only failures and what the server itself does are written.
    pub fn start(requests: bool, metrics: Arc<Metrics>) -> std::io::Result<(Self, Writer)> {
        let (log, queue) = Self::new(requests, metrics);
        let thread = thread::Builder::new().name("log".into()).spawn(move || write(&queue))?;
        Ok((log, Writer(thread)))
    }

    fn new(requests: bool, metrics: Arc<Metrics>) -> (Self, Queue) {
        let (sender, lines) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        (Self { lines: sender, waiting: waiting.clone(), requests, metrics }, Queue { lines, waiting })
    }

    /// What happened to the server.
    pub fn event(&self, text: &str) {
        self.send(Line::Plain(format!("{} {text}", now())));
    }

    /// What went wrong.
    pub fn error(&self, text: &str) {
        self.send(Line::Error { at: now(), text: text.into() });
    }

    /// A request that was answered.
    pub fn request(&self, line: impl FnOnce() -> String) {
        if self.requests {
            self.send(Line::Plain(format!("{} {}", now(), line())));
        }
    }

    /// What a program printed: lines that are told whose they are. They are counted in `share`, whose room is its to ask for.
    pub fn printed(&self, whose: &str, lines: &[Vec<u8>], share: &Share) {
        let now = now();
        let mut text = String::new();
        for line in lines {
            let line = String::from_utf8_lossy(line);
            let ending = if text.is_empty() { "" } else { "\n" };
            _ = write!(text, "{ending}{now} {whose} {}", line.trim_end_matches('\r'));
        }
        share.takes(lines.len(), text.len());
        // Without a writer nobody reads any log.
        _ = self.lines.send(Line::Printed(text, lines.len(), share.clone()));
    }

    /// So many lines could not be written.
    pub fn dropped(&self, lines: usize) {
        self.metrics.log_lines_dropped.fetch_add(lines as u64, Ordering::Relaxed);
    }

    fn send(&self, line: Line) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= LINES_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return self.dropped(1);
        }
        _ = self.lines.send(line);
    }
}

/// The other end of a log.
struct Queue {
    lines: Receiver<Line>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// A line that there is no more room kept for.
    fn taken(&self, line: Line) -> Line {
        match &line {
            Line::Plain(_) | Line::Error { .. } => _ = self.waiting.fetch_sub(1, Ordering::Relaxed),
            Line::Printed(text, lines, share) => share.gives(*lines, text.len()),
        }
        line
    }

    fn recv(&self) -> Option<Line> {
        self.lines.recv().ok().map(|line| self.taken(line))
    }

    fn try_recv(&self) -> Option<Line> {
        self.lines.try_recv().ok().map(|line| self.taken(line))
    }
}

impl Writer {
    /// Waits until everything is written, but not for a standard error that is stuck. All logs must be dropped.
    pub fn finish(self) {
        for _ in 0..200 {
            if self.0.is_finished() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn write(queue: &Queue) {
    while let Some(line) = queue.recv() {
        // Lines that are there already go out in one piece.
        let mut plain = String::new();
        let mut next = Some(line);
        while let Some(line) = next {
            match line {
                Line::Plain(text) | Line::Printed(text, ..) => {
                    plain.push_str(&text);
                    plain.push('\n');
                }
                Line::Error { at, text } => {
                    flush(&mut plain);
                    say::error_at(&at, &text);
                }
            }
            if plain.len() > 32 << 10 {
                flush(&mut plain);
            }
            next = queue.try_recv();
        }
        flush(&mut plain);
    }
}

fn flush(lines: &mut String) {
    if lines.pop().is_some() {
        say::plain(lines);
        lines.clear();
    }
}

/// The time, in UTC, as RFC 3339 has it.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    stamp(since)
}

fn stamp(since: Duration) -> String {
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days to a date: eras of 400 years, each of 146,097 days, counted from 1 March of year 0.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut out = String::with_capacity(24);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millisecond = since.subsec_millis();
    _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::output::Lines;
    use std::task::{Context, Poll, Waker};
    use wasmote::cap::cli::OutputStream as _;

    fn print(lines: &Lines, bytes: &[u8]) -> Poll<usize> {
        lines.poll_write(&mut Context::from_waker(Waker::noop()), bytes).map(Result::unwrap)
    }

    #[test]
    fn one_that_prints_waits_and_takes_nobody_elses_room() {
        let (log, queue) = Log::new(true, Arc::default());
        let (noisy, other) =
            (Lines::new("noisy", "stdout", log.clone()), Lines::new("other", "stdout", log.clone()));
        let (newlines, mut taken) = ([b'\n'; 16 << 10], 0);
        while let Poll::Ready(count) = print(&noisy, &newlines) {
            // Each call is paid for by the guest, and makes few lines.
            assert!((1..=64).contains(&count), "{count}");
            taken += count;
            assert!(taken < 4_096, "it is never held back");
        }
        assert_eq!(print(&other, b"a\nb\n"), Poll::Ready(4));
        log.event("the server's");
        assert_eq!(log.metrics.log_lines_dropped.load(Ordering::Relaxed), 0);

        let (mut printed, mut last) = (0, String::new());
        while let Some(line) = queue.try_recv() {
            match line {
                Line::Printed(text, lines, _) => {
                    assert_eq!(text.lines().count(), lines);
                    (printed, last) = (printed + lines, text);
                }
                Line::Plain(text) => assert!(text.ends_with("the server's")),
                Line::Error { text, .. } => panic!("{text}"),
            }
        }
        assert_eq!(printed, taken + 2);
        assert!(last.ends_with("other stdout: b"), "{last}");
        assert!(print(&noisy, &newlines).is_ready());
    }

    #[test]
    fn times_are_stamped_in_utc() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(stamp(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(stamp(Duration::from_millis(1_234)), "1970-01-01T00:00:01.234Z");
    }
}
