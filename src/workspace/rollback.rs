//! Whether what is older than what this user has seen was rolled back, or is the user's own doing, or
//! another branch. Git says so: what an ancestor of HEAD had and HEAD has not any more was taken
//! away by a commit. No git process is started before something is older.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::domain::SecretName;
use crate::people::Judge;
use crate::repository::{Around, Ever, ObjectId, Repository};
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
    found: OnceLock<Option<(Repository, ObjectId)>>,
}

impl GitJudge {
    /// Makes a judge for a home.
    pub fn new(home: PathBuf, variables: Vec<(OsString, OsString)>, tell: Tell) -> Self {
        Self {
            home,
            variables,
            tell,
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
}

impl Judge for GitJudge {
    fn lowered(&self, name: &SecretName, file: &[u8], revision: u64, mark: u64) -> Option<String> {
        let (repository, head, path) = match self.find(&Target::Sealed(name.clone()).path()) {
            Ok(found) => found,
            Err(why) => return Some(why.to_owned()),
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
                Ok(false) => Some("git does not know it".to_owned()),
                Err(error) => Some(unsaid(&error)),
            };
        }
        let higher = |bytes: &[u8]| read_facts(bytes).is_ok_and(|facts| facts.revision > revision);
        match repository.ever(head, &path, limit, higher) {
            Ok(ever) => ever.map(|ever| format!("commit {} lowered it", ended(&ever))),
            Err(error) => Some(unsaid(&error)),
        }
    }

    fn removed(&self, place: &str) -> Option<String> {
        let (repository, head, path) = match self.find(place) {
            Ok(found) => found,
            Err(why) => return Some(why.to_owned()),
        };
        match repository.ever(head, &path, MAX_FILE as u64, |_| true) {
            // HEAD has it: the user's own work tree has not.
            Ok(Some(ever)) if ever.ended.is_none() => None,
            Ok(ever) => ever.map(|ever| format!("commit {} removed it", ended(&ever))),
            Err(error) => Some(unsaid(&error)),
        }
    }
}

fn ended(ever: &Ever) -> String {
    let last = ever.ended.as_ref().unwrap_or(&ever.version);
    last.commit.as_str().chars().take(12).collect()
}

fn unsaid(error: &crate::repository::GitError) -> String {
    format!("git cannot say how: {error}")
}
