//! Hints for plans, for carrying them out, and for changing who reads.

use crate::apply::ApplyError;
use crate::cli::failure::Exit;
use crate::cli::hint::{Advice, Advise};
use crate::people::change::ChangeError;
use crate::plan::SavedError;

impl Advise for ApplyError {
    fn advise(&self) -> Advice {
        match self {
            Self::Change(error) => error.advise(),
            Self::Keys { source, .. } => source.advise(),
            Self::Misfit { source, .. } => source.advise(),
            Self::Open { source, .. } => source.advise(),
            Self::Seal { source, .. } => source.advise(),
            Self::Stale(_) | Self::Vanished(_) => {
                Advice::new(Exit::Stale).hint("make the plan again: `hoziron plan`")
            }
            Self::Transaction(error) => error.advise(),
            Self::Value(name) => Advice::new(Exit::Error).hint(format!(
                "give it with `--input FILE`, or `hoziron vault set {name}`"
            )),
        }
    }
}

impl Advise for ChangeError {
    fn advise(&self) -> Advice {
        match self {
            Self::Keys(error) => error.advise(),
            Self::NotASigner { signers, .. } => {
                Advice::new(Exit::Error).hint(format!("ask {signers} to run `hoziron apply`"))
            }
            Self::NobodySigns(_) => Advice::new(Exit::Error).hint(
                "somebody who stays needs a line `# hoziron-signing-key …` in recipients/, \
                 which `hoziron vault join` writes",
            ),
            Self::Sealed(error) => error.advise(),
        }
    }
}

impl Advise for SavedError {
    fn advise(&self) -> Advice {
        match self {
            Self::Changed | Self::Malformed => {
                Advice::new(Exit::Error).hint("make it again: `hoziron plan --out FILE`")
            }
            Self::Newer(_) => Advice::new(Exit::Error).hint("use a newer hoziron"),
        }
    }
}
