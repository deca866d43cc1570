//! What is left when a command is killed, or refused by the disk, at any system call that changes
//! something: the old state or the new one, and the next run of the same command ends where an
//! undisturbed one would have. Each scenario's list of calls comes from an undisturbed run, and each
//! run disturbs one of them.

use std::collections::BTreeMap;

use crate::house::{House, finish, has_judge};
use crate::strace::{Fault, Point, has_strace, inject, trace};
use crate::tree::Tree;

/// The errors that a disk may give, and how a message names them.
const ERRORS: [(&str, &str); 4] = [
    ("ENOSPC", "(os error 28)"),
    ("EIO", "(os error 5)"),
    ("EACCES", "(os error 13)"),
    ("EROFS", "(os error 30)"),
];

/// How many runs go on at once within one test.
const WORKERS: usize = 2;

type Secrets = BTreeMap<String, Vec<u8>>;

/// A command, and what the vault holds before and after it. No vault is `None`.
struct Scenario {
    name: &'static str,
    args: &'static [&'static str],
    stdin: &'static [u8],
    before: Option<&'static [(&'static str, &'static str)]>,
    after: &'static [(&'static str, &'static str)],
    /// The exit code when it was done already.
    twice: i32,
    /// The fewest calls that it takes to do it safely.
    fewest: usize,
}

const BYSTANDER: (&str, &str) = ("BYSTANDER", "canary-of-a-bystander");

const INIT: Scenario = Scenario {
    name: "init",
    args: &["vault", "init", "--name", "alice", "--no-recovery"],
    stdin: b"",
    before: None,
    after: &[],
    twice: 0,
    fewest: 80,
};

const SET_NEW: Scenario = Scenario {
    name: "set (new)",
    args: &["vault", "set", "api/v1/TOKEN"],
    stdin: b"canary-new\n",
    before: Some(&[BYSTANDER]),
    after: &[BYSTANDER, ("api/v1/TOKEN", "canary-new")],
    twice: 0,
    fewest: 20,
};

const SET_AGAIN: Scenario = Scenario {
    name: "set (again)",
    args: &["vault", "set", "api/TOKEN"],
    stdin: b"canary-new\n",
    before: Some(&[BYSTANDER, ("api/TOKEN", "canary-old")]),
    after: &[BYSTANDER, ("api/TOKEN", "canary-new")],
    twice: 0,
    fewest: 18,
};

/// From one folder, which goes, to another, which comes.
const RENAME: Scenario = Scenario {
    name: "rename",
    args: &["vault", "rename", "api/TOKEN", "web/KEY"],
    stdin: b"",
    before: Some(&[BYSTANDER, ("api/TOKEN", "canary-old")]),
    after: &[BYSTANDER, ("web/KEY", "canary-old")],
    twice: 1,
    fewest: 22,
};

const REMOVE: Scenario = Scenario {
    name: "remove",
    args: &["vault", "remove", "api/TOKEN", "--yes"],
    stdin: b"",
    before: Some(&[BYSTANDER, ("api/TOKEN", "canary-old")]),
    after: &[BYSTANDER],
    twice: 1,
    fewest: 16,
};

/// Failures that change nothing about the outcome: the command says that it is done, and it is.
fn harmless(point: &Point) -> Option<&'static str> {
    let is = |call: &str, about: &str| point.call == call && point.label.contains(about);
    None
}

/// A house in which a scenario is about to be played, as often as it takes.
struct Stand {
    house: House,
    scenario: &'static Scenario,
    ready: Tree,
    points: Vec<Point>,
    /// What an undisturbed run leaves.
    listing: String,
    status: String,
}

impl Stand {
    fn new(scenario: &'static Scenario) -> Self {
        let house = if let Some(before) = scenario.before {
            let house = House::new();
            for (name, value) in before {
                house.seal(name, value.as_bytes());
            }
            house
        } else {
            House::bare()
        };
        house.git(["add", "-A"]);
        house.git(["commit", "-q", "--allow-empty", "-m", "ready"]);
        let ready = Tree::read(house.root());
        let (outcome, points) = trace(&house, scenario.args, scenario.stdin);
        outcome.ok();
        let mut stand = Self {
            listing: Tree::read(house.root()).listing(),
            status: status(&house),
            house,
            scenario,
            ready,
            points,
        };
        assert_eq!(stand.secrets(), stand.after());
        let state = Tree::read(&stand.house.home().join(".state"));
        assert_eq!(state.listing(), "0600 lock\n");
        // The temporary files are named in the calls; none is in the listing.
        assert!(!stand.listing.contains("hoziron-new"));
        // An undisturbed run that is taken back and done again makes the same calls.
        stand.reset();
        let (outcome, points) = trace(&stand.house, scenario.args, scenario.stdin);
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

    fn after(&self) -> Option<Secrets> {
        Some(secrets(self.scenario.after))
    }

    /// What a reader finds; `None` if there is no vault.
    fn secrets(&self) -> Option<Secrets> {
        let list = self.house.run(["vault", "list"]);
        if self.scenario.before.is_none() && list.code() == 1 {
            return None;
        }
        let names = String::from_utf8(list.ok()).unwrap();
        let value = |name: &str| (name.to_owned(), self.house.run(["vault", "get", name]).ok());
        Some(names.lines().map(value).collect())
    }

    /// Every sealed file on the disk is whole, and holds the old value of its name or the new one.
    fn judge(&self) {
        let values = [self.before(), self.after()].map(Option::unwrap_or_default);
        for file in Tree::read(&self.house.vault("")).without(".keys").files() {
            let Some(name) = file.to_str().unwrap().strip_suffix(".age") else {
                continue;
            };
            let mut age = self.house.program("age");
            age.arg("-d").arg("-i").arg(self.house.identity());
            let value = finish(age.arg(self.house.vault("").join(file)), b"").ok();
            let expected = values.iter().any(|values| values.get(name) == Some(&value));
            assert!(expected, "`{name}` holds something else");
        }
    }

    /// The same command again ends where an undisturbed run ends, and leaves as little behind.
    fn again(&self, done: bool) {
        let again = self.house.feed(self.scenario.args, self.scenario.stdin);
        let expected = if done { self.scenario.twice } else { 0 };
        assert_eq!(again.code(), expected, "again: {}", again.stderr);
        assert_eq!(self.secrets(), self.after());
        assert_eq!(Tree::read(self.house.root()).listing(), self.listing);
        assert_eq!(status(&self.house), self.status);
    }

    /// After a kill: nothing damaged, nothing lost, and whatever comes next finds one state.
    fn survives(&self, has_age: bool) -> bool {
        let left = Tree::read(self.house.root());
        if has_age {
            self.judge();
        }
        let recorded = self.house.home().join(".state/journal").exists();
        let seen = self.secrets();
        assert!(seen == self.before() || seen == self.after(), "{seen:?}");
        let done = seen == self.after();
        assert!(done || !recorded, "what was recorded did not happen");
        self.again(done);

        left.restore(self.house.root());
        self.again(done);
        recorded
    }

    fn killed_at(&self, point: &Point, has_age: bool) {
        self.reset();
        inject(&self.house, self.scenario.args, self.scenario.stdin, point, Fault::Kill);
        self.survives(has_age);
    }

    /// After a refusal: the old state, with the path and the reason in the message; or the new
    /// state, where the refusal is known to be harmless.
    fn refused_at(&self, point: &Point, errno: &'static str, reason: &str) {
        self.reset();
        let user = || Tree::read(&self.house.user()).listing();
        let home = || Tree::read(&self.house.home()).without(".state/lock");
        let old = home();
        let Scenario { args, stdin, .. } = self.scenario;
        let run = inject(&self.house, args, stdin, point, Fault::Error(errno));
        let done = run.code() == 0;
        assert!(!run.stderr.contains("canary"), "a value in {}", run.stderr);
        assert_eq!(done, harmless(point).is_some(), "{}", run.stderr);
        if done {
            assert_eq!(self.secrets(), self.after());
        } else {
            assert!(run.stdout.is_empty());
            assert_eq!(run.code(), 1, "{}", run.stderr);
            let names = |line: &&str| {
                line.ends_with(reason) && point.paths.iter().any(|path| line.contains(path))
            };
            let cause = run.stderr.lines().filter(|line| line.starts_with("cause: "));
            assert_eq!(cause.filter(names).count(), 1, "{}", run.stderr);
            assert!(home() == old, "not as it was:\n{}", home().listing());
            assert!(!user().contains("hoziron-new"), "left behind:\n{}", user());
        }
        self.again(done);
    }
}

fn secrets(list: &[(&str, &str)]) -> Secrets {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn status(house: &House) -> String {
    house.git(["status", "--porcelain", "-uall"]).lines().map(|line| {
        let parts: Vec<_> = line.split('/').map(|part| if part.starts_with("0001-") { "0001-ID" } else { part }).collect();
        parts.join("/") + "\n"
    }).collect()
}

/// Plays a scenario once for each call and each of `faults`, and returns the number of runs.
#[track_caller]
fn sweep(
    scenario: &'static Scenario,
    what: &str,
    play: impl Fn(&Stand, &Point) -> usize + Sync,
) {
    let runs: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let play = &play;
                scope.spawn(move || {
                    let stand = Stand::new(scenario);
                    let points = stand.points.len();
                    assert!(points >= scenario.fewest, "only {points} points");
                    let mine = stand.points.iter().skip(worker).step_by(WORKERS);
                    mine.map(|point| {
                        let run = std::panic::AssertUnwindSafe(|| play(&stand, point));
                        std::panic::catch_unwind(run).unwrap_or_else(|_| {
                            eprintln!("FAILED {}: {what} at {}", scenario.name, point.label);
                            0
                        })
                    }).sum::<usize>()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    eprintln!("{}: {what} at {runs} points", scenario.name);
}

#[test]
fn explore_kills() {
    for s in [&INIT, &SET_NEW, &SET_AGAIN, &RENAME, &REMOVE] {
        sweep(s, "killed", |stand, point| {stand.killed_at(point, true); 1});
    }
}

#[test]
fn explore_errors() {
    for s in [&INIT, &SET_NEW, &SET_AGAIN, &RENAME, &REMOVE] {
        for (errno, reason) in ERRORS { if errno != "EIO" {continue}
        sweep(s, errno, |stand, point| {stand.refused_at(point, errno, reason); 1});
        }
    }
}
