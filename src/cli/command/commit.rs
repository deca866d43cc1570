//! `--commit`: puts what a command changed into git, and nothing else. Git runs with the user's own
//! settings for signing, and no hook of the repository.

use std::ffi::OsStr;

use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::plan::Plan;
use crate::repository::{Around, Repository};

/// Commits the vault, the recipients and the manifest.
pub fn commit(workspace: &Workspace<'_>, plan: &Plan, ui: &Ui) -> Result<(), Failure> {
    let what = "the vault was changed; it could not be committed";
    let variables = workspace.environment().variables();
    let found = Repository::discover(workspace.home(), Around::Folder, variables);
    let found = found.map_err(|error| Failure::of(what, &error))?;
    let Some(repository) = found else {
        return Err(Failure::new(what, Exit::Error).cause("the home is not in a git repository"));
    };
    let paths = ["vault", "recipients", "hoziron.toml"]
        .map(|path| workspace.home().join(path))
        .into_iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .filter_map(|path| repository.relative(&path))
        .collect::<Vec<_>>();
    let paths: Vec<&OsStr> = paths.iter().map(|path| path.as_os_str()).collect();
    let message = format!("hoziron apply: {}", crate::cli::render::plan::summary(plan));
    repository
        .commit_paths(&paths, &message)
        .map_err(|error| Failure::of(what, &error))?;
    ui.note("committed");
    Ok(())
}
