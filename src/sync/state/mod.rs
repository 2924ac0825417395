//! What tiphys keeps in a cluster for itself: one namespace with a Lease and the revisions of each Application.

pub(super) mod history;
pub(super) mod lease;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::SyncError;
use super::cluster::{Cluster, Writing};
use crate::plan::ObjectRef;

/// The namespace of all that tiphys keeps for itself.
pub(super) const NAMESPACE: &str = "tiphys-system";

/// The name of an Application that may stand in names and labels of objects.
fn slug(application: &str) -> String {
    let digest = Sha256::digest(application.as_bytes());
    digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the namespace where it is missing.
///
/// # Errors
/// When the server refuses.
pub(super) async fn prepare(cluster: &Cluster) -> Result<(), SyncError> {
    let object = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: NAMESPACE.to_owned(),
    };
    if cluster.get(&object).await?.is_some() {
        return Ok(());
    }
    let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    match cluster.create(&object, &manifest, Writing::default()).await {
        Err(SyncError::Api { code: 409, .. }) => Ok(()),
        made => made.map(|_| ()),
    }
}
