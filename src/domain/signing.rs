//! Keys that sign public statements (Ed25519). A native identity has one without asking: its seed
//! is derived from the identity's 32 secret bytes, so whoever holds the identity can sign. Nothing
//! here says whose signature counts; that is decided by the statements.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use ed25519_dalek::{Signature, Signer};
use hkdf::Hkdf;
use rand_core::{OsRng, RngCore};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::SecretValue;

const SALT: &[u8] = b"hoziron/v1 sign";

/// Why a text is not a public signing key or a signature.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a signing key in base64 (32 bytes, 43 characters)")]
pub struct SigningTextError;

/// The private half of a signing key; wiped on drop.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Derives the signing key of a native age identity from its 32 secret bytes.
    pub fn of_identity(secret: &[u8; 32]) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(SALT), secret)
            .expand(b"", &mut *seed)
            .expect("32 bytes is a valid length for HKDF-SHA256");
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Makes the text of a new signing key: its 32 secret bytes in base64, and a line end.
    pub fn generate() -> SecretValue {
        let mut seed = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *seed);
        let mut text = Vec::with_capacity(64);
        text.resize(43, 0);
        BASE64_STANDARD_NO_PAD
            .encode_slice(*seed, &mut text)
            .expect("32 bytes are 43 characters");
        text.push(b'\n');
        SecretValue::new(text)
    }

    /// Parses the text of a signing key; `None` if it is none.
    pub fn parse(text: &SecretValue) -> Option<Self> {
        let mut seed = Zeroizing::new([0; 33]);
        let length = BASE64_STANDARD_NO_PAD
            .decode_slice(text.reveal().trim_ascii(), &mut *seed)
            .ok()?;
        let seed: &[u8; 32] = seed.get(..length)?.try_into().ok()?;
        Some(Self(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// Returns the public half.
    pub fn public(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`; returns the signature in unpadded base64, 86 characters.
    pub fn sign(&self, message: &[u8]) -> String {
        BASE64_STANDARD_NO_PAD.encode(self.0.sign(message).to_bytes())
    }
}

/// The public half of a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// Parses 43 characters of unpadded base64.
    pub fn parse(text: &str) -> Result<Self, SigningTextError> {
        let bytes = BASE64_STANDARD_NO_PAD
            .decode(text)
            .map_err(|_| SigningTextError)?;
        bytes.try_into().map(Self).map_err(|_| SigningTextError)
    }

    /// Checks an unpadded-base64 signature of `message`. Weak keys verify nothing.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(bytes) = BASE64_STANDARD_NO_PAD.decode(signature) else {
            return false;
        };
        let (Ok(signature), Ok(key)) = (
            Signature::from_slice(&bytes),
            ed25519_dalek::VerifyingKey::from_bytes(&self.0),
        ) else {
            return false;
        };
        key.verify_strict(message, &signature).is_ok()
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the key in unpadded base64, 43 characters.
    pub fn text(&self) -> String {
        BASE64_STANDARD_NO_PAD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signing_key_reads_back() {
        let text = SigningKey::generate();
        let key = SigningKey::parse(&text).unwrap();
        assert_eq!(text.len(), 44);
        assert_eq!(SigningKey::parse(&text).unwrap().public(), key.public());
        assert!(SigningKey::parse(&SecretValue::new(b"short".to_vec())).is_none());
    }

    #[test]
    fn a_signature_covers_every_byte_and_one_key() {
        let key = SigningKey::of_identity(&[7; 32]);
        let signature = key.sign(b"statement");
        assert!(key.public().verifies(b"statement", &signature));
        assert!(!key.public().verifies(b"statemenT", &signature));
        assert!(
            !SigningKey::of_identity(&[8; 32])
                .public()
                .verifies(b"statement", &signature)
        );
        assert_eq!(VerifyingKey::parse(&key.public().text()), Ok(key.public()));
    }
}
