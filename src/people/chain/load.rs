//! Reading every statement and admission of a folder. One that is malformed, or that belongs
//! elsewhere, stops everything: without it an older key would look like the newest. Whether a signer
//! counts is not decided here.

use crate::domain::{FolderName, Founding, VaultId};
use crate::people::admission::Admission;
use crate::people::chain::{Pin, Root};
use crate::people::keys_error::KeysError;
use crate::people::signed::{Digest, MAX_STATEMENT, StatementError};
use crate::people::statement::Statement;
use crate::vault::layout::keys_path;
use crate::vault::{KeyDir, KeyFile, Vault};

/// A statement and its admissions, whole and signed by whoever they name.
pub(super) struct Found {
    pub(super) dir: KeyDir,
    pub(super) statement: Statement,
    pub(super) digest: Digest,
    pub(super) admissions: Vec<Admission>,
}

/// Reads every statement of a folder, in the order of their numbers. One that is malformed stops
/// everything: without it an older key would look like the head.
pub(super) fn load(
    vault: &Vault,
    id: &VaultId,
    folder: &FolderName,
) -> Result<Vec<Found>, KeysError> {
    let mut all: Vec<Found> = Vec::new();
    for dir in vault.key_dirs(folder)? {
        let place = |file: &KeyFile| format!("{}/{file}", dir.place(folder));
        let read = |file: &KeyFile| -> Result<Vec<u8>, KeysError> {
            vault
                .read_key_file(folder, &dir, file, MAX_STATEMENT)?
                .ok_or_else(|| KeysError::Missing { place: place(file) })
        };
        let wrong = |file: &KeyFile, field| KeysError::Wrong {
            place: place(file),
            field,
        };
        let malformed = |file: &KeyFile, source: StatementError| KeysError::Statement {
            place: place(file),
            source,
        };
        let bytes = read(&KeyFile::Epoch)?;
        let statement =
            Statement::parse(&bytes).map_err(|error| malformed(&KeyFile::Epoch, error))?;
        let twice = all.iter().any(|found| found.statement.key == statement.key);
        let checks = [
            ("vault id", statement.vault == *id),
            ("folder", statement.folder == *folder),
            ("epoch", statement.epoch == dir.epoch()),
            ("key", statement.key.as_str() == dir.key_id() && !twice),
        ];
        if let Some((field, _)) = checks.into_iter().find(|(_, holds)| !holds) {
            return Err(wrong(&KeyFile::Epoch, field));
        }
        let mut admissions = Vec::new();
        for file in vault.key_files(folder, &dir)? {
            let KeyFile::Admission(name) = &file else {
                continue;
            };
            let admission =
                Admission::parse(&read(&file)?).map_err(|error| malformed(&file, error))?;
            let checks = [
                ("vault id", admission.vault == *id),
                ("folder", admission.folder == *folder),
                ("key", admission.key == statement.key),
                ("name", admission.reader.name == *name),
            ];
            if let Some((field, _)) = checks.into_iter().find(|(_, holds)| !holds) {
                return Err(wrong(&file, field));
            }
            admissions.push(admission);
        }
        all.push(Found {
            digest: Digest::of(&bytes),
            dir,
            statement,
            admissions,
        });
    }
    Ok(all)
}

/// Finds the statement that is certified from outside.
pub(super) fn first(
    found: &[Found],
    id: &VaultId,
    folder: &FolderName,
    root: &Root<'_>,
) -> Result<usize, KeysError> {
    let mut error = KeysError::Missing {
        place: keys_path(folder),
    };
    for (index, found) in found.iter().enumerate() {
        let statement = &found.statement;
        let founding = statement.founding.as_ref();
        let (field, certified) = match root {
            Root::Founding => {
                let founder = founding.map(|founding| founding.founder);
                let certified = founding.map(Founding::id).as_ref() == Some(id);
                ("founder", certified && founder == Some(statement.signer))
            }
            Root::Pins(pins) => {
                let fits = |pin: &Pin| {
                    pin.first == found.digest && pin.signers.contains(&statement.signer)
                };
                (
                    "first statement",
                    founding.is_none() && pins.iter().any(fits),
                )
            }
        };
        let checks = [
            (field, certified),
            ("epoch", statement.epoch == 1),
            ("parents", statement.parents.is_empty()),
        ];
        match checks.into_iter().find(|(_, holds)| !holds) {
            None => return Ok(index),
            Some((field, _)) if index == 0 => {
                let place = format!("{}/{}", found.dir.place(folder), KeyFile::Epoch);
                error = KeysError::Wrong { place, field };
            }
            Some(_) => {}
        }
    }
    Err(error)
}
