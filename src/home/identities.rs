//! Where private keys are looked for, in order, and what was found at each place. Places a person
//! named must hold usable keys; the usual places may be missing or hold something else, which is
//! remembered for the error that is shown when nothing opens. Nothing is read before it is asked for.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::domain::{IdentityTextError, Keyring, SecretValue};
use crate::home::private::{PrivateError, read_private};

/// The longest identity file, in bytes (1 MiB).
const MAX_IDENTITY_FILE: u64 = 1024 * 1024;

/// One place where private keys may be.
#[derive(Debug)]
pub enum Place {
    /// A program of the user's own configuration that prints keys, with its arguments and the
    /// environment it gets.
    Command(Vec<String>, Vec<(OsString, OsString)>),
    /// A file that somebody named: an option or a variable, given for messages.
    Named(PathBuf, &'static str),
    /// The text of keys, in a variable.
    Text(SecretValue, &'static str),
    /// A file where keys usually are.
    Usual(PathBuf),
}

/// Why a place that somebody named is of no use.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The user's program cannot be run.
    #[error("`{program}` (identity_command) {why}")]
    Command {
        /// The program.
        program: String,
        /// What came of it.
        why: String,
    },
    /// The file is not there.
    #[error("`{path}` ({by}) does not exist")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The option or variable that names it.
        by: &'static str,
    },
    /// The file may not or cannot be read.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// It does not hold keys.
    #[error("{place}: {source}")]
    Text {
        /// The file or the variable.
        place: String,
        /// What is wrong, without the text.
        source: IdentityTextError,
    },
}

/// What was found at one place.
#[derive(Debug)]
pub struct Tried {
    /// The place.
    pub place: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of looking at one place.
#[derive(Debug)]
pub enum Outcome {
    /// These public halves; none where a passphrase or a plugin is needed first.
    Keys(Vec<String>),
    /// There is nothing.
    Missing,
    /// A file that others can read.
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Something that cannot be used.
    Unusable(String),
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Keys(keys) if keys.is_empty() => {
                write!(
                    f,
                    "{}: a key that needs a passphrase or a plugin, or one found before",
                    self.place
                )
            }
            Outcome::Keys(keys) => write!(f, "{}: {}", self.place, keys.join(", ")),
            Outcome::Missing => write!(f, "{}: not there", self.place),
            Outcome::Readable { mode, .. } => {
                write!(
                    f,
                    "{}: not used, others can read it (mode {mode:04o})",
                    self.place
                )
            }
            Outcome::Unusable(why) => write!(f, "{}: {why}", self.place),
        }
    }
}

/// Reads every place in order into one keyring.
pub fn gather(places: &[Place]) -> Result<(Keyring, Vec<Tried>), IdentityError> {
    let mut keyring = Keyring::default();
    let mut tried = Vec::new();
    for place in places {
        let before = keyring.identities().len();
        let (shown, problem) = match place {
            Place::Command(words, environment) => {
                let shown = words.first().cloned().unwrap_or_default();
                let text = run(&shown, &words[1.min(words.len())..], environment)?;
                read(&mut keyring, &shown, &text)?;
                (format!("{shown} (identity_command)"), None)
            }
            Place::Named(path, by) => {
                let Some(text) = read_private(path, MAX_IDENTITY_FILE)? else {
                    return Err(IdentityError::Missing {
                        path: path.clone(),
                        by,
                    });
                };
                let shown = path.display().to_string();
                read(&mut keyring, &shown, &text)?;
                (shown, None)
            }
            Place::Text(text, by) => {
                read(&mut keyring, by, text)?;
                ((*by).to_owned(), None)
            }
            Place::Usual(path) => (path.display().to_string(), read_usual(&mut keyring, path)),
        };
        let keys: Vec<_> = keyring.identities()[before..]
            .iter()
            .map(|key| key.public().to_owned())
            .collect();
        tried.push(Tried {
            place: shown,
            outcome: problem.unwrap_or(Outcome::Keys(keys)),
        });
    }
    Ok((keyring, tried))
}

fn read(keyring: &mut Keyring, place: &str, text: &SecretValue) -> Result<(), IdentityError> {
    keyring
        .read(place, text)
        .map_err(|source| IdentityError::Text {
            place: place.to_owned(),
            source,
        })
}

fn read_usual(keyring: &mut Keyring, path: &Path) -> Option<Outcome> {
    match read_private(path, MAX_IDENTITY_FILE) {
        Ok(None) => Some(Outcome::Missing),
        Ok(Some(text)) => keyring
            .read(&path.display().to_string(), &text)
            .err()
            .map(|error| Outcome::Unusable(error.to_string())),
        Err(PrivateError::OthersCanRead { path, mode }) => Some(Outcome::Readable { path, mode }),
        Err(error) => Some(Outcome::Unusable(error.to_string())),
    }
}

/// Runs the user's program and takes what it prints. It may ask on the terminal.
fn run(
    program: &str,
    args: &[String],
    environment: &[(OsString, OsString)],
) -> Result<SecretValue, IdentityError> {
    let failed = |why: String| IdentityError::Command {
        program: program.to_owned(),
        why,
    };
    let output = Command::new(program)
        .args(args)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::inherit())
        .stdin(Stdio::inherit())
        .output()
        .map_err(|error: io::Error| failed(format!("cannot be run: {error}")))?;
    let text = SecretValue::new(output.stdout);
    match output.status.code() {
        Some(0) => Ok(text),
        Some(code) => Err(failed(format!("ended with exit code {code}"))),
        None => Err(failed("was ended by a signal".to_owned())),
    }
}
