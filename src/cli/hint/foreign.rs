//! Hints for the files of other tools: what is read of them, and what is written.

use crate::cli::failure::Exit;
use crate::cli::hint::{Advice, Advise};
use crate::export::ExportError;
use crate::input::InputError;
use crate::input::age_dir::AgeDirError;
use crate::input::naming::NamingError;
use crate::sealed::SealedError;
use crate::sops::{SopsError, WriteError};

const NOT_SHOWN: &str =
    "what stands there is not shown because it may be a secret; look at it in the file";

impl Advise for InputError {
    fn advise(&self) -> Advice {
        let error = Advice::new(Exit::Error);
        match self {
            Self::DotEnv(error) => error.advise(),
            Self::Key { .. } | Self::Syntax { .. } => error.hint(NOT_SHOWN),
            Self::Alias { .. }
            | Self::Documents
            | Self::Duplicate { .. }
            | Self::Merge { .. }
            | Self::NotText
            | Self::Tag { .. }
            | Self::TooDeep
            | Self::TooLarge { .. }
            | Self::TooMany
            | Self::Top => error,
        }
    }
}

impl Advise for NamingError {
    fn advise(&self) -> Advice {
        Advice::new(Exit::Usage).hint(match self {
            Self::Same { .. } => "give one of them another name with `--map KEY=NAME`",
            Self::Unknown(_) => "keys are joined with dots here: `--map db.user=DB_USER`",
        })
    }
}

impl Advise for AgeDirError {
    fn advise(&self) -> Advice {
        match self {
            Self::Disk(error) => error.advise(),
            Self::None | Self::TooMany => Advice::new(Exit::Error),
            Self::Sealed(files) => {
                let mut errors = files.iter().map(|(_, error)| error);
                match errors.all(|error| *error == SealedError::NoIdentity) {
                    true => Advice::new(Exit::NoIdentity)
                        .hint("name the private key that opens them with `--identity FILE`"),
                    false => Advice::new(Exit::Untrusted),
                }
            }
        }
    }
}

impl Advise for SopsError {
    fn advise(&self) -> Advice {
        match self {
            Self::Groups { .. } | Self::NoKey { .. } => Advice::new(Exit::NoIdentity)
                .hint("name a private key that opens it with `--identity FILE`"),
            Self::Input(error) => error.advise(),
            Self::Mac | Self::NoMac | Self::UnreadableMac => Advice::new(Exit::Untrusted)
                .hint("compare it with what git has; `--ignore-mac` takes it as it is, unverified"),
            Self::Key | Self::Passphrase | Self::Value { .. } => Advice::new(Exit::Untrusted),
            Self::Costly
            | Self::Metadata(_)
            | Self::NoBlock
            | Self::NoRecipients
            | Self::Pattern(_)
            | Self::TooManyRecipients
            | Self::TwoRules => Advice::new(Exit::Error),
        }
    }
}

impl Advise for ExportError {
    fn advise(&self) -> Advice {
        match self {
            Self::NotText(_) => {
                Advice::new(Exit::Error).hint("`--format age-dir` carries any bytes")
            }
            Self::Sealed(error) => error.advise(),
        }
    }
}

impl Advise for WriteError {
    fn advise(&self) -> Advice {
        let error = Advice::new(Exit::Error);
        match self {
            Self::Key(_) => error.hint(
                "join names with `--separator _` for sops-dotenv; sops keeps `sops` and what ends in \
                 `_unencrypted` for itself",
            ),
            Self::Sealed(error) => error.advise(),
            Self::Value { .. } => {
                error.hint("`--format sops-yaml` carries any text, `--format age-dir` any bytes")
            }
        }
    }
}
