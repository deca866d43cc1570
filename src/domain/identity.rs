//! What opens: private keys, read from text in the formats of `age-keygen` and `ssh-keygen`, and the
//! ring of all that were found. A key is never shown; errors give a line number and nothing of the
//! line. Keys under a passphrase are a type of their own, in the file beside this one.

use std::collections::BTreeSet;
use std::fmt;

use age::ssh::UnsupportedKey;
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use bech32::primitives::decode::CheckedHrpstring;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::domain::identity_text::VAULT_COMMENT;
use crate::domain::plugin::PluginIdentity;
use crate::domain::{Locked, Plugins, SecretValue, SigningKey, VaultId, VerifyingKey};

/// The beginning of a plugin's identity.
const PLUGIN: &str = "AGE-PLUGIN-";

/// Why a text is not a list of identities. Holds no part of the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum IdentityTextError {
    /// An ssh key under a passphrase, in a cipher that cannot be undone here.
    #[error("its passphrase is of a kind that cannot be used; `ssh-keygen -p -f FILE` renews it")]
    Cipher,
    /// There is no key in it.
    #[error("there is no private key in it")]
    Empty,
    /// An ssh key of a kind that age does not open with.
    #[error("it is an ssh key of a kind that age cannot use (ssh-ed25519 and ssh-rsa can be)")]
    Kind,
    /// A line is neither a comment nor a private key.
    #[error("line {0} is not a private key (`AGE-SECRET-KEY-1…`)")]
    NotAKey(usize),
    /// The bytes are not text.
    #[error("it is not text")]
    NotText,
}

/// A private key and where it was found.
pub struct Identity {
    key: Key,
    public: String,
    origin: String,
}

enum Key {
    /// A plugin's; what opens is a program that the user allowed.
    Foreign(Box<dyn age::Identity + Send + Sync>),
    Native(age::x25519::Identity),
    Ssh(Box<age::ssh::Identity>),
}

impl Identity {
    /// Makes a new native key from the operating system's random source.
    pub fn generate(origin: &str) -> Self {
        Self::native(age::x25519::Identity::generate(), origin)
    }

    fn native(key: age::x25519::Identity, origin: &str) -> Self {
        let public = key.to_public().to_string();
        Self {
            key: Key::Native(key),
            public,
            origin: origin.to_owned(),
        }
    }

    /// Takes an ssh key that needs no passphrase.
    pub(super) fn ssh(key: age::ssh::Identity, origin: &str) -> Result<Self, IdentityTextError> {
        let public = age::ssh::Recipient::try_from(key.clone())
            .map_err(|_| IdentityTextError::Kind)?
            .to_string();
        Ok(Self {
            key: Key::Ssh(Box::new(key)),
            public,
            origin: origin.to_owned(),
        })
    }

    /// Takes what opens through a plugin.
    pub(super) fn foreign(
        key: Box<dyn age::Identity + Send + Sync>,
        name: &str,
        origin: &str,
    ) -> Self {
        let public = format!("age-plugin-{name}");
        Self {
            key: Key::Foreign(key),
            public,
            origin: origin.to_owned(),
        }
    }

    /// Returns the public half; for a plugin's key, its name.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Returns where the key was found, for a person.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Unwraps a file key from the stanzas of one header; `None` if none is for this key.
    pub fn unwrap(&self, stanzas: &[Stanza]) -> Option<FileKey> {
        match &self.key {
            Key::Foreign(key) => key.unwrap_stanzas(stanzas),
            Key::Native(key) => age::Identity::unwrap_stanzas(key, stanzas),
            Key::Ssh(key) => age::Identity::unwrap_stanzas(&**key, stanzas),
        }?
        .ok()
    }

    /// Derives the key that signs statements. Only a native key has one.
    pub fn signing_key(&self) -> Option<SigningKey> {
        let Key::Native(key) = &self.key else {
            return None;
        };
        let text = key.to_string();
        let parsed = CheckedHrpstring::new::<bech32::Bech32>(text.expose_secret())
            .expect("age writes its own keys in bech32");
        let mut secret = Zeroizing::new([0; 32]);
        secret
            .iter_mut()
            .zip(parsed.byte_iter())
            .for_each(|(to, byte)| *to = byte);
        Some(SigningKey::of_identity(&secret))
    }

    /// Returns the private key on one line, without a line end. `None` for keys that were not made here.
    pub fn key_text(&self) -> Option<SecretValue> {
        let Key::Native(key) = &self.key else {
            return None;
        };
        let text = key.to_string();
        Some(SecretValue::new(text.expose_secret().as_bytes().to_vec()))
    }

    /// Returns the text of an identity file: public half and vaults as comments, then the key.
    /// `None` for keys that were not made here.
    pub fn file_text(&self, vaults: &[VaultId]) -> Option<SecretValue> {
        let Key::Native(key) = &self.key else {
            return None;
        };
        let mut text = format!("# public key: {}\n", self.public);
        for vault in vaults {
            text.push_str(&format!("{VAULT_COMMENT}{vault}\n"));
        }
        text.reserve_exact(80);
        text.push_str(key.to_string().expose_secret());
        text.push('\n');
        Some(SecretValue::new(text.into_bytes()))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.public)
    }
}

/// Every identity that was found, and the vaults their texts name as trusted.
#[derive(Default)]
pub struct Keyring {
    identities: Vec<Identity>,
    locked: Vec<Locked>,
    plugins: Vec<PluginIdentity>,
    // Those that may be run to seal.
    allowed: Plugins,
    signers: Vec<SigningKey>,
    vaults: BTreeSet<VaultId>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.identities).finish()
    }
}

impl Keyring {
    /// Adds one identity, unless it is there already.
    pub fn add(&mut self, identity: Identity) {
        if self
            .identities
            .iter()
            .all(|known| known.public != identity.public)
        {
            self.identities.push(identity);
        }
    }

    /// Adds a signing key of the user's own.
    pub fn sign_with(&mut self, signer: SigningKey) {
        self.signers.push(signer);
    }

    /// Returns every key the user signs with: those of the identities, then those of their own.
    pub fn signing_keys(&self) -> impl Iterator<Item = SigningKey> {
        let derived = self.identities.iter().filter_map(Identity::signing_key);
        derived.chain(self.signers.iter().cloned())
    }

    /// Says whether the user signs with this key: one of an identity, or one of its own.
    pub fn signs_with(&self, signer: &VerifyingKey) -> bool {
        self.signing_keys().any(|key| key.public() == *signer)
    }

    /// Allows plugins to be run to seal.
    pub fn allow(&mut self, plugins: Plugins) {
        self.allowed = plugins;
    }

    /// Returns the plugins that may be run to seal.
    pub fn allowed(&self) -> &Plugins {
        &self.allowed
    }

    /// Trusts a vault that a person named.
    pub fn trust(&mut self, vault: VaultId) {
        self.vaults.insert(vault);
    }

    /// Reads the content of an identity file: a list of keys in the format of `age-keygen`, an
    /// OpenSSH private key, or either of them under a passphrase.
    pub fn read(&mut self, origin: &str, text: &SecretValue) -> Result<(), IdentityTextError> {
        if let Some(locked) = Locked::age_file(text, origin) {
            self.locked.push(locked);
            return Ok(());
        }
        let lines = std::str::from_utf8(text.reveal()).map_err(|_| IdentityTextError::NotText)?;
        if lines.trim_start().starts_with("-----BEGIN ") {
            return self.read_ssh(origin, lines);
        }
        self.read_lines(origin, lines)
    }

    fn read_ssh(&mut self, origin: &str, text: &str) -> Result<(), IdentityTextError> {
        let key = age::ssh::Identity::from_buffer(text.as_bytes(), None)
            .map_err(|_| IdentityTextError::NotAKey(1))?;
        match key {
            age::ssh::Identity::Unencrypted(_) => self.add(Identity::ssh(key, origin)?),
            age::ssh::Identity::Encrypted(_) => {
                self.locked.push(Locked::ssh_key(key, text, origin)?);
            }
            age::ssh::Identity::Unsupported(
                UnsupportedKey::EncryptedPem | UnsupportedKey::EncryptedSsh(_),
            ) => return Err(IdentityTextError::Cipher),
            age::ssh::Identity::Unsupported(_) => return Err(IdentityTextError::Kind),
        }
        Ok(())
    }

    fn read_lines(&mut self, origin: &str, lines: &str) -> Result<(), IdentityTextError> {
        let mut found = false;
        for (index, line) in lines.lines().enumerate() {
            let line = line.trim();
            if let Some(id) = line.strip_prefix(VAULT_COMMENT) {
                self.vaults.extend(VaultId::parse(id.trim()));
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = IdentityTextError::NotAKey(index + 1);
            if line.starts_with(PLUGIN) {
                self.plugins
                    .push(PluginIdentity::parse(line, origin).ok_or(wrong)?);
            } else {
                self.add(Identity::native(line.parse().map_err(|_| wrong)?, origin));
            }
            found = true;
        }
        if found {
            Ok(())
        } else {
            Err(IdentityTextError::Empty)
        }
    }

    /// Returns the identities in the order they were found.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Takes out the keys that need a passphrase.
    pub fn take_locked(&mut self) -> Vec<Locked> {
        std::mem::take(&mut self.locked)
    }

    /// Takes out the plugins' identities.
    pub fn take_plugins(&mut self) -> Vec<PluginIdentity> {
        std::mem::take(&mut self.plugins)
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
            "# created: today\r\n\n# hoziron vault {id}\n{KEY}\n{KEY}\n"
        ))
        .unwrap();
        assert_eq!(ring.identities().len(), 1);
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
        assert_eq!(
            read("AGE-PLUGIN-NOT-BECH32").unwrap_err(),
            IdentityTextError::NotAKey(1)
        );
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
        ring.read("file", &made.file_text(std::slice::from_ref(&id)).unwrap())
            .unwrap();
        let read = &ring.identities()[0];
        assert_eq!(read.public(), made.public());
        assert!(ring.names_vault(&id));
        let public = |identity: &Identity| identity.signing_key().unwrap().public();
        assert_eq!(public(read), public(&made));
    }
}
