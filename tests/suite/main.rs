//! The real binary, as a user meets it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test arranges files as it likes, and fails by panicking"
)]

mod applying;
mod attackers;
mod compat;
mod contention;
mod crash;
mod departures;
mod dotenv;
mod editing;
mod environment;
mod example;
mod exec;
mod first_day;
mod forge;
mod formats;
mod full_disk;
mod git;
mod gits;
mod help;
mod hostile;
mod house;
mod identities;
mod impostors;
mod leaks;
mod manifest;
mod many;
mod members;
mod merging;
mod merging_random;
mod merging_ways;
mod mutations;
mod passphrases;
mod places;
mod planning;
mod planted;
mod plugins;
mod profiles;
mod reconciling;
mod resolving;
mod scan;
mod settings;
mod sops;
mod sops_generated;
mod spills;
mod stand;
mod strace;
mod tampering;
mod terminal;
mod traces;
mod tree;
mod trust;
mod twice;
mod values;
