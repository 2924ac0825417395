//! Sync windows of an AppProject: which Applications each is for, and when it is open.
//!
//! A window is laid out over one year, minute by minute, so that what windows make of each other is seen, whatever
//! their schedules. The year is fixed: nothing here asks the clock.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Utc};

use super::glob;
use crate::resolve::Application;
use crate::schema::go_duration_minutes;
use crate::yaml::Node;

/// The year that stands for all years: it has a 29th of February.
const YEAR: i32 = 2028;
/// Days before it that are walked too: windows that opened then may still be open.
const BEFORE: i64 = 366;
const DAYS: i64 = 366;
/// A window that is longer is open whenever its schedule fires at all.
const LONGEST: Duration = Duration::days(5 * DAYS);
const MINUTES: usize = DAYS as usize * 24 * 60;

/// A sync window.
#[derive(Debug, Clone)]
pub(crate) struct Window<'a> {
    /// Where it stands.
    pub(crate) node: &'a Node,
    /// Whether it allows.
    pub(crate) allows: bool,
    /// Whether syncs by hand are free of it.
    pub(crate) manual: bool,
    /// The time zone; empty means UTC.
    pub(crate) zone: &'a str,
    /// When it is open.
    pub(crate) open: Coverage,
    schedule: Schedule,
    length: Duration,
}

/// The minutes of the year in which something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coverage(Vec<u64>);

impl Coverage {
    /// Never.
    pub(crate) fn never() -> Coverage {
        Coverage(vec![0; MINUTES.div_ceil(64)])
    }

    fn set(&mut self, minute: usize) {
        if let Some(word) = self.0.get_mut(minute / 64) {
            *word |= 1 << (minute % 64);
        }
    }

    /// Adds the minutes of `other`.
    pub(crate) fn add(&mut self, other: &Coverage) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Whether every minute is among those of `other`.
    pub(crate) fn is_within(&self, other: &Coverage) -> bool {
        self.0.iter().zip(&other.0).all(|(word, other)| word & !other == 0)
    }

    /// Whether the two have a minute in common.
    pub(crate) fn meets(&self, other: &Coverage) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }

    /// Whether it holds the whole year.
    pub(crate) fn is_always(&self) -> bool {
        self.0.iter().map(|word| word.count_ones() as usize).sum::<usize>() == MINUTES
    }
}

impl<'a> Window<'a> {
    /// Reads a window; `None` if its schedule or its duration cannot be read.
    pub(crate) fn read(node: &'a Node) -> Option<Window<'a>> {
        let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
        let allows = match text("kind") {
            "allow" => true,
            "deny" => false,
            _ => return None,
        };
        let schedule = Schedule::read(text("schedule"))?;
        let minutes = go_duration_minutes(text("duration")).filter(|minutes| *minutes > 0.0)?;
        let length = Duration::milliseconds((minutes * 60_000.0) as i64);
        // Never claim more than is sure: what denies is taken short, what allows is taken long.
        let minutes = if allows { minutes.ceil() } else { minutes.floor() } as i64;
        Some(Window {
            node,
            allows,
            manual: node.get("manualSync").and_then(Node::as_bool).unwrap_or(false),
            zone: text("timeZone"),
            open: schedule.open(minutes)?,
            schedule,
            length,
        })
    }

    /// Whether it is open at a moment. A time zone that there is not counts as UTC.
    pub(crate) fn is_open_at(&self, now: DateTime<Utc>) -> bool {
        let local = match self.zone.parse::<chrono_tz::Tz>() {
            Ok(zone) => now.with_timezone(&zone).naive_local(),
            Err(_) => now.naive_utc(),
        };
        let Some(earliest) = local.checked_sub_signed(self.length.min(LONGEST)) else { return false };
        self.schedule.fires_between(earliest, local)
    }

    /// Whether the window is for `application`.
    pub(crate) fn is_for(&self, application: &Application) -> bool {
        let of = |key: &str, values: &[&str]| -> Option<bool> {
            let patterns = self.node.get(key).map(Node::items).unwrap_or_default();
            let matches = |pattern: &str| values.iter().any(|value| glob(pattern, value));
            (!patterns.is_empty()).then(|| patterns.iter().filter_map(Node::text).any(matches))
        };
        let mut given = [
            of("applications", &[application.name()]),
            of("namespaces", &[application.destination_namespace()]),
            of("clusters", &[application.destination_cluster()]),
        ]
        .into_iter()
        .flatten()
        .peekable();
        if given.peek().is_none() {
            return false;
        }
        match self.node.get("andOperator").and_then(Node::as_bool).unwrap_or(false) {
            true => given.all(|matches| matches),
            false => given.any(|matches| matches),
        }
    }
}

/// A schedule of cron, each field as the set of its values.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    any_day: bool,
    any_weekday: bool,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    fn read(text: &str) -> Option<Schedule> {
        if crate::check::syntax::cron(text).is_some() {
            return None;
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
        let is_any = |field: &str| matches!(field, "*" | "?");
        Some(Schedule {
            minute: values(minute, 0, 59, &[])?,
            hour: values(hour, 0, 23, &[])?,
            day: values(day, 1, 31, &[])?,
            month: values(month, 1, 12, &MONTHS)?,
            weekday: values(weekday, 0, 6, &WEEKDAYS)?,
            any_day: is_any(day),
            any_weekday: is_any(weekday),
        })
    }

    fn fires_on(&self, date: NaiveDate) -> bool {
        let day = self.day >> date.day() & 1 == 1;
        let weekday = self.weekday >> date.weekday().num_days_from_sunday() & 1 == 1;
        // Two restrictions of the day are alternatives, one of them is not.
        let right_day = if self.any_day || self.any_weekday { day && weekday } else { day || weekday };
        right_day && self.month >> date.month() & 1 == 1
    }

    /// Whether it fires after `earliest` and before `now`.
    fn fires_between(&self, earliest: NaiveDateTime, now: NaiveDateTime) -> bool {
        let (mut date, last) = (earliest.date(), now.date());
        while date <= last {
            if self.fires_on(date) {
                let fires = (0..24 * 60_u32)
                    .filter(|of_day| self.hour >> (of_day / 60) & 1 == 1 && self.minute >> (of_day % 60) & 1 == 1)
                    .filter_map(|of_day| date.and_hms_opt(of_day / 60, of_day % 60, 0))
                    .any(|time| earliest < time && time < now);
                if fires {
                    return true;
                }
            }
            let Some(next) = date.succ_opt() else { return false };
            date = next;
        }
        false
    }

    /// The minutes in which a window of this schedule is open, if it stays open for so many.
    fn open(&self, minutes: i64) -> Option<Coverage> {
        let first = NaiveDate::from_ymd_opt(YEAR, 1, 1)?;
        let mut coverage = Coverage::never();
        // Everything before this minute of the year is laid out.
        let mut done = 0;
        for day in -BEFORE..DAYS {
            if !self.fires_on(first.checked_add_signed(Duration::days(day))?) {
                continue;
            }
            for of_day in 0..24 * 60 {
                if self.hour >> (of_day / 60) & 1 == 0 || self.minute >> (of_day % 60) & 1 == 0 {
                    continue;
                }
                let start = day * 24 * 60 + of_day;
                let until = start.saturating_add(minutes).min(MINUTES as i64);
                for minute in start.max(done)..until {
                    coverage.set(minute as usize);
                }
                done = done.max(until);
            }
        }
        Some(coverage)
    }
}

/// The values of a field that [`crate::check::syntax::cron`] has found right, a bit each.
fn values(field: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let number = |text: &str| -> Option<u32> {
        let name = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        name.map(|place| place as u32 + least).or_else(|| text.parse().ok())
    };
    let mut found = 0u64;
    for item in field.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok()?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((first, last)) => (number(first)?, number(last)?),
            // `5/15` runs on to the end.
            None => (number(range)?, if step.is_some() { most } else { number(range)? }),
        };
        for value in (first..=last.min(63)).step_by(step.unwrap_or(1).max(1)) {
            found |= 1 << value;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::FileId;
    use crate::yaml::{Limits, read};

    fn coverage(schedule: &str, duration: &str) -> Coverage {
        let text = format!("{{kind: allow, schedule: '{schedule}', duration: {duration}}}");
        let node = read(FileId(0), &text, Limits::default()).documents.remove(0).root;
        Window::read(&node).expect("a window").open
    }

    #[test]
    fn a_window_is_open_for_its_duration_from_each_time_of_its_schedule() {
        assert!(coverage("0 0 * * *", "24h").is_always());
        assert!(coverage("0 0 * * 1", "168h").is_always());
        assert!(!coverage("0 0 * * *", "23h").is_always());
        assert!(coverage("0 22 * * *", "1h").is_within(&coverage("0 21 * * *", "3h")));
        assert!(!coverage("0 22 * * *", "3h").is_within(&coverage("0 21 * * *", "3h")));
        assert!(!coverage("0 8 * * 1-5", "1h").meets(&coverage("0 8 * * 0,6", "1h")));
        assert!(coverage("*/15 8-10 1 jan ?", "5m").meets(&coverage("30 9 1 * *", "1m")));
    }
    #[test]
    fn a_window_is_open_for_as_many_minutes_of_the_year_as_argo_cd_counts() {
        // Asked of Argo CD 3.6.1, in the middle of each minute of 2028.
        for (schedule, duration, minutes) in [
            ("0 0 * * *", "24h", 527040),
            ("0 22 * * *", "1h", 21960),
            ("0 22 * * 1-5", "8h", 125160),
            ("*/15 8-10 1 jan ?", "5m", 60),
            ("0 0 13 * 5", "1h", 3780),
            ("0 0 1-7 * 1", "2h", 14880),
            ("0 0 */2 * 1", "1h", 12720),
            ("0 0 29 2 *", "24h", 1440),
            ("0 0 31 * *", "48h", 20160),
            ("0 0 1 1 *", "8760h", 525600),
            ("5/10 * * * *", "3m", 158112),
            ("0 0 * * 0", "1h", 3180),
            ("0 0 * * SUN,wed", "90m", 9450),
            ("10-20/3 4 * JAN-mar mon-FRI", "1h30m", 6435),
            ("0 12 1,15 * *", "30m", 720),
            ("59 23 31 12 *", "2m", 2),
            ("0 0 * */3 *", "1h", 7380),
            ("* * * * *", "1m", 527040),
            ("0 8 ? * 6", "72h", 227040),
            ("30 5 * * */2", "10m", 2100),
            ("0 0 30 4 2", "15h", 4500),
            ("15,45 */6 * * *", "0.5h", 87840),
            ("0 0 1 6 *", "8760h", 525600),
        ] {
            let Coverage(words) = coverage(schedule, duration);
            let open: u32 = words.iter().map(|word| word.count_ones()).sum();
            assert_eq!(open, minutes, "{schedule} for {duration}");
        }
    }
}
