//! `hoziron vault edit`: opens a value in the user's editor, in memory, and seals what it was changed
//! to. An unchanged text is not written; a text that could not be sealed is kept.

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::command::vault::seal::{Declare, seal};
use crate::cli::command::vault::set;
use crate::cli::editing::edit;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::SecretValue;

/// Change a value in your editor
///
/// Takes $VISUAL, $EDITOR or vi. The text is in memory (tmpfs) only, readable by you alone. A name
/// that is not there is made. A line end that the editor added at the end is taken off again.
///
/// Example: hoziron vault edit prod/SERVICE_ACCOUNT_JSON
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name
    name: String,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = || format!("cannot edit `{name}`");
    let keys = workspace.keys(&[name.folder()], ui)?;
    let found = keys.opener(workspace.vault()).open(&name);
    let found = found.map_err(|error| Failure::of(what(), &error))?;
    let shown = found.as_ref().map(|(_, facts)| facts.revision);
    let before = found.map_or_else(
        || SecretValue::new(Vec::new()),
        |(value, _)| value.into_inner(),
    );
    if std::str::from_utf8(before.reveal()).is_err() {
        return Err(Failure::new(what(), Exit::Error)
            .cause("it is not text, and an editor would change it")
            .hint(format!(
                "seal a file: `hoziron vault set {name} --from-file PATH`"
            )));
    }

    // Others may write while the editor is open.
    workspace.let_go();
    let edited = edit(name.key(), &before, &what(), workspace.environment(), ui)?;
    if edited.text.same_as(&before) {
        ui.note(&format!("`{name}` was not changed"));
        return Ok(Exit::Done);
    }
    let found = keys.opener(workspace.vault()).open(&name);
    if found.ok().flatten().map(|(_, facts)| facts.revision) != shown {
        return Err(Failure::new(what(), Exit::Error)
            .cause("it was changed while the editor was open")
            .hint(edited.kept()));
    }
    match seal(workspace, &keys, &name, &edited.text, Declare::Leave, ui) {
        Ok(outcome) => {
            let readers = keys.readers(workspace.vault(), &name.folder());
            set::tell(&name, &edited.text, outcome, &readers, ui);
        }
        Err(failure) => return Err(failure.hint(edited.kept())),
    }
    Ok(Exit::Done)
}
