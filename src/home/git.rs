//! What is asked of git about a home, always through the `git` program: without a terminal, without
//! prompts, without hooks, and with nothing of ours in its environment. The questions asked here read
//! git's own files; nothing that a repository configures is run by them.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::home::safe_path;

/// The variables git needs to find its program, its user and the user's configuration.
const KEPT: [&str; 7] = [
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "HOME",
    "PATH",
    "USER",
    "XDG_CONFIG_HOME",
];

/// Whether git has a file in its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracked {
    /// It has not, or there is no repository.
    No,
    /// There is a repository, and git gave no answer.
    Unknown,
    /// It has.
    Yes,
}

/// Returns the author's name that git would use in a folder, if git is there and has one.
pub fn author(folder: &Path, environment: &[(OsString, OsString)]) -> Option<String> {
    let name = environment
        .iter()
        .find(|(name, _)| name == "GIT_AUTHOR_NAME");
    if let Some((_, value)) = name.filter(|(_, value)| !value.is_empty()) {
        return value.to_str().map(str::to_owned);
    }
    let text = ask(
        folder,
        environment,
        &["config", "--get", "user.name"].map(OsStr::new),
    )?;
    let text = String::from_utf8(text).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Says whether git tracks a file in a folder.
pub fn tracks(folder: &Path, file: &str, environment: &[(OsString, OsString)]) -> Tracked {
    let in_repository = folder
        .canonicalize()
        .is_ok_and(|folder| folder.ancestors().any(|above| above.join(".git").exists()));
    if !in_repository {
        return Tracked::No;
    }
    let words = ["--literal-pathspecs", "ls-files", "-z", "--", file].map(OsStr::new);
    match ask(folder, environment, &words) {
        Some(found) if found.is_empty() => Tracked::No,
        Some(_) => Tracked::Yes,
        None => Tracked::Unknown,
    }
}

fn ask(folder: &Path, environment: &[(OsString, OsString)], words: &[&OsStr]) -> Option<Vec<u8>> {
    let kept = environment
        .iter()
        .filter(|(name, _)| KEPT.iter().any(|kept| name == kept));
    let path = environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new("/usr/bin:/bin"), |(_, path)| path);
    let output = Command::new("git")
        // A folder that came in an archive may bring a `.git/config` that names programs.
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(words)
        .current_dir(folder)
        .env_clear()
        .envs(kept.map(|(name, value)| (name, value)))
        .env("PATH", safe_path(path, &[folder]))
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}
