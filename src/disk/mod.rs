//! Files beneath a directory that is held open, so that nobody can swap a folder for a link between
//! two steps. Every name is one part, nothing here follows a link, and every error says what was
//! tried on which path. This floor knows no names of ours and never decides what to write.

mod contents;
mod dir;
mod folders;
mod lock;
mod path;

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustix::fs::FileType;
use rustix::io::Errno;
use thiserror::Error;

pub use contents::read_open;
pub use dir::{Dir, Entry, Owner};
pub use folders::{MadeFolders, make_folders};
pub use lock::{DirLock, LockFile};
pub use path::safe_path;

/// Why something on the disk could not be done.
#[derive(Debug, Error)]
pub enum DiskError {
    /// The system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: Action,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder was expected.
    #[error("`{path}` is {kind}, not a folder")]
    NotADirectory {
        /// Where.
        path: PathBuf,
        /// What is there instead.
        kind: Kind,
    },
    /// A file was expected.
    #[error("`{path}` is {kind}, not a file")]
    NotRegular {
        /// Where.
        path: PathBuf,
        /// What is there instead.
        kind: Kind,
    },
    /// The file is longer than what is read.
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge {
        /// Where.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
}

impl DiskError {
    pub(crate) fn io(action: Action, path: PathBuf, errno: Errno) -> Self {
        Self::Io {
            action,
            path,
            source: errno.into(),
        }
    }

    /// Says whether the system's reason was this one.
    pub fn is(&self, kind: io::ErrorKind) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == kind)
    }

    /// Says whether a second name was refused for good: by a file system without them, or by
    /// Linux's `fs.protected_hardlinks` for somebody else's file.
    pub fn lacks_links(&self) -> bool {
        let Self::Io {
            action: Action::Link,
            source,
            ..
        } = self
        else {
            return false;
        };
        // std does not tell EPERM from EACCES.
        [
            Errno::MLINK,
            Errno::NOSYS,
            Errno::NOTSUP,
            Errno::OPNOTSUPP,
            Errno::PERM,
            Errno::XDEV,
        ]
        .iter()
        .any(|errno| source.raw_os_error() == Some(errno.raw_os_error()))
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To make a new file or folder.
    Create,
    /// To give a file a second name.
    Link,
    /// To list a folder.
    List,
    /// To take a lock.
    Lock,
    /// To open.
    Open,
    /// To read.
    Read,
    /// To remove.
    Remove,
    /// To rename.
    Rename,
    /// To ask what it is.
    Stat,
    /// To make sure it is on the disk.
    Sync,
    /// To write.
    Write,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Link => "link",
            Self::List => "list",
            Self::Lock => "lock",
            Self::Open => "open",
            Self::Read => "read",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::Stat => "look at",
            Self::Sync => "flush to disk",
            Self::Write => "write",
        })
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block or character device.
    Device,
    /// A folder.
    Directory,
    /// A named pipe.
    Fifo,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket.
    Socket,
    /// None of these.
    Unknown,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::BlockDevice | FileType::CharacterDevice => Self::Device,
            FileType::Directory => Self::Directory,
            FileType::Fifo => Self::Fifo,
            FileType::RegularFile => Self::File,
            FileType::Socket => Self::Socket,
            FileType::Symlink => Self::Link,
            FileType::Unknown => Self::Unknown,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "a device",
            Self::Directory => "a folder",
            Self::Fifo => "a named pipe",
            Self::File => "a file",
            Self::Link => "a symbolic link",
            Self::Socket => "a socket",
            Self::Unknown => "something unknown",
        })
    }
}
