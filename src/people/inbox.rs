//! Values from people and machines that can only encrypt. They are sealed to the readers whom the signed
//! statements name, without any private key; who opens them is a reader, and what he gets proves
//! nothing about who made it. A file that would hand out one of the vault's own keys is refused.

use rand_core::{OsRng, RngCore};
use thiserror::Error;

use crate::domain::{Plugins, Readers, SecretName, SecretValue};
use crate::people::chains::Chains;
use crate::people::folder_keys::FolderKeys;
use crate::people::keys_error::KeysError;
use crate::sealed::{
    FolderKey, SealedError, Submission, SubmissionError, open_submission, seal_submission,
};
use crate::vault::inbox::MARK;
use crate::vault::{Submitted, Vault};

/// What tells two submissions of one name apart is made of these.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Why a value is not submitted.
#[derive(Debug, Error)]
pub enum ContributeError {
    /// The folder's key is in question.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It could not be sealed.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

/// Why what was submitted is not taken.
#[derive(Debug, Error)]
pub enum ContributionError {
    /// It is a key of the vault, which somebody who cannot open it has put there.
    #[error("it holds a folder key of this vault, and not a value")]
    FolderKey,
    /// It is not a submission, or does not open.
    #[error(transparent)]
    Submission(#[from] SubmissionError),
}

/// A value that is ready to be submitted.
pub struct Contributed {
    /// What it is called.
    pub submitted: Submitted,
    /// The file.
    pub file: Vec<u8>,
    /// Who can open it.
    pub readers: Readers,
}

/// Seals a value for whoever reads a folder, as the signed statements have it.
pub fn contribute(
    vault: &Vault,
    chains: &Chains,
    name: &SecretName,
    value: &SecretValue,
    plugins: &Plugins,
) -> Result<Contributed, ContributeError> {
    let chain = chains.of(vault, &name.folder())?;
    let readers = chain.current()?.readers.clone();
    let file = seal_submission(value, chains.id(), name, readers.addressees(), plugins)?;
    Ok(Contributed {
        submitted: Submitted::new(name.clone(), &mark()).expect("it is made of such characters"),
        file,
        readers,
    })
}

fn mark() -> String {
    let mut bytes = [0; MARK];
    OsRng.fill_bytes(&mut bytes);
    let character = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
    bytes.iter().map(character).collect()
}

impl FolderKeys {
    /// Opens what was submitted under a name.
    pub fn open_submission(
        &self,
        vault: &Vault,
        file: &[u8],
        name: &SecretName,
    ) -> Result<Submission, ContributionError> {
        let id = self.chains().id();
        let opened = open_submission(file, id, name, &self.keyring)?;
        // A grant is a plain age file, too: somebody who reads another folder would have its key
        // sealed for himself by a reader of this one.
        let is_key = self.chains().all(vault).into_iter().any(|(folder, chain)| {
            let key = FolderKey::from_value(&opened.value, id, &folder);
            let known = key.zip(chain.ok());
            known.is_some_and(|(key, chain)| chain.epoch(key.id()).is_some())
        });
        if is_key {
            return Err(ContributionError::FolderKey);
        }
        Ok(opened)
    }
}
