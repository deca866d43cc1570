//! What differs between two states of a vault, secret by secret: two commits, or a commit and the work
//! tree. Each difference has the sealed files of both sides, and what can be said of them without
//! their values. Nothing is handed out here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

use crate::disk::DiskError;
use crate::domain::{ReaderName, SecretName};
use crate::git::look::{Eye, Look, Value};
use crate::git::versions::Change;
use crate::repository::{Content, GitError, Kind, ObjectId, Repository};
use crate::sealed::MAX_FILE;
use crate::vault::layout::VAULT;
use crate::vault::{Target, Vault};

/// Why two states cannot be compared.
#[derive(Debug, Error)]
pub enum DifferenceError {
    /// The vault cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Git gave no answer.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A state of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As a commit has it.
    Commit(ObjectId),
    /// As it is in the work tree.
    WorkTree,
}

/// A secret whose file differs.
#[derive(Debug)]
pub struct Difference {
    /// The secret.
    pub name: SecretName,
    /// What happened to it.
    pub change: Change,
    /// The sealed files, before and after.
    pub files: [Option<Vec<u8>>; 2],
    /// What is known of them.
    pub looks: [Option<Look>; 2],
    /// Who could not read it before.
    pub joined: BTreeSet<ReaderName>,
    /// Who could read it before, and cannot read what is there now.
    pub left: BTreeSet<ReaderName>,
}

/// Compares those secrets of two states of a vault that `takes` takes. `home` is from the top of the
/// work tree.
pub fn differences(
    repository: &Repository,
    vault: &Vault,
    home: &Path,
    states: [&State; 2],
    takes: impl Fn(&SecretName) -> bool,
    eye: &Eye<'_>,
) -> Result<Vec<Difference>, DifferenceError> {
    let load = |state| Side::load(repository, vault, home, state, &takes);
    let [mut before, mut after] = [load(states[0])?, load(states[1])?];
    let names: BTreeSet<_> = before
        .files
        .keys()
        .chain(after.files.keys())
        .cloned()
        .collect();
    let mut found = Vec::new();
    for name in names {
        let files = [before.files.remove(&name), after.files.remove(&name)];
        if files[0] == files[1] {
            continue;
        }
        let look = |side: &Side, file: &Option<Vec<u8>>| {
            let look = eye.look(&name, file.as_deref()?);
            Some(look.as_of(|place| side.has(place)))
        };
        let looks = [look(&before, &files[0]), look(&after, &files[1])];
        let readers = |look: &Option<Look>| {
            let readers = look.as_ref().map(|look| look.readers.clone());
            readers.unwrap_or_default()
        };
        let (was, is) = (readers(&looks[0]), readers(&looks[1]));
        // Of what was added or removed, everybody would be listed.
        let both = looks.iter().all(Option::is_some);
        found.push(Difference {
            change: change(&looks),
            joined: if both { &is - &was } else { BTreeSet::new() },
            left: if both { &was - &is } else { BTreeSet::new() },
            name,
            files,
            looks,
        });
    }
    Ok(found)
}

fn change(looks: &[Option<Look>; 2]) -> Change {
    match looks {
        [_, None] => Change::Removed,
        [_, Some(is)] if is.is_conflict() => Change::Conflict,
        [None, Some(_)] => Change::Added,
        [Some(was), Some(is)] => match is.since(was) {
            Value::Changed => Change::Changed,
            Value::Same => Change::Resealed,
            Value::Unclear => Change::Unclear,
        },
    }
}

/// One of the states.
struct Side {
    files: BTreeMap<SecretName, Vec<u8>>,
    // What is there below the home, of a commit; all of it is in the work tree.
    places: Option<BTreeSet<String>>,
}

impl Side {
    fn load(
        repository: &Repository,
        vault: &Vault,
        home: &Path,
        state: &State,
        takes: &dyn Fn(&SecretName) -> bool,
    ) -> Result<Self, DifferenceError> {
        match state {
            State::WorkTree => {
                let mut files = BTreeMap::new();
                for name in vault
                    .inventory()?
                    .names
                    .into_iter()
                    .filter(|name| takes(name))
                {
                    if let Some(file) = vault.read(&name)? {
                        files.insert(name, file);
                    }
                }
                let places = None;
                Ok(Self { files, places })
            }
            State::Commit(commit) => {
                let tree = repository.tree(commit, Some(&home.join(VAULT)))?;
                let mut places = BTreeSet::new();
                let (mut names, mut blobs) = (Vec::new(), Vec::new());
                for entry in tree.into_iter().filter(|entry| entry.kind == Kind::File) {
                    let Some(place) = entry.path.strip_prefix(home).ok().and_then(Path::to_str)
                    else {
                        continue;
                    };
                    match Target::parse(place) {
                        Some(Target::Sealed(name)) if takes(&name) => {
                            names.push(name);
                            blobs.push(entry.id);
                        }
                        Some(Target::Key { .. }) => drop(places.insert(place.to_owned())),
                        _ => {}
                    }
                }
                let mut files = BTreeMap::new();
                repository.objects(&blobs, |index, content| {
                    if let Content::There { size, bytes, .. } = content {
                        let mut file = Vec::new();
                        // One byte more, and it is no sealed file: that will be said.
                        let most = size.min(MAX_FILE as u64 + 1);
                        bytes.take(most).read_to_end(&mut file)?;
                        files.insert(names[index].clone(), file);
                    }
                    Ok::<(), io::Error>(())
                })?;
                let places = Some(places);
                Ok(Self { files, places })
            }
        }
    }

    fn has(&self, place: &str) -> bool {
        let places = self.places.as_ref();
        places.is_none_or(|places| places.contains(place))
    }
}
