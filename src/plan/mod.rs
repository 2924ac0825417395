//! What was approved in, an ordered list of tasks for each cluster out.
//!
//! A [`Plan`] names objects by digest; it holds none of their content, so no Secret is ever in it. `sync` renders them
//! again from the same commit and refuses any that differ. The plan's own digest is taken over its canonical bytes
//! (JSON with sorted keys): a plan of which one byte was changed is refused.

mod change;
mod desired;
mod digest;
pub mod order;
pub mod permission;
pub mod signature;

use serde::{Deserialize, Serialize};

pub use change::{Change, Shown, changes};
pub use desired::{Deployment, Desired, Pruning, Role, TRACKING, Unit, deployments};
pub use digest::{Digest, canonical, of_inputs};

use crate::check::{Approved, Checked};
use crate::sync::machine::Phase;

/// The version of the plan's format.
pub const VERSION: u32 = 3;

/// What is to be done, and from what it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`VERSION`]
    pub version: u32,
    /// The version of tiphys that made it.
    pub tiphys: String,
    /// The commit of the repository; absent where there is no git.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// Digest of every file that takes part.
    pub inputs: Digest,
    /// Digest of the rules and policies that it was approved by.
    pub policies: Digest,
    /// The Applications that were asked for, as they were named; all of them where this is empty.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub selection: Vec<String>,
    /// The findings that stand in what is deployed and that somebody accepts.
    pub accepted: Vec<Accepted>,
    /// Until when it may be carried out, in seconds since 1970; for ever where it is absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<i64>,
    /// The clusters, by name.
    pub clusters: Vec<ClusterPlan>,
    /// Digest of everything above.
    pub digest: Digest,
    /// Who stands for it: an SSH signature of the digest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<String>,
}

/// What is to be done in one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterPlan {
    /// The cluster, as Applications name it: a server's URL or a name.
    pub cluster: String,
    /// Whether the tasks were held against the live cluster: only then do they prune.
    pub live: bool,
    /// What tells the cluster that was looked at from any other: the uid of its namespace `kube-system`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<String>,
    /// The tasks, in order.
    pub tasks: Vec<Task>,
    /// What is deployed there and left alone.
    pub skipped: Vec<Skipped>,
    /// How many objects may be deleted at most; as many as are named where it is absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_deletions: Option<usize>,
}

/// A finding that is accepted by a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The rule.
    pub rule: String,
    /// Where it was found: `path:line`.
    pub source: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is accepted.
    pub reason: String,
    /// Where the waiver stands: `path:line`.
    pub waiver: String,
}

/// One object to apply or to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Tasks of one step may run at once; a step begins when the one before is done, and healthy where waves end.
    pub step: u32,
    /// The wave: of the Application, then of the object.
    pub wave: (i64, i64),
    /// The phase of the Application's sync.
    pub phase: Phase,
    /// What to do.
    pub action: Action,
    /// The object.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// The Application: `namespace/name`.
    pub application: String,
    /// Digest of the object as it is applied; absent for what is deleted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// The file and line that a person wrote: `path:line`.
    pub source: String,
    /// The fields that change, where the object is there already.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Change>,
    /// Whose the live object is so far, where it is not the Application's: `namespace/name` of another Application, or
    /// empty where nobody tracks it. The sync takes it over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub adopts: Option<String>,
}

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is there and differs, or nobody looked.
    Apply,
    /// It is there, and what is wanted is put in its place: `Replace=true`.
    Replace,
    /// It is there as it should be.
    Unchanged,
    /// It was tracked, and is no longer deployed.
    Prune,
    /// It is run.
    Hook,
}

impl Action {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Apply => "apply",
            Action::Replace => "replace",
            Action::Unchanged => "unchanged",
            Action::Prune => "prune",
            Action::Hook => "hook",
        }
    }
}

/// An object by its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `apps/v1`
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    /// `web`; of a hook whose name is made when it runs, `web-*`.
    pub name: String,
}

/// Something that a plan leaves alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// The object.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// The Application: `namespace/name`.
    pub application: String,
    /// Why.
    pub reason: String,
}

impl ObjectRef {
    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// Why a plan is refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file is not JSON of a plan's form. Make a new plan.
    #[error("not a plan: {0}")]
    Malformed(String),
    /// The plan was made by a version of tiphys that writes another format. Make a new plan.
    #[error("the plan has version {0}; this tiphys reads version {VERSION}")]
    Version(u32),
    /// The file is not what `tiphys plan` wrote: it was edited or truncated. Make a new plan.
    #[error("the plan was changed: its digest is {found}, it says {expected}")]
    Tampered {
        /// What the plan says.
        expected: Digest,
        /// What its content has.
        found: Digest,
    },
    /// The repository is not at the commit that the plan was made from. Check it out, or make a new plan.
    #[error("the plan was made from commit {expected}, the repository is at {found}")]
    Commit {
        /// The plan's.
        expected: String,
        /// The repository's.
        found: String,
    },
    /// Files of the repository changed since the plan was made. Make a new plan.
    #[error("the repository's files are not those that the plan was made from")]
    Inputs,
    /// Rules or policies changed since the plan was approved. Make a new plan.
    #[error("the rules and policies are not those that the plan was approved by")]
    Policies,
    /// The plan may no longer be carried out. Make a new plan.
    #[error("the plan expired at {0}")]
    Expired(String),
    /// The plan was made for another cluster than the one that its name leads to now. Make a new plan.
    #[error("the plan was made for another cluster than {0} is now")]
    Cluster(String),
    /// The AppProject of an Application does not permit what is to be done. Permit it there, or make a new plan without it.
    #[error("{object}: AppProject {project} of Application {application} does not permit {what}")]
    NotPermitted {
        /// The object.
        object: String,
        /// `namespace/name`
        application: String,
        /// The project.
        project: String,
        /// What it does not permit.
        what: String,
    },
    /// A signature is required, and there is none. Sign it: `tiphys plan --sign KEY`.
    #[error("the plan is not signed")]
    Unsigned,
    /// The signature does not hold. Have the plan signed by somebody who may.
    #[error("the signature of the plan does not hold: {0}")]
    Signature(String),
    /// The key cannot be used. Give another.
    #[error("key: {0}")]
    Key(String),
    /// More objects are deleted than may be. Raise the limit: `--max-deletions NUMBER`.
    #[error("{planned} objects of cluster {cluster} would be deleted, and at most {allowed} may be: {objects}")]
    Deletions {
        /// The cluster.
        cluster: String,
        /// How many would be deleted.
        planned: usize,
        /// How many may be.
        allowed: usize,
        /// The first of them.
        objects: String,
    },
    /// The repository renders to other objects than the plan names. Make a new plan.
    #[error("{object}: the repository renders another object than the plan names")]
    Object {
        /// The object.
        object: String,
    },
}

impl Plan {
    /// The plan for what was approved, before any cluster was looked at; `deployments` are those of what was approved.
    pub fn of(approved: &Approved, deployments: &[Deployment], policies: Digest) -> Plan {
        let checked = approved.checked();
        let clusters = deployments
            .iter()
            .map(|deployment| ClusterPlan {
                cluster: deployment.cluster.clone(),
                live: false,
                identity: None,
                tasks: order::tasks(deployment, &[]),
                skipped: deployment.skipped.clone(),
                max_deletions: None,
            })
            .collect();
        Plan {
            version: VERSION,
            tiphys: env!("CARGO_PKG_VERSION").to_owned(),
            commit: checked.repository().snapshot.commit.clone(),
            inputs: of_inputs(checked),
            policies,
            selection: Vec::new(),
            accepted: accepted(checked),
            expires: None,
            clusters,
            digest: Digest::default(),
            signature: None,
        }
        .sealed()
    }

    /// The plan with the digest of its content.
    #[must_use]
    pub fn sealed(mut self) -> Plan {
        self.digest = self.content_digest();
        self
    }

    fn content_digest(&self) -> Digest {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("digest");
            fields.remove("signature");
        }
        Digest::of(&canonical(&value))
    }

    /// Verifies that the plan may still be carried out at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// When it expired.
    pub fn verify_age(&self, now: i64) -> Result<(), PlanError> {
        match self.expires {
            Some(expires) if expires <= now => {
                let shown = chrono::DateTime::from_timestamp(expires, 0).map(|time| time.to_rfc3339());
                Err(PlanError::Expired(shown.unwrap_or_else(|| expires.to_string())))
            }
            _ => Ok(()),
        }
    }

    /// The plan as it is stored: readable JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a stored plan and verifies its digest.
    ///
    /// # Errors
    /// When the text is no plan, or not as it was written.
    pub fn from_json(text: &str) -> Result<Plan, PlanError> {
        let plan: Plan = serde_json::from_str(text).map_err(|error| PlanError::Malformed(error.to_string()))?;
        if plan.version != VERSION {
            return Err(PlanError::Version(plan.version));
        }
        // Any change of the text counts, in its spaces too.
        let found = if text == plan.to_json() { plan.content_digest() } else { Digest::of(text.as_bytes()) };
        if found != plan.digest {
            return Err(PlanError::Tampered { expected: plan.digest, found });
        }
        Ok(plan)
    }

    /// Verifies that `fresh`, made from the repository at hand, is of the same inputs.
    ///
    /// # Errors
    /// When commit, files, rules or rendered objects differ.
    pub fn verify(&self, fresh: &Plan) -> Result<(), PlanError> {
        if self.commit != fresh.commit {
            let shown = |commit: &Option<String>| commit.clone().unwrap_or_else(|| "no commit".to_owned());
            return Err(PlanError::Commit { expected: shown(&self.commit), found: shown(&fresh.commit) });
        }
        if self.policies != fresh.policies {
            return Err(PlanError::Policies);
        }
        if self.inputs != fresh.inputs {
            return Err(PlanError::Inputs);
        }
        Ok(())
    }
}

impl ClusterPlan {
    /// Verifies that no more is deleted than may be.
    ///
    /// # Errors
    /// When more is.
    pub fn verify_deletions(&self) -> Result<(), PlanError> {
        let doomed: Vec<String> =
            self.tasks.iter().filter(|task| task.action == Action::Prune).map(|task| task.object.to_string()).collect();
        match self.max_deletions {
            Some(allowed) if doomed.len() > allowed => Err(PlanError::Deletions {
                cluster: self.cluster.clone(),
                planned: doomed.len(),
                allowed,
                objects: doomed[..doomed.len().min(5)].join(", "),
            }),
            _ => Ok(()),
        }
    }
}

/// The accepted findings of what was judged, as a plan names them.
fn accepted(checked: &Checked) -> Vec<Accepted> {
    let place = |mark: crate::origin::Mark| format!("{}:{}", checked.repository().snapshot.path(mark.file), mark.line);
    checked
        .waived()
        .iter()
        .map(|waived| Accepted {
            rule: waived.finding.rule.to_string(),
            source: place(waived.finding.mark),
            owner: waived.owner.to_string(),
            reason: waived.reason.clone(),
            waiver: place(waived.waiver),
        })
        .collect()
}
