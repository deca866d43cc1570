//! Many at once: writers lose nothing, readers see one state or the other, and nobody is turned away
//! while there is patience left.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::house::{House, Outcome};
use crate::strace::{Fault, Point, has_strace, inject, trace};
use crate::tree::Tree;

/// Runs something this many times at once.
fn at_once(count: usize, run: impl Fn(usize) -> Outcome + Sync) -> Vec<Outcome> {
    std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..count).map(|n| scope.spawn(move || run(n))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// What a vault leaves in `.state` when nobody works in it.
fn assert_swept(house: &House) {
    let state = Tree::read(&house.home().join(".state"));
    assert_eq!(state.listing(), "0600 lock\n");
}

#[test]
fn twenty_parallel_sets_make_twenty_secrets() {
    const ROUNDS: usize = 5;
    let house = House::new();
    for round in 0..ROUNDS {
        let name = |n: usize| format!("round{round}/KEY_{n}");
        let value = |n: usize| format!("value {n} of round {round}");
        for outcome in at_once(20, |n| {
            house.feed(["vault", "set", &name(n)], value(n).as_bytes())
        }) {
            outcome.ok();
        }
        for n in 0..20 {
            let found = house.run(["vault", "get", &name(n)]).ok();
            assert_eq!(String::from_utf8(found).unwrap(), value(n));
        }
    }
    let names = String::from_utf8(house.run(["vault", "list"]).ok()).unwrap();
    assert_eq!(names.lines().count(), 20 * ROUNDS);
    assert_swept(&house);
    eprintln!(
        "{} of {} parallel sets survived",
        names.lines().count(),
        20 * ROUNDS
    );
}

#[test]
fn of_parallel_sets_of_one_name_one_value_stays() {
    let house = House::new();
    let values: BTreeSet<Vec<u8>> = (0..20_u8).map(|n| vec![b'a' + n; 100]).collect();
    for outcome in at_once(20, |n| {
        house.feed(["vault", "set", "KEY"], values.iter().nth(n).unwrap())
    }) {
        outcome.ok();
    }
    let found = house.run(["vault", "get", "KEY"]).ok();
    assert!(values.contains(&found));
    assert_swept(&house);
}

/// Between the end of the old name and the new one, nobody sees neither: a reader waits for the
/// writer, or finishes what the writer has recorded.
#[test]
fn a_reader_sees_no_half_of_a_rename() {
    const RENAME: &[&str] = &["vault", "rename", "a/KEY", "b/KEY"];
    if !has_strace("a_reader_sees_no_half_of_a_rename") {
        return;
    }
    let house = House::new();
    house.seal("a/KEY", b"moving");
    let before = Tree::read(house.root());
    let (outcome, points) = trace(&house, RENAME, b"");
    outcome.ok();
    before.restore(house.root());
    let arrival = |point: &&Point| point.call == "renameat" && point.label.contains("KEY.age");
    let arrival = points.iter().find(arrival).unwrap();
    let [old, new] = ["a", "b"].map(|folder| house.vault(&format!("{folder}/KEY.age")));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| inject(&house, RENAME, b"", arrival, Fault::Late).0);
        while old.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!new.exists(), "the reader came too late");
        assert_eq!(house.run(["vault", "list"]).ok(), b"b/KEY\n");
        writer.join().unwrap().ok();
    });
    assert_eq!(house.run(["vault", "get", "b/KEY"]).ok(), b"moving");
}

/// Those who come second are told so, or find a vault; the one that was made works.
#[test]
fn of_parallel_inits_one_makes_the_vault() {
    let house = House::bare();
    let outcomes = at_once(8, |_| {
        house.run(["vault", "init", "--name", "alice", "--no-recovery"])
    });
    let codes: Vec<_> = outcomes.iter().map(Outcome::code).collect();
    assert!(codes.iter().all(|code| [0, 1].contains(code)), "{codes:?}");
    let made = outcomes
        .iter()
        .filter(|outcome| outcome.stderr.contains("made vault"));
    assert_eq!(made.count(), 1, "{outcomes:?}");
    house.seal("KEY", b"value");
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), b"value");
    assert_swept(&house);
    let epochs = std::fs::read_dir(house.vault(".keys")).unwrap().count();
    assert_eq!(epochs, 1);
    let user = Tree::read(&house.user()).listing();
    assert!(!user.contains("hoziron-new"), "{user}");
}
