//! Carrying a recorded change out, and taking it back. Forward, every step may be repeated and ends
//! the same; backward, new content returns to the stage before old content returns to its place, so
//! that being killed on the way back still ends in the whole of the new state. The journal is
//! neither read nor removed here.

use crate::disk::{Dir, DiskError};
use crate::vault::transaction::journal::Operation;
use crate::vault::transaction::stage::Stage;

/// Whether the operations may have been carried out before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Some may: new content that has left the stage was seen in its place.
    Again,
    /// None was.
    First,
}

/// An operation with what it takes to undo it.
pub(super) struct Change {
    pub(super) operation: Operation,
    /// The number in the stage of what it brings, and of what it replaces.
    pub(super) number: u32,
    /// Whether there is old content, which the stage keeps.
    pub(super) replaces: bool,
}

/// Carries the operations out, and flushes every folder that was touched. Operations on the same
/// folder must be neighbours. Notes the folders it makes.
pub(super) fn forward(
    home: &Dir,
    stage: Option<&Stage>,
    operations: &[&Operation],
    pass: Pass,
    made: &mut Vec<String>,
) -> Result<(), DiskError> {
    let folder_of = |operation: &Operation| operation.target().folder();
    for group in operations.chunk_by(|a, b| folder_of(a) == folder_of(b)) {
        let folder = folder_of(group[0]);
        let puts = group
            .iter()
            .any(|operation| matches!(operation, Operation::Put { .. }));
        let (dir, whole) = if puts {
            (make(home, &folder, made)?, true)
        } else {
            nearest(home, &folder)?
        };
        for operation in group {
            match operation {
                Operation::Put {
                    target,
                    stage: number,
                    ..
                } => {
                    let delivered = match stage {
                        Some(stage) => stage.deliver(*number, &dir, &target.file()),
                        None => Ok(()),
                    };
                    match delivered {
                        Err(error)
                            if pass == Pass::Again && error.is(std::io::ErrorKind::NotFound) => {}
                        other => other?,
                    }
                }
                Operation::Remove { target } if whole => drop(dir.unlink(target.file())?),
                Operation::Remove { .. } => {}
            }
        }
        dir.sync()?;
    }
    for operation in operations {
        if let Operation::Remove { target } = operation {
            remove_empty(home, &target.folder());
        }
    }
    Ok(())
}

/// Takes back whatever of the changes was carried out, and flushes it.
pub(super) fn backward(
    home: &Dir,
    stage: &Stage,
    changes: &[Change],
    made: &[String],
) -> Result<(), DiskError> {
    for change in changes.iter().rev() {
        let Operation::Put {
            target,
            stage: number,
            ..
        } = &change.operation
        else {
            continue;
        };
        if stage.holds(*number)? {
            continue;
        }
        if let (dir, true) = nearest(home, &target.folder())? {
            match stage.take_back(*number, &dir, &target.file()) {
                Err(error) if error.is(std::io::ErrorKind::NotFound) => {}
                other => other?,
            }
        }
    }
    stage.sync()?;

    let folder_of = |change: &Change| change.operation.target().folder();
    for group in changes.chunk_by(|a, b| folder_of(a) == folder_of(b)) {
        let (dir, whole) = nearest(home, &folder_of(&group[0]))?;
        for change in group.iter().filter(|change| whole && change.replaces) {
            let file = change.operation.target().file();
            if dir.kind_of(&file)?.is_none() {
                stage.restore(change.number, &dir, &file)?;
            }
        }
        dir.sync()?;
    }
    for folder in made.iter().rev() {
        remove_folder(home, folder);
    }
    Ok(())
}

/// Opens a folder below the home by its path, and says whether all of it is there; if not, this is
/// the nearest folder above that is.
pub(super) fn nearest(home: &Dir, folder: &str) -> Result<(Dir, bool), DiskError> {
    let mut here = home.try_clone()?;
    for part in parts(folder) {
        match here.sub(part)? {
            Some(sub) => here = sub,
            None => return Ok((here, false)),
        }
    }
    Ok((here, true))
}

/// Opens a folder below the home, and makes what is missing of it.
fn make(home: &Dir, folder: &str, made: &mut Vec<String>) -> Result<Dir, DiskError> {
    let mut here = home.try_clone()?;
    let mut path = String::new();
    for part in parts(folder) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
        let (sub, new) = here.sub_or_make(part, 0o777)?;
        if new {
            made.push(path.clone());
        }
        here = sub;
    }
    Ok(here)
}

/// Removes a folder of the vault if it is empty, then those above it, but nothing directly in the
/// home. A folder that stays is no failure: git does not see empty folders.
fn remove_empty(home: &Dir, folder: &str) {
    let mut folder = folder;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if !remove_folder(home, folder) {
            return;
        }
        folder = above;
    }
}

/// Removes an empty folder; says whether it is gone.
fn remove_folder(home: &Dir, folder: &str) -> bool {
    let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
    match nearest(home, above) {
        Ok((dir, true)) => dir.rmdir(name).is_ok(),
        Ok((_, false)) => true,
        Err(_) => false,
    }
}

fn parts(folder: &str) -> impl Iterator<Item = &str> {
    folder.split('/').filter(|part| !part.is_empty())
}
