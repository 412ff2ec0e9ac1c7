//! Clocks, streams and sockets in memory.

#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on a host, and may panic"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};
use wasmote::{
    backend::mem::{Clocks, Closed, Empty, Input, Output, Pipe, Sink, TcpListener, TcpStream},
    cap::{
        Code,
        cli::{InputStream, OutputStream},
        clocks::{Clocks as _, Datetime},
        sockets::{Shutdown, TcpListener as _, TcpStream as _},
    },
};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task that counts how often it is woken.
struct Task(Arc<Count>, Waker);

impl Task {
    fn new() -> Self {
        let count = Arc::new(Count::default());
        Self(count.clone(), Waker::from(count))
    }

    fn poll<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        poll(&mut Context::from_waker(&self.1))
    }

    fn woken(&self) -> usize {
        self.0.0.swap(0, Ordering::Relaxed)
    }
}

#[test]
fn a_clock_moves_when_it_is_read() {
    let clocks = Clocks::new();
    let mut last = clocks.monotonic_now_ns();
    for n in 0..1_000 {
        let wall = clocks.wall_now();
        let now = clocks.monotonic_now_ns();
        assert!(now > last);
        assert!(clocks.wall_now() > wall);
        last = now;
        if n % 7 == 0 {
            assert!(Task::new().poll(|cx| clocks.poll_until(cx, now + 5)).is_ready());
        }
    }
    assert_eq!(Clocks::new().wall_now(), Datetime { seconds: 1_767_225_600, nanoseconds: 1_000 });
}

#[test]
fn waiting_jumps_to_the_deadline_and_never_back() {
    let clocks = Clocks::new().with_step(0);
    let task = Task::new();
    assert!(task.poll(|cx| clocks.poll_until(cx, 1_000_000_000)).is_ready());
    assert_eq!(clocks.monotonic_now_ns(), 1_000_000_000);
    assert_eq!(clocks.wall_now().seconds, Clocks::WALL_START.seconds + 1);
    assert!(task.poll(|cx| clocks.poll_until(cx, 5)).is_ready());
    assert_eq!(clocks.monotonic_now_ns(), 1_000_000_000);
}

/// T-02.
#[test]
fn a_clock_stops_at_the_end_of_time() {
    let start = Datetime { seconds: i64::MAX, nanoseconds: 999_999_999 };
    let clocks = Clocks::new().with_start(u64::MAX - 1, start);
    assert!(Task::new().poll(|cx| clocks.poll_until(cx, u64::MAX)).is_ready());
    for _ in 0..3 {
        assert_eq!(clocks.monotonic_now_ns(), u64::MAX);
        assert_eq!(clocks.wall_now(), start);
        clocks.advance(u64::MAX);
    }
    let clocks = Clocks::new().with_start(0, Datetime { seconds: i64::MIN, nanoseconds: u32::MAX });
    clocks.advance(u64::MAX);
    assert!(clocks.wall_now().nanoseconds < 1_000_000_000);
}

#[test]
fn a_manual_clock_moves_only_when_told_and_wakes_who_waits() {
    let clocks = Clocks::manual();
    let (early, late) = (Task::new(), Task::new());
    assert_eq!((clocks.monotonic_now_ns(), clocks.monotonic_now_ns()), (0, 0));
    assert!(early.poll(|cx| clocks.poll_until(cx, 10)).is_pending());
    assert!(late.poll(|cx| clocks.poll_until(cx, 20)).is_pending());
    assert_eq!(clocks.next_deadline_ns(), Some(10));
    clocks.advance(9);
    assert_eq!((early.woken(), late.woken()), (0, 0));
    clocks.clone().advance(1);
    assert_eq!((early.woken(), late.woken()), (1, 0));
    assert!(early.poll(|cx| clocks.poll_until(cx, 10)).is_ready());
    assert!(late.poll(|cx| clocks.poll_until(cx, 20)).is_pending());
    clocks.advance(u64::MAX);
    assert_eq!((early.woken(), late.woken()), (0, 1));
    assert_eq!(clocks.next_deadline_ns(), None);
}

fn write(stream: &impl OutputStream, bytes: &[u8]) -> Poll<Result<usize, Code>> {
    Task::new().poll(|cx| stream.poll_write(cx, bytes))
}

fn read(stream: &impl InputStream, length: usize) -> Poll<Result<Vec<u8>, Code>> {
    let mut bytes = vec![0xa5; length];
    Task::new().poll(|cx| stream.poll_read(cx, &mut bytes)).map_ok(|count| bytes[..count].to_vec())
}

#[test]
fn a_pipe_holds_back_what_it_may_and_wakes_both_ends() {
    let pipe = Pipe::with_capacity(8);
    let (reader, writer) = (Task::new(), Task::new());
    assert!(reader.poll(|cx| pipe.poll_readable(cx)).is_pending());
    assert!(reader.poll(|cx| pipe.poll_read(cx, &mut [0; 4])).is_pending());
    assert_eq!(write(&pipe, b"hello world"), Poll::Ready(Ok(8)));
    assert_eq!(reader.woken(), 1);
    assert_eq!(reader.poll(|cx| pipe.poll_readable(cx)), Poll::Ready(8));
    assert!(writer.poll(|cx| pipe.poll_writable(cx)).is_pending());
    assert!(writer.poll(|cx| pipe.poll_write(cx, b"rld")).is_pending());
    assert_eq!(read(&pipe, 3), Poll::Ready(Ok(b"hel".to_vec())));
    assert_eq!(writer.woken(), 1);
    assert_eq!(writer.poll(|cx| pipe.poll_writable(cx)), Poll::Ready(3));
    assert_eq!(write(&pipe, b"rld"), Poll::Ready(Ok(3)));
    assert_eq!(pipe.take(), b"lo world");
    assert!(pipe.is_empty());
}

#[test]
fn a_pipe_keeps_every_byte_in_order() {
    let pipe = Pipe::with_capacity(13);
    let sent: Vec<u8> = (0..10_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let (mut written, mut received) = (0, Vec::new());
    for round in 0.. {
        let end = sent.len().min(written + 1 + round % 17);
        written += pipe.write(&sent[written..end]);
        let mut bytes = [0; 19];
        let count = pipe.read(&mut bytes[..round % 19]);
        received.extend_from_slice(&bytes[..count]);
        if received.len() == sent.len() {
            break;
        }
    }
    assert_eq!(received, sent);
}

#[test]
fn a_closed_pipe_drains_and_then_ends() {
    let pipe = Pipe::new();
    let reader = Task::new();
    assert!(reader.poll(|cx| pipe.poll_read(cx, &mut [0; 4])).is_pending());
    assert_eq!(pipe.write(b"abc"), 3);
    pipe.close();
    assert!(reader.woken() >= 1);
    assert_eq!(write(&pipe, b"x"), Poll::Ready(Err(Code::Pipe)));
    assert_eq!(pipe.write(b"x"), 0);
    assert_eq!(read(&pipe, 2), Poll::Ready(Ok(b"ab".to_vec())));
    assert_eq!(read(&pipe, 2), Poll::Ready(Ok(b"c".to_vec())));
    assert_eq!(read(&pipe, 2), Poll::Ready(Ok(Vec::new())));
    assert_eq!(reader.poll(|cx| pipe.poll_readable(cx)), Poll::Ready(0));
}

#[test]
fn a_pipe_that_nobody_reads_breaks_under_its_writer() {
    let pipe = Pipe::with_capacity(4);
    let writer = Task::new();
    assert_eq!(pipe.write(b"abcd"), 4);
    assert!(writer.poll(|cx| pipe.poll_write(cx, b"e")).is_pending());
    pipe.close_reading();
    assert_eq!(writer.woken(), 1);
    assert_eq!(writer.poll(|cx| pipe.poll_write(cx, b"e")), Poll::Ready(Err(Code::Pipe)));
    assert_eq!(writer.poll(|cx| pipe.poll_writable(cx)), Poll::Ready(1));
    assert!(pipe.is_empty());
}

/// Empty writes are answered at once, also by a full pipe, and nothing remembers them.
#[test]
fn empty_writes_keep_nothing() {
    let (pipe, output) = (Pipe::with_capacity(1), Output::with_capacity(0));
    assert_eq!(pipe.write(b"x"), 1);
    for _ in 0..1_000_000 {
        assert_eq!(write(&pipe, b""), Poll::Ready(Ok(0)));
        assert_eq!(write(&output, b""), Poll::Ready(Ok(0)));
    }
    assert_eq!((pipe.len(), output.contents(), output.overflowed()), (1, vec![], false));
    assert_eq!(write(&Closed, b""), Poll::Ready(Ok(0)));
}

#[test]
fn a_fixed_input_is_read_once() {
    let input = Input::bytes(&b"hello"[..]);
    assert_eq!(read(&input, 3), Poll::Ready(Ok(b"hel".to_vec())));
    assert_eq!(read(&input.clone(), 0), Poll::Ready(Ok(Vec::new())));
    assert_eq!(Task::new().poll(|cx| input.poll_readable(cx)), Poll::Ready(2));
    assert_eq!(read(&input.clone(), 9), Poll::Ready(Ok(b"lo".to_vec())));
    assert_eq!(read(&input, 9), Poll::Ready(Ok(Vec::new())));
    assert_eq!(read(&Empty, 9), Poll::Ready(Ok(Vec::new())));
}

///
#[test]
fn a_flood_fills_an_output_and_no_more() {
    let output = Output::with_capacity(100_000);
    let block = [b'x'; 65_536];
    assert_eq!(write(&output, &block), Poll::Ready(Ok(65_536)));
    assert_eq!(write(&output, &block), Poll::Ready(Ok(34_464)));
    for _ in 0..10_000 {
        assert_eq!(write(&output, &block), Poll::Ready(Err(Code::NoSpace)));
        assert_eq!(write(&Sink, &block), Poll::Ready(Ok(65_536)));
    }
    assert_eq!(output.contents(), [b'x'; 100_000]);
    assert!(output.overflowed());
}

#[test]
fn a_connection_carries_both_ways() {
    let listener = TcpListener::new();
    let acceptor = Task::new();
    assert!(acceptor.poll(|cx| listener.poll_acceptable(cx)).is_pending());
    let client = listener.connect().unwrap();
    assert_eq!(acceptor.woken(), 1);
    assert!(acceptor.poll(|cx| listener.poll_acceptable(cx)).is_ready());
    let Poll::Ready(Ok(server)) = acceptor.poll(|cx| listener.poll_accept(cx)) else {
        panic!("nobody there")
    };
    assert!(acceptor.poll(|cx| listener.poll_accept(cx)).is_pending());
    let mut bytes = [0; 8];
    assert!(acceptor.poll(|cx| server.poll_receive(cx, &mut bytes, false)).is_pending());
    assert_eq!(acceptor.poll(|cx| client.poll_send(cx, b"ping")), Poll::Ready(Ok(4)));
    assert_eq!(acceptor.woken(), 1);
    assert_eq!(acceptor.poll(|cx| server.poll_receive(cx, &mut bytes, true)), Poll::Ready(Ok(4)));
    assert_eq!(acceptor.poll(|cx| server.poll_receivable(cx)), Poll::Ready(4));
    assert_eq!(acceptor.poll(|cx| server.poll_receive(cx, &mut bytes, false)), Poll::Ready(Ok(4)));
    assert_eq!(&bytes[..4], b"ping");
    assert_eq!(acceptor.poll(|cx| server.poll_send(cx, b"pong!")), Poll::Ready(Ok(5)));
    drop(server);
    assert_eq!(acceptor.poll(|cx| client.poll_receive(cx, &mut bytes, false)), Poll::Ready(Ok(5)));
    assert_eq!(acceptor.poll(|cx| client.poll_receive(cx, &mut bytes, false)), Poll::Ready(Ok(0)));
    assert_eq!(acceptor.poll(|cx| client.poll_send(cx, b"?")), Poll::Ready(Err(Code::Pipe)));
}

#[test]
fn a_backlog_is_bounded() {
    let listener = TcpListener::with_backlog(2);
    let _held = [listener.connect().unwrap(), listener.connect().unwrap()];
    assert_eq!(listener.connect().err(), Some(Code::ConnectionRefused));
}

#[test]
fn a_connection_is_shut_down_by_halves() {
    let (one, other) = TcpStream::pair();
    let task = Task::new();
    let mut bytes = [0; 8];
    assert_eq!(task.poll(|cx| one.poll_send(cx, b"last")), Poll::Ready(Ok(4)));
    one.shutdown(Shutdown { receive: false, send: true }).unwrap();
    assert_eq!(task.poll(|cx| one.poll_send(cx, b"x")), Poll::Ready(Err(Code::Pipe)));
    assert_eq!(task.poll(|cx| other.poll_receive(cx, &mut bytes, false)), Poll::Ready(Ok(4)));
    assert_eq!(task.poll(|cx| other.poll_receive(cx, &mut bytes, false)), Poll::Ready(Ok(0)));
    assert_eq!(task.poll(|cx| other.poll_send(cx, b"reply")), Poll::Ready(Ok(5)));
    one.shutdown(Shutdown { receive: true, send: false }).unwrap();
    assert_eq!(task.poll(|cx| one.poll_receive(cx, &mut bytes, false)), Poll::Ready(Ok(0)));
    assert_eq!(one.shutdown(Shutdown { receive: true, send: true }), Err(Code::NotConnected));
}

#[test]
fn a_connection_that_nobody_reads_pushes_back() {
    let (one, other) = TcpStream::pair();
    let (sender, receiver) = (Task::new(), Task::new());
    let mut sent = 0;
    while let Poll::Ready(count) = sender.poll(|cx| one.poll_send(cx, &[7; 10_000])) {
        sent += count.unwrap();
    }
    assert_eq!(sent, TcpStream::BYTES_MAX);
    assert!(sender.poll(|cx| one.poll_sendable(cx)).is_pending());
    assert_eq!(receiver.poll(|cx| other.poll_receive(cx, &mut [0; 1], false)), Poll::Ready(Ok(1)));
    assert_eq!(sender.woken(), 1);
    assert!(sender.poll(|cx| one.poll_sendable(cx)).is_ready());
}
