//! `hoziron env …`

pub mod check;
pub mod exec;
pub mod export;
pub mod get;
pub mod list;

pub mod variables;
