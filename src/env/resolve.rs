//! From sources to values: all of a selection is opened together, and either every value is handed
//! out or every one that could not be is named.

use thiserror::Error;

use crate::domain::{SecretName, SecretValue, VarName};
use crate::env::sources::{Source, Sources};
use crate::env::{Local, Variables};
use crate::people::{OpenError, Opener};

/// Why a selection of values is not handed out.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// Nothing is handed out, because of these; no error: it vanished meanwhile.
    #[error("{} not to be trusted or not readable", count(.0.len()))]
    Refused(Vec<(SecretName, Option<OpenError>)>),
}

/// Opens the values that do not stand in the process environment already, or none.
pub fn open_all(
    sources: &Sources,
    local: Option<&Local>,
    mut opener: Option<Opener<'_>>,
) -> Result<Variables, ResolveError> {
    let mut variables = Variables::default();
    let mut secrets: Vec<(&VarName, &SecretName)> = Vec::new();
    for (variable, source) in sources.iter() {
        match source {
            Source::Process => {}
            Source::DotEnv { .. } => {
                let entry = local.and_then(|local| local.dotenv.get(variable));
                let value = entry.map(|value| value.reveal().to_vec());
                variables.insert(
                    variable.clone(),
                    SecretValue::new(value.unwrap_or_default()),
                );
            }
            Source::Vault(name) => secrets.push((variable, name)),
        }
    }
    // One look at each folder.
    secrets.sort_by(|(_, a), (_, b)| (a.folder(), a).cmp(&(b.folder(), b)));
    let mut refused = Vec::new();
    for (variable, name) in secrets {
        match opener.as_mut().map_or(Ok(None), |opener| opener.open(name)) {
            Ok(Some((value, _))) => variables.insert(variable.clone(), value.into_inner()),
            Ok(None) => refused.push((name.clone(), None)),
            Err(error) => refused.push((name.clone(), Some(error))),
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
