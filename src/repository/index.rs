//! What git has in its index and in its trees: paths, the blobs they stand for, and the attributes
//! that apply to them. The work tree is not looked at. Listings end with NUL, so any path is taken.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::repository::{
    Around, GitError, LONG, ObjectId, Repository, SHORT, id, is_within, unexpected,
};

/// Whether git has a file in its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracked {
    /// It has not, or there is no repository.
    No,
    /// There is a repository, and git gave no answer.
    Unknown,
    /// It has.
    Yes,
}

/// What a path stands for in git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A symbolic link; its blob is what it leads to.
    Link,
    /// A commit of another repository.
    Submodule,
}

/// A path in the index or in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// What is there.
    pub id: ObjectId,
    /// What it stands for.
    pub kind: Kind,
}

/// An attribute of a path, as `.gitattributes` and its like have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// `set`, `unset`, `unspecified` or a value.
    pub value: String,
}

/// Says whether git tracks a file in a folder.
pub fn tracked(folder: &Path, file: &str, variables: &[(OsString, OsString)]) -> Tracked {
    if !is_within(folder) {
        return Tracked::No;
    }
    let Ok(Some(repository)) = Repository::discover(folder, Around::Folder, variables) else {
        return Tracked::Unknown;
    };
    // The top that git names may lie elsewhere, and then it is not asked about this file.
    let Some(path) = repository.relative(folder).map(|folder| folder.join(file)) else {
        return Tracked::Unknown;
    };
    match repository.tracks(&path) {
        Ok(true) => Tracked::Yes,
        Ok(false) => Tracked::No,
        Err(_) => Tracked::Unknown,
    }
}

impl Repository {
    /// Says whether a path, or anything below it, is in the index.
    pub fn tracks(&self, path: &Path) -> Result<bool, GitError> {
        let words = ["ls-files", "-z", "--"];
        Ok(!self
            .read(&words, &[path.as_os_str()], b"", LONG)?
            .is_empty())
    }

    /// Lists the index, sorted; of a path that is in conflict, every side.
    pub fn entries(&self) -> Result<Vec<Entry>, GitError> {
        let listing = self.read(&["ls-files", "-s", "-z"], &[], b"", LONG)?;
        let entry = |record| {
            let (fields, path) = record_of(record)?;
            let mut fields = fields.split(|byte| *byte == b' ');
            entry(fields.next()?, fields.next()?, path)
        };
        all(&listing, "ls-files", entry)
    }

    /// Lists what is staged: what the next commit would add or change.
    pub fn staged(&self) -> Result<Vec<Entry>, GitError> {
        let words = [
            "diff",
            "--cached",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-relative",
            "--ignore-submodules=none",
            "--diff-filter=ACMT",
        ];
        let listing = self.read(&words, &[], b"", LONG)?;
        let changes = changes(&listing, "diff")?;
        let after = changes.into_iter().filter_map(|(_, after)| after);
        Ok(after.collect())
    }

    /// Lists a commit's tree, or what of it is a path or below it.
    pub fn tree(&self, commit: &ObjectId, path: Option<&Path>) -> Result<Vec<Entry>, GitError> {
        let words = ["ls-tree", "-r", "-z", "--full-tree", commit.as_str(), "--"];
        let path = path.map(Path::as_os_str);
        let more: Vec<_> = path.into_iter().filter(|path| !path.is_empty()).collect();
        let listing = self.read(&words, &more, b"", LONG)?;
        let entry = |record| {
            let (fields, path) = record_of(record)?;
            let mut fields = fields.split(|byte| *byte == b' ');
            let (mode, _, id) = (fields.next()?, fields.next()?, fields.next()?);
            entry(mode, id, path)
        };
        all(&listing, "ls-tree", entry)
    }

    /// Returns which attributes apply to paths.
    pub fn attributes(
        &self,
        paths: &[PathBuf],
        names: &[&str],
    ) -> Result<Vec<Attribute>, GitError> {
        let mut input = Vec::new();
        for path in paths {
            input.extend_from_slice(path.as_os_str().as_bytes());
            input.push(0);
        }
        let more: Vec<_> = names.iter().map(OsStr::new).collect();
        let limit = SHORT.max(LONG.min(input.len() as u64 * 64));
        let answer = self.read(&["check-attr", "-z", "--stdin"], &more, &input, limit)?;
        let parts: Vec<_> = records(&answer).collect();
        let attribute = |three: &[&[u8]]| Attribute {
            path: path_of(three[0]),
            name: String::from_utf8_lossy(three[1]).into_owned(),
            value: String::from_utf8_lossy(three[2]).into_owned(),
        };
        if parts.len() != paths.len() * names.len() * 3 {
            return Err(unexpected("check-attr"));
        }
        Ok(parts.chunks_exact(3).map(attribute).collect())
    }
}

/// The parts of an answer that end with NUL.
pub(super) fn records(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let answer = answer.strip_suffix(b"\0").unwrap_or(answer);
    let parts = answer.split(|byte| *byte == 0);
    parts.filter(move |_| !answer.is_empty())
}

pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// What a path was, and what it is.
pub(super) type Sides = (Option<Entry>, Option<Entry>);

/// Reads `:MODE MODE ID ID STATUS`, NUL, the path: before and after of every path that differs.
pub(super) fn changes(listing: &[u8], asked: &str) -> Result<Vec<Sides>, GitError> {
    let parts: Vec<_> = records(listing).collect();
    if !parts.len().is_multiple_of(2) {
        return Err(unexpected(asked));
    }
    let change = |pair: &[&[u8]]| {
        let mut fields = pair[0].strip_prefix(b":")?.split(|byte| *byte == b' ');
        let mut field = || fields.next();
        let (old_mode, new_mode) = (field()?, field()?);
        let (old_id, new_id) = (field()?, field()?);
        let side = |mode: &[u8], id| match mode {
            b"000000" => Some(None),
            mode => entry(mode, id, pair[1]).map(Some),
        };
        Some((side(old_mode, old_id)?, side(new_mode, new_id)?))
    };
    parts
        .chunks_exact(2)
        .map(|pair| change(pair).ok_or_else(|| unexpected(asked)))
        .collect()
}

fn all<'a>(
    listing: &'a [u8],
    asked: &str,
    entry: impl Fn(&'a [u8]) -> Option<Entry>,
) -> Result<Vec<Entry>, GitError> {
    records(listing)
        .map(|record| entry(record).ok_or_else(|| unexpected(asked)))
        .collect()
}

/// Parts `FIELDS`, a tab, `PATH`.
fn record_of(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    Some((&record[..tab], &record[tab + 1..]))
}

fn entry(mode: &[u8], text: &[u8], path: &[u8]) -> Option<Entry> {
    let kind = match mode {
        b"120000" => Kind::Link,
        b"160000" => Kind::Submodule,
        _ => Kind::File,
    };
    Some(Entry {
        path: path_of(path),
        id: id(text, "").ok()?,
        kind,
    })
}
