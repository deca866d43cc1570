//! Every sealed file against what it should be: its folder's key, its name, its readers, and what this
//! user has seen. Reads and opens; changes nothing, and keeps no value.

use std::collections::{BTreeMap, BTreeSet};

use crate::disk::DiskError;
use crate::domain::{FolderName, SecretName};
use crate::manifest::Manifest;
use crate::people::{FolderKeys, KeysError, OpenError};
use crate::sealed::read_claim;
use crate::vault::Vault;
use crate::vault::trust::Seen;

/// What is to be said of a file.
#[derive(Debug)]
pub enum Verdict {
    /// It opens, and is to be sealed anew, for this reason.
    Drift(String),
    /// No identity opens it: these can.
    Locked(String),
    /// It is as it should be, in this revision.
    Sound(u64),
    /// It is not to be trusted.
    Untrusted(String),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Of each secret.
    pub files: BTreeMap<SecretName, Verdict>,
    /// What is not to be trusted, and is no secret.
    pub around: Vec<String>,
    /// What is wrong with earlier versions.
    pub past: Vec<String>,
    /// What is worth knowing, and nothing is wrong with.
    pub notes: Vec<String>,
}

impl Report {
    /// Says whether something is not to be trusted.
    pub fn is_untrusted(&self) -> bool {
        let mut files = self.files.values();
        let whole = self.around.is_empty() && self.past.is_empty();
        !whole || files.any(|verdict| matches!(verdict, Verdict::Untrusted(_)))
    }

    /// Says whether something is to be sealed anew.
    pub fn drifts(&self) -> bool {
        let mut files = self.files.values();
        files.any(|verdict| matches!(verdict, Verdict::Drift(_)))
    }

    /// Says whether something could not be opened.
    pub fn is_partial(&self) -> bool {
        let mut files = self.files.values();
        files.any(|verdict| matches!(verdict, Verdict::Locked(_)))
    }
}

/// Verifies the files that `takes` takes, and the keys of all folders.
pub fn verify(
    vault: &Vault,
    manifest: &Manifest,
    keys: &FolderKeys,
    seen: Option<&Seen>,
    takes: impl Fn(&SecretName) -> bool,
) -> Result<Report, DiskError> {
    let inventory = vault.inventory()?;
    let mut report = Report::default();
    folders(vault, keys, &inventory.keyed, &mut report);
    for stray in inventory.strays {
        match stray.name.filter(|name| takes(name)) {
            Some(name) => {
                let why = format!("`vault/{}` {}", stray.path.display(), stray.why);
                report.files.insert(name, Verdict::Untrusted(why));
            }
            None => report
                .around
                .push(format!("`vault/{}` {}", stray.path.display(), stray.why)),
        }
    }
    let mut opener = keys.opener(vault);
    for name in inventory.names.into_iter().filter(&takes) {
        let verdict = match opener.open(&name) {
            Ok(Some((_, facts))) => match drift(vault, keys, &name)? {
                Some(why) => Verdict::Drift(why),
                None => Verdict::Sound(facts.revision),
            },
            Ok(None) => continue,
            Err(OpenError::Keys(KeysError::NoIdentity { readers })) => Verdict::Locked(readers),
            Err(error) => Verdict::Untrusted(error.to_string()),
        };
        report.files.insert(name, verdict);
    }
    let expected = |name: &&SecretName| {
        let moved = manifest.moved.iter().any(|moved| moved.from == **name);
        takes(name) && !moved && !manifest.removed.contains(name)
    };
    for name in seen.into_iter().flat_map(Seen::names).filter(expected) {
        if report.files.contains_key(name) {
            continue;
        }
        if let Some(how) = keys.gone(name) {
            let why = format!("it is gone; {how}");
            report.files.insert(name.clone(), Verdict::Untrusted(why));
        }
    }
    Ok(report)
}

/// What is wrong with the keys of folders.
fn folders(vault: &Vault, keys: &FolderKeys, keyed: &BTreeSet<FolderName>, report: &mut Report) {
    let mut listed = BTreeSet::new();
    for (folder, chain) in keys.chains().all(vault) {
        listed.insert(folder.clone());
        let chain = match chain.and_then(|_| keys.chain(vault, &folder)) {
            Ok(chain) => chain,
            Err(error) => {
                report.around.push(format!("`{folder}`: {error}"));
                continue;
            }
        };
        for refused in chain.refused() {
            let sentence = format!("`{}` does not count: {}", refused.place, refused.why);
            report.around.push(sentence);
        }
        match (chain.behind(), chain.head()) {
            (Some(known), _) => report.notes.push(format!(
                "`{folder}` has an older key here than number {}, which you have accepted",
                known.epoch
            )),
            (None, Err(error)) => report.around.push(format!("`{folder}`: {error}")),
            (None, Ok(_)) => {}
        }
    }
    for folder in keyed.difference(&listed) {
        if let Err(error) = keys.chain(vault, folder) {
            report.around.push(format!("`{folder}`: {error}"));
        }
    }
}

/// Why a file that opens is to be sealed anew, if it is.
fn drift(vault: &Vault, keys: &FolderKeys, name: &SecretName) -> Result<Option<String>, DiskError> {
    let chain = keys.chain(vault, &name.folder()).ok();
    // On an older branch, or with two heads, nothing can be sealed anew.
    let chain = chain.filter(|chain| chain.behind().is_none());
    let Some(head) = chain.as_ref().and_then(|chain| chain.head().ok()) else {
        return Ok(None);
    };
    let Some(Ok((facts, stanzas))) = vault.read(name)?.map(|file| read_claim(&file)) else {
        return Ok(None);
    };
    if facts.trail.last() != head.statement.key {
        return Ok(Some("it is sealed under an earlier key".to_owned()));
    }
    let expected = head.readers.recipients().count();
    Ok((stanzas != expected)
        .then(|| format!("it is sealed for {stanzas} keys, and its readers have {expected}")))
}
