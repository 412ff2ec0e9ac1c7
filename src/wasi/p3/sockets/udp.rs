//! `udp-socket`.

use super::{
    super::{
        State,
        bindings::sockets::types::{ErrorCode, HostUdpSocket, IpAddressFamily, IpSocketAddress},
    },
    granted,
};
use crate::{cap::sockets::SocketOption, component::Resource, engine::Fault, wasi::sockets};
use alloc::vec::Vec;
use core::{
    net::SocketAddr,
    task::{Context, Poll},
};

/// `wasi:sockets/types.udp-socket`.
pub struct UdpSocket(sockets::UdpSocket);

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

impl HostUdpSocket for State {
    fn create(
        &mut self,
        address_family: IpAddressFamily,
    ) -> Result<Result<Resource<UdpSocket>, ErrorCode>, Fault> {
        match granted(self).and_then(|network| network.udp_socket(address_family.into())) {
            Ok(socket) => Ok(Ok(self.table.push(UdpSocket(socket))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn bind(
        &mut self,
        this: Resource<UdpSocket>,
        local_address: IpSocketAddress,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.udp(&this)?.bind(local_address.into()).map_err(ErrorCode::from))
    }

    fn connect(
        &mut self,
        this: Resource<UdpSocket>,
        remote_address: IpSocketAddress,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.udp(&this)?.connect(remote_address.into()).map_err(ErrorCode::from))
    }

    fn disconnect(&mut self, this: Resource<UdpSocket>) -> Result<Result<(), ErrorCode>, Fault> {
        Ok(self.udp(&this)?.disconnect().map_err(ErrorCode::from))
    }

    fn send(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<UdpSocket>,
        data: &mut Vec<u8>,
        remote_address: &mut Option<IpSocketAddress>,
    ) -> Poll<Result<Result<(), ErrorCode>, Fault>> {
        let remote = remote_address.map(SocketAddr::from);
        let sent = self.udp(this)?.poll_send(cx, data, remote);
        sent.map(|sent| Ok(sent.map_err(ErrorCode::from)))
    }

    fn receive(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<UdpSocket>,
    ) -> Poll<Result<Result<(Vec<u8>, IpSocketAddress), ErrorCode>, Fault>> {
        let received = self.udp(this)?.poll_receive(cx);
        received.map(|received| {
            let received = received.map(|datagram| (datagram.bytes, datagram.remote.into()));
            Ok(received.map_err(ErrorCode::from))
        })
    }

    fn get_local_address(
        &mut self,
        this: Resource<UdpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.udp(&this)?.local_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn get_remote_address(
        &mut self,
        this: Resource<UdpSocket>,
    ) -> Result<Result<IpSocketAddress, ErrorCode>, Fault> {
        Ok(self.udp(&this)?.remote_address().map(IpSocketAddress::from).map_err(ErrorCode::from))
    }

    fn get_address_family(&mut self, this: Resource<UdpSocket>) -> Result<IpAddressFamily, Fault> {
        Ok(self.udp(&this)?.family().into())
    }

    fn get_unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> Result<Result<u8, ErrorCode>, Fault> {
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

    fn get_receive_buffer_size(
        &mut self,
        this: Resource<UdpSocket>,
    ) -> Result<Result<u64, ErrorCode>, Fault> {
        self.udp_option(&this, SocketOption::ReceiveBufferBytes)
    }

    fn set_receive_buffer_size(
        &mut self,
        this: Resource<UdpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_udp_option(&this, SocketOption::ReceiveBufferBytes, value_)
    }

    fn get_send_buffer_size(&mut self, this: Resource<UdpSocket>) -> Result<Result<u64, ErrorCode>, Fault> {
        self.udp_option(&this, SocketOption::SendBufferBytes)
    }

    fn set_send_buffer_size(
        &mut self,
        this: Resource<UdpSocket>,
        value_: u64,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        self.set_udp_option(&this, SocketOption::SendBufferBytes, value_)
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
