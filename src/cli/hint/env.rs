//! Hints for variables, exports, `.env` and `config.toml`.

use crate::cli::display::word;
use crate::cli::failure::{Exit, sentence};
use crate::cli::hint::{Advice, Advise};
use crate::config::ConfigError;
use crate::env::credentials::CredentialError;
use crate::env::exec::ExecError;
use crate::env::format::FormatError;
use crate::env::local::LocalError;
use crate::env::resolve::{Refusal, ResolveError};
use crate::env::select::Absence;
use crate::env::sources::SelectError;
use crate::input::dotenv::DotEnvError;

impl Advise for ResolveError {
    fn advise(&self) -> Advice {
        let Self::Refused(failures) = self;
        let worst = failures.iter().map(|(_, refusal)| refusal.advise());
        worst
            .max_by_key(|advice| advice.exit == Exit::Untrusted)
            .unwrap_or(Advice::new(Exit::Error))
    }
}

impl Advise for Refusal {
    fn advise(&self) -> Advice {
        match self {
            Self::Compose(_) | Self::Vanished => Advice::new(Exit::Error),
            Self::Open(error) => error.advise(),
        }
    }
}

impl Advise for SelectError {
    fn advise(&self) -> Advice {
        match self {
            Self::Ambiguous { .. } => {
                Advice::new(Exit::Error).hint("rename one of them, or choose a narrower profile")
            }
            Self::Gone { name, .. } => Advice::new(Exit::Untrusted).hint(format!(
                "bring it back with `git checkout REV -- vault/{name}.age`, or agree that it is gone: \
                 `hoziron vault remove {name}`"
            )),
            Self::NoProfile { .. } => Advice::new(Exit::Error),
            Self::Unknown(_) => Advice::new(Exit::Error).hint("`hoziron env list` shows the variables"),
        }
    }
}

impl Advise for LocalError {
    fn advise(&self) -> Advice {
        let advice = Advice::new(Exit::Untrusted);
        match self {
            Self::Disk(error) => error.advise(),
            Self::NotOurs(_) => advice,
            Self::OthersCanWrite { path, .. } => {
                advice.hint(format!("look through it, then `chmod 600 {}`", word(path)))
            }
            Self::Parse { .. } => Advice::new(Exit::Error)
                .hint("the lines are not shown because they may hold a secret; look at them in the file"),
            Self::Tracked(path) => advice.hint(format!(
                "it came with the repository, so anybody could have written it: `git rm --cached {}`",
                word(path)
            )),
            Self::Untellable(_) => advice.hint("install git, or move the file away"),
        }
    }
}

impl Advise for ConfigError {
    fn advise(&self) -> Advice {
        match self {
            Self::Depth
            | Self::Paths
            | Self::Reference { .. }
            | Self::Syntax { .. }
            | Self::Text => Advice::new(Exit::Error),
        }
    }
}

impl Advise for CredentialError {
    fn advise(&self) -> Advice {
        match self {
            Self::Config { source, .. } => source.advise(),
            Self::Disk(error) => error.advise(),
            Self::Identity(error) => error.advise(),
            Self::Keys(error) => error.advise(),
            Self::Incomplete(missing) => Advice::new(match missing.why {
                Absence::Gone(_) => Exit::Untrusted,
                Absence::NotSealed | Absence::Part(_) | Absence::TooDeep => Exit::Error,
            }),
            Self::Local(error) => error.advise(),
            Self::Missing { variable, .. } => {
                Advice::new(Exit::Error).hint(format!("seal it: `hoziron vault set {variable}`"))
            }
            Self::Name { source, .. } => source.advise(),
            Self::Open { source, .. } => source.advise(),
            Self::Pin(_) => Advice::new(Exit::Usage),
            Self::Reference { .. } => {
                Advice::new(Exit::Error).hint("`hoziron config show` lists the references")
            }
            Self::Select(error) => error.advise(),
            Self::UserConfig(error) => error.advise(),
            Self::Workspace(error) => error.advise(),
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Workspace(error) => error.causes(),
            _ => vec![sentence(self)],
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

impl Advise for DotEnvError {
    fn advise(&self) -> Advice {
        Advice::new(Exit::Error).hint(
            "the lines are not shown because they may hold a secret; look at them in the file",
        )
    }
}
