//! `hoziron vault members remove`: removes a recipient file. Until `apply` its owner reads as before;
//! what he has read cannot be unread. Refuses what would leave nobody, or a list that names nobody.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::own_key::parse_reader;
use crate::cli::people::{Edit, NEXT, access, edit};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{FolderName, ReaderName, Readers};
use crate::manifest::Manifest;
use crate::people::{Directory, DirectoryError};
use crate::vault::Target;

/// Remove a person or machine
///
/// Removes the recipient file. The next `hoziron apply` makes new keys, and says which values have to
/// be changed because they were seen.
///
/// Example: hoziron vault members remove bob --yes
#[derive(ClapArgs)]
pub struct Args {
    /// Who leaves
    name: String,
    /// Remove without a question
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = parse_reader(&args.name)?;
    let place = Target::Recipient(name.clone());
    if !args.yes && !ui.ask(&format!("remove `{name}`?"), "add `--yes` to remove it")? {
        return Err(Failure::new(
            format!("`{place}` was left as it was"),
            Exit::Error,
        ));
    }
    edit(
        workspace,
        &name,
        |directory, manifest| decide(&name, directory, manifest),
        ui,
    )?;
    ui.note(&format!("removed `{place}`; {NEXT}"));
    ui.note(&format!(
        "what `{name}` has seen: `hoziron vault exposure {name}`"
    ));
    Ok(Exit::Done)
}

fn decide(name: &ReaderName, directory: &Directory, manifest: &Manifest) -> Result<Edit, Failure> {
    let what = || format!("cannot remove `{name}`");
    if directory.of(name).is_none() {
        return Err(Failure::new(what(), Exit::Error)
            .cause("there is no such recipient file")
            .hint("`hoziron vault members list` shows the names"));
    }
    let access = access(manifest);
    let dangling = directory.dangling_without(access, name);
    if !dangling.is_empty() {
        let failure = Failure::new(what(), Exit::Error)
            .hint("take it out of `hoziron.toml` first, then run the command again");
        let causes = dangling.into_iter().map(|(place, member)| {
            format!("`{member}` is named in `{place}`, and would be nobody any more")
        });
        return Err(causes.fold(failure, Failure::cause));
    }
    let before = directory.desired(access).unwrap_or_default();
    let after = match directory.clone().with(name, None).desired(access) {
        Ok(after) => after,
        Err(errors) => {
            let mut failure = Failure::new(what(), Exit::Error);
            for error in errors {
                failure = failure.cause(match error {
                    DirectoryError::Readers { folder, .. } => nobody(&folder, "read"),
                    other => other.to_string(),
                });
            }
            return Err(failure.hint("add somebody else first: `hoziron vault members add`"));
        }
    };
    let signed = |readers: &Readers| readers.iter().any(|reader| reader.signing.is_some());
    let unsigned = after
        .iter()
        .find(|(folder, readers)| !signed(readers) && before.get(*folder).is_some_and(signed));
    if let Some((folder, _)) = unsigned {
        return Err(Failure::new(what(), Exit::Error)
            .cause(nobody(folder, "change the readers of"))
            .hint("somebody else who reads it runs `hoziron vault join` first"));
    }
    Ok(Edit::Remove)
}

fn nobody(folder: &FolderName, verb: &str) -> String {
    if folder.is_top() {
        format!("nobody would be left who may {verb} the vault")
    } else {
        format!("nobody would be left who may {verb} `{folder}`")
    }
}
