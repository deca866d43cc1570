//! What is on a branch, as a model of values and keys, and what must come of a secret that two branches
//! changed. It reads no file and runs no program.

use std::collections::{BTreeMap, BTreeSet};

/// A secret on a branch: its value's number, and the key it is sealed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub value: usize,
    pub epoch: usize,
}

/// A folder key: whose readers are these, and who was let in to it later.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// 0 for the vault's, 1 for those of `prod`.
    pub chain: usize,
    pub readers: BTreeSet<&'static str>,
    pub parent: Option<usize>,
}

/// What is on a branch.
#[derive(Clone, Debug)]
pub struct Branch {
    pub held: BTreeMap<String, Held>,
    /// The keys that its statements make known.
    pub epochs: BTreeMap<usize, Epoch>,
    /// The head of each chain, unless two branches made one each.
    pub heads: [Option<usize>; 2],
    pub members: BTreeSet<&'static str>,
}

impl Branch {
    /// What is known of both branches while they are merged.
    pub fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for (id, epoch) in &other.epochs {
            let known = joined.epochs.entry(*id).or_insert_with(|| epoch.clone());
            known.readers.extend(&epoch.readers);
        }
        for chain in 0..2 {
            let (one, two) = (self.heads[chain].unwrap(), other.heads[chain].unwrap());
            let readers = |id: usize| &joined.epochs[&id].readers;
            let less =
                |one, two| readers(one).is_subset(readers(two)) && readers(one) != readers(two);
            joined.heads[chain] = match () {
                () if one == two || joined.epochs[&one].parent == Some(two) => Some(one),
                () if joined.epochs[&two].parent == Some(one) => Some(two),
                () if less(one, two) => Some(one),
                () if less(two, one) => Some(two),
                () => None,
            };
        }
        joined
    }

    /// Says whether somebody can have made it who does not read any more; `None` if that is not known.
    pub fn is_stale(&self, held: &Held) -> Option<bool> {
        let epoch = self.epochs.get(&held.epoch)?;
        let head = self.heads[epoch.chain]?;
        Some(!epoch.readers.is_subset(&self.epochs[&head].readers))
    }
}

/// What must come of a secret.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    Absent,
    /// Both values in one sealed file, and a conflict.
    Both(usize, usize),
    /// Exactly this file, and a conflict.
    Kept(String),
    /// A file with this value.
    Sealed(usize),
    /// Exactly this file.
    Taken(String),
}

/// What the driver makes of two files that both changed.
pub fn decide(view: &Branch, base: Option<&Held>, ours: &Held, theirs: &Held) -> Option<Expected> {
    let stale = [view.is_stale(ours)?, view.is_stale(theirs)?];
    let is_base = |held: &Held| base.is_some_and(|base| base.value == held.value);
    match () {
        () if ours.value == theirs.value => Some(Expected::Sealed(ours.value)),
        () if is_base(ours) => (!stale[1]).then_some(Expected::Sealed(theirs.value)),
        () if is_base(theirs) => (!stale[0]).then_some(Expected::Sealed(ours.value)),
        () if stale[0] || stale[1] => None,
        () => Some(Expected::Both(ours.value, theirs.value)),
    }
}
