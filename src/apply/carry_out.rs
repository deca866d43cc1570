//! Carrying an approved plan out. What it was made from is compared with what is there, under the lock;
//! keys are made, files are sealed in batches on several threads and staged; then all of it happens,
//! or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::domain::{Addressee, FolderName, Readers, SecretName, SecretValue, in_parallel};
use crate::manifest::{self, Generator, Manifest, ShapeError};
use crate::people::change::{Change, ChangeError, Made, make};
use crate::people::{FolderKeys, KeysError, OpenError, Opener, Stale};
use crate::plan::{Actual, ApprovedPlan, Extent, Plan, Row, Step, Supply};
use crate::sealed::{
    Content, Facts, FolderKey, MAX_FILE, Others, SealedError, Trail, reseal, seal,
};
use crate::vault::heads::KnownHead;
use crate::vault::transaction::TransactionError;
use crate::vault::trust::Seen;
use crate::vault::{LockedVault, Target, Vault};

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
    /// The new text of the manifest, if it changes.
    pub edited: Option<String>,
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
    /// Gone by the user's own doing.
    pub gone: Vec<SecretName>,
}

/// Makes an approved plan happen.
pub fn carry_out(job: &Job<'_>, mut locked: LockedVault<'_>) -> Result<Done, ApplyError> {
    let plan = job.approved.plan();
    let changes = plan.basis.changes_to(&Plan::basis_of(job.actual));
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
    if let Some(text) = &job.edited {
        locked.put(Target::Manifest, text.clone().into_bytes())?;
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
            for name in written.gone {
                locked.remove(Target::Sealed(name.clone()))?;
                done.marks.gone.push(name);
            }
        }
        sealed += batch.len();
        (job.progress)(sealed, rows.len());
    }
    locked.commit()?;
    done.heads = made.known;
    Ok(done)
}

struct Writer<'a> {
    job: &'a Job<'a>,
    vault: &'a Vault,
    made: &'a Made,
}

impl Writer<'_> {
    /// Makes the files of one row.
    fn write(&self, row: &Row, opener: &mut Opener<'_>) -> Result<Marks, ApplyError> {
        let name = &row.name;
        match &row.step {
            Step::Adopt => Ok(Marks::default()),
            Step::Create(supply) | Step::Rotate(supply) => self.supplied(name, supply),
            Step::Update => self.supplied(name, &Supply::Given),
            Step::Remove => Ok(Marks {
                gone: vec![name.clone()],
                ..Marks::default()
            }),
            Step::Move { from } => {
                let mut marks = self.again(name, from, Extent::Whole, opener)?;
                marks.gone.push(from.clone());
                Ok(marks)
            }
            Step::Reseal(extent) => self.again(name, name, *extent, opener),
        }
    }

    fn supplied(&self, name: &SecretName, supply: &Supply) -> Result<Marks, ApplyError> {
        match supply {
            Supply::Given => {
                let value = self.job.values.get(name);
                let value = value.ok_or_else(|| ApplyError::Value(name.clone()))?;
                Ok(Marks {
                    sealed: vec![self.fresh(name, value)?],
                    ..Marks::default()
                })
            }
            Supply::Generated(generator) => {
                let made = self.make(name, generator)?;
                let mut sealed = vec![self.fresh(name, &made.value)?];
                if let (Some(value), Some(name)) = (&made.companion, generator.companion(name)) {
                    sealed.push(self.fresh(&name, value)?);
                }
                Ok(Marks {
                    sealed,
                    ..Marks::default()
                })
            }
        }
    }

    fn make(&self, name: &SecretName, generator: &Generator) -> Result<manifest::Made, ApplyError> {
        let declaration = self.job.manifest.declarations.get(name);
        let shape = declaration.map(|declaration| &declaration.shape);
        let made = shape.map_or_else(
            || Ok(generator.make()),
            |shape| generator.make_fitting(shape),
        );
        made.map_err(|source| ApplyError::Misfit {
            name: name.clone(),
            source,
        })
    }

    /// Seals a new value.
    fn fresh(
        &self,
        name: &SecretName,
        value: &SecretValue,
    ) -> Result<(SecretName, u64, Vec<u8>), ApplyError> {
        let (key, readers) = self.head(name)?;
        let facts = Facts {
            trail: Trail::start(key.id()),
            revision: self.revision(name, None),
            value_time: self.job.now,
            content: Content::Value,
        };
        let to = readers.addressees();
        let file = seal(value, name, &facts, &key, to, self.job.keys.plugins());
        let file = file.map_err(|source| at(name, source))?;
        Ok((name.clone(), facts.revision, file))
    }

    /// Seals the same value again.
    fn again(
        &self,
        name: &SecretName,
        from: &SecretName,
        extent: Extent,
        opener: &mut Opener<'_>,
    ) -> Result<Marks, ApplyError> {
        let (key, readers) = self.head(name)?;
        let opened = opener.open(from).map_err(|source| ApplyError::Open {
            name: from.clone(),
            source,
        })?;
        let (value, facts) = opened.ok_or_else(|| ApplyError::Vanished(from.clone()))?;
        let facts = Facts {
            trail: facts.trail.clone().under(key.id()),
            revision: self.revision(name, Some(facts.revision)),
            ..facts
        };
        let plugins = self.job.keys.plugins();
        let all = readers.addressees();
        let file = match extent {
            Extent::Whole => seal(value.get(), name, &facts, &key, all, plugins),
            Extent::Adds => {
                let change = self.change(name);
                let before = change.map(|change| &change.before);
                let had: Vec<_> = before.into_iter().flat_map(Readers::addressees).collect();
                let had_by = |one: &Addressee<'_>| {
                    let mut had = had.iter();
                    had.any(|known| known.recipient == one.recipient)
                };
                let new = all.filter(|one| !had_by(one));
                let there = self.read(name)?;
                reseal(&there, name, &facts, &key, Others::Kept(&had), new, plugins)
            }
            Extent::Rewraps => {
                let there = self.read(name)?;
                reseal(&there, name, &facts, &key, Others::Replaced, all, plugins)
            }
        };
        let file = file.map_err(|source| at(name, source))?;
        Ok(Marks {
            sealed: vec![(name.clone(), facts.revision, file)],
            ..Marks::default()
        })
    }

    fn read(&self, name: &SecretName) -> Result<Vec<u8>, ApplyError> {
        let folder = self.vault.folder(&name.folder());
        let file = folder.and_then(|folder| match folder {
            Some(folder) => folder.read(Target::Sealed(name.clone()).file(), MAX_FILE as u64),
            None => Ok(None),
        });
        let file = file.map_err(|error| ApplyError::Transaction(error.into()))?;
        file.ok_or_else(|| ApplyError::Vanished(name.clone()))
    }

    fn change(&self, name: &SecretName) -> Option<&crate::plan::FolderChange> {
        let mut upwards = name.folder().ancestry().into_iter().rev();
        let folders = &self.job.approved.plan().folders;
        upwards.find_map(|part| folders.iter().find(|change| change.folder == part))
    }

    /// Under what a name is sealed once the plan is carried out.
    fn head(&self, name: &SecretName) -> Result<(Arc<FolderKey>, Readers), ApplyError> {
        let folder = name.folder();
        for part in folder.ancestry().iter().rev() {
            if let Some((key, readers)) = self.made.heads.get(part) {
                return Ok((key.clone(), readers.clone()));
            }
            if self.job.actual.folders.contains_key(part) {
                break;
            }
        }
        let head = self.job.keys.head(self.vault, &folder);
        let head = head.map_err(|source| ApplyError::Keys {
            name: name.clone(),
            source,
        })?;
        Ok((head.key, head.readers))
    }

    /// Higher than the file's, than any that this user has seen, and than the clock.
    fn revision(&self, name: &SecretName, source: Option<u64>) -> u64 {
        let claim = self.job.actual.files.get(name);
        let there = claim.and_then(|claim| Some(claim.facts.as_ref().ok()?.0.revision));
        let seen = self.job.seen.and_then(|seen| seen.revision(name));
        let last = there.max(seen).max(source);
        last.map_or(self.job.now, |last| {
            last.saturating_add(1).max(self.job.now)
        })
    }
}

fn at(name: &SecretName, source: SealedError) -> ApplyError {
    ApplyError::Seal {
        name: name.clone(),
        source,
    }
}
