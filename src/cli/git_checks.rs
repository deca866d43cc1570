//! What `doctor` says about git: whether it can show and merge sealed files, whether something undoes
//! the attributes, and whether it has kept what it should not. Each with the command that repairs it.

use std::path::Path;

use crate::cli::display::word;
use crate::cli::failure::Failure;
use crate::cli::home_files;
use crate::cli::render::Check;
use crate::cli::workspace::Workspace;
use crate::git::{Lack, has_plaintext_notes, lacking, overridden};
use crate::repository::{Around, GitError, Repository};

/// Looks at git around the home.
pub fn checks(workspace: &Workspace<'_>) -> Vec<Check> {
    let what = "cannot look at it";
    let variables = workspace.environment().variables();
    let wrong = |error: &GitError| vec![Check::wrong("git", &Failure::of(what, error))];
    let repository = match Repository::discover(workspace.home(), Around::Folder, variables) {
        Err(error) => return wrong(&error),
        Ok(None) => {
            let found = "the home is in no repository".to_owned();
            return vec![Check::right("git", found)];
        }
        Ok(Some(repository)) => repository,
    };
    look(&repository, workspace).unwrap_or_else(|error| wrong(&error))
}

fn look(repository: &Repository, workspace: &Workspace<'_>) -> Result<Vec<Check>, GitError> {
    let mut checks = Vec::new();
    let lacks = lacking(repository.git(), repository.top())?;
    if lacks.is_empty() {
        let found = "it shows and merges sealed files".to_owned();
        checks.push(Check::right("git settings", found));
    }
    let (near, far): (Vec<&Lack>, Vec<&Lack>) = lacks.iter().partition(|lack| {
        let scope = lack.scope.as_deref();
        matches!(scope, Some("local" | "worktree"))
    });
    if !far.is_empty() {
        checks.push(Check {
            what: "git settings".to_owned(),
            found: format!("it cannot show or merge sealed files: {}", keys(&far)),
            problem: Some("hoziron git install".to_owned()),
        });
    }
    for lack in near {
        let scope = lack.scope.as_deref().unwrap_or_default();
        let mut git = String::from("git");
        if repository.top() != workspace.environment().working_directory() {
            git = format!("git -C {}", word(repository.top()));
        }
        checks.push(Check {
            what: "git settings".to_owned(),
            found: format!("this repository has its own `{}`", lack.key),
            problem: Some(format!("{git} config --{scope} --unset-all {}", lack.key)),
        });
    }
    checks.extend(attributes(repository, workspace)?);
    if has_plaintext_notes(repository)? {
        let git = format!("git -C {}", word(repository.top()));
        checks.push(Check {
            what: "git notes".to_owned(),
            found: "git has kept what was shown of sealed files, perhaps values".to_owned(),
            problem: Some(format!(
                "{git} update-ref -d refs/notes/textconv/hoziron && {git} reflog expire \
                 --expire-unreachable=now --all && {git} gc -q --prune=now"
            )),
        });
    }
    Ok(checks)
}

fn attributes(repository: &Repository, workspace: &Workspace<'_>) -> Result<Vec<Check>, GitError> {
    let Some(home) = repository.relative(workspace.home()) else {
        return Ok(Vec::new());
    };
    // Lines that are missing are said elsewhere, and so is what is wrong with the vault itself.
    if home_files::missing(workspace.vault().home()).is_ok_and(|lacking| !lacking.is_empty()) {
        return Ok(Vec::new());
    }
    let inventory = workspace.vault().inventory().unwrap_or_default();
    let found = overridden(repository, &home, &inventory.names)?;
    if found.is_empty() {
        let found = "they apply to every folder".to_owned();
        return Ok(vec![Check::right("git attributes", found)]);
    }
    let row = |one: &crate::git::Overridden| Check {
        what: "git attributes".to_owned(),
        found: format!(
            "`{}` is `{}` for `{}`, and not `{}`",
            one.attribute,
            one.is,
            one.path.display(),
            one.wanted
        ),
        problem: Some(repair(repository.top(), &one.path)),
    };
    Ok(found.iter().map(row).collect())
}

fn repair(top: &Path, path: &Path) -> String {
    format!(
        "`git -C {} check-attr -a {}` shows what applies; remove the line that undoes it, from a \
         `.gitattributes` or from `.git/info/attributes`",
        word(top),
        word(path)
    )
}

fn keys(lacks: &[&Lack]) -> String {
    let keys: Vec<_> = lacks.iter().map(|lack| format!("`{}`", lack.key)).collect();
    match &keys[..] {
        [first, _, _, _, ..] => format!("{first} and {} more are missing", keys.len() - 1),
        _ => format!("{} not as it has to be", keys.join(", ")),
    }
}
