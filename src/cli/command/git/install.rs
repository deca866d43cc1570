//! `hoziron git install`: has git show and merge sealed files, by git's own settings. Shows what it
//! changes; the same again changes nothing; a tracked file is never included or written.

use clap::Args as ClapArgs;

use crate::cli::command::git::repository;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::git::{Lack, Step, aliasing, apply, installing, lacking, removing};
use crate::home::Environment;
use crate::repository::{Around, Git, Scope};

/// Have git show and merge sealed files
///
/// Sealed files are committed with attributes that name a way to show and to merge them; this writes
/// into your git configuration what those names stand for. Once a machine is enough. A value is
/// never shown by it, and git works on without hoziron.
///
/// Example: hoziron git install --dry-run
#[derive(ClapArgs)]
pub struct Args {
    /// For every repository of yours (the default)
    #[arg(long, conflicts_with = "local")]
    global: bool,
    /// For this repository only
    #[arg(long)]
    local: bool,
    /// Also make `git sdiff`, which is `git diff` with the values, on a terminal
    #[arg(long, conflicts_with = "deed")]
    aliases: bool,
    /// Say what is missing, write nothing; exit code 1 if something is
    #[arg(long, group = "deed")]
    check: bool,
    /// Remove the settings
    #[arg(long, group = "deed")]
    uninstall: bool,
    /// Show what would be changed, and write nothing
    #[arg(short = 'n', long, conflicts_with = "check")]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: &Args, environment: &Environment, ui: &Ui) -> Result<Exit, Failure> {
    let what = "cannot change git's settings";
    let folder = environment.working_directory();
    let git = if args.local {
        repository(what, environment)?.git().clone()
    } else {
        Git::find(folder, Around::Folder, environment.variables())
            .map_err(|error| Failure::of(what, &error))?
    };
    if args.check {
        let lacks = lacking(&git, folder).map_err(|error| Failure::of(what, &error))?;
        return check(&lacks, ui);
    }
    let scope = if args.local {
        Scope::Local
    } else {
        Scope::Global
    };
    let steps = if args.uninstall {
        removing(&git, folder, scope)
    } else {
        installing(&git, folder, scope)
    };
    let mut steps = steps.map_err(|error| Failure::of(what, &error))?;
    if args.aliases {
        match aliasing(&git, folder).map_err(|error| Failure::of(what, &error))? {
            Some(alias) => steps.extend(alias),
            None => ui.warn("there is another `git sdiff` already; it is left as it is"),
        }
    }
    if steps.is_empty() {
        ui.note("nothing to change");
        return Ok(Exit::Done);
    }
    steps.iter().try_for_each(|step| show(step, ui))?;
    if args.dry_run {
        ui.note("nothing was written");
        return Ok(Exit::Done);
    }
    apply(&git, folder, scope, &steps).map_err(|error| Failure::of(what, &error))?;
    ui.note(match (args.uninstall, scope) {
        (true, _) => "git shows and merges sealed files as text again",
        (false, Scope::Global) => "git shows and merges sealed files, in all of your repositories",
        (false, Scope::Local) => "git shows and merges sealed files, in this repository",
    });
    Ok(Exit::Done)
}

fn show(step: &Step, ui: &Ui) -> Result<(), Failure> {
    if let Some(before) = &step.before {
        ui.out(&format!("- {} = {before}", step.key))?;
    }
    match &step.after {
        Some(after) => ui.out(&format!("+ {} = {after}", step.key)),
        None => Ok(()),
    }
}

fn check(lacks: &[Lack], ui: &Ui) -> Result<Exit, Failure> {
    for lack in lacks {
        ui.out(&match &lack.scope {
            None => format!("{} is missing", lack.key),
            Some(scope) => format!("{} is another one ({scope})", lack.key),
        })?;
    }
    if lacks.is_empty() {
        ui.note("git shows and merges sealed files here");
        return Ok(Exit::Done);
    }
    ui.note("to repair it: `hoziron git install`");
    Ok(Exit::Error)
}
