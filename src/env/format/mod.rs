//! Exports: variables as text for another program to read. A value either comes back byte for
//! byte from the program that reads the format, or the whole export is refused and the variables
//! that stood in the way are named. Nothing is ever altered or left out, and nothing depends on
//! the day, the machine or the order in which values were found.

mod bash;
mod dotenv;
mod json;
mod sh;

use std::fmt;

use thiserror::Error;

use crate::domain::{SecretValue, VarName};
use crate::env::Variables;

/// A format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Assignments for bash and zsh that survive an `eval` without quotes.
    Bash,
    /// The part of `.env` on which five parsers agree.
    Dotenv,
    /// One object of strings, in ASCII.
    Json,
    /// Assignments for any POSIX shell.
    Sh,
}

impl Format {
    /// Every format, sorted by name.
    pub const ALL: [Self; 4] = [Self::Bash, Self::Dotenv, Self::Json, Self::Sh];

    /// Parses the name of a format.
    pub fn parse(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or(UnknownFormat)
    }

    /// Returns the name as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::Sh => "sh",
        }
    }

    /// Says what keeps a variable from coming back as it is.
    fn obstacle(self, name: &VarName, value: &SecretValue) -> Option<Obstacle> {
        let bytes = value.reveal();
        // A shell is among the readers of `.env` files.
        if self != Self::Json && KEPT_BY_SHELLS.contains(&name.as_str()) {
            return Some(Obstacle::KeptByShell);
        }
        if self != Self::Json && bytes.contains(&0) {
            return Some(Obstacle::Nul);
        }
        if matches!(self, Self::Bash | Self::Sh) {
            return None;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Some(Obstacle::NotUtf8);
        };
        (self == Self::Dotenv && dotenv::Spelling::of(text).is_none())
            .then_some(Obstacle::NoSpelling)
    }

    fn write(self, variables: &Variables, out: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Bash => bash::write(variables, out),
            Self::Dotenv => dotenv::write(variables, out),
            Self::Json => json::write(variables, out),
            Self::Sh => sh::write(variables, out),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text is not the name of a format.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a format (bash, dotenv, json, sh)")]
pub struct UnknownFormat;

/// Why nothing was exported.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    /// The format cannot carry some of the variables.
    #[error("{format} cannot carry {}", listed(.refusals))]
    Refused {
        /// The format that was asked for.
        format: Format,
        /// The variables that it cannot carry, sorted by name.
        refusals: Vec<Refusal>,
        /// The formats that could carry all variables, the fitting ones among them included.
        alternatives: Vec<Format>,
    },
    /// Variables would steer the program that reads them; no format carries those.
    #[error("not handed out, because they steer programs: {}", names(.0))]
    Steering(Vec<VarName>),
}

/// A variable that a format cannot carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The variable.
    pub name: VarName,
    /// What is in the way.
    pub obstacle: Obstacle,
    /// The formats that could carry it.
    pub carried_by: Vec<Format>,
}

/// What keeps a variable from coming back as it is. Says nothing else about the value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Obstacle {
    /// The shell sets the variable itself and drops what it is given.
    #[error("a variable of the shell itself")]
    KeptByShell,
    /// The readers of the format disagree on every way to write the value.
    #[error("no spelling that every reader agrees on")]
    NoSpelling,
    /// The value is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The value holds a NUL byte.
    #[error("has a NUL byte")]
    Nul,
}

/// Renders all variables, or says which of them the format cannot carry.
///
/// The text ends with a newline unless it is empty; it is wiped when dropped.
pub fn render(format: Format, variables: &Variables) -> Result<SecretValue, FormatError> {
    let steering = variables.steering();
    if !steering.is_empty() {
        return Err(FormatError::Steering(steering));
    }
    let refusals = refusals(format, variables);
    if !refusals.is_empty() {
        let alternatives = carriers(|other| {
            variables
                .iter()
                .all(|(name, value)| other.obstacle(name, value).is_none())
        });
        return Err(FormatError::Refused {
            format,
            refusals,
            alternatives,
        });
    }
    Ok(SecretValue::new(text(format, variables)))
}

fn refusals(format: Format, variables: &Variables) -> Vec<Refusal> {
    let refusal = |(name, value): (&VarName, &SecretValue)| {
        let obstacle = format.obstacle(name, value)?;
        let carried_by = carriers(|other| other.obstacle(name, value).is_none());
        Some(Refusal {
            name: name.clone(),
            obstacle,
            carried_by,
        })
    };
    variables.iter().filter_map(refusal).collect()
}

fn carriers(carries: impl Fn(Format) -> bool) -> Vec<Format> {
    Format::ALL
        .into_iter()
        .filter(|&format| carries(format))
        .collect()
}

/// Writes twice: once to measure, once into a buffer of that size. A buffer that grows would
/// leave copies of values behind it that nobody wipes.
fn text(format: Format, variables: &Variables) -> Vec<u8> {
    let mut length = 0;
    format.write(variables, &mut |part| length += part.len());
    let mut text = Vec::with_capacity(length);
    format.write(variables, &mut |part| text.extend_from_slice(part));
    text
}

fn listed(refusals: &[Refusal]) -> String {
    let each = |refusal: &Refusal| format!("`{}` ({})", refusal.name, refusal.obstacle);
    refusals.iter().map(each).collect::<Vec<_>>().join(", ")
}

fn names(names: &[VarName]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Names that come back changed, or stop the script, after `export NAME='…'` in bash 5.2 (also
/// with `--posix`) or dash 0.5.12, found by trying every name in bash(1) and dash(1); and the clock
/// that came with bash 5.3.
const KEPT_BY_SHELLS: [&str; 30] = [
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_CMDS",
    "BASH_COMMAND",
    "BASH_LINENO",
    "BASH_MONOSECONDS",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    "COMP_WORDBREAKS",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "LINENO",
    "OPTIND",
    "PIPESTATUS",
    "PPID",
    "RANDOM",
    "SECONDS",
    "SHLVL",
    "SRANDOM",
    "UID",
    "_",
];

#[cfg(test)]
mod tests;
