//! `hoziron vault set`: seals a value under a name, as its next revision, for whoever reads its folder.
//! The same value again writes nothing.

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::command::vault::seal::{Declare, Sealed, seal};
use crate::cli::command::vault::source::Source;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::{SecretName, SecretValue, VarName};

/// Seal a value under a name
///
/// Asks twice on a terminal, without showing what is typed. From a pipe, all of it is the value but
/// for one line end at its end. The same value again writes nothing. A value that is not what the
/// secret's declaration asks for is refused.
///
/// Example: hoziron vault set STRIPE_API_KEY
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name: KEY, or folder/KEY
    name: String,
    #[command(flatten)]
    source: Source,
    /// Declare the secret in hoziron.toml as well
    #[arg(long)]
    declare: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run<'a>(
    args: &Args,
    open: impl FnOnce() -> Result<Workspace<'a>, Failure>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    args.source.refuse_value("set", &args.name)?;
    let workspace = &mut open()?;
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let keys = workspace.keys(&[name.folder()], ui)?;
    let value = args.source.value(&name, ui)?;
    let declare = if args.declare {
        Declare::Add
    } else {
        Declare::Leave
    };
    let outcome = seal(workspace, &keys, &name, &value, declare, ui)?;
    let readers = keys.readers(workspace.vault(), &name.folder());
    tell(&name, &value, outcome, &readers, ui);
    Ok(Exit::Done)
}

/// Says what came of it.
pub fn tell(name: &SecretName, value: &SecretValue, outcome: Sealed, readers: &str, ui: &Ui) {
    match outcome {
        Sealed::Created => ui.note(&format!("sealed `{name}` for {readers}")),
        Sealed::Unchanged => ui.note(&format!("`{name}` is unchanged: the value is the same")),
        Sealed::Updated => ui.note(&format!("sealed a new value of `{name}` for {readers}")),
    }
    if value.is_empty() {
        ui.warn("the value is empty");
    }
    if VarName::of(name).steers() {
        ui.warn(&format!(
            "`env exec` never sets `{}`: this variable changes what a program runs",
            name.key()
        ));
    }
}
