//! Dates and durations, with Go's layouts.
//!
//! There is no clock: `now` is a fixed instant ([`NOW`]), so that a chart renders the same every time. The local zone is
//! UTC.

use std::any::Any as StdAny;
use std::rc::Rc;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};

use super::text_of;
use crate::render::template::{Call, FunctionError, Functions, Object, Param, Value};

/// What `now` answers: 2024-01-01T00:00:00Z, in seconds.
pub const NOW: i64 = 1_704_067_200;

const TIME: &str = "time.Time";

#[derive(Debug, Clone)]
struct Time {
    instant: DateTime<Utc>,
    /// Seconds east of UTC, and the zone's name.
    offset: i32,
    zone: String,
}

/// `time.Duration`, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Duration(pub i64);

impl Time {
    fn utc(seconds: i64) -> Time {
        let instant = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        Time { instant, offset: 0, zone: "UTC".to_owned() }
    }

    fn local(&self) -> NaiveDateTime {
        self.instant.naive_utc() + TimeDelta::seconds(i64::from(self.offset))
    }

    fn within(&self, zone: &str) -> Time {
        match zone {
            "" | "UTC" | "Local" => Time { offset: 0, zone: "UTC".to_owned(), ..self.clone() },
            zone => match zone.parse::<chrono_tz::Tz>() {
                Ok(tz) => {
                    let local = tz.from_utc_datetime(&self.instant.naive_utc());
                    Time {
                        instant: self.instant,
                        offset: local.offset().fix().local_minus_utc(),
                        zone: local.format("%Z").to_string(),
                    }
                }
                Err(_) => self.within("UTC"),
            },
        }
    }

    fn zone_offset(&self, colon: bool) -> String {
        let minutes = self.offset.abs() / 60;
        let sign = if self.offset < 0 { '-' } else { '+' };
        let separator = if colon { ":" } else { "" };
        format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
    }

    fn format(&self, layout: &str) -> String {
        let time = self.local();
        let mut out = String::new();
        let mut rest = layout;
        while !rest.is_empty() {
            let Some((chunk, length)) = chunk_of(rest) else {
                let next = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..next]);
                rest = &rest[next..];
                continue;
            };
            let text = &rest[..length];
            rest = &rest[length..];
            let hour12 = match time.hour() % 12 {
                0 => 12,
                hour => hour,
            };
            match chunk {
                Chunk::LongMonth => out.push_str(MONTHS[time.month0() as usize]),
                Chunk::Month => out.push_str(&MONTHS[time.month0() as usize][..3]),
                Chunk::NumMonth => out.push_str(&time.month().to_string()),
                Chunk::ZeroMonth => out.push_str(&format!("{:02}", time.month())),
                Chunk::LongWeekDay => out.push_str(DAYS[time.weekday().num_days_from_sunday() as usize]),
                Chunk::WeekDay => out.push_str(&DAYS[time.weekday().num_days_from_sunday() as usize][..3]),
                Chunk::Day => out.push_str(&time.day().to_string()),
                Chunk::UnderDay => out.push_str(&format!("{:2}", time.day())),
                Chunk::ZeroDay => out.push_str(&format!("{:02}", time.day())),
                Chunk::UnderYearDay => out.push_str(&format!("{:3}", time.ordinal())),
                Chunk::ZeroYearDay => out.push_str(&format!("{:03}", time.ordinal())),
                Chunk::Hour => out.push_str(&format!("{:02}", time.hour())),
                Chunk::Hour12 => out.push_str(&hour12.to_string()),
                Chunk::ZeroHour12 => out.push_str(&format!("{hour12:02}")),
                Chunk::Minute => out.push_str(&time.minute().to_string()),
                Chunk::ZeroMinute => out.push_str(&format!("{:02}", time.minute())),
                Chunk::Second => out.push_str(&time.second().to_string()),
                Chunk::ZeroSecond => out.push_str(&format!("{:02}", time.second())),
                Chunk::LongYear => out.push_str(&format!("{:04}", time.year())),
                Chunk::Year => out.push_str(&format!("{:02}", time.year().rem_euclid(100))),
                Chunk::UpperPm => out.push_str(if time.hour() >= 12 { "PM" } else { "AM" }),
                Chunk::LowerPm => out.push_str(if time.hour() >= 12 { "pm" } else { "am" }),
                Chunk::Zone => out.push_str(&self.zone),
                Chunk::Offset { colon, z, hours } => {
                    if z && self.offset == 0 {
                        out.push('Z');
                    } else if hours {
                        out.push_str(&self.zone_offset(false)[..3]);
                    } else {
                        out.push_str(&self.zone_offset(colon));
                    }
                }
                Chunk::Fraction { digits, trim } => {
                    let nanos = format!("{:09}", time.nanosecond() % 1_000_000_000);
                    let fraction = &nanos[..digits.min(9)];
                    let fraction = if trim { fraction.trim_end_matches('0') } else { fraction };
                    if !fraction.is_empty() {
                        out.push_str(&text[..1]);
                        out.push_str(fraction);
                    }
                }
            }
        }
        out
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

#[derive(Clone, Copy, PartialEq)]
enum Chunk {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    Zone,
    Offset { colon: bool, z: bool, hours: bool },
    Fraction { digits: usize, trim: bool },
}

/// The element of the reference time that `layout` begins with, and its length.
fn chunk_of(layout: &str) -> Option<(Chunk, usize)> {
    const TABLE: &[(&str, Chunk)] = &[
        ("January", Chunk::LongMonth),
        ("Monday", Chunk::LongWeekDay),
        ("MST", Chunk::Zone),
        ("2006", Chunk::LongYear),
        ("_2006", Chunk::LongYear),
        ("002", Chunk::ZeroYearDay),
        ("__2", Chunk::UnderYearDay),
        ("-07:00", Chunk::Offset { colon: true, z: false, hours: false }),
        ("-0700", Chunk::Offset { colon: false, z: false, hours: false }),
        ("-07", Chunk::Offset { colon: false, z: false, hours: true }),
        ("Z07:00", Chunk::Offset { colon: true, z: true, hours: false }),
        ("Z0700", Chunk::Offset { colon: false, z: true, hours: false }),
        ("Z07", Chunk::Offset { colon: false, z: true, hours: true }),
        ("01", Chunk::ZeroMonth),
        ("02", Chunk::ZeroDay),
        ("03", Chunk::ZeroHour12),
        ("04", Chunk::ZeroMinute),
        ("05", Chunk::ZeroSecond),
        ("06", Chunk::Year),
        ("15", Chunk::Hour),
        ("_2", Chunk::UnderDay),
        ("PM", Chunk::UpperPm),
        ("pm", Chunk::LowerPm),
    ];
    if layout.starts_with("_2006") {
        return None;
    }
    for (text, chunk) in TABLE {
        if layout.starts_with(text) {
            return Some((*chunk, text.len()));
        }
    }
    for (text, chunk) in [("Jan", Chunk::Month), ("Mon", Chunk::WeekDay)] {
        if layout.starts_with(text) && !layout[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
            return Some((chunk, 3));
        }
    }
    if let Some(rest) = layout.strip_prefix(['.', ',']) {
        for digit in ['0', '9'] {
            let digits = rest.len() - rest.trim_start_matches(digit).len();
            let ends = !rest[digits..].starts_with(|c: char| c.is_ascii_digit());
            if digits > 0 && ends {
                return Some((Chunk::Fraction { digits, trim: digit == '9' }, digits + 1));
            }
        }
    }
    let chunk = match layout.as_bytes().first()? {
        b'1' => Chunk::NumMonth,
        b'2' => Chunk::Day,
        b'3' => Chunk::Hour12,
        b'4' => Chunk::Minute,
        b'5' => Chunk::Second,
        _ => return None,
    };
    Some((chunk, 1))
}

/// Reads `text` by `layout`, or says what does not fit in Go's words.
fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let quoted = |text: &str| crate::render::template::quote(text);
    let wrong = |element: &str, value: &str| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quoted(text),
            quoted(layout),
            quoted(value),
            quoted(element)
        )
    };
    let (mut year, mut month, mut day, mut ordinal) = (0_i32, 1_u32, 1_u32, None);
    let (mut hour, mut minute, mut second, mut nanos) = (0_u32, 0_u32, 0_u32, 0_u32);
    let (mut pm, mut offset, mut zone) = (None, 0_i32, String::new());
    let (mut pattern, mut rest) = (layout, text);
    while !pattern.is_empty() {
        let Some((chunk, length)) = chunk_of(pattern) else {
            let c = pattern.chars().next().unwrap_or_default();
            match rest.strip_prefix(c) {
                Some(behind) => rest = behind,
                None => return Err(wrong(pattern, rest)),
            }
            pattern = &pattern[c.len_utf8()..];
            continue;
        };
        let element = &pattern[..length];
        pattern = &pattern[length..];
        let before = rest;
        let mut digits = |least: usize, most: usize| -> Result<u32, String> {
            let found = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
            if found < least {
                return Err(wrong(element, before));
            }
            let value = rest[..found].parse().map_err(|_| wrong(element, before))?;
            rest = &rest[found..];
            Ok(value)
        };
        match chunk {
            Chunk::LongYear => year = digits(4, 4)? as i32,
            Chunk::Year => {
                let two = digits(2, 2)? as i32;
                year = if two >= 69 { 1900 + two } else { 2000 + two };
            }
            Chunk::NumMonth => month = digits(1, 2)?,
            Chunk::ZeroMonth => month = digits(2, 2)?,
            Chunk::Day | Chunk::UnderDay => {
                rest = rest.strip_prefix(' ').filter(|_| chunk == Chunk::UnderDay).unwrap_or(rest);
                let found = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
                day = rest[..found].parse().map_err(|_| wrong(element, before))?;
                rest = &rest[found..];
            }
            Chunk::ZeroDay => day = digits(2, 2)?,
            Chunk::ZeroYearDay => ordinal = Some(digits(3, 3)?),
            Chunk::UnderYearDay => {
                rest = rest.trim_start_matches(' ');
                let found = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
                ordinal = Some(rest[..found].parse().map_err(|_| wrong(element, before))?);
                rest = &rest[found..];
            }
            Chunk::Hour | Chunk::ZeroHour12 => hour = digits(2, 2)?,
            Chunk::Hour12 => hour = digits(1, 2)?,
            Chunk::Minute => minute = digits(1, 2)?,
            Chunk::ZeroMinute => minute = digits(2, 2)?,
            Chunk::Second | Chunk::ZeroSecond => {
                second = digits(if chunk == Chunk::Second { 1 } else { 2 }, 2)?;
                // A fraction may follow that the layout does not mention.
                let fraction = rest.strip_prefix(['.', ',']).unwrap_or_default();
                let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
                if count > 0 && !matches!(chunk_of(pattern), Some((Chunk::Fraction { .. }, _))) {
                    nanos = nanoseconds(&fraction[..count]);
                    rest = &fraction[count..];
                }
            }
            Chunk::Fraction { digits: wanted, trim } => {
                let fraction = rest.strip_prefix(['.', ',']).unwrap_or_default();
                let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
                if count == 0 && trim {
                    continue;
                }
                if !trim && count != wanted {
                    return Err(wrong(element, before));
                }
                nanos = nanoseconds(&fraction[..count]);
                rest = &fraction[count..];
            }
            Chunk::LongMonth | Chunk::Month => {
                let size = |name: &str| if chunk == Chunk::Month { 3 } else { name.len() };
                let found = MONTHS.iter().position(|name| starts_folded(rest, &name[..size(name)]));
                let index = found.ok_or_else(|| wrong(element, before))?;
                month = index as u32 + 1;
                rest = &rest[size(MONTHS[index])..];
            }
            Chunk::LongWeekDay | Chunk::WeekDay => {
                let size = |name: &str| if chunk == Chunk::WeekDay { 3 } else { name.len() };
                let found = DAYS.iter().position(|name| starts_folded(rest, &name[..size(name)]));
                rest = &rest[size(DAYS[found.ok_or_else(|| wrong(element, before))?])..];
            }
            Chunk::UpperPm | Chunk::LowerPm => {
                pm = Some(rest.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("pm")));
                if !rest.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("pm") || word.eq_ignore_ascii_case("am"))
                {
                    return Err(wrong(element, before));
                }
                rest = &rest[2..];
            }
            Chunk::Zone => {
                let count = rest.bytes().take_while(u8::is_ascii_uppercase).count();
                if !(3..=5).contains(&count) {
                    return Err(wrong(element, before));
                }
                zone = rest[..count].to_owned();
                rest = &rest[count..];
            }
            Chunk::Offset { colon, z, hours } => {
                if z && rest.starts_with('Z') {
                    rest = &rest[1..];
                    zone = "UTC".to_owned();
                    continue;
                }
                let negative = match rest.as_bytes().first() {
                    Some(b'-') => true,
                    Some(b'+') => false,
                    _ => return Err(wrong(element, before)),
                };
                let length = if hours {
                    3
                } else if colon {
                    6
                } else {
                    5
                };
                let found = rest.get(1..length).ok_or_else(|| wrong(element, before))?.replace(':', "");
                let number: i32 = found.parse().map_err(|_| wrong(element, before))?;
                let minutes = if hours { number * 60 } else { number / 100 * 60 + number % 100 };
                offset = minutes * if negative { -60 } else { 60 };
                rest = &rest[length..];
            }
        }
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", quoted(text), quoted(rest)));
    }
    match pm {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let range = |what: &str| format!("parsing time {}: {what} out of range", quoted(text));
    if !(1..=12).contains(&month) {
        return Err(range("month"));
    }
    let date = match ordinal {
        Some(ordinal) => NaiveDate::from_yo_opt(year, ordinal).ok_or_else(|| range("day-of-year"))?,
        None => NaiveDate::from_ymd_opt(year, month, day).ok_or_else(|| range("day"))?,
    };
    let unit = if hour > 23 {
        "hour"
    } else if minute > 59 {
        "minute"
    } else {
        "second"
    };
    let time = date.and_hms_nano_opt(hour, minute, second, nanos).ok_or_else(|| range(unit))?;
    let instant = (time - TimeDelta::seconds(i64::from(offset))).and_utc();
    let zone = if zone.is_empty() && offset == 0 { "UTC".to_owned() } else { zone };
    Ok(Time { instant, offset, zone })
}

fn starts_folded(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

fn nanoseconds(digits: &str) -> u32 {
    format!("{:0<9}", &digits[..digits.len().min(9)]).parse().unwrap_or(0)
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        TIME
    }

    fn method(&self, name: &str, _: &mut Call<'_>, args: &[Value]) -> Option<Result<Value, FunctionError>> {
        let local = self.local();
        let number = |value: u32| Ok(Value::Int(i64::from(value)));
        Some(match name {
            "Format" => Ok(self.format(args.first().and_then(Value::as_str).unwrap_or_default()).into()),
            "Unix" => Ok(Value::Int64(self.instant.timestamp())),
            "UnixNano" => Ok(Value::Int64(self.instant.timestamp_nanos_opt().unwrap_or_default())),
            "UnixMilli" => Ok(Value::Int64(self.instant.timestamp_millis())),
            "Year" => Ok(Value::Int(i64::from(local.year()))),
            "Month" => Ok(MONTHS[local.month0() as usize].into()),
            "Weekday" => Ok(DAYS[local.weekday().num_days_from_sunday() as usize].into()),
            "Day" => number(local.day()),
            "YearDay" => number(local.ordinal()),
            "Hour" => number(local.hour()),
            "Minute" => number(local.minute()),
            "Second" => number(local.second()),
            "Nanosecond" => number(local.nanosecond()),
            "UTC" | "Local" => Ok(Value::Object(Rc::new(self.within("UTC")))),
            "String" => Ok(self.print().into()),
            "IsZero" => Ok((self.instant.timestamp() == ZERO && self.instant.timestamp_subsec_nanos() == 0).into()),
            "AddDate" | "Add" | "Sub" | "Before" | "After" | "Equal" => self.arithmetic(name, args),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn json(&self) -> Option<Value> {
        Some(self.format("2006-01-02T15:04:05.999999999Z07:00").into())
    }

    fn as_any(&self) -> &dyn StdAny {
        self
    }
}

/// The instant of Go's zero time: the year 1.
const ZERO: i64 = -62_135_596_800;

impl Time {
    fn arithmetic(&self, name: &str, args: &[Value]) -> Result<Value, FunctionError> {
        let moved = |instant| Value::Object(Rc::new(Time { instant, ..self.clone() }));
        if name == "AddDate" {
            let part = |index: usize| args.get(index).map_or(0, super::to_int).clamp(-100_000, 100_000) as i32;
            let local = self.instant.naive_utc();
            let months = local.month0() as i32 + part(1);
            let first = NaiveDate::from_ymd_opt(
                local.year() + part(0) + months.div_euclid(12),
                months.rem_euclid(12) as u32 + 1,
                1,
            );
            let date = first.map(|first| first + TimeDelta::days(i64::from(local.day0()) + i64::from(part(2))));
            return date
                .map(|date| moved(date.and_time(local.time()).and_utc()))
                .ok_or_else(|| "date out of range".into());
        }
        let other = args.first().and_then(|arg| match arg {
            Value::Object(object) => Some(object.clone()),
            _ => None,
        });
        let other = other.ok_or("wrong type for value; expected time.Time")?;
        if let Some(duration) = other.as_any().downcast_ref::<Duration>() {
            return Ok(moved(self.instant + TimeDelta::nanoseconds(duration.0)));
        }
        let Some(other) = other.as_any().downcast_ref::<Time>() else {
            return Err("wrong type for value; expected time.Time".into());
        };
        Ok(match name {
            "Sub" => {
                let nanos = (self.instant - other.instant).num_nanoseconds().unwrap_or(i64::MAX);
                Value::Object(Rc::new(Duration(nanos)))
            }
            "Before" => (self.instant < other.instant).into(),
            "After" => (self.instant > other.instant).into(),
            _ => (self.instant == other.instant).into(),
        })
    }
}

impl Duration {
    /// Reads `1h30m`, `-1.5s`, `300ms`.
    pub fn parse(text: &str) -> Option<Duration> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(Duration(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total = 0_i128;
        while !rest.is_empty() {
            let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (digits, behind) = rest.split_at(number);
            let unit = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
            let (unit, behind) = behind.split_at(unit);
            let scale: i128 = match unit {
                "ns" => 1,
                "us" | "µs" | "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                _ => return None,
            };
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
                return None;
            }
            if !whole.is_empty() {
                // What has more digits than a number of 64 bits is refused here: it would overflow 128 with its unit.
                total += i128::from(whole.parse::<u64>().ok()?) * scale;
            }
            if !fraction.is_empty() {
                let fraction = &fraction[..fraction.len().min(18)];
                total += fraction.parse::<i128>().ok()? * scale / 10_i128.pow(fraction.len() as u32);
            }
            if total > i128::from(i64::MAX) {
                return None;
            }
            rest = behind;
        }
        Some(Duration(total as i64 * if negative { -1 } else { 1 }))
    }

    /// `1h30m0s`
    pub fn text(self) -> String {
        let nanos = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = |value: u64, unit: u64| {
            let text = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
            match text.trim_end_matches('0') {
                "" => format!("{}", value / unit),
                digits => format!("{}.{digits}", value / unit),
            }
        };
        match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{sign}{nanos}ns"),
            1_000..1_000_000 => format!("{sign}{}µs", fraction(nanos, 1_000)),
            1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(nanos, 1_000_000)),
            _ => {
                let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
                let seconds = fraction(rest, 1_000_000_000);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => format!("{sign}{seconds}s"),
                    (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                    (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
                }
            }
        }
    }
}

impl Object for Duration {
    fn type_name(&self) -> &'static str {
        "time.Duration"
    }

    fn kind(&self) -> &'static str {
        "int64"
    }

    fn method(&self, name: &str, _: &mut Call<'_>, _: &[Value]) -> Option<Result<Value, FunctionError>> {
        let seconds = self.0 as f64 / 1e9;
        Some(Ok(match name {
            "Seconds" => Value::Float(seconds),
            "Minutes" => Value::Float(seconds / 60.0),
            "Hours" => Value::Float(seconds / 3600.0),
            "Milliseconds" => Value::Int64(self.0 / 1_000_000),
            "Microseconds" => Value::Int64(self.0 / 1_000),
            "Nanoseconds" => Value::Int64(self.0),
            "String" => self.text().into(),
            _ => return None,
        }))
    }

    fn print(&self) -> String {
        self.text()
    }

    fn json(&self) -> Option<Value> {
        Some(Value::Int64(self.0))
    }

    fn as_any(&self) -> &dyn StdAny {
        self
    }
}

/// The time that `date` and its kin take `value` for: what is none is now.
fn time_of(value: &Value) -> Time {
    match value {
        Value::Object(object) => object.as_any().downcast_ref::<Time>().cloned().unwrap_or_else(|| Time::utc(NOW)),
        Value::Int(seconds) | Value::Int64(seconds) => Time::utc(*seconds),
        _ => Time::utc(NOW),
    }
}

fn value(time: Time) -> Value {
    Value::Object(Rc::new(time))
}

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, String as Text};
    let time = Param::Object(TIME);
    functions.add("now", &[], |_, _| Ok(value(Time::utc(NOW))));
    functions.add("date", &[Text, Any], |_, args| Ok(time_of(&args[1]).within("UTC").format(text_of(&args[0])).into()));
    functions.add("dateInZone", &[Text, Any, Text], |_, args| {
        Ok(time_of(&args[1]).within(text_of(&args[2])).format(text_of(&args[0])).into())
    });
    functions.alias("date_in_zone", "dateInZone");
    functions.add("htmlDate", &[Any], |_, args| Ok(time_of(&args[0]).within("UTC").format("2006-01-02").into()));
    functions.add("htmlDateInZone", &[Any, Text], |_, args| {
        Ok(time_of(&args[0]).within(text_of(&args[1])).format("2006-01-02").into())
    });
    functions.add("dateModify", &[Text, time], |_, args| {
        Ok(modified(text_of(&args[0]), &args[1]).unwrap_or_else(|_| args[1].clone()))
    });
    functions.alias("date_modify", "dateModify");
    functions.add("mustDateModify", &[Text, time], |_, args| {
        modified(text_of(&args[0]), &args[1]).map_err(FunctionError::Message)
    });
    functions.alias("must_date_modify", "mustDateModify");
    functions.add("toDate", &[Text, Text], |_, args| {
        Ok(value(parse(text_of(&args[0]), text_of(&args[1])).unwrap_or_else(|_| Time::utc(ZERO))))
    });
    functions.add("mustToDate", &[Text, Text], |_, args| {
        parse(text_of(&args[0]), text_of(&args[1])).map(value).map_err(FunctionError::Message)
    });
    functions.add("unixEpoch", &[time], |_, args| Ok(time_of(&args[0]).instant.timestamp().to_string().into()));
    functions.add("ago", &[Any], |_, args| {
        let nanos = (Time::utc(NOW).instant - time_of(&args[0]).instant).num_nanoseconds().unwrap_or(i64::MAX);
        let seconds = (nanos as f64 / 1e9).round() as i64;
        Ok(Duration(seconds.saturating_mul(1_000_000_000)).text().into())
    });
    functions.add("duration", &[Any], |_, args| {
        let seconds = match &args[0] {
            Value::String(text) => text.parse().unwrap_or(0),
            Value::Int64(seconds) => *seconds,
            _ => 0,
        };
        Ok(Duration(seconds.wrapping_mul(1_000_000_000)).text().into())
    });
    functions.add("durationRound", &[Any], |_, args| {
        let nanos = match &args[0] {
            Value::String(text) => Duration::parse(text).map_or(0, |duration| duration.0),
            Value::Int64(nanos) => *nanos,
            Value::Object(object) if object.type_name() == TIME => {
                (Time::utc(NOW).instant - time_of(&args[0]).instant).num_nanoseconds().unwrap_or(i64::MAX)
            }
            _ => 0,
        };
        Ok(rounded(nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000 > 0).into())
    });
}

fn modified(change: &str, time: &Value) -> Result<Value, String> {
    let invalid = || format!("time: invalid duration {}", crate::render::template::quote(change));
    let duration = Duration::parse(change).ok_or_else(invalid)?;
    let time = time_of(time);
    Ok(value(Time { instant: time.instant + TimeDelta::nanoseconds(duration.0), ..time }))
}

/// The largest unit that fits more than once.
fn rounded(seconds: u64, more: bool) -> String {
    for (unit, name) in [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
        if seconds > unit || seconds == unit && more {
            return format!("{}{name}", seconds / unit);
        }
    }
    "0s".to_owned()
}
