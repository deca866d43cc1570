//! Values made by the machine: `password:32`, `hex:16`, `base64:48`, `uuid`. Randomness comes from
//! the operating system; every character of a password is equally likely (rejection, no modulo).

use base64::{Engine, prelude::BASE64_STANDARD};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::SecretValue;

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The longest generated value, in characters or bytes.
const MAX_LENGTH: usize = 4096;

/// The shortest password that is made, in characters (12 alphanumeric ones are 71 bits).
const MIN_PASSWORD: usize = 12;

/// The fewest random bytes of a hex or base64 value (128 bits).
const MIN_BYTES: usize = 16;

/// Why a text does not say how to make a value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GeneratorError {
    /// The length is no number within the bounds.
    #[error(
        "the length must be a number: 12 to 4096 characters for a password, 16 to 4096 bytes otherwise"
    )]
    Length,
    /// Not one of the kinds.
    #[error("it must be one of `password:LENGTH`, `hex:BYTES`, `base64:BYTES`, `uuid`")]
    Unknown,
}

/// How a value is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// Random bytes, in standard base64 with padding.
    Base64 {
        /// How many bytes.
        bytes: usize,
    },
    /// Random bytes, in lower-case hexadecimal.
    Hex {
        /// How many bytes.
        bytes: usize,
    },
    /// Letters and digits.
    Password {
        /// How many characters.
        length: usize,
    },
    /// A random UUID (RFC 9562, version 4).
    Uuid,
}

impl Generator {
    /// Parses `KIND` or `KIND:LENGTH`.
    pub fn parse(text: &str) -> Result<Self, GeneratorError> {
        let (kind, length) = match text.split_once(':') {
            Some((kind, length)) => (kind, Some(length)),
            None => (text, None),
        };
        let within = |least: usize, usual: usize| match length {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .ok()
                .filter(|length| (least..=MAX_LENGTH).contains(length))
                .ok_or(GeneratorError::Length),
        };
        match kind {
            "base64" => Ok(Self::Base64 {
                bytes: within(MIN_BYTES, 32)?,
            }),
            "hex" => Ok(Self::Hex {
                bytes: within(MIN_BYTES, 32)?,
            }),
            "password" => Ok(Self::Password {
                length: within(MIN_PASSWORD, 32)?,
            }),
            "uuid" if length.is_none() => Ok(Self::Uuid),
            _ => Err(GeneratorError::Unknown),
        }
    }

    /// Makes a value.
    pub fn make(self) -> SecretValue {
        match self {
            Self::Base64 { bytes } => {
                SecretValue::new(BASE64_STANDARD.encode(random(bytes)).into_bytes())
            }
            Self::Hex { bytes } => SecretValue::new(hex(&random(bytes))),
            Self::Password { length } => SecretValue::new(characters(length)),
            Self::Uuid => SecretValue::new(uuid()),
        }
    }
}

fn random(count: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    OsRng.fill_bytes(&mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let mut out = Vec::with_capacity(bytes.len() * 2);
    out.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]),
    );
    out
}

fn characters(length: usize) -> Vec<u8> {
    let count = ALPHANUMERIC.len();
    let fair = u8::try_from(256 / count * count).expect("below 256, for 62 does not divide it");
    let mut out = Vec::with_capacity(length);
    while out.len() < length {
        let fresh = random(length);
        let picks = fresh.iter().filter(|byte| **byte < fair);
        out.extend(
            picks
                .take(length - out.len())
                .map(|byte| ALPHANUMERIC[usize::from(*byte) % count]),
        );
    }
    out
}

fn uuid() -> Vec<u8> {
    let mut bytes = random(16);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = Zeroizing::new(hex(&bytes));
    let mut out = Vec::with_capacity(36);
    for (index, group) in [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .into_iter()
    .enumerate()
    {
        if index > 0 {
            out.push(b'-');
        }
        out.extend_from_slice(group);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_is_a_kind_and_a_length() {
        assert_eq!(
            Generator::parse("password:32"),
            Ok(Generator::Password { length: 32 })
        );
        assert_eq!(Generator::parse("hex:16"), Ok(Generator::Hex { bytes: 16 }));
        assert_eq!(
            Generator::parse("base64:48"),
            Ok(Generator::Base64 { bytes: 48 })
        );
        assert_eq!(Generator::parse("uuid"), Ok(Generator::Uuid));
        for text in ["password:3", "hex:0", "hex:99999", "base64:x", "password:"] {
            assert_eq!(
                Generator::parse(text),
                Err(GeneratorError::Length),
                "{text}"
            );
        }
        for text in ["", "pin", "uuid:4", "Password:32"] {
            assert_eq!(
                Generator::parse(text),
                Err(GeneratorError::Unknown),
                "{text}"
            );
        }
    }

    #[test]
    fn values_have_the_length_that_was_asked_for() {
        let made = |text| {
            let value = Generator::parse(text).unwrap().make();
            String::from_utf8(value.reveal().to_vec()).unwrap()
        };
        assert_eq!(made("password:40").len(), 40);
        assert!(
            made("password:40")
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
        assert_eq!(made("hex:16").len(), 32);
        assert_eq!(made("base64:48").len(), 64);
        let uuid = made("uuid");
        let dashes: Vec<_> = uuid.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((uuid.len(), dashes), (36, vec![8, 13, 18, 23]));
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]));
    }

    /// A biased pick (modulo) would show the first eight characters a quarter more often.
    #[test]
    fn every_character_is_equally_likely() {
        let mut counts = [0_u32; 256];
        characters(62_000)
            .iter()
            .for_each(|byte| counts[usize::from(*byte)] += 1);
        let seen = ALPHANUMERIC.iter().map(|byte| counts[usize::from(*byte)]);
        let (least, most) = (seen.clone().min().unwrap(), seen.max().unwrap());
        assert!(least > 800 && most < 1200, "{least} to {most}");
    }
}
