//! Hints for names, files, private keys and questions.

use crate::cli::display::word;
use crate::cli::failure::Exit;
use crate::cli::hint::{Advice, Advise};
use crate::cli::prompt::PromptError;
use crate::disk::DiskError;
use crate::domain::{IdentityTextError, NameError};
use crate::home::private::PrivateError;
use crate::home::scratch::ScratchError;
use crate::home::{FindError, IdentityError, JournalKeyError, SigningKeyError, UserConfigError};

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
            Self::Cipher | Self::Empty | Self::Kind | Self::NotAKey(_) | Self::NotText => {
                Advice::new(Exit::Error)
            }
        }
    }
}

impl Advise for IdentityError {
    fn advise(&self) -> Advice {
        match self {
            Self::Command { .. } | Self::Missing { .. } => Advice::new(Exit::Error),
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
                word(path)
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
            Self::OthersCanRead { path, .. } => Advice::new(Exit::Error)
                .hint(format!("make it yours alone: `chmod 600 {}`", word(path))),
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

impl Advise for SigningKeyError {
    fn advise(&self) -> Advice {
        match self {
            Self::File(error) => error.advise(),
            Self::Malformed => Advice::new(Exit::Error),
        }
    }
}

impl Advise for UserConfigError {
    fn advise(&self) -> Advice {
        match self {
            Self::Disk(error) => error.advise(),
            Self::NotOurs(path) => Advice::new(Exit::Untrusted).hint(format!(
                "it may name programs; look through it, then `chmod 600 {}`",
                word(path)
            )),
            Self::Shape { .. } => Advice::new(Exit::Error),
        }
    }
}

impl Advise for ScratchError {
    fn advise(&self) -> Advice {
        match self {
            Self::Disk(error) => error.advise(),
            Self::NoMemory(_) => Advice::new(Exit::Error).hint(
                "pipe the new value in: `hoziron vault get NAME | … | hoziron vault set NAME`",
            ),
        }
    }
}
