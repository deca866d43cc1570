//! The founding of a vault: its first folder key, the statement that names its readers, a grant for
//! each of them, and their recipient files. Everything is made in memory; the caller writes it in
//! one transaction, so a vault exists whole or not at all.

use rand_core::{OsRng, RngCore};

use crate::domain::{
    FolderName, Founding, Mixed, Plugins, Reader, ReaderName, Readers, ReadersError, Recipient,
    SigningKey, VaultId,
};
use crate::people::recipient_file::RecipientFile;
use crate::people::statement::Statement;
use crate::sealed::{FolderKey, SealedError};
use crate::vault::{KeyDir, KeyFile, Target};

/// A vault that was just thought up.
pub struct Founded {
    /// Its id.
    pub id: VaultId,
    /// Its readers.
    pub readers: Readers,
    /// The public files that make it one.
    pub files: Vec<(Target, Vec<u8>)>,
}

/// A reader who is let in at the founding, besides the founder: a spare key.
pub struct Spare {
    /// What the reader is called.
    pub name: ReaderName,
    /// The public key.
    pub recipient: Recipient,
}

/// Who founds a vault: signs the first statement, and is its first reader.
pub struct Founder<'a> {
    /// What the founder is called.
    pub name: ReaderName,
    /// The founder's public keys.
    pub recipients: Vec<Recipient>,
    /// The key that signs.
    pub signing: &'a SigningKey,
}

/// Founds a vault: `founder` signs, and reads together with `spares`. Of plugins, those are run that
/// the user has allowed.
pub fn found(
    founder: &Founder<'_>,
    spares: Vec<Spare>,
    plugins: &Plugins,
    now: u64,
) -> Result<Founded, FoundingError> {
    let signing = founder.signing;
    let mut nonce = [0; 16];
    OsRng.fill_bytes(&mut nonce);
    let founding = Founding {
        founder: signing.public(),
        nonce,
    };
    let id = founding.id();

    let first = Reader {
        name: founder.name.clone(),
        recipients: founder.recipients.clone(),
        signing: Some(signing.public()),
    };
    let others = spares.into_iter().map(|spare| Reader {
        name: spare.name,
        recipients: vec![spare.recipient],
        signing: None,
    });
    let readers = Readers::build([first].into_iter().chain(others))?;
    if let Some(mixed) = readers.mixed() {
        return Err(FoundingError::Mixed(mixed));
    }

    let top = FolderName::top();
    let key = FolderKey::generate(&id, &top);
    let dir = KeyDir::new(1, key.id().as_str()).expect("a key id is 20 characters of base64url");
    let at = |file| Target::Key {
        folder: top.clone(),
        dir: dir.clone(),
        file,
    };
    let statement = Statement {
        vault: id.clone(),
        folder: top.clone(),
        epoch: 1,
        key: key.id(),
        parents: Vec::new(),
        carved: Vec::new(),
        made: now,
        founding: Some(founding),
        signer: signing.public(),
        readers: readers.clone(),
    };
    let mut files = vec![(at(KeyFile::Epoch), statement.sign(signing))];
    for reader in readers.iter() {
        files.push((
            at(KeyFile::Grant(reader.name.clone())),
            key.grant(reader.addressees(), plugins)?,
        ));
        files.push((
            Target::Recipient(reader.name.clone()),
            RecipientFile::new(&reader.recipients, reader.signing)
                .text()
                .as_bytes()
                .to_vec(),
        ));
    }
    Ok(Founded { id, readers, files })
}

/// Why a vault could not be founded.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// The keys cannot share a file.
    #[error("{0}")]
    Mixed(Mixed),
    /// Founder and spare have one name.
    #[error(transparent)]
    Readers(#[from] ReadersError),
    /// The key could not be sealed to a reader.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}
