//! `hoziron vault import --recipients-from FILE`: the public keys of a `.sops.yaml` as recipient files.
//! Shows each with its name, and everything of the file that is not carried over; runs nothing, and
//! lets nobody in.

use std::collections::HashSet;

use crate::cli::failure::{Exit, Failure};
use crate::cli::given;
use crate::cli::people::{self, NEXT};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::ReaderName;
use crate::input::MAX_FILE;
use crate::people::{Directory, RecipientFile};
use crate::sops::{Config, ConfigKey};
use crate::vault::Target;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Ask first.
    Ask,
    /// Show only.
    Never,
    /// Write without a question.
    Yes,
}

/// Runs the command.
pub fn run(
    file: &str,
    consent: Consent,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let what = || format!("cannot take the recipients of `{file}`");
    let bytes =
        given::bytes(file, MAX_FILE).map_err(|why| Failure::new(what(), Exit::Error).cause(why))?;
    let config = Config::parse(&bytes).map_err(|error| Failure::of(what(), &error))?;
    let directory = people::directory(workspace.vault())?;
    let new = name(&config, &directory);
    for (name, key) in &new {
        let place = Target::Recipient(name.clone());
        ui.out(&format!("  + {place}  {}", key.recipient.text()))?;
    }
    for ignored in &config.ignored {
        ui.out(&format!("  ! {}  {}", ignored.field, ignored.why))?;
    }
    ui.note(&format!(
        "{} to write, {} there already, {} left out",
        new.len(),
        config.keys.len() - new.len(),
        config.ignored.len()
    ));
    if config.keys.is_empty() {
        return Err(Failure::new(what(), Exit::Error)
            .cause("there is no age or ssh key in its rules that a vault could be sealed to"));
    }
    if !config.is_uniform() {
        ui.warn(
            "its rules are not for the same keys, and a vault is for everybody in `recipients/` until \
             `[access]` in hoziron.toml says who reads which folder: say it before `hoziron apply`",
        );
    }
    if new.is_empty() || consent == Consent::Never {
        return Ok(Exit::Done);
    }
    if consent == Consent::Ask
        && !ui.ask("write these recipient files?", "add `--yes` to write them")?
    {
        return Err(Failure::new("nothing was written", Exit::Error));
    }
    write(file, &config, workspace, ui)?;
    let files = if new.len() == 1 { "file" } else { "files" };
    ui.note(&format!("wrote {} recipient {files}; {NEXT}", new.len()));
    Ok(Exit::Done)
}

/// Gives every key that nobody has yet a name that nobody has yet.
fn name<'c>(config: &'c Config, directory: &Directory) -> Vec<(ReaderName, &'c ConfigKey)> {
    let mut taken = HashSet::new();
    let mut named = Vec::new();
    for key in &config.keys {
        if directory.holder_of(key.recipient.text()).is_some() {
            continue;
        }
        let wanted = key.name.iter().cloned();
        let spare = (1..).filter_map(|number| ReaderName::parse(&format!("sops-{number}")).ok());
        let free = |name: &ReaderName| directory.of(name).is_none() && !taken.contains(name);
        let name = wanted.chain(spare).find(free);
        let name = name.expect("there are more numbers than readers");
        taken.insert(name.clone());
        named.push((name, key));
    }
    named
}

/// Writes all of them or none; what somebody else wrote meanwhile is not written over.
fn write(
    file: &str,
    config: &Config,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<(), Failure> {
    let mut locked = workspace.lock(ui)?;
    let directory = people::directory(locked.vault())?;
    let mut staged = Ok(());
    for (name, key) in name(config, &directory) {
        let recipients = std::slice::from_ref(&key.recipient);
        let text = RecipientFile::new(recipients, None).text().to_owned();
        staged = staged.and_then(|()| locked.put(Target::Recipient(name), text.into_bytes()));
    }
    staged
        .and_then(|()| locked.commit())
        .map_err(|error| Failure::of(format!("cannot take the recipients of `{file}`"), &error))
}
