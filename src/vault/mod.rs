//! Floor 2: a folder of sealed files. [`Vault`] reads, [`LockedVault`] writes, and every write goes
//! through one [`transaction`]. Everything is opened beneath the home's descriptor and no link is
//! followed. Nothing here knows git, or decides whom to trust.

pub mod heads;
pub mod inbox;
pub mod inventory;
pub mod layout;
pub mod transaction;
pub mod trust;

use std::path::Path;

pub use inbox::{Inbox, Submitted};
pub use inventory::{Inventory, OutOfPlace, Stray};
pub use layout::{KeyDir, KeyFile, Target, sealed_file};

use crate::disk::{Dir, DiskError, Kind};
use crate::domain::{FolderName, ReaderName, SecretName};
use crate::sealed::MAX_FILE;
use layout::{KEYS, RECIPIENTS, VAULT, folder_path};
use transaction::{Transaction, TransactionError};

/// The longest manifest that is read, in bytes (1 MiB).
const MAX_MANIFEST: u64 = 1024 * 1024;

/// A vault, for reading.
#[derive(Debug)]
pub struct Vault {
    home: Dir,
}

impl Vault {
    /// Opens the vault of a home.
    pub fn open(home: &Path) -> Result<Self, DiskError> {
        Ok(Self {
            home: Dir::open(home)?,
        })
    }

    /// Returns the home's descriptor.
    pub fn home(&self) -> &Dir {
        &self.home
    }

    /// Reads the manifest's bytes; `None` if there is no manifest.
    pub fn manifest(&self) -> Result<Option<Vec<u8>>, DiskError> {
        self.home.read(Target::Manifest.file(), MAX_MANIFEST)
    }

    /// Lists everybody with a file in `recipients/`, sorted by name.
    pub fn people(&self) -> Result<Vec<ReaderName>, DiskError> {
        let Some(folder) = self.home.sub(RECIPIENTS)? else {
            return Ok(Vec::new());
        };
        let files = folder.entries()?.into_iter();
        let mut people: Vec<_> = files
            .filter_map(|entry| {
                let path = format!("{RECIPIENTS}/{}", entry.name.to_str()?);
                match Target::parse(&path)? {
                    Target::Recipient(name) => Some(name),
                    _ => None,
                }
            })
            .collect();
        people.sort();
        Ok(people)
    }

    /// Reads what stands at a place; `None` if nothing does.
    pub fn read_target(&self, target: &Target, limit: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let folder = target.folder();
        let parts: Vec<_> = folder.split('/').filter(|part| !part.is_empty()).collect();
        match self.home.descend(&parts)? {
            Some(folder) => folder.read(target.file(), limit),
            None => Ok(None),
        }
    }

    /// Lists what is in the vault; a missing vault is an empty one.
    pub fn inventory(&self) -> Result<Inventory, DiskError> {
        match self.home.sub(VAULT)? {
            Some(vault) => Inventory::list(&vault),
            None => Ok(Inventory::default()),
        }
    }

    /// Opens a folder of the vault; `None` if it is not there.
    pub fn folder(&self, folder: &FolderName) -> Result<Option<Dir>, DiskError> {
        let path = folder_path(folder);
        self.home.descend(&path.split('/').collect::<Vec<_>>())
    }

    /// Reads a sealed file; `None` if there is none of this name.
    pub fn read(&self, name: &SecretName) -> Result<Option<Vec<u8>>, DiskError> {
        match self.folder(&name.folder())? {
            Some(folder) => folder.read(sealed_file(name), MAX_FILE as u64),
            None => Ok(None),
        }
    }

    /// Says whether there is anything at a secret's place, be it a sealed file or not.
    pub fn has(&self, name: &SecretName) -> Result<bool, DiskError> {
        match self.folder(&name.folder())? {
            Some(folder) => Ok(folder.kind_of(sealed_file(name))?.is_some()),
            None => Ok(false),
        }
    }

    /// Says whether a folder has keys of its own.
    pub fn has_keys(&self, folder: &FolderName) -> Result<bool, DiskError> {
        match self.folder(folder)? {
            Some(folder) => Ok(folder.kind_of(KEYS)?.is_some()),
            None => Ok(false),
        }
    }

    /// Lists the keys of a folder, oldest first.
    pub fn key_dirs(&self, folder: &FolderName) -> Result<Vec<KeyDir>, DiskError> {
        let Some(keys) = self.keys(folder)? else {
            return Ok(Vec::new());
        };
        let folders = keys
            .entries()?
            .into_iter()
            .filter(|entry| entry.kind == Kind::Directory);
        let mut dirs: Vec<_> = folders
            .filter_map(|entry| KeyDir::parse(entry.name.to_str()?))
            .collect();
        dirs.sort();
        Ok(dirs)
    }

    /// Lists the files of a key that have a place there, in the order of their names.
    pub fn key_files(&self, folder: &FolderName, dir: &KeyDir) -> Result<Vec<KeyFile>, DiskError> {
        let dir = match self.keys(folder)? {
            Some(keys) => keys.sub(dir.to_string())?,
            None => None,
        };
        let Some(dir) = dir else {
            return Ok(Vec::new());
        };
        let entries = dir.entries()?.into_iter();
        let mut files: Vec<_> = entries
            .filter_map(|entry| KeyFile::parse(entry.name.to_str()?))
            .collect();
        files.sort();
        Ok(files)
    }

    /// Reads one of a key's files; `None` if it is not there.
    pub fn read_key_file(
        &self,
        folder: &FolderName,
        dir: &KeyDir,
        file: &KeyFile,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, DiskError> {
        let Some(keys) = self.keys(folder)? else {
            return Ok(None);
        };
        match keys.sub(dir.to_string())? {
            Some(dir) => dir.read(file.to_string(), limit as u64),
            None => Ok(None),
        }
    }

    fn keys(&self, folder: &FolderName) -> Result<Option<Dir>, DiskError> {
        match self.folder(folder)? {
            Some(folder) => folder.sub(KEYS),
            None => Ok(None),
        }
    }
}

/// A vault that nobody else can write to: the only way to change it.
pub struct LockedVault<'a> {
    vault: &'a Vault,
    transaction: Transaction,
}

impl<'a> LockedVault<'a> {
    /// Joins a vault with the transaction that holds its lock.
    pub fn new(vault: &'a Vault, transaction: Transaction) -> Self {
        Self { vault, transaction }
    }

    /// Returns the vault, to be read under the lock.
    pub fn vault(&self) -> &'a Vault {
        self.vault
    }

    /// Stages new content for a place.
    pub fn put(&mut self, target: Target, bytes: Vec<u8>) -> Result<(), TransactionError> {
        self.transaction.put(target, bytes)
    }

    /// Stages the removal of a file.
    pub fn remove(&mut self, target: Target) -> Result<(), TransactionError> {
        self.transaction.remove(target)
    }

    /// Makes all of it happen, or nothing.
    pub fn commit(self) -> Result<(), TransactionError> {
        self.transaction.commit()
    }
}
