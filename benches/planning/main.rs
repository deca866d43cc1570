//! How long plans take, and carrying them out: ten thousand secrets planned and rotated, beside `age -d |
//! age -e` over files of the same vault. What stock `age` takes is measured on a sample and scaled to all
//! files.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark arranges its files as it likes and prints its table"
)]

use std::path::Path;

use place::{Place, SAMPLE, binary, judge};

#[expect(dead_code, reason = "another benchmark uses the rest")]
#[path = "../shared/place.rs"]
mod place;

const MANY: usize = 10_000;

fn main() {
    let hoziron = binary(env!("CARGO_BIN_EXE_hoziron"));
    plans(&hoziron);
}

/// Ten thousand secrets.
fn plans(hoziron: &Path) {
    let place = Place::new(hoziron, MANY, "generate = { kind = \"password\" }");
    let without = place.median(&["plan", "--no-identity"]);
    let with = place.median(&["plan"]);
    let rotated = place.once(&["apply", "--yes", "--rotate", "*"]);
    let age = place.age(MANY);
    println!("{MANY} secrets");
    goal("plan --no-identity", without, 0.150);
    goal("plan", with, 0.400);
    println!("apply --rotate '*'     {rotated:8.3} s");
    println!("age -d | age -e        {age:8.1} s, a sample of {SAMPLE} scaled");
    println!(
        "                       {:8.1} times faster; at least 5: {}\n",
        age / rotated,
        judge(age / rotated >= 5.0)
    );
}

fn goal(what: &str, seconds: f64, most: f64) {
    println!(
        "{what:<22} {seconds:8.3} s; at most {most} s: {}",
        judge(seconds <= most)
    );
}
