//! Why a workload does not come up, as its pods tell it: an image that cannot be pulled, a container that crashes, a
//! quota. Kubernetes itself says so only when a deadline has passed, ten minutes for a Deployment.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::cluster::Cluster;
use super::machine::Key;

/// What pods say of their workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// It will hardly come right by itself.
    Broken(String),
    /// It may still come right.
    Waits(String),
}

/// What is wrong with workloads, and since when.
pub(super) struct Watch {
    after: Duration,
    since: BTreeMap<Key, Instant>,
    /// When pods are looked at next.
    due: Option<Instant>,
    /// What was seen last.
    pub(super) reasons: BTreeMap<Key, String>,
}

/// How often pods are looked at, at the most.
const EVERY: Duration = Duration::from_secs(1);

impl Watch {
    /// Whatever is broken for longer than `after` counts as stuck.
    pub(super) fn new(after: Duration) -> Watch {
        Watch { after, since: BTreeMap::new(), due: None, reasons: BTreeMap::new() }
    }

    /// Looks at the pods of `workloads`, which are on their way; what is stuck, with the reason.
    pub(super) async fn look<'v>(
        &mut self,
        cluster: &Cluster,
        workloads: impl IntoIterator<Item = &'v Value>,
    ) -> BTreeMap<Key, String> {
        if self.due.is_some_and(|due| Instant::now() < due) {
            return self.stuck();
        }
        let began = Instant::now();
        let mut since = BTreeMap::new();
        let mut reasons = BTreeMap::new();
        let workloads: Vec<&Value> = workloads.into_iter().collect();
        let lists = Lists::of(cluster, &workloads).await;
        for workload in workloads {
            let key = Key::of(workload);
            match reason(&lists, workload).await {
                Some(Reason::Broken(text)) => {
                    since.insert(key.clone(), self.since.get(&key).copied().unwrap_or_else(Instant::now));
                    reasons.insert(key, text);
                }
                Some(Reason::Waits(text)) => {
                    reasons.insert(key, text);
                }
                None => {}
            }
        }
        // A look at many pods takes its time, from the server too, which is then busy enough.
        self.due = Some(Instant::now() + EVERY.max(began.elapsed() * 10));
        (self.since, self.reasons) = (since, reasons);
        self.stuck()
    }

    fn stuck(&self) -> BTreeMap<Key, String> {
        let old = self.since.iter().filter(|(_, since)| since.elapsed() >= self.after);
        old.filter_map(|(key, _)| Some((key.clone(), self.reasons.get(key)?.clone()))).collect()
    }
}

/// Of so many workloads in one namespace at once the pods are listed together.
const TOGETHER: usize = 4;

/// Where pods and ReplicaSets are looked up: in lists of whole namespaces where many workloads are on their way, else
/// each by itself.
struct Lists<'c> {
    cluster: &'c Cluster,
    whole: BTreeMap<(String, &'static str), Whole>,
}

/// The objects of a namespace, and those that bear each label.
struct Whole {
    objects: Vec<Value>,
    bearers: HashMap<(String, String), Vec<usize>>,
}

impl Whole {
    fn new(objects: Vec<Value>) -> Whole {
        let mut bearers: HashMap<(String, String), Vec<usize>> = HashMap::new();
        for (place, object) in objects.iter().enumerate() {
            for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
                let label = (key.clone(), value.as_str().unwrap_or_default().to_owned());
                bearers.entry(label).or_default().push(place);
            }
        }
        Whole { objects, bearers }
    }

    /// Those that bear all of `labels`.
    fn select(&self, labels: &Map<String, Value>) -> Vec<Value> {
        let bearing = |(key, value): (&String, &Value)| {
            self.bearers.get(&(key.clone(), value.as_str()?.to_owned())).map(Vec::as_slice)
        };
        // A label that nobody bears leaves none.
        let fewest = labels.iter().map(|label| bearing(label).unwrap_or_default()).min_by_key(|places| places.len());
        let bears = |object: &&Value| labels.iter().all(|(key, value)| object["metadata"]["labels"][key] == *value);
        fewest.unwrap_or_default().iter().map(|place| &self.objects[*place]).filter(bears).cloned().collect()
    }
}

impl<'c> Lists<'c> {
    async fn of(cluster: &'c Cluster, workloads: &[&Value]) -> Lists<'c> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for workload in workloads {
            *counts.entry(workload["metadata"]["namespace"].as_str().unwrap_or_default()).or_default() += 1;
        }
        let mut lists = Lists { cluster, whole: BTreeMap::new() };
        for (namespace, _) in counts.into_iter().filter(|(_, count)| *count > TOGETHER) {
            for (api_version, kind) in [("apps/v1", "ReplicaSet"), ("v1", "Pod")] {
                let Some(known) = cluster.known(api_version, kind) else { continue };
                if let Ok((objects, _)) = cluster.select(&known, namespace, "").await {
                    lists.whole.insert((namespace.to_owned(), kind), Whole::new(objects));
                }
            }
        }
        lists
    }

    /// Those that bear all of `labels`; `None` where they cannot be read.
    async fn select(
        &self,
        (api_version, kind): (&str, &'static str),
        namespace: &str,
        labels: &Map<String, Value>,
    ) -> Option<Vec<Value>> {
        if let Some(whole) = self.whole.get(&(namespace.to_owned(), kind)) {
            return Some(whole.select(labels));
        }
        let selector: Vec<String> =
            labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
        let known = self.cluster.known(api_version, kind)?;
        Some(self.cluster.select(&known, namespace, &selector.join(",")).await.ok()?.0)
    }
}

/// Whether a kind has pods.
pub(super) fn has_pods(live: &Value) -> bool {
    let group = live["apiVersion"].as_str().unwrap_or_default();
    matches!(
        (group, live["kind"].as_str().unwrap_or_default()),
        ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch/v1", "Job")
    )
}

/// Why `workload` is not there yet; `None` where its pods do not say, or cannot be read.
async fn reason(lists: &Lists<'_>, workload: &Value) -> Option<Reason> {
    if let Some(refused) = condition(workload, "ReplicaFailure", "True") {
        return Some(Reason::Broken(refused));
    }
    let namespace = workload["metadata"]["namespace"].as_str()?;
    let labels = workload.pointer("/spec/selector/matchLabels")?.as_object()?;
    let mut current = None;
    match workload["kind"].as_str() {
        Some("Deployment") => {
            let sets = lists.select(("apps/v1", "ReplicaSet"), namespace, labels).await?;
            let newest = newest(workload, &sets)?;
            if let Some(refused) = condition(newest, "ReplicaFailure", "True") {
                return Some(Reason::Broken(refused));
            }
            let hash = newest.pointer("/metadata/labels/pod-template-hash")?.as_str()?;
            current = Some(("pod-template-hash", hash.to_owned()));
        }
        Some("StatefulSet") => {
            let hash = workload.pointer("/status/updateRevision").and_then(Value::as_str);
            current = hash.map(|hash| ("controller-revision-hash", hash.to_owned()));
        }
        _ => {}
    }
    let pods = lists.select(("v1", "Pod"), namespace, labels).await?;
    let mut own: Vec<&Value> = pods
        .iter()
        .filter(|pod| {
            current.as_ref().is_none_or(|(label, hash)| pod["metadata"]["labels"][*label].as_str() == Some(hash))
        })
        .filter(|pod| !pod["metadata"]["deletionTimestamp"].is_string())
        .collect();
    own.sort_by_key(|pod| pod["metadata"]["name"].as_str().unwrap_or_default());
    let jobs = workload["kind"] == "Job";
    let said: Vec<Reason> = own.iter().filter_map(|pod| of_pod(pod, jobs)).collect();
    let broken = said.iter().find(|reason| matches!(reason, Reason::Broken(_)));
    broken.or(said.first()).cloned()
}

/// The ReplicaSet of a Deployment's present template.
fn newest<'v>(deployment: &Value, sets: &'v [Value]) -> Option<&'v Value> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let uid = &deployment["metadata"]["uid"];
    let owned = sets.iter().filter(|set| {
        set["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["uid"] == *uid)
    });
    owned.max_by_key(|set| set["metadata"]["annotations"][REVISION].as_str().and_then(|text| text.parse::<u64>().ok()))
}

fn condition(object: &Value, kind: &str, status: &str) -> Option<String> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|one| one["type"] == kind && one["status"] == status)?;
    Some(found["message"].as_str().or(found["reason"].as_str()).unwrap_or(kind).to_owned())
}

/// What containers wait for that hardly mends itself.
const BROKEN: [&str; 10] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
    "StartError",
];

/// What a pod says. The pods of a Job may fail: the Job knows how often.
fn of_pod(pod: &Value, of_job: bool) -> Option<Reason> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let containers = statuses.iter().filter_map(|place| pod.pointer(place)?.as_array()).flatten();
    for container in containers {
        let waiting = &container["state"]["waiting"];
        let Some(why) = waiting["reason"].as_str().filter(|why| BROKEN.contains(why)) else { continue };
        let detail = waiting["message"].as_str().map_or_else(String::new, |text| format!(": {text}"));
        let container = container["name"].as_str().unwrap_or_default();
        return Some(Reason::Broken(format!("pod {name}, container {container}: {why}{detail}")));
    }
    if pod.pointer("/status/phase").and_then(Value::as_str) == Some("Failed") && !of_job {
        let text = |place: &str| pod.pointer(place).and_then(Value::as_str);
        let why = text("/status/message").or(text("/status/reason")).unwrap_or("it failed");
        return Some(Reason::Broken(format!("pod {name}: {why}")));
    }
    let place = condition(pod, "PodScheduled", "False")?;
    Some(Reason::Waits(format!("pod {name}: {place}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_that_cannot_pull_its_image_is_broken() {
        let waiting = json!({"reason": "ImagePullBackOff", "message": "no such tag"});
        let pod = json!({"metadata": {"name": "web-1"}, "status": {"phase": "Pending",
            "containerStatuses": [{"name": "web", "state": {"waiting": waiting}}]}});
        let expected = "pod web-1, container web: ImagePullBackOff: no such tag";
        assert_eq!(of_pod(&pod, false), Some(Reason::Broken(expected.to_owned())));
    }

    #[test]
    fn a_pod_that_finds_no_node_waits() {
        let conditions = json!([{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]);
        let pod = json!({"metadata": {"name": "web-1"}, "status": {"phase": "Pending", "conditions": conditions}});
        assert_eq!(of_pod(&pod, false), Some(Reason::Waits("pod web-1: 0/3 nodes are available".to_owned())));
    }

    #[test]
    fn objects_are_found_by_all_of_their_labels() {
        let object = |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}});
        let whole = Whole::new(vec![
            object("both", json!({"app": "web", "tier": "front"})),
            object("one", json!({"app": "web"})),
            object("none", json!({})),
        ]);
        let found = |labels: Value| -> Vec<String> {
            let found = whole.select(labels.as_object().expect("labels are an object"));
            found.iter().map(|object| object["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(found(json!({"app": "web"})), ["both", "one"]);
        assert_eq!(found(json!({"app": "web", "tier": "front"})), ["both"]);
        assert!(found(json!({"app": "web", "tier": "back"})).is_empty());
    }

    #[test]
    fn a_job_may_have_failed_pods() {
        let pod = json!({"metadata": {"name": "web-1"}, "status": {"phase": "Failed"}});
        assert!(of_pod(&pod, false).is_some());
        assert_eq!(of_pod(&pod, true), None);
    }

    #[test]
    fn only_the_present_template_of_a_deployment_counts() {
        let set = |name: &str, revision: &str| {
            json!({"metadata": {"name": name, "ownerReferences": [{"uid": "1"}],
                "annotations": {"deployment.kubernetes.io/revision": revision}}})
        };
        let sets = [set("new", "10"), set("old", "9")];
        let newest = newest(&json!({"metadata": {"uid": "1"}}), &sets).expect("there is one");
        assert_eq!(newest["metadata"]["name"], "new");
    }
}
