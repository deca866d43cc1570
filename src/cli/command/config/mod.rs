//! `hoziron config …`

pub mod check;
pub mod show;

use crate::cli::args::Selection;
use crate::cli::command::env::variables::{Selected, sources};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::config::Config;
use crate::env::credentials::load_config;
use crate::env::exec::Inherit;

/// Reads the settings, and decides where the variables come from that they may refer to. Without
/// settings there is `None`, and a note.
fn settings(
    what: &str,
    profile: Option<String>,
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<Option<(Config, Selected)>, Failure> {
    let config = load_config(workspace.vault().home());
    let Some(config) = config.map_err(|error| Failure::of(what, &error))? else {
        ui.note("there is no `config.toml` in this home");
        return Ok(None);
    };
    let selection = Selection {
        profile,
        ..Selection::default()
    };
    let selected = sources(&selection, Inherit::All, workspace, ui)?;
    Ok(Some((config, selected)))
}
