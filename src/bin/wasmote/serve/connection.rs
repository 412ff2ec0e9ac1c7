//! One connection, from the client's first byte to the last one it takes: nobody holds a place by doing nothing.
//!
//! hyper's own clocks begin when it knows which version of HTTP is spoken, and end where it waits for the client to
//! take what it was sent. What is between is looked after here: [`Watched`] notes what the client does, [`Activity`] what
//! the server does for it, and [`drive`] looks at both every now and then.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// How long a client may do nothing.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until it has said which version of HTTP it speaks; for HTTP/2, between two requests too. (For HTTP/1 that is for
    /// hyper to measure.)
    pub head: Duration,
    /// While it is sent something.
    pub write: Duration,
}

/// With what a connection of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What goes on on one connection. A cheap handle.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<State>>);

struct State {
    version: Version,
    /// Since when what was written last waits for the client.
    blocked: Option<Instant>,
    /// Requests that are not answered to the end: each with a number, and since when it waits for the client, where that
    /// is for whom it waits.
    streams: Vec<(u64, Option<Instant>)>,
    next_stream: u64,
    /// When the last one of them began, ended, or got on.
    changed: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// So much came, all of it as [`PREFACE`] begins.
    Unknown(usize),
    One,
    Two,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// It takes no more requests.
    Leave,
    Close,
}

impl Activity {
    /// Of a connection that begins now.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            version: Version::Unknown(0),
            blocked: None,
            streams: Vec::new(),
            next_stream: 0,
            changed: Instant::now(),
        })))
    }

    /// A request, for which the server is at work.
    pub fn begin(&self) -> Stream {
        let mut state = self.state();
        let number = state.next_stream;
        state.next_stream += 1;
        state.streams.push((number, None));
        state.changed = Instant::now();
        Stream { activity: self.clone(), number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read(&mut self, bytes: &[u8]) {
        let Version::Unknown(matched) = self.version else { return };
        let expected = PREFACE.get(matched..).unwrap_or_default();
        let count = bytes.len().min(expected.len());
        self.version = match matched + count {
            _ if bytes[..count] != expected[..count] => Version::One,
            all if all == PREFACE.len() => Version::Two,
            matched => Version::Unknown(matched),
        };
        if self.version == Version::Two {
            self.changed = Instant::now();
        }
    }

    fn verdict(&self, patience: Patience, left: Option<Instant>, now: Instant) -> Verdict {
        let passed = |since: Instant, time: Duration| now.saturating_duration_since(since) > time;
        if self.blocked.is_some_and(|since| passed(since, patience.write)) {
            return Verdict::Close;
        }
        let is_silent = passed(self.changed, patience.head);
        // Asked to leave, with time to take what was sent last, and still here.
        let stays = left.is_some_and(|since| passed(since.max(self.changed), patience.write));
        match (self.version, self.streams.is_empty()) {
            (Version::Unknown(_), _) if is_silent => Verdict::Close,
            (_, true) if stays => Verdict::Close,
            (Version::Two, true) if is_silent && left.is_none() => Verdict::Leave,
            (_, false) => self.of_streams(patience, left, &passed),
            _ => Verdict::Keep,
        }
    }

    /// Contents are there, and the client makes no room for them: on all streams; or on one, for which the others need
    /// not break off at once.
    fn of_streams(
        &self,
        patience: Patience,
        left: Option<Instant>,
        passed: &dyn Fn(Instant, Duration) -> bool,
    ) -> Verdict {
        let is_stuck = |since: Option<Instant>| since.is_some_and(|since| passed(since, patience.write));
        let stuck = self.streams.iter().filter(|(_, since)| is_stuck(*since)).count();
        match left {
            _ if stuck == 0 => Verdict::Keep,
            _ if stuck == self.streams.len() => Verdict::Close,
            None => Verdict::Leave,
            Some(since) if passed(since, patience.write) => Verdict::Close,
            Some(_) => Verdict::Keep,
        }
    }
}

/// A request that is under way on a connection, until it is dropped.
pub struct Stream {
    activity: Activity,
    number: u64,
}

impl Stream {
    /// The client got something, or is to take something: whether the server has more to do first.
    pub fn got_on(&mut self, is_working: bool) {
        let (mut state, now) = (self.activity.state(), Instant::now());
        state.changed = now;
        if let Some((_, since)) = state.streams.iter_mut().find(|(number, _)| *number == self.number) {
            *since = (!is_working).then_some(now);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.changed = Instant::now();
        state.streams.retain(|(number, _)| *number != self.number);
    }
}

/// What a client's bytes go through.
pub struct Watched<T> {
    io: T,
    activity: Activity,
    is_known: bool,
    is_blocked: bool,
}

impl<T> Watched<T> {
    pub fn new(io: T, activity: Activity) -> Self {
        Self { io, activity, is_known: false, is_blocked: false }
    }

    fn wrote(&mut self, is_blocked: bool) {
        // Nearly always nothing has changed, and nobody needs to be told.
        if self.is_blocked != is_blocked {
            self.is_blocked = is_blocked;
            self.activity.state().blocked = is_blocked.then(Instant::now);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if !self.is_known {
            let mut state = self.activity.state();
            state.read(&buffer.filled()[before..]);
            let is_known = !matches!(state.version, Version::Unknown(_));
            drop(state);
            self.is_known = is_known;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.wrote(polled.is_pending());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Sees `connection` to its end: until the client leaves, or does nothing for too long, or has been answered after `stop`
/// has changed. By `leave` it is told to take no more requests.
pub async fn drive<C: Future>(
    connection: C,
    leave: impl Fn(Pin<&mut C>),
    activity: Activity,
    patience: Patience,
    mut stop: watch::Receiver<()>,
) {
    let mut connection = pin!(connection);
    let mut stopped = pin!(stop.changed());
    // Several looks for each wait, so that none becomes much longer than it is meant to be.
    let period = patience.head.min(patience.write) / 4;
    let mut looks = interval(period.max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left = None;
    poll_fn(|cx| {
        loop {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut leaves = left.is_none() && stopped.as_mut().poll(cx).is_ready();
            while !leaves && looks.poll_tick(cx).is_ready() {
                let now = Instant::now();
                match activity.state().verdict(patience, left, now) {
                    Verdict::Keep => {}
                    Verdict::Leave => leaves = true,
                    Verdict::Close => return Poll::Ready(()),
                }
            }
            if !leaves {
                return Poll::Pending;
            }
            left = Some(Instant::now());
            leave(connection.as_mut());
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { head: Duration::from_secs(10), write: Duration::from_secs(60) };

    /// What becomes of the connection so long after now, when it was asked to leave so long after now.
    fn after(activity: &Activity, seconds: u64, left: Option<u64>) -> Verdict {
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        activity.state().verdict(PATIENCE, left.map(at), at(seconds))
    }

    #[test]
    fn the_version_is_known_by_the_first_bytes() {
        for (bytes, version) in [
            (&b""[..], Version::Unknown(0)),
            (b"P", Version::Unknown(1)),
            (b"POST", Version::One),
            (b"GET / HTTP/1.1", Version::One),
            (&PREFACE[..23], Version::Unknown(23)),
            (&PREFACE[..], Version::Two),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", Version::Two),
        ] {
            let activity = Activity::new();
            activity.state().read(bytes);
            assert_eq!(activity.state().version, version);
            let activity = Activity::new();
            bytes.iter().for_each(|byte| activity.state().read(&[*byte]));
            assert_eq!(activity.state().version, version);
        }
    }

    #[test]
    fn who_does_nothing_is_left_and_who_waits_is_not() {
        let activity = Activity::new();
        assert_eq!(after(&activity, 9, None), Verdict::Keep);
        assert_eq!(after(&activity, 11, None), Verdict::Close);
        activity.state().read(PREFACE);
        assert_eq!(after(&activity, 11, None), Verdict::Leave);
        assert_eq!(after(&activity, 59, Some(0)), Verdict::Keep);
        assert_eq!(after(&activity, 61, Some(0)), Verdict::Close);
        // The program may take as long as it does.
        let mut stream = activity.begin();
        assert_eq!(after(&activity, 1_000, None), Verdict::Keep);
        stream.got_on(false);
        assert_eq!(after(&activity, 59, None), Verdict::Keep);
        assert_eq!(after(&activity, 61, None), Verdict::Close);
        // Others on the same connection get some time to end.
        let other = activity.begin();
        assert_eq!(after(&activity, 61, None), Verdict::Leave);
        assert_eq!(after(&activity, 100, Some(61)), Verdict::Keep);
        assert_eq!(after(&activity, 122, Some(61)), Verdict::Close);
        drop(other);
        drop(stream);
        assert_eq!(after(&activity, 11, None), Verdict::Leave);
        activity.state().blocked = Some(Instant::now());
        assert_eq!(after(&activity, 61, None), Verdict::Close);
    }
}
