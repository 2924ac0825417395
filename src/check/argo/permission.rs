//! Whether the sync windows of an AppProject let an Application be synced at a moment.

use chrono::{DateTime, Utc};

use super::window::Window;
use crate::render::Resource;
use crate::resolve::Application;
use crate::yaml::Node;

/// Why `application` may not be synced at `now`; `None` where it may. `manual` is for a sync that a person asked for:
/// windows with `manualSync` let it through.
pub(crate) fn refusal(
    project: &Resource,
    application: &Application,
    now: DateTime<Utc>,
    manual: bool,
) -> Option<String> {
    let windows = project.node.path(&["spec", "syncWindows"]).map(Node::items).unwrap_or_default();
    let windows: Vec<Window<'_>> =
        windows.iter().filter_map(Window::read).filter(|window| window.is_for(application)).collect();
    let (open, closed): (Vec<&Window<'_>>, Vec<&Window<'_>>) =
        windows.iter().partition(|window| window.is_open_at(now));
    let denying: Vec<&&Window<'_>> = open.iter().filter(|window| !window.allows).collect();
    let said = |window: &Window<'_>| {
        let text = |key: &str| window.node.str_at(&[key]).unwrap_or_default();
        format!("{} of AppProject {}, `{}` for {}", text("kind"), project.name(), text("schedule"), text("duration"))
    };
    if let Some(first) = denying.first() {
        // Every window that denies must let it through.
        let free = manual && denying.iter().all(|window| window.manual);
        return (!free).then(|| format!("a sync window denies it now: {}", said(first)));
    }
    if open.iter().any(|window| window.allows) {
        return None;
    }
    let allowing: Vec<&&Window<'_>> = closed.iter().filter(|window| window.allows).collect();
    let first = allowing.first()?;
    let free = manual && allowing.iter().all(|window| window.manual);
    (!free).then(|| format!("no sync window allows it now: {}", said(first)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::FileId;
    use crate::yaml::{Limits, read};

    fn resource(text: &str) -> Resource {
        Resource { node: read(FileId(0), text, Limits::default()).documents.remove(0).root }
    }

    fn refused(windows: &str, at: &str, manual: bool) -> bool {
        let project =
            resource(&format!("{{kind: AppProject, metadata: {{name: shop}}, spec: {{syncWindows: {windows}}}}}"));
        let application = Application {
            resource: resource(
                "{kind: Application, metadata: {name: web}, spec: {destination: {namespace: shop, name: production}}}",
            ),
            generated_by: None,
        };
        let now = DateTime::parse_from_rfc3339(at).expect("a time").to_utc();
        refusal(&project, &application, now, manual).is_some()
    }

    const NIGHT: &str = "{kind: deny, schedule: '0 22 * * *', duration: 8h, applications: ['*']";

    #[test]
    fn a_window_that_denies_does_so_while_it_is_open() {
        let night = format!("[{NIGHT}}}]");
        assert!(refused(&night, "2027-03-01T23:00:00Z", false));
        assert!(refused(&night, "2027-03-02T05:59:00Z", false));
        assert!(!refused(&night, "2027-03-02T06:01:00Z", false));
        assert!(!refused(&night, "2027-03-01T21:59:59Z", false));
    }

    #[test]
    fn a_zone_moves_a_window() {
        let night = format!("[{NIGHT}, timeZone: America/New_York}}]");
        assert!(!refused(&night, "2027-03-01T23:00:00Z", false));
        assert!(refused(&night, "2027-03-02T04:00:00Z", false));
    }

    #[test]
    fn a_sync_by_hand_is_let_through_only_where_every_window_says_so() {
        let one = format!("[{NIGHT}, manualSync: true}}]");
        assert!(!refused(&one, "2027-03-01T23:00:00Z", true));
        assert!(refused(&one, "2027-03-01T23:00:00Z", false));
        let two = format!("[{NIGHT}, manualSync: true}}, {NIGHT}}}]");
        assert!(refused(&two, "2027-03-01T23:00:00Z", true));
    }

    #[test]
    fn where_windows_allow_nothing_else_is_allowed() {
        let day = "[{kind: allow, schedule: '0 8 * * 1-5', duration: 8h, clusters: [production]}]";
        assert!(!refused(day, "2027-03-01T09:00:00Z", false), "a Monday");
        assert!(refused(day, "2027-03-01T17:00:00Z", false));
        assert!(refused(day, "2027-02-28T09:00:00Z", false), "a Sunday");
        let other = day.replace("production", "staging");
        assert!(!refused(&other, "2027-03-01T17:00:00Z", false), "it is not for this cluster");
    }
}
