//! The lists of the file: `[[require]]`, `[[moved]]`, `[[removed]]`, `[[waived]]`. Each entry is read by
//! itself, and one that is wrong is left out after its problems are noted. What entries say of one
//! another is not checked here.

use jiff::civil::Date;
use toml::de::DeValue;

use crate::domain::{FolderName, ReaderName, SecretName};
use crate::manifest::error::{Problem, Problems};
use crate::manifest::fields::{Fields, wrong};
use crate::manifest::schema::read_folders;
use crate::manifest::{Moved, Requirement, Rule, Waived};

const SECRET: &str = "the name of a secret, like \"KEY\" or \"prod/KEY\"";

/// What must hold of several secrets together.
pub(super) fn read_requirements(top: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Requirement> {
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

/// Secrets that have another name now.
pub(super) fn read_moved(top: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Moved> {
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

/// Secrets that should be no more, and the line of each.
pub(super) fn read_removed(
    top: &Fields<'_, '_>,
    problems: &mut Problems,
) -> (Vec<SecretName>, Vec<usize>) {
    let what = "a field of `[[removed]]`";
    let mut removed = Vec::new();
    for fields in tables(top, "removed", what, &["name"], problems) {
        let line = problems.line(fields.at);
        removed.extend(secret(&fields, "name", problems).map(|name| (name, line)));
    }
    removed.into_iter().unzip()
}

/// Rotations that somebody decided against.
pub(super) fn read_waived(top: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Waived> {
    let known = ["name", "reason", "until", "who"];
    let what = "a field of `[[waived]]`";
    let mut waived = Vec::new();
    for fields in tables(top, "waived", what, &known, problems) {
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
