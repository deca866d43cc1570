//! Names: of a secret, of its folder, of a reader. Each has one constructor, `parse`, which lets
//! nothing through that could climb out of the vault, hide in a listing, or mean another file on
//! another system. A name is public; it is never a value.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use thiserror::Error;

/// The longest secret name, in bytes.
pub const MAX_NAME: usize = 200;

/// The longest reader name, in bytes.
pub const MAX_READER: usize = 64;

/// Names that Windows reserves in every folder, with or without an extension
/// (Microsoft, "Naming Files, Paths, and Namespaces").
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why a text is not a name. Holds no part of the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// The key has a character outside of `[A-Za-z0-9_]`, or starts with a digit.
    #[error("the key must be letters, digits and `_`, not starting with a digit")]
    BadKey,
    /// A reader name has a character outside of `[a-z0-9_-]`.
    #[error("a reader's name must be lower-case letters, digits, `_` and `-`, and not `epoch`")]
    BadReader,
    /// A folder has a character outside of `[a-z0-9_-]`, or is empty.
    #[error("a folder must be lower-case letters, digits, `_` and `-`, and not empty")]
    BadFolder,
    /// A part is a device name on Windows.
    #[error("the name is reserved on Windows (CON, NUL, COM1, …)")]
    Device,
    /// There is nothing.
    #[error("the name is empty")]
    Empty,
    /// Longer than [`MAX_NAME`] (a reader: [`MAX_READER`]).
    #[error("the name is too long (200 bytes for a secret, 64 for a reader)")]
    TooLong,
}

/// The name of a secret: lower-case folders joined by `/`, then one key.
#[derive(Clone)]
pub struct SecretName {
    text: String,
    // Where the last part starts.
    key: usize,
}

impl SecretName {
    /// Parses `KEY` or `folder/sub/KEY`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        let slash = text.rfind('/');
        if let Some(slash) = slash {
            text[..slash].split('/').try_for_each(parse_segment)?;
        }
        let key = slash.map_or(0, |slash| slash + 1);
        parse_key(&text[key..])?;
        Ok(Self {
            text: text.to_owned(),
            key,
        })
    }

    /// Puts `key` into `folder`.
    pub fn within(folder: &FolderName, key: &str) -> Result<Self, NameError> {
        if folder.is_top() {
            Self::parse(key)
        } else {
            Self::parse(&format!("{folder}/{key}"))
        }
    }

    /// Returns the folder the secret is in.
    pub fn folder(&self) -> FolderName {
        match self.parts().0 {
            Some(folder) => FolderName(folder.to_owned()),
            None => FolderName::top(),
        }
    }

    /// Says whether the other secret is in the same folder.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.parts().0 == other.parts().0
    }

    /// Orders by folder, from the top down, then by key.
    pub fn cmp_by_folder(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }

    fn parts(&self) -> (Option<&str>, &str) {
        let folder = self.key.checked_sub(1).map(|slash| &self.text[..slash]);
        (folder, &self.text[self.key..])
    }

    /// Returns the last part, which is also the name of the variable.
    pub fn key(&self) -> &str {
        self.parts().1
    }

    /// Returns the whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the form in which names that differ only in case are equal.
    pub fn folded(&self) -> String {
        self.text.to_ascii_lowercase()
    }
}

impl PartialEq for SecretName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for SecretName {}

impl PartialOrd for SecretName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SecretName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for SecretName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretName({:?})", self.text)
    }
}

/// The name of a folder of the vault; the vault's top is `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderName(String);

impl FolderName {
    /// Returns the vault's top.
    pub fn top() -> Self {
        Self(".".to_owned())
    }

    /// Parses `.` or lower-case segments joined by `/`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        if text != "." {
            text.split('/').try_for_each(parse_segment)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// Says whether this is the vault's top.
    pub fn is_top(&self) -> bool {
        self.0 == "."
    }

    /// Returns the folders from the top down to this one, this one included.
    pub fn ancestry(&self) -> Vec<Self> {
        let mut all = vec![Self::top()];
        if !self.is_top() {
            let ends = self
                .0
                .match_indices('/')
                .map(|(at, _)| at)
                .chain([self.0.len()]);
            all.extend(ends.map(|end| Self(self.0[..end].to_owned())));
        }
        all
    }

    /// Says whether a secret is directly in this folder.
    pub fn has(&self, name: &SecretName) -> bool {
        name.parts().0.unwrap_or(".") == self.0
    }

    /// Says whether `other` is this folder or below it.
    pub fn holds(&self, other: &Self) -> bool {
        self.is_top()
            || other.0 == self.0
            || other
                .0
                .strip_prefix(&self.0)
                .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Returns the name as written in statements and in the manifest.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a person or machine: the stem of `recipients/NAME.pub`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderName(String);

impl ReaderName {
    /// Parses `[a-z0-9][a-z0-9_-]*`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_READER {
            return Err(NameError::TooLong);
        }
        // The admission of a reader is NAME.toml, beside the epoch's own epoch.toml.
        if text == "epoch" {
            return Err(NameError::BadReader);
        }
        parse_segment(text).map_err(|error| match error {
            NameError::BadFolder => NameError::BadReader,
            other => other,
        })?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for SecretName {
    fn borrow(&self) -> &str {
        &self.text
    }
}

fn parse_segment(segment: &str) -> Result<(), NameError> {
    let first = segment.bytes().next().ok_or(NameError::BadFolder)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !plain(first)
        || !segment
            .bytes()
            .all(|byte| plain(byte) || byte == b'_' || byte == b'-')
    {
        return Err(NameError::BadFolder);
    }
    refuse_device(segment)
}

fn parse_key(key: &str) -> Result<(), NameError> {
    let first = key.bytes().next().ok_or(NameError::BadKey)?;
    if first.is_ascii_digit()
        || !key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Err(NameError::BadKey);
    }
    refuse_device(key)
}

fn refuse_device(part: &str) -> Result<(), NameError> {
    let is = |device: &str| part.eq_ignore_ascii_case(device);
    let numbered = part.len() == 4
        && part.ends_with(|last: char| last.is_ascii_digit())
        && ["com", "lpt"].iter().any(|port| {
            let name = part.get(..port.len());
            name.is_some_and(|name| name.eq_ignore_ascii_case(port))
        });
    if numbered || DEVICES.iter().any(|device| is(device)) {
        Err(NameError::Device)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_and_a_key_in_folders_are_names() {
        for text in [
            "STRIPE_API_KEY",
            "prod/DATABASE_URL",
            "prod/eu-1/x",
            "_a",
            "a/b/c/D",
        ] {
            assert_eq!(
                SecretName::parse(text)
                    .map(|name| name.to_string())
                    .as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn nothing_that_leaves_the_vault_is_a_name() {
        for text in [
            "",
            "/",
            "../x",
            "a/../B",
            "a//b",
            "/etc/passwd",
            ".git/x",
            "a/.keys/x",
            "x/",
            "CON",
            "nul/x",
            "prod/com1",
            "a b",
            "a\nb",
            "a\0b",
            "ä",
            "1ABC",
            "-x",
            "Prod/X",
            "a.age",
            "a\\b",
            "\u{202e}a",
        ] {
            assert!(SecretName::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(SecretName::parse(&"a".repeat(201)), Err(NameError::TooLong));
        assert!(SecretName::parse(&"a".repeat(200)).is_ok());
    }

    /// The admission of a reader is `NAME.toml`, beside the epoch's own `epoch.toml`.
    #[test]
    fn nobody_is_called_epoch() {
        assert_eq!(ReaderName::parse("epoch"), Err(NameError::BadReader));
        assert!(ReaderName::parse("epoch-2").is_ok());
    }

    #[test]
    fn ancestry_starts_at_the_top() {
        let shown = |text| {
            let folder = FolderName::parse(text).unwrap();
            folder
                .ancestry()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown("."), ["."]);
        assert_eq!(shown("prod/eu/a"), [".", "prod", "prod/eu", "prod/eu/a"]);
    }

    #[test]
    fn a_folder_holds_what_is_below_it_only() {
        let folder = |text| FolderName::parse(text).unwrap();
        assert!(folder(".").holds(&folder("prod")));
        assert!(folder("prod").holds(&folder("prod/eu")));
        assert!(!folder("prod").holds(&folder("production")));
        assert!(!folder("prod").holds(&folder(".")));
    }

    proptest! {
        /// Whatever is accepted is a relative path of plain parts.
        #[test]
        fn a_name_never_climbs(text in "[a-zA-Z0-9_./\\\\-]{0,30}") {
            if let Ok(name) = SecretName::parse(&text) {
                for part in name.as_str().split('/') {
                    prop_assert!(!part.is_empty() && part != "." && part != ".." && !part.starts_with('.'));
                }
                prop_assert_eq!(SecretName::within(&name.folder(), name.key()), Ok(name));
            }
        }
    }
}
