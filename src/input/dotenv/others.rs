//! What others make of the same file: bash (`set -a; . FILE`), dotenvy, node (`--env-file`) and
//! python-dotenv (`load_dotenv`), each with an environment that holds none of the names. dotenvy
//! itself is asked; the rest are followed step by step, errors included, because what a reader makes
//! of one line depends on where it thinks the line before has ended. What they read is compared
//! and wiped; nobody's environment is looked at, and nothing is run.

mod bash;
mod dotenvy;
mod node;
mod python;

use std::collections::BTreeMap;
use std::fmt;
use std::str;

use super::DotEnv;
use crate::domain::{SecretValue, VarName};

/// Another reader of `.env` files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reader {
    /// `set -a; . FILE` in bash 5.2, not in POSIX mode.
    Bash,
    /// dotenvy 0.15, which sets what it reads up to the first line it cannot read.
    Dotenvy,
    /// `--env-file` and `util.parseEnv` of node 20 to 24.
    Node,
    /// python-dotenv 0.21 to 1.2, with interpolation.
    PythonDotenv,
}

impl Reader {
    /// Every reader, sorted by name.
    pub const ALL: [Self; 4] = [Self::Bash, Self::Dotenvy, Self::Node, Self::PythonDotenv];

    /// Reads the file as this reader would. Where its releases differ, there is more than one.
    fn read<'a>(self, ours: &DotEnv, blank: impl Fn() -> Readings<'a>) -> Vec<Readings<'a>> {
        let text = ours.text.reveal();
        match self {
            Self::Bash => vec![bash::read(text, blank())],
            Self::Dotenvy => vec![dotenvy::read(ours, text, blank())],
            Self::Node => node::Release::ALL
                .map(|release| node::read(release, text, blank()))
                .into(),
            Self::PythonDotenv => vec![python::read(text, blank())],
        }
    }

    /// Says whether a value is what the reader has read.
    fn has(self, readings: &Readings<'_>, name: &VarName, value: &SecretValue) -> bool {
        let Some(Reading::Value(read)) = readings.0.get(name.as_str()) else {
            return false;
        };
        match self {
            Self::Dotenvy => dotenvy::same(read, value),
            // A string of JavaScript holds no other bytes.
            Self::Node => read.same_as(value) && str::from_utf8(value.reveal()).is_ok(),
            Self::Bash | Self::PythonDotenv => read.same_as(value),
        }
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bash => "bash",
            Self::Dotenvy => "dotenvy",
            Self::Node => "node",
            Self::PythonDotenv => "python-dotenv",
        })
    }
}

/// A variable that others read differently. Holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The variable.
    pub name: VarName,
    /// The line that assigns it; the last one if there are more.
    pub line: usize,
    /// The readers that give it another value or none, sorted, at least one.
    pub readers: Vec<Reader>,
}

/// Compares our reading with everybody's.
pub(super) fn disagreements(ours: &DotEnv) -> Vec<Disagreement> {
    let blank = || {
        let names = ours.winners.keys();
        Readings(
            names
                .map(|name| (name.as_str(), Reading::Nothing))
                .collect(),
        )
    };
    let theirs = Reader::ALL.map(|reader| (reader, reader.read(ours, blank)));
    let differing = |name: &VarName, value: &SecretValue| {
        let same = |(reader, all): &&(Reader, Vec<Readings<'_>>)| {
            all.iter().all(|readings| reader.has(readings, name, value))
        };
        let readers = theirs.iter().filter(|one| !same(one));
        readers.map(|(reader, _)| *reader).collect::<Vec<_>>()
    };
    ours.winning()
        .map(|entry| Disagreement {
            name: entry.name.clone(),
            line: entry.line,
            readers: differing(&entry.name, &entry.value),
        })
        .filter(|found| !found.readers.is_empty())
        .collect()
}

/// What a reader has for each name that we have. Others are not kept: what a reader takes for a
/// name may be part of a value.
struct Readings<'a>(BTreeMap<&'a str, Reading>);

/// What a reader has for a name.
enum Reading {
    Nothing,
    /// It depends on the environment, the machine or what a command does.
    Unsure,
    Value(SecretValue),
}

impl Readings<'_> {
    /// Returns the place of a name, if it is one of ours.
    fn place(&mut self, name: &[u8]) -> Option<&mut Reading> {
        self.0.get_mut(str::from_utf8(name).ok()?)
    }

    /// Sets a variable, in place of what it was.
    fn set(&mut self, name: &[u8], reading: Reading) {
        if let Some(place) = self.place(name) {
            *place = reading;
        }
    }

    /// Forgets everything: any variable may have any value.
    fn unsure(&mut self) {
        self.0
            .values_mut()
            .for_each(|place| *place = Reading::Unsure);
    }
}
