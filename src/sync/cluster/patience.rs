//! How long a request is repeated when the server cannot answer it now.

use std::time::Duration;

/// How long to go on asking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Where no answer came, or one that says to come back: a server that restarts takes a while.
    unreachable: Duration,
    /// Where the server says that it failed: often a webhook that is broken, which a longer wait does not mend.
    failing: Duration,
    /// Where the object changed while the server was at it.
    conflicting: Duration,
}

impl Patience {
    /// For what a sync depends on.
    pub(crate) const LONG: Patience =
        Patience { unreachable: Duration::from_secs(90), failing: Duration::from_secs(6), conflicting: Duration::ZERO };
    /// For the first request to a cluster.
    pub(crate) const SHORT: Patience = Patience { unreachable: Duration::from_secs(6), ..Patience::LONG };

    /// As long as a server that does not answer may take.
    pub(super) fn of(unreachable: Duration) -> Patience {
        Patience { unreachable, ..Patience::LONG }
    }

    /// How long the server may be silent.
    pub(super) fn longest(self) -> Duration {
        self.unreachable
    }

    /// The same for what may be asked again after a conflict.
    pub(super) fn through_conflicts(self) -> Patience {
        Patience { conflicting: Duration::from_secs(20), ..self }
    }

    /// Whether a request that `error` answered is made again `after` the first one.
    pub(super) fn holds(self, error: &kube::Error, after: Duration) -> bool {
        let limit = match error {
            kube::Error::Api(status) if matches!(status.code, 429 | 503) => self.unreachable,
            kube::Error::Api(status) if matches!(status.code, 500 | 502 | 504) => self.failing,
            kube::Error::Api(status) if status.code == 409 && is_passing(status) => self.conflicting,
            _ if is_silence(error) => self.unreachable,
            _ => return false,
        };
        after < limit
    }
}

/// Whether a conflict is over when the writer that was quicker has written.
fn is_passing(status: &kube::core::Status) -> bool {
    let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
    status.reason == "Conflict" && causes.iter().all(|cause| cause.reason != "FieldManagerConflict")
}

/// Whether no answer came.
fn is_silence(error: &kube::Error) -> bool {
    matches!(error, kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_))
}

/// Whether `error` says nothing of what was asked: nobody answered, or whoever did knows us no longer or has no time.
pub(super) fn is_unanswered(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 401 | 429 | 503),
        error => is_silence(error),
    }
}

/// The first pause between two requests.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Pauses between requests double up to this.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long one answer may take: the server gives up after a minute itself.
pub(super) const LONGEST_ANSWER: Duration = Duration::from_secs(70);

/// An error with all that led to it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: Value) -> kube::Error {
        let status: kube::core::Status = serde_json::from_value(status).expect("it is a status");
        kube::Error::Api(status.boxed())
    }

    const SOON: Duration = Duration::from_secs(1);

    #[test]
    fn what_may_succeed_later_is_asked_again_for_a_while() {
        let busy = answer(json!({"code": 429, "reason": "TooManyRequests"}));
        assert!(Patience::LONG.holds(&busy, Duration::from_secs(60)));
        assert!(!Patience::of(Duration::from_secs(5)).holds(&busy, Duration::from_secs(6)));
        let broken = answer(json!({"code": 500, "reason": "InternalError"}));
        assert!(Patience::LONG.holds(&broken, SOON));
        assert!(!Patience::LONG.holds(&broken, Duration::from_secs(60)), "a broken webhook stays broken");
        assert!(!Patience::LONG.holds(&answer(json!({"code": 403, "reason": "Forbidden"})), SOON));
        assert!(!Patience::LONG.holds(&answer(json!({"code": 401, "reason": "Unauthorized"})), SOON));
    }

    #[test]
    fn a_conflict_is_over_unless_it_is_one_of_managers_or_versions() {
        let changed = answer(json!({"code": 409, "reason": "Conflict"}));
        assert!(Patience::LONG.through_conflicts().holds(&changed, SOON));
        assert!(!Patience::LONG.holds(&changed, SOON), "whoever names a version reads it anew");
        let causes = json!({"causes": [{"reason": "FieldManagerConflict", "field": ".data.value"}]});
        let managed = answer(json!({"code": 409, "reason": "Conflict", "details": causes}));
        assert!(!Patience::LONG.through_conflicts().holds(&managed, SOON));
        let there = answer(json!({"code": 409, "reason": "AlreadyExists"}));
        assert!(!Patience::LONG.through_conflicts().holds(&there, SOON));
    }

    #[test]
    fn an_expired_token_says_nothing_of_the_object() {
        assert!(is_unanswered(&answer(json!({"code": 401, "reason": "Unauthorized"}))));
        assert!(!is_unanswered(&answer(json!({"code": 403, "reason": "Forbidden"}))));
    }
}
