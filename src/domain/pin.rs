//! What a person names to have a vault trusted: its id, and how far the keys of its folders have come at
//! least, so that nobody shows an older state to a machine that has never seen the newer one.

use thiserror::Error;

use crate::domain::{FolderName, VaultId, VaultIdError};

/// Why a text is no pin.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PinError {
    /// What stands behind the id is not `folder>=number`.
    #[error("what stands behind the id is not of the form `folder>=number`")]
    Floor,
    /// The id is none.
    #[error(transparent)]
    Id(#[from] VaultIdError),
}

/// A vault that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The vault.
    pub id: VaultId,
    /// Folders, and the least number of the key of each; `.` is the vault's top.
    pub floors: Vec<(FolderName, u32)>,
}

impl Pin {
    /// Parses `id`, or `id,folder>=number,…`.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let mut parts = text.split(',');
        let id = VaultId::parse(parts.next().unwrap_or_default())?;
        let floor = |part: &str| {
            let (folder, number) = part.split_once(">=")?;
            let folder = match folder.trim() {
                "." => FolderName::top(),
                folder => FolderName::parse(folder).ok()?,
            };
            Some((folder, number.trim().parse().ok()?))
        };
        let floors: Option<Vec<_>> = parts.map(floor).collect();
        Ok(Self {
            id,
            floors: floors.ok_or(PinError::Floor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abcdefghijklmnopqrstuvwxyz234567";

    #[test]
    fn a_pin_is_an_id_and_floors() {
        let plain = Pin::parse(ID).unwrap();
        assert_eq!((plain.id.as_str(), plain.floors.len()), (ID, 0));
        let pin = Pin::parse(&format!("{ID},prod>=3,.>=2")).unwrap();
        let floors: Vec<_> = pin
            .floors
            .iter()
            .map(|(folder, floor)| (folder.as_str(), *floor))
            .collect();
        assert_eq!(floors, [("prod", 3), (".", 2)]);
        for wrong in [",", ",prod", ",prod>=x", ",Prod>=3", ",>=3"] {
            let error = Pin::parse(&format!("{ID}{wrong}"));
            assert_eq!(error, Err(PinError::Floor), "{wrong}");
        }
        assert!(matches!(Pin::parse("prod>=3"), Err(PinError::Id(_))));
    }
}
