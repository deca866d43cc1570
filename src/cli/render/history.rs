//! What became of secrets, commit by commit or from one state to another, as lines for people and as
//! JSON for programs. A value is a mark and a length, never itself.

use serde::Serialize;

use crate::cli::display::line;
use crate::cli::past::{minute, short};
use crate::cli::render::date;
use crate::domain::{ReaderName, SecretName};
use crate::git::{Change, Deed, Difference, Look, Standing, Versions};

const FORMAT_VERSION: u32 = 1;

/// Says in a word what happened.
pub fn word(change: Change, look: Option<&Look>) -> &'static str {
    if let Some(Standing::Refused(_)) = look.map(|look| &look.standing) {
        return "refused";
    }
    match change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Conflict => "conflict",
        Change::Merged => "merged",
        Change::Removed => "removed",
        Change::Resealed => "resealed",
        Change::Unclear => "unclear",
    }
}

/// A line a commit.
pub fn text(versions: &Versions, marks: bool) -> String {
    let rows: Vec<_> = versions
        .deeds
        .iter()
        .map(|deed| cells(deed, marks))
        .collect();
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..6).map(width).collect();
    let shown = |row: &[String; 7]| {
        let padded = row.iter().zip(widths.iter().chain([&0]));
        let padded = padded.map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn cells(deed: &Deed, marks: bool) -> [String; 7] {
    let look = deed.look.as_ref();
    let facts = look.and_then(|look| look.facts.as_ref());
    let readers = look.map(|look| count(look.readers.len(), "reader"));
    let why = look.and_then(|look| match &look.standing {
        Standing::Refused(why) => Some(format!(": {why}")),
        _ => None,
    });
    [
        minute(deed.version.time),
        short(&deed.version.commit),
        word(deed.change, look).to_owned(),
        facts.map_or_else(String::new, |facts| format!("revision {}", facts.revision)),
        facts.and(readers).unwrap_or_default(),
        look.and_then(|look| value(look, marks)).unwrap_or_default(),
        line(&format!(
            "{}{}",
            deed.version.author,
            why.unwrap_or_default()
        )),
    ]
}

/// A value as a mark, if it was opened, and its length.
pub fn value(look: &Look, marks: bool) -> Option<String> {
    let length = count(look.outline?.length, "byte");
    Some(match &look.standing {
        Standing::Opened(mark) if marks && !look.is_conflict() => format!("{mark} ({length})"),
        _ => format!("({length})"),
    })
}

fn count(number: usize, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {what}{end}")
}

/// How many files were looked at and could not be opened.
pub fn unproven(versions: &Versions) -> usize {
    let looks = versions.deeds.iter().filter_map(|deed| deed.look.as_ref());
    looks
        .filter(|look| look.standing == Standing::Locked)
        .count()
}

/// The versions as JSON.
pub fn json(name: &SecretName, versions: &Versions, marks: bool) -> String {
    let version = |deed: &Deed| VersionJson {
        commit: deed.version.commit.to_string(),
        author: deed.version.author.clone(),
        email: deed.version.email.clone(),
        time: date(deed.version.time),
        change: word(deed.change, deed.look.as_ref()),
        file: deed.look.as_ref().map(|look| FileJson::of(look, marks)),
    };
    let shape = VersionsJson {
        format_version: FORMAT_VERSION,
        name: name.to_string(),
        more: versions.more,
        versions: versions.deeds.iter().map(version).collect(),
    };
    serde_json::to_string_pretty(&shape).expect("texts and numbers are JSON")
}

/// A line a secret that differs, and a summary.
pub fn differences(rows: &[Difference], marks: bool) -> String {
    let names = rows.iter().map(|row| row.name.as_str().len());
    let width = names.max().unwrap_or(0);
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut text = String::new();
    for row in rows {
        let look = row.looks[1].as_ref().or(row.looks[0].as_ref());
        let word = word(row.change, look);
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, number)) => *number += 1,
            None => counts.push((word, 1)),
        }
        let said = format!(
            "  {} {:<width$}  {word:<8}  {}",
            sign(word),
            row.name.as_str(),
            reasons(row, marks).join("; ")
        );
        text.push_str(line(&said).trim_end());
        text.push('\n');
    }
    counts.sort_unstable();
    let counts = counts
        .iter()
        .map(|(word, number)| format!("{number} {word}"));
    text.push('\n');
    text.push_str(&counts.collect::<Vec<_>>().join(", "));
    text
}

fn sign(word: &str) -> char {
    match word {
        "added" => '+',
        "changed" => '~',
        "removed" => '-',
        "resealed" => '*',
        "unclear" => '?',
        _ => '!',
    }
}

fn reasons(row: &Difference, marks: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    for (which, look) in ["before", "after"].iter().zip(&row.looks) {
        if let Some(Standing::Refused(why)) = look.as_ref().map(|look| &look.standing) {
            reasons.push(format!("{which}: {why}"));
        }
    }
    let [was, is] = [&row.looks[0], &row.looks[1]].map(|look| value(look.as_ref()?, marks));
    reasons.extend(match (was, is, row.change) {
        (Some(was), Some(is), Change::Changed | Change::Unclear) => Some(format!("{was} -> {is}")),
        (_, Some(only), Change::Added) | (Some(only), _, Change::Removed) => Some(only),
        _ => None,
    });
    let signed = |sign: &str, readers: &std::collections::BTreeSet<ReaderName>| {
        let names = readers.iter().map(|name| format!("{sign}{name}"));
        names.collect::<Vec<_>>()
    };
    let people = [signed("+", &row.joined), signed("-", &row.left)].concat();
    if !people.is_empty() {
        reasons.push(format!("readers {}", people.join(" ")));
    }
    let locked = |look: &Look| look.standing == Standing::Locked;
    if row.looks.iter().flatten().any(locked) {
        reasons.push("not opened".to_owned());
    }
    reasons
}

/// The differences as JSON. `from` and `to` are commits, or `null` for the work tree.
pub fn differences_json(
    rows: &[Difference],
    from: Option<String>,
    to: Option<String>,
    marks: bool,
) -> String {
    let row = |row: &Difference| {
        let [before, after] = [&row.looks[0], &row.looks[1]]
            .map(|look| look.as_ref().map(|look| FileJson::of(look, marks)));
        DifferenceJson {
            name: row.name.to_string(),
            change: word(row.change, row.looks[1].as_ref().or(row.looks[0].as_ref())),
            joined: row.joined.iter().map(ToString::to_string).collect(),
            left: row.left.iter().map(ToString::to_string).collect(),
            before,
            after,
        }
    };
    let shape = DifferencesJson {
        format_version: FORMAT_VERSION,
        from,
        to,
        secrets: rows.iter().map(row).collect(),
    };
    serde_json::to_string_pretty(&shape).expect("texts and numbers are JSON")
}

#[derive(Serialize)]
struct VersionsJson {
    format_version: u32,
    name: String,
    more: bool,
    versions: Vec<VersionJson>,
}

#[derive(Serialize)]
struct VersionJson {
    commit: String,
    author: String,
    email: String,
    time: String,
    change: &'static str,
    file: Option<FileJson>,
}

#[derive(Serialize)]
struct DifferencesJson {
    format_version: u32,
    from: Option<String>,
    to: Option<String>,
    secrets: Vec<DifferenceJson>,
}

#[derive(Serialize)]
struct DifferenceJson {
    name: String,
    change: &'static str,
    joined: Vec<String>,
    left: Vec<String>,
    before: Option<FileJson>,
    after: Option<FileJson>,
}

/// What is known of a file. `verified` says whether it was opened, and is not only what it says.
#[derive(Serialize)]
struct FileJson {
    verified: bool,
    revision: Option<u64>,
    changed: Option<String>,
    key: Option<String>,
    readers: Vec<String>,
    recipients: usize,
    length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl FileJson {
    fn of(look: &Look, marks: bool) -> Self {
        let facts = look.facts.as_ref();
        let (mark, refused) = match &look.standing {
            Standing::Locked => (None, None),
            Standing::Opened(mark) => (marks.then(|| mark.to_string()), None),
            Standing::Refused(why) => (None, Some(why.clone())),
        };
        Self {
            verified: look.is_proven(),
            revision: facts.map(|facts| facts.revision),
            changed: facts.map(|facts| date(facts.value_time)),
            key: facts.map(|facts| facts.trail.last().to_string()),
            readers: look.readers.iter().map(ToString::to_string).collect(),
            recipients: look.stanzas,
            length: look.outline.map(|outline| outline.length),
            mark,
            refused,
        }
    }
}
