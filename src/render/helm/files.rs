//! `.Files`

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use smol_str::SmolStr;

use super::chart::ChartFile;
use crate::glob::Glob;
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
                let matcher = Glob::new(text, Some('/'));
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
