//! `hoziron vault members replace-key`: puts one public key of a reader in place of another. What was
//! sealed before stays open to the old one until `apply`.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::own_key::{parse_reader, parse_recipients};
use crate::cli::people::{Edit, NEXT, edit};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{ReaderName, Recipient};
use crate::people::Directory;
use crate::vault::Target;

/// Put one public key of a reader in place of another
///
/// For a lost or a new machine. The next `hoziron apply` makes new keys, and says which values the old
/// key has opened.
///
/// Example: hoziron vault members replace-key bob --old age1… --new age1…
#[derive(ClapArgs)]
pub struct Args {
    /// Whose key
    name: String,
    /// The public key that goes
    #[arg(long, value_name = "KEY")]
    old: String,
    /// The public key that comes
    #[arg(long, value_name = "KEY")]
    new: String,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = parse_reader(&args.name)?;
    let [old] = &parse_recipients(std::slice::from_ref(&args.old), "--old")?[..] else {
        unreachable!("one text is one key");
    };
    let [new] = &parse_recipients(std::slice::from_ref(&args.new), "--new")?[..] else {
        unreachable!("one text is one key");
    };
    let mut signs = false;
    let changed = edit(
        workspace,
        &name,
        |directory, _| {
            signs = directory
                .of(&name)
                .is_some_and(|file| file.signing.is_some());
            decide(&name, old, new, directory)
        },
        ui,
    )?;
    let place = Target::Recipient(name.clone());
    if !changed {
        ui.note(&format!("`{place}` says that already"));
        return Ok(Exit::Done);
    }
    ui.note(&format!("wrote `{place}`; {NEXT}"));
    if signs {
        ui.warn(&format!(
            "the signing key in `{place}` stays as it was; if it is the old key's, `{name}` runs \
             `hoziron vault join --name {name}` with the new one"
        ));
    }
    Ok(Exit::Done)
}

fn decide(
    name: &ReaderName,
    old: &Recipient,
    new: &Recipient,
    directory: &Directory,
) -> Result<Edit, Failure> {
    let refuse = |cause: String| {
        Failure::new(format!("cannot replace a key of `{name}`"), Exit::Error)
            .cause(cause)
            .hint(format!(
                "`hoziron vault members show {name}` shows the keys"
            ))
    };
    let Some(file) = directory.of(name) else {
        return Err(refuse("there is no such recipient file".to_owned()));
    };
    if let Some(holder) = directory
        .holder_of(new.text())
        .filter(|holder| *holder != name)
    {
        return Err(refuse(format!("`{holder}` has the new key already")));
    }
    let mut file = file.clone();
    let came = file.add(new);
    let went = old != new && file.remove(old);
    match (came, went) {
        (_, true) => Ok(Edit::Write(file)),
        (false, false) => Ok(Edit::Keep),
        (true, false) => Err(refuse("the old key is not in the file".to_owned())),
    }
}
