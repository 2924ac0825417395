//! CustomResourceDefinitions: names, versions, and schemas that are structural.

use super::admission::{certificates, client_config};
use super::at::{At, Found};
use crate::check::syntax;

/// Schemas nested deeper than this are not looked into.
const MAX_DEPTH: usize = 100;

pub(super) fn check<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else { return };
    found.required(spec, "group");
    found.syntax(spec, "group", |group| {
        syntax::subdomain(group).or_else(|| (!group.contains('.')).then(|| "must be a domain with a dot".to_owned()))
    });
    names(root, spec, found);
    found.one_of(spec, "scope", &["Cluster", "Namespaced"]);
    found.required(spec, "versions");
    if spec.truth("preserveUnknownFields") == Some(true)
        && let Some(at) = spec.get("preserveUnknownFields")
    {
        found.wrong(at, "must be false: x-kubernetes-preserve-unknown-fields in a schema says it");
    }
    let versions = spec.items("versions");
    let stored = versions.iter().filter(|version| version.truth("storage") == Some(true)).count();
    if !versions.is_empty()
        && stored != 1
        && let Some(at) = spec.get("versions")
    {
        found.wrong(at, format!("must have one version with `storage: true`, found {stored}"));
    }
    let mut known: Vec<&str> = Vec::new();
    for version in &versions {
        found.syntax(*version, "name", syntax::label_1035);
        if let Some(name) = version.str("name") {
            if known.contains(&name) {
                found.syntax(*version, "name", |name| Some(format!("repeats `{name}`")));
            }
            known.push(name);
        }
        if version.str("deprecationWarning").is_some() && version.truth("deprecated") != Some(true) {
            found.forbidden(*version, "deprecationWarning", "unless deprecated is true");
        }
        let schema = version.get("schema");
        match schema.as_ref().and_then(|schema| schema.get("openAPIV3Schema")) {
            None => found.lacks(*version, "needs `schema` with openAPIV3Schema"),
            Some(schema) => structural(schema, Place::Root, 0, found),
        }
        columns(*version, found);
        if let Some(subresources) = version.get("subresources")
            && let Some(scale) = subresources.get("scale")
        {
            for (key, base) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
                found.required(scale, key);
                found.syntax(scale, key, |path| {
                    (!path.starts_with(base)).then(|| format!("must begin with `{base}`, found `{path}`"))
                });
            }
        }
    }
    let Some(conversion) = spec.get("conversion") else { return };
    match conversion.str("strategy") {
        Some("Webhook") => match conversion.get("webhook") {
            None => found.lacks(conversion, "needs `webhook` for the strategy Webhook"),
            Some(webhook) => {
                found.required(webhook, "conversionReviewVersions");
                match webhook.get("clientConfig") {
                    None => found.lacks(webhook, "needs `clientConfig`"),
                    Some(client) => {
                        client_config(client, found);
                        found.syntax(client, "caBundle", certificates);
                    }
                }
            }
        },
        Some("None") => found.forbidden(conversion, "webhook", "unless the strategy is Webhook"),
        _ => found.one_of(conversion, "strategy", &["None", "Webhook"]),
    }
}

fn names<'n>(root: At<'n, '_>, spec: At<'n, '_>, found: &mut Found<'n>) {
    let Some(names) = spec.get("names") else { return };
    found.required(names, "plural");
    found.required(names, "kind");
    let lower = |text: &str| syntax::label_1035(&text.to_lowercase());
    found.syntax(names, "plural", syntax::label_1035);
    found.syntax(names, "singular", syntax::label_1035);
    found.syntax(names, "kind", lower);
    found.syntax(names, "listKind", lower);
    for key in ["shortNames", "categories"] {
        for name in names.items(key) {
            if let Some(wrong) = name.text().and_then(syntax::label_1035) {
                found.wrong(name, wrong);
            }
        }
    }
    if names.str("kind").is_some() && names.str("kind") == names.str("listKind") {
        found.syntax(names, "listKind", |_| Some("must not be the kind".to_owned()));
    }
    if let (Some(plural), Some(group), Some(metadata)) = (names.str("plural"), spec.str("group"), root.get("metadata"))
    {
        let expected = format!("{plural}.{group}");
        found.syntax(metadata, "name", |name| {
            (name != expected).then(|| format!("must be the plural and the group, `{expected}`"))
        });
    }
}

fn columns<'n>(version: At<'n, '_>, found: &mut Found<'n>) {
    for column in version.items("additionalPrinterColumns") {
        found.required(column, "name");
        found.one_of(column, "type", &["integer", "number", "string", "boolean", "date"]);
        found.syntax(column, "jsonPath", |path| {
            (!path.starts_with(['.', '{'])).then(|| format!("must begin with `.`, found `{path}`"))
        });
    }
}

/// Where a schema stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Item,
}

/// What a structural schema is: every value has a type, and alternatives add only limits.
fn structural<'n>(schema: At<'n, '_>, place: Place, depth: usize, found: &mut Found<'n>) {
    if depth > MAX_DEPTH || schema.node.as_mapping().is_none() {
        return;
    }
    let open = schema.truth("x-kubernetes-preserve-unknown-fields") == Some(true);
    let mixed = schema.truth("x-kubernetes-int-or-string") == Some(true);
    let embedded = schema.truth("x-kubernetes-embedded-resource") == Some(true);
    let kind = schema.str("type");
    match (place, kind) {
        (Place::Root, None) => found.lacks(schema, "needs `type: object` at its root"),
        (Place::Root, Some(kind)) if kind != "object" => {
            found.syntax(schema, "type", |kind| Some(format!("must be object at the root, found `{kind}`")));
        }
        (Place::Field | Place::Item, None) if !open && !mixed => found.lacks(schema, "needs `type`"),
        _ => {}
    }
    found.one_of(schema, "type", &["array", "boolean", "integer", "number", "object", "string"]);
    if kind == Some("array") && !schema.has("items") {
        found.lacks(schema, "needs `items` for the type array");
    }
    if schema.get("items").is_some_and(|items| items.node.as_sequence().is_some()) {
        found.forbidden(schema, "items", "to a list: one schema holds for all items");
    }
    if schema.has("properties") && schema.has("additionalProperties") {
        found.forbidden(schema, "additionalProperties", "beside properties");
    }
    if place == Place::Root {
        found.forbidden(schema, "additionalProperties", "at the root");
        if schema.truth("nullable") == Some(true) {
            found.forbidden(schema, "nullable", "at the root");
        }
    }
    for key in ["$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id"] {
        found.forbidden(schema, key, "in the schema of a CRD");
    }
    if schema.truth("uniqueItems") == Some(true) {
        found.forbidden(schema, "uniqueItems", "to true: say x-kubernetes-list-type: set");
    }
    if schema.truth("x-kubernetes-preserve-unknown-fields") == Some(false) {
        found.forbidden(schema, "x-kubernetes-preserve-unknown-fields", "to false: leave it out");
    }
    if embedded && !open && schema.size("properties") == 0 {
        found.lacks(schema, "needs `properties` for an embedded resource");
    }
    lists(schema, kind, found);
    limits(schema, found);
    for rule in schema.items("x-kubernetes-validations") {
        found.required(rule, "rule");
        expression(rule, "rule", found);
        expression(rule, "messageExpression", found);
    }
    let fields = schema.get("properties");
    for field in fields.iter().flat_map(|fields| fields.fields().into_iter().filter_map(|name| fields.get(name))) {
        structural(field, Place::Field, depth + 1, found);
    }
    if let Some(items) = schema.get("items") {
        structural(items, Place::Item, depth + 1, found);
    }
    if let Some(values) = schema.get("additionalProperties") {
        structural(values, Place::Field, depth + 1, found);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for part in schema.items(key) {
            within_alternative(part, mixed, found);
        }
    }
    if let Some(part) = schema.get("not") {
        within_alternative(part, mixed, found);
    }
}

/// An expression that does not parse at all.
fn expression<'n>(rule: At<'n, '_>, key: &str, found: &mut Found<'n>) {
    if let Some(at) = rule.get(key)
        && let Some(text) = at.text()
        && let Err(crate::schema::cel::Fault::Unsupported(reason)) = crate::schema::cel::Program::parse(text)
        && reason.starts_with("it does not parse")
    {
        found.wrong(at, format!("is no expression: {reason}"));
    }
}

fn within_alternative<'n>(part: At<'n, '_>, mixed: bool, found: &mut Found<'n>) {
    for key in ["description", "default", "additionalProperties", "nullable"] {
        found.forbidden(part, key, "inside allOf, anyOf, oneOf or not");
    }
    if !mixed {
        found.forbidden(part, "type", "inside allOf, anyOf, oneOf or not");
    }
}

fn lists<'n>(schema: At<'n, '_>, kind: Option<&str>, found: &mut Found<'n>) {
    found.one_of(schema, "x-kubernetes-map-type", &["atomic", "granular"]);
    found.one_of(schema, "x-kubernetes-list-type", &["atomic", "set", "map"]);
    if schema.has("x-kubernetes-list-type") && kind != Some("array") {
        found.forbidden(schema, "x-kubernetes-list-type", "unless the type is array");
    }
    if schema.has("x-kubernetes-map-type") && kind != Some("object") {
        found.forbidden(schema, "x-kubernetes-map-type", "unless the type is object");
    }
    let keys = schema.items("x-kubernetes-list-map-keys");
    if schema.str("x-kubernetes-list-type") != Some("map") {
        if !keys.is_empty() {
            found.forbidden(schema, "x-kubernetes-list-map-keys", "unless x-kubernetes-list-type is map");
        }
        return;
    }
    found.required(schema, "x-kubernetes-list-map-keys");
    let items = schema.get("items");
    let properties = items.as_ref().and_then(|items| items.get("properties"));
    for key in keys {
        let Some(name) = key.text() else { continue };
        match properties.as_ref().and_then(|properties| properties.get(name)) {
            None => found.wrong(key, format!("must be a property of the items, found `{name}`")),
            Some(property) => {
                let required = items
                    .as_ref()
                    .is_some_and(|items| items.items("required").iter().any(|field| field.text() == Some(name)));
                if !required && !property.has("default") {
                    found.wrong(key, format!("names `{name}`, which must be required or have a default"));
                }
            }
        }
    }
}

fn limits<'n>(schema: At<'n, '_>, found: &mut Found<'n>) {
    for (least, most) in [
        ("minimum", "maximum"),
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ] {
        if least != "minimum" {
            found.within(schema, least, 0, i64::MAX);
            found.within(schema, most, 0, i64::MAX);
        }
    }
    if let Some(pattern) = schema.get("pattern")
        && let Some(text) = pattern.text()
        && regex::Regex::new(text).is_err()
        && (text.contains("(?!") || text.contains("(?=") || text.contains("(?<"))
    {
        found.wrong(pattern, "must be an expression that Go's regexp understands: it has no look-around");
    }
}
