//! What opens: private keys, read from text in the format of `age-keygen`, and the ring of all that
//! were found. A key is never shown; errors give a line number and nothing of the line.

use std::collections::BTreeSet;
use std::fmt;

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use bech32::primitives::decode::CheckedHrpstring;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::domain::{SecretValue, SigningKey, VaultId};

/// The comment by which an identity text names a vault its holder trusts.
const VAULT_COMMENT: &str = "# hoziron vault ";

/// Why a text is not a list of identities. Holds no part of the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum IdentityTextError {
    /// There is no key in it.
    #[error("there is no private key in it")]
    Empty,
    /// A line is neither a comment nor a private key.
    #[error("line {0} is not a private key (`AGE-SECRET-KEY-1…`)")]
    NotAKey(usize),
    /// The bytes are not text.
    #[error("it is not text")]
    NotText,
}

/// A private key and where it was found.
pub struct Identity {
    key: age::x25519::Identity,
    public: String,
    origin: String,
}

impl Identity {
    /// Makes a new native key from the operating system's random source.
    pub fn generate(origin: &str) -> Self {
        Self::from_key(age::x25519::Identity::generate(), origin)
    }

    fn from_key(key: age::x25519::Identity, origin: &str) -> Self {
        let public = key.to_public().to_string();
        Self {
            key,
            public,
            origin: origin.to_owned(),
        }
    }

    /// Returns the public half.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Returns where the key was found, for a person.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Unwraps a file key from the stanzas of one header; `None` if none is for this key.
    pub fn unwrap(&self, stanzas: &[Stanza]) -> Option<FileKey> {
        age::Identity::unwrap_stanzas(&self.key, stanzas)?.ok()
    }

    /// Derives the key that signs statements.
    pub fn signing_key(&self) -> SigningKey {
        let text = self.key.to_string();
        let parsed = CheckedHrpstring::new::<bech32::Bech32>(text.expose_secret())
            .expect("age writes its own keys in bech32");
        let mut secret = Zeroizing::new([0; 32]);
        secret
            .iter_mut()
            .zip(parsed.byte_iter())
            .for_each(|(to, byte)| *to = byte);
        SigningKey::of_identity(&secret)
    }

    /// Returns the text of an identity file: public half and vaults as comments, then the key.
    pub fn file_text(&self, vaults: &[VaultId]) -> SecretValue {
        let mut text = format!("# public key: {}\n", self.public);
        for vault in vaults {
            text.push_str(&format!("{VAULT_COMMENT}{vault}\n"));
        }
        text.reserve_exact(80);
        text.push_str(self.key.to_string().expose_secret());
        text.push('\n');
        SecretValue::new(text.into_bytes())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.public)
    }
}

/// Every identity that was found, and the vaults their texts name as trusted.
#[derive(Debug, Default)]
pub struct Keyring {
    identities: Vec<Identity>,
    vaults: BTreeSet<VaultId>,
}

impl Keyring {
    /// Adds one identity.
    pub fn add(&mut self, identity: Identity) {
        if self
            .identities
            .iter()
            .all(|known| known.public != identity.public)
        {
            self.identities.push(identity);
        }
    }

    /// Reads text in the format of `age-keygen`: comments, blank lines, one key a line.
    pub fn read(&mut self, origin: &str, text: &SecretValue) -> Result<(), IdentityTextError> {
        let text = std::str::from_utf8(text.reveal()).map_err(|_| IdentityTextError::NotText)?;
        let before = self.identities.len();
        let mut repeated = false;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(id) = line.strip_prefix(VAULT_COMMENT) {
                self.vaults.extend(VaultId::parse(id.trim()));
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = line
                .parse()
                .map_err(|_| IdentityTextError::NotAKey(index + 1))?;
            let count = self.identities.len();
            self.add(Identity::from_key(key, origin));
            repeated |= count == self.identities.len();
        }
        if self.identities.len() == before && !repeated {
            return Err(IdentityTextError::Empty);
        }
        Ok(())
    }

    /// Returns the identities in the order they were found.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Says whether an identity's text names this vault as trusted.
    pub fn names_vault(&self, id: &VaultId) -> bool {
        self.vaults.contains(id)
    }

    /// Unwraps a file key with the first identity that can.
    pub fn unwrap(&self, stanzas: &[Stanza]) -> Option<FileKey> {
        self.identities
            .iter()
            .find_map(|identity| identity.unwrap(stanzas))
    }
}

/// Copies a private key's text into a value that wipes itself, and wipes the original.
pub fn take_text(mut text: String) -> SecretValue {
    let value = SecretValue::new(text.as_bytes().to_vec());
    text.zeroize();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn read(text: &str) -> Result<Keyring, IdentityTextError> {
        let mut ring = Keyring::default();
        ring.read("a test", &take_text(text.to_owned()))
            .map(|()| ring)
    }

    #[test]
    fn a_file_of_age_keygen_is_read() {
        let id = "abcdefghijklmnopqrstuvwxyz234567";
        let ring = read(&format!(
            "# created: today\r\n\n# hoziron vault {id}\n{KEY}\n"
        ))
        .unwrap();
        assert_eq!(ring.identities()[0].public(), PUBLIC);
        assert!(ring.names_vault(&VaultId::parse(id).unwrap()));
    }

    /// What stands on a bad line may be a key with a typing error: its number is enough.
    #[test]
    fn a_bad_line_is_named_by_number() {
        let error = read(&format!("# ok\n{}X\n", &KEY[..70])).unwrap_err();
        assert_eq!(error, IdentityTextError::NotAKey(2));
        assert!(!error.to_string().contains("GQ9778"));
        assert_eq!(read("# nothing\n").unwrap_err(), IdentityTextError::Empty);
    }

    #[test]
    fn debug_shows_the_public_half_only() {
        let shown = format!("{:?}", read(KEY).unwrap());
        assert!(
            shown.contains(PUBLIC) && !shown.contains("GQ9778"),
            "{shown}"
        );
    }

    #[test]
    fn an_identity_file_reads_back() {
        let id = VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap();
        let made = Identity::generate("new");
        let mut ring = Keyring::default();
        ring.read("file", &made.file_text(std::slice::from_ref(&id)))
            .unwrap();
        assert_eq!(ring.identities()[0].public(), made.public());
        assert!(ring.names_vault(&id));
        assert_eq!(
            ring.identities()[0].signing_key().public(),
            made.signing_key().public()
        );
    }
}
