//! The platform's network: sockets of its own.

use super::{TcpStream, socket::Socket, udp::UdpSocket};
use crate::{
    backend::std::{descriptors::Ticket, error::errno_code, resolver::Resolver},
    cap::{
        Code,
        sockets::{self as cap, AddressFamily, Lookup, LookupError, SocketOption},
    },
};
use alloc::sync::Arc;
use core::{net::SocketAddr, time::Duration};
use rustix::{
    io::Errno,
    net::{SocketAddrAny, SocketFlags, SocketType, sockopt},
};
use std::env::consts::OS;

/// The platform's network, all of it. Grant it with a policy.
///
/// Clones share what the resolver does for them at a time.
#[derive(Clone, Debug, Default)]
pub struct Network {
    resolver: Resolver,
}

impl Network {
    /// The platform's network.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl cap::Network for Network {
    fn tcp_socket(&self, family: AddressFamily) -> Result<Arc<dyn cap::TcpSocket>, Code> {
        Ok(Arc::new(TcpStream(Socket::new(family, SocketType::STREAM)?)))
    }

    fn udp_socket(&self, family: AddressFamily) -> Result<Arc<dyn cap::UdpSocket>, Code> {
        Ok(Arc::new(UdpSocket::new(Socket::new(family, SocketType::DGRAM)?)))
    }

    fn look_up(&self, name: &str) -> Result<Arc<dyn Lookup>, LookupError> {
        Ok(self.resolver.look_up(name)?)
    }
}

impl Socket {
    fn new(family: AddressFamily, ty: SocketType) -> Result<Self, Code> {
        let domain = match family {
            AddressFamily::Ipv4 => rustix::net::AddressFamily::INET,
            AddressFamily::Ipv6 => rustix::net::AddressFamily::INET6,
        };
        let ticket = Ticket::take()?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(domain, ty, flags, None).map_err(|errno| match errno {
            Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => Code::NotSupported,
            errno => errno_code(errno),
        })?;
        if family == AddressFamily::Ipv6 {
            sockopt::set_ipv6_v6only(&fd, true).map_err(errno_code)?;
        }
        Ok(Self::from_fd(fd, family, Some(ticket)))
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, Code> {
        let address = rustix::net::getsockname(self).map_err(errno_code)?;
        SocketAddr::try_from(address).map_err(|_| Code::NotConnected)
    }

    pub(super) fn option(&self, option: SocketOption) -> Result<u64, Code> {
        let value = match option {
            SocketOption::KeepAlive => sockopt::socket_keepalive(self).map(u64::from),
            SocketOption::KeepAliveIdleNs => sockopt::tcp_keepidle(self).map(nanoseconds),
            SocketOption::KeepAliveIntervalNs => sockopt::tcp_keepintvl(self).map(nanoseconds),
            SocketOption::KeepAliveCount => sockopt::tcp_keepcnt(self).map(u64::from),
            SocketOption::HopLimit => match self.family {
                AddressFamily::Ipv4 => sockopt::ip_ttl(self).map(u64::from),
                AddressFamily::Ipv6 => sockopt::ipv6_unicast_hops(self).map(u64::from),
            },
            SocketOption::ReceiveBufferBytes => sockopt::socket_recv_buffer_size(self).map(buffer_bytes),
            SocketOption::SendBufferBytes => sockopt::socket_send_buffer_size(self).map(buffer_bytes),
        };
        value.map_err(errno_code)
    }

    pub(super) fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code> {
        let hops = value.clamp(1, 255) as u8;
        let seconds = Duration::from_secs(value.div_ceil(1_000_000_000).clamp(1, SECONDS_MAX));
        let bytes = usize::try_from(value.clamp(1, BUFFER_BYTES_MAX)).unwrap_or(usize::MAX);
        match option {
            SocketOption::KeepAlive => sockopt::set_socket_keepalive(self, value != 0),
            SocketOption::KeepAliveIdleNs => sockopt::set_tcp_keepidle(self, seconds),
            SocketOption::KeepAliveIntervalNs => sockopt::set_tcp_keepintvl(self, seconds),
            SocketOption::KeepAliveCount => sockopt::set_tcp_keepcnt(self, value.clamp(1, COUNT_MAX) as u32),
            SocketOption::HopLimit => match self.family {
                AddressFamily::Ipv4 => sockopt::set_ip_ttl(self, hops.into()),
                AddressFamily::Ipv6 => sockopt::set_ipv6_unicast_hops(self, Some(hops)),
            },
            SocketOption::ReceiveBufferBytes => sockopt::set_socket_recv_buffer_size(self, bytes),
            SocketOption::SendBufferBytes => sockopt::set_socket_send_buffer_size(self, bytes),
        }
        .map_err(errno_code)
    }
}

/// What Linux takes (`tcp.h`: `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPCNT`); less than others do.
const SECONDS_MAX: u64 = 32_767;
const COUNT_MAX: u64 = 127;
/// A guest's buffers are the kernel's memory.
const BUFFER_BYTES_MAX: u64 = 4 << 20;

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Linux answers twice what it was told, its own bookkeeping included (socket(7)).
fn buffer_bytes(bytes: usize) -> u64 {
    (if OS == "linux" { bytes / 2 } else { bytes }) as u64
}

pub(super) fn address(any: Option<SocketAddrAny>) -> Result<SocketAddr, Code> {
    any.and_then(|any| SocketAddr::try_from(any).ok()).ok_or(Code::NotConnected)
}
