//! `hoziron vault copy`: seals a secret's value under a second name. It keeps the age and the trail of
//! the value, for it is the same value.

use clap::Args as ClapArgs;

use crate::cli::command::vault::seal::{now, put, refuse_twin, revision};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::sealed::Facts;

/// Seal a secret's value under a second name
///
/// A name that is taken is refused. The two are independent from then on.
///
/// Example: hoziron vault copy staging/API_KEY prod/API_KEY
#[derive(ClapArgs)]
pub struct Args {
    /// The secret
    from: String,
    /// The second name
    to: String,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let from = name(&args.from, None)?;
    let to = name(&args.to, None)?;
    let what = || format!("cannot copy `{from}` to `{to}`");
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
    refuse_twin(locked.vault(), &to)?;
    let facts = Facts {
        revision: revision(Some(&facts), now()),
        ..facts
    };
    put(&mut locked, &keys, &to, value.get(), &facts)?;
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    workspace.remember(|seen| seen.raise(&to, facts.revision), ui);
    ui.note(&format!("copied `{from}` to `{to}`"));
    Ok(Exit::Done)
}
