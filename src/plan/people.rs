//! Who will read each folder: the readers of the accepted key against what manifest and recipient
//! files ask for, and whether that takes a new key.

use std::collections::BTreeMap;

use crate::domain::{FolderName, Readers};
use crate::people::Difference;
use crate::people::change::{Change, Kind};
use crate::plan::{Actual, NewKey, Wanted};

/// A change of who reads a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderChange {
    /// The folder.
    pub folder: FolderName,
    /// Who reads it now.
    pub before: Readers,
    /// Who will.
    pub after: Readers,
    /// How they differ.
    pub difference: Difference,
    /// How it is done.
    pub kind: Kind,
    /// How many secrets it is about.
    pub secrets: usize,
}

impl FolderChange {
    /// Says whether somebody gets what he has not had.
    pub fn gives(&self) -> bool {
        self.difference.gives()
    }

    /// Says whether every file of the folder is sealed under another key.
    pub fn renews(&self) -> bool {
        self.kind != Kind::Admit
    }

    /// Returns what makes it so.
    pub fn change(&self) -> Change {
        Change {
            folder: self.folder.clone(),
            readers: self.after.clone(),
            kind: self.kind,
        }
    }
}

/// Finds the changes, sorted by folder.
pub fn changes(
    desired: &BTreeMap<FolderName, Readers>,
    actual: &Actual,
    wanted: &Wanted,
) -> Vec<FolderChange> {
    let mut changes: BTreeMap<FolderName, FolderChange> = BTreeMap::new();
    let asked = |folder: &FolderName| {
        let mut upwards = folder.ancestry().into_iter().rev();
        upwards.find_map(|part| desired.get(&part))
    };
    for (folder, chain) in &actual.folders {
        if !wanted.takes_folder(folder) {
            continue;
        }
        let Some(after) = asked(folder) else { continue };
        let head = chain.head();
        let split = head.is_err();
        let first = chain
            .leaves()
            .next()
            .expect("a chain has a first statement");
        let before = head.map_or(&first.readers, |head| &head.readers);
        let difference = Difference::between(before, after);
        let renew = split
            || difference.takes_away(before)
            || wanted.new_key == NewKey::Always
            || (wanted.new_key == NewKey::WithEveryChange && difference.gives());
        if difference.is_empty() && !renew {
            continue;
        }
        let kind = if renew { Kind::NewKey } else { Kind::Admit };
        let change = FolderChange {
            folder: folder.clone(),
            before: before.clone(),
            after: after.clone(),
            difference,
            kind,
            secrets: 0,
        };
        changes.insert(folder.clone(), change);
    }
    for (folder, after) in desired {
        let known = actual.folders.contains_key(folder) || actual.broken.contains_key(folder);
        if known || !wanted.takes_folder(folder) {
            continue;
        }
        let enclosing = actual.keyed(folder);
        let Some(chain) = actual.folders.get(&enclosing) else {
            continue;
        };
        let Ok(head) = chain.head() else { continue };
        let before = head.readers.clone();
        changes.insert(
            folder.clone(),
            FolderChange {
                folder: folder.clone(),
                difference: Difference::between(&before, after),
                before: before.clone(),
                after: after.clone(),
                kind: Kind::Carve,
                secrets: 0,
            },
        );
        // The statement of the folder that holds it has to name it.
        let holding = changes
            .entry(enclosing.clone())
            .or_insert_with(|| FolderChange {
                folder: enclosing.clone(),
                difference: Difference::default(),
                before: before.clone(),
                after: before,
                kind: Kind::NewKey,
                secrets: 0,
            });
        holding.kind = Kind::NewKey;
    }
    let mut changes: Vec<FolderChange> = changes.into_values().collect();
    for name in actual.files.keys() {
        if let Some(at) = covering(&changes, actual, &name.folder()) {
            changes[at].secrets += 1;
        }
    }
    changes
}

/// Finds the change that a folder is part of: its own, or that of the folder whose keys it has.
pub fn change_of<'a>(
    changes: &'a [FolderChange],
    actual: &Actual,
    folder: &FolderName,
) -> Option<&'a FolderChange> {
    covering(changes, actual, folder).map(|at| &changes[at])
}

fn covering(changes: &[FolderChange], actual: &Actual, folder: &FolderName) -> Option<usize> {
    for part in folder.ancestry().iter().rev() {
        let found = changes.binary_search_by(|change| change.folder.cmp(part));
        // One that has keys of its own and does not change keeps to itself.
        if found.is_ok() || actual.folders.contains_key(part) {
            return found.ok();
        }
    }
    None
}
