//! The lock on a home: one writer, or any number of readers. It lies in `.state/lock` and is never
//! removed, except with a `.state` that was made for a transaction which then came to nothing. The
//! kernel lets go of it when its holder dies.

use std::io::ErrorKind;
use std::time::Instant;

use crate::disk::{Dir, DiskError, LockFile};
use crate::vault::transaction::TransactionError;

/// The folder below the home that holds what is nobody's secret and nobody's history.
pub(super) const STATE: &str = ".state";

const LOCK: &str = "lock";

/// The right to write, and the open `.state`.
pub(super) struct Lock {
    pub(super) state: Dir,
    /// Whether `.state` was made for this and nothing has come of it yet.
    pub(super) fresh: bool,
    file: LockFile,
}

/// The right to read a vault that nobody is changing meanwhile; let go of when dropped.
#[derive(Debug)]
pub struct SharedLock {
    _file: LockFile,
}

impl Lock {
    /// Makes `.state` if it is missing, and waits until nobody else holds the lock.
    pub(super) fn take(home: &Dir, until: Instant) -> Result<Self, TransactionError> {
        loop {
            let (state, fresh) = home.sub_or_make(STATE, 0o700)?;
            match Self::take_in(&state, until) {
                Ok(Some(file)) => return Ok(Self { state, fresh, file }),
                Ok(None) => {}
                Err(error) => {
                    if fresh {
                        let _ = state.unlink(LOCK);
                        let _ = home.rmdir(STATE);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Locks the file in this very folder; `None` if either was removed meanwhile.
    fn take_in(state: &Dir, until: Instant) -> Result<Option<LockFile>, TransactionError> {
        if !state.is_ours()? {
            return Err(TransactionError::StateNotOurs {
                path: state.path().to_owned(),
            });
        }
        let Some(file) = LockFile::open_or_make(state, LOCK)? else {
            return Ok(None);
        };
        if !file.exclusive(until)? {
            return Err(TransactionError::Busy { pid: file.holder() });
        }
        if !file.is_at(state, LOCK)? {
            return Ok(None);
        }
        file.name_holder()?;
        Ok(Some(file))
    }

    /// Lets go of the lock; takes a `.state` that nothing has come of along.
    pub(super) fn release(&self, home: &Dir) {
        // Whoever waits for a removed lock file looks again for its name, and makes a new one.
        if self.fresh {
            let _ = self.state.unlink(LOCK);
            let _ = home.rmdir(STATE);
        } else {
            let _ = self.file.forget_holder();
        }
    }
}

impl SharedLock {
    /// Waits until nobody is writing; `None` if there is no lock file, for none is made here.
    pub(super) fn take(state: &Dir, until: Instant) -> Result<Option<Self>, TransactionError> {
        loop {
            let Some(file) = LockFile::open(state, LOCK)? else {
                return Ok(None);
            };
            if !file.shared(until)? {
                return Err(TransactionError::Busy { pid: file.holder() });
            }
            if file.is_at(state, LOCK)? {
                return Ok(Some(Self { _file: file }));
            }
        }
    }
}

/// Says whether the system forbids this user to look.
pub(super) fn forbidden(error: &TransactionError) -> bool {
    let TransactionError::Disk(error) = error else {
        return false;
    };
    DiskError::is(error, ErrorKind::PermissionDenied)
}
