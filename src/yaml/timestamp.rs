//! What go-yaml takes for a date, and what it makes of it.

/// The RFC 3339 form of `text` if go-yaml reads it as a date: `2024-01-02` is `2024-01-02T00:00:00Z`.
pub(crate) fn normalize(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut rest = Rest(&bytes[5..]);
    let month = rest.number(2)?;
    rest.byte(b'-')?;
    let day = rest.number(2)?;
    let year: u32 = text.get(..4)?.parse().ok()?;
    if !(1..=12).contains(&month) || day < 1 || day > days(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.0.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let zoned = match rest.take()? {
        b'T' | b't' => true,
        b' ' => false,
        _ => return None,
    };
    let hour = rest.number(2)?;
    rest.byte(b':')?;
    let minute = rest.number(2)?;
    rest.byte(b':')?;
    let second = rest.number(2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = String::new();
    if matches!(rest.0.first(), Some(b'.' | b',')) {
        rest.take();
        let digits = rest.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        fraction = String::from_utf8_lossy(&rest.0[..digits.min(9)]).trim_end_matches('0').to_owned();
        rest.0 = &rest.0[digits..];
    }
    let zone = if zoned { rest.zone()? } else { "Z".to_owned() };
    if !rest.0.is_empty() {
        return None;
    }
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{dot}{fraction}{zone}"))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        (self.take()? == expected).then_some(())
    }

    /// Up to `most` digits, at least one.
    fn number(&mut self, most: usize) -> Option<u32> {
        let count = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let value = self.0[..count].iter().fold(0, |value, b| value * 10 + u32::from(b - b'0'));
        self.0 = &self.0[count..];
        Some(value)
    }

    fn zone(&mut self) -> Option<String> {
        let sign = self.take()?;
        if sign == b'Z' {
            return Some("Z".to_owned());
        }
        if !matches!(sign, b'+' | b'-') || self.0.len() < 5 {
            return None;
        }
        let hours = self.number(2)?;
        self.byte(b':')?;
        let minutes = self.number(2)?;
        if hours > 24 || minutes > 60 {
            return None;
        }
        if hours == 0 && minutes == 0 {
            return Some("Z".to_owned());
        }
        Some(format!("{}{hours:02}:{minutes:02}", sign as char))
    }
}
