//! `hoziron git textconv`: what git shows in place of a sealed file. Facts and a mark of the value, and
//! one line that differs with every reseal, so that no change is invisible. It never fails and never
//! asks; git would show nothing at all.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::cli::args::Global;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{SecretName, SecretValue};
use crate::git::{Mark, place_of};
use crate::home::{Environment, load_or_make_journal_key};
use crate::people::{Opened, Stale};
use crate::repository::{Around, Git};
use crate::sealed::{Content, MAX_FILE, read_claim};
use crate::vault::layout::SEALED_SUFFIX;

/// How many bytes of a digest are shown.
const DIGEST: usize = 6;

/// Describe a sealed file; git calls this
///
/// `hoziron git install` tells git to, for diffs and logs. The value is shown as a mark that is the
/// same for equal values, to you alone. `HOZIRON_GIT_REVEAL=1 git diff` shows values, on a terminal.
///
/// Example: hoziron git textconv vault/API_KEY.age
#[derive(ClapArgs)]
pub struct Args {
    /// The file; git may have put it elsewhere, under the same last name
    file: PathBuf,
}

/// Runs the command.
pub fn run(
    args: &Args,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let mut file = Vec::new();
    let read = File::open(&args.file)
        .and_then(|opened| opened.take(MAX_FILE as u64 + 1).read_to_end(&mut file));
    let digest = Sha256::digest(&file);
    let digest: String = digest[..DIGEST]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let found = open(&file, &args.file, global, environment, &ui.quieter());
    let shown = match &found {
        Some(found) => found.name.to_string(),
        None => args
            .file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    };
    ui.out(&format!("secret      {shown}"))?;
    ui.out(&format!("sealed      sha256:{digest}"))?;
    match (read, read_claim(&file)) {
        (Ok(_), Ok((facts, recipients))) => {
            ui.out(&format!("key         {}", facts.trail.last()))?;
            ui.out(&format!("revision    {}", facts.revision))?;
            ui.out(&format!("recipients  {recipients}"))?;
            ui.out(&format!("set         {}", date(facts.value_time)))?;
            if facts.content == Content::Conflict {
                ui.out("merge       unresolved: `hoziron vault resolve`")?;
            }
        }
        (Ok(_), Err(error)) => ui.out(&format!("damaged     {error}"))?,
        (Err(error), _) => ui.out(&format!("unreadable  {error}"))?,
    }
    match found {
        Some(found) => found.show(environment, ui)?,
        None => ui.out("value       (locked)")?,
    }
    Ok(Exit::Done)
}

fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

/// A file that opened.
struct Found {
    name: SecretName,
    opened: Opened,
    mark: Option<String>,
}

impl Found {
    fn show(&self, environment: &Environment, ui: &Ui) -> Result<(), Failure> {
        let value = self.opened.0.get();
        let is_value = self.opened.1.content == Content::Value;
        if is_value
            && may_reveal(environment)
            && let Some(text) = revealed(value)
        {
            return ui.out(&format!("value\n{text}"));
        }
        let mark = self.mark.as_deref().unwrap_or("(no mark)");
        let bytes = if value.len() == 1 { "byte" } else { "bytes" };
        ui.out(&format!(
            "value       •••••••• {mark} ({} {bytes})",
            value.len()
        ))
    }
}

fn revealed(value: &SecretValue) -> Option<String> {
    let text = std::str::from_utf8(value.reveal()).ok()?;
    Some(text.to_owned())
}

/// Opens a file under one of the names that end as it does: git tells no more.
fn open(
    file: &[u8],
    path: &Path,
    global: &Global,
    environment: &Environment,
    quiet: &Ui,
) -> Option<Found> {
    let top = environment.working_directory();
    let (workspace, named) = match place_of(top, path) {
        Some((home, name)) => {
            let home = top.join(home);
            (
                Workspace::at(home, global, environment, quiet).ok()?,
                vec![name],
            )
        }
        None => (
            Workspace::open(global, environment, quiet).ok()?,
            Vec::new(),
        ),
    };
    let vault = workspace.vault();
    let names = if named.is_empty() {
        let key = path.file_name()?.to_str()?.strip_suffix(SEALED_SUFFIX)?;
        let inventory = vault.inventory().ok()?;
        let folders = inventory.names.iter().map(SecretName::folder);
        let mut names: Vec<_> = folders
            .chain(inventory.keyed.iter().cloned())
            .filter_map(|folder| SecretName::within(&folder, key).ok())
            .collect();
        names.sort();
        names.dedup();
        names
    } else {
        named
    };
    let keys = workspace.keys(&[], quiet).ok()?;
    let opener = keys.opener_of(vault, Stale::Allow);
    let (name, opened) = names
        .into_iter()
        .find_map(|name| Some((name.clone(), opener.open_any(file, &name).ok()?)))?;
    let key = environment
        .state()
        .and_then(|state| load_or_make_journal_key(&state).ok());
    let mark = key.map(|key| Mark::of(&key, workspace.id(), opened.0.get()).to_string());
    Some(Found { name, opened, mark })
}

/// Values are shown if a person asked for it and sees it on a terminal: git's own output is a pipe here,
/// but it says when it has started a pager, which it does on a terminal only. Never while git keeps
/// what it is shown.
fn may_reveal(environment: &Environment) -> bool {
    let asked = environment
        .get("HOZIRON_GIT_REVEAL")
        .is_some_and(|value| value == "1");
    let seen = || {
        let paged = environment
            .get("GIT_PAGER_IN_USE")
            .is_some_and(|value| value == "true");
        std::io::stdout().is_terminal() || (paged && std::io::stderr().is_terminal())
    };
    let kept = || {
        let folder = environment.working_directory();
        let git = Git::find(folder, Around::Folder, environment.variables());
        let kept = git.and_then(|git| git.setting(folder, "diff.hoziron.cachetextconv"));
        !matches!(
            kept.as_ref().map(Option::as_deref),
            Ok(None | Some("false"))
        )
    };
    asked && seen() && !kept()
}
