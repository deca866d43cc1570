//! The one way from a plan to carrying it out: nothing stands in the way, every value that is asked for
//! was given, and whoever gets access was approved by a person or by the digest of exactly that set.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::domain::SecretName;
use crate::people::Digest;
use crate::plan::{Attention, Plan, Sign};

/// What a person, or a command line that a person wrote, has agreed to.
#[derive(Clone, Debug, Default)]
pub struct Approval {
    /// The digest of those who get access.
    pub recipients: Option<Digest>,
    /// The names whose values were asked for and are known now.
    pub supplied: BTreeSet<SecretName>,
}

/// Why a plan is not carried out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ApprovalError {
    /// Something stands in the way.
    #[error("{} in the way", stand(.0.len()))]
    Blocked(Vec<Attention>),
    /// Values are missing.
    #[error("there is no value for {}", quoted(.0))]
    Input(Vec<SecretName>),
    /// Nobody has approved those who get access.
    #[error("nobody has approved the new readers")]
    Recipients {
        /// What approves exactly them.
        digest: Digest,
    },
}

/// A plan that may be carried out.
#[derive(Debug)]
pub struct ApprovedPlan(Plan);

impl ApprovedPlan {
    /// Returns what is carried out.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

impl Plan {
    /// Approves the plan.
    pub fn approve(self, approval: &Approval) -> Result<ApprovedPlan, ApprovalError> {
        let blocked: Vec<_> = self
            .attention
            .iter()
            .filter(|attention| attention.sign() == Sign::Blocked)
            .cloned()
            .collect();
        if !blocked.is_empty() {
            return Err(ApprovalError::Blocked(blocked));
        }
        let missing: Vec<_> = self
            .asks_for()
            .filter(|name| !approval.supplied.contains(*name))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(ApprovalError::Input(missing));
        }
        match self.recipients_digest() {
            Some(digest) if approval.recipients != Some(digest) => {
                Err(ApprovalError::Recipients { digest })
            }
            _ => Ok(ApprovedPlan(self)),
        }
    }
}

fn stand(count: usize) -> String {
    if count == 1 {
        "1 thing stands".to_owned()
    } else {
        format!("{count} things stand")
    }
}

fn quoted(names: &[SecretName]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
