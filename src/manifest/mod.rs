//! Floor 3: `hoziron.toml`, what should be. The shape it is read through is private and denies
//! unknown fields; the rest of the program sees [`Manifest`]. A format of a later version is named
//! before anything else is looked at.

mod generate;

use serde::Deserialize;
use thiserror::Error;

pub use generate::{Generator, GeneratorError};

use crate::domain::{VaultId, VaultIdError};

/// The format this version reads and writes.
pub const FORMAT: u64 = 1;

/// The longest manifest, in bytes (1 MiB).
pub const MAX_MANIFEST: usize = 1024 * 1024;

/// Why `hoziron.toml` cannot be used. Holds no line of the file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// The id does not fit its pattern.
    #[error("`vault.id`: {0}")]
    Id(#[from] VaultIdError),
    /// Written for a later version.
    #[error("it has format {0}; this hoziron reads format 1")]
    Newer(u64),
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// Not TOML, or a field is unknown, missing or of the wrong type.
    #[error("line {line}: {message}")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// What is wrong, without the text of the line.
        message: String,
    },
}

/// What there should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The vault's id.
    pub id: VaultId,
}

impl Manifest {
    /// Parses the bytes of `hoziron.toml`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::NotText)?;
        let format: FormatShape = read(text)?;
        if format.vault.format != FORMAT {
            return Err(ManifestError::Newer(format.vault.format));
        }
        let shape: Shape = read(text)?;
        Ok(Self {
            id: VaultId::parse(&shape.vault.id)?,
        })
    }

    /// Writes the manifest of a new vault.
    pub fn starter(id: &VaultId) -> String {
        format!(
            "# What this vault is. No values here; commit this file.\n\n[vault]\nformat = {FORMAT}\nid     = \"{id}\"\n"
        )
    }
}

fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ManifestError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        ManifestError::Shape {
            line,
            message: error.message().trim().replace('\n', ", "),
        }
    })
}

#[derive(Deserialize)]
struct FormatShape {
    vault: FormatField,
}

#[derive(Deserialize)]
struct FormatField {
    format: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    vault: VaultShape,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VaultShape {
    #[serde(rename = "format")]
    _format: u64,
    id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abcdefghijklmnopqrstuvwxyz234567";

    #[test]
    fn a_starter_reads_back() {
        let id = VaultId::parse(ID).unwrap();
        assert_eq!(
            Manifest::parse(Manifest::starter(&id).as_bytes()),
            Ok(Manifest { id })
        );
    }

    #[test]
    fn a_later_format_is_named_before_its_unknown_fields() {
        let text = format!("[vault]\nformat = 2\nid = \"{ID}\"\nnovelty = 1\n");
        assert_eq!(
            Manifest::parse(text.as_bytes()),
            Err(ManifestError::Newer(2))
        );
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let text = format!("[vault]\nformat = 1\nid = \"{ID}\"\nidd = 1\n");
        let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("line 4: unknown field `idd`"), "{error}");
    }
}
