//! Where the value of a variable comes from, decided from names alone: the process environment, the
//! `.env`, the vault, in this order, or the vault first if that was asked for. Nothing is opened.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::domain::{FolderName, SecretName, VarName};
use crate::input::dotenv::DotEnv;
use crate::vault::Inventory;
use crate::vault::trust::Seen;

/// What wins when a variable has several values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The process environment, then `.env`, then the vault.
    #[default]
    Environment,
    /// The vault, then the process environment, then `.env`.
    Vault,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A line of `.env`.
    DotEnv {
        /// Counted from 1.
        line: usize,
    },
    /// The process environment.
    Process,
    /// A secret of the vault.
    Vault(SecretName),
}

/// Why a selection cannot be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SelectError {
    /// One variable would come from two secrets.
    #[error("`{variable}` is both `{first}` and `{second}`")]
    Ambiguous {
        /// The variable.
        variable: VarName,
        /// One secret.
        first: SecretName,
        /// The other.
        second: SecretName,
    },
    /// A secret of the profile was there and is not any more; another value must not take its place.
    #[error(
        "`{name}` was sealed as revision {revision} and is gone; `{instead}` does not take its place"
    )]
    Gone {
        /// The secret.
        name: SecretName,
        /// The last revision this user has seen.
        revision: u64,
        /// What would be handed out instead.
        instead: SecretName,
    },
    /// The profile is no folder of the vault.
    #[error("there is no folder `{profile}` in the vault{}", listed(.folders))]
    NoProfile {
        /// What was asked for.
        profile: FolderName,
        /// The folders there are.
        folders: Vec<FolderName>,
    },
    /// Names that were asked for and are nowhere.
    #[error("there is no value for {}", quoted(.0))]
    Unknown(Vec<VarName>),
}

/// All variables that have a value, and where each comes from.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<VarName, Source>);

impl Sources {
    /// Puts the sources of a profile together; `set` says what the process environment has.
    pub fn gather(
        set: impl Fn(&VarName) -> bool,
        dotenv: Option<&DotEnv>,
        secrets: BTreeMap<VarName, SecretName>,
        prefer: Prefer,
    ) -> Self {
        let mut all: BTreeMap<VarName, Source> = secrets
            .into_iter()
            .map(|(variable, name)| (variable, Source::Vault(name)))
            .collect();
        for entry in dotenv.into_iter().flat_map(DotEnv::entries) {
            let local = Source::DotEnv { line: entry.line };
            match (prefer, all.get(&entry.name)) {
                (Prefer::Vault, Some(Source::Vault(_))) => {}
                _ => drop(all.insert(entry.name.clone(), local)),
            }
        }
        for (variable, source) in &mut all {
            if set(variable) && !(prefer == Prefer::Vault && matches!(source, Source::Vault(_))) {
                *source = Source::Process;
            }
        }
        Self(all)
    }

    /// Returns the variables and their sources, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&VarName, &Source)> {
        self.0.iter()
    }

    /// Returns where one variable comes from.
    pub fn of(&self, variable: &VarName) -> Option<&Source> {
        self.0.get(variable)
    }

    /// Keeps the variables that were asked for by name; `set` says what the process environment has.
    pub fn only(
        mut self,
        wanted: &[VarName],
        set: impl Fn(&VarName) -> bool,
    ) -> Result<Self, SelectError> {
        let missing = wanted
            .iter()
            .filter(|name| !self.0.contains_key(name) && !set(name));
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() {
            return Err(SelectError::Unknown(missing));
        }
        for name in wanted {
            self.0.entry(name.clone()).or_insert(Source::Process);
        }
        let wanted: BTreeSet<_> = wanted.iter().collect();
        self.0.retain(|variable, _| wanted.contains(variable));
        Ok(self)
    }
}

/// Which variables the vault has: the secrets of the profile's folder and below, then what stands at
/// the vault's top. A file of the profile that this user has seen and that is gone never falls back.
pub fn select(
    inventory: &Inventory,
    profile: Option<&FolderName>,
    seen: Option<&Seen>,
) -> Result<BTreeMap<VarName, SecretName>, SelectError> {
    let strays = inventory
        .strays
        .iter()
        .filter_map(|stray| stray.name.as_ref());
    let names: Vec<_> = inventory.names.iter().chain(strays).collect();
    let known = seen.into_iter().flat_map(Seen::names);
    let folders: BTreeSet<_> = names
        .iter()
        .copied()
        .chain(known)
        .map(SecretName::folder)
        .collect();
    if let Some(profile) = profile.filter(|profile| !profile.is_top())
        && !folders.iter().any(|folder| profile.holds(folder))
    {
        let folders = folders
            .into_iter()
            .filter(|folder| !folder.is_top())
            .collect();
        return Err(SelectError::NoProfile {
            profile: profile.clone(),
            folders,
        });
    }
    let mut chosen: BTreeMap<VarName, SecretName> = BTreeMap::new();
    if let Some(profile) = profile.filter(|profile| !profile.is_top()) {
        for &name in names.iter().filter(|name| profile.holds(&name.folder())) {
            let variable = VarName::of(name);
            if let Some(first) = chosen.insert(variable.clone(), name.clone()) {
                return Err(SelectError::Ambiguous {
                    variable,
                    first,
                    second: name.clone(),
                });
            }
        }
    }
    for &name in names.iter().filter(|name| name.folder().is_top()) {
        chosen
            .entry(VarName::of(name))
            .or_insert_with(|| name.clone());
    }
    let (Some(profile), Some(seen)) = (profile, seen) else {
        return Ok(chosen);
    };
    for name in seen
        .names()
        .filter(|name| !profile.is_top() && profile.holds(&name.folder()))
    {
        match chosen.get(&VarName::of(name)) {
            Some(instead) if !profile.holds(&instead.folder()) => {
                let revision = seen.revision(name).unwrap_or_default();
                let (name, instead) = (name.clone(), instead.clone());
                return Err(SelectError::Gone {
                    name,
                    revision,
                    instead,
                });
            }
            _ => {}
        }
    }
    Ok(chosen)
}

fn listed(folders: &[FolderName]) -> String {
    let names: Vec<_> = folders.iter().map(|folder| format!("`{folder}`")).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; there is {}", names.join(", "))
    }
}

fn quoted(names: &[VarName]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
