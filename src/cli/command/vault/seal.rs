//! What `set`, `generate`, `edit`, `import` and `rename` share: sealing values as the next revisions
//! of their names, under the writer's lock, all of them or none, and none that is there already.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::cli::command::vault::declared::{Edit, Edited, stage};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{FolderName, SecretName, SecretValue};
use crate::people::{Digest, FolderKeys, OpenError, Opened, Stale};
use crate::sealed::{self, Content, Facts, FramingError, MAX_FILE, SealedError, Trail};
use crate::vault::{LockedVault, Submitted, Target, Vault};

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

/// Seals one value as the next revision of its name, and makes it durable; one that is not what its
/// declaration asks for is refused.
pub fn seal(
    workspace: &mut Workspace<'_>,
    keys: &FolderKeys,
    name: &SecretName,
    value: &SecretValue,
    declare: Declare,
    ui: &Ui,
) -> Result<Sealed, Failure> {
    let fits = workspace.manifest().check(name, value);
    fits.map_err(|error| Failure::of(format!("cannot seal `{name}`"), &error))?;
    let along = Along {
        declare,
        taken: &[],
    };
    Ok(seal_all(workspace, keys, &[(name, value)], along, ui)?[0])
}

/// Whether what is sealed is declared, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declare {
    /// In the same step.
    Add,
    /// The manifest is left as it is.
    Leave,
}

/// What happens in the same step.
#[derive(Clone, Copy, Debug)]
pub struct Along<'a> {
    /// Whether what is sealed is declared, too.
    pub declare: Declare,
    /// Where the values were submitted, and the digests of those files: they are removed, unless
    /// they are not what they were.
    pub taken: &'a [(Submitted, Digest)],
}

/// What was written under a name.
struct Written<'n> {
    name: &'n SecretName,
    revision: u64,
    file: Vec<u8>,
}

/// Seals values as the next revisions of their names: all of them become durable, or none.
pub fn seal_all(
    workspace: &mut Workspace<'_>,
    keys: &FolderKeys,
    values: &[(&SecretName, &SecretValue)],
    along: Along<'_>,
    ui: &Ui,
) -> Result<Vec<Sealed>, Failure> {
    let mut outcomes = Vec::with_capacity(values.len());
    let mut written = Vec::new();
    workspace.let_go();
    let seen = workspace.seen().unwrap_or_default();
    let mut locked = workspace.lock(ui)?;
    for (submitted, digest) in along.taken {
        take(&mut locked, submitted, digest)?;
    }
    let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
    refuse_twins(locked.vault(), &names)?;
    for &(name, value) in values {
        let previous = previous(keys, locked.vault(), name, ui)?;
        let outcome = compare(previous.as_ref(), value);
        outcomes.push(outcome);
        if outcome == Sealed::Unchanged {
            continue;
        }
        let seen = seen.as_ref().and_then(|seen| seen.floor(name));
        let last = previous.as_ref().map(|(_, facts)| facts.revision).max(seen);
        let facts = next(keys, locked.vault(), name, last)?;
        written.push(put(&mut locked, keys, name, value, &facts)?);
    }
    let what = || match values {
        [(name, _)] => format!("cannot seal `{name}`"),
        _ => "cannot seal the values".to_owned(),
    };
    let declared = match along.declare {
        Declare::Add => stage(&mut locked, Edit::Declare(&names), &what())?,
        Declare::Leave => Edited::Unchanged,
    };
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    remember(workspace, keys, None, &written, ui);
    if let (Edited::Changed, [name]) = (declared, &*names) {
        ui.note(&format!("declared `{name}` in `hoziron.toml`"));
    }
    Ok(outcomes)
}

/// What becomes of a secret whose value gets another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It is removed in the same step.
    Goes,
    /// It is left as it is.
    Stays,
}

/// Seals a secret's value under another name that is not taken: the same value, so its age and its
/// trail stay.
pub fn seal_again(
    workspace: &mut Workspace<'_>,
    from: &SecretName,
    to: &SecretName,
    first: First,
    ui: &Ui,
) -> Result<(), Failure> {
    let verb = if first == First::Goes {
        "rename"
    } else {
        "copy"
    };
    let what = || format!("cannot {verb} `{from}` to `{to}`");
    let keys = workspace.keys(&[from.folder(), to.folder()], ui)?;
    workspace.let_go();
    let seen = workspace.seen().unwrap_or_default();
    let mut locked = workspace.lock(ui)?;
    let taken = locked
        .vault()
        .has(to)
        .map_err(|error| Failure::of(what(), &error))?;
    let found = keys.opener(locked.vault()).open(from);
    let Some((value, facts)) = found.map_err(|error| Failure::of(what(), &error))? else {
        return Err(Failure::new(what(), Exit::Error)
            .cause(format!("there is no secret `{from}`"))
            .hint("`hoziron vault list` shows the names"));
    };
    if taken {
        return Err(Failure::new(what(), Exit::Error)
            .cause(format!("`{to}` is there already"))
            .hint(format!("remove it first: `hoziron vault remove {to}`")));
    }
    // A secret that goes may come back in other letters.
    if first == First::Stays || from.folded() != to.folded() {
        refuse_twins(locked.vault(), &[to])?;
    }
    let last = facts.revision;
    let floor = seen.and_then(|seen| seen.floor(to));
    let facts = Facts {
        revision: revision(Some(last).max(floor), now()),
        ..facts
    };
    let written = put(&mut locked, &keys, to, value.get(), &facts)?;
    if first == First::Goes {
        let gone = Target::Sealed(from.clone());
        locked
            .remove(gone)
            .map_err(|error| Failure::of(what(), &error))?;
        stage(&mut locked, Edit::Rename(from, to), &what())?;
    }
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    let gone = (first == First::Goes).then_some((from, last));
    remember(workspace, &keys, gone, &[written], ui);
    Ok(())
}

/// Seals a value that was there before as the next revision of its name: its age and its trail stay.
pub fn seal_former(
    workspace: &mut Workspace<'_>,
    keys: &FolderKeys,
    name: &SecretName,
    (value, facts): &Opened,
    ui: &Ui,
) -> Result<(), Failure> {
    let what = || format!("cannot seal `{name}`");
    workspace.let_go();
    let seen = workspace.seen().unwrap_or_default();
    let mut locked = workspace.lock(ui)?;
    refuse_twins(locked.vault(), &[name])?;
    let there = keys.opener_of(locked.vault(), Stale::Allow).open(name);
    let there = there.ok().flatten().map(|(_, facts)| facts.revision);
    let mark = seen.and_then(|seen| seen.floor(name));
    let facts = Facts {
        revision: revision(there.max(mark).max(Some(facts.revision)), now()),
        ..facts.clone()
    };
    let written = put(&mut locked, keys, name, value.get(), &facts)?;
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    remember(workspace, keys, None, &[written], ui);
    Ok(())
}

/// Says what sealing a value would come to.
pub fn compare(previous: Option<&Opened>, value: &SecretValue) -> Sealed {
    match previous {
        None => Sealed::Created,
        Some((found, _)) if found.get().same_as(value) => Sealed::Unchanged,
        Some(_) => Sealed::Updated,
    }
}

/// Remembers what the user wrote himself: each file, and the keys that it was sealed under.
fn remember(
    workspace: &Workspace<'_>,
    keys: &FolderKeys,
    gone: Option<(&SecretName, u64)>,
    written: &[Written<'_>],
    ui: &Ui,
) {
    workspace.remember(
        |seen| {
            let forgot = gone.is_some_and(|(gone, last)| seen.remove(gone, Some(last)));
            let each = written.iter();
            each.fold(forgot, |any, one| {
                seen.seal(one.name, one.revision, &one.file) | any
            })
        },
        ui,
    );
    let folders: BTreeSet<FolderName> = written
        .iter()
        .flat_map(|one| one.name.folder().ancestry())
        .collect();
    let chains = folders
        .iter()
        .filter_map(|folder| keys.chain(workspace.vault(), folder).ok()?.known());
    workspace.accept_heads(chains, ui);
}

/// Stages the removal of what was submitted, if it is still what was looked at.
fn take(
    locked: &mut LockedVault<'_>,
    submitted: &Submitted,
    digest: &Digest,
) -> Result<(), Failure> {
    let what = || format!("cannot accept `{submitted}`");
    let target = Target::Inbox(submitted.clone());
    let there = locked.vault().read_target(&target, MAX_FILE as u64);
    let there = there.map_err(|error| Failure::of(what(), &error))?;
    if there.is_none_or(|file| Digest::of(&file) != *digest) {
        return Err(Failure::new(what(), Exit::Stale)
            .cause("it was changed or removed while it was looked at")
            .hint("run the command again"));
    }
    locked
        .remove(target)
        .map_err(|error| Failure::of(what(), &error))
}

/// Stages a sealed file.
fn put<'n>(
    locked: &mut LockedVault<'_>,
    keys: &FolderKeys,
    name: &'n SecretName,
    value: &SecretValue,
    facts: &Facts,
) -> Result<Written<'n>, Failure> {
    let what = || format!("cannot seal `{name}`");
    let head = keys.head(locked.vault(), &name.folder());
    let head = head.map_err(|error| Failure::of(what(), &error))?;
    let facts = Facts {
        trail: facts.trail.clone().under(head.key.id()),
        ..facts.clone()
    };
    let to = head.readers.addressees();
    let file = sealed::seal(value, name, &facts, &head.key, to, keys.plugins())
        .map_err(|error| Failure::of(what(), &error))?;
    locked
        .put(Target::Sealed(name.clone()), file.clone())
        .map_err(|error| Failure::of(what(), &error))?;
    Ok(Written {
        name,
        revision: facts.revision,
        file,
    })
}

/// Opens what is there now. A file that is not to be trusted is replaced, with a warning: nothing
/// that could be handed out is lost by it.
fn previous(
    keys: &FolderKeys,
    vault: &Vault,
    name: &SecretName,
    ui: &Ui,
) -> Result<Option<Opened>, Failure> {
    let what = || format!("cannot replace `{name}`");
    match keys.opener(vault).open(name) {
        Ok(found) => Ok(found),
        // These are whole: another version, another key or a checkout opens them.
        Err(
            error @ OpenError::Sealed(
                SealedError::Conflict
                | SealedError::Damaged(FramingError::LineEndings | FramingError::Markers)
                | SealedError::Newer
                | SealedError::UnknownKey(_),
            ),
        ) => Err(Failure::of(what(), &error)),
        Err(error @ (OpenError::RolledBack { .. } | OpenError::Sealed(_))) => {
            ui.warn(&format!("the file of `{name}` is replaced; {error}"));
            Ok(None)
        }
        Err(error) => Err(Failure::of(what(), &error)),
    }
}

/// The facts of a new value: a trail of its own, a revision that never goes back.
fn next(
    keys: &FolderKeys,
    vault: &Vault,
    name: &SecretName,
    last: Option<u64>,
) -> Result<Facts, Failure> {
    let head = keys
        .head(vault, &name.folder())
        .map_err(|error| Failure::of(format!("cannot seal `{name}`"), &error))?;
    let now = now();
    Ok(Facts {
        trail: Trail::start(head.key.id()),
        revision: revision(last, now),
        value_time: now,
        content: Content::Value,
    })
}

/// `max(last + 1, Unix seconds)`, the last one being the file's or the highest this user has seen:
/// removing and setting again never goes back, whatever the clock says.
fn revision(last: Option<u64>, now: u64) -> u64 {
    last.map_or(now, |last| last.saturating_add(1).max(now))
}

/// Unix seconds; a clock before 1970 counts as 0.
pub fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

/// Two names that differ only in case cannot both be checked out everywhere.
fn refuse_twins(vault: &Vault, names: &[&SecretName]) -> Result<(), Failure> {
    let what = "cannot seal under this name";
    let inventory = vault
        .inventory()
        .map_err(|error| Failure::of(what, &error))?;
    let mut known: HashMap<String, &SecretName> = HashMap::new();
    for name in inventory.names.iter().chain(names.iter().copied()) {
        match known.insert(name.folded(), name) {
            Some(twin) if twin != name => {
                return Err(Failure::new(format!("cannot seal `{name}`"), Exit::Error)
                    .cause(format!("`{twin}` differs only in case"))
                    .hint(format!("use `{twin}`, or rename it first")));
            }
            _ => {}
        }
    }
    Ok(())
}
