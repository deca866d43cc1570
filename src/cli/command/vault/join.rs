//! `hoziron vault join`: writes the user's own recipient file, with the key he signs with, and makes a
//! private key if there is none. Lets nobody in: that is for somebody who reads already.

mod status;

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::keys;
use crate::cli::own_key::{self, Keeping, OwnKey, Passphrase};
use crate::cli::people::{self, Edit, edit};
use crate::cli::trusting::{self, Reason};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::ReaderName;
use crate::people::{Chains, Directory, RecipientFile};
use crate::vault::Target;

/// Ask to be let in
///
/// Writes your recipient file, for you to commit, and makes a private key if you have none. Prints the
/// keys in words; whoever lets you in compares them with you by voice. With `--status`: how much of
/// the vault you read, and who can change that.
///
/// Example: hoziron vault join --name bob
#[derive(ClapArgs)]
pub struct Args {
    /// What you are called in the vault (default: your first name in git, else your login)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Read with this public key instead, `age1…` or `ssh-ed25519 …` (may be repeated)
    #[arg(long, value_name = "KEY", conflicts_with = "status")]
    recipient: Vec<String>,
    /// Print how many secrets you read, and who can change that
    #[arg(long)]
    status: bool,
    /// Do not ask; the vault is one you trust, or is named with `--pin`
    #[arg(short, long, conflicts_with = "status")]
    yes: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    if args.status {
        return status::run(args.name.as_deref(), workspace, ui);
    }
    let what = "cannot join the vault";
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of(what, &error))?;
    let name = own_key::reader_name(
        args.name.as_deref(),
        workspace.environment(),
        "hoziron vault join --name bob",
    )?;
    let recipients = own_key::parse_recipients(&args.recipient, "--recipient")?;
    let (mut keyring, _) = workspace.keyring(ui)?;
    if keyring.identities().is_empty() {
        keys::unlock_all(&mut keyring, ui)?;
    }
    let directory = people::directory(workspace.vault())?;
    if recipients.is_empty() && OwnKey::find(&keyring).is_none() && directory.of(&name).is_some() {
        return Err(taken(&name));
    }
    let reasons = trusting::reasons(&chains, &keyring);
    trust(args, workspace, &reasons, ui)?;

    let keeping = Keeping {
        passphrase: Passphrase::Ask,
        vaults: std::slice::from_ref(chains.id()),
    };
    let there = OwnKey::find(&keyring).is_some();
    let me = OwnKey::choose(&keyring, recipients, keeping, workspace.environment(), ui)?;
    let changed = edit(
        workspace,
        &name,
        |directory, _| decide(&name, &me, directory),
        ui,
    )?;
    let made_for_it = !there && args.recipient.is_empty();
    let lasting = [Reason::Founder, Reason::Said];
    if !made_for_it && !lasting.iter().any(|reason| reasons.contains(reason)) {
        trusting::keep(workspace, me.origin.as_deref(), ui)?;
    }
    trusting::remember(workspace, &chains, ui);
    tell(workspace, &chains, &name, changed, ui)?;
    Ok(Exit::Done)
}

/// Has a person compare the vault's id, unless it is trusted already.
fn trust(
    args: &Args,
    workspace: &Workspace<'_>,
    reasons: &[Reason],
    ui: &Ui,
) -> Result<(), Failure> {
    let id = workspace.id();
    if !reasons.is_empty() {
        return Ok(());
    }
    let instead = format!("if somebody you trust told you this id: `--yes --pin {id}`");
    if args.yes {
        return Err(Failure::new("cannot join the vault", Exit::Untrusted)
            .cause("nobody has said that this is the right vault")
            .hint(instead));
    }
    trusting::ask(id, ui, &instead)
}

fn taken(name: &ReaderName) -> Failure {
    Failure::new(format!("cannot join as `{name}`"), Exit::Error)
        .cause(format!("there is a `{name}` already, with other keys"))
        .hint(format!(
            "take another name, such as `--name {name}-laptop` for a second machine of yours"
        ))
}

/// The user's own file: his keys, and the one he signs with.
fn decide(name: &ReaderName, me: &OwnKey, directory: &Directory) -> Result<Edit, Failure> {
    let holders = me.recipients.iter();
    let mut holders = holders.filter_map(|key| directory.holder_of(key.text()));
    if let Some(other) = holders.find(|holder| *holder != name) {
        return Err(
            Failure::new(format!("cannot join as `{name}`"), Exit::Error)
                .cause(format!(
                    "your key is in `{}`",
                    Target::Recipient(other.clone())
                ))
                .hint(format!(
                    "you are `{other}` here: `hoziron vault join --name {other}`"
                )),
        );
    }
    let signing = Some(me.signing.public());
    let Some(file) = directory.of(name) else {
        return Ok(Edit::Write(RecipientFile::new(&me.recipients, signing)));
    };
    if !me
        .recipients
        .iter()
        .all(|key| file.recipients.contains(key))
    {
        return Err(taken(name));
    }
    if file.signing == signing {
        return Ok(Edit::Keep);
    }
    let mut file = file.clone();
    file.sign_with(signing);
    Ok(Edit::Write(file))
}

fn tell(
    workspace: &Workspace<'_>,
    chains: &Chains,
    name: &ReaderName,
    changed: bool,
    ui: &Ui,
) -> Result<(), Failure> {
    let place = Target::Recipient(name.clone());
    let directory = people::directory(workspace.vault())?;
    let file = directory.of(name);
    let words = file.map(RecipientFile::words).unwrap_or_default();
    ui.out(&format!("{place}\n{words}"))?;
    if changed {
        ui.note(&format!("wrote `{place}`: commit it, and have it merged"));
    } else {
        ui.note(&format!("`{place}` says all that already"));
    }
    let signers = signers(chains);
    ui.note(&format!(
        "then have {signers} compare the words with you by voice (`hoziron vault members show {name}`) \
         and run `hoziron apply`"
    ));
    ui.note("`hoziron vault join --status` says what you read by then");
    Ok(())
}

/// Who may change who reads the vault.
fn signers(chains: &Chains) -> String {
    let mut names: Vec<String> = Vec::new();
    for leaf in chains.top().leaves() {
        let signers = leaf.readers.iter();
        let signers = signers.filter(|reader| reader.signing.is_some());
        names.extend(signers.map(|reader| format!("`{}`", reader.name)));
    }
    names.sort();
    names.dedup();
    names.join(" or ")
}
