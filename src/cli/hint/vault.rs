//! Hints for sealed files, statements, the manifest and the home as a whole.

use crate::cli::display::word;
use crate::cli::failure::{Exit, sentence};
use crate::cli::hint::{Advice, Advise};
use crate::domain::{PluginError, WrapError};
use crate::manifest::{
    EditError, GeneratorError, ManifestError, ManifestErrors, Problem, ShapeError, TemplateError,
};
use crate::people::{
    ContributeError, ContributionError, FoundingError, KeysError, OpenError, Setback,
    StatementError,
};
use crate::sealed::{FramingError, SealedError, SubmissionError};
use crate::vault::transaction::TransactionError;
use crate::vault::trust::TrustError;
use crate::workspace::WorkspaceError;

const FROM_GIT: &str = "look at it with `git log -p -- FILE`, and bring a good one back with `git checkout REV -- FILE`";
const ONE_KIND: &str = "give all readers of the folder a key of one kind (`hoziron vault members replace-key`), or the others a folder of their own in `[access]`";
const RESOLVE: &str = "choose one of the two values: `hoziron vault resolve NAME`";
const UPGRADE: &str = "use a newer hoziron";
const REJECT: &str = "ask who put it there, or remove it: `hoziron vault accept --reject NAME`";

/// The branch was reset to an older state, by its owner or by somebody who may push with force.
fn rewritten(commit: &str) -> Advice {
    Advice::new(Exit::Untrusted).hint(format!(
        "ask who did it: `git log {commit}` shows what was there; if it is to stay as it is now, \
         `hoziron vault trust --rewritten`"
    ))
}

impl Advise for ManifestErrors {
    fn advise(&self) -> Advice {
        let mut each = self.problems().iter().map(Advise::advise);
        let told = each.find(|advice| advice.hint.is_some());
        told.unwrap_or(Advice::new(Exit::Error))
    }

    fn causes(&self) -> Vec<String> {
        let more = match self.more() {
            0 => None,
            more => Some(format!("and {more} more")),
        };
        let told = self.problems().iter().map(ToString::to_string);
        told.chain(more).collect()
    }
}

impl Advise for ManifestError {
    fn advise(&self) -> Advice {
        match &self.problem {
            Problem::Id(_) => {
                Advice::new(Exit::Untrusted).hint(FROM_GIT.replace("FILE", "hoziron.toml"))
            }
            Problem::Newer(_) => Advice::new(Exit::Error).hint(UPGRADE),
            Problem::Conflict { .. }
            | Problem::Cycle(_)
            | Problem::Generator(_)
            | Problem::Missing(_)
            | Problem::NotText
            | Problem::Shape { .. }
            | Problem::Syntax
            | Problem::Taken { .. }
            | Problem::Template(_)
            | Problem::TooLong
            | Problem::Twice
            | Problem::Unknown { .. }
            | Problem::Wrong { .. } => Advice::new(Exit::Error),
        }
    }
}

impl Advise for EditError {
    fn advise(&self) -> Advice {
        match self {
            Self::Missing | Self::Syntax => Advice::new(Exit::Error),
            Self::Odd { .. } => Advice::new(Exit::Error)
                .hint("change `hoziron.toml` by hand, then run the command again"),
            Self::Taken => Advice::new(Exit::Error)
                .hint("take one of the two declarations out of `hoziron.toml` first"),
        }
    }
}

impl Advise for GeneratorError {
    fn advise(&self) -> Advice {
        match self {
            Self::Charset
            | Self::Characters
            | Self::Length
            | Self::Prefix
            | Self::Unknown
            | Self::Version
            | Self::Weak => Advice::new(Exit::Usage),
        }
    }
}

impl Advise for ShapeError {
    fn advise(&self) -> Advice {
        match self {
            Self::Long(_) | Self::Pattern | Self::Short(_) | Self::Text | Self::Type(_) => {
                Advice::new(Exit::Error)
            }
        }
    }
}

impl Advise for TemplateError {
    fn advise(&self) -> Advice {
        match self {
            Self::Filter
            | Self::Missing(_)
            | Self::Name
            | Self::NotText(_)
            | Self::TooLong
            | Self::Unclosed => Advice::new(Exit::Error),
        }
    }
}

impl Advise for FramingError {
    fn advise(&self) -> Advice {
        let advice = Advice::new(Exit::Untrusted);
        match self {
            Self::LineEndings => advice
                .hint("`vault/.gitattributes` keeps git from doing that; check the file out again"),
            Self::Markers => advice.hint(RESOLVE),
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
            Self::Conflict => Advice::new(Exit::Untrusted).hint(RESOLVE),
            Self::Damaged(error) => error.advise(),
            Self::Newer => Advice::new(Exit::Untrusted).hint(UPGRADE),
            Self::NoIdentity => Advice::new(Exit::NoIdentity),
            Self::MixedRecipients(_) => Advice::new(Exit::Error).hint(ONE_KIND),
            Self::Recipient { source, .. } => source.advise(),
            Self::Recipients | Self::TooLong => Advice::new(Exit::Error),
            Self::UnknownKey(_) => Advice::new(Exit::Untrusted).hint(FROM_GIT),
        }
    }
}

impl Advise for SubmissionError {
    fn advise(&self) -> Advice {
        match self {
            Self::AnotherName | Self::AnotherVault | Self::Ordinary => {
                Advice::new(Exit::Untrusted).hint(REJECT)
            }
            Self::Sealed(SealedError::NoIdentity) => {
                Advice::new(Exit::NoIdentity).hint("whoever submitted it may do so again, now")
            }
            Self::Sealed(_) => Advice::new(Exit::Untrusted).hint(REJECT),
        }
    }
}

impl Advise for ContributionError {
    fn advise(&self) -> Advice {
        match self {
            Self::FolderKey => Advice::new(Exit::Untrusted).hint(REJECT),
            Self::Submission(error) => error.advise(),
        }
    }
}

impl Advise for ContributeError {
    fn advise(&self) -> Advice {
        match self {
            Self::Keys(error) => error.advise(),
            Self::Sealed(error) => error.advise(),
        }
    }
}

impl Advise for WrapError {
    fn advise(&self) -> Advice {
        let error = Advice::new(Exit::Error);
        match self {
            Self::Failed => error,
            Self::Plugin(PluginError::NotAllowed(name)) => error.hint(format!(
                "if you trust the program `age-plugin-{name}`, allow it: `plugins = [\"{name}\"]` in ~/.config/hoziron/config.toml"
            )),
            Self::Plugin(PluginError::NotFound(name)) => {
                error.hint(format!("install `age-plugin-{name}`, in a folder that only you or root can write to"))
            }
            Self::Plugin(PluginError::Failed { .. } | PluginError::Stanzas(_)) => error,
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
            Self::Behind { .. } => Advice::new(Exit::Untrusted)
                .hint("this is an older branch, or somebody removed the newer key: merge or check out the newer state"),
            Self::Floor { .. } => Advice::new(Exit::Untrusted)
                .hint("somebody shows you an older state, or the pin is of another vault: fetch the newest commits"),
            Self::Removed {
                how: Setback::Rewritten { commit },
                ..
            } => rewritten(commit),
            Self::NotPinned(_) => Advice::new(Exit::Untrusted)
                .hint("somebody may have put another vault in its place: compare `id` in `hoziron.toml` with what git had before"),
            Self::Removed { .. } => Advice::new(Exit::Untrusted)
                .hint("if nobody may take a key away, bring it back: `git revert COMMIT`"),
            Self::Split { .. } => Advice::new(Exit::Untrusted)
                .hint("somebody who may change readers on both branches joins them: `hoziron apply`"),
            Self::Unlisted { .. } => Advice::new(Exit::Untrusted).hint(FROM_GIT),
            Self::NoIdentity { .. } => Advice::new(Exit::NoIdentity)
                .hint("name the file of your private key: `--identity FILE`"),
            Self::NotAccepted { id, reads: true, .. } => Advice::new(Exit::Untrusted)
                .hint(format!("if somebody you trust told you this id: `hoziron vault trust --accept`, or `--pin {id}`")),
            Self::NotAccepted { readers, .. } => Advice::new(Exit::Untrusted).hint(format!(
                "ask {readers} to let you in; if the vault is your own, name its key: `--identity FILE`"
            )),
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
            Self::RolledBack {
                how: Setback::Rewritten { commit },
                ..
            } => rewritten(commit),
            Self::RolledBack { .. } => Advice::new(Exit::Untrusted)
                .hint("seal the value that was there before anew: `hoziron vault restore NAME`"),
            Self::Sealed(error) => error.advise(),
            Self::Stale { .. } => Advice::new(Exit::Untrusted).hint(
                "if the value is what it should be, somebody seals it anew: `hoziron apply --accept-stale NAME`",
            ),
        }
    }
}

impl Advise for FoundingError {
    fn advise(&self) -> Advice {
        match self {
            Self::Mixed(_) => Advice::new(Exit::Usage).hint(ONE_KIND),
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
                word(path)
            )),
            Self::NoSuchPlace { .. } | Self::ReadBack { .. } | Self::TooLarge => {
                Advice::new(Exit::Error)
            }
            Self::Recorded { .. } | Self::Unrecovered { .. } => Advice::new(Exit::Error)
                .hint("run any command again, `hoziron vault list` for example"),
            Self::StateNotOurs { .. } => Advice::new(Exit::Untrusted),
            Self::Unfinishable { journal, .. } => Advice::new(Exit::Untrusted).hint(format!(
                "bring the vault back from git, then remove {}",
                word(journal)
            )),
        }
    }
}

impl Advise for TrustError {
    fn advise(&self) -> Advice {
        match self {
            Self::AnotherVault { record, .. } => Advice::new(Exit::Untrusted).hint(format!(
                "if you put another vault there yourself, forget the old one: `rm {}`",
                word(record)
            )),
            Self::Read(error) => error.advise(),
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

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Manifest { path, source } => {
                let each = source.causes().into_iter();
                each.map(|cause| format!("`{}`: {cause}", path.display()))
                    .collect()
            }
            _ => vec![sentence(self)],
        }
    }
}
