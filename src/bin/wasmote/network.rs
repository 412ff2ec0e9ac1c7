//! What the command line grants of the network.

use crate::{run::Arguments, settings::Resolved, watch::Trace};
use anyhow::{Context, Result};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};
use wasmote::{
    Host,
    backend::{
        mem::{self, http::Web},
        std::{self as real, http::Client},
    },
    cap::sockets::{Hosts, Pattern},
    wasi::{
        http,
        sockets::policy::{Denied, Operation, Policy, Rule, RuleError},
    },
};

/// Reads the value of an `--allow-net`.
pub fn rule(text: &str) -> Result<Rule, String> {
    text.parse().map_err(|error| match error {
        RuleError::NoPorts => {
            format!("no port is named: write {text}:443, {text}:8000-8010, or {text}:* for all of them")
        }
        error => error.to_string(),
    })
}

/// Reads the value of an `--allow-listen`.
pub fn listen(text: &str) -> Result<Rule, String> {
    match text.parse().map(|Pattern { hosts, .. }| hosts) {
        Ok(Hosts::Name(_) | Hosts::NamesBelow(_)) => Err(
            "a program listens at an address of this machine, and this is a name: write 127.0.0.1:8080, [::1]:8080, or \
             *:8080 for all of them"
                .into(),
        ),
        _ => rule(text),
    }
}

/// The platform's network, as far as `arguments` and `settings` go. Where they grant nothing of it, components have a
/// network of their own, which reaches nobody.
///
/// # Errors
///
/// When a file of root certificates cannot be read, or has none.
pub fn grant(host: Host, arguments: &Arguments, settings: &Resolved, trace: Option<&Trace>) -> Result<Host> {
    let mut policy = policy(&arguments.allow_net, &arguments.allow_listen, settings);
    if let Some(trace) = trace.cloned() {
        policy = policy.on_denied(move |denied| trace.line(&explain(denied)));
    }
    let host = connect(host, policy);
    let trace = trace.cloned();
    let tell = move |denied: &str| trace.iter().for_each(|trace| trace.line(denied));
    let http = Http::new(&arguments.allow_http, &roots(&arguments.http_root)?, tell.clone())?;
    Ok(http.grant(host, tell))
}

/// Grants what `policy` allows of the platform's network; where that is nothing, one in memory: a socket that reaches nobody
/// must not take one of the platform's descriptors.
pub fn connect(host: Host, policy: Policy) -> Host {
    if policy.grants_nothing() {
        return host.network(mem::Machine::new(), policy);
    }
    host.network(real::Network::new(), policy)
}

/// What these rules and `settings` allow.
pub fn policy(out: &[Rule], listen: &[Rule], settings: &Resolved) -> Policy {
    let mut policy = Policy::new();
    for rule in out {
        policy = policy.allow(Operation::OUT, rule);
    }
    for rule in listen {
        policy = policy.allow(Operation::IN, rule);
    }
    if settings.network.inherit {
        policy = policy.allow_all();
    }
    if settings.network.names {
        policy = policy.allow_names();
    }
    if !settings.network.tcp {
        policy = policy.without_tcp();
    }
    if !settings.network.udp {
        policy = policy.without_udp();
    }
    if let Some(sockets) = settings.network.sockets_max {
        policy = policy.sockets_max(sockets);
    }
    policy
}

/// What was refused, and which flag would have granted it.
pub fn explain(denied: &Denied) -> String {
    let mut line = format!("denied: {denied}: ");
    _ = match denied {
        Denied::Address(Operation::TcpConnect | Operation::UdpSend, at) => {
            write!(line, "{}", flag("--allow-net", &at.to_string(), rule))
        }
        Denied::Address(Operation::TcpBind | Operation::UdpBind, at) => {
            write!(line, "{}", flag("--allow-listen", &at.to_string(), listen))
        }
        Denied::Name(name) if rule(&format!("{name}:*")).is_ok() => {
            write!(line, "--allow-net '{name}:*', or -S allow-ip-name-lookup")
        }
        Denied::Name(_) => write!(line, "-S allow-ip-name-lookup"),
        Denied::Socket { tcp: true } => write!(line, "-S tcp=y"),
        Denied::Socket { tcp: false } => write!(line, "-S udp=y"),
        Denied::TooMany(open) => write!(line, "-S max-sockets={}", open.saturating_mul(2)),
        _ => write!(line, "no flag grants it"),
    };
    line
}

/// The flag with this value, if the program would take it: what a guest asks for may be written as no rule is.
fn flag<R>(flag: &str, value: &str, read: fn(&str) -> Result<R, String>) -> String {
    match read(value) {
        Ok(_) => format!("{flag} {value}"),
        Err(_) => {
            format!("no {flag} can grant that: its host is written neither as a name nor as an address is")
        }
    }
}

/// Reads the value of an `--allow-http`.
pub fn destination(text: &str) -> Result<http::Rule, String> {
    text.parse().map_err(|error: RuleError| error.to_string())
}

/// For who trusts roots and asks nobody.
pub const ROOT_FOR_NOBODY: &str =
    "`--http-root` is of no use without `--allow-http`: the program may send no requests";

/// Root certificates from files.
///
/// # Errors
///
/// When one cannot be read, or has none.
pub fn roots(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>> {
    paths.iter().map(|path| root(path)).collect()
}

fn root(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let pem = std::fs::read(path).with_context(|| format!("cannot read the certificates in `{shown}`"))?;
    // Tried now, where its name is known, and whether or not anybody may be asked.
    let tried = Client::builder(real::http::Policy::new()).root_certificates(&pem);
    tried.map_err(|_| anyhow::anyhow!("`--http-root {shown}` has no root certificates in PEM"))?;
    Ok(pem)
}

/// Whom requests may be sent to.
pub struct Http {
    /// None where that is nobody: a client brings root certificates along, and there may be thousands of apps.
    client: Option<Client>,
    rules: http::Policy,
}

impl Http {
    /// These destinations, trusting these roots besides those that everybody trusts. `tell` hears of names that lead
    /// to what is denied.
    ///
    /// # Errors
    ///
    /// When a root is none.
    pub fn new(
        destinations: &[http::Rule],
        roots: &[Vec<u8>],
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self> {
        if destinations.is_empty() {
            return Ok(Self { client: None, rules: http::Policy::new() });
        }
        // Both hold the rules: the first one knows who asks, the client knows to which address a name leads.
        let (mut rules, mut reached) = (http::Policy::new(), real::http::Policy::new());
        for rule in destinations {
            rules = rules.allow(rule.clone());
            reached = reached.allow(rule.clone());
        }
        let mut client = Client::builder(reached).on_denied(move |to| tell(&explain_inside(to)));
        for root in roots {
            client = client.root_certificates(root).context("--http-root")?;
        }
        Ok(Self { client: Some(client.build()), rules })
    }

    /// Grants it. `tell` hears of what is denied.
    pub fn grant(&self, host: Host, tell: impl Fn(&str) + Send + Sync + 'static) -> Host {
        let rules = self.rules.clone().on_denied(move |denied| tell(&explain_http(denied)));
        match &self.client {
            Some(client) => host.http(client.clone(), rules),
            // Where nobody is, and no rule leads.
            None => host.http(Web::new(mem::Clocks::new()), rules),
        }
    }
}

/// What was refused, and which flag would have granted it.
fn explain_http(denied: &http::Denied) -> String {
    format!("denied: {denied}: {}", flag("--allow-http", &denied.authority, destination))
}

/// The same of what the rules would allow by its name, and not by its address: `http://127.0.0.1:80`, or the address that
/// a name led to, `10.0.0.1:80`.
fn explain_inside(to: &str) -> String {
    let authority = to.split_once("://").map_or(to, |(_, authority)| authority);
    let flag = flag("--allow-http", authority, destination);
    format!("denied: a request to {to}, which is no public address, where names and `*` do not lead: {flag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_names_the_flag_that_grants_it() {
        let at = "[::1]:80".parse().unwrap();
        let told = explain(&Denied::Address(Operation::TcpConnect, at));
        assert_eq!(told, "denied: connecting by TCP to [::1]:80 is not granted: --allow-net [::1]:80");
        assert!(rule("[::1]:80").is_ok());
        assert!(listen("[::1]:80").is_ok());
        let told = explain(&Denied::Address(Operation::UdpBind, at));
        assert_eq!(told, "denied: binding UDP to [::1]:80 is not granted: --allow-listen [::1]:80");
        let told = explain(&Denied::Name("example.com".into()));
        assert!(told.ends_with("--allow-net 'example.com:*', or -S allow-ip-name-lookup"), "{told}");
        assert!(rule("example.com:*").is_ok());
        let told = explain(&Denied::Name("127.1".into()));
        assert!(rule("127.1:*").is_err() && told.ends_with(": -S allow-ip-name-lookup"), "{told}");
    }

    #[test]
    fn rules_of_sockets_say_what_they_lack() {
        assert_eq!(
            rule("10.0.0.0/8").unwrap_err(),
            "no port is named: write 10.0.0.0/8:443, 10.0.0.0/8:8000-8010, or 10.0.0.0/8:* for all of them"
        );
        assert!(listen("127.0.0.1").unwrap_err().contains("write 127.0.0.1:443"));
        for name in ["example.com:80", "*.example.com:80", "localhost:80", "example.com"] {
            assert!(listen(name).unwrap_err().contains("this is a name"), "{name}");
        }
        for address in ["127.0.0.1:80", "[::1]:*", "10.0.0.0/8:1-2", "*:80"] {
            assert!(listen(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn a_denied_request_names_the_flag_that_grants_it() {
        let scheme = wasmote::cap::http::Scheme::Http;
        let told = explain_http(&http::Denied { scheme, authority: "example.com".into() });
        assert_eq!(
            told,
            "denied: sending a request to http://example.com is not granted: --allow-http example.com"
        );
        for authority in ["127.1:18190", "0x7f.1", "2130706433:80", "user@example.com", "[::1"] {
            let scheme = wasmote::cap::http::Scheme::Http;
            let told = explain_http(&http::Denied { scheme, authority: authority.into() });
            let is_taken = destination(authority).is_ok();
            assert_eq!(told.contains(&format!("--allow-http {authority}")), is_taken, "{told}");
            assert_eq!(told.contains("no --allow-http can grant that"), !is_taken, "{told}");
        }
        assert!(destination("127.1:18190").is_err());
        for (to, grant) in [
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("10.0.0.1:443", "10.0.0.1:443"),
            ("[fd00::1]:80", "[fd00::1]:80"),
        ] {
            let told = explain_inside(to);
            assert!(told.contains(to) && told.ends_with(&format!(": --allow-http {grant}")), "{told}");
            assert!(destination(grant).is_ok());
        }
        assert!(destination("ftp://example.com").is_err());
    }
}
