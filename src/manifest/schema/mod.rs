//! The shape of the file: which tables there are and what is in them. Everything is read, whatever is
//! wrong with it, and every problem is noted. What the parts say of one another is checked next door.

mod lists;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map::Entry;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::{FolderName, GroupName, Member, SecretName, VaultId};
use crate::manifest::declaration::{Declaration, Defaults};
use crate::manifest::error::{Problem, Problems};
use crate::manifest::fields::{At, Fields, texts, wrong};
use crate::manifest::rotation::Rotation;
use crate::manifest::scan;
use crate::manifest::schema::lists::{read_moved, read_removed, read_requirements, read_waived};
use crate::manifest::shape::Patterns;
use crate::manifest::{FORMAT, Manifest, Profile, Unmanaged};

/// The most profiles one declaration is for: each has a declaration of its own.
const MAX_PROFILES: usize = 64;

const TABLES: [&str; 11] = [
    "access", "defaults", "groups", "moved", "profiles", "removed", "require", "scan", "secrets",
    "vault", "waived",
];

const FOLDER: &str = "a folder, like \"prod\" or \".\"";

/// Reads the document.
pub(super) fn read(document: &DeTable<'_>, problems: &mut Problems) -> Option<Manifest> {
    // A later version may have fields that this one does not know.
    let vault = document.get("vault");
    if let Some(format) = vault.and_then(later) {
        let at = vault.map_or(0, |vault| vault.span().start);
        problems.at(at, || Problem::Newer(format));
        return None;
    }
    let top = Fields::top(document, "a table of the manifest", &TABLES, problems);
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
