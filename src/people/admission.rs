//! The admission of a reader who joins while a folder's key stays, `NAME.toml` beside the epoch's
//! statement: who, with which keys, and on whose word. A file of its own, so that two branches that
//! each admit somebody merge without a conflict. Whether the signer counts is decided in the chain.

use serde::Deserialize;

use crate::domain::{FolderName, Reader, Recipient, SigningKey, VaultId, VerifyingKey};
use crate::people::signed::{
    StatementError, check, folder, key_id, quoted, reader, shaped, sign, table, verifying_key,
};
use crate::sealed::KeyId;

/// What a signature of an admission covers before the admission itself.
const CONTEXT: &[u8] = b"hoziron/v1 admit\n";

const COMMENT: &str = "# A reader who joined after this key was made. Written and signed by hoziron; an edit makes it \
                       invalid.";

/// What an admission says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The vault it is about.
    pub vault: VaultId,
    /// The folder it is about.
    pub folder: FolderName,
    /// The key.
    pub key: KeyId,
    /// Unix seconds.
    pub made: u64,
    /// Who signed.
    pub signer: VerifyingKey,
    /// Who joins; of a reader who is there already, all keys, the earlier ones included.
    pub reader: Reader,
}

impl Admission {
    /// Writes and signs the admission. `signer` must be the public half of `key`.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let text = format!(
            "{COMMENT}\nformat = 1\nvault = \"{}\"\nfolder = \"{}\"\nkey = \"{}\"\nmade = {}\n\
             signer = \"{}\"\nname = \"{}\"\nrecipients = [{}]\nsigning = \"{}\"\n",
            self.vault,
            self.folder,
            self.key,
            self.made,
            self.signer.text(),
            self.reader.name,
            quoted(self.reader.recipients.iter().map(Recipient::text)),
            self.reader
                .signing
                .map(|key| key.text())
                .unwrap_or_default(),
        );
        sign(CONTEXT, text, key)
    }

    /// Parses an admission and checks its signature by the signer it names.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let (text, table) = table(bytes)?;
        let shape: Shape = shaped(table)?;
        let admission = shape.read()?;
        check(CONTEXT, text, &shape.signature, &admission.signer)?;
        Ok(admission)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(rename = "format")]
    _format: u64,
    vault: String,
    folder: String,
    key: String,
    made: u64,
    signer: String,
    name: String,
    recipients: Vec<String>,
    signing: String,
    signature: String,
}

impl Shape {
    fn read(&self) -> Result<Admission, StatementError> {
        let reader = reader(&self.name, &self.recipients, &self.signing)?;
        if reader.recipients.is_empty() {
            return Err(StatementError::Field("recipients"));
        }
        Ok(Admission {
            vault: VaultId::parse(&self.vault).map_err(|_| StatementError::Field("vault"))?,
            folder: folder(&self.folder, "folder")?,
            key: key_id(&self.key, "key")?,
            made: self.made,
            signer: verifying_key(&self.signer, "signer")?,
            reader,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Identity, ReaderName};

    fn example() -> (Admission, SigningKey) {
        let alice = Identity::generate("alice").signing_key().unwrap();
        let bob = Identity::generate("bob");
        let admission = Admission {
            vault: VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap(),
            folder: FolderName::parse("prod").unwrap(),
            key: KeyId::parse("abcdefghijklmnopqrst").unwrap(),
            made: 1_764_000_000,
            signer: alice.public(),
            reader: Reader {
                name: ReaderName::parse("bob").unwrap(),
                recipients: vec![Recipient::parse(bob.public()).unwrap()],
                signing: None,
            },
        };
        (admission, alice)
    }

    #[test]
    fn an_admission_reads_back() {
        let (admission, key) = example();
        assert_eq!(Admission::parse(&admission.sign(&key)), Ok(admission));
    }

    #[test]
    fn no_byte_of_an_admission_can_change() {
        let (admission, key) = example();
        let bytes = admission.sign(&key);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Admission::parse(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_signature_by_another_key_does_not_fit() {
        let (admission, _) = example();
        let stranger = Identity::generate("mallory").signing_key().unwrap();
        assert_eq!(
            Admission::parse(&admission.sign(&stranger)),
            Err(StatementError::Signature)
        );
    }
}
