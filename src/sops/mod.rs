//! Floor 6, a wing: files of sops, read and written natively, without calling another program. What
//! a file says is sealed opens or the file is refused; what is written, sops 3.8 and later read. A
//! file here is somebody else's: it is no vault, and nothing in it is bound to a name or an author.

mod config;
mod document;
mod flat;
mod keys;
mod layout;
mod mac;
mod metadata;
mod open;
mod pattern;
mod shamir;
mod value;
mod walk;
mod write;

use std::fmt;

use thiserror::Error;

pub use config::{Config, ConfigKey, Ignored};
pub use document::{Document, MAX_FILE};
pub use open::{Check, Named, Opened, open};
pub use value::ValueError;
pub use write::{IN_THE_OPEN, Previous, WriteError, Written, write};

use crate::input::InputError;

/// How many recipients an error names.
const TOLD: usize = 10;

/// How a file of sops is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// One value, any bytes, within JSON.
    Binary,
    /// `KEY=value`, a line an assignment.
    Dotenv,
    /// Sections of `key = value`.
    Ini,
    /// One object.
    Json,
    /// One map, or several documents of them.
    Yaml,
}

impl Store {
    /// Chooses as sops does, by the end of a file's name: what it does not know is binary.
    pub fn of_name(name: &str) -> Self {
        let ends = [
            (".yaml", Self::Yaml),
            (".yml", Self::Yaml),
            (".json", Self::Json),
            (".env", Self::Dotenv),
            (".ini", Self::Ini),
        ];
        let found = ends.iter().find(|(end, _)| name.ends_with(end));
        found.map_or(Self::Binary, |(_, store)| *store)
    }

    /// Says how bytes are written that have the metadata of sops in them; `None` if they have none.
    pub fn of_content(bytes: &[u8]) -> Option<Self> {
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        let line = |start: &[u8]| bytes.starts_with(start) || has(&[b"\n", start].concat());
        let body = bytes.trim_ascii_start();
        if body.starts_with(b"{") && has(b"\"sops\"") && has(b"\"lastmodified\"") {
            Some(Self::Json)
        } else if line(b"sops_lastmodified=") || line(b"sops_mac=") {
            Some(Self::Dotenv)
        } else if line(b"[sops]") {
            Some(Self::Ini)
        } else {
            (line(b"sops:") && has(b"lastmodified:")).then_some(Self::Yaml)
        }
    }
}

/// Why a file is not opened. Names keys and recipients, and no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SopsError {
    /// A pattern and keys that take too long together.
    #[error("its pattern is too costly to look for in all its keys or comments")]
    Costly,
    /// Too few of its key groups open.
    #[error("{opened} of its {groups} key groups open, and {needed} are needed")]
    Groups {
        /// How many opened.
        opened: usize,
        /// How many there are.
        groups: usize,
        /// How many are needed.
        needed: usize,
    },
    /// The bytes are not what the format says.
    #[error(transparent)]
    Input(#[from] InputError),
    /// What its recipients hold is no key.
    #[error("what its recipients hold is not a key of 32 bytes")]
    Key,
    /// The MAC is not that of its values.
    #[error("its MAC does not fit: a value was changed, added or removed without sops")]
    Mac,
    /// A field of the block is not what it should be.
    #[error("`{0}` in its metadata cannot be read")]
    Metadata(&'static str),
    /// There is no metadata.
    #[error("it has no sops metadata")]
    NoBlock,
    /// None of the identities opens it.
    #[error("none of the private keys opens it; it is for {}; tried: {}", told(.recipients), told(.tried))]
    NoKey {
        /// Whom it is for.
        recipients: Vec<String>,
        /// The public halves of what was tried.
        tried: Vec<String>,
    },
    /// There is no MAC.
    #[error("it has no MAC, so nothing in it can be verified")]
    NoMac,
    /// Nobody can open it.
    #[error("it names no recipient")]
    NoRecipients,
    /// A passphrase in a recipient's place.
    #[error("one of its recipients is a passphrase, which sops never writes")]
    Passphrase,
    /// A rule that is no pattern, or one that cannot be carried over exactly.
    #[error("`{0}` is not a pattern that can be used; what it seals cannot be told")]
    Pattern(&'static str),
    /// More recipients than are tried.
    #[error("it names more than 1000 recipients, or ones that hold more than 512 KiB together")]
    TooManyRecipients,
    /// More than one rule.
    #[error("it has more than one rule for what is sealed")]
    TwoRules,
    /// The MAC does not open.
    #[error("its MAC does not open: it, the time of the last change or the key was altered")]
    UnreadableMac,
    /// A value does not open.
    #[error("`{path}`: {source}")]
    Value {
        /// The keys, joined by dots.
        path: String,
        /// What is wrong with it.
        source: ValueError,
    },
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Json => "json",
            Self::Yaml => "yaml",
        })
    }
}

fn told(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names[..names.len().min(TOLD)].join(", ");
    if names.len() > TOLD {
        text.push_str(&format!(" and {} more", names.len() - TOLD));
    }
    text
}

#[cfg(test)]
mod tests;
