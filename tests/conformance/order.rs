//! `waves` and `exec`: the executor's own state machine over a cluster in memory.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tiphys::origin::FileId;
use tiphys::render::Resource;
use tiphys::schema::{Catalogue, KubernetesVersion, Scope};
use tiphys::sync::machine::{Backend, Key, Memory, Operation, Options, Selector, Task, deletion};
use tiphys::yaml::{Limits, read};

/// A case: what is wanted, what is live, and how it is synced.
struct Case {
    manifests: Vec<Value>,
    live: Vec<Value>,
    options: Value,
    catalogue: Catalogue,
}

fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let objects =
        read(FileId(0), &text, Limits::default()).documents.into_iter().map(|document| document.root.to_json());
    objects.filter(Value::is_object).collect()
}

impl Case {
    fn read(directory: &Path) -> Case {
        let text = std::fs::read_to_string(directory.join("manifests.yaml")).unwrap_or_default();
        let resources: Vec<Resource> = read(FileId(0), &text, Limits::default())
            .documents
            .into_iter()
            .map(|document| Resource { node: document.root })
            .collect();
        let defined = resources.iter().filter(|resource| resource.kind() == "CustomResourceDefinition");
        let catalogue = Catalogue::for_version(KubernetesVersion::default()).with_crds(defined);
        Case {
            manifests: documents(&directory.join("manifests.yaml")),
            live: documents(&directory.join("live.yaml")),
            options: documents(&directory.join("options.yaml")).into_iter().next().unwrap_or_default(),
            catalogue,
        }
    }

    fn texts(&self, key: &str) -> impl Iterator<Item = String> {
        self.options[key].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned))
    }

    fn operation(&self) -> Operation {
        let is = |key: &str, default: bool| self.options[key].as_bool().unwrap_or(default);
        let text = |key: &str| self.options[key].as_str().map(str::to_owned);
        let selected: Vec<Selector> = self
            .texts("resources")
            .filter_map(|text| format!("*:{}", text.replacen('/', ":", 1)).parse().ok())
            .collect();
        let options = Options {
            namespace: text("namespace").unwrap_or_else(|| "demo".to_owned()),
            prune: is("prune", true),
            prune_last: is("pruneLast", false),
            prune_option: text("pruneOption"),
            prune_confirmed: is("pruneConfirmed", false),
            skip_hooks: is("skipHooks", false),
            create_namespace: is("createNamespace", false),
            selected,
            validate: true,
            revision: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            started: 1_700_000_000,
            ..Options::default()
        };
        Operation::new(self.manifests.iter().cloned(), options)
    }

    fn cluster(&self) -> Memory<impl Fn(&str, &str) -> Option<bool> + Send + Sync + '_> {
        let scope =
            |api_version: &str, kind: &str| Some(self.catalogue.scope(api_version, kind) != Some(Scope::Cluster));
        let mut cluster = Memory::new(self.live.iter().cloned(), scope);
        cluster.degraded = self.texts("fail").collect();
        cluster.refused = self.texts("failApply").collect();
        cluster
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    Ok(runtime.block_on(future))
}

/// The tasks of the first reconciliation, in order.
pub(crate) fn waves(directory: &Path) -> Result<Value, String> {
    let case = Case::read(directory);
    let mut cluster = case.cluster();
    let tasks = block_on(case.operation().tasks(&mut cluster))??;
    let shown = |task: &Task| {
        let Key { group, kind, namespace, name } = task.key();
        let api_version = task.object()["apiVersion"].as_str().unwrap_or_default();
        let namespaced = cluster.is_namespaced(api_version, &kind) != Some(false);
        json!({
            "phase": task.phase.as_str(),
            "wave": task.wave(),
            "hook": task.is_hook(),
            "group": group,
            "kind": kind,
            "namespace": if namespaced { namespace } else { String::new() },
            "name": name,
            "op": if task.is_prune() { "prune" } else { "apply" },
        })
    };
    Ok(tasks.iter().map(shown).collect())
}

/// A whole sync, and the deletion of the Application.
pub(crate) fn exec(directory: &Path) -> Result<Value, String> {
    let case = Case::read(directory);
    let mut operation = case.operation();
    let steps = block_on(case.cluster().drive(&mut operation))?;
    let results: Vec<Value> = operation
        .outcomes()
        .iter()
        .map(|outcome| {
            json!({
                "kind": outcome.key.kind,
                "name": outcome.key.name,
                "phase": outcome.phase.as_str(),
                "hook": if outcome.hook { outcome.phase.as_str() } else { "" },
                "status": outcome.status.map_or("", |status| status.as_str()),
                "hookPhase": outcome.state.map_or("", |state| state.as_str()),
            })
        })
        .collect();
    let (state, message) = operation.state();
    let mut known = BTreeSet::new();
    let objects = case.manifests.iter().chain(&case.live).filter(|object| {
        let key = Key::of(object);
        known.insert((key.group, key.kind, key.name))
    });
    let deletion = deletion(objects, case.options["deleteOption"].as_str());
    let names = |objects: &[&Value]| {
        let mut names: Vec<String> = objects
            .iter()
            .map(|object| {
                let key = Key::of(object);
                format!("{}/{}", key.kind, key.name)
            })
            .collect();
        names.sort();
        names
    };
    let groups: Vec<Value> =
        deletion.groups.iter().map(|(wave, objects)| json!({"wave": wave, "objects": names(objects)})).collect();
    Ok(json!({
        "steps": steps,
        "phase": state.as_str(),
        "message": message,
        "results": results,
        "deletion": {
            "preDelete": names(&deletion.pre_delete),
            "groups": groups,
            "postDelete": names(&deletion.post_delete),
        },
    }))
}
