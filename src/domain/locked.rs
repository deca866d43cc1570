//! Private keys under a passphrase: an identity file that is itself an age file, and an OpenSSH key.
//! Each is opened once, with a passphrase that somebody else asked for; the costs are bounded, for a
//! file says itself how much work its passphrase takes.

use std::fmt;
use std::io::{Read, Write};

use age_core::secrecy::SecretString;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::SecretValue;
use crate::domain::identity::{Identity, IdentityTextError, Keyring};

/// The most work a passphrase may take: 2^20 rounds of scrypt, one gigabyte and some seconds. Work
/// factor 22 takes 21 s and 4.3 GB.
const MAX_WORK_FACTOR: u8 = 20;

/// The work that a passphrase of ours takes: 2^18 rounds, what `age -p` takes.
const WORK_FACTOR: u8 = 18;

/// The longest identity text inside, in bytes (1 MiB).
const MAX_TEXT: u64 = 1024 * 1024;

/// Why a passphrase opens nothing.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UnlockError {
    /// The file asks for more work than is allowed.
    #[error("its passphrase takes more work than is allowed (work factor 20)")]
    Costly,
    /// What is inside are no private keys.
    #[error("inside: {0}")]
    Text(#[from] IdentityTextError),
    /// The passphrase is wrong, or the file is damaged.
    #[error("the passphrase does not open it")]
    Wrong,
}

/// A private key that needs a passphrase.
pub struct Locked {
    content: SecretValue,
    kind: Kind,
    origin: String,
    public: Option<String>,
}

enum Kind {
    AgeFile,
    SshKey,
}

impl Locked {
    /// Takes a file that is an age file; `None` if it is something else.
    pub(super) fn age_file(content: &SecretValue, origin: &str) -> Option<Self> {
        let bytes = content.reveal();
        let is_age = bytes.starts_with(b"age-encryption.org/v1\n")
            || bytes
                .trim_ascii_start()
                .starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----");
        is_age.then(|| Self {
            content: SecretValue::new(bytes.to_vec()),
            kind: Kind::AgeFile,
            origin: origin.to_owned(),
            public: None,
        })
    }

    /// Takes an ssh key under a passphrase; its public half is readable.
    pub(super) fn ssh_key(
        key: age::ssh::Identity,
        text: &str,
        origin: &str,
    ) -> Result<Self, IdentityTextError> {
        let public = age::ssh::Recipient::try_from(key).map_err(|_| IdentityTextError::Kind)?;
        Ok(Self {
            content: SecretValue::new(text.as_bytes().to_vec()),
            kind: Kind::SshKey,
            origin: origin.to_owned(),
            public: Some(public.to_string()),
        })
    }

    /// Puts an identity's text under a passphrase, as `age -p -a` would; `None` if the passphrase is
    /// not UTF-8, which age takes none but.
    pub fn seal(text: &SecretValue, passphrase: &SecretValue) -> Option<SecretValue> {
        let passphrase = std::str::from_utf8(passphrase.reveal()).ok()?;
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
        recipient.set_work_factor(WORK_FACTOR);
        let recipients = std::iter::once(&recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients)
            .expect("one recipient under a passphrase is a set that age takes");
        let mut file = Vec::new();
        let written =
            age::armor::ArmoredWriter::wrap_output(&mut file, age::armor::Format::AsciiArmor)
                .and_then(|armor| encryptor.wrap_output(armor))
                .and_then(|mut output| {
                    output.write_all(text.reveal())?;
                    output.finish()?.finish()
                });
        written.expect("writing into memory does not fail");
        Some(SecretValue::new(file))
    }

    /// Returns where it was found, for a person.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the public half, if it can be read without the passphrase.
    pub fn public(&self) -> Option<&str> {
        self.public.as_deref()
    }

    /// Opens it and adds what is inside to a keyring.
    pub fn unlock(
        &self,
        passphrase: &SecretValue,
        keyring: &mut Keyring,
    ) -> Result<(), UnlockError> {
        match self.kind {
            Kind::AgeFile => Ok(keyring.read(&self.origin, &self.open_age_file(passphrase)?)?),
            Kind::SshKey => {
                keyring.add(self.open_ssh_key(passphrase)?);
                Ok(())
            }
        }
    }

    fn open_age_file(&self, passphrase: &SecretValue) -> Result<SecretValue, UnlockError> {
        let passphrase =
            std::str::from_utf8(passphrase.reveal()).map_err(|_| UnlockError::Wrong)?;
        let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let armored = age::armor::ArmoredReader::new(self.content.reveal());
        let decryptor = age::Decryptor::new(armored).map_err(|_| UnlockError::Wrong)?;
        let reader = decryptor
            .decrypt(std::iter::once(&identity as &dyn age::Identity))
            .map_err(|error| match error {
                age::DecryptError::ExcessiveWork { .. } => UnlockError::Costly,
                _ => UnlockError::Wrong,
            })?;
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_TEXT as usize));
        reader
            .take(MAX_TEXT)
            .read_to_end(&mut text)
            .map_err(|_| UnlockError::Wrong)?;
        Ok(SecretValue::new(text.to_vec()))
    }

    /// Decrypts the key once: the age crate would run bcrypt (120 ms) for every stanza it sees.
    fn open_ssh_key(&self, passphrase: &SecretValue) -> Result<Identity, UnlockError> {
        let key = ssh_key::PrivateKey::from_openssh(self.content.reveal())
            .and_then(|key| key.decrypt(passphrase.reveal()))
            .map_err(|_| UnlockError::Wrong)?;
        let text = key
            .to_openssh(ssh_key::LineEnding::LF)
            .map_err(|_| UnlockError::Wrong)?;
        let key = age::ssh::Identity::from_buffer(text.as_bytes(), None)
            .map_err(|_| UnlockError::Text(IdentityTextError::Kind))?;
        Ok(Identity::ssh(key, &self.origin)?)
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locked({})", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_under_a_passphrase_opens_with_it_alone() {
        let value = |text: &str| SecretValue::new(text.as_bytes().to_vec());
        let identity = Identity::generate("here");
        let text = identity.file_text(&[]).expect("it was made here");
        let file = Locked::seal(&text, &value("correct horse")).expect("it is text");
        let mut keyring = Keyring::default();
        keyring.read("there", &file).expect("it is an age file");
        let [locked] = &keyring.take_locked()[..] else {
            panic!("it is not locked");
        };
        let wrong = locked.unlock(&value("battery"), &mut keyring);
        assert_eq!(wrong, Err(UnlockError::Wrong));
        locked
            .unlock(&value("correct horse"), &mut keyring)
            .expect("it is the passphrase");
        assert_eq!(keyring.identities()[0].public(), identity.public());
    }
}
