//! One connection, from the client's first byte to the last one it takes: nobody holds a place by doing nothing.
//!
//! hyper's own clocks begin when it knows which version of HTTP is spoken, and end where it waits for the client to
//! take what it was sent. What is between is looked after here: [`Watched`] notes what the client does, [`Activity`] what
//! the server does for it, and [`drive`] looks at both every now and then.
//!
//! What a client has taken is counted in bytes of contents that left for the socket, by [`Sending`]: bytes that flow control
//! of HTTP/2 holds back have not, and answers to pings and settings, of which a client can have as many as it likes, are
//! none.

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
    /// While a program waits for contents of its request: to send none, or less than [`BYTES_PER_SECOND_MIN`].
    pub body: Duration,
    /// While it is sent something: to take none of it, or less than [`BYTES_PER_SECOND_MIN`].
    pub write: Duration,
}

/// What a client must take of a response, on the average over [`Patience::write`], while it is waited for; and what it must
/// send of a request's contents, over [`Patience::body`].
///
/// As much as others ask for (IIS, Kestrel): a modem of 1990 takes more, and who takes a window of a byte now and then
/// takes less.
pub const BYTES_PER_SECOND_MIN: u64 = 240;

/// With what a connection of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What goes on on one connection. A cheap handle.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<State>>);

struct State {
    version: Version,
    /// Since when what was written last waits for the client.
    blocked: Option<Instant>,
    /// Requests that are not answered to the end.
    streams: Vec<Exchange>,
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

/// A request, until the client has the last byte of its answer.
struct Exchange {
    number: u64,
    /// Whether more of the answer may come.
    is_open: bool,
    /// Whether the server has to do something before it does.
    is_working: bool,
    /// Bytes that are ready to be sent.
    held_bytes: usize,
    /// Where it waits for the client.
    waits: Option<Waits>,
}

/// How a client takes what it is sent.
struct Waits {
    /// When this began, or when enough had been taken last.
    since: Instant,
    taken_bytes: u64,
    /// When any was taken.
    last: Instant,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// It takes no more requests.
    Leave,
    Close(Cause),
}

/// Why a connection was closed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No request came.
    Silent,
    /// It took too little of what it was sent.
    Stuck,
    /// It had been asked to leave.
    Left,
}

/// How a connection ended.
pub enum End<E> {
    /// The client left, or broke a rule.
    Itself(Result<(), E>),
    Here(Cause),
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
        let (mut state, now) = (self.state(), Instant::now());
        let number = state.next_stream;
        state.next_stream += 1;
        state.streams.push(Exchange { number, is_open: true, is_working: true, held_bytes: 0, waits: None });
        state.changed = now;
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

    fn verdict(&mut self, patience: Patience, left: Option<Instant>, now: Instant) -> Verdict {
        let passed = |since: Instant, time: Duration| now.saturating_duration_since(since) > time;
        if self.blocked.is_some_and(|since| passed(since, patience.write)) {
            return Verdict::Close(Cause::Stuck);
        }
        let is_silent = passed(self.changed, patience.head);
        // Asked to leave, with time to take what was sent last, and still here.
        let stays = left.is_some_and(|since| passed(since.max(self.changed), patience.write));
        match (self.version, self.streams.is_empty()) {
            (Version::Unknown(_), _) if is_silent => Verdict::Close(Cause::Silent),
            (_, true) if stays => Verdict::Close(Cause::Left),
            (Version::Two, true) if is_silent && left.is_none() => Verdict::Leave,
            (_, false) => self.of_streams(patience.write, left, now),
            _ => Verdict::Keep,
        }
    }

    /// Contents are there, and the client makes no room for them: on all streams; or on one, for which the others need
    /// not break off at once.
    fn of_streams(&mut self, patience: Duration, left: Option<Instant>, now: Instant) -> Verdict {
        let all = self.streams.len();
        let stuck = self.streams.iter_mut().filter_map(|stream| stream.waits.as_mut());
        let stuck = stuck.filter_map(|waits| waits.is_stuck(patience, now).then_some(())).count();
        match left {
            _ if stuck == 0 => Verdict::Keep,
            _ if stuck == all => Verdict::Close(Cause::Stuck),
            None => Verdict::Leave,
            Some(since) if now.saturating_duration_since(since) > patience => Verdict::Close(Cause::Stuck),
            Some(_) => Verdict::Keep,
        }
    }

    /// Changes what is known of a request, which is forgotten when its client has all of it.
    fn change(&mut self, number: u64, change: impl FnOnce(&mut Exchange, Instant)) {
        let now = Instant::now();
        let Some(at) = self.streams.iter().position(|stream| stream.number == number) else { return };
        let stream = &mut self.streams[at];
        change(stream, now);
        if !stream.is_open && stream.held_bytes == 0 {
            self.streams.swap_remove(at);
            self.changed = now;
        } else if stream.held_bytes == 0 && stream.is_working {
            stream.waits = None;
        } else {
            stream.waits.get_or_insert(Waits { since: now, taken_bytes: 0, last: now });
        }
    }
}

impl Waits {
    /// Whether the client took nothing for this long, or too little. Where it was enough, it is counted anew.
    fn is_stuck(&mut self, patience: Duration, now: Instant) -> bool {
        let passed = |since| now.saturating_duration_since(since) > patience;
        if passed(self.last) {
            return true;
        }
        if !passed(self.since) {
            return false;
        }
        let least = u128::from(BYTES_PER_SECOND_MIN) * patience.as_millis() / 1_000;
        let is_enough = u128::from(self.taken_bytes) >= least.max(1);
        if is_enough {
            (self.since, self.taken_bytes) = (now, 0);
        }
        !is_enough
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
        let mut state = self.activity.state();
        state.changed = Instant::now();
        state.change(self.number, |stream, _| stream.is_working = is_working);
    }

    /// So many bytes of its answer are ready.
    pub fn sends(&mut self, bytes: usize) -> Sending {
        let mut state = self.activity.state();
        state.change(self.number, |stream, _| stream.held_bytes += bytes);
        Sending { activity: self.activity.clone(), number: self.number, left: bytes }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.changed = Instant::now();
        state.change(self.number, |stream, _| (stream.is_open, stream.is_working) = (false, true));
    }
}

/// Bytes on their way to a client. What is left of them when this is dropped was given up.
pub struct Sending {
    activity: Activity,
    number: u64,
    left: usize,
}

impl Sending {
    /// So many are gone.
    pub fn took(&mut self, bytes: usize) {
        let bytes = bytes.min(self.left);
        self.left -= bytes;
        self.activity.state().change(self.number, |stream, now| {
            stream.held_bytes -= bytes;
            if let Some(waits) = &mut stream.waits {
                waits.taken_bytes += bytes as u64;
                waits.last = now;
            }
        });
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.left > 0 {
            self.activity.state().change(self.number, |stream, _| stream.held_bytes -= self.left);
        }
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
pub async fn drive<C: Future<Output = Result<(), E>>, E>(
    connection: C,
    leave: impl Fn(Pin<&mut C>),
    activity: Activity,
    patience: Patience,
    mut stop: watch::Receiver<()>,
) -> End<E> {
    let mut connection = pin!(connection);
    let mut stopped = pin!(stop.changed());
    // Several looks for each wait, so that none becomes much longer than it is meant to be.
    let period = patience.head.min(patience.write) / 4;
    let mut looks = interval(period.max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left = None;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = connection.as_mut().poll(cx) {
                return Poll::Ready(End::Itself(output));
            }
            let mut leaves = left.is_none() && stopped.as_mut().poll(cx).is_ready();
            while !leaves && looks.poll_tick(cx).is_ready() {
                let now = Instant::now();
                match activity.state().verdict(patience, left, now) {
                    Verdict::Keep => {}
                    Verdict::Leave => leaves = true,
                    Verdict::Close(cause) => return Poll::Ready(End::Here(cause)),
                }
            }
            if !leaves {
                return Poll::Pending;
            }
            left = Some(Instant::now());
            leave(connection.as_mut());
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        body: Duration::from_secs(10),
        write: Duration::from_secs(60),
    };

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
        assert_eq!(after(&activity, 11, None), Verdict::Close(Cause::Silent));
        activity.state().read(PREFACE);
        assert_eq!(after(&activity, 11, None), Verdict::Leave);
        assert_eq!(after(&activity, 59, Some(0)), Verdict::Keep);
        assert_eq!(after(&activity, 61, Some(0)), Verdict::Close(Cause::Left));
        // The program may take as long as it does.
        let mut stream = activity.begin();
        assert_eq!(after(&activity, 1_000, None), Verdict::Keep);
        stream.got_on(false);
        assert_eq!(after(&activity, 59, None), Verdict::Keep);
        assert_eq!(after(&activity, 61, None), Verdict::Close(Cause::Stuck));
        // Others on the same connection get some time to end.
        let other = activity.begin();
        assert_eq!(after(&activity, 61, None), Verdict::Leave);
        assert_eq!(after(&activity, 100, Some(61)), Verdict::Keep);
        assert_eq!(after(&activity, 122, Some(61)), Verdict::Close(Cause::Stuck));
        drop(other);
        drop(stream);
        assert_eq!(after(&activity, 11, None), Verdict::Leave);
        activity.state().blocked = Some(Instant::now());
        assert_eq!(after(&activity, 61, None), Verdict::Close(Cause::Stuck));
    }

    /// An answer of so many bytes, all of which is handed over at once, as HTTP/2 does for a window of one byte.
    fn answered(activity: &Activity, bytes: usize) -> Sending {
        let mut stream = activity.begin();
        stream.got_on(false);
        stream.sends(bytes)
    }

    #[test]
    fn an_answer_is_waited_for_until_the_last_byte_is_gone() {
        let activity = Activity::new();
        activity.state().read(PREFACE);
        let mut sending = answered(&activity, 50_000);
        assert_eq!(after(&activity, 59, None), Verdict::Keep);
        assert_eq!(after(&activity, 61, None), Verdict::Close(Cause::Stuck));
        sending.took(50_000);
        assert_eq!(after(&activity, 61, None), Verdict::Leave, "nothing is under way any more");
        assert!(activity.state().streams.is_empty());
        // What was given up is not waited for either.
        drop(answered(&activity, 50_000));
        assert!(activity.state().streams.is_empty());
    }

    #[test]
    fn who_takes_too_little_is_left_and_who_takes_enough_is_not() {
        let enough = usize::try_from(60 * BYTES_PER_SECOND_MIN).unwrap();
        for (bytes, verdict) in [(1, Verdict::Close(Cause::Stuck)), (enough, Verdict::Keep)] {
            let activity = Activity::new();
            activity.state().read(PREFACE);
            let mut sending = answered(&activity, 10 * enough);
            // The last of it was just taken, so it is not that nothing was.
            let begun = Instant::now().checked_sub(Duration::from_secs(50)).unwrap();
            activity.state().streams[0].waits.as_mut().unwrap().since = begun;
            sending.took(bytes);
            assert_eq!(after(&activity, 9, None), Verdict::Keep);
            assert_eq!(after(&activity, 11, None), verdict, "{bytes}");
            // And it goes on being counted.
            assert_eq!(after(&activity, 59, None), verdict, "{bytes}");
            assert_eq!(after(&activity, 72, None), Verdict::Close(Cause::Stuck), "{bytes}");
        }
    }

    #[test]
    fn what_the_program_takes_its_time_for_is_not_the_clients_doing() {
        let activity = Activity::new();
        activity.state().read(PREFACE);
        let mut stream = activity.begin();
        stream.got_on(false);
        let mut sending = stream.sends(10);
        stream.got_on(true);
        assert_eq!(after(&activity, 61, None), Verdict::Close(Cause::Stuck), "ten bytes are there");
        sending.took(10);
        assert_eq!(after(&activity, 1_000, None), Verdict::Keep);
    }
}
