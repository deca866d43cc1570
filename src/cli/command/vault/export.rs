//! `hoziron vault export`: writes the values as a file that other tools read, sealed (sops, age) or in
//! the open. Changes nothing in the vault; only the export goes to stdout.

use std::path::PathBuf;

use clap::{Args as ClapArgs, builder::PossibleValuesParser};

use crate::cli::args::Folder;
use crate::cli::command::vault::outgoing::{FORMATS, Kind, Outgoing, Output};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};
use crate::domain::FolderName;

/// Write the values as a file that other tools read
///
/// The formats of sops are sealed to the readers; what did not change since the last export stays as it
/// is in the file; sops-binary is a file that is one value. age-dir is the way out of hoziron: plain age files and a page on
/// how to open them. dotenv, json, yaml and toml hold the values in the open. Folders become maps. A
/// value that a format cannot carry is refused by name, never altered.
///
/// Example: hoziron vault export --format sops-yaml --output secrets.enc.yaml
#[derive(ClapArgs)]
pub struct Args {
    /// How to write it
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(FORMATS))]
    format: String,
    /// The file, or the folder for age-dir; stdout without this
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Write over a file that git tracks or another tool made
    #[arg(long)]
    force: bool,
    /// Join the names of folders and keys with this, instead of nesting
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    /// Write a `.sops.yaml` beside the file that names the same recipients
    #[arg(long, requires = "output")]
    write_sops_config: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let kind = Kind::parse(&args.format);
    if kind == Kind::AgeDir && args.output.is_none() {
        return Err(Failure::new("no folder to write to", Exit::Usage)
            .hint("name it: `hoziron vault export --format age-dir --output FOLDER`"));
    }
    let folder = match &args.folder.profile {
        Some(profile) => workspace::folder(profile)?,
        None => FolderName::top(),
    };
    let keys = workspace.keys(std::slice::from_ref(&folder), ui)?;
    let mut outgoing = Outgoing::open(workspace.vault(), &keys, &folder)?;
    let Some(path) = &args.output else {
        let text = outgoing.text(kind, args.separator.as_deref(), None)?;
        ui.out_value(&text.expect("only a file that is there can say the same"))?;
        return Ok(Exit::Done);
    };
    let output = Output {
        path,
        force: args.force,
        variables: workspace.environment().variables(),
    };
    if kind == Kind::AgeDir {
        let count = outgoing.age_dir(&output)?;
        ui.note(&format!("wrote {count} files below `{}`", path.display()));
        return Ok(Exit::Done);
    }
    let (keyring, _) = workspace.keyring(ui)?;
    let changed = output.write(&mut outgoing, kind, args.separator.as_deref(), &keyring)?;
    let readers = outgoing.readers();
    ui.note(&match (changed, kind.is_sealed()) {
        (false, _) => format!(
            "`{}` holds these values already; not touched",
            path.display()
        ),
        (true, true) => format!("wrote `{}` for {readers}", path.display()),
        (true, false) => format!("wrote `{}`, in the open", path.display()),
    });
    if args.write_sops_config && kind.is_sealed() {
        output.sops_config(&outgoing, ui)?;
    }
    Ok(Exit::Done)
}
