//! Text that may hold any bytes, as Go's strings may.
//!
//! A byte that is no part of valid UTF-8 is kept as the private character U+10FF00 plus the byte; [`of`] gives the
//! bytes back. Those 128 characters of Unicode's last private plane are the price.

use std::borrow::Cow;

use smol_str::SmolStr;

const FIRST: u32 = 0x10_FF80;
const LAST: u32 = 0x10_FFFF;

/// The text of `bytes`.
pub fn text(bytes: &[u8]) -> SmolStr {
    match std::str::from_utf8(bytes) {
        Ok(text) => SmolStr::new(text),
        Err(_) => {
            let mut out = String::with_capacity(bytes.len() + 16);
            for chunk in bytes.utf8_chunks() {
                out.push_str(chunk.valid());
                out.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(0x10_FF00 + u32::from(*byte))));
            }
            SmolStr::new(out)
        }
    }
}

/// The bytes of `text`.
pub fn of(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&0xF4) || !text.chars().any(is_byte) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        if is_byte(c) {
            out.push((c as u32 - 0x10_FF00) as u8);
        } else {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }
    Cow::Owned(out)
}

fn is_byte(c: char) -> bool {
    (FIRST..=LAST).contains(&(c as u32))
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_that_are_not_text_come_back_as_they_were() {
        let bytes: Vec<u8> = (0..=255).chain("ä€😀".bytes()).collect();
        assert_eq!(super::of(&super::text(&bytes)).as_ref(), bytes.as_slice());
    }
}
