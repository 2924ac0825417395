//! Times and durations.

use chrono::{DateTime, Datelike, Duration, FixedOffset, NaiveDate, SecondsFormat, Timelike, Utc};

use super::Fault;
use super::value::Val;

/// The time that `text` is: RFC 3339, or a date.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let whole = DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc));
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|time| time.and_utc());
    whole.or_else(date)
}

/// The nanoseconds of a duration as Go writes it: `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    crate::render::template::sprig::times::Duration::parse(text).map(|duration| duration.0)
}

/// `duration(x)` and `timestamp(x)`
pub(super) fn convert(name: &str, value: &Val) -> Result<Val, Fault> {
    match (name, value) {
        ("duration", Val::Duration(_)) | ("timestamp", Val::Time(_)) => Ok(value.clone()),
        ("duration", Val::Int(nanos)) => Ok(Val::Duration(*nanos)),
        ("timestamp", Val::Int(seconds)) => {
            DateTime::from_timestamp(*seconds, 0).map(Val::Time).ok_or_else(|| Fault::error("timestamp overflow"))
        }
        ("duration", Val::Str(text)) => parse_duration(text)
            .map(Val::Duration)
            .ok_or_else(|| Fault::error("type conversion error from 'string' to 'google.protobuf.Duration'")),
        ("timestamp", Val::Str(text)) => DateTime::parse_from_rfc3339(text)
            .map(|time| Val::Time(time.with_timezone(&Utc)))
            .map_err(|_| Fault::error("type conversion error from 'string' to 'google.protobuf.Timestamp'")),
        (name, value) => Err(Fault::overload(&format!("{name}()"), &[value])),
    }
}

pub(super) fn arithmetic(name: &str, a: &Val, b: &Val) -> Result<Val, Fault> {
    let overflow = || Fault::error("timestamp overflow");
    match (name, a, b) {
        ("_+_", Val::Duration(a), Val::Duration(b)) => a.checked_add(*b).map(Val::Duration).ok_or_else(overflow),
        ("_-_", Val::Duration(a), Val::Duration(b)) => a.checked_sub(*b).map(Val::Duration).ok_or_else(overflow),
        ("_+_", Val::Time(time), Val::Duration(nanos)) | ("_+_", Val::Duration(nanos), Val::Time(time)) => {
            time.checked_add_signed(Duration::nanoseconds(*nanos)).map(Val::Time).ok_or_else(overflow)
        }
        ("_-_", Val::Time(time), Val::Duration(nanos)) => {
            time.checked_sub_signed(Duration::nanoseconds(*nanos)).map(Val::Time).ok_or_else(overflow)
        }
        ("_-_", Val::Time(a), Val::Time(b)) => {
            a.signed_duration_since(*b).num_nanoseconds().map(Val::Duration).ok_or_else(overflow)
        }
        _ => Err(Fault::overload(name, &[a, b])),
    }
}

/// `getHours()` and its kin, of times and of durations.
pub(super) fn member(name: &str, args: &[Val]) -> Result<Val, Fault> {
    let unknown = || Fault::overload(&format!("{name}()"), &args.iter().collect::<Vec<_>>());
    let number = match args {
        [Val::Duration(nanos)] => match name {
            "getHours" => nanos / 3_600_000_000_000,
            "getMinutes" => nanos / 60_000_000_000,
            "getSeconds" => nanos / 1_000_000_000,
            "getMilliseconds" => nanos / 1_000_000,
            _ => return Err(unknown()),
        },
        [Val::Time(time)] => part(name, &time.fixed_offset()).ok_or_else(unknown)?,
        [Val::Time(time), Val::Str(zone)] => {
            let time = in_zone(time, zone).ok_or_else(|| Fault::error(format!("unknown time zone {zone}")))?;
            part(name, &time).ok_or_else(unknown)?
        }
        _ => return Err(unknown()),
    };
    Ok(Val::Int(number))
}

fn in_zone(time: &DateTime<Utc>, zone: &str) -> Option<DateTime<FixedOffset>> {
    if let Ok(named) = zone.parse::<chrono_tz::Tz>() {
        return Some(time.with_timezone(&named).fixed_offset());
    }
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = hours.parse::<i32>().ok().filter(|hours| *hours < 24)? * 3600
        + minutes.parse::<i32>().ok().filter(|minutes| *minutes < 60)? * 60;
    Some(time.with_timezone(&FixedOffset::east_opt(sign * seconds)?))
}

fn part(name: &str, time: &DateTime<FixedOffset>) -> Option<i64> {
    Some(match name {
        "getFullYear" => i64::from(time.year()),
        "getMonth" => i64::from(time.month0()),
        "getDayOfYear" => i64::from(time.ordinal0()),
        "getDayOfMonth" => i64::from(time.day0()),
        "getDate" => i64::from(time.day()),
        "getDayOfWeek" => i64::from(time.weekday().num_days_from_sunday()),
        "getHours" => i64::from(time.hour()),
        "getMinutes" => i64::from(time.minute()),
        "getSeconds" => i64::from(time.second()),
        "getMilliseconds" => i64::from(time.timestamp_subsec_millis()),
        _ => return None,
    })
}

pub(super) fn write_time(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A duration in seconds: `5400s`.
pub(super) fn write_duration(nanos: i64) -> String {
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if rest == 0 {
        return format!("{whole}s");
    }
    let sign = if nanos < 0 && whole == 0 { "-" } else { "" };
    let digits = format!("{:09}", rest.abs());
    format!("{sign}{whole}.{}s", digits.trim_end_matches('0'))
}
