//! Floor 3: `hoziron.toml`, what should be: who may read what, which secrets there are, how each is
//! made. All problems of a file are found together, each with its line. Nothing in it can name a
//! program or an address, and no text of it is repeated in an error, for it may hold a value.

mod declaration;
mod edit;
mod error;
mod fields;
mod generate;
pub mod merge;
mod references;
mod rotation;
mod scan;
mod schema;
mod shape;
mod starter;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use toml::de::DeTable;

pub use declaration::{Declaration, Origin};
pub use edit::{EditError, declare, rename, undeclare};
pub use error::{ManifestError, ManifestErrors, Near, Problem};
pub use generate::{Charset, Generator, GeneratorError, Made};
pub use references::MAX_COMPOSED;
pub use rotation::{Rotation, parse_period};
pub use shape::{Pattern, Shape, ShapeError, Type};
pub use template::{Template, TemplateError};

use crate::domain::{
    FolderName, Glob, GroupName, Member, ReaderName, SecretName, SecretValue, VaultId,
};
use crate::manifest::error::Problems;

/// The format this version reads and writes.
pub const FORMAT: u64 = 1;

/// The longest manifest, in bytes (1 MiB).
pub const MAX_MANIFEST: usize = 1024 * 1024;

/// What a TOML reader says of a key that is there twice.
const TWICE: &str = "duplicate key";

/// What there should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The vault's id.
    pub id: VaultId,
    /// What to make of a sealed file that nobody declared.
    pub unmanaged: Unmanaged,
    /// Who is in a group.
    pub groups: BTreeMap<GroupName, Vec<Member>>,
    /// Who reads a folder: of a folder and those above it, the nearest that is named here.
    pub access: BTreeMap<FolderName, Vec<Member>>,
    /// What profiles do differently from what is usual.
    pub profiles: BTreeMap<FolderName, Profile>,
    /// The secrets there should be, each under its whole name.
    pub declarations: BTreeMap<SecretName, Declaration>,
    /// What must hold of several secrets together.
    pub requirements: Vec<Requirement>,
    /// Secrets that have another name now.
    pub moved: Vec<Moved>,
    /// Secrets that should be no more.
    pub removed: Vec<SecretName>,
    /// Rotations that somebody decided against, for a time.
    pub waived: Vec<Waived>,
    /// The files, from the top of the repository, in which a leak scan allows what it finds.
    pub scan_allow: Vec<Glob>,
    group_lines: BTreeMap<GroupName, usize>,
    mentions: Vec<(usize, Member)>,
    // One for each of `removed`.
    removed_lines: Vec<usize>,
}

/// What to make of a sealed file that nobody declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmanaged {
    /// It blocks.
    Error,
    /// Nothing.
    Ignore,
    /// It is named.
    Warn,
}

/// What a profile does differently from what is usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Where a key is looked for that is not in the profile's folder; absent, at the top.
    pub inherits: Option<Vec<FolderName>>,
    /// Whether removing and rotating need a flag of their own.
    pub protect: bool,
    /// Where it is, counted from 1.
    pub line: usize,
}

/// What must hold of several secrets together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// How many of them there must be.
    pub rule: Rule,
    /// The keys, looked for in each profile and in what it inherits.
    pub keys: Vec<String>,
    /// The profiles it is about; the top, if it names none.
    pub profiles: Vec<FolderName>,
    /// Where it is, counted from 1.
    pub line: usize,
}

/// How many of several secrets there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every one or none.
    AllOrNone,
    /// One or more.
    AtLeastOne,
    /// One and no more.
    ExactlyOne,
}

impl Requirement {
    /// Says whether it holds if so many of its keys have a value.
    pub fn holds(&self, found: usize) -> bool {
        match self.rule {
            Rule::AllOrNone => found == 0 || found == self.keys.len(),
            Rule::AtLeastOne => found > 0,
            Rule::ExactlyOne => found == 1,
        }
    }
}

/// A secret that has another name now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its old name, which nothing declares any more.
    pub from: SecretName,
    /// Its new name, or the old one of a later move.
    pub to: SecretName,
    /// Where it is, counted from 1.
    pub line: usize,
}

/// A rotation that somebody decided against, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waived {
    /// The secret.
    pub name: SecretName,
    /// Who could read it and no longer may.
    pub who: ReaderName,
    /// Why it stays as it is.
    pub reason: String,
    /// The last day on which this holds.
    pub until: Date,
    /// Where it is, counted from 1.
    pub line: usize,
}

impl Manifest {
    /// Parses the bytes of `hoziron.toml`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestErrors> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                return fail(&good, good.len(), Problem::NotText);
            }
        };
        if text.len() > MAX_MANIFEST {
            return fail(text, MAX_MANIFEST, Problem::TooLong);
        }
        let mut problems = Problems::new(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let twice = error.message() == TWICE;
            problems.at(at, || {
                if twice {
                    Problem::Twice
                } else {
                    Problem::Syntax
                }
            });
        }
        // What a reader makes of a file that is not TOML would be told of as well.
        let manifest = if problems.is_empty() {
            schema::read(document.get_ref(), &mut problems)
        } else {
            None
        };
        let Some(mut manifest) = manifest else {
            return Err(problems.into_errors());
        };
        references::check(&mut manifest, &mut problems);
        problems.none_or(manifest)
    }

    /// Names everybody and every group that neither the manifest nor a file in `recipients/` knows.
    pub fn check_people(
        &self,
        people: &BTreeSet<ReaderName>,
        groups_in_files: &BTreeSet<GroupName>,
    ) -> Vec<ManifestError> {
        let unknown = |(line, member): &(usize, Member)| {
            let problem = match member {
                Member::All => return None,
                Member::Group(name) => {
                    let known = || self.groups.keys().chain(groups_in_files);
                    if known().any(|known| known == name) {
                        return None;
                    }
                    Problem::Unknown {
                        what: "a group of the manifest or of a file in `recipients/`",
                        near: Near::find(name.as_str(), known().map(GroupName::as_str)),
                    }
                }
                Member::Person(name) if people.contains(name) => return None,
                Member::Person(name) => Problem::Unknown {
                    what: "somebody with a file in `recipients/`",
                    near: Near::find(name.as_str(), people.iter().map(ReaderName::as_str)),
                },
            };
            let line = *line;
            Some(ManifestError { line, problem })
        };
        let mut errors: Vec<_> = self.mentions.iter().filter_map(unknown).collect();
        errors.sort_by_key(|error| error.line);
        errors
    }

    /// Returns the name that each moved secret has in the end, by the one it had.
    pub fn moves(&self) -> BTreeMap<&SecretName, &SecretName> {
        let moved = self.moved.iter();
        let next: BTreeMap<_, _> = moved.map(|moved| (&moved.from, &moved.to)).collect();
        let mut ends: BTreeMap<&SecretName, &SecretName> = BTreeMap::new();
        for from in next.keys() {
            let mut path = Vec::new();
            let mut name = *from;
            // No way leads back to itself: that was checked when the file was read.
            while let (None, Some(to)) = (ends.get(name), next.get(name)) {
                path.push(name);
                name = to;
            }
            let end = ends.get(name).copied().unwrap_or(name);
            ends.extend(path.into_iter().map(|name| (name, end)));
        }
        ends
    }

    /// Checks a value against the declaration of its name, if there is one.
    pub fn check(&self, name: &SecretName, value: &SecretValue) -> Result<(), ShapeError> {
        let declaration = self.declarations.get(name);
        declaration.map_or(Ok(()), |declaration| declaration.shape.check(value))
    }

    /// Returns the folders that a profile takes from, in order: its own, then what it inherits. A
    /// profile's own folder counts with all below it; the vault's top alone does not.
    pub fn visible(&self, profile: Option<&FolderName>) -> Vec<FolderName> {
        let top = FolderName::top();
        let start = profile.unwrap_or(&top);
        let usual = [top.clone()];
        let mut done = BTreeSet::new();
        let mut order = Vec::new();
        // Depth first, backwards: what two profiles inherit comes behind both of them.
        let mut stack = vec![(start, false)];
        while let Some((folder, left)) = stack.pop() {
            if left {
                order.push(folder.clone());
                continue;
            }
            if !done.insert(folder) {
                continue;
            }
            stack.push((folder, true));
            let said = self
                .profiles
                .get(folder)
                .and_then(|p| p.inherits.as_deref());
            let inherits = match said {
                Some(inherits) => inherits,
                None if folder.is_top() => &[],
                None => &usual,
            };
            stack.extend(inherits.iter().map(|folder| (folder, false)));
        }
        order.reverse();
        order
    }

    /// Finds the declaration of a key in the first of these folders that has one.
    pub fn find(&self, folders: &[FolderName], key: &str) -> Option<(&SecretName, &Declaration)> {
        folders.iter().find_map(|folder| {
            if folder.is_top() {
                self.declarations.get_key_value(key)
            } else {
                self.declarations.get_key_value(&*format!("{folder}/{key}"))
            }
        })
    }
}

fn fail(text: &str, at: usize, problem: Problem) -> Result<Manifest, ManifestErrors> {
    let mut problems = Problems::new(text);
    problems.at(at, || problem);
    Err(problems.into_errors())
}

#[cfg(test)]
mod tests;
