//! What is in the vault, by name: every sealed file, every folder that has keys, and everything that
//! should not be there. Nothing is opened and no link is followed; a listing needs no identity.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::disk::{Action, DiskError, Kind};
use crate::domain::{FolderName, NameError, SecretName};

/// The ending of a sealed file.
const ENDING: &str = ".age";

/// What is in the vault.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The sealed files' names.
    pub names: BTreeSet<SecretName>,
    /// The folders with a `.keys/`.
    pub keyed: BTreeSet<FolderName>,
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
    /// Lists the vault at `path`.
    pub fn list(path: &Path) -> Result<Self, DiskError> {
        let mut inventory = Self::default();
        let mut folded: HashMap<String, SecretName> = HashMap::new();
        let mut walk = WalkDir::new(path)
            .min_depth(1)
            // By name: what is compared shares its folder, and is compared without being parsed.
            .sort_by(|a, b| a.path().as_os_str().cmp(b.path().as_os_str()))
            .into_iter();
        while let Some(entry) = walk.next() {
            let entry = entry.map_err(|error| list_error(path, error))?;
            let below = below(path, entry.path());
            let name = file_name(below);
            let hidden = name.starts_with(b".");
            if entry.file_type().is_dir() {
                if name == b".keys" {
                    inventory.keyed.extend(folder_of(below));
                }
                // A folder in the place of a sealed file.
                if let Some(Ok(name)) = secret_name(below) {
                    let why = OutOfPlace::NotAFile(Kind::Directory);
                    let path = below.to_owned();
                    inventory.strays.push(Stray {
                        path,
                        name: Some(name),
                        why,
                    });
                    walk.skip_current_dir();
                } else if hidden {
                    walk.skip_current_dir();
                }
                continue;
            }
            if hidden {
                continue;
            }
            let named = secret_name(below);
            let why = match (&named, kind(&entry)) {
                (Some(Ok(name)), Kind::File) => match folded.insert(name.folded(), name.clone()) {
                    None => {
                        inventory.names.insert(name.clone());
                        continue;
                    }
                    Some(other) => OutOfPlace::CaseTwin(other),
                },
                (Some(Err(error)), Kind::File) => OutOfPlace::Name(*error),
                (None, Kind::File) => OutOfPlace::NotSealed,
                (_, other) => OutOfPlace::NotAFile(other),
            };
            let name = named.and_then(Result::ok);
            inventory.strays.push(Stray {
                path: below.to_owned(),
                name,
                why,
            });
        }
        Ok(inventory)
    }
}

/// What of a path stands below the root of its walk. A comparison of bytes: the walk has put the path
/// together from the root, and taking thousands of paths apart would cost more than all the rest.
fn below<'a>(root: &Path, path: &'a Path) -> &'a Path {
    let bytes = path.as_os_str().as_bytes();
    let rest = bytes.strip_prefix(root.as_os_str().as_bytes());
    let rest = rest.unwrap_or(bytes);
    Path::new(OsStr::from_bytes(rest.strip_prefix(b"/").unwrap_or(rest)))
}

fn file_name(below: &Path) -> &[u8] {
    let bytes = below.as_os_str().as_bytes();
    bytes.rsplit(|&byte| byte == b'/').next().unwrap_or(bytes)
}

/// Reads a path below the vault as a secret's, `None` if it does not end like one.
fn secret_name(below: &Path) -> Option<Result<SecretName, NameError>> {
    let path = below.as_os_str().as_encoded_bytes();
    let stem = path.strip_suffix(ENDING.as_bytes())?;
    Some(
        std::str::from_utf8(stem)
            .map_err(|_| NameError::BadKey)
            .and_then(SecretName::parse),
    )
}

/// The folder that a `.keys` belongs to.
fn folder_of(keys: &Path) -> Option<FolderName> {
    let folder = keys.parent()?.as_os_str();
    if folder == OsStr::new("") {
        return Some(FolderName::top());
    }
    FolderName::parse(folder.to_str()?).ok()
}

fn kind(entry: &walkdir::DirEntry) -> Kind {
    use std::os::unix::fs::FileTypeExt;
    let kind = entry.file_type();
    match () {
        () if kind.is_file() => Kind::File,
        () if kind.is_symlink() => Kind::Link,
        () if kind.is_fifo() => Kind::Fifo,
        () if kind.is_socket() => Kind::Socket,
        () if kind.is_block_device() || kind.is_char_device() => Kind::Device,
        () => Kind::Unknown,
    }
}

fn list_error(root: &Path, error: walkdir::Error) -> DiskError {
    let path = error.path().unwrap_or(root).to_owned();
    let source = error
        .into_io_error()
        .unwrap_or_else(|| std::io::Error::other("a loop of folders"));
    DiskError::Io {
        action: Action::List,
        path,
        source,
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

        let inventory = Inventory::list(vault.path()).unwrap();
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
