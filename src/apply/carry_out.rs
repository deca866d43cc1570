//! Carrying an approved plan out. What it was made from is compared with what is there, under the lock;
//! keys are made, files are sealed in batches on several threads and staged; then all of it happens,
//! or nothing.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::apply::writer::Writer;
use crate::domain::{FolderName, SecretName, SecretValue, in_parallel};
use crate::manifest::{Manifest, ShapeError};
use crate::people::change::{Change, ChangeError, make};
use crate::people::{FolderKeys, KeysError, OpenError, Stale};
use crate::plan::{Actual, ApprovedPlan, Basis, Row, Step};
use crate::sealed::SealedError;
use crate::vault::heads::KnownHead;
use crate::vault::transaction::TransactionError;
use crate::vault::trust::Seen;
use crate::vault::{LockedVault, Target};

/// So many files are sealed before they are staged.
const BATCH: usize = 512;

/// Why a plan was not carried out. Nothing has changed, unless the transaction says otherwise.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The readers could not be changed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A folder's key is in question.
    #[error("`{name}`: {source}")]
    Keys {
        /// The secret.
        name: SecretName,
        /// Why.
        source: KeysError,
    },
    /// No value that is made fits the declaration.
    #[error("no value that is made for `{name}` fits its declaration: {source}")]
    Misfit {
        /// The secret.
        name: SecretName,
        /// What does not fit.
        source: ShapeError,
    },
    /// A file that is to be sealed anew does not open.
    #[error("`{name}`: {source}")]
    Open {
        /// The secret.
        name: SecretName,
        /// Why.
        source: OpenError,
    },
    /// A file could not be sealed.
    #[error("`{name}`: {source}")]
    Seal {
        /// The secret.
        name: SecretName,
        /// Why.
        source: SealedError,
    },
    /// What the plan was made from has changed.
    #[error("the plan is stale: {}", .0.join(", "))]
    Stale(Vec<String>),
    /// The change could not be made.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// There is no value for a secret that gets one.
    #[error("there is no value for `{0}`")]
    Value(SecretName),
    /// A file that is to be sealed anew has gone.
    #[error("`{0}` has gone")]
    Vanished(SecretName),
}

/// What it takes to carry a plan out.
pub struct Job<'a> {
    /// What was approved.
    pub approved: &'a ApprovedPlan,
    /// What is there, read under the lock.
    pub actual: &'a Actual,
    /// The keys; those of stale files included, if any of them was accepted.
    pub keys: &'a FolderKeys,
    /// The values that were given.
    pub values: &'a BTreeMap<SecretName, SecretValue>,
    /// What this user has seen.
    pub seen: Option<&'a Seen>,
    /// What should be.
    pub manifest: &'a Manifest,
    /// Unix seconds.
    pub now: u64,
    /// Is told how many files are sealed, and how many there are.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// What was done, for the user's own memory.
#[derive(Default)]
pub struct Done {
    /// The files.
    pub marks: Marks,
    /// The folder keys that are accepted by having been made.
    pub heads: Vec<(FolderName, KnownHead)>,
}

/// What the user's memory of names becomes.
#[derive(Default)]
pub struct Marks {
    /// Sealed: the revision and the file.
    pub sealed: Vec<(SecretName, u64, Vec<u8>)>,
    /// Gone by the user's own doing: at what revision, if the file says so.
    pub gone: Vec<(SecretName, Option<u64>)>,
}

/// Makes an approved plan happen.
pub fn carry_out(job: &Job<'_>, mut locked: LockedVault<'_>) -> Result<Done, ApplyError> {
    let plan = job.approved.plan();
    let changes = plan.basis.changes_to(&Basis::of(job.actual));
    if !changes.is_empty() {
        return Err(ApplyError::Stale(changes));
    }
    let changes: Vec<Change> = plan.folders.iter().map(|folder| folder.change()).collect();
    let made = make(locked.vault(), job.keys, &changes, job.now)?;
    let writer = Writer {
        job,
        vault: locked.vault(),
        made: &made,
    };
    let mut done = Done::default();
    for (target, bytes) in &made.files {
        locked.put(target.clone(), bytes.clone())?;
    }
    for target in &made.gone {
        locked.remove(target.clone())?;
    }
    let rows: Vec<&Row> = plan
        .rows
        .iter()
        .filter(|row| row.step != Step::Adopt)
        .collect();
    let mut sealed = 0;
    for batch in rows.chunks(BATCH) {
        let made = in_parallel(batch, |rows| {
            let mut opener = job.keys.opener_of(writer.vault, Stale::Allow);
            rows.iter()
                .map(|row| writer.write(row, &mut opener))
                .collect()
        });
        for written in made {
            let written = written?;
            for (name, revision, file) in written.sealed {
                locked.put(Target::Sealed(name.clone()), file.clone())?;
                done.marks.sealed.push((name, revision, file));
            }
            for (name, revision) in written.gone {
                locked.remove(Target::Sealed(name.clone()))?;
                done.marks.gone.push((name, revision));
            }
        }
        sealed += batch.len();
        (job.progress)(sealed, rows.len());
    }
    locked.commit()?;
    done.heads = made.known;
    Ok(done)
}
