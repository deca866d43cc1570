//! `hoziron vault resolve`: finishes the merges of sealed files, all of them with one unlock. A value
//! that only one side changed is taken; of what both changed, a person's choice. What was chosen is
//! sealed anew and staged in git; what nobody has chosen stays as it is, with both sides in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use jiff::Timestamp;

use crate::cli::args::Folder;
use crate::cli::command::vault::now;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::SecretName;
use crate::git::{MergeError, Merged, Side, Sides, sides};
use crate::people::FolderKeys;
use crate::repository::{Around, Repository, Stages, Unmerged};
use crate::sealed::{self, Content, Facts, MAX_FILE, read_facts};
use crate::vault::Target;

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
/// sides in it. What only one side changed needs no choice. The result is staged. Without names and
/// without `--all`, shows what is unresolved.
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
    #[command(flatten)]
    folder: Folder,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Newest,
    Ours,
    Theirs,
}

impl Args {
    fn choice(&self) -> Option<Choice> {
        match () {
            () if self.ours => Some(Choice::Ours),
            () if self.theirs => Some(Choice::Theirs),
            () if self.newest => Some(Choice::Newest),
            () => None,
        }
    }
}

/// What a secret will be.
enum Outcome {
    /// This file.
    File(Vec<u8>),
    /// Gone.
    Gone,
    /// Somebody must choose; a line for each side.
    Open(Vec<String>),
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
    let mut outcomes = Vec::new();
    let mut open = 0;
    for name in names {
        let outcome = match stages.get(&name) {
            Some(stages) => {
                let repository = repository.as_ref().expect("stages are a repository's");
                from_stages(&name, stages, repository, args.choice(), workspace, &keys)?
            }
            None => from_file(&name, args.choice(), workspace, &keys)?,
        };
        if let Outcome::Open(sides) = &outcome {
            open += 1;
            ui.out(&format!("{name}"))?;
            sides
                .iter()
                .try_for_each(|side| ui.out(&format!("  {side}")))?;
        }
        outcomes.push((name, outcome));
    }
    if !args.all && args.names.is_empty() {
        ui.note(
            "to resolve it: `hoziron vault resolve --all`, with `--ours`, `--theirs` or `--newest`",
        );
        return Ok(Exit::Error);
    }
    write(outcomes, repository.as_ref(), workspace, ui)?;
    if open > 0 {
        ui.note("choose with `--ours`, `--theirs` or `--newest`");
        return Ok(Exit::Error);
    }
    Ok(Exit::Done)
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
        let facts = file.and_then(|file| read_facts(&file).ok());
        facts.is_some_and(|facts| facts.content == Content::Conflict)
    };
    let committed = inventory.names.into_iter().filter(holds_both);
    let mut names: Vec<_> = stages.keys().cloned().chain(committed).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn from_stages(
    name: &SecretName,
    stages: &Stages,
    repository: &Repository,
    choice: Option<Choice>,
    workspace: &Workspace<'_>,
    keys: &FolderKeys,
) -> Result<Outcome, Failure> {
    let failed = || format!("{WHAT} `{name}`");
    let blob = |stage: usize| {
        let found = stages[stage].as_ref();
        let found = found.map(|id| repository.blob(id, MAX_FILE as u64));
        let found = found.transpose().map(Option::flatten);
        found.map_err(|error| Failure::of(failed(), &error))
    };
    let (base, ours, theirs) = (blob(0)?, blob(1)?, blob(2)?);
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (None, None) => return Ok(Outcome::Gone),
        (ours, theirs) => {
            let here = if ours.is_some() {
                Choice::Ours
            } else {
                Choice::Theirs
            };
            let file = ours.or(theirs).unwrap_or_default();
            let (keeps, removes) = match here {
                Choice::Ours => ("ours    keeps it", "theirs  removes it"),
                _ => ("theirs  keeps it", "ours    removes it"),
            };
            return Ok(match choice {
                None => Outcome::Open(vec![keeps.to_owned(), removes.to_owned()]),
                Some(choice) if choice == here || choice == Choice::Newest => Outcome::File(file),
                Some(_) => Outcome::Gone,
            });
        }
    };
    let three = Sides {
        base: &base.unwrap_or_default(),
        ours: &ours,
        theirs: &theirs,
        labels: ["ours", "theirs"],
    };
    match three.merge(name, keys, workspace.vault(), now()) {
        Ok(Merged::Ours) => Ok(Outcome::File(ours)),
        Ok(Merged::Theirs) => Ok(Outcome::File(theirs)),
        Ok(Merged::Sealed(file)) => Ok(Outcome::File(file)),
        Ok(Merged::Conflict(file)) => choose(name, &file, choice, workspace, keys),
        // The other side's value need not be lifted to take this one's.
        Err(MergeError::Stale { .. }) if choice == Some(Choice::Ours) => {
            choose(name, &ours, choice, workspace, keys)
        }
        Err(MergeError::Stale { .. }) if choice == Some(Choice::Theirs) => {
            choose(name, &theirs, choice, workspace, keys)
        }
        Err(error) => Err(Failure::of(failed(), &error)),
    }
}

fn from_file(
    name: &SecretName,
    choice: Option<Choice>,
    workspace: &Workspace<'_>,
    keys: &FolderKeys,
) -> Result<Outcome, Failure> {
    let failed = || format!("{WHAT} `{name}`");
    let file = workspace.vault().read(name);
    let Some(file) = file.map_err(|error| Failure::of(failed(), &error))? else {
        return Err(Failure::new(failed(), Exit::Error).cause("there is no secret of this name"));
    };
    let facts = read_facts(&file).map_err(|error| Failure::of(failed(), &error))?;
    if facts.content == Content::Value {
        return Err(Failure::new(failed(), Exit::Error).cause("it is not in conflict"));
    }
    choose(name, &file, choice, workspace, keys)
}

/// Chooses among the sides that a file holds, and seals the one that was chosen.
fn choose(
    name: &SecretName,
    file: &[u8],
    choice: Option<Choice>,
    workspace: &Workspace<'_>,
    keys: &FolderKeys,
) -> Result<Outcome, Failure> {
    let failed = || format!("{WHAT} `{name}`");
    let vault = workspace.vault();
    let opened = keys.opener(vault).open_any(file, name);
    let opened = opened.map_err(|error| Failure::of(failed(), &error))?;
    let facts = opened.1.clone();
    let sides = sides(opened, name, "ours").map_err(|error| Failure::of(failed(), &error))?;
    let chosen = match choice {
        None => return Ok(Outcome::Open(sides.iter().map(shown).collect())),
        Some(Choice::Newest) => sides
            .iter()
            .max_by_key(|side| (side.value_time, side.revision)),
        Some(Choice::Ours) => sides.first(),
        Some(Choice::Theirs) => sides.last(),
    };
    let chosen = chosen.expect("there are at least two sides, or one value");
    let head = keys.head(vault, &name.folder());
    let head = head.map_err(|error| Failure::of(failed(), &error))?;
    let seen = workspace
        .seen()
        .ok()
        .flatten()
        .and_then(|seen| seen.revision(name));
    let last = seen.map_or(facts.revision, |seen| seen.max(facts.revision));
    let facts = Facts {
        trail: facts.trail.under(head.key.id()),
        revision: last.saturating_add(1).max(now()),
        value_time: chosen.value_time,
        content: Content::Value,
    };
    let to = head.readers.addressees();
    let file = sealed::seal(&chosen.value, name, &facts, &head.key, to, keys.plugins());
    file.map(Outcome::File)
        .map_err(|error| Failure::of(failed(), &error))
}

fn shown(side: &Side) -> String {
    let time = i64::try_from(side.value_time).ok();
    let time = time.and_then(|time| Timestamp::from_second(time).ok());
    let time = time.map(|time| time.to_string()).unwrap_or_default();
    format!("{}, set {time}, revision {}", side.label, side.revision)
}

fn write(
    outcomes: Vec<(SecretName, Outcome)>,
    repository: Option<&Repository>,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<(), Failure> {
    let mut files = Vec::new();
    let mut marks = Vec::new();
    let mut locked = workspace.lock(ui)?;
    for (name, outcome) in outcomes {
        let target = Target::Sealed(name.clone());
        let there = locked.vault().has(&name);
        let there = there.map_err(|error| Failure::of(WHAT, &error))?;
        let (staged, bytes) = match outcome {
            Outcome::File(file) => {
                let facts = read_facts(&file).map_err(|error| Failure::of(WHAT, &error))?;
                marks.push((name.clone(), Some(facts.revision)));
                (locked.put(target.clone(), file.clone()), Some(file))
            }
            Outcome::Gone => {
                marks.push((name.clone(), None));
                let gone = if there {
                    locked.remove(target.clone())
                } else {
                    Ok(())
                };
                (gone, None)
            }
            Outcome::Open(_) => continue,
        };
        staged.map_err(|error| Failure::of(WHAT, &error))?;
        files.push((target.path(), bytes));
    }
    locked.commit().map_err(|error| Failure::of(WHAT, &error))?;
    workspace.remember(
        |seen| {
            marks.iter().fold(false, |rose, (name, revision)| {
                rose | match revision {
                    Some(revision) => seen.raise(name, *revision),
                    None => seen.forget(name),
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
