//! What part of the difference somebody asks for, and how far to go. Nothing is asked of the vault
//! here; a wish alone says which names and folders it means.

use crate::domain::{FolderName, Glob, SecretName};

/// What part of the difference is asked for, and how far to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only names that one of these means; people are left as they are then.
    pub keys: Vec<Glob>,
    /// Only what is in this folder.
    pub profile: Option<FolderName>,
    /// Remove what is not declared.
    pub prune: bool,
    /// Declare what is not declared.
    pub adopt: bool,
    /// Give these new values.
    pub rotate: Vec<Glob>,
    /// Seal these anew although somebody who has left may have made them.
    pub accept_stale: Vec<Glob>,
    /// Make new keys although the old ones could stay.
    pub new_key: NewKey,
}

/// When new keys are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewKey {
    /// For every folder.
    Always,
    /// Where somebody loses what he has.
    #[default]
    WhereNeeded,
    /// Where anybody's access changes.
    WithEveryChange,
}

impl Wanted {
    /// Says whether a name is part of what is asked for.
    pub fn takes(&self, name: &SecretName) -> bool {
        let folder = name.folder();
        let in_profile = self
            .profile
            .as_ref()
            .is_none_or(|profile| profile.holds(&folder));
        in_profile && (self.keys.is_empty() || any(&self.keys, name))
    }

    /// Says whether the readers of a folder are part of what is asked for.
    pub fn takes_folder(&self, folder: &FolderName) -> bool {
        let in_profile = self
            .profile
            .as_ref()
            .is_none_or(|profile| profile.holds(folder));
        in_profile && self.keys.is_empty()
    }
}

pub(super) fn any(globs: &[Glob], name: &SecretName) -> bool {
    globs.iter().any(|glob| glob.matches(name.as_str()))
}
