//! The user's own configuration, `~/.config/hoziron/config.toml`: the only place that may name a
//! program. It is the user's own file or root's, and nobody else can write to it; nothing in a
//! repository can stand in for it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::disk::{Dir, DiskError};

/// The longest file, in bytes (1 MiB).
const MAX: u64 = 1024 * 1024;

/// Why the user's configuration cannot be used.
#[derive(Debug, Error)]
pub enum UserConfigError {
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Somebody else could have put a program into it.
    #[error("`{}` belongs to another user, or can be written by others", .0.display())]
    NotOurs(PathBuf),
    /// A field is unknown or of the wrong type.
    #[error("`{}`: {message}", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// What the user has configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Files with private keys, looked at before the usual ones.
    #[serde(default)]
    pub identities: Vec<PathBuf>,
    /// A program that prints private keys, and its arguments.
    #[serde(default)]
    pub identity_command: Vec<String>,
    /// The age plugins that may be run, by name: `yubikey` is `age-plugin-yubikey`.
    #[serde(default)]
    pub plugins: Vec<String>,
}

impl UserConfig {
    /// Reads the configuration of a folder such as `~/.config/hoziron`; nothing is configured if it
    /// is missing. Relative paths are below that folder.
    pub fn load(folder: &Path) -> Result<Self, UserConfigError> {
        let path = folder.join("config.toml");
        if !folder.is_dir() {
            return Ok(Self::default());
        }
        let Some((bytes, owner)) = Dir::open(folder)?.read_with_owner("config.toml", MAX)? else {
            return Ok(Self::default());
        };
        if !owner.is_ours || owner.mode & 0o022 != 0 {
            return Err(UserConfigError::NotOurs(path));
        }
        let shape = |message: &str| UserConfigError::Shape {
            path: path.clone(),
            message: message.to_owned(),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| shape("it is not UTF-8 text"))?;
        let mut config: Self = toml::from_str(text).map_err(|_| {
            shape("it is not TOML with `identities`, `identity_command` and `plugins`")
        })?;
        for identity in &mut config.identities {
            *identity = folder.join(&*identity);
        }
        Ok(config)
    }
}
