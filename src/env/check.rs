//! Is everything there that a profile needs? Every secret of it is opened and compared with its
//! declaration, and what is put together is put together. All that is not right is named, with a
//! reason; no value is.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::domain::{FolderName, SecretName, VarName};
use crate::env::resolve::{Refusal, Values, open_needed};
use crate::env::select::Missing;
use crate::env::sources::Sources;
use crate::manifest::{Manifest, Origin, Requirement, ShapeError};
use crate::people::Opener;
use crate::plan::Why;

/// Something that is not as the manifest has it.
#[derive(Debug, Error)]
pub enum Trouble {
    /// It does not fit its declaration.
    #[error("`{name}` does not fit its declaration: {source}")]
    Misfit {
        /// The secret.
        name: SecretName,
        /// How it does not.
        source: ShapeError,
    },
    /// It has no value.
    #[error("{0}")]
    Missing(Missing),
    /// It is not to be trusted or not readable.
    #[error("`{name}`: {source}")]
    Refused {
        /// The secret.
        name: SecretName,
        /// Why.
        source: Refusal,
    },
    /// It is sealed, so that what the manifest makes of it is never used.
    #[error("`{0}` is sealed, so it is not put together as the manifest says")]
    Sealed(SecretName),
    /// Something must hold of several secrets together.
    #[error("{0}")]
    Unmet(Why),
}

impl Trouble {
    /// Returns the secret it is about, if it is about one.
    pub fn name(&self) -> Option<&SecretName> {
        match self {
            Self::Misfit { name, .. } | Self::Refused { name, .. } | Self::Sealed(name) => {
                Some(name)
            }
            Self::Missing(missing) => Some(&missing.name),
            Self::Unmet(_) => None,
        }
    }
}

/// Checks what a profile has against the manifest; sorted by name, what is about none comes first.
pub fn check(
    manifest: &Manifest,
    profile: Option<&FolderName>,
    sources: &Sources,
    opener: Option<Opener<'_>>,
) -> Vec<Trouble> {
    let missing = sources.missing().iter();
    let missing = missing.filter(|missing| missing.required).cloned();
    let mut troubles: Vec<Trouble> = missing.map(Trouble::Missing).collect();
    let needed = sources.needed();
    let Values { values, refused } = open_needed(&needed, opener);
    for (&name, value) in &values {
        let Some(declaration) = manifest.declarations.get(name) else {
            continue;
        };
        if let Err(source) = declaration.shape.check(value) {
            let name = name.clone();
            troubles.push(Trouble::Misfit { name, source });
        }
    }
    let refused = refused.into_iter();
    troubles.extend(refused.map(|(name, source)| Trouble::Refused { name, source }));
    for name in needed.secrets {
        let declaration = manifest.declarations.get(name);
        if declaration.is_some_and(|one| matches!(one.origin, Origin::Compose(_))) {
            troubles.push(Trouble::Sealed(name.clone()));
        }
    }
    let there: BTreeSet<&str> = sources
        .iter()
        .map(|(name, _)| VarName::as_str(name))
        .collect();
    let requirements = manifest.requirements.iter();
    troubles.extend(requirements.filter_map(|one| unmet(one, profile, &there)));
    troubles.sort_by(|one, other| one.name().cmp(&other.name()));
    troubles
}

fn unmet(
    requirement: &Requirement,
    profile: Option<&FolderName>,
    there: &BTreeSet<&str>,
) -> Option<Trouble> {
    let profile = profile.filter(|profile| !profile.is_top());
    let concerned = match profile {
        None => {
            requirement.profiles.is_empty() || requirement.profiles.iter().any(FolderName::is_top)
        }
        Some(profile) => requirement.profiles.contains(profile),
    };
    let found = requirement.keys.iter();
    let found = found.filter(|key| there.contains(&***key)).count();
    if !concerned || requirement.holds(found) {
        return None;
    }
    Some(Trouble::Unmet(Why::Unmet {
        rule: requirement.rule,
        keys: requirement.keys.clone(),
        profile: profile.cloned(),
        found,
    }))
}
