//! What verifying showed, as lines for people and as JSON for programs: one line for whatever is not as
//! it should be, and a summary. Values are never there.

use serde::Serialize;

use crate::cli::display::line;
use crate::workspace::{Report, Verdict};

/// Renders a report.
pub fn text(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut counts = [0; 4];
    for (name, verdict) in &report.files {
        let (count, said) = match verdict {
            Verdict::Sound(_) => (0, None),
            Verdict::Drift(why) => (1, Some(format!("  ~ {name}  reseal  {why}"))),
            Verdict::Locked(readers) => (
                2,
                Some(format!(
                    "  ? {name}  locked  none of your keys opens it; {readers} can"
                )),
            ),
            Verdict::Untrusted(why) => (3, Some(format!("  ! {name}  refused  {why}"))),
        };
        counts[count] += 1;
        lines.extend(said);
    }
    for why in report.around.iter().chain(&report.past) {
        lines.push(format!("  ! {why}"));
    }
    lines.extend(report.notes.iter().map(|note| format!("  # {note}")));
    let mut text: String = lines
        .iter()
        .map(|text| format!("{}\n", line(text)))
        .collect();
    if !text.is_empty() {
        text.push('\n');
    }
    let [sound, drift, locked, untrusted] = counts;
    let untrusted = untrusted + report.around.len() + report.past.len();
    let mut parts = vec![format!("{sound} verified")];
    for (count, word) in [
        (drift, "to reseal (`hoziron apply`)"),
        (locked, "not opened"),
        (untrusted, "not to be trusted"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    text.push_str(&parts.join(", "));
    text
}

/// Renders a report as JSON.
pub fn json(report: &Report) -> String {
    let secrets = report.files.iter().map(|(name, verdict)| {
        let (state, reason) = match verdict {
            Verdict::Sound(_) => ("verified", None),
            Verdict::Drift(why) => ("reseal", Some(why.clone())),
            Verdict::Locked(readers) => ("locked", Some(format!("read by {readers}"))),
            Verdict::Untrusted(why) => ("refused", Some(why.clone())),
        };
        SecretJson {
            name: name.to_string(),
            state,
            reason,
        }
    });
    let shape = ReportJson {
        format_version: 1,
        secrets: secrets.collect(),
        refused: report.around.clone(),
        history: report.past.clone(),
        notes: report.notes.clone(),
    };
    serde_json::to_string_pretty(&shape).expect("texts and numbers are JSON")
}

#[derive(Serialize)]
struct ReportJson {
    format_version: u32,
    secrets: Vec<SecretJson>,
    refused: Vec<String>,
    history: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct SecretJson {
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}
