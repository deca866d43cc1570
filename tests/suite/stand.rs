//! A house in which one command is played over and over, each time disturbed at one of its system
//! calls, and what must hold afterwards: the old state or the new one, and the next run of the same
//! command ends where an undisturbed one would have.

use std::collections::BTreeMap;

use crate::house::{House, finish, has_judge};
use crate::strace::{Fault, Point, inject, trace};
use crate::tree::{Tree, plain};

type Secrets = BTreeMap<String, Vec<u8>>;

/// Stands for a value of 20 characters that nobody has seen before.
pub const FRESH: &str = "(fresh)";

/// Stands for the digest of the new readers, in the arguments.
pub const DIGEST: &str = "(digest)";

/// From so many secrets on they are read at once.
const MANY: usize = 6;

/// A command, and what the vault holds before and after it. No vault is `None`.
pub struct Scenario {
    pub name: &'static str,
    pub args: &'static [&'static str],
    pub stdin: &'static [u8],
    /// What else is done to the house beforehand.
    pub arrange: fn(&House),
    pub before: Option<&'static [(&'static str, &'static str)]>,
    pub after: &'static [(&'static str, &'static str)],
    /// The exit code when it was done already.
    pub twice: i32,
    /// The fewest calls that it takes to do it safely.
    pub fewest: usize,
}

/// What a refused call does to the command that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It says why, and everything is as it was.
    Fails,
    /// The change is through, and what could not be done does not matter: the reason is given.
    Harmless(&'static str),
    /// It says that the next command finishes the change, and the next command does.
    Recorded,
}

impl Refusal {
    fn of(point: &Point, errno: &str, through: bool) -> Self {
        let is = |call: &str, about: &str| point.call == call && point.label.contains(about);
        match () {
            () if is("unlinkat", "/.state>, \"journal\"") => Self::Recorded,
            () if is("unlinkat", "/vault>, \"api\", AT_REMOVEDIR") => {
                Self::Harmless("git does not see the empty folder that stays")
            }
            () if is("unlinkat", "/vault/.keys>, \"000")
                && point.label.contains("AT_REMOVEDIR") =>
            {
                Self::Harmless("there is something else in the folder of a key")
            }
            () if errno == "EACCES" && is("flock", "LOCK_SH") => {
                Self::Harmless("a reader that may not lock goes on; the writer's lock follows")
            }
            () if is("flock", "/hoziron/vaults/") || is("unlinkat", ".seen.hoziron-new") => {
                Self::Harmless("what a killed run left of its marks is swept by the next write")
            }
            () if !through => Self::Fails,
            () if is("fsync", "/.state>") => {
                Self::Harmless("a journal that comes back finds everything in place")
            }
            () if is("unlinkat", "/stage>, \"old-") => {
                Self::Harmless("the next command sweeps the stage")
            }
            () if is("unlinkat", "\"stage\", AT_REMOVEDIR") => {
                Self::Harmless("the next command sweeps the stage")
            }
            () if is("ftruncate", "/.state/lock") => {
                Self::Harmless("the name of a dead holder is not believed")
            }
            () if point.label.contains("/user/.local/state/hoziron") => {
                Self::Harmless("a vault that is not remembered is a warning")
            }
            () => Self::Fails,
        }
    }
}

/// A house in which a scenario is about to be played, as often as it takes.
pub struct Stand {
    house: House,
    scenario: &'static Scenario,
    args: Vec<String>,
    has_age: bool,
    ready: Tree,
    pub points: Vec<Point>,
    /// What an undisturbed run leaves.
    listing: String,
    status: String,
}

impl Stand {
    pub fn new(scenario: &'static Scenario) -> Self {
        let house = if let Some(before) = scenario.before {
            let house = House::new();
            for (name, value) in before {
                house.seal(name, value.as_bytes());
            }
            house
        } else {
            House::bare()
        };
        (scenario.arrange)(&house);
        house.git(["add", "-A"]);
        house.git(["commit", "-q", "--allow-empty", "-m", "ready"]);
        let args = arguments(&house, scenario.args);
        let ready = Tree::read(house.root());
        let (outcome, points) = trace(&house, &borrowed(&args), scenario.stdin);
        outcome.ok();
        let mut stand = Self {
            listing: Tree::read(house.root()).listing(),
            status: status(&house),
            house,
            scenario,
            args,
            has_age: has_judge("age", scenario.name),
            ready,
            points,
        };
        assert!(stand.is_after(&stand.secrets()));
        let state = Tree::read(&stand.house.home().join(".state"));
        assert_eq!(state.listing(), "0600 lock\n");
        // The temporary files are named in the calls; none is in the listing.
        assert!(!stand.listing.contains("hoziron-new"));
        // An undisturbed run that is taken back and done again makes the same calls.
        stand.reset();
        let (outcome, points) = trace(&stand.house, &borrowed(&stand.args), scenario.stdin);
        outcome.ok();
        let labels = |points: &[Point]| points.iter().map(|p| p.label.clone()).collect::<Vec<_>>();
        assert_eq!(labels(&points), labels(&stand.points));
        stand.points = points;
        stand
    }

    fn reset(&self) {
        self.ready.restore(self.house.root());
    }

    fn before(&self) -> Option<Secrets> {
        self.scenario.before.map(secrets)
    }

    fn after(&self) -> Secrets {
        secrets(self.scenario.after)
    }

    fn is_after(&self, seen: &Option<Secrets>) -> bool {
        let (Some(seen), expected) = (seen, self.after()) else {
            return false;
        };
        let fits = |(name, value): (&String, &Vec<u8>)| self.fits(name, value, &expected[name]);
        seen.keys().eq(expected.keys()) && seen.iter().all(fits)
    }

    /// Says whether a value is what is expected of a name, or a fresh one where one is expected.
    fn fits(&self, name: &str, value: &[u8], expected: &[u8]) -> bool {
        if expected != FRESH.as_bytes() {
            return value == expected;
        }
        let before = self.before().unwrap_or_default();
        value.len() == 20 && before.get(name).is_none_or(|old| old != value)
    }

    /// What a reader finds; `None` if there is no vault.
    fn secrets(&self) -> Option<Secrets> {
        let list = self.house.run(["vault", "list"]);
        if self.scenario.before.is_none() && list.code() == 1 {
            return None;
        }
        let names = String::from_utf8(list.ok()).unwrap();
        if names.lines().count() < MANY {
            let value = |name: &str| (name.to_owned(), self.house.run(["vault", "get", name]).ok());
            return Some(names.lines().map(value).collect());
        }
        let export = self.house.run(["env", "export", "--format", "json"]).ok();
        let all: BTreeMap<String, String> = serde_json::from_slice(&export).unwrap();
        let value = |name: &str| (name.to_owned(), all[name].clone().into_bytes());
        Some(names.lines().map(value).collect())
    }

    /// Every sealed file on the disk is whole, and holds the old value of its name or the new one.
    fn judge(&self) {
        let values = [self.before().unwrap_or_default(), self.after()];
        for file in Tree::read(&self.house.vault("")).without(".keys").files() {
            let Some(name) = file.to_str().unwrap().strip_suffix(".age") else {
                continue;
            };
            let mut age = self.house.program("age");
            age.arg("-d").arg("-i").arg(self.house.identity());
            let value = finish(age.arg(self.house.vault("").join(file)), b"").ok();
            let mut expected = values.iter().filter_map(|values| values.get(name));
            let expected = expected.any(|expected| self.fits(name, &value, expected));
            assert!(expected, "`{name}` holds something else");
        }
    }

    /// Whether the change is through before this call: the journal is gone.
    fn is_through(&self, point: &Point) -> bool {
        let removal = |found: &Point| Refusal::of(found, "", false) == Refusal::Recorded;
        let removed = self.points.iter().position(removal);
        // A label may stand for several calls: `.state` is flushed at the commit point, too.
        let same = |found: &Point| (&found.call, found.nth) == (&point.call, point.nth);
        self.points.iter().position(same) > removed
    }

    /// The same command again ends where an undisturbed run ends, and leaves as little behind.
    fn again(&self, done: bool) {
        self.again_but_for(done, "");
    }

    fn again_but_for(&self, done: bool, tolerated: &str) {
        let again = self.house.feed(&self.args, self.scenario.stdin);
        let expected = if done { self.scenario.twice } else { 0 };
        // A removal that was killed before it was remembered is remembered now.
        let late = done && again.stderr.contains("was gone already");
        assert!(again.code() == expected || late, "again: {}", again.stderr);
        assert!(self.is_after(&self.secrets()));
        let left = Tree::read(self.house.root()).listing();
        // A plan without changes writes nothing, and so leaves it to the next write to sweep this.
        let is_plan = done && self.args[0] == "apply";
        let swept_later = |line: &str| is_plan && line.ends_with(".seen.hoziron-new");
        let differs = |line: &&str| *line != tolerated && !swept_later(line);
        let [left, expected] =
            [&left, &self.listing].map(|text| text.lines().filter(differs).collect::<Vec<_>>());
        let extra: Vec<_> = left
            .iter()
            .filter(|line| !expected.contains(line))
            .collect();
        let missing: Vec<_> = expected
            .iter()
            .filter(|line| !left.contains(line))
            .collect();
        assert!(
            left == expected,
            "left behind {extra:?}, missing {missing:?}"
        );
        assert_eq!(status(&self.house), self.status);
    }

    /// After a kill: nothing damaged, nothing lost, and whatever comes next finds one state.
    pub fn survives(&self) {
        let left = Tree::read(self.house.root());
        if self.has_age {
            self.judge();
        }
        let recorded = self.is_recorded();
        let seen = self.secrets();
        let done = self.is_after(&seen);
        assert!(seen == self.before() || done, "{seen:?}");
        // A vault that is not there yet is looked for by its manifest, so no reader finishes it.
        let unseen = self.scenario.before.is_none();
        assert!(done || !recorded || unseen, "what was recorded is not seen");
        self.again(done);

        left.restore(self.house.root());
        self.again(done);
    }

    fn is_recorded(&self) -> bool {
        self.house.home().join(".state/journal").exists()
    }

    pub fn kill_at(&self, point: &Point) {
        self.reset();
        let args = borrowed(&self.args);
        inject(&self.house, &args, self.scenario.stdin, point, Fault::Kill);
    }

    /// Kills whoever finishes what a killed command has recorded, at each of its calls.
    pub fn kill_recovery_of(&self, point: &Point) -> usize {
        const READER: &[&str] = &["vault", "list"];
        self.kill_at(point);
        if !self.is_recorded() {
            return 0;
        }
        let left = Tree::read(self.house.root());
        let (outcome, points) = trace(&self.house, READER, b"");
        outcome.ok();
        for second in &points {
            left.restore(self.house.root());
            inject(&self.house, READER, b"", second, Fault::Kill);
            self.survives();
        }
        points.len()
    }

    /// After a refusal: the old state, with the path and the reason in the message.
    pub fn refused_at(&self, point: &Point, errno: &'static str, reason: &str) {
        self.reset();
        let home = || Tree::read(&self.house.home()).without(".state/lock");
        let old = home();
        let args = borrowed(&self.args);
        let fault = Fault::Error(errno);
        let (run, hit) = inject(&self.house, &args, self.scenario.stdin, point, fault);
        assert!(!run.stderr.contains("canary"), "a value in {}", run.stderr);
        let refusal = Refusal::of(point, errno, self.is_through(point));
        if let Refusal::Harmless(why) = refusal {
            assert_eq!(run.code(), 0, "{why}, but: {}", run.stderr);
            assert!(self.is_after(&self.secrets()));
            return self.again_but_for(true, "0755 repo/.hoziron/vault/api");
        }
        assert_eq!(run.code(), 1, "{}", run.stderr);
        assert!(run.stdout.is_empty());
        let names = |line: &&str| {
            line.ends_with(reason) && hit.paths.iter().any(|path| line.contains(path))
        };
        let causes = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("cause: "));
        assert_eq!(causes.filter(names).count(), 1, "{}", run.stderr);
        let user = Tree::read(&self.house.user()).listing();
        assert!(!user.contains("hoziron-new"), "left behind:\n{user}");
        if refusal == Refusal::Fails {
            assert!(home() == old, "not as it was:\n{}", home().listing());
            self.again(false);
        } else {
            assert!(run.stderr.contains("the next command finishes it"));
            assert!(self.is_after(&self.secrets()));
            self.again(true);
        }
    }
}

/// Nothing but the secrets has to be there.
pub fn nothing(_: &House) {}

/// The digest that approves the readers whom a plan would let in.
pub fn digest(house: &House) -> String {
    let plan = house.run(["plan", "--json"]).ok();
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    plan["recipients_digest"].as_str().unwrap().to_owned()
}

fn arguments(house: &House, args: &[&str]) -> Vec<String> {
    let word = |word: &&str| match *word {
        DIGEST => digest(house),
        word => word.to_owned(),
    };
    args.iter().map(word).collect()
}

fn borrowed(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn secrets(list: &[(&str, &str)]) -> Secrets {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn status(house: &House) -> String {
    plain(&house.git(["status", "--porcelain", "-uall"]))
}
