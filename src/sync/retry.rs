//! Whether and when a sync that failed is tried again: `syncPolicy.retry` and the number of retries so far in, how long
//! to wait out.
//!
//! An Application without `retry` is tried once, as when a person syncs it. The wait is the one that Argo CD announces:
//! the first retry comes after `duration`, each further one `factor` times later, none later than `maxDuration`.

use std::time::Duration;

use crate::render::template::sprig::times;
use crate::resolve::Application;
use crate::yaml::Node;

/// `syncPolicy.retry`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Retry {
    /// How often it is tried again; a negative number sets no limit.
    pub(super) limit: i64,
    /// The wait before the first retry; Argo CD's default where it is absent.
    pub(super) duration: Option<String>,
    /// By what the wait grows.
    pub(super) factor: Option<i64>,
    /// What the wait never exceeds.
    pub(super) max_duration: Option<String>,
    /// Whether Argo CD would take the newest revision then. A plan is of one commit, and stays so.
    pub(super) refresh: bool,
}

const DURATION: Duration = Duration::from_secs(5);
const FACTOR: i64 = 2;
const MAX_DURATION: Duration = Duration::from_secs(180);

impl Retry {
    /// What `application` says; `None` where it says nothing.
    pub(super) fn of(application: &Application) -> Option<Retry> {
        let retry = application.spec(&["syncPolicy", "retry"]).filter(|retry| !retry.is_null())?;
        let number = |keys: &[&str]| retry.path(keys).and_then(Node::text).and_then(|text| text.parse().ok());
        let text = |key: &str| retry.str_at(&["backoff", key]).filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Retry {
            limit: number(&["limit"]).unwrap_or(0),
            duration: text("duration"),
            factor: number(&["backoff", "factor"]),
            max_duration: text("maxDuration"),
            refresh: retry.get("refresh").and_then(Node::as_bool).unwrap_or(false),
        })
    }

    /// Whether a sync that was tried again `retries` times and failed is tried once more.
    pub(super) fn is_due_after(&self, retries: i64) -> bool {
        self.limit < 0 || retries < self.limit
    }

    /// How long to wait after the failure that follows `retries` retries.
    ///
    /// # Errors
    /// When a duration is none.
    pub(super) fn wait(&self, retries: i64) -> Result<Duration, String> {
        let duration = self.duration.as_deref().map_or(Ok(DURATION), parse)?;
        let longest = self.max_duration.as_deref().map_or(Ok(MAX_DURATION), parse)?;
        #[allow(clippy::cast_precision_loss, reason = "the formula is Argo CD's, in floating point")]
        let factor = (self.factor.unwrap_or(FACTOR) as f64).powf(retries as f64);
        let mut seconds = duration.as_secs_f64() * factor;
        if !longest.is_zero() {
            seconds = seconds.min(longest.as_secs_f64());
        }
        // Without a longest wait the number may outgrow every clock.
        Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX).min(FOREVER))
    }
}

const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A duration; a number alone is of seconds. What lies in the past is no wait.
fn parse(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    }
    match times::Duration::parse(text) {
        Some(duration) => Ok(Duration::from_nanos(u64::try_from(duration.0).unwrap_or(0))),
        None => Err(format!("unable to parse {text} as a duration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(limit: i64, duration: &str, factor: Option<i64>, max_duration: &str) -> Retry {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Retry { limit, duration: given(duration), factor, max_duration: given(max_duration), refresh: false }
    }

    fn waits(retry: &Retry, count: i64) -> Vec<f64> {
        (0..count).map(|retries| retry.wait(retries).expect("it can be told").as_secs_f64()).collect()
    }

    #[test]
    fn waits_grow_up_to_the_longest() {
        assert_eq!(waits(&retry(5, "", None, ""), 7), [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 180.0]);
        assert_eq!(waits(&retry(5, "1m", Some(3), "5m"), 3), [60.0, 180.0, 300.0]);
        assert_eq!(waits(&retry(5, "2", Some(1), ""), 3), [2.0, 2.0, 2.0]);
        assert_eq!(waits(&retry(5, "500ms", Some(2), "0"), 3), [0.5, 1.0, 2.0]);
        assert_eq!(waits(&retry(5, "1s", Some(0), ""), 3), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_negative_limit_is_none() {
        let unlimited = retry(-1, "", None, "0");
        assert!(unlimited.is_due_after(i64::MAX));
        assert_eq!(unlimited.wait(i64::MAX).expect("it can be told"), FOREVER);
        assert!(!retry(0, "", None, "").is_due_after(0));
        assert!(retry(2, "", None, "").is_due_after(1) && !retry(2, "", None, "").is_due_after(2));
    }

    #[test]
    fn what_is_no_duration_is_told() {
        let error = retry(1, "soon", None, "").wait(0).expect_err("it is none");
        assert_eq!(error, "unable to parse soon as a duration");
    }
}
