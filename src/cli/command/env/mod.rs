//! `hoziron env …`

pub mod exec;
pub mod export;

mod variables;
