//! `hoziron git merge-driver`: what git calls for a sealed file that both sides changed. Whatever
//! happens, our file stays a sealed file; it never asks, and never ends in a way that would have git
//! give up the whole merge.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::args::Global;
use crate::cli::command::vault::now;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::SecretName;
use crate::git::{Borrowed, Merged, Sides, other_commit, place_of, replace};
use crate::home::Environment;
use crate::people::Stale;
use crate::repository::{Around, Repository};
use crate::sealed::MAX_FILE;

/// How git marks a merge of its own inside of another one, whose result nobody sees (`%L`).
const OUTERMOST: &str = "7";

/// Merge a sealed file; git calls this
///
/// `hoziron git install` tells git to. A value that one side changed is taken; if both sides changed
/// it, both are kept in one sealed file, and `hoziron vault resolve` chooses.
///
/// Example: hoziron git merge-driver %O %A %B %L %P %S %X %Y
#[derive(ClapArgs)]
pub struct Args {
    /// The file that both sides come from; empty if there was none
    base: PathBuf,
    /// Our file, which becomes the result
    ours: PathBuf,
    /// Their file
    theirs: PathBuf,
    /// How long a conflict's markers are
    marker: String,
    /// Where the result will be, from the top of the work tree
    path: PathBuf,
    /// What git calls the three files
    #[arg(num_args = 0..=3)]
    labels: Vec<String>,
}

impl Args {
    /// An older git does not know the labels, and hands on what it was told: `%X`.
    fn label(&self, index: usize) -> Option<&str> {
        let label = self.labels.get(index).map(String::as_str);
        label.filter(|label| !label.is_empty() && !label.starts_with('%'))
    }
}

/// Runs the command.
pub fn run(
    args: &Args,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let merged = merge(args, global, environment, ui);
    // An exit code above 128 would end the whole merge.
    merged.map_err(|failure| failure.exiting(Exit::Error))
}

fn merge(
    args: &Args,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let what = || format!("cannot merge `{}`", args.path.display());
    let nested = args
        .labels
        .iter()
        .any(|one| one.starts_with("Temporary merge branch"));
    if nested || args.marker != OUTERMOST {
        return Err(Failure::new(what(), Exit::Error).cause("it is a merge inside of a merge"));
    }
    let [base, ours, theirs] = [&args.base, &args.ours, &args.theirs].map(|path| read(path));
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let sides = Sides {
        base: &base,
        ours: &ours,
        theirs: &theirs,
        labels: [
            args.label(1).unwrap_or("ours"),
            args.label(2).unwrap_or("theirs"),
        ],
    };
    let top = environment.working_directory();
    let merged = match sides.by_bytes() {
        Some(merged) => merged,
        None => {
            let Some((home, name)) = place_of(top, &args.path) else {
                return Err(
                    Failure::new(what(), Exit::Error).cause("it is not a sealed file of a vault")
                );
            };
            let quiet = &ui.quieter();
            let workspace = Workspace::at(top.join(&home), global, environment, quiet)?;
            by_keys(&workspace, &sides, &name, args, &home, quiet).map_err(|failure| {
                let resolve =
                    format!("then, or on another machine: `hoziron vault resolve {name}`");
                Failure {
                    what: what(),
                    ..failure
                }
                .hint(resolve)
            })?
        }
    };
    let failed = |error| Failure::of(what(), &error);
    match merged {
        Merged::Ours => Ok(Exit::Done),
        Merged::Theirs => replace(&args.ours, &theirs)
            .map_err(failed)
            .map(|()| Exit::Done),
        Merged::Sealed(file) => replace(&args.ours, &file)
            .map_err(failed)
            .map(|()| Exit::Done),
        Merged::Conflict(file) => {
            replace(&args.ours, &file).map_err(failed)?;
            ui.note(&format!(
                "both sides changed `{}`: `hoziron vault resolve --all` chooses",
                args.path.display()
            ));
            Ok(Exit::Error)
        }
    }
}

/// Merges with the keys of the work tree; if they do not suffice, with those of the other side, too,
/// which are not in the work tree while git merges.
fn by_keys(
    workspace: &Workspace<'_>,
    sides: &Sides<'_>,
    name: &SecretName,
    args: &Args,
    home: &Path,
    quiet: &Ui,
) -> Result<Merged, Failure> {
    let what = "cannot merge";
    let wanted = [name.folder()];
    let now = now();
    let own = workspace.keys(&wanted, quiet).and_then(|keys| {
        let merged = sides.merge(name, &keys, workspace.vault(), now);
        merged.map_err(|error| Failure::of(what, &error))
    });
    let Err(mut failure) = own else { return own };
    let environment = workspace.environment();
    let variables = environment.variables();
    let top = environment.working_directory();
    let Ok(Some(repository)) = Repository::discover(top, Around::Inherited, variables) else {
        return Err(failure);
    };
    let commits = other_commit(&repository, args.label(2), variables).unwrap_or_default();
    let folders = environment.memory_folders().into_iter();
    let place = folders
        .chain([PathBuf::from("/tmp")])
        .find(|place| place.is_dir());
    for commit in &commits {
        let Some(place) = &place else { break };
        let both = Borrowed::join(place, workspace.vault(), &repository, home, commit)
            .map_err(|error| Failure::of(what, &error))
            .and_then(|both| {
                let keys = workspace.keys_in(both.vault(), &wanted, Stale::Refuse, quiet)?;
                let merged = sides.merge(name, &keys, both.vault(), now);
                merged.map_err(|error| Failure::of(what, &error))
            });
        match both {
            Ok(merged) => return Ok(merged),
            Err(other) => failure = other,
        }
    }
    Err(failure)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| {
        Failure::new(format!("cannot read `{}`", path.display()), Exit::Error).cause(why)
    };
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    let limit = MAX_FILE as u64;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, limit + 1), &mut bytes)
        .map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(failed("it is larger than 24 MiB".to_owned()));
    }
    Ok(bytes)
}
