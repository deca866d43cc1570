//! `hoziron vault init`: makes a vault whose founder is the user. It makes a private key only if
//! there is none, writes the whole home in one step, and says what happens if the key is lost. On a
//! vault that is there it changes nothing.

use std::path::Path;

use clap::Args as ClapArgs;

use crate::cli::args::Global;
use crate::cli::command::vault::seal::now;
use crate::cli::failure::{Exit, Failure};
use crate::cli::home_files;
use crate::cli::keys;
use crate::cli::own_key::{self, Keeping, OwnKey, Passphrase, RECOVERY};
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};
use crate::disk::make_folders;
use crate::domain::{Identity, ReaderName, Recipient};
use crate::home::Environment;
use crate::manifest::Manifest;
use crate::people::{Founded, Founder, Spare, found};
use crate::vault::{LockedVault, Target, Vault};
use crate::workspace::begin;

/// Make a vault here
///
/// In a git repository the vault is made in `.hoziron/` at its top, elsewhere in `~/.hoziron`;
/// `--home` decides otherwise. A private key is made if there is none. On a vault that is there,
/// nothing is changed.
///
/// Example: hoziron vault init --name alice --recovery
#[derive(ClapArgs)]
pub struct Args {
    /// What you are called in the vault (default: your first name in git, else your login)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Read with this public key instead, `age1…` or `ssh-ed25519 …` (may be repeated)
    #[arg(long, value_name = "KEY")]
    recipient: Vec<String>,
    /// Make a second key that opens everything, and show it once
    #[arg(long, conflicts_with = "no_recovery")]
    recovery: bool,
    /// Do not make one, and do not ask
    #[arg(long)]
    no_recovery: bool,
}

/// Runs the command.
pub fn run(
    args: &Args,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let place = environment
        .search(global.home.clone())
        .place()
        .map_err(|error| Failure::of("cannot make a vault", &error))?;
    if let Some(done) = existing(&place, global, environment, ui)? {
        return Ok(done);
    }
    let name = own_key::reader_name(
        args.name.as_deref(),
        environment,
        "hoziron vault init --name alice",
    )?;
    let recovery = wants_recovery(args, ui)?.then(|| Identity::generate(RECOVERY));

    let recipients = own_key::parse_recipients(&args.recipient, "--recipient")?;
    let (mut keyring, _) = keys::keyring(global, environment, ui)?;
    if keyring.identities().is_empty() {
        keys::unlock_all(&mut keyring, ui)?;
    }
    let keeping = Keeping {
        passphrase: Passphrase::None,
        vaults: &[],
    };
    let me = OwnKey::choose(&keyring, recipients, keeping, environment, ui)?;

    let founder = Founder {
        name: name.clone(),
        recipients: me.recipients,
        signing: &me.signing,
    };
    let spares = recovery.iter().map(spare).collect();
    let founded = found(&founder, spares, keyring.allowed(), now())
        .map_err(|error| Failure::of("cannot make a vault", &error))?;
    if let Some(recovery) = &recovery {
        show_recovery(recovery, &founded, ui)?;
    }
    write(&place, &founded, environment).map_err(|failure| match &recovery {
        Some(_) => failure.hint("the recovery key above opens nothing: the vault was not made"),
        None => failure,
    })?;
    workspace::remember_home(&place, &founded.id, environment, ui);
    tell(&place, &name, &me.shown, &founded, ui);
    Ok(Exit::Done)
}

/// A vault that is there is left as it is, and opened to see that it is one.
fn existing(
    place: &Path,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Option<Exit>, Failure> {
    let what = || format!("cannot make a vault in `{}`", place.display());
    let is_there = place.symlink_metadata().is_ok();
    if is_there {
        let vault = Vault::open(place).map_err(|error| Failure::of(what(), &error))?;
        let manifest = vault
            .manifest()
            .map_err(|error| Failure::of(what(), &error))?;
        let interrupted = place.join(".state/journal").symlink_metadata().is_ok();
        if manifest.is_some() || interrupted {
            let workspace = Workspace::at(place.to_owned(), global, environment, ui)?;
            workspace
                .chains()
                .map_err(|error| Failure::of(what(), &error))?;
            workspace::remember_home(place, workspace.id(), environment, ui);
            ui.note(&format!(
                "`{}` is a vault already ({}); nothing was changed",
                place.display(),
                workspace.id()
            ));
            return Ok(Some(Exit::Done));
        }
        let inventory = vault
            .inventory()
            .map_err(|error| Failure::of(what(), &error))?;
        if !inventory.names.is_empty() || !inventory.keyed.is_empty() {
            return Err(Failure::new(what(), Exit::Untrusted)
                .cause("there are sealed files, but `hoziron.toml` is missing")
                .hint("bring it back from git: `git checkout -- hoziron.toml`"));
        }
    }
    Ok(None)
}

fn wants_recovery(args: &Args, ui: &Ui) -> Result<bool, Failure> {
    if args.recovery || args.no_recovery || !ui.has_person() {
        return Ok(args.recovery);
    }
    ui.ask(
        "make a recovery key, for the day your own key is lost?",
        "add `--recovery` or `--no-recovery`",
    )
}

fn spare(identity: &Identity) -> Spare {
    Spare {
        name: ReaderName::parse(RECOVERY).expect("it is a plain word"),
        recipient: Recipient::parse(identity.public()).expect("a key's public half is a recipient"),
    }
}

fn show_recovery(recovery: &Identity, founded: &Founded, ui: &Ui) -> Result<(), Failure> {
    ui.note(
        "the recovery key follows; it is shown once. Print it or store it away from this machine:",
    );
    let text = recovery.file_text(std::slice::from_ref(&founded.id));
    ui.out_once(&text.expect("a key that was made here has a text"))
}

/// Writes the whole home in one step.
fn write(place: &Path, founded: &Founded, environment: &Environment) -> Result<(), Failure> {
    let what = || format!("cannot make a vault in `{}`", place.display());
    let (_, made) = make_folders(place, 0o777).map_err(|error| Failure::of(what(), &error))?;
    let written = write_home(place, founded, environment);
    if written.is_err() {
        made.take_back();
    }
    written
}

fn write_home(place: &Path, founded: &Founded, environment: &Environment) -> Result<(), Failure> {
    let what = || format!("cannot make a vault in `{}`", place.display());
    let vault = Vault::open(place).map_err(|error| Failure::of(what(), &error))?;
    let (transaction, _) =
        begin(&vault, environment).map_err(|error| Failure::of(what(), &error))?;
    let mut locked = LockedVault::new(&vault, transaction);
    if locked
        .vault()
        .manifest()
        .map_err(|error| Failure::of(what(), &error))?
        .is_some()
    {
        return Err(Failure::new(what(), Exit::Error).cause("somebody else has just made one"));
    }
    let own = home_files::missing(vault.home()).map_err(|error| Failure::of(what(), &error))?;
    let manifest = (
        Target::Manifest,
        Manifest::starter(&founded.id).into_bytes(),
    );
    for (target, bytes) in founded.files.iter().cloned().chain(own).chain([manifest]) {
        locked
            .put(target, bytes)
            .map_err(|error| Failure::of(what(), &error))?;
    }
    locked.commit().map_err(|error| Failure::of(what(), &error))
}

fn tell(place: &Path, name: &ReaderName, key: &str, founded: &Founded, ui: &Ui) {
    ui.note(&format!(
        "made vault {} in `{}`",
        founded.id,
        place.display()
    ));
    ui.note(&format!("you are `{name}`, with the key {key}"));
    if founded.readers.iter().count() == 1 {
        ui.warn(
            "you are its only reader: without your private key nothing in it can be opened again. \
             Keep a copy of the key; or, while the vault is empty, remove its folder and start over with \
             `hoziron vault init --recovery`",
        );
    }
    ui.note("next: `hoziron vault set API_KEY`, then commit the folder");
}
