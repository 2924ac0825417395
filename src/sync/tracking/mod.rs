//! How an object tells to which Application it belongs: by annotation, by label or by both, as the instance says, so that
//! an Argo CD beside tiphys sees the same owner.

mod annotation;

use serde_json::{Value, json};

use annotation::{application, names};

use super::cluster::Listed;
use crate::plan::{ObjectRef, TRACKING};

const INSTALLATION: &str = "argocd.argoproj.io/installation-id";
const LABEL: &str = "app.kubernetes.io/instance";
/// With this label, from before the recommended ones, pods have it too.
const LEGACY_LABEL: &str = "applications.argoproj.io/app-name";
const LONGEST_LABEL: usize = 63;

/// `application.resourceTrackingMethod`, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    method: Method,
    label: String,
    installation: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Annotation,
    Label,
    Both,
}

impl Default for Tracking {
    fn default() -> Tracking {
        Tracking { method: Method::Annotation, label: LABEL.to_owned(), installation: String::new() }
    }
}

fn annotate(manifest: &mut Value, field: &str, key: &str, value: &str) {
    let place = &mut manifest["metadata"][field];
    if !place.is_object() {
        *place = json!({});
    }
    place[key] = json!(value);
}

impl Tracking {
    /// What `argocd-cm` says.
    pub fn of(settings: Option<&Value>) -> Tracking {
        let said = |key: &str| {
            let text = settings.and_then(|settings| settings["data"][key].as_str()).unwrap_or_default();
            (!text.is_empty()).then_some(text)
        };
        Tracking {
            method: match said("application.resourceTrackingMethod") {
                Some("label") => Method::Label,
                Some("annotation+label") => Method::Both,
                _ => Method::Annotation,
            },
            label: said("application.instanceLabelKey").unwrap_or(LABEL).to_owned(),
            installation: said("installationID").unwrap_or_default().to_owned(),
        }
    }

    /// Marks `manifest`, which is `object`, as one of the Application `id` (`namespace/name`). An object without a
    /// namespace goes by `destination`, that of the Application; `own` is its name as it is written.
    pub fn mark(&self, manifest: &mut Value, object: &ObjectRef, id: &str, destination: &str, own: &str) {
        let instance = instance(id);
        if self.method != Method::Label {
            let place = if object.namespace.is_empty() { destination } else { &object.namespace };
            let tracking = format!("{instance}:{}/{}:{place}/{own}", object.group(), object.kind);
            annotate(manifest, "annotations", TRACKING, &tracking);
            if !self.installation.is_empty() {
                annotate(manifest, "annotations", INSTALLATION, &self.installation);
            }
        }
        match self.method {
            Method::Annotation => {}
            // Cut off it would name nobody: the server says that it is too long.
            Method::Label => self.label(manifest, object, &instance),
            Method::Both => self.label(manifest, object, truncated(&instance)),
        }
    }

    fn label(&self, manifest: &mut Value, object: &ObjectRef, instance: &str) {
        annotate(manifest, "labels", &self.label, instance);
        let has_pods = matches!(
            (object.group(), object.kind.as_str()),
            ("apps" | "extensions", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("batch", "Job")
        );
        if self.label == LEGACY_LABEL
            && has_pods
            && let Some(template) = manifest.pointer_mut("/spec/template").filter(|template| template.is_object())
        {
            annotate(template, "labels", &self.label, instance);
        }
    }

    /// The Application that a live object belongs to: `namespace/name`.
    pub fn owner(&self, live: &Value, object: &ObjectRef) -> Option<String> {
        let text = |field: &str, key: &str| live["metadata"][field][key].as_str().unwrap_or_default().to_owned();
        let id = self.id(object, &text("annotations", TRACKING), &text("labels", &self.label));
        let other = !self.installation.is_empty() && text("annotations", INSTALLATION) != self.installation;
        // A copy of the annotation on another object means nothing.
        application(&id).filter(|_| names(&id, object) && (self.method == Method::Label || !other))
    }

    /// The same of an object of which only the metadata were listed.
    pub(super) fn owner_of(&self, listed: &Listed) -> Option<String> {
        let metadata = json!({"metadata": {"annotations": listed.annotations, "labels": listed.labels}});
        self.owner(&metadata, &listed.object)
    }

    /// What tracks an object, in the form of the annotation.
    fn id(&self, object: &ObjectRef, annotation: &str, label: &str) -> String {
        match self.method {
            Method::Label if label.is_empty() => String::new(),
            Method::Label => {
                format!("{label}:{}/{}:{}/{}", object.group(), object.kind, object.namespace, object.name)
            }
            Method::Annotation | Method::Both => annotation.to_owned(),
        }
    }
}

/// What Argo CD calls an Application on its objects; those outside of `argocd` go by `namespace_name`.
fn instance(id: &str) -> String {
    match id.split_once('/') {
        Some(("argocd", name)) => name.to_owned(),
        Some((namespace, name)) => format!("{namespace}_{name}"),
        None => id.to_owned(),
    }
}

fn truncated(instance: &str) -> &str {
    let mut end = instance.len().min(LONGEST_LABEL);
    while !instance.is_char_boundary(end) {
        end -= 1;
    }
    if end == instance.len() {
        return instance;
    }
    instance[..end].trim_end_matches(|character: char| !character.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracking(method: &str) -> Tracking {
        Tracking::of(Some(&json!({"data": {"application.resourceTrackingMethod": method}})))
    }

    fn web() -> (Value, ObjectRef) {
        let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        let object = ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        (manifest, object)
    }

    #[test]
    fn an_object_is_marked_as_the_instance_says_and_found_by_it() {
        for (method, annotated, labelled) in
            [("", true, false), ("annotation", true, false), ("label", false, true), ("annotation+label", true, true)]
        {
            let (mut manifest, object) = web();
            let tracking = tracking(method);
            tracking.mark(&mut manifest, &object, "teams/web", "other", "web");
            let metadata = &manifest["metadata"];
            let expected = if annotated { json!("teams_web:apps/Deployment:shop/web") } else { Value::Null };
            assert_eq!(metadata["annotations"][TRACKING], expected, "{method}");
            let expected = if labelled { json!("teams_web") } else { Value::Null };
            assert_eq!(metadata["labels"][LABEL], expected, "{method}");
            assert_eq!(tracking.owner(&manifest, &object).as_deref(), Some("teams/web"), "{method}");
        }
    }

    #[test]
    fn a_copied_annotation_means_nothing() {
        let (mut manifest, object) = web();
        tracking("").mark(&mut manifest, &object, "argocd/web", "shop", "web");
        let copy = ObjectRef { name: "copy".to_owned(), ..object };
        assert_eq!(tracking("").owner(&manifest, &copy), None);
    }

    #[test]
    fn objects_of_another_installation_belong_to_nobody_here() {
        let installed = |id: &str| Tracking::of(Some(&json!({"data": {"installationID": id}})));
        let (mut manifest, object) = web();
        installed("one").mark(&mut manifest, &object, "argocd/web", "shop", "web");
        assert_eq!(installed("one").owner(&manifest, &object).as_deref(), Some("argocd/web"));
        assert_eq!(installed("two").owner(&manifest, &object), None);
    }

    #[test]
    fn a_label_is_cut_where_a_label_may_end() {
        let (mut manifest, object) = web();
        let name = format!("{}-{}", "a".repeat(62), "b".repeat(10));
        tracking("annotation+label").mark(&mut manifest, &object, &format!("argocd/{name}"), "shop", "web");
        assert_eq!(manifest["metadata"]["labels"][LABEL], json!("a".repeat(62)));
        assert_eq!(tracking("annotation+label").owner(&manifest, &object), Some(format!("argocd/{name}")));
    }
}
