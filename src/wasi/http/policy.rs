//! Whom a guest may send requests to: nobody, and what rules allow.

use super::target::{HostPort, split_authority};
use crate::cap::http::Scheme;
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, str::FromStr};

/// One destination, or some: `example.com`, `*.example.com:8443`, `https://example.com`, `localhost:*`, `[::1]:8080`,
/// `*`.
///
/// Without a scheme it is for both; without a port, for the one that the scheme has by itself (80, 443). A host is
/// compared as it is said, without its case: an address that some name stands for is another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    scheme: Option<Scheme>,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// In lower case.
    Name(String),
    /// All that end so, with the dot, in lower case.
    Below(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Any,
    OfScheme,
    Number(u16),
}

/// A text is no [`Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleError;

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no destination: write example.com, example.com:8080, *.example.com, https://example.com, localhost:*, or *")
    }
}

impl core::error::Error for RuleError {}

impl Rule {
    /// Everybody.
    #[must_use]
    pub const fn any() -> Self {
        Self { scheme: None, host: Host::Any, port: Port::Any }
    }

    fn allows(&self, scheme: &Scheme, HostPort { host, port }: HostPort<'_>) -> bool {
        let port = port.unwrap_or(default_port(scheme));
        let host = host.strip_suffix('.').unwrap_or(host);
        let ends = |host: &str, end: &str| {
            let at = host.len().checked_sub(end.len()).filter(|at| *at > 0);
            at.and_then(|at| host.get(at..)).is_some_and(|found| found.eq_ignore_ascii_case(end))
        };
        self.scheme.as_ref().is_none_or(|known| known == scheme)
            && match &self.host {
                Host::Any => true,
                Host::Name(name) => name.eq_ignore_ascii_case(host),
                Host::Below(end) => ends(host, end),
            }
            && match self.port {
                Port::Any => true,
                Port::OfScheme => port == default_port(scheme),
                Port::Number(number) => port == number,
            }
    }
}

fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::Http { 80 } else { 443 }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (scheme, authority) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) => match Scheme::from(scheme) {
                Scheme::Other(_) => return Err(RuleError),
                known => (Some(known), rest.strip_suffix('/').unwrap_or(rest)),
            },
        };
        if authority == "*" {
            return Ok(Self { scheme, ..Self::any() });
        }
        let (authority, any_port) = match authority.strip_suffix(":*") {
            Some(host) => (host, true),
            None => (authority, false),
        };
        let (below, rest) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        let HostPort { host, port } =
            split_authority(rest).filter(|_| !rest.contains('@')).ok_or(RuleError)?;
        let port = match (any_port, port) {
            (true, None) => Port::Any,
            (false, None) => Port::OfScheme,
            (false, Some(number)) => Port::Number(number),
            (true, Some(_)) => return Err(RuleError),
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let host = match host.as_str() {
            "*" if !below => Host::Any,
            name if name.contains('*') => return Err(RuleError),
            name if below => Host::Below([".", name].concat()),
            name => Host::Name(name.into()),
        };
        Ok(Self { scheme, host, port })
    }
}

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
        let allowed = split_authority(authority)
            .is_some_and(|destination| self.rules.iter().any(|rule| rule.allows(scheme, destination)));
        if !allowed && let Some(watch) = &self.watch {
            watch(&Denied { scheme: scheme.clone(), authority: authority.into() });
        }
        allowed
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("rules", &self.rules).finish_non_exhaustive()
    }
}
