//! What the command line grants of the network.

use crate::{run::Arguments, settings::Resolved, watch::Trace};
use std::fmt::Write as _;
use wasmote::{
    Host,
    backend::std as real,
    wasi::sockets::policy::{Denied, Operation, Policy, Rule},
};

/// Reads the value of an `--allow-net` or `--allow-listen`.
pub fn rule(text: &str) -> Result<Rule, String> {
    text.parse().map_err(|error: wasmote::wasi::sockets::policy::RuleError| error.to_string())
}

/// The platform's network, as far as `arguments` and `settings` go. Where they grant nothing of it, components have a
/// network of their own, which reaches nobody.
pub fn grant(host: Host, arguments: &Arguments, settings: &Resolved, trace: Option<&Trace>) -> Host {
    let mut policy = policy(&arguments.allow_net, &arguments.allow_listen, settings);
    if let Some(trace) = trace.cloned() {
        policy = policy.on_denied(move |denied| trace.line(&explain(denied)));
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
        Denied::Address(Operation::TcpConnect | Operation::UdpSend, at) => write!(line, "--allow-net {at}"),
        Denied::Address(Operation::TcpBind | Operation::UdpBind, at) => write!(line, "--allow-listen {at}"),
        Denied::Name(name) => write!(line, "--allow-net '{name}:*', or -S allow-ip-name-lookup"),
        Denied::Socket { tcp: true } => write!(line, "-S tcp=y"),
        Denied::Socket { tcp: false } => write!(line, "-S udp=y"),
        Denied::TooMany(open) => write!(line, "-S max-sockets={}", open.saturating_mul(2)),
    };
    line
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
        let told = explain(&Denied::Address(Operation::UdpBind, at));
        assert_eq!(told, "denied: binding UDP to [::1]:80 is not granted: --allow-listen [::1]:80");
        let told = explain(&Denied::Name("example.com".into()));
        assert!(told.ends_with("--allow-net 'example.com:*', or -S allow-ip-name-lookup"), "{told}");
        assert!(rule("example.com:*").is_ok());
    }
}
