//! `hoziron vault show`: prints what is known about a secret, never the value. Without an identity
//! the facts are what the file says of itself, and are labelled so.

use clap::Args as ClapArgs;

use crate::cli::args::{Folder, Reading};
use crate::cli::failure::{Exit, Failure};
use crate::cli::render::{self, Facts, Standing};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::sealed::read_facts;

/// Print what is known about a secret, never the value
///
/// If you come from `pass`: the value is printed by `hoziron vault get`.
///
/// Example: hoziron vault show STRIPE_API_KEY
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = || format!("cannot show `{name}`");
    let file = workspace
        .vault()
        .read(&name)
        .map_err(|error| Failure::of(what(), &error))?;
    let Some(file) = file else {
        return Err(Failure::new(what(), Exit::Error)
            .cause("there is no secret of this name")
            .hint("`hoziron vault list` shows the names"));
    };
    let claimed = read_facts(&file).map_err(|error| Failure::of(what(), &error))?;
    let chain = workspace
        .chains()
        .and_then(|chains| chains.of(workspace.vault(), &name.folder()))
        .map_err(|error| Failure::of(what(), &error))?;
    let head = chain.head().map_err(|error| Failure::of(what(), &error))?;
    let standing = match workspace.reading_keys(&[name.folder()], args.reading, ui) {
        Ok(keys) => {
            let opened = keys.opener(workspace.vault()).open(&name);
            opened.map_err(|error| Failure::of(what(), &error))?;
            Standing::Verified
        }
        Err(failure) if failure.exit == Exit::NoIdentity => Standing::Unverified,
        Err(failure) => return Err(failure),
    };
    let facts = Facts::gather(&name, &claimed, &head.readers, &file, standing);
    ui.out(&if args.json {
        render::json::facts(&facts)
    } else {
        render::facts(&facts)
    })?;
    ui.note(&format!(
        "the value is printed by `hoziron vault get {name}`"
    ));
    if standing == Standing::Unverified {
        ui.note("no identity of yours opens it, so this is only what the file says of itself");
    }
    Ok(Exit::Done)
}
