//! `hoziron vault remove`: removes a sealed file and its declaration, both or neither. Needs no key;
//! what was committed stays in git's history, and whoever could read it there still can.

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::command::vault::declared::{Edit, Edited, stage};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::sealed::read_facts;
use crate::vault::Target;

/// Remove a secret
///
/// Removes the file from the work tree, and the declaration from hoziron.toml if there is one. Git's
/// history keeps what was committed, so change the value where it is used, too.
///
/// Example: hoziron vault remove OLD_TOKEN --yes
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name
    name: String,
    /// Remove it without a question
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = || format!("cannot remove `{name}`");
    let missing = || {
        Failure::new(what(), Exit::Error)
            .cause("there is no secret of this name")
            .hint("`hoziron vault list` shows the names")
    };
    let there = |workspace: &Workspace<'_>| {
        workspace
            .vault()
            .has(&name)
            .map_err(|error| Failure::of(what(), &error))
    };
    let declared = workspace.manifest().declarations.contains_key(&name);
    let sealed = there(workspace)?;
    if !sealed && !declared {
        let seen = workspace
            .seen()
            .map_err(|error| Failure::of(what(), &error))?;
        if seen.is_none_or(|seen| seen.revision(&name).is_none()) {
            return Err(missing());
        }
        workspace.remember(|seen| seen.remove(&name, None), ui);
        ui.note(&format!(
            "`{name}` was gone already; it is not expected any more"
        ));
        return Ok(Exit::Done);
    }
    if !args.yes && !ui.ask(&format!("remove `{name}`?"), "add `--yes` to remove it")? {
        return Err(Failure::new(
            format!("`{name}` was left as it was"),
            Exit::Error,
        ));
    }
    let mut locked = workspace.lock(ui)?;
    let file = locked.vault().read(&name).ok().flatten();
    let last = file.and_then(|file| Some(read_facts(&file).ok()?.revision));
    if sealed {
        locked
            .remove(Target::Sealed(name.clone()))
            .map_err(|error| Failure::of(what(), &error))?;
    }
    let edited = stage(&mut locked, Edit::Undeclare(&name), &what())?;
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    workspace.remember(|seen| seen.remove(&name, last), ui);
    if edited == Edited::Changed {
        ui.note(&format!(
            "`hoziron.toml` does not declare `{name}` any more"
        ));
    }
    if sealed {
        ui.note(&format!(
            "removed `{name}`; what was committed of it stays in git's history"
        ));
    }
    Ok(Exit::Done)
}
