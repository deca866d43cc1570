//! The 32 random bytes under which this user's journals are authenticated. They are made on first
//! use, kept in the state folder and never in a home. Two processes that make them at once end up
//! with the same ones.

use std::path::{Path, PathBuf};

use rand_core::{OsRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::home::private::{Overwrite, PrivateError, read_private, write_private};

const NAME: &str = "journal.key";
const LENGTH: usize = 32;

/// Why there is no journal key.
#[derive(Debug, Error)]
pub enum JournalKeyError {
    /// The file could not be read or made.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// The file is not 32 bytes.
    #[error("`{path}` is not a journal key")]
    Malformed {
        /// Where.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

/// Reads the journal key; `None` if none was ever made.
pub fn load_journal_key(state: &Path) -> Result<Option<Zeroizing<[u8; LENGTH]>>, JournalKeyError> {
    let path = state.join(NAME);
    let Some(found) = read_private(&path, LENGTH as u64)? else {
        return Ok(None);
    };
    let mut key = Zeroizing::new([0; LENGTH]);
    if found.len() != LENGTH {
        return Err(JournalKeyError::Malformed { path });
    }
    key.copy_from_slice(found.reveal());
    Ok(Some(key))
}

/// Reads the journal key, and makes it if there is none.
pub fn load_or_make_journal_key(state: &Path) -> Result<Zeroizing<[u8; LENGTH]>, JournalKeyError> {
    if let Some(key) = load_journal_key(state)? {
        return Ok(key);
    }
    let path = state.join(NAME);
    let mut key = Zeroizing::new([0; LENGTH]);
    OsRng
        .try_fill_bytes(&mut *key)
        .map_err(|_| JournalKeyError::NoRandomness)?;
    // Whoever was first, what is on the disk now is the key.
    let _ = write_private(&path, &*key, Overwrite::Refuse)?;
    load_journal_key(state)?.ok_or(JournalKeyError::Malformed { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once() {
        let place = tempfile::tempdir().unwrap();
        let state = place.path().join("state");
        assert!(load_journal_key(&state).unwrap().is_none());
        let made = load_or_make_journal_key(&state).unwrap();
        assert_ne!(*made, [0; LENGTH]);
        assert_eq!(load_or_make_journal_key(&state).unwrap(), made);
        assert_eq!(load_journal_key(&state).unwrap(), Some(made));
    }

    #[test]
    fn a_short_key_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let _ = write_private(&place.path().join(NAME), b"short", Overwrite::Refuse).unwrap();
        assert!(matches!(
            load_or_make_journal_key(place.path()),
            Err(JournalKeyError::Malformed { .. })
        ));
    }
}
