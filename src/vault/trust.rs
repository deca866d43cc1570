//! What this user has accepted, in his own state folder, where nobody who writes to a repository can
//! reach it: the home at this path is this vault. Another id at a known path is somebody else's
//! vault until a person says otherwise. Reading commands only compare; the user's own writes record.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::disk::{Dir, DiskError, Kind};
use crate::domain::{SecretName, VaultId};

/// The folder, in the state folder, with one file a home.
const HOMES: &str = "homes";

/// The longest record, in bytes.
const MAX_RECORD: u64 = 8 * 1024;

/// Another vault stands where this user has worked with a known one.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The id differs from what was recorded.
    #[error("this home held vault {known}; now it says {found}")]
    AnotherVault {
        /// The id that was recorded.
        known: VaultId,
        /// The id in the manifest.
        found: VaultId,
        /// The record.
        record: PathBuf,
    },
    /// The record could not be read.
    #[error(transparent)]
    Read(#[from] DiskError),
}

/// The user's record of one home.
#[derive(Debug)]
pub struct HomeRecord {
    path: PathBuf,
    home: PathBuf,
    known: Option<VaultId>,
}

impl HomeRecord {
    /// Reads what is recorded of a home. A record that is missing or unreadable text says nothing.
    pub fn load(state: &Path, home: &Path) -> Result<Self, DiskError> {
        let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
        let digest = Sha256::digest(home.as_os_str().as_bytes());
        let name: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let folder = state.join(HOMES);
        let bytes = if folder.is_dir() {
            Dir::open(&folder)?.read(&name, MAX_RECORD)?
        } else {
            None
        };
        let known = bytes.and_then(|bytes| {
            VaultId::parse(std::str::from_utf8(&bytes).ok()?.lines().next()?).ok()
        });
        Ok(Self {
            path: folder.join(name),
            home,
            known,
        })
    }

    /// Compares a vault's id with the record.
    pub fn check(&self, found: &VaultId) -> Result<(), TrustError> {
        match &self.known {
            Some(known) if known != found => Err(TrustError::AnotherVault {
                known: known.clone(),
                found: found.clone(),
                record: self.path.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Returns what to write where so that the home is known; `None` if it is.
    pub fn update(&self, id: &VaultId) -> Option<(&Path, String)> {
        if self.known.as_ref() == Some(id) {
            return None;
        }
        Some((&self.path, format!("{id}\n{}\n", self.home.display())))
    }
}

/// Returns every home that this user has worked in, with the vault it held.
pub fn known_homes(state: &Path) -> Result<Vec<(VaultId, PathBuf)>, DiskError> {
    let folder = state.join(HOMES);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let folder = Dir::open(&folder)?;
    let mut homes = Vec::new();
    for entry in folder.entries()? {
        let bytes = match entry.kind {
            Kind::File => folder.read(&entry.name, MAX_RECORD)?.unwrap_or_default(),
            _ => continue,
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let id = lines.next().and_then(|id| VaultId::parse(id).ok());
        homes.extend(id.zip(lines.next().map(PathBuf::from)));
    }
    homes.sort();
    Ok(homes)
}

/// Returns the vaults of which this user's state says anything.
pub fn known_vaults(state: &Path) -> Result<BTreeSet<VaultId>, DiskError> {
    let mut vaults: BTreeSet<_> = known_homes(state)?.into_iter().map(|(id, _)| id).collect();
    let folder = state.join(VAULTS);
    if folder.is_dir() {
        let entries = Dir::open(&folder)?.entries()?.into_iter();
        vaults.extend(entries.filter_map(|entry| VaultId::parse(entry.name.to_str()?).ok()));
    }
    Ok(vaults)
}

/// The folder, in the state folder, with one folder a vault.
const VAULTS: &str = "vaults";

/// The file that says that the user trusts a vault.
const TRUSTED: &str = "trusted";

/// Returns the folder with what the user's state says about a vault.
pub fn vault_state(state: &Path, id: &VaultId) -> PathBuf {
    state.join(VAULTS).join(id.as_str())
}

/// Returns the file whose being there says that the user trusts a vault.
pub fn trust_file(state: &Path, id: &VaultId) -> PathBuf {
    vault_state(state, id).join(TRUSTED)
}

/// The file with the marks of a vault.
const SEEN: &str = "seen";

/// The longest list of marks that is read, in bytes (64 MiB: over 250,000 names of full length).
const MAX_SEEN: u64 = 64 * 1024 * 1024;

/// The highest revision this user has seen of each name of a vault, and which file he sealed himself.
/// A name with a mark is one that was sealed; if its file is gone, somebody removed it.
#[derive(Debug)]
pub struct Seen {
    path: PathBuf,
    marks: BTreeMap<SecretName, Mark>,
}

#[derive(Debug)]
struct Mark {
    revision: u64,
    last: Last,
}

/// What is known of the revision that was seen last.
#[derive(Debug)]
enum Last {
    /// The user sealed it; what `short` makes of the file.
    Own(String),
    /// The user removed it.
    Removed,
    /// It was seen.
    Seen,
}

/// In the place of a digest: the user removed the file.
const REMOVED: &str = "-";

impl Mark {
    /// Whether there should be a file.
    fn is_expected(&self) -> bool {
        !matches!(self.last, Last::Removed)
    }
}

impl Seen {
    /// Returns where the marks of a vault are kept.
    pub fn path(state: &Path, id: &VaultId) -> PathBuf {
        vault_state(state, id).join(SEEN)
    }

    /// Reads the marks. A line that is none says nothing.
    pub fn load(state: &Path, id: &VaultId) -> Result<Self, DiskError> {
        let folder = vault_state(state, id);
        let bytes = if folder.is_dir() {
            Dir::open(&folder)?.read(SEEN, MAX_SEEN)?
        } else {
            None
        };
        let text = bytes
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        let marks = text.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let revision = words.next()?.parse().ok()?;
            let name = SecretName::parse(words.next()?).ok()?;
            let last = match words.next() {
                None => Last::Seen,
                Some(REMOVED) => Last::Removed,
                Some(sealed) => Last::Own(sealed.to_owned()),
            };
            Some((name, Mark { revision, last }))
        });
        Ok(Self {
            path: folder.join(SEEN),
            marks: marks.collect(),
        })
    }

    /// Returns the mark of a name; `None` for one that the user removed himself.
    pub fn revision(&self, name: &SecretName) -> Option<u64> {
        let mark = self.marks.get(name);
        mark.filter(|mark| mark.is_expected())
            .map(|mark| mark.revision)
    }

    /// Returns the revision that another file of this name must be above: others may have seen it,
    /// though the user removed it.
    pub fn floor(&self, name: &SecretName) -> Option<u64> {
        self.marks.get(name).map(|mark| mark.revision)
    }

    /// Returns the names that have a mark.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        let expected = self.marks.iter().filter(|(_, mark)| mark.is_expected());
        expected.map(|(name, _)| name)
    }

    /// Raises the mark of a name; says whether it rose.
    pub fn raise(&mut self, name: &SecretName, revision: u64) -> bool {
        let rises = self.revision(name).is_none_or(|mark| mark < revision);
        if rises {
            let last = Last::Seen;
            self.marks.insert(name.clone(), Mark { revision, last });
        }
        rises
    }

    /// Records a file that the user sealed himself; says whether that is news.
    pub fn seal(&mut self, name: &SecretName, revision: u64, file: &[u8]) -> bool {
        let last = Last::Own(short(file));
        self.marks.insert(name.clone(), Mark { revision, last });
        true
    }

    /// Says whether the user sealed exactly this file himself.
    pub fn is_own(&self, name: &SecretName, file: &[u8]) -> bool {
        let last = self.marks.get(name).map(|mark| &mark.last);
        matches!(last, Some(Last::Own(sealed)) if *sealed == short(file))
    }

    /// Records that the user removed a name himself, at what revision if that is known; says whether that
    /// is news.
    pub fn remove(&mut self, name: &SecretName, revision: Option<u64>) -> bool {
        let last = Last::Removed;
        let known = self.floor(name).max(revision);
        let mark = known.map(|revision| Mark { revision, last });
        mark.is_some_and(|mark| {
            self.marks
                .insert(name.clone(), mark)
                .is_none_or(|mark| mark.is_expected())
        })
    }

    /// Returns what to write where.
    pub fn text(&self) -> (&Path, String) {
        let lines = self.marks.iter().map(|(name, mark)| {
            let revision = mark.revision;
            match &mark.last {
                Last::Own(sealed) => format!("{revision} {name} {sealed}\n"),
                Last::Removed => format!("{revision} {name} {REMOVED}\n"),
                Last::Seen => format!("{revision} {name}\n"),
            }
        });
        (&self.path, lines.collect())
    }
}

/// The first 12 bytes of a file's SHA-256, in hexadecimal.
fn short(file: &[u8]) -> String {
    let digest = Sha256::digest(file);
    let bytes = digest[..12].iter();
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
    fn what_the_state_knows_can_be_listed() {
        let state = tempfile::tempdir().unwrap();
        assert!(known_vaults(state.path()).unwrap().is_empty());
        let id = |text| VaultId::parse(text).unwrap();
        let one = id("abcdefghijklmnopqrstuvwxyz234567");
        let other = id("234567abcdefghijklmnopqrstuvwxyz");
        let record = HomeRecord::load(state.path(), Path::new("/a/home")).unwrap();
        let (path, text) = record.update(&one).unwrap();
        for (path, text) in [
            (path.to_owned(), text),
            (state.path().join("homes/odd"), "odd\n".to_owned()),
            (trust_file(state.path(), &other), String::new()),
        ] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let homes = known_homes(state.path()).unwrap();
        assert_eq!(homes, [(one.clone(), PathBuf::from("/a/home"))]);
        assert_eq!(known_vaults(state.path()).unwrap(), [one, other].into());
    }

    #[test]
    fn marks_only_rise() {
        let state = tempfile::tempdir().unwrap();
        let id = VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap();
        let name = SecretName::parse("prod/A").unwrap();
        let mut seen = Seen::load(state.path(), &id).unwrap();
        assert!(seen.raise(&name, 7));
        assert!(!seen.raise(&name, 6));
        assert!(!seen.is_own(&name, b"a file"));
        assert!(seen.seal(&name, 7, b"a file"));
        let (path, text) = seen.text();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("not a mark\n{text}")).unwrap();
        let mut seen = Seen::load(state.path(), &id).unwrap();
        assert_eq!(seen.revision(&name), Some(7));
        assert!(seen.is_own(&name, b"a file") && !seen.is_own(&name, b"another"));
        assert!(seen.remove(&name, Some(6)) && !seen.remove(&name, None));
        assert_eq!((seen.names().count(), seen.revision(&name)), (0, None));
        assert_eq!(seen.floor(&name), Some(7));
        let (path, text) = seen.text();
        std::fs::write(path, text).unwrap();
        let mut seen = Seen::load(state.path(), &id).unwrap();
        assert_eq!((seen.revision(&name), seen.floor(&name)), (None, Some(7)));
        assert!(seen.raise(&name, 3));
        assert_eq!(seen.revision(&name), Some(3));
    }
}
