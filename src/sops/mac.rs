//! The MAC of a sops file: SHA-512 over the values in the file's order, without keys, lengths or
//! anything between them, sealed with the time of the last change. What it does not notice is
//! therefore much: renamed clear keys, empty values, the bounds between clear values.

use sha2::{Digest, Sha512};

use crate::domain::SecretValue;
use crate::sops::SopsError;
use crate::sops::metadata::Metadata;
use crate::sops::value::{Cipher, Parts};

/// SHA-256 of `sops`, which a MAC over sealed values alone starts with.
const ONLY_SEALED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// A MAC that grows.
pub struct Mac(Sha512);

impl Mac {
    /// Starts a MAC over all values, or over the sealed ones alone.
    pub fn start(only_sealed: bool) -> Self {
        let start = if only_sealed { &ONLY_SEALED[..] } else { &[] };
        Self(Sha512::new().chain_update(start))
    }

    /// Adds a value in sops' spelling.
    pub fn add(&mut self, value: &SecretValue) {
        self.0.update(value.reveal());
    }

    /// Returns the digest in capital hexadecimal digits.
    pub fn text(&self) -> SecretValue {
        let digest = self.0.clone().finalize();
        let text: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        SecretValue::new(text.into_bytes())
    }

    /// Checks it against the one a file carries.
    pub fn verify(&self, metadata: &Metadata, cipher: &Cipher) -> Result<(), SopsError> {
        let sealed = metadata.mac.as_ref().ok_or(SopsError::NoMac)?;
        let opened = Parts::parse(sealed)
            .and_then(|parts| cipher.open(&parts, &metadata.last_modified))
            .map_err(|_| SopsError::UnreadableMac)?;
        match opened.text.same_as(&self.text()) {
            true => Ok(()),
            false => Err(SopsError::Mac),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(only_sealed: bool, values: &[&str]) -> String {
        let mut mac = Mac::start(only_sealed);
        for value in values {
            mac.add(&SecretValue::new(value.as_bytes().to_vec()));
        }
        String::from_utf8(mac.text().reveal().to_vec()).unwrap()
    }

    /// sops-format.md 1.13; checklist 4.
    #[test]
    fn the_known_macs_come_out_in_capitals() {
        let sealed = [
            "hunter2",
            "-42",
            "1.5",
            "True",
            "2024-01-02T03:04:05Z",
            "alpha",
            "beta",
            "0",
            "a:b",
            "ü\n",
        ];
        assert_eq!(
            mac(false, &[&sealed[..], &["visible", "7"]].concat()),
            "B7430DBBDD8EA885BD70AB1BDB7768156E76488CC29D9CB893ABFBAD5B69B3908CCFA94891E9D7EBE9293FC2EA51078C2A688286F6821FD9B275F125746A733D"
        );
        assert_eq!(
            mac(true, &sealed),
            "44E48CE0BB4C99F3B090EC65813D07ED259B8233FE6B8E5EDA1A4E47D52EF93D9B399EC801447D28994A64FC196BF2DBFC46EB2E2A860C39EB002FDF1BD0A8AF"
        );
    }
}
