//! The options of `kustomize build` that `kustomize.buildOptions` may have: as the kustomize that Argo CD 3 brings along
//! reads them.

use crate::finding::nearest;

/// Options that stand for themselves. Source: `kustomize build --help` of 5.8.
const SWITCHES: [&str; 8] = [
    "--as-current-user",
    "--enable-alpha-plugins",
    "--enable-exec",
    "--enable-helm",
    "--help",
    "--helm-debug",
    "--network",
    "--stack-trace",
];

/// Options with a value.
const VALUED: [&str; 8] = [
    "--env",
    "--helm-api-versions",
    "--helm-command",
    "--helm-kube-version",
    "--load-restrictor",
    "--mount",
    "--network-name",
    "--output",
];

/// The values of `--load-restrictor`.
const RESTRICTORS: [&str; 2] = ["LoadRestrictionsNone", "LoadRestrictionsRootOnly"];

/// What kustomize does not understand in `text`: what is wrong, and what was meant.
pub(crate) fn mistakes(text: &str) -> Vec<(String, Option<String>)> {
    let mut mistakes = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let (name, given) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if !name.starts_with("--") {
            // Short options, and the value of one that is not known.
            continue;
        }
        if SWITCHES.contains(&name) {
            continue;
        }
        if !VALUED.contains(&name) {
            let near = nearest(name, SWITCHES.into_iter().chain(VALUED)).map(str::to_owned);
            mistakes.push((format!("kustomize 5.8 has no option `{name}`: it builds nothing"), near));
            continue;
        }
        let Some(value) = given.or_else(|| words.next()) else {
            mistakes.push((format!("`{name}` lacks its value: kustomize builds nothing"), None));
            continue;
        };
        if name == "--load-restrictor" && !RESTRICTORS.contains(&value) {
            let near = nearest(value, RESTRICTORS).map(str::to_owned);
            let listed = RESTRICTORS.join(" and ");
            mistakes.push((format!("`--load-restrictor` has no value `{value}`: there are {listed}"), near));
        }
    }
    mistakes
}
