//! `hoziron vault …`

pub mod accept;
pub mod access;
pub mod copy;
pub mod declared;
pub mod diff;
pub mod edit;
pub mod export;
pub mod exposure;
pub mod generate;
pub mod get;
pub mod history;
pub mod import;
pub mod init;
pub mod join;
pub mod list;
pub mod members;
pub mod recipients_from;
pub mod rekey;
pub mod remove;
pub mod rename;
pub mod resolve;
pub mod restore;
pub mod set;
pub mod show;
pub mod submit;
pub mod trust;
pub mod verify;

mod inbox;
mod incoming;
mod outgoing;
mod seal;
mod source;

pub use seal::now;
