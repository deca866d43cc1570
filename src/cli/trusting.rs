//! Trusting a vault, which is a person's word: its id is shown as words and asked about. The word is
//! kept in the user's own state, or as a comment in the text of his private key, which goes with it to
//! other machines. Nothing in a repository can do either.

use std::path::PathBuf;

use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, remember_home};
use crate::domain::{Keyring, VaultId, with_vault, without_vault};
use crate::home::Environment;
use crate::home::private::{Overwrite, read_private, remove_private, write_private};
use crate::people::Chains;
use crate::vault::trust::trust_file;

/// The longest identity file that is edited, in bytes (1 MiB).
const MAX_IDENTITY: u64 = 1024 * 1024;

/// Why this user trusts a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its founder's key is one of the user's.
    Founder,
    /// A private key's text or a pin names it.
    Named,
    /// The user has said so on this machine.
    Said,
}

impl Reason {
    /// The reason for a person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Founder => "its founder's key is yours",
            Self::Named => "the text of your private key, or a pin, names it",
            Self::Said => "you said so",
        }
    }

    /// The reason for a program.
    pub fn word(self) -> &'static str {
        match self {
            Self::Founder => "founder",
            Self::Named => "named",
            Self::Said => "said",
        }
    }
}

/// Returns why the user trusts the vault at hand; nothing: he does not.
pub fn reasons(chains: &Chains, keyring: &Keyring) -> Vec<Reason> {
    [
        (Reason::Founder, keyring.signs_with(chains.top().founder())),
        (Reason::Named, keyring.names_vault(chains.id())),
        (Reason::Said, chains.trusted()),
    ]
    .into_iter()
    .filter_map(|(reason, holds)| holds.then_some(reason))
    .collect()
}

/// Shows the id as words and asks whether it is the right one.
pub fn ask(id: &VaultId, ui: &Ui, instead: &str) -> Result<(), Failure> {
    ui.note(&format!("the vault's id is {id}"));
    ui.note(&format!("in words: {}", id.words()));
    ui.note("have somebody who works in it read you the words: `hoziron vault trust` shows them");
    if ui.ask("are these the words?", instead)? {
        return Ok(());
    }
    Err(Failure::new("the vault is not trusted", Exit::Untrusted).cause("nothing was changed"))
}

/// Keeps the user's word in the text of the private key at `origin`, if that is his own plain file, else
/// in his state on this machine. Says where.
pub fn keep(workspace: &Workspace<'_>, origin: Option<&str>, ui: &Ui) -> Result<(), Failure> {
    let id = workspace.id();
    let environment = workspace.environment();
    if let Some(path) = origin.and_then(|origin| own_file(environment, origin))
        && let Ok(Some(text)) = read_private(&path, MAX_IDENTITY)
    {
        if without_vault(&text, id).is_some() {
            return Ok(());
        }
        if let Some(text) = with_vault(&text, id)
            && write_private(&path, text.reveal(), Overwrite::Replace).is_ok()
        {
            ui.note(&format!(
                "`{}` names the vault now, so the key brings the trust along wherever it goes",
                path.display()
            ));
            return Ok(());
        }
    }
    say(workspace)?;
    ui.note("this machine trusts the vault now; on others: `hoziron vault trust --accept`");
    Ok(())
}

/// The user's own identity file, if that is where a key was found.
fn own_file(environment: &Environment, origin: &str) -> Option<PathBuf> {
    let path = environment.identity_file()?;
    (path.display().to_string() == origin).then_some(path)
}

/// Keeps the user's word in his state.
pub fn say(workspace: &Workspace<'_>) -> Result<(), Failure> {
    let what = "cannot remember that the vault is trusted";
    let id = workspace.id();
    let state = workspace
        .environment()
        .state()
        .ok_or_else(|| no_state(what))?;
    let text = format!("{id}\n");
    let written = write_private(&trust_file(&state, id), text.as_bytes(), Overwrite::Replace);
    written.map(drop).map_err(|error| Failure::of(what, &error))
}

/// Takes the user's word back, wherever it is kept; says whether it was kept anywhere.
pub fn take_back(workspace: &Workspace<'_>, ui: &Ui) -> Result<bool, Failure> {
    let what = "cannot take the trust back";
    let id = workspace.id();
    let environment = workspace.environment();
    let state = environment.state().ok_or_else(|| no_state(what))?;
    let mut was =
        remove_private(&trust_file(&state, id)).map_err(|error| Failure::of(what, &error))?;
    if let Some(path) = environment.identity_file()
        && let Ok(Some(text)) = read_private(&path, MAX_IDENTITY)
        && let Some(text) = without_vault(&text, id)
    {
        let written = write_private(&path, text.reveal(), Overwrite::Replace);
        written
            .map(drop)
            .map_err(|error| Failure::of(what, &error))?;
        ui.note(&format!("`{}` does not name it any more", path.display()));
        was = true;
    }
    Ok(was)
}

fn no_state(what: &str) -> Failure {
    Failure::new(what, Exit::Error)
        .cause("there is no folder for hoziron's state: neither XDG_STATE_HOME nor HOME is set")
}

/// Remembers the vault at hand: that it is this home's, and the keys of its folders.
pub fn remember(workspace: &Workspace<'_>, chains: &Chains, ui: &Ui) {
    remember_home(
        workspace.home(),
        workspace.id(),
        workspace.environment(),
        ui,
    );
    let heads = chains.all(workspace.vault()).into_iter();
    workspace.accept_heads(heads.filter_map(|(_, chain)| chain.ok()?.known()), ui);
}
