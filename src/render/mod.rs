//! A target in, the resources that it deploys out, each value with its origin.
//!
//! [`directory`], [`kustomize`] and [`helm`] are the three renderers; [`template`] is the engine of Go templates that
//! Helm and ApplicationSets share. A renderer returns what it could render and what it found: one broken file does not
//! hide the others.

pub mod directory;
pub mod helm;
pub mod kustomize;
pub mod template;
pub mod variables;

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::finding::{Finding, NotJudged, ResourceRef};
use crate::origin::{FileId, Mark, Origin};
use crate::yaml::Node;

/// One Kubernetes object as it would be applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// The object: a mapping.
    pub node: Node,
}

/// What a renderer made.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The objects, in the renderer's order.
    pub resources: Vec<Resource>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be rendered.
    pub not_judged: Vec<NotJudged>,
    /// API versions that a chart asked for and that its release's own list lacks: the list, the version, the question.
    pub unserved: Vec<(Mark, SmolStr, Mark)>,
    /// The files that were read.
    pub used: BTreeSet<FileId>,
    /// Objects that were taken out again.
    pub removed: Vec<Removed>,
    /// Whether the output is whole: `false` when the real tool would refuse to render.
    pub failed: bool,
}

/// An object that a patch deleted, or that says of itself that it is local.
#[derive(Debug, Clone)]
pub struct Removed {
    /// Its kind, namespace and name.
    pub id: String,
    /// What says so, and what chose the object.
    pub origin: Origin,
}

impl Output {
    /// Adds what another source of the same target made.
    pub fn append(&mut self, other: Output) {
        self.resources.extend(other.resources);
        self.findings.extend(other.findings);
        self.not_judged.extend(other.not_judged);
        self.unserved.extend(other.unserved);
        self.used.extend(other.used);
        self.removed.extend(other.removed);
        self.failed |= other.failed;
    }
}

impl Resource {
    /// `apps/v1`; empty if there is none.
    pub fn api_version(&self) -> &str {
        self.node.str_at(&["apiVersion"]).unwrap_or_default()
    }

    /// `Deployment`; empty if there is none.
    pub fn kind(&self) -> &str {
        self.node.str_at(&["kind"]).unwrap_or_default()
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// The version within the group.
    pub fn version(&self) -> &str {
        self.api_version().rsplit_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    /// `metadata.name`; empty if there is none.
    pub fn name(&self) -> &str {
        self.node.path(&["metadata", "name"]).and_then(Node::text).unwrap_or_default()
    }

    /// `metadata.namespace`; empty if there is none.
    pub fn namespace(&self) -> &str {
        self.node.path(&["metadata", "namespace"]).and_then(Node::text).unwrap_or_default()
    }

    /// The text of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.node.path(&["metadata", "annotations", key])?.text()
    }

    /// The text of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.node.path(&["metadata", "labels", key])?.text()
    }

    /// Its names.
    pub fn reference(&self) -> ResourceRef {
        ResourceRef {
            api_version: SmolStr::new(self.api_version()),
            kind: SmolStr::new(self.kind()),
            namespace: SmolStr::new(self.namespace()),
            name: SmolStr::new(self.name()),
        }
    }

    /// The pod template of a workload, and the JSON Pointer to it: a Pod is its own.
    pub fn pod_template(&self) -> Option<(&Node, &'static str)> {
        let pointer = match (self.group(), self.kind()) {
            ("", "Pod") => "",
            ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job")
            | ("argoproj.io", "Rollout")
            | ("", "ReplicationController") => "/spec/template",
            ("batch", "CronJob") => "/spec/jobTemplate/spec/template",
            _ => return None,
        };
        Some((self.node.pointer(pointer)?, pointer))
    }
}
