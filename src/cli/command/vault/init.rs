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
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};
use crate::disk::make_folders;
use crate::domain::{Identity, Keyring, ReaderName, Recipient, SigningKey};
use crate::home::private::{Overwrite, Written, read_private, write_private};
use crate::home::{Environment, load_or_make_signing_key};
use crate::manifest::Manifest;
use crate::people::{Founded, Founder, Spare, found};
use crate::repository::author;
use crate::vault::{LockedVault, Target, Vault};
use crate::workspace::begin;

/// The name of the reader who is a spare key on paper.
const RECOVERY: &str = "recovery";

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
    let name = reader_name(args, environment)?;
    let recovery = wants_recovery(args, ui)?.then(|| Identity::generate(RECOVERY));

    let recipients = recipients(args)?;
    let (mut keyring, _) = keys::keyring(global, environment, ui)?;
    if keyring.identities().is_empty() {
        keys::unlock_all(&mut keyring, ui)?;
    }
    let me = Me::choose(keyring, recipients, environment, ui)?;

    let founder = Founder {
        name: name.clone(),
        recipients: me.recipients,
        signing: &me.signing,
    };
    let spares = recovery.iter().map(spare).collect();
    let founded = found(&founder, spares, now())
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

fn reader_name(args: &Args, environment: &Environment) -> Result<ReaderName, Failure> {
    if let Some(name) = &args.name {
        return ReaderName::parse(name)
            .map_err(|error| Failure::of(format!("`{name}` is not a name for a reader"), &error));
    }
    let author = author(environment.working_directory(), environment.variables());
    let login = environment
        .get("USER")
        .or_else(|| environment.get("LOGNAME"));
    let login = login.map(|login| login.to_string_lossy().into_owned());
    [author, login]
        .into_iter()
        .flatten()
        .find_map(|name| {
            let first = name.split_whitespace().next()?.to_lowercase();
            ReaderName::parse(&first)
                .ok()
                .filter(|name| name.as_str() != RECOVERY)
        })
        .ok_or_else(|| {
            Failure::new("cannot tell what you are called", Exit::Error)
                .cause("neither git's author nor your login makes a name of `a-z`, `0-9`, `-`, `_`")
                .hint("say it: `hoziron vault init --name alice`")
        })
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

fn recipients(args: &Args) -> Result<Vec<Recipient>, Failure> {
    let parse = |text: &String| {
        Recipient::parse(text.trim()).map_err(|error| {
            Failure::new("`--recipient` is not a public key", Exit::Usage).cause(error.to_string())
        })
    };
    args.recipient.iter().map(parse).collect()
}

/// Who founds the vault: what signs, and what opens.
struct Me {
    signing: SigningKey,
    recipients: Vec<Recipient>,
    shown: String,
}

impl Me {
    /// A native key that is there founds the vault, else a new one; other keys only on request.
    fn choose(
        keyring: Keyring,
        recipients: Vec<Recipient>,
        environment: &Environment,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let native = |identity: &Identity| Some((identity.signing_key()?, describe(identity)));
        let found = keyring.identities().iter().find_map(|identity| {
            let (signing, shown) = native(identity)?;
            Some((signing, Recipient::parse(identity.public()).ok()?, shown))
        });
        if recipients.is_empty() {
            let (signing, recipient, shown) = match found {
                Some(found) => found,
                None => make_identity(environment, ui)?,
            };
            return Ok(Self {
                signing,
                recipients: vec![recipient],
                shown,
            });
        }
        let shown: Vec<_> = recipients.iter().map(|key| key.text().to_owned()).collect();
        let signing = match found {
            Some((signing, ..)) => signing,
            None => make_signing_key(environment)?,
        };
        Ok(Self {
            signing,
            recipients,
            shown: shown.join(", "),
        })
    }
}

fn describe(identity: &Identity) -> String {
    format!("{} from {}", identity.public(), identity.origin())
}

fn make_signing_key(environment: &Environment) -> Result<SigningKey, Failure> {
    let folder = environment.config_folder().ok_or_else(no_folder)?;
    load_or_make_signing_key(&folder)
        .map_err(|error| Failure::of("cannot make a key to sign with", &error))
}

fn no_folder() -> Failure {
    Failure::new("cannot make a private key", Exit::Error)
        .cause("there is no folder for it: neither XDG_CONFIG_HOME nor HOME is set")
}

fn make_identity(
    environment: &Environment,
    ui: &Ui,
) -> Result<(SigningKey, Recipient, String), Failure> {
    let what = "cannot make a private key";
    let path = environment.identity_file().ok_or_else(no_folder)?;
    let shown = path.display().to_string();
    let identity = Identity::generate(&shown);
    let text = identity
        .file_text(&[])
        .expect("a key that was made here has a text");
    let written = write_private(&path, text.reveal(), Overwrite::Refuse)
        .map_err(|error| Failure::of(what, &error))?;
    if written == Written::Exists {
        read_private(&path, 1 << 20).map_err(|error| Failure::of(what, &error))?;
        return Err(Failure::new(what, Exit::Error)
            .cause(format!(
                "`{shown}` is there, and has no key that can be used"
            ))
            .hint("move it away, or name another one: `hoziron --identity FILE vault init`"));
    }
    ui.note(&format!(
        "made a private key in `{shown}`; keep a copy where you keep such things"
    ));
    let signing = identity
        .signing_key()
        .expect("a key that was made here is native");
    let recipient =
        Recipient::parse(identity.public()).expect("a key's public half is a recipient");
    Ok((signing, recipient, describe(&identity)))
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
