//! Reads a whole Argo CD GitOps repository the way a compiler reads a program.
pub mod check;
pub mod finding;
pub mod load;
pub mod origin;
pub mod render;
pub mod resolve;
pub mod source;
pub mod yaml;
