//! `hoziron vault exposure`: which values somebody has seen and may not read any more. From the signed
//! statements and the files' own trails; needs no key, opens nothing and writes nothing.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::own_key::parse_reader;
use crate::cli::people::secrets;
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::people::SeenBy;
use crate::vault::Target;

/// Print which values somebody has seen and may not read any more
///
/// Each stays on the list until the value is changed, where it is used and here. What he reads today
/// is listed below. Needs no key; the files' trails are taken at their word.
///
/// Example: hoziron vault exposure bob
#[derive(ClapArgs)]
pub struct Args {
    /// Who has seen them
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let who = parse_reader(&args.name)?;
    let what = || format!("cannot tell what `{who}` has seen");
    let vault = workspace.vault();
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of(what(), &error))?;
    let held = chains.all(vault).into_iter().any(|(_, chain)| {
        let Ok(chain) = chain else { return true };
        let mut epochs = chain.epochs().iter();
        epochs.any(|epoch| epoch.readers.iter().any(|reader| reader.name == who))
    });
    let claims = vault.read_target(&Target::Recipient(who.clone()), 1 << 20);
    let claims = claims.map_err(|error| Failure::of(what(), &error))?;
    if !held && claims.is_none() {
        return Err(Failure::new(what(), Exit::Error)
            .cause("nobody of this name was ever let in")
            .hint("`hoziron vault members list` shows the names of today"));
    }
    let names = secrets(workspace)?;
    let seen =
        SeenBy::find(vault, &chains, &names, &who).map_err(|error| Failure::of(what(), &error))?;
    ui.out(&if args.json {
        render::people::seen_json(&who, &seen)
    } else {
        render::people::seen(&who, &seen)
    })?;
    if !seen.exposed.is_empty() {
        ui.note("change each where it is used, then `hoziron vault set NAME` or `hoziron apply --rotate NAME`");
    }
    Ok(Exit::Done)
}
