//! `hoziron git …`

pub mod hooks;
pub mod install;
pub mod merge_driver;
pub mod merge_manifest;
pub mod run;
pub mod textconv;

use crate::cli::failure::{Exit, Failure};
use crate::home::Environment;
use crate::repository::{Around, Repository};

/// Finds the repository around the working directory.
fn repository(what: &str, environment: &Environment) -> Result<Repository, Failure> {
    let folder = environment.working_directory();
    Repository::discover(folder, Around::Folder, environment.variables())
        .map_err(|error| Failure::of(what, &error))?
        .ok_or_else(|| {
            Failure::new(what, Exit::Error)
                .cause(format!("`{}` is in no git repository", folder.display()))
        })
}
