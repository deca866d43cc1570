//! Beside floor 2: where the home is, where private keys are, and the one door for private files
//! outside of the home. What the environment says is passed in; nothing here asks a person.

mod environment;
mod find;
pub mod git;
mod identities;
mod journal_key;
pub mod private;

pub use environment::Environment;
pub use find::{FindError, HOME, MANIFEST, Search};
pub use identities::{IdentityError, Outcome, Place, Tried, gather};
pub use journal_key::{JournalKeyError, load_journal_key, load_or_make_journal_key};
