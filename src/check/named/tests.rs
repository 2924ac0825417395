use super::*;
use crate::origin::FileId;
use crate::yaml::{Limits, read};

const WEB: &str = "kind: Deployment\nmetadata:\n  name: web\n  labels:\n    a: b\nspec:\n  template:\n    spec:\n      \
                   securityContext:\n        runAsNonRoot: false\n      containers:\n        - name: log\n        \
                   \x20 resources: {}\n        - name: app\n          resources:\n            requests: {cpu: 1}\n";

fn line(message: &str) -> Option<u32> {
    let file = read(FileId(0), WEB, Limits::default());
    place(&file.documents.first()?.root, "web", message).map(|(mark, _)| mark.line)
}

#[test]
fn a_path_in_the_named_container_is_found_as_far_as_it_goes() {
    assert_eq!(line("Deployment/web: container app has no resources.limits.memory"), Some(15));
}

#[test]
fn another_form_of_a_key_means_the_key() {
    assert_eq!(line("Deployment/web: label team is missing"), Some(4));
}

#[test]
fn a_key_outside_of_the_named_container_is_found_by_its_parts() {
    assert_eq!(line("Deployment/web: container app may run as root"), Some(10));
}

#[test]
fn a_message_that_names_only_a_container_means_the_container() {
    assert_eq!(line("Deployment/web: container log is slow"), Some(12));
}

#[test]
fn a_message_that_names_nothing_has_no_place() {
    assert_eq!(line("Deployment/web: is not to our taste"), None);
}

#[test]
fn another_container_than_the_named_one_is_not_meant() {
    assert_eq!(line("Deployment/web: container log has requests above its limits"), Some(12));
}

#[test]
fn a_key_said_in_words_is_meant_unless_it_is_missing() {
    assert_eq!(line("the security context is too open"), Some(9));
    assert_eq!(line("there is no security context"), None);
}
