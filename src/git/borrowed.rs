//! A vault of keys alone: those of the work tree, and those of a commit that is being merged, whose
//! files are not in the work tree yet. It is a private folder, laid out like a home, and is removed
//! when it is dropped. What is in it counts for nothing until it is verified.

use std::path::{Path, PathBuf};

use rand_core::{OsRng, RngCore};
use thiserror::Error;

use crate::disk::{Dir, DiskError, Kind};
use crate::repository::{Content, GitError, ObjectId, ObjectKind, Repository};
use crate::vault::layout::VAULT;
use crate::vault::{Target, Vault};

/// The longest file of a key that is taken over, in bytes (1 MiB).
const MAX: u64 = 1 << 20;

/// The deepest folder that is removed again.
const DEEPEST: usize = 64;

/// Why there is no such vault.
#[derive(Debug, Error)]
pub enum BorrowError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Git gave no answer.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A folder with the keys of two sides.
#[derive(Debug)]
pub struct Borrowed {
    base: Dir,
    name: String,
    vault: Vault,
}

impl Borrowed {
    /// Joins the keys of a vault with those of a commit. `home` is from the top of the work tree; the
    /// folder is made in `place`.
    pub fn join(
        place: &Path,
        own: &Vault,
        repository: &Repository,
        home: &Path,
        commit: &ObjectId,
    ) -> Result<Self, BorrowError> {
        let base = Dir::open(place)?;
        let mut random = [0; 8];
        OsRng.fill_bytes(&mut random);
        let name = format!("hoziron-keys-{:016x}", u64::from_be_bytes(random));
        let (dir, _) = base.sub_or_make(&name, 0o700)?;
        let borrowed = Self {
            vault: Vault::open(dir.path())?,
            base,
            name,
        };
        for folder in own.inventory()?.keyed {
            for dir in own.key_dirs(&folder)? {
                for file in own.key_files(&folder, &dir)? {
                    let Some(bytes) = own.read_key_file(&folder, &dir, &file, MAX as usize)? else {
                        continue;
                    };
                    let (folder, dir) = (folder.clone(), dir.clone());
                    borrowed.put(&Target::Key { folder, dir, file }, &bytes)?;
                }
            }
        }
        borrowed.take(repository, home, commit)?;
        Ok(borrowed)
    }

    /// Returns the vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    fn take(
        &self,
        repository: &Repository,
        home: &Path,
        commit: &ObjectId,
    ) -> Result<(), BorrowError> {
        let below = home.join(VAULT);
        let target = |path: &PathBuf| {
            let inside = path.strip_prefix(home).ok()?.to_str()?;
            Target::parse(inside).filter(|target| matches!(target, Target::Key { .. }))
        };
        let tree = repository.tree(commit, Some(&below))?;
        let keys = tree.iter();
        let keys = keys.filter_map(|entry| Some((target(&entry.path)?, entry.id.clone())));
        let (targets, ids): (Vec<_>, Vec<_>) = keys.unzip();
        let mut put = Ok(());
        repository.objects(&ids, |index, content| {
            if let Content::There { kind, size, bytes } = content
                && kind == ObjectKind::Blob
                && size <= MAX
                && put.is_ok()
            {
                let mut all = Vec::new();
                bytes.read_to_end(&mut all)?;
                put = self.put(&targets[index], &all);
            }
            Ok(())
        })?;
        put
    }

    /// Writes a file, unless it is there: what is signed is the same on both sides, or is refused.
    fn put(&self, target: &Target, bytes: &[u8]) -> Result<(), BorrowError> {
        let mut folder = self.vault.home().try_clone()?;
        for part in target.folder().split('/') {
            folder = folder.sub_or_make(part, 0o700)?.0;
        }
        if folder.kind_of(target.file())?.is_none() {
            folder.create_new_unflushed(target.file(), 0o600, bytes)?;
        }
        Ok(())
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        remove(self.vault.home(), DEEPEST);
        // What cannot be removed holds public statements and sealed keys.
        let _ = self.base.rmdir(&self.name);
    }
}

fn remove(dir: &Dir, deep: usize) {
    for entry in dir.entries().unwrap_or_default() {
        if entry.kind == Kind::Directory && deep > 0 {
            if let Ok(Some(sub)) = dir.sub(&entry.name) {
                remove(&sub, deep - 1);
            }
            let _ = dir.rmdir(&entry.name);
        } else {
            let _ = dir.unlink(&entry.name);
        }
    }
}
