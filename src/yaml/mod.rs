//! YAML text in, a tree that knows where every value stands out.
//!
//! [`read`] turns the text of one file into [`YamlFile`]: its documents, its comments and what is wrong with it. Every
//! [`Node`] carries an [`Origin`](crate::origin::Origin): file, byte range, line and column. Scalars keep their text
//! and style; what they mean is asked for in one of two dialects (see [`Scalar::resolve`] and
//! [`Scalar::resolve_kubernetes`]), because kustomize and the Kubernetes decoders disagree about `yes` and `on`.
//!
//! Input is hostile: size, depth and alias expansion are limited ([`Limits`]), and reading never recurses.

mod node;
mod padding;
mod read;
mod scalar;
mod timestamp;
mod write;

pub use node::{Entry, Kind, Mapping, Node, Sequence, Value};
pub use read::{Comment, Document, Limits, Problem, ProblemKind, YamlFile, read};
pub use scalar::{Resolved, Scalar, Style, Tag};
pub(crate) use timestamp::normalize as normalized_date;
pub(crate) use write::{Printed, is_string_key, printed, reads_back, unprintable, write_as_it_is, written_scalar};
pub use write::{WriteError, write, write_json};
pub(crate) use write::{reads_as_text, write_json_pretty};
