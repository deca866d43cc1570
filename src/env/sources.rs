//! Where the value of a variable comes from, decided from names alone: the process environment, the
//! `.env`, the vault, the manifest's default, in this order, or the vault first if that was asked for.
//! Nothing is opened.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::domain::{FolderName, SecretName, VarName};
use crate::env::select::{Chosen, Missing, Recipe};
use crate::input::dotenv::DotEnv;

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
    /// Put together from other secrets, as this one's declaration says.
    Composed(SecretName),
    /// The default of this secret, which stands in the manifest.
    Default(SecretName),
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

impl Source {
    /// Returns the secret whose value it is.
    pub fn secret(&self) -> Option<&SecretName> {
        match self {
            Self::Composed(name) | Self::Default(name) | Self::Vault(name) => Some(name),
            Self::DotEnv { .. } | Self::Process => None,
        }
    }

    /// Whether the vault's word counts for it: sealed, or put together from what is.
    fn is_vault(&self) -> bool {
        matches!(self, Self::Composed(_) | Self::Vault(_))
    }
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
        "`{name}` was sealed as revision {revision} and is gone; {} does not take its place",
        described(.instead)
    )]
    Gone {
        /// The secret.
        name: SecretName,
        /// The last revision this user has seen.
        revision: u64,
        /// What would be handed out instead.
        instead: Source,
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
pub struct Sources {
    all: BTreeMap<VarName, Source>,
    recipes: BTreeMap<SecretName, Recipe>,
    defaults: BTreeMap<SecretName, String>,
    missing: Vec<Missing>,
}

/// What it takes to make the values of some variables.
#[derive(Debug, Default)]
pub struct Needed<'a> {
    /// The secrets to open, those of a folder beside each other.
    pub secrets: Vec<&'a SecretName>,
    /// What to put together, in this order.
    pub composed: Vec<(&'a SecretName, &'a Recipe)>,
    /// What stands in the manifest.
    pub defaults: BTreeMap<&'a SecretName, &'a str>,
}

impl Needed<'_> {
    /// Returns the folders of the secrets to open, sorted.
    pub fn folders(&self) -> Vec<FolderName> {
        let folders = self.secrets.chunk_by(|one, other| one.is_beside(other));
        folders.map(|beside| beside[0].folder()).collect()
    }
}

impl Sources {
    /// Puts the sources of a profile together; `set` says what the process environment has.
    pub fn gather(
        set: impl Fn(&VarName) -> bool,
        dotenv: Option<&DotEnv>,
        chosen: Chosen,
        prefer: Prefer,
    ) -> Self {
        let stays = |source: &Source| prefer == Prefer::Vault && source.is_vault();
        let mut all = chosen.sources;
        for entry in dotenv.into_iter().flat_map(DotEnv::entries) {
            if !all.get(&entry.name).is_some_and(stays) {
                let local = Source::DotEnv { line: entry.line };
                all.insert(entry.name.clone(), local);
            }
        }
        for (variable, source) in &mut all {
            if set(variable) && !stays(source) {
                *source = Source::Process;
            }
        }
        let mut missing = chosen.missing;
        missing.retain(|missing| {
            let variable = VarName::of(&missing.name);
            !all.contains_key(&variable) && !set(&variable)
        });
        Self {
            all,
            recipes: chosen.recipes,
            defaults: chosen.defaults,
            missing,
        }
    }

    /// Returns what is declared and has no value anywhere, sorted by name.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Returns what it takes to make the values.
    pub fn needed(&self) -> Needed<'_> {
        let mut needed = Needed::default();
        let mut done = BTreeSet::new();
        for source in self.all.values() {
            match source {
                Source::Vault(name) => needed.secrets.push(name),
                source => {
                    if let Some(name) = source.secret() {
                        self.need(name, &mut done, &mut needed);
                    }
                }
            }
        }
        needed
            .secrets
            .sort_by(|one, other| one.cmp_by_folder(other));
        needed.secrets.dedup();
        needed
    }

    fn need<'a>(
        &'a self,
        name: &'a SecretName,
        done: &mut BTreeSet<&'a SecretName>,
        needed: &mut Needed<'a>,
    ) {
        if !done.insert(name) {
            return;
        }
        if let Some(recipe) = self.recipes.get(name) {
            for part in recipe.parts.values() {
                self.need(part, done, needed);
            }
            needed.composed.push((name, recipe));
        } else if let Some(text) = self.defaults.get(name) {
            needed.defaults.insert(name, text);
        } else {
            needed.secrets.push(name);
        }
    }

    /// Returns the variables and their sources, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&VarName, &Source)> {
        self.all.iter()
    }

    /// Returns where one variable comes from.
    pub fn of(&self, variable: &VarName) -> Option<&Source> {
        self.all.get(variable)
    }

    /// Keeps the variables that were asked for by name; `set` says what the process environment has.
    pub fn only(
        mut self,
        wanted: &[VarName],
        set: impl Fn(&VarName) -> bool,
    ) -> Result<Self, SelectError> {
        let missing = wanted
            .iter()
            .filter(|name| !self.all.contains_key(name) && !set(name));
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() {
            return Err(SelectError::Unknown(missing));
        }
        for name in wanted {
            self.all.entry(name.clone()).or_insert(Source::Process);
        }
        let wanted: BTreeSet<_> = wanted.iter().collect();
        self.all.retain(|variable, _| wanted.contains(variable));
        self.missing
            .retain(|missing| wanted.contains(&VarName::of(&missing.name)));
        Ok(self)
    }
}

fn described(source: &Source) -> String {
    match source {
        Source::Composed(name) => format!("what the manifest makes of `{name}`"),
        Source::Default(name) => format!("the default of `{name}`"),
        Source::DotEnv { .. } => "`.env`".to_owned(),
        Source::Process => "the process environment".to_owned(),
        Source::Vault(name) => format!("`{name}`"),
    }
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
