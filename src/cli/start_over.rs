//! A plugin is a program, and the age crate starts it in our own environment, which may hold keys and
//! a PATH that leads into the repository. An environment cannot be changed without unsafe code, so
//! where a plugin may be run hoziron starts itself over once, before anything is read or asked, in a
//! clean one, and hands what was taken out through a pipe.

use std::ffi::OsStr;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use zeroize::Zeroizing;

use crate::cli::failure::{Exit, Failure};
use crate::disk::safe_path;
use crate::env::hygiene::CoreLimit;
use crate::home::{Environment, HANDED, UserConfig, holds_identity};

/// What a pipe takes without a reader (pipe(7)).
const PIPE: usize = 64 * 1024;

/// Has age print what it says to plugins, file keys included.
const DEBUG: &str = "AGEDEBUG";

/// Starts hoziron over if the user allows any plugin and the environment is not fit for one; returns
/// if it is. The limit is given back to be taken anew.
pub fn in_clean_environment(
    environment: &Environment,
    given: Option<&Path>,
    limits: CoreLimit,
) -> Result<(), Failure> {
    // What is wrong with the configuration is said where it is needed.
    let user = environment.config_folder();
    let user = user.and_then(|folder| UserConfig::load(&folder).ok());
    if user.is_none_or(|user| user.plugins.is_empty()) {
        return Ok(());
    }
    let home = environment.search(given.map(Path::to_owned)).find().ok();
    let places: Vec<&Path> = home
        .as_deref()
        .into_iter()
        .chain([environment.working_directory().as_path()])
        .collect();
    let path = environment.get("PATH").map(|path| safe_path(path, &places));
    let changes = |name: &OsStr, value: &OsStr| {
        holds_identity(name) || name == DEBUG || (name == "PATH" && path.as_deref() != Some(value))
    };
    let variables = environment.variables();
    let taken: Vec<_> = variables
        .iter()
        .filter(|(name, value)| changes(name, value))
        .collect();
    if taken.is_empty() || environment.was_handed() {
        return Ok(());
    }
    if path.as_ref().is_some_and(|path| path.is_empty()) {
        return Err(Failure::new("cannot run a plugin", Exit::Error)
            .cause("no folder of the PATH is safe from others"));
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
    limits.restore();
    Err(failed(again.exec().to_string()))
}
