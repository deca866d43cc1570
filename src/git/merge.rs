//! The three-way merge of one sealed file. Only a value that one side changed, and that nobody who has
//! left can have made, takes the other's place; what both changed is kept from both sides, in one file
//! that is no value. Nothing is asked, read or written here.

use thiserror::Error;

use crate::domain::SecretName;
use crate::git::conflict::{Conflict, ConflictError, Side};
use crate::people::{FolderKeys, Head, KeysError, OpenError, Opened, Stale};
use crate::sealed::{self, Content, Facts, SealedError};
use crate::vault::Vault;

/// Why two files are not merged; both are as they were.
#[derive(Debug, Error)]
pub enum MergeError {
    /// What a merge left is not what it should be.
    #[error(transparent)]
    Conflict(#[from] ConflictError),
    /// The folder's key cannot be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A side does not open.
    #[error("{side} does not open")]
    Open {
        /// Which.
        side: &'static str,
        /// Why.
        source: OpenError,
    },
    /// The result cannot be sealed.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// The value that would be taken may have been made by somebody who has left.
    #[error("the changed value of {side} is stale: somebody who has left may have made it")]
    Stale {
        /// Whose.
        side: &'static str,
    },
}

/// Which bytes are the result.
#[derive(Debug)]
pub enum Merged {
    /// Both sides, sealed in one file, for a person to choose.
    Conflict(Vec<u8>),
    /// Our file, as it is.
    Ours,
    /// A new file.
    Sealed(Vec<u8>),
    /// Their file, as it is.
    Theirs,
}

/// The three files of a merge. The base is empty if there was none.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// What both come from.
    pub base: &'a [u8],
    /// Ours.
    pub ours: &'a [u8],
    /// Theirs.
    pub theirs: &'a [u8],
    /// What git calls ours, and theirs.
    pub labels: [&'a str; 2],
}

impl Sides<'_> {
    /// Decides what the bytes alone decide; needs no key.
    pub fn by_bytes(&self) -> Option<Merged> {
        match () {
            () if self.ours == self.theirs || self.theirs == self.base => Some(Merged::Ours),
            () if self.ours == self.base => Some(Merged::Theirs),
            () => None,
        }
    }

    /// Merges. `now` is in Unix seconds.
    pub fn merge(
        &self,
        name: &SecretName,
        keys: &FolderKeys,
        vault: &Vault,
        now: u64,
    ) -> Result<Merged, MergeError> {
        if let Some(merged) = self.by_bytes() {
            return Ok(merged);
        }
        let open = |side, file| OpenSide::open(side, file, name, keys, vault);
        let ours = open("our side", self.ours)?;
        let theirs = open("their side", self.theirs)?;
        let any = keys.opener_of(vault, Stale::Allow);
        let base = any.open_file(self.base, name).ok();
        let head = keys.head(vault, &name.folder())?;
        if !ours.is_conflict() && !theirs.is_conflict() {
            if ours.has_value_of(&theirs.opened) {
                let (one, other, merged) = if theirs.rank(&head) > ours.rank(&head) {
                    (&theirs, &ours, Merged::Theirs)
                } else {
                    (&ours, &theirs, Merged::Ours)
                };
                // Whoever has seen the higher revision would take the lower one for a rollback.
                if one.stale || one.revision() >= other.revision() {
                    return Ok(merged);
                }
                return one.seal(other, name, &head, keys, now).map(Merged::Sealed);
            }
            if let Some(base) = &base {
                if ours.has_value_of(base) {
                    return theirs
                        .seal(&ours, name, &head, keys, now)
                        .map(Merged::Sealed);
                }
                if theirs.has_value_of(base) {
                    return ours
                        .seal(&theirs, name, &head, keys, now)
                        .map(Merged::Sealed);
                }
            }
        }
        ours.refuse_stale()?;
        theirs.refuse_stale()?;
        let facts = facts(&ours.opened.1, &theirs.opened.1, &head, now);
        let facts = Facts {
            value_time: ours.opened.1.value_time.max(theirs.opened.1.value_time),
            content: Content::Conflict,
            ..facts
        };
        let ours = sides(ours.opened, name, self.labels[0])?;
        let theirs = sides(theirs.opened, name, self.labels[1])?;
        let text = Conflict::join(ours, theirs).text(name);
        let to = head.readers.addressees();
        let file = sealed::seal(&text, name, &facts, &head.key, to, keys.plugins())?;
        Ok(Merged::Conflict(file))
    }
}

/// Returns the values of an opened file: its own, or the sides of a merge that nobody resolved.
pub fn sides(opened: Opened, name: &SecretName, label: &str) -> Result<Vec<Side>, ConflictError> {
    let (value, facts) = opened;
    match facts.content {
        Content::Conflict => Ok(Conflict::parse(value.get(), name)?.into_sides()),
        Content::Value => Ok(vec![Side {
            label: label.to_owned(),
            revision: facts.revision,
            value_time: facts.value_time,
            value: value.into_inner(),
        }]),
    }
}

/// A side that was opened.
struct OpenSide {
    side: &'static str,
    opened: Opened,
    // Somebody who has left may have made it.
    stale: bool,
}

impl OpenSide {
    fn open(
        side: &'static str,
        file: &[u8],
        name: &SecretName,
        keys: &FolderKeys,
        vault: &Vault,
    ) -> Result<Self, MergeError> {
        let failed = |source| MergeError::Open { side, source };
        let open = |stale| keys.opener_of(vault, stale).open_any(file, name);
        let (opened, stale) = match open(Stale::Refuse) {
            Ok(opened) => (opened, false),
            Err(OpenError::Stale { .. }) => (open(Stale::Allow).map_err(failed)?, true),
            Err(error) => return Err(failed(error)),
        };
        Ok(Self {
            side,
            opened,
            stale,
        })
    }

    fn is_conflict(&self) -> bool {
        self.opened.1.content == Content::Conflict
    }

    fn has_value_of(&self, other: &Opened) -> bool {
        self.opened.0.get().same_as(other.0.get())
    }

    fn revision(&self) -> u64 {
        self.opened.1.revision
    }

    fn refuse_stale(&self) -> Result<(), MergeError> {
        if self.stale {
            return Err(MergeError::Stale { side: self.side });
        }
        Ok(())
    }

    /// Of equal values, the file that nobody who has left can have made, then the one under the newer
    /// key, then the higher revision.
    fn rank(&self, head: &Head) -> (bool, u32, u64) {
        let facts = &self.opened.1;
        let epoch = head.chain.epoch(facts.trail.last());
        let epoch = epoch.map_or(0, |epoch| epoch.dir.epoch());
        (!self.stale, epoch, self.revision())
    }

    /// Seals this side's value, which is the only one that changed.
    fn seal(
        &self,
        other: &Self,
        name: &SecretName,
        head: &Head,
        keys: &FolderKeys,
        now: u64,
    ) -> Result<Vec<u8>, MergeError> {
        self.refuse_stale()?;
        let facts = facts(&self.opened.1, &other.opened.1, head, now);
        let value = self.opened.0.get();
        let to = head.readers.addressees();
        let file = sealed::seal(value, name, &facts, &head.key, to, keys.plugins())?;
        Ok(file)
    }
}

/// The facts of a result whose value is of the first.
fn facts(one: &Facts, other: &Facts, head: &Head, now: u64) -> Facts {
    let last = one.revision.max(other.revision);
    Facts {
        trail: one.trail.clone().and(&other.trail).under(head.key.id()),
        revision: last.saturating_add(1).max(now),
        value_time: one.value_time,
        content: Content::Value,
    }
}
