//! The addresses of `wasi:sockets` that both versions have alike, to and from ours.

/// Implements the conversions for the bindings at a path.
macro_rules! convert {
    ($types:path) => {
        const _: () = {
            use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
            use $crate::cap::sockets::AddressFamily;
            use $types as wit;

            impl From<wit::IpAddressFamily> for AddressFamily {
                fn from(family: wit::IpAddressFamily) -> Self {
                    match family {
                        wit::IpAddressFamily::Ipv4 => Self::Ipv4,
                        wit::IpAddressFamily::Ipv6 => Self::Ipv6,
                    }
                }
            }

            impl From<AddressFamily> for wit::IpAddressFamily {
                fn from(family: AddressFamily) -> Self {
                    match family {
                        AddressFamily::Ipv4 => Self::Ipv4,
                        AddressFamily::Ipv6 => Self::Ipv6,
                    }
                }
            }

            impl From<IpAddr> for wit::IpAddress {
                fn from(address: IpAddr) -> Self {
                    match address {
                        IpAddr::V4(v4) => Self::Ipv4(v4.octets().into()),
                        IpAddr::V6(v6) => Self::Ipv6(v6.segments().into()),
                    }
                }
            }

            impl From<SocketAddr> for wit::IpSocketAddress {
                fn from(address: SocketAddr) -> Self {
                    match address {
                        SocketAddr::V4(v4) => Self::Ipv4(wit::Ipv4SocketAddress {
                            port: v4.port(),
                            address: v4.ip().octets().into(),
                        }),
                        SocketAddr::V6(v6) => Self::Ipv6(wit::Ipv6SocketAddress {
                            port: v6.port(),
                            flow_info: v6.flowinfo(),
                            address: v6.ip().segments().into(),
                            scope_id: v6.scope_id(),
                        }),
                    }
                }
            }

            impl From<wit::IpSocketAddress> for SocketAddr {
                fn from(address: wit::IpSocketAddress) -> Self {
                    match address {
                        wit::IpSocketAddress::Ipv4(v4) => {
                            let (a, b, c, d) = v4.address;
                            SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), v4.port).into()
                        }
                        wit::IpSocketAddress::Ipv6(v6) => {
                            let (a, b, c, d, e, f, g, h) = v6.address;
                            let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                            SocketAddrV6::new(ip, v6.port, v6.flow_info, v6.scope_id).into()
                        }
                    }
                }
            }
        };
    };
}

pub(in crate::wasi) use convert;
