//! Why Argo CD does not even read an ApplicationSet.

use crate::render::Resource;
use crate::schema::{Catalogue, Lookup, ViolationKind};
use crate::yaml::Node;

/// A value of another type than its field, such as text where a boolean belongs, and what is wrong with it. A parameter
/// is text until it is filled in, and the types are looked at before.
pub fn refusal<'n>(catalogue: &Catalogue, set: &'n Resource) -> Option<(&'n Node, String)> {
    let Lookup::Known(schema) = catalogue.lookup(set.api_version(), set.kind()) else { return None };
    let violation = schema.validate(&set.node).into_iter().find(|violation| violation.kind == ViolationKind::Type)?;
    Some((violation.node, violation.message))
}
