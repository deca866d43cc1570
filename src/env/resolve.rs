//! From a profile to values: which variables there are is decided from names alone; the values are
//! opened together, and either all of them are handed out or every one that could not be is named.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain::{FolderName, SecretName, VarName};
use crate::env::Variables;
use crate::people::{OpenError, Opener};
use crate::vault::Inventory;

/// Why a selection of variables is not handed out.
#[derive(Debug, Error)]
pub enum ResolveError {
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
    /// Nothing of the selection is handed out, because of these; no error: it vanished meanwhile.
    #[error("{} not to be trusted or not readable", count(.0.len()))]
    Refused(Vec<(SecretName, Option<OpenError>)>),
    /// Names that were asked for and are not there.
    #[error("no secret for {}", quoted(.0))]
    Unknown(Vec<VarName>),
}

/// Which variables there are: the secrets of the profile's folder and below, then what stands at
/// the vault's top.
pub fn select(
    inventory: &Inventory,
    profile: Option<&FolderName>,
) -> Result<BTreeMap<VarName, SecretName>, ResolveError> {
    let places = inventory
        .strays
        .iter()
        .filter_map(|stray| stray.name.as_ref());
    let names: Vec<_> = inventory.names.iter().chain(places).collect();
    let mut chosen: BTreeMap<VarName, SecretName> = BTreeMap::new();
    if let Some(profile) = profile {
        for name in names.iter().filter(|name| profile.holds(&name.folder())) {
            let variable = VarName::of(name);
            let clash = |first: &SecretName| ResolveError::Ambiguous {
                variable: variable.clone(),
                first: first.clone(),
                second: (*name).clone(),
            };
            if let Some(first) = chosen.get(&variable).filter(|first| first != name) {
                return Err(clash(first));
            }
            chosen.insert(variable, (*name).clone());
        }
    }
    for name in names.iter().filter(|name| name.folder().is_top()) {
        chosen
            .entry(VarName::of(name))
            .or_insert_with(|| (*name).clone());
    }
    Ok(chosen)
}

/// Keeps the variables that were asked for by name.
pub fn only(
    mut chosen: BTreeMap<VarName, SecretName>,
    wanted: &[VarName],
) -> Result<BTreeMap<VarName, SecretName>, ResolveError> {
    let unknown: Vec<_> = wanted
        .iter()
        .filter(|name| !chosen.contains_key(name))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        return Err(ResolveError::Unknown(unknown));
    }
    chosen.retain(|variable, _| wanted.contains(variable));
    Ok(chosen)
}

/// Opens all of the chosen secrets, or none.
pub fn open_all(
    mut opener: Opener<'_>,
    chosen: BTreeMap<VarName, SecretName>,
) -> Result<Variables, ResolveError> {
    let mut by_name: Vec<_> = chosen.into_iter().collect();
    by_name.sort_by(|(_, a), (_, b)| (a.folder(), a).cmp(&(b.folder(), b)));
    let mut variables = Variables::default();
    let mut refused = Vec::new();
    for (variable, name) in by_name {
        match opener.open(&name) {
            Ok(Some((value, _))) => variables.insert(variable, value.into_inner()),
            Ok(None) => refused.push((name, None)),
            Err(error) => refused.push((name, Some(error))),
        }
    }
    if refused.is_empty() {
        Ok(variables)
    } else {
        Err(ResolveError::Refused(refused))
    }
}

fn count(refused: usize) -> String {
    if refused == 1 {
        "1 secret is".to_owned()
    } else {
        format!("{refused} secrets are")
    }
}

fn quoted(names: &[VarName]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
