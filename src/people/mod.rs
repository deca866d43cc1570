//! Floor 3: who may open, and on whose word. Statements about folder keys are public and signed;
//! what they add up to is decided here, from the vault's id upwards. Nothing here reads
//! `recipients/` to decide who is a reader: those files are claims.

mod admission;
mod chain;
mod chains;
pub mod change;
mod difference;
mod directory;
mod exposure;
mod folder_keys;
mod founding;
mod guard;
mod inbox;
mod keys_error;
mod opener;
mod readership;
mod recipient_file;
mod roster;
mod signed;
mod statement;

pub use admission::Admission;
pub use chain::{Chain, Epoch, Refused};
pub use chains::Chains;
pub use difference::Difference;
pub use directory::{Access, Directory, DirectoryError};
pub use exposure::Exposure;
pub use folder_keys::{FolderKeys, Head, NotOpened, Stale};
pub use founding::{Founded, Founder, FoundingError, Spare, found};
pub use guard::{Judge, Setback};
pub use inbox::{ContributeError, Contributed, ContributionError, contribute};
pub use keys_error::KeysError;
pub use opener::{OpenError, Opened, Opener};
pub use readership::{Readership, Row, SeenBy, Sight, accepted};
pub use recipient_file::{RecipientFile, RecipientFileError};
pub use roster::{Entry, Roster, Standing};
pub use signed::{Digest, StatementError};
pub use statement::{Carved, Statement};
