//! Whether what is older than what this user has seen was rolled back, or is the user's own doing, or
//! another branch. Git says so: what an ancestor of HEAD had and HEAD has not any more was taken
//! away by a commit, and what the branch itself had in a commit that it has not any more was taken away
//! by rewriting its history. No git process is started before something is older.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::domain::{FolderName, SecretName};
use crate::people::{Judge, Setback};
use crate::repository::{Around, Ever, GitError, ObjectId, Repository};
use crate::sealed::{MAX_FILE, read_facts};
use crate::vault::Target;

/// What is told about what the user did himself.
pub type Tell = Box<dyn Fn(&str) + Send + Sync>;

const NO_HISTORY: &str = "there is no git history that would explain it";

const OUTSIDE: &str = "it is not in the repository";

/// Decides with the help of git, which is asked once for what is the same.
pub struct GitJudge {
    home: PathBuf,
    variables: Vec<(OsString, OsString)>,
    tell: Tell,
    // In these folders a rewritten history is refused, in others it is told.
    strict: Vec<FolderName>,
    found: OnceLock<Option<(Repository, ObjectId)>>,
}

impl GitJudge {
    /// Makes a judge for a home.
    pub fn new(
        home: PathBuf,
        variables: Vec<(OsString, OsString)>,
        strict: Vec<FolderName>,
        tell: Tell,
    ) -> Self {
        Self {
            home,
            variables,
            tell,
            strict,
            found: OnceLock::new(),
        }
    }

    /// The repository and its HEAD, and a path as git has it.
    fn find(&self, place: &str) -> Result<(&Repository, &ObjectId, PathBuf), &'static str> {
        let found = self.found.get_or_init(|| {
            let found = Repository::discover(&self.home, Around::Folder, &self.variables);
            let repository = found.ok().flatten()?;
            let head = repository.head().ok().flatten()?;
            Some((repository, head))
        });
        let (repository, head) = found.as_ref().ok_or(NO_HISTORY)?;
        let path = repository.relative(&self.home.join(place)).ok_or(OUTSIDE)?;
        Ok((repository, head, path))
    }

    /// Decides about what the commits at hand have not had, and the branch had in others. An older key
    /// decides who may read, so it is never taken for what was there before.
    fn rewritten(
        &self,
        place: &str,
        lost: Result<Option<ObjectId>, GitError>,
        told: impl FnOnce(&str) -> String,
    ) -> Option<Setback> {
        let commit = match lost {
            Ok(lost) => short(&lost?),
            Err(error) => return Some(unsaid(&error)),
        };
        let is_strict = match Target::parse(place) {
            Some(Target::Sealed(name)) => {
                let folder = name.folder();
                self.strict.iter().any(|strict| strict.holds(&folder))
            }
            _ => true,
        };
        if is_strict {
            return Some(Setback::Rewritten { commit });
        }
        (self.tell)(&format!("history rewritten: {}", told(&commit)));
        None
    }
}

impl Judge for GitJudge {
    fn lowered(&self, name: &SecretName, file: &[u8], revision: u64, mark: u64) -> Option<Setback> {
        let place = Target::Sealed(name.clone()).path();
        let (repository, head, path) = match self.find(&place) {
            Ok(found) => found,
            Err(why) => return Some(Setback::Told(why.to_owned())),
        };
        let limit = MAX_FILE as u64;
        let committed = match repository.file_at(head, &path, limit) {
            Ok(committed) => committed,
            Err(error) => return Some(unsaid(&error)),
        };
        if committed.as_deref() != Some(file) {
            let known = match committed {
                Some(_) => Ok(true),
                None => repository
                    .ever(head, &path, limit, |_| true)
                    .map(|ever| ever.is_some()),
            };
            return match known {
                Ok(true) => {
                    (self.tell)(&format!(
                        "`{name}` is older than what you have seen (revision {revision}, and {mark}), and not what is committed"
                    ));
                    None
                }
                Ok(false) => Some(Setback::Told("git does not know it".to_owned())),
                Err(error) => Some(unsaid(&error)),
            };
        }
        let higher = |bytes: &[u8]| read_facts(bytes).is_ok_and(|facts| facts.revision > revision);
        match repository.ever(head, &path, limit, higher) {
            Ok(Some(ever)) => {
                let how = format!("commit {} lowered it", ended(&ever));
                Some(Setback::Told(how))
            }
            Ok(None) => {
                let lost = repository.lost(head, &path, limit, higher);
                self.rewritten(&place, lost, |commit| {
                    format!(
                        "`{name}` is older than what you have seen (revision {revision}, and {mark}): commit {commit}, which has a later one, is not part of this branch any more"
                    )
                })
            }
            Err(error) => Some(unsaid(&error)),
        }
    }

    fn removed(&self, place: &str) -> Option<Setback> {
        let (repository, head, path) = match self.find(place) {
            Ok(found) => found,
            Err(why) => return Some(Setback::Told(why.to_owned())),
        };
        let limit = MAX_FILE as u64;
        match repository.ever(head, &path, limit, |_| true) {
            // HEAD has it: the user's own work tree has not.
            Ok(Some(ever)) if ever.ended.is_none() => None,
            Ok(Some(ever)) => {
                let how = format!("commit {} removed it", ended(&ever));
                Some(Setback::Told(how))
            }
            Ok(None) => {
                let lost = repository.lost(head, &path, limit, |_| true);
                self.rewritten(place, lost, |commit| {
                    format!(
                        "`{place}` is gone: commit {commit}, which has it, is not part of this branch any more"
                    )
                })
            }
            Err(error) => Some(unsaid(&error)),
        }
    }
}

fn ended(ever: &Ever) -> String {
    short(&ever.ended.as_ref().unwrap_or(&ever.version).commit)
}

fn short(commit: &ObjectId) -> String {
    commit.as_str().chars().take(12).collect()
}

fn unsaid(error: &GitError) -> Setback {
    Setback::Told(format!("git cannot say how: {error}"))
}
