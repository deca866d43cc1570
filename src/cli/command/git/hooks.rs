//! `hoziron git hooks install`: writes the hooks that look for leaks, where git looks for hooks. A hook
//! that is there is kept and called; files of a program that manages hooks are never written.

use clap::Args as ClapArgs;

use crate::cli::command::git::repository;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::disk::{Dir, make_folders};
use crate::git::hooks::{Manager, Written, install};
use crate::home::Environment;

/// Look for leaks before every commit, merge and push
///
/// Writes `pre-commit`, `pre-merge-commit` and `pre-push` where git looks for hooks. A hook that is
/// there is kept as `NAME.local` and runs first. For husky, lefthook, hk and pre-commit the lines to
/// add are printed, and nothing is written.
///
/// Example: hoziron git hooks install
#[derive(ClapArgs)]
pub struct Args {}

/// Runs the command.
pub fn run(_: &Args, environment: &Environment, ui: &Ui) -> Result<Exit, Failure> {
    let what = "cannot install the hooks";
    let repository = repository(what, environment)?;
    if let Some(manager) = Manager::of(repository.top()) {
        ui.note(&format!(
            "{manager} manages the hooks here; add this to `{}`:",
            manager.place()
        ));
        ui.out(manager.snippet())?;
        return Ok(Exit::Done);
    }
    let folder = repository
        .hooks()
        .map_err(|error| Failure::of(what, &error))?;
    let failed = |error| Failure::of(what, &error);
    make_folders(&folder, 0o777).map_err(failed)?;
    let dir = Dir::open(&folder).map_err(failed)?;
    let hooks = install(&dir).map_err(|error| Failure::of(what, &error))?;
    for (hook, written) in hooks {
        let path = folder.join(hook);
        ui.out(&match written {
            Written::KeptOther => format!("+ {} (yours is `{hook}.local`)", path.display()),
            Written::New => format!("+ {}", path.display()),
            Written::Unchanged => format!("  {}", path.display()),
            Written::Updated => format!("~ {}", path.display()),
        })?;
    }
    Ok(Exit::Done)
}
