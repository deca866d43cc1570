//! `hoziron config show`: prints each reference in `config.toml`, the variable it names and where the
//! value comes from, never a value. Needs no key.

use clap::Args as ClapArgs;

use crate::cli::command::config::settings;
use crate::cli::failure::{Exit, Failure};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;

/// Print the references in config.toml and where their values come from
///
/// A reference is any string whose key ends in `_env`. Needs no key.
///
/// Example: hoziron config show -P prod
#[derive(ClapArgs)]
pub struct Args {
    /// Take what is in this folder first, then what it inherits
    #[arg(short = 'P', long, value_name = "FOLDER")]
    profile: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let what = "cannot show the references";
    let Some((config, selected)) = settings(what, args.profile.clone(), workspace, ui)? else {
        return Ok(Exit::Done);
    };
    let rows: Vec<_> = config
        .references()
        .iter()
        .map(|reference| {
            (
                reference,
                selected.source_of(&reference.variable, workspace),
            )
        })
        .collect();
    if args.json {
        ui.out(&render::json::references(&rows))?;
    } else if !rows.is_empty() {
        ui.out(&render::references(&rows))?;
    }
    Ok(Exit::Done)
}
