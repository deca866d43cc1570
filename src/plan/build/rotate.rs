//! Whether a value has to be made anew: asked for, due by its age, or seen by somebody who has left.
//! What the machine made it makes again; the rest a person is told.

use crate::domain::{ReaderName, SecretName};
use crate::manifest::{Declaration, Origin};
use crate::people::Exposure;
use crate::plan::any;
use crate::plan::build::{Builder, DAY};
use crate::plan::row::{Step, Supply};
use crate::plan::why::Why;
use crate::sealed::Facts;

impl Builder<'_> {
    /// Whether a value is made anew; says so, or that a person has to.
    pub(super) fn rotates(&mut self, name: &SecretName, facts: &Facts) -> bool {
        let declaration = self.manifest.declarations.get(name);
        let asked = any(&self.wanted.rotate, name);
        // The same value that is there: another one was looked for before.
        let given = self.is_given(name);
        let generator = declaration.and_then(|declaration| match &declaration.origin {
            Origin::Generate(generator) => Some(generator),
            _ => None,
        });
        // The public half is made anew together with the private one.
        if self.is_half(name) {
            return false;
        }
        if asked && given {
            self.block(name, Why::Same);
            return false;
        }
        let seen = self.seen(name, declaration, facts);
        let due = declaration.and_then(|declaration| self.due(declaration, facts));
        let overdue = match due {
            Some(Why::Due { .. }) => due.clone(),
            Some(soon) if !asked => {
                self.block(name, soon);
                None
            }
            _ => None,
        };
        let why = match (asked, seen, overdue) {
            (true, ..) => Why::Asked,
            (false, Some(seen), _) => seen,
            (false, None, Some(due)) => due,
            (false, None, None) => return false,
        };
        let on_departure = declaration.is_some_and(|declaration| declaration.rotate.on_departure);
        let departed = matches!(why, Why::Seen { .. });
        match generator {
            Some(_) if given || (departed && !on_departure) => self.block(name, why),
            Some(generator) => match self.protected(name) {
                Some(profile) if !asked => {
                    let flag = format!("`--rotate {name}`");
                    self.block(name, why);
                    self.block(name, Why::Protected { profile, flag });
                }
                _ => {
                    let supply = Supply::Generated(generator.clone());
                    self.row(name, Step::Rotate(supply), why);
                    return true;
                }
            },
            None if asked => {
                let description = declaration.and_then(|one| one.rotate.how.clone());
                self.block(name, Why::Required { description });
            }
            None => self.block(name, why),
        }
        false
    }

    fn due(&self, declaration: &Declaration, facts: &Facts) -> Option<Why> {
        let every = declaration.rotate.every?.as_secs();
        let due = facts.value_time.saturating_add(every);
        let days = |seconds: u64| i64::try_from(seconds / DAY).unwrap_or(i64::MAX);
        if self.now >= due {
            return Some(Why::Due {
                days: days(self.now - due),
                how: declaration.rotate.how.clone(),
            });
        }
        let soon = self.now.saturating_add(declaration.rotate.warn.as_secs()) >= due;
        soon.then(|| Why::DueSoon {
            days: days(due - self.now).max(1),
        })
    }

    /// Who could read the value and may not any more, waivers taken off.
    fn seen(
        &mut self,
        name: &SecretName,
        declaration: Option<&Declaration>,
        facts: &Facts,
    ) -> Option<Why> {
        if declaration.is_some_and(|declaration| !declaration.sensitive) {
            return None;
        }
        let readers = self.readers_after(name)?;
        let exposure = Exposure::of(&self.chains, &facts.trail, &readers);
        let waived: Vec<_> = self
            .manifest
            .waived
            .iter()
            .filter(|waived| waived.name == *name && waived.until >= self.today)
            .collect();
        let mut by: Vec<ReaderName> = exposure.left.iter().cloned().collect();
        let mut former_keys: Vec<ReaderName> = exposure.former_keys.iter().cloned().collect();
        for waived in waived {
            let who = &waived.who;
            if by.contains(who) || former_keys.contains(who) {
                self.block(
                    name,
                    Why::Waived {
                        who: who.clone(),
                        until: waived.until.to_string(),
                    },
                );
            }
            by.retain(|name| name != who);
            former_keys.retain(|name| name != who);
        }
        let how = declaration.and_then(|declaration| declaration.rotate.how.clone());
        let any = !by.is_empty() || !former_keys.is_empty();
        any.then_some(Why::Seen {
            by,
            former_keys,
            how,
        })
    }
}
