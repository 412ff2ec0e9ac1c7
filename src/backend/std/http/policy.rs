//! Which destinations requests may go to: names and ports before anything is looked up, and addresses when it is.
//!
//! A name proves nothing about where it leads, so the two are asked apart: `*` allows every name, and still none that
//! leads into this machine or its network, unless those addresses are granted themselves.

use crate::cap::sockets::{AddressRange, canonical, is_global};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

/// Which destinations requests may go to. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    anywhere: bool,
    patterns: Vec<Pattern>,
}

/// One destination, or several: see [`Policy::allow`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    https: Option<bool>,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// Every name, and every public address.
    Any,
    /// Exactly this name, in lower case.
    Name(String),
    /// Every name that ends so; begins with a dot.
    Below(String),
    /// Addresses, said as such or looked up.
    Range(AddressRange),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// 80 for `http`, 443 for `https`.
    Usual,
    Any,
    Only(u16),
}

/// Why a text is no destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDestination;

impl fmt::Display for InvalidDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no destination: write HOST, HOST:PORT, HOST:*, *.DOMAIN, an address like [::1]:80 or 10.0.0.0/8, or * \
             for all that is public; with http:// or https:// before it to allow only that",
        )
    }
}

impl core::error::Error for InvalidDestination {}

/// A destination as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) https: bool,
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
        Self { anywhere: true, patterns: Vec::new() }
    }

    /// Allows one more destination:
    ///
    /// * `example.com`: this name, on the port that the scheme usually has; `example.com:8443`: on that port;
    ///   `example.com:*`: on any.
    /// * `*.example.com`: every name below it.
    /// * `127.0.0.1:8080`, `[::1]:8080`, `10.0.0.0/8`: these addresses, whether the request says the address or a name
    ///   that is allowed too and leads there.
    /// * `*`: every name, on every port.
    /// * `https://…`: any of these, over TLS only.
    ///
    /// Names lead to public addresses only: one that leads elsewhere is refused when it has been looked up, unless
    /// that address is allowed as well. `localhost`, allowed by this name, may lead to this machine.
    ///
    /// # Errors
    ///
    /// When `destination` is none of these.
    pub fn allow(mut self, destination: &str) -> Result<Self, InvalidDestination> {
        self.patterns.push(destination.parse()?);
        Ok(self)
    }

    /// Whether a request may name this destination.
    pub(super) fn names(&self, destination: &Destination) -> bool {
        self.anywhere || self.patterns.iter().any(|pattern| pattern.names(destination))
    }

    /// Whether a connection for this destination, which may be named, may go to this address.
    pub(super) fn reaches(&self, destination: &Destination, address: IpAddr) -> bool {
        let address = canonical(address);
        self.anywhere
            || is_global(address)
            || self.patterns.iter().any(|pattern| {
                pattern.contains(destination, address)
                    || (address.is_loopback() && pattern.is_localhost() && pattern.names(destination))
            })
    }
}

impl Pattern {
    fn names(&self, destination: &Destination) -> bool {
        let host = destination.host.as_str();
        let address = host.parse::<IpAddr>().ok().map(canonical);
        let host_matches = match (&self.host, address) {
            (Host::Any, address) => address.is_none_or(is_global),
            (Host::Name(name), None) => host == name,
            (Host::Below(end), None) => host.ends_with(end) && host.len() > end.len(),
            (Host::Range(_), Some(address)) => self.contains(destination, address),
            _ => false,
        };
        host_matches && self.fits(destination)
    }

    /// Whether this allows the name that means this machine, and not only names in general.
    fn is_localhost(&self) -> bool {
        matches!(&self.host, Host::Name(name) if name == "localhost")
    }

    /// Whether scheme and port are of this pattern.
    fn fits(&self, destination: &Destination) -> bool {
        let usual = if destination.https { 443 } else { 80 };
        self.https.is_none_or(|https| https == destination.https)
            && match self.port {
                Port::Usual => destination.port == usual,
                Port::Any => true,
                Port::Only(port) => destination.port == port,
            }
    }

    /// Whether this is a range of addresses that has `address` in it.
    fn contains(&self, destination: &Destination, address: IpAddr) -> bool {
        let Host::Range(range) = self.host else { return false };
        range.contains(address) && self.fits(destination)
    }
}

impl FromStr for Pattern {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, InvalidDestination> {
        let (https, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("http", rest)) => (Some(false), rest),
            Some(("https", rest)) => (Some(true), rest),
            Some(_) => return Err(InvalidDestination),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some((network, prefix)) = rest.split_once('/') {
            let network: IpAddr = network.parse().map_err(|_| InvalidDestination)?;
            let range = prefix.parse().ok().and_then(|prefix| AddressRange::new(network, prefix));
            let host = Host::Range(range.ok_or(InvalidDestination)?);
            return Ok(Self { https, host, port: Port::Any });
        }
        if rest == "*" {
            return Ok(Self { https, host: Host::Any, port: Port::Any });
        }
        let (host, port) = split_port(rest).ok_or(InvalidDestination)?;
        Ok(Self { https, host: Host::parse(host)?, port })
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, InvalidDestination> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Range(AddressRange::only(address)));
        }
        if bare == "*" {
            return Ok(Self::Any);
        }
        let (name, below) = match text.strip_prefix('*') {
            Some(rest) if rest.starts_with('.') && rest.len() > 1 => (rest, true),
            Some(_) => return Err(InvalidDestination),
            None => (text, false),
        };
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(valid) {
            return Err(InvalidDestination);
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        Ok(if below { Self::Below(name) } else { Self::Name(name) })
    }
}

/// Divides at the colon of a port; those of an address in brackets are not one.
fn split_port(text: &str) -> Option<(&str, Port)> {
    // More than one colon and no brackets is an address of IPv6.
    if text.parse::<Ipv6Addr>().is_ok() || text.ends_with(']') {
        return Some((text, Port::Usual));
    }
    match text.rsplit_once(':') {
        None => Some((text, Port::Usual)),
        Some((host, "*")) => Some((host, Port::Any)),
        Some((host, port)) => {
            let port = port.parse().ok().filter(|port| *port != 0)?;
            Some((host, Port::Only(port)))
        }
    }
}

impl Destination {
    /// Reads `host` or `host:port` as a request's authority has it.
    pub(super) fn parse(https: bool, authority: &str) -> Option<Self> {
        // No user, no path, nothing that two readers would read in two ways.
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        if authority.is_empty() || authority.len() > AUTHORITY_BYTES_MAX || !authority.bytes().all(valid) {
            return None;
        }
        let usual = if https { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                (host, port.parse().ok().filter(|port| digits && *port != 0)?)
            }
            _ => (authority, usual),
        };
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').filter(|host| host.parse::<Ipv6Addr>().is_ok())?.to_owned(),
            None if host.contains([':', '[', ']']) => return None,
            None => host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
        };
        (!host.is_empty()).then_some(Self { https, host, port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, host, port } = self;
        let scheme = if *https { "https" } else { "http" };
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
        destinations.iter().fold(Policy::new(), |policy, destination| policy.allow(destination).unwrap())
    }

    fn names(policy: &Policy, url: &str) -> bool {
        let (scheme, authority) = url.split_once("://").unwrap();
        Destination::parse(scheme == "https", authority).is_some_and(|destination| policy.names(&destination))
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
            assert_eq!(Destination::parse(true, wrong), None, "{wrong}");
        }
        let long = "a".repeat(300);
        assert_eq!(Destination::parse(true, &long), None);
        assert_eq!(Destination::parse(false, "[::1]:80").unwrap().host, "::1");
        assert_eq!(Destination::parse(true, "[::1]").unwrap().to_string(), "https://[::1]:443");
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
        let name = Destination::parse(false, "rebinding.example").unwrap();
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
        let home = Destination::parse(false, "localhost:8080").unwrap();
        assert!(!star.reaches(&home, "127.0.0.1".parse().unwrap()), "every name is not this machine");
        assert!(!policy(&["*", "localhost:1"]).reaches(&home, "127.0.0.1".parse().unwrap()), "another port");
        let local = policy(&["localhost:8080", "[::1]:9", "127.0.0.1:7"]);
        let localhost = Destination::parse(false, "localhost:8080").unwrap();
        assert!(local.names(&localhost) && local.reaches(&localhost, "127.0.0.1".parse().unwrap()));
        assert!(!local.reaches(&localhost, "10.0.0.1".parse().unwrap()));
        assert!(names(&local, "http://[::1]:9") && !names(&local, "http://[::1]:8"));
        assert!(names(&local, "http://127.0.0.1:7") && !names(&local, "http://127.0.0.2:7"));
        assert!(names(&local, "http://[::ffff:127.0.0.1]:7"));
        // Spellings that a resolver takes for addresses are names here, and fail by the address they lead to.
        for name in ["2130706433", "0177.0.0.1", "0x7f.1"] {
            let destination = Destination::parse(false, name).unwrap();
            assert!(!star.reaches(&destination, "127.0.0.1".parse().unwrap()));
        }
        let all = policy(&["0.0.0.0/0", "::/0"]);
        assert!(names(&all, "http://127.0.0.1:7") && names(&all, "http://[fe80::1]:7"));
    }

    #[test]
    fn what_is_no_destination_is_said() {
        for wrong in [
            "",
            "ftp://x",
            "a b",
            "*x",
            "*.",
            "**",
            "10.0.0.0/33",
            "x/8",
            "::1/129",
            "http://",
            "x:0",
            "x:99999",
            "x:y",
            "a@b",
            "https://example.com/path",
        ] {
            assert!(Policy::new().allow(wrong).is_err(), "{wrong}");
        }
    }
}
