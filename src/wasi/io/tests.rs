use super::*;
use crate::{
    cap::clocks::{Clocks, Datetime},
    wasi::io::poll::{Asked, poll_any},
};
use alloc::{collections::VecDeque, sync::Arc, vec, vec::Vec};
use core::task::Waker;
use spin::Mutex;

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A sink that takes so many bytes before it is full, says that it would take `says`, and may fail.
#[derive(Default)]
struct Narrow {
    room: usize,
    says: u64,
    taken: Vec<u8>,
    flushed: bool,
    failure: Option<Code>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Narrow>>);

impl Shared {
    fn new(room: usize, says: u64) -> Self {
        Self(Arc::new(Mutex::new(Narrow { room, says, ..Narrow::default() })))
    }
}

impl Sink for Shared {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let mut narrow = self.0.lock();
        if let Some(code) = narrow.failure {
            return Poll::Ready(Err(code.into()));
        }
        let count = bytes.len().min(narrow.room);
        if count == 0 {
            return Poll::Pending;
        }
        narrow.room -= count;
        narrow.taken.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.0.lock().flushed { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<u64> {
        let narrow = self.0.lock();
        if narrow.room > 0 || narrow.failure.is_some() { Poll::Ready(narrow.says) } else { Poll::Pending }
    }
}

/// A source of scripted answers: none of them means not yet.
struct Script(VecDeque<Option<Result<&'static str, Code>>>);

impl Source for Script {
    fn poll_read(&mut self, _: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Error>> {
        match self.0.pop_front() {
            None => Poll::Ready(Ok(0)),
            Some(None) => Poll::Pending,
            Some(Some(Err(code))) => Poll::Ready(Err(code.into())),
            Some(Some(Ok(text))) => {
                let count = text.len().min(bytes.len());
                bytes[..count].copy_from_slice(&text.as_bytes()[..count]);
                if count < text.len() {
                    self.0.push_front(Some(Ok(&text[count..])));
                }
                Poll::Ready(Ok(count))
            }
        }
    }

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if matches!(self.0.front(), Some(None)) { Poll::Pending } else { Poll::Ready(()) }
    }
}

fn script(answers: impl IntoIterator<Item = Option<Result<&'static str, Code>>>) -> InputStream {
    InputStream::new(Script(answers.into_iter().collect()))
}

#[test]
fn a_write_past_its_permit_is_refused_and_writes_nothing() {
    let sink = Shared::new(100, 4);
    let mut stream = OutputStream::new(sink.clone());
    assert!(matches!(stream.write(&mut noop(), b"a"), Err(StreamError::NotPermitted)), "no permit yet");
    assert_eq!(stream.check_write(&mut noop()).unwrap(), 4);
    assert!(matches!(stream.write(&mut noop(), b"abcde"), Err(StreamError::NotPermitted)));
    stream.write(&mut noop(), b"abc").unwrap();
    stream.write(&mut noop(), b"d").unwrap();
    assert!(matches!(stream.write(&mut noop(), b"e"), Err(StreamError::NotPermitted)), "spent");
    assert_eq!(sink.0.lock().taken, b"abcd");
}

#[test]
fn a_sink_that_takes_less_than_it_said_leaves_a_backlog_in_order() {
    let sink = Shared::new(2, 6);
    let mut stream = OutputStream::new(sink.clone());
    assert_eq!(stream.check_write(&mut noop()).unwrap(), 6);
    stream.write(&mut noop(), b"abcd").unwrap();
    stream.write(&mut noop(), b"ef").unwrap();
    assert_eq!(sink.0.lock().taken, b"ab");
    assert_eq!(stream.check_write(&mut noop()).unwrap(), 0, "not before the backlog is gone");
    assert!(stream.poll_ready(&mut noop()).is_pending());
    sink.0.lock().room = 10;
    assert!(stream.poll_ready(&mut noop()).is_ready());
    assert_eq!(stream.check_write(&mut noop()).unwrap(), 6);
    assert_eq!(sink.0.lock().taken, b"abcdef");
}

#[test]
fn nothing_is_permitted_while_a_flush_is_under_way() {
    let sink = Shared::new(100, 100);
    let mut stream = OutputStream::new(sink.clone());
    stream.check_write(&mut noop()).unwrap();
    stream.write(&mut noop(), b"a").unwrap();
    stream.flush(&mut noop()).unwrap();
    assert!(matches!(stream.write(&mut noop(), b"b"), Err(StreamError::NotPermitted)));
    assert_eq!(stream.check_write(&mut noop()).unwrap(), 0);
    assert!(stream.poll_ready(&mut noop()).is_pending());
    assert!(stream.poll_flush(&mut noop()).is_pending());
    sink.0.lock().flushed = true;
    assert!(stream.poll_ready(&mut noop()).is_ready());
    assert_eq!(stream.check_write(&mut noop()).unwrap(), 100);
}

#[test]
fn a_failure_while_waiting_is_told_once_to_who_asks_next() {
    let sink = Shared::new(1, 10);
    let mut stream = OutputStream::new(sink.clone());
    stream.check_write(&mut noop()).unwrap();
    stream.write(&mut noop(), b"ab").unwrap();
    sink.0.lock().failure = Some(Code::NoSpace);
    assert!(stream.poll_ready(&mut noop()).is_ready());
    assert!(stream.poll_ready(&mut noop()).is_ready(), "waiting does not consume it");
    let Err(StreamError::Failed(error)) = stream.check_write(&mut noop()) else { panic!("not told") };
    assert_eq!(error.code(), Code::NoSpace);
    assert!(matches!(stream.check_write(&mut noop()), Err(StreamError::Closed)));
    assert!(stream.poll_ready(&mut noop()).is_ready(), "a closed stream is always ready");
}

#[test]
fn a_broken_pipe_closes_and_is_no_failure() {
    let sink = Shared::new(10, 10);
    let mut stream = OutputStream::new(sink.clone());
    stream.check_write(&mut noop()).unwrap();
    sink.0.lock().failure = Some(Code::Pipe);
    assert!(matches!(stream.write(&mut noop(), b"a"), Err(StreamError::Closed)));
}

#[test]
fn a_sink_that_takes_nothing_does_not_hang_the_host() {
    struct Nothing;
    impl Sink for Nothing {
        fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<usize, Error>> {
            Poll::Ready(Ok(0))
        }
        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }
        fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<u64> {
            Poll::Ready(1)
        }
    }
    let mut stream = OutputStream::new(Nothing);
    let polled = stream.poll_write_and_flush(&mut noop(), b"a", &mut 0);
    assert!(matches!(polled, Poll::Ready(Err(StreamError::Failed(_)))));
}

#[test]
fn a_blocking_write_goes_on_where_it_stopped() {
    let sink = Shared::new(3, 3);
    let mut stream = OutputStream::new(sink.clone());
    let mut written = 0;
    assert!(stream.poll_write_and_flush(&mut noop(), b"abcdefg", &mut written).is_pending());
    assert_eq!(written, 3);
    sink.0.lock().room = 100;
    assert!(stream.poll_write_and_flush(&mut noop(), b"abcdefg", &mut written).is_pending(), "not flushed");
    sink.0.lock().flushed = true;
    let polled = stream.poll_write_and_flush(&mut noop(), b"abcdefg", &mut written);
    assert!(matches!(polled, Poll::Ready(Ok(()))));
    assert_eq!(sink.0.lock().taken, b"abcdefg");
}

#[test]
fn zeroes_obey_the_same_permit() {
    let sink = Shared::new(100_000, u64::MAX);
    let mut stream = OutputStream::with_permit_max(sink.clone(), 10_000);
    assert_eq!(stream.check_write(&mut noop()).unwrap(), 10_000, "what a sink would take is capped");
    assert!(matches!(stream.write_zeroes(&mut noop(), u64::MAX), Err(StreamError::NotPermitted)));
    stream.write_zeroes(&mut noop(), 9_000).unwrap();
    assert_eq!(sink.0.lock().taken, vec![0; 9_000]);
}

/// A sink that takes all, and counts in how many pieces.
#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Vec<usize>>>);

impl Sink for Pieces {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        self.0.lock().push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(u64::MAX)
    }
}

/// A file that is brought to its medium with each write keeps the thread no longer than one such write takes.
#[test]
fn a_permit_of_zeroes_is_one_write() {
    let sink = Pieces::default();
    let mut stream = OutputStream::new(sink.clone());
    let permit = stream.check_write(&mut noop()).unwrap();
    assert_eq!(permit, OutputStream::PERMIT_BYTES_MAX);
    stream.write_zeroes(&mut noop(), permit).unwrap();
    assert_eq!(*sink.0.lock(), [permit as usize]);
}

#[test]
fn reading_tells_nothing_yet_from_the_end() {
    let mut stream = script([None, Some(Ok("abc")), None, Some(Err(Code::Io)), Some(Ok("never"))]);
    let mut bytes = [0; 2];
    assert_eq!(stream.read(&mut noop(), &mut bytes).unwrap(), 0);
    assert_eq!(stream.read(&mut noop(), &mut bytes).unwrap(), 2);
    assert_eq!(stream.skip(&mut noop(), u64::MAX).unwrap(), 1);
    assert!(stream.poll_read(&mut noop(), &mut bytes).is_pending());
    assert!(matches!(stream.read(&mut noop(), &mut bytes), Err(StreamError::Failed(_))));
    assert!(matches!(stream.read(&mut noop(), &mut bytes), Err(StreamError::Closed)));
    assert!(matches!(stream.read(&mut noop(), &mut []), Err(StreamError::Closed)));
    assert!(stream.poll_ready(&mut noop()).is_ready());
}

#[test]
fn reading_nothing_from_an_open_stream_succeeds() {
    let mut stream = script([]);
    assert_eq!(stream.read(&mut noop(), &mut []).unwrap(), 0);
    assert!(matches!(stream.read(&mut noop(), &mut [0]), Err(StreamError::Closed)));
}

#[test]
fn splicing_takes_no_more_than_is_permitted() {
    let sink = Shared::new(100, 3);
    let mut stream = OutputStream::new(sink.clone());
    let mut source = script([Some(Ok("abcdef"))]);
    assert_eq!(stream.splice(&mut noop(), &mut source, 100).unwrap(), 3);
    assert_eq!(stream.splice(&mut noop(), &mut source, 1).unwrap(), 1);
    assert!(matches!(stream.poll_splice(&mut noop(), &mut source, 9), Poll::Ready(Ok(2))));
    assert_eq!(sink.0.lock().taken, b"abcdef");
    assert!(matches!(stream.splice(&mut noop(), &mut source, 9), Err(StreamError::Closed)));
    assert!(stream.check_write(&mut noop()).is_ok(), "the end of one stream is not the other's");
}

/// A clock that jumps when it is waited for, and says how often.
struct Jumping(Mutex<(u64, Vec<u64>)>);

impl Clocks for Jumping {
    fn monotonic_now_ns(&self) -> u64 {
        self.0.lock().0
    }
    fn monotonic_resolution_ns(&self) -> u64 {
        1
    }
    fn wall_now(&self) -> Datetime {
        Datetime::default()
    }
    fn wall_resolution_ns(&self) -> u64 {
        1
    }
    fn poll_until(&self, _: &mut Context<'_>, deadline_ns: u64) -> Poll<()> {
        let mut state = self.0.lock();
        state.0 = state.0.max(deadline_ns);
        state.1.push(deadline_ns);
        Poll::Ready(())
    }
}

#[test]
fn the_clock_is_asked_last_and_for_the_earliest_deadline_only() {
    let clocks = Jumping(Mutex::new((5, Vec::new())));
    let ask =
        |asked: &'static [Asked]| move |index: u32, _: &mut Context<'_>| Ok::<_, ()>(asked[index as usize]);
    const READY: &[Asked] = &[Asked::At(30), Asked::Ready, Asked::At(4), Asked::NotYet];
    assert_eq!(poll_any(&clocks, &mut noop(), 4, ask(READY)), Poll::Ready(Ok(vec![1, 2])));
    assert!(clocks.0.lock().1.is_empty(), "something was ready: time does not pass");
    const WAITING: &[Asked] = &[Asked::At(30), Asked::NotYet, Asked::At(20), Asked::At(20)];
    assert_eq!(poll_any(&clocks, &mut noop(), 4, ask(WAITING)), Poll::Ready(Ok(vec![2, 3])));
    assert_eq!(clocks.0.lock().1, [20]);
    const NEVER: &[Asked] = &[Asked::NotYet];
    assert_eq!(poll_any(&clocks, &mut noop(), 1, ask(NEVER)), Poll::Pending);
}
