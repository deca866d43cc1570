//! The contents of open files: read whole or not at all, written to the last byte. What is read is a
//! regular file of a bounded size; nothing here opens a name.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::{Errno, retry_on_intr};

use crate::disk::{Action, DiskError, Kind};

/// Reads all of an open regular file of at most `limit` bytes, and says whose it is.
pub fn read_open(
    fd: impl AsFd,
    path: &Path,
    limit: u64,
) -> Result<(Vec<u8>, rustix::fs::Stat), DiskError> {
    let stat = rustix::fs::fstat(&fd)
        .map_err(|errno| DiskError::io(Action::Stat, path.to_owned(), errno))?;
    read_regular(fd.as_fd(), &stat, &|| path.to_owned(), limit).map(|bytes| (bytes, stat))
}

/// Reads an open file of which `stat` is known.
pub(super) fn read_regular(
    fd: BorrowedFd<'_>,
    stat: &rustix::fs::Stat,
    path: &dyn Fn() -> PathBuf,
    limit: u64,
) -> Result<Vec<u8>, DiskError> {
    let kind = kind_in(stat.st_mode);
    if kind != Kind::File {
        return Err(DiskError::NotRegular { path: path(), kind });
    }
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if size > limit {
        return Err(DiskError::TooLarge {
            path: path(),
            limit,
        });
    }
    let size = usize::try_from(size).map_err(|_| DiskError::TooLarge {
        path: path(),
        limit,
    })?;
    let mut bytes = vec![0; size];
    let mut done = 0;
    while done < size {
        match retry_on_intr(|| rustix::io::read(fd, &mut bytes[done..])) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(errno) => return Err(DiskError::io(Action::Read, path(), errno)),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

pub(super) fn kind_in(mode: rustix::fs::RawMode) -> Kind {
    FileType::from_raw_mode(mode).into()
}

pub(super) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match retry_on_intr(|| rustix::io::write(fd, bytes))? {
            0 => return Err(Errno::IO),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}
