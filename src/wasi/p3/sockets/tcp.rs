//! `tcp-socket`.

use super::{
    super::{
        State,
        bindings::sockets::types::{Duration, ErrorCode, HostTcpSocket, IpAddressFamily, IpSocketAddress},
        streams::{self, Outcome, Sink, Source},
    },
    granted,
};
use crate::{
    cap::{
        Code,
        sockets::{Shutdown, SocketOption},
    },
    component::{Access, Resource, StreamReader},
    engine::Fault,
    wasi::sockets::{self, Connection, SocketError},
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    net::SocketAddr,
    task::{Context, Poll, ready},
};

/// `wasi:sockets/types.tcp-socket`.
pub struct TcpSocket(Arc<sockets::TcpSocket>);

/// What comes from a peer. Nobody who reads it: no more is received.
struct Receiving(Connection);

impl Source for Receiving {
    type Error = ErrorCode;

    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, ErrorCode>> {
        self.0.poll_receive(cx, bytes).map_err(ErrorCode::from)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_receivable(cx)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        // There is nobody to tell; and it is over either way.
        let _ = self.0.shutdown(Shutdown { receive: true, send: false });
    }
}

/// What goes to a peer. After the last byte, sending ends.
struct Sending(Connection);

impl Sink for Sending {
    type Error = ErrorCode;

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, ErrorCode>> {
        self.0.poll_send(cx, bytes).map_err(ErrorCode::from)
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ErrorCode>> {
        Poll::Ready(self.0.shutdown(Shutdown { receive: false, send: true }).map_err(ErrorCode::from))
    }
}

impl State {
    fn tcp(&self, this: &Resource<TcpSocket>) -> Result<&Arc<sockets::TcpSocket>, Fault> {
        Ok(&self.table.get(this)?.0)
    }

    fn tcp_option(
        &self,
        this: &Resource<TcpSocket>,
        option: SocketOption,
    ) -> Result<Result<u64, ErrorCode>, Fault> {
        Ok(self.tcp(this)?.option(option).map_err(ErrorCode::from))
    }

    fn set_tcp_option(
        &self,
        this: &Resource<TcpSocket>,
        option: SocketOption,
        value: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(this)?.set_option(option, value).map_err(ErrorCode::from))
    }
}

/// Gives the guest the connections that come, one by one, as long as it takes them.
fn accept<T: Send + 'static>(
    access: &mut Access<'_, T, State>,
    listener: Arc<sockets::TcpSocket>,
) -> StreamReader<Resource<TcpSocket>> {
    let stream = access.store().stream_new();
    let listening = Arc::downgrade(&listener);
    access.get().listeners.push((stream, listener));
    // Accepted, and not taken yet.
    let mut accepted: Vec<Resource<TcpSocket>> = Vec::new();
    // When to accept again, after the network failed to.
    let mut again_ns: Option<u64> = None;
    access.spawn(move |mut access, cx| {
        loop {
            if accepted.is_empty() {
                if !ready!(access.store().poll_writable::<Resource<TcpSocket>>(stream))? {
                    break;
                }
                if let Some(deadline_ns) = again_ns {
                    ready!(access.store().poll_deadline(deadline_ns));
                    again_ns = None;
                }
                let Some(listener) = listening.upgrade() else { break };
                // An error is not fatal, and it is to go on (WIT, `listen`).
                match ready!(listener.poll_accept(cx)) {
                    Ok(socket) => accepted.push(access.get().table.push(TcpSocket(Arc::new(socket)))?),
                    // The listener has its task woken when a socket is closed.
                    Err(_) if listener.is_quota_spent() => return Poll::Pending,
                    // The process has no descriptors, or memory: nobody says when it has.
                    Err(_) => {
                        again_ns =
                            Some(access.get().clocks.monotonic_now_ns().saturating_add(ACCEPT_AGAIN_NS));
                        continue;
                    }
                }
            }
            if ready!(access.store().poll_give(stream, &mut accepted))?.is_none() {
                break;
            }
        }
        for socket in accepted.drain(..) {
            access.get().table.delete(socket)?;
        }
        access.get().listeners.retain(|(known, _)| *known != stream);
        Poll::Ready(access.store().close_writable(stream))
    });
    StreamReader::of(stream)
}

/// How long nothing is accepted after the network failed to: it may fail for longer, and is not to be asked all the time.
const ACCEPT_AGAIN_NS: u64 = 50_000_000;

/// Lets go of sockets whose guest dropped the stream of their connections, and has not waited for anything since.
fn sweep<T: Send + 'static>(access: &mut Access<'_, T, State>) {
    for (stream, listener) in core::mem::take(&mut access.get().listeners) {
        let polled = access.store().poll_writable::<Resource<TcpSocket>>(stream);
        if !matches!(polled, Poll::Ready(Ok(false))) {
            access.get().listeners.push((stream, listener));
        }
    }
}

impl HostTcpSocket for State {
    fn create(
        &mut self,
        address_family: IpAddressFamily,
    ) -> Result<Result<Resource<TcpSocket>, ErrorCode>, Fault> {
        match granted(self).and_then(|network| network.tcp_socket(address_family.into())) {
            Ok(socket) => Ok(Ok(self.table.push(TcpSocket(Arc::new(socket)))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn bind<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
        local_address: IpSocketAddress,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        let local = SocketAddr::from(local_address);
        let bound = access.get().tcp(&this)?.bind(local);
        if bound != Err(SocketError::Code(Code::AddressInUse)) {
            return Ok(bound.map_err(ErrorCode::from));
        }
        // By one that its guest is done with, perhaps.
        sweep(&mut access);
        Ok(access.get().tcp(&this)?.bind(local).map_err(ErrorCode::from))
    }

    fn connect(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<TcpSocket>,
        remote_address: &mut IpSocketAddress,
    ) -> Poll<Result<Result<(), ErrorCode>, Fault>> {
        let socket = self.tcp(this)?;
        // A method's socket is lent. From the first poll on this one is marked as begun by counting as owned.
        if !this.owned() {
            if let Err(error) = socket.start_connect((*remote_address).into()) {
                return Poll::Ready(Ok(Err(error.into())));
            }
            *this = Resource::new_own(this.rep());
        }
        socket.poll_connect(cx).map(|connected| Ok(connected.map_err(ErrorCode::from)))
    }

    fn listen<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
    ) -> Result<Result<StreamReader<Resource<TcpSocket>>, ErrorCode>, Fault> {
        let listener = access.get().tcp(&this)?.clone();
        if let Err(error) = listener.listen() {
            return Ok(Err(error.into()));
        }
        Ok(Ok(accept(&mut access, listener)))
    }

    fn send<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
        data: StreamReader<u8>,
    ) -> Result<Outcome<ErrorCode>, Fault> {
        let sender = access.get().tcp(&this)?.sender();
        match sender {
            Ok(connection) => Ok(streams::into_sink(&mut access.store(), data, Sending(connection))),
            Err(error) => streams::end_at_once(&mut access.store(), data.into(), Err(ErrorCode::from(error))),
        }
    }

    fn receive<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
    ) -> Result<(StreamReader<u8>, Outcome<ErrorCode>), Fault> {
        let receiver = access.get().tcp(&this)?.receiver();
        match receiver {
            Ok(connection) => Ok(streams::from_source(&mut access.store(), Receiving(connection))),
            Err(error) => streams::ended(&mut access.store(), Err(ErrorCode::from(error))),
        }
    }

    fn get_local_address(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.local_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn get_remote_address(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.remote_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn get_is_listening(&mut self, this: Resource<TcpSocket>) -> Result<bool, Fault> {
        Ok(self.tcp(&this)?.is_listening())
    }

    fn get_address_family(&mut self, this: Resource<TcpSocket>) -> Result<IpAddressFamily, Fault> {
        Ok(self.tcp(&this)?.family().into())
    }

    fn set_listen_backlog_size(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.set_backlog(value_).map_err(ErrorCode::from))
    }

    fn get_keep_alive_enabled(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<bool, ErrorCode>, Fault> {
        Ok(self.tcp_option(&this, SocketOption::KeepAlive)?.map(|value| value != 0))
    }

    fn set_keep_alive_enabled(
        &mut self,
        this: Resource<TcpSocket>,
        value_: bool,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::KeepAlive, value_.into())
    }

    fn get_keep_alive_idle_time(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<Duration, ErrorCode>, Fault> {
        self.tcp_option(&this, SocketOption::KeepAliveIdleNs)
    }

    fn set_keep_alive_idle_time(
        &mut self,
        this: Resource<TcpSocket>,
        value_: Duration,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::KeepAliveIdleNs, value_)
    }

    fn get_keep_alive_interval(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<Duration, ErrorCode>, Fault> {
        self.tcp_option(&this, SocketOption::KeepAliveIntervalNs)
    }

    fn set_keep_alive_interval(
        &mut self,
        this: Resource<TcpSocket>,
        value_: Duration,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::KeepAliveIntervalNs, value_)
    }

    fn get_keep_alive_count(&mut self, this: Resource<TcpSocket>) -> Result<Result<u32, ErrorCode>, Fault> {
        Ok(self
            .tcp_option(&this, SocketOption::KeepAliveCount)?
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
    }

    fn set_keep_alive_count(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u32,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::KeepAliveCount, value_.into())
    }

    fn get_hop_limit(&mut self, this: Resource<TcpSocket>) -> Result<Result<u8, ErrorCode>, Fault> {
        Ok(self.tcp_option(&this, SocketOption::HopLimit)?.map(|hops| u8::try_from(hops).unwrap_or(u8::MAX)))
    }

    fn set_hop_limit(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u8,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::HopLimit, value_.into())
    }

    fn get_receive_buffer_size(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<u64, ErrorCode>, Fault> {
        self.tcp_option(&this, SocketOption::ReceiveBufferBytes)
    }

    fn set_receive_buffer_size(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::ReceiveBufferBytes, value_)
    }

    fn get_send_buffer_size(&mut self, this: Resource<TcpSocket>) -> Result<Result<u64, ErrorCode>, Fault> {
        self.tcp_option(&this, SocketOption::SendBufferBytes)
    }

    fn set_send_buffer_size(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::SendBufferBytes, value_)
    }

    fn drop(&mut self, this: Resource<TcpSocket>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
