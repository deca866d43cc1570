//! `hoziron config …`

pub mod check;
pub mod show;
