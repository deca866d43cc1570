//! The real binary, as a user meets it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test arranges files as it likes, and fails by panicking"
)]

mod compat;
mod contention;
mod crash;
mod environment;
mod exec;
mod first_day;
mod forge;
mod formats;
mod full_disk;
mod help;
mod hostile;
mod house;
mod impostors;
mod leaks;
mod mutations;
mod places;
mod planted;
mod spills;
mod stand;
mod strace;
mod tampering;
mod terminal;
mod tree;
mod twice;
mod values;
