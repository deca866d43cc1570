//! What the commands about people share: the statements that count beside what is asked for, and the
//! one way in which a recipient file is edited. Nothing here decides who reads.

use std::collections::BTreeMap;

use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{FolderName, ReaderName, Readers, SecretName};
use crate::manifest::Manifest;
use crate::people::{Access, Chains, Directory, RecipientFile, Roster};
use crate::vault::{Target, Vault};

/// Returns what the manifest says of who reads.
pub fn access(manifest: &Manifest) -> Access<'_> {
    Access {
        groups: &manifest.groups,
        folders: &manifest.access,
    }
}

/// Reads every recipient file.
pub fn directory(vault: &Vault) -> Result<Directory, Failure> {
    Directory::load(vault).map_err(|errors| {
        let failure = Failure::new("cannot use the recipient files", Exit::Error);
        let causes = errors.iter().map(ToString::to_string);
        causes.fold(failure, Failure::cause)
    })
}

/// Returns who reads each folder that has keys, as the statements have it; says which are in question.
pub fn accepted(
    vault: &Vault,
    chains: &Chains,
    ui: &Ui,
) -> (BTreeMap<FolderName, Readers>, Soundness) {
    let mut accepted = BTreeMap::new();
    let mut soundness = Soundness::Sound;
    for (folder, chain) in chains.all(vault) {
        let readers = chain.and_then(|chain| {
            if chain.behind().is_some() {
                ui.warn(&format!(
                    "`{folder}` has an older key here than the one you have accepted"
                ));
            }
            Ok(chain.head()?.readers.clone())
        });
        match readers {
            Ok(readers) => drop(accepted.insert(folder, readers)),
            Err(error) => {
                ui.warn(&format!("who reads `{folder}` is in question: {error}"));
                soundness = Soundness::InQuestion;
            }
        }
    }
    (accepted, soundness)
}

/// Whether everything that was looked at counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// Something does not; it was named.
    InQuestion,
    /// All of it.
    Sound,
}

impl Soundness {
    /// How a run ends that showed it.
    pub fn exit(self) -> Exit {
        match self {
            Self::InQuestion => Exit::Untrusted,
            Self::Sound => Exit::Done,
        }
    }
}

/// Returns everybody who reads or is to read.
pub fn roster(
    workspace: &Workspace<'_>,
    chains: &Chains,
    ui: &Ui,
) -> Result<(Roster, Soundness), Failure> {
    let vault = workspace.vault();
    let directory = directory(vault)?;
    let (accepted, soundness) = accepted(vault, chains, ui);
    let desired = directory.desired(access(workspace.manifest()));
    let desired = desired.unwrap_or_else(|errors| {
        for error in errors {
            ui.warn(&format!("it is not clear who should read: {error}"));
        }
        BTreeMap::new()
    });
    Ok((Roster::build(&directory, &accepted, &desired), soundness))
}

/// Returns the names of all secrets.
pub fn secrets(workspace: &Workspace<'_>) -> Result<Vec<SecretName>, Failure> {
    let inventory = workspace.vault().inventory();
    let inventory = inventory.map_err(|error| Failure::of("cannot list the vault", &error))?;
    Ok(inventory.names.into_iter().collect())
}

/// What becomes of a recipient file.
pub enum Edit {
    /// It stays as it is.
    Keep,
    /// It is removed.
    Remove,
    /// It is written anew.
    Write(RecipientFile),
}

/// Edits somebody's recipient file under the writer's lock; says whether anything was changed.
pub fn edit(
    workspace: &mut Workspace<'_>,
    name: &ReaderName,
    decide: impl FnOnce(&Directory, &Manifest) -> Result<Edit, Failure>,
    ui: &Ui,
) -> Result<bool, Failure> {
    let target = Target::Recipient(name.clone());
    let what = || format!("cannot change `{}`", Target::Recipient(name.clone()));
    let manifest = workspace.manifest().clone();
    let mut locked = workspace.lock(ui)?;
    let directory = directory(locked.vault())?;
    let staged = match decide(&directory, &manifest)? {
        Edit::Keep => return Ok(false),
        Edit::Remove => locked.remove(target),
        Edit::Write(file) => locked.put(target, file.text().as_bytes().to_vec()),
    };
    staged.map_err(|error| Failure::of(what(), &error))?;
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    Ok(true)
}

/// What it takes until a change of a recipient file counts.
pub const NEXT: &str =
    "nothing is sealed anew yet: `hoziron plan` shows what it means, `hoziron apply` does it";
