//! A plan as lines for people and as JSON for programs: who will read what, one line a secret with the
//! reason in words, what needs attention with what to type, and one summary. Values are never there.

use serde::Serialize;

use crate::cli::display::{line, typed};
use crate::people::change::Kind;
use crate::plan::{Attention, FolderChange, Plan, Sign, Why};

/// Renders a plan.
pub fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.folders {
        text.push_str(&format!("  {}\n", readers(change)));
    }
    if !plan.folders.is_empty() {
        text.push('\n');
    }
    let table = table(plan, Sign::word);
    if !table.is_empty() {
        text.push_str(&table);
        text.push('\n');
    }
    let commands: Vec<(String, String)> = plan.attention.iter().filter_map(command).collect();
    if !commands.is_empty() {
        text.push_str("Needs attention:\n");
        let width = commands
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        for (name, command) in commands {
            text.push_str(&format!("  {name:width$}  {command}\n"));
        }
        text.push('\n');
    }
    if let Some(digest) = plan.recipients_digest() {
        text.push_str(&format!(
            "New readers need a person's word, or `--accept-recipients {digest}`\n\n"
        ));
    }
    if !plan.verified {
        text.push_str("Single files are not verified: no private key was looked for.\n");
    }
    text.push_str(&summary(plan));
    text
}

/// Renders what was done: the same lines in the past tense.
pub fn done(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.folders {
        text.push_str(&format!("  {}\n", readers(change)));
    }
    let rows = plan.rows.iter().map(|row| {
        let sign = row.step.sign();
        (
            sign.character(),
            row.name.to_string(),
            sign.past(),
            row.why.to_string(),
        )
    });
    text.push_str(&aligned(rows.collect()));
    text.trim_end().to_owned()
}

/// Renders a plan as JSON.
pub fn json(plan: &Plan) -> String {
    let shape = PlanJson {
        format_version: 1,
        folders: plan.folders.iter().map(FolderJson::of).collect(),
        steps: plan
            .rows
            .iter()
            .map(|row| StepJson {
                name: row.name.to_string(),
                action: row.step.sign().word(),
                reason: row.why.to_string(),
            })
            .collect(),
        attention: plan.attention.iter().map(AttentionJson::of).collect(),
        unchanged: plan.unchanged,
        verified: plan.verified,
        recipients_digest: plan.recipients_digest().map(|digest| digest.to_string()),
    };
    serde_json::to_string_pretty(&shape).expect("texts and numbers are JSON")
}

fn readers(change: &FolderChange) -> String {
    let place = if change.folder.is_top() {
        "the vault".to_owned()
    } else {
        change.folder.to_string()
    };
    let difference = &change.difference;
    let signed = |sign: char, names: &[crate::domain::ReaderName], what: &str| {
        let names = names.iter().map(|name| format!("{sign}{name}{what}"));
        names.collect::<Vec<_>>()
    };
    let mut parts = signed('+', &difference.joining, "");
    parts.extend(signed('-', &difference.leaving, ""));
    parts.extend(signed('+', &difference.more_keys, " (another key)"));
    parts.extend(signed('-', &difference.fewer_keys, " (a key)"));
    let signing = difference
        .signing
        .iter()
        .map(|name| format!("{name} (may change readers)"));
    parts.extend(signing);
    if parts.is_empty() {
        parts.push("the same readers".to_owned());
    }
    let how = match change.kind {
        Kind::Admit => "the key stays; history back to its making becomes readable",
        Kind::Carve => "a key of its own",
        Kind::NewKey => "a new key",
    };
    let secrets = if change.secrets == 1 {
        "secret"
    } else {
        "secrets"
    };
    format!(
        "readers of {place}: {}  ({} {secrets}; {how})",
        parts.join("  "),
        change.secrets
    )
}

fn table(plan: &Plan, word: impl Fn(Sign) -> &'static str) -> String {
    let rows = plan.rows.iter().map(|row| {
        let sign = row.step.sign();
        (row.name.to_string(), sign, &row.why)
    });
    let attention = plan.attention.iter().map(|attention| {
        let name = attention.name.as_ref().map(ToString::to_string);
        (name.unwrap_or_default(), attention.sign(), &attention.why)
    });
    let mut lines: Vec<_> = rows.chain(attention).collect();
    lines.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    let lines = lines
        .into_iter()
        .map(|(name, sign, why)| (sign.character(), name, word(sign), why.to_string()));
    aligned(lines.collect())
}

fn aligned(lines: Vec<(char, String, &'static str, String)>) -> String {
    let width = lines
        .iter()
        .map(|(_, name, ..)| name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (sign, name, word, why) in lines {
        let why = line(&why);
        text.push_str(format!("  {sign} {name:width$}  {word:<11}  {why}").trim_end());
        text.push('\n');
    }
    text
}

/// What to type next.
fn command(attention: &Attention) -> Option<(String, String)> {
    let name = attention
        .name
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let command = match &attention.why {
        Why::Due { .. } | Why::Seen { .. } => {
            format!("change it where it is used, then `hoziron vault set {name}`")
        }
        Why::Gone { .. } => {
            format!("`hoziron vault restore {name}`, or `hoziron vault remove {name}`")
        }
        Why::Half { private } => format!("`hoziron apply --rotate {private}`"),
        Why::Invalid(_) | Why::Required { .. } => format!("`hoziron vault set {name}`"),
        Why::Mixed { folder, .. } => format!(
            "give everybody of `{folder}` a key of one kind (`hoziron vault members replace-key`), or \
             the others a folder of their own in `[access]`"
        ),
        Why::MoveTaken { names } => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("`hoziron vault remove` all but one of {}", names.join(", "))
        }
        Why::Paired { private } => format!("give values for `{private}` and `{name}`, or for none"),
        Why::Renamed { to } => format!("give the value as `{to}`"),
        Why::Protected { flag, .. } => format!("`hoziron apply` with {flag}"),
        Why::Stale { .. } => {
            format!("`hoziron apply --accept-stale {name}`, if it is what it should be")
        }
        Why::Submitted { .. } => {
            format!("`hoziron vault accept {name}`, once you have looked at it")
        }
        Why::Undeclared { variable, .. } => {
            format!("`hoziron vault set {} --declare`", typed(variable))
        }
        Why::UnmanagedError => {
            format!("`hoziron apply --adopt --key {name}`, or `--prune` instead of `--adopt`")
        }
        Why::Refused(why) if why.contains("unresolved merge") => {
            format!("`hoziron vault resolve {name}`")
        }
        _ => return None,
    };
    Some((name, command))
}

/// One line: how many of what.
pub fn summary(plan: &Plan) -> String {
    let mut counts: Vec<(Sign, usize)> = Vec::new();
    let rows = plan.rows.iter().map(|row| row.step.sign());
    let attention = plan.attention.iter().map(Attention::sign);
    for sign in rows.chain(attention) {
        match counts.iter_mut().find(|(known, _)| *known == sign) {
            Some((_, count)) => *count += 1,
            None => counts.push((sign, 1)),
        }
    }
    if plan.is_empty() {
        let secrets = if plan.unchanged == 1 {
            "secret matches"
        } else {
            "secrets match"
        };
        let same = format!("No changes. {} {secrets} the manifest.", plan.unchanged);
        let by_hand = counts.iter().find(|(sign, _)| *sign == Sign::MustRotate);
        return match by_hand {
            Some((_, count)) => format!("{same} {count} to change by hand."),
            None => same,
        };
    }
    counts.sort_unstable();
    let mut parts: Vec<String> = counts
        .iter()
        .filter(|(sign, _)| *sign != Sign::Note)
        .map(|(sign, count)| match sign {
            Sign::Blocked => format!("{count} blocked"),
            Sign::Input if *count == 1 => "1 needs input".to_owned(),
            Sign::Input => format!("{count} need input"),
            Sign::MustRotate => format!("{count} to change by hand"),
            sign => format!("{count} to {}", sign.word()),
        })
        .collect();
    if !plan.folders.is_empty() {
        let count = plan.folders.len();
        let folders = if count == 1 { "folder" } else { "folders" };
        parts.insert(0, format!("readers of {count} {folders} change"));
    }
    parts.push(format!("{} unchanged", plan.unchanged));
    parts.join(", ")
}

#[derive(Serialize)]
struct PlanJson {
    format_version: u64,
    folders: Vec<FolderJson>,
    steps: Vec<StepJson>,
    attention: Vec<AttentionJson>,
    unchanged: usize,
    verified: bool,
    recipients_digest: Option<String>,
}

#[derive(Serialize)]
struct FolderJson {
    folder: String,
    readers: Vec<String>,
    joining: Vec<String>,
    leaving: Vec<String>,
    new_key: bool,
    secrets: usize,
}

impl FolderJson {
    fn of(change: &FolderChange) -> Self {
        let names = |names: &[crate::domain::ReaderName]| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let difference = &change.difference;
        Self {
            folder: change.folder.to_string(),
            readers: change
                .after
                .iter()
                .map(|reader| reader.name.to_string())
                .collect(),
            joining: names(&[&difference.joining[..], &difference.more_keys].concat()),
            leaving: names(&[&difference.leaving[..], &difference.fewer_keys].concat()),
            new_key: change.renews(),
            secrets: change.secrets,
        }
    }
}

#[derive(Serialize)]
struct StepJson {
    name: String,
    action: &'static str,
    reason: String,
}

#[derive(Serialize)]
struct AttentionJson {
    name: Option<String>,
    action: &'static str,
    reason: String,
    command: Option<String>,
}

impl AttentionJson {
    fn of(attention: &Attention) -> Self {
        Self {
            name: attention.name.as_ref().map(ToString::to_string),
            action: attention.sign().word(),
            reason: attention.why.to_string(),
            command: command(attention).map(|(_, command)| command),
        }
    }
}
