//! `hoziron vault restore`: seals a value from git's history as a new revision, so that nobody else has
//! to do anything. What somebody who has left may have made is taken only from a version that was
//! named; a version that does not open is passed over, and said.

use clap::Args as ClapArgs;
use jiff::Timestamp;

use crate::cli::args::Folder;
use crate::cli::command::vault::seal::{Sealed, compare, seal_former};
use crate::cli::failure::{Exit, Failure, sentence};
use crate::cli::past::{self, short};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::SecretName;
use crate::people::{FolderKeys, OpenError, Opened, Stale};
use crate::repository::{GitError, Order, Repository};
use crate::sealed::MAX_FILE;
use crate::vault::Target;

/// Bring an earlier value back from git
///
/// Without REV: the last value before the present one, or the last one there was. It is sealed as a
/// new revision for those who may read now; the value keeps its age. Checking an old file out
/// instead would look like somebody rolled it back.
///
/// Example: hoziron vault restore prod/API_KEY HEAD~3
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name
    name: String,
    /// A commit that has the value
    #[arg(value_name = "REV")]
    revision: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = || format!("cannot restore `{name}`");
    let history = History::find(&name, workspace)?;
    let keys = workspace.keys(&[name.folder()], ui)?;
    let present = keys.opener(workspace.vault()).open(&name).ok().flatten();
    let former = match &args.revision {
        Some(revision) => history.at(revision, &keys, workspace)?,
        None => history.before(present.as_ref(), &keys, workspace, ui)?,
    };
    let (value, _) = &former.opened;
    if compare(present.as_ref(), value.get()) == Sealed::Unchanged {
        ui.note(&format!("`{name}` is unchanged: it has that value"));
        return Ok(Exit::Done);
    }
    let readers = keys.readers(workspace.vault(), &name.folder());
    seal_former(workspace, &keys, &name, &former.opened, ui).map_err(|failure| Failure {
        what: what(),
        ..failure
    })?;
    ui.note(&format!(
        "sealed `{name}` as commit {} has it for {readers}",
        former.told
    ));
    Ok(Exit::Done)
}

/// What git has of one secret.
struct History<'a> {
    name: &'a SecretName,
    repository: Repository,
    path: std::path::PathBuf,
}

/// A value that was there before.
struct Former {
    opened: Opened,
    // The commit, and when it was made if that is known.
    told: String,
}

impl<'a> History<'a> {
    fn find(name: &'a SecretName, workspace: &Workspace<'_>) -> Result<Self, Failure> {
        let (repository, home) = past::repository(workspace, &format!("cannot restore `{name}`"))?;
        let path = home.join(Target::Sealed(name.clone()).path());
        Ok(Self {
            name,
            repository,
            path,
        })
    }

    /// The value that a commit has, which a person has named.
    fn at(
        &self,
        revision: &str,
        keys: &FolderKeys,
        workspace: &Workspace<'_>,
    ) -> Result<Former, Failure> {
        let nothing = |why: &str| {
            Failure::new(format!("cannot restore `{}`", self.name), Exit::Error).cause(why)
        };
        let commit = self.repository.commit(revision);
        let commit = commit.map_err(|error| failed(self.name, &error))?;
        let commit = commit.ok_or_else(|| nothing("git knows no such commit"))?;
        let file = self
            .repository
            .file_at(&commit, &self.path, MAX_FILE as u64)
            .map_err(|error| failed(self.name, &error))?;
        let file = file.ok_or_else(|| nothing("that commit has no such secret"))?;
        let opener = keys.opener_of(workspace.vault(), Stale::Allow);
        let opened = opener.open_file(&file, self.name);
        Ok(Former {
            opened: opened.map_err(|error| Failure::of(nothing("").what, &error))?,
            told: short(&commit),
        })
    }

    /// The last value before the present one.
    fn before(
        &self,
        present: Option<&Opened>,
        keys: &FolderKeys,
        workspace: &Workspace<'_>,
        ui: &Ui,
    ) -> Result<Former, Failure> {
        let name = self.name;
        let what = || format!("cannot restore `{name}`");
        let none = || Failure::new(what(), Exit::Error).cause("git has no other value of it");
        let there = workspace.vault().read(name);
        let there = there.map_err(|error| Failure::of(what(), &error))?;
        let head = self
            .repository
            .head()
            .map_err(|error| failed(name, &error))?;
        let head = head.ok_or_else(none)?;
        let versions = self
            .repository
            .versions(&head, &self.path, Order::NewestFirst)
            .map_err(|error| failed(name, &error))?;
        let opener = keys.opener(workspace.vault());
        for version in versions {
            let Some(blob) = &version.blob else { continue };
            let file = self.repository.blob(blob, MAX_FILE as u64);
            let Some(file) = file.map_err(|error| failed(name, &error))? else {
                continue;
            };
            if there.as_ref() == Some(&file) {
                continue;
            }
            let commit = short(&version.commit);
            match opener.open_file(&file, name) {
                Ok((value, _)) if compare(present, value.get()) == Sealed::Unchanged => {}
                Ok(opened) => {
                    let time = i64::try_from(version.time).unwrap_or(i64::MAX);
                    let day = Timestamp::from_second(time)
                        .map(|time| format!(" ({})", time.strftime("%Y-%m-%d")));
                    let told = format!("{commit}{}", day.unwrap_or_default());
                    return Ok(Former { opened, told });
                }
                Err(error @ OpenError::Sealed(_)) => ui.warn(&format!(
                    "what commit {commit} has is passed over; {}",
                    sentence(&error)
                )),
                Err(error) => {
                    let mut failure = Failure::of(what(), &error);
                    failure.hints = vec![format!(
                        "if what commit {commit} has is what it should be, name it: `hoziron vault restore {name} {commit}`"
                    )];
                    return Err(failure);
                }
            }
        }
        Err(none())
    }
}

fn failed(name: &SecretName, error: &GitError) -> Failure {
    Failure::of(format!("cannot restore `{name}`"), error)
}
