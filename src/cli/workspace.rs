//! Where a command works: the open home, and the one moment at which private keys are read. What
//! goes wrong on the way is turned into words here, once for all commands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::args::{Global, Reading};
use crate::cli::display::typed;
use crate::cli::failure::{Exit, Failure, sentence};
use crate::cli::keys;
use crate::cli::ui::Ui;
use crate::disk::DiskError;
use crate::domain::{FolderName, Keyring, Pin, SecretName, VaultId};
use crate::home::private::{Overwrite, sweep_private, write_private};
use crate::home::{Environment, Tried};
use crate::manifest::Manifest;
use crate::people::{Chains, FolderKeys, KeysError, Stale};
use crate::vault::heads::{Heads, KnownHead};
use crate::vault::transaction::Recovered;
use crate::vault::trust::{HomeRecord, Seen};
use crate::vault::{LockedVault, Vault};
use crate::workspace::{OpenHome, chains_of};

/// A home that is ready to be worked in, and how to talk about it.
pub struct Workspace<'a> {
    open: OpenHome,
    environment: &'a Environment,
    global: &'a Global,
    pins: Vec<Pin>,
}

impl<'a> Workspace<'a> {
    /// Finds and opens the home.
    pub fn open(
        global: &'a Global,
        environment: &'a Environment,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let open = OpenHome::find(environment, global.home.clone())
            .map_err(|error| Failure::of("cannot open the vault", &error))?;
        Self::around(open, global, environment, ui)
    }

    /// Opens the home at a known place.
    pub fn at(
        home: PathBuf,
        global: &'a Global,
        environment: &'a Environment,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let open = OpenHome::at(home, environment)
            .map_err(|error| Failure::of("cannot open the vault", &error))?;
        Self::around(open, global, environment, ui)
    }

    fn around(
        open: OpenHome,
        global: &'a Global,
        environment: &'a Environment,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        ui.detail(&format!("the home is `{}`", open.path.display()));
        report(&open.recovered, ui);
        Ok(Self {
            open,
            environment,
            global,
            pins: keys::pins(global, environment)?,
        })
    }

    /// Returns where the home is.
    pub fn home(&self) -> &Path {
        &self.open.path
    }

    /// Returns the vault, for reading.
    pub fn vault(&self) -> &Vault {
        &self.open.vault
    }

    /// Returns the vault's id.
    pub fn id(&self) -> &VaultId {
        &self.open.manifest.id
    }

    /// Returns what should be in the vault.
    pub fn manifest(&self) -> &Manifest {
        &self.open.manifest
    }

    /// Returns the environment of this run.
    pub fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// Returns what this user has seen of the vault; `None` without a folder for state.
    pub fn seen(&self) -> Result<Option<Arc<Seen>>, DiskError> {
        self.open.seen(self.environment)
    }

    /// Records what the user's own write did to the names. Failing to is worth a warning, no more.
    pub fn remember(&self, change: impl FnOnce(&mut Seen) -> bool, ui: &Ui) {
        remember_home(
            &self.open.path,
            &self.open.manifest.id,
            self.environment,
            ui,
        );
        self.see(change, ui);
    }

    /// Records the keys of folders that were verified, or made.
    pub fn accept_heads(
        &self,
        accepted: impl IntoIterator<Item = (FolderName, KnownHead)>,
        ui: &Ui,
    ) {
        let accept = |heads: &mut Heads| {
            let each = accepted.into_iter();
            each.fold(false, |news, (folder, head)| {
                heads.accept(&folder, head) | news
            })
        };
        self.change_heads(accept, ui);
    }

    /// Forgets the keys of folders that were accepted.
    pub fn forget_heads(&self, folders: &[FolderName], ui: &Ui) {
        let forget = |heads: &mut Heads| {
            let each = folders.iter();
            each.fold(false, |any, folder| heads.forget(folder) | any)
        };
        self.change_heads(forget, ui);
    }

    fn change_heads(&self, change: impl FnOnce(&mut Heads) -> bool, ui: &Ui) {
        let Some(state) = self.environment.state() else {
            return;
        };
        let Ok(mut heads) = Heads::load(&state, self.id()) else {
            return;
        };
        if !change(&mut heads) {
            return;
        }
        let (path, text) = heads.text();
        if let Err(error) = write_private(path, text.as_bytes(), Overwrite::Replace) {
            ui.warn(&format!(
                "cannot remember the folders' keys: {}",
                sentence(&error)
            ));
        }
    }

    /// Records what was seen of the names.
    pub fn see(&self, change: impl FnOnce(&mut Seen) -> bool, ui: &Ui) {
        let Some(state) = self.environment.state() else {
            return;
        };
        let Ok(mut seen) = Seen::load(&state, self.id()) else {
            return;
        };
        if !change(&mut seen) {
            return;
        }
        let (path, text) = seen.text();
        if let Err(error) = write_private(path, text.as_bytes(), Overwrite::Replace) {
            ui.warn(&format!(
                "cannot remember what was sealed: {}",
                sentence(&error)
            ));
        }
    }

    /// Verifies the statements about the vault's keys; needs no identity.
    pub fn chains(&self) -> Result<Chains, KeysError> {
        self.open.chains(self.environment, &self.pins)
    }

    /// The same, where no private key is at hand that vouches for the vault.
    pub fn public_chains(&self) -> Result<Chains, KeysError> {
        let chains = self.chains()?;
        chains.refuse_unpinned(&self.pins)?;
        Ok(chains)
    }

    /// Returns what was pinned, on the command line and in the environment.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// Says whether anything but the repository itself vouches for the vault: a pin, or what this user
    /// has accepted before. No private key is looked for.
    pub fn vouched(&self, chains: &Chains) -> bool {
        chains.is_known() || self.pins.iter().any(|pin| pin.id == *self.id())
    }

    /// Reads private keys and opens the keys of these folders with them, of any folder if none is
    /// named: the one moment at which that happens.
    pub fn keys(&self, wanted: &[FolderName], ui: &Ui) -> Result<FolderKeys, Failure> {
        self.open_keys(wanted, Stale::Refuse, ui)
    }

    /// The same, for a command that hands out values: what somebody who has left may have made is
    /// opened if a person has said so.
    pub fn reading_keys(
        &self,
        wanted: &[FolderName],
        reading: Reading,
        ui: &Ui,
    ) -> Result<FolderKeys, Failure> {
        let asked = if reading.allow_stale {
            Stale::Allow
        } else {
            Stale::Refuse
        };
        let stale = self.open.stale(self.environment, asked, wanted);
        self.open_keys(wanted, stale, ui)
    }

    fn open_keys(
        &self,
        wanted: &[FolderName],
        stale: Stale,
        ui: &Ui,
    ) -> Result<FolderKeys, Failure> {
        let keys = self.keys_in(self.vault(), wanted, stale, ui)?;
        let voice = *ui;
        let tell = Box::new(move |text: &str| voice.warn(text));
        let guarded = self.open.guard(keys, self.environment, tell);
        guarded.map_err(|error| Failure::of("cannot read what you have seen", &error))
    }

    /// Opens the same vault's keys as they stand elsewhere. What they open is not compared with what
    /// this user has seen.
    pub fn keys_in(
        &self,
        vault: &Vault,
        wanted: &[FolderName],
        stale: Stale,
        ui: &Ui,
    ) -> Result<FolderKeys, Failure> {
        let chains = || chains_of(vault, self.id(), self.environment, &self.pins);
        keys::open(vault, chains, wanted, stale, self.keyring(ui)?, ui)
    }

    /// Reads private keys; those under a passphrase stay locked.
    pub fn keyring(&self, ui: &Ui) -> Result<(Keyring, Vec<Tried>), Failure> {
        keys::keyring(self.global, self.environment, ui)
    }

    /// Lets writers in again, before something that may take a person's time.
    pub fn let_go(&mut self) {
        self.open.let_go();
    }

    /// Takes the writer's lock. What was read before it may have changed.
    pub fn lock(&mut self, ui: &Ui) -> Result<LockedVault<'_>, Failure> {
        if let Some(state) = self.environment.state() {
            // Its maker was killed; if it cannot be removed now, the next write does.
            let _ = sweep_private(&Seen::path(&state, self.id()));
        }
        let (locked, recovered) = self
            .open
            .lock(self.environment)
            .map_err(|error| Failure::of("cannot change the vault", &error))?;
        report(&recovered, ui);
        Ok(locked)
    }
}

/// Parses a name, with the profile in front if one was given.
pub fn name(text: &str, profile: Option<&str>) -> Result<SecretName, Failure> {
    if let Some((name, value)) = text.split_once('=') {
        // What ends in `=` may be a value in base64 itself.
        let named = value.trim_matches('=').is_empty() || SecretName::parse(name).is_err();
        return Err(refused_value("set", if named { "NAME" } else { name }));
    }
    let whole = match profile {
        Some(profile) => SecretName::within(&folder(profile)?, text),
        None => SecretName::parse(text),
    };
    whole.map_err(|error| Failure::of(format!("`{text}` is not a name for a secret"), &error))
}

/// Refuses a value on the command line, and does not show it.
pub fn refused_value(verb: &str, name: &str) -> Failure {
    Failure::new("a value on the command line is refused", Exit::Usage)
        .cause("other users and the shell's history would see it; it is not shown here either")
        .hint(format!(
            "type it when asked: `hoziron vault {verb} {}`",
            name.split('=').next().unwrap_or_default()
        ))
        .hint("or pipe it in, or use `--from-file PATH`; and change the value if it was a real one")
}

/// Parses a profile's name.
pub fn folder(text: &str) -> Result<FolderName, Failure> {
    FolderName::parse(text).map_err(|error| {
        Failure::of(
            format!("`{}` is not a profile or folder", typed(text)),
            &error,
        )
    })
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

/// Says what an earlier run had left.
pub fn report(recovered: &Recovered, ui: &Ui) {
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
