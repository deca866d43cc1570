//! `hoziron vault resolve`: finishes the merges of sealed files, all of them with one unlock. A value
//! that only one side changed is taken; of what both changed, a person's choice. What was chosen is
//! sealed anew and staged in git; what nobody has chosen stays as it is, with both sides in it.

mod sides;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::editing::Edited;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::SecretName;
use crate::repository::{Around, Repository, Stages, Unmerged};
use crate::sealed::{Content, FramingError, SealedError, read_facts};
use crate::vault::Target;
use sides::{Choice, Desk, Outcome};

const WHAT: &str = "cannot resolve";

/// What git remembers the other side by until the merge is committed.
const GOING_ON: [&str; 4] = [
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
];

/// Choose between the two sides of a merge
///
/// Takes what git has left unmerged, also if it was staged too early, and what was committed with both
/// sides in it, or with the marks of a merge. What only one side changed needs no choice. The result
/// is staged. Without names and without `--all`, shows what is unresolved.
///
/// Example: hoziron vault resolve STRIPE_API_KEY --theirs
#[derive(ClapArgs)]
pub struct Args {
    /// The secrets' names
    names: Vec<String>,
    /// Everything that is unresolved
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Where both changed the value, take ours
    #[arg(long, group = "choice")]
    ours: bool,
    /// Where both changed the value, take theirs
    #[arg(long, group = "choice")]
    theirs: bool,
    /// Where both changed the value, take the one that was set last
    #[arg(long, group = "choice")]
    newest: bool,
    /// Where both changed the value, open both in your editor, as `vault edit` does
    #[arg(long, group = "choice")]
    edit: bool,
    #[command(flatten)]
    folder: Folder,
}

impl Args {
    fn choice(&self) -> Option<Choice> {
        match () {
            () if self.ours => Some(Choice::Ours),
            () if self.theirs => Some(Choice::Theirs),
            () if self.newest => Some(Choice::Newest),
            () if self.edit => Some(Choice::Edit),
            () => None,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let environment = workspace.environment();
    let variables = environment.variables();
    let repository = Repository::discover(workspace.home(), Around::Folder, variables)
        .map_err(|error| Failure::of(WHAT, &error))?;
    let stages = match &repository {
        Some(repository) => stages(args, repository, workspace)?,
        None => BTreeMap::new(),
    };
    let names = names(args, &stages, workspace)?;
    if names.is_empty() {
        ui.note("nothing is unresolved");
        return Ok(Exit::Done);
    }
    let folders: Vec<_> = names.iter().map(SecretName::folder).collect();
    let keys = workspace.keys(&folders, ui)?;
    let choice = args.choice();
    if choice == Some(Choice::Edit) {
        // Others may write while the editor is open.
        workspace.let_go();
    }
    let desk = Desk {
        workspace,
        repository: repository.as_ref(),
        keys: &keys,
        choice,
        ui,
    };
    let mut resolved = Vec::new();
    if let Err(failure) = decide(names, &stages, &desk, &mut resolved) {
        return Err(kept(
            resolved.into_iter().filter_map(Resolved::edited),
            failure,
        ));
    }
    if !args.all && args.names.is_empty() {
        ui.note(
            "to resolve it: `hoziron vault resolve --all`, with `--ours`, `--theirs`, `--newest` or `--edit`",
        );
        return Ok(Exit::Error);
    }
    let open = resolved
        .iter()
        .any(|one| matches!(one.outcome, Outcome::Open(_)));
    write(resolved, repository.as_ref(), workspace, ui)?;
    if open {
        ui.note("choose with `--ours`, `--theirs`, `--newest` or `--edit`");
        return Ok(Exit::Error);
    }
    Ok(Exit::Done)
}

/// Decides what each secret will be. What was decided stays in `resolved` on failure: a person may
/// have written it.
fn decide(
    names: Vec<SecretName>,
    stages: &BTreeMap<SecretName, Stages>,
    desk: &Desk<'_>,
    resolved: &mut Vec<Resolved>,
) -> Result<(), Failure> {
    for name in names {
        let there = desk.workspace.vault().read(&name);
        let there = there.map_err(|error| Failure::of(WHAT, &error))?;
        let outcome = match stages.get(&name) {
            Some(stages) => desk.of_stages(&name, stages)?,
            None => desk.of_file(&name, there.as_deref())?,
        };
        if let Outcome::Open(sides) = &outcome {
            desk.ui.out(name.as_str())?;
            let mut sides = sides.iter();
            sides.try_for_each(|side| desk.ui.out(&format!("  {side}")))?;
        }
        resolved.push(Resolved {
            name,
            there,
            outcome,
        });
    }
    Ok(())
}

/// Keeps texts that somebody wrote, and says where they are.
fn kept(texts: impl Iterator<Item = Edited>, failure: Failure) -> Failure {
    texts.map(Edited::kept).fold(failure, Failure::hint)
}

/// The sides that git has. Those that were staged already are asked for by name only: a path that was
/// resolved has them as well.
fn stages(
    args: &Args,
    repository: &Repository,
    workspace: &Workspace<'_>,
) -> Result<BTreeMap<SecretName, Stages>, Failure> {
    let Some(home) = repository.relative(workspace.home()) else {
        return Ok(BTreeMap::new());
    };
    let ask = |which| {
        let paths = repository.unmerged(which);
        paths.map_err(|error| Failure::of(WHAT, &error))
    };
    // Git lists them for longer than it needs them: a merge that was committed is over.
    let going_on = |revision: &&str| matches!(repository.commit(revision), Ok(Some(_)));
    let mut paths = if !args.names.is_empty() && GOING_ON.iter().any(going_on) {
        ask(Unmerged::Staged)?
    } else {
        BTreeMap::new()
    };
    paths.extend(ask(Unmerged::Open)?);
    let named = |(path, stages): (PathBuf, Stages)| {
        let inside = path.strip_prefix(&home).ok()?.to_str()?;
        match Target::parse(inside)? {
            Target::Sealed(name) => Some((name, stages)),
            _ => None,
        }
    };
    Ok(paths.into_iter().filter_map(named).collect())
}

/// What is asked for, or all that is unresolved: in git's index, or sealed with both sides in it.
fn names(
    args: &Args,
    stages: &BTreeMap<SecretName, Stages>,
    workspace: &Workspace<'_>,
) -> Result<Vec<SecretName>, Failure> {
    if !args.names.is_empty() {
        let profile = args.folder.profile.as_deref();
        return args.names.iter().map(|text| name(text, profile)).collect();
    }
    let vault = workspace.vault();
    let inventory = vault.inventory();
    let inventory = inventory.map_err(|error| Failure::of(WHAT, &error))?;
    let holds_both = |name: &SecretName| {
        let file = vault.read(name).ok().flatten();
        file.is_some_and(|file| match read_facts(&file) {
            Ok(facts) => facts.content == Content::Conflict,
            Err(error) => error == SealedError::Damaged(FramingError::Markers),
        })
    };
    let committed = inventory.names.into_iter().filter(holds_both);
    let mut names: Vec<_> = stages.keys().cloned().chain(committed).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// A secret, what was at its place, and what it will be.
struct Resolved {
    name: SecretName,
    there: Option<Vec<u8>>,
    outcome: Outcome,
}

impl Resolved {
    fn edited(self) -> Option<Edited> {
        match self.outcome {
            Outcome::Edited(_, text) => Some(text),
            _ => None,
        }
    }
}

fn write(
    resolved: Vec<Resolved>,
    repository: Option<&Repository>,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<(), Failure> {
    let mut edited = Vec::new();
    let written = stage_all(resolved, &mut edited, repository, workspace, ui);
    written.map_err(|failure| kept(edited.into_iter(), failure))
}

/// Seals all of it. A text that somebody wrote is put into `edited`, lest it be lost on failure.
fn stage_all(
    resolved: Vec<Resolved>,
    edited: &mut Vec<Edited>,
    repository: Option<&Repository>,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<(), Failure> {
    let mut files = Vec::new();
    let mut marks = Vec::new();
    let mut changes = Vec::new();
    for Resolved {
        name,
        there,
        outcome,
    } in resolved
    {
        let file = match outcome {
            Outcome::Edited(file, text) => {
                edited.push(text);
                Some(file)
            }
            Outcome::File(file) => Some(file),
            Outcome::Gone => None,
            Outcome::Open(_) => continue,
        };
        changes.push((name, there, file));
    }
    let mut locked = workspace.lock(ui)?;
    for (name, there, file) in changes {
        let target = Target::Sealed(name.clone());
        let now = locked.vault().read(&name);
        if now.map_err(|error| Failure::of(WHAT, &error))? != there {
            return Err(Failure::new(format!("{WHAT} `{name}`"), Exit::Error)
                .cause("it was changed in the meantime")
                .hint("look at it again: `hoziron vault resolve`"));
        }
        let staged = match &file {
            Some(file) => {
                let facts = read_facts(file).map_err(|error| Failure::of(WHAT, &error))?;
                marks.push((name, Some(facts.revision)));
                locked.put(target.clone(), file.clone())
            }
            None => {
                marks.push((name, None));
                match there {
                    Some(_) => locked.remove(target.clone()),
                    None => Ok(()),
                }
            }
        };
        staged.map_err(|error| Failure::of(WHAT, &error))?;
        files.push((target.path(), file));
    }
    locked.commit().map_err(|error| Failure::of(WHAT, &error))?;
    workspace.remember(
        |seen| {
            marks.iter().fold(false, |rose, (name, revision)| {
                rose | match revision {
                    Some(revision) => seen.raise(name, *revision),
                    None => seen.remove(name, None),
                }
            })
        },
        ui,
    );
    let home = repository.and_then(|repository| repository.relative(workspace.home()));
    if let (Some(repository), Some(home)) = (repository, home) {
        let files = files.into_iter();
        let files: Vec<_> = files
            .map(|(path, bytes)| (home.join(path), bytes))
            .collect();
        let staged = repository.stage(&files);
        staged.map_err(|error| Failure::of("resolved, but not staged in git", &error))?;
    }
    for (name, revision) in marks {
        let did = if revision.is_some() {
            "resolved"
        } else {
            "removed"
        };
        ui.note(&format!("{did} `{name}`"));
    }
    Ok(())
}
