//! What is known of public images: a table to be maintained by hand.

/// The oldest release line of an image that its makers still mend, as of mid 2026.
pub(crate) struct Maintained {
    /// The ends of the image's name: `argoproj/argocd`.
    pub(crate) image: &'static str,
    /// The oldest maintained major and minor version.
    pub(crate) oldest: (u64, u64),
    /// What to say.
    pub(crate) note: &'static str,
}

/// Sources: the release pages of the projects, and endoflife.date for what has a fixed term.
pub(crate) const MAINTAINED: &[Maintained] = &[
    Maintained { image: "argoproj/argocd", oldest: (3, 3), note: "Argo CD mends its three newest minor releases" },
    Maintained {
        image: "argoproj/argo-rollouts",
        oldest: (1, 7),
        note: "Argo Rollouts mends its newest minor releases",
    },
    Maintained { image: "kedacore/keda", oldest: (2, 15), note: "KEDA mends its newest minor releases" },
    Maintained { image: "istio/pilot", oldest: (1, 26), note: "Istio mends a minor release for about eight months" },
    Maintained { image: "istio/proxyv2", oldest: (1, 26), note: "Istio mends a minor release for about eight months" },
    Maintained {
        image: "jetstack/cert-manager-controller",
        oldest: (1, 17),
        note: "cert-manager mends its two newest minors",
    },
    Maintained { image: "library/postgres", oldest: (14, 0), note: "PostgreSQL mends a major release for five years" },
    Maintained { image: "library/mysql", oldest: (8, 0), note: "MySQL 5.7 ended in October 2023" },
    Maintained { image: "library/mariadb", oldest: (10, 6), note: "MariaDB 10.5 ended in June 2025" },
    Maintained { image: "library/redis", oldest: (6, 2), note: "Redis mends 6.2 and newer" },
    Maintained { image: "library/mongo", oldest: (6, 0), note: "MongoDB 5.0 ended in October 2024" },
    Maintained { image: "library/node", oldest: (20, 0), note: "Node.js 18 ended in April 2025" },
    Maintained { image: "library/python", oldest: (3, 10), note: "Python 3.9 ended in October 2025" },
    Maintained { image: "library/debian", oldest: (11, 0), note: "Debian 10 ended in June 2024" },
];

/// An image whose entrypoint does nothing useful without a command.
pub(crate) struct NeedsCommand {
    /// The ends of the image's name.
    pub(crate) image: &'static str,
    /// What happens without one.
    pub(crate) note: &'static str,
    /// What to write.
    pub(crate) help: &'static str,
}

/// Sources: the Dockerfiles of the projects.
pub(crate) const NEEDS_COMMAND: &[NeedsCommand] = &[
    NeedsCommand {
        image: "argoproj/argocd",
        note: "its entrypoint is tini, which has nothing to start",
        help: "name the program: args: [/usr/local/bin/argocd-server], or another of the image",
    },
    NeedsCommand {
        image: "library/busybox",
        note: "it starts a shell, which ends at once without a terminal",
        help: "give a command",
    },
    NeedsCommand {
        image: "library/alpine",
        note: "it starts a shell, which ends at once without a terminal",
        help: "give a command",
    },
];

/// Whether `name` is the image `known` of the table, in whatever registry it is mirrored.
pub(crate) fn is(known: &str, name: &str) -> bool {
    let short = known.strip_prefix("library/");
    name == known
        || name.strip_suffix(known).is_some_and(|before| before.ends_with('/'))
        || short.is_some_and(|short| name == short || name == format!("docker.io/{short}"))
}

/// Major and minor of a tag such as `v2.10.0`, `14-alpine` or `8`. `None` for what is no version; the minor of a bare
/// major is the newest, for the tag moves with it.
pub(crate) fn version(tag: &str) -> Option<(u64, u64)> {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let major = digits(tag);
    let rest = &tag[major.len()..];
    let minor = rest.strip_prefix('.').map(digits).filter(|minor| !minor.is_empty());
    let next = rest.chars().next();
    if major.len() > 4 || !matches!(next, None | Some('.' | '-')) {
        return None;
    }
    Some((major.parse().ok()?, minor.map_or(Some(u64::MAX), |minor| minor.parse().ok())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_version_or_it_is_none() {
        assert_eq!(version("v2.10.0"), Some((2, 10)));
        assert_eq!(version("14-alpine"), Some((14, u64::MAX)));
        assert_eq!(version("latest"), None);
        assert_eq!(version("20240101"), None);
        assert_eq!(version("2a3f"), None);
    }

    #[test]
    fn an_image_is_known_under_every_registry() {
        assert!(is("argoproj/argocd", "quay.io/argoproj/argocd"));
        assert!(is("library/postgres", "postgres") && is("library/postgres", "docker.io/library/postgres"));
        assert!(!is("library/postgres", "bitnami/postgres") && !is("argoproj/argocd", "quay.io/myargoproj/argocd"));
    }
}
