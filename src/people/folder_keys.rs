//! The keys that one of the user's identities opens, and what they open. Nothing is handed out before
//! the vault was accepted: its founder is one of the user's own identities, or an identity's text
//! names the vault. A file under a key that somebody holds who has left is not handed out, either.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::disk::{Dir, DiskError};
use crate::domain::{
    FolderName, Keyring, ReaderName, Readers, SecretName, SecretValue, SigningKey,
};
use crate::people::chain::{Chain, Epoch};
use crate::people::chains::Chains;
use crate::people::keys_error::KeysError;
use crate::sealed::{self, Facts, FolderKey, KeyId, MAX_FILE, SealedError, Verified};
use crate::vault::{KeyFile, Target, Vault};

/// The longest grant, in bytes: a header of 64 KiB and a key, in armor.
const MAX_GRANT: usize = 96 * 1024;

/// What to do with a file under a key that somebody holds who has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stale {
    /// Open it; a person asked for it by name.
    Allow,
    /// Refuse it.
    #[default]
    Refuse,
}

/// Why no key was opened, and the identities that did not suffice.
pub struct NotOpened {
    /// Why.
    pub error: KeysError,
    /// The identities.
    pub keyring: Keyring,
}

/// The accepted keys of a vault, opened as they are needed.
#[derive(Debug)]
pub struct FolderKeys {
    chains: Chains,
    keyring: Keyring,
    opened: Mutex<BTreeMap<KeyId, Arc<FolderKey>>>,
    stale: Stale,
}

impl FolderKeys {
    /// Accepts the vault, and opens the keys of the folders that will be asked for; of any folder,
    /// if none is named. Gives the identities back if they do not suffice.
    pub fn open(
        vault: &Vault,
        chains: Chains,
        keyring: Keyring,
        wanted: &[FolderName],
        stale: Stale,
    ) -> Result<Self, Box<NotOpened>> {
        let keys = Self {
            chains,
            keyring,
            opened: Mutex::default(),
            stale,
        };
        match keys.accept(vault, wanted) {
            Ok(()) => Ok(keys),
            Err(error) => Err(Box::new(NotOpened {
                error,
                keyring: keys.keyring,
            })),
        }
    }

    fn accept(&self, vault: &Vault, wanted: &[FolderName]) -> Result<(), KeysError> {
        let opens = self.open_wanted(vault, wanted);
        let vouched = self.chains.trusted()
            || self.keyring.names_vault(self.chains.id())
            || self.keyring.signs_with(self.chains.top().founder());
        if vouched || (opens.is_err() && self.keyring.identities().is_empty()) {
            return opens;
        }
        // What is damaged says more than that nobody vouches for it.
        match opens {
            Ok(()) | Err(KeysError::NoIdentity { .. }) => Err(KeysError::NotAccepted {
                id: self.chains.id().clone(),
                reads: opens.is_ok(),
                readers: names(self.chains.top()),
            }),
            Err(error) => Err(error),
        }
    }

    fn open_wanted(&self, vault: &Vault, wanted: &[FolderName]) -> Result<(), KeysError> {
        for folder in wanted {
            let chain = self.chains.of(vault, folder)?;
            for leaf in chain.leaves() {
                self.key(vault, &chain, leaf)?;
            }
        }
        if !wanted.is_empty() {
            return Ok(());
        }
        let top = self.chains.top();
        let open = |chain: &Chain| {
            let mut leaves = chain.leaves();
            leaves.try_for_each(|leaf| self.key(vault, chain, leaf).map(drop))
        };
        let error = match open(top) {
            Err(error @ KeysError::NoIdentity { .. }) => error,
            done => return done,
        };
        let below = self.chains.all(vault).into_iter().skip(1);
        let mut below = below.filter_map(|(_, chain)| chain.ok());
        if below.any(|chain| open(&chain).is_ok()) {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Returns the accepted keys' statements.
    pub fn chains(&self) -> &Chains {
        &self.chains
    }

    /// Returns the key under which a folder's files are sealed, and who reads them.
    pub fn head(&self, vault: &Vault, folder: &FolderName) -> Result<Head, KeysError> {
        let chain = self.chains.of(vault, folder)?;
        if let Some(known) = chain.behind() {
            let head = chain
                .leaves()
                .next()
                .expect("a chain has a first statement");
            return Err(KeysError::Behind {
                folder: chain.folder().clone(),
                epoch: known.epoch,
                left: chain.left(head.statement.key),
            });
        }
        let head = chain.head()?;
        let key = self.key(vault, &chain, head)?;
        let readers = head.readers.clone();
        Ok(Head {
            chain,
            key,
            readers,
        })
    }

    /// Opens an accepted key with the first grant that one of the identities opens; it must be the
    /// key that the statement names. A grant of one of the identities that is missing or does not
    /// open was tampered with.
    pub fn key(
        &self,
        vault: &Vault,
        chain: &Chain,
        epoch: &Epoch,
    ) -> Result<Arc<FolderKey>, KeysError> {
        let id = epoch.statement.key;
        let opened = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = opened().get(&id) {
            return Ok(key.clone());
        }
        let folder = chain.folder();
        let (mine, others): (Vec<_>, Vec<_>) = epoch.readers.iter().partition(|reader| {
            let mut keys = reader.recipients.iter();
            keys.any(|key| self.holds(key.text()))
        });
        let own = mine.len();
        for (index, reader) in mine.into_iter().chain(others).enumerate() {
            let is_me = index < own;
            let file = KeyFile::Grant(reader.name.clone());
            let place = format!("{}/{file}", epoch.dir.place(folder));
            let Some(grant) = vault.read_key_file(folder, &epoch.dir, &file, MAX_GRANT)? else {
                if is_me {
                    return Err(KeysError::Missing { place });
                }
                continue;
            };
            match FolderKey::from_grant(&grant, self.chains.id(), folder, &self.keyring) {
                Ok(key) if key.id() == id => {
                    let key = Arc::new(key);
                    opened().insert(id, key.clone());
                    return Ok(key);
                }
                Err(SealedError::NoIdentity) if !is_me => {}
                Ok(_) | Err(SealedError::NoIdentity) => return Err(KeysError::Grant { place }),
                Err(source) => return Err(KeysError::Sealed { place, source }),
            }
        }
        Err(KeysError::NoIdentity {
            readers: epoch.readers.names(),
        })
    }

    /// Says whether one of the identities is the private half of a public key.
    pub fn holds(&self, recipient: &str) -> bool {
        let mut identities = self.keyring.identities().iter();
        identities.any(|identity| identity.public() == recipient)
    }

    /// Returns the identities' key that may change who reads what is under a key.
    pub fn signing_key(&self, epoch: &Epoch) -> Option<SigningKey> {
        self.keyring
            .signing_keys()
            .find(|key| epoch.is_signer(&key.public()))
    }

    /// Starts opening secrets of a vault.
    pub fn opener<'a>(&'a self, vault: &'a Vault) -> Opener<'a> {
        self.opener_of(vault, self.stale)
    }

    /// Starts opening secrets of a vault, those that somebody who has left may have made as well, if a
    /// person has said so.
    pub fn opener_of<'a>(&'a self, vault: &'a Vault, stale: Stale) -> Opener<'a> {
        Opener {
            keys: self,
            vault,
            stale,
            folder: None,
        }
    }

    /// Returns the names of who reads a folder, for a sentence; empty if its key is in question.
    pub fn readers(&self, vault: &Vault, folder: &FolderName) -> String {
        let chain = self.chains.of(vault, folder);
        chain.map(|chain| names(&chain)).unwrap_or_default()
    }
}

/// Under what a folder's files are sealed.
pub struct Head {
    /// The statements about the folder's keys.
    pub chain: Arc<Chain>,
    /// The key.
    pub key: Arc<FolderKey>,
    /// Who reads.
    pub readers: Readers,
}

fn names(chain: &Chain) -> String {
    let mut leaves = chain.leaves();
    leaves
        .next()
        .map(|leaf| leaf.readers.names())
        .unwrap_or_default()
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
    /// Sealed under a key that somebody holds who has left.
    #[error("it is stale: it was sealed under a key that {} holds, who is no reader any more", joined(.left))]
    Stale {
        /// Who has left.
        left: Vec<ReaderName>,
    },
}

fn joined(names: &[ReaderName]) -> String {
    let names: Vec<_> = names.iter().map(ReaderName::as_str).collect();
    names.join(", ")
}

/// A value with the facts it was sealed with.
pub type Opened = (Verified<SecretValue>, Facts);

/// Opens secrets one after the other. Keeps the folder of the last one, so that names in order cost
/// one look at each folder.
pub struct Opener<'a> {
    keys: &'a FolderKeys,
    vault: &'a Vault,
    stale: Stale,
    folder: Option<OpenFolder>,
}

struct OpenFolder {
    name: FolderName,
    dir: Option<Dir>,
    chain: Arc<Chain>,
    // The last key that was asked for.
    key: Option<Arc<FolderKey>>,
}

impl Opener<'_> {
    /// Returns another opener of the same vault, for another thread.
    pub fn another(&self) -> Self {
        self.keys.opener_of(self.vault, self.stale)
    }

    /// Opens a secret; `None` if there is none of this name.
    pub fn open(&mut self, name: &SecretName) -> Result<Option<Opened>, OpenError> {
        let folder = name.folder();
        if self.folder.as_ref().is_none_or(|open| open.name != folder) {
            let chain = self.keys.chains.of(self.vault, &folder)?;
            let dir = self.vault.folder(&folder)?;
            self.folder = Some(OpenFolder {
                name: folder,
                dir,
                chain,
                key: None,
            });
        }
        let open = self.folder.as_mut().expect("it was just opened");
        let Some(dir) = &open.dir else {
            return Ok(None);
        };
        let Some(file) = dir.read(Target::Sealed(name.clone()).file(), MAX_FILE as u64)? else {
            return Ok(None);
        };
        let door = Door {
            keys: self.keys,
            vault: self.vault,
            chain: &open.chain,
            stale: self.stale,
        };
        door.open(&mut open.key, &file, name).map(Some)
    }

    /// Opens the bytes of a sealed file as a secret of the folder of its name, be they in the vault
    /// or from elsewhere, such as an earlier commit.
    pub fn open_file(&self, file: &[u8], name: &SecretName) -> Result<Opened, OpenError> {
        let chain = self.keys.chains.of(self.vault, &name.folder())?;
        let door = Door {
            keys: self.keys,
            vault: self.vault,
            chain: &chain,
            stale: self.stale,
        };
        door.open(&mut None, file, name)
    }
}

/// Where a sealed file is opened: the keys, and the folder that is asked.
struct Door<'a> {
    keys: &'a FolderKeys,
    vault: &'a Vault,
    chain: &'a Chain,
    stale: Stale,
}

impl Door<'_> {
    fn open(
        &self,
        last: &mut Option<Arc<FolderKey>>,
        file: &[u8],
        name: &SecretName,
    ) -> Result<Opened, OpenError> {
        let mut refused: Option<OpenError> = None;
        let opened = sealed::open(file, name, |id| {
            if let Some(key) = last.as_ref().filter(|key| key.id() == id) {
                return Some(key.clone());
            }
            match self.key(id) {
                Ok(key) => {
                    last.clone_from(&key);
                    key
                }
                Err(error) => {
                    refused = Some(error);
                    None
                }
            }
        });
        match refused {
            Some(error) => Err(error),
            None => Ok(opened?),
        }
    }

    /// The key of a file, if it is one that counts for the folder. A key of an enclosing folder counted
    /// before this one had keys of its own; its other readers may have made the file.
    fn key(&self, id: KeyId) -> Result<Option<Arc<FolderKey>>, OpenError> {
        if let Some(epoch) = self.chain.epoch(id) {
            self.refuse(self.chain.left(id))?;
            return Ok(Some(self.keys.key(self.vault, self.chain, epoch)?));
        }
        for part in self.chain.folder().ancestry() {
            let enclosing = self.keys.chains.of(self.vault, &part)?;
            if let Some(epoch) = enclosing.epoch(id) {
                self.refuse(self.chain.strangers(&epoch.readers))?;
                return Ok(Some(self.keys.key(self.vault, &enclosing, epoch)?));
            }
        }
        Ok(None)
    }

    fn refuse(&self, left: Vec<ReaderName>) -> Result<(), OpenError> {
        if self.stale == Stale::Refuse && !left.is_empty() {
            return Err(OpenError::Stale { left });
        }
        Ok(())
    }
}
