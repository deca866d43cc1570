//! `--json`: structures of their own, so that a change of the program is not a change of its output.
//! `format_version` rises when a field changes its meaning or goes away.

use serde::Serialize;

use crate::cli::render::{Check, Facts, Standing};
use crate::config::Reference;
use crate::domain::{SecretName, VarName};
use crate::env::sources::Source;

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

#[derive(Serialize)]
struct Variables<'a> {
    format_version: u32,
    variables: Vec<Variable<'a>>,
}

#[derive(Serialize)]
struct Variable<'a> {
    name: &'a str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

#[derive(Serialize)]
struct References<'a> {
    format_version: u32,
    references: Vec<ReferenceRow<'a>>,
}

#[derive(Serialize)]
struct ReferenceRow<'a> {
    path: &'a str,
    line: usize,
    variable: &'a str,
    source: Option<&'static str>,
}

/// References and where their values come from.
pub fn references(rows: &[(&Reference, Option<Source>)]) -> String {
    let references = rows.iter().map(|(reference, source)| ReferenceRow {
        path: &reference.path,
        line: reference.line,
        variable: reference.variable.as_str(),
        source: source.as_ref().map(kind),
    });
    text(&References {
        format_version: FORMAT_VERSION,
        references: references.collect(),
    })
}

fn kind(source: &Source) -> &'static str {
    match source {
        Source::Composed(_) => "composed",
        Source::Default(_) => "default",
        Source::DotEnv { .. } => ".env",
        Source::Process => "process",
        Source::Vault(_) => "vault",
    }
}

/// Variables and where their values come from.
pub fn sources(rows: &[(&VarName, &Source)]) -> String {
    let variables = rows
        .iter()
        .map(|&(name, source)| {
            let line = match source {
                Source::DotEnv { line } => Some(*line),
                _ => None,
            };
            let secret = source.secret().map(SecretName::as_str);
            Variable {
                name: name.as_str(),
                source: kind(source),
                line,
                secret,
            }
        })
        .collect();
    text(&Variables {
        format_version: FORMAT_VERSION,
        variables,
    })
}

#[derive(Serialize)]
struct Checks<'a> {
    format_version: u32,
    checks: Vec<CheckRow<'a>>,
}

#[derive(Serialize)]
struct CheckRow<'a> {
    what: &'a str,
    found: &'a str,
    repair: Option<&'a str>,
}

/// What was looked at.
pub fn checks(checks: &[Check]) -> String {
    let checks = checks.iter().map(|check| CheckRow {
        what: &check.what,
        found: &check.found,
        repair: check.problem.as_deref(),
    });
    text(&Checks {
        format_version: FORMAT_VERSION,
        checks: checks.collect(),
    })
}

#[derive(Serialize)]
struct Troubles<'a> {
    format_version: u32,
    problems: Vec<TroubleRow<'a>>,
}

#[derive(Serialize)]
struct TroubleRow<'a> {
    secret: Option<&'a str>,
    problem: &'a str,
    repair: Option<&'a str>,
}

/// What a check of a profile found.
pub fn troubles(rows: &[(Option<String>, String, Option<String>)]) -> String {
    let problems = rows.iter().map(|(secret, problem, repair)| TroubleRow {
        secret: secret.as_deref(),
        problem,
        repair: repair.as_deref(),
    });
    text(&Troubles {
        format_version: FORMAT_VERSION,
        problems: problems.collect(),
    })
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

/// What a scan found.
#[derive(Serialize)]
pub struct Leaks {
    /// Each place.
    pub findings: Vec<Leak>,
    /// What could not be looked at.
    pub skipped: Vec<Unseen>,
    /// How many files and objects were looked at.
    pub looked_at: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many values were looked for.
    pub values: usize,
    /// The secrets whose values are too short or too common to be looked for.
    pub ordinary: Vec<String>,
    /// On how many lines something is allowed.
    pub allowed: usize,
}

/// One place.
#[derive(Serialize)]
pub struct Leak {
    /// The file, if it has a name.
    pub path: Option<String>,
    /// Counted from 1; none: the file as a whole.
    pub line: Option<usize>,
    /// The object of git's.
    pub object: Option<String>,
    /// The commit that brought it.
    pub commit: Option<String>,
    /// `conflict`, `conflict_markers`, `damaged`, `dotenv`, `shape`, `unsealed` or `value`.
    pub kind: &'static str,
    /// The secret whose value it is.
    pub secret: Option<String>,
    /// The encoding of the value, the kind of shape, or what is damaged.
    pub detail: Option<String>,
}

/// What could not be looked at.
#[derive(Serialize)]
pub struct Unseen {
    /// The file, the object or the secret.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What a scan found.
pub fn leaks(leaks: Leaks) -> String {
    #[derive(Serialize)]
    struct Document {
        format_version: u32,
        #[serde(flatten)]
        leaks: Leaks,
    }
    text(&Document {
        format_version: FORMAT_VERSION,
        leaks,
    })
}

fn text(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("these structures always serialise")
}
