//! One value of a sops file: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, AES-256-GCM under the
//! file's key, bound to the keys it stands under. What is opened is turned into the one spelling sops
//! gives each type, because the file's MAC is made of those. An error holds nothing of the value.

use aes_gcm::aead::generic_array::typenum::{U12, U16, U32};
use aes_gcm::aead::generic_array::{ArrayLength, GenericArray};
use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Tag};
use base64::{Engine, prelude::BASE64_STANDARD};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::SecretValue;
use crate::input::number::{float_text, go_float};
use crate::input::time::Time;

const HEAD: &str = "ENC[AES256_GCM,data:";

/// The length of a file's key, in bytes.
pub const KEY: usize = 32;

/// The length of the nonces that sops writes and can reuse, in bytes.
pub const NONCE: usize = 32;

/// What a value was before it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `True` or `False`.
    Bool,
    /// Bytes; no version of sops writes it.
    Bytes,
    /// A comment, which is part of no MAC.
    Comment,
    /// A number with a fraction.
    Float,
    /// A whole number.
    Int,
    /// Text, or the bytes of a binary file.
    Str,
    /// A point in time.
    Time,
}

impl Kind {
    const ALL: [(&'static str, Self); 7] = [
        ("bool", Self::Bool),
        ("bytes", Self::Bytes),
        ("comment", Self::Comment),
        ("float", Self::Float),
        ("int", Self::Int),
        ("str", Self::Str),
        ("time", Self::Time),
    ];

    fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind)
    }
}

/// Why a value does not open. Holds nothing of it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ValueError {
    /// The text is not a sealed value.
    #[error("it is not sealed, though the file's rule says that it is")]
    NotSealed,
    /// What was sealed is not of the type that stands beside it.
    #[error("it does not hold what its type says")]
    NotOfKind,
    /// A nonce of a length that nobody writes.
    #[error("its nonce has a length that is not 12, 16 or 32 bytes")]
    Nonce,
    /// A number that sops cannot store.
    #[error("it is a number that sops does not store")]
    Number,
    /// The seal does not hold.
    #[error("it was altered, or moved here from another key")]
    Tampered,
    /// A type that is not known.
    #[error("its type is not known")]
    UnknownKind,
}

/// A sealed value taken apart.
pub struct Parts<'a> {
    data: &'a str,
    nonce: &'a str,
    tag: &'a str,
    /// What it was.
    pub kind: Kind,
}

impl<'a> Parts<'a> {
    /// Takes the text of a value apart; what stands behind the closing bracket does not count.
    pub fn parse(text: &'a str) -> Result<Self, ValueError> {
        let rest = text.strip_prefix(HEAD).ok_or(ValueError::NotSealed)?;
        let cut = |rest: &'a str, mark: &str| rest.split_once(mark);
        let parts = cut(rest, ",iv:").and_then(|(data, rest)| {
            let (nonce, rest) = cut(rest, ",tag:")?;
            let (tag, rest) = cut(rest, ",type:")?;
            let (kind, _) = cut(rest, "]")?;
            [data, nonce, tag, kind]
                .iter()
                .all(|part| !part.is_empty())
                .then_some((data, nonce, tag, kind))
        });
        let (data, nonce, tag, kind) = parts.ok_or(ValueError::NotSealed)?;
        let kind = Kind::parse(kind).ok_or(ValueError::UnknownKind)?;
        Ok(Self {
            data,
            nonce,
            tag,
            kind,
        })
    }

    /// Says whether sops can seal the value again under the same nonce.
    pub fn is_lasting(&self) -> bool {
        decode(self.nonce).is_ok_and(|nonce| nonce.len() == NONCE)
    }
}

/// A value that was opened, or that stands in the open.
#[derive(Debug)]
pub struct Plain {
    /// What it is.
    pub kind: Kind,
    /// How sops spells it in the MAC.
    pub text: SecretValue,
}

impl Plain {
    /// Spells a truth value.
    pub fn bool(bool: bool) -> Self {
        let text = if bool { "True" } else { "False" };
        Self::of(Kind::Bool, text.to_owned())
    }

    /// Spells a float.
    pub fn float(float: f64) -> Self {
        Self::of(Kind::Float, float_text(float))
    }

    /// Spells a whole number.
    pub fn int(int: i64) -> Self {
        Self::of(Kind::Int, int.to_string())
    }

    /// Copies a text, which is its own spelling.
    pub fn text(text: &[u8]) -> Self {
        let text = SecretValue::new(text.to_vec());
        Self {
            kind: Kind::Str,
            text,
        }
    }

    /// Spells a time.
    pub fn time(time: &Time) -> Self {
        Self::of(Kind::Time, time.to_string())
    }

    fn of(kind: Kind, text: String) -> Self {
        let text = SecretValue::new(text.into_bytes());
        Self { kind, text }
    }

    /// Reads what was sealed, and spells it as sops would.
    fn read(kind: Kind, bytes: SecretValue) -> Result<Self, ValueError> {
        if matches!(kind, Kind::Bytes | Kind::Comment | Kind::Str) {
            return Ok(Self { kind, text: bytes });
        }
        let text = std::str::from_utf8(bytes.reveal()).map_err(|_| ValueError::NotOfKind)?;
        let read = match kind {
            Kind::Bool => truth(text).map(Self::bool),
            Kind::Float => go_float(text).map(Self::float),
            Kind::Int => text.parse().ok().map(Self::int),
            _ => Time::parse(text).as_ref().map(Self::time),
        };
        read.ok_or(ValueError::NotOfKind)
    }
}

/// The twelve words that Go takes for a truth value.
pub fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The key of a file, ready to seal and open; wiped on drop.
pub struct Cipher {
    key: Zeroizing<[u8; KEY]>,
    usual: AesGcm<Aes256, U32>,
}

impl Cipher {
    /// Makes a new key from the operating system's random source.
    pub fn generate() -> Self {
        let mut key = Zeroizing::new([0; KEY]);
        OsRng.fill_bytes(&mut *key);
        Self::new(key)
    }

    /// Takes a file's key.
    pub fn new(key: Zeroizing<[u8; KEY]>) -> Self {
        let usual = AesGcm::new((&*key).into());
        Self { key, usual }
    }

    /// Takes the key of a file that is written anew.
    pub fn again(known: &Self) -> Self {
        Self::new(known.key.clone())
    }

    /// Returns the key itself, to wrap it for recipients.
    pub fn key(&self) -> SecretValue {
        SecretValue::new(self.key.to_vec())
    }

    /// Opens a value that stands under a path.
    pub fn open(&self, parts: &Parts<'_>, path: &str) -> Result<Plain, ValueError> {
        let nonce = decode(parts.nonce)?;
        let tag = decode(parts.tag)?;
        let data = decode(parts.data)?;
        let mut data = Zeroizing::new(data);
        if tag.len() != 16 {
            return Err(ValueError::Tampered);
        }
        let path = path.as_bytes();
        match nonce.len() {
            NONCE => open_with(&self.usual, &nonce, path, &mut data, &tag),
            12 => open_with::<U12>(&self.other(), &nonce, path, &mut data, &tag),
            16 => open_with::<U16>(&self.other(), &nonce, path, &mut data, &tag),
            _ => Err(ValueError::Nonce),
        }?;
        Plain::read(parts.kind, SecretValue::new(std::mem::take(&mut *data)))
    }

    /// Seals a text under a path, with a new nonce. The empty text stays what it is.
    pub fn seal(&self, value: &SecretValue, path: &str) -> String {
        let mut nonce = [0; NONCE];
        OsRng.fill_bytes(&mut nonce);
        self.seal_with(value, path, &nonce)
    }

    fn seal_with(&self, value: &SecretValue, path: &str, nonce: &[u8; NONCE]) -> String {
        if value.is_empty() {
            return String::new();
        }
        let mut data = Zeroizing::new(value.reveal().to_vec());
        let tag = self
            .usual
            .encrypt_in_place_detached(nonce.into(), path.as_bytes(), &mut data)
            .expect("a value is far below the cipher's limit");
        let [data, nonce, tag] = [&**data, nonce, &tag].map(|part| BASE64_STANDARD.encode(part));
        format!("{HEAD}{data},iv:{nonce},tag:{tag},type:str]")
    }

    fn other<N: ArrayLength<u8>>(&self) -> AesGcm<Aes256, N> {
        AesGcm::new((&*self.key).into())
    }
}

fn open_with<N: ArrayLength<u8>>(
    cipher: &AesGcm<Aes256, N>,
    nonce: &[u8],
    path: &[u8],
    data: &mut [u8],
    tag: &[u8],
) -> Result<(), ValueError> {
    cipher
        .decrypt_in_place_detached(
            GenericArray::from_slice(nonce),
            path,
            data,
            Tag::from_slice(tag),
        )
        .map_err(|_| ValueError::Tampered)
}

fn decode(text: &str) -> Result<Vec<u8>, ValueError> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|_| ValueError::NotSealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher() -> Cipher {
        let mut key = Zeroizing::new([0; KEY]);
        key.iter_mut().zip(0..).for_each(|(to, byte)| *to = byte);
        Cipher::new(key)
    }

    fn opened(cipher: &Cipher, text: &str, path: &str) -> Result<(Kind, Vec<u8>), ValueError> {
        let plain = cipher.open(&Parts::parse(text)?, path)?;
        Ok((plain.kind, plain.text.reveal().to_vec()))
    }

    /// sops-format.md 1.13: value, path and plaintext, as real sops accepts them.
    const VECTORS: &[(Kind, &str, &str, &str)] = &[
        (
            Kind::Comment,
            " top comment",
            ":",
            "ENC[AES256_GCM,data:mdDGl/nJBgEYWokE,iv:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=,tag:Hyf/1JLPqd8pLEi5F56mwQ==,type:comment]",
        ),
        (
            Kind::Str,
            "hunter2",
            "db:password:",
            "ENC[AES256_GCM,data:Bw6XMS+wBQ==,iv:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=,tag:fVbeIl4Uvx+dJHuGh73yuw==,type:str]",
        ),
        (
            Kind::Int,
            "-42",
            "db:port:",
            "ENC[AES256_GCM,data:R0Bx,iv:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=,tag:fU5ZV83qelLluHT9dVt4xw==,type:int]",
        ),
        (
            Kind::Float,
            "1.5",
            "db:ratio:",
            "ENC[AES256_GCM,data:XyJa,iv:BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=,tag:nKwtC9ZPzMx+oUZp6OGuLg==,type:float]",
        ),
        (
            Kind::Bool,
            "True",
            "db:tls:",
            "ENC[AES256_GCM,data:pMiN2Q==,iv:BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=,tag:jypwA4Si7rqgCorZ6xQ4DA==,type:bool]",
        ),
        (
            Kind::Time,
            "2024-01-02T03:04:05Z",
            "db:since:",
            "ENC[AES256_GCM,data:iqGBS5X8QuHdevDZbmkRAOGktFw=,iv:BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY=,tag:QSuh61G27rijMCcfqqo4qw==,type:time]",
        ),
        (
            Kind::Str,
            "alpha",
            "list:",
            "ENC[AES256_GCM,data:WFB0mRc=,iv:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=,tag:1i4MzG0tNXdMU1ZVNOtzfw==,type:str]",
        ),
        (
            Kind::Comment,
            " in list",
            "list:",
            "ENC[AES256_GCM,data:tsCL5ISsoqQ=,iv:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=,tag:g9jL2TOi340L2spygaEIZA==,type:comment]",
        ),
        (
            Kind::Str,
            "beta",
            "list:",
            "ENC[AES256_GCM,data:7a8KRQ==,iv:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=,tag:Zq7Kc7y2W5Zkj8OoPmlkPg==,type:str]",
        ),
        (
            Kind::Int,
            "0",
            "list:x:",
            "ENC[AES256_GCM,data:0Q==,iv:CgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo=,tag:BTL5qYca/i9RG3oxJ7K7tw==,type:int]",
        ),
        (
            Kind::Str,
            "a:b",
            "we:ird:",
            "ENC[AES256_GCM,data:Q7oW,iv:CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=,tag:YwVG1uP5tcr7FSsg1p/5KQ==,type:str]",
        ),
        (
            Kind::Str,
            "ü\n",
            "uni:",
            "ENC[AES256_GCM,data:9lc/,iv:DAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw=,tag:NX6J759jM/CEDntmMxVOjw==,type:str]",
        ),
        (
            Kind::Str,
            "B7430DBBDD8EA885BD70AB1BDB7768156E76488CC29D9CB893ABFBAD5B69B3908CCFA94891E9D7EBE9293FC2EA51078C2A688286F6821FD9B275F125746A733D",
            "2026-01-02T03:04:05Z",
            "ENC[AES256_GCM,data:h21MTDc305JeFaMGtLoxLoiDM4wV3akC0AzwkMjeNznnZygJHb4lRHLhDDBj/Ouc9hxAs5RSplzcdYy7r5LjN+SsY0q1uN0OWEGa+ggzPqb0dXVYLtOXJw/n6jf6QfcC+aJ8tKD8HcS9VKXIrJej18/kDzORU0dTvkWl4VNg554=,iv:DQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0=,tag:TBaMNDMJlStq+7nkcifwTA==,type:str]",
        ),
    ];

    /// Both ways, bit by bit: every text opens, and every `str` is sealed to the same characters.
    #[test]
    fn the_known_answers_come_out_bit_by_bit() {
        let cipher = cipher();
        for (number, (kind, plain, path, text)) in VECTORS.iter().enumerate() {
            let found = opened(&cipher, text, path).unwrap();
            assert_eq!(found, (*kind, plain.as_bytes().to_vec()), "{}", number + 1);
            let nonce = [u8::try_from(number + 1).unwrap(); NONCE];
            let value = SecretValue::new(plain.as_bytes().to_vec());
            let sealed = cipher.seal_with(&value, path, &nonce);
            let (front, _) = text.rsplit_once("type:").unwrap();
            assert_eq!(sealed, format!("{front}type:str]"), "{}", number + 1);
        }
    }

    /// aes/cipher_test.go of sops itself.
    #[test]
    fn a_vector_of_sops_own_tests_opens() {
        let cipher = Cipher::new(Zeroizing::new([b'f'; KEY]));
        let text = "ENC[AES256_GCM,data:oYyi,iv:MyIDYbT718JRr11QtBkcj3Dwm4k1aCGZBVeZf0EyV8o=,tag:t5z2Z023Up0kxwCgw1gNxg==,type:str]";
        assert_eq!(
            opened(&cipher, text, "bar:"),
            Ok((Kind::Str, b"foo".to_vec()))
        );
    }

    fn sealed_as(nonce: &[u8], plain: &[u8], kind: &str) -> String {
        fn with<N: ArrayLength<u8>>(nonce: &[u8], plain: &[u8], kind: &str) -> String {
            let cipher: AesGcm<Aes256, N> = cipher().other();
            let mut data = plain.to_vec();
            let nonce = GenericArray::from_slice(nonce);
            let tag = cipher
                .encrypt_in_place_detached(nonce, b"a:", &mut data)
                .unwrap();
            let [data, nonce, tag] =
                [&data[..], nonce, &tag].map(|part| BASE64_STANDARD.encode(part));
            format!("{HEAD}{data},iv:{nonce},tag:{tag},type:{kind}]")
        }
        match nonce.len() {
            12 => with::<U12>(nonce, plain, kind),
            16 => with::<U16>(nonce, plain, kind),
            _ => with::<U32>(nonce, plain, kind),
        }
    }

    /// Checklist 1.
    #[test]
    fn nonces_of_12_16_and_32_bytes_open_and_no_others() {
        for (length, lasting) in [(12, false), (16, false), (32, true)] {
            let text = sealed_as(&vec![7; length], b"x", "str");
            assert_eq!(
                opened(&cipher(), &text, "a:"),
                Ok((Kind::Str, b"x".to_vec()))
            );
            assert_eq!(Parts::parse(&text).unwrap().is_lasting(), lasting);
        }
        let text = sealed_as(&[7; 32], b"x", "str");
        let nonce = BASE64_STANDARD.encode([7; 32]);
        let other = text.replace(&nonce, &BASE64_STANDARD.encode([7; 13]));
        assert_eq!(opened(&cipher(), &other, "a:"), Err(ValueError::Nonce));
    }

    /// Checklist 2.
    #[test]
    fn an_empty_text_is_stored_as_such() {
        let cipher = cipher();
        assert_eq!(cipher.seal(&SecretValue::new(Vec::new()), "a:"), "");
        let empty = "ENC[AES256_GCM,data:,iv:AQ==,tag:AQ==,type:str]";
        assert_eq!(Parts::parse(empty).err(), Some(ValueError::NotSealed));
    }

    /// Checklist 5, 6, 14 and 27: what was sealed in another spelling counts in sops' own.
    #[test]
    fn types_have_one_spelling() {
        for (kind, sealed, spelt) in [
            ("bool", "true", "True"),
            ("bool", "f", "False"),
            ("float", "3.0", "3"),
            ("float", "1e3", "1000"),
            ("float", "-inf", "-Inf"),
            ("int", "+7", "7"),
            (
                "time",
                "2024-01-02T03:04:05.500+00:00",
                "2024-01-02T03:04:05.5Z",
            ),
            ("bytes", "x", "x"),
        ] {
            let text = sealed_as(&[1; 32], sealed.as_bytes(), kind);
            let (_, found) = opened(&cipher(), &text, "a:").unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), spelt, "{kind}");
        }
        for (kind, sealed) in [
            ("bool", "yes"),
            ("float", "1_0"),
            ("int", "0x1"),
            ("int", "9223372036854775808"),
            ("time", "2024-01-02"),
        ] {
            let text = sealed_as(&[1; 32], sealed.as_bytes(), kind);
            assert_eq!(
                opened(&cipher(), &text, "a:"),
                Err(ValueError::NotOfKind),
                "{kind}"
            );
        }
    }

    /// Checklist 19.
    #[test]
    fn text_need_not_be_utf8() {
        let cipher = cipher();
        let sealed = cipher.seal(&SecretValue::new(vec![0xff, 0]), "data:");
        assert_eq!(
            opened(&cipher, &sealed, "data:"),
            Ok((Kind::Str, vec![0xff, 0]))
        );
    }

    #[test]
    fn what_was_altered_or_moved_does_not_open() {
        let cipher = cipher();
        let (_, _, path, text) = VECTORS[1];
        assert_eq!(
            opened(&cipher, text, "db:other:"),
            Err(ValueError::Tampered)
        );
        let altered = text.replace("Bw6X", "Cw6X");
        assert_eq!(opened(&cipher, &altered, path), Err(ValueError::Tampered));
        let other = text.replace("type:str", "type:secret");
        assert_eq!(opened(&cipher, &other, path), Err(ValueError::UnknownKind));
        for text in [
            "",
            "x",
            "ENC[AES256_GCM,data:a]",
            " ENC[",
            "ENC[AES256_GCM,data:!,iv:AQ==,tag:AQ==,type:str]",
        ] {
            assert_eq!(
                opened(&cipher, text, path),
                Err(ValueError::NotSealed),
                "{text}"
            );
        }
        // Not authenticated by the format: the type is only a label, and so is what follows.
        assert!(opened(&cipher, &format!("{text}\r"), path).is_ok());
    }
}
