//! What a template computes with: Go's values, as far as templates can tell them apart.
//!
//! Maps are shared and changed in place (`set`, `unset`, `merge`), as Go's are. Lists are shared and never changed:
//! every function that seems to change one makes a new one. Values are not `Send`: each release is rendered by one
//! thread, from values of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use smol_str::SmolStr;

use super::functions::{Call, FunctionError, Param};
use crate::origin::Origin;

/// A value.
#[derive(Clone, Default)]
pub enum Value {
    /// An interface that holds nothing: `nil`, or a key whose value is null.
    Nil,
    /// No value at all: a key that is missing. Prints as `<no value>`.
    #[default]
    NoValue,
    /// `bool`
    Bool(bool),
    /// `int`: literals, `len`, indices.
    Int(i64),
    /// `int64`: what sprig's arithmetic and `--set` make.
    Int64(i64),
    /// `uint64`: parts of a semantic version.
    Uint(u64),
    /// `float64`: every number of a values file.
    Float(f64),
    /// `string`. Bytes that are not UTF-8 are kept as private characters, see [`bytes`](super::bytes).
    String(SmolStr),
    /// `[]byte`
    Bytes(Rc<[u8]>),
    /// A slice.
    List(List),
    /// A map with text as keys.
    Map(Map),
    /// A Go struct with fields and methods: `.Files`, a version, a time.
    Object(Rc<dyn Object>),
}

/// Levels of lists and maps within each other that are looked at; templates can nest them without end.
pub(super) const MAX_DEPTH: usize = 2_000;
/// Values that are copied or compared at once; lists that hold one list twice, again and again, grow without end.
const MAX_VALUES: usize = 5_000_000;

/// A slice: shared, never changed.
#[derive(Clone)]
pub struct List(Rc<ListData>);

struct ListData {
    items: Vec<Value>,
    /// Where each item came from; empty where nobody asked.
    origins: Vec<Origin>,
    type_name: &'static str,
    /// Whether Go has no array behind it: JSON then says `null`.
    nil: bool,
}

/// A map: shared, changed in place.
#[derive(Clone)]
pub struct Map {
    entries: Rc<Entries>,
    type_name: &'static str,
}

#[derive(Default)]
struct Entries(RefCell<BTreeMap<SmolStr, Entry>>);

thread_local! {
    /// What is left to be dropped, while something is.
    static DROPPED: RefCell<Option<Vec<Value>>> = const { RefCell::new(None) };
}

/// Drops values one after another: what is nested without end would exhaust the stack.
fn drop_all(values: impl Iterator<Item = Value>) {
    let nested = values.filter(|value| matches!(value, Value::List(_) | Value::Map(_)));
    let first = DROPPED.with_borrow_mut(|dropped| match dropped {
        Some(dropped) => {
            dropped.extend(nested);
            false
        }
        None => {
            *dropped = Some(nested.collect());
            true
        }
    });
    if !first {
        return;
    }
    // Each value that is taken out here is dropped here, and puts what it holds behind the others.
    while DROPPED.with_borrow_mut(|dropped| dropped.as_mut().and_then(Vec::pop)).is_some() {}
    DROPPED.with_borrow_mut(|dropped| *dropped = None);
}

impl Drop for ListData {
    fn drop(&mut self) {
        drop_all(std::mem::take(&mut self.items).into_iter());
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        drop_all(std::mem::take(self.0.get_mut()).into_values().map(|entry| entry.value));
    }
}

#[derive(Clone)]
struct Entry {
    value: Value,
    origin: Origin,
}

/// `[]interface {}`
pub const LIST: &str = "[]interface {}";
/// `[]string`
pub const STRINGS: &str = "[]string";
/// `map[string]interface {}`
pub const MAP: &str = "map[string]interface {}";

/// A Go struct as templates see it.
pub trait Object {
    /// Its Go type: `*semver.Version`.
    fn type_name(&self) -> &'static str;
    /// `struct`, `ptr`, `map` or `slice`.
    fn kind(&self) -> &'static str {
        "struct"
    }
    /// A field.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }
    /// Calls a method; `None` if there is none of that name.
    fn method(&self, _name: &str, _call: &mut Call<'_>, _args: &[Value]) -> Option<Result<Value, FunctionError>> {
        None
    }
    /// The parameters of a method; `None` leaves it to the method what it takes.
    fn params(&self, _method: &str) -> Option<&'static [Param]> {
        None
    }
    /// How an action prints it.
    fn print(&self) -> String;
    /// How `fmt.Sprint` prints it, where that differs.
    fn sprint(&self) -> String {
        self.print()
    }
    /// The fields of a struct as `printf` shows them, and whether verbs for text show its String instead.
    fn parts(&self) -> Option<(bool, Vec<Value>)> {
        None
    }
    /// Keys and values, for what is a map or a slice underneath.
    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        None
    }
    /// What stands for it in JSON, if that is not its text.
    fn json(&self) -> Option<Value> {
        None
    }
    /// The object itself, for functions that know its type.
    fn as_any(&self) -> &dyn std::any::Any;
}

impl Value {
    /// Text.
    pub fn string(text: impl Into<SmolStr>) -> Value {
        Value::String(text.into())
    }

    /// `[]interface {}`
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::new(items))
    }

    /// `[]string`
    pub fn strings<S: Into<SmolStr>>(items: impl IntoIterator<Item = S>) -> Value {
        Value::List(List::typed(items.into_iter().map(Value::string).collect(), STRINGS))
    }

    /// `map[string]interface {}`
    pub fn map<K: Into<SmolStr>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
        let map = Map::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        Value::Map(map)
    }

    /// Its Go type, as error messages name it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Nil | Value::NoValue => "interface {}",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Int64(_) => "int64",
            Value::Uint(_) => "uint64",
            Value::Float(_) => "float64",
            Value::String(_) => "string",
            Value::Bytes(_) => "[]uint8",
            Value::List(list) => list.0.type_name,
            Value::Map(map) => map.type_name,
            Value::Object(object) => object.type_name(),
        }
    }

    /// Its Go kind, as `kindOf` names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Nil | Value::NoValue => "invalid",
            Value::Bytes(_) | Value::List(_) => "slice",
            Value::Map(_) => "map",
            Value::Object(object) => object.kind(),
            other => other.type_name(),
        }
    }

    /// Whether it is nil or missing.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil | Value::NoValue)
    }

    /// Whether `if` takes it for true: not the zero of its type, not empty.
    pub fn truth(&self) -> bool {
        match self {
            Value::Nil | Value::NoValue => false,
            Value::Bool(value) => *value,
            Value::Int(value) | Value::Int64(value) => *value != 0,
            Value::Uint(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(list) => !list.items().is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Object(object) => object.entries().is_none_or(|entries| !entries.is_empty()),
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, if it is a slice.
    pub fn as_items(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list.items()),
            _ => None,
        }
    }

    /// What `key` holds, if it is a map that has the key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.as_map()?.get(key)
    }

    /// What a path of keys leads to.
    pub fn path(&self, keys: &[&str]) -> Option<Value> {
        keys.iter().try_fold(self.clone(), |value, key| value.get(key))
    }

    /// A copy that shares no map with this one, as far as it is not nested without end.
    pub fn deep_copy(&self) -> Value {
        self.copied(&mut MAX_VALUES.clone(), 0)
    }

    fn copied(&self, left: &mut usize, depth: usize) -> Value {
        if *left == 0 || depth > MAX_DEPTH {
            return self.clone();
        }
        *left -= 1;
        match self {
            Value::Map(map) => Value::Map(map.copied(left, depth)),
            Value::List(list) => Value::List(List(Rc::new(ListData {
                items: list
                    .items()
                    .iter()
                    .map(|item| stacker::maybe_grow(64 << 10, 1 << 20, || item.copied(left, depth + 1)))
                    .collect(),
                origins: list.0.origins.clone(),
                type_name: list.0.type_name,
                nil: list.0.nil,
            }))),
            other => other.clone(),
        }
    }

    /// Whether both are the same to `reflect.DeepEqual`: types count.
    pub fn deep_equal(&self, other: &Value) -> bool {
        self.equal(other, &mut MAX_VALUES.clone(), 0)
    }

    fn equal(&self, other: &Value, left: &mut usize, depth: usize) -> bool {
        if *left == 0 || depth > MAX_DEPTH {
            return false;
        }
        *left -= 1;
        let mut inner = |a: &Value, b: &Value| stacker::maybe_grow(64 << 10, 1 << 20, || a.equal(b, left, depth + 1));
        match (self, other) {
            (Value::Nil | Value::NoValue, Value::Nil | Value::NoValue) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
            (Value::Uint(a), Value::Uint(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                Rc::ptr_eq(&a.0, &b.0)
                    || a.0.type_name == b.0.type_name
                        && a.0.nil == b.0.nil
                        && a.items().len() == b.items().len()
                        && a.items().iter().zip(b.items()).all(|(a, b)| inner(a, b))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.same(b)
                    || a.type_name == b.type_name
                        && a.len() == b.len()
                        && a.entries().iter().zip(b.entries()).all(|((ka, va), (kb, vb))| *ka == kb && inner(va, &vb))
            }
            (Value::Object(a), Value::Object(b)) => {
                Rc::ptr_eq(a, b) || a.type_name() == b.type_name() && a.print() == b.print()
            }
            _ => false,
        }
    }

    /// About how many bytes the value itself takes, without what it holds.
    pub(super) fn size(&self) -> usize {
        match self {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.items().len() * 32,
            Value::Map(map) => map.len() * 64,
            _ => 0,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.type_name(), super::print::print(self))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.deep_equal(other)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::string(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl List {
    /// `[]interface {}`
    pub fn new(items: Vec<Value>) -> List {
        List::typed(items, LIST)
    }

    /// A slice of the Go type `type_name`.
    pub fn typed(items: Vec<Value>, type_name: &'static str) -> List {
        List(Rc::new(ListData { items, origins: Vec::new(), type_name, nil: false }))
    }

    /// A slice of the Go type `type_name` that has no array behind it.
    pub fn nil(type_name: &'static str) -> List {
        List(Rc::new(ListData { items: Vec::new(), origins: Vec::new(), type_name, nil: true }))
    }

    /// A slice to which Go appended `items` one by one, beginning with nil.
    pub fn appended(items: Vec<Value>, type_name: &'static str) -> List {
        if items.is_empty() { List::nil(type_name) } else { List::typed(items, type_name) }
    }

    /// Whether Go has no array behind it.
    pub(super) fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// `[]interface {}` whose items came from `origins`, one for each.
    pub fn with_origins(items: Vec<Value>, origins: Vec<Origin>) -> List {
        List(Rc::new(ListData { items, origins, type_name: LIST, nil: false }))
    }

    /// The items.
    pub fn items(&self) -> &[Value] {
        &self.0.items
    }

    /// Where an item came from.
    pub fn origin(&self, index: usize) -> Option<&Origin> {
        self.0.origins.get(index).filter(|origin| origin.mark.is_some())
    }
}

impl Default for Map {
    fn default() -> Map {
        Map::new()
    }
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Map {
        Map::typed(MAP)
    }

    /// An empty map of the Go type `type_name`.
    pub fn typed(type_name: &'static str) -> Map {
        Map { entries: Rc::default(), type_name }
    }

    /// The same map under another Go type.
    pub fn view(&self, type_name: &'static str) -> Map {
        Map { entries: self.entries.clone(), type_name }
    }

    /// Whether its Go type lets it hold values of any type.
    pub(super) fn holds_anything(&self) -> bool {
        self.type_name != "map[string]string"
    }

    /// What `key` holds.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entries.0.borrow().get(key).map(|entry| entry.value.clone())
    }

    /// What `key` holds, and where that came from.
    pub fn get_with_origin(&self, key: &str) -> Option<(Value, Origin)> {
        self.entries.0.borrow().get(key).map(|entry| (entry.value.clone(), entry.origin.clone()))
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.0.borrow().contains_key(key)
    }

    /// Sets `key` to a value that a template made.
    pub fn insert(&self, key: impl Into<SmolStr>, value: Value) {
        self.insert_from(key, value, Origin::NONE);
    }

    /// Sets `key` to a value that came from `origin`.
    pub fn insert_from(&self, key: impl Into<SmolStr>, value: Value, origin: Origin) {
        self.entries.0.borrow_mut().insert(key.into(), Entry { value, origin });
    }

    /// Takes `key` out.
    pub fn remove(&self, key: &str) -> Option<Value> {
        self.entries.0.borrow_mut().remove(key).map(|entry| entry.value)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.0.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.0.borrow().is_empty()
    }

    /// The keys, sorted.
    pub fn keys(&self) -> Vec<SmolStr> {
        self.entries.0.borrow().keys().cloned().collect()
    }

    /// Keys and values, sorted by key.
    pub fn entries(&self) -> Vec<(SmolStr, Value)> {
        self.entries.0.borrow().iter().map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    }

    /// Keys, values and where those came from, sorted by key.
    pub fn entries_with_origins(&self) -> Vec<(SmolStr, Value, Origin)> {
        let entries = self.entries.0.borrow();
        entries.iter().map(|(key, entry)| (key.clone(), entry.value.clone(), entry.origin.clone())).collect()
    }

    /// Whether both are one map.
    pub fn same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }

    /// A copy with the same values in it.
    pub fn shallow_copy(&self) -> Map {
        Map { entries: Rc::new(Entries(RefCell::new(self.entries.0.borrow().clone()))), type_name: self.type_name }
    }

    /// A copy that shares no map with this one, as far as it is not nested without end.
    pub fn deep_copy(&self) -> Map {
        self.copied(&mut MAX_VALUES.clone(), 0)
    }

    fn copied(&self, left: &mut usize, depth: usize) -> Map {
        let mut entries = self.entries.0.borrow().clone();
        for entry in entries.values_mut().filter(|entry| matches!(entry.value, Value::Map(_) | Value::List(_))) {
            entry.value = stacker::maybe_grow(64 << 10, 1 << 20, || entry.value.copied(left, depth + 1));
        }
        Map { entries: Rc::new(Entries(RefCell::new(entries))), type_name: self.type_name }
    }

    /// Whether `self` is reachable from `value`: putting `value` into `self` would close a circle.
    pub fn within(&self, value: &Value) -> bool {
        let mut seen = std::collections::HashSet::new();
        let mut open = vec![value.clone()];
        while let Some(value) = open.pop() {
            match &value {
                Value::Map(map) if map.same(self) => return true,
                Value::Map(map) if seen.insert(Rc::as_ptr(&map.entries).cast::<()>()) => {
                    let entries = map.entries.0.borrow();
                    open.extend(entries.values().map(|entry| &entry.value).filter(|value| value.nests()).cloned());
                }
                Value::List(list) if seen.insert(Rc::as_ptr(&list.0).cast::<()>()) => {
                    open.extend(list.items().iter().filter(|value| value.nests()).cloned());
                }
                _ => {}
            }
        }
        false
    }
}

impl Value {
    fn nests(&self) -> bool {
        matches!(self, Value::List(_) | Value::Map(_))
    }
}
