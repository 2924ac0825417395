//! `.Capabilities`: the cluster that templates believe in.

use std::any::Any;
use std::rc::Rc;

use crate::render::template::{Call, FunctionError, NoteKind, Object, Param, Value};

/// The version that Helm 4.3 assumes without a cluster.
pub(super) const DEFAULT_KUBE_VERSION: &str = "v1.37.0";

/// The API versions that Helm 4.3 knows without a cluster, in its order: those of client-go 0.37 and apiextensions.
const API_VERSIONS: &str = "v1 admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1alpha1 \
    admissionregistration.k8s.io/v1beta1 internal.apiserver.k8s.io/v1alpha1 apps/v1 apps/v1beta1 apps/v1beta2 \
    authentication.k8s.io/v1 authentication.k8s.io/v1alpha1 authentication.k8s.io/v1beta1 authorization.k8s.io/v1 \
    authorization.k8s.io/v1beta1 autoscaling/v1 autoscaling/v2 batch/v1 batch/v1beta1 certificates.k8s.io/v1 \
    certificates.k8s.io/v1beta1 certificates.k8s.io/v1alpha1 coordination.k8s.io/v1alpha2 coordination.k8s.io/v1beta1 \
    coordination.k8s.io/v1 discovery.k8s.io/v1 discovery.k8s.io/v1beta1 events.k8s.io/v1 events.k8s.io/v1beta1 \
    extensions/v1beta1 flowcontrol.apiserver.k8s.io/v1 flowcontrol.apiserver.k8s.io/v1beta1 \
    flowcontrol.apiserver.k8s.io/v1beta2 flowcontrol.apiserver.k8s.io/v1beta3 lifecycle.k8s.io/v1alpha1 \
    networking.k8s.io/v1 networking.k8s.io/v1beta1 node.k8s.io/v1 node.k8s.io/v1alpha1 node.k8s.io/v1beta1 policy/v1 \
    policy/v1beta1 rbac.authorization.k8s.io/v1 rbac.authorization.k8s.io/v1beta1 rbac.authorization.k8s.io/v1alpha1 \
    resource.k8s.io/v1 resource.k8s.io/v1beta2 resource.k8s.io/v1beta1 resource.k8s.io/v1alpha3 \
    scheduling.k8s.io/v1alpha3 scheduling.k8s.io/v1beta1 scheduling.k8s.io/v1 storage.k8s.io/v1beta1 storage.k8s.io/v1 \
    storage.k8s.io/v1alpha1 storagemigration.k8s.io/v1 storagemigration.k8s.io/v1beta1 apiextensions.k8s.io/v1beta1 \
    apiextensions.k8s.io/v1";

/// A Kubernetes version as `.Capabilities.KubeVersion` has it.
#[derive(Debug, Clone)]
pub(super) struct KubeVersion {
    /// As given, with a `v`.
    version: String,
    /// Without suffixes: for constraints.
    normalized: String,
    major: u64,
    minor: u64,
}

impl KubeVersion {
    /// Reads `1.29`, `v1.29.4-gke.100`.
    pub(super) fn parse(text: &str) -> Result<KubeVersion, String> {
        let wrong = || format!("could not parse {} as version", crate::render::template::quote(text));
        let rest = text.trim_start_matches('v');
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let numbers: Vec<u64> = rest[..end]
            .trim_end_matches('.')
            .split('.')
            .map(|part| {
                let leading_zero = part.len() > 1 && part.starts_with('0');
                if leading_zero { Err(wrong()) } else { part.parse().map_err(|_| wrong()) }
            })
            .collect::<Result<_, _>>()?;
        let [major, minor, rest @ ..] = numbers.as_slice() else { return Err(wrong()) };
        let patch = rest.first().copied().unwrap_or(0);
        Ok(KubeVersion {
            version: if text.starts_with('v') { text.to_owned() } else { format!("v{text}") },
            normalized: format!("v{major}.{minor}.{patch}"),
            major: *major,
            minor: *minor,
        })
    }

    pub(super) fn normalized(&self) -> &str {
        &self.normalized
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

/// `.Capabilities`
pub(super) struct Capabilities {
    kube_version: Rc<KubeVersion>,
    api_versions: Rc<ApiVersions>,
}

impl Capabilities {
    pub(super) fn new(kube_version: KubeVersion, api_versions: &[String]) -> Capabilities {
        let extra = api_versions.iter().map(String::as_str);
        let all = API_VERSIONS.split_whitespace().chain(extra).map(str::to_owned).collect();
        Capabilities { kube_version: Rc::new(kube_version), api_versions: Rc::new(ApiVersions(all)) }
    }
}

impl Object for Capabilities {
    fn type_name(&self) -> &'static str {
        "*common.Capabilities"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "KubeVersion" => Value::Object(self.kube_version.clone()),
            "APIVersions" => Value::Object(self.api_versions.clone()),
            "HelmVersion" => Value::Object(Rc::new(HelmVersion)),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        format!("{{{} {} {}}}", self.kube_version.sprint(), self.api_versions.print(), HelmVersion.print())
    }

    fn json(&self) -> Option<Value> {
        let fields = ["KubeVersion", "APIVersions", "HelmVersion"];
        let json = |name| {
            self.field(name)
                .map(|field| if let Value::Object(object) = &field { object.json().unwrap_or(field) } else { field })
        };
        Some(Value::map(fields.map(|name| (name, json(name).unwrap_or_default()))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for KubeVersion {
    fn type_name(&self) -> &'static str {
        "common.KubeVersion"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Version" => self.version.as_str().into(),
            "Major" => self.major.to_string().into(),
            "Minor" => self.minor.to_string().into(),
            _ => return None,
        })
    }

    fn method(&self, name: &str, _: &mut Call<'_>, _: &[Value]) -> Option<Result<Value, FunctionError>> {
        match name {
            "GitVersion" => Some(Ok(self.version.as_str().into())),
            "String" => Some(Ok(self.normalized.as_str().into())),
            _ => None,
        }
    }

    fn print(&self) -> String {
        self.normalized.clone()
    }

    fn parts(&self) -> Option<(bool, Vec<Value>)> {
        let texts = [&self.version, &self.normalized, &self.major.to_string(), &self.minor.to_string()];
        Some((false, texts.map(|text| text.as_str().into()).to_vec()))
    }

    // Only a pointer to it has a String method.
    fn sprint(&self) -> String {
        format!("{{{} {} {} {}}}", self.version, self.normalized, self.major, self.minor)
    }

    fn json(&self) -> Option<Value> {
        let fields = ["Version", "Major", "Minor"];
        Some(Value::map(fields.map(|name| (name, self.field(name).unwrap_or_default()))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct ApiVersions(Vec<String>);

impl Object for ApiVersions {
    fn type_name(&self) -> &'static str {
        "common.VersionSet"
    }

    fn kind(&self) -> &'static str {
        "slice"
    }

    fn method(&self, name: &str, call: &mut Call<'_>, args: &[Value]) -> Option<Result<Value, FunctionError>> {
        (name == "Has").then(|| {
            let version = args.first().and_then(Value::as_str).unwrap_or_default();
            let served = self.0.iter().any(|known| known == version);
            if !served {
                call.note(NoteKind::Unserved(version.into()));
            }
            Ok(served.into())
        })
    }

    fn params(&self, method: &str) -> Option<&'static [Param]> {
        (method == "Has").then_some(&[Param::String])
    }

    fn print(&self) -> String {
        format!("[{}]", self.0.join(" "))
    }

    fn json(&self) -> Option<Value> {
        Some(Value::list(self.0.iter().map(|version| version.as_str().into()).collect()))
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        let versions = self.0.iter().enumerate();
        Some(versions.map(|(index, version)| (Value::Int(index as i64), version.as_str().into())).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct HelmVersion;

/// Of the Helm whose templates these are.
const HELM_VERSION: [(&str, &str); 5] = [
    ("Version", "v4.3.1"),
    ("GitCommit", "c0d08d0d6d9424d4a14febb5e8a3e51b0dd00dff"),
    ("GitTreeState", "clean"),
    ("GoVersion", "go1.27.2"),
    ("KubeClientVersion", "v1.37"),
];

impl Object for HelmVersion {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn field(&self, name: &str) -> Option<Value> {
        HELM_VERSION.iter().find(|(field, _)| *field == name).map(|(_, text)| (*text).into())
    }

    fn print(&self) -> String {
        format!("{{{}}}", HELM_VERSION.map(|(_, text)| text).join(" "))
    }

    fn json(&self) -> Option<Value> {
        let keys = ["version", "git_commit", "git_tree_state", "go_version", "kube_client_version"];
        Some(Value::map(keys.into_iter().zip(HELM_VERSION).map(|(key, (_, text))| (key, text.into()))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
