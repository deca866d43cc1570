//! Git's settings for sealed files: which, what is missing of them, and the steps to write or remove
//! them. The same steps again are none. Only keys of ours are touched, and never a tracked file.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::git::PROGRAM;
use crate::repository::{Git, GitError, Repository, Scope, Setting};

/// Where git keeps what a textconv printed, if it is told to.
const NOTES: &str = "refs/notes/textconv/hoziron";

/// The variable with the number of settings in the environment.
const COUNT: &str = "GIT_CONFIG_COUNT";

/// A command of git's that shows values in a diff, on a terminal. Only for who asks for it.
const ALIAS: (&str, &str) = (
    "alias.sdiff",
    "!f() { HOZIRON_GIT_REVEAL=1 git diff --textconv \"$@\"; }; f",
);

/// One step of writing or removing settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The setting.
    pub key: &'static str,
    /// What it was in that scope.
    pub before: Option<String>,
    /// What it will be.
    pub after: Option<String>,
}

/// A setting that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The setting.
    pub key: &'static str,
    /// Where the value comes from that is in force instead, if there is one.
    pub scope: Option<String>,
}

/// The settings, with the program as a word of a shell.
fn wanted(program: &str) -> [(&'static str, String); 7] {
    // git starts `sh -c '<textconv> "$@"'`: only a function sees the path and what failed. Without
    // the program, or if it fails, every change must still be visible, and git must not give up.
    let textconv = format!(
        "f() {{ {program} git textconv \"$1\" 2>/dev/null || \
         {{ echo '(hoziron not available)'; git hash-object --no-filters \"$1\"; }}; }}; f"
    );
    [
        ("diff.hoziron.textconv", textconv),
        // Said aloud, for a `true` in a wider scope would have git keep what textconv prints.
        ("diff.hoziron.cachetextconv", "false".to_owned()),
        ("merge.hoziron.name", "hoziron sealed-file merge".to_owned()),
        (
            "merge.hoziron.driver",
            format!("{program} git merge-driver %O %A %B %L %P %S %X %Y"),
        ),
        // Without it a criss-cross merge takes one side silently.
        ("merge.hoziron.recursive", "binary".to_owned()),
        (
            "merge.hoziron-manifest.name",
            "hoziron manifest merge".to_owned(),
        ),
        (
            "merge.hoziron-manifest.driver",
            format!("{program} git merge-manifest %O %A %B %L %P"),
        ),
    ]
}

/// Returns the steps that write the settings into a scope.
pub fn installing(git: &Git, folder: &Path, scope: Scope) -> Result<Vec<Step>, GitError> {
    let settings = git.settings(folder)?;
    let step = |(key, after): (&'static str, String)| {
        let mut there = values(&settings, scope, key);
        let before = there.pop();
        let is_done = there.is_empty() && before.as_ref() == Some(&after);
        let after = Some(after);
        (!is_done).then_some(Step { key, before, after })
    };
    Ok(wanted(PROGRAM).into_iter().filter_map(step).collect())
}

/// Returns the step that writes the alias, none if it is there; `None` if there is another one of that
/// name, which is somebody's own.
pub fn aliasing(git: &Git, folder: &Path) -> Result<Option<Vec<Step>>, GitError> {
    let (key, alias) = ALIAS;
    let settings = git.settings(folder)?;
    let step = Step {
        key,
        before: None,
        after: Some(alias.to_owned()),
    };
    let found = settings.iter().rev().find(|one| one.key == key);
    Ok(match found {
        None => Some(vec![step]),
        Some(found) => (found.value == alias).then(Vec::new),
    })
}

/// Returns the steps that remove the settings from a scope.
pub fn removing(git: &Git, folder: &Path, scope: Scope) -> Result<Vec<Step>, GitError> {
    let settings = git.settings(folder)?;
    let (alias, ours) = ALIAS;
    let is_alias = values(&settings, scope, alias).pop().as_deref() == Some(ours);
    let alias = is_alias.then(|| Step {
        key: alias,
        before: Some(ours.to_owned()),
        after: None,
    });
    let step = |(key, _): (&'static str, String)| {
        let before = values(&settings, scope, key).pop()?;
        Some(Step {
            key,
            before: Some(before),
            after: None,
        })
    };
    let steps = wanted(PROGRAM).into_iter().filter_map(step);
    Ok(steps.chain(alias).collect())
}

fn values(settings: &[Setting], scope: Scope, key: &str) -> Vec<String> {
    let in_scope = |one: &&Setting| one.scope == scope.as_str() && one.key == key;
    let found = settings.iter().filter(in_scope);
    found.map(|one| one.value.clone()).collect()
}

/// Carries steps out.
pub fn apply(git: &Git, folder: &Path, scope: Scope, steps: &[Step]) -> Result<(), GitError> {
    for step in steps {
        match &step.after {
            Some(value) => git.set(folder, scope, step.key, value)?,
            None => git.unset(folder, scope, step.key)?,
        }
    }
    Ok(())
}

/// Returns the settings that are not in force in a folder as they have to be.
pub fn lacking(git: &Git, folder: &Path) -> Result<Vec<Lack>, GitError> {
    let settings = git.settings(folder)?;
    let lack = |(key, value): (&'static str, String)| {
        let found = settings.iter().rev().find(|one| one.key == key);
        let is_right = found.is_some_and(|one| one.value == value);
        let scope = found.map(|one| one.scope.clone());
        (!is_right).then_some(Lack { key, scope })
    };
    Ok(wanted(PROGRAM).into_iter().filter_map(lack).collect())
}

/// Says whether git has kept what a textconv printed, which may have been values.
pub fn has_plaintext_notes(repository: &Repository) -> Result<bool, GitError> {
    Ok(repository.commit(NOTES)?.is_some())
}

/// Returns the variables that give one run of git the settings, besides those that the environment
/// has given it already. `program` is a word of a shell.
pub fn one_off(program: &str, variables: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let count = variables.iter().find(|(name, _)| name == COUNT);
    let count = count.and_then(|(_, value)| value.to_str()?.parse().ok());
    let first: usize = count.unwrap_or(0);
    let settings = wanted(program);
    let mut given = vec![(
        OsString::from(COUNT),
        OsString::from((first + settings.len()).to_string()),
    )];
    for (index, (key, value)) in (first..).zip(&settings) {
        let named = |name: &str| OsString::from(format!("GIT_CONFIG_{name}_{index}"));
        given.push((named("KEY"), OsStr::new(key).to_owned()));
        given.push((named("VALUE"), OsStr::new(value).to_owned()));
    }
    given
}
