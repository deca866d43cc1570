//! Opening sealed files with a vault's accepted keys: those in the vault, and bytes from elsewhere, such
//! as an earlier commit. A file counts under the keys of its own folder, or under those it had before;
//! one that somebody who has left may have made is refused, unless a person has asked for it.

use std::sync::Arc;

use thiserror::Error;

use crate::disk::{Dir, DiskError};
use crate::domain::{FolderName, ReaderName, SecretName, SecretValue};
use crate::people::chain::Chain;
use crate::people::folder_keys::{FolderKeys, Stale};
use crate::people::guard::Setback;
use crate::people::keys_error::KeysError;
use crate::sealed::{self, Facts, FolderKey, KeyId, MAX_FILE, SealedError, Verified};
use crate::vault::{Vault, sealed_file};

impl FolderKeys {
    /// Starts opening secrets of a vault.
    pub fn opener<'a>(&'a self, vault: &'a Vault) -> Opener<'a> {
        self.opener_of(vault, self.stale)
    }

    /// Starts opening secrets of a vault, those that somebody who has left may have made as well, if a
    /// person has said so.
    pub fn opener_of<'a>(&'a self, vault: &'a Vault, stale: Stale) -> Opener<'a> {
        Opener {
            keys: self,
            vault,
            stale,
            folder: None,
        }
    }
}

/// Why a secret is not handed out.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its folder's key is not accepted.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] DiskError),
    /// Its revision is lower than one that this user has seen.
    #[error("it was rolled back: revision {revision}, and you have seen {mark}; {how}")]
    RolledBack {
        /// The file's revision.
        revision: u64,
        /// The highest revision this user has seen.
        mark: u64,
        /// How it came about.
        how: Setback,
    },
    /// The file is not to be trusted.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// Sealed under a key that somebody holds who has left.
    #[error("it is stale: it was sealed under a key that {} holds, who is no reader any more", joined(.left))]
    Stale {
        /// Who has left.
        left: Vec<ReaderName>,
    },
}

fn joined(names: &[ReaderName]) -> String {
    let names: Vec<_> = names.iter().map(ReaderName::as_str).collect();
    names.join(", ")
}

/// A value with the facts it was sealed with.
pub type Opened = (Verified<SecretValue>, Facts);

/// Opens secrets one after the other. Keeps the folder of the last one, so that names in order cost
/// one look at each folder.
pub struct Opener<'a> {
    keys: &'a FolderKeys,
    vault: &'a Vault,
    stale: Stale,
    folder: Option<OpenFolder>,
}

struct OpenFolder {
    name: FolderName,
    dir: Option<Dir>,
    chain: Arc<Chain>,
    // The last key that was asked for.
    key: Option<Arc<FolderKey>>,
}

impl Opener<'_> {
    /// Returns another opener of the same vault, for another thread.
    pub fn another(&self) -> Self {
        self.keys.opener_of(self.vault, self.stale)
    }

    /// Opens a secret; `None` if there is none of this name.
    pub fn open(&mut self, name: &SecretName) -> Result<Option<Opened>, OpenError> {
        if self.folder.as_ref().is_none_or(|open| !open.name.has(name)) {
            let folder = name.folder();
            let chain = self.keys.chain(self.vault, &folder)?;
            let dir = self.vault.folder(&folder)?;
            self.folder = Some(OpenFolder {
                name: folder,
                dir,
                chain,
                key: None,
            });
        }
        let open = self.folder.as_mut().expect("it was just opened");
        let Some(dir) = &open.dir else {
            return Ok(None);
        };
        let Some(file) = dir.read(sealed_file(name), MAX_FILE as u64)? else {
            return Ok(None);
        };
        let door = Door {
            keys: self.keys,
            vault: self.vault,
            chain: &open.chain,
            stale: self.stale,
        };
        let (value, facts) = door.open(&mut open.key, &file, name, Holding::Value)?;
        if let Some(guard) = self.keys.guard() {
            guard.compare(name, &file, facts.revision)?;
        }
        Ok(Some((value, facts)))
    }

    /// Opens the bytes of a sealed file as a secret of the folder of its name, be they in the vault
    /// or from elsewhere, such as an earlier commit.
    pub fn open_file(&self, file: &[u8], name: &SecretName) -> Result<Opened, OpenError> {
        self.open_bytes(file, name, Holding::Value)
    }

    /// Opens bytes as [`Opener::open_file`] does, or the sides of a merge that stand in their place;
    /// the facts say which.
    pub fn open_any(&self, file: &[u8], name: &SecretName) -> Result<Opened, OpenError> {
        self.open_bytes(file, name, Holding::Either)
    }

    fn open_bytes(
        &self,
        file: &[u8],
        name: &SecretName,
        holding: Holding,
    ) -> Result<Opened, OpenError> {
        let chain = self.keys.chain(self.vault, &name.folder())?;
        let door = Door {
            keys: self.keys,
            vault: self.vault,
            chain: &chain,
            stale: self.stale,
        };
        door.open(&mut None, file, name, holding)
    }
}

/// What is looked for in a sealed file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holding {
    /// A value, or the sides of a merge.
    Either,
    /// A value.
    Value,
}

/// Where a sealed file is opened: the keys, and the folder that is asked.
struct Door<'a> {
    keys: &'a FolderKeys,
    vault: &'a Vault,
    chain: &'a Chain,
    stale: Stale,
}

impl Door<'_> {
    fn open(
        &self,
        last: &mut Option<Arc<FolderKey>>,
        file: &[u8],
        name: &SecretName,
        holding: Holding,
    ) -> Result<Opened, OpenError> {
        let mut refused: Option<OpenError> = None;
        let accepted = |id| {
            if let Some(key) = last.as_ref().filter(|key| key.id() == id) {
                return Some(key.clone());
            }
            match self.key(id) {
                Ok(key) => {
                    last.clone_from(&key);
                    key
                }
                Err(error) => {
                    refused = Some(error);
                    None
                }
            }
        };
        let opened = match holding {
            Holding::Either => sealed::open_any(file, name, accepted),
            Holding::Value => sealed::open(file, name, accepted),
        };
        match refused {
            Some(error) => Err(error),
            None => Ok(opened?),
        }
    }

    /// The key of a file, if it is one that counts for the folder. A key of an enclosing folder counted
    /// before this one had keys of its own; its other readers may have made the file.
    fn key(&self, id: KeyId) -> Result<Option<Arc<FolderKey>>, OpenError> {
        if let Some(epoch) = self.chain.epoch(id) {
            self.refuse(self.chain.left(id))?;
            return Ok(Some(self.keys.key(self.vault, self.chain, epoch)?));
        }
        for part in self.chain.folder().ancestry() {
            let enclosing = self.keys.chains().of(self.vault, &part)?;
            if let Some(epoch) = enclosing.epoch(id) {
                self.refuse(self.chain.strangers(&epoch.readers))?;
                return Ok(Some(self.keys.key(self.vault, &enclosing, epoch)?));
            }
        }
        Ok(None)
    }

    fn refuse(&self, left: Vec<ReaderName>) -> Result<(), OpenError> {
        if self.stale == Stale::Refuse && !left.is_empty() {
            return Err(OpenError::Stale { left });
        }
        Ok(())
    }
}
