//! Where a command works: the home, its vault and its manifest, and the one moment at which private
//! keys are read. Opening a workspace opens no sealed file and asks for no key.

use std::path::{Path, PathBuf};

use crate::cli::args::Global;
use crate::cli::environment::Environment;
use crate::cli::failure::{Exit, Failure, sentence};
use crate::cli::ui::Ui;
use crate::domain::{FolderName, Keyring, SecretName, VaultId};
use crate::home::private::{Overwrite, write_private};
use crate::home::{
    JournalKeyError, MANIFEST, Tried, gather, load_journal_key, load_or_make_journal_key,
};
use crate::manifest::Manifest;
use crate::people::{Chain, FolderKeys, KeysError};
use crate::vault::transaction::{
    JournalKey, Recovered, SharedLock, Transaction, TransactionError, settle,
};
use crate::vault::trust::HomeRecord;
use crate::vault::{LockedVault, Vault};

/// A home that is ready to be worked in.
pub struct Workspace<'a> {
    /// Where it is.
    pub home: PathBuf,
    /// What is in it.
    pub vault: Vault,
    /// What should be in it.
    pub manifest: Manifest,
    environment: &'a Environment,
    global: &'a Global,
    // Keeps writers out while a set is read; let go of with the workspace.
    lock: Option<SharedLock>,
}

impl<'a> Workspace<'a> {
    /// Finds and opens the home.
    pub fn open(
        global: &'a Global,
        environment: &'a Environment,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let search = environment.search(global.home.clone());
        let home = search
            .find()
            .map_err(|error| Failure::of("there is no vault to work in", &error))?;
        ui.detail(&format!("the home is `{}`", home.display()));
        Self::at(home, global, environment, ui)
    }

    /// Opens the home at a known place.
    pub fn at(
        home: PathBuf,
        global: &'a Global,
        environment: &'a Environment,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let what = || format!("cannot open the vault in `{}`", home.display());
        let vault = Vault::open(&home).map_err(|error| Failure::of(what(), &error))?;
        let key = || match environment.state() {
            Some(state) => Ok(load_journal_key(&state)?.map(JournalKey::new)),
            None => Ok(None),
        };
        let settled = settle::<SettleError>(vault.home(), key).map_err(|error| match error {
            SettleError::Key(error) => Failure::of(what(), &error),
            SettleError::Transaction(error) => Failure::of(what(), &error),
        })?;
        report(&settled.recovered, ui);
        let manifest = read_manifest(&vault, &home)?;
        if let Some(state) = environment.state() {
            let record =
                HomeRecord::load(&state, &home).map_err(|error| Failure::of(what(), &error))?;
            record
                .check(&manifest.id)
                .map_err(|error| Failure::of(what(), &error))?;
        }
        Ok(Self {
            home,
            vault,
            manifest,
            environment,
            global,
            lock: settled.lock,
        })
    }

    /// Returns the environment of this run.
    pub fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// Reads private keys: the one moment at which that happens.
    pub fn keyring(&self, ui: &Ui) -> Result<(Keyring, Vec<Tried>), Failure> {
        keyring(self.global, self.environment, ui)
    }

    /// Verifies the statements about the vault's key; needs no identity.
    pub fn chain(&self) -> Result<Chain, KeysError> {
        Chain::verify(&self.vault, &self.manifest.id)
    }

    /// Reads private keys and opens the vault's key with them.
    pub fn keys(&self, ui: &Ui) -> Result<FolderKeys, Failure> {
        let what = "cannot open the vault's key";
        let chain = self.chain().map_err(|error| Failure::of(what, &error))?;
        let (keyring, tried) = self.keyring(ui)?;
        FolderKeys::open(&self.vault, chain, &keyring).map_err(|error| {
            let places = tried.iter().map(|tried| format!("looked in {tried}"));
            let opens_nothing = matches!(
                error,
                KeysError::NoIdentity { .. } | KeysError::NotAccepted { .. }
            );
            let failure = Failure::of(what, &error);
            if opens_nothing {
                places.fold(failure, Failure::cause)
            } else {
                failure
            }
        })
    }

    /// Takes the writer's lock. What was read before it may have changed.
    pub fn lock(&mut self, ui: &Ui) -> Result<LockedVault<'_>, Failure> {
        self.lock = None;
        let (transaction, recovered) = begin(&self.vault, &self.home, self.environment)?;
        report(&recovered, ui);
        remember(&self.home, self, ui);
        Ok(LockedVault::new(&self.vault, transaction))
    }

    /// Parses a name, with the profile in front if one was given.
    pub fn name(&self, text: &str, profile: Option<&str>) -> Result<SecretName, Failure> {
        name(text, profile)
    }
}

/// Parses a name, with the profile in front if one was given.
pub fn name(text: &str, profile: Option<&str>) -> Result<SecretName, Failure> {
    let whole = match profile {
        Some(profile) => {
            let folder = folder(profile)?;
            SecretName::within(&folder, text)
        }
        None => SecretName::parse(text),
    };
    whole.map_err(|error| Failure::of(format!("`{text}` is not a name for a secret"), &error))
}

/// Parses a profile's name.
pub fn folder(text: &str) -> Result<FolderName, Failure> {
    FolderName::parse(text)
        .map_err(|error| Failure::of(format!("`{text}` is not a profile or folder"), &error))
}

/// Reads private keys from every place.
pub fn keyring(
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<(Keyring, Vec<Tried>), Failure> {
    let found = gather(&environment.identity_places(&global.identity))
        .map_err(|error| Failure::of("cannot read a private key", &error))?;
    for tried in &found.1 {
        ui.detail(&format!("looked for private keys in {tried}"));
    }
    Ok(found)
}

/// Takes the writer's lock on a home.
pub fn begin(
    vault: &Vault,
    home: &Path,
    environment: &Environment,
) -> Result<(Transaction, Recovered), Failure> {
    let what = || format!("cannot change the vault in `{}`", home.display());
    let state = environment.state().ok_or_else(|| {
        Failure::new(what(), Exit::Error)
            .cause("there is no folder for hoziron's state: neither XDG_STATE_HOME nor HOME is set")
    })?;
    let key = load_or_make_journal_key(&state).map_err(|error| Failure::of(what(), &error))?;
    Transaction::begin(vault.home(), &JournalKey::new(key))
        .map_err(|error| Failure::of(what(), &error))
}

/// Records that this home is this vault. Failing to is worth a warning, no more.
pub fn remember_home(home: &Path, id: &VaultId, environment: &Environment, ui: &Ui) {
    let Some(state) = environment.state() else {
        return;
    };
    let Ok(record) = HomeRecord::load(&state, home) else {
        return;
    };
    let Some((path, text)) = record.update(id) else {
        return;
    };
    if let Err(error) = write_private(path, text.as_bytes(), Overwrite::Replace) {
        ui.warn(&format!("cannot remember this vault: {}", sentence(&error)));
    }
}

fn remember(home: &Path, workspace: &Workspace<'_>, ui: &Ui) {
    remember_home(home, &workspace.manifest.id, workspace.environment, ui);
}

fn read_manifest(vault: &Vault, home: &Path) -> Result<Manifest, Failure> {
    let what = || format!("cannot read `{}`", home.join(MANIFEST).display());
    let bytes = vault
        .manifest()
        .map_err(|error| Failure::of(what(), &error))?;
    let bytes = bytes.ok_or_else(|| Failure::new(what(), Exit::Error).cause("it is not there"))?;
    Manifest::parse(&bytes).map_err(|error| Failure::of(what(), &error))
}

fn report(recovered: &Recovered, ui: &Ui) {
    match recovered {
        Recovered::Finished => ui.note("an interrupted change was finished"),
        Recovered::Foreign { path } => ui.warn(&format!(
            "`{}` was not written by your hoziron on this machine; it was not followed",
            path.display()
        )),
        Recovered::Nothing => {}
        Recovered::OutOfReach { path } => {
            ui.detail(&format!("`{}` may not be looked into", path.display()));
        }
    }
}

/// What can go wrong while a home is made ready for reading.
enum SettleError {
    Key(JournalKeyError),
    Transaction(TransactionError),
}

impl From<JournalKeyError> for SettleError {
    fn from(error: JournalKeyError) -> Self {
        Self::Key(error)
    }
}

impl From<TransactionError> for SettleError {
    fn from(error: TransactionError) -> Self {
        Self::Transaction(error)
    }
}
