//! Where requests may go, as the rules of every policy name it.

use super::Scheme;
use crate::cap::sockets::{Hosts, Pattern, RuleError};
use core::{ops::RangeInclusive, str::FromStr};

/// One destination, or several: `example.com`, `*.example.com:8443`, `https://example.com`, `localhost:*`,
/// `[::1]:8080`, `10.0.0.0/8`, `*`.
///
/// Without a scheme it is for both. Without a port a name and an address are for the one that the scheme has by itself
/// (80, 443), and a range of addresses and `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    scheme: Option<Scheme>,
    hosts: Hosts,
    ports: Option<RangeInclusive<u16>>,
}

impl Rule {
    /// Everybody.
    #[must_use]
    pub const fn any() -> Self {
        Self { scheme: None, hosts: Hosts::Any, ports: Some(ALL) }
    }

    /// The hosts.
    #[must_use]
    pub const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Whether it is for this scheme and port.
    #[must_use]
    pub fn fits(&self, scheme: &Scheme, port: u16) -> bool {
        self.scheme.as_ref().is_none_or(|known| known == scheme)
            && match &self.ports {
                Some(ports) => ports.contains(&port),
                None => port == scheme.default_port(),
            }
    }
}

const ALL: RangeInclusive<u16> = 0..=u16::MAX;

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (scheme, rest) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) => match Scheme::from(scheme) {
                Scheme::Other(_) => return Err(RuleError::Scheme),
                known => (Some(known), rest),
            },
        };
        let Pattern { hosts, ports } = rest.strip_suffix('/').unwrap_or(rest).parse()?;
        // Nobody can be asked there.
        if ports.as_ref().is_some_and(|ports| *ports.end() == 0) {
            return Err(RuleError::Ports);
        }
        let is_many = match &hosts {
            Hosts::Any => true,
            Hosts::Range(range) => !range.is_single(),
            Hosts::Name(_) | Hosts::NamesBelow(_) => false,
        };
        let ports = ports.or_else(|| is_many.then_some(ALL));
        Ok(Self { scheme, hosts, ports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(rule: &str, scheme: &Scheme, port: u16) -> bool {
        rule.parse::<Rule>().unwrap().fits(scheme, port)
    }

    #[test]
    fn a_port_that_is_not_said_is_the_schemes_for_one_and_any_for_many() {
        let (http, https) = (Scheme::Http, Scheme::Https);
        for one in ["example.com", "*.example.com", "127.0.0.1", "[::1]", "10.0.0.1/32"] {
            assert!(fits(one, &http, 80) && fits(one, &https, 443), "{one}");
            assert!(!fits(one, &http, 443) && !fits(one, &https, 80) && !fits(one, &http, 8080), "{one}");
        }
        for many in ["*", "10.0.0.0/8", "[fd00::/8]", "example.com:*"] {
            assert!(fits(many, &http, 80) && fits(many, &https, 8443), "{many}");
        }
        assert!(fits("10.0.0.0/8:80", &http, 80) && !fits("10.0.0.0/8:80", &http, 81));
        assert!(fits("a:8000-8010", &http, 8010) && !fits("a:8000-8010", &http, 8011));
    }

    #[test]
    fn a_scheme_rules_the_other_out() {
        for text in ["https://example.com", "HTTPS://example.com/", "https://example.com:443"] {
            assert!(fits(text, &Scheme::Https, 443) && !fits(text, &Scheme::Http, 443), "{text}");
        }
        assert!(fits("http://*", &Scheme::Http, 1) && !fits("http://*", &Scheme::Https, 1));
    }

    #[test]
    fn what_is_no_rule_says_why() {
        for (text, error) in [
            ("", RuleError::Host),
            ("http://", RuleError::Host),
            ("ftp://x", RuleError::Scheme),
            ("*://x", RuleError::Scheme),
            ("https://example.com/path", RuleError::Path),
            ("x:0", RuleError::Ports),
            ("x:y", RuleError::Ports),
            ("::1", RuleError::Brackets),
            ("a@b", RuleError::Host),
        ] {
            assert_eq!(text.parse::<Rule>(), Err(error), "{text}");
        }
    }
}
