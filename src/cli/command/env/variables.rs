//! What the `env` commands share: from the selection to the sources, and from there to the values.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use crate::cli::args::{Reading, Selection};
use crate::cli::display::{typed, word};
use crate::cli::failure::{Exit, Failure, sentence};
use crate::cli::hint::Advise;
use crate::cli::render::place;
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};
use crate::domain::{FolderName, SecretName, SecretValue, VarName};
use crate::env::credentials::{load_config, missing};
use crate::env::exec::Inherit;
use crate::env::resolve::{ResolveError, open_all};
use crate::env::select::{Absence, Chosen, Missing, select};
use crate::env::sources::{Prefer, SelectError, Source, Sources};
use crate::env::{Local, Variables};
use crate::manifest::{Manifest, Origin};
use crate::repository::tracked;

/// The variables of a selection and where they come from.
pub struct Selected {
    /// The sources.
    pub sources: Sources,
    /// The `.env`, if there is one.
    pub local: Option<Local>,
    /// How far values are trusted.
    pub reading: Reading,
}

impl Selected {
    /// Returns where any variable comes from, one that only the process environment has included.
    pub fn source_of(&self, variable: &VarName, workspace: &Workspace<'_>) -> Option<Source> {
        let process = workspace
            .environment()
            .get(variable.as_str())
            .map(|_| Source::Process);
        self.sources.of(variable).cloned().or(process)
    }
}

/// Opens every secret of the vault, for a comparison.
pub fn open_every_secret(
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<Vec<(SecretName, SecretValue)>, Failure> {
    let what = "cannot compare with the vault's values";
    let inventory = workspace
        .vault()
        .inventory()
        .map_err(|error| Failure::of(what, &error))?;
    let folders: BTreeSet<_> = inventory.names.iter().map(SecretName::folder).collect();
    let folders: Vec<_> = folders.into_iter().collect();
    let keys = workspace.keys(&folders, ui)?;
    let mut opener = keys.opener(workspace.vault());
    let mut all = Vec::with_capacity(inventory.names.len());
    for name in inventory.names {
        let found = opener.open(&name);
        let found = found.map_err(|error| Failure::of(format!("cannot open `{name}`"), &error))?;
        all.extend(found.map(|(value, _)| (name, value.into_inner())));
    }
    Ok(all)
}

/// Decides where every variable of the selection comes from. Opens nothing.
pub fn sources(
    selection: &Selection,
    inherit: Inherit,
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<Selected, Failure> {
    let what = "cannot choose the variables";
    let profile = profile(selection.profile.as_deref(), workspace)?;
    let local = local(workspace, ui)?;
    let chosen = choose(what, profile.as_ref(), workspace)?;
    let prefer = if selection.prefer.is_some() {
        Prefer::Vault
    } else {
        Prefer::Environment
    };
    let dotenv = local.as_ref().map(|local| &local.dotenv);
    // What the command will not get does not stand in the way of a secret.
    let set = |variable: &VarName| {
        let name = variable.as_str();
        inherit.passes(OsStr::new(name)) && workspace.environment().get(name).is_some()
    };
    let mut sources = Sources::gather(set, dotenv, chosen, prefer);
    if let Some(wanted) = wanted(selection, workspace)? {
        let missing = sources.missing().to_vec();
        sources = sources.only(&wanted, set).map_err(|error| match error {
            SelectError::Unknown(names) => absent(what, &names, &missing, workspace),
            error => Failure::of(what, &error),
        })?;
    }
    for (variable, source) in sources.iter() {
        ui.detail_of(|| format!("`{variable}` comes from {}", place(source)));
    }
    Ok(Selected {
        sources,
        local,
        reading: selection.reading,
    })
}

/// Reads which profile is meant.
pub fn profile(
    given: Option<&str>,
    workspace: &Workspace<'_>,
) -> Result<Option<FolderName>, Failure> {
    let profile = given.map(str::to_owned);
    let profile = profile.or_else(|| workspace.environment().profile());
    profile.as_deref().map(workspace::folder).transpose()
}

/// Chooses the variables of a profile, from vault and manifest alone.
pub fn choose(
    what: &str,
    profile: Option<&FolderName>,
    workspace: &Workspace<'_>,
) -> Result<Chosen, Failure> {
    let vault = workspace.vault();
    let manifest = workspace.manifest();
    for folder in manifest.visible(profile) {
        // A link or a file in its place must not look like a profile without secrets of its own.
        vault
            .folder(&folder)
            .map_err(|error| Failure::of(what, &error))?;
    }
    let inventory = vault.inventory();
    let inventory = inventory.map_err(|error| Failure::of(what, &error))?;
    let seen = workspace.seen();
    let seen = seen.map_err(|error| Failure::of(what, &error))?;
    select(manifest, &inventory, profile, seen.as_deref())
        .map_err(|error| Failure::of(what, &error))
}

/// Opens every variable of the selection that does not stand in the process environment, unless one
/// that must be there has no value.
pub fn gather(
    selection: &Selection,
    inherit: Inherit,
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<Variables, Failure> {
    let selected = sources(selection, inherit, workspace, ui)?;
    let missing = selected.sources.missing().iter();
    let missing: Vec<_> = missing.filter(|missing| missing.required).collect();
    if missing.is_empty() {
        return open(&selected, workspace, ui);
    }
    let what = "cannot hand out the secrets";
    let failure = Failure::new(what, Exit::Error);
    Err(missing.into_iter().fold(failure, |failure, missing| {
        explain(failure, missing, workspace)
    }))
}

/// Adds why something that is declared has no value, and what to do about it.
fn explain(failure: Failure, missing: &Missing, workspace: &Workspace<'_>) -> Failure {
    let failure = failure.cause(missing.to_string());
    let failure = match missing.why {
        Absence::Gone(_) => failure.exiting(Exit::Untrusted),
        _ => failure,
    };
    match repair(missing, workspace.manifest()) {
        Some(repair) => failure.hint(repair),
        None => failure,
    }
}

/// What a person can do about something that is declared and has no value.
pub fn repair(missing: &Missing, manifest: &Manifest) -> Option<String> {
    let name = match &missing.why {
        Absence::Gone(_) => {
            let name = &missing.name;
            return Some(format!(
                "bring it back: `git checkout REV -- vault/{name}.age`"
            ));
        }
        Absence::TooDeep => return None,
        Absence::NotSealed => &missing.name,
        Absence::Part(part) => part,
    };
    let moved = manifest.moved.iter().any(|moved| moved.to == *name);
    let declaration = manifest.declarations.get(name);
    Some(match declaration.map(|declaration| &declaration.origin) {
        Some(Origin::Generate(_) | Origin::Companion(_)) => "make it: `hoziron apply`".to_owned(),
        _ if moved => "carry the move out: `hoziron apply`".to_owned(),
        _ => format!("seal it: `hoziron vault set {name}`"),
    })
}

/// Opens what was selected. Private keys are read only if a secret of the vault is among it.
pub fn open(selected: &Selected, workspace: &Workspace<'_>, ui: &Ui) -> Result<Variables, Failure> {
    let needed = selected.sources.needed();
    let folders = needed.folders();
    let keys = if folders.is_empty() {
        None
    } else {
        Some(workspace.reading_keys(&folders, selected.reading, ui)?)
    };
    let opener = keys.as_ref().map(|keys| keys.opener(workspace.vault()));
    open_all(&selected.sources, &needed, selected.local.as_ref(), opener)
        .map_err(|error| refused("cannot hand out the secrets", &error))
}

/// Reads the `.env`, and says what about it may need attention.
pub fn local(workspace: &Workspace<'_>, ui: &Ui) -> Result<Option<Local>, Failure> {
    let ask =
        |folder: &Path, file: &str| tracked(folder, file, workspace.environment().variables());
    let local = Local::load(workspace.vault().home(), ask)
        .map_err(|error| Failure::of("cannot use `.env`", &error))?;
    if let Some(local) = &local {
        let path = local.path.display();
        if let Some(mode) = local.readable_by_others {
            ui.warn(&format!(
                "`{path}` can be read by others (mode {mode:04o}): `chmod 600 {}`",
                word(&local.path)
            ));
        }
        for duplicate in local.dotenv.duplicates() {
            let lines: Vec<_> = duplicate.lines.iter().map(ToString::to_string).collect();
            ui.warn(&format!(
                "`{path}` sets `{}` on lines {}; the last one counts",
                duplicate.name,
                lines.join(", ")
            ));
        }
    }
    Ok(local)
}

/// The variables asked for by name or by provider; `None`: all.
fn wanted(
    selection: &Selection,
    workspace: &Workspace<'_>,
) -> Result<Option<Vec<VarName>>, Failure> {
    if selection.only.is_empty() && selection.provider.is_empty() {
        return Ok(None);
    }
    let parse = |text: &String| {
        VarName::parse(text).map_err(|error| {
            Failure::of(
                format!("`{}` is not a variable's name", typed(text)),
                &error,
            )
        })
    };
    let mut wanted = selection
        .only
        .iter()
        .map(parse)
        .collect::<Result<Vec<_>, _>>()?;
    if !selection.provider.is_empty() {
        let what = "cannot look up the provider";
        let config = load_config(workspace.vault().home());
        let config = config.map_err(|error| Failure::of(what, &error))?;
        for name in &selection.provider {
            let tables = [
                ["providers", name.as_str()],
                ["integrations", name.as_str()],
            ];
            let before = wanted.len();
            for table in &tables {
                let found = config.iter().flat_map(|config| config.within(table));
                wanted.extend(found.map(|reference| reference.variable.clone()));
            }
            if wanted.len() == before {
                return Err(Failure::new(what, Exit::Error)
                    .cause(format!(
                        "`config.toml` refers to nothing in `providers.{name}`"
                    ))
                    .hint("`hoziron config show` lists the references"));
            }
        }
    }
    wanted.sort();
    wanted.dedup();
    Ok(Some(wanted))
}

/// Names what has no value, what refers to it, and where it was looked for.
pub fn absent(
    what: impl Into<String>,
    names: &[VarName],
    missing_secrets: &[Missing],
    workspace: &Workspace<'_>,
) -> Failure {
    // Settings that cannot be read refer to nothing; what is missing is missing all the same.
    let config = load_config(workspace.vault().home()).ok().flatten();
    names
        .iter()
        .fold(Failure::new(what, Exit::Error), |failure, name| {
            let mut declared = missing_secrets.iter();
            if let Some(declared) = declared.find(|one| VarName::of(&one.name) == *name)
                && declared.why != Absence::NotSealed
            {
                return explain(failure, declared, workspace);
            }
            let error = missing(name, config.as_ref(), Some(workspace.home()));
            let advice = error.advise();
            let failure = failure.cause(sentence(&error));
            match advice.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
        .hint("`hoziron env list` shows the variables")
}

/// Names every secret that is not handed out, with its reason.
fn refused(what: &str, error: &ResolveError) -> Failure {
    let ResolveError::Refused(refusals) = error;
    let advice = error.advise();
    let failure = refusals
        .iter()
        .fold(Failure::new(what, advice.exit), |failure, (name, why)| {
            failure.cause(format!("`{name}`: {}", sentence(why)))
        });
    match advice.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
