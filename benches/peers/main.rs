//! How long whole commands take, beside the programs that people would use instead: the same values,
//! interleaved in one run, as medians and ratios. A program that is not installed is skipped by name.
//! The values are made up here, and neither they nor what the programs print is shown.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark arranges its files as it likes and prints its table"
)]

mod place;
mod table;

use std::fs;
use std::path::PathBuf;

use place::{Contestant, FEWEST, Place, Verb, has};
use table::{Goal, Table};

/// How many secrets, and how many rounds are taken of each program with them.
const SIZES: [(usize, usize); 3] = [(FEWEST, 21), (1_000, 15), (10_000, 9)];

/// What the whole is measured against.
const GOALS: [Goal; 5] = [
    Goal::ratio("exec 10", "sops yaml", 8.0),
    Goal::ratio("exec 1000", "sops yaml", 3.0),
    Goal::ratio("export 10000", "sops yaml", 10.0),
    Goal::most("list 10000", 20.0, "ms"),
    Goal::most("memory 1000", 12.0, "MiB"),
];

fn main() {
    // Cargo adds `--bench`; a path names another binary to measure.
    let other = std::env::args_os()
        .skip(1)
        .find(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
    let hoziron = other.map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_hoziron")),
        |path| fs::canonicalize(path).unwrap(),
    );
    let mut table = Table::default();
    for (size, rounds) in SIZES {
        let place = Place::new(&hoziron, size);
        let contestants = place.contestants();
        for verb in [Verb::Exec, Verb::Export, Verb::List] {
            let rows = measure(&place, &contestants, verb, rounds);
            table.add(&format!("{} {size}", verb.name()), rows, "ms");
        }
        if has("time") {
            let memory = contestants
                .iter()
                .filter_map(|one| Some((one.name, vec![place.peak(one.command(Verb::Exec)?)])));
            table.add(&format!("memory {size}"), memory.collect(), "MiB");
        } else if size == FEWEST {
            println!("skipped the peak memory: `time` is not installed");
        }
    }
    println!("\n{}", table.text);
    for goal in GOALS {
        println!("{}", goal.judge(&table));
    }
}

/// Takes turns: A B A B, after a round that does not count.
fn measure(
    place: &Place,
    contestants: &[Contestant],
    verb: Verb,
    rounds: usize,
) -> Vec<(&'static str, Vec<f64>)> {
    let with = contestants
        .iter()
        .filter_map(|one| Some((one, one.command(verb)?)));
    let with: Vec<_> = with.collect();
    let mut rows: Vec<_> = with.iter().map(|(one, _)| (one.name, Vec::new())).collect();
    for round in 0..=rounds {
        for ((_, command), (_, times)) in with.iter().zip(&mut rows) {
            let time = place.time(*command);
            if round > 0 {
                times.push(time);
            }
        }
    }
    rows
}
