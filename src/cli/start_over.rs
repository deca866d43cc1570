//! A plugin is a program, and the age crate starts it in our own environment, which may hold keys and
//! a PATH that leads into the repository. An environment cannot be changed without unsafe code, so
//! hoziron starts itself over once, in a clean one, and hands what was taken out through a pipe.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use zeroize::Zeroizing;

use crate::cli::failure::{Exit, Failure};
use crate::home::{Environment, HANDED, holds_identity};

/// What a pipe takes without a reader (pipe(7)).
const PIPE: usize = 64 * 1024;

/// Starts hoziron over if the environment is not fit for a plugin; returns if it is.
pub fn in_clean_environment(environment: &Environment) -> Result<(), Failure> {
    let path = environment
        .get("PATH")
        .map(|path| safe_path(path, environment.working_directory()));
    let changes = |name: &OsStr, value: &OsStr| {
        holds_identity(name) || (name == "PATH" && path.as_deref() != Some(value))
    };
    let variables = environment.variables();
    let taken: Vec<_> = variables
        .iter()
        .filter(|(name, value)| changes(name, value))
        .collect();
    if taken.is_empty() || environment.was_handed() {
        return Ok(());
    }
    let failed = |why: String| Failure::new("cannot run a plugin", Exit::Error).cause(why);
    let mut text = Zeroizing::new(Vec::with_capacity(PIPE));
    for (name, value) in &taken {
        for part in [name, value] {
            text.extend_from_slice(part.as_bytes());
            text.push(0);
        }
    }
    if text.len() > PIPE {
        return Err(failed(
            "the variables with private keys are longer than 64 KiB".to_owned(),
        ));
    }
    let (reader, writer) = rustix::pipe::pipe().map_err(|errno| failed(errno.to_string()))?;
    rustix::io::write(&writer, &text).map_err(|errno| failed(errno.to_string()))?;
    drop(writer);

    let kept = variables
        .iter()
        .filter(|(name, value)| !changes(name, value));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    again.arg0(arguments.next().unwrap_or_default());
    again
        .args(arguments)
        .env_clear()
        .envs(kept.map(|(name, value)| (name, value)));
    again.env(HANDED, reader.as_raw_fd().to_string());
    if let Some(path) = path {
        again.env("PATH", path);
    }
    Err(failed(again.exec().to_string()))
}

/// Leaves out of a PATH what somebody else may have put a program into: relative folders, those that
/// anybody can write to, and those of the repository that is worked in.
fn safe_path(path: &OsStr, working: &Path) -> OsString {
    let repository = working
        .ancestors()
        .find(|folder| folder.join(".git").exists());
    let safe = |folder: &Path| {
        let open = |mode: Permissions| mode.mode() & 0o002 != 0;
        folder.is_absolute()
            && repository.is_none_or(|repository| !folder.starts_with(repository))
            && !folder
                .metadata()
                .is_ok_and(|found| open(found.permissions()))
    };
    let folders = std::env::split_paths(path).filter(|folder| safe(folder));
    std::env::join_paths(folders).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_others_can_write_to_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let open = root.path().join("open");
        #[expect(
            clippy::disallowed_methods,
            reason = "a test arranges files as it likes"
        )]
        std::fs::create_dir_all(root.path().join("repo/.git")).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a test arranges files as it likes"
        )]
        std::fs::create_dir(&open).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a test arranges files as it likes"
        )]
        std::fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        let repo = root.path().join("repo");
        let path = format!(
            "/usr/bin::.:bin:{}:{}/bin:/bin",
            open.display(),
            repo.display()
        );
        assert_eq!(
            safe_path(OsStr::new(&path), &repo.join("a")),
            "/usr/bin:/bin"
        );
    }
}
