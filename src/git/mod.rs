//! Wing of floor 6: git, always through the `git` program.

mod command;

pub use command::author;
