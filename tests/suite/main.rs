//! The real binary, as a user meets it.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test arranges files as it likes, and fails by panicking"
)]

mod forge;
mod house;

mod compat;
mod environment;
mod exec;
mod impostors;
mod mutations;
mod tampering;
mod values;
