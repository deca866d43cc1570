//! Floor 6: what git has to be told to show and merge sealed files, and the hooks that keep leaks out
//! of commits. Settings are git's own and are written by git; nothing that is in a repository is ever
//! made to run.

mod attributes;
pub mod hooks;
mod setup;

pub use attributes::{Overridden, overridden};
pub use setup::{Lack, Step, apply, has_plaintext_notes, installing, lacking, one_off, removing};

/// The name of the program, as it is written into settings and hooks.
pub const PROGRAM: &str = "hoziron";
