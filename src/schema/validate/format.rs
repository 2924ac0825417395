//! The formats that an API server holds text to. Formats that it does not know say nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What `text` should be, if it is not of the format `name`.
pub(crate) fn wrong(name: &str, text: &str) -> Option<&'static str> {
    let (right, expected) = match name {
        "date-time" => (date_time(text), "a time like `2024-05-01T10:00:00Z`"),
        "date" => (date(text), "a date like `2024-05-01`"),
        "ipv4" => (text.parse::<Ipv4Addr>().is_ok(), "an IPv4 address"),
        "ipv6" => (text.parse::<Ipv6Addr>().is_ok(), "an IPv6 address"),
        "cidr" => (cidr(text), "a CIDR block like `10.0.0.0/8`"),
        "duration" => (duration(text), "a duration like `1h30m`"),
        "uuid" => (uuid(text), "a UUID"),
        "email" => (text.contains('@'), "an e-mail address"),
        "mac" => (mac(text), "a MAC address"),
        _ => return None,
    };
    (!right).then_some(expected)
}

/// Why `text` is not base64. Go's decoder, which reads Kubernetes' own kinds, passes over line breaks.
pub(crate) fn base64(text: &str, line_breaks: bool) -> Result<(), String> {
    let stripped: String;
    let text = if line_breaks && text.contains(['\n', '\r']) {
        stripped = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        stripped.as_str()
    } else {
        text
    };
    let alphabet = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    if let Some(place) = text.chars().position(|c| !alphabet(c)) {
        return Err(format!("character {} is not one of base64", place + 1));
    }
    STANDARD.decode(text).map(|_| ()).map_err(|error| match error {
        base64::DecodeError::InvalidByte(offset, _) => format!("character {} ends it", offset + 1),
        base64::DecodeError::InvalidLength(length) => format!("its length, {length}, is not a multiple of 4"),
        base64::DecodeError::InvalidLastSymbol(..) => "its last character has bits that are left over".to_owned(),
        base64::DecodeError::InvalidPadding => "its padding is wrong".to_owned(),
    })
}

fn date(text: &str) -> bool {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

fn date_time(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

fn cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// Durations as Go writes them, and those in words that the API server also takes: `3 days`.
pub(super) fn duration(text: &str) -> bool {
    if go_duration(text) {
        return true;
    }
    let mut any = false;
    for part in text.split([' ', ',']).filter(|part| !part.is_empty()) {
        let digits = part.trim_start_matches(|c: char| c.is_ascii_digit());
        const UNITS: &[&str] = &[
            "",
            "ns",
            "us",
            "µs",
            "ms",
            "s",
            "m",
            "h",
            "d",
            "w",
            "nano",
            "nanos",
            "nanosecond",
            "nanoseconds",
            "micro",
            "micros",
            "microsecond",
            "microseconds",
            "milli",
            "millis",
            "millisecond",
            "milliseconds",
            "sec",
            "secs",
            "second",
            "seconds",
            "min",
            "mins",
            "minute",
            "minutes",
            "hr",
            "hour",
            "hours",
            "day",
            "days",
            "wk",
            "week",
            "weeks",
        ];
        if !UNITS.contains(&digits) {
            return false;
        }
        any = true;
    }
    any
}

/// Durations as Go's `time.ParseDuration` takes them: `1h30m`, `1.5s`, `0`.
pub(crate) fn go_duration(text: &str) -> bool {
    crate::schema::cel::parse_duration(text).is_some()
}

/// The minutes of a duration as Go writes it.
pub(crate) fn go_duration_minutes(text: &str) -> Option<f64> {
    crate::schema::cel::parse_duration(text).map(|nanoseconds| nanoseconds as f64 / 60e9)
}

fn uuid(text: &str) -> bool {
    let hex: Vec<&str> = text.split('-').collect();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hex.as_slice() {
        [one] => one.len() == 32 && digits(one),
        parts => parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| digits(part)),
    }
}

fn mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    matches!(parts.len(), 6 | 8 | 20)
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for text in ["1h30m", "1.5s", "0", "10ms", "-1m", "100µs"] {
            assert!(go_duration(text), "{text}");
        }
        let long = format!("{}h", "9".repeat(38));
        for text in ["", "5", "1d", "1h 30m", "h", "1..5s", &long] {
            assert!(!go_duration(text), "{text}");
        }
        assert!(duration("3 days"));
    }

    #[test]
    fn base64_says_what_is_wrong() {
        assert_eq!(base64("aGk=", true), Ok(()));
        assert_eq!(base64("aG\nk=", true), Ok(()));
        assert_eq!(base64("AgBvY29...", true), Err("character 8 is not one of base64".to_owned()));
    }
}
