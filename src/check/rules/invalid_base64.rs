//! `invalid-base64`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::schema::check_base64;
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports text that must be base64 and is not: `data` of a Secret, `encryptedData` of a SealedSecret, `caBundle`
    /// of a webhook, `caData` of a cluster, and every other field whose schema says `byte`. The text itself is not
    /// printed.
    ///
    /// ## Why it matters
    /// The API server refuses the object; a SealedSecret is never decrypted; a cluster is never reached.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Secret
    /// data:
    ///   password: not base64
    /// ```
    ///
    /// ## Instead
    /// Encode the value, or put it under `stringData`.
    "invalid-base64" = {
        summary: "not base64",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// What schemas do not say: sealed values and the certificates of clusters. Fields whose schema says `byte` are
/// reported with the schema.
fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for rendered in world.rendered {
        for resource in &rendered.output.resources {
            if resource.kind() != "SealedSecret" || resource.group() != "bitnami.com" {
                continue;
            }
            let Some(sealed) = resource.node.path(&["spec", "encryptedData"]) else { continue };
            for entry in sealed.entries() {
                let key = entry.key_text();
                let Some(Err(what)) = entry.value.as_str().map(|text| check_base64(text, false)) else { continue };
                findings.push(
                    Finding::at(&RULE, &entry.value)
                        .message(format!("spec.encryptedData.{key} must be base64: {what}"))
                        .help("seal the value anew with kubeseal")
                        .resource(resource.reference())
                        .pointer(format!("/spec/encryptedData/{}", key.replace('~', "~0").replace('/', "~1"))),
                );
            }
        }
    }
    let repository = world.repository;
    for (id, _) in repository.snapshot.files().filter(|(id, _)| repository.class(*id) == crate::load::Class::Yaml) {
        for document in repository.yaml(id).map_or(&[][..], |yaml| &yaml.documents) {
            certificates(&document.root, &mut String::new(), 0, findings);
        }
    }
}

/// `tlsClientConfig.caData`, as the configuration of an Argo CD cluster has it, wherever it stands.
fn certificates(node: &Node, field: &mut String, depth: usize, findings: &mut Vec<Finding>) {
    if depth > 64 {
        return;
    }
    match &node.value {
        Value::Mapping(mapping) => {
            for entry in &mapping.entries {
                let length = field.len();
                if length > 0 {
                    field.push('.');
                }
                field.push_str(entry.key_text());
                for key in ["caData", "certData", "keyData"] {
                    if entry.key_text() != "tlsClientConfig" {
                        break;
                    }
                    let Some(value) = entry.value.get(key) else { continue };
                    // A template is filled in elsewhere.
                    let template =
                        |text: &str| text.contains("{{") || text.contains("${") || text.starts_with("<path:");
                    let Some(text) = value.as_str().filter(|text| !template(text)) else { continue };
                    if let Err(what) = check_base64(text, true) {
                        findings.push(
                            Finding::at(&RULE, value)
                                .message(format!("{field}.{key} must be base64: {what}"))
                                .help("put the PEM text here, base64 encoded"),
                        );
                    }
                }
                certificates(&entry.value, field, depth + 1, findings);
                field.truncate(length);
            }
        }
        Value::Sequence(sequence) => {
            for item in &sequence.items {
                certificates(item, field, depth + 1, findings);
            }
        }
        Value::Scalar(_) => {}
    }
}
