//! Floor 4: the difference between what should be and what is, as a value. [`build`] is a pure function
//! of the manifest, of what stands in the vault, of what opening showed and of the day; it holds no
//! secret value and no digest of one. Carrying it out takes an [`ApprovedPlan`], which only
//! [`Plan::approve`] makes.

mod approve;
mod basis;
mod build;
mod people;
mod row;
mod saved;
#[cfg(test)]
mod tests;
mod wanted;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use approve::{Approval, ApprovalError, ApprovedPlan};
pub use basis::Basis;
pub use build::build;
pub use people::FolderChange;
pub use row::{Attention, Extent, Row, Sign, Step, Supply};
pub use saved::{FORMAT_VERSION, SavedError, SavedPlan};
pub use wanted::{NewKey, Wanted};
pub use why::Why;

use crate::domain::{FolderName, ReaderName, SecretName};
use crate::manifest::ShapeError;
use crate::people::{Chain, Digest};
use crate::sealed::{Facts, SealedError};
use crate::vault::{Inbox, Stray};
use basis::readers_text;
use wanted::any;

/// What stands in the vault, read without a key.
#[derive(Debug, Default)]
pub struct Actual {
    /// Every sealed file, and what it says of itself.
    pub files: BTreeMap<SecretName, Claim>,
    /// What should not be there.
    pub strays: Vec<Stray>,
    /// What waits to be accepted.
    pub inbox: Inbox,
    /// The folders that have keys of their own; the top always has.
    pub folders: BTreeMap<FolderName, Arc<Chain>>,
    /// Folders whose keys are in question, and why.
    pub broken: BTreeMap<FolderName, String>,
    /// Signed files that do not count, as sentences.
    pub refused: Vec<String>,
    /// Variables that `config.toml` refers to, and the TOML paths that do.
    pub references: BTreeMap<String, Vec<String>>,
}

impl Actual {
    /// Returns the folder whose keys are asked for what is in a folder.
    pub fn keyed(&self, folder: &FolderName) -> FolderName {
        let ancestry = folder.ancestry();
        let mut keyed = ancestry.into_iter().rev();
        keyed
            .find(|part| self.folders.contains_key(part) || self.broken.contains_key(part))
            .unwrap_or_else(FolderName::top)
    }
}

/// What a sealed file says of itself; nothing of it is verified.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The digest of the file.
    pub digest: Digest,
    /// What its stanza says, and for how many recipients it has stanzas.
    pub facts: Result<(Facts, usize), SealedError>,
}

/// What opening the files showed.
#[derive(Debug, Default)]
pub struct Findings {
    /// Whether private keys were at hand; without them nothing of a single file is verified.
    pub identity: bool,
    /// What is known of each file that was opened, or that is not to be trusted.
    pub files: BTreeMap<SecretName, Finding>,
    /// Names that this user has seen sealed, that are gone, and the last revision seen.
    pub gone: BTreeMap<SecretName, u64>,
    /// The names that values were given for.
    pub given: BTreeSet<SecretName>,
}

/// What is known of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It opened.
    Opened {
        /// Whether the value is what its declaration asks for.
        fits: Result<(), ShapeError>,
        /// Whether another value was given for it.
        differs: bool,
    },
    /// It is not to be trusted, for this reason.
    Refused(String),
    /// Somebody who has left may have made it.
    Stale {
        /// Who has left.
        left: Vec<ReaderName>,
        /// Whether this user's own state says that he sealed it.
        own: bool,
    },
}

/// The difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Who will read what; carried out first.
    pub folders: Vec<FolderChange>,
    /// What becomes of which secret, sorted by name.
    pub rows: Vec<Row>,
    /// What a person has to look at, sorted by name.
    pub attention: Vec<Attention>,
    /// How many secrets stay as they are.
    pub unchanged: usize,
    /// Whether single files were verified.
    pub verified: bool,
    /// What the plan was made from.
    pub basis: Basis,
}

impl Plan {
    /// Says whether there is nothing to do and nothing to look at but what must be rotated by hand.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.rows.is_empty() && !self.is_blocked()
    }

    /// Says whether anything is not as it should be, be it only by hand that it can change.
    pub fn differs(&self) -> bool {
        let by_hand = |attention: &Attention| attention.sign() == Sign::MustRotate;
        !self.is_empty() || self.attention.iter().any(by_hand)
    }

    /// Says whether something stands in the way.
    pub fn is_blocked(&self) -> bool {
        self.attention
            .iter()
            .any(|attention| matches!(attention.sign(), Sign::Blocked | Sign::Input))
    }

    /// Returns the digest of whoever would get access that he has not; `None` if nobody would.
    pub fn recipients_digest(&self) -> Option<Digest> {
        let giving: Vec<_> = self
            .folders
            .iter()
            .filter(|change| change.gives())
            .collect();
        if giving.is_empty() {
            return None;
        }
        let text: String = giving
            .iter()
            .map(|change| format!("{}\n{}", change.folder, readers_text(&change.after)))
            .collect();
        Some(Digest::of(text.as_bytes()))
    }

    /// Returns the change of readers that a folder is part of, if it is part of one.
    pub fn change_of(&self, actual: &Actual, folder: &FolderName) -> Option<&FolderChange> {
        people::change_of(&self.folders, actual, folder)
    }

    /// Returns the names whose values are asked for.
    pub fn asks_for(&self) -> impl Iterator<Item = &SecretName> {
        let asked = self
            .attention
            .iter()
            .filter(|one| one.sign() == Sign::Input);
        asked.filter_map(|one| one.name.as_ref())
    }
}
