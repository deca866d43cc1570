//! A plan in a file, to be looked at and carried out later: what it was made from and what it would
//! do, as JSON. It holds no value, no digest of one and no new ciphertext. Its first line is a digest
//! of all the rest, so that one changed byte is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{FolderName, Glob, SecretName, VaultId};
use crate::people::Digest;
use crate::plan::{Basis, NewKey, Plan, Wanted};

/// The format of a saved plan that this version reads and writes.
pub const FORMAT_VERSION: u64 = 1;

/// Why a file is not a saved plan.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SavedError {
    /// It was changed, or cut short.
    #[error("it is not what was saved: its digest does not fit")]
    Changed,
    /// Not a saved plan.
    #[error("it is not a saved plan")]
    Malformed,
    /// Written by a later version.
    #[error("it is a plan of format {0}; this hoziron reads format 1")]
    Newer(u64),
}

/// A plan in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPlan {
    /// The vault it is for.
    pub vault: VaultId,
    /// When it was made, in Unix seconds; what is due was decided then.
    pub made: u64,
    /// What was asked for.
    pub wanted: Wanted,
    /// What it was made from.
    pub basis: Basis,
    /// The digests of the manifest and of the recipient files, by their paths below the home.
    pub files: BTreeMap<String, Digest>,
    /// What it would do: one line a step, as it is shown.
    pub lines: Vec<String>,
}

impl SavedPlan {
    /// Returns the lines of a plan, which another plan must have to be the same.
    pub fn lines_of(plan: &Plan) -> Vec<String> {
        let folders = plan.folders.iter().map(|change| {
            let kind = match change.kind {
                crate::people::change::Kind::Admit => "admit",
                crate::people::change::Kind::Carve => "carve",
                crate::people::change::Kind::NewKey => "new key",
            };
            format!(
                "readers of {}: {} ({kind})",
                change.folder,
                change.after.names()
            )
        });
        let rows = plan
            .rows
            .iter()
            .map(|row| format!("{} {}: {}", row.step.sign().word(), row.name, row.why));
        let recipients = plan.recipients_digest();
        let recipients = recipients.map(|digest| format!("recipients {digest}"));
        folders.chain(rows).chain(recipients).collect()
    }

    /// Writes the file.
    pub fn text(&self) -> String {
        let shape = Shape {
            format_version: FORMAT_VERSION,
            vault: self.vault.to_string(),
            made: self.made,
            wanted: WantedShape::of(&self.wanted),
            sealed_files: texts(&self.basis.files),
            folder_keys: texts(&self.basis.folders),
            files: texts(&self.files),
            steps: self.lines.clone(),
        };
        let body = serde_json::to_string_pretty(&shape).expect("texts and numbers are JSON");
        let body = body
            .strip_prefix('{')
            .expect("an object begins with a brace");
        format!("{}{}{END}{body}\n", START, Digest::of(body.as_bytes()))
    }

    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, SavedError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SavedError::Malformed)?;
        let rest = text.strip_prefix(START).ok_or(SavedError::Malformed)?;
        let (digest, body) = rest.split_once(END).ok_or(SavedError::Malformed)?;
        let body = body.strip_suffix('\n').ok_or(SavedError::Changed)?;
        if Digest::parse(digest) != Some(Digest::of(body.as_bytes())) {
            return Err(SavedError::Changed);
        }
        let body = format!("{{{body}");
        let format: FormatShape = serde_json::from_str(&body).map_err(|_| SavedError::Malformed)?;
        if format.format_version != FORMAT_VERSION {
            return Err(SavedError::Newer(format.format_version));
        }
        let shape: Shape = serde_json::from_str(&body).map_err(|_| SavedError::Malformed)?;
        shape.read().ok_or(SavedError::Malformed)
    }
}

const START: &str = "{\n  \"sha256\": \"";
const END: &str = "\",";

fn texts<K: ToString>(digests: &BTreeMap<K, Digest>) -> BTreeMap<String, String> {
    let texts = digests.iter();
    texts
        .map(|(key, digest)| (key.to_string(), digest.to_string()))
        .collect()
}

#[derive(Deserialize)]
struct FormatShape {
    format_version: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    format_version: u64,
    vault: String,
    made: u64,
    wanted: WantedShape,
    sealed_files: BTreeMap<String, String>,
    folder_keys: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    steps: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WantedShape {
    key: Vec<String>,
    profile: Option<String>,
    prune: bool,
    adopt: bool,
    rotate: Vec<String>,
    accept_stale: Vec<String>,
    new_key: String,
}

const NEW_KEYS: [(NewKey, &str); 3] = [
    (NewKey::Always, "always"),
    (NewKey::WhereNeeded, "where-needed"),
    (NewKey::WithEveryChange, "with-every-change"),
];

impl WantedShape {
    fn of(wanted: &Wanted) -> Self {
        let globs = |globs: &[Glob]| globs.iter().map(|glob| glob.as_str().to_owned()).collect();
        let new_key = NEW_KEYS.iter().find(|(key, _)| *key == wanted.new_key);
        Self {
            key: globs(&wanted.keys),
            profile: wanted.profile.as_ref().map(ToString::to_string),
            prune: wanted.prune,
            adopt: wanted.adopt,
            rotate: globs(&wanted.rotate),
            accept_stale: globs(&wanted.accept_stale),
            new_key: new_key.map_or("", |(_, text)| text).to_owned(),
        }
    }

    fn read(&self) -> Option<Wanted> {
        let globs = |globs: &[String]| globs.iter().map(|glob| Glob::new(glob)).collect();
        let profile = match &self.profile {
            Some(profile) => Some(FolderName::parse(profile).ok()?),
            None => None,
        };
        let new_key = NEW_KEYS.iter().find(|(_, text)| *text == self.new_key)?;
        Some(Wanted {
            keys: globs(&self.key),
            profile,
            prune: self.prune,
            adopt: self.adopt,
            rotate: globs(&self.rotate),
            accept_stale: globs(&self.accept_stale),
            new_key: new_key.0,
        })
    }
}

impl Shape {
    fn read(self) -> Option<SavedPlan> {
        let digest = |text: &String| Digest::parse(text);
        let files = self.sealed_files.iter();
        let files = files
            .map(|(name, text)| Some((SecretName::parse(name).ok()?, digest(text)?)))
            .collect::<Option<_>>()?;
        let folders = self.folder_keys.iter();
        let folders = folders
            .map(|(folder, text)| Some((FolderName::parse(folder).ok()?, digest(text)?)))
            .collect::<Option<_>>()?;
        let others = self.files.iter();
        Some(SavedPlan {
            vault: VaultId::parse(&self.vault).ok()?,
            made: self.made,
            wanted: self.wanted.read()?,
            basis: Basis { files, folders },
            files: others
                .map(|(path, text)| Some((path.clone(), digest(text)?)))
                .collect::<Option<_>>()?,
            lines: self.steps,
        })
    }
}
