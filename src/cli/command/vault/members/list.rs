//! `hoziron vault members list`: who reads which folder, and what `apply` would change. Needs no key,
//! opens nothing and writes nothing.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::people::roster;
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;

/// Print who reads what, and what `apply` would change
///
/// Who reads is what the signed statements say; a file in `recipients/` alone opens nothing. Needs no
/// key.
///
/// Example: hoziron vault members list
#[derive(ClapArgs)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of("cannot tell who reads", &error))?;
    let (roster, soundness) = roster(workspace, &chains, ui)?;
    ui.out(&if args.json {
        render::people::members_json(&roster)
    } else {
        render::people::members(&roster)
    })?;
    Ok(soundness.exit())
}
