//! Who reads which secret, and who has seen it: rows for a review, from the accepted statements and
//! the trails of the files. No key is needed and nothing is opened, so what a file says of its trail
//! is taken at its word; what `recipients/` says decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::disk::DiskError;
use crate::domain::{FolderName, Member, Reader, ReaderName, Readers, SecretName};
use crate::people::chain::Chain;
use crate::people::chains::Chains;
use crate::people::directory::{Access, Directory};
use crate::people::exposure::Exposure;
use crate::people::keys_error::KeysError;
use crate::sealed::read_claim;
use crate::vault::Vault;

/// One secret and who reads it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The secret.
    pub name: SecretName,
    /// The folder whose key it is sealed under.
    pub folder: FolderName,
    /// Who reads, and through which entries of the manifest's list: through none of them, whoever is
    /// not to read any more. `None`: the recipient files do not tell.
    pub readers: BTreeMap<ReaderName, Option<Vec<Member>>>,
}

/// Who reads what.
#[derive(Debug, Default)]
pub struct Readership {
    /// One row a secret, sorted by name.
    pub rows: Vec<Row>,
    /// Folders whose readers are in question, and why.
    pub unclear: BTreeMap<FolderName, String>,
}

impl Readership {
    /// Finds who reads each secret. `claims` says through which group, if that can be told.
    pub fn find<'n>(
        vault: &Vault,
        chains: &Chains,
        names: impl IntoIterator<Item = &'n SecretName>,
        claims: Option<(&Directory, Access<'_>)>,
    ) -> Self {
        let mut found = Self::default();
        let mut last: Option<(FolderName, Row)> = None;
        for name in names {
            let place = name.folder();
            if found.unclear.contains_key(&place) {
                continue;
            }
            let same = last.take().filter(|(known, _)| *known == place);
            let row = match same {
                Some((_, row)) => row,
                None => match accepted(vault, chains, &place) {
                    Ok((folder, readers)) => {
                        let through = |reader: &Reader| {
                            let (directory, access) = claims?;
                            Some(directory.ways(access, listed(access, &place), &reader.name))
                        };
                        let readers = readers.iter();
                        let readers = readers.map(|reader| (reader.name.clone(), through(reader)));
                        Row {
                            name: name.clone(),
                            folder,
                            readers: readers.collect(),
                        }
                    }
                    Err(error) => {
                        found.unclear.insert(place, error.to_string());
                        continue;
                    }
                },
            };
            let row = Row {
                name: name.clone(),
                ..row
            };
            last = Some((place, row.clone()));
            found.rows.push(row);
        }
        found
    }

    /// Returns everybody who reads something.
    pub fn people(&self) -> BTreeSet<&ReaderName> {
        self.rows
            .iter()
            .flat_map(|row| row.readers.keys())
            .collect()
    }
}

/// The list of the manifest that says who should read a folder.
fn listed<'a>(access: Access<'a>, folder: &FolderName) -> &'a [Member] {
    let mut upwards = folder.ancestry().into_iter().rev();
    upwards
        .find_map(|part| access.folders.get(&part))
        .map_or(&[Member::All], |list| &list[..])
}

/// Who reads what is in a folder, and the folder whose key that takes.
pub fn accepted(
    vault: &Vault,
    chains: &Chains,
    folder: &FolderName,
) -> Result<(FolderName, Readers), KeysError> {
    let chain = chains.of(vault, folder)?;
    let readers = chain.head()?.readers.clone();
    Ok((chain.folder().clone(), readers))
}

/// How somebody has seen a value that he may not read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// With a key that is no reader's any more, though he reads it with another one.
    FormerKey,
    /// As a reader, who he is no more.
    Left,
}

/// What one person or machine has seen, and still can.
#[derive(Debug, Default)]
pub struct SeenBy {
    /// Values that are in use and that he may not read any more, or not with the key he had.
    pub exposed: BTreeMap<SecretName, Sight>,
    /// Secrets that he reads today.
    pub reads: BTreeSet<SecretName>,
    /// Secrets of which it cannot be told who has seen them, and why.
    pub unclear: BTreeMap<SecretName, String>,
}

impl SeenBy {
    /// Looks at every secret's trail.
    pub fn find<'n>(
        vault: &Vault,
        chains: &Chains,
        names: impl IntoIterator<Item = &'n SecretName>,
        who: &ReaderName,
    ) -> Result<Self, DiskError> {
        let all: Vec<Arc<Chain>> = chains
            .all(vault)
            .into_iter()
            .filter_map(|(_, chain)| chain.ok())
            .collect();
        let mut seen = Self::default();
        for name in names {
            let Some(file) = vault.read(name)? else {
                continue;
            };
            let readers = match accepted(vault, chains, &name.folder()) {
                Ok((_, readers)) => readers,
                Err(error) => {
                    seen.unclear.insert(name.clone(), error.to_string());
                    continue;
                }
            };
            if readers.iter().any(|reader| reader.name == *who) {
                seen.reads.insert(name.clone());
            }
            match read_claim(&file) {
                Ok((facts, _)) => seen.note(name, who, &Exposure::of(&all, &facts.trail, &readers)),
                Err(error) => drop(seen.unclear.insert(name.clone(), error.to_string())),
            }
        }
        Ok(seen)
    }

    fn note(&mut self, name: &SecretName, who: &ReaderName, exposure: &Exposure) {
        if exposure.left.contains(who) {
            self.exposed.insert(name.clone(), Sight::Left);
        } else if exposure.former_keys.contains(who) {
            self.exposed.insert(name.clone(), Sight::FormerKey);
        }
        if exposure.unknown {
            let why = "it was sealed under a key that does not count, whose readers are not known";
            self.unclear.insert(name.clone(), why.to_owned());
        }
    }
}
