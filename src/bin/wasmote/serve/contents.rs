//! The contents of a request, on their way to a program: that they break off, or do not come, is their client's doing.

use crate::serve::{connection::BYTES_PER_SECOND_MIN, record::Record};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::time::{Sleep, sleep_until};
use wasmote::cap::http::{Body, ErrorCode, Fields, Frame};

/// Contents whose end is told.
pub struct Contents {
    /// None when they were given up.
    body: Option<Box<dyn Body>>,
    record: Arc<Record>,
    pace: Pace,
}

/// How contents come while they are waited for.
struct Pace {
    /// For how long less than [`BYTES_PER_SECOND_MIN`] may come.
    patience: Duration,
    /// Since when nothing is there.
    since: Option<Instant>,
    /// How long before that nothing was, and what came meanwhile; since it was enough last.
    waited: Duration,
    bytes: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

/// How late a program that waits may be woken.
const PUNCTUAL: Duration = Duration::from_secs(1);

impl Contents {
    pub fn new(body: Box<dyn Body>, record: Arc<Record>, patience: Duration) -> Self {
        Self { body: Some(body), record, pace: Pace::new(patience) }
    }
}

impl Pace {
    fn new(patience: Duration) -> Self {
        Self { patience, since: None, waited: Duration::ZERO, bytes: 0, timer: None }
    }

    fn came(&mut self, bytes: usize, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += self.stretch(since, now).unwrap_or_default();
        }
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// How long the program has waited, if it has: it would have been woken when that was too long, so one that comes back
    /// much later did something else.
    fn stretch(&self, since: Instant, now: Instant) -> Option<Duration> {
        let stretch = now.saturating_duration_since(since);
        (self.waited + stretch <= self.patience + PUNCTUAL).then_some(stretch)
    }

    /// Nothing is there: when too little will have come, which may be by now.
    fn waits(&mut self, now: Instant) -> Instant {
        let mut since = *self.since.get_or_insert(now);
        let stretch = self.stretch(since, now).unwrap_or_else(|| {
            since = now;
            Duration::ZERO
        });
        self.since = Some(since);
        let waited = self.waited + stretch;
        let enough = u128::from(BYTES_PER_SECOND_MIN) * self.patience.as_nanos() / 1_000_000_000;
        if waited >= self.patience && u128::from(self.bytes) >= enough {
            // It was enough, and is counted anew.
            (self.since, self.waited, self.bytes) = (Some(now), Duration::ZERO, 0);
            return now + self.patience;
        }
        since + self.patience.saturating_sub(self.waited)
    }

    /// Ready when too little has come for too long. Else `cx` is woken when it may have.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let until = self.waits(now);
            if until <= now {
                return Poll::Ready(());
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until.into())));
            if timer.deadline() != until.into() {
                timer.as_mut().reset(until.into());
            }
            std::task::ready!(timer.as_mut().poll(cx));
        }
    }
}

impl Body for Contents {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = body.poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Err(code))) => self.record.request_broke_off(code.to_string()),
            Poll::Ready(Some(Ok(Frame::Data(data)))) => self.pace.came(data.len(), Instant::now()),
            Poll::Pending if self.pace.poll_too_slow(cx).is_ready() => {
                let time = self.pace.patience;
                let text = format!("it sent less than {BYTES_PER_SECOND_MIN} bytes a second for {time:?}");
                self.record.request_is_late(text);
                self.body = None;
                return Poll::Ready(Some(Err(ErrorCode::ConnectionReadTimeout)));
            }
            _ => {}
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.body.as_ref().and_then(|body| body.length())
    }

    fn trailers(&self) -> Option<Fields> {
        self.body.as_ref().and_then(|body| body.trailers())
    }

    fn ends_with_guest(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.ends_with_guest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn who_sends_nothing_or_drips_is_given_up_and_who_sends_enough_is_not() {
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        for (bytes, given_up) in [(0, true), (1, true), (239, true), (240, false), (100_000, false)] {
            let (mut pace, mut now) = (Pace::new(TEN), at(0));
            let mut is_given_up = false;
            for _ in 0..100 {
                let until = pace.waits(now);
                is_given_up |= until <= now;
                assert!(until <= now + TEN);
                now += Duration::from_secs(1);
                pace.came(bytes, now);
            }
            assert_eq!(is_given_up, given_up, "{bytes}");
        }
    }

    #[test]
    fn what_the_program_takes_its_time_for_is_not_the_clients_doing() {
        let (mut pace, now) = (Pace::new(TEN), Instant::now());
        // It comes at once, whenever it is asked for.
        for hour in 0..10 {
            pace.came(1, now + Duration::from_secs(hour * 3_600));
        }
        let later = now + Duration::from_secs(36_000);
        assert_eq!(pace.waits(later), later + TEN);
    }

    #[test]
    fn a_program_that_asks_and_then_does_something_else_has_not_waited() {
        let (mut pace, mut now) = (Pace::new(TEN), Instant::now());
        for _ in 0..10 {
            assert!(pace.waits(now) > now);
            now += Duration::from_secs(12);
            // What came meanwhile, and then no more.
            pace.came(100, now);
        }
        // It asks again and again, with long pauses.
        for _ in 0..10 {
            assert!(pace.waits(now) > now);
            now += Duration::from_secs(12);
        }
        // Now it waits.
        let until = pace.waits(now);
        assert!(pace.waits(until) <= until);
    }
}
