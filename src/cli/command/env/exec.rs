//! `hoziron env exec`: becomes a command that has its secrets in the environment. Nothing is started
//! unless every secret of the selection could be opened; after that, hoziron is gone.

use std::ffi::OsString;

use clap::Args as ClapArgs;

use crate::cli::args::Selection;
use crate::cli::command::env::variables::gather;
use crate::cli::display::typed;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::env::exec::{Environment, Inherit, Launch};
use crate::env::hygiene::CoreLimit;

/// Start a program with its secrets in the environment
///
/// hoziron becomes the program: same process, same terminal, its own exit code. Variables that are
/// set already are left as they are. If a secret cannot be opened, or one that is required has no
/// value, nothing is started (exit 125).
///
/// Example: hoziron env exec -P prod -- ./serve --port 8080
#[derive(ClapArgs)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Start from an environment with PATH, HOME, TERM and the like only
    #[arg(long)]
    clean: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command; returns only if it could not be started.
pub fn run(
    args: &Args,
    workspace: Workspace<'_>,
    core: CoreLimit,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Failure::new("there is no command to start", Exit::Usage));
    };
    let what = || format!("cannot start `{}`", typed(&program.to_string_lossy()));
    let inherit = if args.clean {
        Inherit::Clean
    } else {
        Inherit::All
    };
    let secrets = gather(&args.selection, inherit, &workspace, ui)?;
    let parent = workspace.environment().variables().iter().cloned();
    let environment = Environment::build(parent, inherit, secrets);
    let launch =
        Launch::prepare(program, rest, environment).map_err(|error| Failure::of(what(), &error))?;
    drop(workspace);
    Err(Failure::of(what(), &launch.hand_over(core)))
}
