use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn rule(text: &str) -> Rule {
    text.parse().unwrap()
}

fn allows(rule_text: &str, address: &str) -> bool {
    rule(rule_text).allows(at(address), &Known::default())
}

#[test]
fn a_rule_covers_its_range_and_its_ports() {
    assert!(allows("10.0.0.0/8:80", "10.255.0.1:80"));
    assert!(!allows("10.0.0.0/8:80", "11.0.0.1:80"));
    assert!(!allows("10.0.0.0/8:80", "10.0.0.1:81"));
    assert!(allows("10.1.2.3:8000-8010", "10.1.2.3:8010"));
    assert!(!allows("10.1.2.3:8000-8010", "10.1.2.4:8010"));
    assert!(allows("0.0.0.0/0:*", "1.2.3.4:1"));
    assert!(!allows("0.0.0.0/0:*", "[2606::1]:1"), "version 6 is another matter");
    assert!(allows("[::/0]:*", "[2606::1]:1"));
    assert!(allows("[fd00::/8]:1", "[fdff::1]:1"));
    assert!(!allows("[fd00::/8]:1", "[fc00::1]:1"));
    assert!(allows("*:53", "[::1]:53") && allows("*:53", "8.8.8.8:53") && !allows("*:53", "8.8.8.8:54"));
}

/// N-09: version 4 wrapped into version 6 is version 4.
#[test]
fn wrapped_addresses_are_what_they_wrap() {
    for wrapped in ["[::ffff:127.0.0.1]:80", "[64:ff9b::127.0.0.1]:80"] {
        assert!(!allows("[::/0]:*", wrapped), "{wrapped}");
        assert!(allows("127.0.0.0/8:80", wrapped), "{wrapped}");
        assert!(!allows("10.0.0.0/8:80", wrapped), "{wrapped}");
    }
    assert!(allows("[::ffff:10.0.0.0/104]:80", "10.1.2.3:80"));
    assert!(allows("[64:ff9b::/96]:80", "1.2.3.4:80"));
}

#[test]
fn a_rule_says_ports() {
    for text in ["example.com", "[::1]", "10.0.0.0/8", "*"] {
        assert_eq!(text.parse::<Rule>(), Err(RuleError::NoPorts), "{text}");
    }
    for (text, error) in
        [("::1:80", RuleError::Brackets), ("a:65536", RuleError::Ports), ("2130706433:80", RuleError::Host)]
    {
        assert_eq!(text.parse::<Rule>(), Err(error), "{text}");
    }
}

/// N-09: DNS rebinding.
#[test]
fn a_name_lends_only_what_everybody_can_reach() {
    let policy = Policy::new().allow(Operation::OUT, &rule("api.example.com:443"));
    let mut known = Known::default();
    let tcp = |known: &Known, text| policy.allows(Operation::TcpConnect, at(text), known);
    assert!(policy.allows_name("api.example.com") && !policy.allows_name("example.com"));
    assert!(!tcp(&known, "93.184.216.34:443"), "not before it was looked up");
    let answers =
        ["93.184.216.34", "127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"];
    known.remember("api.example.com", &answers.map(ip));
    assert!(tcp(&known, "93.184.216.34:443"));
    assert!(!tcp(&known, "93.184.216.34:80"));
    for inside in ["127.0.0.1:443", "10.0.0.1:443", "169.254.169.254:443", "[::1]:443", "[fd00::1]:443"] {
        assert!(!tcp(&known, inside), "{inside}");
    }
    known.remember("other.example.com", &[ip("1.1.1.1")]);
    assert!(!tcp(&known, "1.1.1.1:443"), "the answer for another name");
    known.remember("api.example.com", &[ip("1.0.0.1")]);
    assert!(tcp(&known, "1.0.0.1:443") && !tcp(&known, "93.184.216.34:443"), "only the last answer counts");
}

#[test]
fn localhost_lends_the_loopback_and_nothing_else() {
    let policy = Policy::new().allow(Operation::OUT, &rule("localhost:80"));
    let mut known = Known::default();
    known.remember("localhost", &[ip("127.0.0.1"), ip("10.0.0.1")]);
    assert!(policy.allows(Operation::TcpConnect, at("127.0.0.1:80"), &known));
    assert!(!policy.allows(Operation::TcpConnect, at("10.0.0.1:80"), &known));
}

#[test]
fn a_star_stands_for_names_below() {
    let policy = Policy::new().allow(Operation::OUT, &rule("*.Example.com.:443"));
    assert!(policy.allows_name("a.example.com") && policy.allows_name("a.b.example.com"));
    for name in ["example.com", "evilexample.com", ".example.com", "example.com.evil.org"] {
        assert!(!policy.allows_name(name), "{name}");
    }
}

#[test]
fn a_name_is_one_however_a_rule_writes_it() {
    for text in ["münchen.example:*", "MÜNCHEN.Example.:*", "XN--mnchen-3ya.example:*"] {
        let policy = Policy::new().allow(Operation::OUT, &rule(text));
        assert!(policy.allows_name("xn--mnchen-3ya.example"), "{text}");
    }
}

#[test]
fn known_names_are_bounded() {
    let mut known = Known::default();
    for n in 0..10_000_u32 {
        known.remember(&alloc::format!("n{n}.example"), &[ip("1.1.1.1"); 1_000]);
    }
    assert_eq!(known.0.len(), Known::NAMES_MAX);
    assert!(known.0.iter().all(|(_, addresses)| addresses.len() == Known::ADDRESSES_MAX));
}

/// N-12: each operation needs its own grant.
#[test]
fn operations_do_not_imply_each_other() {
    for granted in Operation::ALL {
        let policy = Policy::new().allow([granted], &Rule::any());
        for asked in Operation::ALL {
            let allowed = policy.allows(asked, at("1.2.3.4:5"), &Known::default());
            assert_eq!(allowed, granted == asked, "{asked:?} by {granted:?}");
        }
    }
}
