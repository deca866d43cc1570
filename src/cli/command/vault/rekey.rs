//! `hoziron vault rekey`: new folder keys, and everything sealed anew under them. It is an `apply` that
//! makes keys where none had to be made: shown first, asked, whole or not at all.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;

use crate::cli::command::apply::{Consent, carry_out_planned};
use crate::cli::failure::{Exit, Failure};
use crate::cli::planning::{Identities, Planned};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, folder};
use crate::domain::FolderName;
use crate::plan::{NewKey, Wanted};

/// Make new keys and seal everything anew
///
/// For when a folder key may have become known. Values stay what they are: whoever has seen one
/// knows it still (`hoziron plan --rotate`). What else differs from the manifest is carried out in
/// the same step, and is shown.
///
/// Example: hoziron vault rekey prod
#[derive(ClapArgs)]
pub struct Args {
    /// Only this folder and what is in it; it must have keys of its own
    folder: Option<String>,
    #[command(flatten)]
    consent: Consent,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let folder = args.folder.as_deref().map(folder).transpose()?;
    if let Some(folder) = &folder {
        refuse_keyless(folder, workspace)?;
    }
    let wanted = Wanted {
        profile: folder,
        new_key: NewKey::Always,
        ..Wanted::default()
    };
    let planned = Planned::make(
        workspace,
        wanted,
        BTreeMap::new(),
        Identities::Read,
        None,
        ui,
    )?;
    carry_out_planned(&args.consent, planned, workspace, ui)
}

fn refuse_keyless(folder: &FolderName, workspace: &Workspace<'_>) -> Result<(), Failure> {
    let what = || format!("cannot make a new key for `{folder}`");
    let chain = workspace
        .chains()
        .and_then(|chains| chains.of(workspace.vault(), folder))
        .map_err(|error| Failure::of(what(), &error))?;
    if chain.folder() == folder {
        return Ok(());
    }
    let holder = match chain.folder() {
        top if top.is_top() => "the vault".to_owned(),
        other => format!("`{other}`"),
    };
    Err(Failure::new(what(), Exit::Error).cause(format!(
        "it has none of its own; the key is that of {holder}"
    )))
}
