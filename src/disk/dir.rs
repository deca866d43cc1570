//! A directory that is held open, and what can be done to the names directly in it. A name is one
//! part without `/`, a link is never followed, and a pipe or a device is never waited for. What is
//! written is flushed before it is said to be written.

mod new_file;

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::disk::contents::{kind_in, read_regular};
use crate::disk::{Action, DiskError, Kind};

/// A directory that is held open; its path serves messages alone.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

/// Whose an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Whether it belongs to the user this process acts for.
    pub is_ours: bool,
    /// Its permission bits.
    pub mode: u32,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, which may be any bytes.
    pub name: OsString,
    /// What it stands for.
    pub kind: Kind,
}

impl Dir {
    /// Opens a directory by path. Links on the way are followed: the path is the user's choice.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())) {
            Ok(fd) => Ok(Self {
                fd,
                path: path.to_owned(),
            }),
            Err(Errno::NOTDIR) => {
                // A folder above it may be what is not one.
                match rustix::fs::stat(path) {
                    Ok(stat) => {
                        let kind = kind_in(stat.st_mode);
                        Err(DiskError::NotADirectory {
                            path: path.to_owned(),
                            kind,
                        })
                    }
                    Err(errno) => Err(DiskError::io(Action::Open, path.to_owned(), errno)),
                }
            }
            Err(errno) => Err(DiskError::io(Action::Open, path.to_owned(), errno)),
        }
    }

    /// Returns the path the directory was reached by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a second handle to the same directory.
    pub fn try_clone(&self) -> Result<Self, DiskError> {
        let fd = rustix::io::fcntl_dupfd_cloexec(&self.fd, 3)
            .map_err(|errno| DiskError::io(Action::Open, self.path.clone(), errno))?;
        Ok(Self {
            fd,
            path: self.path.clone(),
        })
    }

    /// Opens a folder in this one; `None` if there is nothing of that name.
    pub fn sub(&self, name: impl AsRef<OsStr>) -> Result<Option<Self>, DiskError> {
        let name = self.part(name.as_ref(), Action::Open)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, Mode::empty())) {
            Ok(fd) => Ok(Some(Self {
                fd,
                path: self.path.join(name),
            })),
            Err(Errno::NOENT) => Ok(None),
            // Linux says ENOTDIR for a link, others say ELOOP.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let kind = self.kind_of(name)?.unwrap_or(Kind::Unknown);
                Err(DiskError::NotADirectory {
                    path: self.path.join(name),
                    kind,
                })
            }
            Err(errno) => Err(self.error(Action::Open, name, errno)),
        }
    }

    /// Opens a folder in this one, and makes it first if it is missing. Says whether it was made;
    /// a folder that was made is on the disk.
    pub fn sub_or_make(
        &self,
        name: impl AsRef<OsStr>,
        mode: u32,
    ) -> Result<(Self, bool), DiskError> {
        let name = self.part(name.as_ref(), Action::Create)?;
        if let Some(sub) = self.sub(name)? {
            return Ok((sub, false));
        }
        let made = self.mkdir(name, mode)?;
        let opened = if made { self.sync() } else { Ok(()) }.and_then(|()| self.sub(name));
        match opened {
            Ok(Some(sub)) => Ok((sub, made)),
            Ok(None) => Err(self.missing(name)),
            Err(error) => {
                if made {
                    let _ = self.rmdir(name);
                }
                Err(error)
            }
        }
    }

    /// Makes a folder; says `false` if the name is taken. It is on the disk after [`Dir::sync`].
    pub fn mkdir(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<bool, DiskError> {
        let name = self.part(name.as_ref(), Action::Create)?;
        match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(mode as _)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(self.error(Action::Create, name, errno)),
        }
    }

    /// Opens the folder that these names lead to; `None` if one of them is missing.
    pub fn descend(&self, names: &[&str]) -> Result<Option<Self>, DiskError> {
        let mut here = self.try_clone()?;
        for name in names {
            match here.sub(name)? {
                Some(sub) => here = sub,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    /// Reads a regular file of at most `limit` bytes; `None` if there is nothing of that name.
    pub fn read(&self, name: impl AsRef<OsStr>, limit: u64) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self
            .read_with_stat(name.as_ref(), limit)?
            .map(|(bytes, _)| bytes))
    }

    /// Reads a regular file as [`Dir::read`] does, and says whose it is.
    pub fn read_with_owner(
        &self,
        name: impl AsRef<OsStr>,
        limit: u64,
    ) -> Result<Option<(Vec<u8>, Owner)>, DiskError> {
        let Some((bytes, stat)) = self.read_with_stat(name.as_ref(), limit)? else {
            return Ok(None);
        };
        let bits: u32 = stat.st_mode as _;
        let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
        Ok(Some((
            bytes,
            Owner {
                is_ours,
                mode: bits & 0o7777,
            },
        )))
    }

    fn read_with_stat(
        &self,
        name: &OsStr,
        limit: u64,
    ) -> Result<Option<(Vec<u8>, rustix::fs::Stat)>, DiskError> {
        let name = self.part(name, Action::Read)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, Mode::empty())) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => {
                return Err(self
                    .not_regular(name)
                    .unwrap_or_else(|| self.error(Action::Open, name, errno)));
            }
        };
        let stat = rustix::fs::fstat(&fd).map_err(|errno| self.error(Action::Stat, name, errno))?;
        let bytes = read_regular(fd.as_fd(), &stat, &|| self.path.join(name), limit)?;
        Ok(Some((bytes, stat)))
    }

    /// Renames; what `to` stood for is replaced.
    pub fn rename(
        &self,
        from: impl AsRef<OsStr>,
        into: &Self,
        to: impl AsRef<OsStr>,
    ) -> Result<(), DiskError> {
        let from = self.part(from.as_ref(), Action::Rename)?;
        let to = into.part(to.as_ref(), Action::Rename)?;
        rustix::fs::renameat(&self.fd, from, &into.fd, to)
            .map_err(|errno| into.error(Action::Rename, to, errno))
    }

    /// Renames unless `to` is taken; says whether it was renamed.
    pub fn rename_new(
        &self,
        from: impl AsRef<OsStr>,
        into: &Self,
        to: impl AsRef<OsStr>,
    ) -> Result<bool, DiskError> {
        let from = self.part(from.as_ref(), Action::Rename)?;
        let to = into.part(to.as_ref(), Action::Rename)?;
        match rustix::fs::renameat_with(&self.fd, from, &into.fd, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            // Some file systems (NFS, older FUSE) lack the flag; a link never replaces either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                let linked = self.link(from, into, to)?;
                if linked {
                    self.unlink(from)?;
                }
                Ok(linked)
            }
            Err(errno) => Err(into.error(Action::Rename, to, errno)),
        }
    }

    /// Gives a file a second name; says `false` if that name is taken.
    pub fn link(
        &self,
        from: impl AsRef<OsStr>,
        into: &Self,
        to: impl AsRef<OsStr>,
    ) -> Result<bool, DiskError> {
        let from = self.part(from.as_ref(), Action::Link)?;
        let to = into.part(to.as_ref(), Action::Link)?;
        match rustix::fs::linkat(&self.fd, from, &into.fd, to, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(self.error(Action::Link, from, errno)),
        }
    }

    /// Removes a name that is not a folder; says whether it was there.
    pub fn unlink(&self, name: impl AsRef<OsStr>) -> Result<bool, DiskError> {
        self.remove(name.as_ref(), AtFlags::empty())
    }

    /// Removes an empty folder; says whether it was there.
    pub fn rmdir(&self, name: impl AsRef<OsStr>) -> Result<bool, DiskError> {
        self.remove(name.as_ref(), AtFlags::REMOVEDIR)
    }

    fn remove(&self, name: &OsStr, flags: AtFlags) -> Result<bool, DiskError> {
        let name = self.part(name, Action::Remove)?;
        match rustix::fs::unlinkat(&self.fd, name, flags) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.error(Action::Remove, name, errno)),
        }
    }

    /// Flushes the names in this directory to the disk.
    pub fn sync(&self) -> Result<(), DiskError> {
        rustix::fs::fsync(&self.fd)
            .map_err(|errno| DiskError::io(Action::Sync, self.path.clone(), errno))
    }

    /// Lists the names in this directory, sorted.
    pub fn entries(&self) -> Result<Vec<Entry>, DiskError> {
        let fail = |errno| DiskError::io(Action::List, self.path.clone(), errno);
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say while listing.
                FileType::Unknown => match self.kind_of(name)? {
                    Some(kind) => kind,
                    None => continue,
                },
                known => known.into(),
            };
            entries.push(Entry {
                name: name.to_owned(),
                kind,
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Says what a name stands for; `None` if nothing.
    pub fn kind_of(&self, name: impl AsRef<OsStr>) -> Result<Option<Kind>, DiskError> {
        let name = self.part(name.as_ref(), Action::Stat)?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(kind_in(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.error(Action::Stat, name, errno)),
        }
    }

    /// Says whether the directory belongs to the user this process acts for.
    pub fn is_ours(&self) -> Result<bool, DiskError> {
        rustix::fs::fstat(&self.fd)
            .map(|stat| stat.st_uid == rustix::process::geteuid().as_raw())
            .map_err(|errno| DiskError::io(Action::Stat, self.path.clone(), errno))
    }

    /// Returns the error that something which was there a moment ago is gone.
    pub fn missing(&self, name: impl AsRef<OsStr>) -> DiskError {
        self.error(Action::Open, name.as_ref(), Errno::NOENT)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn error(&self, action: Action, name: &OsStr, errno: Errno) -> DiskError {
        DiskError::io(action, self.path.join(name), errno)
    }

    /// Lets one part through: the kernel would follow links before a `/`.
    pub(super) fn part<'a>(&self, name: &'a OsStr, action: Action) -> Result<&'a OsStr, DiskError> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') {
            return Err(self.error(action, name, Errno::INVAL));
        }
        Ok(name)
    }

    /// What is in the way of opening a file, if something that is not a file is.
    fn not_regular(&self, name: &OsStr) -> Option<DiskError> {
        let kind = self
            .kind_of(name)
            .ok()
            .flatten()
            .filter(|kind| *kind != Kind::File)?;
        Some(DiskError::NotRegular {
            path: self.path.join(name),
            kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, Dir) {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        (place, dir)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a link that somebody else has planted"
    )]
    fn plant_link(to: impl AsRef<Path>, at: impl AsRef<Path>) {
        symlink(to, at).unwrap();
    }

    #[test]
    fn what_is_written_is_read() {
        let (place, dir) = folder();
        dir.create_new("a", 0o600, b"one\0two").unwrap();
        assert_eq!(
            dir.read("a", 100).unwrap().as_deref(),
            Some(&b"one\0two"[..])
        );
        assert_eq!(dir.read("b", 100).unwrap(), None);
        let mode = fs::metadata(place.path().join("a"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn a_new_file_replaces_nothing() {
        let (place, dir) = folder();
        dir.create_new("a", 0o600, b"first").unwrap();
        assert!(
            dir.create_new("a", 0o600, b"second")
                .unwrap_err()
                .is(ErrorKind::AlreadyExists)
        );
        plant_link("target", place.path().join("l"));
        assert!(
            dir.create_new("l", 0o600, b"x")
                .unwrap_err()
                .is(ErrorKind::AlreadyExists)
        );
        assert_eq!(dir.read("a", 9).unwrap().as_deref(), Some(&b"first"[..]));
        assert_eq!(dir.read("target", 9).unwrap(), None);
    }

    /// A link is what a hostile repository would plant.
    #[test]
    fn no_link_is_followed() {
        let (place, dir) = folder();
        let outside = tempfile::tempdir().unwrap();
        Dir::open(outside.path())
            .unwrap()
            .create_new("secret", 0o600, b"x")
            .unwrap();
        plant_link(outside.path(), place.path().join("folder"));
        plant_link(outside.path().join("secret"), place.path().join("file"));

        assert!(matches!(
            dir.sub("folder"),
            Err(DiskError::NotADirectory {
                kind: Kind::Link,
                ..
            })
        ));
        assert!(matches!(
            dir.sub_or_make("folder", 0o700),
            Err(DiskError::NotADirectory {
                kind: Kind::Link,
                ..
            })
        ));
        assert!(matches!(
            dir.read("file", 9),
            Err(DiskError::NotRegular {
                kind: Kind::Link,
                ..
            })
        ));
        assert!(dir.unlink("file").unwrap());
        assert!(outside.path().join("secret").exists());
    }

    #[test]
    fn a_pipe_or_a_folder_is_not_waited_for() {
        let (_place, dir) = folder();
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(&dir.fd, "pipe", FileType::Fifo, mode, 0).unwrap();
        dir.mkdir("folder", 0o700).unwrap();
        assert!(matches!(
            dir.read("pipe", 9),
            Err(DiskError::NotRegular {
                kind: Kind::Fifo,
                ..
            })
        ));
        assert!(matches!(
            dir.read("folder", 9),
            Err(DiskError::NotRegular {
                kind: Kind::Directory,
                ..
            })
        ));
        assert!(matches!(
            dir.sub("pipe"),
            Err(DiskError::NotADirectory {
                kind: Kind::Fifo,
                ..
            })
        ));
    }

    /// The kernel follows links in every part of a path but the last.
    #[test]
    fn a_name_is_one_part() {
        let (_place, dir) = folder();
        dir.mkdir("a", 0o700).unwrap();
        for name in ["", ".", "..", "a/b", "/a", "a/"] {
            let errors = [
                dir.read(name, 9).map(drop),
                dir.sub(name).map(drop),
                dir.sub_or_make(name, 0o700).map(drop),
                dir.mkdir(name, 0o700).map(drop),
                dir.create_new(name, 0o600, b""),
                dir.rename(name, &dir, "x"),
                dir.rename("a", &dir, name),
                dir.rename_new("a", &dir, name).map(drop),
                dir.link("a", &dir, name).map(drop),
                dir.unlink(name).map(drop),
                dir.rmdir(name).map(drop),
                dir.kind_of(name).map(drop),
            ];
            for error in errors {
                assert!(error.unwrap_err().is(ErrorKind::InvalidInput), "{name:?}");
            }
        }
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let (_place, dir) = folder();
        dir.create_new("a", 0o600, b"12345").unwrap();
        assert!(dir.read("a", 5).unwrap().is_some());
        assert!(matches!(
            dir.read("a", 4),
            Err(DiskError::TooLarge { limit: 4, .. })
        ));
    }

    #[test]
    fn renaming_to_a_new_name_replaces_nothing() {
        let (_place, dir) = folder();
        dir.create_new("a", 0o600, b"a").unwrap();
        dir.create_new("b", 0o600, b"b").unwrap();
        assert!(!dir.rename_new("a", &dir, "b").unwrap());
        assert!(dir.rename_new("a", &dir, "c").unwrap());
        dir.rename("c", &dir, "b").unwrap();
        assert_eq!(dir.read("b", 9).unwrap().as_deref(), Some(&b"a"[..]));
    }

    #[test]
    fn entries_are_sorted_and_have_kinds() {
        let (place, dir) = folder();
        dir.create_new("b", 0o600, b"").unwrap();
        dir.mkdir("a", 0o700).unwrap();
        plant_link("nowhere", place.path().join("c"));
        let shown: Vec<_> = dir
            .entries()
            .unwrap()
            .into_iter()
            .map(|e| (e.name, e.kind))
            .collect();
        let expected = [("a", Kind::Directory), ("b", Kind::File), ("c", Kind::Link)];
        assert_eq!(shown, expected.map(|(name, kind)| (name.into(), kind)));
    }

    #[test]
    fn descending_stops_where_a_folder_is_missing() {
        let (_place, dir) = folder();
        let (a, made) = dir.sub_or_make("a", 0o700).unwrap();
        assert!(made && a.mkdir("b", 0o700).unwrap() && !dir.sub_or_make("a", 0o700).unwrap().1);
        let b = dir.descend(&["a", "b"]).unwrap().unwrap();
        b.create_new("x", 0o600, b"").unwrap();
        assert!(a.sub("b").unwrap().unwrap().kind_of("x").unwrap().is_some());
        assert!(dir.descend(&["a", "c", "d"]).unwrap().is_none());
    }

    #[test]
    fn an_error_says_what_was_tried_on_which_path() {
        use std::error::Error;

        let (place, dir) = folder();
        dir.mkdir("a", 0o700).unwrap();
        let error = dir.unlink("a").unwrap_err();
        let shown = place.path().join("a");
        assert_eq!(
            error.to_string(),
            format!("cannot remove `{}`", shown.display())
        );
        assert!(error.source().is_some());
    }
}
