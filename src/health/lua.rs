//! The repository's own health checks: Lua from `argocd-cm` in, what they say of an object out.
//!
//! As Argo CD runs them, with the basic functions, `table`, and the time and date of `os`; `string` and `math` are there
//! only for a check that sets `useOpenLibs`. Argo CD's dialect is Lua 5.1 with `goto`; here it is 5.2 with the functions
//! that 5.1 had. A check gets no file, no module and no process, and is stopped when it runs for too long or takes too
//! much memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeZone;
use mlua::{Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value as LuaValue, Variadic, VmState};
use serde_json::Value;

use super::table::Verdict;

/// So many instructions between two looks at the time that a check takes.
const TICK: u32 = 10_000;
/// So many ticks a check may take: about a second, which is what Argo CD gives it.
const MAX_TICKS: u32 = 2_000;
/// So many bytes a check may hold.
const MAX_MEMORY: usize = 64 << 20;
/// Values deeper than this are not handed to a check.
const MAX_DEPTH: usize = 100;

/// A check in Lua.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// What it does.
    pub text: String,
    /// Whether `string`, `math` and `bit32` are at hand.
    pub open_libraries: bool,
}

/// The checks of a ConfigMap `argocd-cm`, by `group/kind`; both may hold `*`.
pub fn scripts(settings: &Value) -> BTreeMap<String, Script> {
    let mut scripts: BTreeMap<String, Script> = BTreeMap::new();
    let data = settings["data"].as_object().into_iter().flatten();
    for (key, value) in data.filter_map(|(key, value)| Some((key, value.as_str()?))) {
        let Some(setting) = key.strip_prefix("resource.customizations") else { continue };
        if setting.is_empty() {
            together(value, &mut scripts);
        } else if let Some(kind) = setting.strip_prefix(".health.").and_then(pattern) {
            value.clone_into(&mut scripts.entry(kind).or_default().text);
        } else if let Some(kind) = setting.strip_prefix(".useOpenLibs.").and_then(pattern) {
            scripts.entry(kind).or_default().open_libraries = value == "true";
        }
    }
    scripts.retain(|_, script| !script.text.is_empty());
    scripts
}

/// `group_kind` as `group/kind`; a kind alone has no group.
fn pattern(key: &str) -> Option<String> {
    match key.split('_').collect::<Vec<_>>().as_slice() {
        [kind] if !kind.is_empty() => Some((*kind).to_owned()),
        [group, kind] => Some(format!("{group}/{kind}")),
        _ => None,
    }
}

/// The older form: all customizations in one text of YAML.
fn together(text: &str, scripts: &mut BTreeMap<String, Script>) {
    let documents = crate::yaml::read(crate::origin::FileId(0), text, crate::yaml::Limits::default()).documents;
    let Some(document) = documents.into_iter().next() else { return };
    for entry in document.root.entries() {
        let script = scripts.entry(entry.key_text().to_owned()).or_default();
        if let Some(text) = entry.value.str_at(&["health.lua"]) {
            text.clone_into(&mut script.text);
        }
        script.open_libraries |=
            entry.value.get("health.lua.useOpenLibs").is_some_and(|node| node.text() == Some("true"));
    }
}

/// What a script says of `live`. The error is what went wrong in it.
pub(super) fn judge(script: &Script, live: &Value) -> Result<Verdict, String> {
    run(script, live).map_err(|error| {
        let text = error.to_string();
        // The trace speaks of this program, not of the script.
        text.split("\nstack traceback:").next().unwrap_or_default().trim_start_matches("runtime error: ").to_owned()
    })
}

/// Why a script cannot be read, if it cannot, with the line. What only the dialect of 5.2 refuses does not count.
pub fn syntax_error(text: &str) -> Option<(u32, String)> {
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::default()).ok()?;
    lua.set_memory_limit(MAX_MEMORY).ok()?;
    let mlua::Error::SyntaxError { message, .. } = lua.load(text).set_name("=health").into_function().err()? else {
        return None;
    };
    if ["jumps into the scope", "invalid escape sequence"].iter().any(|other| message.contains(other)) {
        return None;
    }
    let (line, error) = message.strip_prefix("health:")?.split_once(':')?;
    Some((line.parse().ok()?, error.trim().to_owned()))
}

fn run(script: &Script, live: &Value) -> mlua::Result<Verdict> {
    let libraries = match script.open_libraries {
        true => StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::BIT,
        false => StdLib::TABLE,
    };
    let lua = Lua::new_with(libraries, LuaOptions::default())?;
    lua.set_memory_limit(MAX_MEMORY)?;
    let ticks = Arc::new(AtomicU32::new(0));
    bound(&lua, &ticks)?;
    confine(&lua, &ticks)?;
    lua.globals().set("obj", value(&lua, live, 0)?)?;
    lua.globals().set("actionParams", lua.create_table()?)?;
    let told: LuaValue = lua.load(&script.text).set_name("=health.lua").eval()?;
    match told {
        LuaValue::Nil => Ok(Verdict::None),
        LuaValue::Table(table) => verdict(&table),
        other => Err(mlua::Error::runtime(format!("expect table output from Lua script, not {}", other.type_name()))),
    }
}

/// Ends the script when its time is up.
fn bound(lua: &Lua, ticks: &Arc<AtomicU32>) -> mlua::Result<()> {
    let ticks = Arc::clone(ticks);
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(TICK), move |_, _| {
        match ticks.fetch_add(1, Ordering::Relaxed) >= MAX_TICKS {
            true => Err(mlua::Error::runtime("the script takes too long")),
            false => Ok(VmState::Continue),
        }
    })
}

/// Takes away what reaches outside, and adds what Argo CD's dialect has.
fn confine(lua: &Lua, ticks: &Arc<AtomicU32>) -> mlua::Result<()> {
    let globals = lua.globals();
    for name in ["dofile", "loadfile", "load", "loadstring", "require", "module", "collectgarbage"] {
        globals.set(name, LuaValue::Nil)?;
    }
    globals.set("print", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    // A script must not catch the error that ends it.
    let ticks = Arc::clone(ticks);
    let protected = move |lua: &Lua, (function, arguments): (Function, Variadic<LuaValue>)| {
        let mut results = MultiValue::new();
        match function.call::<MultiValue>(arguments) {
            Ok(values) => {
                results.push_back(LuaValue::Boolean(true));
                results.extend(values);
            }
            Err(error) if ticks.load(Ordering::Relaxed) > MAX_TICKS => return Err(error),
            Err(error) => {
                results.push_back(LuaValue::Boolean(false));
                results.push_back(LuaValue::String(lua.create_string(error.to_string())?));
            }
        }
        Ok(results)
    };
    globals.set("pcall", lua.create_function(protected)?)?;
    globals.set("xpcall", LuaValue::Nil)?;
    let table: Table = globals.get("table")?;
    globals.set("unpack", table.get::<LuaValue>("unpack")?)?;
    table.set("getn", lua.create_function(|_, table: Table| table.len())?)?;
    let os = lua.create_table()?;
    os.set("time", lua.create_function(|_, parts: Option<Table>| time(parts.as_ref()))?)?;
    os.set("date", lua.create_function(|_, (format, at): (Option<String>, Option<i64>)| Ok(date(format, at)))?)?;
    globals.set("os", os)
}

/// Seconds since 1970 of a time in parts, or of now.
fn time(parts: Option<&Table>) -> mlua::Result<i64> {
    let Some(parts) = parts else { return Ok(chrono::Utc::now().timestamp()) };
    let part = |name: &str, default: i64| -> mlua::Result<i64> {
        Ok(match parts.get::<LuaValue>(name)? {
            LuaValue::Integer(number) => number,
            #[allow(clippy::cast_possible_truncation, reason = "a part of a date; as casts do, it stays in range")]
            LuaValue::Number(number) => number as i64,
            LuaValue::String(text) => text.to_str()?.trim().parse().unwrap_or(default),
            _ => default,
        })
    };
    // Parts may be out of their range: the month 13 is the first of the next year.
    let months = part("year", -1)?.saturating_mul(12).saturating_add(part("month", -1)?).saturating_sub(1);
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let start = i32::try_from(year)
        .ok()
        .and_then(|year| chrono::NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, 1)?.and_hms_opt(0, 0, 0));
    let start = start.ok_or_else(|| mlua::Error::runtime("os.time: the year is out of range"))?;
    let days = part("day", -1)?.saturating_sub(1).saturating_mul(86_400);
    let seconds = part("hour", 12)?.saturating_mul(3600) + part("min", 0)?.saturating_mul(60) + part("sec", 0)?;
    Ok(start.and_utc().timestamp().saturating_add(days).saturating_add(seconds))
}

/// A time as text.
fn date(format: Option<String>, at: Option<i64>) -> Option<String> {
    let now = || chrono::Utc::now().timestamp();
    let at = chrono::Utc.timestamp_opt(at.unwrap_or_else(now), 0).single()?;
    let format = format.unwrap_or_else(|| "%c".to_owned());
    let mut text = String::new();
    let items = chrono::format::StrftimeItems::new(format.trim_start_matches('!'));
    std::fmt::Write::write_fmt(&mut text, format_args!("{}", at.format_with_items(items))).ok()?;
    Some(text)
}

fn value(lua: &Lua, json: &Value, depth: usize) -> mlua::Result<LuaValue> {
    if depth > MAX_DEPTH {
        return Err(mlua::Error::runtime("the object is too deep"));
    }
    Ok(match json {
        Value::Null => LuaValue::Nil,
        Value::Bool(value) => LuaValue::Boolean(*value),
        Value::Number(number) => LuaValue::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => LuaValue::String(lua.create_string(text)?),
        Value::Array(items) => {
            let table = lua.create_table()?;
            for item in items.iter().filter(|item| !item.is_null()) {
                table.push(value(lua, item, depth + 1)?)?;
            }
            LuaValue::Table(table)
        }
        Value::Object(entries) => {
            let table = lua.create_table()?;
            for (key, item) in entries {
                table.set(key.as_str(), value(lua, item, depth + 1)?)?;
            }
            LuaValue::Table(table)
        }
    })
}

/// What the table says that a script returned; an empty one says nothing.
fn verdict(table: &Table) -> mlua::Result<Verdict> {
    if table.pairs::<LuaValue, LuaValue>().next().is_none() {
        return Ok(Verdict::None);
    }
    let text = |name: &str| match table.get::<LuaValue>(name)? {
        LuaValue::Nil => Ok(String::new()),
        LuaValue::String(text) => Ok(text.to_str()?.to_owned()),
        other => Err(mlua::Error::runtime(format!("{name} is a {}, not a text", other.type_name()))),
    };
    Ok(Verdict::Health { status: text("status")?, message: text("message")?, deletion: text("deletionMessage")? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn script(text: &str) -> Script {
        Script { text: text.to_owned(), open_libraries: false }
    }

    fn said(text: &str, live: &Value) -> Result<(String, String), String> {
        judge(&script(text), live).map(|verdict| match verdict {
            Verdict::Health { status, message, .. } => (status, message),
            Verdict::None => Default::default(),
        })
    }

    #[test]
    fn a_script_sees_the_object_and_answers_with_a_table() {
        let text = "hs = {status = 'Progressing', message = 'wait'}\n\
                    for _, c in ipairs(obj.status.conditions) do\n\
                      if c.type ~= 'Ready' then goto continue end\n\
                      hs.status = 'Healthy'\n hs.message = c.message .. ' ' .. table.getn(obj.status.conditions)\n\
                      ::continue::\nend\nreturn hs";
        let live = json!({"status": {"conditions": [{"type": "Ready", "message": "all"}, {"type": "Other"}]}});
        assert_eq!(said(text, &live), Ok(("Healthy".to_owned(), "all 2".to_owned())));
    }

    #[test]
    fn a_script_reaches_nothing_outside() {
        for text in
            ["io.open('/etc/passwd')", "os.execute('true')", "require('os')", "dofile('x')", "string.rep('a', 9)"]
        {
            let error = said(&format!("return {{status = 'Healthy', message = {text}}}"), &json!({}));
            assert!(error.is_err(), "{text}: {error:?}");
        }
        let open = Script { text: "return {status = ('healthy'):gsub('^h', 'H')}".to_owned(), open_libraries: true };
        assert!(matches!(judge(&open, &json!({})), Ok(Verdict::Health { status, .. }) if status == "Healthy"));
    }

    #[test]
    fn a_script_without_end_is_ended() {
        let caught = "while true do pcall(function() while true do end end) end";
        for text in ["while true do end", caught, "local t = {} while true do table.insert(t, {1, 2, 3}) end"] {
            assert!(said(text, &json!({})).is_err(), "{text}");
        }
    }

    #[test]
    fn scripts_come_from_both_forms_of_the_setting() {
        let old =
            "example.com/Web:\n  health.lua: |\n    return {status = 'Healthy'}\n  health.lua.useOpenLibs: true\n";
        let settings = json!({"data": {
            "resource.customizations": old,
            "resource.customizations.health.example.com_Api": "return nil",
            "resource.customizations.useOpenLibs.example.com_Api": "true",
            "resource.customizations.health.Pod": "return {}",
            "resource.customizations.ignoreDifferences.example.com_Job": "jqPathExpressions: []",
        }});
        let scripts = scripts(&settings);
        let names: Vec<_> = scripts.iter().map(|(name, script)| (name.as_str(), script.open_libraries)).collect();
        assert_eq!(names, [("Pod", false), ("example.com/Api", true), ("example.com/Web", true)]);
    }

    #[test]
    fn a_script_that_is_no_lua_is_told() {
        assert_eq!(syntax_error("return {}"), None);
        assert_eq!(syntax_error("local hs = {}\nreturn {").map(|(line, _)| line), Some(2));
    }
}
