//! What is wrong with a template, in Go's words, and where.

use std::fmt;
use std::sync::Arc;

/// A template that does not parse or does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// What Go says: `template: web:3:4: executing "web" at <.a.b>: nil pointer evaluating interface {}.b`.
    pub message: String,
    /// The last part of it: `nil pointer evaluating interface {}.b`.
    pub reason: String,
    /// Where.
    pub site: Site,
    /// The error of the template that the failing one called, if it called one.
    pub cause: Option<Box<TemplateError>>,
}

/// A place in a template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// The name that the text was parsed under: a file's path, with Helm.
    pub template: Arc<str>,
    /// Byte offset.
    pub offset: u32,
    /// 1-based; 0 where Go names no place.
    pub line: u32,
    /// Bytes before the place in its line, as Go counts.
    pub column: u32,
}

impl TemplateError {
    /// The innermost error: the place to mend.
    pub fn root(&self) -> &TemplateError {
        let mut error = self;
        while let Some(cause) = &error.cause {
            error = cause;
        }
        error
    }
}

impl Site {
    /// The place of `offset` in `source`, the text of `template`.
    pub fn of(template: &Arc<str>, source: &str, offset: u32) -> Site {
        let before = &source.as_bytes()[..source.len().min(offset as usize)];
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        Site {
            template: template.clone(),
            offset,
            line: before.iter().filter(|b| **b == b'\n').count() as u32 + 1,
            column: (before.len() - start) as u32,
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}
