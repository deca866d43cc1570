//! What a path has held, commit by commit, and what changed between two commits. The ancestors of a
//! commit are what counts; a history that was cut off by a shallow clone ends where it was cut.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::repository::index::{Sides, changes, records};
use crate::repository::objects::Content;
use crate::repository::program::{Settings, failed};
use crate::repository::{
    Entry, GitError, LONG, ObjectId, ObjectKind, Repository, SHORT, id, line, unexpected,
};

/// How many moves of a branch are looked back.
const MOST_MOVES: &str = "--max-count=1000";

/// In which order versions are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The latest first.
    NewestFirst,
    /// The first one first.
    OldestFirst,
}

/// What a path was after a commit that changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The commit.
    pub commit: ObjectId,
    /// Who made the change, by name.
    pub author: String,
    /// And by address.
    pub email: String,
    /// When it was made, in seconds since 1970.
    pub time: u64,
    /// What the path holds since; `None`: the commit removed it.
    pub blob: Option<ObjectId>,
    /// The commits it was made on.
    pub parents: Vec<ObjectId>,
}

/// A version, and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the path was after the commit.
    pub version: Version,
    /// What it was at each of the commit's parents.
    pub before: Vec<Option<ObjectId>>,
}

/// A version for which something held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ever {
    /// The latest such version.
    pub version: Version,
    /// The commit after it, if it is not the latest version of all.
    pub ended: Option<Version>,
}

/// A path that differs between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// What it was.
    pub before: Option<Entry>,
    /// What it is.
    pub after: Option<Entry>,
}

/// An object of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub id: ObjectId,
    /// What it is; `None` if it is not there.
    pub kind: Option<ObjectKind>,
    /// A path under which it is or was to be found.
    pub path: Option<PathBuf>,
}

impl Repository {
    /// Lists the versions of a path among a commit and its ancestors.
    pub fn versions(
        &self,
        commit: &ObjectId,
        path: &Path,
        order: Order,
    ) -> Result<Vec<Version>, GitError> {
        let mut versions = self.log(commit, path, None)?;
        if order == Order::OldestFirst {
            versions.reverse();
        }
        Ok(versions)
    }

    /// Lists the latest versions of a path, as many as `most`, each with what it was made from; the
    /// latest first.
    pub fn steps(
        &self,
        commit: &ObjectId,
        path: &Path,
        most: Option<usize>,
    ) -> Result<Vec<Step>, GitError> {
        let versions = self.log(commit, path, most)?;
        let parents = versions.iter().flat_map(|version| &version.parents);
        let places: Vec<_> = parents.map(|parent| (parent, path)).collect();
        let mut blobs = self.blobs_of(&places)?.into_iter();
        let step = |version: Version| Step {
            before: blobs.by_ref().take(version.parents.len()).collect(),
            version,
        };
        Ok(versions.into_iter().map(step).collect())
    }

    fn log(
        &self,
        commit: &ObjectId,
        path: &Path,
        most: Option<usize>,
    ) -> Result<Vec<Version>, GitError> {
        const ASKED: &str = "log";
        // Checked before git is asked: it would take no path for all of them.
        line_of(path)?;
        let most = most.map(|most| format!("--max-count={most}"));
        let words = [
            ASKED,
            "-z",
            "--topo-order",
            "--full-history",
            "--no-follow",
            "--no-mailmap",
            "--encoding=UTF-8",
            "--format=%H%n%an%n%ae%n%at%n%P",
        ];
        let words = words.into_iter().chain(most.as_deref());
        let words: Vec<_> = words.chain([commit.as_str(), "--"]).collect();
        let listing = self.read(&words, &[path.as_os_str()], b"", LONG)?;
        let version = |record: &[u8]| {
            let text = String::from_utf8_lossy(record);
            let fields: Vec<_> = text.split('\n').collect();
            let [commit, author, email, time, parents] = fields[..] else {
                return None;
            };
            let parents = parents.split(' ').filter(|parent| !parent.is_empty());
            Some(Version {
                commit: ObjectId::parse(commit)?,
                author: author.to_owned(),
                email: email.to_owned(),
                time: time.parse().unwrap_or_default(),
                blob: None,
                parents: parents.map(ObjectId::parse).collect::<Option<_>>()?,
            })
        };
        let all: Option<Vec<_>> = records(&listing).map(version).collect();
        let mut versions = all.ok_or_else(|| unexpected(ASKED))?;
        let places = versions.iter().map(|version| (&version.commit, path));
        let blobs = self.blobs_of(&places.collect::<Vec<_>>())?;
        for (version, blob) in versions.iter_mut().zip(blobs) {
            version.blob = blob;
        }
        Ok(versions)
    }

    /// Returns what a path holds at a commit; `None` if it is no file there.
    pub fn blob_at(&self, commit: &ObjectId, path: &Path) -> Result<Option<ObjectId>, GitError> {
        let mut blobs = self.blobs_of(&[(commit, path)])?;
        Ok(blobs.pop().flatten())
    }

    /// Reads what a path holds at a commit, of at most `limit` bytes.
    pub fn file_at(
        &self,
        commit: &ObjectId,
        path: &Path,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, GitError> {
        match self.blob_at(commit, path)? {
            Some(blob) => self.blob(&blob, limit),
            None => Ok(None),
        }
    }

    /// Finds the latest version of a path, among a commit and its ancestors, for which something
    /// holds, and what ended it. Versions longer than `limit` bytes are not looked at.
    pub fn ever(
        &self,
        commit: &ObjectId,
        path: &Path,
        limit: u64,
        holds: impl FnMut(&[u8]) -> bool,
    ) -> Result<Option<Ever>, GitError> {
        let versions = self.versions(commit, path, Order::NewestFirst)?;
        let with = versions
            .iter()
            .enumerate()
            .filter_map(|(at, version)| Some((at, version.blob.clone()?)));
        let (places, blobs): (Vec<_>, Vec<_>) = with.unzip();
        let found = self.first(&blobs, limit, holds)?;
        Ok(found.map(|index| places[index]).map(|at| Ever {
            version: versions[at].clone(),
            ended: at.checked_sub(1).map(|after| versions[after].clone()),
        }))
    }

    /// Finds a version of a path for which something holds, among the commits that the branch at hand
    /// has had and that `head` does not come from. Only git's own log of the branch says which
    /// these are; without one, or on no branch, there are none.
    pub fn lost(
        &self,
        head: &ObjectId,
        path: &Path,
        limit: u64,
        holds: impl FnMut(&[u8]) -> bool,
    ) -> Result<Option<ObjectId>, GitError> {
        let Some(branch) = self.branch()? else {
            return Ok(None);
        };
        let words = ["log", "--walk-reflogs", "--format=%H", MOST_MOVES, &branch];
        let tips = self.read(&words, &[OsStr::new("--")], b"", LONG)?;
        let tips = String::from_utf8_lossy(&tips);
        let tips: BTreeSet<&str> = tips.lines().collect();
        if tips.is_empty() {
            return Ok(None);
        }
        let mut words = vec!["rev-list", "--topo-order", "--full-history"];
        words.extend(tips);
        let not_head = format!("^{head}");
        words.extend([&*not_head, "--"]);
        let lost = self.read(&words, &[path.as_os_str()], b"", LONG)?;
        let lines = lost.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        let commits = lines.map(|line| id(line, "rev-list"));
        let commits = commits.collect::<Result<Vec<_>, _>>()?;
        let places: Vec<_> = commits.iter().map(|commit| (commit, path)).collect();
        let blobs = self.blobs_of(&places)?;
        let with = commits.into_iter().zip(blobs);
        let (commits, blobs): (Vec<_>, Vec<_>) = with
            .filter_map(|(commit, blob)| Some((commit, blob?)))
            .unzip();
        let found = self.first(&blobs, limit, holds)?;
        Ok(found.map(|index| commits[index].clone()))
    }

    /// Finds the first of some blobs for which something holds; longer ones are not looked at.
    fn first(
        &self,
        blobs: &[ObjectId],
        limit: u64,
        mut holds: impl FnMut(&[u8]) -> bool,
    ) -> Result<Option<usize>, GitError> {
        let mut found = None;
        self.objects(blobs, |index, content| {
            if let Content::There { size, bytes, .. } = content
                && found.is_none()
                && size <= limit
            {
                let mut text = Vec::new();
                bytes.read_to_end(&mut text)?;
                if holds(&text) {
                    found = Some(index);
                }
            }
            Ok::<(), io::Error>(())
        })?;
        Ok(found)
    }

    /// Lists the paths that differ between two commits.
    pub fn changed(&self, from: &ObjectId, to: &ObjectId) -> Result<Vec<Change>, GitError> {
        let words = [
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            from.as_str(),
            to.as_str(),
        ];
        let listing = self.read(&words, &[], b"", LONG)?;
        let change = |(before, after): Sides| {
            let entry = before.as_ref().or(after.as_ref())?;
            Some(Change {
                path: entry.path.clone(),
                before,
                after,
            })
        };
        let changes = changes(&listing, "diff-tree")?;
        Ok(changes.into_iter().filter_map(change).collect())
    }

    /// Returns the commits that brought a blob in or took it out, the latest first.
    pub fn touching(&self, blob: &ObjectId) -> Result<Vec<ObjectId>, GitError> {
        let object = format!("--find-object={blob}");
        let words = ["log", "--all", "--no-follow", "--format=%H", &object];
        let listing = self.read(&words, &[], b"", LONG)?;
        let lines = listing.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines.map(|line| id(line, "log")).collect()
    }

    /// Returns what paths hold at commits; `None` for what is no file there.
    pub fn blobs_of(
        &self,
        places: &[(&ObjectId, &Path)],
    ) -> Result<Vec<Option<ObjectId>>, GitError> {
        const ASKED: &str = "cat-file";
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut input = Vec::new();
        for (commit, path) in places {
            input.extend_from_slice(commit.as_str().as_bytes());
            input.push(b':');
            input.extend_from_slice(line_of(path)?);
            input.push(b'\n');
        }
        let format = OsStr::new("--batch-check=%(objecttype) %(objectname)");
        let answer = self.read(&[ASKED], &[format], &input, LONG)?;
        let blob = |line: &[u8]| {
            let blob = line.strip_prefix(b"blob ")?;
            // A path that ends in `missing` is answered with itself.
            id(blob, ASKED).ok()
        };
        let lines = answer.split(|byte| *byte == b'\n');
        let blobs: Vec<_> = lines.take(places.len()).map(blob).collect();
        if blobs.len() == places.len() {
            Ok(blobs)
        } else {
            Err(unexpected(ASKED))
        }
    }

    /// Returns a commit that two others come from; `None` if there is none.
    pub fn merge_base(
        &self,
        one: &ObjectId,
        other: &ObjectId,
    ) -> Result<Option<ObjectId>, GitError> {
        let words = ["merge-base", one.as_str(), other.as_str()].map(OsStr::new);
        let settings = Settings::Overruled;
        let answer = self.git.answer(&self.top, settings, &words, b"", SHORT)?;
        match answer.status.code() {
            Some(0) => Ok(Some(id(&line(answer.stdout), "merge-base")?)),
            Some(1) => Ok(None),
            _ => Err(failed(&words, &answer)),
        }
    }
}

/// A path that git can be asked about by a line.
fn line_of(path: &Path) -> Result<&[u8], GitError> {
    let text = path.as_os_str().as_bytes();
    if text.is_empty() || text.contains(&b'\n') {
        return Err(GitError::Path(path.to_owned()));
    }
    Ok(text)
}
