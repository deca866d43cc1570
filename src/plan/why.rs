//! The reason of a line of a plan: facts in fields, the sentence in `Display`, once for text and JSON.

use std::fmt;

use crate::domain::{FolderName, Mixed, ReaderName, SecretName};
use crate::manifest::{Rule, ShapeError};

/// The reason of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is asked for on the command line.
    Asked,
    /// It is declared, and the machine makes it.
    Declared,
    /// A value was given for it, and there is none yet.
    Given,
    /// The value that was given is another one.
    Differs,
    /// The time for a new value has come; how, if somebody wrote it down.
    Due {
        /// Days since.
        days: i64,
        /// How the value is changed.
        how: Option<String>,
    },
    /// The time for a new value comes.
    DueSoon {
        /// Days until.
        days: i64,
    },
    /// This user has seen it sealed, and it is not there.
    Gone {
        /// The last revision.
        revision: u64,
    },
    /// It is the public half of a key that is there, and is missing itself.
    Half {
        /// The private half.
        private: SecretName,
    },
    /// The value is not what the declaration asks for.
    Invalid(ShapeError),
    /// Its folder gets a new key, or has one that the file is not under.
    Key {
        /// Who joins.
        joining: Vec<ReaderName>,
        /// Who leaves.
        leaving: Vec<ReaderName>,
    },
    /// The keys of a folder's readers cannot share a file.
    Mixed {
        /// The folder.
        folder: FolderName,
        /// Who is which.
        mixed: Mixed,
    },
    /// The manifest moves it.
    Moved {
        /// The name it has now.
        from: SecretName,
    },
    /// The manifest gives one name to several files.
    MoveTaken {
        /// The names they have now.
        names: Vec<SecretName>,
    },
    /// A value was given for one half of a pair that is made together.
    Paired {
        /// The private half.
        private: SecretName,
    },
    /// The manifest says that it goes.
    Removed,
    /// A value was given for a name that the manifest has replaced.
    Renamed {
        /// The name it has now.
        to: SecretName,
    },
    /// It has another name and another value now.
    Replaced {
        /// The name it has now.
        to: SecretName,
    },
    /// It is to get another value, and the one that was given is the one that is there.
    Same,
    /// It is to be removed or rotated in a protected profile, which has to be said.
    Protected {
        /// The profile.
        profile: FolderName,
        /// The flag that says it.
        flag: String,
    },
    /// It is not to be trusted.
    Refused(String),
    /// It is required, and there is nothing to make it from.
    Required {
        /// What it is for.
        description: Option<String>,
    },
    /// Somebody could read it who may not any more.
    Seen {
        /// Who.
        by: Vec<ReaderName>,
        /// Readers whose former key could.
        former_keys: Vec<ReaderName>,
        /// How the value is changed.
        how: Option<String>,
    },
    /// Somebody who has left may have made the file.
    Stale {
        /// Who has left.
        left: Vec<ReaderName>,
    },
    /// Somebody who has left may have made it; a person took it.
    StaleTaken {
        /// Who has left.
        left: Vec<ReaderName>,
    },
    /// Some of its folder's readers cannot open it with plain `age`.
    Stanzas {
        /// How many recipients it is sealed to.
        found: usize,
        /// How many there are.
        expected: usize,
    },
    /// There is something in an inbox that nobody submitted, or more than is looked at.
    StrayInbox(String),
    /// Values from outside wait for somebody to accept or reject them.
    Submitted {
        /// How many.
        count: usize,
    },
    /// Another name differs only in case, which not every file system can tell apart.
    Twin {
        /// The other name.
        other: SecretName,
    },
    /// `config.toml` refers to a variable that nothing declares.
    Undeclared {
        /// The variable.
        variable: String,
        /// The TOML paths.
        paths: Vec<String>,
    },
    /// It is not declared.
    Unmanaged,
    /// It is not declared, and the manifest says that this is an error.
    UnmanagedError,
    /// Of several keys, more or fewer are there than must be.
    Unmet {
        /// How many must be.
        rule: Rule,
        /// The keys.
        keys: Vec<String>,
        /// The profile.
        profile: Option<FolderName>,
        /// How many are.
        found: usize,
    },
    /// A waiver has run out, or runs.
    Waived {
        /// Who has seen the value.
        who: ReaderName,
        /// Until when, as a date.
        until: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked for with `--rotate`"),
            Self::Declared => f.write_str("declared, not there"),
            Self::Given => f.write_str("a value was given"),
            Self::Differs => f.write_str("the value that was given is another one"),
            Self::Due { days, how } => {
                match days {
                    0 => f.write_str("due today")?,
                    1 => f.write_str("due since yesterday")?,
                    days => write!(f, "due since {days} days")?,
                }
                how.as_ref().map_or(Ok(()), |how| write!(f, ": {how}"))
            }
            Self::DueSoon { days: 1 } => f.write_str("a new value is due tomorrow"),
            Self::DueSoon { days } => write!(f, "a new value is due in {days} days"),
            Self::Gone { revision } => write!(f, "was sealed as revision {revision} and is gone"),
            Self::Half { private } => {
                write!(
                    f,
                    "the public half of `{private}`, which is there; a new pair makes both"
                )
            }
            Self::Invalid(error) => write!(f, "invalid: {error}"),
            Self::Key { joining, leaving } if joining.is_empty() && leaving.is_empty() => {
                f.write_str("another key than its folder now has")
            }
            Self::Key { joining, leaving } => {
                let signed = |sign: char| move |name: &ReaderName| format!("{sign}{name}");
                let joining = joining.iter().map(signed('+'));
                let all: Vec<_> = joining.chain(leaving.iter().map(signed('-'))).collect();
                f.write_str(&all.join("  "))
            }
            Self::Mixed { folder, mixed } => write!(f, "the readers of `{folder}`: {mixed}"),
            Self::Moved { from } => write!(f, "from `{from}`"),
            Self::MoveTaken { names } => write!(
                f,
                "`[[moved]]` gives this name to each of {}",
                quoted(names)
            ),
            Self::Paired { private } => write!(
                f,
                "made together with `{private}`, and a value was given for one of the two"
            ),
            Self::Removed => f.write_str("`[[removed]]` in hoziron.toml"),
            Self::Renamed { to } => {
                write!(
                    f,
                    "a value was given for it, and `[[moved]]` calls it `{to}`"
                )
            }
            Self::Replaced { to } => write!(f, "`{to}` takes its place, with another value"),
            Self::Same => {
                f.write_str("to be rotated, and the value that was given is the one that is there")
            }
            Self::Twin { other } => write!(f, "`{other}` differs only in case"),
            Self::Protected { profile, flag } => {
                write!(f, "profile `{profile}` is protected: it takes {flag}")
            }
            Self::Refused(why) => f.write_str(why),
            Self::Required { description } => {
                f.write_str("required, no value")?;
                match description {
                    Some(description) => write!(f, ": {description}"),
                    None => Ok(()),
                }
            }
            Self::Seen {
                by,
                former_keys,
                how,
            } => {
                if !by.is_empty() {
                    write!(f, "{} could read it and may not any more", joined(by))?;
                }
                if !former_keys.is_empty() {
                    let and = if by.is_empty() { "" } else { "; " };
                    write!(
                        f,
                        "{and}a former key of {} could open it",
                        joined(former_keys)
                    )?;
                }
                how.as_ref().map_or(Ok(()), |how| write!(f, ": {how}"))
            }
            Self::Stale { left } => write!(
                f,
                "stale: {} could have made it, who may not read it any more",
                joined(left)
            ),
            Self::StaleTaken { left } => {
                write!(f, "taken although {} could have made it", joined(left))
            }
            Self::Stanzas { found, expected } => {
                write!(f, "sealed to {found} of {expected} recipients")
            }
            Self::StrayInbox(what) => f.write_str(what),
            Self::Submitted { count: 1 } => {
                f.write_str("a value from outside waits to be accepted")
            }
            Self::Submitted { count } => {
                write!(f, "{count} values from outside wait to be accepted")
            }
            Self::Undeclared { variable, paths } => write!(
                f,
                "`{variable}` is not declared; {} in config.toml refers to it",
                quoted(paths)
            ),
            Self::Unmanaged | Self::UnmanagedError => f.write_str("not declared in hoziron.toml"),
            Self::Unmet {
                rule,
                keys,
                profile,
                found,
            } => {
                let rule = match rule {
                    Rule::AllOrNone => "all or none",
                    Rule::AtLeastOne => "at least one",
                    Rule::ExactlyOne => "exactly one",
                };
                write!(f, "{rule} of {} must be there", quoted(keys))?;
                if let Some(profile) = profile {
                    write!(f, " in `{profile}`")?;
                }
                write!(f, "; found {found}")
            }
            Self::Waived { who, until } => {
                write!(f, "{who} has seen it; waived until {until}")
            }
        }
    }
}

fn joined(names: &[ReaderName]) -> String {
    let names: Vec<_> = names.iter().map(ReaderName::as_str).collect();
    names.join(", ")
}

fn quoted(words: &[impl fmt::Display]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
