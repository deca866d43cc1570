//! The keys of all folders of a vault: which folder's key is asked for a name, and whether that folder
//! is as it should be. A folder is followed only when something in it is asked for; one whose keys
//! are gone, or that has keys nobody vouches for, never falls back to the key of an enclosing one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{FolderName, Pin, VaultId};
use crate::people::chain::{Chain, Epoch, Root};
use crate::people::keys_error::KeysError;
use crate::sealed::KeyId;
use crate::vault::Vault;
use crate::vault::heads::Heads;
use crate::vault::layout::keys_path;

/// The accepted keys of a vault's folders. Public: no identity is needed.
#[derive(Debug)]
pub struct Chains {
    id: VaultId,
    top: Arc<Chain>,
    // What this user has accepted before.
    known: Option<Heads>,
    below: Mutex<BTreeMap<FolderName, Arc<Chain>>>,
}

impl Chains {
    /// Follows the statements about the vault's top from the vault's id.
    pub fn verify(vault: &Vault, id: &VaultId, known: Option<Heads>) -> Result<Self, KeysError> {
        let folder = FolderName::top();
        let head = known.as_ref().and_then(|known| known.of(&folder));
        let top = Chain::verify(vault, id, &folder, &Root::Founding, head)?;
        Ok(Self {
            id: id.clone(),
            top: Arc::new(top),
            known,
            below: Mutex::default(),
        })
    }

    /// Returns the vault's id.
    pub fn id(&self) -> &VaultId {
        &self.id
    }

    /// Says whether the user has said that he trusts the vault.
    pub fn trusted(&self) -> bool {
        self.known.as_ref().is_some_and(Heads::trusts_vault)
    }

    /// Says whether the user has accepted the vault's key before, or has said that he trusts it.
    pub fn is_known(&self) -> bool {
        let accepted = |known: &Heads| known.of(&FolderName::top()).is_some();
        self.trusted() || self.known.as_ref().is_some_and(accepted)
    }

    /// Returns the keys of the vault's top.
    pub fn top(&self) -> &Arc<Chain> {
        &self.top
    }

    /// Returns the keys that are asked for what is in a folder: its own, or those of the nearest
    /// folder upwards that has some.
    pub fn of(&self, vault: &Vault, folder: &FolderName) -> Result<Arc<Chain>, KeysError> {
        let mut chain = self.top.clone();
        for part in folder.ancestry().iter().filter(|part| !part.is_top()) {
            let pins = chain.pins();
            match pins.get(part) {
                Some(pins) => chain = self.follow(vault, part, &Root::Pins(pins))?,
                None => self.refuse_unlisted(vault, part)?,
            }
        }
        Ok(chain)
    }

    /// Refuses a folder whose key has not come as far as it should have at least.
    pub fn require(&self, vault: &Vault, folder: &FolderName, floor: u32) -> Result<(), KeysError> {
        let chain = self.of(vault, folder)?;
        let epoch = if chain.folder() == folder {
            chain.head()?.dir.epoch()
        } else {
            0
        };
        if epoch >= floor {
            return Ok(());
        }
        Err(KeysError::Floor {
            folder: folder.clone(),
            epoch,
            floor,
        })
    }

    /// Refuses a vault that nobody vouches for, where no private key is at hand that would: if pins are
    /// given, one must name it, unless the user has said that he trusts it.
    pub fn refuse_unpinned(&self, pins: &[Pin]) -> Result<(), KeysError> {
        if pins.is_empty() || self.trusted() || pins.iter().any(|pin| pin.id == self.id) {
            return Ok(());
        }
        Err(KeysError::NotPinned(self.id.clone()))
    }

    /// Returns the keys of every folder that has some, the top first.
    pub fn all(&self, vault: &Vault) -> Vec<(FolderName, Result<Arc<Chain>, KeysError>)> {
        let mut all = vec![(FolderName::top(), Ok(self.top.clone()))];
        let mut next = 0;
        while let Some((_, chain)) = all.get(next) {
            let pins = chain.as_ref().map(|chain| chain.pins()).unwrap_or_default();
            for (folder, pins) in &pins {
                let chain = self.follow(vault, folder, &Root::Pins(pins));
                all.push((folder.clone(), chain));
            }
            next += 1;
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Finds an accepted key of any folder.
    pub fn epoch(chains: &[Arc<Chain>], key: KeyId) -> Option<&Epoch> {
        chains.iter().find_map(|chain| chain.epoch(key))
    }

    fn follow(
        &self,
        vault: &Vault,
        folder: &FolderName,
        root: &Root<'_>,
    ) -> Result<Arc<Chain>, KeysError> {
        let mut below = self.below.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chain) = below.get(folder) {
            return Ok(chain.clone());
        }
        let head = self.known.as_ref().and_then(|known| known.of(folder));
        let chain = Arc::new(Chain::verify(vault, &self.id, folder, root, head)?);
        below.insert(folder.clone(), chain.clone());
        Ok(chain)
    }

    /// A folder that no statement names must have no keys, neither here nor in the user's memory.
    fn refuse_unlisted(&self, vault: &Vault, folder: &FolderName) -> Result<(), KeysError> {
        let place = || keys_path(folder);
        if vault.has_keys(folder)? {
            return Err(KeysError::Unlisted { place: place() });
        }
        // An older branch does not have the statement that names it, either.
        let remembered = self
            .known
            .as_ref()
            .is_some_and(|known| known.of(folder).is_some());
        if remembered && self.top.behind().is_none() {
            return Err(KeysError::Missing { place: place() });
        }
        Ok(())
    }
}
