//! Making a plan: pure, cannot fail, opens nothing. Every name that is declared, sealed or moved is
//! looked at once; for each there is at most one step, and beside it what a person has to look at.

mod around;
mod reseal;
mod rotate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::domain::{FolderName, Readers, SecretName};
use crate::manifest::{Declaration, Manifest, Origin, Unmanaged};
use crate::people::Chain;
use crate::plan::people::{self, FolderChange};
use crate::plan::row::{Attention, Row, Step, Supply};
use crate::plan::why::Why;
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
            .chain(moves.keys())
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
            self.block(name, Why::Invalid(*error));
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
        let pruned = undeclared && self.wanted.prune && !self.wanted.adopt;
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
}
