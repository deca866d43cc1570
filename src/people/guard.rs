//! What this user has seen, against what is opened: a revision only rises, and an accepted key stays.
//! What is lower or missing is a trigger, no more; a judge from outside decides, and is asked only
//! then. Nothing is remembered here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{FolderName, SecretName};
use crate::people::keys_error::KeysError;
use crate::people::opener::OpenError;
use crate::vault::heads::KnownHead;
use crate::vault::trust::Seen;
use crate::vault::{KeyFile, Target};

/// Decides about what is older than what this user has seen.
pub trait Judge: Send + Sync {
    /// Says how a file was rolled back whose revision is lower than one that was seen; `None`: it
    /// was not.
    fn lowered(&self, name: &SecretName, file: &[u8], revision: u64, mark: u64) -> Option<Setback>;

    /// Says how what was there before, at a place below the home, was taken away; `None`: it is one of
    /// another branch.
    fn removed(&self, place: &str) -> Option<Setback>;
}

/// How it came about that something is older than what was seen of it, or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setback {
    /// The branch had it in a commit that is not part of it any more.
    Rewritten {
        /// The commit.
        commit: String,
    },
    /// A commit of the branch took it back, or nothing explains it; as a clause.
    Told(String),
}

impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rewritten { commit } => write!(
                f,
                "history rewritten: commit {commit}, which has it, is not part of this branch any more"
            ),
            Self::Told(how) => f.write_str(how),
        }
    }
}

/// What was seen, and who decides about what is older.
pub(super) struct Guard {
    seen: Arc<Seen>,
    judge: Box<dyn Judge>,
    // What was said about keys that are missing.
    missing: Mutex<BTreeMap<FolderName, Option<Setback>>>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    pub(super) fn new(seen: Arc<Seen>, judge: Box<dyn Judge>) -> Self {
        Self {
            seen,
            judge,
            missing: Mutex::default(),
        }
    }

    /// Compares a file that was opened with what was seen of its name.
    pub(super) fn compare(
        &self,
        name: &SecretName,
        file: &[u8],
        revision: u64,
    ) -> Result<(), OpenError> {
        let mark = self.seen.revision(name).filter(|mark| *mark > revision);
        let how = mark.and_then(|mark| {
            let how = self.judge.lowered(name, file, revision, mark)?;
            Some((mark, how))
        });
        match how {
            Some((mark, how)) => Err(OpenError::RolledBack {
                revision,
                mark,
                how,
            }),
            None => Ok(()),
        }
    }

    /// Decides about a secret that was seen and is not here.
    pub(super) fn gone(&self, name: &SecretName) -> Option<Setback> {
        self.judge.removed(&Target::Sealed(name.clone()).path())
    }

    /// Decides about an accepted key that is not here.
    pub(super) fn missing(&self, folder: &FolderName, known: &KnownHead) -> Result<(), KeysError> {
        let place = format!("{}/{}", known.dir().place(folder), KeyFile::Epoch);
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let how = missing
            .entry(folder.clone())
            .or_insert_with(|| self.judge.removed(&place));
        match how {
            Some(how) => Err(KeysError::Removed {
                place,
                how: how.clone(),
            }),
            None => Ok(()),
        }
    }
}
