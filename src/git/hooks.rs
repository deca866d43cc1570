//! Hooks that look for leaks before a commit, a merge and a push. A hook that is there is kept, under
//! another name, and called first; where a program manages the hooks, nothing is written. A hook of
//! ours without hoziron on the PATH lets git go on, and says so.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::disk::{Dir, DiskError, Kind};

/// The hooks, in the order in which git runs them.
const HOOKS: [&str; 3] = ["pre-commit", "pre-merge-commit", "pre-push"];

/// By what a hook of ours is known.
const MARK: &str = "# written by hoziron";

/// The longest hook that is looked at, in bytes (1 MiB).
const MAX: u64 = 1 << 20;

/// The ending of a hook that was there before.
const KEPT: &str = ".local";

/// Why a hook was not written.
#[derive(Debug, Error)]
pub enum HookError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is a hook of somebody's, and one under the name it would be kept by.
    #[error("`{}` is there already, so `{hook}` cannot be kept under that name", .kept.display())]
    Kept {
        /// The hook.
        hook: &'static str,
        /// What is in its way.
        kept: PathBuf,
    },
}

/// A program that manages hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// <https://hk.jdx.dev>
    Hk,
    /// <https://typicode.github.io/husky>
    Husky,
    /// <https://lefthook.dev>
    Lefthook,
    /// <https://pre-commit.com>, and prek.
    PreCommit,
}

impl Manager {
    /// Finds out which one a repository has, by its own files.
    pub fn of(top: &Path) -> Option<Self> {
        let all = [
            (".husky", Self::Husky),
            ("lefthook.yml", Self::Lefthook),
            (".lefthook.yml", Self::Lefthook),
            ("lefthook.yaml", Self::Lefthook),
            (".lefthook.yaml", Self::Lefthook),
            ("lefthook.toml", Self::Lefthook),
            (".pre-commit-config.yaml", Self::PreCommit),
            (".pre-commit-config.yml", Self::PreCommit),
            ("hk.pkl", Self::Hk),
        ];
        let found = all.into_iter().find(|(file, _)| top.join(file).exists());
        found.map(|(_, manager)| manager)
    }

    /// Returns where to put the snippet.
    pub fn place(self) -> &'static str {
        match self {
            Self::Hk => "hk.pkl",
            Self::Husky => ".husky/pre-commit",
            Self::Lefthook => "lefthook.yml",
            Self::PreCommit => ".pre-commit-config.yaml",
        }
    }

    /// Returns what to put there.
    pub fn snippet(self) -> &'static str {
        match self {
            Self::Hk => {
                "hooks {\n  [\"pre-commit\"] {\n    steps {\n      [\"hoziron\"] { check = \"hoziron scan --staged --no-input\" }\n    }\n  }\n}"
            }
            Self::Husky => "hoziron scan --staged --no-input || [ $? -eq 3 ]",
            Self::Lefthook => {
                "pre-commit:\n  commands:\n    hoziron:\n      run: hoziron scan --staged --no-input || [ $? -eq 3 ]"
            }
            Self::PreCommit => {
                "  - repo: local\n    hooks:\n      - id: hoziron-scan\n        name: hoziron leak scan\n        entry: sh -c 'hoziron scan --staged --no-input || [ $? -eq 3 ]'\n        language: system\n        pass_filenames: false\n        stages: [pre-commit, pre-merge-commit, manual]"
            }
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hk => "hk",
            Self::Husky => "husky",
            Self::Lefthook => "lefthook",
            Self::PreCommit => "pre-commit",
        })
    }
}

/// What became of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there now, and calls the one that was there before.
    KeptOther,
    /// It is there now.
    New,
    /// It was there.
    Unchanged,
    /// It took the place of one that an earlier version wrote.
    Updated,
}

/// Writes the hooks into the folder where git looks for them.
pub fn install(folder: &Dir) -> Result<Vec<(&'static str, Written)>, HookError> {
    let write = |hook| Ok((hook, write(folder, hook)?));
    HOOKS.into_iter().map(write).collect()
}

fn write(folder: &Dir, hook: &'static str) -> Result<Written, HookError> {
    let text = script(hook);
    let written = match folder.kind_of(hook)? {
        None => Written::New,
        Some(Kind::File) => {
            let there = folder.read(hook, MAX)?.unwrap_or_default();
            if there == text.as_bytes() {
                return Ok(Written::Unchanged);
            }
            let mark = MARK.as_bytes();
            if there
                .split(|byte| *byte == b'\n')
                .any(|line| line.starts_with(mark))
            {
                Written::Updated
            } else {
                Written::KeptOther
            }
        }
        Some(_) => Written::KeptOther,
    };
    let new = format!(".{hook}.hoziron-new");
    folder.unlink(&new)?;
    folder.create_new(&new, 0o755, text.as_bytes())?;
    if written == Written::KeptOther {
        let kept = format!("{hook}{KEPT}");
        if !folder.rename_new(hook, folder, &kept)? {
            folder.unlink(&new)?;
            let kept = folder.path().join(kept);
            return Err(HookError::Kept { hook, kept });
        }
    }
    folder.rename(&new, folder, hook)?;
    folder.sync()?;
    Ok(written)
}

/// A hook in the language of every shell. Exit code 3 of a scan is no leak: something could not be
/// looked at, which was said, and whoever holds no key must be able to commit.
fn script(hook: &str) -> String {
    let head = format!(
        "#!/bin/sh\n{MARK}; a hook of your own is `{hook}{KEPT}`, and is run first.\n\
         own=$(dirname \"$0\")/{hook}{KEPT}\n"
    );
    let missing = "command -v hoziron >/dev/null 2>&1 || {\n\
                   \techo 'hoziron is not on the PATH: nothing was looked at for leaks' >&2\n\
                   \texit 0\n}\n";
    let end = "code=$?\n[ \"$code\" -eq 3 ] && exit 0\nexit \"$code\"\n";
    if hook == "pre-push" {
        return format!(
            "{head}pushed=$(cat)\n\
             if [ -x \"$own\" ]; then\n\tprintf '%s\\n' \"$pushed\" | \"$own\" \"$@\" || exit $?\nfi\n\
             {missing}printf '%s\\n' \"$pushed\" | hoziron scan --pushed \"$1\" --no-input\n{end}"
        );
    }
    format!(
        "{head}if [ -x \"$own\" ]; then\n\t\"$own\" \"$@\" || exit $?\nfi\n\
         {missing}hoziron scan --staged --no-input\n{end}"
    )
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_hook_that_is_there_is_kept_and_twice_is_once() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("pre-commit"), "#!/bin/sh\nexit 1\n").unwrap();
        let folder = Dir::open(place.path()).unwrap();
        let first = install(&folder).unwrap();
        assert_eq!(
            first
                .iter()
                .map(|(_, written)| *written)
                .collect::<Vec<_>>(),
            [Written::KeptOther, Written::New, Written::New]
        );
        let kept = fs::read_to_string(at("pre-commit.local")).unwrap();
        assert_eq!(kept, "#!/bin/sh\nexit 1\n");
        let mode = fs::metadata(at("pre-push")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111);
        let again = install(&folder).unwrap();
        assert!(
            again
                .iter()
                .all(|(_, written)| *written == Written::Unchanged)
        );

        fs::write(at("pre-push"), format!("#!/bin/sh\n{MARK} 0.0\n")).unwrap();
        assert_eq!(install(&folder).unwrap()[2].1, Written::Updated);
        fs::write(at("pre-commit"), "another").unwrap();
        assert!(matches!(install(&folder), Err(HookError::Kept { .. })));
        assert_eq!(fs::read_to_string(at("pre-commit")).unwrap(), "another");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 4);
    }
}
