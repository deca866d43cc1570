//! The values that a person gives with `--input FILE`: names and values, read once, under the names of
//! secrets. What cannot be a secret's name is named; no value and no line is shown.

use std::collections::BTreeMap;
use std::io::Read;

use zeroize::Zeroizing;

use crate::cli::failure::{Exit, Failure};
use crate::cli::planning::Selection;
use crate::cli::workspace::{Workspace, name};
use crate::domain::{SecretName, SecretValue};
use crate::input::dotenv::{DotEnv, MAX_FILE};

/// Reads the file of `--input`, and refuses values that are not what their declarations ask for.
pub fn read(
    selection: &Selection,
    workspace: &Workspace<'_>,
) -> Result<BTreeMap<SecretName, SecretValue>, Failure> {
    let Some(file) = &selection.input else {
        return Ok(BTreeMap::new());
    };
    let what = || format!("cannot take the values in `{file}`");
    let bytes = bytes(file).map_err(|why| Failure::new(what(), Exit::Error).cause(why))?;
    let dotenv = DotEnv::parse(&bytes).map_err(|error| Failure::of(what(), &error))?;
    let mut given = BTreeMap::new();
    for entry in dotenv.entries() {
        let name = name(entry.name.as_str(), selection.profile.as_deref())?;
        let value = dotenv.get(&entry.name).expect("it is an entry's name");
        given.insert(name, SecretValue::new(value.reveal().to_vec()));
    }
    let mut misfits = Vec::new();
    for (name, value) in &given {
        let declaration = workspace.manifest().declarations.get(name);
        if let Some(Err(error)) = declaration.map(|declaration| declaration.shape.check(value)) {
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

fn bytes(file: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let limit = MAX_FILE as u64 + 1;
    let read = if file == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| error.to_string())?;
    Ok(bytes)
}
