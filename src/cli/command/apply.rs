//! `hoziron apply`: makes the vault what the manifest says, whole or not at all. Asks for what it needs
//! before the first write; new readers take a person's word or the digest of exactly that set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::apply::{ApplyError, Done, Job, Survey, carry_out};
use crate::cli::command::commit;
use crate::cli::command::vault::declared::{self, Edit};
use crate::cli::failure::{Exit, Failure};
use crate::cli::given;
use crate::cli::planning::{Identities, Planned, Selection, public_files};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{Readers, SecretName, SecretValue};
use crate::people::{Digest, FolderKeys};
use crate::plan::{Approval, ApprovalError, ApprovedPlan, Plan, SavedPlan, Step};
use crate::vault::LockedVault;
use crate::workspace::chains_of;

/// The longest saved plan that is read, in bytes (64 MiB).
const MAX_PLAN: u64 = 64 * 1024 * 1024;

/// How often a value that does not fit its declaration is asked for.
const ROUNDS: usize = 3;

/// Make the vault what the manifest says
///
/// Shows the plan, asks, and carries it out whole or not at all: being killed or a full disk leave
/// the old state or the new one. Values that are required are asked for, hidden, or taken from
/// `--input`. With a saved PLAN, exactly that is carried out, or nothing if it is stale (exit code 4).
///
/// Example: hoziron apply --input new.env
#[derive(ClapArgs)]
pub struct Args {
    /// A plan that `hoziron plan --out` saved
    plan: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    consent: Consent,
}

/// What is agreed to beforehand, and how it is told.
#[derive(ClapArgs)]
pub struct Consent {
    /// Carry it out without a question
    #[arg(short, long)]
    yes: bool,
    /// Approve exactly the new readers with this digest, which the plan shows
    #[arg(long, value_name = "DIGEST")]
    accept_recipients: Option<String>,
    /// Commit what was changed in git
    #[arg(long)]
    commit: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let saved = args
        .plan
        .as_deref()
        .map(|path| load(path, workspace))
        .transpose()?;
    let wanted = match &saved {
        Some(saved) => saved.wanted.clone(),
        None => args.selection.wanted()?,
    };
    let given = given::read(&args.selection, workspace)?;
    let made = saved.as_ref().map(|saved| saved.made);
    let planned = Planned::make(workspace, wanted, given, Identities::Read, made, ui)?;
    if let Some(saved) = &saved {
        refuse_stale(saved, &planned.plan, workspace)?;
    }
    if planned.plan.is_empty() {
        ui.out(&shown(&planned.plan, &args.consent))?;
        planned.remember(workspace, ui);
        return Ok(Exit::Done);
    }
    carry_out_planned(&args.consent, planned, workspace, ui)
}

fn shown(plan: &Plan, args: &Consent) -> String {
    if args.json {
        render::plan::json(plan)
    } else {
        render::plan::text(plan)
    }
}

/// Asks what has to be asked, and carries a plan out.
pub fn carry_out_planned(
    args: &Consent,
    planned: Planned,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    if let Some(keys) = &planned.keys {
        refuse_lockout(&planned.plan, keys)?;
    }
    let digest = planned.plan.recipients_digest();
    let accepted = accepted(args)?;
    let by_person = !args.yes && ui.has_person();
    if by_person && !args.json {
        ui.out(&render::plan::text(&planned.plan))?;
    }
    let values = ask(&planned.plan, by_person, workspace, ui)?;
    let planned = planned.with(values, workspace);
    let question = match digest {
        Some(_) => "carry this out, and let the new readers in?",
        None => "carry this out?",
    };
    let instead = match digest {
        Some(digest) => format!("add `--yes --accept-recipients {digest}`"),
        None => "add `--yes` to carry it out".to_owned(),
    };
    // A person who has seen the plan and says yes approves whom it lets in.
    let approval = Approval {
        recipients: if args.yes { accepted } else { digest },
        supplied: planned.given.keys().cloned().collect(),
    };
    let approved = planned.plan.clone().approve(&approval);
    let approved = approved.map_err(|error| match &error {
        // Who is told of one flag after the other runs it once for each.
        ApprovalError::Input(_) if !args.yes => refused(&error).hint(&*instead),
        _ => refused(&error),
    })?;
    if !args.yes && !ui.ask(question, &instead)? {
        return Err(Failure::new("nothing was changed", Exit::Error));
    }
    let keys = planned.keys.as_ref().expect("private keys were read");
    let done = write(&approved, keys, &planned.given, planned.now, workspace, ui)?;
    // What was there was looked at; what was made of it is newer.
    planned.remember(workspace, ui);
    remember(&done, workspace, ui);
    ui.out(&if args.json {
        render::plan::json(approved.plan())
    } else {
        render::plan::done(approved.plan())
    })?;
    for attention in approved
        .plan()
        .attention
        .iter()
        .filter(|one| one.name.is_some())
    {
        let name = attention.name.as_ref().expect("it is about a secret");
        ui.note(&format!("`{name}`: {}", attention.why));
    }
    if args.commit {
        commit::commit(workspace, approved.plan(), ui)?;
    }
    Ok(Exit::Done)
}

/// Refuses to take a folder away from whoever carries the plan out: nobody could tell him that it
/// went wrong.
fn refuse_lockout(plan: &Plan, keys: &FolderKeys) -> Result<(), Failure> {
    let mine = |readers: &Readers| readers.recipients().any(|key| keys.reads_with(key.text()));
    let lost = plan
        .folders
        .iter()
        .find(|change| mine(&change.before) && !mine(&change.after));
    let Some(change) = lost else { return Ok(()) };
    let folder = &change.folder;
    Err(Failure::new("nothing was changed", Exit::Error)
        .cause(format!("you would lock yourself out of `{folder}`"))
        .hint(format!(
            "ask one of its readers to run `hoziron apply`: {}",
            change.after.names()
        )))
}

/// Makes it happen under the writer's lock.
fn write(
    approved: &ApprovedPlan,
    keys: &FolderKeys,
    given: &BTreeMap<SecretName, SecretValue>,
    now: u64,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<Done, Failure> {
    let what = "cannot carry out the plan";
    let manifest = workspace.manifest().clone();
    let seen = workspace.seen();
    let seen = seen.map_err(|error| Failure::of(what, &error))?;
    let environment = workspace.environment();
    let pins = workspace.pins().to_vec();
    let mut locked = workspace.lock(ui)?;
    adopt(approved.plan(), &mut locked)?;
    // What is verified is what is written on: nobody else writes any more.
    let chains = chains_of(locked.vault(), &manifest.id, environment, &pins);
    let chains = chains.map_err(|error| Failure::of(what, &error))?;
    let actual = Survey::new(locked.vault(), &manifest, seen.as_deref()).actual(&chains);
    let actual = actual.map_err(|error| Failure::of(what, &error))?;
    let meter = ui.meter("sealed");
    let job = Job {
        approved,
        actual: &actual,
        keys,
        values: given,
        seen: seen.as_deref(),
        manifest: &manifest,
        now,
        progress: &|done, all| meter.show(done, all),
    };
    let done = carry_out(&job, locked);
    meter.end();
    done.map_err(|error| match &error {
        ApplyError::Stale(changes) => stale(changes.clone()),
        error => Failure::of(what, error),
    })
}

/// Stages the declarations of what is adopted.
fn adopt(plan: &Plan, locked: &mut LockedVault<'_>) -> Result<(), Failure> {
    let adopted = plan.rows.iter().filter(|row| row.step == Step::Adopt);
    let names: Vec<_> = adopted.map(|row| &row.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let what = "cannot declare what is adopted";
    declared::stage(locked, Edit::Declare(&names), what).map(drop)
}

fn remember(done: &Done, workspace: &Workspace<'_>, ui: &Ui) {
    workspace.remember(
        |seen| {
            let marks = &done.marks;
            let gone = marks
                .gone
                .iter()
                .fold(false, |any, (name, last)| seen.remove(name, *last) | any);
            marks
                .sealed
                .iter()
                .fold(gone, |any, (name, revision, file)| {
                    seen.seal(name, *revision, file) | any
                })
        },
        ui,
    );
    workspace.accept_heads(done.heads.iter().cloned(), ui);
}

fn accepted(args: &Consent) -> Result<Option<Digest>, Failure> {
    let parse = |text: &String| {
        Digest::parse(text).ok_or_else(|| {
            Failure::new(
                "`--accept-recipients` takes the digest that the plan shows",
                Exit::Usage,
            )
            .cause("it is 64 hexadecimal digits")
        })
    };
    args.accept_recipients.as_ref().map(parse).transpose()
}

/// Asks for every value that is required and that nothing makes.
fn ask(
    plan: &Plan,
    by_person: bool,
    workspace: &Workspace<'_>,
    ui: &Ui,
) -> Result<BTreeMap<SecretName, SecretValue>, Failure> {
    let mut values = BTreeMap::new();
    let names: BTreeSet<&SecretName> = plan.asks_for().collect();
    if !by_person {
        return Ok(values);
    }
    for name in names {
        for round in 1.. {
            let value = ui.ask_hidden(name.as_str(), "give the values with `--input FILE`")?;
            match workspace.manifest().check(name, &value) {
                Err(error) if round < ROUNDS => ui.warn(&format!("`{name}`: {error}")),
                Err(error) => {
                    return Err(Failure::new("nothing was changed", Exit::Error)
                        .cause(format!("`{name}`: {error}")));
                }
                Ok(()) => {
                    values.insert(name.clone(), value);
                    break;
                }
            }
        }
    }
    Ok(values)
}

fn refused(error: &ApprovalError) -> Failure {
    let what = "nothing was changed";
    match error {
        ApprovalError::Blocked(blocked) => blocked
            .iter()
            .fold(Failure::new(what, Exit::Blocked), |failure, one| {
                let name = one.name.as_ref().map(|name| format!("`{name}`: "));
                failure.cause(format!("{}{}", name.unwrap_or_default(), one.why))
            })
            .hint("`hoziron plan` says what to type; `--key GLOB` leaves the rest aside"),
        ApprovalError::Input(names) => names
            .iter()
            .fold(Failure::new(what, Exit::Error), |failure, name| {
                failure.cause(format!("`{name}` is required, and there is no value"))
            })
            .hint("give the values with `--input FILE`, or run it on a terminal and be asked"),
        ApprovalError::Recipients { digest } => Failure::new(what, Exit::Error)
            .cause("new readers would be let in, and nobody has approved them")
            .hint("`hoziron plan` shows them; on a terminal, leave out `--yes` and look at them")
            .hint(format!(
                "or approve exactly these: `--accept-recipients {digest}`"
            )),
    }
}

fn load(path: &Path, workspace: &Workspace<'_>) -> Result<SavedPlan, Failure> {
    use std::io::Read;
    let what = || format!("cannot use the plan `{}`", path.display());
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PLAN).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(what(), Exit::Error).cause(error.to_string()))?;
    let saved = SavedPlan::parse(&bytes).map_err(|error| Failure::of(what(), &error))?;
    if saved.vault != *workspace.id() {
        return Err(Failure::new(what(), Exit::Stale).cause("it was made for another vault"));
    }
    Ok(saved)
}

/// Refuses a plan that is not of what is there now, and names what has changed.
fn refuse_stale(saved: &SavedPlan, now: &Plan, workspace: &Workspace<'_>) -> Result<(), Failure> {
    let mut changes = saved.basis.changes_to(&now.basis);
    let files = public_files(workspace)?;
    let paths: BTreeSet<_> = saved.files.keys().chain(files.keys()).collect();
    for path in paths {
        if saved.files.get(path) != files.get(path) {
            changes.push(format!("`{path}` was changed"));
        }
    }
    if changes.is_empty() && saved.lines != SavedPlan::lines_of(now) {
        changes.push("it would do something else now; was `--input` the same?".to_owned());
    }
    if changes.is_empty() {
        Ok(())
    } else {
        Err(stale(changes))
    }
}

fn stale(changes: Vec<String>) -> Failure {
    let failure = Failure::new("the plan is stale; nothing was changed", Exit::Stale);
    changes
        .into_iter()
        .fold(failure, Failure::cause)
        .hint("make it again: `hoziron plan`")
}
