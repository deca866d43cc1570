//! `hoziron vault members add`: writes a recipient file, or adds keys to one. Seals nothing and lets
//! nobody in; a private key that is made for a machine is shown once and kept nowhere.

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::own_key::{parse_reader, parse_recipients};
use crate::cli::people::{Edit, NEXT, edit};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{GroupName, Identity, ReaderName, Recipient};
use crate::people::{Directory, RecipientFile};
use crate::vault::Target;

/// Write the recipient file of a person or machine
///
/// Adds keys to the file if it is there. Nothing is sealed for anybody before `hoziron apply`. Whoever
/// is added this way reads and cannot change who reads; people who should, run `hoziron vault join`.
///
/// Example: hoziron vault members add ci --new-identity --group deploy
#[derive(ClapArgs)]
pub struct Args {
    /// What the reader is called
    name: String,
    /// Public keys: `age1…`, 'ssh-ed25519 …' or 'ssh-rsa …'
    #[arg(required_unless_present_any = ["new_identity", "group"], value_name = "KEY")]
    keys: Vec<String>,
    /// Make a private key for a machine, and print it once
    #[arg(long)]
    new_identity: bool,
    /// Put the reader into this group (may be repeated)
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &mut Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = parse_reader(&args.name)?;
    let groups = groups(&args.group)?;
    let mut keys = parse_recipients(&joined(&args.keys), "KEY")?;
    let made = args.new_identity.then(|| Identity::generate(name.as_str()));
    keys.extend(made.iter().map(|identity| {
        Recipient::parse(identity.public()).expect("a key's public half is a recipient")
    }));
    let id = workspace.id().clone();
    let changed = edit(
        workspace,
        &name,
        |directory, _| {
            let decided = decide(&name, &keys, &groups, directory)?;
            if let Some(made) = &made {
                ui.note("the private key follows; it is shown once and kept nowhere:");
                let text = made.file_text(std::slice::from_ref(&id));
                ui.out_once(&text.expect("a key that was made here has a text"))?;
            }
            Ok(decided)
        },
        ui,
    )
    .map_err(|failure| match made {
        Some(_) => failure.hint("if a private key stands above, it opens nothing"),
        None => failure,
    })?;
    let place = Target::Recipient(name.clone());
    if changed {
        ui.note(&format!("wrote `{place}`; {NEXT}"));
    } else {
        ui.note(&format!("`{place}` says all that already"));
    }
    if made.is_some() {
        ui.note("the machine needs one variable: `HOZIRON_IDENTITY`, with all of that text");
    }
    Ok(Exit::Done)
}

/// An ssh key that was typed without quotes is two words, and its comment a third.
fn joined(words: &[String]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let mut ssh = 0;
    for word in words {
        match keys.last_mut() {
            Some(key) if ssh == 1 => {
                key.push_str(&format!(" {word}"));
                ssh = 2;
            }
            Some(_) if ssh == 2 && !word.starts_with("ssh-") && !word.starts_with("age1") => {
                ssh = 0;
            }
            _ => {
                ssh = usize::from(word.starts_with("ssh-") && !word.contains(' '));
                keys.push(word.clone());
            }
        }
    }
    keys
}

fn groups(texts: &[String]) -> Result<Vec<GroupName>, Failure> {
    let parse = |text: &String| {
        let text = text.strip_prefix('@').unwrap_or(text);
        GroupName::parse(text)
            .map_err(|error| Failure::of("`--group` is not a name for a group", &error))
    };
    texts.iter().map(parse).collect()
}

/// A file with the keys and the groups added to what is there.
fn decide(
    name: &ReaderName,
    keys: &[Recipient],
    groups: &[GroupName],
    directory: &Directory,
) -> Result<Edit, Failure> {
    let what = || format!("cannot add `{name}`");
    for key in keys {
        if let Some(holder) = directory
            .holder_of(key.text())
            .filter(|holder| *holder != name)
        {
            return Err(Failure::new(what(), Exit::Error)
                .cause(format!("`{holder}` has one of these keys already")));
        }
    }
    let mut changed = false;
    let mut file = match directory.of(name) {
        Some(file) => file.clone(),
        None if keys.is_empty() => {
            return Err(Failure::new(what(), Exit::Usage)
                .cause("there is no such file yet, so it takes a key")
                .hint(format!(
                    "`hoziron vault members add {name} age1…`, or `--new-identity` for a machine"
                )));
        }
        None => {
            changed = true;
            RecipientFile::new(&[], None)
        }
    };
    for key in keys {
        changed |= file.add(key);
    }
    for group in groups {
        changed |= file.join(group);
    }
    Ok(if changed {
        Edit::Write(file)
    } else {
        Edit::Keep
    })
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn an_ssh_key_may_come_in_pieces() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            joined(&words("age1a ssh-ed25519 AAAA bob@laptop age1b")),
            ["age1a", "ssh-ed25519 AAAA", "age1b"]
        );
        assert_eq!(
            joined(&words("ssh-ed25519 AAAA ssh-rsa BBBB")),
            ["ssh-ed25519 AAAA", "ssh-rsa BBBB"]
        );
        let whole = ["ssh-ed25519 AAAA bob".to_owned(), "age1a".to_owned()];
        assert_eq!(joined(&whole), whole);
        assert!(joined(&[]).is_empty());
    }
}
