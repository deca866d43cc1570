//! What `exec` and `export` share: from the selection to the opened variables.

use crate::cli::args::Selection;
use crate::cli::failure::{Failure, sentence};
use crate::cli::hint::Advise;
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};
use crate::domain::VarName;
use crate::env::Variables;
use crate::env::resolve::{ResolveError, only, open_all, select};

/// Opens every variable of the selection that the process environment does not set itself.
pub fn gather(
    selection: &Selection,
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<Variables, Failure> {
    let what = "cannot hand out the secrets";
    let profile = selection
        .profile
        .clone()
        .or_else(|| workspace.environment().profile());
    let profile = profile.as_deref().map(workspace::folder).transpose()?;
    let inventory = workspace
        .vault()
        .inventory()
        .map_err(|error| Failure::of(what, &error))?;
    let mut chosen =
        select(&inventory, profile.as_ref()).map_err(|error| Failure::of(what, &error))?;
    if !selection.only.is_empty() {
        let wanted = selection
            .only
            .iter()
            .map(|name| variable(name))
            .collect::<Result<Vec<_>, _>>()?;
        chosen = only(chosen, &wanted).map_err(|error| Failure::of(what, &error))?;
    }
    chosen.retain(|variable, name| {
        let set = workspace.environment().sets(name);
        if set {
            ui.detail(&format!("`{variable}` comes from the process environment"));
        }
        !set
    });
    if chosen.is_empty() {
        return Ok(Variables::default());
    }
    let keys = workspace.keys(ui)?;
    open_all(keys.opener(workspace.vault()), chosen).map_err(|error| refused(what, &error))
}

fn variable(text: &str) -> Result<VarName, Failure> {
    VarName::parse(text)
        .map_err(|error| Failure::of(format!("`{text}` is not a variable's name"), &error))
}

/// Names every secret that is not handed out, with its reason.
fn refused(what: &str, error: &ResolveError) -> Failure {
    let ResolveError::Refused(refusals) = error else {
        return Failure::of(what, error);
    };
    let advice = error.advise();
    let failure = refusals
        .iter()
        .fold(Failure::new(what, advice.exit), |failure, (name, why)| {
            let why = why
                .as_ref()
                .map_or_else(|| "it is gone".to_owned(), |why| sentence(why));
            failure.cause(format!("`{name}`: {why}"))
        });
    match advice.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
