//! The PATH that a program of ours is looked up along: without what somebody else may have put a
//! program into. Relative folders lead into whatever is worked in, and a repository may bring a `bin`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Leaves out of a PATH relative folders, those that anybody can write to, and those of the
/// repositories that these places are in. Links are followed first.
pub fn safe_path(path: &OsStr, places: &[&Path]) -> OsString {
    let repositories: Vec<PathBuf> = places
        .iter()
        .filter_map(|place| repository(place))
        .collect();
    let safe = |folder: &PathBuf| {
        let Ok(real) = folder.canonicalize() else {
            return false;
        };
        let open = real
            .metadata()
            .is_ok_and(|found| found.permissions().mode() & 0o002 != 0);
        folder.is_absolute()
            && !open
            && !repositories
                .iter()
                .any(|repository| real.starts_with(repository))
    };
    env::join_paths(env::split_paths(path).filter(safe)).unwrap_or_default()
}

/// The top of the repository around a place.
fn repository(place: &Path) -> Option<PathBuf> {
    let real = place.canonicalize().ok()?;
    real.ancestors()
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_owned)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_that_others_can_write_to_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["open", "kept", "repo/.git", "repo/bin", "repo/a"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::set_permissions(at("open"), Permissions::from_mode(0o777)).unwrap();
        symlink(at("repo/bin"), at("link")).unwrap();
        let path = ["/nowhere", "", ".", "bin"].into_iter().map(PathBuf::from);
        let path = path.chain(["open", "repo/bin", "link", "kept"].map(at));
        let path = env::join_paths(path).unwrap();
        assert_eq!(safe_path(&path, &[&at("repo/a")]), at("kept"));
    }
}
