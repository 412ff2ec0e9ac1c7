//! TCP in memory: bytes that arrive in order, when their time has come.

use super::network::{Bound, Endpoint, Machine, Network, Options, Protocol};
use crate::{
    backend::wakers::{Wakers, wake},
    cap::{
        Code,
        sockets::{self as cap, Shutdown, SocketOption, TcpStream},
    },
};
use alloc::{collections::VecDeque, sync::Arc};
use core::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};
use spin::Mutex;

/// Connections that wait to be accepted, with the time from which they are there.
#[derive(Default)]
pub(super) struct Backlog {
    /// None while the socket does not listen.
    max: usize,
    waiting: VecDeque<(u64, Established)>,
    acceptors: Wakers,
}

/// One end of a connection.
#[derive(Clone)]
struct Established {
    local: SocketAddr,
    remote: SocketAddr,
    receive: Arc<Mutex<Flow>>,
    send: Arc<Mutex<Flow>>,
    /// Between two machines.
    far: bool,
}

/// One direction of a connection.
struct Flow {
    bytes: VecDeque<u8>,
    /// How many of the bytes come when, in order.
    arriving: VecDeque<(u64, usize)>,
    bytes_max: usize,
    /// Nobody has accepted the connection yet, whose end is not bounded by any guest's descriptors.
    unaccepted: bool,
    /// What all flows hold that the same machine fills, and how much of that is this one's.
    held: Arc<AtomicUsize>,
    counted: usize,
    /// When it ends, and how.
    end: Option<(u64, Result<(), Code>)>,
    /// Nobody will read: what still comes is dropped.
    unread: bool,
    /// Nor is there a socket any more that it could come to.
    closed: bool,
    readers: Wakers,
    writers: Wakers,
}

impl Flow {
    /// How many stretches of bytes are on their way at most.
    const ARRIVING_MAX: usize = 1_024;

    /// Bytes that wait for somebody to accept their connection.
    const UNACCEPTED_BYTES_MAX: usize = 64 << 10;
    /// Bytes that one machine has on their way, or where nobody has read them.
    const HELD_BYTES_MAX: usize = 32 << 20;

    fn new(bytes_max: u64, held: &Arc<AtomicUsize>, unaccepted: bool) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            bytes: VecDeque::new(),
            arriving: VecDeque::new(),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            unaccepted,
            held: held.clone(),
            counted: 0,
            end: None,
            unread: false,
            closed: false,
            readers: Wakers::default(),
            writers: Wakers::default(),
        }))
    }

    /// How many bytes are there by now.
    fn there(&self, now_ns: u64) -> usize {
        self.arriving.iter().take_while(|(at_ns, _)| *at_ns <= now_ns).map(|(_, count)| count).sum()
    }

    fn take(&mut self, bytes: &mut [u8], now_ns: u64, peek: bool) -> usize {
        let count = self.there(now_ns).min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(self.bytes.iter().take(count)) {
            *to = *from;
        }
        if peek {
            return count;
        }
        self.bytes.drain(..count);
        let mut left = count;
        while let Some((_, first)) = self.arriving.front_mut() {
            let taken = left.min(*first);
            *first -= taken;
            left -= taken;
            if *first > 0 {
                break;
            }
            self.arriving.pop_front();
        }
        if self.bytes.is_empty() {
            self.forget();
        }
        count
    }

    /// Frees what it has for bytes.
    fn forget(&mut self) {
        (self.bytes, self.arriving) = (VecDeque::new(), VecDeque::new());
        self.count_anew(0);
    }

    fn count_anew(&mut self, bytes: usize) {
        self.held.fetch_sub(self.counted, Ordering::Relaxed);
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.counted = bytes;
    }

    /// Makes room for more bytes, and for one more stretch of them.
    fn reserve(&mut self, count: usize) -> Result<(), Code> {
        let grown =
            |have: usize, needed: usize| if needed > have { needed.next_power_of_two() } else { have };
        let bytes = grown(self.bytes.capacity(), self.bytes.len() + count);
        let stretches = grown(self.arriving.capacity(), self.arriving.len() + 1);
        let all = bytes + stretches * size_of::<(u64, usize)>();
        let others = self.held.load(Ordering::Relaxed).saturating_sub(self.counted);
        if others.saturating_add(all) > Self::HELD_BYTES_MAX {
            return Err(Code::NoMemory);
        }
        self.bytes.try_reserve_exact(bytes - self.bytes.len()).map_err(|_| Code::NoMemory)?;
        let more = stretches - self.arriving.len();
        self.arriving.try_reserve_exact(more).map_err(|_| Code::NoMemory)?;
        self.count_anew(all);
        Ok(())
    }

    fn room(&self) -> usize {
        let max = if self.unaccepted { Self::UNACCEPTED_BYTES_MAX } else { usize::MAX };
        let room = self.bytes_max.min(max).saturating_sub(self.bytes.len());
        if self.arriving.len() >= Self::ARRIVING_MAX { 0 } else { room }
    }

    fn put(&mut self, bytes: &[u8], at_ns: u64) -> Result<usize, Code> {
        let count = self.room().min(bytes.len());
        self.reserve(count)?;
        self.bytes.extend(&bytes[..count]);
        // What was sent later does not come earlier.
        let at_ns = self.arriving.back().map_or(at_ns, |(last_ns, _)| at_ns.max(*last_ns));
        match self.arriving.back_mut() {
            Some((last_ns, last)) if *last_ns == at_ns => *last += count,
            _ => self.arriving.push_back((at_ns, count)),
        }
        Ok(count)
    }

    /// When the end comes that follows the bytes.
    fn ends_ns(&self, at_ns: u64) -> u64 {
        self.arriving.back().map_or(at_ns, |(last_ns, _)| at_ns.max(*last_ns))
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.forget();
    }
}

/// No more is written: the reader gets what is on its way, and then this end.
fn end_writing(flow: &Mutex<Flow>, at_ns: u64, how: Result<(), Code>) {
    let mut flow = flow.lock();
    let at_ns = flow.ends_ns(at_ns);
    flow.end.get_or_insert((at_ns, how));
    let (readers, writers) = (flow.readers.take(), flow.writers.take());
    drop(flow);
    wake(readers.into_iter().chain(writers));
}

/// Nobody reads, and there may be no socket any more: what is there is dropped. Whether there was anything.
fn end_reading(flow: &Mutex<Flow>, closed: bool) -> bool {
    let mut flow = flow.lock();
    flow.closed |= closed;
    let lost = !flow.bytes.is_empty();
    flow.unread = true;
    flow.forget();
    let (readers, writers) = (flow.readers.take(), flow.writers.take());
    drop(flow);
    wake(readers.into_iter().chain(writers));
    lost
}

/// A TCP socket of a [`Machine`].
pub(super) struct TcpSocket {
    machine: Machine,
    backlog: Arc<Mutex<Backlog>>,
    life: Mutex<Life>,
}

struct Life {
    options: Options,
    bound: Option<Bound>,
    /// When connecting ends, and how.
    connecting: Option<(u64, Result<(), Code>)>,
    connection: Option<Established>,
    /// Ended here: receiving, sending.
    ended: (bool, bool),
}

impl TcpSocket {
    pub(super) fn new(machine: Machine) -> Self {
        let options = Options::new();
        let life = Life { options, bound: None, connecting: None, connection: None, ended: (false, false) };
        Self { machine, backlog: Arc::default(), life: Mutex::new(life) }
    }

    fn network(&self) -> &Network {
        self.machine.network()
    }

    fn connection(&self) -> Result<Established, Code> {
        self.life.lock().connection.clone().ok_or(Code::NotConnected)
    }

    /// Asks for a connection; when the answer comes.
    fn ask(&self, local: SocketAddr, remote: SocketAddr, options: &Options) -> Result<Asked, Code> {
        let (endpoint, far) = self.machine.find(Protocol::Tcp, remote).ok_or(Code::NetworkUnreachable)?;
        let there_ns = self.network().sure_arrival_ns(far);
        // The way back takes as long.
        let answered_ns = there_ns.saturating_add(there_ns.saturating_sub(self.network().now_ns()));
        let refused = Asked { answered_ns, established: Err(Code::ConnectionRefused) };
        let Some(Endpoint::Tcp(backlog)) = endpoint else { return Ok(refused) };
        let mut backlog = backlog.lock();
        if backlog.waiting.len() >= backlog.max {
            return Ok(refused);
        }
        let bytes_max = options.get(SocketOption::SendBufferBytes);
        let held = self.machine.held();
        let (there, back) = (Flow::new(bytes_max, held, true), Flow::new(bytes_max, held, false));
        let theirs =
            Established { local: remote, remote: local, receive: there.clone(), send: back.clone(), far };
        backlog.waiting.push_back((there_ns, theirs));
        let woken = backlog.acceptors.take();
        drop(backlog);
        wake(woken);
        Ok(Asked {
            answered_ns,
            established: Ok(Established { local, remote, receive: back, send: there, far }),
        })
    }
}

struct Asked {
    answered_ns: u64,
    established: Result<Established, Code>,
}

impl cap::TcpSocket for TcpSocket {
    fn bind(&self, local: SocketAddr) -> Result<(), Code> {
        let mut life = self.life.lock();
        if life.bound.is_some() || life.connection.is_some() {
            return Err(Code::Invalid);
        }
        life.bound = Some(self.machine.bind(Protocol::Tcp, local, Endpoint::Tcp(self.backlog.clone()))?);
        Ok(())
    }

    fn connect(&self, remote: SocketAddr) -> Result<(), Code> {
        let mut life = self.life.lock();
        if life.connecting.is_some() || life.connection.is_some() || self.backlog.lock().max > 0 {
            return Err(Code::Already);
        }
        let from = self.machine.address_towards(remote.ip());
        if life.bound.is_none() {
            let endpoint = Endpoint::Tcp(self.backlog.clone());
            life.bound = Some(self.machine.bind(Protocol::Tcp, SocketAddr::new(from, 0), endpoint)?);
        }
        let mut local = life.bound.as_ref().map_or(SocketAddr::new(from, 0), |bound| bound.address);
        if local.ip().is_unspecified() {
            local.set_ip(from);
        }
        let Asked { answered_ns, established } = self.ask(local, remote, &life.options)?;
        life.connecting = Some((answered_ns, established.as_ref().map(|_| ()).map_err(|code| *code)));
        life.connection = established.ok();
        Ok(())
    }

    fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        let Some((at_ns, answer)) = self.life.lock().connecting else {
            return Poll::Ready(Err(Code::NotConnected));
        };
        self.network().poll_until(cx, at_ns).map(|()| answer)
    }

    fn listen(&self, backlog: u32) -> Result<(), Code> {
        let life = self.life.lock();
        if life.bound.is_none() || life.connection.is_some() {
            return Err(Code::Invalid);
        }
        self.backlog.lock().max = usize::try_from(backlog).unwrap_or(usize::MAX);
        Ok(())
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn cap::TcpSocket>, Code>> {
        core::task::ready!(self.poll_acceptable(cx));
        let accepted = self.backlog.lock().waiting.pop_front();
        let Some((_, connection)) = accepted else {
            // Another task was faster.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let options = self.life.lock().options;
        let mut back = connection.send.lock();
        back.bytes_max = usize::try_from(options.get(SocketOption::SendBufferBytes)).unwrap_or(usize::MAX);
        // Nobody has written there before.
        back.held = self.machine.held().clone();
        drop(back);
        let mut there = connection.receive.lock();
        there.unaccepted = false;
        let writers = there.writers.take();
        drop(there);
        wake(writers);
        let accepted = Self::new(self.machine.clone());
        let (connecting, connection) = (Some((0, Ok(()))), Some(connection));
        *accepted.life.lock() = Life { options, bound: None, connecting, connection, ended: (false, false) };
        Poll::Ready(Ok(Arc::new(accepted)))
    }

    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut backlog = self.backlog.lock();
        // The first to be there is not always the first that was asked for.
        let now_first = backlog.waiting.iter().enumerate().min_by_key(|(_, (at_ns, _))| *at_ns);
        let Some((first, &(at_ns, _))) = now_first else {
            let evicted = backlog.acceptors.register(cx.waker());
            drop(backlog);
            wake(evicted);
            return Poll::Pending;
        };
        backlog.waiting.swap(0, first);
        drop(backlog);
        self.network().poll_until(cx, at_ns)
    }

    fn local_address(&self) -> Result<SocketAddr, Code> {
        let life = self.life.lock();
        let connected = life.connection.as_ref().map(|connection| connection.local);
        connected.or(life.bound.as_ref().map(|bound| bound.address)).ok_or(Code::NotConnected)
    }

    fn remote_address(&self) -> Result<SocketAddr, Code> {
        self.connection().map(|connection| connection.remote)
    }

    fn option(&self, option: SocketOption) -> Result<u64, Code> {
        Ok(self.life.lock().options.get(option))
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code> {
        let mut life = self.life.lock();
        life.options.set(option, value);
        if let (SocketOption::SendBufferBytes, Some(connection)) = (option, &life.connection) {
            let bytes_max = life.options.get(option);
            connection.send.lock().bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        }
        Ok(())
    }
}

impl TcpStream for TcpSocket {
    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8], peek: bool) -> Poll<Result<usize, Code>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        core::task::ready!(self.poll_receivable(cx));
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(code) => return Poll::Ready(Err(code)),
        };
        let now_ns = self.network().now_ns();
        let mut flow = connection.receive.lock();
        let count = flow.take(bytes, now_ns, peek);
        let woken = if count > 0 { flow.writers.take() } else { alloc::vec::Vec::new() };
        let end = flow.end.filter(|_| count == 0 && !flow.unread);
        drop(flow);
        wake(woken);
        Poll::Ready(match end {
            Some((_, Err(code))) => Err(code),
            _ => Ok(count),
        })
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(code) => return Poll::Ready(Err(code)),
        };
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        core::task::ready!(self.poll_sendable(cx));
        let at_ns = self.network().sure_arrival_ns(connection.far);
        let mut flow = connection.send.lock();
        if flow.closed || flow.end.is_some() {
            return Poll::Ready(Err(Code::Pipe));
        }
        // A peer that reads no more still takes what comes, as long as it has its socket.
        if flow.unread {
            return Poll::Ready(Ok(bytes.len()));
        }
        let sent = flow.put(bytes, at_ns);
        let woken = flow.readers.take();
        drop(flow);
        wake(woken);
        Poll::Ready(sent)
    }

    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let Ok(connection) = self.connection() else { return Poll::Ready(0) };
        let now_ns = self.network().now_ns();
        let mut flow = connection.receive.lock();
        let there = flow.there(now_ns);
        if there > 0 || flow.unread {
            return Poll::Ready(there as u64);
        }
        let next_ns = flow.arriving.front().map(|(at_ns, _)| *at_ns).or(flow.end.map(|(at_ns, _)| at_ns));
        let Some(next_ns) = next_ns else {
            let evicted = flow.readers.register(cx.waker());
            drop(flow);
            wake(evicted);
            return Poll::Pending;
        };
        drop(flow);
        self.network().poll_until(cx, next_ns).map(|()| {
            let now_ns = self.network().now_ns();
            connection.receive.lock().there(now_ns) as u64
        })
    }

    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let connecting = self.life.lock().connecting;
        let Some((at_ns, answer)) = connecting else { return Poll::Ready(()) };
        core::task::ready!(self.network().poll_until(cx, at_ns));
        let (Ok(()), Ok(connection)) = (answer, self.connection()) else { return Poll::Ready(()) };
        let mut flow = connection.send.lock();
        if flow.unread || flow.end.is_some() || flow.room() > 0 {
            return Poll::Ready(());
        }
        let evicted = flow.writers.register(cx.waker());
        drop(flow);
        wake(evicted);
        Poll::Pending
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Code> {
        let connection = self.connection()?;
        let mut life = self.life.lock();
        if life.ended == (true, true) {
            return Err(Code::NotConnected);
        }
        life.ended = (life.ended.0 | how.receive, life.ended.1 | how.send);
        drop(life);
        if how.receive {
            end_reading(&connection.receive, false);
        }
        if how.send {
            end_writing(&connection.send, self.network().sure_arrival_ns(connection.far), Ok(()));
        }
        Ok(())
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        let close = |connection: &Established, ended: (bool, bool)| {
            let at_ns = self.network().sure_arrival_ns(connection.far);
            // Closing with bytes unread is no end but a reset (RFC 2525, 2.17).
            let how = if end_reading(&connection.receive, true) && !ended.0 {
                Err(Code::ConnectionReset)
            } else {
                Ok(())
            };
            end_writing(&connection.send, at_ns, how);
        };
        let ended = self.life.lock().ended;
        if let Some(connection) = self.life.lock().connection.take() {
            close(&connection, ended);
        }
        let mut backlog = self.backlog.lock();
        backlog.max = 0;
        let waiting = core::mem::take(&mut backlog.waiting);
        drop(backlog);
        for (_, connection) in waiting {
            end_reading(&connection.receive, true);
            end_writing(&connection.send, self.network().now_ns(), Err(Code::ConnectionReset));
        }
    }
}
