//! `hoziron vault members show`: everything that is known of one person or machine, the words of the
//! keys among it, to be compared by voice. Needs no key, opens nothing and writes nothing.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::own_key::parse_reader;
use crate::cli::people::roster;
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;

/// Print what is known of one person or machine
///
/// The words are those of the keys in the recipient file. Have their owner read them to you before
/// you let him in. Needs no key.
///
/// Example: hoziron vault members show bob
#[derive(ClapArgs)]
pub struct Args {
    /// Whom to show
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = parse_reader(&args.name)?;
    let what = || format!("cannot show `{name}`");
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of(what(), &error))?;
    let (roster, soundness) = roster(workspace, &chains, ui)?;
    let Some(entry) = roster.people.get(&name) else {
        return Err(Failure::new(what(), Exit::Error)
            .cause("nobody of this name reads, or has a file in `recipients/`")
            .hint("`hoziron vault members list` shows the names"));
    };
    ui.out(&if args.json {
        render::people::member_json(&name, entry)
    } else {
        render::people::member(&name, entry)
    })?;
    Ok(soundness.exit())
}
