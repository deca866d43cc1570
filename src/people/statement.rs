//! The signed statement about a folder's key, `epoch.toml`: which key, who its readers are, and who
//! says so. Parsing and checking the signature are one step, so no part of an unsigned statement is
//! ever seen. Whether the signer counts is decided in the chain.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use serde::Deserialize;

use crate::domain::{
    FolderName, Founding, Reader, Readers, Recipient, SigningKey, VaultId, VerifyingKey,
};
use crate::people::signed::{
    Digest, StatementError, check, folder, key_id, quoted, reader, shaped, sign, table,
    verifying_key,
};
use crate::sealed::KeyId;

/// What a signature of a statement covers before the statement itself.
const CONTEXT: &[u8] = b"hoziron/v1 epoch\n";

const COMMENT: &str =
    "# Who holds the key of this folder. Written and signed by hoziron; an edit makes it invalid.";

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The vault it is about.
    pub vault: VaultId,
    /// The folder it is about.
    pub folder: FolderName,
    /// Counts the folder's keys, from 1.
    pub epoch: u32,
    /// The key.
    pub key: KeyId,
    /// The keys it follows.
    pub parents: Vec<KeyId>,
    /// Folders below this one that have keys of their own.
    pub carved: Vec<Carved>,
    /// Unix seconds.
    pub made: u64,
    /// What the vault's id certifies; in the first statement of the vault's top.
    pub founding: Option<Founding>,
    /// Who signed.
    pub signer: VerifyingKey,
    /// Who holds the key.
    pub readers: Readers,
}

/// A folder that has keys of its own, as the statement of an enclosing folder names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carved {
    /// The folder.
    pub folder: FolderName,
    /// The digest of its first statement, so that no other one can take its place.
    pub first: Digest,
}

impl Statement {
    /// Writes and signs the statement. `signer` must be the public half of `key`.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        sign(CONTEXT, self.text(), key)
    }

    /// Parses a statement and checks its signature by the signer it names.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let (text, table) = table(bytes)?;
        let shape: Shape = shaped(table)?;
        let statement = shape.read()?;
        check(CONTEXT, text, &shape.signature, &statement.signer)?;
        Ok(statement)
    }

    fn text(&self) -> String {
        let carved: Vec<_> = self
            .carved
            .iter()
            .map(|carved| {
                format!(
                    "{{ folder = \"{}\", first = \"{}\" }}",
                    carved.folder, carved.first
                )
            })
            .collect();
        let mut text = format!(
            "{COMMENT}\nformat = 1\nvault = \"{}\"\nfolder = \"{}\"\nepoch = {}\nkey = \"{}\"\n",
            self.vault, self.folder, self.epoch, self.key,
        );
        text.push_str(&format!(
            "parents = [{}]\ncarved = [{}]\nmade = {}\n",
            quoted(self.parents.iter().map(KeyId::as_str)),
            carved.join(", "),
            self.made,
        ));
        if let Some(founding) = &self.founding {
            let nonce = BASE64_STANDARD_NO_PAD.encode(founding.nonce);
            let founder = founding.founder.text();
            text.push_str(&format!("founder = \"{founder}\"\nnonce = \"{nonce}\"\n"));
        }
        text.push_str(&format!(
            "signer = \"{}\"\nreaders = [\n",
            self.signer.text()
        ));
        for reader in self.readers.iter() {
            text.push_str(&format!(
                "    {{ name = \"{}\", recipients = [{}], signing = \"{}\" }},\n",
                reader.name,
                quoted(reader.recipients.iter().map(Recipient::text)),
                reader.signing.map(|key| key.text()).unwrap_or_default(),
            ));
        }
        text.push_str("]\n");
        text
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(rename = "format")]
    _format: u64,
    vault: String,
    folder: String,
    epoch: u32,
    key: String,
    parents: Vec<String>,
    carved: Vec<CarvedShape>,
    made: u64,
    founder: Option<String>,
    nonce: Option<String>,
    signer: String,
    readers: Vec<ReaderShape>,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CarvedShape {
    folder: String,
    first: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReaderShape {
    name: String,
    recipients: Vec<String>,
    signing: String,
}

impl Shape {
    fn read(&self) -> Result<Statement, StatementError> {
        let founding = match (&self.founder, &self.nonce) {
            (None, None) => None,
            (Some(founder), Some(nonce)) => Some(Founding {
                founder: verifying_key(founder, "founder")?,
                nonce: BASE64_STANDARD_NO_PAD
                    .decode(nonce)
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .ok_or(StatementError::Field("nonce"))?,
            }),
            _ => return Err(StatementError::Field("founder")),
        };
        Ok(Statement {
            vault: VaultId::parse(&self.vault).map_err(|_| StatementError::Field("vault"))?,
            folder: folder(&self.folder, "folder")?,
            epoch: self.epoch,
            key: key_id(&self.key, "key")?,
            parents: self
                .parents
                .iter()
                .map(|id| key_id(id, "parents"))
                .collect::<Result<_, _>>()?,
            carved: self
                .carved
                .iter()
                .map(CarvedShape::read)
                .collect::<Result<_, _>>()?,
            made: self.made,
            founding,
            signer: verifying_key(&self.signer, "signer")?,
            readers: Readers::build(
                self.readers
                    .iter()
                    .map(ReaderShape::read)
                    .collect::<Result<Vec<_>, _>>()?,
            )?,
        })
    }
}

impl CarvedShape {
    fn read(&self) -> Result<Carved, StatementError> {
        Ok(Carved {
            folder: folder(&self.folder, "carved")?,
            first: Digest::parse(&self.first).ok_or(StatementError::Field("carved"))?,
        })
    }
}

impl ReaderShape {
    fn read(&self) -> Result<Reader, StatementError> {
        reader(&self.name, &self.recipients, &self.signing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Identity, ReaderName};

    fn example() -> (Statement, SigningKey) {
        let alice = Identity::generate("alice");
        let signing = alice.signing_key().unwrap();
        let founding = Founding {
            founder: signing.public(),
            nonce: [5; 16],
        };
        let reader = Reader {
            name: ReaderName::parse("alice").unwrap(),
            recipients: vec![Recipient::parse(alice.public()).unwrap()],
            signing: Some(signing.public()),
        };
        let statement = Statement {
            vault: founding.id(),
            folder: FolderName::top(),
            epoch: 1,
            key: KeyId::parse("abcdefghijklmnopqrst").unwrap(),
            parents: Vec::new(),
            carved: vec![Carved {
                folder: FolderName::parse("prod").unwrap(),
                first: Digest::of(b"the first statement"),
            }],
            made: 1_764_000_000,
            founding: Some(founding),
            signer: signing.public(),
            readers: Readers::build([reader]).unwrap(),
        };
        (statement, signing)
    }

    #[test]
    fn a_statement_reads_back() {
        let (statement, key) = example();
        assert_eq!(Statement::parse(&statement.sign(&key)), Ok(statement));
    }

    #[test]
    fn no_byte_of_a_statement_can_change() {
        let (statement, key) = example();
        let bytes = statement.sign(&key);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Statement::parse(&changed).is_err(), "byte {at}");
        }
        for other in [
            [&*bytes, b"\n"].concat(),
            [b"\n", &*bytes].concat(),
            bytes[1..].to_vec(),
        ] {
            assert!(Statement::parse(&other).is_err());
        }
    }

    #[test]
    fn a_signature_by_another_key_does_not_fit() {
        let (statement, _) = example();
        let stranger = Identity::generate("mallory").signing_key().unwrap();
        assert_eq!(
            Statement::parse(&statement.sign(&stranger)),
            Err(StatementError::Signature)
        );
    }

    #[test]
    fn a_later_format_is_named_before_anything_else() {
        let (statement, key) = example();
        let text = String::from_utf8(statement.sign(&key)).unwrap();
        let newer = text.replace("format = 1", "format = 2\nsurprise = true");
        assert_eq!(
            Statement::parse(newer.as_bytes()),
            Err(StatementError::Newer(2))
        );
    }
}
