//! `hoziron vault diff`: what differs between two states of the vault, as facts; values on request, and
//! on a terminal only, where each has passed what `get` asks of it. Writes nothing.

use std::io::IsTerminal;
use std::path::Path;

use clap::Args as ClapArgs;

use crate::cli::args::{Folder, Reading};
use crate::cli::failure::{Exit, Failure, sentence};
use crate::cli::past::{self, Sight};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace, name};
use crate::domain::{FolderName, SecretName, SecretValue};
use crate::git::{Change, Difference, Standing, State, differences};
use crate::people::{FolderKeys, OpenError};
use crate::repository::Repository;
use crate::vault::Target;

const WHAT: &str = "cannot compare";

/// Print what differs from a commit, or between two
///
/// Without REV: what is not committed yet. REV: from that commit to what is there now. REV..REV: from
/// one to the other. A value is shown as a mark that is the same for equal values, to you alone.
/// `--reveal` shows which lines differ, or which parts of a JSON value, on a terminal only.
///
/// Example: hoziron vault diff prod/API_KEY HEAD~3 --reveal
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name; all secrets if it is left out
    #[arg(value_name = "NAME")]
    first: Option<String>,
    /// A commit, or two: `main..side`
    #[arg(value_name = "REV[..REV]")]
    second: Option<String>,
    /// Show the values, on a terminal
    #[arg(long, conflicts_with = "json")]
    reveal: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    if args.reveal && !std::io::stdout().is_terminal() {
        return Err(Failure::new("values are not shown", Exit::Error)
            .cause("stdout is not a terminal, and what is shown would be kept")
            .hint("leave `--reveal` out, or print one value: `hoziron vault get NAME`"));
    }
    let (repository, home) = past::repository(workspace, WHAT)?;
    let asked = Asked::read(args, workspace, &repository, &home)?;
    let folders: Vec<_> = asked.name.iter().map(SecretName::folder).collect();
    let sight = Sight::find(workspace, &folders, args.reading, WHAT, ui)?;
    let found = differences(
        &repository,
        workspace.vault(),
        &home,
        [&asked.from, &asked.to],
        |name| asked.takes(name),
        &sight.eye(workspace),
    );
    let found = found.map_err(|error| Failure::of(WHAT, &error))?;
    let marks = sight.has_marks();
    if args.json {
        let commit = |state: &State| match state {
            State::Commit(commit) => Some(commit.to_string()),
            State::WorkTree => None,
        };
        let (from, to) = (commit(&asked.from), commit(&asked.to));
        ui.out(&render::history::differences_json(&found, from, to, marks))?;
    } else if found.is_empty() {
        ui.note("nothing differs");
    } else {
        ui.out(&render::history::differences(&found, marks))?;
    }
    let mut whole = true;
    if args.reveal {
        let keys = sight.keys.as_ref().ok_or_else(|| {
            Failure::new("no value can be shown", Exit::NoIdentity)
                .cause("none of your identities opens the vault's keys")
        })?;
        for one in &found {
            whole &= reveal(one, &asked, keys, workspace, ui)?;
        }
    }
    let refused = |one: &Difference| {
        let mut looks = one.looks.iter().flatten();
        looks.any(|look| matches!(look.standing, Standing::Refused(_)))
    };
    if !whole || found.iter().any(refused) {
        return Ok(Exit::Untrusted);
    }
    Ok(Exit::Done)
}

/// What is to be compared.
struct Asked {
    name: Option<SecretName>,
    // Of all secrets, those in it and below it.
    folder: Option<FolderName>,
    from: State,
    to: State,
}

impl Asked {
    /// A word alone is a name if there is, or was, such a secret; else it is a commit.
    fn read(
        args: &Args,
        workspace: &Workspace<'_>,
        repository: &Repository,
        home: &Path,
    ) -> Result<Self, Failure> {
        let profile = args.folder.profile.as_deref();
        let parse = |text: &str| name(text, profile);
        let (named, range) = match (&args.first, &args.second) {
            (None, _) => (None, None),
            (Some(first), Some(second)) => (Some(parse(first)?), Some(second.as_str())),
            (Some(first), None) => match parse(first) {
                Ok(name) if is_known(&name, workspace, repository, home)? => (Some(name), None),
                // It may be a value, and is not shown.
                Err(failure) if first.contains('=') => return Err(failure),
                _ => (None, Some(first.as_str())),
            },
        };
        let commit = |revision: &str| {
            let revision = if revision.is_empty() {
                "HEAD"
            } else {
                revision
            };
            let found = repository.commit(revision);
            let found = found.map_err(|error| Failure::of(WHAT, &error))?;
            found.map(State::Commit).ok_or_else(|| {
                // What was typed may be a value.
                let cause = match named {
                    Some(_) => "git knows no such commit",
                    None => "it is no secret's name, and git knows no such commit",
                };
                Failure::new(WHAT, Exit::Error).cause(cause)
            })
        };
        let (from, to) = match range {
            None => (commit("HEAD")?, State::WorkTree),
            Some(range) => match range.split_once("..") {
                None => (commit(range)?, State::WorkTree),
                Some((from, to)) => (commit(from)?, commit(to)?),
            },
        };
        Ok(Self {
            name: named,
            folder: profile.map(workspace::folder).transpose()?,
            from,
            to,
        })
    }
}

impl Asked {
    fn takes(&self, name: &SecretName) -> bool {
        match (&self.name, &self.folder) {
            (Some(only), _) => only == name,
            (None, Some(folder)) => folder.holds(&name.folder()),
            (None, None) => true,
        }
    }
}

fn is_known(
    name: &SecretName,
    workspace: &Workspace<'_>,
    repository: &Repository,
    home: &Path,
) -> Result<bool, Failure> {
    let there = workspace.vault().has(name);
    if there.map_err(|error| Failure::of(WHAT, &error))? {
        return Ok(true);
    }
    let path = home.join(Target::Sealed(name.clone()).path());
    let Some(head) = repository
        .head()
        .map_err(|error| Failure::of(WHAT, &error))?
    else {
        return Ok(false);
    };
    let steps = repository.steps(&head, &path, Some(1));
    let steps = steps.map_err(|error| Failure::of(WHAT, &error))?;
    Ok(!steps.is_empty())
}

/// Shows the values of one secret; says whether both may be handed out.
fn reveal(
    one: &Difference,
    asked: &Asked,
    keys: &FolderKeys,
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<bool, Failure> {
    let name = &one.name;
    if one.change == Change::Resealed {
        return Ok(true);
    }
    let open = |state: &State, file: &Option<Vec<u8>>| -> Result<Option<SecretValue>, OpenError> {
        let Some(file) = file else { return Ok(None) };
        let mut opener = keys.opener(workspace.vault());
        // What is in the work tree is compared with what this user has seen; a commit was asked for.
        let opened = match state {
            State::Commit(_) => Some(opener.open_file(file, name)?),
            State::WorkTree => opener.open(name)?,
        };
        Ok(opened.map(|(value, _)| value.into_inner()))
    };
    let values = open(&asked.from, &one.files[0])
        .and_then(|from| Ok((from, open(&asked.to, &one.files[1])?)));
    ui.out(&format!("\n{name}"))?;
    match values {
        Ok((from, to)) => {
            match render::values::difference(from.as_ref(), to.as_ref()) {
                Some(shown) => ui.out_value(&shown)?,
                None => ui.note("it is not text, and is not shown"),
            }
            Ok(true)
        }
        Err(error) => {
            ui.warn(&format!(
                "the values of `{name}` are not shown; {}",
                sentence(&error)
            ));
            Ok(false)
        }
    }
}
