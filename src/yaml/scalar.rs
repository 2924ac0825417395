//! What a scalar's text means, as go-yaml decides it.

use smol_str::SmolStr;

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// `text`
    Plain,
    /// `'text'`
    Single,
    /// `"text"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// The explicit tag of a scalar, as far as it changes what the scalar means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tag {
    /// No tag: the text decides.
    None,
    /// `!!str`, or `!` alone.
    Str,
    /// `!!int`
    Int,
    /// `!!float`
    Float,
    /// `!!bool`
    Bool,
    /// `!!null`
    Null,
    /// `!!binary`: base64 text.
    Binary,
    /// `!!timestamp`
    Timestamp,
    /// A tag that neither kustomize nor Kubernetes knows; the text is a string.
    Other,
}

/// A scalar: its text after unquoting and folding, how it was written, and its tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scalar {
    /// The text, unquoted and unfolded.
    pub text: SmolStr,
    /// How it was written.
    pub style: Style,
    /// Its explicit tag.
    pub tag: Tag,
}

/// What a scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolved<'a> {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// An integer that only fits 64 bits without sign.
    Uint(u64),
    /// A floating-point number; may be infinite or not a number.
    Float(f64),
    /// Text.
    Str(&'a str),
}

impl Scalar {
    /// A plain scalar that nothing tags.
    pub fn plain(text: impl Into<SmolStr>) -> Scalar {
        Scalar { text: text.into(), style: Style::Plain, tag: Tag::None }
    }

    /// A scalar that is text whatever it looks like.
    pub fn string(text: impl Into<SmolStr>) -> Scalar {
        Scalar { text: text.into(), style: Style::Plain, tag: Tag::Str }
    }

    /// What the scalar means to go-yaml v3, which kustomize reads with: `yes` and `on` are text, `010` is 8.
    /// What looks like a date is text here.
    pub fn resolve(&self) -> Resolved<'_> {
        match self.tag {
            Tag::None if self.style == Style::Plain => resolve_plain(&self.text),
            Tag::Int | Tag::Float | Tag::Bool | Tag::Null => resolve_tagged(self.tag, &self.text),
            _ => Resolved::Str(&self.text),
        }
    }

    /// What the scalar means to sigs.k8s.io/yaml, which Argo CD, Helm and kubectl read manifests with: as
    /// [`Scalar::resolve`], but `yes`, `on`, `y` and their kin are booleans.
    pub fn resolve_kubernetes(&self) -> Resolved<'_> {
        match self.resolve() {
            Resolved::Str(text) if self.style == Style::Plain && self.tag == Tag::None => match text {
                "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Resolved::Bool(true),
                "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Resolved::Bool(false),
                _ => Resolved::Str(text),
            },
            resolved => resolved,
        }
    }

    /// Whether the scalar is text to kustomize.
    pub fn is_string(&self) -> bool {
        matches!(self.resolve(), Resolved::Str(_))
    }
}

fn resolve_tagged(tag: Tag, text: &str) -> Resolved<'_> {
    match (tag, resolve_plain(text)) {
        (Tag::Null, _) => Resolved::Null,
        (Tag::Float, Resolved::Int(n)) => Resolved::Float(n as f64),
        (Tag::Float, Resolved::Uint(n)) => Resolved::Float(n as f64),
        (_, resolved) => resolved,
    }
}

/// The meaning of untagged plain text.
pub(crate) fn resolve_plain(text: &str) -> Resolved<'_> {
    let Some(&first) = text.as_bytes().first() else { return Resolved::Null };
    match first {
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' => match text {
            "~" | "null" | "Null" | "NULL" => Resolved::Null,
            "true" | "True" | "TRUE" => Resolved::Bool(true),
            "false" | "False" | "FALSE" => Resolved::Bool(false),
            _ => Resolved::Str(text),
        },
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
            _ => float(text).map_or(Resolved::Str(text), Resolved::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Resolved::Str(text),
    }
}

fn number(text: &str) -> Resolved<'_> {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let stripped;
    let plain = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    let (negative, digits) = match plain.as_bytes().first() {
        Some(b'-') => (true, &plain[1..]),
        Some(b'+') => (false, &plain[1..]),
        _ => (false, plain),
    };
    let radix = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => Some((16, &digits[2..])),
        [b'0', b'b' | b'B', ..] => Some((2, &digits[2..])),
        [b'0', b'o' | b'O', ..] => Some((8, &digits[2..])),
        [b'0', _, ..] => Some((8, &digits[1..])),
        _ => Some((10, digits)),
    };
    if let Some((radix, digits)) = radix
        && !digits.is_empty()
        && digits.bytes().all(|b| (b as char).is_digit(radix))
        && let Ok(magnitude) = u64::from_str_radix(digits, radix)
    {
        if negative {
            if magnitude <= i64::MAX as u64 + 1 {
                return Resolved::Int((magnitude as i64).wrapping_neg());
            }
        } else if let Ok(value) = i64::try_from(magnitude) {
            return Resolved::Int(value);
        } else {
            return Resolved::Uint(magnitude);
        }
    }
    float(plain).map_or(Resolved::Str(text), Resolved::Float)
}

/// YAML's floats: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn float(text: &str) -> Option<f64> {
    let mut bytes = text.as_bytes();
    if let [b'+' | b'-', rest @ ..] = bytes {
        bytes = rest;
    }
    let whole = digits(&mut bytes);
    let mut fraction = 0;
    if let [b'.', rest @ ..] = bytes {
        bytes = rest;
        fraction = digits(&mut bytes);
    }
    if whole + fraction == 0 {
        return None;
    }
    if let [b'e' | b'E', rest @ ..] = bytes {
        bytes = rest;
        if let [b'+' | b'-', rest @ ..] = bytes {
            bytes = rest;
        }
        if digits(&mut bytes) == 0 {
            return None;
        }
    }
    if !bytes.is_empty() {
        return None;
    }
    // go's ParseFloat refuses what overflows, and go-yaml then keeps the text.
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn digits(bytes: &mut &[u8]) -> usize {
    let count = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    *bytes = &bytes[count..];
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_go_yaml_makes_of_them() {
        for (text, expected) in [
            ("0o17", Resolved::Int(15)),
            ("010", Resolved::Int(8)),
            ("08", Resolved::Float(8.0)),
            ("0x1F", Resolved::Int(31)),
            ("0b101", Resolved::Int(5)),
            ("1e3", Resolved::Float(1000.0)),
            ("1_000", Resolved::Int(1000)),
            ("-9223372036854775808", Resolved::Int(i64::MIN)),
            ("18446744073709551615", Resolved::Uint(u64::MAX)),
            ("+12", Resolved::Int(12)),
            (".5", Resolved::Float(0.5)),
            ("1.", Resolved::Float(1.0)),
            ("1.2.3", Resolved::Str("1.2.3")),
            ("2024-01-02", Resolved::Str("2024-01-02")),
            ("0x", Resolved::Str("0x")),
            ("-", Resolved::Str("-")),
            (".", Resolved::Str(".")),
            ("1e400", Resolved::Str("1e400")),
        ] {
            assert_eq!(Scalar::plain(text).resolve(), expected, "{text}");
        }
    }

    #[test]
    fn yes_and_on_are_booleans_to_kubernetes_only() {
        for text in ["yes", "on", "Y", "No", "OFF"] {
            assert_eq!(Scalar::plain(text).resolve(), Resolved::Str(text));
            assert!(matches!(Scalar::plain(text).resolve_kubernetes(), Resolved::Bool(_)));
        }
        let quoted = Scalar { style: Style::Double, ..Scalar::plain("yes") };
        assert_eq!(quoted.resolve_kubernetes(), Resolved::Str("yes"));
    }
}
