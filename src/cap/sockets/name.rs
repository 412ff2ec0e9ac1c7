//! Host names: what is one, and what it is in ASCII.

use alloc::{string::String, vec::Vec};

/// The name in ASCII and lower case, without a dot at its end, if it is a host name: labels of letters, digits,
/// hyphens and underscores (RFC 1123, 2.1), those with other letters as Punycode (RFC 5891).
///
/// A name that ends in a number is none: resolvers take `127.1`, `0x7f.0.0.1` and `2130706433` for addresses, past
/// every rule about addresses. Letters are lowered, and nothing else of Unicode is mapped: what is not composed, or
/// only looks like a letter, makes no name.
#[must_use]
pub fn to_ascii(name: &str) -> Option<String> {
    // No name of more characters fits; checked first, so that a long one costs nothing.
    if name.len() > 4 * NAME_BYTES_MAX {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels: Option<Vec<String>> = name.split('.').map(label).collect();
    let labels = labels?;
    let last = labels.last()?;
    let digits = last.strip_prefix("0x").unwrap_or(last);
    let is_number = digits.is_empty()
        || last.bytes().all(|byte| byte.is_ascii_digit())
        || (digits.len() < last.len() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let name = labels.join(".");
    (!is_number && name.len() <= NAME_BYTES_MAX).then_some(name)
}

/// Whether it names this machine (RFC 6761, 6.3).
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

fn label(text: &str) -> Option<String> {
    let lower: String = text.chars().flat_map(char::to_lowercase).collect();
    let lower = if lower.is_ascii() { lower } else { punycode(&lower)? };
    let fits = (1..=LABEL_BYTES_MAX).contains(&lower.len());
    let hyphens = lower.starts_with('-') || lower.ends_with('-');
    let letters = lower.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (fits && letters && !hyphens).then_some(lower)
}

/// RFC 3492, 6.3, with `xn--` in front. Nothing overflows: a label is short.
fn punycode(label: &str) -> Option<String> {
    let points: Vec<u32> = label.chars().map(u32::from).collect();
    let is_letter = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if points.len() > LABEL_BYTES_MAX || !label.chars().all(is_letter) {
        return None;
    }
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = out.len() as u32;
    if basic > 0 {
        out.push('-');
    }
    let (mut n, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72, basic);
    while (handled as usize) < points.len() {
        let next = points.iter().copied().filter(|&point| point >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for &point in &points {
            if point < n {
                delta = delta.checked_add(1)?;
            }
            if point == n {
                encode(delta, bias, &mut out);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(["xn--", &out].concat())
}

fn encode(delta: u32, bias: u32, out: &mut String) {
    let mut q = delta;
    for k in (36..).step_by(36) {
        let t = k_clamp(k, bias);
        if q < t {
            break;
        }
        out.push(digit(t + (q - t) % (36 - t)));
        q = (q - t) / (36 - t);
    }
    out.push(digit(q));
}

fn k_clamp(k: u32, bias: u32) -> u32 {
    if k <= bias { 1 } else { (k - bias).min(26) }
}

/// Punycode's digits: `a` to `z`, then `0` to `9`.
fn digit(value: u32) -> char {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    DIGITS.get(value as usize).map_or('a', |&digit| digit.into())
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lowered_and_encoded() {
        for (name, ascii) in [
            ("localhost", "localhost"),
            ("Example.COM.", "example.com"),
            ("_dns.a-b.c1", "_dns.a-b.c1"),
            ("münchen.de", "xn--mnchen-3ya.de"),
            ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("例え.jp", "xn--r8jz45g.jp"),
            ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
            // RFC 3492, 7.1 (L): digits, letters and others mixed.
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ] {
            assert_eq!(to_ascii(name).as_deref(), Some(ascii), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        let long = "a".repeat(64);
        let longer = ["a"; 128].join(".");
        for name in [
            "",
            ".",
            " ",
            "a.b<&>",
            "a..b",
            ".a",
            "-a",
            "a-",
            "a b",
            "127.0.0.1:80",
            "[::]:80",
            "::1",
            "http://example.com/",
            "a\0b",
            "a/b",
            "a@b",
            "e\u{301}.fr",
            "☃.net",
            &long,
            &longer,
        ] {
            assert_eq!(to_ascii(name), None, "{name}");
        }
    }

    /// N-09: what a resolver would take for an address.
    #[test]
    fn numbers_are_no_names() {
        for name in
            ["127.1", "2130706433", "0177.0.0.1", "0x7f.1", "0x7f000001", "a.0x", "1.2.3.4.5", "example.1"]
        {
            assert_eq!(to_ascii(name), None, "{name}");
        }
        for name in ["1.example", "0x7f.example", "a1", "0xyz"] {
            assert_eq!(to_ascii(name).as_deref(), Some(name));
        }
    }
}
