//! `hoziron vault import`: seals every value of a `.env` file, all of them or none. Shows first, by
//! name, what would be new and what would change; the same file again changes nothing.

use std::io::Read;

use clap::Args as ClapArgs;
use zeroize::Zeroizing;

use crate::cli::args::Folder;
use crate::cli::command::vault::seal::{Declare, Sealed, compare, seal_all};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace, name};
use crate::domain::{FolderName, SecretName, SecretValue, VarName};
use crate::input::dotenv::{DotEnv, MAX_FILE};
use crate::people::FolderKeys;

/// Seal every value of a .env file
///
/// `$` is literal, nothing is expanded. Where another reader of `.env` files would read a different
/// value, the line is named. Asks before it writes; all values are sealed, or none.
///
/// Example: hoziron vault import .env --dry-run
#[derive(ClapArgs)]
pub struct Args {
    /// The file, or - for stdin
    file: String,
    /// Show what would be done, and write nothing
    #[arg(short = 'n', long, conflicts_with = "yes")]
    dry_run: bool,
    /// Write without a question
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let what = || format!("cannot import `{}`", args.file);
    // Keys first: hoziron may start over for a plugin, and a pipe is read once.
    let folder = match &args.folder.profile {
        Some(profile) => workspace::folder(profile)?,
        None => FolderName::top(),
    };
    let keys = workspace.keys(std::slice::from_ref(&folder), ui)?;
    let text = read(&args.file).map_err(|why| Failure::new(what(), Exit::Error).cause(why))?;
    let dotenv = DotEnv::parse(&text).map_err(|error| Failure::of(what(), &error))?;
    warn(&dotenv, &args.file, ui);
    let values = values(&dotenv, args.folder.profile.as_deref())?;
    let rows = plan(&values, workspace, &keys)?;

    let changes = rows
        .iter()
        .filter(|(_, outcome)| *outcome != Sealed::Unchanged)
        .count();
    for (name, outcome) in &rows {
        match outcome {
            Sealed::Created => ui.out(&format!("  + {name}"))?,
            Sealed::Unchanged => {}
            Sealed::Updated => ui.out(&format!("  ~ {name}"))?,
        }
    }
    ui.note(&format!(
        "{changes} to seal, {} unchanged",
        rows.len() - changes
    ));
    if changes == 0 || args.dry_run {
        return Ok(Exit::Done);
    }
    if !args.yes && !ui.ask("seal these values?", "add `--yes` to seal them")? {
        return Err(Failure::new("nothing was sealed", Exit::Error));
    }
    let values: Vec<_> = values.iter().map(|(name, value)| (name, *value)).collect();
    seal_all(workspace, &keys, &values, Declare::Leave, ui)?;
    ui.note(&format!(
        "sealed {changes} for {}; `{}` still holds the values: remove it when you do not need it",
        keys.readers(workspace.vault(), &folder),
        args.file
    ));
    Ok(Exit::Done)
}

fn read(file: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let limit = MAX_FILE as u64 + 1;
    let read = if file == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The last value of each name, in the order of the names.
fn values<'a>(
    dotenv: &'a DotEnv,
    folder: Option<&str>,
) -> Result<Vec<(SecretName, &'a SecretValue)>, Failure> {
    let mut names: Vec<&VarName> = dotenv.entries().iter().map(|entry| &entry.name).collect();
    names.sort();
    names.dedup();
    let value = |variable: &'a VarName| {
        Ok((
            name(variable.as_str(), folder)?,
            dotenv.get(variable).expect("it is an entry's name"),
        ))
    };
    names.into_iter().map(value).collect()
}

fn plan(
    values: &[(SecretName, &SecretValue)],
    workspace: &Workspace<'_>,
    keys: &FolderKeys,
) -> Result<Vec<(SecretName, Sealed)>, Failure> {
    let mut opener = keys.opener(workspace.vault());
    let mut rows = Vec::with_capacity(values.len());
    for (name, value) in values {
        let found = opener.open(name);
        let found =
            found.map_err(|error| Failure::of(format!("cannot compare with `{name}`"), &error))?;
        rows.push((name.clone(), compare(found.as_ref(), value)));
    }
    Ok(rows)
}

/// Says what about the file may surprise.
fn warn(dotenv: &DotEnv, file: &str, ui: &Ui) {
    for duplicate in dotenv.duplicates() {
        let lines: Vec<_> = duplicate.lines.iter().map(ToString::to_string).collect();
        let name = &duplicate.name;
        ui.warn(&format!(
            "`{name}` stands on lines {}; the last one counts",
            lines.join(", ")
        ));
    }
    for disagreement in dotenv.disagreements() {
        let readers: Vec<_> = disagreement
            .readers
            .iter()
            .map(ToString::to_string)
            .collect();
        ui.warn(&format!(
            "`{file}`, line {}: {} would read another value of `{}`",
            disagreement.line,
            readers.join(", "),
            disagreement.name
        ));
    }
    for name in dotenv
        .entries()
        .iter()
        .map(|entry| &entry.name)
        .filter(|name| name.steers())
    {
        ui.warn(&format!(
            "`env exec` never sets `{name}`: it changes what a program runs"
        ));
    }
}
