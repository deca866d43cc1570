//! Who has seen a value and may not any more: the readers of every key the value was ever sealed
//! under, those admitted included, without the current readers. Exact, and found without a key and
//! without a clock, because a sealed file carries the trail of its value.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{ReaderName, Readers};
use crate::people::chain::Chain;
use crate::people::chains::Chains;
use crate::sealed::Trail;

/// Whom a value is exposed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Those who are no reader any more.
    pub left: BTreeSet<ReaderName>,
    /// Readers who had another key, which opened the value and is no reader's any more.
    pub former_keys: BTreeSet<ReaderName>,
    /// Whether a key of the trail is none that counts, so that others may have seen the value.
    pub unknown: bool,
}

impl Exposure {
    /// Finds whom a value is exposed to, given its trail and who reads it now.
    pub fn of(chains: &[Arc<Chain>], trail: &Trail, readers: &Readers) -> Self {
        let mut exposure = Self::default();
        for key in trail.ids() {
            let Some(epoch) = Chains::epoch(chains, *key) else {
                exposure.unknown = true;
                continue;
            };
            for held in epoch.readers.iter() {
                let now = readers.iter().find(|reader| reader.name == held.name);
                match now {
                    None => drop(exposure.left.insert(held.name.clone())),
                    Some(now) => {
                        let same = |key| now.recipients.contains(key);
                        if !held.recipients.iter().all(same) {
                            exposure.former_keys.insert(held.name.clone());
                        }
                    }
                }
            }
        }
        exposure
    }

    /// Says whether nobody has seen the value who may not now.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the names of those it is exposed to.
    pub fn who(&self) -> impl Iterator<Item = &ReaderName> {
        self.left.iter().chain(&self.former_keys)
    }
}
