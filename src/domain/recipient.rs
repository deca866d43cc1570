//! Who may open: a recipient is a public key, a reader is a named person or machine with one or
//! more of them, and the readers of a folder are a sorted set that is never empty. Nothing here
//! knows whether a reader was approved, and reading a plugin's key runs nothing.

use std::collections::BTreeMap;
use std::fmt;

use age_core::format::FileKey;
use thiserror::Error;

use crate::domain::labels::{Labels, Mixed};
use crate::domain::plugin::is_name;
use crate::domain::{PluginError, Plugins, ReaderName, VerifyingKey, Wrapped};

/// The most recipients one set of readers may have, so that a sealed file's header stays within its
/// 256 stanzas with room for our own.
pub const MAX_RECIPIENTS: usize = 200;

/// Why a text is not a recipient.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RecipientError {
    /// Neither an age recipient nor an ssh public key.
    #[error("not an age recipient (`age1…`) or an ssh key (`ssh-ed25519 …`, `ssh-rsa …`)")]
    NotARecipient,
    /// A private key stands where a public one belongs.
    #[error("this is a private key; only its public half (`age1…`) belongs here")]
    PrivateKey,
}

/// Why a file key was not wrapped.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WrapError {
    /// Something went wrong in a native key.
    #[error("it could not seal")]
    Failed,
    /// The plugin did not.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// A public key in the spelling of `age -R`.
#[derive(Clone)]
pub struct Recipient {
    text: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// What seals to it is a program that the user has to allow.
    Plugin(age::plugin::Recipient),
    Ssh(age::ssh::Recipient),
    // Keys in hardware whose plugins only open: sealing takes none (age.md, "tagged recipients").
    Tag(age::tag::Recipient),
    TagPq(Box<age::tagpq::Recipient>),
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
        let kind = if text.starts_with("ssh-") {
            text.parse().ok().map(Kind::Ssh)
        } else {
            Self::parse_age(text)
        };
        let kind = kind.ok_or(RecipientError::NotARecipient)?;
        let text = match &kind {
            Kind::Plugin(key) => key.to_string(),
            // The comment at the end is not part of the key.
            Kind::Ssh(key) => key.to_string(),
            Kind::Tag(key) => key.to_string(),
            Kind::TagPq(key) => key.to_string(),
            Kind::X25519(key) => key.to_string(),
        };
        Ok(Self { text, kind })
    }

    fn parse_age(text: &str) -> Option<Kind> {
        if let Ok(key) = text.parse() {
            return Some(Kind::X25519(key));
        }
        // All upper case is the same key in Bech32; age takes one spelling.
        let key: age::plugin::Recipient = text.parse().ok()?;
        match key.plugin() {
            "tag" => text.parse().ok().map(Kind::Tag),
            "tagpq" => text.parse().ok().map(|key| Kind::TagPq(Box::new(key))),
            name if is_name(name) && text.starts_with("age1") => Some(Kind::Plugin(key)),
            _ => None,
        }
    }

    /// Wraps a file key for several recipients, those of one plugin by one run of its program;
    /// returns what came of it.
    pub fn wrap<'r>(
        to: &[Addressee<'r>],
        file_key: &FileKey,
        plugins: &Plugins,
    ) -> Result<Vec<WrappedFor<'r>>, (Addressee<'r>, WrapError)> {
        let mut all = Vec::with_capacity(to.len());
        let mut by_plugin: BTreeMap<&str, (Vec<Addressee<'r>>, Vec<age::plugin::Recipient>)> =
            BTreeMap::new();
        for addressee in to {
            let wrapped = match &addressee.recipient.kind {
                Kind::Plugin(key) => {
                    let of = by_plugin.entry(key.plugin()).or_default();
                    of.0.push(*addressee);
                    of.1.push(key.clone());
                    continue;
                }
                Kind::Ssh(key) => age::Recipient::wrap_file_key(key, file_key),
                Kind::Tag(key) => age::Recipient::wrap_file_key(key, file_key),
                Kind::TagPq(key) => age::Recipient::wrap_file_key(&**key, file_key),
                Kind::X25519(key) => age::Recipient::wrap_file_key(key, file_key),
            };
            let wrapped = wrapped.map_err(|_| (*addressee, WrapError::Failed))?;
            let of = vec![*addressee];
            all.push(WrappedFor { of, wrapped });
        }
        for (name, (of, keys)) in by_plugin {
            let wrapped = plugins.wrap(name, &keys, file_key);
            let wrapped = wrapped.map_err(|error| (of[0], error.into()))?;
            all.push(WrappedFor { of, wrapped });
        }
        Ok(all)
    }

    /// Returns age's labels of the key, as far as they are known without running a plugin.
    pub fn labels(&self) -> Option<Labels> {
        match &self.kind {
            Kind::Plugin(key) if key.plugin() == "pq" => Some(Labels::post_quantum()),
            Kind::Plugin(_) => None,
            Kind::TagPq(_) => Some(Labels::post_quantum()),
            Kind::Ssh(_) | Kind::Tag(_) | Kind::X25519(_) => Some(Labels::default()),
        }
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

/// A public key, and whose it is, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub struct Addressee<'r> {
    /// Whose.
    pub name: Option<&'r ReaderName>,
    /// The key.
    pub recipient: &'r Recipient,
}

impl Addressee<'_> {
    /// Returns who it is, for a sentence: the reader, or else the key itself.
    pub fn whose(&self) -> String {
        match self.name {
            Some(name) => name.to_string(),
            None => self.recipient.text().to_owned(),
        }
    }
}

/// A wrapped file key, and those it is for.
#[derive(Debug)]
pub struct WrappedFor<'r> {
    /// One, or all whose plugin made it.
    pub of: Vec<Addressee<'r>>,
    /// What was made.
    pub wrapped: Wrapped,
}

impl<'r> From<&'r Recipient> for Addressee<'r> {
    fn from(recipient: &'r Recipient) -> Self {
        Self {
            name: None,
            recipient,
        }
    }
}

impl Reader {
    /// Returns the reader's keys, with the name.
    pub fn addressees(&self) -> impl Iterator<Item = Addressee<'_>> {
        self.recipients.iter().map(|recipient| Addressee {
            name: Some(&self.name),
            recipient,
        })
    }
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

    /// Returns every public key, with the name of its reader.
    pub fn addressees(&self) -> impl Iterator<Item = Addressee<'_>> {
        self.0.values().flat_map(Reader::addressees)
    }

    /// Returns the names, joined for a sentence.
    pub fn names(&self) -> String {
        self.0
            .keys()
            .map(ReaderName::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Returns whose keys cannot share a file, as far as that is known without running a plugin.
    pub fn mixed(&self) -> Option<Mixed> {
        Mixed::among(self.addressees().map(|one| (one, one.recipient.labels())))
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

    /// A plugin's name becomes that of a program: a word, in one spelling, and never a path.
    #[test]
    fn a_recipient_of_a_plugin_is_a_text_with_a_plain_name() {
        let of = |name: &str| {
            let hrp = bech32::Hrp::parse(&format!("age1{name}")).unwrap();
            bech32::encode::<bech32::Bech32>(hrp, &[7; 32]).unwrap()
        };
        let toy = of("toy");
        assert_eq!(Recipient::parse(&toy).unwrap().text(), toy);
        assert_eq!(Recipient::parse(&toy).unwrap().labels(), None);
        for wrong in [
            toy.to_uppercase(),
            format!("{toy} "),
            toy[..toy.len() - 1].to_owned(),
            of("x/../evil"),
            of("../evil"),
            of("to.y"),
            of("-toy"),
            of(&"t".repeat(33)),
            // Keys of these have a form of their own.
            of("tag"),
            of("tagpq"),
        ] {
            assert_eq!(
                Recipient::parse(&wrong).unwrap_err(),
                RecipientError::NotARecipient,
                "{wrong}"
            );
        }
    }

    /// Keys in hardware included; what is known of their labels is what sealing to them says.
    #[test]
    fn native_keys_take_no_plugin() {
        let tag = "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e";
        let strong = include_str!("../../fixtures/recipients/age1tagpq.txt").trim();
        let file_key = FileKey::new(Box::new([7; 16]));
        for (text, expected) in [
            (ALICE, Labels::default()),
            (tag, Labels::default()),
            (strong, Labels::post_quantum()),
        ] {
            let key = Recipient::parse(text).unwrap();
            let wrapped = Recipient::wrap(&[(&key).into()], &file_key, &Plugins::default());
            let wrapped = wrapped.unwrap();
            let [WrappedFor { of, wrapped }] = &wrapped[..] else {
                panic!("one key, one answer");
            };
            let (stanzas, labels) = wrapped;
            assert_eq!((of.len(), stanzas.len()), (1, 1));
            assert_eq!(Labels::from(labels.clone()), expected);
            assert_eq!((key.text(), key.labels()), (text, Some(expected)));
        }
    }

    #[test]
    fn no_plugin_runs_that_nobody_allowed() {
        let hrp = bech32::Hrp::parse("age1toy").unwrap();
        let toy = bech32::encode::<bech32::Bech32>(hrp, &[7; 32]).unwrap();
        let toy = Recipient::parse(&toy).unwrap();
        let file_key = FileKey::new(Box::new([7; 16]));
        let refused = Recipient::wrap(&[(&toy).into()], &file_key, &Plugins::default());
        let (_, error) = refused.unwrap_err();
        let expected = PluginError::NotAllowed("toy".to_owned());
        assert_eq!(error, WrapError::Plugin(expected));
    }
}
