//! What an error means for a person: its exit code and a thing to do now. One implementation for
//! each error enum, without a wildcard, so that a new variant must be thought about. Libraries name
//! no options and no commands; this file does.

use crate::cli::failure::Exit;
use crate::cli::prompt::PromptError;
use crate::disk::DiskError;
use crate::domain::{IdentityTextError, NameError};
use crate::env::exec::ExecError;
use crate::env::format::FormatError;
use crate::env::resolve::ResolveError;
use crate::home::private::PrivateError;
use crate::home::{FindError, IdentityError, JournalKeyError};
use crate::manifest::{GeneratorError, ManifestError};
use crate::people::{FoundingError, KeysError, OpenError, StatementError};
use crate::sealed::{FramingError, SealedError};
use crate::vault::transaction::TransactionError;
use crate::vault::trust::TrustError;
use crate::workspace::WorkspaceError;

/// What an error means.
#[derive(Debug)]
pub struct Advice {
    /// How the run ends.
    pub exit: Exit,
    /// A thing to do now.
    pub hint: Option<String>,
}

impl Advice {
    fn new(exit: Exit) -> Self {
        Self { exit, hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An error that knows what a person can do about it.
pub trait Advise {
    /// Says what it means.
    fn advise(&self) -> Advice;
}

const FROM_GIT: &str = "look at it with `git log -p -- FILE`, and bring a good one back with `git checkout REV -- FILE`";
const UPGRADE: &str = "use a newer hoziron";

impl Advise for DiskError {
    fn advise(&self) -> Advice {
        match self {
            Self::Io { .. } => Advice::new(Exit::Error),
            Self::NotADirectory { .. } | Self::NotRegular { .. } | Self::TooLarge { .. } => {
                Advice::new(Exit::Untrusted)
                    .hint("nothing of it was followed or read; remove it if it is not yours")
            }
        }
    }
}

impl Advise for FindError {
    fn advise(&self) -> Advice {
        let advice = Advice::new(Exit::Error);
        match self {
            Self::Missing(_) => {
                advice.hint("make one: `hoziron vault init`, or name one: `--home DIR`")
            }
            Self::NoPlace => advice.hint("name one: `--home DIR`"),
            Self::Stranger(home) => {
                advice.hint(format!("if you trust it: `--home {}`", home.display()))
            }
        }
    }
}

impl Advise for NameError {
    fn advise(&self) -> Advice {
        match self {
            Self::BadKey
            | Self::BadReader
            | Self::BadFolder
            | Self::Device
            | Self::Empty
            | Self::TooLong => Advice::new(Exit::Usage),
        }
    }
}

impl Advise for IdentityTextError {
    fn advise(&self) -> Advice {
        match self {
            Self::Empty | Self::NotAKey(_) | Self::NotText => Advice::new(Exit::Error),
        }
    }
}

impl Advise for IdentityError {
    fn advise(&self) -> Advice {
        match self {
            Self::Missing { .. } => Advice::new(Exit::Error),
            Self::Private(error) => error.advise(),
            Self::Text { source, .. } => source
                .advise()
                .hint("nothing of it is shown, because it may be a key"),
        }
    }
}

impl Advise for JournalKeyError {
    fn advise(&self) -> Advice {
        match self {
            Self::File(error) => error.advise(),
            Self::Malformed { path } => Advice::new(Exit::Error).hint(format!(
                "remove it, and a new one is made: `rm {}`",
                path.display()
            )),
            Self::NoRandomness => Advice::new(Exit::Error),
        }
    }
}

impl Advise for PrivateError {
    fn advise(&self) -> Advice {
        match self {
            Self::Busy { .. } => Advice::new(Exit::Busy),
            Self::Disk(error) => error.advise(),
            Self::NoName { .. } | Self::NotOurs { .. } => Advice::new(Exit::Error),
            Self::OthersCanRead { path, .. } => Advice::new(Exit::Error).hint(format!(
                "make it yours alone: `chmod 600 {}`",
                path.display()
            )),
        }
    }
}

impl Advise for ManifestError {
    fn advise(&self) -> Advice {
        match self {
            Self::Id(_) => {
                Advice::new(Exit::Untrusted).hint(FROM_GIT.replace("FILE", "hoziron.toml"))
            }
            Self::Newer(_) => Advice::new(Exit::Error).hint(UPGRADE),
            Self::NotText | Self::Shape { .. } => Advice::new(Exit::Error),
        }
    }
}

impl Advise for GeneratorError {
    fn advise(&self) -> Advice {
        match self {
            Self::Length | Self::Unknown => Advice::new(Exit::Usage),
        }
    }
}

impl Advise for FramingError {
    fn advise(&self) -> Advice {
        let advice = Advice::new(Exit::Untrusted);
        match self {
            Self::LineEndings => advice
                .hint("`vault/.gitattributes` keeps git from doing that; check the file out again"),
            Self::Armor
            | Self::Header
            | Self::HeaderTooLong
            | Self::Intro
            | Self::Mac
            | Self::Passphrase
            | Self::Payload
            | Self::Stanza
            | Self::TooLong
            | Self::TooManyStanzas => advice.hint(FROM_GIT),
        }
    }
}

impl Advise for SealedError {
    fn advise(&self) -> Advice {
        match self {
            Self::BadGrant | Self::Forged | Self::NoStanza => {
                Advice::new(Exit::Untrusted).hint(FROM_GIT)
            }
            Self::Conflict => Advice::new(Exit::Untrusted),
            Self::Damaged(error) => error.advise(),
            Self::Newer => Advice::new(Exit::Untrusted).hint(UPGRADE),
            Self::NoIdentity => Advice::new(Exit::NoIdentity),
            Self::MixedRecipients | Self::Recipient(_) | Self::TooLong => Advice::new(Exit::Error),
            Self::UnknownKey(_) => Advice::new(Exit::Untrusted).hint(FROM_GIT),
        }
    }
}

impl Advise for StatementError {
    fn advise(&self) -> Advice {
        match self {
            Self::Field(_) | Self::Malformed(_) | Self::Readers(_) | Self::Signature => {
                Advice::new(Exit::Untrusted).hint(FROM_GIT)
            }
            Self::Newer(_) => Advice::new(Exit::Untrusted).hint(UPGRADE),
        }
    }
}

impl Advise for KeysError {
    fn advise(&self) -> Advice {
        match self {
            Self::Grant { .. } | Self::Missing { .. } | Self::Wrong { .. } => {
                Advice::new(Exit::Untrusted).hint(FROM_GIT)
            }
            Self::Further { .. } => Advice::new(Exit::Untrusted).hint(UPGRADE),
            Self::NoIdentity { .. } => Advice::new(Exit::NoIdentity)
                .hint("name the file of your private key: `--identity FILE`"),
            Self::NotAccepted { .. } => Advice::new(Exit::Untrusted).hint(
                "if this is your vault, name the private key it was made with: `--identity FILE`",
            ),
            Self::Read(error) => error.advise(),
            Self::Sealed { source, .. } => source.advise(),
            Self::Statement { source, .. } => source.advise(),
        }
    }
}

impl Advise for OpenError {
    fn advise(&self) -> Advice {
        match self {
            Self::Keys(error) => error.advise(),
            Self::Read(error) => error.advise(),
            Self::Sealed(error) => error.advise(),
        }
    }
}

impl Advise for FoundingError {
    fn advise(&self) -> Advice {
        match self {
            Self::Readers(_) => Advice::new(Exit::Usage).hint("choose another `--name`"),
            Self::Sealed(error) => error.advise(),
        }
    }
}

impl Advise for TransactionError {
    fn advise(&self) -> Advice {
        match self {
            Self::Busy { pid: Some(pid) } => {
                Advice::new(Exit::Busy).hint(format!("it is process {pid}"))
            }
            Self::Busy { pid: None } => Advice::new(Exit::Busy),
            Self::Disk(error) => error.advise(),
            Self::ForeignJournal { path } => Advice::new(Exit::Untrusted).hint(format!(
                "if nobody else works in this folder, remove it: `rm {}`",
                path.display()
            )),
            Self::NoSuchPlace { .. } | Self::ReadBack { .. } | Self::TooLarge => {
                Advice::new(Exit::Error)
            }
            Self::Recorded { .. } | Self::Unrecovered { .. } => Advice::new(Exit::Error)
                .hint("run any command again, `hoziron vault list` for example"),
            Self::StateNotOurs { .. } => Advice::new(Exit::Untrusted),
            Self::Unfinishable { journal, .. } => Advice::new(Exit::Untrusted).hint(format!(
                "bring the vault back from git, then remove `{}`",
                journal.display()
            )),
        }
    }
}

impl Advise for TrustError {
    fn advise(&self) -> Advice {
        match self {
            Self::AnotherVault { record, .. } => Advice::new(Exit::Untrusted).hint(format!(
                "if you put another vault there yourself, forget the old one: `rm {}`",
                record.display()
            )),
            Self::Read(error) => error.advise(),
        }
    }
}

impl Advise for ResolveError {
    fn advise(&self) -> Advice {
        match self {
            Self::Ambiguous { .. } => {
                Advice::new(Exit::Error).hint("rename one of them, or choose a narrower profile")
            }
            Self::Refused(failures) => {
                let worst = failures
                    .iter()
                    .filter_map(|(_, error)| error.as_ref())
                    .map(Advise::advise);
                worst
                    .max_by_key(|advice| advice.exit == Exit::Untrusted)
                    .unwrap_or(Advice::new(Exit::Error))
            }
            Self::Unknown(_) => {
                Advice::new(Exit::Error).hint("`hoziron vault list` shows the names")
            }
        }
    }
}

impl Advise for PromptError {
    fn advise(&self) -> Advice {
        match self {
            Self::ControlCharacter | Self::TooLong => {
                Advice::new(Exit::Error).hint("pipe the value in, or use `--from-file PATH`")
            }
            Self::Interrupted => Advice::new(Exit::Interrupted),
            Self::Io(_) | Self::Mismatch | Self::NoTerminal => Advice::new(Exit::Error),
        }
    }
}

impl Advise for ExecError {
    fn advise(&self) -> Advice {
        match self {
            Self::NotExecutable { .. } => Advice::new(Exit::CannotExecute),
            Self::NotFound { .. } => Advice::new(Exit::CommandNotFound),
            Self::Nul(_) => Advice::new(Exit::NotStarted)
                .hint("leave them out with `--only`, and let the program read them with `hoziron vault get`"),
            Self::Steering(_) => Advice::new(Exit::NotStarted)
                .hint("give them other names (`hoziron vault rename`), or leave them out with `--only`"),
            Self::TooLarge { .. } | Self::TooLong(_) => Advice::new(Exit::NotStarted)
                .hint("leave large values out with `--only`, and let the program read them with `hoziron vault get`"),
        }
    }
}

impl Advise for FormatError {
    fn advise(&self) -> Advice {
        match self {
            Self::Refused { alternatives, .. } => {
                let names: Vec<_> = alternatives
                    .iter()
                    .map(|format| format!("`--format {format}`"))
                    .collect();
                let advice = Advice::new(Exit::Error);
                if names.is_empty() {
                    advice
                } else {
                    advice.hint(format!("all of them fit {}", names.join(", ")))
                }
            }
            Self::Steering(_) => Advice::new(Exit::Error).hint(
                "give them other names (`hoziron vault rename`), or leave them out with `--only`",
            ),
        }
    }
}

impl Advise for WorkspaceError {
    fn advise(&self) -> Advice {
        match self {
            Self::Disk(error) => error.advise(),
            Self::Find(error) => error.advise(),
            Self::JournalKey(error) => error.advise(),
            Self::Manifest { source, .. } => source.advise(),
            Self::NoManifest(_) | Self::NoState => Advice::new(Exit::Error),
            Self::Transaction(error) => error.advise(),
            Self::Trust(error) => error.advise(),
        }
    }
}
