//! Keeps what is in memory out of core dumps, and out of reach of other processes of the same user.
//! The limit that was there before is kept as a value and given back to the command that hoziron
//! becomes. Nothing here can stop root, nor a kernel that swaps.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit on the size of core dumps that the command is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreLimit(Rlimit);

impl CoreLimit {
    /// Reads the limit that is in force, for a process that was not hardened.
    pub fn current() -> Self {
        Self(getrlimit(Resource::Core))
    }

    /// Puts the limit back, right before another program takes this process over.
    ///
    /// Best effort: a command that cannot dump core still runs.
    pub fn restore(self) {
        let _ = setrlimit(Resource::Core, self.0);
    }
}

/// Forbids this process to dump core or to be traced; returns the limit as it was.
///
/// Belongs at the start of `main`. Best effort, like everything that guards memory: a process may
/// always lower its own limits, so in practice neither call fails. The soft limit alone would not
/// do, for the kernel ignores it when core dumps are piped to a program (core(5)); not being
/// dumpable ends with a successful `execve` by itself (prctl(2)).
pub fn harden() -> CoreLimit {
    let before = CoreLimit::current();
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            ..before.0
        },
    );
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    before
}
