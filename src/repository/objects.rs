//! Reading objects, many of them from one process of git. An object is lent while it streams by, so
//! nothing of its size is held; one that is not there is said to be missing, and the rest goes on.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::thread;

use crate::repository::index::path_of;
use crate::repository::program::{Answer, Settings, failed, said};
use crate::repository::{GitError, LONG, Object, ObjectId, Repository, unexpected};

/// The longest first line of an object, in bytes.
const MAX_HEAD: u64 = 256;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// The content of a file.
    Blob,
    /// A commit with its message.
    Commit,
    /// A tag with its message.
    Tag,
    /// A folder.
    Tree,
}

/// What there is under the name of an object.
pub enum Content<'a> {
    /// Nothing: a partial or damaged clone.
    Missing,
    /// An object.
    There {
        /// What it is.
        kind: ObjectKind,
        /// Its length in bytes.
        size: u64,
        /// Its bytes. What is not read is skipped.
        bytes: &'a mut dyn Read,
    },
}

impl Repository {
    /// Reads objects one after the other, and lends each with its place in the list.
    pub fn objects(
        &self,
        ids: &[ObjectId],
        mut see: impl FnMut(usize, Content<'_>) -> io::Result<()>,
    ) -> Result<(), GitError> {
        const ASKED: &str = "cat-file";
        if ids.is_empty() {
            return Ok(());
        }
        let broken = |source| GitError::Io {
            asked: ASKED.to_owned(),
            source,
        };
        let words = [ASKED, "--batch", "--buffer"].map(OsStr::new);
        let mut child = self
            .git
            .start(&self.top, Settings::Overruled, &words)
            .map_err(broken)?;
        let mut stdin = child.stdin.take().expect("it was piped");
        let stdout = child.stdout.take().expect("it was piped");
        let stderr = child.stderr.take().expect("it was piped");
        let mut stdout = BufReader::with_capacity(256 * 1024, stdout);
        let (read, said) = thread::scope(|scope| {
            scope.spawn(move || {
                let lines: String = ids.iter().map(|id| format!("{id}\n")).collect();
                // One that stops reading says by its end what is wrong.
                let _ = stdin.write_all(lines.as_bytes());
            });
            let aside = scope.spawn(move || said(stderr));
            let read = ids
                .iter()
                .enumerate()
                .try_for_each(|(index, id)| next(&mut stdout, id, |content| see(index, content)));
            // It may still be writing, or wait to be fed.
            drop(stdout);
            if read.is_err() {
                let _ = child.kill();
            }
            (read, aside.join().expect("reading does not panic"))
        });
        let status = child.wait().map_err(broken)?;
        if !status.success() && !said.is_empty() {
            let stdout = Vec::new();
            let answer = Answer {
                status,
                stdout,
                said,
            };
            return Err(failed(&words, &answer));
        }
        read.map_err(broken)
    }

    /// Reads a blob of at most `limit` bytes; `None` if it is not there.
    pub fn blob(&self, id: &ObjectId, limit: u64) -> Result<Option<Vec<u8>>, GitError> {
        let mut found = None;
        let mut fits = true;
        self.objects(std::slice::from_ref(id), |_, content| {
            if let Content::There { size, bytes, .. } = content {
                fits = size <= limit;
                let mut all = Vec::new();
                if fits {
                    bytes.read_to_end(&mut all)?;
                    found = Some(all);
                }
            }
            Ok(())
        })?;
        if fits {
            return Ok(found);
        }
        Err(GitError::TooMuch {
            asked: "cat-file".to_owned(),
            limit,
        })
    }

    /// Lists the objects that some commits reach and others do not, each with a path it has had.
    pub fn reached(
        &self,
        from: &[ObjectId],
        but_not: &[ObjectId],
    ) -> Result<Vec<Object>, GitError> {
        let mut input = String::new();
        from.iter()
            .for_each(|id| input.push_str(&format!("{id}\n")));
        but_not
            .iter()
            .for_each(|id| input.push_str(&format!("^{id}\n")));
        let words = ["rev-list", "--objects", "--stdin"];
        let listing = self.read(&words, &[], input.as_bytes(), LONG)?;
        let (ids, mut paths) = named(&listing)?;
        let kinds = self.kinds(&ids)?;
        let known = ids.into_iter().zip(kinds);
        let object = |(id, kind): (ObjectId, Option<ObjectKind>)| Object {
            path: paths.remove(&id),
            kind,
            id,
        };
        Ok(known.map(object).collect())
    }

    /// Returns what the branches of a remote were at when it was last asked.
    pub fn heads_of(&self, remote: &str) -> Result<Vec<ObjectId>, GitError> {
        let pattern = format!("refs/remotes/{remote}/");
        let words = ["for-each-ref", "--format=%(objectname)", "--"];
        let refs = self.read(&words, &[OsStr::new(&pattern)], b"", LONG)?;
        let refs = String::from_utf8_lossy(&refs);
        Ok(refs.lines().filter_map(ObjectId::parse).collect())
    }

    /// Lists every object there is, also those that nothing leads to any more.
    pub fn everything(&self) -> Result<Vec<Object>, GitError> {
        let words = [
            "rev-list",
            "--objects",
            "--all",
            "--reflog",
            "--indexed-objects",
        ];
        let (_, mut paths) = named(&self.read(&words, &[], b"", LONG)?)?;
        let words = [
            "cat-file",
            "--batch-check=%(objectname) %(objecttype)",
            "--batch-all-objects",
            "--buffer",
        ];
        let listing = self.read(&words, &[], b"", LONG)?;
        let listing = String::from_utf8_lossy(&listing);
        let object = |line: &str| {
            let (id, kind) = line.split_once(' ')?;
            let id = ObjectId::parse(id)?;
            Some(Object {
                path: paths.remove(&id),
                kind: kind_of(kind),
                id,
            })
        };
        let all: Option<Vec<_>> = listing.lines().map(object).collect();
        all.ok_or_else(|| unexpected("cat-file"))
    }

    /// Says what each object is; `None` if it is not there.
    fn kinds(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectKind>>, GitError> {
        let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
        let words = ["cat-file", "--batch-check=%(objecttype)", "--buffer"];
        let answer = self.read(&words, &[], input.as_bytes(), LONG)?;
        let answer = String::from_utf8_lossy(&answer);
        let kinds: Vec<_> = answer.lines().map(kind_of).collect();
        if kinds.len() == ids.len() {
            Ok(kinds)
        } else {
            Err(unexpected("cat-file"))
        }
    }
}

/// Reads `ID`, and perhaps a path, line by line.
fn named(listing: &[u8]) -> Result<(Vec<ObjectId>, HashMap<ObjectId, PathBuf>), GitError> {
    let mut ids = Vec::new();
    let mut paths = HashMap::new();
    let lines = listing.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        let end = line.iter().position(|byte| *byte == b' ');
        let (id, path) = line.split_at(end.unwrap_or(line.len()));
        let id = super::id(id, "rev-list")?;
        if path.len() > 1 {
            paths.insert(id.clone(), path_of(&path[1..]));
        }
        ids.push(id);
    }
    Ok((ids, paths))
}

/// Reads one object: `ID TYPE SIZE`, a line end, its bytes, a line end; or `ID missing`.
fn next(
    stdout: &mut BufReader<ChildStdout>,
    id: &ObjectId,
    mut see: impl FnMut(Content<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut head = Vec::new();
    stdout.take(MAX_HEAD).read_until(b'\n', &mut head)?;
    let head = String::from_utf8_lossy(&head);
    let rest = head
        .strip_suffix('\n')
        .and_then(|line| line.strip_prefix(id.as_str()))
        .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let fields: Vec<_> = rest.trim_start().split(' ').collect();
    let [kind, size] = fields[..] else {
        return see(Content::Missing);
    };
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let kind = kind_of(kind).ok_or_else(invalid)?;
    let size = size.parse().map_err(|_| invalid())?;
    let mut bytes = stdout.take(size);
    see(Content::There {
        kind,
        size,
        bytes: &mut bytes,
    })?;
    let skipped = bytes.limit();
    let copied = io::copy(&mut bytes, &mut io::sink())?;
    let mut end = [0];
    stdout.read_exact(&mut end)?;
    if copied == skipped && end == *b"\n" {
        Ok(())
    } else {
        Err(invalid())
    }
}

fn kind_of(text: &str) -> Option<ObjectKind> {
    match text {
        "blob" => Some(ObjectKind::Blob),
        "commit" => Some(ObjectKind::Commit),
        "tag" => Some(ObjectKind::Tag),
        "tree" => Some(ObjectKind::Tree),
        _ => None,
    }
}
