//! What an error means for a person: its exit code and a thing to do now. One implementation for
//! each error enum, without a wildcard, so that a new variant must be thought about. Libraries name
//! no options and no commands; this file does.

mod env;
mod foreign;
mod git;
mod home;
mod plan;
mod vault;

use std::error::Error;

use crate::cli::failure::{Exit, sentence};

/// What an error means.
#[derive(Debug)]
pub struct Advice {
    /// How the run ends.
    pub exit: Exit,
    /// A thing to do now.
    pub hint: Option<String>,
}

impl Advice {
    fn new(exit: Exit) -> Self {
        Self { exit, hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An error that knows what a person can do about it.
pub trait Advise {
    /// Says what it means.
    fn advise(&self) -> Advice;

    /// Says why, one cause a problem.
    fn causes(&self) -> Vec<String>
    where
        Self: Error + Sized,
    {
        vec![sentence(self)]
    }
}
