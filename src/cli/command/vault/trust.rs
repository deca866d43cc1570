//! `hoziron vault trust`: which vaults this user trusts and why, and the two ways to change that. Reads
//! private keys but opens no secret; what it writes is the user's own.

use clap::{ArgGroup, Args as ClapArgs};

use crate::cli::failure::{Exit, Failure};
use crate::cli::keys;
use crate::cli::lost::Lost;
use crate::cli::render::trust::{Head, Known, json, text};
use crate::cli::trusting::{self, Reason};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{Keyring, VaultId};
use crate::vault::heads::Heads;
use crate::vault::trust::{known_homes, known_vaults, trust_file};

/// Print which vaults you trust and why; accept one, or take it back
///
/// A vault is trusted if its founder's key is yours, if the text of your private key or a pin names
/// it, or if you said so. The words are those of its id; compare them by voice.
///
/// Example: hoziron vault trust --accept
#[derive(ClapArgs)]
#[command(group = ArgGroup::new("asks").args(["accept", "rewritten"]))]
pub struct Args {
    /// Trust the vault of this home, once you have compared its words
    #[arg(long, conflicts_with = "revoke")]
    accept: bool,
    /// Trust the vault of this home no more
    #[arg(long)]
    revoke: bool,
    /// Accept that this branch's history was rewritten: forget the keys and the revisions that you
    /// have seen in it and that it has not any more
    #[arg(long, conflicts_with_all = ["accept", "revoke"])]
    rewritten: bool,
    /// Do not ask
    #[arg(short, long, requires = "asks")]
    yes: bool,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["accept", "revoke", "rewritten"])]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    if args.accept {
        accept(args, workspace, ui)
    } else if args.revoke {
        revoke(workspace, ui)
    } else if args.rewritten {
        accept_rewritten(args, workspace, ui)
    } else {
        show(args, workspace, ui)
    }
}

fn accept(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let id = workspace.id();
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of("cannot trust the vault", &error))?;
    if !args.yes {
        trusting::ask(id, ui, "add `--yes` once you have compared the id")?;
    }
    trusting::say(workspace)?;
    trusting::remember(workspace, &chains, ui);
    ui.note(&format!("vault {id} is trusted on this machine"));
    Ok(Exit::Done)
}

fn accept_rewritten(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let lost = Lost::find(workspace)?;
    if lost.is_empty() {
        ui.note("all that you have seen is still there, or on another branch");
        return Ok(Exit::Done);
    }
    for line in lost.lines() {
        ui.note(line);
    }
    let question = "forget these? whoever rewrote the history decides then who reads, and what";
    if !args.yes && !ui.ask(question, "add `--yes` once you have asked who did it")? {
        return Err(Failure::new("the history is not accepted", Exit::Untrusted)
            .cause("nothing was changed"));
    }
    lost.forget(workspace, ui)?;
    ui.note("what is here now is what you have accepted");
    Ok(Exit::Done)
}

fn revoke(workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let id = workspace.id();
    if trusting::take_back(workspace, ui)? {
        ui.note(&format!("vault {id} is not trusted by your word any more"));
    } else {
        ui.note(&format!("vault {id} was not trusted by your word"));
    }
    for reason in here(workspace, ui)?.0 {
        ui.warn(&format!(
            "it is trusted all the same: {}",
            reason.sentence()
        ));
    }
    Ok(Exit::Done)
}

/// Why the vault at hand is trusted, and the private keys that say so.
fn here(workspace: &Workspace<'_>, ui: &Ui) -> Result<(Vec<Reason>, Keyring), Failure> {
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of("cannot verify the vault", &error))?;
    let (mut keyring, _) = workspace.keyring(ui)?;
    if keyring.identities().is_empty() && ui.has_terminal() {
        keys::unlock_all(&mut keyring, ui)?;
    }
    Ok((trusting::reasons(&chains, &keyring), keyring))
}

fn show(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let what = "cannot read what you trust";
    let (mine, keyring) = here(workspace, ui)?;
    let state = workspace.environment().state();
    let mut ids = match &state {
        Some(state) => known_vaults(state).map_err(|error| Failure::of(what, &error))?,
        None => std::iter::empty().collect(),
    };
    ids.insert(workspace.id().clone());
    let homes = match &state {
        Some(state) => known_homes(state).map_err(|error| Failure::of(what, &error))?,
        None => Vec::new(),
    };
    let mut vaults = Vec::new();
    for id in ids {
        let is_here = id == *workspace.id();
        let reasons = match &state {
            _ if is_here => mine.clone(),
            Some(state) => [
                (Reason::Named, keyring.names_vault(&id)),
                (Reason::Said, trust_file(state, &id).is_file()),
            ]
            .into_iter()
            .filter_map(|(reason, holds)| holds.then_some(reason))
            .collect(),
            None => Vec::new(),
        };
        let heads = match &state {
            Some(state) => {
                heads(&Heads::load(state, &id).map_err(|error| Failure::of(what, &error))?)
            }
            None => Vec::new(),
        };
        let at = homes.iter().filter(|(known, _)| *known == id);
        vaults.push(Known {
            homes: at.map(|(_, home)| home.display().to_string()).collect(),
            is_here,
            reasons,
            heads,
            words: VaultId::words(&id),
            id,
        });
    }
    ui.out(&if args.json {
        json(&vaults)
    } else {
        text(&vaults)
    })?;
    Ok(Exit::Done)
}

fn heads(heads: &Heads) -> Vec<Head> {
    let folders = heads.folders();
    folders
        .filter_map(|folder| {
            let head = heads.of(folder)?;
            Some(Head {
                folder: folder.to_string(),
                epoch: head.epoch,
                key: head.key.to_string(),
            })
        })
        .collect()
}
