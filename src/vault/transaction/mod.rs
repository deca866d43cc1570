//! The only door for writing to the home. What is put and removed takes effect whole or not at all:
//! being killed, a full disk and a power cut leave the old state or the new one, and whatever runs
//! next finishes or sweeps the rest. No secret is seen here: what is written is sealed or public.
//!
//! New content is staged and flushed; then the journal is written, flushed and renamed into place,
//! and from the flush after that on the change will happen; then it is carried out. After an error
//! past that point it is taken back, so an error means the old state, except for
//! [`TransactionError::Recorded`].

mod carry;
mod journal;
mod lock;
mod recover;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::disk::{Dir, DiskError};
use crate::vault::layout::Target;
use crate::vault::transaction::carry::{Change, Pass};
use crate::vault::transaction::journal::{MAX_JOURNAL, MAX_OPERATIONS, Operation};
use crate::vault::transaction::lock::Lock;
use crate::vault::transaction::stage::{MAX_FILE, Stage};

pub use journal::JournalKey;
pub use lock::SharedLock;
pub use recover::{Recovered, Settled, settle};

/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a change was not made. Unless it says otherwise, everything is as it was.
#[derive(Debug, Error)]
pub enum TransactionError {
    /// Another process holds the lock.
    #[error("another process is working in this home")]
    Busy {
        /// The process, if it has named itself.
        pid: Option<u32>,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is a journal that our key did not make.
    #[error("`{path}` was not written by this user's hoziron")]
    ForeignJournal {
        /// Where it is.
        path: PathBuf,
    },
    /// A target that does not read back as itself.
    #[error("`{target}` is not a place in the home that may be written")]
    NoSuchPlace {
        /// The target.
        target: Target,
    },
    /// What was written reads back differently.
    #[error("`{path}` does not read back as it was written")]
    ReadBack {
        /// Which staged file.
        path: PathBuf,
    },
    /// The change is recorded, but neither carried out nor taken back.
    #[error("the change is recorded but not finished; the next command finishes it")]
    Recorded {
        /// What went wrong first.
        source: DiskError,
    },
    /// Somebody else owns `.state`.
    #[error("`{path}` belongs to another user")]
    StateNotOurs {
        /// Where it is.
        path: PathBuf,
    },
    /// More than one transaction may hold.
    #[error("the change is too large for one transaction")]
    TooLarge,
    /// An interrupted change cannot be finished: a place has neither its new content nor a staged
    /// one. Nothing was touched.
    #[error("an interrupted change cannot be finished: the new content of `{target}` is missing")]
    Unfinishable {
        /// Which place.
        target: Target,
        /// The journal that records the change.
        journal: PathBuf,
    },
    /// An interrupted change could not be finished now; it is still recorded.
    #[error("an interrupted change could not be finished")]
    Unrecovered {
        /// What went wrong.
        source: DiskError,
    },
}

/// A set of changes that takes effect whole or not at all.
///
/// Dropped without [`Transaction::commit`], nothing has happened.
pub struct Transaction {
    home: Dir,
    lock: Lock,
    key: JournalKey,
    stage: Option<Stage>,
    // Sorted by folder, then file: operations on one folder are neighbours.
    operations: BTreeMap<(String, String), (u32, Operation)>,
    next: u32,
    leave: Leave,
}

/// What is left behind in `.state`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// The stage, for whoever comes next.
    Stage,
    /// Nothing but the lock.
    Swept,
}

impl Transaction {
    /// Waits for the lock, finishes or sweeps what an earlier process has left, and starts.
    pub fn begin(home: &Dir, key: &JournalKey) -> Result<(Self, Recovered), TransactionError> {
        Self::begin_within(home, key, PATIENCE)
    }

    fn begin_within(
        home: &Dir,
        key: &JournalKey,
        patience: Duration,
    ) -> Result<(Self, Recovered), TransactionError> {
        let home = home.try_clone()?;
        let lock = Lock::take(&home, Instant::now() + patience)?;
        let recovered = recover::recover(&home, &lock.state, key).inspect_err(|_| {
            lock.release(&home);
        })?;
        let transaction = Self {
            home,
            lock,
            key: key.duplicate(),
            stage: None,
            operations: BTreeMap::new(),
            next: 0,
            leave: Leave::Swept,
        };
        Ok((transaction, recovered))
    }

    /// Stages new content for a place; it replaces what was staged for it before.
    pub fn put(&mut self, target: Target, bytes: Vec<u8>) -> Result<(), TransactionError> {
        if bytes.len() as u64 > MAX_FILE {
            return Err(TransactionError::TooLarge);
        }
        let number = self.next;
        let digest = self.stage()?.write(number, &bytes)?;
        self.add(Operation::Put {
            target,
            stage: number,
            digest,
        })
    }

    /// Stages the removal of a file; a file that is not there is no error.
    pub fn remove(&mut self, target: Target) -> Result<(), TransactionError> {
        self.add(Operation::Remove { target })
    }

    fn add(&mut self, operation: Operation) -> Result<(), TransactionError> {
        let target = operation.target();
        if Target::parse(&target.path()).as_ref() != Some(target) {
            return Err(TransactionError::NoSuchPlace {
                target: target.clone(),
            });
        }
        if self.operations.len() == MAX_OPERATIONS {
            return Err(TransactionError::TooLarge);
        }
        let place = (target.folder(), target.file());
        self.operations.insert(place, (self.next, operation));
        self.next += 1;
        Ok(())
    }

    /// Makes all of it happen; on the disk when this returns. With nothing staged, touches nothing.
    pub fn commit(mut self) -> Result<(), TransactionError> {
        let changes = self.keep_old()?;
        if changes.is_empty() {
            return Ok(());
        }
        self.write_journal(&changes)?;
        if let Err(error) = stage::publish_journal(&self.lock.state) {
            // A network file system may have done what it calls failed.
            let published = stage::has_journal(&self.lock.state).unwrap_or(true);
            return Err(if published {
                self.take_back(error, &changes, &[])
            } else {
                error.into()
            });
        }
        let mut made = Vec::new();
        if let Err(error) = self.carry_out(&changes, &mut made) {
            return Err(self.take_back(error, &changes, &made));
        }
        self.close()
    }

    /// Gives what will be replaced or removed a second name. Leaves out what is not there to remove.
    fn keep_old(&mut self) -> Result<Vec<Change>, TransactionError> {
        let operations = std::mem::take(&mut self.operations);
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        self.stage()?;
        let stage = self.stage.as_ref().expect("it was made on the line before");
        let mut changes = Vec::with_capacity(operations.len());
        let mut open: Option<(String, Dir, bool)> = None;
        for ((folder, file), (number, operation)) in operations {
            let (_, dir, whole) = match open.take_if(|(path, ..)| *path == folder) {
                Some(same) => open.insert(same),
                None => {
                    let (dir, whole) = carry::nearest(&self.home, &folder)?;
                    open.insert((folder, dir, whole))
                }
            };
            let replaces = *whole && stage.keep(number, dir, &file)?;
            if replaces || matches!(operation, Operation::Put { .. }) {
                changes.push(Change {
                    operation,
                    number,
                    replaces,
                });
            }
        }
        stage.sync_content(self.next)?;
        stage.sync()?;
        Ok(changes)
    }

    fn write_journal(&self, changes: &[Change]) -> Result<(), TransactionError> {
        let text = journal::render(changes.iter().map(|change| &change.operation), &self.key);
        if text.len() as u64 > MAX_JOURNAL {
            return Err(TransactionError::TooLarge);
        }
        Ok(stage::write_journal(&self.lock.state, &text)?)
    }

    /// The commit point, and all that follows from it.
    fn carry_out(&self, changes: &[Change], made: &mut Vec<String>) -> Result<(), DiskError> {
        self.lock.state.sync()?;
        let operations: Vec<&Operation> = changes.iter().map(|change| &change.operation).collect();
        carry::forward(
            &self.home,
            self.stage.as_ref(),
            &operations,
            Pass::First,
            made,
        )
    }

    /// Returns to the old state after an error past the commit point.
    fn take_back(
        &mut self,
        error: DiskError,
        changes: &[Change],
        made: &[String],
    ) -> TransactionError {
        let stage = self
            .stage
            .as_ref()
            .expect("changes are made from the stage");
        let undone = carry::backward(&self.home, stage, changes, made)
            .and_then(|()| stage::remove_journal(&self.lock.state));
        if undone.is_err() {
            self.leave = Leave::Stage;
            self.lock.fresh = false;
            return TransactionError::Recorded { source: error };
        }
        // If the journal comes back after a power cut, it must find its stage.
        if self.lock.state.sync().is_err() {
            self.leave = Leave::Stage;
            self.lock.fresh = false;
        }
        error.into()
    }

    /// Removes the journal of a change that is in place and flushed.
    fn close(&mut self) -> Result<(), TransactionError> {
        self.lock.fresh = false;
        stage::remove_journal(&self.lock.state).map_err(|source| {
            self.leave = Leave::Stage;
            TransactionError::Recorded { source }
        })?;
        // The change is through whatever comes of these: a journal that outlives a power cut finds
        // every place in its new state, and the next transaction sweeps.
        let _ = self.lock.state.sync();
        Ok(())
    }

    fn stage(&mut self) -> Result<&Stage, DiskError> {
        if self.stage.is_none() {
            self.stage = Some(Stage::make(&self.lock.state)?);
        }
        Ok(self.stage.as_ref().expect("it is there or was made"))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.leave == Leave::Swept {
            // What cannot be removed now is swept by the next transaction.
            let _ = stage::discard(&self.lock.state);
        }
        self.lock.release(&self.home);
    }
}
