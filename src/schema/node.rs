//! The compiled form of a schema: flat nodes that name each other by number, shared wherever they are equal.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use smol_str::SmolStr;

use super::cel::{Fault, Program};
use super::pack::Pack;

/// The number of a node in its arena.
pub type NodeId = u32;

/// The JSON types that a value may have; none means any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Types(pub(crate) u8);

impl Types {
    /// `object`
    pub const OBJECT: Types = Types(1);
    /// `array`
    pub const ARRAY: Types = Types(2);
    /// `string`
    pub const STRING: Types = Types(4);
    /// `integer`
    pub const INTEGER: Types = Types(8);
    /// `number`: integers too.
    pub const NUMBER: Types = Types(16);
    /// `boolean`
    pub const BOOLEAN: Types = Types(32);

    /// Whether any of `other` is among them.
    pub fn has(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether any type will do.
    pub fn is_any(self) -> bool {
        self.0 == 0
    }

    /// The types in words: `integer or string`.
    pub fn describe(self) -> String {
        let words = [
            (Types::OBJECT, "object"),
            (Types::ARRAY, "array"),
            (Types::STRING, "string"),
            (Types::INTEGER, "integer"),
            (Types::NUMBER, "number"),
            (Types::BOOLEAN, "boolean"),
        ];
        let words: Vec<&str> = words.into_iter().filter(|(one, _)| self.has(*one)).map(|(_, word)| word).collect();
        words.join(" or ")
    }
}

/// What a node says beside its keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub(crate) u16);

impl Flags {
    /// `nullable`
    pub const NULLABLE: Flags = Flags(1);
    /// An integer or a string: `x-kubernetes-int-or-string`, and Kubernetes' own IntOrString.
    pub const INT_OR_STRING: Flags = Flags(2);
    /// `x-kubernetes-preserve-unknown-fields`: what is not described is let through.
    pub const PRESERVE_UNKNOWN: Flags = Flags(4);
    /// `x-kubernetes-embedded-resource`
    pub const EMBEDDED_RESOURCE: Flags = Flags(8);
    /// Kubernetes' own Quantity: text or a number that is a quantity.
    pub const QUANTITY: Flags = Flags(16);
    /// `x-kubernetes-map-type: atomic`
    pub const ATOMIC_MAP: Flags = Flags(32);
    /// `exclusiveMinimum`
    pub const EXCLUSIVE_MINIMUM: Flags = Flags(64);
    /// `exclusiveMaximum`
    pub const EXCLUSIVE_MAXIMUM: Flags = Flags(128);
    /// `uniqueItems`
    pub const UNIQUE_ITEMS: Flags = Flags(256);

    /// Whether any of `other` is among them.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn set(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

/// How server-side apply and validation see a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ListType {
    /// Nothing is said.
    #[default]
    Unset,
    /// One value, replaced as a whole.
    Atomic,
    /// A set of scalars.
    Set,
    /// A map whose keys are fields of the items.
    Map,
}

/// A value of `enum`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EnumValue {
    /// Text.
    Text(SmolStr),
    /// Anything else, as JSON.
    Json(SmolStr),
}

/// A regular expression and its compiled form, made when first needed.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As written.
    pub text: SmolStr,
    regex: OnceLock<Option<Arc<Regex>>>,
}

impl Pattern {
    /// The pattern of `text`.
    pub fn new(text: SmolStr) -> Pattern {
        Pattern { text, regex: OnceLock::new() }
    }

    /// Whether `value` matches; `None` if the expression is not one that both Go and Rust understand.
    pub fn is_match(&self, value: &str) -> Option<bool> {
        let regex = self.regex.get_or_init(|| {
            RegexBuilder::new(&self.text).size_limit(1 << 20).nest_limit(100).build().ok().map(Arc::new)
        });
        regex.as_ref().map(|regex| regex.is_match(value))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// A number that can be compared and hashed: its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bits(pub u64);

impl Bits {
    /// The number.
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// Limits on a value. Most nodes have none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Limits {
    /// `minimum`
    pub minimum: Option<Bits>,
    /// `maximum`
    pub maximum: Option<Bits>,
    /// `multipleOf`
    pub multiple_of: Option<Bits>,
    /// `minLength`, in characters.
    pub min_length: Option<u32>,
    /// `maxLength`, in characters.
    pub max_length: Option<u32>,
    /// `minItems`
    pub min_items: Option<u32>,
    /// `maxItems`
    pub max_items: Option<u32>,
    /// `minProperties`
    pub min_properties: Option<u32>,
    /// `maxProperties`
    pub max_properties: Option<u32>,
    /// `pattern`
    pub pattern: Option<Pattern>,
    /// `enum`; empty if there is none.
    pub values: Vec<EnumValue>,
}

/// `allOf`, `anyOf`, `oneOf` and `not`. Most nodes have none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Junctors {
    /// `allOf`
    pub all_of: Vec<NodeId>,
    /// `anyOf`
    pub any_of: Vec<NodeId>,
    /// `oneOf`
    pub one_of: Vec<NodeId>,
    /// `not`
    pub not: Option<NodeId>,
}

/// An expression of CEL and its parsed form, made when first needed.
#[derive(Debug, Clone, Default)]
pub struct Expression {
    /// As written; empty if there is none.
    pub text: SmolStr,
    program: OnceLock<Arc<Result<Program, Fault>>>,
}

impl Expression {
    /// The expression of `text`.
    pub fn new(text: SmolStr) -> Expression {
        Expression { text, program: OnceLock::new() }
    }

    /// The parsed form, or why there is none.
    pub(crate) fn program(&self) -> &Result<Program, Fault> {
        self.program.get_or_init(|| Arc::new(Program::parse(&self.text)))
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl Hash for Expression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// One rule of `x-kubernetes-validations`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CelRule {
    /// The expression.
    pub rule: Expression,
    /// What to say when it is false; empty if nothing is given.
    pub message: SmolStr,
    /// The expression that makes the message; empty if there is none.
    pub message_expression: Expression,
    /// The field that the message is about; empty for the node itself.
    pub field_path: SmolStr,
    /// `reason`; empty if nothing is given.
    pub reason: SmolStr,
    /// `optionalOldSelf`
    pub optional_old_self: bool,
}

/// One node of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SchemaNode {
    /// The types that are allowed.
    pub types: Types,
    /// What else is said.
    pub flags: Flags,
    /// `properties`, sorted by name.
    pub properties: Vec<(SmolStr, NodeId)>,
    /// `required`
    pub required: Vec<SmolStr>,
    /// The schema of properties that are not named.
    pub additional: Option<NodeId>,
    /// The schema of a list's items.
    pub items: Option<NodeId>,
    /// `format`; empty if there is none.
    pub format: SmolStr,
    /// `x-kubernetes-list-type`
    pub list_type: ListType,
    /// `x-kubernetes-list-map-keys`
    pub list_keys: Vec<SmolStr>,
    /// `x-kubernetes-patch-strategy`; empty if there is none.
    pub patch_strategy: SmolStr,
    /// `x-kubernetes-patch-merge-key`; empty if there is none.
    pub patch_merge_key: SmolStr,
    /// `default`, as JSON.
    pub default: Option<SmolStr>,
    /// Limits on the value.
    pub limits: Option<Box<Limits>>,
    /// Conditions made of other schemas.
    pub junctors: Option<Box<Junctors>>,
    /// CEL rules.
    pub cel: Vec<CelRule>,
}

impl SchemaNode {
    /// The node of a property.
    pub fn property(&self, name: &str) -> Option<NodeId> {
        let index = self.properties.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(self.properties[index].1)
    }
}

/// Where nodes live.
#[derive(Debug, Clone)]
pub enum Arena {
    /// In the pack that is built in.
    Pack(&'static Pack),
    /// In a list of their own: those of a CRD of the repository.
    Own(Arc<Vec<SchemaNode>>),
}

impl Arena {
    /// The node of a number; a node that allows everything if there is no such number.
    pub fn node(&self, id: NodeId) -> &SchemaNode {
        static ANY: SchemaNode = ANY_NODE;
        match self {
            Arena::Pack(pack) => pack.node(id),
            Arena::Own(nodes) => nodes.get(id as usize),
        }
        .unwrap_or(&ANY)
    }
}

/// A node that allows everything.
const ANY_NODE: SchemaNode = SchemaNode {
    types: Types(0),
    flags: Flags::PRESERVE_UNKNOWN,
    properties: Vec::new(),
    required: Vec::new(),
    additional: None,
    items: None,
    format: SmolStr::new_static(""),
    list_type: ListType::Unset,
    list_keys: Vec::new(),
    patch_strategy: SmolStr::new_static(""),
    patch_merge_key: SmolStr::new_static(""),
    default: None,
    limits: None,
    junctors: None,
    cel: Vec::new(),
};
