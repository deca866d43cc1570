//! `recipients/NAME.pub`, one file a person or machine in the format of `age -R`: public keys, one a
//! line, and comments. What it says is a claim: it counts once somebody who may change readers has
//! approved it. Edits keep every line they do not concern. Errors name lines and do not show them.

use thiserror::Error;

use crate::domain::{
    GroupName, Reader, ReaderName, Recipient, RecipientError, VerifyingKey, words,
};

/// The longest recipient file, in bytes.
pub const MAX_RECIPIENT_FILE: usize = 64 * 1024;

const SIGNING: &str = "# hoziron-signing-key ";
const GROUPS: &str = "# hoziron-groups ";

/// Why a recipient file cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecipientFileError {
    /// There is no key in it.
    #[error("there is no public key in it")]
    Empty,
    /// A groups comment names something that is no group.
    #[error("line {0}: a group's name is `a-z`, `0-9`, `-` and `_`, and not `all`")]
    Group(usize),
    /// A line is no public key.
    #[error("line {line}: {source}")]
    Key {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: RecipientError,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The signing comment holds no signing key, or stands there twice.
    #[error("line {0}: not one signing key in base64 (32 bytes, 43 characters)")]
    Signing(usize),
    /// The same key twice.
    #[error("line {0}: the key stands there already")]
    Twice(usize),
}

/// What a recipient file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientFile {
    /// The public keys.
    pub recipients: Vec<Recipient>,
    /// The key with which the person would change who reads.
    pub signing: Option<VerifyingKey>,
    /// The groups the person is in.
    pub groups: Vec<GroupName>,
    // Every line, for edits.
    text: String,
}

impl RecipientFile {
    /// Writes the file of a new reader.
    pub fn new(recipients: &[Recipient], signing: Option<VerifyingKey>) -> Self {
        let mut text = String::new();
        if let Some(signing) = signing {
            text.push_str(&format!("{SIGNING}{}\n", signing.text()));
        }
        for recipient in recipients {
            text.push_str(&format!("{}\n", recipient.text()));
        }
        Self {
            recipients: recipients.to_vec(),
            signing,
            groups: Vec::new(),
            text,
        }
    }

    /// Parses a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecipientFileError> {
        let text = std::str::from_utf8(bytes).map_err(|_| RecipientFileError::NotText)?;
        let mut file = Self {
            recipients: Vec::new(),
            signing: None,
            groups: Vec::new(),
            text: text.to_owned(),
        };
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let line = line.trim_end();
            if let Some(key) = line.strip_prefix(SIGNING) {
                let key = VerifyingKey::parse(key.trim()).ok();
                let key = key.filter(|_| file.signing.is_none());
                file.signing = Some(key.ok_or(RecipientFileError::Signing(number))?);
            } else if let Some(groups) = line.strip_prefix(GROUPS) {
                for group in groups
                    .split([' ', ',', '\t'])
                    .filter(|word| !word.is_empty())
                {
                    let group = group.strip_prefix('@').unwrap_or(group);
                    let group = GroupName::parse(group);
                    file.groups
                        .push(group.map_err(|_| RecipientFileError::Group(number))?);
                }
            } else if !line.is_empty() && !line.starts_with('#') {
                let key = Recipient::parse(line);
                let key = key.map_err(|source| RecipientFileError::Key {
                    line: number,
                    source,
                })?;
                if file.recipients.contains(&key) {
                    return Err(RecipientFileError::Twice(number));
                }
                file.recipients.push(key);
            }
        }
        if file.recipients.is_empty() {
            return Err(RecipientFileError::Empty);
        }
        Ok(file)
    }

    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the keys as words that two people compare by voice, the signing key among them: whoever
    /// swaps that one could change who reads.
    pub fn words(&self) -> String {
        let mut keys: Vec<_> = self
            .recipients
            .iter()
            .map(|key| key.text().as_bytes())
            .collect();
        keys.sort_unstable();
        let signing = self.signing.map(|key| key.text()).unwrap_or_default();
        keys.push(signing.as_bytes());
        words("hoziron/v1 reader words", keys)
    }

    /// Returns the reader that the file claims.
    pub fn reader(&self, name: &ReaderName) -> Reader {
        Reader {
            name: name.clone(),
            recipients: self.recipients.clone(),
            signing: self.signing,
        }
    }

    /// Adds a key at the end; says whether it was not there already.
    pub fn add(&mut self, recipient: &Recipient) -> bool {
        if self.recipients.contains(recipient) {
            return false;
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&format!("{}\n", recipient.text()));
        self.recipients.push(recipient.clone());
        true
    }

    /// Removes a key; says whether it was there. Its line goes, every other one stays.
    pub fn remove(&mut self, recipient: &Recipient) -> bool {
        let before = self.recipients.len();
        self.recipients.retain(|key| key != recipient);
        let is_key =
            |line: &str| Recipient::parse(line.trim_end()).is_ok_and(|key| key == *recipient);
        let lines = self.text.split_inclusive('\n');
        self.text = lines.filter(|line| !is_key(line)).collect();
        self.recipients.len() < before
    }

    /// Puts the person into a group; says whether he was not in it already.
    pub fn join(&mut self, group: &GroupName) -> bool {
        if self.groups.contains(group) {
            return false;
        }
        self.text.insert_str(0, &format!("{GROUPS}{group}\n"));
        self.groups.push(group.clone());
        true
    }

    /// Sets the key with which the person would change who reads; the last one, if there is one, goes.
    pub fn sign_with(&mut self, signing: Option<VerifyingKey>) {
        let lines = self.text.split_inclusive('\n');
        let kept: String = lines.filter(|line| !line.starts_with(SIGNING)).collect();
        let comment = signing.map(|key| format!("{SIGNING}{}\n", key.text()));
        self.text = comment.unwrap_or_default() + &kept;
        self.signing = signing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const BOB: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

    fn key(text: &str) -> Recipient {
        Recipient::parse(text).unwrap()
    }

    #[test]
    fn keys_groups_and_the_signing_key_are_read() {
        let signing = crate::domain::SigningKey::of_identity(&[7; 32]).public();
        let text = format!(
            "# alice, since May\n# hoziron-groups team @ops\n# hoziron-signing-key {}\n\n{ALICE}\r\n",
            signing.text()
        );
        let file = RecipientFile::parse(text.as_bytes()).unwrap();
        assert_eq!(file.recipients, [key(ALICE)]);
        assert_eq!(file.signing, Some(signing));
        let groups: Vec<_> = file.groups.iter().map(GroupName::as_str).collect();
        assert_eq!(groups, ["team", "ops"]);
        let new = RecipientFile::new(&[key(BOB)], Some(signing));
        assert_eq!(RecipientFile::parse(new.text().as_bytes()), Ok(new));
    }

    #[test]
    fn an_edit_keeps_every_other_line() {
        let text = format!("# first\n{ALICE}\n# laptop\n{BOB}");
        let mut file = RecipientFile::parse(text.as_bytes()).unwrap();
        assert!(!file.add(&key(BOB)));
        assert!(file.remove(&key(ALICE)));
        assert_eq!(file.text(), format!("# first\n# laptop\n{BOB}"));
        assert!(file.add(&key(ALICE)));
        assert_eq!(file.text(), format!("# first\n# laptop\n{BOB}\n{ALICE}\n"));
        assert!(file.join(&GroupName::parse("ops").unwrap()));
        assert!(!file.join(&GroupName::parse("ops").unwrap()));
        assert_eq!(RecipientFile::parse(file.text().as_bytes()), Ok(file));
    }

    /// What was pasted by mistake is not repeated.
    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
        for (text, expected) in [
            (secret, "line 1: this is a private key"),
            ("# x\nhunter2", "line 2: not an age recipient"),
            (
                "# hoziron-signing-key hunter2",
                "line 1: not one signing key",
            ),
            ("# hoziron-groups Hunter2", "line 1: a group's name"),
            ("# nobody", "there is no public key"),
        ] {
            let error = RecipientFile::parse(text.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(
                !error.contains("unter2") && !error.contains("GQ9778"),
                "{error}"
            );
        }
        let twice = format!("{ALICE}\n{ALICE}\n");
        assert_eq!(
            RecipientFile::parse(twice.as_bytes()),
            Err(RecipientFileError::Twice(2))
        );
    }
}
