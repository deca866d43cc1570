//! Finishing what another process recorded and did not live to carry out. A journal is followed only
//! if our key made it and every place it names can be brought to its new state; otherwise nothing is
//! touched. Readers come through here too, and create nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::disk::{Dir, DiskError};
use crate::vault::transaction::carry::{Pass, forward, nearest};
use crate::vault::transaction::journal::{self, JournalKey, MAX_JOURNAL, Operation};
use crate::vault::transaction::lock::{Lock, STATE, SharedLock, forbidden};
use crate::vault::transaction::stage::{self, MAX_FILE, Stage};
use crate::vault::transaction::{PATIENCE, TransactionError};

/// What an earlier process had left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// A change was recorded and not finished; now it is.
    Finished,
    /// A journal that our key did not make; it was not followed.
    Foreign {
        /// Where it is.
        path: PathBuf,
    },
    /// Nothing that matters.
    Nothing,
    /// This user may not look.
    OutOfReach {
        /// Where.
        path: PathBuf,
    },
}

/// A home that can be read.
#[derive(Debug)]
pub struct Settled {
    /// Keeps writers out while it is held; `None` where nobody has ever written.
    pub lock: Option<SharedLock>,
    /// What an earlier process had left.
    pub recovered: Recovered,
}

/// Makes a home ready for reading: waits for a writer, finishes what one has recorded, and keeps
/// others out. Creates nothing. The key is asked for only if there is a journal.
pub fn settle<E: From<TransactionError>>(
    home: &Dir,
    key: impl FnMut() -> Result<Option<JournalKey>, E>,
) -> Result<Settled, E> {
    settle_within(home, key, PATIENCE)
}

pub(super) fn settle_within<E: From<TransactionError>>(
    home: &Dir,
    mut key: impl FnMut() -> Result<Option<JournalKey>, E>,
    patience: Duration,
) -> Result<Settled, E> {
    let until = Instant::now() + patience;
    let mut recovered = Recovered::Nothing;
    let mut tidied = false;
    loop {
        let (lock, state) = match look(home, until) {
            Ok(Some(found)) => found,
            Ok(None) => {
                return Ok(Settled {
                    lock: None,
                    recovered,
                });
            }
            Err(error) if forbidden(&error) => {
                let path = home.path().join(STATE);
                return Ok(Settled {
                    lock: None,
                    recovered: Recovered::OutOfReach { path },
                });
            }
            Err(error) => return Err(error.into()),
        };
        if !stage::has_journal(&state).map_err(TransactionError::from)? {
            if tidied || !stage::has_leftovers(&state).unwrap_or(false) {
                return Ok(Settled { lock, recovered });
            }
            tidied = true;
            drop(lock);
            tidy(home);
            continue;
        }
        let key = key()?;
        let ours = match &key {
            Some(key) if state.is_ours().map_err(TransactionError::from)? => {
                match find(&state, key)? {
                    Found::Foreign => None,
                    Found::Nothing | Found::Ours(_) => Some(key),
                }
            }
            _ => None,
        };
        let Some(key) = ours else {
            let path = stage::journal_path(&state);
            return Ok(Settled {
                lock,
                recovered: Recovered::Foreign { path },
            });
        };
        // A reader's lock would keep out the writer's that is needed now.
        drop(lock);
        let lock = Lock::take(home, until)?;
        let outcome = recover(home, &lock.state, key);
        lock.release(home);
        if outcome? == Recovered::Finished {
            recovered = Recovered::Finished;
        }
    }
}

/// Sweeps what a killed writer has left, if that can be done at once. It is in nobody's way.
fn tidy(home: &Dir) {
    let Ok(lock) = Lock::take(home, Instant::now()) else {
        return;
    };
    if let Ok(false) = stage::has_journal(&lock.state) {
        let _ = stage::sweep(&lock.state);
    }
    lock.release(home);
}

/// Opens `.state` and shares its lock; `None` if there is no `.state`.
fn look(home: &Dir, until: Instant) -> Result<Option<(Option<SharedLock>, Dir)>, TransactionError> {
    let Some(state) = home.sub(STATE)? else {
        return Ok(None);
    };
    Ok(Some((SharedLock::take(&state, until)?, state)))
}

/// Under the writer's lock: finishes what is recorded, and sweeps what is not.
pub(super) fn recover(
    home: &Dir,
    state: &Dir,
    key: &JournalKey,
) -> Result<Recovered, TransactionError> {
    match find(state, key)? {
        Found::Foreign => Err(TransactionError::ForeignJournal {
            path: stage::journal_path(state),
        }),
        Found::Nothing => {
            stage::sweep(state)?;
            Ok(Recovered::Nothing)
        }
        Found::Ours(operations) => {
            finish(home, state, &operations)?;
            Ok(Recovered::Finished)
        }
    }
}

enum Found {
    Foreign,
    Nothing,
    Ours(Vec<Operation>),
}

fn find(state: &Dir, key: &JournalKey) -> Result<Found, TransactionError> {
    let bytes = match stage::read_journal(state, MAX_JOURNAL) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(Found::Nothing),
        Err(DiskError::NotRegular { .. } | DiskError::TooLarge { .. }) => {
            return Ok(Found::Foreign);
        }
        Err(error) => return Err(error.into()),
    };
    Ok(journal::parse(&bytes, key).map_or(Found::Foreign, Found::Ours))
}

fn finish(home: &Dir, state: &Dir, operations: &[Operation]) -> Result<(), TransactionError> {
    let unrecovered = |source| TransactionError::Unrecovered { source };
    let stage = Stage::open(state).map_err(unrecovered)?;
    for operation in operations {
        if !can_finish(home, stage.as_ref(), operation).map_err(unrecovered)? {
            let target = operation.target().clone();
            let journal = stage::journal_path(state);
            return Err(TransactionError::Unfinishable { target, journal });
        }
    }
    let all: Vec<&Operation> = operations.iter().collect();
    forward(home, stage.as_ref(), &all, Pass::Again, &mut Vec::new())
        .and_then(|()| stage::remove_journal(state))
        .and_then(|()| state.sync())
        .and_then(|()| stage::discard(state))
        .map_err(unrecovered)
}

/// Says whether a place is in its new state, or what brings it there is in the stage.
fn can_finish(home: &Dir, stage: Option<&Stage>, operation: &Operation) -> Result<bool, DiskError> {
    let Operation::Put {
        target,
        stage: number,
        digest,
    } = operation
    else {
        return Ok(true);
    };
    if let Some(staged) = stage
        .map(|stage| stage.digest(*number))
        .transpose()?
        .flatten()
    {
        return Ok(staged == *digest);
    }
    let (folder, true) = nearest(home, &target.folder())? else {
        return Ok(false);
    };
    let found = folder.read(target.file(), MAX_FILE)?;
    Ok(found.is_some_and(|bytes| journal::digest(&bytes) == *digest))
}
