//! The keys that one of the user's identities opens. Nothing is opened before the vault was accepted:
//! its founder is one of the user's own identities, or an identity's text names the vault. A key
//! that is older than the one this user has accepted is judged before anything under it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{FolderName, Keyring, Plugins, Reader, Readers, SecretName, SigningKey};
use crate::people::chain::{Chain, Epoch};
use crate::people::chains::Chains;
use crate::people::guard::{Guard, Judge, Setback};
use crate::people::keys_error::KeysError;
use crate::sealed::{FolderKey, KeyId, SealedError};
use crate::vault::trust::Seen;
use crate::vault::{KeyFile, Vault};

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
    pub(super) keyring: Keyring,
    opened: Mutex<BTreeMap<KeyId, Arc<FolderKey>>>,
    // Public keys of grants that opened, though none of the identities shows that it is theirs.
    foreign: Mutex<BTreeSet<String>>,
    // What openers do by default with a stale file.
    pub(super) stale: Stale,
    guard: Option<Guard>,
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
            foreign: Mutex::default(),
            stale,
            guard: None,
        };
        match keys.accept(vault, wanted) {
            Ok(()) => Ok(keys),
            Err(error) => Err(Box::new(NotOpened {
                error,
                keyring: keys.keyring,
            })),
        }
    }

    /// Has what is opened compared with what this user has seen, and what is older judged.
    pub fn heeding(mut self, seen: Arc<Seen>, judge: Box<dyn Judge>) -> Self {
        self.guard = Some(Guard::new(seen, judge));
        self
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

    /// Returns the keys that are asked for what is in a folder. One that this user has accepted and
    /// that is not here must be one of another branch.
    pub fn chain(&self, vault: &Vault, folder: &FolderName) -> Result<Arc<Chain>, KeysError> {
        for part in folder.ancestry() {
            let chain = self.chains.of(vault, &part)?;
            if let (Some(known), Some(guard)) = (chain.behind(), &self.guard) {
                guard.missing(chain.folder(), known)?;
            }
        }
        self.chains.of(vault, folder)
    }

    /// Says how a secret that this user has seen was taken away; `None`: it is one of another branch.
    pub fn gone(&self, name: &SecretName) -> Option<Setback> {
        self.guard.as_ref()?.gone(name)
    }

    /// Returns what compares files with what this user has seen.
    pub(super) fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
    }

    /// Returns the key under which a folder's files are sealed, and who reads them.
    pub fn head(&self, vault: &Vault, folder: &FolderName) -> Result<Head, KeysError> {
        let chain = self.chain(vault, folder)?;
        let head = chain.current()?;
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
                    if !is_me {
                        self.note_foreign(reader);
                    }
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

    /// Returns the plugins that may be run to seal.
    pub fn plugins(&self) -> &Plugins {
        self.keyring.allowed()
    }

    /// Says whether one of the identities is the private half of a public key.
    pub fn holds(&self, recipient: &str) -> bool {
        let mut identities = self.keyring.identities().iter();
        identities.any(|identity| identity.public() == recipient)
    }

    /// Says whether one of the identities reads with a public key, as far as the grants that were
    /// opened show; of a plugin's identity nothing else does.
    pub fn reads_with(&self, recipient: &str) -> bool {
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        self.holds(recipient) || foreign.contains(recipient)
    }

    fn note_foreign(&self, reader: &Reader) {
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.extend(reader.recipients.iter().map(|key| key.text().to_owned()));
    }

    /// Returns the identities' key that may change who reads what is under a key.
    pub fn signing_key(&self, epoch: &Epoch) -> Option<SigningKey> {
        self.keyring
            .signing_keys()
            .find(|key| epoch.is_signer(&key.public()))
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
