//! Statements that another one takes the ground from: whoever signed them was dismissed on another
//! branch. A statement is never taken out by one that follows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::people::chain::Chain;

impl Chain {
    /// Takes out what was signed by somebody whom another statement dismisses. If two dismiss each
    /// other's signers, only what this user has accepted before decides.
    pub(super) fn drop_dismissed(&mut self, settled: Option<usize>) {
        let dismisses = |by: usize, whom: usize| {
            let signer = self.epochs[whom].statement.signer;
            let had = |&ancestor: &usize| self.epochs[ancestor].is_signer(&signer);
            !self.epochs[by].is_signer(&signer) && self.epochs[by].ancestors.iter().any(had)
        };
        let follows =
            |one: usize, other: usize| one == other || self.epochs[one].ancestors.contains(&other);
        let protected = |index: usize| settled.is_some_and(|settled| follows(settled, index));
        let mut dropped = BTreeSet::new();
        for whom in 0..self.epochs.len() {
            let dismissed = (0..self.epochs.len()).any(|by| {
                let apart = !follows(by, whom) && !follows(whom, by);
                let mutual = dismisses(whom, by);
                apart && dismisses(by, whom) && (!mutual || protected(by))
            });
            let follows_dropped = dropped.iter().any(|&gone| follows(whom, gone));
            if (dismissed || follows_dropped) && !protected(whom) {
                dropped.insert(whom);
            }
        }
        self.take_out(&dropped);
    }

    fn take_out(&mut self, dropped: &BTreeSet<usize>) {
        if dropped.is_empty() {
            return;
        }
        let renumber: BTreeMap<usize, usize> = (0..self.epochs.len())
            .filter(|index| !dropped.contains(index))
            .enumerate()
            .map(|(new, old)| (old, new))
            .collect();
        for (index, mut epoch) in std::mem::take(&mut self.epochs).into_iter().enumerate() {
            if dropped.contains(&index) {
                self.refuse(&epoch.dir, "another statement dismisses whoever signed it");
                continue;
            }
            epoch.ancestors = epoch.ancestors.iter().map(|old| renumber[old]).collect();
            self.epochs.push(epoch);
        }
    }
}
