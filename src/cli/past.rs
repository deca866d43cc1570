//! What commands that look into git's history share: the repository around the home, and with what
//! earlier files are looked at. Where no identity opens them, they are looked at all the same, and
//! what they say of themselves is all there is.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::cli::args::Reading;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::FolderName;
use crate::git::Eye;
use crate::home::load_or_make_journal_key;
use crate::people::{Chains, FolderKeys};
use crate::repository::{Around, ObjectId, Repository};

/// Finds the repository around the home, and the home in it.
pub fn repository(workspace: &Workspace<'_>, what: &str) -> Result<(Repository, PathBuf), Failure> {
    let variables = workspace.environment().variables();
    let found = Repository::discover(workspace.home(), Around::Folder, variables);
    let found = found.map_err(|error| Failure::of(what, &error))?;
    let with_home = found.and_then(|repository| {
        let home = repository.relative(workspace.home())?;
        Some((repository, home))
    });
    with_home
        .ok_or_else(|| Failure::new(what, Exit::Error).cause("the vault is in no git repository"))
}

/// Shortens the name of a commit, as people are shown it.
pub fn short(commit: &ObjectId) -> String {
    commit.as_str().chars().take(12).collect()
}

/// Writes a commit's time to the minute, in UTC.
pub fn minute(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(
        || format!("@{seconds}"),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// The keys and statements with which files are looked at.
pub struct Sight {
    /// What an identity opens; `None` if none does.
    pub keys: Option<FolderKeys>,
    // Without keys, the statements alone.
    chains: Option<Chains>,
    key: Option<[u8; 32]>,
}

impl Sight {
    /// Reads private keys, and does without where none opens the folders' keys.
    pub fn find(
        workspace: &Workspace<'_>,
        folders: &[FolderName],
        reading: Reading,
        what: &str,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let keys = match workspace.reading_keys(folders, reading, ui) {
            Ok(keys) => Some(keys),
            Err(failure) if failure.exit == Exit::NoIdentity => None,
            Err(failure) => return Err(failure),
        };
        let chains = match keys {
            Some(_) => None,
            None => Some(
                workspace
                    .chains()
                    .map_err(|error| Failure::of(what, &error))?,
            ),
        };
        let state = workspace.environment().state();
        let key = state.and_then(|state| load_or_make_journal_key(&state).ok());
        let key = key.map(|key| *key);
        Ok(Self { keys, chains, key })
    }

    /// Returns what looks.
    pub fn eye<'a>(&'a self, workspace: &'a Workspace<'_>) -> Eye<'a> {
        let keys = self.keys.as_ref();
        let chains = keys.map(FolderKeys::chains).or(self.chains.as_ref());
        let chains = chains.expect("there are keys, or statements alone");
        Eye::new(
            workspace.vault(),
            chains,
            keys,
            self.key.unwrap_or_default(),
        )
    }

    /// Says whether the marks of values are this user's alone, so that they may be shown.
    pub fn has_marks(&self) -> bool {
        self.key.is_some()
    }
}
