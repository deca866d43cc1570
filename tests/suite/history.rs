//! What git's history says of secrets: `vault history`, a line a commit, and `vault diff`, between two
//! states. Values are marks; they are shown on a terminal only, and only those that `get` would show.

use std::fs;

use serde_json::{Value, json};

use crate::house::{HOZIRON, House, finish, has_judge};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn set(house: &House, name: &str, value: &str) {
    house.seal(name, value.as_bytes());
    house.commit(name);
}

/// Carries the plan out, whoever is let in by it.
#[track_caller]
fn apply(house: &House) {
    let refused = house.run(["apply", "--yes"]);
    if refused.code() != 0 {
        let (_, digest) = refused.stderr.split_once("--accept-recipients ").unwrap();
        let digest = digest.split(['`', ' ', '\n']).next().unwrap();
        house
            .run(["apply", "--yes", "--accept-recipients", digest])
            .ok();
    }
    house.commit("applied");
}

fn join(house: &House) {
    let bob = age::x25519::Identity::generate().to_public();
    fs::write(house.home().join("recipients/bob.pub"), format!("{bob}\n")).unwrap();
    apply(house);
}

fn leave(house: &House) {
    fs::remove_file(house.home().join("recipients/bob.pub")).unwrap();
    apply(house);
}

/// What each line of a history says was done, the latest first.
#[track_caller]
fn deeds(house: &House, words: &[&str]) -> Vec<String> {
    let shown = house.run(["vault", "history"].iter().chain(words));
    let shown = text(shown.ok());
    assert!(!shown.contains("-7"), "{shown}");
    let deed = |line: &str| line.split("  ").nth(2).unwrap().trim().to_owned();
    shown.lines().map(deed).collect()
}

#[track_caller]
fn history(house: &House, name: &str) -> Vec<Value> {
    let shown = text(house.run(["vault", "history", name, "--json"]).ok());
    assert!(!shown.contains("-7\""), "{shown}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["format_version"], 1);
    shown["versions"].as_array().unwrap().clone()
}

#[test]
fn each_commit_says_whether_the_value_changed_and_who_could_read_it() {
    let house = House::new();
    set(&house, "KEY", "one-7");
    set(&house, "KEY", "another-7");
    set(&house, "OTHER", "x-7");
    join(&house);
    set(&house, "KEY", "one-7");
    house.git(["rm", "-q", ".hoziron/vault/KEY.age"]);
    house.git(["commit", "-q", "-m", "removed"]);
    let expected = ["removed", "changed", "resealed", "changed", "added"];
    assert_eq!(deeds(&house, &["KEY"]), expected);
    let versions = history(&house, "KEY");
    assert_eq!(versions[0]["file"], Value::Null);
    let readers: Vec<_> = versions[1..]
        .iter()
        .map(|one| &one["file"]["readers"])
        .collect();
    let (both, one) = (json!(["alice", "bob"]), json!(["alice"]));
    assert_eq!(readers, [&both, &both, &one, &one]);
    for version in &versions[1..] {
        assert_eq!(version["author"], "Alice Example");
        assert_eq!(version["file"]["verified"], true, "{version}");
    }
    let mark = |index: usize| &versions[index]["file"]["mark"];
    assert_eq!(mark(1), mark(4));
    assert_eq!(mark(2), mark(3));
    assert_ne!(mark(1), mark(2));
    let shown = text(house.run(["vault", "history", "KEY"]).ok());
    assert!(shown.contains("  2 readers  ") && shown.contains("(9 bytes)  Alice Example"));

    let few = house.run(["vault", "history", "KEY", "-n", "2"]);
    assert!(few.stderr.contains("--limit 0"), "{}", few.stderr);
    assert_eq!(text(few.ok()).lines().count(), 2);
    assert_eq!(deeds(&house, &["KEY", "--limit", "0"]), expected);
    let none = house.run(["vault", "history", "NOBODY"]).fails(1);
    assert!(none.contains("git has no such secret"), "{none}");
}

/// Without a key a file is taken at its word, and that is said; where it says nothing, nothing is.
#[test]
fn without_a_key_a_history_says_what_the_files_say() {
    let house = House::new();
    set(&house, "KEY", "one-7");
    set(&house, "KEY", "longer-7");
    join(&house);
    leave(&house);
    fs::rename(house.identity(), house.root().join("key")).unwrap();
    let expected = ["resealed", "resealed", "changed", "added"];
    assert_eq!(deeds(&house, &["KEY"]), expected);
    let said = house.run(["vault", "history", "KEY"]).stderr;
    assert!(
        said.contains("no identity of yours opens 4 of these"),
        "{said}"
    );
    for version in history(&house, "KEY") {
        assert_eq!(version["file"]["verified"], false);
        assert_eq!(version["file"]["mark"], Value::Null);
    }
    let readers = |index: usize| history(&house, "KEY")[index]["file"]["readers"].clone();
    assert_eq!(readers(1), json!(["alice", "bob"]));
    assert_eq!(readers(0), json!(["alice"]));
}

#[test]
fn a_merge_says_which_value_it_took_and_what_it_left_open() {
    let house = House::new();
    set(&house, "KEY", "first-7");
    house.git(["checkout", "-q", "-b", "side"]);
    set(&house, "KEY", "side-7");
    house.git(["checkout", "-q", "main"]);
    set(&house, "OTHER", "x-7");
    house.git(["merge", "-q", "--no-ff", "--no-edit", "side"]);
    assert_eq!(deeds(&house, &["KEY"]), ["merged", "changed", "added"]);
    // A merge that left it as it was on this branch did not touch it.
    house.git(["checkout", "-q", "side"]);
    set(&house, "MORE", "y-7");
    house.git(["checkout", "-q", "main"]);
    set(&house, "KEY", "main-7");
    house.git(["merge", "-q", "--no-ff", "--no-edit", "side"]);
    let done = deeds(&house, &["KEY"]);
    assert_eq!(done, ["changed", "merged", "changed", "added"]);

    house.git(["checkout", "-q", "side"]);
    set(&house, "KEY", "theirs-7");
    house.git(["checkout", "-q", "main"]);
    set(&house, "KEY", "ours-7");
    let merge = house.run(["git", "run", "--", "merge", "-q", "side"]);
    assert_eq!(merge.code(), 1, "{}", merge.stderr);
    house.commit("careless");
    assert_eq!(deeds(&house, &["KEY"])[0], "conflict");
    house.run(["vault", "resolve", "KEY", "--theirs"]).ok();
    house.commit("resolved");
    let done = deeds(&house, &["KEY"]);
    assert_eq!(done[..2], ["changed", "conflict"], "{done:?}");
}

#[test]
fn what_a_commit_broke_is_told_and_the_rest_goes_on() {
    let house = House::new();
    set(&house, "KEY", "one-7");
    let whole = fs::read(house.vault("KEY.age")).unwrap();
    fs::write(house.vault("KEY.age"), "one-7").unwrap();
    house.commit("broken");
    fs::write(house.vault("KEY.age"), &whole).unwrap();
    house.commit("mended");
    let done = deeds(&house, &["KEY"]);
    assert_eq!(done[1..], ["refused", "added"], "{done:?}");
    let outside = finish(
        house
            .hoziron([
                "--home",
                house.home().to_str().unwrap(),
                "vault",
                "history",
                "KEY",
            ])
            .env("PATH", "/nowhere"),
        b"",
    );
    assert!(outside.fails(1).contains("no `git` on the PATH"));
}

#[track_caller]
fn diff(house: &House, words: &[&str], code: i32) -> String {
    let shown = house.run(["vault", "diff"].iter().chain(words));
    let said = format!("{}{}", String::from_utf8_lossy(&shown.stdout), shown.stderr);
    assert_eq!(shown.code(), code, "{said}");
    assert!(!said.contains("-7"), "{said}");
    text(shown.stdout)
}

#[test]
fn a_diff_says_what_was_added_changed_removed_and_sealed_anew() {
    let house = House::new();
    for name in ["CHANGED", "GONE", "SAME", "prod/RESEALED"] {
        house.seal(name, b"value-7");
    }
    house.commit("first");
    house.git(["tag", "first"]);
    join(&house);
    house.git(["tag", "joined"]);
    let rows = diff(&house, &["first..joined"], 0);
    assert_eq!(
        rows.matches("resealed  readers +bob\n").count(),
        4,
        "{rows}"
    );
    house.git(["checkout", "-q", "-B", "main", "first"]);
    house.seal("CHANGED", b"longer value-7");
    house.seal("NEW", b"new-7");
    fs::remove_file(house.vault("GONE.age")).unwrap();
    let rows = diff(&house, &[], 0);
    let lines: Vec<_> = rows.lines().map(str::trim_end).collect();
    assert_eq!(lines.len(), 5, "{rows}");
    assert!(lines[0].starts_with("  ~ CHANGED  changed   #"), "{rows}");
    assert!(
        lines[0].contains("(7 bytes) -> #") && lines[0].ends_with("(14 bytes)"),
        "{rows}"
    );
    assert!(lines[1].starts_with("  - GONE     removed   #"), "{rows}");
    assert!(lines[2].starts_with("  + NEW      added     #"), "{rows}");
    assert_eq!(lines[4], "1 added, 1 changed, 1 removed");
    assert_eq!(diff(&house, &["first"], 0), rows);
    assert_eq!(diff(&house, &["HEAD"], 0), rows);
    house.commit("second");
    assert_eq!(diff(&house, &[], 0), "");
    for words in [&["first.."][..], &["first..main"], &["HEAD~1"]] {
        assert_eq!(diff(&house, words, 0), rows, "{words:?}");
    }
    assert_eq!(diff(&house, &["first", "-P", "prod"], 0), "");
    // The other way around, and one of them, also one that is gone.
    assert!(diff(&house, &["main..first"], 0).contains("+ GONE "));
    assert_eq!(diff(&house, &["NEW", "first"], 0).lines().count(), 3);
    assert_eq!(diff(&house, &["GONE", "first"], 0).lines().count(), 3);
    assert_eq!(diff(&house, &["GONE"], 0), "");
    assert_eq!(diff(&house, &["RESEALED", "first", "-P", "prod"], 0), "");
    for words in [
        &["nowhere"][..],
        &["NEW", "nowhere"],
        &["first..nowhere"],
        &["first...main"],
    ] {
        diff(&house, words, 1);
    }

    let shown: Value = serde_json::from_str(&diff(&house, &["first", "--json"], 0)).unwrap();
    assert_eq!(shown["to"], Value::Null);
    let secrets = shown["secrets"].as_array().unwrap();
    assert_eq!(secrets[0]["change"], "changed");
    assert_eq!(secrets[0]["before"]["length"], 7);
    assert_eq!(secrets[2]["before"], Value::Null);
    fs::rename(house.identity(), house.root().join("key")).unwrap();
    let rows = diff(&house, &["first"], 0);
    assert!(
        rows.contains("changed   (7 bytes) -> (14 bytes); not opened"),
        "{rows}"
    );
}

#[test]
fn a_diff_tells_what_is_not_to_be_trusted() {
    let house = House::new();
    set(&house, "KEY", "one-7");
    set(&house, "OTHER", "two-7");
    fs::copy(house.vault("OTHER.age"), house.vault("KEY.age")).unwrap();
    let rows = diff(&house, &[], 6);
    assert!(
        rows.contains("! KEY  refused   after: it was not sealed for this name"),
        "{rows}"
    );
}

/// What appears on a terminal.
#[track_caller]
fn revealed(house: &House, words: &str, code: i32) -> String {
    let line = format!("{HOZIRON} vault diff --reveal {words} >&2");
    let job = json!({ "argv": ["sh", "-c", line], "steps": [] });
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pty/drive.py");
    let mut python = house.program("python3");
    let report = finish(python.arg(driver), job.to_string().as_bytes()).ok();
    let seen: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(seen["exit"], json!(code), "{seen}");
    seen["terminal"].as_str().unwrap().replace('\r', "")
}

#[test]
fn values_are_compared_by_line_and_by_path_on_a_terminal_only() {
    if !has_judge(
        "python3",
        "values_are_compared_by_line_and_by_path_on_a_terminal_only",
    ) {
        return;
    }
    let house = House::new();
    house.seal("JSON", br#"{"user":"app","keys":[1,2]}"#);
    house.seal("LINES", b"one\ntwo\nthree\n");
    house.seal("ESCAPE", b"plain");
    house.commit("first");
    let refused = house.run(["vault", "diff", "--reveal"]).fails(1);
    assert!(refused.contains("not a terminal"), "{refused}");
    house.seal("JSON", br#"{"keys":[1,3],"user":"app"}"#);
    house.seal("LINES", b"one\n2\nthree\n");
    house.seal("ESCAPE", b"\x1b[2J");
    house.seal("BINARY", b"\xff\xfe");
    let shown = revealed(&house, "", 0);
    for part in [
        "\nJSON\n- keys[1] = 2\n+ keys[1] = 3\n",
        "\nLINES\n  one\n- two\n+ 2\n  three\n",
        "\nESCAPE\n- plain\n+ \\u{1b}[2J\n",
        "\nBINARY\nit is not text",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

/// An old value passes what `get` asks of one, or is not shown.
#[test]
fn a_value_that_get_refuses_is_not_revealed() {
    if !has_judge("python3", "a_value_that_get_refuses_is_not_revealed") {
        return;
    }
    let house = House::new();
    set(&house, "KEY", "one-7");
    join(&house);
    leave(&house);
    set(&house, "KEY", "two-7");
    let shown = revealed(&house, "KEY HEAD~2", 6);
    assert!(
        shown.contains("are not shown; it is stale") && !shown.contains("-7"),
        "{shown}"
    );
    let shown = revealed(&house, "KEY HEAD~2 --allow-stale", 0);
    assert!(shown.contains("- one-7\n+ two-7\n"), "{shown}");
    set(&house, "OTHER", "three-7");
    fs::copy(house.vault("OTHER.age"), house.vault("KEY.age")).unwrap();
    let shown = revealed(&house, "KEY", 6);
    assert!(!shown.contains("-7"), "{shown}");
    fs::rename(house.identity(), house.root().join("key")).unwrap();
    revealed(&house, "KEY", 5);
}
