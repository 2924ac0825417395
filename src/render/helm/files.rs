//! `.Files`

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use regex::Regex;
use smol_str::SmolStr;

use super::chart::ChartFile;
use crate::render::template::{Call, FunctionError, Map, Object, Param, Value, bytes, print};
use crate::source::base_name;

/// The files of a chart that templates may read.
pub(super) struct Files(BTreeMap<String, Arc<ChartFile>>);

impl Files {
    pub(super) fn new(files: &[Arc<ChartFile>]) -> Files {
        Files(files.iter().map(|file| (file.name.clone(), file.clone())).collect())
    }

    fn get(&self, name: &str) -> &[u8] {
        self.0.get(name).map_or(&[], |file| file.bytes())
    }

    fn by_base_name(&self, content: impl Fn(&ChartFile) -> SmolStr) -> Value {
        let map = Map::new();
        for (name, file) in &self.0 {
            map.insert(base_name(name), Value::String(content(file)));
        }
        Value::Map(map)
    }
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn method(&self, name: &str, _: &mut Call<'_>, args: &[Value]) -> Option<Result<Value, FunctionError>> {
        let text = args.first().and_then(Value::as_str).unwrap_or_default();
        Some(Ok(match name {
            "Get" => Value::String(bytes::text(self.get(text))),
            "GetBytes" => Value::Bytes(self.get(text).into()),
            "Glob" => {
                let matcher = glob(text);
                let chosen = self.0.iter().filter(|(name, _)| matcher.as_ref().is_none_or(|glob| glob.is_match(name)));
                let chosen = chosen.map(|(name, file)| (name.clone(), file.clone())).collect();
                Value::Object(std::rc::Rc::new(Files(chosen)))
            }
            "AsConfig" => super::functions::to_yaml(&self.by_base_name(ChartFile::text)).into(),
            "AsSecrets" => super::functions::to_yaml(
                &self.by_base_name(|file| SmolStr::new(base64::engine::general_purpose::STANDARD.encode(file.bytes()))),
            )
            .into(),
            "Lines" => match bytes::text(self.get(text)).as_str() {
                "" => Value::strings(Vec::<&str>::new()),
                text => Value::strings(text.strip_suffix('\n').unwrap_or(text).split('\n')),
            },
            // To Go it is a map of bytes.
            _ if args.is_empty() => Value::Bytes(self.get(name).into()),
            _ => return None,
        }))
    }

    fn params(&self, method: &str) -> Option<&'static [Param]> {
        match method {
            "Get" | "GetBytes" | "Glob" | "Lines" => Some(&[Param::String]),
            "AsConfig" | "AsSecrets" => Some(&[]),
            _ => None,
        }
    }

    fn print(&self) -> String {
        let bytes = |file: &ChartFile| print::sprint(&Value::Bytes(file.bytes().into()));
        let entries: Vec<String> = self.0.iter().map(|(name, file)| format!("{name}:{}", bytes(file))).collect();
        format!("map[{}]", entries.join(" "))
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        Some(self.0.iter().map(|(name, file)| (name.as_str().into(), Value::Bytes(file.bytes().into()))).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A pattern of gobwas/glob with `/` as separator; `None` for a malformed one, which matches everything.
fn glob(pattern: &str) -> Option<Regex> {
    let mut out = String::from("^(?s)");
    let mut chars = pattern.chars().peekable();
    let mut alternatives = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                while chars.peek() == Some(&'*') {
                    chars.next();
                }
                out.push_str(".*");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '{' => {
                alternatives += 1;
                out.push_str("(?:");
            }
            '}' if alternatives > 0 => {
                alternatives -= 1;
                out.push(')');
            }
            ',' if alternatives > 0 => out.push('|'),
            '[' => {
                out.push('[');
                if chars.peek() == Some(&'!') {
                    chars.next();
                    out.push('^');
                }
                loop {
                    match chars.next()? {
                        ']' => break,
                        c @ ('[' | '\\' | '&' | '~') => {
                            out.push('\\');
                            out.push(c);
                        }
                        c => out.push(c),
                    }
                }
                out.push(']');
            }
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push('$');
    if alternatives > 0 {
        return None;
    }
    Regex::new(&out).ok()
}
