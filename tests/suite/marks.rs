//! A merge without the driver writes its marks into the armor, and somebody commits that: every command
//! names it, and `vault resolve` has both sides all the same. And both sides in an editor.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::house::{House, Outcome, finish};

const KEY: &str = ".hoziron/vault/KEY.age";

/// A repository with a value on `main` and another one on `side`, and git without our settings.
fn house(ours: &str, theirs: &str) -> House {
    let house = House::new();
    house.seal("KEY", b"first-7");
    house.seal("OTHER", b"other-7");
    house.commit("first");
    house.git(["checkout", "-q", "-b", "side"]);
    house.seal("KEY", theirs.as_bytes());
    house.commit("theirs");
    house.git(["checkout", "-q", "main"]);
    house.seal("KEY", ours.as_bytes());
    house.commit("ours");
    house
}

/// Has git merge, which it cannot, and commits what it left.
fn carelessly(house: &House, words: &[&str]) {
    let mut git = house.program("git");
    let merge = finish(git.args(words), b"");
    assert_eq!(merge.code(), 1, "{words:?}: {}", merge.stderr);
    let text = fs::read_to_string(house.repo().join(KEY)).unwrap();
    assert!(text.contains("<<<<<<<"), "{text}");
    house.commit("careless");
}

#[track_caller]
fn value(house: &House) -> String {
    String::from_utf8(house.run(["vault", "get", "KEY"]).ok()).unwrap()
}

fn said(outcome: &Outcome) -> String {
    let printed = String::from_utf8_lossy(&outcome.stdout);
    format!("{printed}{}", outcome.stderr)
}

#[test]
fn committed_marks_are_named_by_every_command_and_hand_nothing_out() {
    let house = house("ours-7", "theirs-7");
    carelessly(&house, &["merge", "side"]);
    for (words, code) in [
        (&["vault", "get", "KEY"][..], 6),
        (&["vault", "verify"], 6),
        (&["vault", "history", "KEY"], 0),
        (&["doctor", "--json"], 1),
        (&["scan", "--json"], 1),
        (&["plan", "--detailed-exitcode", "--adopt"], 3),
        (&["env", "export", "--format", "json"], 6),
    ] {
        let outcome = house.run(words);
        let said = said(&outcome);
        assert_eq!(outcome.code(), code, "{words:?}: {said}");
        assert!(
            said.contains("marks of a merge") && (words[1] == "history" || said.contains("KEY")),
            "{words:?}: {said}"
        );
        assert!(!said.contains("-7"), "{words:?}: {said}");
    }
    // Setting it would lose both.
    let refused = house.feed(["vault", "set", "KEY"], b"third").fails(6);
    assert!(refused.contains("vault resolve"), "{refused}");
}

#[test]
fn committed_marks_are_resolved_however_they_came_about() {
    for (config, words, choice, expected) in [
        ("merge", &["merge", "side"][..], "--ours", "ours-7"),
        ("merge", &["merge", "side"], "--theirs", "theirs-7"),
        ("diff3", &["merge", "side"], "--theirs", "theirs-7"),
        ("zdiff3", &["cherry-pick", "side"], "--theirs", "theirs-7"),
        ("merge", &["cherry-pick", "side"], "--ours", "ours-7"),
        ("diff3", &["cherry-pick", "side"], "--newest", "ours-7"),
    ] {
        let house = house("ours-7", "theirs-7");
        // So that one of them is newer.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        house.seal("KEY", b"x");
        house.seal("KEY", b"ours-7");
        house.commit("newer");
        house.git(["config", "merge.conflictStyle", config]);
        carelessly(&house, words);
        let open = house.run(["vault", "resolve"]);
        let shown = said(&open);
        assert_eq!(open.code(), 1, "{shown}");
        assert!(
            shown.starts_with("KEY\n  ") && !shown.contains("-7,"),
            "{shown}"
        );
        house.run(["vault", "resolve", "--all", choice]).ok();
        assert_eq!(value(&house), expected, "{words:?} {config} {choice}");
        house.git(["commit", "-q", "-m", "resolved"]);
        assert_eq!(house.git(["status", "--porcelain"]), "");
        house.run(["vault", "verify"]).ok();
    }
}

/// The merge that was committed is known to git, so what only one side changed needs no choice.
#[test]
fn marks_over_what_only_one_side_changed_need_no_choice() {
    let house = house("same-7", "same-7");
    carelessly(&house, &["merge", "side"]);
    house.run(["vault", "resolve", "--all"]).ok();
    assert_eq!(value(&house), "same-7");
    house.commit("resolved");

    house.git(["checkout", "-q", "-B", "side"]);
    house.seal("KEY", b"changed-7");
    house.commit("changed");
    house.git(["checkout", "-q", "main"]);
    house.run(["vault", "rekey", "--yes"]).ok();
    house.commit("under a new key");
    carelessly(&house, &["merge", "side"]);
    house.run(["vault", "resolve", "--all"]).ok();
    assert_eq!(value(&house), "changed-7");
    house.run(["vault", "verify"]).ok();
}

/// A forge's editor leaves marks with other line ends, or no armor at all.
#[test]
fn what_a_forge_left_is_resolved_from_the_merge_itself() {
    for mangle in [
        |text: &str| text.replace('\n', "\r\n"),
        |text: &str| text.replace("=======\n", ""),
        |text: &str| text.lines().take(3).collect::<Vec<_>>().join("\n"),
    ] {
        let house = house("ours-7", "theirs-7");
        let mut git = house.program("git");
        assert_eq!(finish(git.args(["merge", "side"]), b"").code(), 1);
        let text = fs::read_to_string(house.repo().join(KEY)).unwrap();
        fs::write(house.repo().join(KEY), mangle(&text)).unwrap();
        house.commit("Merge branch 'side' into main");
        house.run(["vault", "get", "KEY"]).fails(6);
        house.run(["vault", "resolve", "KEY", "--theirs"]).ok();
        assert_eq!(value(&house), "theirs-7");
    }
    let house = house("ours-7", "theirs-7");
    fs::write(
        house.repo().join(KEY),
        "-----BEGIN AGE ENCRYPTED FILE-----\n",
    )
    .unwrap();
    house.commit("broken");
    let refused = house.run(["vault", "resolve", "KEY", "--ours"]).fails(6);
    assert!(refused.contains("its sides cannot be told"), "{refused}");
}

/// jj writes a difference and a side; nothing of it is in git's index.
#[test]
fn what_jj_wrote_is_resolved() {
    let house = house("ours-7", "theirs-7");
    let at = |commit: &str| house.git(["show", &format!("{commit}:{KEY}")]);
    let (base, ours, theirs) = (at("main~1"), at("main"), at("side"));
    let signed = |sign: &str, text: &str| -> String {
        text.lines().map(|line| format!("{sign}{line}\n")).collect()
    };
    let text = format!(
        "<<<<<<< Conflict 1 of 1\n%%%%%%% Changes from base to side #1\n{}{}\
         +++++++ Contents of side #2\n{theirs}>>>>>>> Conflict 1 of 1 ends\n",
        signed("-", &base),
        signed("+", &ours)
    );
    fs::write(house.repo().join(KEY), text).unwrap();
    house.run(["vault", "get", "KEY"]).fails(6);
    house.run(["vault", "resolve", "--all", "--theirs"]).ok();
    assert_eq!(value(&house), "theirs-7");
}

/// A side that does not open as this secret is no side, whatever the marks say.
#[test]
fn marks_around_another_secret_are_refused() {
    let house = house("ours-7", "theirs-7");
    let ours = fs::read_to_string(house.repo().join(KEY)).unwrap();
    let other = fs::read_to_string(house.vault("OTHER.age")).unwrap();
    let text = format!("<<<<<<< HEAD\n{ours}=======\n{other}>>>>>>> side\n");
    fs::write(house.repo().join(KEY), &text).unwrap();
    let refused = house.run(["vault", "resolve", "KEY", "--theirs"]).fails(6);
    assert!(refused.contains("their side does not open"), "{refused}");
    assert_eq!(fs::read_to_string(house.repo().join(KEY)).unwrap(), text);
}

/// Both sides in an editor that is a shell script; it gets the file as its last argument.
fn edit(house: &House, script: &str) -> Outcome {
    let path = house.root().join("editor");
    fs::write(
        &path,
        format!("#!/bin/sh\nfor file; do :; done\n{script}\n"),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = house.hoziron(["vault", "resolve", "KEY", "--edit"]);
    let outcome = finish(command.env("VISUAL", path), b"");
    assert!(!said(&outcome).contains("-7\n"), "{}", said(&outcome));
    outcome
}

/// Where a text was kept, by what was said.
fn kept(said: &str) -> PathBuf {
    let (_, path) = said
        .split_once("your text is kept in memory, in `")
        .unwrap();
    PathBuf::from(path.split('`').next().unwrap())
}

#[test]
fn both_sides_are_edited_in_memory_and_the_result_is_sealed() {
    let house = house("ours-7", "theirs-7\nsecond-7");
    let mut git = house.program("git");
    assert_eq!(finish(git.args(["merge", "-q", "side"]), b"").code(), 1);
    let seen = house.root().join("seen");
    let look = format!(
        "cp \"$file\" {seen}; stat -c %a \"$file\" >> {seen}; stat -f -c %T \"$file\" >> {seen}",
        seen = seen.display()
    );
    // Nothing was changed, or not all of it.
    assert_eq!(edit(&house, &look).code(), 1);
    let text = fs::read_to_string(&seen).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("<<<<<<< ours, set "), "{text}");
    assert_eq!(
        lines[1..5],
        ["ours-7", "=======", "theirs-7", "second-7"],
        "{text}"
    );
    assert!(lines[5].starts_with(">>>>>>> theirs, set "), "{text}");
    assert_eq!(lines[6..], ["600", "tmpfs"]);
    let left = edit(&house, "sed -i 1d \"$file\"").fails(1);
    assert!(
        left.contains("marks of the merge are still in the text"),
        "{left}"
    );
    let folder = kept(&left);
    assert!(
        fs::read_to_string(folder.join("KEY"))
            .unwrap()
            .starts_with("ours-7\n")
    );
    fs::remove_dir_all(folder).unwrap();

    edit(&house, "printf 'both-7\\n' > \"$file\"").ok();
    assert_eq!(value(&house), "both-7");
    assert_eq!(house.git(["ls-files", "-u"]), "");
    house.git(["commit", "-q", "-m", "merged"]);
    house.run(["vault", "verify"]).ok();
}

/// A side that was chosen in the editor is that side, to the byte.
#[test]
fn a_side_that_is_left_in_the_editor_is_that_side() {
    for (ours, theirs) in [
        ("ours-7\n", "theirs-7"),
        ("ours-7", "theirs-7\n"),
        ("a", "b"),
    ] {
        let house = house(ours, theirs);
        let mut git = house.program("git");
        assert_eq!(finish(git.args(["merge", "-q", "side"]), b"").code(), 1);
        edit(&house, "sed -i -e '1,/^=/d' -e '/^>/d' \"$file\"").ok();
        assert_eq!(value(&house), theirs);
    }
    let house = house("ours-7", "x");
    house.git(["checkout", "-q", "side"]);
    house.seal("KEY", b"\xff\xfe");
    house.commit("no text");
    house.git(["checkout", "-q", "main"]);
    let mut git = house.program("git");
    assert_eq!(finish(git.args(["merge", "-q", "side"]), b"").code(), 1);
    let refused = edit(&house, "true").fails(1);
    assert!(refused.contains("not text"), "{refused}");
}
