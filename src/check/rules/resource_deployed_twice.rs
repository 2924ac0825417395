//! `resource-deployed-twice`

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::check::World;
use crate::check::engine::head;
use crate::check::inventory::Placed;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::schema::Scope;

declare_rule! {
    /// Reports an object that two Applications deploy to the same cluster and namespace.
    ///
    /// Two Applications with the same source and destination are not reported here, object by object, but as a source
    /// path that is deployed twice.
    ///
    /// ## Why it matters
    /// Each Application takes the object from the other at every sync (`SharedResourceWarning`), and when one of them
    /// goes, the object goes with it.
    ///
    /// ## Example
    /// ```yaml
    /// # services/web/overlays/production and services/api/overlays/production both have it
    /// kind: Service
    /// metadata: {name: web, namespace: shop}
    /// ```
    ///
    /// ## Instead
    /// Leave the object to one of the Applications, or give one of the two another name.
    "resource-deployed-twice" = {
        summary: "two Applications deploy one object",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// Cluster, group, kind, namespace and name.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    let mut objects: BTreeMap<Key<'_>, Vec<&Placed<'_>>> = BTreeMap::new();
    let mut uses: BTreeMap<Mark, usize> = BTreeMap::new();
    for placed in inventory.everything() {
        *uses.entry(head(&placed.resource.node)).or_default() += 1;
        let Some(application) = placed.rendered.application() else { continue };
        let resource = placed.resource;
        let scope =
            world.schemas.for_cluster(application.destination_cluster()).scope(resource.api_version(), resource.kind());
        let namespace = match scope {
            Some(Scope::Cluster) => "",
            _ => placed.namespace.unwrap_or_default(),
        };
        let cluster = application.destination_cluster().trim_end_matches('/');
        if resource.name().is_empty() || cluster.is_empty() {
            continue;
        }
        let key = (cluster, resource.group(), resource.kind(), namespace, resource.name());
        objects.entry(key).or_default().push(placed);
    }
    // One finding for all that two Applications share.
    let mut shared: BTreeMap<Vec<SmolStr>, Vec<Vec<&Placed<'_>>>> = BTreeMap::new();
    for mut owners in objects.into_values() {
        owners.sort_by_key(|placed| placed.rendered.application().map(|application| application.id()));
        owners.dedup_by_key(|placed| placed.rendered.application().map(|application| application.id()));
        if owners.len() > 1 && !is_one_source(&owners) {
            let ids = owners.iter().filter_map(|placed| Some(placed.rendered.application()?.id())).collect();
            shared.entry(ids).or_default().push(owners);
        }
    }
    for mut groups in shared.into_values() {
        let more = groups.len() - 1;
        // The place that fewest targets use is the one to mend: a base is right for the others.
        let rarest = |owners: &Vec<&Placed<'_>>| {
            let marks = owners.iter().map(|placed| head(&placed.resource.node));
            marks.map(|mark| (uses.get(&mark).copied().unwrap_or_default(), mark)).min()
        };
        groups.sort_by_key(rarest);
        let Some(owners) = groups.first() else { continue };
        let Some(guilty) = owners.iter().min_by_key(|placed| {
            let mark = head(&placed.resource.node);
            (uses.get(&mark).copied().unwrap_or_default(), mark)
        }) else {
            continue;
        };
        let and_more = match more {
            0 => String::new(),
            1 => ", and one more object too".to_owned(),
            _ => format!(", and {more} more objects too"),
        };
        let resource = guilty.resource;
        let mut finding = guilty
            .finding(&RULE, resource.node.path(&["metadata", "name"]).unwrap_or(&resource.node))
            .message(format!("{} `{}` is deployed by two Applications{and_more}", resource.kind(), resource.name()))
            .help("leave it to one of them");
        for owner in owners {
            let Some(application) = owner.rendered.application() else { continue };
            finding =
                finding.related(head(&owner.resource.node), format!("deployed by Application {}", application.id()));
        }
        findings.push(finding);
    }
}

/// Whether the owners differ in nothing but their name: the same sources, to the same place.
fn is_one_source(owners: &[&Placed<'_>]) -> bool {
    let source = |placed: &Placed<'_>| {
        let application = placed.rendered.application()?;
        let sources = application.sources();
        let paths: Vec<_> = sources
            .iter()
            .map(|source| {
                ["repoURL", "path", "chart"].map(|key| source.node.str_at(&[key]).unwrap_or_default().to_owned())
            })
            .collect();
        Some((paths, application.destination_namespace().to_owned()))
    };
    let mut all = owners.iter().map(|placed| source(placed));
    let first = all.next();
    all.all(|other| Some(other) == first)
}
