//! `hoziron vault list`: prints names, never values; needs no key, opens no sealed file and writes
//! nothing.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};

/// Print the names, never the values
///
/// Needs no key. Whatever in the vault is not a sealed file is named on stderr, with exit code 6.
///
/// Example: hoziron vault list -P prod
#[derive(ClapArgs)]
pub struct Args {
    /// Only names in this folder and below
    #[arg(short = 'P', long, value_name = "FOLDER")]
    profile: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let folder = args.profile.as_deref().map(workspace::folder).transpose()?;
    let inventory = workspace
        .vault()
        .inventory()
        .map_err(|error| Failure::of("cannot list the vault", &error))?;
    let within = |name: &&crate::domain::SecretName| {
        folder
            .as_ref()
            .is_none_or(|folder| folder.holds(&name.folder()))
    };
    let names: Vec<_> = inventory.names.iter().filter(within).collect();

    if args.json {
        ui.out(&render::json::list(&names))?;
    } else if !names.is_empty() {
        ui.out(&render::lines(&names))?;
    }
    for stray in &inventory.strays {
        ui.warn(&format!("`vault/{}` {}", stray.path.display(), stray.why));
    }
    Ok(if inventory.strays.is_empty() {
        Exit::Done
    } else {
        Exit::Untrusted
    })
}
