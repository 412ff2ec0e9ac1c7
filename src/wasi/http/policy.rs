//! Whom a guest may send requests to: nobody, and what rules allow.

pub use crate::cap::{http::Rule, sockets::RuleError};

use super::target::{HostPort, split_authority};
use crate::cap::{http::Scheme, sockets::Hosts};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, net::IpAddr};

/// What was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// How it would have been reached.
    pub scheme: Scheme,
    /// Who would have been.
    pub authority: String,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, authority } = self;
        write!(f, "sending a request to {}://{authority} is not granted", scheme.as_str())
    }
}

type Watch = Arc<dyn Fn(&Denied) + Send + Sync>;

/// Whom a guest may send requests to.
#[derive(Clone, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    watch: Option<Watch>,
}

impl Policy {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everybody.
    #[must_use]
    pub fn allow_all(self) -> Self {
        self.allow(Rule::any())
    }

    /// These too.
    #[must_use]
    pub fn allow(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Has `watch` told of everything that is refused.
    #[must_use]
    pub fn on_denied(mut self, watch: impl Fn(&Denied) + Send + Sync + 'static) -> Self {
        self.watch = Some(Arc::new(watch));
        self
    }

    /// Whether a request may go there; if not, says so to who watches.
    pub(super) fn check(&self, scheme: &Scheme, authority: &str) -> bool {
        let allowed = split_authority(authority).is_some_and(|to| self.allows(scheme, to));
        if !allowed && let Some(watch) = &self.watch {
            watch(&Denied { scheme: scheme.clone(), authority: authority.into() });
        }
        allowed
    }

    fn allows(&self, scheme: &Scheme, HostPort { host, port }: HostPort<'_>) -> bool {
        let port = port.unwrap_or(scheme.default_port());
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address = bare.parse::<IpAddr>().ok();
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        self.rules.iter().filter(|rule| rule.fits(scheme, port)).any(|rule| match (rule.hosts(), address) {
            // To which addresses names lead, and which of them are anybody's, is for the client to know.
            (Hosts::Any, _) => true,
            (hosts, Some(address)) => hosts.has_address(address),
            (hosts, None) => hosts.has_name(&name),
        })
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("rules", &self.rules).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, url: &str) -> bool {
        let (scheme, authority) = url.split_once("://").unwrap();
        Policy::new().allow(rule.parse().unwrap()).check(&Scheme::from(scheme), authority)
    }

    #[test]
    fn a_name_is_one_however_it_is_written() {
        for rule in ["xn--mnchen-3ya.example", "MÜNCHEN.example.", "https://*.Example.", "*"] {
            for url in ["https://xn--mnchen-3ya.example", "https://XN--Mnchen-3ya.EXAMPLE.:443"] {
                assert!(allows(rule, url), "{rule} {url}");
            }
        }
        for url in
            ["https://below.net", "https://.below.net", "https://evilbelow.net", "https://a.below.net.evil"]
        {
            assert!(!allows("*.below.net", url), "{url}");
        }
        assert!(allows("*.below.net", "https://a.b.below.net"));
    }

    #[test]
    fn an_address_is_no_name() {
        assert!(allows("127.0.0.1:80", "http://127.0.0.1") && allows("[::1]:9", "http://[::1]:9"));
        assert!(
            allows("10.0.0.0/8", "http://10.1.2.3:8080") && allows("127.0.0.1", "http://[::ffff:127.0.0.1]")
        );
        assert!(!allows("10.0.0.0/8", "http://11.0.0.1") && !allows("10.0.0.0/8", "http://example.com"));
        assert!(!allows("[::1]", "http://[::1]:9"));
    }
}
