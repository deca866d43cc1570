//! The shape of the file: which tables there are and what is in them. Everything is read, whatever is
//! wrong with it, and every problem is noted. What the parts say of one another is checked next door.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::{FolderName, GroupName, Member, ReaderName, SecretName, VaultId};
use crate::manifest::declaration::{Declaration, Defaults};
use crate::manifest::error::{Problem, Problems};
use crate::manifest::fields::{At, Fields, texts, wrong};
use crate::manifest::rotation::Rotation;
use crate::manifest::scan;
use crate::manifest::shape::Patterns;
use crate::manifest::{FORMAT, Manifest, Moved, Profile, Requirement, Rule, Unmanaged, Waived};

/// The most profiles one declaration is for: each has a declaration of its own.
const MAX_PROFILES: usize = 64;

const TABLES: [&str; 10] = [
    "access", "defaults", "groups", "moved", "profiles", "removed", "require", "scan", "secrets",
    "vault",
];

const WAIVED: &str = "waived";

const FOLDER: &str = "a folder, like \"prod\" or \".\"";

const SECRET: &str = "the name of a secret, like \"KEY\" or \"prod/KEY\"";

/// Reads the document.
pub(super) fn read(document: &DeTable<'_>, problems: &mut Problems) -> Option<Manifest> {
    // A later version may have fields that this one does not know.
    let vault = document.get("vault");
    if let Some(format) = vault.and_then(later) {
        let at = vault.map_or(0, |vault| vault.span().start);
        problems.at(at, || Problem::Newer(format));
        return None;
    }
    let mut tables = TABLES.to_vec();
    tables.push(WAIVED);
    let top = Fields::top(document, "a table of the manifest", &tables, problems);
    let Some(vault) = vault else {
        problems.at(0, || Problem::Missing("vault"));
        return None;
    };
    let (id, unmanaged) = read_vault(vault, problems);
    let defaults = read_defaults(&top, problems);
    let mut mentions = Vec::new();
    let (groups, group_lines) = read_groups(&top, &mut mentions, problems);
    let access = read_access(&top, &mut mentions, problems);
    let profiles = read_profiles(&top, problems);
    let declarations = read_secrets(&top, &defaults, problems);
    let (removed, removed_lines) = read_removed(&top, problems);
    let requirements = read_requirements(&top, problems);
    let moved = read_moved(&top, problems);
    let waived = read_waived(&top, problems);
    let scan_allow = scan::read(&top, problems);
    Some(Manifest {
        id: id?,
        unmanaged,
        groups,
        access,
        profiles,
        declarations,
        requirements,
        moved,
        removed,
        waived,
        scan_allow,
        group_lines,
        mentions,
        removed_lines,
    })
}

fn later(vault: &Spanned<DeValue<'_>>) -> Option<u64> {
    let format = vault.get_ref().as_table()?.get("format")?;
    let format = format.get_ref().as_integer()?;
    let format = u64::from_str_radix(format.as_str(), format.radix()).ok()?;
    (format > FORMAT).then_some(format)
}

fn read_vault(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Problems,
) -> (Option<VaultId>, Unmanaged) {
    let known = ["format", "id", "unmanaged"];
    let none = (None, Unmanaged::Ignore);
    let what = "a field of `[vault]`";
    let Some(fields) = Fields::new(value, "vault", what, &known, problems) else {
        return none;
    };
    match fields.raw("format") {
        None => problems.at(fields.at, || Problem::Missing("vault.format")),
        Some(value) => {
            let format = fields.number("format", problems);
            if format.is_some_and(|format| format.value != FORMAT) {
                wrong(value, "format", "1", problems);
            }
        }
    }
    let id = match fields.text("id", problems) {
        Some(text) => VaultId::parse(text.value)
            .map_err(|error| problems.at(text.at, || error.into()))
            .ok(),
        None => {
            if !fields.has("id") {
                problems.at(fields.at, || Problem::Missing("vault.id"));
            }
            None
        }
    };
    let unmanaged = match fields.text("unmanaged", problems) {
        None => Unmanaged::Ignore,
        Some(text) => match text.value {
            "error" => Unmanaged::Error,
            "ignore" => Unmanaged::Ignore,
            "warn" => Unmanaged::Warn,
            _ => {
                problems.at(text.at, || Problem::Wrong {
                    field: "unmanaged",
                    must: "\"error\", \"ignore\" or \"warn\"",
                });
                Unmanaged::Ignore
            }
        },
    };
    (id, unmanaged)
}

fn read_defaults(top: &Fields<'_, '_>, problems: &mut Problems) -> Defaults {
    let usual = Defaults::default();
    let Some(value) = top.raw("defaults") else {
        return usual;
    };
    let known = ["required", "rotate"];
    let what = "a field of `[defaults]`";
    let Some(fields) = Fields::new(value, "defaults", what, &known, problems) else {
        return usual;
    };
    Defaults {
        required: fields.flag("required", problems).unwrap_or(usual.required),
        rotate: Rotation::read(&fields, &usual.rotate, problems),
    }
}

fn read_groups(
    top: &Fields<'_, '_>,
    mentions: &mut Vec<(usize, Member)>,
    problems: &mut Problems,
) -> (BTreeMap<GroupName, Vec<Member>>, BTreeMap<GroupName, usize>) {
    let mut groups = BTreeMap::new();
    let mut lines = BTreeMap::new();
    let entries: Vec<_> = top.entries("groups", problems).collect();
    for (key, value) in entries {
        let members = read_members(value, "groups", mentions, problems);
        match GroupName::parse(key.value) {
            Ok(group) => {
                lines.insert(group.clone(), problems.line(key.at));
                groups.insert(group, members);
            }
            Err(_) => problems.at(key.at, || Problem::Wrong {
                field: "groups",
                must: "made of groups' names: lower-case letters, digits, `_` and `-`, not `all`",
            }),
        }
    }
    (groups, lines)
}

fn read_access(
    top: &Fields<'_, '_>,
    mentions: &mut Vec<(usize, Member)>,
    problems: &mut Problems,
) -> BTreeMap<FolderName, Vec<Member>> {
    let mut access = BTreeMap::new();
    let entries: Vec<_> = top.entries("access", problems).collect();
    for (key, value) in entries {
        let members = read_members(value, "access", mentions, problems);
        if members.is_empty() && value.get_ref().as_array().is_some_and(|a| a.is_empty()) {
            wrong(
                value,
                "access",
                "somebody: a folder without readers cannot be opened",
                problems,
            );
        }
        if let Some(folder) = read_folder(&key, "access", problems) {
            access.insert(folder, members);
        }
    }
    access
}

fn read_members(
    value: &Spanned<DeValue<'_>>,
    field: &'static str,
    mentions: &mut Vec<(usize, Member)>,
    problems: &mut Problems,
) -> Vec<Member> {
    let Some(items) = value.get_ref().as_array() else {
        wrong(
            value,
            field,
            "made of lists like [\"alice\", \"@team\"]",
            problems,
        );
        return Vec::new();
    };
    let mut members = Vec::new();
    for text in texts(items, field, problems) {
        match Member::parse(text.value) {
            Ok(member) => {
                let line = problems.line(text.at);
                mentions.push((line, member.clone()));
                members.push(member);
            }
            Err(_) => problems.at(text.at, || Problem::Wrong {
                field,
                must: "made of readers' names (\"alice\"), groups (\"@team\") and \"@all\"",
            }),
        }
    }
    members
}

fn read_folder(
    text: &At<&str>,
    field: &'static str,
    problems: &mut Problems,
) -> Option<FolderName> {
    let folder = FolderName::parse(text.value).ok();
    if folder.is_none() {
        let must = FOLDER;
        problems.at(text.at, || Problem::Wrong { field, must });
    }
    folder
}

fn read_folders(
    fields: &Fields<'_, '_>,
    field: &'static str,
    problems: &mut Problems,
) -> Option<Vec<FolderName>> {
    let texts = fields.texts(field, problems)?;
    let mut folders = Vec::new();
    for text in &texts {
        let Some(folder) = read_folder(text, field, problems) else {
            continue;
        };
        if folders.len() >= MAX_PROFILES {
            problems.at(text.at, || Problem::Wrong {
                field,
                must: "64 folders at most",
            });
            break;
        }
        if folders.contains(&folder) {
            let line = problems.line(texts[0].at);
            problems.at(text.at, || Problem::Taken { field, line });
        } else {
            folders.push(folder);
        }
    }
    Some(folders)
}

fn read_profiles(top: &Fields<'_, '_>, problems: &mut Problems) -> BTreeMap<FolderName, Profile> {
    let mut profiles = BTreeMap::new();
    let entries: Vec<_> = top.entries("profiles", problems).collect();
    for (key, value) in entries {
        let known = ["inherits", "protect"];
        let what = "a field of a profile";
        let Some(fields) = Fields::new(value, "profiles", what, &known, problems) else {
            continue;
        };
        let profile = Profile {
            inherits: read_folders(&fields, "inherits", problems),
            protect: fields.flag("protect", problems).unwrap_or(false),
            line: problems.line(key.at),
        };
        if let Some(folder) = read_folder(&key, "profiles", problems) {
            profiles.insert(folder, profile);
        }
    }
    profiles
}

fn read_secrets(
    top: &Fields<'_, '_>,
    defaults: &Defaults,
    problems: &mut Problems,
) -> BTreeMap<SecretName, Declaration> {
    let mut declarations = BTreeMap::new();
    let mut folded: HashMap<String, usize> = HashMap::new();
    let mut patterns = Patterns::default();
    let entries: Vec<_> = top.entries("secrets", problems).collect();
    for (key, value) in entries {
        let what = "a field of a secret";
        let Some(fields) = Fields::new(value, "secrets", what, Declaration::fields(), problems)
        else {
            continue;
        };
        let line = problems.line(key.at);
        let declaration = Declaration::read(&fields, line, defaults, &mut patterns, problems);
        for name in read_names(&key, &fields, problems) {
            let first = *folded.entry(name.folded()).or_insert(line);
            match declarations.entry(name) {
                Entry::Vacant(entry) if first == line => {
                    entry.insert(declaration.clone());
                }
                _ => problems.on(line, || Problem::Taken {
                    field: "secrets",
                    line: first,
                }),
            }
        }
    }
    declarations
}

/// A key and the profiles it is for, or a full name.
fn read_names(key: &At<&str>, fields: &Fields<'_, '_>, problems: &mut Problems) -> Vec<SecretName> {
    let folders = read_folders(fields, "profiles", problems);
    let name = SecretName::parse(key.value);
    let (Ok(name), None) = (&name, &folders) else {
        return match (name, folders) {
            (Ok(name), Some(folders)) if name.folder().is_top() => {
                if folders.is_empty() {
                    problems.at(key.at, || Problem::Wrong {
                        field: "profiles",
                        must: "left out, or name a profile",
                    });
                }
                let within = |folder| SecretName::within(folder, name.key());
                let names: Vec<_> = folders.iter().filter_map(|f| within(f).ok()).collect();
                if names.len() < folders.len() {
                    problems.at(key.at, || Problem::Wrong {
                        field: "profiles",
                        must: "such that the whole name has 200 bytes at most",
                    });
                }
                names
            }
            (Ok(_), Some(_)) => {
                problems.at(key.at, || Problem::Conflict {
                    field: "profiles",
                    with: "a name with a folder",
                });
                Vec::new()
            }
            _ => {
                problems.at(key.at, || Problem::Wrong {
                    field: "secrets",
                    must: "made of tables like [secrets.KEY] or [secrets.\"prod/KEY\"]",
                });
                Vec::new()
            }
        };
    };
    vec![name.clone()]
}

/// The tables of a list like `[[moved]]`.
fn tables<'t, 'i>(
    top: &Fields<'t, 'i>,
    field: &'static str,
    what: &'static str,
    known: &[&'static str],
    problems: &mut Problems,
) -> Vec<Fields<'t, 'i>> {
    let items = top.items(field, problems);
    items
        .into_iter()
        .flat_map(|items| items.iter())
        .filter_map(|item| Fields::new(item, field, what, known, problems))
        .collect()
}

fn secret(
    fields: &Fields<'_, '_>,
    field: &'static str,
    problems: &mut Problems,
) -> Option<SecretName> {
    let text = fields.needed(field, problems)?;
    let name = SecretName::parse(text.value).ok();
    if name.is_none() {
        problems.at(text.at, || Problem::Wrong {
            field,
            must: SECRET,
        });
    }
    name
}

fn read_requirements(top: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Requirement> {
    let rules = [
        ("all_or_none", Rule::AllOrNone),
        ("at_least_one", Rule::AtLeastOne),
        ("exactly_one", Rule::ExactlyOne),
    ];
    let known = ["all_or_none", "at_least_one", "exactly_one", "profiles"];
    let mut requirements = Vec::new();
    for fields in tables(top, "require", "a field of `[[require]]`", &known, problems) {
        let line = problems.line(fields.at);
        let folders = read_folders(&fields, "profiles", problems);
        let mut said = rules.iter().filter(|(field, _)| fields.has(field));
        let Some((field, rule)) = said.next() else {
            problems.on(line, || Problem::Missing("exactly_one"));
            continue;
        };
        if let Some((other, _)) = said.next() {
            let with = *field;
            problems.on(line, || Problem::Conflict { field: other, with });
        }
        let mut keys: Vec<String> = Vec::new();
        for text in fields.texts(field, problems).unwrap_or_default() {
            let key = SecretName::parse(text.value).ok();
            let key = key.filter(|name| name.folder().is_top());
            match key {
                Some(name) if keys.iter().any(|key| *key == name.key()) => {
                    problems.at(text.at, || Problem::Taken { field, line });
                }
                Some(name) => keys.push(name.key().to_owned()),
                None => problems.at(text.at, || Problem::Wrong {
                    field,
                    must: "made of secrets' names, without their folder",
                }),
            }
        }
        if keys.len() < 2 {
            let must = "a list of two names or more";
            problems.on(line, || Problem::Wrong { field, must });
        }
        requirements.push(Requirement {
            rule: *rule,
            keys,
            profiles: folders.unwrap_or_else(|| vec![FolderName::top()]),
            line,
        });
    }
    requirements
}

fn read_moved(top: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Moved> {
    let what = "a field of `[[moved]]`";
    let mut moved = Vec::new();
    for fields in tables(top, "moved", what, &["from", "to"], problems) {
        let line = problems.line(fields.at);
        let from = secret(&fields, "from", problems);
        let to = secret(&fields, "to", problems);
        if let (Some(from), Some(to)) = (from, to) {
            moved.push(Moved { from, to, line });
        }
    }
    moved
}

fn read_removed(top: &Fields<'_, '_>, problems: &mut Problems) -> (Vec<SecretName>, Vec<usize>) {
    let what = "a field of `[[removed]]`";
    let mut removed = Vec::new();
    for fields in tables(top, "removed", what, &["name"], problems) {
        let line = problems.line(fields.at);
        removed.extend(secret(&fields, "name", problems).map(|name| (name, line)));
    }
    removed.into_iter().unzip()
}

fn read_waived(top: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Waived> {
    let known = ["name", "reason", "until", "who"];
    let what = "a field of `[[waived]]`";
    let mut waived = Vec::new();
    for fields in tables(top, WAIVED, what, &known, problems) {
        let name = secret(&fields, "name", problems);
        let who = fields.needed("who", problems).and_then(|text| {
            let who = ReaderName::parse(text.value).ok();
            if who.is_none() {
                let must = "a reader's name";
                problems.at(text.at, || Problem::Wrong { field: "who", must });
            }
            who
        });
        let reason = fields.needed("reason", problems);
        let until = read_date(&fields, problems);
        if let (Some(name), Some(who), Some(reason), Some(until)) = (name, who, reason, until) {
            waived.push(Waived {
                name,
                who,
                reason: reason.value.to_owned(),
                until,
                line: problems.line(fields.at),
            });
        }
    }
    waived
}

/// A date of TOML's own, or one in quotes.
fn read_date(fields: &Fields<'_, '_>, problems: &mut Problems) -> Option<Date> {
    let Some(value) = fields.raw("until") else {
        problems.at(fields.at, || Problem::Missing("until"));
        return None;
    };
    let date = match value.get_ref() {
        DeValue::String(text) => text.parse().ok(),
        DeValue::Datetime(moment) if moment.time.is_none() && moment.offset.is_none() => {
            moment.date.and_then(|date| {
                let year = i16::try_from(date.year).ok()?;
                let month = i8::try_from(date.month).ok()?;
                Date::new(year, month, i8::try_from(date.day).ok()?).ok()
            })
        }
        _ => None,
    };
    if date.is_none() {
        wrong(value, "until", "a date like 2030-12-31", problems);
    }
    date
}
