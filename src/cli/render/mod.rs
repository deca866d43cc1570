//! Text and JSON from values: no decisions, no I/O.

pub mod json;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::domain::{Readers, SecretName};
use crate::sealed;

/// Whether facts were checked against the folder's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What the file says of itself.
    Unverified,
    /// What a holder of the folder's key sealed.
    Verified,
}

/// What is known about a secret.
#[derive(Debug)]
pub struct Facts {
    /// The name.
    pub name: String,
    /// The file, below the home.
    pub path: String,
    /// The revision.
    pub revision: u64,
    /// When the value last changed, as a date in UTC.
    pub changed: String,
    /// The readers' names.
    pub readers: Vec<String>,
    /// The folder keys this value was sealed under.
    pub keys: Vec<String>,
    /// The digest of the file, in hexadecimal.
    pub sha256: String,
    /// Whether all this was checked.
    pub standing: Standing,
}

impl Facts {
    /// Gathers what is known.
    pub fn gather(
        name: &SecretName,
        facts: &sealed::Facts,
        readers: &Readers,
        file: &[u8],
        standing: Standing,
    ) -> Self {
        Self {
            name: name.to_string(),
            path: format!("vault/{name}.age"),
            revision: facts.revision,
            changed: date(facts.value_time),
            readers: readers
                .iter()
                .map(|reader| reader.name.to_string())
                .collect(),
            keys: facts.trail.ids().iter().map(ToString::to_string).collect(),
            sha256: Sha256::digest(file)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            standing,
        }
    }
}

/// One item a line.
pub fn lines(items: &[impl ToString]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The facts of a secret, as a short table.
pub fn facts(facts: &Facts) -> String {
    let standing = match facts.standing {
        Standing::Unverified => "no, not opened",
        Standing::Verified => "yes",
    };
    [
        ("secret", facts.name.clone()),
        ("file", facts.path.clone()),
        ("verified", standing.to_owned()),
        ("changed", facts.changed.clone()),
        ("revision", facts.revision.to_string()),
        ("readers", facts.readers.join(", ")),
        ("keys", facts.keys.join(", ")),
        ("sha256", facts.sha256.clone()),
    ]
    .map(|(label, value)| format!("{label:<9} {value}"))
    .join("\n")
}

/// A date in UTC, or the number where it is none.
fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("@{seconds}"), |time| time.to_string())
}
