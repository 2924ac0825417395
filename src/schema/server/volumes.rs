//! The volumes of a pod.

use super::at::{At, Found};
use super::container::below;
use super::{container, persistent, pod};
use crate::check::syntax;
use crate::schema::Quantity;

pub(super) fn check<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    for volume in spec.items("volumes") {
        found.required(volume, "name");
        if volume.fields().iter().all(|field| *field == "name") {
            // Without a source the server takes an emptyDir.
            continue;
        }
        source(volume, found);
    }
}

fn source<'n>(volume: At<'n, '_>, found: &mut Found<'n>) {
    if let Some(path) = volume.get("hostPath") {
        found.required(path, "path");
        found.syntax(path, "path", |text| {
            text.split('/').any(|part| part == "..").then(|| "must not contain `..`".to_owned())
        });
    }
    if let Some(dir) = volume.get("emptyDir")
        && let Some(limit) = dir.get("sizeLimit")
        && limit.node.text().and_then(Quantity::parse).is_some_and(|limit| limit.value() < 0.0)
    {
        found.wrong(limit, "must not be negative");
    }
    if let Some(secret) = volume.get("secret") {
        found.required(secret, "secretName");
        files(secret, true, found);
    }
    if let Some(config) = volume.get("configMap") {
        found.required(config, "name");
        files(config, true, found);
    }
    if let Some(claim) = volume.get("persistentVolumeClaim") {
        found.required(claim, "claimName");
    }
    if let Some(nfs) = volume.get("nfs") {
        found.required(nfs, "server");
        found.required(nfs, "path");
        found.syntax(nfs, "path", |text| (!text.starts_with('/')).then(|| "must be an absolute path".to_owned()));
    }
    if let Some(csi) = volume.get("csi") {
        found.required(csi, "driver");
    }
    if let Some(ephemeral) = volume.get("ephemeral") {
        match ephemeral.get("volumeClaimTemplate") {
            None => found.lacks(ephemeral, "needs `volumeClaimTemplate`"),
            Some(template) => {
                if let Some(claim) = template.get("spec") {
                    persistent::claim(claim, found);
                }
            }
        }
    }
    if let Some(downward) = volume.get("downwardAPI") {
        mode(downward, "defaultMode", found);
        downward_items(downward, found);
    }
    if let Some(projected) = volume.get("projected") {
        mode(projected, "defaultMode", found);
        for source in projected.items("sources") {
            projection(source, found);
        }
    }
}

fn projection<'n>(source: At<'n, '_>, found: &mut Found<'n>) {
    const SOURCES: &[&str] =
        &["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];
    found.exactly_one(source, SOURCES);
    for key in ["secret", "configMap"] {
        if let Some(inner) = source.get(key) {
            found.required(inner, "name");
            files(inner, false, found);
        }
    }
    if let Some(downward) = source.get("downwardAPI") {
        downward_items(downward, found);
    }
    if let Some(token) = source.get("serviceAccountToken") {
        found.required(token, "path");
        found.syntax(token, "path", below);
        found.within(token, "expirationSeconds", 600, 1 << 32);
    }
}

/// The files of a Secret or ConfigMap.
fn files<'n>(source: At<'n, '_>, with_mode: bool, found: &mut Found<'n>) {
    if with_mode {
        mode(source, "defaultMode", found);
    }
    for item in source.items("items") {
        found.required(item, "key");
        found.required(item, "path");
        found.syntax(item, "path", below);
        found.syntax(item, "key", syntax::data_key);
        mode(item, "mode", found);
    }
}

fn mode<'n>(at: At<'n, '_>, key: &str, found: &mut Found<'n>) {
    let Some(inner) = at.get(key) else { return };
    if inner.int().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        found.wrong(inner, "must be a file mode within 0 and 0777");
    }
}

const FIELDS: &[&str] =
    &["metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations"];

fn downward_items<'n>(downward: At<'n, '_>, found: &mut Found<'n>) {
    for item in downward.items("items") {
        found.required(item, "path");
        found.syntax(item, "path", below);
        mode(item, "mode", found);
        match (item.get("fieldRef"), item.get("resourceFieldRef")) {
            (Some(_), Some(_)) => found.forbidden(item, "resourceFieldRef", "beside fieldRef"),
            (None, None) => found.lacks(item, "needs one of fieldRef, resourceFieldRef"),
            (Some(reference), None) => pod::field_reference(reference, FIELDS, found),
            (None, Some(reference)) => {
                container::resource_reference(reference, found);
                found.required(reference, "containerName");
            }
        }
    }
}
