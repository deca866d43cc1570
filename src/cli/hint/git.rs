//! Hints for git, and for the hooks it runs.

use crate::cli::failure::Exit;
use crate::cli::hint::{Advice, Advise};
use crate::git::hooks::HookError;
use crate::git::{BorrowError, ConflictError, DifferenceError, MergeError};
use crate::repository::GitError;

impl Advise for GitError {
    fn advise(&self) -> Advice {
        let advice = Advice::new(Exit::Error);
        match self {
            Self::Failed { .. }
            | Self::Io { .. }
            | Self::Path(_)
            | Self::TooMuch { .. }
            | Self::Unexpected { .. } => advice,
            Self::Missing => {
                advice.hint("install git, or put its folder on the PATH, outside of the repository")
            }
        }
    }
}

impl Advise for HookError {
    fn advise(&self) -> Advice {
        match self {
            Self::Disk(error) => error.advise(),
            Self::Kept { .. } => Advice::new(Exit::Error)
                .hint("join the two files, then `hoziron git hooks install`"),
        }
    }
}

impl Advise for BorrowError {
    fn advise(&self) -> Advice {
        match self {
            Self::Disk(error) => error.advise(),
            Self::Git(error) => error.advise(),
        }
    }
}

impl Advise for DifferenceError {
    fn advise(&self) -> Advice {
        match self {
            Self::Disk(error) => error.advise(),
            Self::Git(error) => error.advise(),
        }
    }
}

impl Advise for ConflictError {
    fn advise(&self) -> Advice {
        Advice::new(Exit::Untrusted)
    }
}

impl Advise for MergeError {
    fn advise(&self) -> Advice {
        match self {
            Self::Conflict(error) => error.advise(),
            Self::Keys(error) => error.advise(),
            Self::Open { source, .. } => source.advise(),
            Self::Sealed(error) => error.advise(),
            Self::Stale { .. } => Advice::new(Exit::Untrusted),
        }
    }
}
