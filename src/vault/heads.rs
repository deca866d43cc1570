//! Which folder keys this user has accepted, in his own state folder: per folder the number and the
//! id of the key, the digest of its statement and who held it. A key that is older than the accepted
//! one is an older branch, or somebody took the newer one away. Lines that are none say nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::disk::{Dir, DiskError};
use crate::domain::{FolderName, VaultId};
use crate::sealed::KeyId;
use crate::vault::KeyDir;
use crate::vault::trust::{trust_file, vault_state};

/// The file with the accepted heads of a vault.
const HEADS: &str = "heads";

/// The longest list of heads that is read, in bytes (16 MiB).
const MAX_HEADS: u64 = 16 * 1024 * 1024;

/// A folder's key that this user has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHead {
    /// Counts the folder's keys, from 1.
    pub epoch: u32,
    /// The key.
    pub key: KeyId,
    // The first 8 bytes of SHA-256 of each reader's public keys, in hexadecimal.
    holders: BTreeSet<String>,
}

impl KnownHead {
    /// Makes the record of a key and of the public keys of those who hold it.
    pub fn new<'a>(epoch: u32, key: KeyId, recipients: impl Iterator<Item = &'a str>) -> Self {
        Self {
            epoch,
            key,
            holders: recipients.map(short).collect(),
        }
    }

    /// Says whether the owner of a public key held it.
    pub fn holds(&self, recipient: &str) -> bool {
        self.holders.contains(&short(recipient))
    }

    /// Returns the directory of the key.
    pub fn dir(&self) -> KeyDir {
        KeyDir::new(self.epoch, self.key.as_str()).expect("it was read from a directory's name")
    }
}

/// The heads this user has accepted.
#[derive(Debug)]
pub struct Heads {
    path: PathBuf,
    heads: BTreeMap<FolderName, KnownHead>,
    trusted: bool,
}

impl Heads {
    /// Reads the heads of a vault.
    pub fn load(state: &Path, id: &VaultId) -> Result<Self, DiskError> {
        let folder = vault_state(state, id);
        let bytes = if folder.is_dir() {
            Dir::open(&folder)?.read(HEADS, MAX_HEADS)?
        } else {
            None
        };
        let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
        Ok(Self {
            trusted: trust_file(state, id).is_file(),
            path: folder.join(HEADS),
            heads: text.lines().filter_map(parse).collect(),
        })
    }

    /// Returns the accepted head of a folder.
    pub fn of(&self, folder: &FolderName) -> Option<&KnownHead> {
        self.heads.get(folder)
    }

    /// Says whether the user has said that he trusts the vault.
    pub fn trusts_vault(&self) -> bool {
        self.trusted
    }

    /// Returns the folders that have keys of their own, as this user knows.
    pub fn folders(&self) -> impl Iterator<Item = &FolderName> {
        self.heads.keys()
    }

    /// Records a head; says whether that is news.
    pub fn accept(&mut self, folder: &FolderName, head: KnownHead) -> bool {
        let news = self.heads.get(folder) != Some(&head);
        self.heads.insert(folder.clone(), head);
        news
    }

    /// Forgets the head of a folder; says whether there was one.
    pub fn forget(&mut self, folder: &FolderName) -> bool {
        self.heads.remove(folder).is_some()
    }

    /// Returns what to write where.
    pub fn text(&self) -> (&Path, String) {
        let lines = self.heads.iter().map(|(folder, head)| {
            let holders: Vec<_> = head.holders.iter().map(String::as_str).collect();
            format!("{folder} {} {}\n", head.dir(), holders.join(","))
        });
        (&self.path, lines.collect())
    }
}

fn parse(line: &str) -> Option<(FolderName, KnownHead)> {
    let mut words = line.split(' ');
    let folder = FolderName::parse(words.next()?).ok()?;
    let dir = KeyDir::parse(words.next()?)?;
    let holders = words.next()?.split(',').map(str::to_owned).collect();
    let head = KnownHead {
        epoch: dir.epoch(),
        key: KeyId::parse(dir.key_id())?,
        holders,
    };
    Some((folder, head))
}

fn short(recipient: &str) -> String {
    let digest = Sha256::digest(recipient.as_bytes());
    let bytes = digest[..8].iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use super::*;

    #[test]
    fn accepted_heads_are_remembered() {
        let state = tempfile::tempdir().unwrap();
        let id = VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap();
        let folder = FolderName::parse("prod/eu").unwrap();
        let key = KeyId::parse("abcdefghijklmnopqrst").unwrap();
        let head = KnownHead::new(3, key, ["age1alice", "ssh-ed25519 AAAA"].into_iter());

        let mut heads = Heads::load(state.path(), &id).unwrap();
        assert!(heads.accept(&folder, head.clone()));
        assert!(!heads.accept(&folder, head.clone()));
        let (path, text) = heads.text();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("no head\n{text}prod 3-x y\n")).unwrap();

        let heads = Heads::load(state.path(), &id).unwrap();
        assert_eq!(heads.of(&folder), Some(&head));
        assert_eq!(heads.folders().count(), 1);
        assert!(head.holds("ssh-ed25519 AAAA") && !head.holds("age1bob"));
        let mut heads = heads;
        assert!(heads.forget(&folder) && !heads.forget(&folder));
        assert_eq!(heads.of(&folder), None);
    }
}
