//! What stands in the way of a secret: a file that is not to be trusted, something else in its place,
//! a name that not every file system could tell from another one.

use crate::domain::{FolderName, SecretName};
use crate::plan::build::Builder;
use crate::plan::why::Why;
use crate::plan::{Claim, Finding, any};
use crate::sealed::{Content, Facts};

impl Builder<'_> {
    /// What stands in the way of doing anything with a file.
    pub(super) fn trouble(&self, name: &SecretName, claim: &Claim) -> Option<Why> {
        let folder = self.actual.keyed(&name.folder());
        if let Some(why) = self.actual.broken.get(&folder) {
            return Some(Why::Refused(why.clone()));
        }
        let facts = match &claim.facts {
            Ok((facts, _)) => facts,
            Err(error) => return Some(Why::Refused(error.to_string())),
        };
        if facts.content == Content::Conflict {
            return Some(Why::Refused("it holds an unresolved merge".to_owned()));
        }
        match self.findings.files.get(name) {
            Some(Finding::Refused(why)) => Some(Why::Refused(why.clone())),
            Some(Finding::Stale { left, own }) if !own && !any(&self.wanted.accept_stale, name) => {
                Some(Why::Stale { left: left.clone() })
            }
            Some(_) => None,
            None => self.trouble_without_a_key(&folder, facts),
        }
    }

    fn trouble_without_a_key(&self, folder: &FolderName, facts: &Facts) -> Option<Why> {
        let chain = self.actual.folders.get(folder)?;
        let key = facts.trail.last();
        if chain.epoch(key).is_none() {
            let why =
                format!("it was sealed under key {key}, which is not accepted for its folder");
            return Some(Why::Refused(why));
        }
        let left = chain.left(key);
        (!left.is_empty()).then_some(Why::Stale { left })
    }

    /// What else stands in the place of a secret's file.
    pub(super) fn stray(&self, name: &SecretName) -> Option<Why> {
        let mut strays = self.actual.strays.iter();
        let stray = strays.find(|stray| stray.name.as_ref() == Some(name))?;
        let why = format!("`vault/{}` {}", stray.path.display(), stray.why);
        Some(Why::Refused(why))
    }

    /// What keeps a name that no file has from getting one.
    pub(super) fn taken(&self, name: &SecretName) -> Option<Why> {
        let folder = self.actual.keyed(&name.folder());
        if let Some(why) = self.actual.broken.get(&folder) {
            return Some(Why::Refused(why.clone()));
        }
        let mut twins = self.twins.get(&name.folded()).into_iter().flatten();
        let twin = twins.find(|twin| **twin != name);
        let twin = twin.map(|twin| Why::Twin {
            other: (*twin).clone(),
        });
        self.stray(name).or(twin)
    }
}
