//! `hoziron vault …`

pub mod copy;
pub mod edit;
pub mod export;
pub mod generate;
pub mod get;
pub mod import;
pub mod init;
pub mod list;
pub mod rekey;
pub mod remove;
pub mod rename;
pub mod restore;
pub mod set;
pub mod show;
pub mod verify;

mod declared;
mod incoming;
mod outgoing;
mod seal;

pub use seal::now;
