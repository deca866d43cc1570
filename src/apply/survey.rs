//! What a plan is made from: every sealed file, read without a key; the statements about every folder's
//! keys; and, with private keys, what opening each file shows. Many files are read on several threads.

use std::collections::{BTreeMap, BTreeSet};

use crate::disk::{Dir, DiskError};
use crate::domain::{FolderName, SecretName, SecretValue, in_parallel};
use crate::manifest::Manifest;
use crate::people::{Chains, Digest, FolderKeys, KeysError, OpenError};
use crate::plan::{Actual, Claim, Finding, Findings};
use crate::sealed::{MAX_FILE, SealedError, read_claim};
use crate::vault::trust::Seen;
use crate::vault::{Inbox, Target, Vault};

/// Reads what stands in a vault.
pub struct Survey<'a> {
    vault: &'a Vault,
    manifest: &'a Manifest,
    seen: Option<&'a Seen>,
}

impl<'a> Survey<'a> {
    /// Starts a survey.
    pub fn new(vault: &'a Vault, manifest: &'a Manifest, seen: Option<&'a Seen>) -> Self {
        Self {
            vault,
            manifest,
            seen,
        }
    }

    /// Reads what can be seen without a key.
    pub fn actual(&self, chains: &Chains) -> Result<Actual, DiskError> {
        let inventory = self.vault.inventory()?;
        let mut actual = Actual {
            inbox: Inbox::list(self.vault, &inventory.inboxes),
            strays: inventory.strays,
            ..Actual::default()
        };
        for (folder, chain) in chains.all(self.vault) {
            match chain {
                Ok(chain) => {
                    for refused in chain.refused() {
                        let sentence =
                            format!("`{}` does not count: {}", refused.place, refused.why);
                        actual.refused.push(sentence);
                    }
                    actual.folders.insert(folder, chain);
                }
                Err(error) => drop(actual.broken.insert(folder, error.to_string())),
            }
        }
        for folder in inventory.keyed {
            let listed =
                actual.folders.contains_key(&folder) || actual.broken.contains_key(&folder);
            if !listed && let Err(error) = chains.of(self.vault, &folder) {
                actual.broken.insert(folder, error.to_string());
            }
        }
        let names: Vec<SecretName> = inventory.names.into_iter().collect();
        let claims = in_parallel(&names, |names| self.claims(names));
        for (name, claim) in names.into_iter().zip(claims) {
            if let Some(claim) = claim? {
                actual.files.insert(name, claim);
            }
        }
        Ok(actual)
    }

    fn claims(&self, names: &[SecretName]) -> Vec<Result<Option<Claim>, DiskError>> {
        let mut open: Option<(FolderName, Option<Dir>)> = None;
        let mut claim = |name: &SecretName| {
            let folder = name.folder();
            if open.as_ref().is_none_or(|(known, _)| *known != folder) {
                let dir = self.vault.folder(&folder)?;
                open = Some((folder, dir));
            }
            let dir = open.as_ref().and_then(|(_, dir)| dir.as_ref());
            let Some(dir) = dir else { return Ok(None) };
            let file = dir.read(Target::Sealed(name.clone()).file(), MAX_FILE as u64)?;
            Ok(file.map(|file| Claim {
                digest: Digest::of(&file),
                facts: read_claim(&file),
            }))
        };
        names.iter().map(&mut claim).collect()
    }

    /// Opens every file that is there, and compares it with its declaration and with what was given.
    pub fn findings(
        &self,
        actual: &Actual,
        keys: &FolderKeys,
        given: &BTreeMap<SecretName, SecretValue>,
    ) -> Findings {
        let names: Vec<&SecretName> = actual.files.keys().collect();
        let moves = self.manifest.moves();
        let found = in_parallel(&names, |names| {
            let mut opener = keys.opener(self.vault);
            let mut look = |name: &SecretName| match opener.open(name) {
                Ok(Some((value, _))) => {
                    let name = moves.get(name).copied().unwrap_or(name);
                    self.opened(name, value.get(), given.get(name))
                }
                Ok(None) => Finding::Refused("it has just gone".to_owned()),
                Err(OpenError::Stale { left }) => Finding::Stale {
                    left,
                    own: self.is_own(name),
                },
                Err(error) => Finding::Refused(sentence(&error)),
            };
            names.iter().map(|name| look(name)).collect()
        });
        let files = names.into_iter().cloned().zip(found).collect();
        Findings {
            identity: true,
            files,
            ..self.without_a_key(actual, given.keys().cloned().collect())
        }
    }

    /// What is known without opening a file.
    pub fn without_a_key(&self, actual: &Actual, given: BTreeSet<SecretName>) -> Findings {
        let marks = self.seen.into_iter().flat_map(|seen| {
            let mark = |name: &SecretName| Some((name.clone(), seen.revision(name)?));
            seen.names().filter_map(mark)
        });
        let gone = marks.filter(|(name, _)| !actual.files.contains_key(name));
        Findings {
            identity: false,
            files: BTreeMap::new(),
            gone: gone.collect(),
            given,
        }
    }

    fn opened(
        &self,
        name: &SecretName,
        value: &SecretValue,
        given: Option<&SecretValue>,
    ) -> Finding {
        Finding::Opened {
            fits: self.manifest.check(name, value),
            differs: given.is_some_and(|given| !given.same_as(value)),
        }
    }

    /// Whether this user's own state says that he sealed exactly this file.
    fn is_own(&self, name: &SecretName) -> bool {
        let file = self.vault.read(name).ok().flatten();
        let seen = self.seen.zip(file);
        seen.is_some_and(|(seen, file)| seen.is_own(name, &file))
    }
}

/// A folder whose keys are in question says so once, without its files' names.
fn sentence(error: &OpenError) -> String {
    match error {
        OpenError::Keys(KeysError::NoIdentity { readers }) => {
            format!("none of your keys opens it; {readers} can")
        }
        OpenError::Sealed(SealedError::UnknownKey(key)) => {
            format!("it was sealed under key {key}, which is not accepted for its folder")
        }
        error => error.to_string(),
    }
}
