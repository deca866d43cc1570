//! What somebody submits who can only encrypt: an ordinary age file that names, in a stanza of its own,
//! the vault and the secret it is meant for, or a plain one that names nothing. Opening one proves
//! nothing about who made it, and it is never taken for a sealed file, nor a sealed file for it.

use age_core::format::Stanza;
use thiserror::Error;

use crate::domain::{Addressee, Keyring, Plugins, SecretName, SecretValue, VaultId};
use crate::sealed::foreign::binary;
use crate::sealed::header::{Header, assemble, render_stanzas};
use crate::sealed::{
    FramingError, SealedError, armor, open_binary, refuse_passphrase, seal_value, stanza, wrap_for,
};

/// The type of the stanza.
const TAG: &str = "hoziron/v1-inbox";

/// How the types of all our stanzas start.
const OURS: &str = "hoziron/";

/// Why a file is not taken for what somebody submitted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SubmissionError {
    /// Its stanza names another secret than its place does.
    #[error("it was submitted under another name")]
    AnotherName,
    /// Its stanza names another vault.
    #[error("it was submitted to another vault")]
    AnotherVault,
    /// It carries the stanza of a sealed file.
    #[error("it is a sealed file of a vault, which nobody submits")]
    Ordinary,
    /// It does not open, or is no age file.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

/// Whom a submission names as its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Exactly this vault and this secret; whoever made the file knew what is in it.
    Here,
    /// Nothing: a plain age file, which may have been meant for something else.
    Nowhere,
}

/// A value that was submitted.
#[derive(Debug)]
pub struct Submission {
    /// The value. Nothing says who made it.
    pub value: SecretValue,
    /// Whom the file names.
    pub address: Address,
    /// For how many keys it was sealed.
    pub stanzas: usize,
}

/// Seals a value that is submitted to a vault under a name.
pub fn seal_submission<'r>(
    value: &SecretValue,
    vault: &VaultId,
    name: &SecretName,
    to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
    plugins: &Plugins,
) -> Result<Vec<u8>, SealedError> {
    let (file_key, payload) = seal_value(value)?;
    let address = Stanza {
        tag: TAG.to_owned(),
        args: vec![vault.to_string(), name.to_string()],
        body: Vec::new(),
    };
    let mut stanzas = render_stanzas([&address]);
    stanzas.extend(wrap_for(&file_key, to, &[], plugins)?);
    Ok(armor::armor(&assemble(&file_key, &stanzas, &payload)))
}

/// Opens what was submitted to a vault under a name. The stanza is covered by the header's MAC, so
/// nobody adds it to a file whose key he does not know.
pub fn open_submission(
    file: &[u8],
    vault: &VaultId,
    name: &SecretName,
    keyring: &Keyring,
) -> Result<Submission, SubmissionError> {
    let data = binary(file).map_err(SealedError::from)?;
    let header = Header::parse(&data).map_err(SealedError::from)?;
    refuse_passphrase(&header).map_err(SealedError::from)?;
    let address = address(&header, vault, name)?;
    let keys = |tag: &str| !tag.starts_with(OURS) && !tag.ends_with("-grease");
    let stanzas = header.stanzas.iter();
    Ok(Submission {
        stanzas: stanzas.filter(|stanza| keys(stanza.tag)).count(),
        value: open_binary(&data, keyring)?,
        address,
    })
}

fn address(
    header: &Header<'_>,
    vault: &VaultId,
    name: &SecretName,
) -> Result<Address, SubmissionError> {
    let mut found = Address::Nowhere;
    for stanza in &header.stanzas {
        match stanza.tag {
            stanza::TAG => return Err(SubmissionError::Ordinary),
            TAG if found == Address::Here => {
                return Err(SealedError::from(FramingError::Stanza).into());
            }
            TAG => found = Address::Here,
            tag if tag.starts_with(OURS) => return Err(SealedError::Newer.into()),
            _ => continue,
        }
        let [to, called] = stanza.args[..] else {
            return Err(SealedError::from(FramingError::Stanza).into());
        };
        match () {
            () if !stanza.body.is_empty() => {
                return Err(SealedError::from(FramingError::Stanza).into());
            }
            () if to != vault.as_str() => return Err(SubmissionError::AnotherVault),
            () if called != name.as_str() => return Err(SubmissionError::AnotherName),
            () => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FolderName, Identity, Recipient};
    use crate::sealed::{Content, Facts, FolderKey, Trail, open, seal, seal_foreign};

    struct Fixture {
        alice: Recipient,
        keyring: Keyring,
        vault: VaultId,
        name: SecretName,
    }

    impl Fixture {
        fn new() -> Self {
            let identity = Identity::generate("a test");
            let alice = Recipient::parse(identity.public()).unwrap();
            let mut keyring = Keyring::default();
            keyring.add(identity);
            Self {
                alice,
                keyring,
                vault: VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap(),
                name: SecretName::parse("prod/API_KEY").unwrap(),
            }
        }

        fn open(&self, file: &[u8]) -> Result<(Vec<u8>, Address, usize), SubmissionError> {
            let opened = open_submission(file, &self.vault, &self.name, &self.keyring)?;
            let value = opened.value.reveal().to_vec();
            Ok((value, opened.address, opened.stanzas))
        }

        /// An age file with these stanzas in front of alice's.
        fn with(&self, stanzas: &[(&str, &[&str], &[u8])]) -> Vec<u8> {
            let (file_key, payload) = seal_value(&SecretValue::new(b"x".to_vec())).unwrap();
            let stanzas = stanzas.iter().map(|(tag, args, body)| Stanza {
                tag: (*tag).to_owned(),
                args: args.iter().map(|&arg| arg.to_owned()).collect(),
                body: body.to_vec(),
            });
            let mut all = render_stanzas(&stanzas.collect::<Vec<_>>());
            all.extend(wrap_for(&file_key, [&self.alice], &[], &Plugins::default()).unwrap());
            assemble(&file_key, &all, &payload)
        }
    }

    #[test]
    fn what_is_submitted_opens_for_its_vault_and_name_only() {
        let mut fixture = Fixture::new();
        let value = SecretValue::new(b"from outside".to_vec());
        let file = seal_submission(
            &value,
            &fixture.vault,
            &fixture.name,
            [&fixture.alice],
            &Plugins::default(),
        )
        .unwrap();
        let opened = fixture.open(&file).unwrap();
        assert_eq!(opened, (b"from outside".to_vec(), Address::Here, 1));

        fixture.name = SecretName::parse("API_KEY").unwrap();
        assert_eq!(fixture.open(&file), Err(SubmissionError::AnotherName));
        fixture.vault = VaultId::parse("bbcdefghijklmnopqrstuvwxyz234567").unwrap();
        assert_eq!(fixture.open(&file), Err(SubmissionError::AnotherVault));
    }

    #[test]
    fn a_plain_age_file_is_taken_and_known_as_one() {
        let fixture = Fixture::new();
        let value = SecretValue::new(b"plain".to_vec());
        let armored = seal_foreign(&value, [&fixture.alice], &Plugins::default()).unwrap();
        let opened = fixture.open(&armored).unwrap();
        assert_eq!(opened, (b"plain".to_vec(), Address::Nowhere, 1));
        let binary = fixture.with(&[]);
        assert_eq!(fixture.open(&binary).unwrap().1, Address::Nowhere);
    }

    #[test]
    fn neither_passes_for_the_other() {
        let fixture = Fixture::new();
        let key = FolderKey::generate(&fixture.vault, &FolderName::parse("prod").unwrap());
        let facts = Facts {
            trail: Trail::start(key.id()),
            revision: 1,
            value_time: 1,
            content: Content::Value,
        };
        let value = SecretValue::new(b"x".to_vec());
        let sealed = seal(
            &value,
            &fixture.name,
            &facts,
            &key,
            [&fixture.alice],
            &Plugins::default(),
        )
        .unwrap();
        assert_eq!(fixture.open(&sealed), Err(SubmissionError::Ordinary));
        let file = seal_submission(
            &value,
            &fixture.vault,
            &fixture.name,
            [&fixture.alice],
            &Plugins::default(),
        )
        .unwrap();
        let opened = open(&file, &fixture.name, |_| Some(&key)).map(drop);
        assert_eq!(opened, Err(SealedError::NoStanza));
    }

    #[test]
    fn a_stanza_of_ours_is_read_strictly() {
        let fixture = Fixture::new();
        let vault = fixture.vault.as_str();
        let fine: (&str, &[&str], &[u8]) = (TAG, &[vault, "prod/API_KEY"], b"");
        assert!(fixture.open(&fixture.with(&[fine])).is_ok());
        assert!(
            fixture
                .open(&fixture.with(&[("other/v1", &["x"], b"y"), fine]))
                .is_ok()
        );
        let malformed = SubmissionError::from(SealedError::from(FramingError::Stanza));
        for (stanzas, error) in [
            (vec![fine, fine], malformed.clone()),
            (vec![(TAG, &[vault][..], &b""[..])], malformed.clone()),
            (
                vec![(TAG, &[vault, "prod/API_KEY", "x"], b"")],
                malformed.clone(),
            ),
            (vec![(TAG, &[vault, "prod/API_KEY"], b"x")], malformed),
            (
                vec![("hoziron/v1", &["x"], b""), fine],
                SubmissionError::Ordinary,
            ),
            (
                vec![fine, ("hoziron/v1", &["x"], b"")],
                SubmissionError::Ordinary,
            ),
            (
                vec![("hoziron/v2-inbox", &[], b"")],
                SealedError::Newer.into(),
            ),
        ] {
            assert_eq!(
                fixture.open(&fixture.with(&stanzas)),
                Err(error),
                "{stanzas:?}"
            );
        }
    }

    #[test]
    fn what_is_for_others_or_changed_does_not_open() {
        let fixture = Fixture::new();
        let value = SecretValue::new(b"x".to_vec());
        let bob = Recipient::parse(Identity::generate("b").public()).unwrap();
        let file = seal_submission(
            &value,
            &fixture.vault,
            &fixture.name,
            [&bob],
            &Plugins::default(),
        )
        .unwrap();
        assert_eq!(fixture.open(&file), Err(SealedError::NoIdentity.into()));
        // The address cannot be exchanged without the file key.
        let data = fixture.with(&[(TAG, &[fixture.vault.as_str(), "prod/API_KEz"], b"")]);
        let text = String::from_utf8_lossy(&data[..90]).replace("KEz", "KEY");
        let data = [text.as_bytes(), &data[90..]].concat();
        let altered = SealedError::from(FramingError::Mac).into();
        assert_eq!(fixture.open(&data), Err(altered));
        let passphrase = fixture.with(&[("scrypt", &["AAAAAAAAAAAAAAAAAAAAAA", "22"], b"")]);
        let refused = SealedError::from(FramingError::Passphrase).into();
        assert_eq!(fixture.open(&passphrase), Err(refused));
        assert!(fixture.open(b"no age file").is_err());
    }
}
