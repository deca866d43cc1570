//! `hoziron vault access`: who reads what, for a review or an audit. From the signed statements alone;
//! the manifest says no more than through which group. Needs no key, opens nothing and writes nothing.

use clap::{Args as ClapArgs, ValueEnum};

use crate::cli::command::vault::now;
use crate::cli::failure::{Exit, Failure};
use crate::cli::people::{access, secrets};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::people::{Directory, Readership};

/// Print who reads what
///
/// A matrix of people and secrets, with the group through which somebody reads. Who reads is what the
/// signed statements say, not what the manifest asks for. Needs no key.
///
/// Example: hoziron vault access --format html > access.html
#[derive(ClapArgs)]
pub struct Args {
    /// Print a table, CSV for a spreadsheet, or one page for a browser
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Csv,
    Html,
    Table,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let names = secrets(workspace)?;
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of("cannot tell who reads", &error))?;
    let directory = Directory::load(workspace.vault());
    let claims = match &directory {
        Ok(directory) => Some((directory, access(workspace.manifest()))),
        Err(errors) => {
            for error in errors {
                ui.warn(&format!("it cannot be told through which groups: {error}"));
            }
            None
        }
    };
    let readership = Readership::find(workspace.vault(), &chains, &names, claims);
    ui.out(&match args.format {
        _ if args.json => render::access::json(&readership, workspace.id()),
        Format::Csv => render::access::csv(&readership),
        Format::Html => render::access::html(&readership, workspace.id(), &render::date(now())),
        Format::Table => render::access::table(&readership),
    })?;
    for (folder, why) in &readership.unclear {
        ui.warn(&format!("who reads `{folder}` is in question: {why}"));
    }
    Ok(if readership.unclear.is_empty() {
        Exit::Done
    } else {
        Exit::Untrusted
    })
}
