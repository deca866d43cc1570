//! One way to run git: without a terminal, without prompts, and with nothing of ours in its
//! environment. Nothing that a repository configures is run by the questions asked here.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// Returns the author's name that git would use in a folder, if git is there and has one.
pub fn author(folder: &Path, environment: &[(OsString, OsString)]) -> Option<String> {
    let name = environment
        .iter()
        .find(|(name, _)| name == "GIT_AUTHOR_NAME");
    if let Some((_, value)) = name.filter(|(_, value)| !value.is_empty()) {
        return value.to_str().map(str::to_owned);
    }
    ask(folder, environment, &["config", "--get", "user.name"])
}

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

fn ask(folder: &Path, environment: &[(OsString, OsString)], words: &[&str]) -> Option<String> {
    let kept = environment
        .iter()
        .filter(|(name, _)| KEPT.iter().any(|kept| name == kept));
    let output = Command::new("git")
        .args(words)
        .current_dir(folder)
        .env_clear()
        .envs(kept.map(|(name, value)| (name, value)))
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
