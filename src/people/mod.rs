//! Floor 3: who may open, and on whose word. Statements about folder keys are public and signed;
//! what they add up to is decided here, from the vault's id upwards. Nothing here reads
//! `recipients/` to decide who is a reader: those files are claims.

mod folder_keys;
mod founding;
mod statement;

pub use folder_keys::{Chain, FolderKeys, KeysError, OpenError, Opened, Opener};
pub use founding::{Founded, Founder, FoundingError, Spare, found};
pub use statement::{Statement, StatementError};
