//! What is about no single secret: signed files that do not count, folders whose keys are in question
//! or whose readers' keys do not go together, references that nothing declares, and what must hold of
//! several secrets together.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{FolderName, SecretName};
use crate::manifest::Origin;
use crate::plan::build::Builder;
use crate::plan::row::{Attention, Step};
use crate::plan::why::Why;

impl Builder<'_> {
    /// What is about no single secret.
    pub(super) fn around(&mut self) {
        let changes = self.folders.iter();
        let mixed = changes.filter_map(|change| {
            Some(Why::Mixed {
                folder: change.folder.clone(),
                mixed: change.after.mixed()?,
            })
        });
        let mut notes: Vec<Why> = mixed.collect();
        if self.wanted.keys.is_empty() {
            notes.extend(self.actual.refused.iter().cloned().map(Why::Refused));
            for (folder, why) in &self.actual.broken {
                notes.push(Why::Refused(format!("`{folder}`: {why}")));
            }
            for (folder, chain) in &self.actual.folders {
                if let Some(known) = chain.behind() {
                    notes.push(Why::Refused(format!(
                        "`{folder}` has an older key here than number {}, which you have accepted",
                        known.epoch
                    )));
                }
            }
            for stray in self
                .actual
                .strays
                .iter()
                .filter(|stray| stray.name.is_none())
            {
                let path = stray.path.display();
                notes.push(Why::Refused(format!("`vault/{path}` {}", stray.why)));
            }
            let keys: BTreeSet<&str> = self
                .manifest
                .declarations
                .keys()
                .chain(self.files.keys().copied())
                .map(SecretName::key)
                .collect();
            for (variable, paths) in &self.actual.references {
                if !keys.contains(&**variable) {
                    notes.push(Why::Undeclared {
                        variable: variable.clone(),
                        paths: paths.clone(),
                    });
                }
            }
            notes.extend(self.requirements());
        }
        let notes = notes.into_iter().map(|why| Attention { name: None, why });
        self.attention.extend(notes);
        self.inbox();
    }

    /// What waits to be accepted.
    fn inbox(&mut self) {
        let inbox = &self.actual.inbox;
        let mut waiting: BTreeMap<&SecretName, usize> = BTreeMap::new();
        for submitted in &inbox.waiting {
            *waiting.entry(submitted.name()).or_default() += 1;
        }
        for (name, count) in waiting {
            if self.wanted.takes(name) {
                self.attention.push(Attention {
                    name: Some(name.clone()),
                    why: Why::Submitted { count },
                });
            }
        }
        if !self.wanted.keys.is_empty() {
            return;
        }
        let strays = inbox.strays.iter();
        let mut notes: Vec<_> = strays
            .map(|(path, why)| format!("`{path}` {why}"))
            .collect();
        if inbox.more > 0 {
            notes.push(format!(
                "{} more files are in an inbox, and not looked at",
                inbox.more
            ));
        }
        let notes = notes.into_iter().map(|note| Attention {
            name: None,
            why: Why::StrayInbox(note),
        });
        self.attention.extend(notes);
    }

    fn requirements(&self) -> Vec<Why> {
        let rows = self.rows.iter();
        let comes: BTreeSet<&SecretName> = rows
            .clone()
            .map(|row| &row.name)
            .chain(&self.halves)
            .collect();
        let goes: BTreeSet<&SecretName> = rows
            .filter_map(|row| match &row.step {
                Step::Move { from } => Some(from),
                Step::Remove => Some(&row.name),
                _ => None,
            })
            .collect();
        let there = |name: &SecretName| {
            let other = self
                .manifest
                .declarations
                .get(name)
                .is_some_and(|declaration| {
                    matches!(declaration.origin, Origin::Compose(_) | Origin::Default(_))
                });
            let sealed = self.actual.files.contains_key(name) || comes.contains(name);
            other || (sealed && !goes.contains(name))
        };
        let mut broken = Vec::new();
        for requirement in &self.manifest.requirements {
            let profiles: Vec<Option<&FolderName>> = match &requirement.profiles[..] {
                [] => vec![None],
                profiles => profiles.iter().map(Some).collect(),
            };
            for profile in profiles {
                let folders = self.manifest.visible(profile);
                let has = |key: &&String| {
                    let mut names = folders
                        .iter()
                        .filter_map(|folder| SecretName::within(folder, key).ok());
                    names.any(|name| there(&name))
                };
                let found = requirement.keys.iter().filter(has).count();
                if !requirement.holds(found) {
                    broken.push(Why::Unmet {
                        rule: requirement.rule,
                        keys: requirement.keys.clone(),
                        profile: profile.cloned(),
                        found,
                    });
                }
            }
        }
        broken
    }
}
