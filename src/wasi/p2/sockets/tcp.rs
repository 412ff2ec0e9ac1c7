//! `tcp` and `tcp-create-socket`.

use super::{
    super::{
        State,
        bindings::sockets::{
            network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network},
            tcp::{self, Duration, HostTcpSocket, ShutdownType},
            tcp_create_socket,
        },
        io::{Pollable, Subscribe, subscribe},
    },
    at_once, granted,
};
use crate::{
    cap::sockets::{Shutdown, SocketOption},
    component::{Access, Resource},
    engine::Fault,
    wasi::{
        io::{Error, InputStream, OutputStream, Sink, Source},
        sockets::{self, Connection, Outgoing},
    },
};
use alloc::sync::Arc;
use core::task::{Context, Poll};

/// `wasi:sockets/tcp.tcp-socket`.
#[derive(Debug)]
pub struct TcpSocket(Arc<sockets::TcpSocket>);

impl Subscribe for TcpSocket {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_ready(cx)
    }
}

/// What comes from a peer.
struct Receiving(Connection);

impl Source for Receiving {
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Error>> {
        self.0.poll_receive(cx, bytes).map_err(Error::from)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_receivable(cx)
    }
}

/// What goes to a peer.
struct Sending(Arc<Outgoing>);

impl Sink for Sending {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        self.0.poll_write(cx, bytes).map_err(Error::from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_flush(cx).map_err(Error::from)
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<u64> {
        self.0.poll_room(cx).map(|room| room as u64)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

type Streams = (Resource<InputStream>, Resource<OutputStream>);

/// The streams of a connected socket. What its guest wrote and the network did not take yet is sent in the background.
fn streams<T: Send + 'static>(
    access: &mut Access<'_, T, State>,
    socket: &sockets::TcpSocket,
) -> Result<Result<Streams, ErrorCode>, Fault> {
    let (receiving, outgoing) = match socket.streams() {
        Ok(streams) => streams,
        Err(error) => return Ok(Err(error.into())),
    };
    let table = &mut access.get().table;
    let input = table.push(InputStream::new(Receiving(receiving)))?;
    let output = table.push(OutputStream::new(Sending(outgoing.clone())))?;
    access.spawn(move |_, cx| outgoing.poll_drain(cx).map(Ok));
    Ok(Ok((input, output)))
}

impl State {
    fn tcp(&self, this: &Resource<TcpSocket>) -> Result<&sockets::TcpSocket, Fault> {
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

impl tcp_create_socket::Host for State {
    fn create_tcp_socket(
        &mut self,
        address_family: IpAddressFamily,
    ) -> Result<Result<Resource<TcpSocket>, ErrorCode>, Fault> {
        match granted(self).and_then(|network| network.tcp_socket(address_family.into())) {
            Ok(socket) => Ok(Ok(self.table.push(TcpSocket(Arc::new(socket)))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl tcp::Host for State {}

impl HostTcpSocket for State {
    fn start_bind(
        &mut self,
        this: Resource<TcpSocket>,
        _: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.start_bind(local_address.into()).map_err(ErrorCode::from))
    }

    fn finish_bind(&mut self, this: Resource<TcpSocket>) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.finish_bind().map_err(ErrorCode::from))
    }

    fn start_connect(
        &mut self,
        this: Resource<TcpSocket>,
        _: Resource<Network>,
        remote_address: IpSocketAddress,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.start_connect(remote_address.into()).map_err(ErrorCode::from))
    }

    fn finish_connect<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
    ) -> Result<Result<Streams, ErrorCode>, Fault> {
        let State { table, tab, .. } = access.get();
        let socket = table.get(&this)?.0.clone();
        if let Err(error) = at_once(tab, |cx| socket.poll_connect(cx)) {
            return Ok(Err(error));
        }
        streams(&mut access, &socket)
    }

    fn start_listen(&mut self, this: Resource<TcpSocket>) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.start_listen().map_err(ErrorCode::from))
    }

    fn finish_listen(&mut self, this: Resource<TcpSocket>) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.finish_listen().map_err(ErrorCode::from))
    }

    fn accept<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
    ) -> Result<Result<(Resource<TcpSocket>, Resource<InputStream>, Resource<OutputStream>), ErrorCode>, Fault>
    {
        let State { table, tab, .. } = access.get();
        let listener = &table.get(&this)?.0;
        let socket = match at_once(tab, |cx| listener.poll_accept(cx)) {
            Ok(socket) => Arc::new(socket),
            Err(error) => return Ok(Err(error)),
        };
        match streams(&mut access, &socket)? {
            Ok((input, output)) => Ok(Ok((access.get().table.push(TcpSocket(socket))?, input, output))),
            Err(error) => Ok(Err(error)),
        }
    }

    fn local_address(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.local_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn remote_address(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.remote_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn is_listening(&mut self, this: Resource<TcpSocket>) -> Result<bool, Fault> {
        Ok(self.tcp(&this)?.is_listening())
    }

    fn address_family(&mut self, this: Resource<TcpSocket>) -> Result<IpAddressFamily, Fault> {
        Ok(self.tcp(&this)?.family().into())
    }

    fn set_listen_backlog_size(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.tcp(&this)?.set_backlog(value_).map_err(ErrorCode::from))
    }

    fn keep_alive_enabled(&mut self, this: Resource<TcpSocket>) -> Result<Result<bool, ErrorCode>, Fault> {
        Ok(self.tcp_option(&this, SocketOption::KeepAlive)?.map(|value| value != 0))
    }

    fn set_keep_alive_enabled(
        &mut self,
        this: Resource<TcpSocket>,
        value_: bool,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::KeepAlive, value_.into())
    }

    fn keep_alive_idle_time(
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

    fn keep_alive_interval(
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

    fn keep_alive_count(&mut self, this: Resource<TcpSocket>) -> Result<Result<u32, ErrorCode>, Fault> {
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

    fn hop_limit(&mut self, this: Resource<TcpSocket>) -> Result<Result<u8, ErrorCode>, Fault> {
        Ok(self.tcp_option(&this, SocketOption::HopLimit)?.map(|hops| u8::try_from(hops).unwrap_or(u8::MAX)))
    }

    fn set_hop_limit(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u8,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::HopLimit, value_.into())
    }

    fn receive_buffer_size(&mut self, this: Resource<TcpSocket>) -> Result<Result<u64, ErrorCode>, Fault> {
        self.tcp_option(&this, SocketOption::ReceiveBufferBytes)
    }

    fn set_receive_buffer_size(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::ReceiveBufferBytes, value_)
    }

    fn send_buffer_size(&mut self, this: Resource<TcpSocket>) -> Result<Result<u64, ErrorCode>, Fault> {
        self.tcp_option(&this, SocketOption::SendBufferBytes)
    }

    fn set_send_buffer_size(
        &mut self,
        this: Resource<TcpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_tcp_option(&this, SocketOption::SendBufferBytes, value_)
    }

    fn subscribe(&mut self, this: Resource<TcpSocket>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn shutdown(
        &mut self,
        this: Resource<TcpSocket>,
        shutdown_type: ShutdownType,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        let how = match shutdown_type {
            ShutdownType::Receive => Shutdown { receive: true, send: false },
            ShutdownType::Send => Shutdown { receive: false, send: true },
            ShutdownType::Both => Shutdown { receive: true, send: true },
        };
        Ok(self.tcp(&this)?.shutdown(how).map_err(ErrorCode::from))
    }

    fn drop(&mut self, this: Resource<TcpSocket>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
