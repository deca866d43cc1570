//! `hoziron vault …`

pub mod generate;
pub mod get;
pub mod init;
pub mod list;
pub mod remove;
pub mod rename;
pub mod set;
pub mod show;

mod seal;
