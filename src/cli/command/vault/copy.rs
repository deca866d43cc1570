//! `hoziron vault copy`: seals a secret's value under a second name. It keeps the age and the trail of
//! the value, for it is the same value.

use clap::Args as ClapArgs;

use crate::cli::command::vault::seal::{First, seal_again};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};

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
    let (from, to) = (name(&args.from, None)?, name(&args.to, None)?);
    seal_again(workspace, &from, &to, First::Stays, ui)?;
    ui.note(&format!("copied `{from}` to `{to}`"));
    Ok(Exit::Done)
}
