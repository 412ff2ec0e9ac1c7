//! `udp` and `udp-create-socket`.

use super::{
    super::{
        State,
        bindings::sockets::{
            network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network},
            udp::{
                self, HostIncomingDatagramStream, HostOutgoingDatagramStream, HostUdpSocket,
                IncomingDatagram, OutgoingDatagram,
            },
            udp_create_socket,
        },
        io::{Pollable, Subscribe, subscribe},
    },
    at_once, granted,
};
use crate::{
    Trap,
    cap::sockets::SocketOption,
    component::Resource,
    engine::Fault,
    wasi::{price, sockets},
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    net::SocketAddr,
    task::{Context, Poll, Waker},
};

/// `wasi:sockets/udp.udp-socket`.
#[derive(Debug)]
pub struct UdpSocket(Arc<sockets::UdpSocket>);

/// `wasi:sockets/udp.incoming-datagram-stream`.
#[derive(Debug)]
pub struct IncomingDatagramStream(Association);

/// `wasi:sockets/udp.outgoing-datagram-stream`.
#[derive(Debug)]
pub struct OutgoingDatagramStream {
    association: Association,
    /// How many datagrams may be sent before the next permit.
    permits: u64,
}

/// A socket with the peer it had at a time: with another it is of no use any more.
#[derive(Clone, Debug)]
struct Association {
    socket: Arc<sockets::UdpSocket>,
    number: u64,
}

impl Association {
    fn is_current(&self) -> bool {
        self.socket.association() == self.number
    }
}

impl Subscribe for UdpSocket {
    // Binding takes no time.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Subscribe for IncomingDatagramStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_current() { self.0.socket.poll_receivable(cx) } else { Poll::Ready(()) }
    }
}

impl Subscribe for OutgoingDatagramStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Association { socket, .. } = &self.association;
        if self.association.is_current() { socket.poll_sendable(cx) } else { Poll::Ready(()) }
    }
}

/// How many datagrams may be sent at once, or are received at once.
const DATAGRAMS_MAX: u64 = 16;

const EXCESS: Trap = Trap::Host("more datagrams were sent than were permitted");

impl State {
    fn udp(&self, this: &Resource<UdpSocket>) -> Result<&sockets::UdpSocket, Fault> {
        Ok(&self.table.get(this)?.0)
    }

    fn udp_option(
        &self,
        this: &Resource<UdpSocket>,
        option: SocketOption,
    ) -> Result<Result<u64, ErrorCode>, Fault> {
        Ok(self.udp(this)?.option(option).map_err(ErrorCode::from))
    }

    fn set_udp_option(
        &self,
        this: &Resource<UdpSocket>,
        option: SocketOption,
        value: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.udp(this)?.set_option(option, value).map_err(ErrorCode::from))
    }
}

impl udp_create_socket::Host for State {
    fn create_udp_socket(
        &mut self,
        address_family: IpAddressFamily,
    ) -> Result<Result<Resource<UdpSocket>, ErrorCode>, Fault> {
        match granted(self).and_then(|network| network.udp_socket(address_family.into())) {
            Ok(socket) => Ok(Ok(self.table.push(UdpSocket(Arc::new(socket)))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl udp::Host for State {}

impl HostUdpSocket for State {
    fn start_bind(
        &mut self,
        this: Resource<UdpSocket>,
        _: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.udp(&this)?.start_bind(local_address.into()).map_err(ErrorCode::from))
    }

    fn finish_bind(&mut self, this: Resource<UdpSocket>) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.udp(&this)?.finish_bind().map_err(ErrorCode::from))
    }

    fn stream(
        &mut self,
        this: Resource<UdpSocket>,
        remote_address: Option<IpSocketAddress>,
    ) -> Result<Result<(Resource<IncomingDatagramStream>, Resource<OutgoingDatagramStream>), ErrorCode>, Fault>
    {
        let socket = self.table.get(&this)?.0.clone();
        let number = match socket.associate(remote_address.map(SocketAddr::from)) {
            Ok(number) => number,
            Err(error) => return Ok(Err(error.into())),
        };
        let association = Association { socket, number };
        let incoming = self.table.push(IncomingDatagramStream(association.clone()))?;
        let outgoing = self.table.push(OutgoingDatagramStream { association, permits: 0 })?;
        Ok(Ok((incoming, outgoing)))
    }

    fn local_address(
        &mut self,
        this: Resource<UdpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.udp(&this)?.local_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn remote_address(
        &mut self,
        this: Resource<UdpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.udp(&this)?.remote_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn address_family(&mut self, this: Resource<UdpSocket>) -> Result<IpAddressFamily, Fault> {
        Ok(self.udp(&this)?.family().into())
    }

    fn unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> Result<Result<u8, ErrorCode>, Fault> {
        let value = self.udp_option(&this, SocketOption::HopLimit)?;
        Ok(value.map(|hops| u8::try_from(hops).unwrap_or(u8::MAX)))
    }

    fn set_unicast_hop_limit(
        &mut self,
        this: Resource<UdpSocket>,
        value_: u8,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_udp_option(&this, SocketOption::HopLimit, value_.into())
    }

    fn receive_buffer_size(&mut self, this: Resource<UdpSocket>) -> Result<Result<u64, ErrorCode>, Fault> {
        self.udp_option(&this, SocketOption::ReceiveBufferBytes)
    }

    fn set_receive_buffer_size(
        &mut self,
        this: Resource<UdpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_udp_option(&this, SocketOption::ReceiveBufferBytes, value_)
    }

    fn send_buffer_size(&mut self, this: Resource<UdpSocket>) -> Result<Result<u64, ErrorCode>, Fault> {
        self.udp_option(&this, SocketOption::SendBufferBytes)
    }

    fn set_send_buffer_size(
        &mut self,
        this: Resource<UdpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_udp_option(&this, SocketOption::SendBufferBytes, value_)
    }

    fn subscribe(&mut self, this: Resource<UdpSocket>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostIncomingDatagramStream for State {
    fn receive(
        &mut self,
        this: Resource<IncomingDatagramStream>,
        max_results: u64,
    ) -> Result<Result<Vec<IncomingDatagram>, ErrorCode>, Fault> {
        let bytes_max = self.limits.host_call_bytes as usize / 2;
        let Association { socket, .. } = &self.table.get(&this)?.0;
        if !self.table.get(&this)?.0.is_current() {
            return Ok(Err(ErrorCode::InvalidState));
        }
        let (mut datagrams, mut bytes) = (Vec::new(), 0_usize);
        while (datagrams.len() as u64) < max_results.min(DATAGRAMS_MAX) && bytes < bytes_max {
            match at_once(&self.tab, |cx| socket.poll_receive(cx)) {
                Ok(datagram) => {
                    bytes = bytes.saturating_add(datagram.bytes.len());
                    let remote_address = datagram.remote.into();
                    datagrams.push(IncomingDatagram { data: datagram.bytes, remote_address });
                }
                Err(ErrorCode::WouldBlock) => break,
                Err(error) if datagrams.is_empty() => return Ok(Err(error)),
                // Told to nobody, as a datagram that was lost.
                Err(_) => break,
            }
        }
        Ok(Ok(datagrams))
    }

    fn subscribe(&mut self, this: Resource<IncomingDatagramStream>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn drop(&mut self, this: Resource<IncomingDatagramStream>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostOutgoingDatagramStream for State {
    fn check_send(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
    ) -> Result<Result<u64, ErrorCode>, Fault> {
        let stream = self.table.get_mut(&this)?;
        if !stream.association.is_current() {
            return Ok(Err(ErrorCode::InvalidState));
        }
        self.tab.owe(price::SUBSCRIPTION);
        let ready = stream.association.socket.poll_sendable(&mut Context::from_waker(Waker::noop()));
        stream.permits = if ready.is_ready() { DATAGRAMS_MAX } else { 0 };
        Ok(Ok(stream.permits))
    }

    fn send(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
        datagrams: Vec<OutgoingDatagram>,
    ) -> Result<Result<u64, ErrorCode>, Fault> {
        let stream = self.table.get_mut(&this)?;
        let Some(permits) = stream.permits.checked_sub(datagrams.len() as u64) else {
            return Err(EXCESS.into());
        };
        stream.permits = permits;
        if !stream.association.is_current() {
            return Ok(Err(ErrorCode::InvalidState));
        }
        let socket = &stream.association.socket;
        let mut sent = 0;
        for OutgoingDatagram { data, remote_address } in &datagrams {
            let remote = remote_address.map(SocketAddr::from);
            match at_once(&self.tab, |cx| socket.poll_send(cx, data, remote)) {
                Ok(()) => sent += 1,
                Err(ErrorCode::WouldBlock) => break,
                Err(error) if sent == 0 => return Ok(Err(error)),
                Err(_) => break,
            }
        }
        Ok(Ok(sent))
    }

    fn subscribe(&mut self, this: Resource<OutgoingDatagramStream>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn drop(&mut self, this: Resource<OutgoingDatagramStream>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
