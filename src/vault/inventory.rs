//! What is in the vault, by name: every sealed file, every folder that has keys, and everything that
//! should not be there. Nothing is opened and no link is followed; a listing needs no identity.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::disk::{Dir, DiskError, Kind};
use crate::domain::{FolderName, MAX_NAME, NameError, SecretName};
use crate::vault::layout::{INBOX, KEYS};

/// The ending of a sealed file.
const ENDING: &str = ".age";

/// What is in the vault.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The sealed files' names.
    pub names: BTreeSet<SecretName>,
    /// The folders with a `.keys/`.
    pub keyed: BTreeSet<FolderName>,
    /// The folders with something called `.inbox` in them.
    pub inboxes: BTreeSet<FolderName>,
    /// What should not be there, in the order of the paths.
    pub strays: Vec<Stray>,
}

/// Something in the vault that is not a sealed file at a place for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Below the vault.
    pub path: PathBuf,
    /// The secret whose place it takes, if it takes one.
    pub name: Option<SecretName>,
    /// What it is instead.
    pub why: OutOfPlace,
}

/// How something is out of place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutOfPlace {
    /// Differs from another secret only in case, which not every file system can hold.
    CaseTwin(SecretName),
    /// An `.age` file whose name is no secret's.
    Name(NameError),
    /// A link, a pipe, a device or a socket.
    NotAFile(Kind),
    /// A file that is not sealed.
    NotSealed,
}

impl fmt::Display for OutOfPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaseTwin(other) => write!(f, "differs from `{other}` only in case"),
            Self::Name(error) => write!(f, "{error}"),
            Self::NotAFile(kind) => write!(f, "is {kind}, not a sealed file"),
            Self::NotSealed => f.write_str("is not a sealed file"),
        }
    }
}

impl Inventory {
    /// Lists what is in the vault's folder.
    pub fn list(vault: &Dir) -> Result<Self, DiskError> {
        let mut found = Found::default();
        found.look_into(vault, Path::new(""))?;
        let mut inventory = Self {
            names: BTreeSet::new(),
            keyed: found.keyed,
            inboxes: found.inboxes,
            strays: found.strays,
        };
        let (names, twins) = apart(found.names);
        inventory.names = names.into_iter().collect();
        inventory.strays.extend(twins);
        inventory.strays.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(inventory)
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    names: Vec<SecretName>,
    keyed: BTreeSet<FolderName>,
    inboxes: BTreeSet<FolderName>,
    strays: Vec<Stray>,
}

impl Found {
    /// Looks into one folder and those below it; `below` is its path in the vault.
    fn look_into(&mut self, dir: &Dir, below: &Path) -> Result<(), DiskError> {
        for entry in dir.entries()? {
            let hidden = entry.name.as_bytes().starts_with(b".");
            let named = || secret_name(below, &entry.name);
            let stray = |name, why| Stray {
                path: below.join(&entry.name),
                name,
                why,
            };
            match entry.kind {
                Kind::Directory if entry.name == KEYS => self.keyed.extend(folder(below)),
                _ if entry.name == INBOX => self.inboxes.extend(folder(below)),
                _ if hidden => {}
                Kind::Directory => {
                    let path = below.join(&entry.name);
                    // A folder in the place of a sealed file.
                    if let Some(Ok(name)) = named() {
                        let why = OutOfPlace::NotAFile(Kind::Directory);
                        self.strays.push(stray(Some(name), why));
                    } else if path.as_os_str().len() > MAX_NAME {
                        let why = OutOfPlace::Name(NameError::TooLong);
                        self.strays.push(stray(None, why));
                    } else if let Some(sub) = dir.sub(&entry.name)? {
                        self.look_into(&sub, &path)?;
                    }
                }
                Kind::File => match named() {
                    Some(Ok(name)) => self.names.push(name),
                    Some(Err(error)) => self.strays.push(stray(None, OutOfPlace::Name(error))),
                    None => self.strays.push(stray(None, OutOfPlace::NotSealed)),
                },
                other => {
                    let name = named().and_then(Result::ok);
                    self.strays.push(stray(name, OutOfPlace::NotAFile(other)));
                }
            }
        }
        Ok(())
    }
}

/// Takes the names out that differ from an earlier one only in case.
fn apart(mut names: Vec<SecretName>) -> (Vec<SecretName>, Vec<Stray>) {
    // Of two such keys one has a lower-case letter at least; folders have no others.
    let lower = |name: &SecretName| name.key().bytes().any(|byte| byte.is_ascii_lowercase());
    let mut twins = Vec::new();
    if !names.iter().any(lower) {
        return (names, twins);
    }
    let mut folded: HashMap<String, SecretName> = HashMap::new();
    names.retain(|name| match folded.entry(name.folded()) {
        Entry::Vacant(free) => {
            free.insert(name.clone());
            true
        }
        Entry::Occupied(other) => {
            twins.push(Stray {
                path: PathBuf::from(format!("{name}{ENDING}")),
                name: Some(name.clone()),
                why: OutOfPlace::CaseTwin(other.get().clone()),
            });
            false
        }
    });
    (names, twins)
}

/// Reads a file's name as a secret's, `None` if it does not end like one.
fn secret_name(below: &Path, file: &OsStr) -> Option<Result<SecretName, NameError>> {
    let stem = file.as_bytes().strip_suffix(ENDING.as_bytes())?;
    let (Some(folder), Ok(stem)) = (below.to_str(), std::str::from_utf8(stem)) else {
        return Some(Err(NameError::BadKey));
    };
    Some(if folder.is_empty() {
        SecretName::parse(stem)
    } else {
        SecretName::parse(&format!("{folder}/{stem}"))
    })
}

/// The folder of the vault at a path.
fn folder(below: &Path) -> Option<FolderName> {
    match below.to_str()? {
        "" => Some(FolderName::top()),
        path => FolderName::parse(path).ok(),
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_there_and_what_should_not_be() {
        let vault = tempfile::tempdir().unwrap();
        let at = |path: &str| vault.path().join(path);
        for folder in ["prod/eu", ".keys/0001-x", "prod/.keys", "Loud"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in [
            "A.age",
            "prod/B.age",
            "prod/eu/C.age",
            ".gitattributes",
            ".keys/0001-x/a.age",
            "notes.txt",
            "a.age",
            "Loud/X.age",
            "CON.age",
        ] {
            fs::write(at(file), "").unwrap();
        }
        symlink("/etc/passwd", at("LINK.age")).unwrap();
        symlink("/etc", at("etc")).unwrap();

        let inventory = Inventory::list(&Dir::open(vault.path()).unwrap()).unwrap();
        let names: Vec<_> = inventory.names.iter().map(SecretName::as_str).collect();
        assert_eq!(names, ["A", "prod/B", "prod/eu/C"]);
        let keyed: Vec<_> = inventory.keyed.iter().map(FolderName::as_str).collect();
        assert_eq!(keyed, [".", "prod"]);
        let strays: Vec<_> = inventory
            .strays
            .iter()
            .map(|stray| format!("{} {}", stray.path.display(), stray.why))
            .collect();
        assert_eq!(
            strays,
            [
                "CON.age the name is reserved on Windows (CON, NUL, COM1, …)",
                "LINK.age is a symbolic link, not a sealed file",
                "Loud/X.age a folder must be lower-case letters, digits, `_` and `-`, and not empty",
                "a.age differs from `A` only in case",
                "etc is a symbolic link, not a sealed file",
                "notes.txt is not a sealed file",
            ]
        );
    }
}
