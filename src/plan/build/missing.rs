//! A name that has no file and gets none from elsewhere: whether it gets a value, whether somebody is
//! asked for one, or why it has to stay without.

use crate::domain::SecretName;
use crate::manifest::Origin;
use crate::plan::build::Builder;
use crate::plan::row::{Step, Supply};
use crate::plan::why::Why;

impl Builder<'_> {
    pub(super) fn missing(&mut self, name: &SecretName) {
        let given = self.is_given(name);
        if let Some(why) = self.stray(name) {
            return self.block(name, why);
        }
        let Some(declaration) = self.manifest.declarations.get(name) else {
            if given && !self.goes(name, name) {
                self.adopts(name);
                self.creates(name, Supply::Given, Why::Given);
            }
            return;
        };
        if self.is_paired(name) {
            return;
        }
        if let Some(revision) = self.findings.gone.get(name).filter(|_| !given) {
            let revision = *revision;
            return self.block(name, Why::Gone { revision });
        }
        match &declaration.origin {
            _ if given => self.creates(name, Supply::Given, Why::Given),
            Origin::Generate(generator) => {
                self.creates(name, Supply::Generated(generator.clone()), Why::Declared);
            }
            Origin::Ask if declaration.required => {
                let required = Why::Required {
                    description: declaration.description.clone(),
                };
                let why = self.taken(name).unwrap_or(required);
                self.block(name, why);
            }
            Origin::Companion(private) if self.files.contains_key(private) => {
                let private = private.clone();
                self.block(name, Why::Half { private });
            }
            Origin::Companion(private) if self.is_given(private) => {
                let private = private.clone();
                self.block(name, Why::Paired { private });
            }
            Origin::Ask | Origin::Companion(_) | Origin::Compose(_) | Origin::Default(_) => {}
        }
    }

    fn creates(&mut self, name: &SecretName, supply: Supply, why: Why) {
        match self.taken(name) {
            Some(why) => self.block(name, why),
            None => self.row(name, Step::Create(supply), why),
        }
    }

    /// Whether this plan makes the pair of which this is the public half. A value that was given for
    /// this half alone would not be the other's.
    pub(super) fn is_paired(&mut self, name: &SecretName) -> bool {
        if !self.halves.contains(name) {
            return false;
        }
        let declaration = self.manifest.declarations.get(name);
        if self.is_given(name)
            && let Some(Origin::Companion(private)) = declaration.map(|one| &one.origin)
        {
            let private = private.clone();
            self.block(name, Why::Paired { private });
        }
        true
    }
}
