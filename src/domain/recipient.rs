//! Who may open: a recipient is a public key, a reader is a named person or machine with one or
//! more of them, and the readers of a folder are a sorted set that is never empty. Nothing here
//! knows whether a reader was approved.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use age_core::format::{FileKey, Stanza};
use thiserror::Error;

use crate::domain::{ReaderName, VerifyingKey};

/// The most recipients one set of readers may have, so that a sealed file's header stays within its
/// 256 stanzas with room for our own.
pub const MAX_RECIPIENTS: usize = 200;

/// Why a text is not a recipient.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RecipientError {
    /// Neither a native age recipient nor an ssh public key.
    #[error("not an age recipient (`age1…`) or an ssh key (`ssh-ed25519 …`, `ssh-rsa …`)")]
    NotARecipient,
    /// A private key stands where a public one belongs.
    #[error("this is a private key; only its public half (`age1…`) belongs here")]
    PrivateKey,
    /// The recipient could not wrap a file key.
    #[error("a recipient could not seal")]
    CannotSeal,
}

/// A public key in the spelling of `age -R`.
#[derive(Clone)]
pub struct Recipient {
    text: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Ssh(age::ssh::Recipient),
    X25519(age::x25519::Recipient),
}

impl Recipient {
    /// Parses one recipient.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        if text
            .get(..15)
            .is_some_and(|head| head.eq_ignore_ascii_case("AGE-SECRET-KEY-"))
        {
            return Err(RecipientError::PrivateKey);
        }
        if text.starts_with("ssh-") {
            let key: age::ssh::Recipient =
                text.parse().map_err(|_| RecipientError::NotARecipient)?;
            // The comment at the end is not part of the key.
            return Ok(Self {
                text: key.to_string(),
                kind: Kind::Ssh(key),
            });
        }
        let key: age::x25519::Recipient =
            text.parse().map_err(|_| RecipientError::NotARecipient)?;
        Ok(Self {
            text: key.to_string(),
            kind: Kind::X25519(key),
        })
    }

    /// Wraps a file key; returns the stanzas and age's labels, which all recipients of a file must
    /// agree on.
    pub fn wrap(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), RecipientError> {
        match &self.kind {
            Kind::Ssh(key) => age::Recipient::wrap_file_key(key, file_key),
            Kind::X25519(key) => age::Recipient::wrap_file_key(key, file_key),
        }
        .map_err(|_| RecipientError::CannotSeal)
    }

    /// Returns the canonical spelling.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

/// A person or machine that may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The stem of `recipients/NAME.pub`.
    pub name: ReaderName,
    /// One or more public keys.
    pub recipients: Vec<Recipient>,
    /// The key with which this reader may change who reads; none for machines and spare keys.
    pub signing: Option<VerifyingKey>,
}

/// Why a list is not a set of readers.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadersError {
    /// Two entries have one name.
    #[error("reader `{0}` stands there twice")]
    Duplicate(ReaderName),
    /// Sealing to nobody would lose the value.
    #[error("there is no reader")]
    Empty,
    /// A reader without a key.
    #[error("reader `{0}` has no recipient")]
    NoRecipient(ReaderName),
    /// More than [`MAX_RECIPIENTS`] keys.
    #[error("more than {MAX_RECIPIENTS} recipients")]
    TooMany,
}

/// The readers of a folder.
///
/// Invariant: sorted by name, never empty, every reader has a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readers(BTreeMap<ReaderName, Reader>);

impl Readers {
    /// Builds the set from its members in any order.
    pub fn build(members: impl IntoIterator<Item = Reader>) -> Result<Self, ReadersError> {
        let mut all = BTreeMap::new();
        for reader in members {
            if reader.recipients.is_empty() {
                return Err(ReadersError::NoRecipient(reader.name));
            }
            let name = reader.name.clone();
            if all.insert(name.clone(), reader).is_some() {
                return Err(ReadersError::Duplicate(name));
            }
        }
        let readers = Self(all);
        match readers.recipients().count() {
            0 => Err(ReadersError::Empty),
            1..=MAX_RECIPIENTS => Ok(readers),
            _ => Err(ReadersError::TooMany),
        }
    }

    /// Returns the readers, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Reader> {
        self.0.values()
    }

    /// Returns every public key, in the order of the readers' names.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.0.values().flat_map(|reader| &reader.recipients)
    }

    /// Returns the names, joined for a sentence.
    pub fn names(&self) -> String {
        self.0
            .keys()
            .map(ReaderName::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Finds a reader by one of his public keys.
    pub fn holder_of(&self, recipient: &str) -> Option<&Reader> {
        self.0
            .values()
            .find(|reader| reader.recipients.iter().any(|key| key.text() == recipient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn reader(name: &str, keys: &[&str]) -> Reader {
        Reader {
            name: ReaderName::parse(name).unwrap(),
            recipients: keys
                .iter()
                .map(|key| Recipient::parse(key).unwrap())
                .collect(),
            signing: None,
        }
    }

    #[test]
    fn sealing_to_nobody_cannot_be_said() {
        assert_eq!(Readers::build([]), Err(ReadersError::Empty));
        let nobody = reader("alice", &[]);
        assert_eq!(
            Readers::build([nobody.clone()]),
            Err(ReadersError::NoRecipient(nobody.name))
        );
    }

    #[test]
    fn a_name_stands_once() {
        let alice = reader("alice", &[ALICE]);
        let twice = Readers::build([alice.clone(), alice.clone()]);
        assert_eq!(twice, Err(ReadersError::Duplicate(alice.name)));
    }

    /// A private key pasted into a recipient file is named as what it is, and not repeated.
    #[test]
    fn a_private_key_is_no_recipient() {
        let error = Recipient::parse("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8").unwrap_err();
        assert_eq!(error, RecipientError::PrivateKey);
        assert!(!error.to_string().contains("GQ9778"));
    }
}
