//! Everybody who reads or is to read: what the accepted statements say of each, beside what manifest
//! and recipient files ask for. Tells the two apart and decides nothing.

use std::collections::BTreeMap;

use crate::domain::{FolderName, Reader, ReaderName, Readers};
use crate::people::directory::Directory;
use crate::people::recipient_file::RecipientFile;

/// What somebody has to do with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Is to read it, and does not yet.
    Joins,
    /// Reads it, and is not to any more.
    Leaves,
    /// Reads it with other keys than his file has, or signs with another one.
    OtherKeys,
    /// Reads it.
    Reads,
}

impl Standing {
    /// Says whether what is in the folder opens for him today.
    pub fn reads(self) -> bool {
        self != Self::Joins
    }
}

/// One person or machine.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The file in `recipients/`, if there is one.
    pub file: Option<RecipientFile>,
    /// The folders that have keys of their own, or are to have some.
    pub folders: BTreeMap<FolderName, Standing>,
    /// Whether a statement lets him change who reads.
    pub signs: bool,
}

/// Everybody, by name.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Everybody.
    pub people: BTreeMap<ReaderName, Entry>,
}

impl Roster {
    /// Puts together who reads each folder with who should.
    pub fn build(
        directory: &Directory,
        accepted: &BTreeMap<FolderName, Readers>,
        desired: &BTreeMap<FolderName, Readers>,
    ) -> Self {
        let mut roster = Self::default();
        for (name, file) in directory.iter() {
            roster.entry(name).file = Some(file.clone());
        }
        for folder in accepted.keys().chain(desired.keys()) {
            let now = nearest(accepted, folder);
            let then = nearest(desired, folder);
            let both = now.into_iter().chain(then).flat_map(Readers::iter);
            for reader in both {
                let name = &reader.name;
                let standing = match (find(now, name), find(then, name)) {
                    (Some(now), Some(then)) if now != then => Standing::OtherKeys,
                    (Some(_), None) if then.is_some() => Standing::Leaves,
                    (None, _) => Standing::Joins,
                    (Some(_), _) => Standing::Reads,
                };
                let entry = roster.entry(name);
                entry.folders.insert(folder.clone(), standing);
                entry.signs |= find(now, name).is_some_and(|reader| reader.signing.is_some());
            }
        }
        roster
    }

    fn entry(&mut self, name: &ReaderName) -> &mut Entry {
        self.people.entry(name.clone()).or_default()
    }
}

/// The readers of the nearest folder upwards that has some.
fn nearest<'a>(
    readers: &'a BTreeMap<FolderName, Readers>,
    folder: &FolderName,
) -> Option<&'a Readers> {
    let mut upwards = folder.ancestry().into_iter().rev();
    upwards.find_map(|part| readers.get(&part))
}

fn find<'a>(readers: Option<&'a Readers>, name: &ReaderName) -> Option<&'a Reader> {
    readers?.iter().find(|reader| reader.name == *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Identity, Recipient};

    fn name(text: &str) -> ReaderName {
        ReaderName::parse(text).unwrap()
    }

    fn reader(text: &str) -> Reader {
        let identity = Identity::generate("here");
        Reader {
            name: name(text),
            recipients: vec![Recipient::parse(identity.public()).unwrap()],
            signing: None,
        }
    }

    #[test]
    fn everybody_stands_somewhere() {
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(reader);
        let folder = |text| FolderName::parse(text).unwrap();
        let of = |readers: &[&Reader]| Readers::build(readers.iter().copied().cloned()).unwrap();
        let accepted = [(folder("."), of(&[&alice, &bob]))].into();
        let desired = [
            (folder("."), of(&[&alice, &carol])),
            (folder("prod"), of(&[&reader("alice")])),
        ];
        let roster = Roster::build(&Directory::default(), &accepted, &desired.into());
        let at = |who: &str, place: &str| {
            let entry = &roster.people[&name(who)];
            entry.folders.get(&folder(place)).copied()
        };
        assert_eq!(at("alice", "."), Some(Standing::Reads));
        assert_eq!(at("alice", "prod"), Some(Standing::OtherKeys));
        assert_eq!(at("bob", "."), Some(Standing::Leaves));
        assert_eq!(at("bob", "prod"), Some(Standing::Leaves));
        assert_eq!(at("carol", "."), Some(Standing::Joins));
        assert_eq!(at("carol", "prod"), None);
    }

    /// Without knowing what is asked for, nobody is said to leave.
    #[test]
    fn what_is_not_known_is_not_said() {
        let alice = reader("alice");
        let readers = Readers::build([alice]).unwrap();
        let accepted = [(FolderName::top(), readers)].into();
        let roster = Roster::build(&Directory::default(), &accepted, &BTreeMap::new());
        let entry = &roster.people[&name("alice")];
        assert_eq!(entry.folders[&FolderName::top()], Standing::Reads);
    }
}
