//! The values that a person gives with `--input FILE`: names and values, read once, under the names of
//! secrets. What cannot be a secret's name is named; no value and no line is shown.

use std::collections::BTreeMap;
use std::io::Read;

use zeroize::Zeroizing;

use crate::cli::failure::{Exit, Failure};
use crate::cli::planning::Selection;
use crate::cli::workspace::{self, Workspace};
use crate::domain::{FolderName, SecretName, SecretValue};
use crate::input::dotenv::MAX_FILE;
use crate::input::naming::Naming;
use crate::input::{self, Format};

/// Reads the file of `--input`, and refuses values that are not what their declarations ask for.
pub fn read(
    selection: &Selection,
    workspace: &Workspace<'_>,
) -> Result<BTreeMap<SecretName, SecretValue>, Failure> {
    let Some(file) = &selection.input else {
        return Ok(BTreeMap::new());
    };
    let what = || format!("cannot take the values in `{file}`");
    let bytes =
        bytes(file, MAX_FILE).map_err(|why| Failure::new(what(), Exit::Error).cause(why))?;
    let items =
        input::read(&bytes, Format::of_name(file)).map_err(|error| Failure::of(what(), &error))?;
    let folder = match &selection.profile {
        Some(profile) => workspace::folder(profile)?,
        None => FolderName::top(),
    };
    let naming = Naming {
        folder,
        map: BTreeMap::new(),
        prefix: String::new(),
        separator: "/".to_owned(),
    };
    let names = naming
        .names(items)
        .map_err(|error| Failure::of(what(), &error))?;
    if !names.misfits.is_empty() {
        let failure = Failure::new(what(), Exit::Error);
        return Err(names.misfits.iter().fold(failure, |failure, misfit| {
            failure.cause(format!("`{}` is {}", misfit.path, misfit.why))
        }));
    }
    let given = names.values;
    let mut misfits = Vec::new();
    for (name, value) in &given {
        if let Err(error) = workspace.manifest().check(name, value) {
            misfits.push(format!("`{name}`: {error}"));
        }
    }
    if misfits.is_empty() {
        return Ok(given);
    }
    Err(misfits
        .into_iter()
        .fold(Failure::new(what(), Exit::Error), Failure::cause))
}

/// Reads a file, or stdin if it is `-`; of one that is too long one byte more than there may be.
pub fn bytes(file: &str, most: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let limit = most as u64 + 1;
    let read = if file == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| error.to_string())?;
    Ok(bytes)
}
