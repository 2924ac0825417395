//! Quantities of resources: `500m`, `1.5Gi`, `1e3`.

/// A quantity: `digits × 10^decimal × 2^binary`, and its sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    value: f64,
}

/// Suffixes and what they multiply by.
const SUFFIXES: &[(&str, f64)] = &[
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("", 1.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

impl Quantity {
    /// The quantity that `text` is, if it is one: a decimal number, then a suffix or an exponent.
    pub fn parse(text: &str) -> Option<Quantity> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let dots = number.matches('.').count();
        if dots > 1 || number.len() == dots {
            return None;
        }
        let mut value: f64 = number.trim_end_matches('.').parse().or_else(|_| format!("0{number}").parse()).ok()?;
        match SUFFIXES.iter().find(|(known, _)| *known == suffix) {
            Some((_, factor)) => value *= factor,
            None => {
                let exponent = suffix.strip_prefix(['e', 'E'])?;
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                value *= 10f64.powi(exponent.parse().ok()?);
            }
        }
        Some(Quantity { value: if text.starts_with('-') { -value } else { value } })
    }

    /// The quantity of a number.
    pub(crate) fn of(value: f64) -> Quantity {
        Quantity { value }
    }

    /// The quantity that was probably meant: `128mb` is `128M`, `1GB` is `1G`.
    pub fn suggest(text: &str) -> Option<String> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let suffix = suffix.trim().to_ascii_lowercase();
        let stem = suffix.strip_suffix('b').unwrap_or(&suffix);
        let stem = match stem {
            "k" => "k",
            "m" if suffix.ends_with('b') => "M",
            "g" => "G",
            "t" => "T",
            "ki" => "Ki",
            "mi" => "Mi",
            "gi" => "Gi",
            "ti" => "Ti",
            _ => return None,
        };
        let suggestion = format!("{number}{stem}");
        Quantity::parse(&suggestion).map(|_| suggestion)
    }

    /// The value in the unit of the resource: cores, bytes. Exact to 15 digits.
    pub fn value(self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_numbers_with_a_suffix_or_an_exponent() {
        for (text, value) in [
            ("500m", 0.5),
            ("1", 1.0),
            ("0.5", 0.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("1Gi", 1_073_741_824.0),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("12E", 12e18),
            ("+1k", 1000.0),
            ("-1", -1.0),
        ] {
            assert_eq!(Quantity::parse(text).map(Quantity::value), Some(value), "{text}");
        }
    }

    #[test]
    fn what_kubernetes_refuses_is_no_quantity() {
        for text in ["", "m", "1 Gi", "1GB", "128mb", "1,5", "1.2.3", "one", "1K", "1e", "--1", "{{x}}"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
        assert_eq!(Quantity::suggest("128mb").as_deref(), Some("128M"));
        assert_eq!(Quantity::suggest("1 GiB").as_deref(), Some("1Gi"));
    }
}
