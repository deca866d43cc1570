//! `hoziron git merge-manifest`: what git calls for a manifest that both sides changed. Merges table by
//! table; where that does not suffice, git's own merge of texts leaves its markers.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::git::replace;
use crate::home::Environment;
use crate::manifest::merge::merge;
use crate::repository::{Around, Git};

/// Merge a manifest; git calls this
///
/// `hoziron git install` tells git to. Secrets that two branches declare are both kept; where both
/// changed the same table, the file has git's usual markers.
///
/// Example: hoziron git merge-manifest %O %A %B %L %P
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
}

/// Runs the command.
pub fn run(args: &Args, environment: &Environment) -> Result<Exit, Failure> {
    let what = || format!("cannot merge `{}`", args.path.display());
    let texts = [&args.base, &args.ours, &args.theirs].map(|path| read(path));
    if let [Some(base), Some(ours), Some(theirs)] = &texts
        && let Some(text) = merge(base, ours, theirs)
    {
        let replaced = replace(&args.ours, text.as_bytes());
        return replaced
            .map(|()| Exit::Done)
            .map_err(|error| Failure::of(what(), &error).exiting(Exit::Error));
    }
    let folder = environment.working_directory();
    let files = [&args.ours, &args.base, &args.theirs].map(PathBuf::as_path);
    let clean = Git::find(folder, Around::Folder, environment.variables())
        .and_then(|git| git.merge_texts(folder, files, &args.marker))
        .map_err(|error| Failure::of(what(), &error).exiting(Exit::Error))?;
    Ok(if clean { Exit::Done } else { Exit::Error })
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
