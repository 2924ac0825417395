//! A jq path expression in, the places of an object that it names out.
//!
//! Argo CD gives an expression a second. Here nothing can be stopped once it runs, so what may run for ever is not
//! accepted in the first place: no real expression that names fields needs it.

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::Value;

/// The longest expression.
const LONGEST: usize = 4096;
/// So many places one expression may name in one object.
const MOST: usize = 100_000;

/// What may run without end, reads something else than the object, or ends the process.
const REFUSED: [&str; 21] = [
    "combinations",
    "debug",
    "def",
    "env",
    "halt",
    "halt_error",
    "import",
    "include",
    "infinite",
    "input",
    "input_filename",
    "input_line_number",
    "inputs",
    "limit",
    "range",
    "recurse",
    "repeat",
    "stderr",
    "until",
    "walk",
    "while",
];

/// An expression that names fields: `.spec.template.spec.containers[] | select(.name == "web") | .image`.
pub(super) struct Expression(Filter<JustLut<Val>>);

/// One step of the way to a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A key of an object.
    Key(String),
    /// A position in a list.
    Index(usize),
}

impl Expression {
    /// Reads `text`.
    ///
    /// # Errors
    /// When it is no expression, or one that is not accepted.
    pub(super) fn parse(text: &str) -> Result<Expression, String> {
        if text.len() > LONGEST {
            return Err(format!("an expression of {} characters is too long; it may have {LONGEST}", text.len()));
        }
        if let Some(word) = words(text).find(|word| REFUSED.contains(word)) {
            return Err(format!("`{word}` is not accepted in `{text}`"));
        }
        let code = format!("path({text})");
        let fault = || format!("`{text}` is no jq path expression");
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(definitions).load(&arena, File { code: code.as_str(), path: () });
        let modules = modules.map_err(|_| fault())?;
        let filter = Compiler::default().with_funs(functions).compile(modules).map_err(|_| fault())?;
        Ok(Expression(filter))
    }

    /// The places that it names in `object`.
    ///
    /// # Errors
    /// When it does not fit the object: it then names nothing.
    pub(super) fn places(&self, object: &Value) -> Result<Vec<Vec<Step>>, String> {
        let text = object.to_string();
        let input = read::parse_single(text.as_bytes()).map_err(|error| error.to_string())?;
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let mut places = Vec::new();
        for place in self.0.id.run((context, input)).map(unwrap_valr) {
            let place = place.map_err(|error| error.to_string())?;
            if places.len() >= MOST {
                return Err(format!("it names more than {MOST} places"));
            }
            places.extend(resolved(&place, object));
        }
        Ok(places)
    }
}

/// The words of an expression that may be names of functions: not those after a dot or in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            if first == '"' {
                // A text may hold expressions of its own: then it is searched too.
                rest = match quoted(&rest[1..]) {
                    Some((text, after)) if !text.contains("\\(") => after,
                    _ => &rest[1..],
                };
                continue;
            }
            let is_part = |character: char| character.is_alphanumeric() || character == '_';
            let length = |text: &str| text.find(|character| !is_part(character)).unwrap_or(text.len());
            if first == '.' {
                let after = &rest[1..];
                rest = &after[length(after)..];
                continue;
            }
            if !is_part(first) {
                rest = &rest[first.len_utf8()..];
                continue;
            }
            let (word, after) = rest.split_at(length(rest));
            rest = after;
            return Some(word);
        }
    })
}

/// What stands before the next quotation mark that ends a text, and what comes after it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, character)| {
        let ends = *character == '"' && !escaped;
        escaped = *character == '\\' && !escaped;
        ends
    });
    let (end, _) = end?;
    Some((&text[..end], &text[end + 1..]))
}

/// A path of jq as the steps to what is there; `None` where nothing is. Slices are left out: they name no field.
fn resolved(path: &Val, object: &Value) -> Option<Vec<Step>> {
    let Ok(Value::Array(path)) = serde_json::from_str(&path.to_string()) else { return None };
    let mut at = object;
    let mut steps = Vec::with_capacity(path.len());
    for step in path {
        match (&step, at) {
            (Value::String(key), Value::Object(fields)) => {
                at = fields.get(key)?;
                steps.push(Step::Key(key.clone()));
            }
            (Value::Number(position), Value::Array(items)) => {
                let position = position.as_i64()?;
                let from_end = || items.len().checked_sub(usize::try_from(position.unsigned_abs()).ok()?);
                let index = if position < 0 { from_end()? } else { usize::try_from(position).ok()? };
                at = items.get(index)?;
                steps.push(Step::Index(index));
            }
            _ => return None,
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(text: &str, object: &Value) -> Vec<String> {
        let places = Expression::parse(text).expect("it is accepted").places(object).expect("it fits");
        let shown = |step: &Step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
        };
        places.iter().map(|place| place.iter().map(shown).collect::<Vec<_>>().join("/")).collect()
    }

    #[test]
    fn an_expression_names_the_fields_that_are_there() {
        let object = json!({"spec": {"replicas": 3, "containers": [{"name": "web", "image": "a"},
            {"name": "istio-proxy", "image": "b", "env": [{"name": "X_ID"}, {"name": "Y"}]}]}});
        assert_eq!(places(".spec.replicas", &object), ["spec/replicas"]);
        assert_eq!(places(".spec.missing.deeper", &object), Vec::<String>::new());
        assert_eq!(
            places(".spec.containers[] | select(.name == \"web\") | .image", &object),
            ["spec/containers/0/image"]
        );
        assert_eq!(places(".spec.containers[-1].image", &object), ["spec/containers/1/image"]);
        let tested = places(".spec.containers[].env[]? | select(.name | test(\"^X_\"))", &object);
        assert_eq!(tested, ["spec/containers/1/env/0"]);
        assert_eq!(places(".spec.containers[]?.image, .spec.replicas", &object).len(), 3);
        assert_eq!(places(".. | .image? | select(. == \"b\")", &object), ["spec/containers/1/image"]);
    }

    #[test]
    fn an_expression_that_does_not_fit_names_nothing() {
        let expression = Expression::parse(".spec.replicas[]").expect("it is accepted");
        assert!(expression.places(&json!({"spec": {"replicas": 3}})).is_err());
    }

    #[test]
    fn what_may_run_for_ever_is_not_accepted() {
        for text in ["until(false; .)", "def f: f; f", ".a | range(1; infinite)", "repeat(.a)", ".a[", "nonsense(.a)"] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
        assert!(Expression::parse(".a | select(.b == \"\\(until(false; .))\")").is_err());
        assert!(Expression::parse(".spec.limit, .spec.env[]?").is_ok(), "fields may have any name");
        assert!(Expression::parse(".a | select(.name == \"input\")").is_ok(), "and values any text");
    }
}
