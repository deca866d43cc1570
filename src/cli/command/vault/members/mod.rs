//! `hoziron vault members …`

pub mod add;
pub mod list;
pub mod remove;
pub mod replace_key;
pub mod show;
