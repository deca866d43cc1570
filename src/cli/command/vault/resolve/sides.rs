//! The sides of a merge of one secret, wherever they are: in git's index, in a file that was committed
//! with both, in a text with marks, or at the parents of a commit that left something damaged. What
//! comes of them is decided here; nothing is written.

use std::path::Path;

use jiff::Timestamp;

use crate::cli::command::vault::now;
use crate::cli::display::line;
use crate::cli::editing::{Edited, edit};
use crate::cli::failure::{Exit, Failure};
use crate::cli::past::short;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{SecretName, SecretValue};
use crate::git::{Marked, MergeError, Merged, Side, Sides, WithMarks, sides};
use crate::people::{FolderKeys, Head};
use crate::repository::{GitError, ObjectId, Repository, Stages};
use crate::sealed::{self, Content, Facts, MAX_FILE, SealedError, Trail, read_facts};
use crate::vault::Target;

/// What a person wants of what both sides changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// What the editor makes of both.
    Edit,
    /// The value that was set last.
    Newest,
    /// Ours.
    Ours,
    /// Theirs.
    Theirs,
}

/// What a secret will be.
pub enum Outcome {
    /// This file, of a text that somebody wrote.
    Edited(Vec<u8>, Edited),
    /// This file.
    File(Vec<u8>),
    /// Gone.
    Gone,
    /// Somebody must choose; a line for each side.
    Open(Vec<String>),
}

/// With what merges are finished.
pub struct Desk<'a> {
    /// The home.
    pub workspace: &'a Workspace<'a>,
    /// The repository around it.
    pub repository: Option<&'a Repository>,
    /// The keys of the folders.
    pub keys: &'a FolderKeys,
    /// What to do where both sides changed a value.
    pub choice: Option<Choice>,
    /// Who is talked to.
    pub ui: &'a Ui,
}

/// The files of a merge. The base is empty if there was none.
struct Three {
    base: Vec<u8>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
    labels: [String; 2],
}

impl Desk<'_> {
    /// Finishes what git's index has several sides of.
    pub fn of_stages(&self, name: &SecretName, stages: &Stages) -> Result<Outcome, Failure> {
        let repository = self.repository.expect("stages are a repository's");
        let blob = |stage: usize| {
            let found = stages[stage].as_ref();
            let found = found.map(|id| repository.blob(id, MAX_FILE as u64));
            let found = found.transpose().map(Option::flatten);
            found.map_err(|error| Failure::of(failed(name), &error))
        };
        let (base, ours, theirs) = (blob(0)?, blob(1)?, blob(2)?);
        let (ours, theirs) = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, None) => return Ok(Outcome::Gone),
            (ours, theirs) => return Ok(self.kept_or_gone(ours, theirs)),
        };
        self.merge(
            name,
            &Three {
                base: base.unwrap_or_default(),
                ours,
                theirs,
                labels: ["ours", "theirs"].map(str::to_owned),
            },
        )
    }

    /// One side changed what the other removed.
    fn kept_or_gone(&self, ours: Option<Vec<u8>>, theirs: Option<Vec<u8>>) -> Outcome {
        let (here, shown) = if ours.is_some() {
            (Choice::Ours, ["ours    keeps it", "theirs  removes it"])
        } else {
            (Choice::Theirs, ["theirs  keeps it", "ours    removes it"])
        };
        match self.choice {
            None | Some(Choice::Edit) => Outcome::Open(shown.map(str::to_owned).to_vec()),
            Some(choice) if choice == here || choice == Choice::Newest => {
                Outcome::File(ours.or(theirs).unwrap_or_default())
            }
            Some(_) => Outcome::Gone,
        }
    }

    /// Finishes what is in the work tree: both sides in one sealed file, or a text with marks.
    pub fn of_file(&self, name: &SecretName, file: Option<&[u8]>) -> Result<Outcome, Failure> {
        let Some(file) = file else {
            return Err(
                Failure::new(failed(name), Exit::Error).cause("there is no secret of this name")
            );
        };
        match read_facts(file) {
            Ok(facts) if facts.content == Content::Conflict => self.choose(name, file),
            Ok(_) => Err(Failure::new(failed(name), Exit::Error).cause("it is not in conflict")),
            Err(error @ SealedError::Damaged(_)) => match self.sides_of(name, file)? {
                Some(three) => self.merge(name, &three),
                None => Err(Failure::of(failed(name), &error).cause(
                    "its sides cannot be told: neither by marks in it, nor by a merge in git",
                )),
            },
            Err(error) => Err(Failure::of(failed(name), &error)),
        }
    }

    /// The sides of a file that is no sealed file: of the merge that committed it, or between marks.
    fn sides_of(&self, name: &SecretName, file: &[u8]) -> Result<Option<Three>, Failure> {
        let merged = match self.repository {
            Some(repository) => merged(repository, self.workspace.home(), name, file),
            None => Ok(None),
        };
        if let Some(three) = merged.map_err(|error| Failure::of(failed(name), &error))? {
            return Ok(Some(three));
        }
        Ok(Marked::parse(file).map(|marked| Three {
            base: marked.base,
            ours: marked.ours,
            theirs: marked.theirs,
            labels: ["ours", "theirs"].map(str::to_owned),
        }))
    }

    fn merge(&self, name: &SecretName, three: &Three) -> Result<Outcome, Failure> {
        let sides = Sides {
            base: &three.base,
            ours: &three.ours,
            theirs: &three.theirs,
            labels: [&three.labels[0], &three.labels[1]],
        };
        let vault = self.workspace.vault();
        match sides.merge(name, self.keys, vault, now()) {
            Ok(Merged::Ours) => Ok(Outcome::File(three.ours.clone())),
            Ok(Merged::Theirs) => Ok(Outcome::File(three.theirs.clone())),
            Ok(Merged::Sealed(file)) => Ok(Outcome::File(file)),
            Ok(Merged::Conflict(file)) => self.choose(name, &file),
            // The other side's value need not be lifted to take this one's.
            Err(MergeError::Stale { .. }) if self.choice == Some(Choice::Ours) => {
                self.choose(name, &three.ours)
            }
            Err(MergeError::Stale { .. }) if self.choice == Some(Choice::Theirs) => {
                self.choose(name, &three.theirs)
            }
            Err(error) => Err(Failure::of(failed(name), &error)),
        }
    }

    /// Chooses among the sides that a file holds, and seals the one that was chosen.
    fn choose(&self, name: &SecretName, file: &[u8]) -> Result<Outcome, Failure> {
        let what = || failed(name);
        let vault = self.workspace.vault();
        let opened = self.keys.opener(vault).open_any(file, name);
        let opened = opened.map_err(|error| Failure::of(what(), &error))?;
        let facts = opened.1.clone();
        let sides = sides(opened, name, "ours").map_err(|error| Failure::of(what(), &error))?;
        let head = self.keys.head(vault, &name.folder());
        let head = head.map_err(|error| Failure::of(what(), &error))?;
        let chosen = match self.choice {
            None => return Ok(Outcome::Open(sides.iter().map(shown).collect())),
            Some(Choice::Edit) => return self.edit(name, &sides, &facts, &head),
            Some(Choice::Newest) => sides
                .iter()
                .max_by_key(|side| (side.value_time, side.revision)),
            Some(Choice::Ours) => sides.first(),
            Some(Choice::Theirs) => sides.last(),
        };
        let chosen = chosen.expect("there are at least two sides, or one value");
        let time = chosen.value_time;
        let file = self.seal(
            name,
            &chosen.value,
            time,
            facts.trail.clone(),
            &facts,
            &head,
        );
        file.map(Outcome::File)
    }

    /// Has a person make one value of all sides.
    fn edit(
        &self,
        name: &SecretName,
        sides: &[Side],
        facts: &Facts,
        head: &Head,
    ) -> Result<Outcome, Failure> {
        let both = WithMarks::write(sides, |side| line(&shown(side))).ok_or_else(|| {
            Failure::new(failed(name), Exit::Error)
                .cause("one of the values is not text, and an editor would change it")
                .hint("take one of them: `--ours`, `--theirs` or `--newest`")
        })?;
        let environment = self.workspace.environment();
        let mut edited = edit(name.key(), &both.text, &failed(name), environment, self.ui)?;
        if edited.text.same_as(&both.text) {
            self.ui.note(&format!("`{name}` was not changed"));
            return Ok(Outcome::Open(sides.iter().map(shown).collect()));
        }
        if both.is_left_in(&edited.text) {
            return Err(Failure::new(failed(name), Exit::Error)
                .cause("the marks of the merge are still in the text")
                .hint(edited.kept()));
        }
        let known = |value: &SecretValue| sides.iter().find(|side| side.value.same_as(value));
        // The line end before a mark need not be of the value.
        let none_ends = |side: &Side| side.value.without_line_end().is_none();
        if known(&edited.text).is_none()
            && let Some(bare) = edited.text.without_line_end()
            && (known(&bare).is_some() || sides.iter().all(none_ends))
        {
            edited.text = bare;
        }
        // What is one of the values is as old as that; anything else is a new one.
        let (time, trail) = match known(&edited.text) {
            Some(side) => (side.value_time, facts.trail.clone()),
            None => (now(), Trail::start(head.key.id())),
        };
        match self.seal(name, &edited.text, time, trail, facts, head) {
            Ok(file) => Ok(Outcome::Edited(file, edited)),
            Err(failure) => Err(failure.hint(edited.kept())),
        }
    }

    fn seal(
        &self,
        name: &SecretName,
        value: &SecretValue,
        value_time: u64,
        trail: Trail,
        before: &Facts,
        head: &Head,
    ) -> Result<Vec<u8>, Failure> {
        let seen = self.workspace.seen().ok().flatten();
        let seen = seen.and_then(|seen| seen.floor(name));
        let last = seen.map_or(before.revision, |seen| seen.max(before.revision));
        let facts = Facts {
            trail: trail.under(head.key.id()),
            revision: last.saturating_add(1).max(now()),
            value_time,
            content: Content::Value,
        };
        let to = head.readers.addressees();
        sealed::seal(value, name, &facts, &head.key, to, self.keys.plugins())
            .map_err(|error| Failure::of(failed(name), &error))
    }
}

/// The sides of the merge that brought a file into the history, if one did and both are whole.
fn merged(
    repository: &Repository,
    home: &Path,
    name: &SecretName,
    file: &[u8],
) -> Result<Option<Three>, GitError> {
    let limit = MAX_FILE as u64;
    let place = home.join(Target::Sealed(name.clone()).path());
    let (Some(path), Some(head)) = (repository.relative(&place), repository.head()?) else {
        return Ok(None);
    };
    if repository.file_at(&head, &path, limit)?.as_deref() != Some(file) {
        return Ok(None);
    }
    let there = repository.blob_at(&head, &path)?;
    let steps = repository.steps(&head, &path, None)?;
    let step = steps.into_iter().find(|step| {
        step.version.blob == there && step.before.iter().all(|before| *before != there)
    });
    let Some(step) = step else { return Ok(None) };
    let [one, other] = &step.version.parents[..] else {
        return Ok(None);
    };
    let at = |commit: &ObjectId| repository.file_at(commit, &path, limit);
    let (Some(ours), Some(theirs)) = (at(one)?, at(other)?) else {
        return Ok(None);
    };
    if read_facts(&ours).is_err() || read_facts(&theirs).is_err() {
        return Ok(None);
    }
    let base = match repository.merge_base(one, other)? {
        Some(base) => at(&base)?,
        None => None,
    };
    Ok(Some(Three {
        base: base.unwrap_or_default(),
        ours,
        theirs,
        labels: [one, other].map(short),
    }))
}

fn failed(name: &SecretName) -> String {
    format!("cannot resolve `{name}`")
}

fn shown(side: &Side) -> String {
    let time = i64::try_from(side.value_time).ok();
    let time = time.and_then(|time| Timestamp::from_second(time).ok());
    let time = time.map(|time| time.to_string()).unwrap_or_default();
    format!("{}, set {time}, revision {}", side.label, side.revision)
}
