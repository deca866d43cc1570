//! What this user has accepted, in his own state folder, where nobody who writes to a repository can
//! reach it: the home at this path is this vault. Another id at a known path is somebody else's
//! vault until a person says otherwise. Reading commands only compare; the user's own writes record.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::disk::{Dir, DiskError};
use crate::domain::VaultId;

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
