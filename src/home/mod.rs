//! Beside floor 2: where the home is, where private keys are, and the one door for private files
//! outside of the home. What the environment says is passed in; nothing here asks a person.

mod environment;
mod find;
mod identities;
mod journal_key;
pub mod private;
pub mod scratch;
mod signing_key;
mod user_config;

pub use environment::{Environment, HANDED, IDENTITY_PREFIXES, holds_identity};
pub use find::{FindError, HOME, MANIFEST, Search};
pub use identities::{IdentityError, Outcome, Place, Tried, gather};
pub use journal_key::{JournalKeyError, load_journal_key, load_or_make_journal_key};
pub use signing_key::{SigningKeyError, load_or_make_signing_key, load_signing_key};
pub use user_config::{UserConfig, UserConfigError};
