//! What git's history has of one secret, version by version: whether each opens as what it says it is,
//! and whether a commit brought an earlier one back. Reads only.

use std::path::Path;

use crate::domain::SecretName;
use crate::people::{FolderKeys, KeysError, OpenError, Stale};
use crate::repository::{GitError, ObjectId, Order, Repository};
use crate::sealed::{MAX_FILE, read_facts};
use crate::vault::{Target, Vault};

/// Looks at every version of a secret among a commit and its ancestors; says what is wrong.
pub fn past(
    repository: &Repository,
    head: &ObjectId,
    home: &Path,
    vault: &Vault,
    keys: &FolderKeys,
    name: &SecretName,
) -> Result<Vec<String>, GitError> {
    let limit = MAX_FILE as u64;
    let place = home.join(Target::Sealed(name.clone()).path());
    let Some(path) = repository.relative(&place) else {
        return Ok(Vec::new());
    };
    let opener = keys.opener_of(vault, Stale::Allow);
    let mut wrong = Vec::new();
    let mut highest = 0;
    for version in repository.versions(head, &path, Order::OldestFirst)? {
        let Some(blob) = &version.blob else { continue };
        let commit: String = version.commit.as_str().chars().take(12).collect();
        let Some(file) = repository.blob(blob, limit)? else {
            wrong.push(format!(
                "commit {commit}: it is longer than any sealed file"
            ));
            continue;
        };
        match opener.open_file(&file, name) {
            // Whoever may not read it now cannot say.
            Ok(_) | Err(OpenError::Keys(KeysError::NoIdentity { .. })) => {}
            Err(error) => wrong.push(format!("commit {commit}: {error}")),
        }
        let Ok(facts) = read_facts(&file) else {
            continue;
        };
        let revision = facts.revision;
        // The order of commits is not that of branches: only a parent says for sure.
        if revision < highest {
            for parent in 1..=2 {
                let parent = repository.commit(&format!("{}^{parent}", version.commit))?;
                let before = match parent {
                    Some(parent) => repository.file_at(&parent, &path, limit)?,
                    None => None,
                };
                let before = before.and_then(|file| read_facts(&file).ok());
                if let Some(before) = before.filter(|before| before.revision > revision) {
                    wrong.push(format!(
                        "commit {commit} lowered it from revision {} to {revision}",
                        before.revision
                    ));
                    break;
                }
            }
        }
        highest = highest.max(revision);
    }
    Ok(wrong)
}
