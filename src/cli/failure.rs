//! What went wrong, as a person reads it: what could not be done, why, and a thing to do now. And
//! the exit code, which scripts read; the table is published in the README and never renumbered.

use std::error::Error;
use std::process::ExitCode;

use crate::cli::hint::{Advice, Advise};

/// How a run of hoziron ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It was done.
    Done = 0,
    /// An error, also: not found.
    Error = 1,
    /// Something differs from what it should be.
    Differs = 2,
    /// Something differs, and something stands in the way; `scan`: not everything could be looked at.
    Blocked = 3,
    /// The plan is not of what is there now.
    Stale = 4,
    /// No identity opens it.
    NoIdentity = 5,
    /// Not to be trusted: damaged, forged, misplaced, not accepted.
    Untrusted = 6,
    /// Somebody else is writing.
    Busy = 7,
    /// The command line makes no sense.
    Usage = 64,
    /// `env exec`: hoziron failed before the command was started.
    NotStarted = 125,
    /// `env exec`: the command cannot be executed.
    CannotExecute = 126,
    /// `env exec`: the command was not found.
    CommandNotFound = 127,
    /// A person pressed Ctrl-C or Ctrl-D.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command could not do.
#[derive(Debug)]
pub struct Failure {
    /// What could not be done, to what.
    pub what: String,
    /// Why; several independent reasons, or one.
    pub causes: Vec<String>,
    /// Things to do now.
    pub hints: Vec<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// Starts a failure from what could not be done.
    pub fn new(what: impl Into<String>, exit: Exit) -> Self {
        Self {
            what: what.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            exit,
        }
    }

    /// Adds a reason.
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds a thing to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
        self
    }

    /// Turns an error of a lower floor into a failure to do `what`.
    pub fn of(what: impl Into<String>, error: &(impl Error + Advise)) -> Self {
        let Advice { exit, hint } = error.advise();
        let mut failure = Self::new(what, exit);
        failure.causes = error.causes();
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// Says the same failure with another exit code.
    pub fn exiting(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// An error and what caused it, in one clause after the other.
pub fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(&format!(": {cause_text}"));
        }
        source = cause.source();
    }
    text
}
