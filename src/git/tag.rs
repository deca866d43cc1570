//! A mark of a value, the same for equal values and for one user: in a diff, two values that are the
//! same look the same, and nobody else can try out what a pasted one stands for. A mark is compared
//! as a whole; what is shown of it is short.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::domain::{SecretValue, VaultId, push_field};

const LABEL: &[u8] = b"hoziron/v1 tag";

/// How many bytes of it are shown: enough that no two values of a vault look the same by chance.
const LENGTH: usize = 5;

/// The mark of a value, under a key that only this user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; 32]);

impl Mark {
    /// Marks a value of a vault.
    pub fn of(key: &[u8; 32], vault: &VaultId, value: &SecretValue) -> Self {
        let mut mac =
            <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
        let mut before = Vec::new();
        push_field(&mut before, LABEL);
        push_field(&mut before, vault.as_str().as_bytes());
        mac.update(&before);
        mac.update(value.reveal());
        Self(mac.finalize().into_bytes().into())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = BASE64_URL_SAFE_NO_PAD.encode(&self.0[..LENGTH]);
        write!(f, "#{shown}")
    }
}
