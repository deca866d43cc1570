//! What there is to look at: everything staged, everything in a range of commits or in the whole
//! history, the files git has, or files and folders that somebody names. Lists only; reads nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::domain::Glob;
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
    /// Whether all that is found in it is allowed.
    pub(super) allowed: bool,
}

/// What is known of a tree before any file of it is read.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// The top of the work tree, without links, if there is one.
    pub top: Option<PathBuf>,
    /// The homes: from the top of the work tree, or whole and without links if there is none.
    pub homes: Vec<PathBuf>,
    /// The files in which all that is found is allowed, from the top of the work tree.
    pub allow: Vec<Glob>,
}

impl Layout {
    fn place(&self, path: &Path, kind: Kind, tracked: bool) -> (Role, bool) {
        let role = role(path, kind, &self.homes, tracked);
        // What is wrong in the vault itself cannot be allowed.
        let allowed = matches!(role, Role::DotEnv | Role::Ordinary)
            && self.top.is_some()
            && self
                .allow
                .iter()
                .any(|glob| glob.matches(&path.to_string_lossy()));
        (role, allowed)
    }

    fn subject(&self, path: PathBuf, kind: Kind, place: Place) -> Subject {
        let (role, allowed) = self.place(&path, kind, true);
        Subject {
            path: Some(path),
            place,
            role,
            allowed,
        }
    }
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
    pub fn staged(repository: &Repository, layout: &Layout) -> Result<Vec<Self>, GitError> {
        let entries = repository.staged()?.into_iter();
        let there = entries.filter(|entry| entry.kind != Kind::Submodule);
        let subject =
            |entry: Entry| layout.subject(entry.path, entry.kind, Place::Object(entry.id));
        Ok(there.map(subject).collect())
    }

    /// The files git has, as they are on the disk.
    pub fn tracked(repository: &Repository, layout: &Layout) -> Result<Vec<Self>, GitError> {
        let mut entries = repository.entries()?;
        // Of a conflict there are three.
        entries.dedup_by(|one, other| one.path == other.path);
        let files = entries.into_iter().filter(|entry| entry.kind == Kind::File);
        let subject = |entry: Entry| {
            let place = Place::File(repository.top().join(&entry.path));
            layout.subject(entry.path, entry.kind, place)
        };
        Ok(files.map(subject).collect())
    }

    /// What is in some commits and their messages, but not in others.
    pub fn between(
        repository: &Repository,
        from: &[ObjectId],
        but_not: &[ObjectId],
        layout: &Layout,
    ) -> Result<Vec<Self>, GitError> {
        Ok(objects(repository.reached(from, but_not)?, layout))
    }

    /// Every file and message there ever was, as far as the clone has it.
    pub fn everything(repository: &Repository, layout: &Layout) -> Result<Vec<Self>, GitError> {
        Ok(objects(repository.everything()?, layout))
    }

    /// What git is about to push to a remote.
    pub fn pushed(
        repository: &Repository,
        lines: &[Pushed],
        remote: &str,
        layout: &Layout,
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
        Self::between(repository, &from, &but_not, layout)
    }

    /// A file, or every file of a folder but for git's own; what cannot be listed comes second.
    /// `real` is where the path is without links.
    pub fn beneath(path: &Path, real: &Path, layout: &Layout) -> (Vec<Self>, Vec<Skipped>) {
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
            let inside = match &layout.top {
                Some(top) => whole.strip_prefix(top).ok(),
                None => Some(&*whole),
            };
            let (role, allowed) = inside.map_or((Role::Ordinary, false), |inside| {
                layout.place(inside, Kind::File, false)
            });
            found.push(Self {
                role,
                allowed,
                path: Some(entry.path().to_owned()),
                place: Place::File(entry.into_path()),
            });
        }
        (found, skipped)
    }
}

fn objects(objects: Vec<Object>, layout: &Layout) -> Vec<Subject> {
    let has_text = |object: &Object| object.kind != Some(ObjectKind::Tree);
    let subject = |object: Object| {
        let place = Place::Object(object.id);
        match object.path {
            Some(path) => layout.subject(path, Kind::File, place),
            None => Subject {
                path: None,
                place,
                role: Role::Ordinary,
                allowed: false,
            },
        }
    };
    objects.into_iter().filter(has_text).map(subject).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_named_from_the_top_and_never_the_vault_s_own() {
        let layout = |top: Option<&str>| Layout {
            top: top.map(PathBuf::from),
            homes: vec![PathBuf::from(".hoziron")],
            allow: ["tests/data/*", ".hoziron/*", "*.env"]
                .map(Glob::new)
                .to_vec(),
        };
        for (path, allowed) in [
            ("tests/data/deep/a.txt", true),
            ("web/.env", true),
            ("src/tests/data/a.txt", false),
            (".hoziron/hoziron.toml", false),
            (".hoziron/recipients/alice.pub", false),
            (".hoziron/vault/KEY.age", false),
            (".hoziron/vault/notes.txt", false),
        ] {
            let place = layout(Some("/repo")).place(Path::new(path), Kind::File, true);
            assert_eq!(place.1, allowed, "{path}");
        }
        let place = layout(None).place(Path::new("tests/data/a"), Kind::File, false);
        assert!(!place.1, "without a repository no path is from its top");
    }
}
