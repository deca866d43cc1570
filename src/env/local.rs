//! The `.env` of a home: local development outranks the shared vault, so whoever could put a file
//! there could put a value into a program. It is read only if it is the user's own, writable by
//! nobody else, and not something that came with the repository.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::disk::{Dir, DiskError};
use crate::input::dotenv::{DotEnv, DotEnvError, MAX_FILE};
use crate::repository::Tracked;

/// The file's name.
pub const DOTENV: &str = ".env";

/// Why `.env` is not read.
#[derive(Debug, Error)]
pub enum LocalError {
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is not the user's.
    #[error("`{}` belongs to another user", .0.display())]
    NotOurs(PathBuf),
    /// Others could have put a value into it.
    #[error("`{}` can be written by others (mode {mode:04o})", .path.display())]
    OthersCanWrite {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Lines of it cannot be parsed.
    #[error("`{}`: {source}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Which lines.
        source: DotEnvError,
    },
    /// It came with the repository.
    #[error("`{}` is tracked by git", .0.display())]
    Tracked(PathBuf),
    /// There is a repository, and git does not say whether the file came with it.
    #[error("git does not say whether `{}` is tracked", .0.display())]
    Untellable(PathBuf),
}

/// A `.env` that may be used.
#[derive(Debug)]
pub struct Local {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub dotenv: DotEnv,
    /// Its permission bits, if others can read it.
    pub readable_by_others: Option<u32>,
}

impl Local {
    /// Reads the `.env` of a home; `None` if there is none. `tracked` asks git about it.
    pub fn load(
        home: &Dir,
        tracked: impl FnOnce(&Path, &str) -> Tracked,
    ) -> Result<Option<Self>, LocalError> {
        let path = home.path().join(DOTENV);
        let Some((bytes, owner)) = home.read_with_owner(DOTENV, MAX_FILE as u64)? else {
            return Ok(None);
        };
        let bytes = zeroize::Zeroizing::new(bytes);
        if !owner.is_ours {
            return Err(LocalError::NotOurs(path));
        }
        if owner.mode & 0o022 != 0 {
            return Err(LocalError::OthersCanWrite {
                path,
                mode: owner.mode,
            });
        }
        match tracked(home.path(), DOTENV) {
            Tracked::No => {}
            Tracked::Unknown => return Err(LocalError::Untellable(path)),
            Tracked::Yes => return Err(LocalError::Tracked(path)),
        }
        let dotenv = DotEnv::parse(&bytes).map_err(|source| LocalError::Parse {
            path: path.clone(),
            source,
        })?;
        let readable_by_others = (owner.mode & 0o044 != 0).then_some(owner.mode);
        Ok(Some(Self {
            path,
            dotenv,
            readable_by_others,
        }))
    }
}
