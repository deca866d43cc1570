//! What `set`, `generate` and `rename` share: sealing a value as the next revision of a name, under
//! the writer's lock, unless the same value is there already.

use jiff::Timestamp;

use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{SecretName, SecretValue};
use crate::people::{FolderKeys, OpenError, Opened};
use crate::sealed::{self, Content, Facts, Trail};
use crate::vault::{LockedVault, Target, Vault};

/// What came of sealing a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// There was none of this name.
    Created,
    /// The same value was there; nothing was written.
    Unchanged,
    /// There was another value.
    Updated,
}

/// Seals `value` as the next revision of `name`, and makes it durable.
pub fn seal(
    workspace: &mut Workspace<'_>,
    keys: &FolderKeys,
    name: &SecretName,
    value: &SecretValue,
    ui: &Ui,
) -> Result<Sealed, Failure> {
    let what = || format!("cannot seal `{name}`");
    let mut locked = workspace.lock(ui)?;
    let previous = previous(keys, locked.vault(), name, ui)?;
    if let Some((found, _)) = &previous
        && found.get().same_as(value)
    {
        return Ok(Sealed::Unchanged);
    }
    refuse_twin(locked.vault(), name)?;
    let facts = next(
        keys,
        locked.vault(),
        name,
        previous.as_ref().map(|(_, facts)| facts),
    )?;
    put(&mut locked, keys, name, value, &facts)?;
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    Ok(if previous.is_some() {
        Sealed::Updated
    } else {
        Sealed::Created
    })
}

/// Stages a sealed file.
pub fn put(
    locked: &mut LockedVault<'_>,
    keys: &FolderKeys,
    name: &SecretName,
    value: &SecretValue,
    facts: &Facts,
) -> Result<(), Failure> {
    let what = || format!("cannot seal `{name}`");
    let key = keys.for_folder(locked.vault(), &name.folder());
    let key = key.map_err(|error| Failure::of(what(), &error))?;
    let file = sealed::seal(value, name, facts, key, keys.readers().recipients())
        .map_err(|error| Failure::of(what(), &error))?;
    locked
        .put(Target::Sealed(name.clone()), file)
        .map_err(|error| Failure::of(what(), &error))
}

/// Opens what is there now. A file that is not to be trusted is replaced, with a warning: nothing
/// that could be handed out is lost by it.
fn previous(
    keys: &FolderKeys,
    vault: &Vault,
    name: &SecretName,
    ui: &Ui,
) -> Result<Option<Opened>, Failure> {
    match keys.opener(vault).open(name) {
        Ok(found) => Ok(found),
        Err(OpenError::Sealed(sealed::SealedError::Conflict)) => Err(Failure::of(
            format!("cannot replace `{name}`"),
            &sealed::SealedError::Conflict,
        )),
        Err(OpenError::Sealed(error)) => {
            ui.warn(&format!("the file of `{name}` was replaced; {error}"));
            Ok(None)
        }
        Err(error) => Err(Failure::of(format!("cannot replace `{name}`"), &error)),
    }
}

/// The facts of a new value: a trail of its own, a revision that never goes back.
fn next(
    keys: &FolderKeys,
    vault: &Vault,
    name: &SecretName,
    previous: Option<&Facts>,
) -> Result<Facts, Failure> {
    let key = keys
        .for_folder(vault, &name.folder())
        .map_err(|error| Failure::of(format!("cannot seal `{name}`"), &error))?;
    let now = now();
    Ok(Facts {
        trail: Trail::start(key.id()),
        revision: revision(previous, now),
        value_time: now,
        content: Content::Value,
    })
}

/// `max(previous + 1, Unix seconds)`: removing and setting again never goes back.
pub fn revision(previous: Option<&Facts>, now: u64) -> u64 {
    previous.map_or(now, |facts| facts.revision.saturating_add(1).max(now))
}

/// Unix seconds; a clock before 1970 counts as 0.
pub fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

/// Two names that differ only in case cannot both be checked out everywhere.
pub fn refuse_twin(vault: &Vault, name: &SecretName) -> Result<(), Failure> {
    let what = || format!("cannot seal `{name}`");
    let inventory = vault
        .inventory()
        .map_err(|error| Failure::of(what(), &error))?;
    let twin = inventory
        .names
        .iter()
        .find(|known| *known != name && known.folded() == name.folded());
    match twin {
        Some(twin) => Err(Failure::new(what(), Exit::Error)
            .cause(format!("`{twin}` is there, and differs only in case"))
            .hint(format!("use `{twin}`, or rename it first"))),
        None => Ok(()),
    }
}
