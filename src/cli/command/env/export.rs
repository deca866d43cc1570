//! `hoziron env export`: prints the variables for a shell or a file, exactly, or refuses. Only the
//! export goes to stdout; writes nothing.

use clap::{Args as ClapArgs, builder::PossibleValuesParser};

use crate::cli::args::Selection;
use crate::cli::command::env::variables::gather;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::env::exec::Inherit;
use crate::env::format::{Format, render};

/// Print the variables in the syntax of a shell or a file
///
/// A value that the format cannot carry is refused by name, never altered. Prefer `env exec`: what
/// is exported into a shell stays there.
///
/// Example: eval "$(hoziron env export --format bash)"
#[derive(ClapArgs)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// The syntax
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)))]
    format: String,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let what = "cannot export the secrets";
    let format = Format::parse(&args.format)
        .map_err(|error| Failure::new(what, Exit::Usage).cause(error.to_string()))?;
    let variables = gather(&args.selection, Inherit::All, workspace, ui)?;
    let text = render(format, &variables).map_err(|error| Failure::of(what, &error))?;
    ui.out_value(&text)?;
    Ok(Exit::Done)
}
