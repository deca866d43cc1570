//! Opening a sops file: its key from the recipients it names, its values by its rule, and its MAC.
//! Nothing is handed out of a file whose MAC is missing or another one, unless that was asked for.
//! What a MAC of sops cannot show: who wrote the file, and whether it is the newest one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::domain::{Keyring, SecretValue};
use crate::input::{Found, Item};
use crate::sops::SopsError;
use crate::sops::document::Document;
use crate::sops::keys::{Recovered, recover};
use crate::sops::value::{Cipher, Kind, Plain};
use crate::sops::walk::{Leaf, Numbers, Walk};

/// What to do about the MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Go on without one, and say what is wrong with it.
    Skip,
    /// Refuse the file if it does not hold.
    Verify,
}

/// An opened file.
pub struct Opened<'d> {
    /// Every value, in the order of the file.
    pub leaves: Vec<Leaf<'d>>,
    /// The key, to seal more with.
    pub cipher: Cipher,
    /// Recipients that cannot be used here, or whose part is damaged.
    pub passed_over: Vec<String>,
    /// What is wrong with the MAC, if that was not to count.
    pub unverified: Option<SopsError>,
}

/// Names and values, and the names that stood there more than once.
#[derive(Debug, Default)]
pub struct Named {
    /// In the order of the file.
    pub items: Vec<Item>,
    /// Of these the last value counts.
    pub twice: Vec<String>,
}

/// Opens a file with one of the keys.
pub fn open<'d>(
    document: &'d Document,
    keyring: &Keyring,
    check: Check,
) -> Result<Opened<'d>, SopsError> {
    let metadata = &document.metadata;
    let Recovered {
        cipher,
        passed_over,
    } = recover(metadata, keyring)?;
    let walk = Walk::run(document, &cipher, Numbers::Whole)?;
    let mut unverified = walk.mac.verify(metadata, &cipher).err();
    let mut leaves = walk.leaves;
    if walk.ambiguous && matches!(unverified, Some(SopsError::Mac)) {
        let older = Walk::run(document, &cipher, Numbers::Floats)?;
        if older.mac.verify(metadata, &cipher).is_ok() {
            (leaves, unverified) = (older.leaves, None);
        }
    }
    match unverified {
        Some(error) if check == Check::Verify => Err(error),
        unverified => Ok(Opened {
            leaves,
            cipher,
            passed_over,
            unverified,
        }),
    }
}

impl Opened<'_> {
    /// Returns names and values; a list is one thing that no name leads into.
    pub fn named(self) -> Named {
        let mut named = Named::default();
        let mut known = HashMap::new();
        for leaf in self.leaves {
            let found = match leaf.plain {
                _ if leaf.in_list => Found::List,
                None => Found::Null,
                Some(plain) => Found::Value(plain.into_value()),
            };
            let path = leaf.path;
            match known.entry(path.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(named.items.len());
                    named.items.push(Item { path, found });
                }
                Entry::Occupied(entry) => {
                    if !leaf.in_list {
                        named.twice.push(path.join("."));
                    }
                    named.items[*entry.get()].found = found;
                }
            }
        }
        named
    }
}

impl Plain {
    /// Returns the value as other programs spell it: `true`, where a MAC has `True`.
    fn into_value(self) -> SecretValue {
        match self.kind {
            Kind::Bool => SecretValue::new(self.text.reveal().to_ascii_lowercase()),
            _ => self.text,
        }
    }
}
