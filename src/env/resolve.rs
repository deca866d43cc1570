//! From sources to values: all of a selection is opened together, and either every value is handed
//! out or every one that could not be is named.

use std::collections::HashMap;

use thiserror::Error;

use crate::domain::{SecretName, SecretValue, VarName, in_parallel};
use crate::env::sources::{Needed, Source, Sources};
use crate::env::{Local, Variables};
use crate::manifest::TemplateError;
use crate::people::{OpenError, Opener};

/// Why one value is not handed out.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It cannot be put together from its parts.
    #[error(transparent)]
    Compose(#[from] TemplateError),
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It was there a moment ago.
    #[error("it is gone")]
    Vanished,
}

/// Why a selection of values is not handed out.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// Nothing is handed out, because of these.
    #[error("{} not to be trusted or not readable", count(.0.len()))]
    Refused(Vec<(SecretName, Refusal)>),
}

/// The values of secrets, and what is not handed out.
#[derive(Debug, Default)]
pub struct Values<'a> {
    /// What was opened or put together.
    pub values: HashMap<&'a SecretName, SecretValue>,
    /// What was not, sorted by folder.
    pub refused: Vec<(SecretName, Refusal)>,
}

/// Opens the values that do not stand in the process environment already, or none.
pub fn open_all(
    sources: &Sources,
    needed: &Needed<'_>,
    local: Option<&Local>,
    opener: Option<Opener<'_>>,
) -> Result<Variables, ResolveError> {
    let Values {
        mut values,
        refused,
    } = open_needed(needed, opener);
    if !refused.is_empty() {
        return Err(ResolveError::Refused(refused));
    }
    let variables = sources.iter().filter_map(|(variable, source)| {
        let value = match source {
            Source::Process => None,
            Source::DotEnv { .. } => {
                let entry = local.and_then(|local| local.dotenv.get(variable));
                entry.map(|value| SecretValue::new(value.reveal().to_vec()))
            }
            Source::Composed(name) | Source::Default(name) | Source::Vault(name) => {
                values.remove(name)
            }
        };
        Some((variable.clone(), value?))
    });
    Ok(variables.collect())
}

/// Opens secrets, and puts together what is made from them and from the manifest.
pub fn open_needed<'a>(needed: &Needed<'a>, opener: Option<Opener<'_>>) -> Values<'a> {
    let opened = in_parallel(&needed.secrets, |part| {
        let mut opener = opener.as_ref().map(Opener::another);
        let open = |name: &&SecretName| opener.as_mut().map_or(Ok(None), |it| it.open(name));
        part.iter().map(open).collect()
    });
    let mut found = Values::default();
    for (&name, opened) in needed.secrets.iter().zip(opened) {
        match opened {
            Ok(Some((value, _))) => {
                found.values.insert(name, value.into_inner());
            }
            Ok(None) => found.refused.push((name.clone(), Refusal::Vanished)),
            Err(error) => found.refused.push((name.clone(), error.into())),
        }
    }
    for (&name, text) in &needed.defaults {
        let value = SecretValue::new(text.as_bytes().to_vec());
        found.values.insert(name, value);
    }
    for &(name, recipe) in &needed.composed {
        let value = |variable: &VarName| found.values.get(recipe.parts.get(variable)?);
        match recipe.template.render(value) {
            Ok(value) => {
                found.values.insert(name, value);
            }
            // The part says why by itself.
            Err(TemplateError::Missing(_)) => {}
            Err(error) => found.refused.push((name.clone(), error.into())),
        }
    }
    found
}

fn count(refused: usize) -> String {
    if refused == 1 {
        "1 secret is".to_owned()
    } else {
        format!("{refused} secrets are")
    }
}
