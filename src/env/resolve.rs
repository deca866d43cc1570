//! From sources to values: all of a selection is opened together, and either every value is handed
//! out or every one that could not be is named.

use std::num::NonZero;
use std::thread;

use thiserror::Error;

use crate::domain::{SecretName, SecretValue, VarName};
use crate::env::sources::{Source, Sources};
use crate::env::{Local, Variables};
use crate::people::{OpenError, Opened, Opener};

/// From so many secrets on they are opened on several threads: below, starting one costs more.
const MANY: usize = 200;

/// The most threads: with more, they wait for the same folder.
const MOST_THREADS: usize = 8;

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
    opener: Option<Opener<'_>>,
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
    secrets.sort_by_cached_key(|(_, name)| (name.folder(), *name));
    let mut refused = Vec::new();
    let opened = open_in_order(&secrets, opener);
    for ((variable, name), opened) in secrets.into_iter().zip(opened) {
        match opened {
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

/// Opens secrets, many of them on several threads; the answers are in the order of the names.
fn open_in_order(
    secrets: &[(&VarName, &SecretName)],
    opener: Option<Opener<'_>>,
) -> Vec<Result<Option<Opened>, OpenError>> {
    let Some(mut opener) = opener else {
        return secrets.iter().map(|_| Ok(None)).collect();
    };
    let threads = if secrets.len() < MANY {
        1
    } else {
        let there = thread::available_parallelism().map_or(1, NonZero::get);
        there.min(MOST_THREADS)
    };
    let mut parts = secrets.chunks(secrets.len().div_ceil(threads).max(1));
    let own = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let start = |part| {
            let mut opener = opener.another();
            scope.spawn(move || open_part(part, &mut opener))
        };
        let others: Vec<_> = parts.map(start).collect();
        let mut all = open_part(own, &mut opener);
        for other in others {
            all.extend(other.join().expect("opening a secret does not panic"));
        }
        all
    })
}

fn open_part(
    secrets: &[(&VarName, &SecretName)],
    opener: &mut Opener<'_>,
) -> Vec<Result<Option<Opened>, OpenError>> {
    let all = secrets.iter().map(|(_, name)| opener.open(name));
    all.collect()
}

fn count(refused: usize) -> String {
    if refused == 1 {
        "1 secret is".to_owned()
    } else {
        format!("{refused} secrets are")
    }
}
