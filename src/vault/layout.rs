//! Which file holds what: every place below the home that may be written, as one closed list, and
//! the path of each. A path is made from checked names alone and reads back as the same place, so
//! nothing outside of the list can be written. Nothing is opened here.

use std::fmt;

use crate::domain::{FolderName, ReaderName, SecretName};
use crate::vault::inbox::Submitted;

/// The folder below the home that holds the sealed files.
pub const VAULT: &str = "vault";

/// The folder, in a folder of the vault, that holds its keys.
pub const KEYS: &str = ".keys";

/// The folder, in a folder of the vault, for values from outside.
pub const INBOX: &str = ".inbox";

/// The folder below the home that holds the recipients.
pub const RECIPIENTS: &str = "recipients";

const MANIFEST: &str = "hoziron.toml";
const IGNORE: &str = ".gitignore";
const ATTRIBUTES: &str = ".gitattributes";
/// The ending of a sealed file.
pub const SEALED_SUFFIX: &str = ".age";
const STATEMENT_SUFFIX: &str = ".toml";
const RECIPIENT_SUFFIX: &str = ".pub";
const EPOCH: &str = "epoch";

/// The length of a key id in base64url: 15 bytes.
const KEY_ID: usize = 20;

/// A place below the home that may be written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `.gitattributes`
    HomeAttributes,
    /// `.gitignore`
    HomeIgnore,
    /// `vault/[folder/].inbox/KEY~abcd1234.age`
    Inbox(Submitted),
    /// `vault/[folder/].keys/0001-<key-id>/…`
    Key {
        /// Whose key.
        folder: FolderName,
        /// Which key.
        dir: KeyDir,
        /// Which of its files.
        file: KeyFile,
    },
    /// `hoziron.toml`
    Manifest,
    /// `recipients/NAME.pub`
    Recipient(ReaderName),
    /// `vault/NAME.age`
    Sealed(SecretName),
    /// `vault/.gitattributes`
    VaultAttributes,
}

/// The directory of one epoch of a folder's key: `0001-<key-id>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDir {
    // Invariant: at least 1.
    epoch: u32,
    // Invariant: 20 characters of base64url.
    key_id: String,
}

impl KeyDir {
    /// Makes the name of an epoch's directory; `None` if the epoch is 0 or the id is not 20
    /// characters of base64url.
    pub fn new(epoch: u32, key_id: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = epoch >= 1 && key_id.len() == KEY_ID && key_id.bytes().all(plain);
        fits.then(|| Self {
            epoch,
            key_id: key_id.to_owned(),
        })
    }

    /// Parses `0001-<key-id>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, key_id) = text.split_once('-')?;
        let dir = Self::new(epoch.parse().ok()?, key_id)?;
        (dir.to_string() == text).then_some(dir)
    }

    /// Returns the epoch's number, counted from 1.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Returns the id of the key.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns the path below the home, as a key of this folder.
    pub fn place(&self, folder: &FolderName) -> String {
        format!("{}/{self}", keys_path(folder))
    }
}

impl fmt::Display for KeyDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{}", self.epoch, self.key_id)
    }
}

/// A file in the directory of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyFile {
    /// `<reader>.toml`
    Admission(ReaderName),
    /// `epoch.toml`
    Epoch,
    /// `<reader>.age`
    Grant(ReaderName),
}

impl KeyFile {
    /// Parses the name of a file. `epoch.toml` is the epoch's, so nobody called `epoch` can be
    /// admitted.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(reader) = text.strip_suffix(SEALED_SUFFIX) {
            return ReaderName::parse(reader).ok().map(Self::Grant);
        }
        match text.strip_suffix(STATEMENT_SUFFIX)? {
            EPOCH => Some(Self::Epoch),
            reader => ReaderName::parse(reader).ok().map(Self::Admission),
        }
    }
}

impl fmt::Display for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admission(reader) => write!(f, "{reader}{STATEMENT_SUFFIX}"),
            Self::Epoch => write!(f, "{EPOCH}{STATEMENT_SUFFIX}"),
            Self::Grant(reader) => write!(f, "{reader}{SEALED_SUFFIX}"),
        }
    }
}

/// Returns the name of a sealed file in its folder.
pub fn sealed_file(name: &SecretName) -> String {
    [name.key(), SEALED_SUFFIX].concat()
}

impl Target {
    /// Returns the folder below the home, parts joined by `/`; empty for the home itself.
    pub fn folder(&self) -> String {
        match self {
            Self::HomeAttributes | Self::HomeIgnore | Self::Manifest => String::new(),
            Self::Inbox(submitted) => inbox_path(&submitted.name().folder()),
            Self::Key { folder, dir, .. } => dir.place(folder),
            Self::Recipient(_) => RECIPIENTS.to_owned(),
            Self::Sealed(name) => folder_path(&name.folder()),
            Self::VaultAttributes => VAULT.to_owned(),
        }
    }

    /// Returns the name of the file in its folder.
    pub fn file(&self) -> String {
        match self {
            Self::HomeAttributes | Self::VaultAttributes => ATTRIBUTES.to_owned(),
            Self::HomeIgnore => IGNORE.to_owned(),
            Self::Inbox(submitted) => submitted.file(),
            Self::Key { file, .. } => file.to_string(),
            Self::Manifest => MANIFEST.to_owned(),
            Self::Recipient(reader) => format!("{reader}{RECIPIENT_SUFFIX}"),
            Self::Sealed(name) => sealed_file(name),
        }
    }

    /// Returns the path below the home.
    pub fn path(&self) -> String {
        match (self.folder(), self.file()) {
            (folder, file) if folder.is_empty() => file,
            (folder, file) => format!("{folder}/{file}"),
        }
    }

    /// Parses a path below the home; `None` if it is not a place that may be written.
    pub fn parse(path: &str) -> Option<Self> {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        match (folder, file) {
            ("", ATTRIBUTES) => return Some(Self::HomeAttributes),
            ("", IGNORE) => return Some(Self::HomeIgnore),
            ("", MANIFEST) => return Some(Self::Manifest),
            (VAULT, ATTRIBUTES) => return Some(Self::VaultAttributes),
            (RECIPIENTS, file) => {
                let reader = ReaderName::parse(file.strip_suffix(RECIPIENT_SUFFIX)?).ok()?;
                return Some(Self::Recipient(reader));
            }
            _ => {}
        }
        let inside = path.strip_prefix(VAULT)?.strip_prefix('/')?;
        if let Some(target) = parse_key(inside).or_else(|| parse_inbox(inside)) {
            return Some(target);
        }
        let name = SecretName::parse(inside.strip_suffix(SEALED_SUFFIX)?).ok()?;
        Some(Self::Sealed(name))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Returns the path, below the home, of a folder of the vault.
pub fn folder_path(folder: &FolderName) -> String {
    if folder.is_top() {
        VAULT.to_owned()
    } else {
        format!("{VAULT}/{folder}")
    }
}

/// Returns the path, below the home, of the keys of a folder.
pub fn keys_path(folder: &FolderName) -> String {
    format!("{}/{KEYS}", folder_path(folder))
}

/// Returns the path, below the home, of what was submitted for a folder.
pub fn inbox_path(folder: &FolderName) -> String {
    format!("{}/{INBOX}", folder_path(folder))
}

/// Parses `[folder/].inbox/KEY~abcd1234.age`.
fn parse_inbox(inside: &str) -> Option<Target> {
    let (place, file) = inside.rsplit_once('/')?;
    let called = file.strip_suffix(SEALED_SUFFIX)?;
    let text = match place.rsplit_once('/') {
        Some((folder, INBOX)) => format!("{folder}/{called}"),
        None if place == INBOX => called.to_owned(),
        _ => return None,
    };
    // A file has no folder in its own name.
    Submitted::parse(&text).map(Target::Inbox)
}

/// Parses `[folder/].keys/0001-<key-id>/FILE`.
fn parse_key(inside: &str) -> Option<Target> {
    let (rest, file) = inside.rsplit_once('/')?;
    let (rest, dir) = rest.rsplit_once('/')?;
    let folder = match rest.rsplit_once('/') {
        Some((folder, KEYS)) => FolderName::parse(folder)
            .ok()
            .filter(|folder| !folder.is_top())?,
        None if rest == KEYS => FolderName::top(),
        _ => return None,
    };
    Some(Target::Key {
        folder,
        dir: KeyDir::parse(dir)?,
        file: KeyFile::parse(file)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "AAAAAAAAAA_aaaaaaa-0";

    fn key(folder: &str, file: KeyFile) -> Target {
        let folder = FolderName::parse(folder).unwrap();
        Target::Key {
            folder,
            dir: KeyDir::new(1, ID).unwrap(),
            file,
        }
    }

    #[test]
    fn each_place_has_its_path() {
        let bob = || ReaderName::parse("bob").unwrap();
        let sealed = |name| Target::Sealed(SecretName::parse(name).unwrap());
        let submitted = |text| Target::Inbox(Submitted::parse(text).unwrap());
        for (target, path) in [
            (Target::HomeAttributes, ".gitattributes".to_owned()),
            (Target::HomeIgnore, ".gitignore".to_owned()),
            (Target::Manifest, "hoziron.toml".to_owned()),
            (Target::Recipient(bob()), "recipients/bob.pub".to_owned()),
            (Target::VaultAttributes, "vault/.gitattributes".to_owned()),
            (
                submitted("API_KEY~a1b2c3d4"),
                "vault/.inbox/API_KEY~a1b2c3d4.age".to_owned(),
            ),
            (
                submitted("prod/eu/API_KEY~00000000"),
                "vault/prod/eu/.inbox/API_KEY~00000000.age".to_owned(),
            ),
            (sealed("API_KEY"), "vault/API_KEY.age".to_owned()),
            (
                sealed("prod/eu/API_KEY"),
                "vault/prod/eu/API_KEY.age".to_owned(),
            ),
            (
                key(".", KeyFile::Epoch),
                format!("vault/.keys/0001-{ID}/epoch.toml"),
            ),
            (
                key("prod", KeyFile::Grant(bob())),
                format!("vault/prod/.keys/0001-{ID}/bob.age"),
            ),
            (
                key("a/b", KeyFile::Admission(bob())),
                format!("vault/a/b/.keys/0001-{ID}/bob.toml"),
            ),
        ] {
            assert_eq!(target.path(), path);
            assert_eq!(Target::parse(&path), Some(target), "{path}");
        }
    }

    #[test]
    fn no_other_path_is_a_place() {
        let id = ID;
        for path in [
            "",
            "/",
            "vault",
            "vault/",
            "vault/.age",
            "vault/../x.age",
            "/vault/A.age",
            "vault//A.age",
            "./vault/A.age",
            "vault/A",
            "vault/A.AGE",
            "vault/.keys/A.age",
            "vault/.git/A.age",
            "A.age",
            ".git/config",
            ".state/journal",
            ".state/lock",
            "recipients/Bob.pub",
            "recipients/a/b.pub",
            "recipients/.pub",
            "vault/a/.gitattributes",
            "vault/.inbox/A.age",
            "vault/.inbox/A~a1b2c3d4",
            "vault/.inbox/A~A1B2C3D4.age",
            "vault/.inbox/a/A~a1b2c3d4.age",
            "vault/.inbox/.inbox/A~a1b2c3d4.age",
            "vault/./.inbox/A~a1b2c3d4.age",
            "vault//.inbox/A~a1b2c3d4.age",
            "vault/A~a1b2c3d4.age",
            ".inbox/A~a1b2c3d4.age",
            "hoziron.toml/",
            "vault/A.age\n",
            "vault/A.age ",
            &format!("vault/.keys/0000-{id}/epoch.toml"),
            &format!("vault/.keys/1-{id}/epoch.toml"),
            &format!("vault/.keys/00001-{id}/epoch.toml"),
            &format!("vault/.keys/+001-{id}/epoch.toml"),
            &format!("vault/.keys/0001-{id}a/epoch.toml"),
            &format!("vault/.keys/0001-{id}/x/epoch.toml"),
            &format!("vault/./.keys/0001-{id}/epoch.toml"),
            &format!("vault//.keys/0001-{id}/epoch.toml"),
            &format!(".keys/0001-{id}/epoch.toml"),
            &format!("vault/.keys/4294967296-{id}/epoch.toml"),
        ] {
            assert_eq!(Target::parse(path), None, "{path:?}");
        }
    }

    #[test]
    fn an_epoch_past_9999_keeps_its_digits() {
        for (epoch, text) in [
            (9999, "9999-"),
            (10_000, "10000-"),
            (u32::MAX, "4294967295-"),
        ] {
            let text = format!("{text}{ID}");
            assert_eq!(KeyDir::new(epoch, ID).unwrap().to_string(), text);
            assert_eq!(KeyDir::parse(&text).unwrap().epoch(), epoch);
        }
    }

    fn any_target() -> impl Strategy<Value = Target> {
        let folder = "\\.|[a-z0-9][a-z0-9_-]{0,5}(/[a-z0-9][a-z0-9_-]{0,5}){0,2}";
        let folder = folder.prop_filter_map("a device", |text| FolderName::parse(&text).ok());
        let reader = "[a-z0-9][a-z0-9_-]{0,8}"
            .prop_filter_map("a device", |text| ReaderName::parse(&text).ok())
            .prop_filter("`epoch.toml` is the epoch's", |reader| {
                reader.as_str() != EPOCH
            });
        let file = prop_oneof![
            Just(KeyFile::Epoch),
            reader.clone().prop_map(KeyFile::Grant),
            reader.clone().prop_map(KeyFile::Admission),
        ];
        let dir = (1..=u32::MAX, "[A-Za-z0-9_-]{20}")
            .prop_map(|(epoch, id)| KeyDir::new(epoch, &id).unwrap());
        let sealed = (folder.clone(), "[A-Za-z_][A-Za-z0-9_]{0,8}")
            .prop_filter_map("a device", |(folder, key)| {
                SecretName::within(&folder, &key).ok()
            });
        prop_oneof![
            Just(Target::HomeAttributes),
            Just(Target::HomeIgnore),
            Just(Target::Manifest),
            Just(Target::VaultAttributes),
            reader.prop_map(Target::Recipient),
            (sealed.clone(), "[a-z0-9]{8}")
                .prop_map(|(name, mark)| Target::Inbox(Submitted::new(name, &mark).unwrap())),
            sealed.prop_map(Target::Sealed),
            (folder, dir, file).prop_map(|(folder, dir, file)| Target::Key { folder, dir, file }),
        ]
    }

    proptest! {
        #[test]
        fn a_place_reads_back_from_its_path(target in any_target()) {
            prop_assert_eq!(Target::parse(&target.path()), Some(target));
        }

        #[test]
        fn a_path_that_is_a_place_is_its_path(path in "(vault/|recipients/)?[a-zA-Z0-9_./-]{0,20}(\\.age|\\.pub|\\.toml)?") {
            if let Some(target) = Target::parse(&path) {
                prop_assert_eq!(target.path(), path);
            }
        }
    }
}
