//! Floor 6: what git has to be told to show and merge sealed files, how they are merged, and the hooks
//! that keep leaks out of commits. Settings are git's own and are written by git; nothing that is in a
//! repository is ever made to run.

mod attributes;
mod borrowed;
mod conflict;
mod differences;
mod driver;
pub mod hooks;
mod look;
mod markers;
mod merge;
mod setup;
mod tag;
mod versions;

pub use attributes::{Overridden, overridden};
pub use borrowed::{BorrowError, Borrowed};
pub use conflict::{Conflict, ConflictError, Side};
pub use differences::{Difference, DifferenceError, State, differences};
pub use driver::{other_commit, place_of, replace};
pub use look::{Eye, Look, Standing, Value};
pub use markers::{Marked, WithMarks};
pub use merge::{MergeError, Merged, Sides, sides};
pub use setup::{
    Lack, Step, aliasing, apply, has_plaintext_notes, installing, lacking, one_off, removing,
};
pub use tag::Mark;
pub use versions::{Change, Deed, Versions};

/// The name of the program, as it is written into settings and hooks.
pub const PROGRAM: &str = "hoziron";
