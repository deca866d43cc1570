//! The files of one row of a plan: a value that was given or made is sealed as it is, one that stays is
//! opened and sealed again as far as it takes. What comes and what goes is handed back; nothing is
//! written here.

use std::sync::Arc;

use crate::apply::carry_out::{ApplyError, Job, Marks};
use crate::domain::{Addressee, Readers, SecretName, SecretValue};
use crate::manifest::{self, Generator};
use crate::people::Opener;
use crate::people::change::Made;
use crate::plan::{Extent, FolderChange, Row, Step, Supply};
use crate::sealed::{
    Content, Facts, FolderKey, MAX_FILE, Others, SealedError, Trail, reseal, seal,
};
use crate::vault::{Vault, sealed_file};

/// Makes files, for a job whose readers are changed already.
pub(super) struct Writer<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) vault: &'a Vault,
    pub(super) made: &'a Made,
}

impl Writer<'_> {
    /// Makes the files of one row.
    pub(super) fn write(&self, row: &Row, opener: &mut Opener<'_>) -> Result<Marks, ApplyError> {
        let name = &row.name;
        match &row.step {
            Step::Adopt => Ok(Marks::default()),
            Step::Create(supply) | Step::Rotate(supply) => self.supplied(name, supply),
            Step::Update => self.supplied(name, &Supply::Given),
            Step::Remove => Ok(Marks {
                gone: vec![(name.clone(), self.there(name))],
                ..Marks::default()
            }),
            Step::Move { from } => {
                let mut marks = self.again(name, from, Extent::Whole, opener)?;
                marks.gone.push((from.clone(), self.there(from)));
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
        let file = seal(
            value,
            name,
            &facts,
            &key,
            readers.addressees(),
            self.job.keys.plugins(),
        );
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
                let before = self.change_of(name).map(|change| &change.before);
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
            Some(folder) => folder.read(sealed_file(name), MAX_FILE as u64),
            None => Ok(None),
        });
        let file = file.map_err(|error| ApplyError::Transaction(error.into()))?;
        file.ok_or_else(|| ApplyError::Vanished(name.clone()))
    }

    fn change_of(&self, name: &SecretName) -> Option<&FolderChange> {
        let plan = self.job.approved.plan();
        plan.change_of(self.job.actual, &name.folder())
    }

    /// Under what a name is sealed once the plan is carried out.
    fn head(&self, name: &SecretName) -> Result<(Arc<FolderKey>, Readers), ApplyError> {
        if let Some(change) = self.change_of(name) {
            let made = self.made.heads.get(&change.folder);
            let (key, readers) = made.expect("every change makes a head");
            return Ok((key.clone(), readers.clone()));
        }
        let head = self.job.keys.head(self.vault, &name.folder());
        let head = head.map_err(|source| ApplyError::Keys {
            name: name.clone(),
            source,
        })?;
        Ok((head.key, head.readers))
    }

    /// The revision that a file says it has.
    fn there(&self, name: &SecretName) -> Option<u64> {
        let claim = self.job.actual.files.get(name)?;
        Some(claim.facts.as_ref().ok()?.0.revision)
    }

    /// Higher than the file's, than any that this user has seen, and than the clock.
    fn revision(&self, name: &SecretName, source: Option<u64>) -> u64 {
        let seen = self.job.seen.and_then(|seen| seen.floor(name));
        let last = self.there(name).max(seen).max(source);
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
