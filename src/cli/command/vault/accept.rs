//! `hoziron vault accept`: a reader takes values from outside, or rejects them. Each is shown with its
//! name and with who claims to have committed it, asked about, and sealed as the reader's own; the
//! submission goes in the same step. Nothing that is not a submission for its own name is taken.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use clap::Args as ClapArgs;

use crate::cli::args::Folder;
use crate::cli::command::vault::inbox::{choose, claim};
use crate::cli::command::vault::seal::{Along, Declare, seal_all};
use crate::cli::command::vault::submit::refuse_misfit;
use crate::cli::command::vault::{get, set};
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::SecretName;
use crate::people::{Digest, FolderKeys};
use crate::sealed::{Address, MAX_FILE, Submission};
use crate::vault::{Inbox, Submitted, Target};

/// Take values that were submitted, or reject them
///
/// Says of each what it would replace and who claims to have committed it, which nobody has
/// verified, and asks. What is accepted is sealed as if you had set it, so look at it first
/// (`--show`). Without names: everything that waits.
///
/// Example: hoziron vault accept prod/DEPLOY_TOKEN --show
#[derive(ClapArgs)]
pub struct Args {
    /// The secrets; of several values for one, `NAME~abcd1234` is a single one
    names: Vec<String>,
    /// Show each value first; on a terminal only
    #[arg(long, conflicts_with = "reject")]
    show: bool,
    /// Remove the named ones instead of taking them
    #[arg(long, requires = "names")]
    reject: bool,
    /// Do not ask; every one must be named
    #[arg(short, long, requires = "names")]
    yes: bool,
    /// With `--yes`, take plain age files too: nobody can say that they were meant for this vault
    #[arg(long, requires = "yes")]
    plain: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    if args.show && !std::io::stdout().is_terminal() {
        return Err(
            Failure::new("a submitted value is shown on a terminal only", Exit::Usage)
                .hint("leave `--show` out"),
        );
    }
    let inventory = workspace
        .vault()
        .inventory()
        .map_err(|error| Failure::of("cannot look into the inbox", &error))?;
    let inbox = Inbox::list(workspace.vault(), &inventory.inboxes);
    for (path, why) in &inbox.strays {
        ui.warn(&format!("`{path}` {why}; it is left alone"));
    }
    let profile = args.folder.profile.as_deref();
    let chosen = choose(&args.names, profile, args.yes, &inbox)?;
    if chosen.is_empty() {
        ui.note("nothing waits to be accepted");
        return Ok(Exit::Done);
    }
    if args.reject {
        return reject(args, &chosen, workspace, ui);
    }
    accept(args, &chosen, workspace, ui)
}

fn accept(
    args: &Args,
    chosen: &[Submitted],
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let folders: BTreeSet<_> = chosen.iter().map(|one| one.name().folder()).collect();
    let folders: Vec<_> = folders.into_iter().collect();
    let keys = workspace.keys(&folders, ui)?;
    let mut refused = 0;
    let mut taken: Vec<(Submitted, Digest, Submission)> = Vec::new();
    workspace.let_go();
    for submitted in chosen {
        if taken
            .iter()
            .any(|(other, ..)| other.name() == submitted.name())
        {
            ui.warn(&format!(
                "`{submitted}` is left: another value of `{}` was just taken",
                submitted.name()
            ));
            continue;
        }
        match look(submitted, &keys, workspace) {
            Ok((digest, submission)) => {
                if agree(args, submitted, &submission, &keys, workspace, ui)? {
                    taken.push((submitted.clone(), digest, submission));
                } else {
                    ui.note(&format!("`{submitted}` is left as it is"));
                }
            }
            Err(failure) if args.names.is_empty() => {
                refused += 1;
                ui.fail(&failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    let values: Vec<_> = taken
        .iter()
        .map(|(submitted, _, submission)| (submitted.name(), &submission.value))
        .collect();
    let gone: Vec<_> = taken
        .iter()
        .map(|(submitted, digest, _)| (submitted.clone(), *digest))
        .collect();
    let along = Along {
        declare: Declare::Leave,
        taken: &gone,
    };
    if !taken.is_empty() {
        let outcomes = seal_all(workspace, &keys, &values, along, ui)?;
        for ((name, value), outcome) in values.iter().zip(outcomes) {
            let readers = keys.readers(workspace.vault(), &name.folder());
            set::tell(name, value, outcome, &readers, ui);
        }
    }
    Ok(if refused == 0 {
        Exit::Done
    } else {
        Exit::Untrusted
    })
}

/// Opens a submission and checks it.
fn look(
    submitted: &Submitted,
    keys: &FolderKeys,
    workspace: &Workspace<'_>,
) -> Result<(Digest, Submission), Failure> {
    let what = || format!("cannot accept `{submitted}`");
    let vault = workspace.vault();
    let target = Target::Inbox(submitted.clone());
    let file = vault.read_target(&target, MAX_FILE as u64);
    let file = file.map_err(|error| Failure::of(what(), &error))?;
    let file = file.ok_or_else(|| Failure::new(what(), Exit::Error).cause("it has just gone"))?;
    let opened = keys.open_submission(vault, &file, submitted.name());
    let opened = opened.map_err(|error| Failure::of(what(), &error))?;
    let fits = refuse_misfit(workspace, submitted.name(), &opened.value);
    fits.map_err(|misfit| Failure {
        what: what(),
        causes: [vec![misfit.what], misfit.causes].concat(),
        ..misfit
    })?;
    Ok((Digest::of(&file), opened))
}

/// Says all that is known of a submission, and asks.
fn agree(
    args: &Args,
    submitted: &Submitted,
    submission: &Submission,
    keys: &FolderKeys,
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<bool, Failure> {
    let name = submitted.name();
    let replaces = replaced(name, keys, workspace);
    ui.note(&format!("`{submitted}`: {replaces}"));
    ui.note(&format!(
        "  claimed committer: {}",
        claim(submitted, workspace)
    ));
    let head = keys.head(workspace.vault(), &name.folder());
    let head = head.map_err(|error| Failure::of(format!("cannot accept `{submitted}`"), &error))?;
    if submission.stanzas != head.readers.recipients().count() {
        ui.warn(&format!(
            "`{submitted}` was sealed for other keys than those of today's readers; if somebody \
             who left could open it, have the value changed where it is used"
        ));
    }
    if submission.address == Address::Nowhere {
        let plain = "a plain age file: nothing says that it was meant for this vault, or that \
                     whoever put it there knows what is in it";
        if args.yes && !args.plain {
            return Err(
                Failure::new(format!("cannot accept `{submitted}`"), Exit::Untrusted)
                    .cause(format!("it is {plain}"))
                    .hint("look at it on a terminal with `--show`, or add `--plain`"),
            );
        }
        ui.warn(&format!("`{submitted}` is {plain}"));
    }
    if args.show {
        get::show(&submission.value, ui)?;
    }
    let question = format!("seal it as `{name}` for {}?", head.readers.names());
    Ok(args.yes || ui.ask(&question, "name it and add `--yes`")?)
}

fn replaced(name: &SecretName, keys: &FolderKeys, workspace: &Workspace<'_>) -> String {
    match keys.opener(workspace.vault()).open(name) {
        Ok(None) => "a new secret".to_owned(),
        Ok(Some((_, facts))) => format!("replaces revision {} of `{name}`", facts.revision),
        Err(error) => format!("replaces a file of `{name}` that is not handed out: {error}"),
    }
}

fn reject(
    args: &Args,
    chosen: &[Submitted],
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let names: Vec<_> = chosen.iter().map(|one| format!("`{one}`")).collect();
    let names = names.join(", ");
    let what = || format!("cannot reject {names}");
    workspace.let_go();
    let question = format!("remove {names}?");
    if !args.yes && !ui.ask(&question, "add `--yes` to remove them")? {
        return Err(Failure::new(
            format!("{names}: left as it was"),
            Exit::Error,
        ));
    }
    let mut locked = workspace.lock(ui)?;
    for submitted in chosen {
        locked
            .remove(Target::Inbox(submitted.clone()))
            .map_err(|error| Failure::of(what(), &error))?;
    }
    locked
        .commit()
        .map_err(|error| Failure::of(what(), &error))?;
    ui.note(&format!(
        "removed {names}; what was committed of it stays in git's history"
    ));
    Ok(Exit::Done)
}
