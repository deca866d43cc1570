//! `hoziron vault rename`: gives a secret another name. The name is bound into the file, so the value
//! is sealed anew; its age and its trail stay, for it is the same value.

use clap::Args as ClapArgs;

use crate::cli::command::vault::seal::{now, put, refuse_twin, revision};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::sealed::Facts;
use crate::vault::Target;

/// Give a secret another name
///
/// The new file is there and the old one gone in one step. A name that is taken is refused.
///
/// Example: hoziron vault rename STRIPE_KEY STRIPE_API_KEY
#[derive(ClapArgs)]
pub struct Args {
    /// The name it has
    from: String,
    /// The name it gets
    to: String,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let from = name(&args.from, None)?;
    let to = name(&args.to, None)?;
    let what = || format!("cannot rename `{from}` to `{to}`");
    if from == to {
        return Ok(Exit::Done);
    }
    let keys = workspace.keys(ui)?;
    let mut locked = workspace.lock(ui)?;
    let taken = locked
        .vault()
        .has(&to)
        .map_err(|error| Failure::of(what(), &error))?;
    let found = keys.opener(locked.vault()).open(&from);
    let Some((value, facts)) = found.map_err(|error| Failure::of(what(), &error))? else {
        return Err(Failure::new(what(), Exit::Error)
            .cause(format!("there is no secret `{from}`"))
            .hint("`hoziron vault list` shows the names"));
    };
    if taken {
        return Err(Failure::new(what(), Exit::Error)
            .cause(format!("`{to}` is there already"))
            .hint(format!("remove it first: `hoziron vault remove {to}`")));
    }
    if from.folded() != to.folded() {
        refuse_twin(locked.vault(), &to)?;
    }
    let facts = Facts {
        revision: revision(Some(&facts), now()),
        ..facts
    };
    put(&mut locked, &keys, &to, value.get(), &facts)?;
    locked
        .remove(Target::Sealed(from.clone()))
        .map_err(|error| Failure::of(what(), &error))?;
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    let revision = facts.revision;
    workspace.remember(|seen| seen.forget(&from) | seen.raise(&to, revision), ui);
    ui.note(&format!("renamed `{from}` to `{to}`"));
    Ok(Exit::Done)
}
