//! `hoziron vault import`: seals every value of somebody's file, all of them or none. Shows first, by
//! name, what would be new, what would change and what does not fit; the same file again changes
//! nothing.

use std::collections::BTreeMap;

use clap::{Args as ClapArgs, builder::PossibleValuesParser};

use crate::cli::args::Folder;
use crate::cli::command::vault::incoming::{self, FORMATS};
use crate::cli::command::vault::recipients_from::{self, Consent};
use crate::cli::command::vault::seal::{Along, Declare, Sealed, compare, seal_all};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};
use crate::domain::{FolderName, SecretName, SecretValue, VarName};
use crate::input::naming::Naming;
use crate::people::FolderKeys;
use crate::sops::Check;

/// Seal every value of a file that another tool wrote
///
/// Reads sops files (with the private keys you have), `.env`, json, yaml, toml and ini, and a folder
/// of age files. Nested keys become folders. What does not fit (lists, nulls, names) is listed and
/// left out. In `.env` files `$` is literal, nothing is expanded; where another reader would read a
/// different value, the line is named. Asks before it writes; all values are sealed, or none.
///
/// With `--recipients-from`, the public keys in a `.sops.yaml` become recipient files, named after the
/// anchors and comments there, else `sops-N`; what is not carried over is listed.
///
/// Example: hoziron vault import secrets.enc.yaml --dry-run
#[derive(ClapArgs)]
pub struct Args {
    /// The file or folder, or - for stdin
    #[arg(required_unless_present = "recipients_from")]
    file: Option<String>,
    /// Write recipient files for the keys in a `.sops.yaml`, and import no values
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "file", "format", "ignore_mac", "map", "prefix", "profile", "separator", "trim",
    ])]
    recipients_from: Option<String>,
    /// How it is written; without this its content and its name say so
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(FORMATS))]
    format: Option<String>,
    /// Seal the value of KEY (nested: `a.b`) as NAME (may be repeated)
    #[arg(long, value_name = "KEY=NAME", value_parser = mapping)]
    map: Vec<(String, String)>,
    /// Put this in front of every name
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,
    /// Join nested keys with this
    #[arg(long, value_name = "TEXT", default_value = "/")]
    separator: String,
    /// Take one line end off the end of every value
    #[arg(long)]
    trim: bool,
    /// Go on if the MAC of a sops file is missing or does not fit
    #[arg(long)]
    ignore_mac: bool,
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
    if let Some(config) = &args.recipients_from {
        let consent = match (args.dry_run, args.yes) {
            (true, _) => Consent::Never,
            (_, true) => Consent::Yes,
            _ => Consent::Ask,
        };
        return recipients_from::run(config, consent, workspace, ui);
    }
    let file = args.file.as_deref().unwrap_or("-");
    let what = || format!("cannot import `{file}`");
    // Keys first: hoziron may start over for a plugin, and a pipe is read once.
    let folder = match &args.folder.profile {
        Some(profile) => workspace::folder(profile)?,
        None => FolderName::top(),
    };
    let keys = workspace.keys(std::slice::from_ref(&folder), ui)?;
    let (mut keyring, _) = workspace.keyring(ui)?;
    let check = match args.ignore_mac {
        true => Check::Skip,
        false => Check::Verify,
    };
    let format = args.format.as_deref();
    let items = incoming::read(file, format, check, &mut keyring, ui)?;
    let naming = Naming {
        folder: folder.clone(),
        map: args.map.iter().cloned().collect(),
        prefix: args.prefix.clone(),
        separator: args.separator.clone(),
    };
    let mut names = naming
        .names(items)
        .map_err(|error| Failure::of(what(), &error))?;
    trim(&mut names.values, args.trim, ui);
    warn(names.values.keys(), ui);
    let rows = plan(&names.values, workspace, &keys)?;

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
    for misfit in &names.misfits {
        ui.out(&format!("  ! {}  {}", misfit.path, misfit.why))?;
    }
    ui.note(&summary(changes, rows.len() - changes, names.misfits.len()));
    if changes == 0 || args.dry_run {
        return Ok(Exit::Done);
    }
    if !args.yes && !ui.ask("seal these values?", "add `--yes` to seal them")? {
        return Err(Failure::new("nothing was sealed", Exit::Error));
    }
    let values: Vec<_> = names.values.iter().collect();
    let along = Along {
        declare: Declare::Leave,
        taken: &[],
    };
    seal_all(workspace, &keys, &values, along, ui)?;
    ui.note(&format!(
        "sealed {changes} for {}; `{file}` still holds the values: remove it when you do not need it",
        keys.readers(workspace.vault(), &folder),
    ));
    Ok(Exit::Done)
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once('=').filter(|(_, name)| !name.is_empty());
    let (key, name) = parts.ok_or("it is not of the form KEY=NAME")?;
    Ok((key.to_owned(), name.to_owned()))
}

fn summary(changes: usize, unchanged: usize, misfits: usize) -> String {
    let mut text = format!("{changes} to seal, {unchanged} unchanged");
    if misfits > 0 {
        text.push_str(&format!(
            ", {misfits} left out; a name that does not fit can be given with `--map KEY=NAME`"
        ));
    }
    text
}

/// Values that were made with an editor end in a line end that nobody means.
fn trim(values: &mut BTreeMap<SecretName, SecretValue>, wanted: bool, ui: &Ui) {
    let mut ending = 0;
    for value in values.values_mut() {
        let Some(text) = value.without_line_end() else {
            continue;
        };
        ending += 1;
        if wanted {
            *value = text;
        }
    }
    if ending > 0 && !wanted {
        ui.warn(&format!(
            "{ending} of the values end with a line end, which is kept; `--trim` takes it off"
        ));
    }
}

fn plan(
    values: &BTreeMap<SecretName, SecretValue>,
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

/// Says which names no program will get.
fn warn<'a>(names: impl Iterator<Item = &'a SecretName>, ui: &Ui) {
    let variables = names.filter_map(|name| VarName::parse(name.key()).ok());
    for name in variables.filter(VarName::steers) {
        ui.warn(&format!(
            "`env exec` never sets `{name}`: it changes what a program runs"
        ));
    }
}
