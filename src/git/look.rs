//! What can be said of one file of a secret without handing out its value: what the file says of
//! itself, who could read it, and, with a key, a mark of the value. Two looks tell whether a value
//! changed or was only sealed anew; without a key they take the files at their word, and where those
//! do not say, neither does this.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{ReaderName, SecretName};
use crate::git::tag::Mark;
use crate::people::{Chains, FolderKeys, KeysError, OpenError, Stale};
use crate::sealed::{Content, Facts, KeyId, Outline, read_claim, read_outline};
use crate::vault::{KeyFile, Target, Vault};

/// What became of a value from one file to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is another one.
    Changed,
    /// It is the same.
    Same,
    /// It cannot be told without a key.
    Unclear,
}

/// What opening a file showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No identity opens it; what it says of itself is unproven.
    Locked,
    /// A holder of the folder's key sealed it for its name.
    Opened(Mark),
    /// It is not to be trusted, and why.
    Refused(String),
}

/// What is known of one file of a secret.
#[derive(Clone, Debug)]
pub struct Look {
    /// What it says of itself; `None` if it is no sealed file at all.
    pub facts: Option<Facts>,
    /// How many keys it was sealed for.
    pub stanzas: usize,
    /// What can be seen of the value from outside.
    pub outline: Option<Outline>,
    /// What opening it showed.
    pub standing: Standing,
    /// Who could read it; empty if its key is none that counts.
    pub readers: BTreeSet<ReaderName>,
    /// Those of them who joined while its key was in use, each with the place, below the home, of the
    /// statement that says so.
    pub joined: BTreeMap<ReaderName, String>,
}

impl Look {
    /// Leaves out who had not joined yet: `there` says whether a path below the home was there.
    pub fn as_of(mut self, mut there: impl FnMut(&str) -> bool) -> Self {
        self.joined.retain(|reader, place| {
            let had_joined = there(place);
            if !had_joined {
                self.readers.remove(reader);
            }
            had_joined
        });
        self
    }

    /// Says whether it stands for both sides of a merge.
    pub fn is_conflict(&self) -> bool {
        let facts = self.facts.as_ref();
        facts.is_some_and(|facts| facts.content == Content::Conflict)
    }

    /// Says whether what it says of itself is proven.
    pub fn is_proven(&self) -> bool {
        matches!(self.standing, Standing::Opened(_))
    }

    /// Says what became of the value since an earlier file.
    pub fn since(&self, before: &Self) -> Value {
        if let (Standing::Opened(one), Standing::Opened(other)) = (&before.standing, &self.standing)
        {
            return if one == other {
                Value::Same
            } else {
                Value::Changed
            };
        }
        let (Some(was), Some(is)) = (&before.facts, &self.facts) else {
            return Value::Unclear;
        };
        let (Some(old), Some(new)) = (before.outline, self.outline) else {
            return Value::Unclear;
        };
        // Two values may be set within a second; a value that is sealed under another key takes the
        // keys it had before along.
        let taken_along = || {
            let ids = is.trail.ids();
            ids.len() > 1 && was.trail.ids().iter().all(|id| ids.contains(id))
        };
        match () {
            () if old == new => Value::Same,
            () if old.length != new.length || was.value_time != is.value_time => Value::Changed,
            () if taken_along() && was.trail.last() != is.trail.last() => Value::Same,
            () => Value::Unclear,
        }
    }
}

/// With what is looked: the public statements, and the keys if there are some.
pub struct Eye<'a> {
    vault: &'a Vault,
    chains: &'a Chains,
    keys: Option<&'a FolderKeys>,
    // Of the marks.
    key: [u8; 32],
}

impl<'a> Eye<'a> {
    /// Looks with the statements, and with keys if an identity opens some; `key` is the marks'.
    pub fn new(
        vault: &'a Vault,
        chains: &'a Chains,
        keys: Option<&'a FolderKeys>,
        key: [u8; 32],
    ) -> Self {
        Self {
            vault,
            chains,
            keys,
            key,
        }
    }

    /// Looks at a file, be it in the vault or from elsewhere.
    pub fn look(&self, name: &SecretName, file: &[u8]) -> Look {
        let mut look = Look {
            facts: None,
            stanzas: 0,
            outline: read_outline(file).ok(),
            standing: Standing::Locked,
            readers: BTreeSet::new(),
            joined: BTreeMap::new(),
        };
        match read_claim(file) {
            Ok((facts, stanzas)) => {
                look.standing = self.open(name, file);
                look.stanzas = stanzas;
                self.find_readers(name, facts.trail.last(), &mut look);
                look.facts = Some(facts);
            }
            Err(error) => look.standing = Standing::Refused(error.to_string()),
        }
        look
    }

    fn open(&self, name: &SecretName, file: &[u8]) -> Standing {
        let Some(keys) = self.keys else {
            return Standing::Locked;
        };
        // Nothing is handed out: what somebody who has left may have made is looked at as well.
        let opener = keys.opener_of(self.vault, Stale::Allow);
        match opener.open_any(file, name) {
            Ok((value, _)) => Standing::Opened(Mark::of(&self.key, self.chains.id(), value.get())),
            Err(OpenError::Keys(KeysError::NoIdentity { .. })) => Standing::Locked,
            Err(error) => Standing::Refused(error.to_string()),
        }
    }

    /// Finds who holds a key, which is one of the name's folder, or of the folders around it.
    fn find_readers(&self, name: &SecretName, key: KeyId, look: &mut Look) {
        let around = name.folder().ancestry().into_iter().rev();
        let mut chains = around.filter_map(|folder| self.chains.of(self.vault, &folder).ok());
        let Some(chain) = chains.find(|chain| chain.epoch(key).is_some()) else {
            return;
        };
        let epoch = chain.epoch(key).expect("it was just found");
        for reader in epoch.readers.iter() {
            look.readers.insert(reader.name.clone());
            let mut first = epoch.statement.readers.iter();
            if first.any(|founding| founding.name == reader.name) {
                continue;
            }
            let place = Target::Key {
                folder: chain.folder().clone(),
                dir: epoch.dir.clone(),
                file: KeyFile::Admission(reader.name.clone()),
            };
            look.joined.insert(reader.name.clone(), place.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FolderName, Identity, Plugins, Recipient, SecretValue, VaultId};
    use crate::sealed::{FolderKey, Others, Trail, reseal, seal};

    fn locked(file: &[u8]) -> Look {
        let (facts, stanzas) = read_claim(file).unwrap();
        Look {
            facts: Some(facts),
            stanzas,
            outline: read_outline(file).ok(),
            standing: Standing::Locked,
            readers: BTreeSet::new(),
            joined: BTreeMap::new(),
        }
    }

    /// Whoever has no key takes a file at its word, and where it says nothing, nothing is said.
    #[test]
    fn without_a_key_a_value_is_the_same_another_or_not_to_be_told() {
        let vault = VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap();
        let [one, other] = [(); 2].map(|()| FolderKey::generate(&vault, &FolderName::top()));
        let name = SecretName::parse("KEY").unwrap();
        let alice = Identity::generate("alice");
        let alice = Recipient::parse(alice.public()).unwrap();
        let sealed = |value: &str, key: &FolderKey, trail: Trail, revision, value_time| {
            let facts = Facts {
                trail,
                revision,
                value_time,
                content: Content::Value,
            };
            let value = SecretValue::new(value.as_bytes().to_vec());
            seal(&value, &name, &facts, key, [&alice], &Plugins::default()).unwrap()
        };
        let trail = || Trail::start(one.id());
        let first = sealed("first", &one, trail(), 1, 1);
        let facts = Facts {
            revision: 2,
            ..locked(&first).facts.unwrap()
        };
        let kept = [(&alice).into()];
        let again = reseal(
            &first,
            &name,
            &facts,
            &one,
            Others::Kept(&kept),
            [&alice],
            &Plugins::default(),
        )
        .unwrap();
        let anew = sealed("first", &other, trail().under(other.id()), 2, 1);
        for (after, expected) in [
            (again, Value::Same),
            (anew, Value::Same),
            (sealed("longer", &one, trail(), 2, 1), Value::Changed),
            (sealed("later", &one, trail(), 2, 9), Value::Changed),
            (sealed("other", &one, trail(), 2, 1), Value::Unclear),
            (
                sealed("other", &other, Trail::start(other.id()), 2, 1),
                Value::Unclear,
            ),
        ] {
            assert_eq!(locked(&after).since(&locked(&first)), expected);
        }
        let mut broken = locked(&first);
        broken.facts = None;
        assert_eq!(locked(&first).since(&broken), Value::Unclear);
    }
}
