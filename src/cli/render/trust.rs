//! Which vaults a user trusts, as text and as JSON.

use serde::Serialize;

use crate::cli::trusting::Reason;
use crate::domain::VaultId;

/// A vault that this user knows.
pub struct Known {
    /// Its id.
    pub id: VaultId,
    /// The id in words.
    pub words: String,
    /// Where the user has worked in it.
    pub homes: Vec<String>,
    /// Whether it is the one at hand.
    pub is_here: bool,
    /// Why it is trusted.
    pub reasons: Vec<Reason>,
    /// The keys that were accepted.
    pub heads: Vec<Head>,
}

/// An accepted key.
#[derive(Serialize)]
pub struct Head {
    /// Whose.
    pub folder: String,
    /// Counts the folder's keys, from 1.
    pub epoch: u32,
    /// The key's id.
    pub key: String,
}

/// The vaults, a few lines each.
pub fn text(vaults: &[Known]) -> String {
    let one = |vault: &Known| {
        let here = if vault.is_here { "  (here)" } else { "" };
        let mut lines = vec![
            format!("{}{here}", vault.id),
            format!("  words    {}", vault.words),
        ];
        if vault.reasons.is_empty() {
            lines.push("  trusted  no, as far as is known here".to_owned());
        }
        let reasons = vault.reasons.iter();
        lines.extend(reasons.map(|reason| format!("  trusted  {}", reason.sentence())));
        lines.extend(vault.homes.iter().map(|home| format!("  home     {home}")));
        let heads = vault.heads.iter();
        lines.extend(heads.map(|head| {
            format!(
                "  key      {} number {} ({})",
                head.folder, head.epoch, head.key
            )
        }));
        lines.join("\n")
    };
    vaults.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[derive(Serialize)]
struct Document<'a> {
    format_version: u32,
    vaults: Vec<VaultJson<'a>>,
}

#[derive(Serialize)]
struct VaultJson<'a> {
    id: &'a str,
    words: &'a str,
    here: bool,
    /// `founder`, `named` or `said`; none: not trusted, as far as is known here.
    trusted: Vec<&'static str>,
    homes: &'a [String],
    heads: &'a [Head],
}

/// The vaults.
pub fn json(vaults: &[Known]) -> String {
    let vaults = vaults.iter().map(|vault| VaultJson {
        id: vault.id.as_str(),
        words: &vault.words,
        here: vault.is_here,
        trusted: vault.reasons.iter().map(|reason| reason.word()).collect(),
        homes: &vault.homes,
        heads: &vault.heads,
    });
    let document = Document {
        format_version: 1,
        vaults: vaults.collect(),
    };
    serde_json::to_string_pretty(&document).expect("these structures always serialise")
}
