//! What waits in the folders `.inbox/` of a vault: values from people and machines that can only
//! encrypt. Listed by name, so nothing is opened and no link is followed; whoever may write to the
//! repository may put anything there, so the list has an end.

use std::collections::BTreeSet;
use std::fmt;

use crate::disk::{DiskError, Kind};
use crate::domain::{FolderName, SecretName};
use crate::vault::layout::{INBOX, SEALED_SUFFIX, Target, inbox_path};
use crate::vault::{OutOfPlace, Vault};

/// The most files that are looked at.
pub const MAX_WAITING: usize = 100;

/// The length of what tells two submissions of one name apart.
pub const MARK: usize = 8;

/// A file in an inbox: the secret it is meant for, and eight characters that tell it from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Submitted {
    name: SecretName,
    // Invariant: 8 characters of a-z and 0-9, the same file on every file system.
    mark: String,
}

impl Submitted {
    /// Names a submission; `None` if the mark is not 8 characters of a-z and 0-9.
    pub fn new(name: SecretName, mark: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = mark.len() == MARK && mark.bytes().all(plain);
        fits.then(|| Self {
            name,
            mark: mark.to_owned(),
        })
    }

    /// Parses `folder/KEY~abcd1234`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, mark) = text.split_once('~')?;
        Self::new(SecretName::parse(name).ok()?, mark)
    }

    /// Returns the secret that it is meant for.
    pub fn name(&self) -> &SecretName {
        &self.name
    }

    /// Returns the name of the file in its folder.
    pub fn file(&self) -> String {
        format!("{}~{}{SEALED_SUFFIX}", self.name.key(), self.mark)
    }
}

impl fmt::Display for Submitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.name, self.mark)
    }
}

/// What waits in the inboxes of a vault.
#[derive(Debug, Default)]
pub struct Inbox {
    /// The submissions, sorted; at most [`MAX_WAITING`].
    pub waiting: Vec<Submitted>,
    /// What is none, below the home, and why; at most [`MAX_WAITING`].
    pub strays: Vec<(String, String)>,
    /// How many files there are beyond that.
    pub more: usize,
}

impl Inbox {
    /// Lists the inboxes of these folders. One that cannot be listed is among the strays.
    pub fn list(vault: &Vault, folders: &BTreeSet<FolderName>) -> Self {
        let mut inbox = Self::default();
        for folder in folders {
            if let Err(error) = inbox.add(vault, folder) {
                inbox.strays.push((inbox_path(folder), error.to_string()));
            }
        }
        inbox.waiting.sort();
        let all = inbox.waiting.len() + inbox.strays.len();
        inbox.waiting.truncate(MAX_WAITING);
        inbox.strays.truncate(MAX_WAITING);
        inbox.more = all - inbox.waiting.len() - inbox.strays.len();
        inbox
    }

    fn add(&mut self, vault: &Vault, folder: &FolderName) -> Result<(), DiskError> {
        let dir = match vault.folder(folder)? {
            Some(folder) => folder.sub(INBOX)?,
            None => None,
        };
        let entries = dir.map_or_else(|| Ok(Vec::new()), |dir| dir.entries())?;
        for entry in entries {
            let file = entry.name.to_string_lossy();
            if file.starts_with('.') {
                continue;
            }
            let path = format!("{}/{file}", inbox_path(folder));
            let place = entry.name.to_str().and_then(|_| Target::parse(&path));
            let why = match (place, entry.kind) {
                (Some(Target::Inbox(submitted)), Kind::File) => {
                    self.waiting.push(submitted);
                    continue;
                }
                (_, Kind::File) => {
                    "is not called as a submission is (`KEY~abcd1234.age`)".to_owned()
                }
                (_, kind) => OutOfPlace::NotAFile(kind).to_string(),
            };
            self.strays.push((path, why));
        }
        Ok(())
    }

    /// Returns what waits for a secret.
    pub fn of<'a>(&'a self, name: &'a SecretName) -> impl Iterator<Item = &'a Submitted> {
        self.waiting.iter().filter(move |one| one.name == *name)
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn list(home: &std::path::Path) -> Inbox {
        let vault = Vault::open(home).unwrap();
        Inbox::list(&vault, &vault.inventory().unwrap().inboxes)
    }

    #[test]
    fn a_submission_is_called_by_its_name_and_mark() {
        let one = Submitted::parse("prod/API_KEY~a1b2c3d4").unwrap();
        assert_eq!(one.name().as_str(), "prod/API_KEY");
        assert_eq!(one.file(), "API_KEY~a1b2c3d4.age");
        assert_eq!(one.to_string(), "prod/API_KEY~a1b2c3d4");
        for text in [
            "KEY",
            "KEY~",
            "KEY~a1b2c3d",
            "KEY~a1b2c3d45",
            "KEY~A1B2C3D4",
            "KEY~a1b2/3d4",
            "KEY~a1b2c3d4~a1b2c3d4",
            "../KEY~a1b2c3d4",
            "~a1b2c3d4",
            "KEY~a1b2.3d4",
        ] {
            assert_eq!(Submitted::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_waits_is_listed_and_what_is_none_is_told() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join("vault").join(path);
        for folder in [
            ".inbox/KEY~ffffffff.age",
            "prod/.inbox",
            "Loud/.inbox",
            ".keys/.inbox",
        ] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in [
            ".inbox/KEY~bbbbbbbb.age",
            ".inbox/KEY~aaaaaaaa.age",
            ".inbox/.gitkeep",
            ".inbox/KEY.age",
            "prod/.inbox/A~00000000.age",
            "Loud/.inbox/A~00000000.age",
            ".keys/.inbox/A~00000000.age",
        ] {
            fs::write(at(file), "").unwrap();
        }
        fs::write(
            home.path()
                .join("vault/.inbox")
                .join(OsStr::from_bytes(b"K\xff~aaaaaaaa.age")),
            "",
        )
        .unwrap();
        symlink("/etc/passwd", at(".inbox/KEY~cccccccc.age")).unwrap();
        fs::create_dir(at("dev")).unwrap();
        symlink("/etc", at("dev/.inbox")).unwrap();

        let inbox = list(home.path());
        let waiting: Vec<_> = inbox.waiting.iter().map(Submitted::to_string).collect();
        assert_eq!(waiting, ["KEY~aaaaaaaa", "KEY~bbbbbbbb", "prod/A~00000000"]);
        let strays: Vec<_> = inbox.strays.iter().map(|(path, _)| &**path).collect();
        assert_eq!(
            strays,
            [
                "vault/.inbox/KEY.age",
                "vault/.inbox/KEY~cccccccc.age",
                "vault/.inbox/KEY~ffffffff.age",
                "vault/.inbox/K\u{fffd}~aaaaaaaa.age",
                "vault/dev/.inbox",
            ]
        );
        assert!(inbox.strays[1].1.contains("link"), "{:?}", inbox.strays);
        assert!(inbox.strays[2].1.contains("folder"), "{:?}", inbox.strays);
        let vault = Vault::open(home.path()).unwrap();
        let inventory = vault.inventory().unwrap();
        assert!(inventory.names.is_empty(), "{:?}", inventory.names);
        assert_eq!(inventory.strays, []);
    }

    #[test]
    fn the_list_has_an_end() {
        let home = tempfile::tempdir().unwrap();
        let inbox = home.path().join("vault/.inbox");
        fs::create_dir_all(&inbox).unwrap();
        for index in 0..MAX_WAITING + 3 {
            fs::write(inbox.join(format!("KEY~{index:08}.age")), "").unwrap();
        }
        let inbox = list(home.path());
        assert_eq!((inbox.waiting.len(), inbox.more), (MAX_WAITING, 3));
    }
}
