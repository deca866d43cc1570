//! Who reads, as text and as JSON: members with what `apply` would change, and what one of them has
//! seen.

use serde::Serialize;

use crate::domain::{FolderName, ReaderName, Recipient};
use crate::people::{Entry, Roster, SeenBy, Sight, Standing};

const FORMAT_VERSION: u32 = 1;

/// Everybody, one a line.
pub fn members(roster: &Roster) -> String {
    let width = roster.people.keys().map(|name| name.as_str().len()).max();
    let width = width.unwrap_or(0);
    let line = |(name, entry): (&ReaderName, &Entry)| {
        let mut parts = vec![match folders(entry, Standing::reads) {
            folders if folders.is_empty() => "reads nothing yet".to_owned(),
            folders => format!("reads {}", folders.join(" ")),
        }];
        if entry.signs {
            parts.push("may change who reads".to_owned());
        }
        parts.extend(waiting(entry));
        format!("{:<width$}  {}", name.as_str(), parts.join("; "))
    };
    roster
        .people
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// One person or machine.
pub fn member(name: &ReaderName, entry: &Entry) -> String {
    let mut lines = vec![("member", name.to_string())];
    let reads = folders(entry, Standing::reads);
    let reads = if reads.is_empty() {
        "nothing yet".to_owned()
    } else {
        reads.join(" ")
    };
    lines.push(("reads", reads));
    lines.extend(waiting(entry).map(|waiting| ("waits", waiting)));
    let signs = if entry.signs { "yes" } else { "no" };
    lines.push(("may change who reads", signs.to_owned()));
    match &entry.file {
        None => lines.push(("file", "none".to_owned())),
        Some(file) => {
            lines.push(("file", format!("recipients/{name}.pub")));
            let keys = file.recipients.iter();
            lines.extend(keys.map(|key| ("key", key.text().to_owned())));
            let signing = file.signing.map(|key| ("signing key", key.text()));
            lines.extend(signing);
            if !file.groups.is_empty() {
                let groups = file.groups.iter().map(|group| format!("@{group}"));
                lines.push(("groups", groups.collect::<Vec<_>>().join(" ")));
            }
            lines.push(("words", file.words()));
        }
    }
    let width = lines.iter().map(|(label, _)| label.len()).max();
    let width = width.unwrap_or(0);
    let lines = lines.iter();
    let lines = lines.map(|(label, value)| format!("{label:<width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn folders(entry: &Entry, which: impl Fn(Standing) -> bool) -> Vec<String> {
    let folders = entry.folders.iter();
    let folders = folders.filter(|(_, standing)| which(**standing));
    folders.map(|(folder, _)| shown(folder)).collect()
}

fn shown(folder: &FolderName) -> String {
    if folder.is_top() {
        "vault/".to_owned()
    } else {
        format!("vault/{folder}/")
    }
}

/// What `apply` would change about somebody.
fn waiting(entry: &Entry) -> Option<String> {
    let signed = |standing, sign: &str, after: &str| {
        let folders = folders(entry, |found| found == standing).into_iter();
        folders
            .map(|folder| format!("{sign}{folder}{after}"))
            .collect::<Vec<_>>()
    };
    let mut changes = signed(Standing::Joins, "+", "");
    changes.extend(signed(Standing::Leaves, "-", ""));
    changes.extend(signed(Standing::OtherKeys, "", " with other keys"));
    (!changes.is_empty()).then(|| format!("after `apply`: {}", changes.join(", ")))
}

#[derive(Serialize)]
struct MembersJson<'a> {
    format_version: u32,
    members: Vec<MemberJson<'a>>,
}

#[derive(Serialize)]
struct OneJson<'a> {
    format_version: u32,
    #[serde(flatten)]
    member: MemberJson<'a>,
}

#[derive(Serialize)]
struct MemberJson<'a> {
    name: &'a str,
    reads: Vec<&'a str>,
    joins: Vec<&'a str>,
    leaves: Vec<&'a str>,
    other_keys: Vec<&'a str>,
    may_change_readers: bool,
    file: Option<FileJson<'a>>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    keys: Vec<&'a str>,
    signing_key: Option<String>,
    groups: Vec<&'a str>,
    words: String,
}

impl<'a> MemberJson<'a> {
    fn of(name: &'a ReaderName, entry: &'a Entry) -> Self {
        let folders = |which: &dyn Fn(Standing) -> bool| {
            let folders = entry.folders.iter();
            let folders = folders.filter(|(_, standing)| which(**standing));
            folders.map(|(folder, _)| folder.as_str()).collect()
        };
        Self {
            name: name.as_str(),
            reads: folders(&Standing::reads),
            joins: folders(&|found| found == Standing::Joins),
            leaves: folders(&|found| found == Standing::Leaves),
            other_keys: folders(&|found| found == Standing::OtherKeys),
            may_change_readers: entry.signs,
            file: entry.file.as_ref().map(|file| FileJson {
                keys: file.recipients.iter().map(Recipient::text).collect(),
                signing_key: file.signing.map(|key| key.text()),
                groups: file.groups.iter().map(|group| group.as_str()).collect(),
                words: file.words(),
            }),
        }
    }
}

/// Everybody.
pub fn members_json(roster: &Roster) -> String {
    let people = roster.people.iter();
    text(&MembersJson {
        format_version: FORMAT_VERSION,
        members: people
            .map(|(name, entry)| MemberJson::of(name, entry))
            .collect(),
    })
}

/// One person or machine.
pub fn member_json(name: &ReaderName, entry: &Entry) -> String {
    text(&OneJson {
        format_version: FORMAT_VERSION,
        member: MemberJson::of(name, entry),
    })
}

/// What somebody has seen, one secret a line, and below it what he reads.
pub fn seen(who: &ReaderName, seen: &SeenBy) -> String {
    let mut lines = Vec::new();
    if seen.exposed.is_empty() {
        lines.push(format!(
            "`{who}` has seen no value in use that `{who}` may not read"
        ));
    } else {
        lines.push(format!("`{who}` has seen and may not read any more:"));
        lines.extend(seen.exposed.iter().map(|(name, sight)| match sight {
            Sight::FormerKey => format!("  {name}  (with a key that was replaced)"),
            Sight::Left => format!("  {name}"),
        }));
    }
    if !seen.unclear.is_empty() {
        lines.push("cannot be told:".to_owned());
        let unclear = seen.unclear.iter();
        lines.extend(unclear.map(|(name, why)| format!("  {name}  ({why})")));
    }
    if seen.reads.is_empty() {
        lines.push(format!("`{who}` reads nothing"));
    } else {
        lines.push(format!("`{who}` reads:"));
        lines.extend(seen.reads.iter().map(|name| format!("  {name}")));
    }
    lines.join("\n")
}

#[derive(Serialize)]
struct SeenJson<'a> {
    format_version: u32,
    name: &'a str,
    exposed: Vec<ExposedJson<'a>>,
    unclear: Vec<UnclearJson<'a>>,
    reads: Vec<&'a str>,
}

#[derive(Serialize)]
struct ExposedJson<'a> {
    secret: &'a str,
    /// `former_key` or `left`.
    why: &'static str,
}

#[derive(Serialize)]
struct UnclearJson<'a> {
    secret: &'a str,
    why: &'a str,
}

/// What somebody has seen.
pub fn seen_json(who: &ReaderName, seen: &SeenBy) -> String {
    let exposed = seen.exposed.iter().map(|(secret, sight)| ExposedJson {
        secret: secret.as_str(),
        why: match sight {
            Sight::FormerKey => "former_key",
            Sight::Left => "left",
        },
    });
    let unclear = seen.unclear.iter().map(|(secret, why)| UnclearJson {
        secret: secret.as_str(),
        why,
    });
    text(&SeenJson {
        format_version: FORMAT_VERSION,
        name: who.as_str(),
        exposed: exposed.collect(),
        unclear: unclear.collect(),
        reads: seen.reads.iter().map(|name| name.as_str()).collect(),
    })
}

fn text(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("these structures always serialise")
}
