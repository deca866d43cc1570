//! A text in the user's editor: in memory only, readable by the user alone. What the editor left is
//! handed back together with the folder it is in, so that a text that cannot be used is kept and
//! not lost.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal;
use crate::cli::ui::Ui;
use crate::domain::SecretValue;
use crate::home::Environment;
use crate::home::scratch::Scratch;

/// What keeps vim and its kin from leaving copies elsewhere. `-c` comes after the user's `vimrc`, which
/// may ask for them; `-i NONE` is viminfo's and shada's.
const VIM: &str = "-n -i NONE -c 'set nobackup nowritebackup noundofile noswapfile'";

/// A text that was edited.
pub struct Edited {
    /// What it is now.
    pub text: SecretValue,
    scratch: Scratch,
}

impl Edited {
    /// Keeps the text, and says where it is.
    pub fn kept(self) -> String {
        kept(self.scratch)
    }
}

fn kept(scratch: Scratch) -> String {
    format!(
        "your text is kept in memory, in `{}`",
        scratch.keep().display()
    )
}

/// Opens a text in the editor, under a name for its file. `what` cannot be done if it fails.
pub fn edit(
    file: &str,
    before: &SecretValue,
    what: &str,
    environment: &Environment,
    ui: &Ui,
) -> Result<Edited, Failure> {
    let scratch =
        Scratch::make(&environment.memory_folders()).map_err(|error| Failure::of(what, &error))?;
    let path = scratch
        .write(file, before)
        .map_err(|error| Failure::of(what, &error))?;
    let run = run(&path, environment, ui);
    let text = match scratch.read(file) {
        Ok(Some(after)) => without_added_line_end(after, before),
        Ok(None) => {
            let failure = Failure::new(what, Exit::Error).cause("the editor removed the text");
            return Err(failure.hint(kept(scratch)));
        }
        Err(error) => {
            return Err(Failure::of(what, &error)
                .exiting(Exit::Error)
                .hint(kept(scratch)));
        }
    };
    if let Err(why) = run {
        let failure = Failure::new(what, Exit::Error).cause(why);
        if text.same_as(before) {
            return Err(failure);
        }
        return Err(failure.hint(kept(scratch)));
    }
    Ok(Edited { text, scratch })
}

/// Runs the editor as git does: by the shell, so that it may have options.
fn run(path: &Path, environment: &Environment, ui: &Ui) -> Result<(), String> {
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
