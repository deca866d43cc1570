//! `hoziron vault verify`: every sealed file against its folder's key, its name, its readers and what
//! this user has seen. Writes nothing to the vault; when all is well, what was seen is remembered.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::domain::SecretName;
use crate::people::FolderKeys;
use crate::repository::{Around, Repository};
use crate::workspace::{Report, Verdict, past, verify};

/// Verify every sealed file
///
/// Opens each, and compares it with its folder's key, its name, its readers, the signed statements
/// and what you have seen before. Exits with 2 if something is to be sealed anew, with 6 if
/// something is not to be trusted. What none of your keys opens is named.
///
/// Example: hoziron vault verify --history
#[derive(ClapArgs)]
pub struct Args {
    /// Only these secrets
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Exit with 5 if something could not be opened
    #[arg(long)]
    all: bool,
    /// Look at every version that git has, too
    #[arg(long)]
    history: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let what = "cannot verify the vault";
    let names = args.names.iter().map(|text| name(text, None));
    let names: Vec<SecretName> = names.collect::<Result<_, _>>()?;
    let seen = workspace.seen();
    let seen = seen.map_err(|error| Failure::of(what, &error))?;
    let keys = workspace.keys(&[], ui)?;
    let takes = |name: &SecretName| names.is_empty() || names.contains(name);
    let report = verify(
        workspace.vault(),
        workspace.manifest(),
        &keys,
        seen.as_deref(),
        takes,
    );
    let mut report = report.map_err(|error| Failure::of(what, &error))?;
    if let Some(missing) = names.iter().find(|name| !report.files.contains_key(*name)) {
        return Err(Failure::new(what, Exit::Error)
            .cause(format!("there is no secret `{missing}`"))
            .hint("`hoziron vault list` shows the names"));
    }
    if args.history {
        look_back(&mut report, &keys, workspace)?;
    }
    ui.out(&if args.json {
        render::verify::json(&report)
    } else {
        render::verify::text(&report)
    })?;
    if report.is_untrusted() {
        return Ok(Exit::Untrusted);
    }
    remember(&report, &keys, workspace, ui);
    Ok(match () {
        () if report.drifts() => Exit::Differs,
        () if args.all && report.is_partial() => Exit::NoIdentity,
        () => Exit::Done,
    })
}

/// Adds what is wrong with earlier versions.
fn look_back(
    report: &mut Report,
    keys: &FolderKeys,
    workspace: &Workspace<'_>,
) -> Result<(), Failure> {
    let what = "cannot look at the history";
    let variables = workspace.environment().variables();
    let found = Repository::discover(workspace.home(), Around::Folder, variables);
    let repository = found.map_err(|error| Failure::of(what, &error))?;
    let repository = repository.ok_or_else(|| {
        Failure::new(what, Exit::Error).cause("the vault is in no git repository")
    })?;
    let head = repository.head();
    let Some(head) = head.map_err(|error| Failure::of(what, &error))? else {
        return Ok(());
    };
    for name in report.files.keys() {
        let (home, vault) = (workspace.home(), workspace.vault());
        let wrong = past(&repository, &head, home, vault, keys, name);
        let wrong = wrong.map_err(|error| Failure::of(what, &error))?;
        let named = wrong.into_iter().map(|why| format!("`{name}`: {why}"));
        report.past.extend(named);
    }
    Ok(())
}

/// Remembers revisions and heads, now that they were verified.
fn remember(report: &Report, keys: &FolderKeys, workspace: &Workspace<'_>, ui: &Ui) {
    workspace.see(
        |seen| {
            let each = report.files.iter();
            let sound = each.filter_map(|(name, verdict)| match verdict {
                Verdict::Sound(revision) => Some((name, *revision)),
                _ => None,
            });
            sound.fold(false, |rose, (name, revision)| {
                seen.raise(name, revision) | rose
            })
        },
        ui,
    );
    let chains = keys.chains().all(workspace.vault()).into_iter();
    let heads = chains.filter_map(|(_, chain)| chain.ok()?.known());
    workspace.accept_heads(heads, ui);
}
