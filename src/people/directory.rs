//! Everybody with a file in `recipients/`, and who would read each folder if the manifest and those
//! files were approved as they are. Claims all of it: nothing here decides who reads.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::disk::DiskError;
use crate::domain::{FolderName, GroupName, Member, Reader, ReaderName, Readers, ReadersError};
use crate::people::recipient_file::{MAX_RECIPIENT_FILE, RecipientFile, RecipientFileError};
use crate::vault::{Target, Vault};

/// Why it is not clear who should read.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// A recipient file cannot be used.
    #[error("`recipients/{name}.pub`: {source}")]
    File {
        /// Whose file.
        name: ReaderName,
        /// What is wrong with it.
        source: RecipientFileError,
    },
    /// The readers of a folder are not a set of readers.
    #[error("the readers of `{folder}`: {source}")]
    Readers {
        /// The folder.
        folder: FolderName,
        /// What is wrong with them.
        source: ReadersError,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] DiskError),
    /// A list names a group that nobody is in and the manifest does not have.
    #[error("`@{group}` is named in `{place}`, and there is no such group")]
    UnknownGroup {
        /// The group.
        group: GroupName,
        /// The list that names it.
        place: String,
    },
    /// A list names somebody without a file.
    #[error("`{name}` is named in `{place}`, and there is no `recipients/{name}.pub`")]
    UnknownPerson {
        /// The name.
        name: ReaderName,
        /// The list that names it.
        place: String,
    },
}

/// What the manifest says of who reads: groups, and the readers of folders.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// Who is in a group.
    pub groups: &'a BTreeMap<GroupName, Vec<Member>>,
    /// Who reads a folder.
    pub folders: &'a BTreeMap<FolderName, Vec<Member>>,
}

/// Everybody with a recipient file.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    files: BTreeMap<ReaderName, RecipientFile>,
}

impl Directory {
    /// Reads every recipient file.
    pub fn load(vault: &Vault) -> Result<Self, Vec<DirectoryError>> {
        let names = vault.people().map_err(|error| vec![error.into()])?;
        let mut files = BTreeMap::new();
        let mut errors = Vec::new();
        for name in names {
            match load(vault, &name) {
                Ok(Some(file)) => drop(files.insert(name, file)),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(Self { files })
        } else {
            Err(errors)
        }
    }

    /// Returns everybody with a file, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ReaderName, &RecipientFile)> {
        self.files.iter()
    }

    /// Returns one person's file.
    pub fn of(&self, name: &ReaderName) -> Option<&RecipientFile> {
        self.files.get(name)
    }

    /// Returns who holds a public key, as the files have it.
    pub fn holder_of(&self, recipient: &str) -> Option<&ReaderName> {
        let holds =
            |file: &RecipientFile| file.recipients.iter().any(|key| key.text() == recipient);
        let mut files = self.files.iter();
        files.find(|(_, file)| holds(file)).map(|(name, _)| name)
    }

    /// Returns everybody as they would be with another file of one person, or without it.
    pub fn with(mut self, name: &ReaderName, file: Option<RecipientFile>) -> Self {
        match file {
            Some(file) => drop(self.files.insert(name.clone(), file)),
            None => drop(self.files.remove(name)),
        }
        self
    }

    /// Returns the lists that would name nothing if somebody's file were gone: each as it is written
    /// in the manifest, with the name that it holds.
    pub fn dangling_without(&self, access: Access<'_>, name: &ReaderName) -> Vec<(String, Member)> {
        let groups = access.groups.iter();
        let groups = groups.map(|(group, list)| (format!("groups.{group}"), list));
        let folders = access.folders.iter();
        let folders = folders.map(|(folder, list)| (format!("access.{folder}"), list));
        let others = || self.files.iter().filter(|(other, _)| *other != name);
        let own = self.of(name).map_or(&[][..], |file| &file.groups);
        let dangles = |member: &&Member| match member {
            Member::All => false,
            Member::Person(person) => person == name,
            Member::Group(group) => {
                let known = access.groups.contains_key(group)
                    || others().any(|(_, file)| file.groups.contains(group));
                own.contains(group) && !known
            }
        };
        let named = |(place, list): (String, &Vec<Member>)| {
            let found: Vec<_> = list.iter().filter(dangles).cloned().collect();
            found.into_iter().map(move |member| (place.clone(), member))
        };
        groups.chain(folders).flat_map(named).collect()
    }

    /// Returns who should read each folder of `[access]`, the top included. Every
    /// problem is reported.
    pub fn desired(
        &self,
        access: Access<'_>,
    ) -> Result<BTreeMap<FolderName, Readers>, Vec<DirectoryError>> {
        let everybody = [Member::All];
        let top = FolderName::top();
        let listed = access
            .folders
            .iter()
            .map(|(folder, list)| (folder, &list[..]));
        let unlisted = !access.folders.contains_key(&top);
        let all = unlisted
            .then_some((&top, &everybody[..]))
            .into_iter()
            .chain(listed);

        let mut desired = BTreeMap::new();
        let mut errors = Vec::new();
        for (folder, members) in all {
            let place = format!("access.{folder}");
            let names = self.resolve(members, access, &place, &mut errors);
            let readers: Vec<Reader> = names
                .iter()
                .filter_map(|name| Some(self.files.get(name)?.reader(name)))
                .collect();
            match Readers::build(readers) {
                Ok(readers) => drop(desired.insert(folder.clone(), readers)),
                Err(source) => errors.push(DirectoryError::Readers {
                    folder: folder.clone(),
                    source,
                }),
            }
        }
        if errors.is_empty() {
            Ok(desired)
        } else {
            Err(errors)
        }
    }

    /// Returns the groups through which somebody reads a folder; an entry of his own is his name.
    pub fn ways(&self, access: Access<'_>, members: &[Member], name: &ReaderName) -> Vec<Member> {
        let leads = |member: &&Member| {
            let one = std::slice::from_ref(*member);
            self.resolve(one, access, "", &mut Vec::new())
                .contains(name)
        };
        members.iter().filter(leads).cloned().collect()
    }

    /// The names in a list, groups opened. The manifest has refused groups that hold themselves.
    fn resolve(
        &self,
        members: &[Member],
        access: Access<'_>,
        place: &str,
        errors: &mut Vec<DirectoryError>,
    ) -> BTreeSet<ReaderName> {
        let mut names = BTreeSet::new();
        for member in members {
            match member {
                Member::All => names.extend(self.files.keys().cloned()),
                Member::Person(name) if self.files.contains_key(name) => {
                    names.insert(name.clone());
                }
                Member::Person(name) => errors.push(DirectoryError::UnknownPerson {
                    name: name.clone(),
                    place: place.to_owned(),
                }),
                Member::Group(group) => {
                    let own = self
                        .files
                        .iter()
                        .filter(|(_, file)| file.groups.contains(group));
                    let own: Vec<_> = own.map(|(name, _)| name.clone()).collect();
                    let listed = access.groups.get(group);
                    if own.is_empty() && listed.is_none() {
                        errors.push(DirectoryError::UnknownGroup {
                            group: group.clone(),
                            place: place.to_owned(),
                        });
                    }
                    names.extend(own);
                    if let Some(members) = listed {
                        let place = format!("groups.{group}");
                        names.extend(self.resolve(members, access, &place, errors));
                    }
                }
            }
        }
        names
    }
}

fn load(vault: &Vault, name: &ReaderName) -> Result<Option<RecipientFile>, DirectoryError> {
    let bytes = vault.read_target(&Target::Recipient(name.clone()), MAX_RECIPIENT_FILE as u64)?;
    bytes
        .map(|bytes| {
            RecipientFile::parse(&bytes).map_err(|source| DirectoryError::File {
                name: name.clone(),
                source,
            })
        })
        .transpose()
}
