//! What there is to look at: everything staged, everything in a range of commits or in the whole
//! history, the files git has, or files and folders that somebody names. Lists only; reads nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::repository::{Entry, GitError, Kind, Object, ObjectId, ObjectKind, Repository};
use crate::scan::Skipped;
use crate::scan::own::{Role, role};

/// Where a subject is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The disk.
    File(PathBuf),
    /// An object of git's.
    Object(ObjectId),
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// How it is called: from the top of the work tree, or as it was given.
    pub path: Option<PathBuf>,
    /// Where it is.
    pub place: Place,
    pub(super) role: Role,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, &self.place) {
            (Some(path), _) | (None, Place::File(path)) => write!(f, "{}", path.display()),
            (None, Place::Object(id)) => write!(f, "object {id}"),
        }
    }
}

/// One line of what git tells the hook `pre-push`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// What is pushed.
    pub local: ObjectId,
    /// What the remote has under that name.
    pub remote: ObjectId,
}

impl Pushed {
    /// Parses `LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID` (githooks(5)).
    pub fn parse(line: &str) -> Option<Self> {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, local, _, remote] = fields[..] else {
            return None;
        };
        Some(Self {
            local: ObjectId::parse(local)?,
            remote: ObjectId::parse(remote)?,
        })
    }
}

impl Subject {
    /// What the next commit would add or change.
    pub fn staged(repository: &Repository, homes: &[PathBuf]) -> Result<Vec<Self>, GitError> {
        let entries = repository.staged()?.into_iter();
        let there = entries.filter(|entry| entry.kind != Kind::Submodule);
        let subject = |entry: Entry| Self {
            role: role(&entry.path, entry.kind, homes, true),
            path: Some(entry.path),
            place: Place::Object(entry.id),
        };
        Ok(there.map(subject).collect())
    }

    /// The files git has, as they are on the disk.
    pub fn tracked(repository: &Repository, homes: &[PathBuf]) -> Result<Vec<Self>, GitError> {
        let mut entries = repository.entries()?;
        // Of a conflict there are three.
        entries.dedup_by(|one, other| one.path == other.path);
        let files = entries.into_iter().filter(|entry| entry.kind == Kind::File);
        let subject = |entry: Entry| Self {
            role: role(&entry.path, entry.kind, homes, true),
            place: Place::File(repository.top().join(&entry.path)),
            path: Some(entry.path),
        };
        Ok(files.map(subject).collect())
    }

    /// What is in some commits and their messages, but not in others.
    pub fn between(
        repository: &Repository,
        from: &[ObjectId],
        but_not: &[ObjectId],
        homes: &[PathBuf],
    ) -> Result<Vec<Self>, GitError> {
        Ok(objects(repository.reached(from, but_not)?, homes))
    }

    /// Every file and message there ever was, as far as the clone has it.
    pub fn everything(repository: &Repository, homes: &[PathBuf]) -> Result<Vec<Self>, GitError> {
        Ok(objects(repository.everything()?, homes))
    }

    /// What git is about to push to a remote.
    pub fn pushed(
        repository: &Repository,
        lines: &[Pushed],
        remote: &str,
        homes: &[PathBuf],
    ) -> Result<Vec<Self>, GitError> {
        let mut but_not = repository.heads_of(remote)?;
        let mut from = Vec::new();
        for line in lines.iter().filter(|line| !line.local.is_nothing()) {
            from.push(line.local.clone());
            // What somebody else has pushed meanwhile may not be here.
            if !line.remote.is_nothing() && repository.commit(line.remote.as_str())?.is_some() {
                but_not.push(line.remote.clone());
            }
        }
        if from.is_empty() {
            return Ok(Vec::new());
        }
        Self::between(repository, &from, &but_not, homes)
    }

    /// A file, or every file of a folder but for git's own; what cannot be listed comes second.
    /// `real` is where the path is without links, as the homes are given.
    pub fn beneath(path: &Path, real: &Path, homes: &[PathBuf]) -> (Vec<Self>, Vec<Skipped>) {
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        let walk = WalkDir::new(path).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git") {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let what = error.path().unwrap_or(path).display().to_string();
                    let why = error.into_io_error().map(|error| error.to_string());
                    let why = why.unwrap_or_else(|| "a loop of folders".to_owned());
                    skipped.push(Skipped { what, why });
                    continue;
                }
            };
            if !entry.file_type().is_file() {
                continue;
            }
            let below = entry.path().strip_prefix(path).unwrap_or(entry.path());
            let whole = if below.as_os_str().is_empty() {
                real.to_owned()
            } else {
                real.join(below)
            };
            found.push(Self {
                role: role(&whole, Kind::File, homes, false),
                path: Some(entry.path().to_owned()),
                place: Place::File(entry.into_path()),
            });
        }
        (found, skipped)
    }
}

fn objects(objects: Vec<Object>, homes: &[PathBuf]) -> Vec<Subject> {
    let has_text = |object: &Object| object.kind != Some(ObjectKind::Tree);
    let subject = |object: Object| Subject {
        role: match &object.path {
            Some(path) => role(path, Kind::File, homes, true),
            None => Role::Ordinary,
        },
        path: object.path,
        place: Place::Object(object.id),
    };
    objects.into_iter().filter(has_text).map(subject).collect()
}
