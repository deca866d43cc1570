//! Where the home is: given, or found by walking up from the working directory. A home that was
//! found by walking up must belong to the user or to root, for on a shared machine anybody can put
//! a folder above somebody's working directory. What the environment says is passed in.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The manifest's file name, by which a home is recognised.
pub const MANIFEST: &str = "hoziron.toml";

/// The name of a home that is not the top of a repository itself.
pub const HOME: &str = ".hoziron";

/// What decides where the home is, in order.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// `--home DIR`.
    pub given: Option<PathBuf>,
    /// The variable `HOZIRON_HOME`.
    pub variable: Option<PathBuf>,
    /// The working directory.
    pub from: PathBuf,
    /// The user's home directory.
    pub user: Option<PathBuf>,
}

/// Why there is no home to work in.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FindError {
    /// No manifest was found anywhere.
    #[error("there is no vault here: no `{MANIFEST}` in `{0}`")]
    Missing(PathBuf),
    /// Neither a home, nor a place where one could be.
    #[error("there is no vault here, and no home directory to look in (HOME is not set)")]
    NoPlace,
    /// A home found by walking up belongs to somebody else.
    #[error("`{0}` belongs to another user")]
    Stranger(PathBuf),
}

impl Search {
    /// Finds the home of an existing vault.
    pub fn find(&self) -> Result<PathBuf, FindError> {
        if let Some(home) = self.named() {
            return if is_home(home) {
                Ok(home.clone())
            } else {
                Err(FindError::Missing(home.clone()))
            };
        }
        if let Some(home) = self.from.ancestors().find_map(home_at) {
            return owned(home);
        }
        let user = self.user.as_ref().ok_or(FindError::NoPlace)?;
        let home = user.join(HOME);
        if is_home(&home) {
            Ok(home)
        } else {
            Err(FindError::Missing(self.from.clone()))
        }
    }

    /// Decides where `vault init` makes a home: where it was told, else at the top of the git
    /// repository, else in the user's home directory. A home that is there is the answer too.
    pub fn place(&self) -> Result<PathBuf, FindError> {
        if let Some(home) = self.named() {
            return Ok(home.clone());
        }
        if let Some(top) = self
            .from
            .ancestors()
            .find(|folder| folder.join(".git").exists())
        {
            return Ok(home_at(top).unwrap_or_else(|| top.join(HOME)));
        }
        Ok(self.user.as_ref().ok_or(FindError::NoPlace)?.join(HOME))
    }

    fn named(&self) -> Option<&PathBuf> {
        self.given.as_ref().or(self.variable.as_ref())
    }
}

fn home_at(folder: &Path) -> Option<PathBuf> {
    [folder.to_owned(), folder.join(HOME)]
        .into_iter()
        .find(|home| is_home(home))
}

fn is_home(folder: &Path) -> bool {
    folder.join(MANIFEST).symlink_metadata().is_ok()
}

fn owned(home: PathBuf) -> Result<PathBuf, FindError> {
    let user = rustix::process::geteuid().as_raw();
    match home.metadata() {
        Ok(found) if found.uid() == user || found.uid() == 0 => Ok(home),
        _ => Err(FindError::Stranger(home)),
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use std::fs;

    use super::*;

    fn search(from: &Path) -> Search {
        Search {
            from: from.to_owned(),
            user: Some(from.join("nobody")),
            ..Search::default()
        }
    }

    #[test]
    fn the_nearest_home_wins() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        fs::create_dir_all(inner.join("c")).unwrap();
        fs::create_dir_all(root.path().join(HOME)).unwrap();
        fs::write(root.path().join(HOME).join(MANIFEST), "").unwrap();
        assert_eq!(search(&inner.join("c")).find(), Ok(root.path().join(HOME)));
        fs::write(inner.join(MANIFEST), "").unwrap();
        assert_eq!(search(&inner.join("c")).find(), Ok(inner));
    }

    #[test]
    fn a_given_home_is_not_searched_for() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(MANIFEST), "").unwrap();
        let elsewhere = root.path().join("elsewhere");
        let search = Search {
            given: Some(elsewhere.clone()),
            ..search(root.path())
        };
        assert_eq!(search.find(), Err(FindError::Missing(elsewhere)));
    }

    #[test]
    fn a_new_home_goes_to_the_top_of_the_repository() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("repo/src");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(search(&inner).place(), Ok(inner.join("nobody").join(HOME)));
        fs::create_dir_all(root.path().join("repo/.git")).unwrap();
        assert_eq!(
            search(&inner).place(),
            Ok(root.path().join("repo").join(HOME))
        );
        fs::write(root.path().join("repo").join(MANIFEST), "").unwrap();
        assert_eq!(search(&inner).place(), Ok(root.path().join("repo")));
    }
}
