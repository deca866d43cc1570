//! Whether a file whose revision is lower than one this user has seen was rolled back, or is the user's
//! own doing, or another branch. Git is asked, and only then.

use std::cell::OnceCell;
use std::sync::Mutex;

use crate::cli::workspace::Workspace;
use crate::domain::SecretName;
use crate::repository::{Around, ObjectId, Repository};
use crate::sealed::{MAX_FILE, read_facts};
use crate::vault::Target;

/// Decides about lower revisions. Asks git once for everything that is the same.
pub struct Judge<'a> {
    workspace: &'a Workspace<'a>,
    repository: Mutex<OnceCell<Option<(Repository, Option<ObjectId>)>>>,
}

impl<'a> Judge<'a> {
    /// Starts a judge; git is not run yet.
    pub fn new(workspace: &'a Workspace<'a>) -> Self {
        Self {
            workspace,
            repository: Mutex::new(OnceCell::new()),
        }
    }

    /// Says why a file is not to be trusted that has this revision, when this user has seen a higher
    /// one; `None` if there is nothing wrong with it.
    pub fn refuses(&self, name: &SecretName, revision: u64, mark: u64) -> Option<String> {
        let rolled_back = |how: &str| {
            Some(format!(
                "it was rolled back: revision {revision}, and you have seen {mark}; {how}"
            ))
        };
        let held = self
            .repository
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = held.get_or_init(|| {
            let environment = self.workspace.environment();
            let home = self.workspace.home();
            let found = Repository::discover(home, Around::Folder, environment.variables());
            let repository = found.ok().flatten()?;
            let head = repository.head().ok().flatten();
            Some((repository, head))
        });
        let Some((repository, Some(head))) = found else {
            return rolled_back("there is no git history that would explain it");
        };
        let target = Target::Sealed(name.clone());
        let path = self.workspace.home().join(target.path());
        let Some(path) = repository.relative(&path) else {
            return rolled_back("it is not in the repository");
        };
        let there = self.workspace.vault().read(name).ok().flatten();
        let limit = MAX_FILE as u64;
        let committed = repository.file_at(head, &path, limit).ok().flatten();
        if let (Some(there), Some(committed)) = (&there, &committed)
            && there != committed
        {
            // The work tree differs from the commit: the user's own doing, such as `git checkout`.
            return None;
        }
        let higher = |bytes: &[u8]| read_facts(bytes).is_ok_and(|facts| facts.revision > revision);
        match repository.ever(head, &path, limit, higher) {
            Ok(None) => None,
            Ok(Some(ever)) => {
                let commit = ever.ended.map_or(ever.version.commit, |ended| ended.commit);
                let short: String = commit.as_str().chars().take(12).collect();
                rolled_back(&format!("commit {short} lowered it"))
            }
            Err(error) => rolled_back(&format!("git cannot say how: {error}")),
        }
    }
}
