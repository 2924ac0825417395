//! `sync-window-overlap`

use std::collections::{BTreeMap, BTreeSet};

use crate::check::World;
use crate::check::argo::automated;
use crate::check::argo::window::{Coverage, Window};
use crate::finding::{Check, Finding, Severity, declare_rule};
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports sync windows that together leave an Application no time to be synced, and a deny window that takes part of
    /// the time that an allow window gives a production Application.
    ///
    /// Windows of different time zones are not compared.
    ///
    /// ## Why it matters
    /// A window that denies wins over one that allows. Where nothing is left, no change reaches the cluster; where part is
    /// left, a release that was planned into the window waits for the next one.
    ///
    /// ## Example
    /// ```yaml
    /// syncWindows:
    /// - {kind: allow, schedule: '0 22 * * *', duration: 1h, applications: ['*']}
    /// - {kind: deny, schedule: '0 20 * * *', duration: 4h, applications: ['*']}
    /// ```
    ///
    /// ## Instead
    /// Let the two lie beside each other.
    "sync-window-overlap" = {
        summary: "sync windows leave no time to sync",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for project in &world.resolved.projects {
        let nodes = project.node.path(&["spec", "syncWindows"]).map(Node::items).unwrap_or_default();
        let windows: Vec<Window<'_>> = nodes.iter().filter_map(Window::read).collect();
        // One that cannot be read may be open at any time.
        if windows.is_empty() || windows.len() < nodes.len() {
            continue;
        }
        // Two projects of one name belong to two installations.
        if world.resolved.projects.iter().filter(|other| other.name() == project.name()).count() > 1 {
            continue;
        }
        let mut cuts = BTreeSet::new();
        // What a choice of windows comes to is the same for all Applications.
        let mut known: BTreeMap<Vec<usize>, bool> = BTreeMap::new();
        for application in &world.resolved.applications {
            if application.spec(&["project"]).and_then(Node::text) != Some(project.name()) {
                continue;
            }
            let chosen: Vec<usize> = (0..windows.len()).filter(|index| windows[*index].is_for(application)).collect();
            let zones: BTreeSet<&str> = chosen.iter().map(|index| windows[*index].zone).collect();
            if chosen.is_empty() || zones.len() > 1 {
                continue;
            }
            let shut = *known.entry(chosen.clone()).or_insert_with(|| never(&windows, &chosen));
            let by_hand = chosen.iter().any(|index| windows[*index].manual);
            if shut && (automated(application).is_some() || !by_hand) {
                findings.push(shut_out(application, &windows, &chosen));
            } else if !shut && world.is_production(application) {
                cut(application, &windows, &chosen, &mut cuts, findings);
            }
        }
    }
}

/// Whether no minute of the year is left.
fn never(windows: &[Window<'_>], chosen: &[usize]) -> bool {
    let mut denied = Coverage::never();
    let mut allowed = Coverage::never();
    let mut any = false;
    for window in chosen.iter().filter_map(|index| windows.get(*index)) {
        if window.allows {
            any = true;
            allowed.add(&window.open);
        } else {
            denied.add(&window.open);
        }
    }
    if any { allowed.is_within(&denied) } else { denied.is_always() }
}

fn shut_out(application: &Application, windows: &[Window<'_>], chosen: &[usize]) -> Finding {
    let of = |allows: bool| {
        chosen.iter().filter_map(|index| windows.get(*index)).filter(move |window| window.allows == allows)
    };
    let at = of(false).chain(of(true)).next().map_or(&application.resource.node, |window| window.node);
    let mut finding = Finding::at(&RULE, at)
        .message(format!("the sync windows leave Application {} no time to be synced", application.name()))
        .help("a window that denies wins over one that allows: let them lie beside each other")
        .application(application.id());
    for window in of(true).take(3) {
        finding = finding.related(window.node.mark(), "this window allows");
    }
    finding
}

/// Windows that deny part of what others allow, each pair once.
fn cut(
    application: &Application,
    windows: &[Window<'_>],
    chosen: &[usize],
    known: &mut BTreeSet<(usize, usize)>,
    findings: &mut Vec<Finding>,
) {
    for deny in chosen.iter().copied().filter(|index| !windows[*index].allows) {
        for allow in chosen.iter().copied().filter(|index| windows[*index].allows) {
            if !windows[deny].open.meets(&windows[allow].open) || !known.insert((deny, allow)) {
                continue;
            }
            findings.push(
                Finding::at(&RULE, windows[deny].node)
                    .message("the window denies part of the time that another allows production Applications")
                    .help("a window that denies wins: let the two lie beside each other")
                    .severity(Severity::Info)
                    .related(windows[allow].node.mark(), "the window that allows")
                    .related(application.origin().mark, format!("Application {}", application.id())),
            );
        }
    }
}
