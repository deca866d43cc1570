//! A name that has a file, or gets one that has another name yet: whether it goes, gets another value,
//! is moved, declared, or sealed anew. A file that is moved is judged as if it had its new name, and
//! when its value does not stay, it goes and the new name gets a file of its own.

use crate::domain::{FolderName, SecretName};
use crate::manifest::Unmanaged;
use crate::plan::Finding;
use crate::plan::build::Builder;
use crate::plan::row::Step;
use crate::plan::why::Why;

impl Builder<'_> {
    pub(super) fn there(&mut self, name: &SecretName, at: &SecretName) {
        let claim = &self.actual.files[at];
        let given = self.is_given(name);
        let trouble = self.trouble(at, claim);
        // What was given takes the place of what cannot be handed out.
        let stale = given && matches!(trouble, Some(Why::Stale { .. }));
        if let Some(why) = trouble.filter(|_| !stale) {
            return self.block(at, why);
        }
        let Ok((facts, stanzas)) = &claim.facts else {
            return;
        };
        if self.goes(name, at) {
            return;
        }
        if at != name
            && let Some(why) = self.taken(name)
        {
            return self.block(name, why);
        }
        let adopted = self.adopts(name);
        let finding = self.findings.files.get(at);
        let differs = given && !matches!(finding, Some(Finding::Opened { differs: false, .. }));
        if self.is_paired(name) {
            return self.replaces(name, at);
        }
        if differs {
            let why = if stale { Why::Given } else { Why::Differs };
            self.row(name, Step::Update, why);
            return self.replaces(name, at);
        }
        if self.rotates(name, facts) {
            return self.replaces(name, at);
        }
        if let Some(Finding::Opened {
            fits: Err(error), ..
        }) = finding
        {
            self.block(name, Why::Invalid(*error));
        }
        if at != name {
            let from = at.clone();
            return self.row(name, Step::Move { from: from.clone() }, Why::Moved { from });
        }
        if !self.reseals(name, facts, *stanzas, finding) && !adopted {
            self.unchanged += 1;
        }
    }

    /// Whether the file of a name goes and none comes; says so.
    pub(super) fn goes(&mut self, name: &SecretName, at: &SecretName) -> bool {
        let removed = self.manifest.removed.contains(name);
        let undeclared = !self.manifest.declarations.contains_key(name);
        let given = self.is_given(name);
        if removed && given {
            self.block(name, Why::Removed);
            return true;
        }
        // Whoever gives a value wants it to be there.
        let pruned = undeclared && !given && self.wanted.prune && !self.wanted.adopt;
        if !removed && !pruned {
            if undeclared && !self.wanted.adopt {
                match self.manifest.unmanaged {
                    Unmanaged::Error => self.block(name, Why::UnmanagedError),
                    Unmanaged::Ignore => {}
                    Unmanaged::Warn => self.block(name, Why::Unmanaged),
                }
            }
            return false;
        }
        let why = if removed {
            Why::Removed
        } else {
            Why::Unmanaged
        };
        match self.protected(at) {
            Some(profile) if !self.wanted.prune => {
                let flag = "`--prune`".to_owned();
                self.block(at, Why::Protected { profile, flag });
            }
            _ => self.row(at, Step::Remove, why),
        }
        true
    }

    /// Whether a name gets a declaration; says so.
    pub(super) fn adopts(&mut self, name: &SecretName) -> bool {
        let adopted = self.wanted.adopt && !self.manifest.declarations.contains_key(name);
        if adopted {
            self.row(name, Step::Adopt, Why::Unmanaged);
        }
        adopted
    }

    /// The file that a name was to get goes if the name gets another one.
    fn replaces(&mut self, name: &SecretName, at: &SecretName) {
        if at != name {
            let to = name.clone();
            self.row(at, Step::Remove, Why::Replaced { to });
        }
    }

    pub(super) fn protected(&self, name: &SecretName) -> Option<FolderName> {
        let folder = name.folder();
        let mut profiles = self.manifest.profiles.iter();
        let found = profiles.find(|(profile, of)| of.protect && profile.holds(&folder));
        found.map(|(profile, _)| profile.clone())
    }
}
