//! `hoziron env check`: says of a profile whether every value is there, opens, and is what its
//! declaration asks for. Looks at the vault and the manifest alone; names all that is not right, never a
//! value; writes nothing.

use clap::Args as ClapArgs;

use crate::cli::command::env::variables::{choose, profile, repair};
use crate::cli::failure::{Exit, Failure};
use crate::cli::hint::Advise;
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::FolderName;
use crate::env::check::{Trouble, check};
use crate::env::sources::{Prefer, Sources};

/// Check that a profile has all it needs
///
/// Every required secret must be there, open, and fit its declaration. What the process environment
/// or .env would give does not count. Lists all that is not right and exits with 2; with 6 if something
/// is not to be trusted.
///
/// Example: hoziron env check -P prod
#[derive(ClapArgs)]
pub struct Args {
    /// Take what is in this folder first, then what it inherits [env: HOZIRON_PROFILE]
    #[arg(short = 'P', long, value_name = "FOLDER")]
    profile: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let profile = profile(args.profile.as_deref(), workspace)?;
    let chosen = choose("cannot check the profile", profile.as_ref(), workspace)?;
    let sources = Sources::gather(|_| false, None, chosen, Prefer::Vault);
    let keys = if sources.needed().secrets.is_empty() {
        None
    } else {
        Some(workspace.keys(&[], ui)?)
    };
    let opener = keys.as_ref().map(|keys| keys.opener(workspace.vault()));
    let troubles = check(workspace.manifest(), profile.as_ref(), &sources, opener);
    let rows: Vec<_> = troubles
        .iter()
        .map(|trouble| {
            let name = trouble.name().map(ToString::to_string);
            (name, trouble.to_string(), advice(trouble, workspace))
        })
        .collect();
    if args.json {
        ui.out(&render::json::troubles(&rows))?;
    } else if !rows.is_empty() {
        ui.out(&render::troubles(&rows))?;
    }
    let shown = profile.as_ref().map_or(".", FolderName::as_str);
    let count = sources.iter().count();
    if rows.is_empty() {
        ui.note(&format!(
            "all {count} variables of `{shown}` are as they should be"
        ));
    }
    Ok(exit(&troubles))
}

fn advice(trouble: &Trouble, workspace: &Workspace<'_>) -> Option<String> {
    match trouble {
        Trouble::Misfit { name, .. } => Some(format!("`hoziron vault set {name}`")),
        Trouble::Missing(missing) => repair(missing, workspace.manifest()),
        Trouble::Refused { source, .. } => source.advise().hint,
        Trouble::Sealed(name) => Some(format!("`hoziron vault remove {name}`")),
        Trouble::Unmet(_) => None,
    }
}

fn exit(troubles: &[Trouble]) -> Exit {
    let untrusted = |trouble: &Trouble| match trouble {
        Trouble::Refused { source, .. } => source.advise().exit == Exit::Untrusted,
        _ => false,
    };
    match troubles {
        [] => Exit::Done,
        _ if troubles.iter().any(untrusted) => Exit::Untrusted,
        _ => Exit::Differs,
    }
}
