//! Git's settings: what is in force and where it comes from, and writing one in a scope that is
//! named. What is in force is asked as git has it, with nothing overruled; no program is started by
//! asking. Who the author is belongs to the settings too.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::repository::index::records;
use crate::repository::program::{Settings, failed};
use crate::repository::{Around, Git, GitError, SHORT, line, unexpected};

/// Where a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The user's own, for every repository.
    Global,
    /// The repository's.
    Local,
}

impl Scope {
    /// Returns git's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Local => "local",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Global => "--global",
            Self::Local => "--local",
        }
    }
}

/// One value of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `system`, `global`, `local`, `worktree` or `command`.
    pub scope: String,
    /// Its name, the first and the last part in lower case.
    pub key: String,
    /// What it is set to; empty if it is only named.
    pub value: String,
}

impl Git {
    /// Lists the settings that are in force in a folder; of several with one name, the last counts.
    pub fn settings(&self, folder: &Path) -> Result<Vec<Setting>, GitError> {
        let words = ["config", "--list", "--show-scope", "-z"].map(OsStr::new);
        let answer = self.answer(folder, Settings::Asked, &words, b"", SHORT)?;
        if !answer.status.success() {
            return Err(failed(&words, &answer));
        }
        let parts: Vec<_> = records(&answer.stdout).collect();
        if !parts.len().is_multiple_of(2) {
            return Err(unexpected("config"));
        }
        let setting = |pair: &[&[u8]]| {
            let text = String::from_utf8_lossy(pair[1]);
            let (key, value) = text.split_once('\n').unwrap_or((&text, ""));
            Setting {
                scope: String::from_utf8_lossy(pair[0]).into_owned(),
                key: key.to_owned(),
                value: value.to_owned(),
            }
        };
        Ok(parts.chunks_exact(2).map(setting).collect())
    }

    /// Returns the value that is in force; `None` if there is none.
    pub fn setting(&self, folder: &Path, key: &str) -> Result<Option<String>, GitError> {
        let words = ["config", "--get", key].map(OsStr::new);
        let answer = self.answer(folder, Settings::Asked, &words, b"", SHORT)?;
        match answer.status.code() {
            Some(0) => {
                let value = line(answer.stdout);
                Ok(Some(String::from_utf8_lossy(&value).into_owned()))
            }
            Some(1) => Ok(None),
            _ => Err(failed(&words, &answer)),
        }
    }

    /// Writes a setting, in the place of all of its values in that scope.
    pub fn set(&self, folder: &Path, scope: Scope, key: &str, value: &str) -> Result<(), GitError> {
        let words = ["config", scope.option(), "--replace-all", key, value];
        self.change(folder, &words, &[0])
    }

    /// Removes a setting from a scope; it need not be there.
    pub fn unset(&self, folder: &Path, scope: Scope, key: &str) -> Result<(), GitError> {
        // 5: there was none (git-config(1)).
        let words = ["config", scope.option(), "--unset-all", key];
        self.change(folder, &words, &[0, 5])
    }

    fn change(&self, folder: &Path, words: &[&str], fine: &[i32]) -> Result<(), GitError> {
        let words: Vec<_> = words.iter().map(OsStr::new).collect();
        let answer = self.answer(folder, Settings::Asked, &words, b"", SHORT)?;
        match answer.status.code() {
            Some(code) if fine.contains(&code) => Ok(()),
            _ => Err(failed(&words, &answer)),
        }
    }
}

/// Returns the author's name that git would use in a folder, if git is there and has one.
pub fn author(folder: &Path, variables: &[(OsString, OsString)]) -> Option<String> {
    who(folder, variables, "GIT_AUTHOR_NAME", "user.name")
}

/// Returns the author's address that git would use in a folder, if git is there and has one.
pub fn author_email(folder: &Path, variables: &[(OsString, OsString)]) -> Option<String> {
    who(folder, variables, "GIT_AUTHOR_EMAIL", "user.email")
}

fn who(
    folder: &Path,
    variables: &[(OsString, OsString)],
    variable: &str,
    key: &str,
) -> Option<String> {
    let set = variables.iter().find(|(name, _)| name == variable);
    if let Some((_, value)) = set.filter(|(_, value)| !value.is_empty()) {
        return value.to_str().map(str::to_owned);
    }
    let git = Git::find(folder, Around::Folder, variables).ok()?;
    let text = git.setting(folder, key).ok()??;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
