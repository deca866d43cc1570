//! `~/.config/hoziron/signing.key`: the key with which somebody signs who has no native identity to
//! derive one from. Made only when it is needed.

use std::path::Path;

use thiserror::Error;

use crate::domain::SigningKey;
use crate::home::private::{Overwrite, PrivateError, read_private, write_private};

const NAME: &str = "signing.key";

/// The longest file, in bytes.
const MAX: u64 = 4096;

/// Why the signing key cannot be used.
#[derive(Debug, Error)]
pub enum SigningKeyError {
    /// It cannot be read or made.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// It is not a signing key.
    #[error("`signing.key` does not hold a signing key")]
    Malformed,
}

/// Reads the signing key in a folder such as `~/.config/hoziron`; `None` if there is none.
pub fn load_signing_key(folder: &Path) -> Result<Option<SigningKey>, SigningKeyError> {
    match read_private(&folder.join(NAME), MAX)? {
        Some(text) => SigningKey::parse(&text)
            .map(Some)
            .ok_or(SigningKeyError::Malformed),
        None => Ok(None),
    }
}

/// Reads the signing key, and makes it if there is none.
pub fn load_or_make_signing_key(folder: &Path) -> Result<SigningKey, SigningKeyError> {
    if let Some(key) = load_signing_key(folder)? {
        return Ok(key);
    }
    let text = SigningKey::generate();
    // Whoever was first, what is on the disk now is the key.
    let _ = write_private(&folder.join(NAME), text.reveal(), Overwrite::Refuse)?;
    load_signing_key(folder)?.ok_or(SigningKeyError::Malformed)
}
