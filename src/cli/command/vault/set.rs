//! `hoziron vault set`: seals a value under a name. The value comes from a hidden prompt, from a
//! pipe, from a file or from a generator, never from the command line, where other users and the
//! shell's history would see it.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use zeroize::Zeroizing;

use crate::cli::args::Folder;
use crate::cli::command::vault::seal::{Declare, Sealed, seal};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name, refused_value};
use crate::domain::{MAX_VALUE, SecretName, SecretValue, VarName};
use crate::manifest::Generator;

/// Seal a value under a name
///
/// Asks twice on a terminal, without showing what is typed. From a pipe, all of it is the value but
/// for one line end at its end. The same value again writes nothing. A value that is not what the
/// secret's declaration asks for is refused.
///
/// Example: hoziron vault set STRIPE_API_KEY
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name: KEY, or folder/KEY
    name: String,
    /// A value here would be seen by others; it is refused
    #[arg(hide = true, num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    refused: Vec<std::ffi::OsString>,
    /// Take the value from this file, every byte of it
    #[arg(long, value_name = "PATH", conflicts_with = "generate")]
    from_file: Option<PathBuf>,
    /// Make the value: password:32, hex:16, base64:48 or uuid
    #[arg(long, value_name = "SPEC")]
    generate: Option<String>,
    /// Declare the secret in hoziron.toml as well
    #[arg(long)]
    declare: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run<'a>(
    args: &Args,
    open: impl FnOnce() -> Result<Workspace<'a>, Failure>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    refuse_value(args)?;
    let workspace = &mut open()?;
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let keys = workspace.keys(&[name.folder()], ui)?;
    let value = value(args, &name, ui)?;
    if value.len() > MAX_VALUE {
        return Err(Failure::of(
            format!("cannot seal `{name}`"),
            &crate::sealed::SealedError::TooLong,
        ));
    }
    let declare = if args.declare {
        Declare::Add
    } else {
        Declare::Leave
    };
    let outcome = seal(workspace, &keys, &name, &value, declare, ui)?;
    let readers = keys.readers(workspace.vault(), &name.folder());
    tell(&name, &value, outcome, &readers, ui);
    Ok(Exit::Done)
}

/// Says what came of it.
pub fn tell(name: &SecretName, value: &SecretValue, outcome: Sealed, readers: &str, ui: &Ui) {
    match outcome {
        Sealed::Created => ui.note(&format!("sealed `{name}` for {readers}")),
        Sealed::Unchanged => ui.note(&format!("`{name}` is unchanged: the value is the same")),
        Sealed::Updated => ui.note(&format!("sealed a new value of `{name}` for {readers}")),
    }
    if value.is_empty() {
        ui.warn("the value is empty");
    }
    if VarName::of(name).steers() {
        ui.warn(&format!(
            "`env exec` never sets `{}`: this variable changes what a program runs",
            name.key()
        ));
    }
}

fn refuse_value(args: &Args) -> Result<(), Failure> {
    if args.refused.is_empty() {
        Ok(())
    } else {
        Err(refused_value(&args.name))
    }
}

fn value(args: &Args, name: &SecretName, ui: &Ui) -> Result<SecretValue, Failure> {
    if let Some(path) = &args.from_file {
        return from_file(path);
    }
    if let Some(text) = &args.generate {
        let generator =
            Generator::parse(text).map_err(|error| Failure::of("cannot make a value", &error))?;
        return Ok(generator.make().value);
    }
    if std::io::stdin().is_terminal() {
        return ui.ask_hidden(
            name.as_str(),
            "pipe the value in, or use `--from-file PATH`",
        );
    }
    let mut bytes = read(std::io::stdin().lock(), "stdin")?;
    let end = [&b"\r\n"[..], b"\n"]
        .into_iter()
        .find(|end| bytes.ends_with(end))
        .map_or(0, <[u8]>::len);
    let length = bytes.len() - end;
    bytes.truncate(length);
    Ok(SecretValue::new(std::mem::take(&mut *bytes)))
}

fn from_file(path: &Path) -> Result<SecretValue, Failure> {
    let shown = format!("`{}`", path.display());
    let file = std::fs::File::open(path).map_err(|error| {
        Failure::new(format!("cannot read {shown}"), Exit::Error).cause(error.to_string())
    })?;
    let mut bytes = read(file, &shown)?;
    Ok(SecretValue::new(std::mem::take(&mut *bytes)))
}

/// Reads all of it into one buffer that is wiped; chunks, because growing leaves copies behind.
fn read(mut from: impl Read, shown: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    const CHUNK: usize = 64 * 1024;
    let what = || format!("cannot read the value from {shown}");
    let mut chunks: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    let mut total = 0;
    loop {
        let mut chunk = Zeroizing::new(vec![0; CHUNK]);
        let mut filled = 0;
        while filled < CHUNK {
            match from.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Failure::new(what(), Exit::Error).cause(error.to_string()));
                }
            }
        }
        chunk.truncate(filled);
        total += filled;
        chunks.push(chunk);
        if total > MAX_VALUE + 2 {
            return Err(Failure::of(what(), &crate::sealed::SealedError::TooLong));
        }
        if filled < CHUNK {
            break;
        }
    }
    let mut all = Zeroizing::new(Vec::with_capacity(total));
    chunks.iter().for_each(|chunk| all.extend_from_slice(chunk));
    Ok(all)
}
