//! age's labels of public keys: all keys that one file is sealed to must have the same ones, so that a
//! file for post-quantum keys is not at the mercy of a classic one. Says in one sentence whose keys
//! do not go together, wherever that is found out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use crate::domain::Addressee;

/// The label of keys that a quantum computer does not open (age.md, "Labels").
const POST_QUANTUM: &str = "postquantum";

/// The labels of a key. Most have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(BTreeSet<String>);

impl Labels {
    /// The labels of a post-quantum key.
    pub fn post_quantum() -> Self {
        Self(BTreeSet::from([POST_QUANTUM.to_owned()]))
    }
}

impl From<HashSet<String>> for Labels {
    fn from(labels: HashSet<String>) -> Self {
        Self(labels.into_iter().collect())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self.0.iter().map(String::as_str).collect();
        match labels[..] {
            [] => f.write_str("classic"),
            [POST_QUANTUM] => f.write_str("post-quantum"),
            _ => write!(f, "labelled `{}`", labels.join(" ")),
        }
    }
}

/// People whose keys cannot share a file, and of what kind each is.
///
/// Invariant: there are two kinds at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixed(BTreeMap<Labels, BTreeSet<String>>);

impl Mixed {
    /// Finds out whether keys go together; those whose labels are not known go with all.
    pub fn among<'r>(
        keys: impl IntoIterator<Item = (Addressee<'r>, Option<Labels>)>,
    ) -> Option<Self> {
        let mut kinds: BTreeMap<Labels, BTreeSet<String>> = BTreeMap::new();
        for (addressee, labels) in keys {
            if let Some(labels) = labels {
                kinds.entry(labels).or_default().insert(addressee.whose());
            }
        }
        (kinds.len() > 1).then_some(Self(kinds))
    }
}

impl fmt::Display for Mixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.0.iter().map(|(labels, people)| {
            let people: Vec<_> = people.iter().map(String::as_str).collect();
            format!("{} ({labels})", people.join(", "))
        });
        let kinds: Vec<_> = kinds.collect();
        write!(f, "these keys cannot share a file: {}", kinds.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ReaderName, Recipient};

    #[test]
    fn who_is_which_is_named() {
        let key = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
        let key = Recipient::parse(key).unwrap();
        let names = ["alice", "bob", "carol", "dave"].map(|name| ReaderName::parse(name).unwrap());
        let of = |who: usize| Addressee {
            name: Some(&names[who]),
            recipient: &key,
        };
        let classic = || Some(Labels::default());
        assert_eq!(Mixed::among([(of(0), classic()), (of(1), None)]), None);
        let odd = Labels::from(HashSet::from(["x".to_owned(), "a".to_owned()]));
        let mixed = Mixed::among([
            (of(0), classic()),
            (of(2), Some(Labels::post_quantum())),
            (of(1), classic()),
            (of(3), Some(odd)),
        ]);
        assert_eq!(
            mixed.unwrap().to_string(),
            "these keys cannot share a file: alice, bob (classic); dave (labelled `a x`); \
             carol (post-quantum)"
        );
    }
}
