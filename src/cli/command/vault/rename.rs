//! `hoziron vault rename`: gives a secret another name. The name is bound into the file, so the value
//! is sealed anew; its age and its trail stay, for it is the same value.

use clap::Args as ClapArgs;

use crate::cli::command::vault::seal::{First, seal_again};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};

/// Give a secret another name
///
/// The new file is there and the old one gone in one step; a declaration in hoziron.toml goes along. A
/// name that is taken is refused.
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
    let (from, to) = (name(&args.from, None)?, name(&args.to, None)?);
    if from == to {
        return Ok(Exit::Done);
    }
    seal_again(workspace, &from, &to, First::Goes, ui)?;
    ui.note(&format!("renamed `{from}` to `{to}`"));
    Ok(Exit::Done)
}
