//! `hoziron scan`: looks for leaks, and says file, line and the secret's name; never a value, never a
//! line. Without a key everything is looked for but the vault's values. Writes nothing.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::args::Global;
use crate::cli::failure::{Exit, Failure, sentence};
use crate::cli::keys;
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::Glob;
use crate::home::{Environment, FindError};
use crate::people::Stale;
use crate::repository::{Around, ObjectId, Repository};
use crate::scan::{Layout, Pushed, Report, Scan, Skipped, Subject, Values, home_of, open_all};

/// The most that git says about a push, in bytes (16 MiB).
const MAX_PUSHED: u64 = 16 << 20;

/// Look for leaked secrets
///
/// Finds the vault's values in any encoding, private keys, tokens by their shape, what in the vault
/// is damaged or not sealed, and a `.env` in git. Without an option: the files git has, as they are.
/// `hoziron:allow` in a comment allows what stands on its line, and on the first line of a `.env` that
/// git has it. `allow = ["tests/data/*"]` in `[scan]` of the manifest allows what is found in these
/// files, named from the top of the repository.
///
/// Exit code 1: something was found. 3: nothing was found, and not everything could be looked at.
///
/// Example: hoziron scan --staged
#[derive(ClapArgs)]
pub struct Args {
    /// Look at what the next commit would add
    #[arg(long, group = "what")]
    staged: bool,
    /// Look at what the commits of this range added, and at their messages
    #[arg(long, value_name = "A..B", group = "what")]
    range: Option<String>,
    /// Look at everything that git has ever had
    #[arg(long, group = "what")]
    all: bool,
    /// Look at what git is about to push, as it tells the hook pre-push on stdin
    #[arg(long, value_name = "REMOTE", group = "what")]
    pushed: Option<String>,
    /// Look at these files and folders, whether git has them or not
    #[arg(value_name = "PATH", group = "what")]
    paths: Vec<PathBuf>,
    /// Do not look for the vault's values; needs no key
    #[arg(long)]
    no_identity: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const WHAT: &str = "cannot look for leaks";

/// Runs the command.
pub fn run(
    args: &Args,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let folder = environment.working_directory();
    let found = Repository::discover(folder, Around::Inherited, environment.variables());
    let repository = match found {
        Err(_) if !args.paths.is_empty() => None,
        other => other.map_err(|error| Failure::of(WHAT, &error))?,
    };
    let known = known(args, global, environment, ui)?;
    let layout = Layout {
        top: repository.as_ref().map(|found| found.top().to_owned()),
        homes: homes(repository.as_ref(), known.home.as_deref())?,
        allow: known.allow,
    };
    let (subjects, unlisted) = subjects(args, repository.as_ref(), &layout, folder)?;
    let scan = Scan {
        repository: repository.as_ref(),
        values: &known.values,
    };
    let mut report = scan
        .run(&subjects)
        .and_then(|mut report| scan.date(&mut report).map(|()| report))
        .map_err(|error| Failure::of(WHAT, &error))?;
    report.skipped.extend(known.skipped);
    report.skipped.extend(unlisted);
    answer(args, &report, &known.values, ui)
}

fn answer(args: &Args, report: &Report, values: &Values, ui: &Ui) -> Result<Exit, Failure> {
    if args.json {
        ui.out(&render::scan::json(report, values))?;
    } else if !report.findings.is_empty() {
        ui.out(&render::scan::findings(report))?;
    }
    for skipped in &report.skipped {
        ui.warn(&format!(
            "`{}` was not looked at: {}",
            skipped.what, skipped.why
        ));
    }
    for name in &values.ordinary {
        ui.detail(&format!(
            "`{name}` is too short or too common to be looked for"
        ));
    }
    ui.note(&render::scan::summary(report, values));
    if !report.findings.is_empty() {
        return Ok(Exit::Error);
    }
    if report.skipped.is_empty() {
        Ok(Exit::Done)
    } else {
        Ok(Exit::Blocked)
    }
}

/// What the vault says to a scan.
struct Known {
    values: Values,
    home: Option<PathBuf>,
    allow: Vec<Glob>,
    // What could not be opened.
    skipped: Vec<Skipped>,
}

fn known(
    args: &Args,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Known, Failure> {
    let place = environment.search(global.home.clone());
    let mut known = Known {
        values: Values::new(Vec::new()),
        home: None,
        allow: Vec::new(),
        skipped: Vec::new(),
    };
    let home = match place.find() {
        // A repository without a vault is looked at all the same.
        Err(FindError::Missing(_) | FindError::NoPlace) if global.home.is_none() => {
            return Ok(known);
        }
        other => other.map_err(|error| Failure::of(WHAT, &error))?,
    };
    known.home = Some(home.clone());
    let asked = Workspace::at(home, global, environment, ui).and_then(|workspace| {
        known.allow = workspace.manifest().scan_allow.clone();
        if args.no_identity {
            return Ok(());
        }
        (known.values, known.skipped) = open_values(&workspace, ui)?;
        Ok(())
    });
    if let Err(failure) = asked {
        let causes = failure.causes.first().map(|cause| format!(": {cause}"));
        known.skipped.push(Skipped {
            what: "the vault's values".to_owned(),
            why: format!("{}{}", failure.what, causes.unwrap_or_default()),
        });
    }
    Ok(known)
}

fn open_values(workspace: &Workspace<'_>, ui: &Ui) -> Result<(Values, Vec<Skipped>), Failure> {
    let vault = workspace.vault();
    let inventory = vault.inventory();
    let inventory = inventory.map_err(|error| Failure::of(WHAT, &error))?;
    if inventory.names.is_empty() {
        return Ok((Values::new(Vec::new()), Vec::new()));
    }
    // What somebody who has left may know is looked for as well; nothing is handed out.
    let (stale, keyring) = (Stale::Allow, workspace.keyring(ui)?);
    let keys = keys::open(vault, || workspace.chains(), &[], stale, keyring, ui)?;
    let mut names: Vec<_> = inventory.names.into_iter().collect();
    // One look at each folder.
    names.sort_by_cached_key(|name| (name.folder(), name.clone()));
    let (values, refused) = open_all(&names, &keys.opener(vault));
    let skipped = refused.iter().map(|(name, error)| Skipped {
        what: format!("the value of {name}"),
        why: sentence(error),
    });
    Ok((Values::new(values), skipped.collect()))
}

/// The homes in the repository, from its top, and the one that is worked in.
fn homes(repository: Option<&Repository>, home: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let Some(repository) = repository else {
        return Ok(home
            .and_then(|home| home.canonicalize().ok())
            .into_iter()
            .collect());
    };
    let entries = repository.entries();
    let entries = entries.map_err(|error| Failure::of(WHAT, &error))?;
    let tracked = entries.iter().filter_map(|entry| home_of(&entry.path));
    let own = home.and_then(|home| repository.relative(home));
    let mut homes: Vec<_> = tracked.chain(own).collect();
    homes.sort();
    homes.dedup();
    Ok(homes)
}

fn subjects(
    args: &Args,
    repository: Option<&Repository>,
    layout: &Layout,
    folder: &Path,
) -> Result<(Vec<Subject>, Vec<Skipped>), Failure> {
    if !args.paths.is_empty() {
        let (mut subjects, mut skipped) = (Vec::new(), Vec::new());
        for path in &args.paths {
            let whole = folder.join(path);
            let real = whole.canonicalize().unwrap_or(whole);
            let (found, unlisted) = Subject::beneath(path, &real, layout);
            subjects.extend(found);
            skipped.extend(unlisted);
        }
        return Ok((subjects, skipped));
    }
    let repository = repository.ok_or_else(|| {
        Failure::new(WHAT, Exit::Error)
            .cause(format!("`{}` is in no git repository", folder.display()))
            .hint("name files or folders: `hoziron scan .`")
    })?;
    let listed = if args.staged {
        Subject::staged(repository, layout)
    } else if args.all {
        Subject::everything(repository, layout)
    } else if let Some(range) = &args.range {
        let (from, to) = range_of(range, repository)?;
        Subject::between(repository, &[to], &[from], layout)
    } else if let Some(remote) = &args.pushed {
        Subject::pushed(repository, &pushed()?, remote, layout)
    } else {
        Subject::tracked(repository, layout)
    };
    let listed = listed.map_err(|error| Failure::of(WHAT, &error))?;
    Ok((listed, Vec::new()))
}

fn range_of(range: &str, repository: &Repository) -> Result<(ObjectId, ObjectId), Failure> {
    let Some((from, to)) = range.split_once("..") else {
        return Err(Failure::new(
            "`--range` is not of the form `A..B`",
            Exit::Usage,
        ));
    };
    let commit = |text: &str, side: &str| {
        let text = if text.is_empty() { "HEAD" } else { text };
        let found = repository.commit(text);
        found
            .map_err(|error| Failure::of(WHAT, &error))?
            .ok_or_else(|| {
                Failure::new(WHAT, Exit::Error)
                    .cause(format!("the {side} of the range is no commit here"))
                    .hint("a shallow clone has few commits: `git fetch --unshallow`")
            })
    };
    Ok((commit(from, "start")?, commit(to, "end")?))
}

fn pushed() -> Result<Vec<Pushed>, Failure> {
    let mut text = String::new();
    let read = std::io::stdin()
        .lock()
        .take(MAX_PUSHED)
        .read_to_string(&mut text);
    read.map_err(|error| Failure::new(WHAT, Exit::Error).cause(error.to_string()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let parsed: Option<Vec<_>> = lines.map(Pushed::parse).collect();
    parsed.ok_or_else(|| {
        Failure::new(WHAT, Exit::Error)
            .cause("stdin is not what git tells the hook pre-push (githooks(5))")
    })
}
