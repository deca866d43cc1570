//! Values made by the machine: `password:32`, `hex:16`, `uuid`, `token:40:ghp_`, `age`. The same kinds
//! are written in the manifest (`generate = { kind = "password", length = 32 }`). Randomness comes
//! from the operating system, and what is too short to be a secret is refused.

mod keys;
mod parse;
mod random;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::{SecretName, SecretValue, VarName};
use crate::manifest::generate::random::Fill;
use crate::manifest::shape::{Shape, ShapeError};

/// How often a value is made anew when it does not fit its shape: `[A-Z].*` is hit soon.
const TRIES: u64 = 64;

/// Why a text does not say how to make a value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GeneratorError {
    /// Not one of the sets of characters.
    #[error(
        "the charset must be `alnum`, `alpha`, `ascii`, `digits`, `lower`, `symbols` or `upper`"
    )]
    Charset,
    /// Characters of one's own that are too few, repeated or not printable.
    #[error("the characters must be 2 to 94 different ones of printable ASCII, without the space")]
    Characters,
    /// The length is no number within the bounds.
    #[error(
        "the length must be a number: 12 to 4096 characters of a password or token, 4 to 64 of a pin, 16 to 4096 bytes otherwise"
    )]
    Length,
    /// What a token begins with is too long or not printable.
    #[error("the prefix must be at most 64 characters of printable ASCII, without spaces")]
    Prefix,
    /// Not one of the kinds.
    #[error(
        "it must be one of `password:LENGTH:CHARSET`, `token:LENGTH:PREFIX`, `hex:BYTES`, `base64:BYTES`, `base64url:BYTES`, `pin:LENGTH`, `uuid:4`, `uuid:7`, `age`, `ssh-ed25519`"
    )]
    Unknown,
    /// There is no such UUID.
    #[error("the version of a UUID must be 4 or 7")]
    Version,
    /// Too few characters of too small a set.
    #[error("a password of so few characters of this set can be guessed; it needs 64 bits")]
    Weak,
}

/// How a value is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generator {
    /// A native age key on one line; its companion is the recipient.
    Age {
        /// The secret that gets the public half.
        public: Option<VarName>,
    },
    /// Random bytes, in standard base64 with padding.
    Base64 {
        /// How many bytes.
        bytes: usize,
    },
    /// Random bytes, in URL-safe base64 without padding.
    Base64Url {
        /// How many bytes.
        bytes: usize,
    },
    /// Random bytes, in lower-case hexadecimal.
    Hex {
        /// How many bytes.
        bytes: usize,
    },
    /// Characters of a set.
    Password {
        /// How many characters.
        length: usize,
        /// The characters there are.
        charset: Charset,
    },
    /// Digits, for a person to type; short, so never for what can be tried out without limit.
    Pin {
        /// How many digits.
        length: usize,
    },
    /// An OpenSSH private key; its companion is the line for `authorized_keys`.
    SshEd25519 {
        /// The secret that gets the public half.
        public: Option<VarName>,
    },
    /// Letters and digits behind a prefix that says what it is.
    Token {
        /// What it begins with.
        prefix: String,
        /// How many characters follow.
        length: usize,
    },
    /// A random UUID (RFC 9562, version 4).
    Uuid4,
    /// A UUID that begins with the time (RFC 9562, version 7).
    Uuid7,
}

/// A set of different characters of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charset(Vec<u8>);

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// The value.
    pub value: SecretValue,
    /// Of a key pair, the public half.
    pub companion: Option<SecretValue>,
}

impl Made {
    fn one(value: Vec<u8>) -> Self {
        Self {
            value: SecretValue::new(value),
            companion: None,
        }
    }
}

impl Generator {
    /// Makes a value.
    pub fn make(&self) -> Made {
        self.make_from(&mut random::from_system)
    }

    /// Makes a value that fits a shape.
    pub fn make_fitting(&self, shape: &Shape) -> Result<Made, ShapeError> {
        let mut made = self.make();
        for _ in 1..TRIES {
            if shape.check(&made.value).is_ok() {
                break;
            }
            made = self.make();
        }
        shape.check(&made.value).map(|()| made)
    }

    /// Says why nothing that is made fits a shape.
    pub(super) fn misfit(&self, shape: &Shape) -> Option<ShapeError> {
        let mut misfit = None;
        for seed in 0..TRIES {
            let made = self.make_from(&mut random::for_trial(seed));
            misfit = Some(shape.check(&made.value).err()?);
        }
        misfit
    }

    /// Returns the secret that gets the public half, beside the one that gets the private.
    pub fn companion(&self, of: &SecretName) -> Option<SecretName> {
        match self {
            Self::Age { public } | Self::SshEd25519 { public } => {
                let key = public.as_ref()?.as_str();
                SecretName::within(&of.folder(), key).ok()
            }
            _ => None,
        }
    }

    fn make_from(&self, fill: Fill<'_>) -> Made {
        match self {
            Self::Age { .. } => keys::age(),
            Self::Base64 { bytes } => Made::one(random::base64(*bytes, fill)),
            Self::Base64Url { bytes } => Made::one(random::base64url(*bytes, fill)),
            Self::Hex { bytes } => Made::one(random::hex(*bytes, fill)),
            Self::Password { length, charset } => Made::one(behind("", &charset.0, *length, fill)),
            Self::Pin { length } => Made::one(behind("", parse::DIGITS, *length, fill)),
            Self::SshEd25519 { .. } => keys::ssh_ed25519(&random::seed(fill)),
            Self::Token { prefix, length } => {
                Made::one(behind(prefix, parse::ALPHANUMERIC, *length, fill))
            }
            Self::Uuid4 => Made::one(random::uuid4(fill)),
            Self::Uuid7 => Made::one(random::uuid7(fill)),
        }
    }
}

fn behind(prefix: &str, set: &[u8], length: usize, fill: Fill<'_>) -> Vec<u8> {
    let mut out = Zeroizing::new(Vec::with_capacity(prefix.len() + length));
    out.extend_from_slice(prefix.as_bytes());
    random::characters(&mut out, set, length, fill);
    std::mem::take(&mut *out)
}

#[cfg(test)]
mod tests;
