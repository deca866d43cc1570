//! What is wrong with a manifest: every problem that was found, each with its line. Somebody may have
//! pasted a value into the file, so nothing of it is repeated, but for a word that is nearly one we
//! know: that word and the one it is taken for. Hundreds of problems are counted, not listed.

use std::error::Error;
use std::fmt;

use thiserror::Error;

use crate::domain::VaultIdError;
use crate::manifest::generate::GeneratorError;
use crate::manifest::shape::ShapeError;
use crate::manifest::template::TemplateError;

/// How many problems are told apart; what is beyond is counted.
const MAX_TOLD: usize = 50;

/// The longest word that is compared with those we know, in bytes.
const MAX_WORD: usize = 64;

/// A problem and where it is.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {problem}")]
pub struct ManifestError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong in a manifest.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// Two fields that exclude each other, or one that does nothing beside the other.
    #[error("`{field}` makes no sense beside `{with}`")]
    Conflict {
        /// The one.
        field: &'static str,
        /// The other.
        with: &'static str,
    },
    /// What it says leads back to itself.
    #[error("`{0}` leads back to itself")]
    Cycle(&'static str),
    /// How a value is made cannot be read.
    #[error("`generate`: {0}")]
    Generator(#[from] GeneratorError),
    /// The id does not fit its pattern.
    #[error("`vault.id`: {0}")]
    Id(#[from] VaultIdError),
    /// A field that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Written for a later version.
    #[error("it has format {0}; this hoziron reads format 1")]
    Newer(u64),
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// A value of the manifest's own does not fit the declaration it is in.
    #[error("`{field}`: {source}")]
    Shape {
        /// Where the value is from.
        field: &'static str,
        /// How it does not fit.
        source: ShapeError,
    },
    /// Not TOML.
    #[error("it is not TOML")]
    Syntax,
    /// Said already, in another place.
    #[error("`{field}`: line {line} says the same, or what differs in upper and lower case only")]
    Taken {
        /// What is said.
        field: &'static str,
        /// Where it was said first, counted from 1.
        line: usize,
    },
    /// A text with references cannot be read.
    #[error("`compose`: {0}")]
    Template(#[from] TemplateError),
    /// Longer than [`MAX_MANIFEST`](crate::manifest::MAX_MANIFEST).
    #[error("it is longer than 1 MiB")]
    TooLong,
    /// The same key or table stands there twice.
    #[error("the key or table is there already")]
    Twice,
    /// A word that is not known.
    #[error("{}{}", .near.lead(.what), .near)]
    Unknown {
        /// What it would have to be.
        what: &'static str,
        /// What it may have been meant to be.
        near: Near,
    },
    /// Of the wrong type, or out of bounds.
    #[error("`{field}` must be {must}")]
    Wrong {
        /// The field.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

/// A word and the known one that it nearly is; empty if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Near(Option<(String, String)>);

impl Near {
    /// Looks for a word that was nearly written.
    pub fn find<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        if word.len() > MAX_WORD {
            return Self(None);
        }
        // A third of the letters may be wrong; of a short word, one.
        let most = (word.chars().count() / 3).max(1);
        let near = known
            .into_iter()
            .filter(|known| known.len().abs_diff(word.len()) <= most)
            .map(|known| (strsim::osa_distance(word, known), known))
            .filter(|(distance, _)| *distance <= most)
            .min();
        Self(near.map(|(_, known)| (word.to_owned(), known.to_owned())))
    }

    fn lead(&self, what: &str) -> String {
        match &self.0 {
            Some((word, _)) => format!("`{word}` is not {what}"),
            None => format!("what is named is not {what}"),
        }
    }
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((_, known)) => write!(f, "; did you mean `{known}`?"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a manifest, in the order of the lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestErrors {
    problems: Vec<ManifestError>,
    more: usize,
}

impl ManifestErrors {
    /// Returns the problems, in the order of the lines.
    pub fn problems(&self) -> &[ManifestError] {
        &self.problems
    }

    /// Returns how many more there are, which are not listed.
    pub fn more(&self) -> usize {
        self.more
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "; " })?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl Error for ManifestErrors {}

/// Collects problems while a manifest is read.
pub(super) struct Problems {
    // Where each line ends.
    ends: Vec<usize>,
    found: Vec<ManifestError>,
    more: usize,
}

impl Problems {
    /// Starts with none.
    pub(super) fn new(text: &str) -> Self {
        Self {
            ends: text.match_indices('\n').map(|(at, _)| at).collect(),
            found: Vec::new(),
            more: 0,
        }
    }

    /// Returns the line of an offset, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    /// Adds a problem at an offset.
    pub(super) fn at(&mut self, at: usize, problem: impl FnOnce() -> Problem) {
        self.on(self.line(at), problem);
    }

    /// Adds a problem on a line.
    pub(super) fn on(&mut self, line: usize, problem: impl FnOnce() -> Problem) {
        if self.found.len() < MAX_TOLD {
            let problem = problem();
            self.found.push(ManifestError { line, problem });
        } else {
            self.more += 1;
        }
    }

    /// Says whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns what was found, or `value` if that is nothing.
    pub(super) fn none_or<T>(self, value: T) -> Result<T, ManifestErrors> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self.into_errors())
        }
    }

    /// Returns what was found.
    pub(super) fn into_errors(mut self) -> ManifestErrors {
        self.found.sort_by_key(|error| error.line);
        ManifestErrors {
            problems: self.found,
            more: self.more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_repeated_only_if_it_nearly_is_a_known_one() {
        let known = ["required", "rotate", "url"];
        let shown = |word| {
            let near = Near::find(word, known);
            format!("{}{near}", near.lead("a field"))
        };
        assert_eq!(
            shown("requird"),
            "`requird` is not a field; did you mean `required`?"
        );
        assert_eq!(
            shown("rotaet"),
            "`rotaet` is not a field; did you mean `rotate`?"
        );
        for word in ["hunter2", "sk_live_51H", "ab", ""] {
            assert_eq!(shown(word), "what is named is not a field");
        }
    }
}
