//! `--json`: structures of their own, so that a change of the program is not a change of its output.
//! `format_version` rises when a field changes its meaning or goes away.

use serde::Serialize;

use crate::cli::render::{Facts, Standing};
use crate::domain::SecretName;

const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct List<'a> {
    format_version: u32,
    secrets: Vec<&'a str>,
}

#[derive(Serialize)]
struct Secret<'a> {
    format_version: u32,
    name: &'a str,
    path: &'a str,
    verified: bool,
    changed: &'a str,
    revision: u64,
    readers: &'a [String],
    keys: &'a [String],
    sha256: &'a str,
}

/// The names.
pub fn list(names: &[&SecretName]) -> String {
    let secrets = names.iter().map(|name| name.as_str()).collect();
    text(&List {
        format_version: FORMAT_VERSION,
        secrets,
    })
}

/// The facts of one secret.
pub fn facts(facts: &Facts) -> String {
    text(&Secret {
        format_version: FORMAT_VERSION,
        name: &facts.name,
        path: &facts.path,
        verified: facts.standing == Standing::Verified,
        changed: &facts.changed,
        revision: facts.revision,
        readers: &facts.readers,
        keys: &facts.keys,
        sha256: &facts.sha256,
    })
}

fn text(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("these structures always serialise")
}
