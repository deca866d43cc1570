//! `hoziron env list`: prints the variables and where each value comes from, never a value. Opens no
//! sealed file and needs no key.

use clap::Args as ClapArgs;

use crate::cli::args::Selection;
use crate::cli::command::env::variables::sources;
use crate::cli::failure::{Exit, Failure};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::env::exec::Inherit;

/// Print where each variable's value comes from, never the value
///
/// In order: the process environment, `.env`, the vault, the manifest's default. What the manifest
/// puts together from other secrets is `composed`. Needs no key.
///
/// Example: hoziron env list -P prod
#[derive(ClapArgs)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let selected = sources(&args.selection, Inherit::All, workspace, ui)?;
    let rows: Vec<_> = selected.sources.iter().collect();
    if args.json {
        ui.out(&render::json::sources(&rows))?;
    } else if !rows.is_empty() {
        ui.out(&render::sources(&rows))?;
    }
    Ok(Exit::Done)
}
