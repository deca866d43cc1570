//! The one way in which git is run: a program found outside of the repository, with an environment
//! made here, without terminal, pager or network. Settings of a repository that name programs are
//! overruled, so a folder that came in an archive runs nothing. No answer is read without a limit.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use crate::disk::safe_path;
use crate::repository::GitError;

/// The variables git needs to find its user and the user's configuration.
const KEPT: [&str; 6] = [
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "HOME",
    "USER",
    "XDG_CONFIG_HOME",
];

/// The variables by which git tells a hook, or a person tells git, which repository is meant. Paths.
const PLACES: [&str; 5] = [
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
];

/// The same, but a list of paths.
const ALTERNATES: &str = "GIT_ALTERNATE_OBJECT_DIRECTORIES";

/// Settings that overrule those of the repository which would start a program, or change an answer.
const OVERRULED: [&str; 7] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "diff.orderFile=/dev/null",
    "log.showSignature=false",
    "safe.bareRepository=explicit",
];

/// Where programs are when there is no PATH.
const USUAL_PATH: &str = "/usr/bin:/bin";

/// The most that is kept of what git says on the side, in bytes.
const MAX_SAID: u64 = 16 * 1024;

/// Which repository is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// The one around the folder, whatever the environment says.
    Folder,
    /// The one that the environment names, as git does for a hook; else the one around the folder.
    Inherited,
}

/// The `git` program and the environment it is run with.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

/// What git answered.
#[derive(Debug)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// The first line of what it said on the side.
    pub said: String,
}

/// Whether what git prints may depend on settings overruled here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settings {
    /// As they are: to ask about them. Only for commands that start no program.
    Asked,
    /// Without those that name programs.
    Overruled,
}

impl Git {
    /// Finds git on the PATH of these variables, but nowhere in the repository around a folder.
    pub fn find(
        folder: &Path,
        around: Around,
        variables: &[(OsString, OsString)],
    ) -> Result<Self, GitError> {
        let get = |name: &str| variables.iter().find(|(known, _)| known == name);
        let path = get("PATH").map_or(OsStr::new(USUAL_PATH), |(_, path)| path);
        let path = safe_path(path, &[folder]);
        let program = std::env::split_paths(&path)
            .map(|folder| folder.join("git"))
            .find(|program| is_executable(program))
            .ok_or(GitError::Missing)?;
        let mut kept: Vec<_> = KEPT.iter().filter_map(|name| get(name)).cloned().collect();
        if around == Around::Inherited {
            let absolute = |(name, value): &(OsString, OsString)| {
                (name.clone(), folder.join(value).into_os_string())
            };
            kept.extend(PLACES.iter().filter_map(|name| get(name)).map(absolute));
            kept.extend(get(ALTERNATES).cloned());
        }
        for (name, value) in [
            // No protocol is allowed, so a partial clone cannot start a transport.
            ("GIT_ALLOW_PROTOCOL", ""),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
        ] {
            kept.push((name.into(), value.into()));
        }
        kept.push(("PATH".into(), path));
        Ok(Self {
            program,
            variables: kept,
        })
    }

    /// Returns where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Asks, and takes any end but success as a failure.
    pub(super) fn ask(
        &self,
        folder: &Path,
        words: &[&OsStr],
        input: &[u8],
        limit: u64,
    ) -> Result<Vec<u8>, GitError> {
        let answer = self.answer(folder, Settings::Overruled, words, input, limit)?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        Err(failed(words, &answer))
    }

    /// Asks, and returns how it ended as well.
    pub(super) fn answer(
        &self,
        folder: &Path,
        settings: Settings,
        words: &[&OsStr],
        input: &[u8],
        limit: u64,
    ) -> Result<Answer, GitError> {
        let asked = asked(words);
        let broken = |source| GitError::Io {
            asked: asked.clone(),
            source,
        };
        let mut child = self.start(folder, settings, words).map_err(broken)?;
        let stdin = child.stdin.take().expect("it was piped");
        let stdout = child.stdout.take().expect("it was piped");
        let stderr = child.stderr.take().expect("it was piped");
        let mut printed = Vec::new();
        let (read, said) = thread::scope(|scope| {
            let feed = scope.spawn(move || {
                let mut stdin = stdin;
                // One that stops reading says by its end what is wrong.
                let _ = stdin.write_all(input);
            });
            let aside = scope.spawn(move || said(stderr));
            let read = stdout.take(limit + 1).read_to_end(&mut printed);
            if printed.len() as u64 > limit || read.is_err() {
                // It may have ended by itself.
                let _ = child.kill();
            }
            feed.join().expect("writing does not panic");
            (read, aside.join().expect("reading does not panic"))
        });
        let status = child.wait().map_err(broken)?;
        read.map_err(broken)?;
        if printed.len() as u64 > limit {
            return Err(GitError::TooMuch { asked, limit });
        }
        Ok(Answer {
            status,
            stdout: printed,
            said,
        })
    }

    /// Starts git with pipes at all ends.
    pub(super) fn start(
        &self,
        folder: &Path,
        settings: Settings,
        words: &[&OsStr],
    ) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .current_dir(folder)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.args(["--no-pager", "--literal-pathspecs"]);
        if settings == Settings::Overruled {
            for setting in OVERRULED {
                command.args(["-c", setting]);
            }
        }
        command.args(words).spawn()
    }
}

/// The subcommand, by which an error names what was asked.
pub(super) fn asked(words: &[&OsStr]) -> String {
    let word = words.first().map(|word| word.to_string_lossy());
    word.unwrap_or_default().into_owned()
}

/// Turns an end without success into an error.
pub(super) fn failed(words: &[&OsStr], answer: &Answer) -> GitError {
    GitError::Failed {
        asked: asked(words),
        said: answer.said.clone(),
    }
}

/// Reads to the end, and keeps the first line.
pub(super) fn said(mut stderr: impl Read) -> String {
    let mut text = Vec::new();
    // What cannot be read is not said.
    let _ = (&mut stderr).take(MAX_SAID).read_to_end(&mut text);
    let _ = io::copy(&mut stderr, &mut io::sink());
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("fatal: ").unwrap_or(line).to_owned()
}

fn is_executable(program: &Path) -> bool {
    let Ok(found) = program.metadata() else {
        return false;
    };
    found.is_file() && found.permissions().mode() & 0o111 != 0
}
