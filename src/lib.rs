//! Declarative secrets for git.
//!
//! Floors, from the ground up; a module uses lower floors only, never a neighbour:
//!
//! | floor | module | what lives there |
//! |---|---|---|
//! | 0 | [`domain`] | the words of the trade: names, values, recipients, identities |
//! | 1 | [`sealed`] | one sealed file as bytes |
//! | 1 | [`disk`] | files beneath a directory that is held open |
//! | 2 | [`vault`] | a folder of sealed files, read and written |
//! | 2 | [`home`] | where the home and the identities are; private files outside of it |
//! | 2 | [`input`] | `.env` and other files of names and values |
//! | 2 | [`repository`] | the git repository around a home, through the `git` program |
//! | 3 | [`manifest`] | `hoziron.toml`, what should be |
//! | 3 | [`config`] | `config.toml`: references to credentials |
//! | 3 | [`people`] | who may open, and on whose word |
//! | 4 | [`plan`] | the difference between what should be and what is |
//! | 4 | [`workspace`] | a home that is ready to be worked in |
//! | 5 | [`apply`] | carrying a plan out |
//! | 6 | [`env`] | values to programs |
//! | 6 | [`export`] | values as files that need no hoziron |
//! | 6 | [`git`] | git's settings and hooks for a vault |
//! | 6 | [`scan`] | looking for leaks |
//! | 6 | [`sops`] | files of sops, read and written |
//! | 7 | [`cli`] | the only floor that talks |

#![forbid(unsafe_code)]

pub mod apply;
pub mod cli;
pub mod config;
pub mod disk;
pub mod domain;
pub mod env;
pub mod export;
pub mod git;
pub mod home;
pub mod input;
pub mod manifest;
pub mod people;
pub mod plan;
pub mod repository;
pub mod scan;
pub mod sealed;
pub mod sops;
pub mod vault;
pub mod workspace;

pub use domain::{FolderName, Pin, SecretValue};
pub use env::credentials::{CredentialError, Credentials, Integration, Options};
pub use env::sources::Prefer;
pub use home::Environment;
