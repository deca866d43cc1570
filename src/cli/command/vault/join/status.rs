//! `hoziron vault join --status`: how many secrets the user reads, and who can change that. Reads his
//! private keys to tell who he is, unless he says so; opens no secret and writes nothing.

use crate::cli::failure::{Exit, Failure};
use crate::cli::keys;
use crate::cli::own_key;
use crate::cli::people::{self, accepted, secrets};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{Keyring, ReaderName};
use crate::people::Readership;

/// Runs the command.
pub fn run(name: Option<&str>, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of("cannot tell what you read", &error))?;
    let names = secrets(workspace)?;
    let readership = Readership::find(workspace.vault(), &chains, &names, None);
    let (accepted, soundness) = accepted(workspace.vault(), &chains, ui);
    let me = match name {
        Some(name) => own_key::parse_reader(name)?,
        None => {
            let (mut keyring, _) = workspace.keyring(ui)?;
            if keyring.identities().is_empty() {
                keys::unlock_all(&mut keyring, ui)?;
            }
            let directory = people::directory(workspace.vault())?;
            let held = |key: &str| {
                let mut all = accepted.values();
                let reader = all.find_map(|readers| readers.holder_of(key));
                reader
                    .map(|reader| &reader.name)
                    .or_else(|| directory.holder_of(key))
                    .cloned()
            };
            found(&keyring, held)?
        }
    };
    let reads = readership.rows.iter();
    let reads = reads.filter(|row| row.readers.contains_key(&me)).count();
    ui.out(&format!("`{me}` reads {reads} of {} secrets", names.len()))?;
    for (folder, readers) in &accepted {
        let signers: Vec<_> = readers
            .iter()
            .filter(|reader| reader.signing.is_some())
            .map(|reader| reader.name.as_str())
            .collect();
        let is_reader = readers.iter().any(|reader| reader.name == me);
        let reads = if is_reader { "reads" } else { "does not read" };
        let place = if folder.is_top() {
            "vault/".to_owned()
        } else {
            format!("vault/{folder}/")
        };
        ui.out(&format!(
            "{reads} {place}; {} can change that",
            signers.join(", ")
        ))?;
    }
    Ok(soundness.exit())
}

/// Finds the reader who holds one of the user's keys.
fn found(
    keyring: &Keyring,
    held: impl Fn(&str) -> Option<ReaderName>,
) -> Result<ReaderName, Failure> {
    let mut identities = keyring.identities().iter();
    identities
        .find_map(|identity| held(identity.public()))
        .ok_or_else(|| {
            Failure::new("cannot tell who you are here", Exit::NoIdentity)
                .cause("none of your keys is a reader's, or in `recipients/`")
                .hint("ask to be let in: `hoziron vault join`; or name yourself: `--name bob`")
        })
}
