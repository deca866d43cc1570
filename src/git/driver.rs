//! What a merge driver is told by git, and how it answers: the path names the home and the secret, a
//! label or the environment names the commit that is merged, and the answer is the file of our side,
//! replaced as a whole.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::disk::{Dir, DiskError};
use crate::domain::SecretName;
use crate::repository::{GitError, ObjectId, Repository};
use crate::vault::Target;

/// The variables by which `git merge` says what it merges.
const HEADS: &str = "GITHEAD_";

/// What git remembers the commit by while it picks, rebases or merges, and what `stash` keeps.
const USUAL: [&str; 4] = [
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REBASE_HEAD",
    "refs/stash",
];

/// Finds the home and the secret of a path: the nearest folder above it that has a manifest. `path`
/// and the home are from the top of the work tree.
pub fn place_of(top: &Path, path: &Path) -> Option<(PathBuf, SecretName)> {
    path.ancestors().skip(1).find_map(|home| {
        let inside = path.strip_prefix(home).ok()?.to_str()?;
        let Some(Target::Sealed(name)) = Target::parse(inside) else {
            return None;
        };
        let manifest = top.join(home).join(Target::Manifest.path());
        manifest.is_file().then(|| (home.to_owned(), name))
    })
}

/// Finds the commits that may be the ones being merged.
pub fn other_commit(
    repository: &Repository,
    label: Option<&str>,
    variables: &[(OsString, OsString)],
) -> Result<Vec<ObjectId>, GitError> {
    let heads = variables.iter().filter_map(|(name, _)| {
        let id = name.to_str()?.strip_prefix(HEADS)?;
        ObjectId::parse(id)
    });
    let mut commits: Vec<_> = heads.collect();
    // `21a237f (theirs)`, or with a path behind it: `21a237f:vault/KEY.age`.
    let word = label.and_then(|label| label.split([' ', ':']).next());
    for revision in word.into_iter().chain(USUAL) {
        if revision.is_empty() || revision.starts_with('-') {
            continue;
        }
        // A label need not be a revision at all.
        if let Ok(Some(commit)) = repository.commit(revision)
            && !commits.contains(&commit)
        {
            commits.push(commit);
        }
    }
    let head = repository.head()?;
    commits.retain(|commit| Some(commit) != head.as_ref());
    Ok(commits)
}

/// Replaces a file as a whole. It is not flushed: git reads it at once and keeps its own copy.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let dir = Dir::open(folder.unwrap_or(Path::new(".")))?;
    let name = path.file_name().unwrap_or_default();
    let mut new = name.to_owned();
    new.push(".hoziron-new");
    dir.unlink(&new)?;
    dir.create_new_unflushed(&new, 0o600, bytes)?;
    dir.rename(&new, &dir, name)
}
