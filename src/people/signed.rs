//! What the two kinds of signed files share, the statement about a folder's key and the admission of
//! a reader: a TOML text whose last line is a signature of all bytes before it. Parsing and checking
//! are one step for the caller, so no part of an unsigned text is ever seen. Errors hold no line of it.

use std::fmt;

use serde::de::DeserializeOwned;
use sha2::Sha256;
use thiserror::Error;

use crate::domain::{
    FolderName, Reader, ReaderName, ReadersError, Recipient, SigningKey, VerifyingKey,
};
use crate::sealed::KeyId;

/// The longest signed file, in bytes: 200 recipients with room for long ssh-rsa keys.
pub const MAX_STATEMENT: usize = 512 * 1024;

/// Why a file is not a signed one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StatementError {
    /// A field does not hold what it should.
    #[error("its field `{0}` is malformed")]
    Field(&'static str),
    /// Not the TOML of a statement.
    #[error("it is not a statement: {0}")]
    Malformed(&'static str),
    /// Written by a later version.
    #[error("it is a statement of format {0}; this hoziron reads format 1")]
    Newer(u64),
    /// The readers are not a set of readers.
    #[error("its readers: {0}")]
    Readers(#[from] ReadersError),
    /// The signature is not the named signer's over these bytes.
    #[error("its signature does not fit")]
    Signature,
}

/// SHA-256 of a signed file, in lower-case hexadecimal where it is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of a file's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(Sha256::digest(bytes).into())
    }

    /// Parses 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Ends a text with its signature, under a context that tells one kind from the other.
pub fn sign(context: &[u8], mut text: String, key: &SigningKey) -> Vec<u8> {
    let signature = key.sign(&[context, text.as_bytes()].concat());
    text.push_str(&format!("signature = \"{signature}\"\n"));
    text.into_bytes()
}

/// Reads the TOML of a signed file of this format. Nothing of it counts before [`check`].
pub fn table(bytes: &[u8]) -> Result<(&str, toml::Table), StatementError> {
    let malformed = StatementError::Malformed;
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))?;
    let table: toml::Table = text.parse().map_err(|_| malformed("not TOML"))?;
    match table.get("format").and_then(toml::Value::as_integer) {
        Some(1) => Ok((text, table)),
        Some(format) => Err(StatementError::Newer(format.unsigned_abs())),
        None => Err(StatementError::Field("format")),
    }
}

/// Fits a table into its shape.
pub fn shaped<T: DeserializeOwned>(table: toml::Table) -> Result<T, StatementError> {
    table
        .try_into()
        .map_err(|_| StatementError::Malformed("a field is unknown, missing or of the wrong type"))
}

/// Checks that the last line is the signer's signature of all bytes before it.
pub fn check(
    context: &[u8],
    text: &str,
    signature: &str,
    signer: &VerifyingKey,
) -> Result<(), StatementError> {
    let covered = text
        .len()
        .checked_sub(signature.len() + "signature = \"\"\n".len());
    let (covered, last) = text
        .split_at_checked(covered.unwrap_or(0))
        .unwrap_or_default();
    let stands_last = last == format!("signature = \"{signature}\"\n");
    let signed = [context, covered.as_bytes()].concat();
    if stands_last && signer.verifies(&signed, signature) {
        Ok(())
    } else {
        Err(StatementError::Signature)
    }
}

/// Writes strings as the elements of an array.
pub fn quoted<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.map(|item| format!("\"{item}\"")).collect();
    items.join(", ")
}

/// Reads a folder.
pub fn folder(text: &str, field: &'static str) -> Result<FolderName, StatementError> {
    FolderName::parse(text).map_err(|_| StatementError::Field(field))
}

/// Reads the id of a key.
pub fn key_id(text: &str, field: &'static str) -> Result<KeyId, StatementError> {
    KeyId::parse(text).ok_or(StatementError::Field(field))
}

/// Reads a public signing key.
pub fn verifying_key(text: &str, field: &'static str) -> Result<VerifyingKey, StatementError> {
    VerifyingKey::parse(text).map_err(|_| StatementError::Field(field))
}

/// Reads a reader; no signing key is an empty text.
pub fn reader(name: &str, recipients: &[String], signing: &str) -> Result<Reader, StatementError> {
    let signing = match signing {
        "" => None,
        text => Some(verifying_key(text, "signing")?),
    };
    Ok(Reader {
        name: ReaderName::parse(name).map_err(|_| StatementError::Field("name"))?,
        recipients: recipients
            .iter()
            .map(|text| Recipient::parse(text).map_err(|_| StatementError::Field("recipients")))
            .collect::<Result<_, _>>()?,
        signing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_in_one_spelling() {
        let digest = Digest::of(b"a statement");
        let text = digest.to_string();
        assert_eq!(Digest::parse(&text), Some(digest));
        assert_eq!(Digest::parse(&text.to_uppercase()), None);
        assert_eq!(Digest::parse(&text[1..]), None);
    }

    #[test]
    fn one_kind_does_not_pass_as_the_other() {
        let key = SigningKey::of_identity(&[7; 32]);
        let bytes = sign(b"hoziron/v1 admit\n", "format = 1\n".to_owned(), &key);
        let (text, table) = table(&bytes).unwrap();
        let signature = table["signature"].as_str().unwrap();
        let check = |context| check(context, text, signature, &key.public());
        assert_eq!(check(b"hoziron/v1 admit\n"), Ok(()));
        assert_eq!(check(b"hoziron/v1 epoch\n"), Err(StatementError::Signature));
    }
}
