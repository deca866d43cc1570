//! Floor 6, a wing: the values of a vault as files that need no hoziron. Nested names become maps;
//! every value is text and comes back byte for byte, or the export is refused and names what stood in
//! the way. Sorted, and without a date, so the same values are the same file.

mod age_dir;
mod text;

use thiserror::Error;

pub use age_dir::{README, age_dir};
pub use text::{Syntax, render};

use crate::sealed::SealedError;

/// Why nothing was exported. Names keys, and no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ExportError {
    /// Values that are not text, at least one.
    #[error("not UTF-8: {}", listed(.0))]
    NotText(Vec<String>),
    /// A value cannot be sealed.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

fn listed(names: &[String]) -> String {
    let each = names.iter().map(|name| format!("`{name}`"));
    each.collect::<Vec<_>>().join(", ")
}
