//! What `set`, `remove` and `rename` do to the manifest: a declaration more, less, or under another
//! name. It is staged beside the sealed files, so that both change or neither does. What comes out
//! must be a manifest that makes sense; otherwise nothing is written.

use crate::cli::failure::{Exit, Failure};
use crate::cli::hint::Advise;
use crate::domain::SecretName;
use crate::manifest::{EditError, Manifest, ManifestErrors, declare, rename, undeclare};
use crate::vault::{LockedVault, Target};

/// A change of the manifest.
#[derive(Clone, Copy)]
pub enum Edit<'a> {
    /// Secrets are declared, those that are not.
    Declare(&'a [&'a SecretName]),
    /// A declaration, if there is one, gets another name.
    Rename(&'a SecretName, &'a SecretName),
    /// A declaration, if there is one, is taken back.
    Undeclare(&'a SecretName),
}

/// Whether a manifest was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// It was.
    Changed,
    /// There was nothing to change.
    Unchanged,
}

/// Stages a change of the manifest.
pub fn stage(locked: &mut LockedVault<'_>, edit: Edit<'_>, what: &str) -> Result<Edited, Failure> {
    let bytes = locked
        .vault()
        .manifest()
        .map_err(|error| Failure::of(what, &error))?
        .unwrap_or_default();
    let before = String::from_utf8_lossy(&bytes);
    let after = match edit.carry_out(&before) {
        Err(EditError::Missing) => before.to_string(),
        edited => edited.map_err(|error| Failure::of(what, &error))?,
    };
    let manifest = Manifest::parse(after.as_bytes())
        .map_err(|errors| refused(what, &before, &after, &errors))?;
    if let Edit::Rename(name, _) | Edit::Undeclare(name) = edit
        && let Some(declaration) = manifest.declarations.get(name)
    {
        let line = declaration.line;
        return Err(Failure::new(what, Exit::Error)
            .cause(format!(
                "line {line} of `hoziron.toml` makes it together with another secret"
            ))
            .hint("change `public` there first"));
    }
    if after == before {
        return Ok(Edited::Unchanged);
    }
    locked
        .put(Target::Manifest, after.into_bytes())
        .map_err(|error| Failure::of(what, &error))?;
    Ok(Edited::Changed)
}

impl Edit<'_> {
    fn carry_out(self, text: &str) -> Result<String, EditError> {
        match self {
            Self::Declare(names) => declare(text, names.iter().copied()),
            Self::Rename(from, to) => rename(text, from, to),
            Self::Undeclare(name) => undeclare(text, name),
        }
    }
}

/// Names the lines as they are now, not as they would be.
fn refused(what: &str, before: &str, after: &str, errors: &ManifestErrors) -> Failure {
    let same = before.lines().zip(after.lines());
    let same = same.take_while(|(before, after)| before == after).count();
    let lines = |text: &str| text.lines().count();
    let behind = |line: usize| (line + lines(before)).saturating_sub(lines(after));
    let mut failure = Failure::new(what, errors.advise().exit);
    for error in errors.problems() {
        let line = if error.line > same {
            behind(error.line)
        } else {
            error.line
        };
        failure = failure.cause(format!(
            "line {line} of `hoziron.toml` would be wrong: {}",
            error.problem
        ));
    }
    failure
        .hint("change `hoziron.toml` by hand first: something in it needs the declaration as it is")
}
