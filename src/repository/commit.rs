//! Committing what a command changed: the paths that are named and nothing else that is staged. No
//! hook is run, as everywhere in this module.

use std::ffi::OsStr;

use crate::repository::program::{Settings, failed};
use crate::repository::{GitError, Repository, SHORT};

impl Repository {
    /// Commits the paths as they are in the work tree; nothing, if they are so at HEAD.
    pub fn commit_paths(&self, paths: &[&OsStr], message: &str) -> Result<(), GitError> {
        self.write(&["add", "--all", "--"], paths)?;
        let words = ["diff", "--cached", "--quiet", "HEAD", "--"].map(OsStr::new);
        let words: Vec<_> = words.into_iter().chain(paths.iter().copied()).collect();
        let same = self
            .git
            .answer(&self.top, Settings::Asked, &words, b"", SHORT)?;
        if same.status.code() == Some(0) {
            return Ok(());
        }
        self.write(
            &[
                "commit",
                "--quiet",
                "--no-verify",
                "--message",
                message,
                "--",
            ],
            paths,
        )
    }

    fn write(&self, words: &[&str], paths: &[&OsStr]) -> Result<(), GitError> {
        let words: Vec<_> = words.iter().map(OsStr::new).collect();
        let words: Vec<_> = words.into_iter().chain(paths.iter().copied()).collect();
        let answer = self
            .git
            .answer(&self.top, Settings::Asked, &words, b"", SHORT)?;
        if answer.status.success() {
            Ok(())
        } else {
            Err(failed(&words, &answer))
        }
    }
}
