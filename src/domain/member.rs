//! Who a list of the manifest names: a person or machine, a group, or everybody. A group's name has
//! the grammar of a reader's. `@all` is reserved: nobody can make a group that hides it.

use std::fmt;

use crate::domain::{NameError, ReaderName};

/// The group that everybody with a file in `recipients/` is in.
const ALL: &str = "all";

/// The name of a group, without its `@`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

impl GroupName {
    /// Parses `[a-z0-9][a-z0-9_-]*`, but not `all`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == ALL {
            return Err(NameError::BadReader);
        }
        ReaderName::parse(text).map(|name| Self(name.as_str().to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of a list of readers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    /// Everybody with a file in `recipients/`: `@all`.
    All,
    /// Everybody in a group: `@team`.
    Group(GroupName),
    /// One person or machine: `alice`.
    Person(ReaderName),
}

impl Member {
    /// Parses `@all`, `@group` or `name`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix('@') {
            Some(ALL) => Ok(Self::All),
            Some(group) => GroupName::parse(group).map(Self::Group),
            None => ReaderName::parse(text).map(Self::Person),
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => write!(f, "@{ALL}"),
            Self::Group(group) => write!(f, "@{group}"),
            Self::Person(person) => fmt::Display::fmt(person, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_printed_as_it_is_read() {
        for text in ["@all", "@team", "@ops-2", "alice", "all"] {
            assert_eq!(Member::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Member::parse("@all"), Ok(Member::All));
        for text in ["", "@", "@@team", "Alice", "@Team", "a b", "@epoch"] {
            assert!(Member::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_group_is_called_all() {
        assert_eq!(GroupName::parse("all"), Err(NameError::BadReader));
    }
}
