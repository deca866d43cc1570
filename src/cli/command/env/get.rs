//! `hoziron env get`: prints the value a program would get for one variable. `vault get` prints what
//! the vault holds; this prints what wins.

use clap::Args as ClapArgs;

use crate::cli::args::{Reading, Selection};
use crate::cli::command::env::variables::{absent, open, sources};
use crate::cli::command::vault::get::print;
use crate::cli::display::typed;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{SecretValue, VarName};
use crate::env::exec::Inherit;
use crate::env::sources::Source;

/// Print the value a program would get for one variable
///
/// Looks in the process environment, `.env`, the vault and the manifest's defaults, in this order.
///
/// Example: hoziron env get DATABASE_URL -P prod
#[derive(ClapArgs)]
pub struct Args {
    /// The variable
    name: String,
    /// Take what is in this folder first, then what it inherits
    #[arg(short = 'P', long, value_name = "FOLDER")]
    profile: Option<String>,
    /// Let the vault win
    #[arg(long, value_name = "SOURCE", value_parser = ["vault"])]
    prefer: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let what = || format!("cannot resolve `{}`", typed(&args.name));
    let variable = VarName::parse(&args.name).map_err(|error| Failure::of(what(), &error))?;
    let selection = Selection {
        profile: args.profile.clone(),
        prefer: args.prefer.clone(),
        reading: args.reading,
        ..Selection::default()
    };
    let mut selected = sources(&selection, Inherit::All, workspace, ui)?;
    let process = workspace.environment().get(variable.as_str());
    let source = selected.sources.of(&variable).cloned();
    match (source, process) {
        (None | Some(Source::Process), Some(value)) => {
            print(&SecretValue::new(value.as_encoded_bytes().to_vec()), ui)?;
        }
        (Some(_), _) => {
            selected.sources = selected
                .sources
                .only(std::slice::from_ref(&variable), |_| false)
                .map_err(|error| Failure::of(what(), &error))?;
            let variables = open(&selected, workspace, ui)?;
            if let Some((_, value)) = variables.iter().next() {
                print(value, ui)?;
            }
        }
        (None, None) => {
            let names = std::slice::from_ref(&variable);
            let missing = selected.sources.missing();
            return Err(absent(what(), names, missing, workspace));
        }
    }
    Ok(Exit::Done)
}
