//! The gits of this machine, for what must hold with each of them: those on the PATH, and those where
//! systems and people put theirs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::HOZIRON;

/// One git.
#[derive(Clone, Debug)]
pub struct Git {
    folder: PathBuf,
    /// What it says of itself.
    pub version: String,
}

impl Git {
    /// A PATH on which this git comes first, behind the binary under test.
    pub fn path(&self) -> OsString {
        let own = Path::new(HOZIRON).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap();
        let first = [own, self.folder.clone()].into_iter();
        std::env::join_paths(first.chain(std::env::split_paths(&path))).unwrap()
    }
}

/// Every git of this machine, one of a version.
pub fn gits() -> Vec<Git> {
    let path = std::env::var_os("PATH").unwrap();
    let usual = ["/usr/local/bin", "/usr/bin"].map(PathBuf::from);
    let mut found = BTreeMap::new();
    for folder in std::env::split_paths(&path).chain(usual) {
        let program = folder.join("git");
        let Ok(said) = Command::new(&program).arg("--version").output() else {
            continue;
        };
        let version = String::from_utf8(said.stdout).unwrap().trim().to_owned();
        found.entry(version).or_insert(folder);
    }
    assert!(!found.is_empty(), "there is no git");
    eprintln!(
        "with {}",
        found.keys().cloned().collect::<Vec<_>>().join(", ")
    );
    let git = |(version, folder)| Git { folder, version };
    found.into_iter().map(git).collect()
}
