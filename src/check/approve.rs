//! The gate between judging and acting.

use super::Checked;
use crate::finding::Severity;

/// A [`Checked`] without blocking findings: the only thing that a plan is made from.
///
/// ```compile_fail
/// // It cannot be made by hand.
/// let approved = tiphys::check::Approved { checked: todo!() };
/// ```
#[derive(Debug)]
pub struct Approved {
    checked: Checked,
}

impl Approved {
    /// What was approved.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// What was approved, for whoever has made a plan of it.
    pub fn into_checked(self) -> Checked {
        self.checked
    }
}

/// Approves `checked` if none of its findings is an error.
///
/// # Errors
/// Gives it back if one is.
pub fn approve(checked: Checked) -> Result<Approved, Box<Checked>> {
    if checked.findings().iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Box::new(checked));
    }
    Ok(Approved { checked })
}
