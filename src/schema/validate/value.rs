//! Scalars: enums, patterns, ranges, lengths and formats.

use super::quantity::Quantity;
use super::{Validator, ViolationKind, format};
use crate::schema::node::{EnumValue, Flags, Limits, SchemaNode};
use crate::yaml::{Node, Resolved, Value};

impl<'n> Validator<'_, 'n> {
    pub(super) fn scalar(&mut self, schema: &SchemaNode, node: &'n Node, resolved: Resolved<'_>) {
        if !schema.format.is_empty() {
            self.format(&schema.format, node, resolved);
        }
        let Some(limits) = &schema.limits else { return };
        if self.in_status {
            return;
        }
        self.choice(limits, node, resolved);
        match resolved {
            Resolved::Str(text) => self.text(limits, node, text),
            Resolved::Int(number) => self.range(schema, limits, node, number as f64),
            Resolved::Uint(number) => self.range(schema, limits, node, number as f64),
            Resolved::Float(number) => self.range(schema, limits, node, number),
            Resolved::Bool(_) | Resolved::Null => {}
        }
    }

    fn choice(&mut self, limits: &Limits, node: &'n Node, resolved: Resolved<'_>) {
        if limits.values.is_empty() {
            return;
        }
        let found = match resolved {
            // To Kubernetes' own kinds an empty text is an absent one, which defaults fill in.
            Resolved::Str("") if self.native => true,
            Resolved::Str(text) => {
                limits.values.iter().any(|value| matches!(value, EnumValue::Text(known) if known == text))
            }
            _ => {
                let json = node.to_json().to_string();
                limits.values.iter().any(|value| matches!(value, EnumValue::Json(known) if *known == json))
            }
        };
        if found {
            return;
        }
        let described = self.describe(node);
        let values: Vec<&str> = limits
            .values
            .iter()
            .map(|value| match value {
                EnumValue::Text(text) | EnumValue::Json(text) => text.as_str(),
            })
            .collect();
        let words: Vec<String> = values.iter().take(12).map(|value| format!("`{value}`")).collect();
        let more = if values.len() > 12 { format!(" or {} others", values.len() - 12) } else { String::new() };
        self.report(ViolationKind::Value, node, |field| {
            format!("{field} must be one of {}{more}, found {described}", words.join(", "))
        });
        if let Resolved::Str(text) = resolved
            && let Some(near) = crate::finding::nearest(text, values.iter().copied())
        {
            self.help(Some(format!("did you mean `{near}`?")));
            self.replace(near.to_owned(), false);
        }
    }

    fn text(&mut self, limits: &Limits, node: &'n Node, text: &str) {
        if let Some(pattern) = &limits.pattern
            && pattern.is_match(text) == Some(false)
        {
            let found = self.describe(node);
            self.report(ViolationKind::Value, node, |field| {
                format!("{field} must match `{}`, found {found}", pattern.text)
            });
        }
        if limits.min_length.is_none() && limits.max_length.is_none() {
            return;
        }
        let length = text.chars().count();
        if let Some(least) = limits.min_length.filter(|least| length < *least as usize) {
            self.report(ViolationKind::Value, node, |field| match least {
                1 => format!("{field} must not be empty"),
                _ => format!("{field} must have at least {least} characters, found {length}"),
            });
        }
        if let Some(most) = limits.max_length.filter(|most| length > *most as usize) {
            self.report(ViolationKind::Value, node, |field| {
                format!("{field} must have at most {most} characters, found {length}")
            });
        }
    }

    fn range(&mut self, schema: &SchemaNode, limits: &Limits, node: &'n Node, number: f64) {
        let exclusive = |flag: Flags| schema.flags.has(flag);
        if let Some(least) = limits.minimum.map(|bits| bits.value()) {
            let above = exclusive(Flags::EXCLUSIVE_MINIMUM);
            if number < least || above && number == least {
                let words = if above { "greater than" } else { "at least" };
                self.report(ViolationKind::Value, node, |field| {
                    format!("{field} must be {words} {least}, found {number}")
                });
            }
        }
        if let Some(most) = limits.maximum.map(|bits| bits.value()) {
            let below = exclusive(Flags::EXCLUSIVE_MAXIMUM);
            if number > most || below && number == most {
                let words = if below { "less than" } else { "at most" };
                self.report(ViolationKind::Value, node, |field| {
                    format!("{field} must be {words} {most}, found {number}")
                });
            }
        }
        if let Some(step) = limits.multiple_of.map(|bits| bits.value()).filter(|step| *step > 0.0)
            && (number / step).fract() != 0.0
        {
            self.report(ViolationKind::Value, node, |field| {
                format!("{field} must be a multiple of {step}, found {number}")
            });
        }
    }

    fn format(&mut self, name: &str, node: &'n Node, resolved: Resolved<'_>) {
        match resolved {
            Resolved::Int(number) if name == "int32" && i32::try_from(number).is_err() => {
                self.report(ViolationKind::Value, node, |field| {
                    format!("{field} must fit 32 bits (-2147483648 to 2147483647), found {number}")
                });
            }
            Resolved::Uint(number) if matches!(name, "int32" | "int64") => {
                self.report(ViolationKind::Value, node, |field| format!("{field} is too large: {number}"));
            }
            Resolved::Str(text) if name == "byte" => {
                if let Err(what) = format::base64(text, self.native) {
                    self.report(ViolationKind::Base64, node, |field| format!("{field} must be base64: {what}"));
                }
            }
            Resolved::Str(text) => {
                // Kubernetes' own types know but two formats of text, and an empty time is none.
                if self.native && (name != "date-time" || text.is_empty()) {
                    return;
                }
                if let Some(expected) = format::wrong(name, text) {
                    let found = self.describe(node);
                    self.report(ViolationKind::Value, node, |field| {
                        format!("{field} must be {expected}, found {found}")
                    });
                }
            }
            _ => {}
        }
    }

    pub(super) fn quantity(&mut self, node: &'n Node) {
        let valid = match &node.value {
            Value::Scalar(scalar) => match scalar.resolve_kubernetes() {
                Resolved::Null | Resolved::Int(_) | Resolved::Uint(_) | Resolved::Float(_) => true,
                Resolved::Str(text) => Quantity::parse(text).is_some(),
                Resolved::Bool(_) => false,
            },
            _ => false,
        };
        if valid {
            return;
        }
        let found = self.describe(node);
        let scalar =
            matches!(&node.value, Value::Scalar(scalar) if matches!(scalar.resolve_kubernetes(), Resolved::Str(_)));
        let kind = if scalar { ViolationKind::Value } else { ViolationKind::Type };
        self.report(kind, node, |field| format!("{field} must be a quantity, found {found}"));
        let suggestion = node.as_str().and_then(Quantity::suggest);
        if let Some(suggestion) = &suggestion {
            self.replace(suggestion.clone(), false);
        }
        self.help(Some(match suggestion {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => "write a number and a suffix: `500m`, `0.5`, `128Mi`, `1Gi`".to_owned(),
        }));
    }
}
