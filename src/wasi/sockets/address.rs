//! Which address may stand where.

use crate::cap::{Code, sockets::AddressFamily};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Refuses what no socket of `family` can have as an address of its own or of a peer.
///
/// # Errors
///
/// [`Code::Invalid`] for another family, and for version 4 in the clothes of version 6: a socket of version 6 is of
/// that version alone.
pub fn check_family(family: AddressFamily, address: SocketAddr) -> Result<(), Code> {
    let fits = AddressFamily::of(&address.ip()) == family;
    let disguised = match address.ip() {
        IpAddr::V4(_) => false,
        // The deprecated IPv4-compatible ones as well: `to_ipv4` knows both, and takes `::` and `::1` for such.
        IpAddr::V6(ip) => ip.to_ipv4().is_some() && !ip.is_unspecified() && !ip.is_loopback(),
    };
    if fits && !disguised { Ok(()) } else { Err(Code::Invalid) }
}

/// Refuses a local address of a TCP socket that could never be one.
///
/// # Errors
///
/// [`Code::Invalid`] for another family and for what is not one machine's.
pub fn check_local(family: AddressFamily, address: SocketAddr) -> Result<(), Code> {
    check_family(family, address)?;
    if is_unicast(address.ip()) { Ok(()) } else { Err(Code::Invalid) }
}

/// Refuses a peer's address that could never be one.
///
/// # Errors
///
/// [`Code::Invalid`] for another family, for what stands for all addresses, and for port 0.
pub fn check_remote(family: AddressFamily, address: SocketAddr) -> Result<(), Code> {
    check_family(family, address)?;
    if address.ip().is_unspecified() || address.port() == 0 { Err(Code::Invalid) } else { Ok(()) }
}

/// Whether `ip` is one machine's.
#[must_use]
pub fn is_unicast(ip: IpAddr) -> bool {
    !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_version_6_takes_no_version_4_in_disguise() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for wrong in ["127.0.0.1:1", "[::ffff:127.0.0.1]:1", "[::127.0.0.1]:1"] {
            assert_eq!(check_family(AddressFamily::Ipv6, at(wrong)), Err(Code::Invalid), "{wrong}");
        }
        for right in ["[::1]:1", "[::]:1", "[2606:4700::1]:1"] {
            assert_eq!(check_family(AddressFamily::Ipv6, at(right)), Ok(()), "{right}");
        }
        assert_eq!(check_family(AddressFamily::Ipv4, at("[::1]:1")), Err(Code::Invalid));
        assert_eq!(check_local(AddressFamily::Ipv4, at("255.255.255.255:1")), Err(Code::Invalid));
        assert_eq!(check_local(AddressFamily::Ipv4, at("239.0.0.1:0")), Err(Code::Invalid));
        assert_eq!(check_local(AddressFamily::Ipv6, at("[ffff::1]:0")), Err(Code::Invalid));
        assert_eq!(check_remote(AddressFamily::Ipv4, at("0.0.0.0:1")), Err(Code::Invalid));
        assert_eq!(check_remote(AddressFamily::Ipv4, at("1.1.1.1:0")), Err(Code::Invalid));
    }
}
