//! Making a plan: pure, cannot fail, opens nothing. Every name that is declared, sealed or moved is
//! looked at once; for each there is at most one step, and beside it what a person has to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::domain::{FolderName, ReaderName, Readers, SecretName};
use crate::manifest::{Declaration, Manifest, Origin, Requirement, Rule, Unmanaged};
use crate::people::{Chain, Exposure};
use crate::plan::people::{self, FolderChange};
use crate::plan::row::{Attention, Extent, Row, Step, Supply, Why};
use crate::plan::{Actual, Claim, Finding, Findings, Plan, Wanted, any};
use crate::sealed::{Content, Facts};

/// Seconds of a day.
const DAY: u64 = 24 * 3600;

/// Makes the plan: what it takes until the vault is as `manifest` and `desired` have it. `now` is in
/// Unix seconds.
pub fn build(
    manifest: &Manifest,
    desired: &BTreeMap<FolderName, Readers>,
    actual: &Actual,
    findings: &Findings,
    wanted: &Wanted,
    now: u64,
) -> Plan {
    let builder = Builder {
        manifest,
        actual,
        findings,
        wanted,
        now,
        today: date(now),
        folders: people::changes(desired, actual, wanted),
        chains: actual.folders.values().cloned().collect(),
        rows: Vec::new(),
        attention: Vec::new(),
        unchanged: 0,
    };
    builder.run()
}

/// The day of a time, in UTC.
fn date(seconds: u64) -> Date {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    Offset::UTC.to_datetime(time).date()
}

struct Builder<'a> {
    manifest: &'a Manifest,
    actual: &'a Actual,
    findings: &'a Findings,
    wanted: &'a Wanted,
    now: u64,
    today: Date,
    folders: Vec<FolderChange>,
    chains: Vec<Arc<Chain>>,
    rows: Vec<Row>,
    attention: Vec<Attention>,
    unchanged: usize,
}

impl Builder<'_> {
    fn run(mut self) -> Plan {
        let moves = self.moves();
        let sources: BTreeSet<&SecretName> = moves.values().collect();
        let declared = self.manifest.declarations.keys();
        let names: BTreeSet<&SecretName> = declared
            .chain(self.actual.files.keys())
            .chain(self.findings.given.iter())
            .filter(|name| self.wanted.takes(name) && !sources.contains(name))
            .collect();
        for name in names {
            match (self.actual.files.get(name), moves.get(name)) {
                (None, Some(from)) => self.moved(name, from),
                (Some(claim), _) => self.there(name, claim),
                (None, None) => self.missing(name),
            }
        }
        for (to, from) in &moves {
            if self.actual.files.contains_key(to) && self.wanted.takes(to) {
                self.block(to, Why::MoveTaken { from: from.clone() });
            }
        }
        self.around();
        self.rows.sort_by(|one, other| one.name.cmp(&other.name));
        self.attention
            .sort_by(|one, other| (&one.name, one.sign()).cmp(&(&other.name, other.sign())));
        Plan {
            folders: self.folders,
            rows: self.rows,
            attention: self.attention,
            unchanged: self.unchanged,
            verified: self.findings.identity,
            basis: Plan::basis_of(self.actual),
        }
    }

    /// Where each name that is there is moved to in the end, by the name it gets.
    fn moves(&self) -> BTreeMap<SecretName, SecretName> {
        let next: BTreeMap<&SecretName, &SecretName> = self
            .manifest
            .moved
            .iter()
            .map(|moved| (&moved.from, &moved.to))
            .collect();
        let mut moves = BTreeMap::new();
        for from in next
            .keys()
            .filter(|from| self.actual.files.contains_key(**from))
        {
            let mut to = next[*from];
            // The manifest has refused circles.
            while let Some(further) = next.get(to) {
                to = further;
            }
            moves.insert(to.clone(), (*from).clone());
        }
        moves
    }

    fn row(&mut self, name: &SecretName, step: Step, why: Why) {
        self.rows.push(Row {
            name: name.clone(),
            step,
            why,
        });
    }

    fn block(&mut self, name: &SecretName, why: Why) {
        self.attention.push(Attention {
            name: Some(name.clone()),
            why,
        });
    }

    /// A name that has no file yet, and another one that has.
    fn moved(&mut self, name: &SecretName, from: &SecretName) {
        let claim = &self.actual.files[from];
        match self.trouble(from, claim) {
            Some(why) => self.block(from, why),
            None => {
                let from = from.clone();
                self.row(name, Step::Move { from: from.clone() }, Why::Moved { from });
            }
        }
    }

    fn missing(&mut self, name: &SecretName) {
        let given = self.findings.given.contains(name);
        let declaration = self.manifest.declarations.get(name);
        if let Some(stray) = self.stray(name) {
            return self.block(name, Why::Refused(stray));
        }
        let Some(declaration) = declaration else {
            if given {
                self.row(name, Step::Create(Supply::Given), Why::Given);
            }
            return;
        };
        if let Some(revision) = self.findings.gone.get(name).filter(|_| !given) {
            let revision = *revision;
            return self.block(name, Why::Gone { revision });
        }
        match &declaration.origin {
            _ if given => self.row(name, Step::Create(Supply::Given), Why::Given),
            Origin::Generate(generator) => {
                let supply = Supply::Generated(generator.clone());
                self.row(name, Step::Create(supply), Why::Declared);
            }
            Origin::Ask if declaration.required => self.block(
                name,
                Why::Required {
                    description: declaration.description.clone(),
                },
            ),
            // The public half is made together with the private one.
            Origin::Companion(private) if !self.comes(private) => {
                let private = private.clone();
                self.block(name, Why::Half { private });
            }
            Origin::Ask | Origin::Companion(_) | Origin::Compose(_) | Origin::Default(_) => {}
        }
    }

    /// Whether a key pair is made by this plan.
    fn comes(&self, private: &SecretName) -> bool {
        !self.actual.files.contains_key(private) || any(&self.wanted.rotate, private)
    }

    fn there(&mut self, name: &SecretName, claim: &Claim) {
        let declaration = self.manifest.declarations.get(name);
        let given = self.findings.given.contains(name);
        if let Some(why) = self.trouble(name, claim) {
            // What was given takes the place of what cannot be handed out.
            if given && matches!(why, Why::Stale { .. }) {
                return self.row(name, Step::Update, Why::Given);
            }
            return self.block(name, why);
        }
        let Ok((facts, stanzas)) = &claim.facts else {
            return;
        };
        if self.goes(name, declaration) {
            return;
        }
        let finding = self.findings.files.get(name);
        if given && !matches!(finding, Some(Finding::Opened { differs: false, .. })) {
            return self.row(name, Step::Update, Why::Differs);
        }
        if self.rotates(name, declaration, facts) {
            return;
        }
        if let Some(Finding::Opened {
            fits: Err(error), ..
        }) = finding
        {
            self.block(name, Why::Invalid(error.clone()));
        }
        let resealed = self.reseals(name, facts, *stanzas, finding);
        let adopted = declaration.is_none() && self.wanted.adopt && !resealed;
        if adopted {
            self.row(name, Step::Adopt, Why::Unmanaged);
        }
        if !resealed && !adopted {
            self.unchanged += 1;
        }
    }

    /// What stands in the way of doing anything with a file.
    fn trouble(&self, name: &SecretName, claim: &Claim) -> Option<Why> {
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

    fn stray(&self, name: &SecretName) -> Option<String> {
        let mut strays = self.actual.strays.iter();
        let stray = strays.find(|stray| stray.name.as_ref() == Some(name))?;
        Some(format!("`vault/{}` {}", stray.path.display(), stray.why))
    }

    /// Whether a file goes; says so.
    fn goes(&mut self, name: &SecretName, declaration: Option<&Declaration>) -> bool {
        let removed = self.manifest.removed.contains(name);
        let undeclared = declaration.is_none();
        if !removed && !(undeclared && self.wanted.prune && !self.wanted.adopt) {
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
        match self.protected(name) {
            Some(profile) if !self.wanted.prune => {
                let flag = "`--prune`".to_owned();
                self.block(name, Why::Protected { profile, flag });
            }
            _ => self.row(name, Step::Remove, why),
        }
        true
    }

    fn protected(&self, name: &SecretName) -> Option<FolderName> {
        let folder = name.folder();
        let mut profiles = self.manifest.profiles.iter();
        let found = profiles.find(|(profile, of)| of.protect && profile.holds(&folder));
        found.map(|(profile, _)| profile.clone())
    }

    /// Whether a value is made anew; says so, or that a person has to.
    fn rotates(
        &mut self,
        name: &SecretName,
        declaration: Option<&Declaration>,
        facts: &Facts,
    ) -> bool {
        let asked = any(&self.wanted.rotate, name);
        let generator = declaration.and_then(|declaration| match &declaration.origin {
            Origin::Generate(generator) => Some(generator),
            _ => None,
        });
        // The public half is made anew together with the private one.
        let companion = |one: &Declaration| matches!(one.origin, Origin::Companion(_));
        if declaration.is_some_and(companion) {
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
            Some(_) if departed && !on_departure => self.block(name, why),
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

    /// Who reads a secret once the plan is carried out.
    fn readers_after(&self, name: &SecretName) -> Option<Readers> {
        if let Some(change) = self.change_of(name) {
            return Some(change.after.clone());
        }
        let chain = self
            .actual
            .folders
            .get(&self.actual.keyed(&name.folder()))?;
        Some(chain.head().ok()?.readers.clone())
    }

    fn change_of(&self, name: &SecretName) -> Option<&FolderChange> {
        let ancestry = name.folder().ancestry();
        for part in ancestry.iter().rev() {
            if let Some(change) = self.folders.iter().find(|change| change.folder == *part) {
                return Some(change);
            }
            if self.actual.folders.contains_key(part) {
                return None;
            }
        }
        None
    }

    /// Whether a file is sealed anew with the same value; says so.
    fn reseals(
        &mut self,
        name: &SecretName,
        facts: &Facts,
        stanzas: usize,
        finding: Option<&Finding>,
    ) -> bool {
        let why = match (self.change_of(name), finding) {
            (_, Some(Finding::Stale { left, own: false })) => {
                Some(Why::StaleTaken { left: left.clone() })
            }
            (Some(change), _) => Some(Why::Key {
                joining: [&change.difference.joining[..], &change.difference.more_keys].concat(),
                leaving: [
                    &change.difference.leaving[..],
                    &change.difference.fewer_keys,
                ]
                .concat(),
            }),
            (None, _) => self.under_another_key(name, facts, stanzas),
        };
        let Some(why) = why else { return false };
        let extent = self.extent(name, facts, stanzas);
        self.row(name, Step::Reseal(extent), why);
        true
    }

    fn extent(&self, name: &SecretName, facts: &Facts, stanzas: usize) -> Extent {
        let change = self.change_of(name);
        let keyed = self.actual.folders.get(&self.actual.keyed(&name.folder()));
        let head = keyed.and_then(|chain| chain.head().ok());
        let under_head = head.is_some_and(|head| head.statement.key == facts.trail.last());
        match change {
            _ if !under_head => Extent::Whole,
            Some(change) if change.renews() => Extent::Whole,
            // Recipients have no names in a file; so many can only be exactly these.
            Some(change) if stanzas == change.before.recipients().count() => Extent::Adds,
            _ => Extent::Rewraps,
        }
    }

    fn under_another_key(&self, name: &SecretName, facts: &Facts, stanzas: usize) -> Option<Why> {
        let chain = self
            .actual
            .folders
            .get(&self.actual.keyed(&name.folder()))?;
        let head = chain.head().ok()?;
        if facts.trail.last() != head.statement.key {
            let epoch = chain.epoch(facts.trail.last());
            let had: BTreeSet<ReaderName> = epoch
                .iter()
                .flat_map(|epoch| epoch.readers.iter())
                .map(|reader| reader.name.clone())
                .collect();
            let now: BTreeSet<ReaderName> = head
                .readers
                .iter()
                .map(|reader| reader.name.clone())
                .collect();
            return Some(Why::Key {
                joining: now.difference(&had).cloned().collect(),
                leaving: had.difference(&now).cloned().collect(),
            });
        }
        let expected = head.readers.recipients().count();
        (stanzas != expected).then_some(Why::Stanzas {
            found: stanzas,
            expected,
        })
    }

    /// What is about no single secret.
    fn around(&mut self) {
        let mut notes: Vec<Why> = Vec::new();
        if self.wanted.keys.is_empty() {
            notes.extend(self.actual.refused.iter().cloned().map(Why::Refused));
            for (folder, why) in &self.actual.broken {
                notes.push(Why::Refused(format!("`{folder}`: {why}")));
            }
            for (folder, chain) in &self.actual.folders {
                if let Some(known) = chain.behind() {
                    notes.push(Why::Refused(format!(
                        "`{folder}` has an older key here than number {}, which you have accepted",
                        known.epoch
                    )));
                }
            }
            for stray in self
                .actual
                .strays
                .iter()
                .filter(|stray| stray.name.is_none())
            {
                let path = stray.path.display();
                notes.push(Why::Refused(format!("`vault/{path}` {}", stray.why)));
            }
            let keys: BTreeSet<&str> = self
                .manifest
                .declarations
                .keys()
                .chain(self.actual.files.keys())
                .map(SecretName::key)
                .collect();
            for (variable, paths) in &self.actual.references {
                if !keys.contains(&**variable) {
                    notes.push(Why::Undeclared {
                        variable: variable.clone(),
                        paths: paths.clone(),
                    });
                }
            }
            notes.extend(self.requirements());
        }
        let notes = notes.into_iter().map(|why| Attention { name: None, why });
        self.attention.extend(notes);
    }

    fn requirements(&self) -> Vec<Why> {
        let comes: BTreeSet<&SecretName> = self.rows.iter().map(|row| &row.name).collect();
        let goes: BTreeSet<&SecretName> = self
            .rows
            .iter()
            .filter(|row| row.step == Step::Remove)
            .map(|row| &row.name)
            .collect();
        let there = |name: &SecretName| {
            let other = self
                .manifest
                .declarations
                .get(name)
                .is_some_and(|declaration| {
                    matches!(declaration.origin, Origin::Compose(_) | Origin::Default(_))
                });
            let sealed = self.actual.files.contains_key(name) || comes.contains(name);
            other || (sealed && !goes.contains(name))
        };
        let mut broken = Vec::new();
        for requirement in &self.manifest.requirements {
            let profiles: Vec<Option<&FolderName>> = match &requirement.profiles[..] {
                [] => vec![None],
                profiles => profiles.iter().map(Some).collect(),
            };
            for profile in profiles {
                let folders = self.manifest.visible(profile);
                let has = |key: &&String| {
                    let mut names = folders
                        .iter()
                        .filter_map(|folder| SecretName::within(folder, key).ok());
                    names.any(|name| there(&name))
                };
                let found = requirement.keys.iter().filter(has).count();
                if !holds(requirement, found) {
                    broken.push(Why::Unmet {
                        rule: requirement.rule,
                        keys: requirement.keys.clone(),
                        profile: profile.cloned(),
                        found,
                    });
                }
            }
        }
        broken
    }
}

fn holds(requirement: &Requirement, found: usize) -> bool {
    match requirement.rule {
        Rule::AllOrNone => found == 0 || found == requirement.keys.len(),
        Rule::AtLeastOne => found > 0,
        Rule::ExactlyOne => found == 1,
    }
}
