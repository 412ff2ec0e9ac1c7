//! Which destinations requests may go to: names and ports before anything is looked up, and addresses when it is.
//!
//! A name proves nothing about where it leads, so the two are asked apart: `*` allows every name, and still none that
//! leads into this machine or its network, unless those addresses are granted themselves.

use crate::cap::{
    http::{Rule, Scheme},
    sockets::{Hosts, canonical, is_global, name},
};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Which destinations requests may go to. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    anywhere: bool,
    rules: Vec<Rule>,
}

/// A destination as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) scheme: Scheme,
    /// In lower case, without brackets and without the dot that ends a full name.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Policy {
    /// Allows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows everything, this machine and its network included.
    #[must_use]
    pub fn anywhere() -> Self {
        Self { anywhere: true, rules: Vec::new() }
    }

    /// Allows what this [`Rule`] says too: `*` is every name, on every port, and an address or a range of them is meant
    /// whether the request says an address or a name that is allowed too and leads there.
    ///
    /// Names lead to public addresses only: one that leads elsewhere is refused when it has been looked up, unless
    /// that address is allowed as well. `localhost` and what is below it, allowed by this name, may lead to this machine.
    #[must_use]
    pub fn allow(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Whether a request may name this destination.
    pub(super) fn names(&self, destination: &Destination) -> bool {
        let address = destination.host.parse::<IpAddr>().ok();
        self.anywhere
            || self.rules_for(destination).any(|hosts| match (hosts, address) {
                (Hosts::Any, address) => address.is_none_or(is_global),
                (hosts, Some(address)) => hosts.has_address(address),
                (hosts, None) => hosts.has_name(&destination.host),
            })
    }

    /// Whether a connection for this destination, which may be named, may go to this address.
    pub(super) fn reaches(&self, destination: &Destination, address: IpAddr) -> bool {
        let host = destination.host.as_str();
        let is_home = canonical(address).is_loopback() && name::is_localhost(host);
        self.anywhere
            || is_global(address)
            || self
                .rules_for(destination)
                .any(|hosts| hosts.has_address(address) || is_home && hosts.has_name(host))
    }

    /// Whom the rules for its scheme and port speak of.
    fn rules_for<'a>(&'a self, destination: &'a Destination) -> impl Iterator<Item = &'a Hosts> {
        let Destination { scheme, port, .. } = destination;
        self.rules.iter().filter(|rule| rule.fits(scheme, *port)).map(Rule::hosts)
    }
}

impl Destination {
    /// Reads `host` or `host:port` as a request's authority has it.
    pub(super) fn parse(scheme: Scheme, authority: &str) -> Option<Self> {
        // No user, no path, nothing that two readers would read in two ways.
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        if authority.is_empty() || authority.len() > AUTHORITY_BYTES_MAX || !authority.bytes().all(valid) {
            return None;
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                (host, port.parse().ok().filter(|port| digits && *port != 0)?)
            }
            _ => (authority, scheme.default_port()),
        };
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').filter(|host| host.parse::<Ipv6Addr>().is_ok())?.to_owned(),
            None if host.contains([':', '[', ']']) => return None,
            None => host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
        };
        (!host.is_empty()).then_some(Self { scheme, host, port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        let scheme = scheme.as_str();
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

/// A name has at most 253 bytes; a port, five and a colon; brackets, two.
const AUTHORITY_BYTES_MAX: usize = 261;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    fn policy(destinations: &[&str]) -> Policy {
        destinations
            .iter()
            .fold(Policy::new(), |policy, destination| policy.allow(destination.parse().unwrap()))
    }

    fn names(policy: &Policy, url: &str) -> bool {
        let (scheme, authority) = url.split_once("://").unwrap();
        Destination::parse(Scheme::from(scheme), authority)
            .is_some_and(|destination| policy.names(&destination))
    }

    #[test]
    fn a_name_is_allowed_on_its_schemes_port_only() {
        let policy = policy(&["example.com", "other.org:8080", "https://tls.org:*", "*.below.net"]);
        for allowed in [
            "http://example.com",
            "https://EXAMPLE.com.:443",
            "http://other.org:8080",
            "https://tls.org:1",
            "https://a.b.below.net",
        ] {
            assert!(names(&policy, allowed), "{allowed}");
        }
        for denied in [
            "http://example.com:8080",
            "http://example.com:443",
            "https://example.com:80",
            "http://notexample.com",
            "http://example.com.evil.org",
            "http://tls.org:1",
            "https://below.net",
            "http://other.org",
            "http://127.0.0.1",
        ] {
            assert!(!names(&policy, denied), "{denied}");
        }
        assert!(!names(&Policy::new(), "http://example.com"));
        assert!(names(&Policy::anywhere(), "http://127.0.0.1:1"));
    }

    #[test]
    fn an_authority_has_one_reading() {
        for wrong in [
            "",
            "user@example.com",
            "example.com/x",
            "example.com:80:80",
            "example.com:",
            "example.com:0",
            "example.com:65536",
            "example.com:+80",
            "[::1",
            "::1",
            "[::1]x",
            "[evil.com]",
            "a b",
            "evil.com#",
            "[",
            "]",
            "a\\b",
            "a?b",
            ":80",
            ".",
            "a\r\nb",
            "%61",
        ] {
            assert_eq!(Destination::parse(Scheme::Https, wrong), None, "{wrong}");
        }
        let long = "a".repeat(300);
        assert_eq!(Destination::parse(Scheme::Https, &long), None);
        assert_eq!(Destination::parse(Scheme::Http, "[::1]:80").unwrap().host, "::1");
        assert_eq!(Destination::parse(Scheme::Https, "[::1]").unwrap().to_string(), "https://[::1]:443");
    }

    #[test]
    fn what_is_not_public_is_reached_only_when_it_is_granted() {
        let inside = [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "::",
            "169.254.169.254",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "192.0.2.1",
            "2001:db8::1",
        ];
        let star = policy(&["*"]);
        let name = Destination::parse(Scheme::Http, "rebinding.example").unwrap();
        for address in inside {
            let ip: IpAddr = address.parse().unwrap();
            assert!(!is_global(ip), "{address}");
            assert!(!star.reaches(&name, ip), "{address}");
            let literal =
                if ip.is_ipv6() { format!("http://[{address}]:1") } else { format!("http://{address}:1") };
            assert!(!names(&star, &literal), "{address}");
        }
        for public in ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "172.32.0.1", "100.128.0.1"] {
            assert!(star.reaches(&name, public.parse().unwrap()), "{public}");
        }

        let granted = policy(&["*", "10.0.0.0/8"]);
        assert!(granted.reaches(&name, "10.9.9.9".parse().unwrap()));
        assert!(granted.reaches(&name, "::ffff:10.9.9.9".parse().unwrap()));
        assert!(!granted.reaches(&name, "192.168.0.1".parse().unwrap()));
        assert!(names(&granted, "http://10.0.0.1:99"));
        let home = Destination::parse(Scheme::Http, "localhost:8080").unwrap();
        assert!(!star.reaches(&home, "127.0.0.1".parse().unwrap()), "every name is not this machine");
        let below = Destination::parse(Scheme::Http, "app.localhost").unwrap();
        assert!(policy(&["*.localhost"]).reaches(&below, "127.0.0.1".parse().unwrap()));
        assert!(!policy(&["*"]).reaches(&below, "127.0.0.1".parse().unwrap()));
        assert!(!policy(&["*", "localhost:1"]).reaches(&home, "127.0.0.1".parse().unwrap()), "another port");
        let local = policy(&["localhost:8080", "[::1]:9", "127.0.0.1:7"]);
        let localhost = Destination::parse(Scheme::Http, "localhost:8080").unwrap();
        assert!(local.names(&localhost) && local.reaches(&localhost, "127.0.0.1".parse().unwrap()));
        assert!(!local.reaches(&localhost, "10.0.0.1".parse().unwrap()));
        assert!(names(&local, "http://[::1]:9") && !names(&local, "http://[::1]:8"));
        assert!(names(&local, "http://127.0.0.1:7") && !names(&local, "http://127.0.0.2:7"));
        assert!(names(&local, "http://[::ffff:127.0.0.1]:7"));
        // Spellings that a resolver takes for addresses are names here, and fail by the address they lead to.
        for name in ["2130706433", "0177.0.0.1", "0x7f.1"] {
            let destination = Destination::parse(Scheme::Http, name).unwrap();
            assert!(!star.reaches(&destination, "127.0.0.1".parse().unwrap()));
        }
        let all = policy(&["0.0.0.0/0", "[::/0]"]);
        assert!(names(&all, "http://127.0.0.1:7") && names(&all, "http://[fe80::1]:7"));
    }

    #[test]
    fn a_name_is_one_however_it_is_written() {
        for rule in ["xn--mnchen-3ya.example", "MÜNCHEN.example.", "https://*.Example.", "*"] {
            for url in ["https://xn--mnchen-3ya.example", "https://XN--Mnchen-3ya.EXAMPLE.:443"] {
                assert!(names(&policy(&[rule]), url), "{rule} {url}");
            }
        }
        let below = policy(&["*.below.net"]);
        for denied in
            ["https://below.net", "https://.below.net", "https://evilbelow.net", "https://a.below.net.evil"]
        {
            assert!(!names(&below, denied), "{denied}");
        }
    }
}
