//! `hoziron env …`

pub mod exec;
pub mod export;
pub mod get;
pub mod list;

pub mod variables;
