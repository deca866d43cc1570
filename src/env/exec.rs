//! Becoming a command: the environment it gets, what is checked first, and the `execve`. After it
//! the process is the command's own, so its signals, terminal, exit status and pid are exact. No
//! identity is ever handed on, and no error holds a value.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, getrlimit};
use thiserror::Error;

use crate::domain::VarName;
use crate::env::Variables;
use crate::env::hygiene::CoreLimit;
use crate::home::holds_identity;

/// What a clean environment keeps: where programs and the user are, the terminal, language and
/// time zone. Next to these, `LC_*`.
const CLEAN: [&str; 9] = [
    "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
];

/// The longest `NAME=value` with the NUL behind it, in bytes: `MAX_ARG_STRLEN` of Linux, with
/// pages of 4 KiB; larger pages would allow more.
const LONGEST_STRING: usize = 128 * 1024;

/// Kept free: `PATH_MAX` for the path that the kernel copies beside the strings, and as much again
/// for the interpreter of a script.
const HEADROOM: usize = 2 * 4096;

/// Why the command was not started.
#[derive(Debug, Error)]
pub enum ExecError {
    /// The command is there and could not be executed.
    #[error("it cannot be executed")]
    NotExecutable {
        /// The command, as it was given.
        command: OsString,
        /// What the system answered.
        source: io::Error,
    },
    /// There is no such command, or a script names an interpreter that is not there.
    #[error("there is no such program")]
    NotFound {
        /// The command, as it was given.
        command: OsString,
    },
    /// Values hold a NUL byte, which ends every variable of an environment.
    #[error("not possible in an environment, because of a NUL byte: {}", names(.0))]
    Nul(Vec<VarName>),
    /// Variables would steer the command.
    #[error("not handed out, because they steer programs: {}", names(.0))]
    Steering(Vec<VarName>),
    /// Arguments and environment are together more than the system takes.
    #[error("arguments and environment are {size} bytes, {limit} are possible{}", most(.largest))]
    TooLarge {
        /// The secret variable with the longest value, if there is one.
        largest: Option<VarName>,
        /// The bytes that are needed, with what is kept free.
        size: usize,
        /// The bytes that the system takes.
        limit: usize,
    },
    /// Values are longer than one variable may be.
    #[error("longer than one variable may be (128 KiB with its name): {}", names(.0))]
    TooLong(Vec<VarName>),
}

/// What of the parent's environment the command gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// Everything but identities.
    All,
    /// `PATH HOME TERM LANG LC_* TZ TMPDIR USER LOGNAME SHELL`.
    Clean,
}

impl Inherit {
    /// Says whether the command gets a variable of the parent.
    pub fn passes(self, name: &OsStr) -> bool {
        !holds_identity(name) && (self == Self::All || is_clean(name))
    }
}

/// The environment of a command.
///
/// Invariant: no inherited variable has the name of a secret one, or holds an identity. `Debug`
/// shows names only, for the parent's variables may be secrets of other tools.
pub struct Environment {
    inherited: BTreeMap<OsString, OsString>,
    secrets: Variables,
}

impl Environment {
    /// Builds the environment; a secret takes the place of an inherited variable.
    pub fn build(
        parent: impl IntoIterator<Item = (OsString, OsString)>,
        inherit: Inherit,
        secrets: Variables,
    ) -> Self {
        let mut inherited: BTreeMap<_, _> = parent
            .into_iter()
            .filter(|(name, _)| inherit.passes(name))
            .collect();
        for (name, _) in secrets.iter() {
            inherited.remove(OsStr::new(name.as_str()));
        }
        Self { inherited, secrets }
    }

    /// Returns the length of every `NAME=value` without its NUL.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        let inherited = self
            .inherited
            .iter()
            .map(|(name, value)| name.len() + 1 + value.len());
        inherited.chain(
            self.secrets
                .iter()
                .map(|(name, value)| name.as_str().len() + 1 + value.len()),
        )
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self
            .secrets
            .iter()
            .map(|(name, _)| OsStr::new(name.as_str()));
        f.debug_set()
            .entries(self.inherited.keys().map(|name| &**name).chain(secrets))
            .finish()
    }
}

/// A command that passed every check that can be made before it runs.
#[derive(Debug)]
pub struct Launch {
    command: OsString,
    args: Vec<OsString>,
    environment: Environment,
}

impl Launch {
    /// Checks that the environment may and can be handed to the command.
    pub fn prepare(
        command: &OsStr,
        args: &[OsString],
        environment: Environment,
    ) -> Result<Self, ExecError> {
        let secrets = &environment.secrets;
        let steering = secrets.steering();
        if !steering.is_empty() {
            return Err(ExecError::Steering(steering));
        }
        let with_nul = offenders(secrets, |_, value| value.contains(&0));
        if !with_nul.is_empty() {
            return Err(ExecError::Nul(with_nul));
        }
        let too_long = offenders(secrets, |name, value| {
            name.as_str().len() + "=".len() + value.len() + "\0".len() > LONGEST_STRING
        });
        if !too_long.is_empty() {
            return Err(ExecError::TooLong(too_long));
        }

        let arguments = iter::once(command)
            .chain(args.iter().map(|arg| &**arg))
            .map(OsStr::len);
        let cost = |length: usize| length + "\0".len() + size_of::<*const u8>();
        let size = arguments
            .chain(environment.lengths())
            .map(cost)
            .sum::<usize>()
            + HEADROOM;
        let limit = limit(getrlimit(Resource::Stack).current);
        if size > limit {
            let largest = secrets.iter().max_by_key(|(_, value)| value.len());
            let largest = largest.map(|(name, _)| name.clone());
            return Err(ExecError::TooLarge {
                largest,
                size,
                limit,
            });
        }
        Ok(Self {
            command: command.to_owned(),
            args: args.to_vec(),
            environment,
        })
    }

    /// Becomes the command, with the limit on core dumps that it is to have. Returns only if that
    /// failed.
    ///
    /// The command is looked up as execvp(3) does it, along the `PATH` that it gets itself, which
    /// is never a secret's. `SIGPIPE` is back at its default and no signal is blocked. The system
    /// call needs copies of the values that are not wiped if it fails: the caller should end.
    pub fn hand_over(self, core: CoreLimit) -> ExecError {
        let mut process = Command::new(&self.command);
        process
            .args(&self.args)
            .env_clear()
            .envs(&self.environment.inherited);
        for (name, value) in self.environment.secrets.iter() {
            process.env(name.as_str(), OsStr::from_bytes(value.reveal()));
        }
        core.restore();
        let source = process.exec();
        match source.kind() {
            io::ErrorKind::NotFound => ExecError::NotFound {
                command: self.command,
            },
            _ => ExecError::NotExecutable {
                command: self.command,
                source,
            },
        }
    }
}

fn is_clean(name: &OsStr) -> bool {
    CLEAN.iter().any(|kept| name == *kept) || name.as_bytes().starts_with(b"LC_")
}

fn offenders(secrets: &Variables, is_one: impl Fn(&VarName, &[u8]) -> bool) -> Vec<VarName> {
    let found = secrets
        .iter()
        .filter(|(name, value)| is_one(name, value.reveal()));
    found.map(|(name, _)| name.clone()).collect()
}

/// Returns what arguments and environment may take: a quarter of the stack, at least 128 KiB, at
/// most 6 MiB (execve(2), "Limits on size of arguments and environment"; fs/exec.c). Other systems
/// have a constant, of which 1 MiB on macOS is the largest.
fn limit(stack: Option<u64>) -> usize {
    let most = if cfg!(target_os = "linux") {
        6 << 20
    } else {
        1 << 20
    };
    let quarter = stack
        .and_then(|bytes| usize::try_from(bytes / 4).ok())
        .unwrap_or(most);
    quarter.clamp(128 << 10, most)
}

fn names(names: &[VarName]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn most(largest: &Option<VarName>) -> String {
    largest
        .as_ref()
        .map(|name| format!("; the longest secret is `{name}`"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
