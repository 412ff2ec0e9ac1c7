//! A connected socket's bytes.

use super::network::Ticket;
use crate::{
    cap::{
        Code,
        sockets::{Shutdown, TcpStream},
    },
    wasi::price,
};
use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker, ready},
};
use spin::Mutex;

/// A connected socket's bytes. Outlives the socket it came from, and counts as one until it is dropped.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    stream: Arc<dyn TcpStream>,
    /// Receiving was ended here: what is left of what came is not received either, whatever the platform does.
    deaf: AtomicBool,
    ticket: Ticket,
}

impl Connection {
    pub(super) fn new(stream: Arc<dyn TcpStream>, ticket: Ticket) -> Self {
        Self(Arc::new(Inner { stream, deaf: AtomicBool::new(false), ticket }))
    }

    /// Receives at most `bytes.len()` bytes; `Ok(0)`, for a buffer that is not empty, is the end.
    ///
    /// # Errors
    ///
    /// What the network answers.
    pub fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Code>> {
        if self.is_deaf() {
            return Poll::Ready(Ok(0));
        }
        let received = ready!(self.0.stream.poll_receive(cx, bytes, false));
        self.0.ticket.tab().owe(price::SEGMENT);
        Poll::Ready(received)
    }

    /// Waits until [`poll_receive`](Self::poll_receive) would not be pending.
    pub fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_deaf() { Poll::Ready(()) } else { self.0.stream.poll_receivable(cx).map(drop) }
    }

    fn is_deaf(&self) -> bool {
        self.0.deaf.load(Ordering::Relaxed)
    }

    /// Sends some of `bytes`, and answers how many.
    ///
    /// # Errors
    ///
    /// What the network answers, [`Code::Pipe`] when the peer is gone.
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        let sent = ready!(self.0.stream.poll_send(cx, bytes));
        self.0.ticket.tab().owe(price::SEGMENT);
        Poll::Ready(sent)
    }

    /// Waits until [`poll_send`](Self::poll_send) would not be pending.
    pub fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.stream.poll_sendable(cx)
    }

    /// Ends one or both directions; again is no error.
    ///
    /// # Errors
    ///
    /// What the network answers.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Code> {
        if how.receive {
            self.0.deaf.store(true, Ordering::Relaxed);
        }
        if !how.receive && !how.send {
            return Ok(());
        }
        match self.0.stream.shutdown(how) {
            // The peer, or an earlier call, ended it.
            Err(Code::NotConnected) => Ok(()),
            ended => ended,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("deaf", &self.is_deaf()).finish_non_exhaustive()
    }
}

/// Sends, and holds back what the network does not take at once. Whoever gives one to a guest also
/// [drains](Self::poll_drain) it in the background: a guest that wrote does not always come back.
pub struct Outgoing {
    connection: Connection,
    state: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: VecDeque<u8>,
    /// No more is to be written, and when the last byte was sent, sending ends.
    ending: bool,
    /// Sending has ended, or failed.
    ended: Option<Result<(), Code>>,
    /// Nobody can write any more.
    abandoned: bool,
    waiting: Vec<Waker>,
}

impl Held {
    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiting.iter().any(|known| known.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
    }
}

impl Outgoing {
    /// How many bytes are held back at most.
    pub const HELD_BYTES_MAX: usize = 64 << 10;

    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, state: Mutex::default() }
    }

    /// Sends or holds back some of `bytes`, and answers how many.
    ///
    /// # Errors
    ///
    /// [`Code::Pipe`] after the end, and what sending earlier bytes brought.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        let mut held = self.state.lock();
        self.send(cx, &mut held);
        if let Some(ended) = held.ended {
            return Poll::Ready(Err(ended.err().unwrap_or(Code::Pipe)));
        }
        if held.ending {
            return Poll::Ready(Err(Code::Pipe));
        }
        let room = Self::HELD_BYTES_MAX.saturating_sub(held.bytes.len()).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            held.wait(cx);
            return Poll::Pending;
        }
        if held.bytes.try_reserve(room).is_err() {
            return Poll::Ready(Err(Code::NoMemory));
        }
        held.bytes.extend(&bytes[..room]);
        self.send(cx, &mut held);
        // The background goes on with it.
        let woken = if held.bytes.is_empty() { Vec::new() } else { core::mem::take(&mut held.waiting) };
        drop(held);
        woken.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(room))
    }

    /// Waits until there is room for at least one byte: for how many.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut held = self.state.lock();
        self.send(cx, &mut held);
        let room = Self::HELD_BYTES_MAX.saturating_sub(held.bytes.len());
        if held.ended.is_some() || held.ending || room > 0 {
            return Poll::Ready(room.max(1));
        }
        held.wait(cx);
        Poll::Pending
    }

    /// Waits until nothing is held back.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        let mut held = self.state.lock();
        self.send(cx, &mut held);
        match held.ended {
            Some(ended) => Poll::Ready(Err(ended.err().unwrap_or(Code::Pipe))),
            None if held.ending => Poll::Ready(Err(Code::Pipe)),
            None if held.bytes.is_empty() => Poll::Ready(Ok(())),
            None => {
                held.wait(cx);
                Poll::Pending
            }
        }
    }

    /// Sends what is held back, whenever there is something, until nothing more can come.
    pub fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut held = self.state.lock();
        let full = !held.bytes.is_empty();
        self.send(cx, &mut held);
        let woken =
            if full && held.bytes.is_empty() { core::mem::take(&mut held.waiting) } else { Vec::new() };
        let over = held.ended.is_some() || (held.abandoned && held.bytes.is_empty());
        if !over {
            held.wait(cx);
        }
        drop(held);
        woken.into_iter().for_each(Waker::wake);
        if over { Poll::Ready(()) } else { Poll::Pending }
    }

    /// No more is written: what is held back is sent, and then sending ends.
    pub(super) fn end(&self) {
        self.change(|held| held.ending = true);
    }

    /// Nobody can write any more: what is held back is sent. It does not end the connection's sending.
    pub fn abandon(&self) {
        self.change(|held| held.abandoned = true);
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        let mut held = self.state.lock();
        change(&mut held);
        self.send(&mut Context::from_waker(Waker::noop()), &mut held);
        let woken = core::mem::take(&mut held.waiting);
        drop(held);
        woken.into_iter().for_each(Waker::wake);
    }

    fn send(&self, cx: &mut Context<'_>, held: &mut Held) {
        while held.ended.is_none() {
            let (bytes, _) = held.bytes.as_slices();
            if bytes.is_empty() {
                if held.ending {
                    held.ended = Some(self.connection.shutdown(Shutdown { receive: false, send: true }));
                }
                return;
            }
            match self.connection.poll_send(cx, bytes) {
                Poll::Ready(Ok(count)) => drop(held.bytes.drain(..count)),
                Poll::Ready(Err(code)) => {
                    held.ended = Some(Err(code));
                    held.bytes = VecDeque::new();
                }
                Poll::Pending => return,
            }
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("held", &self.state.lock().bytes.len()).finish_non_exhaustive()
    }
}
