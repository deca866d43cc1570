//! Floor 6: what git has to be told to show and merge sealed files, how they are merged, and the hooks
//! that keep leaks out of commits. Settings are git's own and are written by git; nothing that is in a
//! repository is ever made to run.

mod attributes;
mod borrowed;
mod conflict;
mod driver;
pub mod hooks;
mod merge;
mod setup;
mod tag;

pub use attributes::{Overridden, overridden};
pub use borrowed::{BorrowError, Borrowed};
pub use conflict::{Conflict, ConflictError, Side};
pub use driver::{other_commit, place_of, replace};
pub use merge::{MergeError, Merged, Sides, sides};
pub use setup::{Lack, Step, apply, has_plaintext_notes, installing, lacking, one_off, removing};
pub use tag::tag;

/// The name of the program, as it is written into settings and hooks.
pub const PROGRAM: &str = "hoziron";
