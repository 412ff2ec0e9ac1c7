//! The log of requests, on standard error. A thread writes it, so a slow terminal holds no request up; a line that
//! finds the queue full is dropped and counted.

use crate::{say, serve::metrics::Metrics};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Lines that wait to be written.
const LINES_MAX: usize = 16_384;

enum Line {
    Plain(String),
    Error(String),
}

/// Where lines are sent.
#[derive(Clone)]
pub struct Log {
    lines: SyncSender<Line>,
    requests: bool,
    metrics: Arc<Metrics>,
}

/// Waits for the last line when everything else has ended.
pub struct Writer(JoinHandle<()>);

impl Log {
    /// Starts the thread. Without `requests` only failures and what the server itself does are written.
    pub fn start(requests: bool, metrics: Arc<Metrics>) -> std::io::Result<(Self, Writer)> {
        let (lines, queue) = mpsc::sync_channel(LINES_MAX);
        let thread = thread::Builder::new().name("log".into()).spawn(move || write(&queue))?;
        Ok((Self { lines, requests, metrics }, Writer(thread)))
    }

    /// What happened to the server.
    pub fn event(&self, text: &str) {
        self.send(Line::Plain(format!("{} {text}", now())));
    }

    /// What went wrong.
    pub fn error(&self, text: &str) {
        self.send(Line::Error(text.into()));
    }

    /// A request that was answered.
    pub fn request(&self, line: impl FnOnce() -> String) {
        if self.requests {
            self.send(Line::Plain(format!("{} {}", now(), line())));
        }
    }

    fn send(&self, line: Line) {
        if self.lines.try_send(line).is_err() {
            self.metrics.log_lines_dropped.fetch_add(1, Ordering::Relaxed);
        }
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

fn write(queue: &Receiver<Line>) {
    while let Ok(line) = queue.recv() {
        // Lines that are there already go out in one piece.
        let mut plain = String::new();
        let mut next = Some(line);
        while let Some(line) = next {
            match line {
                Line::Plain(text) => {
                    plain.push_str(&text);
                    plain.push('\n');
                }
                Line::Error(text) => {
                    flush(&mut plain);
                    say::error(&text);
                }
            }
            if plain.len() > 32 << 10 {
                flush(&mut plain);
            }
            next = queue.try_recv().ok();
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
