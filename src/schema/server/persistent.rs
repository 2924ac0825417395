//! Storage, and the small kinds of the cluster's own groups.

use super::at::{At, Found};
use super::selectors::{labels_in, nodes};
use crate::check::syntax;
use crate::schema::Quantity;

const ACCESS: &[&str] = &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else {
        found.lacks(root, "needs `spec`");
        return;
    };
    match kind {
        "PersistentVolumeClaim" => claim(spec, found),
        _ => volume(spec, found),
    }
}

fn access_modes<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    found.required(spec, "accessModes");
    let modes = spec.items("accessModes");
    for mode in &modes {
        if let Some(text) = mode.text()
            && !ACCESS.contains(&text)
        {
            found.wrong(*mode, format!("must be one of {}, found `{text}`", ACCESS.join(", ")));
        }
    }
    if modes.len() > 1
        && let Some(alone) = modes.iter().find(|mode| mode.text() == Some("ReadWriteOncePod"))
    {
        found.wrong(*alone, "must stand alone: ReadWriteOncePod excludes other modes");
    }
}

/// A `PersistentVolumeClaimSpec`.
pub(super) fn claim<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    access_modes(spec, found);
    labels_in(spec, "selector", found);
    found.syntax(spec, "storageClassName", syntax::subdomain);
    let resources = spec.get("resources");
    let request = resources.and_then(|at| at.node.path(&["requests", "storage"]));
    match (request, resources) {
        (Some(node), Some(resources)) => {
            if node.text().and_then(Quantity::parse).is_some_and(|quantity| quantity.value() <= 0.0) {
                for entry in resources.get("requests").iter().flat_map(|_| resources.entries("requests")) {
                    if entry.key() == "storage" {
                        found.wrong_entry(&entry, "must be above zero");
                    }
                }
            }
        }
        _ => found.lacks(resources.unwrap_or(spec), "needs a request for `storage`"),
    }
    if let (Some(source), Some(reference)) = (spec.get("dataSource"), spec.get("dataSourceRef"))
        && source.str("name") != reference.str("name")
    {
        found.wrong(reference, "must name what dataSource does");
    }
}

fn volume<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    access_modes(spec, found);
    if !spec.get("capacity").is_some_and(|capacity| capacity.has("storage")) {
        found.lacks(spec, "needs a `capacity` with storage");
    }
    const PLAIN: &[&str] = &[
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeMode",
        "volumeAttributesClassName",
    ];
    let sources: Vec<&str> = spec.fields().into_iter().filter(|field| !PLAIN.contains(field)).collect();
    match sources.as_slice() {
        [] => found.lacks(spec, "needs a volume source: csi, nfs, hostPath, local or another"),
        [_] => {}
        [.., last] => found.forbidden(spec, last, "beside another source"),
    }
    found.syntax(spec, "storageClassName", syntax::subdomain);
    if spec.has("local") && !spec.has("nodeAffinity") {
        found.lacks(spec, "needs `nodeAffinity` for a local volume");
    }
    if let Some(path) = spec.get("hostPath") {
        found.required(path, "path");
        if path.str("path") == Some("/") && spec.str("persistentVolumeReclaimPolicy") == Some("Recycle") {
            found.syntax(spec, "persistentVolumeReclaimPolicy", |_| Some("must not be Recycle for `/`".to_owned()));
        }
    }
    if let Some(csi) = spec.get("csi") {
        found.required(csi, "driver");
        found.required(csi, "volumeHandle");
    }
    if let Some(affinity) = spec.get("nodeAffinity") {
        nodes(affinity, "required", found);
    }
}

/// Kinds of storage, scheduling, node, coordination and discovery.
pub(super) fn cluster<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    match kind {
        "StorageClass" => {
            found.required(root, "provisioner");
            found.syntax(root, "provisioner", |text| syntax::qualified_name(&text.to_lowercase()));
            found.one_of(root, "reclaimPolicy", &["Delete", "Retain"]);
            found.one_of(root, "volumeBindingMode", &["Immediate", "WaitForFirstConsumer"]);
        }
        "PriorityClass" => {
            if let Some(metadata) = root.get("metadata") {
                found.syntax(metadata, "name", |name| {
                    let built_in = matches!(name, "system-node-critical" | "system-cluster-critical");
                    (name.starts_with("system-") && !built_in).then(|| "must not begin with `system-`".to_owned())
                });
            }
        }
        "RuntimeClass" => {
            found.required(root, "handler");
            found.syntax(root, "handler", syntax::label);
        }
        "EndpointSlice" => {
            found.required(root, "addressType");
            for endpoint in root.items("endpoints") {
                found.required(endpoint, "addresses");
            }
        }
        "VolumeAttributesClass" => found.required(root, "parameters"),
        _ => {}
    }
}
