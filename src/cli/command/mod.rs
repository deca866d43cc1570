//! One file a command, named as it is typed.

pub mod apply;
mod commit;
pub mod config;
pub mod doctor;
pub mod env;
pub mod git;
pub mod plan;
pub mod scan;
pub mod status;
pub mod vault;
