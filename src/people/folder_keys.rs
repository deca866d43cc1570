//! Which key opens a folder's files, and on whose word: the statements are followed from the vault's
//! id, which certifies its founder, and the key itself is opened from a grant. Nothing is handed out
//! here before the vault was accepted: its founder is one of the user's own identities, or an
//! identity's text names the vault. One founder with one key is what this version accepts.

use thiserror::Error;

use crate::disk::{Dir, DiskError};
use crate::domain::{
    FolderName, Founding, Identity, Keyring, Readers, SecretName, SecretValue, VaultId,
};
use crate::people::statement::{MAX_STATEMENT, Statement, StatementError};
use crate::sealed::{self, Facts, FolderKey, KeyId, MAX_FILE, SealedError, Verified};
use crate::vault::{KeyDir, KeyFile, Target, Vault};

/// The longest grant, in bytes: a header of 64 KiB and a key, in armor.
const MAX_GRANT: usize = 96 * 1024;

/// Why no key of a folder is accepted.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The grant does not give its reader the key that the statement names.
    #[error("`{place}` does not hold the key that the signed statement names")]
    Grant {
        /// The grant.
        place: String,
    },
    /// Several keys, or keys of sub-folders.
    #[error("`{place}` is a folder key that this version of hoziron does not accept")]
    Further {
        /// The folder of the key.
        place: String,
    },
    /// There is no statement.
    #[error("`{place}` is missing, so nothing in the vault can be verified")]
    Missing {
        /// What is missing.
        place: String,
    },
    /// No identity opens any grant.
    #[error("none of the identities is among its readers ({readers})")]
    NoIdentity {
        /// The readers' names.
        readers: String,
    },
    /// Nobody vouches for the vault.
    #[error("vault {id} is not accepted here: no identity is its founder's{}", if *.reads { "" } else { ", and none is among its readers" })]
    NotAccepted {
        /// The vault's id.
        id: VaultId,
        /// Whether one of the identities opens its key all the same.
        reads: bool,
        /// The readers' names, as its own statement has them.
        readers: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] DiskError),
    /// A grant is not an age file.
    #[error("`{place}`: {source}")]
    Sealed {
        /// The grant.
        place: String,
        /// What is wrong with it.
        source: SealedError,
    },
    /// A statement is malformed or not signed.
    #[error("`{place}`: {source}")]
    Statement {
        /// The statement.
        place: String,
        /// What is wrong with it.
        source: StatementError,
    },
    /// A statement says something else than it should.
    #[error("`{place}` does not belong to this vault: its {field} differs")]
    Wrong {
        /// The statement.
        place: String,
        /// The field that differs.
        field: &'static str,
    },
}

/// The statement about the vault's top, verified from the vault's id. Public: no identity is needed.
#[derive(Debug)]
pub struct Chain {
    head: Statement,
    dir: KeyDir,
}

impl Chain {
    /// Follows the statements from the vault's id.
    pub fn verify(vault: &Vault, id: &VaultId) -> Result<Self, KeysError> {
        let top = FolderName::top();
        let dirs = vault.key_dirs(&top)?;
        let dir = match &dirs[..] {
            [] => {
                return Err(KeysError::Missing {
                    place: "vault/.keys".to_owned(),
                });
            }
            [dir] => dir.clone(),
            [_, further, ..] => {
                return Err(KeysError::Further {
                    place: further.place(&top),
                });
            }
        };
        let place = format!("{}/epoch.toml", dir.place(&top));
        let bytes = vault
            .read_key_file(&top, &dir, &KeyFile::Epoch, MAX_STATEMENT)?
            .ok_or_else(|| KeysError::Missing {
                place: place.clone(),
            })?;
        let head = Statement::parse(&bytes).map_err(|source| KeysError::Statement {
            place: place.clone(),
            source,
        })?;

        let founder = head.founding.as_ref().map(|founding| founding.founder);
        let certified = head.founding.as_ref().map(Founding::id).as_ref() == Some(id);
        let checks = [
            ("founder", certified && founder == Some(head.signer)),
            ("vault id", head.vault == *id),
            ("folder", head.folder == top),
            ("epoch", head.epoch == 1 && dir.epoch() == 1),
            ("key", head.key.as_str() == dir.key_id()),
            ("parents", head.parents.is_empty()),
        ];
        if let Some((field, _)) = checks.into_iter().find(|(_, holds)| !holds) {
            return Err(KeysError::Wrong { place, field });
        }
        match head.carved.first() {
            Some(carved) => Err(KeysError::Further {
                place: format!("vault/{carved}/.keys"),
            }),
            None => Ok(Self { head, dir }),
        }
    }

    /// Returns the readers of the vault.
    pub fn readers(&self) -> &Readers {
        &self.head.readers
    }

    /// Returns the readers' key.
    pub fn key_id(&self) -> KeyId {
        self.head.key
    }

    /// Says whether these identities vouch for the vault: one of them is its founder, or a text
    /// they came in names it.
    pub fn accepted_by(&self, keyring: &Keyring) -> bool {
        keyring.names_vault(&self.head.vault) || keyring.signs_with(&self.head.signer)
    }

    /// Opens the readers' grants until one opens; it must hold the key that the statement names. A
    /// grant of one of the identities that is missing or does not open was tampered with.
    fn open_grant(&self, vault: &Vault, keyring: &Keyring) -> Result<Option<FolderKey>, KeysError> {
        let top = FolderName::top();
        for reader in self.readers().iter() {
            let mine = |identity: &Identity| {
                reader
                    .recipients
                    .iter()
                    .any(|recipient| recipient.text() == identity.public())
            };
            let is_me = keyring.identities().iter().any(mine);
            let file = KeyFile::Grant(reader.name.clone());
            let place = format!("{}/{file}", self.dir.place(&top));
            let Some(grant) = vault.read_key_file(&top, &self.dir, &file, MAX_GRANT)? else {
                if is_me {
                    return Err(KeysError::Missing { place });
                }
                continue;
            };
            match FolderKey::from_grant(&grant, &self.head.vault, &top, keyring) {
                Ok(key) if key.id() == self.head.key => return Ok(Some(key)),
                Err(SealedError::NoIdentity) if !is_me => {}
                Ok(_) | Err(SealedError::NoIdentity) => return Err(KeysError::Grant { place }),
                Err(source) => return Err(KeysError::Sealed { place, source }),
            }
        }
        Ok(None)
    }
}

/// The accepted key of the vault and who holds it.
#[derive(Debug)]
pub struct FolderKeys {
    chain: Chain,
    key: FolderKey,
}

impl FolderKeys {
    /// Opens the key with the first grant that one of the identities opens.
    pub fn open(vault: &Vault, chain: Chain, keyring: &Keyring) -> Result<Self, KeysError> {
        let vouched = chain.accepted_by(keyring);
        let key = chain.open_grant(vault, keyring)?;
        if !vouched && (key.is_some() || !keyring.identities().is_empty()) {
            let readers = chain.readers().names();
            return Err(KeysError::NotAccepted {
                id: chain.head.vault,
                reads: key.is_some(),
                readers,
            });
        }
        match key {
            Some(key) => Ok(Self { chain, key }),
            None => Err(KeysError::NoIdentity {
                readers: chain.readers().names(),
            }),
        }
    }

    /// Returns the key for the files of a folder; refuses a folder that has keys nobody vouched for.
    pub fn for_folder(&self, vault: &Vault, folder: &FolderName) -> Result<&FolderKey, KeysError> {
        for part in folder.ancestry().iter().filter(|part| !part.is_top()) {
            if vault.has_keys(part)? {
                return Err(KeysError::Further {
                    place: format!("vault/{part}/.keys"),
                });
            }
        }
        Ok(&self.key)
    }

    /// Starts opening secrets of a vault.
    pub fn opener<'a>(&'a self, vault: &'a Vault) -> Opener<'a> {
        Opener {
            keys: self,
            vault,
            folder: None,
        }
    }

    /// Returns the readers of the vault.
    pub fn readers(&self) -> &Readers {
        self.chain.readers()
    }
}

/// Why a secret is not handed out.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its folder's key is not accepted.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] DiskError),
    /// The file is not to be trusted.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

/// A value with the facts it was sealed with.
pub type Opened = (Verified<SecretValue>, Facts);

/// Opens secrets one after the other. Keeps the folder of the last one, so that names in order cost
/// one look at each folder.
pub struct Opener<'a> {
    keys: &'a FolderKeys,
    vault: &'a Vault,
    folder: Option<OpenFolder<'a>>,
}

struct OpenFolder<'a> {
    name: FolderName,
    dir: Option<Dir>,
    key: &'a FolderKey,
}

impl Opener<'_> {
    /// Returns another opener of the same vault, for another thread.
    pub fn another(&self) -> Self {
        self.keys.opener(self.vault)
    }

    /// Opens a secret; `None` if there is none of this name.
    pub fn open(&mut self, name: &SecretName) -> Result<Option<Opened>, OpenError> {
        let folder = name.folder();
        if self.folder.as_ref().is_none_or(|open| open.name != folder) {
            let key = self.keys.for_folder(self.vault, &folder)?;
            let dir = self.vault.folder(&folder)?;
            self.folder = Some(OpenFolder {
                name: folder,
                dir,
                key,
            });
        }
        let open = self.folder.as_ref().expect("it was just opened");
        let Some(dir) = &open.dir else {
            return Ok(None);
        };
        let Some(file) = dir.read(Target::Sealed(name.clone()).file(), MAX_FILE as u64)? else {
            return Ok(None);
        };
        let accepted = |id: KeyId| (id == open.key.id()).then_some(open.key);
        Ok(Some(sealed::open(&file, name, accepted)?))
    }
}
