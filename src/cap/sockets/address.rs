//! What addresses mean to every policy: which one is meant however it is written, and whose it is.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that packets to `ip` end up at: of version 4 where that is only wrapped into version 6, as
/// IPv4-mapped addresses (RFC 4291, 2.5.5.2) and those of the well-known NAT64 prefix (RFC 6052, 2.1) do.
#[must_use]
pub fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped().or_else(|| nat64(v6)) {
            Some(v4) => v4.into(),
            None => ip,
        },
    }
}

/// The version 4 address within `64:ff9b::/96`.
fn nat64(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

/// Whether `ip` is meant to be reached from everywhere: not this machine, nor a network of its own, nor anything
/// set aside (the IANA registries of special-purpose addresses). Prefixes that tunnel to others are not.
#[must_use]
pub fn is_global(ip: IpAddr) -> bool {
    match canonical(ip) {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        // Shared by carriers; private; protocol assignments; documentation; 6to4 relays; benchmarks.
        [100, second, ..] => second & 0xc0 == 64,
        [172, second, ..] => second & 0xf0 == 16,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => true,
        [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [first, ..] => first >= 224,
    };
    !special
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    let special = match ip.segments() {
        // Teredo and other protocol assignments, documentation, 6to4, documentation again.
        [0x2001, second, ..] => second < 0x200 || second == 0xdb8,
        [0x2002, ..] => true,
        [0x3fff, second, ..] => second < 0x1000,
        _ => false,
    };
    // Global unicast is 2000::/3; all else is local, multicast, or not given out.
    ip.segments()[0] & 0xe000 == 0x2000 && !special
}

/// Addresses that share their first bits, as in `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    prefix: u8,
}

impl AddressRange {
    /// This address alone.
    #[must_use]
    pub fn only(address: IpAddr) -> Self {
        let first = canonical(address);
        Self { first, prefix: if first.is_ipv4() { 32 } else { 128 } }
    }

    /// The addresses that share their first `prefix` bits with `address`: none of version 4 with one of version 6.
    /// `None` when an address has not that many bits.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        // A range of wrapped version 4 addresses is one of version 4.
        match canonical(address) {
            first @ IpAddr::V4(_) if address.is_ipv6() && prefix >= 96 => {
                (prefix <= bits).then_some(Self { first, prefix: prefix - 96 })
            }
            _ => (prefix <= bits).then_some(Self { first: address, prefix }),
        }
    }

    /// Whether it is one address.
    #[must_use]
    pub const fn is_single(&self) -> bool {
        self.prefix == if self.first.is_ipv4() { 32 } else { 128 }
    }

    /// Whether `address` is one of these.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, canonical(address)) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let differ = u64::from(first.to_bits() ^ address.to_bits());
                differ >> (32 - self.prefix.min(32)) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differ = first.to_bits() ^ address.to_bits();
                differ.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_counts_as_where_its_packets_go() {
        assert_eq!(canonical(ip("::ffff:127.0.0.1")), ip("127.0.0.1"));
        assert_eq!(canonical(ip("64:ff9b::10.0.0.1")), ip("10.0.0.1"));
        for same in ["1.2.3.4", "::1", "::", "64:ff9b:1::10.0.0.1", "2002:a00:1::", "fe80::1"] {
            assert_eq!(canonical(ip(same)), ip(same));
        }
    }

    #[test]
    fn only_what_everybody_can_reach_is_global() {
        let local = [
            "0.0.0.0",
            "0.1.2.3",
            "10.9.8.7",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::127.0.0.1",
        ];
        for text in local {
            assert!(!is_global(ip(text)), "{text}");
        }
        let global = [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2001:4860:4860::8888",
            "2a00::1",
            "64:ff9b::1.1.1.1",
            "::ffff:1.1.1.1",
        ];
        for text in global {
            assert!(is_global(ip(text)), "{text}");
        }
    }
}
