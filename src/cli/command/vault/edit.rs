//! `hoziron vault edit`: opens a value in the user's editor, in memory, and seals what it was changed
//! to. An unchanged text is not written; a text that could not be sealed is kept.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::command::vault::seal::{Declare, seal};
use crate::cli::command::vault::set;
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal;
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::SecretValue;
use crate::home::scratch::Scratch;

/// What keeps vim and its kin from leaving copies elsewhere. `-c` comes after the user's `vimrc`, which
/// may ask for them; `-i NONE` is viminfo's and shada's.
const VIM: &str = "-n -i NONE -c 'set nobackup nowritebackup noundofile noswapfile'";

/// Change a value in your editor
///
/// Takes $VISUAL, $EDITOR or vi. The text is in memory (tmpfs) only, readable by you alone. A name
/// that is not there is made. A line end that the editor added at the end is taken off again.
///
/// Example: hoziron vault edit prod/SERVICE_ACCOUNT_JSON
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name
    name: String,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = || format!("cannot edit `{name}`");
    let keys = workspace.keys(&[name.folder()], ui)?;
    let found = keys.opener(workspace.vault()).open(&name);
    let found = found.map_err(|error| Failure::of(what(), &error))?;
    let shown = found.as_ref().map(|(_, facts)| facts.revision);
    let before = found.map_or_else(
        || SecretValue::new(Vec::new()),
        |(value, _)| value.into_inner(),
    );
    if std::str::from_utf8(before.reveal()).is_err() {
        return Err(Failure::new(what(), Exit::Error)
            .cause("it is not text, and an editor would change it")
            .hint(format!(
                "seal a file: `hoziron vault set {name} --from-file PATH`"
            )));
    }

    let scratch = Scratch::make(&workspace.environment().memory_folders())
        .map_err(|error| Failure::of(what(), &error))?;
    let file = name.key();
    let path = scratch
        .write(file, &before)
        .map_err(|error| Failure::of(what(), &error))?;
    // Others may write while the editor is open.
    workspace.let_go();
    let edited = edit(&path, workspace, ui);
    let after = match scratch.read(file) {
        Ok(Some(after)) => without_added_line_end(after, &before),
        Ok(None) => {
            let failure = Failure::new(what(), Exit::Error).cause("the editor removed the text");
            return Err(failure.hint(kept(scratch)));
        }
        Err(error) => {
            return Err(Failure::of(what(), &error)
                .exiting(Exit::Error)
                .hint(kept(scratch)));
        }
    };
    if let Err(why) = edited {
        let failure = Failure::new(what(), Exit::Error).cause(why);
        if after.same_as(&before) {
            return Err(failure);
        }
        return Err(failure.hint(kept(scratch)));
    }
    if after.same_as(&before) {
        ui.note(&format!("`{name}` was not changed"));
        return Ok(Exit::Done);
    }
    let found = keys.opener(workspace.vault()).open(&name);
    if found.ok().flatten().map(|(_, facts)| facts.revision) != shown {
        return Err(Failure::new(what(), Exit::Error)
            .cause("it was changed while the editor was open")
            .hint(kept(scratch)));
    }
    match seal(workspace, &keys, &name, &after, Declare::Leave, ui) {
        Ok(outcome) => {
            let readers = keys.readers(workspace.vault(), &name.folder());
            set::tell(&name, &after, outcome, &readers, ui);
        }
        Err(failure) => return Err(failure.hint(kept(scratch))),
    }
    Ok(Exit::Done)
}

fn kept(scratch: Scratch) -> String {
    format!(
        "your text is kept in memory, in `{}`",
        scratch.keep().display()
    )
}

/// Runs the editor as git does: by the shell, so that it may have options.
fn edit(path: &Path, workspace: &Workspace<'_>, ui: &Ui) -> Result<(), String> {
    let environment = workspace.environment();
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| environment.get(name).cloned());
    let editor = editor
        .unwrap_or_else(|| OsString::from("vi"))
        .to_string_lossy()
        .into_owned();
    let first = editor.split_whitespace().next().unwrap_or_default();
    let program = Path::new(first)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let is_vim = ["vi", "vim", "nvim", "gvim", "vimdiff"].contains(&&*program);
    let command = if is_vim {
        format!("{editor} {VIM} \"$@\"")
    } else {
        format!("{editor} \"$@\"")
    };
    ui.detail(&format!("the editor is `{editor}`"));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).arg(&editor).arg(path);
    shell.env_clear().envs(environment.without_identities());
    // Ctrl-C in an editor is the editor's; whoever dies of it here leaves the text to nobody.
    let status = terminal::outliving_signals(|| shell.status()).and_then(|status| status);
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the editor `{editor}` ended with {status}")),
        Err(error) => Err(format!("the editor `{editor}` cannot be started: {error}")),
    }
}

/// Most editors end a file with a line end; if the value had none, it does not get one.
fn without_added_line_end(after: SecretValue, before: &SecretValue) -> SecretValue {
    let (text, old) = (after.reveal(), before.reveal());
    match text.strip_suffix(b"\n") {
        Some(text) if !old.ends_with(b"\n") => SecretValue::new(text.to_vec()),
        _ => after,
    }
}
