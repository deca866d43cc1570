//! Floor 6: looks for leaks. The vault's own values in any encoding, private keys, tokens by their
//! shape, and what under `vault/` is not properly sealed; in what is staged, in a range of commits, in
//! the whole history or in files. Says where, and the secret's name; never a value, never a line.

mod own;
mod search;
mod subject;
mod text;
mod values;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub use own::home_of;
pub use subject::{Layout, Place, Pushed, Subject};
pub use values::{OpenedAll, Values, open_all};

use crate::domain::{Encoding, SecretName};
use crate::repository::{Content, GitError, ObjectId, Repository};
use crate::sealed::{MAX_FILE, SealedError, has_markers};
use own::Role;
use text::{Findings, Found, Looker};

/// The most threads.
const MOST_THREADS: usize = 8;

/// How many files a thread takes at once.
const BLOCK: usize = 32;

/// The longest file that is read as a whole, to be judged as a whole, in bytes.
const MAX_WHOLE: u64 = MAX_FILE as u64;

/// For how many objects the commits are looked up.
const MOST_COMMITS: usize = 100;

/// The shapes that are looked for in the vault's own public files, which are full of base64.
const PRIVATE: [&str; 3] = [
    "a private key",
    "an age plugin identity",
    "an age private key",
];

/// Why a place is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Both sides of a merge, sealed; a person must choose.
    ConflictEnvelope,
    /// The marks of a merge.
    ConflictMarkers,
    /// A sealed file that is not whole.
    Damaged(String),
    /// A `.env` that git has.
    DotEnv,
    /// Something with the shape of a credential of this kind.
    Shape(&'static str),
    /// Something in the vault that is not sealed.
    Unsealed,
    /// The value of a secret.
    Value(SecretName, Encoding),
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, if it has a name.
    pub path: Option<PathBuf>,
    /// Counted from 1; 0: the file as a whole.
    pub line: usize,
    /// The object of git's that it is in, if it was not read from the disk.
    pub object: Option<ObjectId>,
    /// The commit that brought it, if that was looked up.
    pub commit: Option<ObjectId>,
    /// What.
    pub why: Why,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The file or the object.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// What came of a scan.
#[derive(Debug, Default)]
pub struct Report {
    /// Sorted by path and line.
    pub findings: Vec<Finding>,
    /// Sorted.
    pub skipped: Vec<Skipped>,
    /// How many files and objects were looked at.
    pub looked_at: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// On how many lines something was allowed, by a comment or for the whole file.
    pub allowed: usize,
}

/// What is looked for, and what is known about the place.
pub struct Scan<'a> {
    /// The repository, if there is one.
    pub repository: Option<&'a Repository>,
    /// The vault's values.
    pub values: &'a Values,
}

impl Scan<'_> {
    /// Looks at all of these.
    pub fn run(&self, subjects: &[Subject]) -> Result<Report, GitError> {
        let there = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = there
            .min(MOST_THREADS)
            .min(subjects.len().div_ceil(BLOCK))
            .max(1);
        let next = AtomicUsize::new(0);
        let (in_git, on_disk): (Vec<&Subject>, Vec<&Subject>) = subjects
            .iter()
            .partition(|subject| matches!(subject.place, Place::Object(_)));
        let parts: Vec<_> = in_git
            .chunks(in_git.len().div_ceil(threads).max(1))
            .collect();
        let parts = thread::scope(|scope| {
            let start = |index: usize| {
                let part = parts.get(index).copied().unwrap_or_default();
                let (next, on_disk) = (&next, &on_disk);
                scope.spawn(move || {
                    let mut worker = Worker {
                        scan: self,
                        looker: Looker::new(self.values.searcher()),
                        report: Report::default(),
                    };
                    worker.look_at_objects(part)?;
                    worker.look_at_files(on_disk, next);
                    Ok(worker.report)
                })
            };
            let running: Vec<_> = (0..threads).map(start).collect();
            let ended = running.into_iter().map(|thread| thread.join());
            ended
                .map(|report| report.expect("looking does not panic"))
                .collect::<Result<Vec<Report>, GitError>>()
        })?;
        let mut whole = Report::default();
        for part in parts {
            whole.findings.extend(part.findings);
            whole.skipped.extend(part.skipped);
            whole.looked_at += part.looked_at;
            whole.bytes += part.bytes;
            whole.allowed += part.allowed;
        }
        whole.findings.sort();
        whole.findings.dedup();
        whole.skipped.sort();
        Ok(whole)
    }

    /// Looks up which commit brought what was found in the history.
    pub fn date(&self, report: &mut Report) -> Result<(), GitError> {
        let Some(repository) = self.repository else {
            return Ok(());
        };
        let mut commits: HashMap<ObjectId, Option<ObjectId>> = HashMap::new();
        for finding in &mut report.findings {
            let (Some(object), Some(_)) = (&finding.object, &finding.path) else {
                continue;
            };
            if !commits.contains_key(object) {
                if commits.len() == MOST_COMMITS {
                    break;
                }
                let first = repository.touching(object)?.pop();
                commits.insert(object.clone(), first);
            }
            finding.commit = commits.get(object).cloned().flatten();
        }
        Ok(())
    }
}

/// One thread's part of a scan.
struct Worker<'a> {
    scan: &'a Scan<'a>,
    looker: Looker<'a>,
    report: Report,
}

impl Worker<'_> {
    fn look_at_objects(&mut self, subjects: &[&Subject]) -> Result<(), GitError> {
        let Some(repository) = self.scan.repository else {
            return Ok(());
        };
        let id = |subject: &&Subject| match &subject.place {
            Place::Object(id) => Some(id.clone()),
            Place::File(_) => None,
        };
        let ids: Vec<_> = subjects.iter().filter_map(id).collect();
        repository.objects(&ids, |index, content| {
            match content {
                Content::Missing => self.skip(subjects[index], "it is not in this clone"),
                Content::There { bytes, .. } => self.look_at(subjects[index], bytes)?,
            }
            Ok(())
        })
    }

    fn look_at_files(&mut self, subjects: &[&Subject], next: &AtomicUsize) {
        loop {
            let from = next.fetch_add(BLOCK, Ordering::Relaxed);
            let Some(rest) = subjects.get(from..) else {
                return;
            };
            for subject in &rest[..rest.len().min(BLOCK)] {
                if let Place::File(path) = &subject.place
                    && let Err(error) = self.look_at_file(subject, path)
                {
                    self.skip(subject, &error.to_string());
                }
            }
        }
    }

    fn look_at_file(&mut self, subject: &Subject, path: &Path) -> io::Result<()> {
        // A pipe would be waited for, and a link leads to what is looked at elsewhere.
        let open = match path.symlink_metadata() {
            Ok(found) if found.is_file() => File::open(path),
            Ok(_) => return Ok(()),
            Err(error) => Err(error),
        };
        match open {
            // It is in the index, and was removed from the work tree.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(mut open) => self.look_at(subject, &mut open),
        }
    }

    fn look_at(&mut self, subject: &Subject, text: &mut dyn Read) -> io::Result<()> {
        self.report.looked_at += 1;
        match subject.role {
            Role::Ordinary => self.look_for_all(subject, text),
            Role::Public => {
                let whole = whole(text)?;
                if has_markers(&whole) {
                    self.tell(subject, 0, Why::ConflictMarkers);
                }
                let findings = self.looker.look(&mut &whole[..])?;
                self.tell_all(
                    subject,
                    findings,
                    |found| matches!(found, Found::Shape(kind) if PRIVATE.contains(kind)),
                );
                Ok(())
            }
            Role::DotEnv => {
                let start = whole(&mut text.take(MAX_WHOLE))?;
                if subject.allowed || own::is_allowed(&start) {
                    self.report.allowed += 1;
                } else {
                    self.tell(subject, 0, Why::DotEnv);
                }
                self.look_for_all(subject, &mut start.chain(text))
            }
            Role::Manifest => {
                let start = whole(&mut text.take(MAX_WHOLE))?;
                if has_markers(&start) {
                    self.tell(subject, 0, Why::ConflictMarkers);
                }
                self.look_for_all(subject, &mut start.chain(text))
            }
            Role::Grant | Role::Sealed | Role::Submitted => {
                let start = whole(&mut text.take(MAX_WHOLE + 1))?;
                let Some(why) = own::judge(&start, subject.role) else {
                    self.report.bytes += start.len() as u64;
                    return Ok(());
                };
                self.tell(subject, 0, why);
                self.look_for_all(subject, &mut start.chain(text))
            }
            Role::Stray => {
                self.tell(subject, 0, Why::Unsealed);
                self.look_for_all(subject, text)
            }
        }
    }

    fn look_for_all(&mut self, subject: &Subject, text: &mut dyn Read) -> io::Result<()> {
        let findings = self.looker.look(text)?;
        self.tell_all(subject, findings, |_| true);
        Ok(())
    }

    fn tell_all(&mut self, subject: &Subject, found: Findings, told: impl Fn(&Found) -> bool) {
        self.report.bytes += found.length;
        self.report.allowed += found.allowed;
        let mut last = 0;
        for on in found.found.iter().filter(|on| told(&on.found)) {
            if subject.allowed {
                self.report.allowed += usize::from(on.line != last);
                last = on.line;
                continue;
            }
            let why = match on.found {
                Found::Shape(kind) => Why::Shape(kind),
                Found::Value(value, encoding) => {
                    Why::Value(self.scan.values.name(value).clone(), encoding)
                }
            };
            self.tell(subject, on.line, why);
        }
    }

    fn tell(&mut self, subject: &Subject, line: usize, why: Why) {
        let object = match &subject.place {
            Place::File(_) => None,
            Place::Object(id) => Some(id.clone()),
        };
        self.report.findings.push(Finding {
            path: subject.path.clone(),
            line,
            object,
            commit: None,
            why,
        });
    }

    fn skip(&mut self, subject: &Subject, why: &str) {
        self.report.skipped.push(Skipped {
            what: subject.to_string(),
            why: why.to_owned(),
        });
    }
}

fn whole(text: &mut dyn Read) -> io::Result<zeroize::Zeroizing<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    text.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn damaged(error: &SealedError) -> Why {
    Why::Damaged(error.to_string())
}
