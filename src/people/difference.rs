//! How the readers of a folder differ from what is asked for: who gets what, and who loses it. By
//! public key, not by name alone, because a key that was replaced may be in other hands.

use crate::domain::{ReaderName, Readers};

/// How the readers of a folder differ from what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Those who are new.
    pub joining: Vec<ReaderName>,
    /// Those who are no reader any more.
    pub leaving: Vec<ReaderName>,
    /// Those who get another key as well.
    pub more_keys: Vec<ReaderName>,
    /// Those who lose a key.
    pub fewer_keys: Vec<ReaderName>,
    /// Those whose right to change readers is another one.
    pub signing: Vec<ReaderName>,
}

impl Difference {
    /// Compares the readers there are with those that are asked for.
    pub fn between(before: &Readers, after: &Readers) -> Self {
        let mut difference = Self::default();
        let find = |readers: &Readers, name: &ReaderName| {
            readers.iter().find(|reader| reader.name == *name).cloned()
        };
        for old in before.iter() {
            let Some(new) = find(after, &old.name) else {
                difference.leaving.push(old.name.clone());
                continue;
            };
            let name = || old.name.clone();
            if new
                .recipients
                .iter()
                .any(|key| !old.recipients.contains(key))
            {
                difference.more_keys.push(name());
            }
            if old
                .recipients
                .iter()
                .any(|key| !new.recipients.contains(key))
            {
                difference.fewer_keys.push(name());
            }
            if old.signing != new.signing {
                difference.signing.push(name());
            }
        }
        let new = after.iter().filter(|new| find(before, &new.name).is_none());
        difference.joining = new.map(|new| new.name.clone()).collect();
        difference
    }

    /// Says whether the readers are the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Says whether somebody loses what he has, so that the key cannot stay.
    pub fn takes_away(&self, before: &Readers) -> bool {
        let signed = |name: &ReaderName| {
            let mut readers = before.iter();
            readers.any(|reader| reader.name == *name && reader.signing.is_some())
        };
        !self.leaving.is_empty() || !self.fewer_keys.is_empty() || self.signing.iter().any(signed)
    }

    /// Says whether somebody gets what he has not had, so that a person has to approve it.
    pub fn gives(&self) -> bool {
        !self.joining.is_empty() || !self.more_keys.is_empty() || !self.signing.is_empty()
    }
}
