//! Hosts and ports, as the rules of every policy name them. The one grammar for it.

use super::{AddressRange, name};
use alloc::string::String;
use core::{fmt, net::IpAddr, ops::RangeInclusive, str::FromStr};

/// Hosts, and which of their ports if that is said: `api.example.com:443`, `*.example.com`, `10.0.0.0/8:*`,
/// `[::1]:8000-8010`, `*:53`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The hosts.
    pub hosts: Hosts,
    /// The ports; none where the text ends with the host.
    pub ports: Option<RangeInclusive<u16>>,
}

/// Whom a [`Pattern`] speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// `*`: what that is worth is for the policy to say.
    Any,
    /// Addresses.
    Range(AddressRange),
    /// This name: ASCII, in lower case, without a dot at its end.
    Name(String),
    /// All names that end so, with the dot.
    NamesBelow(String),
}

/// Why a text is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// There is no colon with ports behind it, and the rule needs one.
    NoPorts,
    /// What stands for ports is none.
    Ports,
    /// An address of version 6 without brackets, or one of version 4 in them.
    Brackets,
    /// What stands before the ports is no address, no range of them and no name.
    Host,
    /// Behind the host there is a path, and a rule is for all of them.
    Path,
    /// What stands behind the `/` is no length that a prefix of such an address has.
    Prefix,
    /// What stands before `://` is not the scheme of requests.
    Scheme,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPorts => "no port is named: write HOST:443, HOST:8000-8010, or HOST:* for all of them",
            Self::Ports => "what stands behind the colon is no port: write 443, 8000-8010, or * for all of them",
            Self::Brackets => "an address of version 6 goes into brackets, and no other: [::1]:443, [fd00::/8]",
            Self::Host => {
                "what stands for the host is neither a name nor an address: write a name, *.DOMAIN, an address, a range of \
                 addresses (10.0.0.0/8, [fd00::/8]), or * for all"
            }
            Self::Path => "it names a path, and a rule is for all paths of a host: drop what is behind the host",
            Self::Prefix => {
                "what stands behind the `/` is no length of a prefix: write 0 to 32 behind an address of version 4, and \
                 0 to 128 behind one of version 6"
            }
            Self::Scheme => {
                "what stands before `://` is no scheme of requests: write http:// or https://, or neither for both"
            }
        })
    }
}

impl core::error::Error for RuleError {}

impl Hosts {
    /// Whether these are names, and `asked` is one of them. It is ASCII, in lower case, without a dot at its end.
    #[must_use]
    pub fn has_name(&self, asked: &str) -> bool {
        match self {
            Self::Name(name) => name == asked,
            Self::NamesBelow(end) => asked.len() > end.len() && asked.ends_with(end.as_str()),
            Self::Any | Self::Range(_) => false,
        }
    }

    /// Whether these are addresses, and `asked` is one of them.
    #[must_use]
    pub fn has_address(&self, asked: IpAddr) -> bool {
        matches!(self, Self::Range(range) if range.contains(asked))
    }
}

impl FromStr for Pattern {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (host, ports) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (_, behind) = bracketed.split_once(']').ok_or(RuleError::Host)?;
                let host = &text[..text.len() - behind.len()];
                match behind.strip_prefix(':') {
                    None if !behind.is_empty() => return Err(RuleError::Host),
                    ports => (host, ports),
                }
            }
            None => match text.split_once(':') {
                Some((first, rest)) if rest.contains(':') => {
                    let is_address = first.bytes().all(|byte| byte.is_ascii_hexdigit());
                    return Err(if is_address { RuleError::Brackets } else { RuleError::Ports });
                }
                Some((host, ports)) => (host, Some(ports)),
                None => (text, None),
            },
        };
        Ok(Self { hosts: hosts(host)?, ports: ports.map(port_range).transpose()? })
    }
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, RuleError> {
    if text.contains('/') {
        return Err(RuleError::Path);
    }
    let port = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u16>().map_err(|_| RuleError::Ports),
        false => Err(RuleError::Ports),
    };
    let (first, last) = match text {
        "*" => (0, u16::MAX),
        _ => match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        },
    };
    if first <= last { Ok(first..=last) } else { Err(RuleError::Ports) }
}

fn hosts(text: &str) -> Result<Hosts, RuleError> {
    let bracketed = text.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let (address, prefix) = match bracketed.unwrap_or(text).split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (bracketed.unwrap_or(text), None),
    };
    if let Ok(address) = address.parse::<IpAddr>() {
        if address.is_ipv6() != bracketed.is_some() {
            return Err(RuleError::Brackets);
        }
        let range = match prefix {
            None => AddressRange::only(address),
            Some(prefix) => {
                let length = prefix.parse().map_err(|_| RuleError::Prefix)?;
                AddressRange::new(address, length).ok_or(RuleError::Prefix)?
            }
        };
        return Ok(Hosts::Range(range));
    }
    if text == "*" {
        return Ok(Hosts::Any);
    }
    if prefix.is_some() {
        return Err(RuleError::Path);
    }
    let below = text.strip_prefix("*.");
    match name::to_ascii(below.unwrap_or(text)).ok_or(RuleError::Host)? {
        name if below.is_some() => Ok(Hosts::NamesBelow([".", &name].concat())),
        name => Ok(Hosts::Name(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn ports_are_one_some_all_or_not_said() {
        for (text, ports) in [
            ("a:443", Some(443..=443)),
            ("a:8000-8010", Some(8000..=8010)),
            ("a:0", Some(0..=0)),
            ("a:*", Some(0..=u16::MAX)),
            ("a", None),
            ("*", None),
            ("[::1]", None),
            ("[::1]:80", Some(80..=80)),
            ("10.0.0.0/8", None),
            ("10.0.0.0/8:80", Some(80..=80)),
            ("[fd00::/8]:80", Some(80..=80)),
        ] {
            assert_eq!(pattern(text).ports, ports, "{text}");
        }
    }

    #[test]
    fn a_name_is_one_however_it_is_written() {
        for text in
            ["münchen.example", "MÜNCHEN.Example", "xn--mnchen-3ya.example.", "XN--MNCHEN-3YA.EXAMPLE:1"]
        {
            assert!(pattern(text).hosts.has_name("xn--mnchen-3ya.example"), "{text}");
        }
        for text in ["*.Example.com", "*.example.COM.:80"] {
            let hosts = pattern(text).hosts;
            assert!(hosts.has_name("a.example.com") && hosts.has_name("a.b.example.com"), "{text}");
            for other in ["example.com", ".example.com", "evilexample.com", "example.com.evil.org"] {
                assert!(!hosts.has_name(other), "{text} {other}");
            }
        }
        assert!(!pattern("*").hosts.has_name("a"), "what a star is worth, the policy says");
    }

    #[test]
    fn addresses_are_no_names() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let hosts = pattern("127.0.0.1").hosts;
        assert!(hosts.has_address(ip("127.0.0.1")) && hosts.has_address(ip("::ffff:127.0.0.1")));
        assert!(!hosts.has_address(ip("127.0.0.2")) && !hosts.has_name("127.0.0.1"));
        assert!(pattern("[::/0]").hosts.has_address(ip("::1")));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, error) in [
            ("", RuleError::Host),
            (":80", RuleError::Host),
            ("::1", RuleError::Brackets),
            ("::1:80", RuleError::Brackets),
            ("fd00::/8", RuleError::Brackets),
            ("[1.2.3.4]:80", RuleError::Brackets),
            ("example.com:80:80", RuleError::Ports),
            ("[::1", RuleError::Host),
            ("[::1]80", RuleError::Host),
            ("[a]", RuleError::Host),
            ("[*]", RuleError::Host),
            ("a:", RuleError::Ports),
            ("a:65536", RuleError::Ports),
            ("a:+1", RuleError::Ports),
            ("a:-", RuleError::Ports),
            ("a:9-8", RuleError::Ports),
            ("a:1-2-3", RuleError::Ports),
            ("1.2.3.4/33:80", RuleError::Prefix),
            ("[::1/129]:80", RuleError::Prefix),
            ("1.2.3.4/-1:80", RuleError::Prefix),
            ("a/8", RuleError::Path),
            ("example.com/path", RuleError::Path),
            ("example.com:443/", RuleError::Path),
            ("a.*.b:80", RuleError::Host),
            ("*a", RuleError::Host),
            ("*.", RuleError::Host),
            ("**:80", RuleError::Host),
            ("127.1:80", RuleError::Host),
            ("2130706433:80", RuleError::Host),
            ("a b", RuleError::Host),
            ("a@b", RuleError::Host),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
        }
    }
}
