//! A folder of age files, one value a file, as `passage` and agenix keep them: `web/TOKEN.age` is the
//! value of `web` and `TOKEN`. All of them open, or none is handed out and each that does not is
//! named. Links are not followed, and opening a file proves nothing about who made it.

use std::ffi::OsStr;
use std::path::Path;

use thiserror::Error;

use crate::disk::{Dir, DiskError, Kind};
use crate::domain::Keyring;
use crate::input::tree::MAX_DEPTH;
use crate::input::{Found, Item};
use crate::sealed::{MAX_FILE, SealedError, open_foreign};

/// The most files that are read.
const MAX_FILES: usize = 100_000;

/// How a file's name ends.
const END: &str = ".age";

/// Why a folder is not read.
#[derive(Debug, Error)]
pub enum AgeDirError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It has no such file.
    #[error("it has no file `*.age`")]
    None,
    /// Files that do not open, at least one.
    #[error("{}", told(.0))]
    Sealed(Vec<(String, SealedError)>),
    /// It nests too deep or has too many files.
    #[error("it has more than {MAX_FILES} files, or nests deeper than {MAX_DEPTH} levels")]
    TooMany,
}

/// Reads every value below a folder, sorted by name.
pub fn read(path: &Path, keyring: &Keyring) -> Result<Vec<Item>, AgeDirError> {
    let mut walk = Walk {
        keyring,
        items: Vec::new(),
        closed: Vec::new(),
        path: Vec::new(),
    };
    walk.folder(&Dir::open(path)?)?;
    if !walk.closed.is_empty() {
        return Err(AgeDirError::Sealed(walk.closed));
    }
    if walk.items.is_empty() {
        return Err(AgeDirError::None);
    }
    Ok(walk.items)
}

struct Walk<'k> {
    keyring: &'k Keyring,
    items: Vec<Item>,
    closed: Vec<(String, SealedError)>,
    path: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, dir: &Dir) -> Result<(), AgeDirError> {
        if self.path.len() > MAX_DEPTH {
            return Err(AgeDirError::TooMany);
        }
        for entry in dir.entries()? {
            let name = entry.name.to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            match (entry.kind, name.strip_suffix(END)) {
                (Kind::Directory, _) => {
                    if let Some(sub) = dir.sub(&entry.name)? {
                        self.path.push(name);
                        self.folder(&sub)?;
                        self.path.pop();
                    }
                }
                (Kind::File, Some(key)) => self.file(dir, &entry.name, key)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, dir: &Dir, name: &OsStr, key: &str) -> Result<(), AgeDirError> {
        if self.items.len() + self.closed.len() >= MAX_FILES {
            return Err(AgeDirError::TooMany);
        }
        let Some(file) = dir.read(name, MAX_FILE as u64)? else {
            return Ok(());
        };
        let mut path = self.path.clone();
        path.push(key.to_owned());
        match open_foreign(&file, self.keyring) {
            Ok(value) => self.items.push(Item {
                path,
                found: Found::Value(value),
            }),
            Err(error) => self
                .closed
                .push((format!("{}{END}", path.join("/")), error)),
        }
        Ok(())
    }
}

fn told(closed: &[(String, SealedError)]) -> String {
    let each = closed.iter().take(10);
    let each = each.map(|(file, error)| format!("`{file}`: {error}"));
    let mut text = each.collect::<Vec<_>>().join("; ");
    if closed.len() > 10 {
        text.push_str(&format!("; and {} more", closed.len() - 10));
    }
    text
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::{Identity, Plugins, Recipient, SecretValue};
    use crate::sealed::seal_foreign;

    #[test]
    fn every_file_is_a_value_and_one_that_does_not_open_is_named() {
        let identity = Identity::generate("a test");
        let alice = Recipient::parse(identity.public()).unwrap();
        let bob = Recipient::parse(Identity::generate("a test").public()).unwrap();
        let mut keyring = Keyring::default();
        keyring.add(identity);
        let dir = tempfile::tempdir().unwrap();
        let seal = |path: &str, to: &Recipient| {
            let file = seal_foreign(
                &SecretValue::new(path.as_bytes().to_vec()),
                [to],
                &Plugins::default(),
            );
            let file = file.unwrap();
            fs::write(dir.path().join(path), file).unwrap();
        };
        assert!(matches!(read(dir.path(), &keyring), Err(AgeDirError::None)));
        fs::create_dir_all(dir.path().join("web/.git")).unwrap();
        fs::write(dir.path().join("README.md"), "x").unwrap();
        seal("A.age", &alice);
        seal("web/TOKEN.age", &alice);
        seal("web/.git/x.age", &bob);
        let items = read(dir.path(), &keyring).unwrap();
        let paths: Vec<_> = items.iter().map(|item| item.path.join("/")).collect();
        assert_eq!(paths, ["A", "web/TOKEN"]);
        let Found::Value(value) = &items[1].found else {
            panic!("not a value");
        };
        assert_eq!(value.reveal(), b"web/TOKEN.age");
        seal("web/B.age", &bob);
        let error = read(dir.path(), &keyring).unwrap_err().to_string();
        assert_eq!(error, "`web/B.age`: none of the identities opens it");
    }
}
