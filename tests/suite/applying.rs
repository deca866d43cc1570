//! What is left when `apply` is killed, or refused by the disk, at any system call that changes
//! something: all of a plan, or nothing of it. The plans make, rotate, move and remove secrets, let
//! somebody in, and shut somebody out.

use std::fs;

use crate::crash::{BYSTANDER, killed_anywhere, refused_anywhere};
use crate::house::House;
use crate::stand::{DIGEST, FRESH, Scenario, digest, nothing};

/// A reader whose private key nobody needs here.
const BOB: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\n";

/// The bystander and 20 more secrets, all of which have this value.
macro_rules! twenty {
    ($value:expr) => {
        twenty!($value; "N01" "N02" "N03" "N04" "N05" "N06" "N07" "N08" "N09" "N10"
            "N11" "N12" "N13" "N14" "N15" "N16" "N17" "N18" "N19" "N20")
    };
    ($value:expr; $($name:literal)*) => {
        &[BYSTANDER, $(($name, $value)),*]
    };
}

/// What gives 20 secrets their values.
macro_rules! input {
    ($($number:literal)*) => {
        concat!($("N", $number, "=canary-new\n"),*).as_bytes()
    };
}

const CREATE: Scenario = Scenario {
    name: "apply (create 20)",
    args: &["apply", "--yes", "--input", "-"],
    stdin: input!("01" "02" "03" "04" "05" "06" "07" "08" "09" "10"
        "11" "12" "13" "14" "15" "16" "17" "18" "19" "20"),
    arrange: nothing,
    before: Some(&[BYSTANDER]),
    after: twenty!("canary-new"),
    twice: 0,
    fewest: 60,
};

const ROTATE: Scenario = Scenario {
    name: "apply (rotate 20)",
    args: &["apply", "--yes", "--rotate", "N*"],
    stdin: b"",
    arrange: generated,
    before: Some(twenty!("canary-old")),
    after: twenty!(FRESH),
    twice: 0,
    fewest: 60,
};

/// One within a folder, one from a folder, which goes, to another, which comes.
const MOVE: Scenario = Scenario {
    name: "apply (move)",
    args: &["apply", "--yes"],
    stdin: b"",
    arrange: moved,
    before: Some(&[BYSTANDER, ("ONE", "canary-1"), ("api/TOKEN", "canary-2")]),
    after: &[BYSTANDER, ("TWO", "canary-1"), ("web/KEY", "canary-2")],
    twice: 0,
    fewest: 22,
};

const PRUNE: Scenario = Scenario {
    name: "apply (prune)",
    args: &["apply", "--yes", "--prune"],
    stdin: b"",
    arrange: declared,
    before: Some(&[
        BYSTANDER,
        ("OLD_1", "canary-1"),
        ("OLD_2", "canary-2"),
        ("api/TOKEN", "canary-3"),
    ]),
    after: &[BYSTANDER],
    twice: 0,
    fewest: 16,
};

const JOIN: Scenario = Scenario {
    name: "apply (join)",
    args: &["apply", "--yes", "--accept-recipients", DIGEST],
    stdin: b"",
    arrange: comes,
    before: Some(&[BYSTANDER, ("ONE", "canary-1"), ("api/TOKEN", "canary-2")]),
    after: &[BYSTANDER, ("ONE", "canary-1"), ("api/TOKEN", "canary-2")],
    twice: 0,
    fewest: 22,
};

const LEAVE: Scenario = Scenario {
    name: "apply (leave)",
    args: &["apply", "--yes"],
    stdin: b"",
    arrange: leaves,
    before: Some(&[BYSTANDER, ("ONE", "canary-1"), ("api/TOKEN", "canary-2")]),
    after: &[BYSTANDER, ("ONE", "canary-1"), ("api/TOKEN", "canary-2")],
    twice: 0,
    fewest: 26,
};

/// Adds to the manifest.
pub fn manifest(house: &House, more: &str) {
    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n{more}")).unwrap();
}

fn generated(house: &House) {
    let declare = |number| {
        format!("[secrets.N{number:02}]\ngenerate = {{ kind = \"password\", length = 20 }}\n")
    };
    manifest(house, &(1..=20).map(declare).collect::<String>());
}

fn moved(house: &House) {
    let moves = [("ONE", "TWO"), ("api/TOKEN", "web/KEY")];
    for (from, to) in moves {
        let text = format!("[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n");
        manifest(house, &text);
    }
}

fn declared(house: &House) {
    manifest(house, &format!("[secrets.{}]\n", BYSTANDER.0));
}

fn comes(house: &House) {
    fs::write(house.home().join("recipients/bob.pub"), BOB).unwrap();
}

fn leaves(house: &House) {
    comes(house);
    let digest = digest(house);
    house
        .run(["apply", "--yes", "--accept-recipients", &digest])
        .ok();
    fs::remove_file(house.home().join("recipients/bob.pub")).unwrap();
}

#[test]
fn a_killed_apply_makes_all_secrets_or_none() {
    killed_anywhere(&CREATE, "a_killed_apply_makes_all_secrets_or_none");
}

#[test]
fn a_killed_apply_rotates_all_secrets_or_none() {
    killed_anywhere(&ROTATE, "a_killed_apply_rotates_all_secrets_or_none");
}

#[test]
fn a_killed_apply_moves_all_secrets_or_none() {
    killed_anywhere(&MOVE, "a_killed_apply_moves_all_secrets_or_none");
}

#[test]
fn a_killed_apply_prunes_all_secrets_or_none() {
    killed_anywhere(&PRUNE, "a_killed_apply_prunes_all_secrets_or_none");
}

#[test]
fn a_killed_apply_lets_somebody_in_or_does_not() {
    killed_anywhere(&JOIN, "a_killed_apply_lets_somebody_in_or_does_not");
}

#[test]
fn a_killed_apply_shuts_somebody_out_or_does_not() {
    killed_anywhere(&LEAVE, "a_killed_apply_shuts_somebody_out_or_does_not");
}

#[test]
fn a_refused_apply_makes_no_secret() {
    refused_anywhere(&CREATE, "a_refused_apply_makes_no_secret");
}

#[test]
fn a_refused_apply_keeps_the_old_values() {
    refused_anywhere(&ROTATE, "a_refused_apply_keeps_the_old_values");
}

#[test]
fn a_refused_apply_moves_nothing() {
    refused_anywhere(&MOVE, "a_refused_apply_moves_nothing");
}

#[test]
fn a_refused_apply_prunes_nothing() {
    refused_anywhere(&PRUNE, "a_refused_apply_prunes_nothing");
}

#[test]
fn a_refused_apply_lets_nobody_in() {
    refused_anywhere(&JOIN, "a_refused_apply_lets_nobody_in");
}

#[test]
fn a_refused_apply_shuts_nobody_out() {
    refused_anywhere(&LEAVE, "a_refused_apply_shuts_nobody_out");
}
