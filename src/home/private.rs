//! The one door for private files outside of the home: identities, state, plaintext outputs. A file
//! is made with mode 0600 beside its place and renamed into it, so that a kill leaves the old file
//! or the new one, and the next write of it sweeps the rest. Never written through a link, never
//! readable by others for a moment.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use thiserror::Error;

use crate::disk::{Action, Dir, DirLock, DiskError, Kind, read_open};
use crate::domain::SecretValue;

/// How long to wait for another process that writes into the same folder.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a private file was not written or read.
#[derive(Debug, Error)]
pub enum PrivateError {
    /// Another process is writing into the same folder.
    #[error("another process is writing into `{path}`")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The path does not end in a name.
    #[error("`{path}` does not name a file")]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// The file belongs to neither this user nor root.
    #[error("`{path}` belongs to another user")]
    NotOurs {
        /// Where.
        path: PathBuf,
    },
    /// The file's mode lets a group or everybody at it.
    #[error("`{path}` can be read by others (mode {mode:04o})")]
    OthersCanRead {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// What to do with a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Leave it alone.
    Refuse,
    /// Replace it.
    Replace,
}

/// What came of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// The file is there with the new content, flushed.
    Done,
    /// Something was there already, and is as it was.
    Exists,
}

/// Writes a private file, and makes missing folders above it, private as well. After an error the
/// file is the old one, or, if only the last flush failed, the new one.
pub fn write_private(
    path: &Path,
    bytes: &[u8],
    overwrite: Overwrite,
) -> Result<Written, PrivateError> {
    let name = path.file_name().ok_or_else(|| PrivateError::NoName {
        path: path.to_owned(),
    })?;
    let dir = open_or_make(parent(path))?;
    let lock = dir.lock(Instant::now() + PATIENCE)?;
    if lock == DirLock::Busy {
        return Err(PrivateError::Busy {
            path: dir.path().to_owned(),
        });
    }
    match (dir.kind_of(name)?, overwrite) {
        (Some(_), Overwrite::Refuse) => return Ok(Written::Exists),
        // A rename would replace a link or a device itself: `/dev/stdout` is one.
        (Some(kind), Overwrite::Replace) if kind != Kind::File => {
            return Err(DiskError::NotRegular {
                path: path.to_owned(),
                kind,
            }
            .into());
        }
        _ => {}
    }

    let temporary = temporary(name);
    // Under the lock, a file of that name is one whose maker was killed.
    if lock == DirLock::Held {
        dir.unlink(&temporary)?;
    }
    dir.create_new(&temporary, 0o600, bytes)?;
    let renamed = match overwrite {
        Overwrite::Refuse => dir.rename_new(&temporary, &dir, name),
        Overwrite::Replace => dir.rename(&temporary, &dir, name).map(|()| true),
    };
    if !matches!(renamed, Ok(true)) {
        // It is the error above that matters, and the next write sweeps.
        let _ = dir.unlink(&temporary);
    }
    if renamed? {
        dir.sync()?;
        Ok(Written::Done)
    } else {
        Ok(Written::Exists)
    }
}

/// Removes what a killed write of this file has left beside it, if there is its folder at all.
pub fn sweep_private(path: &Path) -> Result<(), PrivateError> {
    let name = path.file_name().ok_or_else(|| PrivateError::NoName {
        path: path.to_owned(),
    })?;
    let dir = match Dir::open(parent(path)) {
        Err(error) if error.is(std::io::ErrorKind::NotFound) => return Ok(()),
        other => other?,
    };
    if dir.lock(Instant::now() + PATIENCE)? == DirLock::Held {
        dir.unlink(temporary(name))?;
    }
    Ok(())
}

/// Removes a private file; says whether there was one.
pub fn remove_private(path: &Path) -> Result<bool, PrivateError> {
    let name = path.file_name().ok_or_else(|| PrivateError::NoName {
        path: path.to_owned(),
    })?;
    let dir = match Dir::open(parent(path)) {
        Err(error) if error.is(std::io::ErrorKind::NotFound) => return Ok(false),
        other => other?,
    };
    let removed = dir.unlink(name)?;
    dir.sync()?;
    Ok(removed)
}

/// Reads a private file of at most `limit` bytes; `None` if there is none. A link is followed, for
/// people keep their keys behind links, and what it leads to must be private.
pub fn read_private(path: &Path, limit: u64) -> Result<Option<SecretValue>, PrivateError> {
    // Without NONBLOCK, a pipe would be waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fail = |action, errno: Errno| DiskError::Io {
        action,
        path: path.to_owned(),
        source: errno.into(),
    };
    let fd = match retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(fail(Action::Open, errno).into()),
    };
    let (bytes, stat) = read_open(&fd, path, limit)?;
    let bytes = SecretValue::new(bytes);
    let owner = stat.st_uid;
    if owner != rustix::process::geteuid().as_raw() && owner != 0 {
        return Err(PrivateError::NotOurs {
            path: path.to_owned(),
        });
    }
    let bits: u32 = stat.st_mode as _;
    let mode = bits & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateError::OthersCanRead {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(Some(bytes))
}

/// Opens a folder by path, and makes what is missing of it, for this user alone.
fn open_or_make(path: &Path) -> Result<Dir, PrivateError> {
    match Dir::open(path) {
        Err(error) if error.is(std::io::ErrorKind::NotFound) => {
            let name = path.file_name().ok_or_else(|| PrivateError::NoName {
                path: path.to_owned(),
            })?;
            let (dir, _) = open_or_make(parent(path))?.sub_or_make(name, 0o700)?;
            Ok(dir)
        }
        other => Ok(other?),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn temporary(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".hoziron-new");
    temporary
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "files that somebody else has planted"
    )]
    fn plant(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a link that somebody else has planted"
    )]
    fn plant_link(to: &Path, at: &Path) {
        symlink(to, at).unwrap();
    }

    fn names(place: &Path) -> Vec<OsString> {
        Dir::open(place)
            .unwrap()
            .entries()
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    #[test]
    fn a_private_file_is_private_and_so_are_its_folders() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/key");
        assert_eq!(
            write_private(&path, b"x", Overwrite::Refuse).unwrap(),
            Written::Done
        );
        assert_eq!(read_private(&path, 9).unwrap().unwrap().reveal(), b"x");
        assert_eq!((mode(&path), mode(&place.path().join("a"))), (0o600, 0o700));
        assert_eq!(mode(&place.path().join("a/b")), 0o700);
        assert_eq!(names(&place.path().join("a/b")), ["key"]);
    }

    #[test]
    fn a_file_that_is_there_stays_unless_it_may_be_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        plant(&path, "old", 0o644);
        assert_eq!(
            write_private(&path, b"new", Overwrite::Refuse).unwrap(),
            Written::Exists
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(
            write_private(&path, b"new", Overwrite::Replace).unwrap(),
            Written::Done
        );
        assert_eq!(
            (fs::read(&path).unwrap(), mode(&path)),
            (b"new".to_vec(), 0o600)
        );
        assert_eq!(names(place.path()), ["key"]);
    }

    #[test]
    fn nothing_is_written_through_or_over_a_link() {
        let place = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let (path, target) = (place.path().join(".env"), outside.path().join("target"));
        plant(&target, "old", 0o600);
        plant_link(&target, &path);
        for overwrite in [Overwrite::Refuse, Overwrite::Replace] {
            let _ = write_private(&path, b"new", overwrite).map(|written| {
                assert_eq!(written, Written::Exists);
            });
        }
        assert!(matches!(
            write_private(&path, b"new", Overwrite::Replace),
            Err(PrivateError::Disk(DiskError::NotRegular {
                kind: Kind::Link,
                ..
            }))
        ));
        assert_eq!(
            (fs::read(&target).unwrap(), names(place.path())),
            (b"old".to_vec(), vec![".env".into()])
        );
    }

    /// The maker of a temporary file that nobody holds the lock for was killed.
    #[test]
    fn a_killed_write_is_swept_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        plant(&place.path().join(".key.hoziron-new"), "half", 0o600);
        let written = write_private(&place.path().join("key"), b"whole", Overwrite::Refuse);
        assert_eq!(written.unwrap(), Written::Done);
        assert_eq!(names(place.path()), ["key"]);
    }

    #[test]
    fn of_many_first_writers_one_wins() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state/key");
        let done = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..16_u8)
                .map(|n| {
                    let path = &path;
                    scope.spawn(move || write_private(path, &[n], Overwrite::Refuse).unwrap())
                })
                .collect();
            let outcomes = writers.into_iter().map(|writer| writer.join().unwrap());
            outcomes.filter(|written| *written == Written::Done).count()
        });
        assert_eq!(
            (done, names(&place.path().join("state"))),
            (1, vec!["key".into()])
        );
    }

    #[test]
    fn only_a_private_file_is_read() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        assert!(read_private(&path, 9).unwrap().is_none());
        for bits in [0o640, 0o604, 0o620, 0o601] {
            plant(&path, "k", bits);
            let error = read_private(&path, 9).unwrap_err();
            assert!(matches!(error, PrivateError::OthersCanRead { mode, .. } if mode == bits));
        }
        plant(&path, "k", 0o400);
        assert!(read_private(&path, 9).unwrap().is_some());
        assert!(matches!(
            read_private(&path, 0),
            Err(PrivateError::Disk(DiskError::TooLarge { .. }))
        ));
        assert!(matches!(
            read_private(place.path(), 9),
            Err(PrivateError::Disk(DiskError::NotRegular {
                kind: Kind::Directory,
                ..
            }))
        ));
    }

    #[test]
    fn a_link_is_read_and_what_it_leads_to_must_be_private() {
        let place = tempfile::tempdir().unwrap();
        let (path, link) = (place.path().join("key"), place.path().join("link"));
        plant(&path, "k", 0o600);
        plant_link(&path, &link);
        assert_eq!(read_private(&link, 9).unwrap().unwrap().reveal(), b"k");
        plant(&path, "k", 0o644);
        assert!(matches!(
            read_private(&link, 9),
            Err(PrivateError::OthersCanRead { .. })
        ));
    }
}
