//! Hundreds of secrets, which are opened on several threads: every value stands at its own name, and
//! all that are refused are named.

use std::fmt::Write;
use std::fs;

use crate::house::House;

const MANY: usize = 451;

/// A vault of many secrets, and what an export of them has to say.
fn house() -> (House, String) {
    let house = House::new();
    let mut lines = String::new();
    for index in 0..MANY {
        writeln!(lines, "KEY_{index:03}=value-{}", index * 7919).unwrap();
    }
    let file = house.root().join("many.env");
    fs::write(&file, &lines).unwrap();
    let file = file.to_str().unwrap();
    house.run(["vault", "import", "--yes", file]).ok();
    (house, lines)
}

/// Threads answer in any order; the values do not care.
#[test]
fn every_value_is_its_own() {
    let (house, lines) = house();
    let exported = house.run(["env", "export", "--format", "dotenv"]).ok();
    assert!(exported == lines.as_bytes());
}

/// One altered file in each part: nothing is handed out, and each is named, in order.
#[test]
fn every_refusal_is_named() {
    let (house, _) = house();
    let altered = ["KEY_000", "KEY_225", "KEY_226", "KEY_450"];
    let other = fs::read(house.vault("KEY_001.age")).unwrap();
    for name in altered {
        fs::write(house.vault(&format!("{name}.age")), &other).unwrap();
    }
    let said = house.run(["env", "export", "--format", "dotenv"]).fails(6);
    let causes = said.lines().filter(|line| line.starts_with("cause: "));
    let named: Vec<_> = causes
        .filter_map(|line| line.split('`').nth(1).map(str::to_owned))
        .collect();
    assert_eq!(named, altered, "{said}");
}
