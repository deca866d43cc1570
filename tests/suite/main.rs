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
mod git_facts;
mod git_rows;
mod gits;
mod help;
mod history;
mod hostile;
mod house;
mod identities;
mod impostors;
mod inbox;
mod leaks;
mod life;
mod manifest;
mod many;
mod marks;
mod members;
mod merging;
mod merging_random;
mod merging_ways;
mod moving;
mod mutations;
mod passphrases;
mod places;
mod planning;
mod planted;
mod plugin_recipients;
mod plugins;
mod profiles;
mod reconciling;
mod resolving;
mod scan;
mod settings;
mod sops;
mod sops_bounds;
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
