//! The stage: where new content waits, whole and flushed, until all of it is there, and where old
//! content keeps a second name until the change is through. It lies in `.state/stage`, on the file
//! system of the vault, and never holds plaintext.

use std::path::PathBuf;

use crate::disk::{Dir, DiskError, Kind};
use crate::vault::transaction::TransactionError;
use crate::vault::transaction::journal::digest;

const STAGE: &str = "stage";
const JOURNAL_NEW: &str = "journal.new";
const JOURNAL: &str = "journal";

/// What is staged is ciphertext or public, and git expects the modes that the umask gives.
const MODE: u32 = 0o666;

/// So many files are flushed one by one; more are flushed together with the file system.
const FEW: u32 = 16;

/// The longest file that is read back or kept by copying.
pub(super) const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The open stage.
pub(super) struct Stage {
    dir: Dir,
}

impl Stage {
    /// Makes the stage. The flush of `state` at the commit point is its flush as well.
    pub(super) fn make(state: &Dir) -> Result<Self, DiskError> {
        state.mkdir(STAGE, 0o700)?;
        let dir = state.sub(STAGE)?.ok_or_else(|| state.missing(STAGE))?;
        Ok(Self { dir })
    }

    /// Opens the stage that an earlier transaction left.
    pub(super) fn open(state: &Dir) -> Result<Option<Self>, DiskError> {
        Ok(state.sub(STAGE)?.map(|dir| Self { dir }))
    }

    /// Writes new content, read back, and returns its digest. It is flushed by the time [`Stage::sync_content`]
    /// returns.
    pub(super) fn write(&self, number: u32, bytes: &[u8]) -> Result<[u8; 32], TransactionError> {
        let name = number.to_string();
        if number < FEW {
            self.dir.create_new(&name, MODE, bytes)?;
        } else {
            self.dir.create_new_unflushed(&name, MODE, bytes)?;
        }
        if self.dir.read(&name, MAX_FILE)?.as_deref() != Some(bytes) {
            return Err(TransactionError::ReadBack {
                path: self.dir.path().join(name),
            });
        }
        Ok(digest(bytes))
    }

    /// Reads the digest of new content; `None` if it is not, or no longer, in the stage.
    pub(super) fn digest(&self, number: u32) -> Result<Option<[u8; 32]>, DiskError> {
        Ok(self
            .dir
            .read(number.to_string(), MAX_FILE)?
            .map(|bytes| digest(&bytes)))
    }

    /// Says whether new content is still here.
    pub(super) fn holds(&self, number: u32) -> Result<bool, DiskError> {
        Ok(self.dir.kind_of(number.to_string())?.is_some())
    }

    /// Moves new content to its place.
    pub(super) fn deliver(&self, number: u32, folder: &Dir, file: &str) -> Result<(), DiskError> {
        self.dir.rename(number.to_string(), folder, file)
    }

    /// Takes new content back from its place.
    pub(super) fn take_back(&self, number: u32, folder: &Dir, file: &str) -> Result<(), DiskError> {
        folder.rename(file, &self.dir, number.to_string())
    }

    /// Gives old content a second name in the stage; says whether there was any.
    pub(super) fn keep(&self, number: u32, folder: &Dir, file: &str) -> Result<bool, DiskError> {
        match folder.kind_of(file)? {
            None => return Ok(false),
            Some(Kind::File) => {}
            Some(kind) => {
                return Err(DiskError::NotRegular {
                    path: folder.path().join(file),
                    kind,
                });
            }
        }
        let kept = old(number);
        match folder.link(file, &self.dir, &kept) {
            Ok(_) => Ok(true),
            Err(error) if error.lacks_links() => {
                let Some(bytes) = folder.read(file, MAX_FILE)? else {
                    return Ok(false);
                };
                self.dir.create_new(&kept, MODE, &bytes).map(|()| true)
            }
            Err(error) => Err(error),
        }
    }

    /// Moves old content back to its place.
    pub(super) fn restore(&self, number: u32, folder: &Dir, file: &str) -> Result<(), DiskError> {
        self.dir.rename(old(number), folder, file)
    }

    /// Flushes the content of what was written with a number below `next`.
    pub(super) fn sync_content(&self, next: u32) -> Result<(), DiskError> {
        if next > FEW {
            self.dir.sync_all()?;
        }
        Ok(())
    }

    /// Flushes the names in the stage.
    pub(super) fn sync(&self) -> Result<(), DiskError> {
        self.dir.sync()
    }
}

/// Writes the journal beside its place.
pub(super) fn write_journal(state: &Dir, text: &str) -> Result<(), DiskError> {
    state.create_new(JOURNAL_NEW, 0o600, text.as_bytes())
}

/// Puts the journal in its place: from the next flush of `state` on, the change will happen.
pub(super) fn publish_journal(state: &Dir) -> Result<(), DiskError> {
    state.rename(JOURNAL_NEW, state, JOURNAL)
}

/// Reads the journal.
pub(super) fn read_journal(state: &Dir, limit: u64) -> Result<Option<Vec<u8>>, DiskError> {
    state.read(JOURNAL, limit)
}

/// Removes the journal.
pub(super) fn remove_journal(state: &Dir) -> Result<(), DiskError> {
    state.unlink(JOURNAL).map(drop)
}

/// Returns where the journal is, for messages.
pub(super) fn journal_path(state: &Dir) -> PathBuf {
    state.path().join(JOURNAL)
}

/// Says whether there is a journal, or anything of its name.
pub(super) fn has_journal(state: &Dir) -> Result<bool, DiskError> {
    Ok(state.kind_of(JOURNAL)?.is_some())
}

/// Says whether an earlier transaction has left a stage or an unpublished journal.
pub(super) fn has_leftovers(state: &Dir) -> Result<bool, DiskError> {
    Ok(state.kind_of(STAGE)?.is_some() || state.kind_of(JOURNAL_NEW)?.is_some())
}

/// Removes what an earlier transaction, that came to nothing, has left.
pub(super) fn sweep(state: &Dir) -> Result<(), DiskError> {
    // A journal that was removed, yet not for good, must not come back to an empty stage.
    if state.kind_of(STAGE)?.is_some() {
        state.sync()?;
    }
    discard(state)
}

/// Removes the stage and an unpublished journal. The journal must be gone from the disk.
pub(super) fn discard(state: &Dir) -> Result<(), DiskError> {
    if state.kind_of(JOURNAL_NEW)?.is_some() {
        state.unlink(JOURNAL_NEW)?;
    }
    if let Some(dir) = state.sub(STAGE)? {
        for entry in dir.entries()? {
            dir.unlink(&entry.name)?;
        }
        state.rmdir(STAGE)?;
    }
    Ok(())
}

fn old(number: u32) -> String {
    format!("old-{number}")
}
