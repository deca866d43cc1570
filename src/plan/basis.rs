//! What a plan was made from: digests of every sealed file and of who reads each folder. A plan that
//! finds another basis is stale, and what has changed is named.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{FolderName, Readers, SecretName};
use crate::people::Digest;
use crate::plan::Actual;

/// What a plan was made from. If any of it changes, the plan is stale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// The digest of every sealed file.
    pub files: BTreeMap<SecretName, Digest>,
    /// The keys of each folder that none follows, and the digest of who reads.
    pub folders: BTreeMap<FolderName, Digest>,
}

impl Basis {
    /// Returns what a plan would be made from.
    pub fn of(actual: &Actual) -> Self {
        let files = actual.files.iter();
        let folders = actual.folders.iter().map(|(folder, chain)| {
            let leaves = chain.leaves();
            let text: String = leaves
                .map(|leaf| format!("{}\n{}", leaf.digest, readers_text(&leaf.readers)))
                .collect();
            (folder.clone(), Digest::of(text.as_bytes()))
        });
        Self {
            files: files
                .map(|(name, claim)| (name.clone(), claim.digest))
                .collect(),
            folders: folders.collect(),
        }
    }

    /// Names what is different in another one, made later.
    pub fn changes_to(&self, now: &Self) -> Vec<String> {
        let mut changed = Vec::new();
        let names: BTreeSet<_> = self.files.keys().chain(now.files.keys()).collect();
        for name in names {
            match (self.files.get(name), now.files.get(name)) {
                (Some(then), Some(now)) if then == now => {}
                (Some(_), Some(_)) => changed.push(format!("`{name}` was changed")),
                (None, _) => changed.push(format!("`{name}` is new")),
                (_, None) => changed.push(format!("`{name}` is gone")),
            }
        }
        let folders: BTreeSet<_> = self.folders.keys().chain(now.folders.keys()).collect();
        for folder in folders {
            if self.folders.get(folder) != now.folders.get(folder) {
                changed.push(format!("the key or the readers of `{folder}` were changed"));
            }
        }
        changed
    }
}

/// The canonical text of a set of readers.
pub(super) fn readers_text(readers: &Readers) -> String {
    let mut text = String::new();
    for reader in readers.iter() {
        let signing = reader.signing.map(|key| key.text()).unwrap_or_default();
        text.push_str(&format!("{} {signing}\n", reader.name));
        for key in &reader.recipients {
            text.push_str(&format!("  {}\n", key.text()));
        }
    }
    text
}
