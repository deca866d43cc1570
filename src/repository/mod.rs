//! Beside floor 2: the git repository around a home, asked through the `git` program. It answers
//! what is tracked, staged, configured, and what any path held at any commit. Nothing that a
//! repository brings along is run, nothing is asked of the network; settings are changed, and what is
//! staged.

mod commit;
mod conflicts;
mod history;
mod index;
mod objects;
mod program;
mod settings;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use conflicts::{Stages, Unmerged};
pub use history::{Change, Ever, Object, Order, Step, Version};
pub use index::{Attribute, Entry, Kind, Tracked, tracked};
pub use objects::{Content, ObjectKind};
pub use program::{Around, Git};
pub use settings::{Scope, Setting, author, author_email};

/// The most that is read of a short answer, in bytes (1 MiB).
const SHORT: u64 = 1 << 20;

/// The most that is read of a listing, in bytes (1 GiB).
const LONG: u64 = 1 << 30;

/// Why git gave no answer. Holds no content of a file.
#[derive(Debug, Error)]
pub enum GitError {
    /// It refused.
    #[error("`git {asked}` failed{}", clause(.said))]
    Failed {
        /// The subcommand.
        asked: String,
        /// The first line of what it said.
        said: String,
    },
    /// It could not be run, or broke off.
    #[error("`git {asked}` broke off")]
    Io {
        /// The subcommand.
        asked: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such program.
    #[error("there is no `git` on the PATH")]
    Missing,
    /// A path that cannot be asked about.
    #[error("git cannot be asked about `{}`", .0.display())]
    Path(PathBuf),
    /// A longer answer than is read.
    #[error("`git {asked}` answered with more than {limit} bytes")]
    TooMuch {
        /// The subcommand.
        asked: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// An answer in another form than git's manual has.
    #[error("`git {asked}` gave an answer that makes no sense")]
    Unexpected {
        /// The subcommand.
        asked: String,
    },
}

fn clause(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

/// The name of an object: 40 or 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    /// Parses the whole name of an object; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_one = matches!(text.len(), 40 | 64) && text.bytes().all(digits);
        is_one.then(|| Self(text.to_owned()))
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it stands for no object: all zeros.
    pub fn is_nothing(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository with a work tree.
#[derive(Clone, Debug)]
pub struct Repository {
    git: Git,
    top: PathBuf,
}

impl Repository {
    /// Finds the repository around a folder; `None` if there is none. Git is not started to say so.
    pub fn discover(
        folder: &Path,
        around: Around,
        variables: &[(OsString, OsString)],
    ) -> Result<Option<Self>, GitError> {
        let named = around == Around::Inherited
            && variables
                .iter()
                .any(|(name, value)| name == "GIT_DIR" && !value.is_empty());
        if !named && !is_within(folder) {
            return Ok(None);
        }
        let git = Git::find(folder, around, variables)?;
        let words = ["rev-parse", "--show-toplevel"].map(OsStr::new);
        let top = line(git.ask(folder, &words, b"", SHORT)?);
        Ok(Some(Self {
            git,
            top: PathBuf::from(OsString::from_vec(top)),
        }))
    }

    /// Returns the top of the work tree, with links resolved.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// Returns the program, and how it is run.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Returns a path as git has it, from the top; `None` if it is outside of the work tree. What
    /// does not exist may stand at the end of it.
    pub fn relative(&self, path: &Path) -> Option<PathBuf> {
        let there = path.ancestors().find_map(|part| {
            let real = part.canonicalize().ok()?;
            Some((part, real))
        });
        let (part, real) = there?;
        let missing = path.strip_prefix(part).ok()?;
        let whole = if missing.as_os_str().is_empty() {
            real
        } else {
            real.join(missing)
        };
        Some(whole.strip_prefix(&self.top).ok()?.to_owned())
    }

    /// Returns the commit that a revision stands for; `None` if there is none.
    pub fn commit(&self, revision: &str) -> Result<Option<ObjectId>, GitError> {
        let revision = format!("{revision}^{{commit}}");
        let words = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &revision,
        ];
        let words = words.map(OsStr::new);
        let settings = program::Settings::Overruled;
        let answer = self.git.answer(&self.top, settings, &words, b"", SHORT)?;
        match answer.status.code() {
            Some(0) => Ok(Some(id(&line(answer.stdout), "rev-parse")?)),
            Some(1) => Ok(None),
            _ => Err(program::failed(&words, &answer)),
        }
    }

    /// Returns the commit that is checked out; `None` before the first one.
    pub fn head(&self) -> Result<Option<ObjectId>, GitError> {
        self.commit("HEAD")
    }

    /// Returns the full name of the branch that is checked out; `None` on no branch.
    pub fn branch(&self) -> Result<Option<String>, GitError> {
        let words = ["symbolic-ref", "--quiet", "HEAD"].map(OsStr::new);
        let settings = program::Settings::Overruled;
        let answer = self.git.answer(&self.top, settings, &words, b"", SHORT)?;
        match answer.status.code() {
            Some(0) => Ok(String::from_utf8(line(answer.stdout)).ok()),
            Some(1) => Ok(None),
            _ => Err(program::failed(&words, &answer)),
        }
    }

    /// Says whether the history was cut off when it was cloned.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        Ok(line(self.short(&["rev-parse", "--is-shallow-repository"])?) == b"true")
    }

    /// Returns where git looks for hooks.
    pub fn hooks(&self) -> Result<PathBuf, GitError> {
        let words = ["rev-parse", "--git-path", "hooks"].map(OsStr::new);
        let settings = program::Settings::Asked;
        let answer = self.git.answer(&self.top, settings, &words, b"", SHORT)?;
        if !answer.status.success() {
            return Err(program::failed(&words, &answer));
        }
        let path = OsString::from_vec(line(answer.stdout));
        Ok(self.top.join(path))
    }

    fn short(&self, words: &[&str]) -> Result<Vec<u8>, GitError> {
        self.read(words, &[], b"", SHORT)
    }

    fn read(
        &self,
        words: &[&str],
        more: &[&OsStr],
        input: &[u8],
        limit: u64,
    ) -> Result<Vec<u8>, GitError> {
        let words = words.iter().map(OsStr::new);
        let words: Vec<_> = words.chain(more.iter().copied()).collect();
        self.git.ask(&self.top, &words, input, limit)
    }
}

/// Says whether there is a repository around a folder.
fn is_within(folder: &Path) -> bool {
    folder
        .canonicalize()
        .is_ok_and(|folder| folder.ancestors().any(|above| above.join(".git").exists()))
}

/// An answer of one line, which may hold a line end itself, if it is a path.
fn line(mut answer: Vec<u8>) -> Vec<u8> {
    if answer.ends_with(b"\n") {
        answer.pop();
    }
    answer
}

fn id(text: &[u8], asked: &str) -> Result<ObjectId, GitError> {
    std::str::from_utf8(text)
        .ok()
        .and_then(ObjectId::parse)
        .ok_or_else(|| unexpected(asked))
}

fn unexpected(asked: &str) -> GitError {
    GitError::Unexpected {
        asked: asked.to_owned(),
    }
}
