//! Changing who reads: admissions for those who join while a key stays, a new key where somebody
//! leaves, where a folder gets keys of its own, or where two branches are joined. Everything is made
//! in memory; the caller writes it in one transaction together with the files that it reseals.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::domain::{FolderName, Reader, Readers, SigningKey};
use crate::people::admission::Admission;
use crate::people::chain::{Chain, Epoch};
use crate::people::folder_keys::{FolderKeys, Head};
use crate::people::keys_error::KeysError;
use crate::people::signed::Digest;
use crate::people::statement::{Carved, Statement};
use crate::sealed::{FolderKey, SealedError};
use crate::vault::heads::KnownHead;
use crate::vault::{KeyDir, KeyFile, Target, Vault};

/// How readers change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The key stays; admissions and grants are added.
    Admit,
    /// The folder has had no keys of its own; an enclosing folder gets a new key, too.
    Carve,
    /// A new key.
    NewKey,
}

/// A change of who reads a folder.
#[derive(Clone, Debug)]
pub struct Change {
    /// The folder.
    pub folder: FolderName,
    /// Who reads it from now on.
    pub readers: Readers,
    /// How.
    pub kind: Kind,
}

/// Why readers cannot be changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// A folder's keys are in question.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// None of the identities may.
    #[error("none of your keys may change who reads `{folder}`; {signers} can")]
    NotASigner {
        /// The folder.
        folder: FolderName,
        /// The names of those who may.
        signers: String,
    },
    /// Nobody could change readers any more.
    #[error("nobody among the new readers of `{0}` could change who reads it")]
    NobodySigns(FolderName),
    /// A key could not be sealed to a reader.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

/// What a change of readers comes to.
#[derive(Default)]
pub struct Made {
    /// The files to write.
    pub files: Vec<(Target, Vec<u8>)>,
    /// The files to remove.
    pub gone: Vec<Target>,
    /// Under what the files of each changed folder are sealed from now on.
    pub heads: BTreeMap<FolderName, (Arc<FolderKey>, Readers)>,
    /// What the user's state remembers of them.
    pub known: Vec<(FolderName, KnownHead)>,
}

/// Makes the files of changes; those of folders below others included.
pub fn make(
    vault: &Vault,
    keys: &FolderKeys,
    changes: &[Change],
    now: u64,
) -> Result<Made, ChangeError> {
    let mut made = Made::default();
    let mut work = Work {
        vault,
        keys,
        now,
        made: &mut made,
        carved: BTreeMap::new(),
    };
    // The deepest first: a statement names the first statements of the folders below it.
    let mut order: Vec<&Change> = changes.iter().collect();
    order.sort_by(|one, other| other.folder.cmp(&one.folder));
    for change in order.iter().filter(|change| change.kind == Kind::Carve) {
        work.carve(change, changes)?;
    }
    for change in order.iter().filter(|change| change.kind != Kind::Carve) {
        let carved = work.carved.remove(&change.folder).unwrap_or_default();
        if change.kind == Kind::NewKey || !carved.is_empty() {
            work.renew(&change.folder, &change.readers, carved)?;
        } else {
            work.admit(change)?;
        }
    }
    for (folder, carved) in std::mem::take(&mut work.carved) {
        let readers = work.enclosing(&folder)?.1;
        work.renew(&folder, &readers, carved)?;
    }
    Ok(made)
}

struct Work<'a> {
    vault: &'a Vault,
    keys: &'a FolderKeys,
    now: u64,
    made: &'a mut Made,
    // By the folder whose statement is to name them.
    carved: BTreeMap<FolderName, Vec<Carved>>,
}

impl Work<'_> {
    /// The folder that has keys and holds `folder`, and its readers.
    fn enclosing(&self, folder: &FolderName) -> Result<(FolderName, Readers), ChangeError> {
        let chain = self.keys.chains().of(self.vault, folder)?;
        let readers = self.keys.head(self.vault, folder)?.readers;
        Ok((chain.folder().clone(), readers))
    }

    fn signer(&self, chain: &Chain, epoch: &Epoch) -> Result<SigningKey, ChangeError> {
        self.keys.signing_key(epoch).ok_or_else(|| {
            let signers = epoch
                .readers
                .iter()
                .filter(|reader| reader.signing.is_some());
            let signers: Vec<_> = signers.map(|reader| reader.name.as_str()).collect();
            ChangeError::NotASigner {
                folder: chain.folder().clone(),
                signers: signers.join(", "),
            }
        })
    }

    /// Admits whoever is new, or has more keys than before, to the key that there is.
    fn admit(&mut self, change: &Change) -> Result<(), ChangeError> {
        let Head {
            chain,
            key,
            readers,
        } = self.keys.head(self.vault, &change.folder)?;
        let head = chain.head()?;
        let signing = self.signer(&chain, head)?;
        for reader in change
            .readers
            .iter()
            .filter(|reader| differs(&readers, reader))
        {
            let at = |file| Target::Key {
                folder: change.folder.clone(),
                dir: head.dir.clone(),
                file,
            };
            let admission = Admission {
                vault: self.keys.chains().id().clone(),
                folder: change.folder.clone(),
                key: key.id(),
                made: self.now,
                signer: signing.public(),
                reader: reader.clone(),
            };
            let name = &reader.name;
            let file = at(KeyFile::Admission(name.clone()));
            self.made.files.push((file, admission.sign(&signing)));
            let grant = key.grant(reader.addressees(), self.keys.plugins())?;
            let file = at(KeyFile::Grant(name.clone()));
            self.made.files.push((file, grant));
            self.regrant(&chain, reader)?;
        }
        self.enter(&change.folder, key, &change.readers, head.dir.epoch());
        Ok(())
    }

    /// Makes a new key of a folder that has keys, whose parents are all that nothing follows yet.
    fn renew(
        &mut self,
        folder: &FolderName,
        readers: &Readers,
        mut carved: Vec<Carved>,
    ) -> Result<(), ChangeError> {
        let chain = self.keys.chains().of(self.vault, folder)?;
        let leaves: Vec<&Epoch> = chain.leaves().collect();
        let mut last = 0;
        let mut signing = None;
        for leaf in &leaves {
            signing = Some(self.signer(&chain, leaf)?);
            last = last.max(leaf.statement.epoch);
            for known in &leaf.statement.carved {
                if carved.iter().all(|carved| carved.folder != known.folder) {
                    carved.push(known.clone());
                }
            }
        }
        carved.sort_by(|one, other| one.folder.cmp(&other.folder));
        let signing = signing.expect("a chain has a first statement");
        let key = FolderKey::generate(self.keys.chains().id(), folder);
        let parents = leaves.iter().map(|leaf| leaf.statement.key).collect();
        let statement = Statement {
            vault: self.keys.chains().id().clone(),
            folder: folder.clone(),
            epoch: last + 1,
            key: key.id(),
            parents,
            carved,
            made: self.now,
            founding: None,
            signer: signing.public(),
            readers: readers.clone(),
        };
        self.publish(&statement, key, &signing)?;
        for epoch in chain.epochs() {
            for reader in epoch.readers.iter() {
                if readers.iter().all(|stays| stays.name != reader.name) {
                    self.made.gone.push(Target::Key {
                        folder: folder.clone(),
                        dir: epoch.dir.clone(),
                        file: KeyFile::Grant(reader.name.clone()),
                    });
                }
            }
        }
        let before = leaves.first().map(|leaf| leaf.readers.clone());
        for reader in readers.iter() {
            if before
                .as_ref()
                .is_some_and(|before| differs(before, reader))
            {
                self.regrant(&chain, reader)?;
            }
        }
        Ok(())
    }

    /// Makes the first key of a folder, for the statement of the folder that holds it to name.
    fn carve(&mut self, change: &Change, all: &[Change]) -> Result<(), ChangeError> {
        let folder = &change.folder;
        let chain = self.keys.chains().of(self.vault, folder)?;
        // Another folder that is carved now may stand in between.
        let between = all
            .iter()
            .filter(|other| other.kind == Kind::Carve && other.folder != *folder)
            .map(|other| &other.folder)
            .filter(|other| other.holds(folder) && chain.folder() != *other)
            .max_by_key(|other| other.as_str().len());
        let enclosing = between.unwrap_or(chain.folder()).clone();
        let signing = self.signer(&chain, chain.head()?)?;
        let mut carved = self.carved.remove(folder).unwrap_or_default();
        // Below it there may be folders that have had keys before: it vouches for them now.
        let known = chain.head()?.statement.carved.iter();
        carved.extend(known.filter(|known| folder.holds(&known.folder)).cloned());
        carved.sort_by(|one, other| one.folder.cmp(&other.folder));
        let key = FolderKey::generate(self.keys.chains().id(), folder);
        let statement = Statement {
            vault: self.keys.chains().id().clone(),
            folder: folder.clone(),
            epoch: 1,
            key: key.id(),
            parents: Vec::new(),
            carved,
            made: self.now,
            founding: None,
            signer: signing.public(),
            readers: change.readers.clone(),
        };
        let first = self.publish(&statement, key, &signing)?;
        self.carved.entry(enclosing).or_default().push(Carved {
            folder: folder.clone(),
            first,
        });
        Ok(())
    }

    /// Writes a statement and a grant for each of its readers; returns the statement's digest.
    fn publish(
        &mut self,
        statement: &Statement,
        key: FolderKey,
        signing: &SigningKey,
    ) -> Result<Digest, ChangeError> {
        let folder = &statement.folder;
        if statement
            .readers
            .iter()
            .all(|reader| reader.signing.is_none())
        {
            return Err(ChangeError::NobodySigns(folder.clone()));
        }
        let dir = KeyDir::new(statement.epoch, key.id().as_str());
        let dir = dir.expect("a key id is 20 characters of base64url");
        let at = |file| Target::Key {
            folder: folder.clone(),
            dir: dir.clone(),
            file,
        };
        let bytes = statement.sign(signing);
        let digest = Digest::of(&bytes);
        self.made.files.push((at(KeyFile::Epoch), bytes));
        for reader in statement.readers.iter() {
            let grant = key.grant(reader.addressees(), self.keys.plugins())?;
            let file = at(KeyFile::Grant(reader.name.clone()));
            self.made.files.push((file, grant));
        }
        self.enter(folder, Arc::new(key), &statement.readers, statement.epoch);
        Ok(digest)
    }

    /// Seals the earlier keys that a reader holds to the keys he has now, as far as they open here.
    fn regrant(&mut self, chain: &Chain, reader: &Reader) -> Result<(), ChangeError> {
        for epoch in chain.epochs() {
            let file = Target::Key {
                folder: chain.folder().clone(),
                dir: epoch.dir.clone(),
                file: KeyFile::Grant(reader.name.clone()),
            };
            let written = self.made.files.iter().any(|(target, _)| *target == file);
            let holds = epoch.readers.iter().any(|held| held.name == reader.name);
            if written || !holds {
                continue;
            }
            if let Ok(key) = self.keys.key(self.vault, chain, epoch) {
                let grant = key.grant(reader.addressees(), self.keys.plugins())?;
                self.made.files.push((file, grant));
            }
        }
        Ok(())
    }

    fn enter(&mut self, folder: &FolderName, key: Arc<FolderKey>, readers: &Readers, epoch: u32) {
        let recipients = readers.recipients().map(|key| key.text());
        let known = KnownHead::new(epoch, key.id(), recipients);
        self.made.known.push((folder.clone(), known));
        self.made
            .heads
            .insert(folder.clone(), (key, readers.clone()));
    }
}

/// Says whether a reader is new, or has other keys than before.
fn differs(before: &Readers, reader: &Reader) -> bool {
    before.iter().all(|known| known != reader)
}
