//! Locks that the kernel lets go of when their holder dies, so that none is ever stale: on a lock
//! file, which names its holder, and on a directory. Taking one waits for a bounded time only.
//! Nothing is promised against a program that does not ask for the lock.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::disk::contents::{kind_in, read_open};
use crate::disk::{Action, Dir, DiskError, Kind};

/// How long to sleep between two attempts.
const PAUSE: Duration = Duration::from_millis(3);

/// A file that exists to be locked, and names who holds it.
#[derive(Debug)]
pub struct LockFile {
    fd: OwnedFd,
    path: PathBuf,
}

impl LockFile {
    /// Opens a lock file for reading, to share it; `None` if it is missing.
    pub fn open(dir: &Dir, name: &str) -> Result<Option<Self>, DiskError> {
        Self::at(dir, name, OFlags::RDONLY)
    }

    /// Opens a lock file, and makes it if it is missing; `None` if its directory was removed.
    pub fn open_or_make(dir: &Dir, name: &str) -> Result<Option<Self>, DiskError> {
        Self::at(dir, name, OFlags::RDWR | OFlags::CREATE)
    }

    fn at(dir: &Dir, name: &str, flags: OFlags) -> Result<Option<Self>, DiskError> {
        let name = dir.part(OsStr::new(name), Action::Lock)?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let fd = match retry_on_intr(|| rustix::fs::openat(dir.fd(), name, flags, mode)) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(dir.error(Action::Lock, name, errno)),
        };
        let path = dir.path().join(name);
        let stat = rustix::fs::fstat(&fd).map_err(|errno| dir.error(Action::Stat, name, errno))?;
        match kind_in(stat.st_mode) {
            Kind::File => Ok(Some(Self { fd, path })),
            kind => Err(DiskError::NotRegular { path, kind }),
        }
    }

    /// Waits until nobody else holds the lock; says `false` when `until` has passed.
    pub fn exclusive(&self, until: Instant) -> Result<bool, DiskError> {
        wait(
            self.fd.as_fd(),
            FlockOperation::NonBlockingLockExclusive,
            until,
            &self.path,
        )
    }

    /// Waits until nobody holds the lock alone; says `false` when `until` has passed.
    pub fn shared(&self, until: Instant) -> Result<bool, DiskError> {
        wait(
            self.fd.as_fd(),
            FlockOperation::NonBlockingLockShared,
            until,
            &self.path,
        )
    }

    /// Says whether the name still stands for this file: a lock on a removed file locks nobody out.
    pub fn is_at(&self, dir: &Dir, name: &str) -> Result<bool, DiskError> {
        let fail = |errno| DiskError::io(Action::Lock, self.path.clone(), errno);
        let held = rustix::fs::fstat(&self.fd).map_err(fail)?;
        match rustix::fs::statat(dir.fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(fail(errno)),
        }
    }

    /// Writes this process's id into the file; its length never changes, so it is never half old.
    pub fn name_holder(&self) -> Result<(), DiskError> {
        let text = format!("{:>10}\n", std::process::id());
        match retry_on_intr(|| rustix::io::pwrite(&self.fd, text.as_bytes(), 0)) {
            Ok(_) => Ok(()),
            Err(errno) => Err(DiskError::io(Action::Write, self.path.clone(), errno)),
        }
    }

    /// Empties the file, so that a later reader of it blames nobody.
    pub fn forget_holder(&self) -> Result<(), DiskError> {
        rustix::fs::ftruncate(&self.fd, 0)
            .map_err(|errno| DiskError::io(Action::Write, self.path.clone(), errno))
    }

    /// Returns the process that wrote itself into the file, if one did.
    pub fn holder(&self) -> Option<u32> {
        let (text, _) = read_open(&self.fd, &self.path, 64).ok()?;
        std::str::from_utf8(&text).ok()?.trim().parse().ok()
    }
}

/// What came of asking for a directory's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirLock {
    /// Somebody else has it, and time is up.
    Busy,
    /// It is held until the [`Dir`] is dropped.
    Held,
    /// The file system has no such locks on directories (NFS).
    Unsupported,
}

impl Dir {
    /// Waits until nobody else holds the lock on this directory.
    pub fn lock(&self, until: Instant) -> Result<DirLock, DiskError> {
        match wait(
            self.fd(),
            FlockOperation::NonBlockingLockExclusive,
            until,
            self.path(),
        ) {
            Ok(true) => Ok(DirLock::Held),
            Ok(false) => Ok(DirLock::Busy),
            Err(DiskError::Io { source, .. }) if lacks_locks(&source) => Ok(DirLock::Unsupported),
            Err(error) => Err(error),
        }
    }
}

fn lacks_locks(error: &std::io::Error) -> bool {
    let code = error.raw_os_error();
    [
        Errno::BADF,
        Errno::INVAL,
        Errno::NOTSUP,
        Errno::NOSYS,
        Errno::NOLCK,
    ]
    .iter()
    .any(|errno| code == Some(errno.raw_os_error()))
}

fn wait(
    fd: BorrowedFd<'_>,
    operation: FlockOperation,
    until: Instant,
    path: &Path,
) -> Result<bool, DiskError> {
    loop {
        match retry_on_intr(|| rustix::fs::flock(fd, operation)) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) if Instant::now() >= until => return Ok(false),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
            Err(errno) => return Err(DiskError::io(Action::Lock, path.to_owned(), errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn one_writer_or_many_readers() {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        assert!(LockFile::open(&dir, "lock").unwrap().is_none());
        let writer = LockFile::open_or_make(&dir, "lock").unwrap().unwrap();
        let [one, two] = [(), ()].map(|()| LockFile::open(&dir, "lock").unwrap().unwrap());

        assert!(writer.exclusive(now()).unwrap());
        assert!(!one.shared(now()).unwrap());
        drop(writer);
        assert!(one.shared(now()).unwrap() && two.shared(now()).unwrap());
        let writer = LockFile::open_or_make(&dir, "lock").unwrap().unwrap();
        assert!(!writer.exclusive(now() + Duration::from_millis(20)).unwrap());
        drop((one, two));
        assert!(writer.exclusive(now()).unwrap());
    }

    #[test]
    fn the_holder_is_named_and_forgotten() {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        let lock = LockFile::open_or_make(&dir, "lock").unwrap().unwrap();
        let holder = || LockFile::open(&dir, "lock").unwrap().unwrap().holder();
        assert_eq!(holder(), None);
        lock.name_holder().unwrap();
        assert_eq!(holder(), Some(std::process::id()));
        lock.forget_holder().unwrap();
        assert_eq!(holder(), None);
    }

    #[test]
    fn a_lock_on_a_removed_file_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        let lock = LockFile::open_or_make(&dir, "lock").unwrap().unwrap();
        assert!(lock.is_at(&dir, "lock").unwrap());
        dir.unlink("lock").unwrap();
        assert!(!lock.is_at(&dir, "lock").unwrap());
        dir.create_new("lock", 0o600, b"").unwrap();
        assert!(!lock.is_at(&dir, "lock").unwrap());
    }

    #[test]
    fn a_folder_has_one_holder() {
        let place = tempfile::tempdir().unwrap();
        let [one, two] = [(), ()].map(|()| Dir::open(place.path()).unwrap());
        assert_eq!(one.lock(now()).unwrap(), DirLock::Held);
        assert_eq!(two.lock(now()).unwrap(), DirLock::Busy);
        drop(one);
        assert_eq!(two.lock(now()).unwrap(), DirLock::Held);
    }
}
