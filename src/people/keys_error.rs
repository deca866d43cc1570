//! Why no key of a folder is accepted, or opened. Places are paths below the home; nothing here holds
//! a line of a file.

use thiserror::Error;

use crate::disk::DiskError;
use crate::domain::{FolderName, ReaderName, VaultId};
use crate::people::guard::Setback;
use crate::people::signed::StatementError;
use crate::sealed::SealedError;

/// Why no key of a folder is accepted, or opened.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The folder's key is older than it may be.
    #[error("the key of `{folder}` is number {epoch} here; it must be {floor} or higher")]
    Floor {
        /// Whose key.
        folder: FolderName,
        /// The number of the key that is here; 0: there is none.
        epoch: u32,
        /// The least that was asked for.
        floor: u32,
    },
    /// Pins name other vaults.
    #[error("the vault is {0}, and the pins name another")]
    NotPinned(VaultId),
    /// The grant does not give its reader the key that the statement names.
    #[error("`{place}` does not hold the key that the signed statement names")]
    Grant {
        /// The grant.
        place: String,
    },
    /// There is no statement, or no grant.
    #[error("`{place}` is missing, so nothing in the folder can be verified")]
    Missing {
        /// What is missing.
        place: String,
    },
    /// No identity opens any grant.
    #[error("none of the identities is among its readers ({readers})")]
    NoIdentity {
        /// The readers' names.
        readers: String,
    },
    /// Nobody vouches for the vault.
    #[error("vault {id} is not accepted here: no identity is its founder's{}", if *.reads { "" } else { ", and none is among its readers" })]
    NotAccepted {
        /// The vault's id.
        id: VaultId,
        /// Whether one of the identities opens its key all the same.
        reads: bool,
        /// The readers' names, as its own statement has them.
        readers: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] DiskError),
    /// A statement that this user has accepted was taken away.
    #[error("`{place}` is missing, and you have accepted it; {how}")]
    Removed {
        /// The statement.
        place: String,
        /// How it came about.
        how: Setback,
    },
    /// A grant is not an age file.
    #[error("`{place}`: {source}")]
    Sealed {
        /// The grant.
        place: String,
        /// What is wrong with it.
        source: SealedError,
    },
    /// Two branches each made a key, and neither's readers are among the other's.
    #[error("two keys were made on two branches, and neither takes precedence: {}", listed(.places))]
    Split {
        /// The directories of the keys.
        places: Vec<String>,
    },
    /// A statement is malformed or not signed.
    #[error("`{place}`: {source}")]
    Statement {
        /// The statement.
        place: String,
        /// What is wrong with it.
        source: StatementError,
    },
    /// A folder has keys, and no statement of an enclosing folder says so.
    #[error("`{place}` is a folder key that nobody vouches for")]
    Unlisted {
        /// The folder of the key.
        place: String,
    },
    /// The user has accepted a later key, which is not here.
    #[error("`{folder}` has an older key here than the one you have accepted (number {epoch}){}", without(.left))]
    Behind {
        /// Whose key.
        folder: FolderName,
        /// The number of the accepted one.
        epoch: u32,
        /// Who holds the key here and is no reader of the accepted one.
        left: Vec<ReaderName>,
    },
    /// A statement says something else than it should.
    #[error("`{place}` does not belong to this vault: its {field} differs")]
    Wrong {
        /// The statement.
        place: String,
        /// The field that differs.
        field: &'static str,
    },
}

fn listed(places: &[String]) -> String {
    let places: Vec<_> = places.iter().map(|place| format!("`{place}`")).collect();
    places.join(", ")
}

fn without(left: &[ReaderName]) -> String {
    if left.is_empty() {
        return String::new();
    }
    let names: Vec<_> = left.iter().map(ReaderName::as_str).collect();
    format!(
        "; {} can open this one and is no reader any more",
        names.join(", ")
    )
}
