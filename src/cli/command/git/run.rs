//! `hoziron git run`: becomes git, with the settings for sealed files given for this one run. Nothing
//! is written; for CI, and to try a merge before anything is installed.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args as ClapArgs;

use crate::cli::display::word;
use crate::cli::failure::{Exit, Failure};
use crate::env::hygiene::CoreLimit;
use crate::git::one_off;
use crate::home::Environment;
use crate::repository::{Around, Git};

/// Run git once with the settings for sealed files
///
/// Nothing is installed. git starts hoziron to show and to merge sealed files, so it is given the
/// environment as it is, with what opens secrets.
///
/// Example: hoziron git run -- merge origin/main
#[derive(ClapArgs)]
pub struct Args {
    /// The words for git
    #[arg(required = true, trailing_var_arg = true, value_name = "ARGS")]
    words: Vec<OsString>,
}

/// Runs the command; returns only if git could not be started.
pub fn run(args: &Args, environment: &Environment, core: CoreLimit) -> Result<Exit, Failure> {
    let what = "cannot run git";
    let folder = environment.working_directory();
    let variables = environment.variables();
    let git =
        Git::find(folder, Around::Folder, variables).map_err(|error| Failure::of(what, &error))?;
    let own = std::env::current_exe()
        .map_err(|error| Failure::new(what, Exit::Error).cause(error.to_string()))?;
    let mut command = Command::new(git.program());
    command
        .args(&args.words)
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .envs(one_off(&word(&own), variables));
    core.restore();
    let error = command.exec();
    Err(Failure::new(what, Exit::Error).cause(error.to_string()))
}
