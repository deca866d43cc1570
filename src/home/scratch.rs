//! A folder in memory for a text that a person edits: on a tmpfs, 0700, its files 0600. It is locked
//! while it is in use, and whatever a killed run left behind is swept by the next one. A text that
//! could not be used is kept, in a folder that nobody sweeps.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rand_core::{OsRng, RngCore};
use thiserror::Error;

use crate::disk::{Dir, DirLock, DiskError, Kind};
use crate::domain::{MAX_VALUE, SecretValue};

const USED: &str = "hoziron-edit-";
const KEPT: &str = "hoziron-kept-";

/// What `statfs` says of a file system that lives in memory (Linux, magic.h).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Why there is no such folder.
#[derive(Debug, Error)]
pub enum ScratchError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// None of the places is in memory.
    #[error("there is no folder in memory to edit in (looked at {0})")]
    NoMemory(String),
}

/// A folder in memory that is removed when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    base: Dir,
    name: String,
    dir: Dir,
    keep: bool,
}

impl Scratch {
    /// Makes a folder in the first of these places that is in memory.
    pub fn make(places: &[PathBuf]) -> Result<Self, ScratchError> {
        let place = places
            .iter()
            .find(|place| is_in_memory(place))
            .ok_or_else(|| {
                let shown: Vec<_> = places
                    .iter()
                    .map(|place| format!("`{}`", place.display()))
                    .collect();
                ScratchError::NoMemory(shown.join(", "))
            })?;
        let base = Dir::open(place)?;
        sweep(&base);
        let mut random = [0; 8];
        OsRng.fill_bytes(&mut random);
        let name = format!("{USED}{:016x}", u64::from_be_bytes(random));
        let (dir, _) = base.sub_or_make(&name, 0o700)?;
        let scratch = Self {
            base,
            name,
            dir,
            keep: false,
        };
        scratch.dir.lock(Instant::now())?;
        Ok(scratch)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &SecretValue) -> Result<PathBuf, ScratchError> {
        self.dir.create_new(name, 0o600, text.reveal())?;
        Ok(self.dir.path().join(name))
    }

    /// Reads a file; `None` if the editor removed it.
    pub fn read(&self, name: &str) -> Result<Option<SecretValue>, ScratchError> {
        Ok(self
            .dir
            .read(name, MAX_VALUE as u64 + 1)?
            .map(SecretValue::new))
    }

    /// Keeps the folder, and returns where it is.
    pub fn keep(mut self) -> PathBuf {
        self.keep = true;
        let kept = self.name.replacen(USED, KEPT, 1);
        match self.base.rename(&self.name, &self.base, &kept) {
            Ok(()) => self.base.path().join(kept),
            Err(_) => self.dir.path().to_owned(),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            remove(&self.base, &self.name, &self.dir);
        }
    }
}

/// Removes what killed runs have left: folders of ours that nobody holds the lock of.
fn sweep(base: &Dir) {
    let Ok(entries) = base.entries() else { return };
    for entry in entries
        .into_iter()
        .filter(|entry| entry.kind == Kind::Directory)
    {
        let Some(name) = entry.name.to_str().filter(|name| name.starts_with(USED)) else {
            continue;
        };
        let Ok(Some(dir)) = base.sub(name) else {
            continue;
        };
        let ours = dir.is_ours().unwrap_or(false);
        if ours && matches!(dir.lock(Instant::now()), Ok(DirLock::Held)) {
            remove(base, name, &dir);
        }
    }
}

/// Editors leave files beside the one they edit; all of them go, and one level is all there is.
fn remove(base: &Dir, name: &str, dir: &Dir) {
    for entry in dir.entries().unwrap_or_default() {
        // What cannot be removed now is swept by the next run.
        let _ = dir.unlink(&entry.name);
    }
    let _ = base.rmdir(name);
}

#[cfg(target_os = "linux")]
fn is_in_memory(place: &Path) -> bool {
    rustix::fs::statfs(place).is_ok_and(|found| IN_MEMORY.contains(&(found.f_type as u64)))
}

/// Other systems have no such place that a program can tell.
#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}
