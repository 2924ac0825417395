//! JSON schemas in, nodes out: the structural schemas of CRDs and the OpenAPI definitions of Kubernetes.
//!
//! Equal nodes become one: the schemas of a pod template that forty CRDs repeat cost as much as one. Descriptions,
//! titles and examples are dropped.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use smol_str::SmolStr;

use super::node::{
    Bits, CelRule, EnumValue, Expression, Flags, Junctors, Limits, ListType, NodeId, Pattern, SchemaNode, Types,
};

/// Schemas nested deeper than this are taken to allow everything.
const MAX_DEPTH: usize = 200;

/// Collects nodes, each only once.
#[derive(Debug, Default)]
pub struct Compiler {
    nodes: Vec<SchemaNode>,
    known: HashMap<SchemaNode, NodeId>,
}

/// The OpenAPI definitions of one version of Kubernetes, while they are compiled.
#[derive(Debug)]
pub struct Definitions<'a> {
    definitions: &'a Map<String, Json>,
    done: HashMap<&'a str, NodeId>,
    /// Definitions that are being compiled, and the number that was promised to those that are named inside
    /// themselves.
    open: HashMap<&'a str, Option<NodeId>>,
}

impl<'a> Definitions<'a> {
    /// Those of `definitions`.
    pub fn new(definitions: &'a Map<String, Json>) -> Definitions<'a> {
        Definitions { definitions, done: HashMap::new(), open: HashMap::new() }
    }
}

/// Required properties that the API server does without: it fills them in, or takes their zero value for an answer.
/// Source: the defaulting and validation functions of `k8s.io/kubernetes/pkg/apis`.
const NOT_REQUIRED: &[(&str, &str)] = &[
    ("io.k8s.api.rbac.v1.RoleRef", "apiGroup"),
    ("io.k8s.api.scheduling.v1.PriorityClass", "value"),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion", "served"),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion", "storage"),
    ("io.k8s.api.core.v1.LimitRangeSpec", "limits"),
    ("io.k8s.api.networking.v1.NetworkPolicySpec", "podSelector"),
    ("io.k8s.api.apps.v1.StatefulSetSpec", "serviceName"),
    ("io.k8s.api.apps.v1.ControllerRevision", "revision"),
];

impl Compiler {
    /// The nodes.
    pub fn into_nodes(self) -> Vec<SchemaNode> {
        self.nodes
    }

    /// The nodes so far.
    pub fn nodes(&self) -> &[SchemaNode] {
        &self.nodes
    }

    /// Compiles the schema of a CRD.
    pub fn crd(&mut self, schema: &Json) -> NodeId {
        self.schema(schema, None, 0)
    }

    /// Compiles the definition of `name`.
    pub fn definition<'a>(&mut self, definitions: &mut Definitions<'a>, name: &'a str) -> NodeId {
        self.named(definitions, name, 0)
    }

    fn intern(&mut self, node: SchemaNode) -> NodeId {
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        let id = self.nodes.len() as NodeId;
        self.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    fn any(&mut self) -> NodeId {
        self.intern(SchemaNode { flags: Flags::PRESERVE_UNKNOWN, ..SchemaNode::default() })
    }

    fn named<'a>(&mut self, definitions: &mut Definitions<'a>, name: &'a str, depth: usize) -> NodeId {
        if let Some(&id) = definitions.done.get(name) {
            return id;
        }
        if let Some(promised) = definitions.open.get_mut(name) {
            return *promised.get_or_insert_with(|| {
                self.nodes.push(SchemaNode::default());
                (self.nodes.len() - 1) as NodeId
            });
        }
        let Some(schema) = definitions.definitions.get(name) else { return self.any() };
        let short = name.rsplit('.').next().unwrap_or(name);
        let id = match short {
            "Quantity" => self.intern(SchemaNode { flags: Flags::QUANTITY, ..SchemaNode::default() }),
            "IntOrString" => self.intern(SchemaNode { flags: Flags::INT_OR_STRING, ..SchemaNode::default() }),
            "JSON"
            | "JSONSchemaPropsOrArray"
            | "JSONSchemaPropsOrBool"
            | "JSONSchemaPropsOrStringArray"
            | "RawExtension"
            | "FieldsV1" => self.any(),
            _ => {
                definitions.open.insert(name, None);
                let mut node = self.node(schema, Some(definitions), depth);
                node.required.retain(|property| !NOT_REQUIRED.contains(&(name, property)));
                match definitions.open.remove(name).flatten() {
                    Some(promised) => {
                        self.nodes[promised as usize] = node;
                        promised
                    }
                    None => self.intern(node),
                }
            }
        };
        definitions.done.insert(name, id);
        id
    }

    fn schema<'a>(&mut self, schema: &'a Json, definitions: Option<&mut Definitions<'a>>, depth: usize) -> NodeId {
        if depth > MAX_DEPTH || !schema.is_object() {
            return self.any();
        }
        match (schema.get("$ref").and_then(Json::as_str), definitions) {
            (Some(reference), Some(definitions)) => {
                let name = reference.rsplit('/').next().unwrap_or(reference);
                let id = self.named(definitions, name, depth + 1);
                let strategy = text(schema, "x-kubernetes-patch-strategy");
                if strategy.is_empty() {
                    return id;
                }
                let node = SchemaNode { patch_strategy: strategy, ..self.nodes[id as usize].clone() };
                self.intern(node)
            }
            (_, definitions) => {
                let node = self.node(schema, definitions, depth);
                self.intern(node)
            }
        }
    }

    fn node<'a>(
        &mut self,
        schema: &'a Json,
        mut definitions: Option<&mut Definitions<'a>>,
        depth: usize,
    ) -> SchemaNode {
        let native = definitions.is_some();
        let mut node = SchemaNode {
            types: types(schema),
            flags: flags(schema),
            required: texts(schema, "required"),
            format: text(schema, "format"),
            list_type: list_type(schema),
            list_keys: texts(schema, "x-kubernetes-list-map-keys"),
            patch_strategy: text(schema, "x-kubernetes-patch-strategy"),
            patch_merge_key: text(schema, "x-kubernetes-patch-merge-key"),
            default: schema.get("default").filter(|value| !is_empty_object(value)).map(json),
            limits: limits(schema),
            cel: cel(schema),
            ..SchemaNode::default()
        };
        for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let id = self.schema(property, definitions.as_deref_mut(), depth + 1);
            node.properties.push((SmolStr::new(name), id));
        }
        node.properties.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if let Some(items) = schema.get("items") {
            node.items = Some(self.schema(items, definitions.as_deref_mut(), depth + 1));
        }
        match schema.get("additionalProperties") {
            Some(Json::Bool(true)) => node.additional = Some(self.any()),
            Some(additional @ Json::Object(_)) => {
                node.additional = Some(self.schema(additional, definitions.as_deref_mut(), depth + 1));
            }
            _ => {}
        }
        // Kubernetes' own types without fields stand for any object; a CRD's mean an object without fields.
        if native && node.types == Types::OBJECT && node.properties.is_empty() && node.additional.is_none() {
            node.flags.set(Flags::PRESERVE_UNKNOWN);
        }
        let mut list = |key: &str, this: &mut Self| -> Vec<NodeId> {
            let schemas = schema.get(key).and_then(Json::as_array).into_iter().flatten();
            schemas.map(|schema| this.schema(schema, definitions.as_deref_mut(), depth + 1)).collect()
        };
        let mut junctors = Junctors {
            all_of: list("allOf", self),
            any_of: list("anyOf", self),
            one_of: list("oneOf", self),
            not: None,
        };
        if let Some(not) = schema.get("not") {
            junctors.not = Some(self.schema(not, definitions, depth + 1));
        }
        // The flag says all that the alternatives of int-or-string say.
        if node.flags.has(Flags::INT_OR_STRING) {
            let int_or_string = |id: &NodeId| {
                let node = &self.nodes[*id as usize];
                (node.types == Types::INTEGER || node.types == Types::STRING) && node.limits.is_none()
            };
            if junctors.any_of.iter().all(int_or_string) {
                junctors.any_of.clear();
            }
        }
        if junctors != Junctors::default() {
            node.junctors = Some(Box::new(junctors));
        }
        node
    }
}

fn is_empty_object(value: &Json) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

fn json(value: &Json) -> SmolStr {
    SmolStr::new(value.to_string())
}

fn text(schema: &Json, key: &str) -> SmolStr {
    SmolStr::new(schema.get(key).and_then(Json::as_str).unwrap_or_default())
}

fn texts(schema: &Json, key: &str) -> Vec<SmolStr> {
    schema.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(SmolStr::new).collect()
}

fn truth(schema: &Json, key: &str) -> bool {
    schema.get(key).and_then(Json::as_bool).unwrap_or(false)
}

fn types(schema: &Json) -> Types {
    match schema.get("type").and_then(Json::as_str) {
        Some("object") => Types::OBJECT,
        Some("array") => Types::ARRAY,
        Some("string") => Types::STRING,
        Some("integer") => Types::INTEGER,
        Some("number") => Types::NUMBER,
        Some("boolean") => Types::BOOLEAN,
        _ => Types::default(),
    }
}

fn flags(schema: &Json) -> Flags {
    let mut flags = Flags::default();
    for (key, flag) in [
        ("nullable", Flags::NULLABLE),
        ("x-kubernetes-int-or-string", Flags::INT_OR_STRING),
        ("x-kubernetes-preserve-unknown-fields", Flags::PRESERVE_UNKNOWN),
        ("x-kubernetes-embedded-resource", Flags::EMBEDDED_RESOURCE),
        ("exclusiveMinimum", Flags::EXCLUSIVE_MINIMUM),
        ("exclusiveMaximum", Flags::EXCLUSIVE_MAXIMUM),
        ("uniqueItems", Flags::UNIQUE_ITEMS),
    ] {
        if truth(schema, key) {
            flags.set(flag);
        }
    }
    if text(schema, "x-kubernetes-map-type") == "atomic" {
        flags.set(Flags::ATOMIC_MAP);
    }
    flags
}

fn list_type(schema: &Json) -> ListType {
    match text(schema, "x-kubernetes-list-type").as_str() {
        "atomic" => ListType::Atomic,
        "set" => ListType::Set,
        "map" => ListType::Map,
        _ => ListType::Unset,
    }
}

fn limits(schema: &Json) -> Option<Box<Limits>> {
    let number = |key: &str| schema.get(key).and_then(Json::as_f64).map(|value| Bits(value.to_bits()));
    let count = |key: &str| schema.get(key).and_then(Json::as_u64).and_then(|value| u32::try_from(value).ok());
    let values = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    let limits = Limits {
        minimum: number("minimum"),
        maximum: number("maximum"),
        multiple_of: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        pattern: schema.get("pattern").and_then(Json::as_str).map(|text| Pattern::new(SmolStr::new(text))),
        values: values
            .map(|value| match value {
                Json::String(text) => EnumValue::Text(SmolStr::new(text)),
                other => EnumValue::Json(json(other)),
            })
            .collect(),
    };
    (limits != Limits::default()).then(|| Box::new(limits))
}

fn cel(schema: &Json) -> Vec<CelRule> {
    let rules = schema.get("x-kubernetes-validations").and_then(Json::as_array).into_iter().flatten();
    rules
        .map(|rule| CelRule {
            rule: Expression::new(text(rule, "rule")),
            message: text(rule, "message"),
            message_expression: Expression::new(text(rule, "messageExpression")),
            field_path: text(rule, "fieldPath"),
            reason: text(rule, "reason"),
            optional_old_self: truth(rule, "optionalOldSelf"),
        })
        .collect()
}
