//! `.env` files, value-exact. There is no specification and no two readers agree, so the rules are
//! our own and few: a value is what stands there, `$` included; nothing is substituted and nothing
//! is run. A line that cannot be read is reported by its number and never by its text, all of them
//! together, and then nothing of the file is handed out.

mod buffer;
mod others;
mod scan;

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

pub use others::{Disagreement, Reader};

use crate::domain::{SecretValue, VarName};

/// The largest file that is parsed, in bytes (4 MiB).
pub const MAX_FILE: usize = 4 * 1024 * 1024;

/// How many problems an error tells before it only counts them.
const TOLD: usize = 10;

/// The names and values of a `.env` file.
#[derive(Debug)]
pub struct DotEnv {
    /// The whole file, for asking how others would read it.
    text: SecretValue,
    entries: Vec<Entry>,
    /// Where the entry of a name is that wins. Invariant: within `entries`, and the last of a name.
    winners: BTreeMap<VarName, usize>,
}

/// One assignment of a file.
#[derive(Debug)]
pub struct Entry {
    /// The variable.
    pub name: VarName,
    /// The value, with quotes and escapes undone.
    pub value: SecretValue,
    /// The line the assignment starts on, from 1.
    pub line: usize,
}

/// A variable that a file assigns more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The variable.
    pub name: VarName,
    /// The lines that assign it, at least two, ascending; the last one wins.
    pub lines: Vec<usize>,
}

impl DotEnv {
    /// Parses a whole file.
    pub fn parse(text: &[u8]) -> Result<Self, DotEnvError> {
        if text.len() > MAX_FILE {
            return Err(DotEnvError::TooLarge);
        }
        let entries = scan::entries(text).map_err(DotEnvError::Problems)?;
        let place = |(at, entry): (usize, &Entry)| (entry.name.clone(), at);
        let winners = entries.iter().enumerate().map(place).collect();
        Ok(Self {
            text: SecretValue::new(text.to_vec()),
            entries,
            winners,
        })
    }

    /// Returns every assignment in the order of the file; a later one of the same name wins.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the value of a variable, the last one if there are more.
    pub fn get(&self, name: &VarName) -> Option<&SecretValue> {
        let at = *self.winners.get(name)?;
        Some(&self.entries[at].value)
    }

    /// Returns the variables that are assigned more than once, sorted by name.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let mut lines: BTreeMap<&VarName, Vec<usize>> = BTreeMap::new();
        for entry in &self.entries {
            lines.entry(&entry.name).or_default().push(entry.line);
        }
        lines
            .into_iter()
            .filter(|(_, lines)| lines.len() > 1)
            .map(|(name, lines)| Duplicate {
                name: name.clone(),
                lines,
            })
            .collect()
    }

    /// Returns the variables that another reader of `.env` files would give another value, or none,
    /// in the order of the file. Where it cannot be told, the reader is named too.
    pub fn disagreements(&self) -> Vec<Disagreement> {
        others::disagreements(self)
    }

    /// Takes out the assignments that win, in the order of the file.
    pub fn into_winning(self) -> impl Iterator<Item = Entry> {
        let Self {
            entries, winners, ..
        } = self;
        let all = entries.into_iter().enumerate();
        all.filter(move |(at, entry)| winners.get(&entry.name) == Some(at))
            .map(|(_, entry)| entry)
    }

    /// Returns the assignments that win, in the order of the file.
    fn winning(&self) -> impl Iterator<Item = &Entry> {
        let wins = |at: usize, entry: &Entry| self.winners.get(&entry.name) == Some(&at);
        let all = self.entries.iter().enumerate();
        all.filter(move |(at, entry)| wins(*at, entry))
            .map(|(_, entry)| entry)
    }
}

/// Why a file is not read. Holds no part of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DotEnvError {
    /// Lines that cannot be read, ascending, at least one.
    #[error("{}", told(.0))]
    Problems(Vec<Problem>),
    /// Longer than [`MAX_FILE`].
    #[error("it is longer than 4 MiB")]
    TooLarge,
}

/// A line that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: ProblemKind,
}

/// What is wrong with a line. Says nothing of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// A carriage return outside of quotes that is not part of a line end.
    CarriageReturn,
    /// What is assigned to is not letters, digits and `_`, or starts with a digit.
    Name,
    /// Neither blank, nor a comment, nor an assignment.
    NotAssignment,
    /// A NUL byte, which no environment can carry.
    Nul,
    /// Text after a closing quote that is not a comment.
    Trailing {
        /// The line the quote was opened on.
        opened: usize,
    },
    /// A quote that is opened here and never closed. Nothing below it was looked at.
    Unterminated,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} ", self.line)?;
        match self.kind {
            ProblemKind::CarriageReturn => f.write_str("has a carriage return within it"),
            ProblemKind::Name => f.write_str(
                "has a name that is not letters, digits and `_`, or starts with a digit",
            ),
            ProblemKind::NotAssignment => f.write_str("is not of the form `KEY=value`"),
            ProblemKind::Nul => f.write_str("has a NUL byte"),
            ProblemKind::Trailing { opened } if opened == self.line => {
                f.write_str("goes on after the closing quote")
            }
            ProblemKind::Trailing { opened } => {
                write!(f, "goes on after the closing quote of line {opened}")
            }
            ProblemKind::Unterminated => f.write_str("opens a quote that is never closed"),
        }
    }
}

fn told(problems: &[Problem]) -> String {
    let each = problems.iter().take(TOLD).map(Problem::to_string);
    let mut told = each.collect::<Vec<_>>().join("; ");
    if problems.len() > TOLD {
        told.push_str(&format!("; and {} more", problems.len() - TOLD));
    }
    told
}

#[cfg(test)]
mod tests;
