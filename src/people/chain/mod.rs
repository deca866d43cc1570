//! The statements about one folder's key, followed from the one that is certified from outside: of
//! the vault's top by the vault's id, of a folder below by a statement of an enclosing one. What is
//! signed by somebody who may not is refused and named; what is malformed stops everything. Public:
//! no identity is needed.

mod dismiss;
mod load;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{FolderName, Reader, ReaderName, Readers, VaultId, VerifyingKey};
use crate::people::admission::Admission;
use crate::people::chain::load::{Found, first, load};
use crate::people::keys_error::KeysError;
use crate::people::signed::Digest;
use crate::people::statement::Statement;
use crate::sealed::KeyId;
use crate::vault::heads::KnownHead;
use crate::vault::{KeyDir, KeyFile, Vault};

/// What certifies the first statement about a folder's key.
#[derive(Clone, Debug)]
pub enum Root<'a> {
    /// The vault's id: the top.
    Founding,
    /// The statements of an enclosing folder that name this one: a folder below.
    Pins(&'a [Pin]),
}

/// Where a statement of an enclosing folder says that a folder below has keys of its own.
#[derive(Clone, Debug)]
pub struct Pin {
    /// The digest of its first statement.
    pub first: Digest,
    /// Who could sign that.
    pub signers: BTreeSet<VerifyingKey>,
}

/// One accepted key of a folder.
#[derive(Debug)]
pub struct Epoch {
    /// Its directory.
    pub dir: KeyDir,
    /// What was signed when it was made.
    pub statement: Statement,
    /// The digest of that.
    pub digest: Digest,
    /// Who holds it: the readers of the statement, and those admitted since.
    pub readers: Readers,
    // The epochs before it, its parents and theirs.
    ancestors: BTreeSet<usize>,
}

impl Epoch {
    /// Says whether a signing key is one of its signers'.
    pub fn is_signer(&self, key: &VerifyingKey) -> bool {
        self.readers
            .iter()
            .any(|reader| reader.signing == Some(*key))
    }

    /// Returns the keys of those who may change who reads.
    pub fn signers(&self) -> BTreeSet<VerifyingKey> {
        let signing = self.readers.iter().filter_map(|reader| reader.signing);
        signing.collect()
    }

    fn recipients(&self) -> BTreeSet<&str> {
        self.readers.recipients().map(|key| key.text()).collect()
    }
}

/// A signed file that is whole and does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file, below the home.
    pub place: String,
    /// Why it does not count.
    pub why: &'static str,
}

/// The accepted keys of a folder.
#[derive(Debug)]
pub struct Chain {
    folder: FolderName,
    // Parents before children.
    epochs: Vec<Epoch>,
    // Those that no other one follows.
    leaves: Vec<usize>,
    head: Option<usize>,
    behind: Option<KnownHead>,
    refused: Vec<Refused>,
}

impl Chain {
    /// Follows the statements of a folder. `known` is the head that this user has accepted before.
    pub fn verify(
        vault: &Vault,
        id: &VaultId,
        folder: &FolderName,
        root: &Root<'_>,
        known: Option<&KnownHead>,
    ) -> Result<Self, KeysError> {
        let mut found = load(vault, id, folder)?;
        let mut chain = Self {
            folder: folder.clone(),
            epochs: Vec::new(),
            leaves: Vec::new(),
            head: None,
            behind: None,
            refused: Vec::new(),
        };
        let first = first(&found, id, folder, root)?;
        let first = found.remove(first);
        chain.accept(first, BTreeSet::new());
        for found in found {
            match chain.parents_of(&found.statement) {
                Ok(ancestors) => chain.accept(found, ancestors),
                Err(why) => chain.refuse(&found.dir, why),
            }
        }
        chain.behind = known
            .filter(|known| chain.epoch(known.key).is_none())
            .cloned();
        let settled = known.and_then(|known| chain.index(known.key));
        chain.drop_dismissed(settled);
        chain.find_head();
        Ok(chain)
    }

    /// Returns the folder whose keys these are.
    pub fn folder(&self) -> &FolderName {
        &self.folder
    }

    /// Returns the accepted keys, oldest first.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// Returns an accepted key.
    pub fn epoch(&self, key: KeyId) -> Option<&Epoch> {
        self.index(key).map(|index| &self.epochs[index])
    }

    /// Returns the key under which values are sealed; of two that were made on two branches, the
    /// one with fewer readers, if its readers all hold the other, too.
    pub fn head(&self) -> Result<&Epoch, KeysError> {
        self.head.map(|head| &self.epochs[head]).ok_or_else(|| {
            let place = |leaf: &usize| self.epochs[*leaf].dir.place(&self.folder);
            KeysError::Split {
                places: self.leaves.iter().map(place).collect(),
            }
        })
    }

    /// Returns the key under which values are sealed now: the head, unless this user has accepted a
    /// later one that is not here.
    pub fn current(&self) -> Result<&Epoch, KeysError> {
        let Some(known) = &self.behind else {
            return self.head();
        };
        let leaf = self.leaves().next();
        let leaf = leaf.expect("a chain has a first statement");
        Err(KeysError::Behind {
            folder: self.folder.clone(),
            epoch: known.epoch,
            left: self.left(leaf.statement.key),
        })
    }

    /// Returns the keys that no other one follows; more than one after a merge.
    pub fn leaves(&self) -> impl Iterator<Item = &Epoch> {
        self.leaves.iter().map(|leaf| &self.epochs[*leaf])
    }

    /// Returns the key of the founder, or of who signed the folder's first statement.
    pub fn founder(&self) -> &VerifyingKey {
        &self.epochs[0].statement.signer
    }

    /// Returns the head this user has accepted, if it is not among what is here: an older branch, or
    /// somebody removed it.
    pub fn behind(&self) -> Option<&KnownHead> {
        self.behind.as_ref()
    }

    /// Returns the head as the user's state remembers it; `None` if it is in question.
    pub fn known(&self) -> Option<(FolderName, KnownHead)> {
        let head = self.head.filter(|_| self.behind.is_none())?;
        let head = &self.epochs[head];
        let recipients = head.readers.recipients().map(|key| key.text());
        let known = KnownHead::new(head.dir.epoch(), head.statement.key, recipients);
        Some((self.folder.clone(), known))
    }

    /// Returns the signed files that do not count.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Returns who holds a key and is no reader any more. Any of them may have made a file under it.
    pub fn left(&self, key: KeyId) -> Vec<ReaderName> {
        let epoch = self.epoch(key);
        epoch.map_or_else(Vec::new, |epoch| self.strangers(&epoch.readers))
    }

    /// Returns who of these is no reader, or has a key that is no reader's.
    pub fn strangers(&self, readers: &Readers) -> Vec<ReaderName> {
        let still: Box<dyn Fn(&str) -> bool> = match (&self.behind, self.head) {
            (Some(known), _) => Box::new(|key| known.holds(key)),
            (None, Some(head)) => {
                let now = self.epochs[head].recipients();
                Box::new(move |key| now.contains(key))
            }
            (None, None) => {
                let all: Vec<_> = self.leaves().map(Epoch::recipients).collect();
                Box::new(move |key| all.iter().all(|leaf| leaf.contains(key)))
            }
        };
        let gone = |reader: &&Reader| !reader.recipients.iter().all(|key| still(key.text()));
        let left = readers.iter().filter(gone);
        left.map(|reader| reader.name.clone()).collect()
    }

    /// Returns the folders below that have keys of their own, and what certifies each.
    pub fn pins(&self) -> BTreeMap<FolderName, Vec<Pin>> {
        let mut pins: BTreeMap<FolderName, Vec<Pin>> = BTreeMap::new();
        for epoch in &self.epochs {
            let inherited = |folder: &FolderName| {
                epoch.ancestors.iter().any(|&ancestor| {
                    let carved = &self.epochs[ancestor].statement.carved;
                    carved.iter().any(|carved| carved.folder == *folder)
                })
            };
            for carved in &epoch.statement.carved {
                let below = self.folder.holds(&carved.folder) && self.folder != carved.folder;
                // A folder below a carved one is that one's to carve.
                let before = epoch.ancestors.iter();
                let known = before.flat_map(|&index| &self.epochs[index].statement.carved);
                let taken = known.chain(&epoch.statement.carved).any(|other| {
                    other.folder != carved.folder && other.folder.holds(&carved.folder)
                });
                if inherited(&carved.folder) || !below || taken {
                    continue;
                }
                let mut signers = epoch.signers();
                signers.insert(epoch.statement.signer);
                let listed = pins.entry(carved.folder.clone()).or_default();
                match listed.iter_mut().find(|pin| pin.first == carved.first) {
                    Some(pin) => pin.signers.extend(signers),
                    None => listed.push(Pin {
                        first: carved.first,
                        signers,
                    }),
                }
            }
        }
        pins
    }

    fn index(&self, key: KeyId) -> Option<usize> {
        self.epochs
            .iter()
            .position(|epoch| epoch.statement.key == key)
    }

    fn refuse(&mut self, dir: &KeyDir, why: &'static str) {
        let place = format!("{}/{}", dir.place(&self.folder), KeyFile::Epoch);
        self.refused.push(Refused { place, why });
    }

    fn accept(&mut self, found: Found, ancestors: BTreeSet<usize>) {
        let readers = self.admit(&found);
        self.epochs.push(Epoch {
            dir: found.dir,
            statement: found.statement,
            digest: found.digest,
            readers,
            ancestors,
        });
    }

    /// The readers of a statement and whom its signers admitted, and those in turn.
    fn admit(&mut self, found: &Found) -> Readers {
        let mut readers = found.statement.readers.clone();
        let mut waiting: Vec<&Admission> = found.admissions.iter().collect();
        loop {
            let signs = |admission: &&Admission| {
                let mut signing = readers.iter().filter_map(|reader| reader.signing);
                signing.any(|key| key == admission.signer)
            };
            let Some(next) = waiting.iter().position(signs) else {
                break;
            };
            let admission = waiting.remove(next);
            match with(&readers, &admission.reader) {
                Some(more) => readers = more,
                None => self.refused.push(Refused {
                    place: admission_place(&self.folder, &found.dir, &admission.reader.name),
                    why: "it takes a key away from its reader, or is one too many",
                }),
            }
        }
        for admission in waiting {
            self.refused.push(Refused {
                place: admission_place(&self.folder, &found.dir, &admission.reader.name),
                why: "whoever signed it may not change who reads",
            });
        }
        readers
    }

    /// The epochs before a statement, if its signer could make it.
    fn parents_of(&self, statement: &Statement) -> Result<BTreeSet<usize>, &'static str> {
        let mut ancestors = BTreeSet::new();
        let mut last = 0;
        for parent in &statement.parents {
            let parent = self.index(*parent);
            let parent = parent.ok_or("a statement it follows is missing or does not count")?;
            let epoch = &self.epochs[parent];
            if !epoch.is_signer(&statement.signer) {
                return Err("whoever signed it could not change who reads");
            }
            last = last.max(epoch.statement.epoch);
            ancestors.extend(&epoch.ancestors);
            ancestors.insert(parent);
        }
        match () {
            () if ancestors.is_empty() => Err("it follows no statement that counts"),
            () if statement.epoch != last + 1 => Err("its number does not follow"),
            () => Ok(ancestors),
        }
    }

    fn find_head(&mut self) {
        let followed: BTreeSet<usize> = self
            .epochs
            .iter()
            .flat_map(|epoch| epoch.ancestors.iter().copied())
            .collect();
        self.leaves = (0..self.epochs.len())
            .filter(|index| !followed.contains(index))
            .collect();
        let smallest = |&&leaf: &&usize| {
            let own = self.epochs[leaf].recipients();
            self.leaves.iter().all(|&other| {
                let others = self.epochs[other].recipients();
                other == leaf || (own.is_subset(&others) && own.len() < others.len())
            })
        };
        self.head = self.leaves.iter().find(smallest).copied();
    }
}

fn admission_place(folder: &FolderName, dir: &KeyDir, name: &ReaderName) -> String {
    let file = KeyFile::Admission(name.clone());
    format!("{}/{file}", dir.place(folder))
}

/// The readers and one more, or one of them with more keys; `None` if he would lose one.
fn with(readers: &Readers, joining: &Reader) -> Option<Readers> {
    let mut joining = joining.clone();
    if let Some(there) = readers.iter().find(|reader| reader.name == joining.name) {
        let keeps = there
            .recipients
            .iter()
            .all(|key| joining.recipients.contains(key));
        let signs = there.signing.is_none() || joining.signing.is_none();
        if !keeps || !(signs || there.signing == joining.signing) {
            return None;
        }
        joining.signing = joining.signing.or(there.signing);
    }
    let others = readers
        .iter()
        .filter(|reader| reader.name != joining.name)
        .cloned();
    Readers::build(others.chain([joining.clone()])).ok()
}
