//! `hoziron vault get`: prints one value, exactly; writes nothing, and prints nothing when the value
//! is not to be trusted.

use std::io::IsTerminal;

use clap::Args as ClapArgs;

use crate::cli::args::{Folder, Reading};
use crate::cli::display;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::SecretValue;

/// Print a value
///
/// The bytes are printed as they were sealed; a line end is added on a terminal only, where control
/// characters are shown as escapes.
///
/// Example: hoziron vault get STRIPE_API_KEY | pbcopy
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name
    name: String,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = || format!("cannot open `{name}`");
    let keys = workspace.reading_keys(&[name.folder()], args.reading, ui)?;
    let found = keys.opener(workspace.vault()).open(&name);
    let Some((value, _)) = found.map_err(|error| Failure::of(what(), &error))? else {
        return Err(Failure::new(what(), Exit::Error)
            .cause("there is no secret of this name")
            .hint("`hoziron vault list` shows the names"));
    };
    print(&value.into_inner(), ui)?;
    Ok(Exit::Done)
}

/// Prints a value: as it is, or made harmless on a terminal.
pub fn print(value: &SecretValue, ui: &Ui) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        show(value, ui)
    } else {
        ui.out_value(value)
    }
}

/// Shows a value on a terminal, which it must not be able to act on.
pub fn show(value: &SecretValue, ui: &Ui) -> Result<(), Failure> {
    let Ok(text) = std::str::from_utf8(value.reveal()) else {
        return Err(
            Failure::new("cannot show the value on a terminal", Exit::Error)
                .cause("it is not text")
                .hint("send it to a file or a program: `hoziron vault get … > FILE`"),
        );
    };
    let shown = display::text(text);
    if shown != text {
        ui.warn("control characters are shown as escapes; a pipe gets the exact bytes");
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    ui.out_value(&SecretValue::new(format!("{shown}{end}").into_bytes()))
}
