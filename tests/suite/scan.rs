//! `scan`, with the real git: what it finds where, what it leaves alone, and what it says if it cannot
//! look at everything.

use std::fs;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::house::{House, finish};

const VALUE: &str = "p4ss\"w0rd/7&Qz<x>";

fn house() -> House {
    let house = House::new();
    house.seal("DB_PASSWORD", VALUE.as_bytes());
    house.seal("prod/TOKEN", b"tok-81723648-x");
    house.commit("sealed");
    house
}

fn write(house: &House, path: &str, text: &str) {
    let path = house.repo().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The lines of a scan that found something.
#[track_caller]
fn found(house: &House, words: &[&str]) -> Vec<String> {
    let outcome = house.run(["scan"].iter().chain(words));
    assert_eq!(outcome.code(), 1, "{}", outcome.stderr);
    let shown = String::from_utf8(outcome.stdout).unwrap();
    assert!(!shown.contains(VALUE) && !outcome.stderr.contains(VALUE));
    shown.lines().map(str::to_owned).collect()
}

#[track_caller]
fn clean(house: &House, words: &[&str]) {
    let outcome = house.run(["scan"].iter().chain(words));
    let shown = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert_eq!(outcome.code(), 0, "{shown}{}", outcome.stderr);
}

#[test]
fn a_vault_s_own_files_are_clean_however_they_are_looked_at() {
    let house = house();
    for number in 0..100 {
        house.seal(
            &format!("many/K{number}"),
            format!("v{number}-{VALUE}").as_bytes(),
        );
    }
    house.git(["add", "-A"]);
    clean(&house, &["--staged"]);
    house.commit("many");
    for words in [&[][..], &["--all"], &["--range", "HEAD~1..HEAD"], &["."]] {
        clean(&house, words);
    }
    let mut command = house.hoziron(["scan", "../repo/.hoziron"]);
    finish(command.current_dir(house.user()), b"").ok();
}

#[test]
fn a_value_is_found_in_many_encodings_with_its_line_and_name() {
    let house = house();
    let hex: String = VALUE.bytes().map(|byte| format!("{byte:02x}")).collect();
    let text = [
        VALUE,
        "p4ss\\\"w0rd/7&Qz<x>",
        "p4ss%22w0rd%2F7%26Qz%3Cx%3E",
        "p4ss&quot;w0rd/7&amp;Qz&lt;x&gt;",
        &hex,
        &hex.to_uppercase(),
        &BASE64_STANDARD.encode(VALUE),
        &BASE64_STANDARD.encode(format!("u:{VALUE}")),
        &BASE64_STANDARD.encode(BASE64_STANDARD.encode(VALUE)),
        "nothing",
        "p4ss\\u0022w0rd",
    ]
    .join("\n");
    write(&house, "src/a.txt", &text);
    house.git(["add", "-A"]);
    for words in [&["--staged"][..], &[], &["src"], &["src/a.txt"]] {
        let lines = found(&house, words);
        assert_eq!(lines.len(), 9, "{lines:?}");
        for (index, line) in lines.iter().enumerate() {
            let start = format!("src/a.txt:{}: the value of `DB_PASSWORD` (", index + 1);
            assert!(line.starts_with(&start), "{line}");
        }
    }
}

#[test]
fn what_was_taken_back_is_found_in_the_history_with_its_commit() {
    let house = house();
    write(&house, "a.txt", &format!("x\n{VALUE}\n"));
    house.commit("leak");
    let leak = house.git(["rev-parse", "HEAD"]);
    write(&house, "a.txt", "x\n");
    house.commit(&format!("take back {VALUE}"));
    clean(&house, &[]);
    clean(&house, &["--staged"]);
    for words in [
        &["--all"][..],
        &["--range", "HEAD~2..HEAD"],
        &["--range", "HEAD~2.."],
    ] {
        let lines = found(&house, words);
        let expected = format!(
            "a.txt:2: the value of `DB_PASSWORD` (as it is) [commit {}]",
            &leak[..12]
        );
        assert!(lines.contains(&expected), "{lines:?}");
        assert!(
            lines.iter().any(|line| line.starts_with("message of ")),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 2);
    }
    house.git(["reset", "-q", "--hard", "HEAD~2"]);
    house.git(["reflog", "expire", "--expire=now", "--all"]);
    assert_eq!(found(&house, &["--all"]).len(), 2);
}

#[test]
fn what_in_the_vault_is_not_whole_is_told() {
    let house = house();
    let sealed = fs::read_to_string(house.vault("prod/TOKEN.age")).unwrap();
    fs::write(house.vault("prod/CUT.age"), &sealed[..sealed.len() / 2]).unwrap();
    fs::write(
        house.vault("prod/MARKS.age"),
        format!("<<<<<<< HEAD\n{sealed}"),
    )
    .unwrap();
    fs::write(house.vault("PLAIN.age"), "hunter-77\n").unwrap();
    fs::write(house.vault("notes.txt"), VALUE).unwrap();
    write(&house, ".env", "A=1\n");
    write(&house, "web/.env.local", "# hoziron:allow\nA=1\n");
    write(&house, "web/.env.example", "A=\n");
    house.git(["add", "-A", "-f"]);
    let lines = found(&house, &["--staged"]);
    let starts = [
        ".env: a file of variables",
        ".hoziron/vault/PLAIN.age: not a sealed file",
        ".hoziron/vault/notes.txt: not a sealed file",
        ".hoziron/vault/notes.txt:1: the value of `DB_PASSWORD`",
        ".hoziron/vault/prod/CUT.age: a damaged sealed file: ",
        ".hoziron/vault/prod/MARKS.age: the marks of a merge",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for start in starts {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "{start}: {lines:#?}"
        );
    }
}

/// A file in which all is allowed is named from the top of the repository, however it is looked at;
/// nothing of the vault itself can be.
#[test]
fn the_manifest_allows_files_and_none_of_the_vault() {
    let house = house();
    let manifest = house.repo().join(".hoziron/hoziron.toml");
    let mut text = fs::read_to_string(&manifest).unwrap();
    text.push_str("\n[scan]\nallow = [\"tests/data/*\", \".hoziron/*\", \"web/.env\"]\n");
    fs::write(&manifest, text).unwrap();
    write(
        &house,
        "tests/data/deep/a.txt",
        &format!("{VALUE}\n{VALUE}\n"),
    );
    write(&house, "web/.env", "A=1\n");
    write(&house, "src/tests/data/a.txt", VALUE);
    fs::write(house.vault("notes.txt"), "x").unwrap();
    house.git(["add", "-A", "-f"]);
    let expected = [
        ".hoziron/vault/notes.txt: not a sealed file, and in the vault",
        "src/tests/data/a.txt:1: the value of `DB_PASSWORD` (as it is)",
    ];
    assert_eq!(found(&house, &["--staged"]), expected);
    assert_eq!(found(&house, &[]), expected);
    assert_eq!(
        found(&house, &["src", ".hoziron", "tests/data/deep/a.txt"]),
        expected
    );
    let outcome = house.run(["scan", "--staged"]);
    assert!(
        outcome.stderr.contains("3 lines are allowed"),
        "{}",
        outcome.stderr
    );
    fs::remove_file(house.vault("notes.txt")).unwrap();
    fs::remove_file(house.repo().join("src/tests/data/a.txt")).unwrap();
    house.git(["add", "-A", "-f"]);
    clean(&house, &["--staged", "--no-identity"]);
}

/// Without a key all the rest is found; with nothing to tell, exit code 3 says that it was not all.
#[test]
fn without_a_key_the_rest_is_done_and_said() {
    let house = house();
    fs::rename(house.identity(), house.root().join("moved")).unwrap();
    write(&house, "a.txt", VALUE);
    house.commit("leak");
    let outcome = house.run(["scan"]);
    assert!(
        outcome
            .stderr
            .contains("`the vault's values` was not looked at"),
        "{}",
        outcome.stderr
    );
    assert_eq!((outcome.code(), outcome.stdout.len()), (3, 0));
    clean(&house, &["--no-identity"]);

    let age = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33"; // hoziron:allow
    write(&house, "key.txt", &format!("# x\n{age}\n"));
    write(&house, "ok.txt", &format!("{age} # hoziron:allow\n"));
    house.git(["add", "-A"]);
    for words in [&["--staged"][..], &["--staged", "--no-identity"]] {
        let lines = found(&house, words);
        assert_eq!(lines, ["key.txt:2: has the shape of an age private key"]);
    }
}

#[test]
fn a_repository_without_a_vault_is_looked_at_too() {
    let house = House::bare();
    write(&house, "a.txt", "x\n");
    house.commit("x");
    clean(&house, &[]);
    write(
        &house,
        "b.txt",
        "t = ghp_16C7e42F292c6912E7710c838347Ae178B4a\n",
    ); // hoziron:allow
    let lines = found(&house, &["b.txt"]);
    assert_eq!(lines, ["b.txt:1: has the shape of a GitHub token"]);
    let outside = finish(house.hoziron(["scan"]).current_dir(house.user()), b"");
    assert!(outside.fails(1).contains("is in no git repository"));
}

#[test]
fn json_has_places_and_names_and_no_value() {
    let house = house();
    write(&house, "a.txt", &format!("\n{VALUE}\n"));
    house.git(["add", "-A"]);
    let outcome = house.run(["scan", "--staged", "--json"]);
    assert_eq!(outcome.code(), 1);
    let json: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(json["format_version"], 1);
    let finding = &json["findings"][0];
    assert_eq!(finding["path"], "a.txt");
    assert_eq!(finding["line"], 2);
    assert_eq!(finding["kind"], "value");
    assert_eq!(finding["secret"], "DB_PASSWORD");
    assert_eq!(json["values"], 2);
    assert!(!String::from_utf8_lossy(&outcome.stdout).contains(VALUE));
}

/// A secret that does not open, and an object that is not there, are said by exit code 3.
#[test]
fn what_cannot_be_looked_at_is_said() {
    let house = house();
    let sealed = fs::read(house.vault("DB_PASSWORD.age")).unwrap();
    fs::write(house.vault("prod/TOKEN.age"), sealed).unwrap();
    let outcome = house.run(["scan"]);
    assert_eq!(outcome.code(), 3, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("`the value of prod/TOKEN` was not looked at")
    );

    let house = self::house();
    write(&house, "a.txt", "text\n");
    house.git(["add", "-A"]);
    let id = house.git(["rev-parse", ":a.txt"]);
    let (folder, file) = id.trim().split_at(2);
    fs::remove_file(house.repo().join(".git/objects").join(folder).join(file)).unwrap();
    let outcome = house.run(["scan", "--staged"]);
    assert_eq!(outcome.code(), 3, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("`a.txt` was not looked at: it is not in this clone")
    );
}

/// Ten thousand files and a thousand secrets. The bound is for an unoptimised build on a machine that
/// does other things; benches/ has the figure that counts.
#[test]
fn a_large_repository_is_looked_at_in_seconds() {
    let house = House::new();
    let mut dotenv = String::new();
    for number in 0..1000_u64 {
        let value = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        dotenv.push_str(&format!("K{number}=value-{value:016x}\n"));
    }
    let file = house.root().join("values.env");
    fs::write(&file, dotenv).unwrap();
    house
        .run(["vault", "import", "-y", file.to_str().unwrap()])
        .ok();
    for number in 0..10_000_u64 {
        let text = format!("line {number}\n").repeat(40);
        write(
            &house,
            &format!("src/d{}/f{number}.txt", number % 100),
            &text,
        );
    }
    house.commit("many");
    let start = Instant::now();
    clean(&house, &[]);
    let took = start.elapsed();
    assert!(took.as_secs() < 20, "{took:?}");
}
