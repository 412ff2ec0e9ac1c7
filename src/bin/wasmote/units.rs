//! Numbers as people write them on a command line: counts, sizes, times.

use std::time::Duration;

/// A whole number; `_` may group its digits.
pub fn count(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` is no whole number"));
    }
    digits.parse().map_err(|_| format!("`{text}` is too large: at most {}", u64::MAX))
}

/// A number of bytes: `65536`, `64k`, `64KiB`, `2M`, `1G`. Each step is 1024 times the one before.
pub fn bytes(text: &str) -> Result<u64, String> {
    const HELP: &str = "write bytes as 65536, 64k, 2M or 1G";
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(format!("`{text}` is no size: {HELP}")),
    };
    let number = count(digits).map_err(|_| format!("`{text}` is no size: {HELP}"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large: at most {} bytes", u64::MAX))
}

/// A span of time: `500ms`, `2s`, `1.5s`, `3m`, `1h`. A bare number is of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time: write 500ms, 2s, 1.5s, 3m or 1h");
    let number = text.trim_end_matches(|char: char| char.is_alphabetic());
    let unit_ns: u64 = match &text[number.len()..] {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = count(whole).map_err(|_| wrong())?;
    // Nine digits say nanoseconds of a second, and more than that nobody means.
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(9));
    let fraction = fraction.parse::<u128>().map_err(|_| wrong())?;
    let total = u128::from(whole) * u128::from(unit_ns) + fraction * u128::from(unit_ns) / scale;
    let total = u64::try_from(total).map_err(|_| format!("`{text}` is too long: at most 584 years"))?;
    Ok(Duration::from_nanos(total))
}

/// A span of time in which something can happen.
pub fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("in no time nothing happens: write 500ms, 2s, 1m".into()),
        time => Ok(time),
    }
}

/// `bytes`, short enough for a person.
pub fn show_bytes(bytes: u64) -> String {
    const STEPS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (step, name) in STEPS {
        if bytes >= step {
            let tenths = u128::from(bytes) * 10 / u128::from(step);
            return match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                tenth => format!("{}.{tenth} {name}", tenths / 10),
            };
        }
    }
    format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_count_in_powers_of_two() {
        assert_eq!(bytes("65536"), Ok(65_536));
        assert_eq!(bytes("64k"), bytes("64KiB"));
        assert_eq!(bytes("2M"), Ok(2 << 20));
        assert_eq!(bytes("1G"), Ok(1 << 30));
        for wrong in ["", "k", "-1", "1.5M", "1T", "1 M", "0x10", "99999999999999999999", "17179869184G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_exact_to_the_nanosecond() {
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("0.000000001s"), Ok(Duration::from_nanos(1)));
        assert_eq!(duration("10us"), duration("10µs"));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in
            ["", "s", "-1s", "1.s", ".5s", "1d", "1e3s", "inf", "NaN", "99999999999h", "1.0000000001s"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_read_back_short() {
        assert_eq!((show_bytes(0), show_bytes(1)), ("0 bytes".into(), "1 byte".into()));
        assert_eq!(show_bytes(65_536), "64 KiB");
        assert_eq!(show_bytes(1_600), "1.5 KiB");
        assert_eq!(show_bytes(u64::MAX), "17179869183.9 GiB");
    }
}
