//! Whether a file is sealed anew with the same value: its folder gets another key or other readers, it
//! stands under an earlier key, or not all readers open it with plain `age`.

use std::collections::BTreeSet;

use crate::domain::{ReaderName, Readers, SecretName};
use crate::plan::Finding;
use crate::plan::build::Builder;
use crate::plan::people::{FolderChange, change_of};
use crate::plan::row::{Extent, Step};
use crate::plan::why::Why;
use crate::sealed::Facts;

impl Builder<'_> {
    /// Who reads a secret once the plan is carried out.
    pub(super) fn readers_after(&self, name: &SecretName) -> Option<Readers> {
        if let Some(change) = self.change_of(name) {
            return Some(change.after.clone());
        }
        let chain = self
            .actual
            .folders
            .get(&self.actual.keyed(&name.folder()))?;
        Some(chain.head().ok()?.readers.clone())
    }

    fn change_of(&self, name: &SecretName) -> Option<&FolderChange> {
        change_of(&self.folders, self.actual, &name.folder())
    }

    /// Whether a file is sealed anew with the same value; says so.
    pub(super) fn reseals(
        &mut self,
        name: &SecretName,
        facts: &Facts,
        stanzas: usize,
        finding: Option<&Finding>,
    ) -> bool {
        let why = match (self.change_of(name), finding) {
            (_, Some(Finding::Stale { left, own: false })) => {
                Some(Why::StaleTaken { left: left.clone() })
            }
            (Some(change), _) => Some(Why::Key {
                joining: [&change.difference.joining[..], &change.difference.more_keys].concat(),
                leaving: [
                    &change.difference.leaving[..],
                    &change.difference.fewer_keys,
                ]
                .concat(),
            }),
            (None, _) => self.under_another_key(name, facts, stanzas),
        };
        let Some(why) = why else { return false };
        let extent = self.extent(name, facts, stanzas);
        self.row(name, Step::Reseal(extent), why);
        true
    }

    fn extent(&self, name: &SecretName, facts: &Facts, stanzas: usize) -> Extent {
        let change = self.change_of(name);
        let keyed = self.actual.folders.get(&self.actual.keyed(&name.folder()));
        let head = keyed.and_then(|chain| chain.head().ok());
        let under_head = head.is_some_and(|head| head.statement.key == facts.trail.last());
        match change {
            _ if !under_head => Extent::Whole,
            Some(change) if change.renews() => Extent::Whole,
            // Recipients have no names in a file; so many can only be exactly these. What goes with
            // keys that are all plugins' own, only sealing to all of them shows.
            Some(change)
                if stanzas == change.before.recipients().count()
                    && change.before.recipients().any(|key| key.labels().is_some()) =>
            {
                Extent::Adds
            }
            _ => Extent::Rewraps,
        }
    }

    fn under_another_key(&self, name: &SecretName, facts: &Facts, stanzas: usize) -> Option<Why> {
        let chain = self
            .actual
            .folders
            .get(&self.actual.keyed(&name.folder()))?;
        let head = chain.head().ok()?;
        if facts.trail.last() != head.statement.key {
            let epoch = chain.epoch(facts.trail.last());
            let had: BTreeSet<ReaderName> = epoch
                .iter()
                .flat_map(|epoch| epoch.readers.iter())
                .map(|reader| reader.name.clone())
                .collect();
            let now: BTreeSet<ReaderName> = head
                .readers
                .iter()
                .map(|reader| reader.name.clone())
                .collect();
            return Some(Why::Key {
                joining: now.difference(&had).cloned().collect(),
                leaving: had.difference(&now).cloned().collect(),
            });
        }
        let expected = head.readers.recipients().count();
        (stanzas != expected).then_some(Why::Stanzas {
            found: stanzas,
            expected,
        })
    }
}
