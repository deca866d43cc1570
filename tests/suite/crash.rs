//! What is left when a command is killed, or refused by the disk, at any system call that changes
//! something. Each scenario's list of calls comes from an undisturbed run, and each run disturbs one
//! of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::stand::{Scenario, Stand, nothing};
use crate::strace::{Point, has_strace};

/// The errors that a disk may give, and how a message names them.
const ERRORS: [(&str, &str); 4] = [
    ("ENOSPC", "(os error 28)"),
    ("EIO", "(os error 5)"),
    ("EACCES", "(os error 13)"),
    ("EROFS", "(os error 30)"),
];

/// How many runs go on at once within one test.
const WORKERS: usize = 2;

pub const BYSTANDER: (&str, &str) = ("BYSTANDER", "canary-of-a-bystander");

const INIT: Scenario = Scenario {
    name: "init",
    args: &["vault", "init", "--name", "alice", "--no-recovery"],
    stdin: b"",
    arrange: nothing,
    before: None,
    after: &[],
    twice: 0,
    fewest: 80,
};

const SET_NEW: Scenario = Scenario {
    name: "set (new)",
    args: &["vault", "set", "api/v1/TOKEN"],
    stdin: b"canary-new\n",
    arrange: nothing,
    before: Some(&[BYSTANDER]),
    after: &[BYSTANDER, ("api/v1/TOKEN", "canary-new")],
    twice: 0,
    fewest: 20,
};

const SET_AGAIN: Scenario = Scenario {
    name: "set (again)",
    args: &["vault", "set", "api/TOKEN"],
    stdin: b"canary-new\n",
    arrange: nothing,
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
    arrange: nothing,
    before: Some(&[BYSTANDER, ("api/TOKEN", "canary-old")]),
    after: &[BYSTANDER, ("web/KEY", "canary-old")],
    twice: 1,
    fewest: 22,
};

const REMOVE: Scenario = Scenario {
    name: "remove",
    args: &["vault", "remove", "api/TOKEN", "--yes"],
    stdin: b"",
    arrange: nothing,
    before: Some(&[BYSTANDER, ("api/TOKEN", "canary-old")]),
    after: &[BYSTANDER],
    twice: 1,
    fewest: 16,
};

/// Plays a scenario once for each call it makes, and returns what the plays add up to.
fn sweep(scenario: &'static Scenario, play: impl Fn(&Stand, &Point) -> usize + Sync) -> usize {
    let failed = Mutex::new(Vec::new());
    let work = |worker: usize| {
        let stand = Stand::new(scenario);
        let points = stand.points.len();
        assert!(points >= scenario.fewest, "only {points} calls");
        let mine = stand.points.iter().skip(worker).step_by(WORKERS);
        mine.map(|point| {
            let run = AssertUnwindSafe(|| play(&stand, point));
            catch_unwind(run).unwrap_or_else(|_| {
                failed.lock().unwrap().push(point.label.clone());
                0
            })
        })
        .sum::<usize>()
    };
    let runs = std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..WORKERS).map(|n| scope.spawn(move || work(n))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    let failed = failed.into_inner().unwrap();
    let name = scenario.name;
    assert!(failed.is_empty(), "{name} fails at:\n{}", failed.join("\n"));
    runs
}

pub fn killed_anywhere(scenario: &'static Scenario, test: &str) {
    if !has_strace(test) {
        return;
    }
    let runs = sweep(scenario, |stand, point| {
        stand.kill_at(point);
        stand.survives();
        1
    });
    eprintln!("{}: killed at {runs} calls", scenario.name);
}

pub fn refused_anywhere(scenario: &'static Scenario, test: &str) {
    if !has_strace(test) {
        return;
    }
    let runs = sweep(scenario, |stand, point| {
        for (errno, reason) in ERRORS {
            stand.refused_at(point, errno, reason);
        }
        ERRORS.len()
    });
    eprintln!("{}: {runs} calls refused", scenario.name);
}

fn killed_twice(scenario: &'static Scenario, fewest: usize, test: &str) {
    if !has_strace(test) {
        return;
    }
    let runs = sweep(scenario, Stand::kill_recovery_of);
    assert!(runs >= fewest, "only {runs} recoveries were killed");
    eprintln!("{}: recovery killed at {runs} calls", scenario.name);
}

#[test]
fn a_killed_init_is_finished_by_the_next() {
    killed_anywhere(&INIT, "a_killed_init_is_finished_by_the_next");
}

#[test]
fn a_killed_set_leaves_no_value_or_the_new_one() {
    killed_anywhere(&SET_NEW, "a_killed_set_leaves_no_value_or_the_new_one");
}

#[test]
fn a_killed_set_leaves_the_old_value_or_the_new_one() {
    killed_anywhere(
        &SET_AGAIN,
        "a_killed_set_leaves_the_old_value_or_the_new_one",
    );
}

#[test]
fn a_killed_rename_leaves_one_of_the_names() {
    killed_anywhere(&RENAME, "a_killed_rename_leaves_one_of_the_names");
}

#[test]
fn a_killed_remove_takes_the_whole_secret_or_nothing() {
    killed_anywhere(&REMOVE, "a_killed_remove_takes_the_whole_secret_or_nothing");
}

#[test]
fn a_refused_init_makes_no_vault() {
    refused_anywhere(&INIT, "a_refused_init_makes_no_vault");
}

#[test]
fn a_refused_set_makes_no_secret() {
    refused_anywhere(&SET_NEW, "a_refused_set_makes_no_secret");
}

#[test]
fn a_refused_set_keeps_the_old_value() {
    refused_anywhere(&SET_AGAIN, "a_refused_set_keeps_the_old_value");
}

#[test]
fn a_refused_rename_keeps_the_old_name() {
    refused_anywhere(&RENAME, "a_refused_rename_keeps_the_old_name");
}

#[test]
fn a_refused_remove_keeps_the_secret() {
    refused_anywhere(&REMOVE, "a_refused_remove_keeps_the_secret");
}

/// Whoever finishes a killed command may be killed, too.
#[test]
fn a_killed_recovery_is_recovered_from() {
    killed_twice(&RENAME, 60, "a_killed_recovery_is_recovered_from");
    killed_twice(&SET_AGAIN, 20, "a_killed_recovery_is_recovered_from");
}
