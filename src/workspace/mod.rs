//! Floor 4: a home that is ready to be worked in. Its vault and its manifest are opened, what an
//! interrupted run left is finished, and the user's own record says that it is the vault it was. No
//! key is asked for here; keys are a step of their own.

mod past;
mod rollback;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use crate::disk::DiskError;
use crate::domain::{FolderName, Pin, VaultId};
use crate::home::{
    Environment, FindError, JournalKeyError, MANIFEST, load_journal_key, load_or_make_journal_key,
};
use crate::manifest::{Manifest, ManifestErrors};
use crate::people::{Chains, FolderKeys, KeysError, Stale};
use crate::vault::heads::Heads;
use crate::vault::transaction::{
    JournalKey, Recovered, SharedLock, Transaction, TransactionError, settle,
};
use crate::vault::trust::{HomeRecord, Seen, TrustError};
use crate::vault::{LockedVault, Vault};

pub use past::past;
pub use rollback::{GitJudge, Tell};
pub use verify::{Report, Verdict, verify};

/// Why a home cannot be worked in.
#[derive(Debug, Error)]
pub enum WorkspaceError {
    /// The home's folder cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is none.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The key of the user's journals cannot be used.
    #[error(transparent)]
    JournalKey(#[from] JournalKeyError),
    /// The manifest cannot be used.
    #[error("`{}`: {source}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestErrors,
    },
    /// There is no manifest.
    #[error("`{}` is not there", .0.display())]
    NoManifest(PathBuf),
    /// The user has no folder for state.
    #[error("there is no folder for hoziron's state: neither XDG_STATE_HOME nor HOME is set")]
    NoState,
    /// An interrupted change could not be finished, or another process is writing.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Another vault than the user knows stands there.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// A home that is ready to be worked in.
pub struct OpenHome {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub vault: Vault,
    /// What should be in it.
    pub manifest: Manifest,
    /// What an earlier process had left.
    pub recovered: Recovered,
    // Keeps writers out while a set is read.
    lock: Option<SharedLock>,
    // What the user had seen when it was first asked for.
    seen: OnceLock<Arc<Seen>>,
}

impl OpenHome {
    /// Finds and opens the home.
    pub fn find(environment: &Environment, given: Option<PathBuf>) -> Result<Self, WorkspaceError> {
        Self::at(environment.search(given).find()?, environment)
    }

    /// Opens the home at a known place.
    pub fn at(path: PathBuf, environment: &Environment) -> Result<Self, WorkspaceError> {
        let vault = Vault::open(&path)?;
        let key = || match environment.state() {
            Some(state) => Ok(load_journal_key(&state)?.map(JournalKey::new)),
            None => Ok(None),
        };
        let settled = settle::<WorkspaceError>(vault.home(), key)?;
        let manifest = read_manifest(&vault, &path)?;
        if let Some(state) = environment.state() {
            HomeRecord::load(&state, &path)?.check(&manifest.id)?;
        }
        Ok(Self {
            path,
            vault,
            manifest,
            recovered: settled.recovered,
            lock: settled.lock,
            seen: OnceLock::new(),
        })
    }

    /// Verifies the statements about the vault's keys, and that these have come as far as the pins
    /// say; needs no identity.
    pub fn chains(&self, environment: &Environment, pins: &[Pin]) -> Result<Chains, KeysError> {
        chains_of(&self.vault, &self.manifest.id, environment, pins)
    }

    /// Returns what this user has seen of the vault, read once until writers are let in again; `None`
    /// without a folder for state.
    pub fn seen(&self, environment: &Environment) -> Result<Option<Arc<Seen>>, DiskError> {
        let Some(state) = environment.state() else {
            return Ok(None);
        };
        if let Some(seen) = self.seen.get() {
            return Ok(Some(seen.clone()));
        }
        let seen = Arc::new(Seen::load(&state, &self.manifest.id)?);
        Ok(Some(self.seen.get_or_init(|| seen).clone()))
    }

    /// Has what these keys open compared with what this user has seen.
    pub fn guard(
        &self,
        keys: FolderKeys,
        environment: &Environment,
        tell: Tell,
    ) -> Result<FolderKeys, DiskError> {
        let Some(seen) = self.seen(environment)? else {
            return Ok(keys);
        };
        let variables = environment.variables().to_vec();
        let protected = self.protected().cloned().collect();
        let judge = GitJudge::new(self.path.clone(), variables, protected, tell);
        Ok(keys.heeding(seen, Box::new(judge)))
    }

    /// Says whether files are opened that somebody who has left may have made: if it was asked for,
    /// or if the environment says so and none of the folders is protected.
    pub fn stale(&self, environment: &Environment, asked: Stale, folders: &[FolderName]) -> Stale {
        let protected = |folder: &FolderName| self.protected().any(|name| name.holds(folder));
        let allowed = environment
            .get("HOZIRON_ALLOW_STALE")
            .is_some_and(|value| value == "1");
        if allowed && !folders.iter().any(protected) {
            return Stale::Allow;
        }
        asked
    }

    /// Returns the profiles that are protected.
    fn protected(&self) -> impl Iterator<Item = &FolderName> {
        let profiles = self.manifest.profiles.iter();
        profiles.filter_map(|(name, profile)| profile.protect.then_some(name))
    }

    /// Lets writers in again; what is read from here on may change in between.
    pub fn let_go(&mut self) {
        self.lock = None;
        self.seen = OnceLock::new();
    }

    /// Takes the writer's lock. What was read before it may have changed.
    pub fn lock(
        &mut self,
        environment: &Environment,
    ) -> Result<(LockedVault<'_>, Recovered), WorkspaceError> {
        self.let_go();
        let (transaction, recovered) = begin(&self.vault, environment)?;
        Ok((LockedVault::new(&self.vault, transaction), recovered))
    }
}

/// Verifies the statements about a vault's keys, wherever it stands; needs no identity.
pub fn chains_of(
    vault: &Vault,
    id: &VaultId,
    environment: &Environment,
    pins: &[Pin],
) -> Result<Chains, KeysError> {
    let known = environment
        .state()
        .map(|state| Heads::load(&state, id))
        .transpose()?;
    let chains = Chains::verify(vault, id, known)?;
    let own = pins.iter().filter(|pin| pin.id == *id);
    for (folder, floor) in own.flat_map(|pin| &pin.floors) {
        chains.require(vault, folder, *floor)?;
    }
    Ok(chains)
}

/// Takes the writer's lock on a vault.
pub fn begin(
    vault: &Vault,
    environment: &Environment,
) -> Result<(Transaction, Recovered), WorkspaceError> {
    let state = environment.state().ok_or(WorkspaceError::NoState)?;
    let key = JournalKey::new(load_or_make_journal_key(&state)?);
    Ok(Transaction::begin(vault.home(), &key)?)
}

fn read_manifest(vault: &Vault, home: &Path) -> Result<Manifest, WorkspaceError> {
    let path = home.join(MANIFEST);
    match vault.manifest()? {
        Some(bytes) => {
            Manifest::parse(&bytes).map_err(|source| WorkspaceError::Manifest { path, source })
        }
        None => Err(WorkspaceError::NoManifest(path)),
    }
}
