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
    /// A field is unknown, missing or of the wrong type.
    #[error(
        "line {line}: a field is unknown, missing or of the wrong type; there are `vault.format`, a number, and `vault.id`, a string"
    )]
    Shape {
        /// Counted from 1.
        line: usize,
    },
    /// Not TOML.
    #[error("line {line}: it is not TOML")]
    Syntax {
        /// Counted from 1.
        line: usize,
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

/// What a parser says may quote the file, and somebody may have pasted a value into it.
fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ManifestError> {
    let line = |error: &toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        text.get(..at).unwrap_or_default().matches('\n').count() + 1
    };
    if let Err(error) = text.parse::<toml::Table>() {
        return Err(ManifestError::Syntax { line: line(&error) });
    }
    toml::from_str(text).map_err(|error| ManifestError::Shape { line: line(&error) })
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

    /// A value that was pasted into the manifest is not repeated.
    #[test]
    fn a_wrong_field_is_named_by_line_and_not_quoted() {
        for wrong in ["hunter2 = 1", "format2 = \"hunter2\"", "[hunter2]"] {
            let text = format!("[vault]\nformat = 1\nid = \"{ID}\"\n{wrong}\n");
            let error = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(matches!(error, ManifestError::Shape { .. }), "{error}");
        }
        let error = Manifest::parse(b"[vault]\nhunter2 hunter2\n").unwrap_err();
        assert_eq!(error, ManifestError::Syntax { line: 2 });
    }
}
