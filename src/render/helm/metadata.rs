//! `Chart.yaml`

use crate::origin::Mark;
use crate::render::template::sprig::versions::Version;
use crate::render::template::{Map, Value, is_print, print};
use crate::yaml::{Node, Resolved};

/// What a chart says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata {
    pub name: String,
    pub version: String,
    pub api_version: String,
    pub kube_version: String,
    pub kind: String,
    pub dependencies: Vec<Dependency>,
    pub mark: Option<Mark>,
    /// What templates see as `.Chart`, but for the name and the dependencies.
    pub node: Option<Node>,
}

/// One of `dependencies`.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub name: String,
    pub version: String,
    pub repository: String,
    pub condition: String,
    pub tags: Vec<String>,
    pub enabled: bool,
    /// Texts, or maps of `child` and `parent`.
    pub import_values: Vec<Import>,
    pub alias: String,
    pub mark: Mark,
}

/// One of `import-values`.
#[derive(Debug, Clone)]
pub(super) enum Import {
    /// A key below `exports`.
    Export(String),
    /// A table of the child and where it goes.
    Table { child: String, parent: String },
}

/// A scalar as the text of a Go string field; numbers and booleans become text on the way.
pub(super) fn text_of(node: &Node) -> Option<String> {
    let scalar = node.as_scalar()?;
    Some(match scalar.resolve_kubernetes() {
        Resolved::Null => String::new(),
        Resolved::Bool(value) => value.to_string(),
        Resolved::Int(value) => value.to_string(),
        Resolved::Uint(value) => value.to_string(),
        Resolved::Float(value) => print::float(value),
        Resolved::Str(text) => text.to_owned(),
    })
}

fn sanitized(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| is_print(*c)).collect()
}

impl Metadata {
    /// Reads `root`, and further documents' `dependencies` for a chart of the old kind.
    ///
    /// # Errors
    /// Helm's words, and the place.
    pub(super) fn read(root: &Node, file: Mark) -> Result<Metadata, (String, Mark)> {
        if root.as_mapping().is_none() {
            let what = "cannot load Chart.yaml: error unmarshaling JSON: json: cannot unmarshal value into Go value of \
                        type v2.Metadata";
            return Err((what.to_owned(), root.mark()));
        }
        let field = |key: &str| match root.get(key) {
            None => Ok(String::new()),
            Some(node) => text_of(node).map(|text| sanitized(&text)).ok_or_else(|| {
                let what = format!("cannot load Chart.yaml: {key} is no text");
                (what, node.mark())
            }),
        };
        let mut metadata = Metadata {
            name: field("name")?,
            version: field("version")?,
            api_version: field("apiVersion")?,
            kube_version: field("kubeVersion")?,
            kind: field("type")?,
            dependencies: Vec::new(),
            mark: Some(file),
            node: Some(root.clone()),
        };
        if metadata.api_version.is_empty() {
            metadata.api_version = "v1".to_owned();
        }
        metadata.add_dependencies(root)?;
        Ok(metadata)
    }

    /// Takes the dependencies of `root`: Chart.yaml, or requirements.yaml of a chart of the old kind.
    pub(super) fn add_dependencies(&mut self, root: &Node) -> Result<(), (String, Mark)> {
        let Some(list) = root.get("dependencies").filter(|node| !node.is_null()) else { return Ok(()) };
        self.dependencies.clear();
        for item in list.items() {
            if item.as_mapping().is_none() {
                return Err(("validation: dependencies must not contain empty or null nodes".to_owned(), item.mark()));
            }
            let field = |key: &str| item.get(key).and_then(text_of).map(|text| sanitized(&text)).unwrap_or_default();
            let imports = item.get("import-values").map(Node::items).unwrap_or_default();
            let dependency = Dependency {
                name: field("name"),
                version: field("version"),
                repository: field("repository"),
                condition: field("condition"),
                tags: item.get("tags").map(Node::items).unwrap_or_default().iter().filter_map(text_of).collect(),
                enabled: false,
                import_values: imports
                    .iter()
                    .filter_map(|import| match import.as_mapping() {
                        Some(_) => Some(Import::Table {
                            child: import.get("child").and_then(text_of)?,
                            parent: import.get("parent").and_then(text_of)?,
                        }),
                        None => import.as_str().map(|name| Import::Export(name.to_owned())),
                    })
                    .collect(),
                alias: field("alias"),
                mark: item.mark(),
            };
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !dependency.alias.chars().all(good) {
                let what =
                    format!("validation: dependency \"{}\" has disallowed characters in the alias", dependency.name);
                return Err((what, item.mark()));
            }
            let key = |d: &Dependency| if d.alias.is_empty() { d.name.clone() } else { d.alias.clone() };
            if self.dependencies.iter().any(|other| key(other) == key(&dependency)) {
                let what = format!("validation: more than one dependency with name or alias \"{}\"", key(&dependency));
                return Err((what, item.mark()));
            }
            self.dependencies.push(dependency);
        }
        Ok(())
    }

    /// Holds the metadata to Helm's rules.
    pub(super) fn validate(&self) -> Result<(), String> {
        let wrong = |what: String| Err(format!("validation: {what}"));
        if self.name.is_empty() {
            return wrong("chart.metadata.name is required".to_owned());
        }
        if self.name == "." || self.name == ".." {
            return wrong(format!("chart.metadata.name \"{}\" is not allowed", self.name));
        }
        if self.name.contains('/') {
            return wrong(format!("chart.metadata.name \"{}\" is invalid", self.name));
        }
        if self.version.is_empty() {
            return wrong("chart.metadata.version is required".to_owned());
        }
        if Version::parse(&self.version).is_err() {
            return wrong(format!("chart.metadata.version \"{}\" is invalid", self.version));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return wrong("chart.metadata.type must be application or library".to_owned());
        }
        Ok(())
    }

    /// Whether the chart only lends its helpers.
    pub(super) fn is_library(&self) -> bool {
        self.kind.eq_ignore_ascii_case("library")
    }

    /// `.Chart`, under `name` and with `dependencies`.
    pub(super) fn to_value(&self, name: &str, dependencies: &[Dependency], is_root: bool) -> Value {
        let map = Map::new();
        let text = |field: &'static str, key: &str| {
            let node = self.node.as_ref().and_then(|node| node.get(key));
            let text = node.and_then(text_of).unwrap_or_default();
            let origin = node.map_or(crate::origin::Origin::NONE, |node| node.origin.clone());
            map.insert_from(field, Value::from(sanitized(&text)), origin);
        };
        for (field, key) in [
            ("Home", "home"),
            ("Version", "version"),
            ("Description", "description"),
            ("Icon", "icon"),
            ("Condition", "condition"),
            ("Tags", "tags"),
            ("AppVersion", "appVersion"),
            ("KubeVersion", "kubeVersion"),
            ("Type", "type"),
            ("Name", "name"),
        ] {
            text(field, key);
        }
        if map.get("Name").is_some_and(|found| found.as_str() != Some(name)) {
            map.insert("Name", name.into());
        }
        map.insert("APIVersion", self.api_version.as_str().into());
        map.insert("IsRoot", is_root.into());
        let node = |key: &str| self.node.as_ref().and_then(|node| node.get(key));
        map.insert("Deprecated", node("deprecated").and_then(Node::as_bool).unwrap_or(false).into());
        for (field, key) in [("Sources", "sources"), ("Keywords", "keywords")] {
            let items = node(key).map(Node::items).unwrap_or_default();
            map.insert(field, Value::list(items.iter().filter_map(text_of).map(Value::from).collect()));
        }
        let annotations = Map::typed("map[string]string");
        for entry in node("annotations").map(Node::entries).unwrap_or_default() {
            annotations.insert(entry.key_text(), text_of(&entry.value).unwrap_or_default().into());
        }
        map.insert("Annotations", Value::Map(annotations));
        let maintainers = node("maintainers").map(Node::items).unwrap_or_default().iter().map(|maintainer| {
            let field = |key: &str| Value::from(maintainer.get(key).and_then(text_of).unwrap_or_default());
            Value::map([("Name", field("name")), ("Email", field("email")), ("URL", field("url"))])
        });
        map.insert("Maintainers", Value::list(maintainers.collect()));
        map.insert("Dependencies", Value::list(dependencies.iter().map(Dependency::to_value).collect()));
        Value::Map(map)
    }
}

impl Dependency {
    fn to_value(&self) -> Value {
        let imports = self.import_values.iter().map(|import| {
            let pair = Map::typed("map[string]string");
            let (child, parent) = match import {
                Import::Export(name) => (format!("exports.{name}"), ".".to_owned()),
                Import::Table { child, parent } => (child.clone(), parent.clone()),
            };
            pair.insert("child", child.into());
            pair.insert("parent", parent.into());
            Value::Map(pair)
        });
        Value::map([
            ("Name", self.name.as_str().into()),
            ("Version", self.version.as_str().into()),
            ("Repository", self.repository.as_str().into()),
            ("Condition", self.condition.as_str().into()),
            ("Tags", Value::list(self.tags.iter().map(|tag| tag.as_str().into()).collect())),
            ("Enabled", self.enabled.into()),
            ("ImportValues", Value::list(imports.collect())),
            ("Alias", self.alias.as_str().into()),
        ])
    }
}
