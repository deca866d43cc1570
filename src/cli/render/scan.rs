//! What a scan found, as lines and as JSON: places and names. No value and no line of a file is in a
//! report, so none can be shown here.

use crate::cli::render::json;
use crate::scan::{Finding, Report, Values, Why};

/// One finding a line, as `grep -n` has it.
pub fn findings(report: &Report) -> String {
    let lines: Vec<_> = report.findings.iter().map(finding).collect();
    lines.join("\n")
}

fn finding(finding: &Finding) -> String {
    let place = match (&finding.path, &finding.object) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(object)) => format!("message of {}", short(object.as_str())),
        (None, None) => String::new(),
    };
    let line = match finding.line {
        0 => String::new(),
        line => format!(":{line}"),
    };
    let commit = finding.commit.as_ref();
    let commit = commit.map(|commit| format!(" [commit {}]", short(commit.as_str())));
    format!(
        "{place}{line}: {}{}",
        why(&finding.why),
        commit.unwrap_or_default()
    )
}

fn short(id: &str) -> &str {
    &id[..id.len().min(12)]
}

fn why(why: &Why) -> String {
    match why {
        Why::ConflictEnvelope => "an unresolved merge: `hoziron vault resolve`".to_owned(),
        Why::ConflictMarkers => "the marks of a merge that was not resolved".to_owned(),
        Why::Damaged(how) => format!("a damaged sealed file: {how}"),
        Why::DotEnv => "a file of variables, which git should not have".to_owned(),
        Why::Shape(kind) => format!("has the shape of {kind}"),
        Why::Unsealed => "not a sealed file, and in the vault".to_owned(),
        Why::Value(name, encoding) => {
            format!("the value of `{name}` ({})", encoding.as_str())
        }
    }
}

/// The whole in one sentence.
pub fn summary(report: &Report, values: &Values) -> String {
    let found = match report.findings.len() {
        0 => "nothing was found".to_owned(),
        1 => "1 leak was found; a value that others have seen has to be changed".to_owned(),
        count => {
            format!("{count} leaks were found; a value that others have seen has to be changed")
        }
    };
    let allowed = match report.allowed {
        0 => String::new(),
        1 => ", 1 line is allowed".to_owned(),
        count => format!(", {count} lines are allowed"),
    };
    let ordinary = match values.ordinary.len() {
        0 => String::new(),
        count => format!(" ({count} too short or too common to be looked for)"),
    };
    format!(
        "looked at {} files for {} values{ordinary}: {found}{allowed}",
        report.looked_at,
        values.count()
    )
}

/// The whole as JSON.
pub fn json(report: &Report, values: &Values) -> String {
    let row = |finding: &Finding| {
        let (kind, secret, detail) = match &finding.why {
            Why::ConflictEnvelope => ("conflict", None, None),
            Why::ConflictMarkers => ("conflict_markers", None, None),
            Why::Damaged(how) => ("damaged", None, Some(how.clone())),
            Why::DotEnv => ("dotenv", None, None),
            Why::Shape(shape) => ("shape", None, Some((*shape).to_owned())),
            Why::Unsealed => ("unsealed", None, None),
            Why::Value(name, encoding) => (
                "value",
                Some(name.to_string()),
                Some(encoding.as_str().to_owned()),
            ),
        };
        json::Leak {
            path: finding.path.as_ref().map(|path| path.display().to_string()),
            line: (finding.line > 0).then_some(finding.line),
            object: finding.object.as_ref().map(ToString::to_string),
            commit: finding.commit.as_ref().map(ToString::to_string),
            kind,
            secret,
            detail,
        }
    };
    json::leaks(json::Leaks {
        findings: report.findings.iter().map(row).collect(),
        skipped: report
            .skipped
            .iter()
            .map(|skipped| json::Unseen {
                what: skipped.what.clone(),
                why: skipped.why.clone(),
            })
            .collect(),
        looked_at: report.looked_at,
        bytes: report.bytes,
        values: values.count(),
        ordinary: values.ordinary.iter().map(ToString::to_string).collect(),
        allowed: report.allowed,
    })
}
