//! `hoziron vault submit`: seals a value for the readers of a folder without being one of them. Looks
//! for no private key and opens nothing; what it writes is in use only once a reader has accepted it.

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::command::vault::source::Source;
use crate::cli::failure::{Exit, Failure};
use crate::cli::keys::{plugins, user_config};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::{SecretName, SecretValue};
use crate::people::{Contributed, contribute};
use crate::sealed::MAX_FILE;
use crate::vault::inbox::MAX_WAITING;
use crate::vault::{Inbox, LockedVault, Target, Vault};

/// Hand in a value without being able to read
///
/// For people and CI jobs that may write to the repository and hold no key. The value is sealed to
/// the readers whom the vault's signed statements name, put into its folder's `.inbox/`, and used
/// once one of them runs `hoziron vault accept`. Commit the file, or open a pull request with it. Pin
/// the vault's id (`--pin`), so that nobody can put other readers in the place of these.
///
/// Example: hoziron vault submit prod/DEPLOY_TOKEN --from-file token.txt
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name: KEY, or folder/KEY
    name: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run<'a>(
    args: &Args,
    open: impl FnOnce() -> Result<Workspace<'a>, Failure>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    args.source.refuse_value("submit", &args.name)?;
    let workspace = &mut open()?;
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = || format!("cannot submit `{name}`");
    let chains = workspace
        .public_chains()
        .map_err(|error| Failure::of(what(), &error))?;
    let vouched = workspace.vouched(&chains);
    let plugins = plugins(&user_config(workspace.environment())?, ui);
    refuse_full(workspace.vault(), &name)?;
    workspace.let_go();
    let value = args.source.value(&name, ui)?;
    refuse_misfit(workspace, &name, &value)?;
    let made = contribute(workspace.vault(), &chains, &name, &value, &plugins)
        .map_err(|error| Failure::of(what(), &error))?;
    let readers = made.readers.names();
    let submitted = made.submitted.clone();
    put(workspace.lock(ui)?, &name, made)?;

    let path = workspace.home().join(Target::Inbox(submitted).path());
    ui.note(&format!(
        "submitted `{name}` to {readers}: the readers whom the vault's signed statements name"
    ));
    if !vouched {
        ui.warn(&format!(
            "nothing here but the repository itself says that these are the right readers; if you \
             know the vault's id from one of them, compare: {}, and use `--pin`",
            workspace.id()
        ));
    }
    if value.is_empty() {
        ui.warn("the value is empty");
    }
    ui.note(&format!(
        "commit `{}`; it is in use once one of them runs `hoziron vault accept {name}`",
        path.display()
    ));
    Ok(Exit::Done)
}

/// Puts the file where no other one is.
fn put(mut locked: LockedVault<'_>, name: &SecretName, made: Contributed) -> Result<(), Failure> {
    let what = || format!("cannot submit `{name}`");
    refuse_full(locked.vault(), name)?;
    let target = Target::Inbox(made.submitted);
    let there = locked.vault().read_target(&target, MAX_FILE as u64);
    let there = there.map_err(|error| Failure::of(what(), &error))?;
    if there.is_some() {
        return Err(Failure::new(what(), Exit::Error)
            .cause(format!("`{target}` is there already"))
            .hint("run the command again: the name is chosen anew each time"));
    }
    locked
        .put(target, made.file)
        .map_err(|error| Failure::of(what(), &error))?;
    locked.commit().map_err(|error| Failure::of(what(), &error))
}

fn refuse_full(vault: &Vault, name: &SecretName) -> Result<(), Failure> {
    let what = || format!("cannot submit `{name}`");
    let inventory = vault
        .inventory()
        .map_err(|error| Failure::of(what(), &error))?;
    let inbox = Inbox::list(vault, &inventory.inboxes);
    if inbox.waiting.len() < MAX_WAITING {
        return Ok(());
    }
    Err(Failure::new(what(), Exit::Error)
        .cause(format!(
            "{MAX_WAITING} values wait already, which is the most"
        ))
        .hint("a reader accepts or rejects some first: `hoziron vault accept`"))
}

/// Refuses a value that is not what its declaration asks for.
pub fn refuse_misfit(
    workspace: &Workspace<'_>,
    name: &SecretName,
    value: &SecretValue,
) -> Result<(), Failure> {
    let declaration = workspace.manifest().declarations.get(name);
    let Some(Err(error)) = declaration.map(|declaration| declaration.shape.check(value)) else {
        return Ok(());
    };
    Err(Failure::of(
        format!("the value is not what `{name}` is declared to be"),
        &error,
    ))
}
