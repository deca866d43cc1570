//! `hoziron vault generate`: seals a new random value that nobody has seen, and does not show it.

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::command::vault::seal::{Declare, seal};
use crate::cli::command::vault::set;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::manifest::Generator;

/// Seal a new random value
///
/// Kinds: password:LENGTH (letters and digits), hex:BYTES, base64:BYTES, uuid. The value is not
/// shown; `vault get` prints it. A secret that is there is replaced only after a question.
///
/// Example: hoziron vault generate SESSION_KEY hex:32
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name: KEY, or folder/KEY
    name: String,
    /// How to make the value
    #[arg(value_name = "SPEC", default_value = "password:32")]
    generator: String,
    /// Replace a value that is there, without a question
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let generator = Generator::parse(&args.generator)
        .map_err(|error| Failure::of(format!("cannot make a value for `{name}`"), &error))?;
    let there = workspace
        .vault()
        .read(&name)
        .map_err(|error| Failure::of(format!("cannot seal `{name}`"), &error))?
        .is_some();
    let question = format!("replace the value of `{name}` with a new one?");
    if there && !args.yes && !ui.ask(&question, "add `--yes` to replace it")? {
        return Err(Failure::new(
            format!("`{name}` was left as it was"),
            Exit::Error,
        ));
    }
    let keys = workspace.keys(&[name.folder()], ui)?;
    let value = generator.make().value;
    let outcome = seal(workspace, &keys, &name, &value, Declare::Leave, ui)?;
    let readers = keys.readers(workspace.vault(), &name.folder());
    set::tell(&name, &value, outcome, &readers, ui);
    Ok(Exit::Done)
}
