//! UDP in memory: datagrams that arrive whole, when their time has come, or not at all.

use super::network::{Bound, Endpoint, Machine, Options, Protocol};
use crate::{
    backend::wakers::{Wakers, wake},
    cap::{
        Code,
        sockets::{self as cap, AddressFamily, SocketOption},
    },
};
use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::{
    net::SocketAddr,
    task::{Context, Poll},
};
use spin::Mutex;

/// What came in and was not received yet.
#[derive(Default)]
pub(super) struct Inbox {
    /// When it comes, from whom, and what it says.
    datagrams: VecDeque<(u64, SocketAddr, Vec<u8>)>,
    bytes: usize,
    bytes_max: usize,
    /// The only one heard.
    peer: Option<SocketAddr>,
    /// When it is known that something sent was for nobody.
    refused_ns: Option<u64>,
    receivers: Wakers,
}

/// What a datagram takes besides its bytes.
const OVERHEAD_BYTES: usize = 64;
/// Of version 4: what is left of 65,535 bytes after the headers of IP and UDP.
const DATAGRAM_BYTES_MAX: usize = 65_507;

impl Inbox {
    fn put(&mut self, at_ns: u64, from: SocketAddr, bytes: &[u8]) {
        let bytes_taken = bytes.len() + OVERHEAD_BYTES;
        let fits = self.bytes + bytes_taken <= self.bytes_max;
        let heard = self.peer.is_none_or(|peer| peer == from);
        let mut datagram = Vec::new();
        if !fits || !heard || datagram.try_reserve_exact(bytes.len()).is_err() {
            return;
        }
        datagram.extend_from_slice(bytes);
        self.bytes += bytes_taken;
        let at = self.datagrams.iter().rposition(|(earlier_ns, ..)| *earlier_ns <= at_ns);
        self.datagrams.insert(at.map_or(0, |at| at + 1), (at_ns, from, datagram));
    }

    /// When there is something to receive.
    fn next_ns(&self) -> Option<u64> {
        let first = self.datagrams.front().map(|(at_ns, ..)| *at_ns);
        [first, self.refused_ns].into_iter().flatten().min()
    }

    fn take(&mut self, now_ns: u64) -> Option<Result<(SocketAddr, Vec<u8>), Code>> {
        if self.refused_ns.is_some_and(|at_ns| at_ns <= now_ns) {
            self.refused_ns = None;
            return Some(Err(Code::ConnectionRefused));
        }
        self.datagrams.front().filter(|(at_ns, ..)| *at_ns <= now_ns)?;
        let (_, from, bytes) = self.datagrams.pop_front()?;
        self.bytes -= bytes.len() + OVERHEAD_BYTES;
        Some(Ok((from, bytes)))
    }
}

/// A UDP socket of a [`Machine`].
pub(super) struct UdpSocket {
    machine: Machine,
    family: AddressFamily,
    inbox: Arc<Mutex<Inbox>>,
    life: Mutex<Life>,
}

struct Life {
    options: Options,
    bound: Option<Bound>,
    remote: Option<SocketAddr>,
}

impl UdpSocket {
    pub(super) fn new(machine: Machine, family: AddressFamily) -> Self {
        let options = Options::new();
        let inbox = Inbox { bytes_max: bytes_max(&options), ..Inbox::default() };
        let life = Mutex::new(Life { options, bound: None, remote: None });
        Self { machine, family, inbox: Arc::new(Mutex::new(inbox)), life }
    }

    fn bind_if_need_be(&self, life: &mut Life) -> Result<SocketAddr, Code> {
        if life.bound.is_none() {
            let any = SocketAddr::new(self.family.unspecified(), 0);
            life.bound = Some(self.machine.bind(Protocol::Udp, any, Endpoint::Udp(self.inbox.clone()))?);
        }
        life.bound.as_ref().map(|bound| bound.address).ok_or(Code::NotConnected)
    }

    fn send(&self, bytes: &[u8], remote: Option<SocketAddr>) -> Result<(), Code> {
        let mut life = self.life.lock();
        let to = remote.or(life.remote).ok_or(Code::NotConnected)?;
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Code::MessageSize);
        }
        let mut from = self.bind_if_need_be(&mut life)?;
        if from.ip().is_unspecified() {
            from.set_ip(self.machine.address_towards(to.ip()));
        }
        let connected = life.remote.is_some();
        drop(life);
        let (endpoint, far) = self.machine.find(Protocol::Udp, to).ok_or(Code::NetworkUnreachable)?;
        let Some(at_ns) = self.machine.network().arrival_ns(far) else { return Ok(()) };
        let woken = match endpoint {
            Some(Endpoint::Udp(inbox)) => {
                let mut inbox = inbox.lock();
                inbox.put(at_ns, from, bytes);
                inbox.receivers.take()
            }
            // Only one that has a peer hears of it.
            _ if connected => {
                let mut own = self.inbox.lock();
                own.refused_ns = Some(at_ns);
                own.receivers.take()
            }
            _ => Vec::new(),
        };
        wake(woken);
        Ok(())
    }
}

fn bytes_max(options: &Options) -> usize {
    usize::try_from(options.get(SocketOption::ReceiveBufferBytes)).unwrap_or(usize::MAX)
}

impl cap::UdpSocket for UdpSocket {
    fn bind(&self, local: SocketAddr) -> Result<(), Code> {
        let mut life = self.life.lock();
        if life.bound.is_some() {
            return Err(Code::Invalid);
        }
        life.bound = Some(self.machine.bind(Protocol::Udp, local, Endpoint::Udp(self.inbox.clone()))?);
        Ok(())
    }

    fn connect(&self, remote: Option<SocketAddr>) -> Result<(), Code> {
        let mut life = self.life.lock();
        if remote.is_some() {
            self.bind_if_need_be(&mut life)?;
        }
        if remote.is_some_and(|remote| self.machine.find(Protocol::Udp, remote).is_none()) {
            return Err(Code::NetworkUnreachable);
        }
        life.remote = remote;
        let mut inbox = self.inbox.lock();
        (inbox.peer, inbox.refused_ns) = (remote, None);
        Ok(())
    }

    fn poll_send(
        &self,
        _: &mut Context<'_>,
        bytes: &[u8],
        remote: Option<SocketAddr>,
    ) -> Poll<Result<(), Code>> {
        Poll::Ready(self.send(bytes, remote))
    }

    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), Code>> {
        core::task::ready!(self.poll_receivable(cx));
        let Some(taken) = self.inbox.lock().take(self.machine.network().now_ns()) else {
            // Another task was faster.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        Poll::Ready(taken.map(|(from, datagram)| {
            let count = datagram.len().min(bytes.len());
            bytes[..count].copy_from_slice(&datagram[..count]);
            (count, from)
        }))
    }

    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inbox = self.inbox.lock();
        let Some(next_ns) = inbox.next_ns() else {
            let evicted = inbox.receivers.register(cx.waker());
            drop(inbox);
            wake(evicted);
            return Poll::Pending;
        };
        drop(inbox);
        self.machine.network().poll_until(cx, next_ns)
    }

    fn poll_sendable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn local_address(&self) -> Result<SocketAddr, Code> {
        let life = self.life.lock();
        let mut local = life.bound.as_ref().ok_or(Code::NotConnected)?.address;
        if let (true, Some(remote)) = (local.ip().is_unspecified(), life.remote) {
            local.set_ip(self.machine.address_towards(remote.ip()));
        }
        Ok(local)
    }

    fn option(&self, option: SocketOption) -> Result<u64, Code> {
        Ok(self.life.lock().options.get(option))
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code> {
        let mut life = self.life.lock();
        life.options.set(option, value);
        self.inbox.lock().bytes_max = bytes_max(&life.options);
        Ok(())
    }
}
