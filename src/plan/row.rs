//! The lines of a plan: what becomes of a secret, with the reason, and what a person has to look at,
//! with what to type. The sign is for the eye, the word for `grep`.

use crate::domain::SecretName;
use crate::manifest::Generator;
use crate::plan::why::Why;

/// The sign in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// `<`
    Adopt,
    /// `!`
    Blocked,
    /// `+`
    Create,
    /// `?`
    Input,
    /// `>`
    Move,
    /// `#`
    MustRotate,
    /// A word to the wise; nothing to do now.
    Note,
    /// `-`
    Remove,
    /// `*`
    Reseal,
    /// `@`
    Rotate,
    /// `~`
    Update,
}

impl Sign {
    /// Returns the character for the eye.
    pub fn character(self) -> char {
        match self {
            Self::Adopt => '<',
            Self::Blocked => '!',
            Self::Create => '+',
            Self::Input => '?',
            Self::Move => '>',
            Self::MustRotate => '#',
            Self::Note => '.',
            Self::Remove => '-',
            Self::Reseal => '*',
            Self::Rotate => '@',
            Self::Update => '~',
        }
    }

    /// Returns the word for `grep`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Blocked => "blocked",
            Self::Create => "create",
            Self::Input => "input",
            Self::Move => "move",
            Self::MustRotate => "must-rotate",
            Self::Note => "note",
            Self::Remove => "remove",
            Self::Reseal => "reseal",
            Self::Rotate => "rotate",
            Self::Update => "update",
        }
    }

    /// Returns the word for what was done.
    pub fn past(self) -> &'static str {
        match self {
            Self::Adopt => "adopted",
            Self::Create => "created",
            Self::Move => "moved",
            Self::Remove => "removed",
            Self::Reseal => "resealed",
            Self::Rotate => "rotated",
            Self::Update => "updated",
            Self::Blocked | Self::Input | Self::MustRotate | Self::Note => self.word(),
        }
    }
}

/// Where a new value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Supply {
    /// It is made by the machine.
    Generated(Generator),
    /// It was given, in a file or at a prompt.
    Given,
}

/// How much of a sealed file changes when the value does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Stanzas of further recipients; all others stay, and so do file key and payload.
    Adds,
    /// All recipients' stanzas; file key and payload stay.
    Rewraps,
    /// Everything: somebody knows the file key who may not any more.
    Whole,
}

/// What becomes of a secret.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is declared; the file stays.
    Adopt,
    /// It gets its first value.
    Create(Supply),
    /// Its file gets another name.
    Move {
        /// The name it has now.
        from: SecretName,
    },
    /// Its file is removed.
    Remove,
    /// The same value, for other readers or under another key.
    Reseal(Extent),
    /// It gets another value, because the old one is old or was seen.
    Rotate(Supply),
    /// It gets another value, which was given.
    Update,
}

impl Step {
    /// Returns the sign of the step.
    pub fn sign(&self) -> Sign {
        match self {
            Self::Adopt => Sign::Adopt,
            Self::Create(_) => Sign::Create,
            Self::Move { .. } => Sign::Move,
            Self::Remove => Sign::Remove,
            Self::Reseal(_) => Sign::Reseal,
            Self::Rotate(_) => Sign::Rotate,
            Self::Update => Sign::Update,
        }
    }
}

/// What becomes of a secret, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The secret.
    pub name: SecretName,
    /// What becomes of it.
    pub step: Step,
    /// Why.
    pub why: Why,
}

/// What a person has to look at, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// The secret, if it is about one.
    pub name: Option<SecretName>,
    /// Why.
    pub why: Why,
}

impl Attention {
    /// Returns the sign.
    pub fn sign(&self) -> Sign {
        match &self.why {
            Why::Due { .. } | Why::Seen { .. } => Sign::MustRotate,
            // Whoever may write to the repository fills an inbox; that must not stop anything.
            Why::DueSoon { .. }
            | Why::StrayInbox(_)
            | Why::Submitted { .. }
            | Why::Undeclared { .. }
            | Why::Unmanaged
            | Why::Waived { .. } => Sign::Note,
            Why::Required { .. } => Sign::Input,
            _ => Sign::Blocked,
        }
    }
}
