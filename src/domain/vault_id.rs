//! The vault's id certifies itself: it is a digest of the founder's public key and a nonce, so
//! whoever knows the id can check every public statement that follows from it. An id is checked
//! against its pattern before any use.

use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::domain::{VerifyingKey, push_field, words};

const LABEL: &[u8] = b"hoziron/v1 vault";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Why a text is not a vault id.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a vault id is 32 characters of a-z and 2-7")]
pub struct VaultIdError;

/// The id of a vault: 160 bits, 32 characters `[a-z2-7]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultId(String);

impl VaultId {
    /// Parses 32 characters of `[a-z2-7]`.
    pub fn parse(text: &str) -> Result<Self, VaultIdError> {
        if text.len() == 32 && text.bytes().all(|byte| ALPHABET.contains(&byte)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VaultIdError)
        }
    }

    /// Returns the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id as words that two people compare by voice.
    pub fn words(&self) -> String {
        words("hoziron/v1 vault words", [self.0.as_bytes()])
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a vault id is the digest of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The public key whose private half signed the first statement.
    pub founder: VerifyingKey,
    /// Sixteen random bytes, so that one founder can have many vaults.
    pub nonce: [u8; 16],
}

impl Founding {
    /// Returns the id that certifies this founding.
    pub fn id(&self) -> VaultId {
        let mut text = LABEL.to_vec();
        push_field(&mut text, self.founder.as_bytes());
        text.extend_from_slice(&self.nonce);
        VaultId(base32_lower(&Sha256::digest(&text)[..20]))
    }
}

/// RFC 4648 base32 in lower case, for lengths that need no padding.
fn base32_lower(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for &byte in bytes {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10, at a length without padding.
    #[test]
    fn base32_is_the_standard_one() {
        assert_eq!(base32_lower(b"fooba"), "mzxw6ytb");
    }

    #[test]
    fn only_the_pattern_is_an_id() {
        assert!(VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").is_ok());
        for text in [
            "",
            "abc",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "abcdefghijklmnopqrstuvwxyz23456/",
        ] {
            assert_eq!(VaultId::parse(text), Err(VaultIdError));
        }
    }
}
