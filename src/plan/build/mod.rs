//! Making a plan: pure, cannot fail, opens nothing. Every name that is declared, sealed or given is
//! looked at once, a file that is moved under the name it gets: whatever else is to become of it
//! becomes of it in the same step, so that the plan after it has nothing to do.

mod around;
mod missing;
mod reseal;
mod rotate;
mod there;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::domain::{FolderName, Readers, SecretName};
use crate::manifest::{Manifest, Origin};
use crate::people::Chain;
use crate::plan::people::{self, FolderChange};
use crate::plan::row::{Attention, Row, Step, Supply};
use crate::plan::why::Why;
use crate::plan::{Actual, Basis, Findings, Plan, Wanted};

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
    let moves = manifest.moves();
    let mut files: BTreeMap<&SecretName, Vec<&SecretName>> = BTreeMap::new();
    for at in actual.files.keys() {
        let name = moves.get(at).copied().unwrap_or(at);
        files.entry(name).or_default().push(at);
    }
    let builder = Builder {
        manifest,
        actual,
        findings,
        wanted,
        now,
        today: date(now),
        folders: people::changes(desired, actual, wanted),
        chains: actual.folders.values().cloned().collect(),
        moves,
        files,
        twins: HashMap::new(),
        halves: BTreeSet::new(),
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
    // By an old name, the one that the manifest gives it now.
    moves: BTreeMap<&'a SecretName, &'a SecretName>,
    // By the name that files are to have, the names they have.
    files: BTreeMap<&'a SecretName, Vec<&'a SecretName>>,
    // Names that differ only in case, by what they have in common.
    twins: HashMap<String, Vec<&'a SecretName>>,
    // The public halves of the pairs that the plan makes.
    halves: BTreeSet<SecretName>,
    rows: Vec<Row>,
    attention: Vec<Attention>,
    unchanged: usize,
}

impl<'a> Builder<'a> {
    fn run(mut self) -> Plan {
        let (manifest, findings) = (self.manifest, self.findings);
        let declared = manifest.declarations.keys();
        let names: BTreeSet<&SecretName> = declared
            .chain(self.files.keys().copied())
            .chain(&findings.given)
            .collect();
        for name in &names {
            self.twins.entry(name.folded()).or_default().push(name);
        }
        self.twins.retain(|_, names| names.len() > 1);
        // Whether a pair is made is known once its private half was looked at.
        let (halves, others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| self.is_half(name));
        for name in others.into_iter().filter(|name| self.wanted.takes(name)) {
            self.look(name);
        }
        for name in halves {
            if self.wanted.takes(name) || self.halves.contains(name) {
                self.look(name);
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
            basis: Basis::of(self.actual),
        }
    }

    /// Whether a name is declared as the public half of a pair.
    fn is_half(&self, name: &SecretName) -> bool {
        let declaration = self.manifest.declarations.get(name);
        declaration.is_some_and(|one| matches!(one.origin, Origin::Companion(_)))
    }

    /// Finds out what becomes of a name.
    fn look(&mut self, name: &'a SecretName) {
        if let Some(to) = self.moves.get(name) {
            let to = (*to).clone();
            return self.block(name, Why::Renamed { to });
        }
        let files = self.files.get(name).cloned().unwrap_or_default();
        match *files {
            [] => self.missing(name),
            [at] => self.there(name, at),
            _ => {
                let names = files.into_iter().cloned().collect();
                self.block(name, Why::MoveTaken { names });
            }
        }
    }

    fn row(&mut self, name: &SecretName, step: Step, why: Why) {
        if let Step::Create(Supply::Generated(generator))
        | Step::Rotate(Supply::Generated(generator)) = &step
        {
            self.halves.extend(generator.companion(name));
        }
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

    fn is_given(&self, name: &SecretName) -> bool {
        self.findings.given.contains(name)
    }
}
