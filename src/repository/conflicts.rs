//! Paths that a merge left with several sides in the index, and writing the one that was chosen. A path
//! that was staged too early still has its sides until the next commit. What is staged is exactly the
//! bytes that are given: no filter is run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::repository::index::{path_of, records};
use crate::repository::program::{Settings, failed};
use crate::repository::{Git, GitError, LONG, ObjectId, Repository, SHORT, id, line, unexpected};

/// The sides of a path: what both come from, ours, theirs.
pub type Stages = [Option<ObjectId>; 3];

/// Which sides are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmerged {
    /// Those of paths that nobody has staged yet.
    Open,
    /// Those of paths that were staged since.
    Staged,
}

impl Repository {
    /// Lists the paths with several sides.
    pub fn unmerged(&self, which: Unmerged) -> Result<BTreeMap<PathBuf, Stages>, GitError> {
        const ASKED: &str = "ls-files";
        let option = match which {
            Unmerged::Open => "-u",
            Unmerged::Staged => "--resolve-undo",
        };
        let listing = self.read(&[ASKED, option, "-z", "--full-name"], &[], b"", LONG)?;
        let mut paths: BTreeMap<PathBuf, Stages> = BTreeMap::new();
        for record in records(&listing) {
            let (stage, blob, path) = side(record).ok_or_else(|| unexpected(ASKED))?;
            paths.entry(path).or_default()[stage] = Some(blob);
        }
        Ok(paths)
    }

    /// Stages files: their bytes, or that they are gone. The sides of a merge go with it.
    pub fn stage(&self, files: &[(PathBuf, Option<Vec<u8>>)]) -> Result<(), GitError> {
        let mut input = Vec::new();
        for (path, bytes) in files {
            let gone = || format!("0 {}\t", "0".repeat(40));
            let head = match bytes {
                None => gone(),
                Some(bytes) => {
                    let words = ["hash-object", "-w", "--no-filters", "--stdin"];
                    let answer = self.read(&words, &[], bytes, SHORT)?;
                    format!("100644 {}\t", id(&line(answer), words[0])?)
                }
            };
            input.extend_from_slice(head.as_bytes());
            input.extend_from_slice(path.as_os_str().as_bytes());
            input.push(0);
        }
        let words = ["update-index", "-z", "--index-info"];
        self.read(&words, &[], &input, SHORT)?;
        self.settle(files)
    }

    /// Has git see that the work tree holds what was staged; else it would not go back before the
    /// merge. Not where a filter applies, which would be run.
    fn settle(&self, files: &[(PathBuf, Option<Vec<u8>>)]) -> Result<(), GitError> {
        let there = files.iter().filter(|(_, bytes)| bytes.is_some());
        let paths: Vec<_> = there.map(|(path, _)| path.clone()).collect();
        let attributes = self.attributes(&paths, &["filter"])?;
        let is_none = |value: &str| matches!(value, "unset" | "unspecified");
        let mut input = Vec::new();
        for plain in attributes.iter().filter(|one| is_none(&one.value)) {
            input.extend_from_slice(plain.path.as_os_str().as_bytes());
            input.push(0);
        }
        self.read(&["update-index", "-z", "--stdin"], &[], &input, SHORT)?;
        Ok(())
    }
}

impl Git {
    /// Merges texts as git does: ours, the base, theirs. Ours becomes the result, with markers of a
    /// length where both changed the same lines; says whether there are none.
    pub fn merge_texts(
        &self,
        folder: &Path,
        files: [&Path; 3],
        marker: &str,
    ) -> Result<bool, GitError> {
        // As git says it, or its own default.
        let marker: u32 = marker.parse().unwrap_or(7);
        let marker = format!("--marker-size={marker}");
        let words = [
            "merge-file",
            "-q",
            &marker,
            "-L",
            "ours",
            "-L",
            "base",
            "-L",
            "theirs",
            "--",
        ];
        let words = words.into_iter().map(OsStr::new);
        let words: Vec<_> = words.chain(files.map(Path::as_os_str)).collect();
        let answer = self.answer(folder, Settings::Overruled, &words, b"", SHORT)?;
        // The number of conflicts, up to 127.
        match answer.status.code() {
            Some(0) => Ok(true),
            Some(1..=127) => Ok(false),
            _ => Err(failed(&words, &answer)),
        }
    }
}

/// Reads `MODE ID STAGE`, a tab, the path.
fn side(record: &[u8]) -> Option<(usize, ObjectId, PathBuf)> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let fields = std::str::from_utf8(&record[..tab]).ok()?;
    let mut fields = fields.split(' ').skip(1);
    let blob = ObjectId::parse(fields.next()?)?;
    let stage: usize = fields.next()?.parse().ok()?;
    let stage = stage.checked_sub(1).filter(|stage| *stage < 3)?;
    Some((stage, blob, path_of(&record[tab + 1..])))
}
