//! Text and JSON from values: no decisions, no I/O.

pub mod access;
pub mod history;
pub mod json;
pub mod people;
pub mod plan;
pub mod scan;
pub mod trust;
pub mod values;
pub mod verify;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::cli::failure::Failure;
use crate::config::Reference;
use crate::domain::{Readers, SecretName, VarName};
use crate::env::sources::Source;
use crate::sealed;

/// Whether facts were checked against the folder's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What the file says of itself.
    Unverified,
    /// What a holder of the folder's key sealed.
    Verified,
}

/// What is known about a secret.
#[derive(Debug)]
pub struct Facts {
    /// The name.
    pub name: String,
    /// The file, below the home.
    pub path: String,
    /// The revision.
    pub revision: u64,
    /// When the value last changed, as a date in UTC.
    pub changed: String,
    /// The readers' names.
    pub readers: Vec<String>,
    /// The folder keys this value was sealed under.
    pub keys: Vec<String>,
    /// The digest of the file, in hexadecimal.
    pub sha256: String,
    /// Whether all this was checked.
    pub standing: Standing,
}

impl Facts {
    /// Gathers what is known.
    pub fn gather(
        name: &SecretName,
        facts: &sealed::Facts,
        readers: &Readers,
        file: &[u8],
        standing: Standing,
    ) -> Self {
        Self {
            name: name.to_string(),
            path: format!("vault/{name}.age"),
            revision: facts.revision,
            changed: date(facts.value_time),
            readers: readers
                .iter()
                .map(|reader| reader.name.to_string())
                .collect(),
            keys: facts.trail.ids().iter().map(ToString::to_string).collect(),
            sha256: Sha256::digest(file)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            standing,
        }
    }
}

/// One thing that has to be right.
#[derive(Debug)]
pub struct Check {
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub found: String,
    /// How to repair it, if it needs repair.
    pub problem: Option<String>,
}

impl Check {
    /// Something that is right.
    pub fn right(what: &str, found: String) -> Self {
        Self {
            what: what.to_owned(),
            found,
            problem: None,
        }
    }

    /// Something that failed, with what the failure says to do.
    pub fn wrong(what: &str, failure: &Failure) -> Self {
        let causes = failure.causes.iter().map(|cause| format!(": {cause}"));
        let found = format!("{}{}", failure.what, causes.collect::<String>());
        Self {
            what: what.to_owned(),
            found,
            problem: Some(failure.hints.join("; ")),
        }
    }
}

/// What was looked at, as a list.
pub fn checks(checks: &[Check]) -> String {
    let line = |check: &Check| match &check.problem {
        None => format!("ok     {}: {}", check.what, check.found),
        Some(repair) if repair.is_empty() => format!("wrong  {}: {}", check.what, check.found),
        Some(repair) => format!(
            "wrong  {}: {}\n       repair: {repair}",
            check.what, check.found
        ),
    };
    checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// One item a line.
pub fn lines(items: &[impl ToString]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The facts of a secret, as a short table.
pub fn facts(facts: &Facts) -> String {
    let standing = match facts.standing {
        Standing::Unverified => "no, not opened",
        Standing::Verified => "yes",
    };
    [
        ("secret", facts.name.clone()),
        ("file", facts.path.clone()),
        ("verified", standing.to_owned()),
        ("changed", facts.changed.clone()),
        ("revision", facts.revision.to_string()),
        ("readers", facts.readers.join(", ")),
        ("keys", facts.keys.join(", ")),
        ("sha256", facts.sha256.clone()),
    ]
    .map(|(label, value)| format!("{label:<9} {value}"))
    .join("\n")
}

/// Variables and where their values come from, as a short table.
pub fn sources(rows: &[(&VarName, &Source)]) -> String {
    let width = rows
        .iter()
        .map(|(variable, _)| variable.as_str().len())
        .max()
        .unwrap_or(0);
    let line = |(variable, source): &(&VarName, &Source)| {
        format!("{:<width$}  {}", variable.as_str(), place(source))
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// References and where their values come from, as a short table.
pub fn references(rows: &[(&Reference, Option<Source>)]) -> String {
    let path = rows
        .iter()
        .map(|(reference, _)| reference.path.len())
        .max()
        .unwrap_or(0);
    let name = rows
        .iter()
        .map(|(reference, _)| reference.variable.as_str().len())
        .max();
    let name = name.unwrap_or(0);
    let line = |(reference, source): &(&Reference, Option<Source>)| {
        let source = source.as_ref().map_or_else(|| "no value".to_owned(), place);
        format!(
            "{:<path$}  {:<name$}  {source}",
            reference.path,
            reference.variable.as_str()
        )
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What a check found: a sentence a line, with what to do about it.
pub fn troubles(rows: &[(Option<String>, String, Option<String>)]) -> String {
    let line = |(_, sentence, repair): &(Option<String>, String, Option<String>)| match repair {
        None => sentence.clone(),
        Some(repair) => format!("{sentence}\n  {repair}"),
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Says in words where a value comes from.
pub fn place(source: &Source) -> String {
    match source {
        Source::Composed(name) => format!("composed, `{name}`"),
        Source::Default(name) => format!("default, `{name}`"),
        Source::DotEnv { line } => format!(".env, line {line}"),
        Source::Process => "the process environment".to_owned(),
        Source::Vault(name) => format!("the vault, `{name}`"),
    }
}

/// A date in UTC, or the number where it is none.
pub fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("@{seconds}"), |time| time.to_string())
}
