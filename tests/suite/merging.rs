//! Sealed files under git's own merges, with the real git: what merges, what stays with both sides, and
//! what diffs show.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::house::{HOZIRON, House, Outcome, finish};

/// Git as it is after `hoziron git install`.
struct Merging {
    house: House,
}

impl Merging {
    fn new() -> Self {
        let merging = Self {
            house: House::new(),
        };
        merging.house.run(["git", "install"]).ok();
        merging.set("KEY", "first");
        merging.house.git(["branch", "side"]);
        merging
    }

    fn command(&self, words: &[&str]) -> Command {
        let own = Path::new(HOZIRON).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap();
        let path = [own].into_iter().chain(std::env::split_paths(&path));
        let mut git = self.house.program("git");
        git.args(words)
            .env("PATH", std::env::join_paths(path).unwrap());
        git
    }

    fn git(&self, words: &[&str]) -> Outcome {
        finish(&mut self.command(words), b"")
    }

    #[track_caller]
    fn done(&self, words: &[&str]) -> String {
        let outcome = self.git(words);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&outcome.stdout),
            outcome.stderr
        );
        assert_eq!(outcome.code(), 0, "{words:?}: {said}");
        said
    }

    /// Seals a value and commits it.
    fn set(&self, name: &str, value: &str) {
        self.house.seal(name, value.as_bytes());
        self.house.commit(&format!("{name} is {value}"));
    }

    fn on(&self, branch: &str) {
        self.done(&["checkout", "-q", branch]);
    }

    /// Sets one value on the branch `side`, another one on `main`, and stays there.
    fn both(&self, side: &str, main: &str) {
        self.on("side");
        self.set("KEY", side);
        self.on("main");
        self.set("KEY", main);
    }

    #[track_caller]
    fn value(&self, name: &str) -> String {
        String::from_utf8(self.house.run(["vault", "get", name]).ok()).unwrap()
    }

    /// What any reader sees with plain age, whoever resolves or not.
    fn text(&self, name: &str) -> String {
        let identity = fs::read_to_string(self.house.identity()).unwrap();
        let line = identity
            .lines()
            .find(|line| line.starts_with("AGE-SECRET-KEY-1"));
        let identity: age::x25519::Identity = line.unwrap().parse().unwrap();
        let file = fs::read(self.house.vault(&format!("{name}.age"))).unwrap();
        let value = age::decrypt(&identity, &file).unwrap();
        String::from_utf8(value).unwrap()
    }

    /// Nothing is lost by committing what a merge left, and nothing is handed out.
    #[track_caller]
    fn holds_both(&self, one: &str, other: &str) {
        let refused = self.house.run(["vault", "get", "KEY"]).fails(6);
        assert!(refused.contains("unresolved merge"), "{refused}");
        let text = self.text("KEY");
        for value in [one, other] {
            assert!(text.contains(&format!("value = \"{value}\"")));
        }
    }
}

#[test]
fn different_secrets_merge_without_any_driver() {
    let merging = Merging::new();
    merging.house.run(["git", "install", "--uninstall"]).ok();
    merging.on("side");
    merging.set("OTHER", "other-side");
    merging.on("main");
    merging.set("KEY", "changed");
    merging.set("NEW", "new-main");
    merging.done(&["merge", "-q", "side"]);
    for (name, value) in [
        ("OTHER", "other-side"),
        ("KEY", "changed"),
        ("NEW", "new-main"),
    ] {
        assert_eq!(merging.value(name), value);
    }
}

#[test]
fn the_same_value_on_both_sides_merges() {
    let merging = Merging::new();
    merging.both("same", "same");
    merging.done(&["merge", "-q", "side"]);
    assert_eq!(merging.value("KEY"), "same");
    // Added on both sides, so there is no base.
    merging.done(&["checkout", "-q", "-b", "third"]);
    merging.set("NEW", "twice");
    merging.on("main");
    merging.set("NEW", "twice");
    merging.done(&["merge", "-q", "third"]);
    assert_eq!(merging.value("NEW"), "twice");
}

/// The file under the newer key may have been sealed before the other one.
#[test]
fn equal_values_merge_under_the_newer_key_and_no_revision_sinks() {
    let merging = Merging::new();
    merging.on("side");
    let mut rekey = merging.house.hoziron(["vault", "rekey", "--yes"]);
    rekey.env("XDG_STATE_HOME", merging.house.root().join("elsewhere"));
    finish(&mut rekey, b"").ok();
    merging.house.commit("rekeyed");
    merging.on("main");
    for value in ["a-7", "b-7", "c-7", "first"] {
        merging.set("KEY", value);
    }
    merging.done(&["merge", "-q", "--no-edit", "side"]);
    assert_eq!(merging.value("KEY"), "first");
    let plan = String::from_utf8(merging.house.run(["plan"]).ok()).unwrap();
    assert!(plan.contains("No changes."), "{plan}");
}

#[test]
fn both_sides_of_a_conflict_survive_a_careless_commit() {
    let merging = Merging::new();
    merging.both("theirs-7", "ours-7");
    let merge = merging.git(&["merge", "side"]);
    assert_eq!(merge.code(), 1, "{}", merge.stderr);
    assert!(merge.stderr.contains("vault resolve"), "{}", merge.stderr);
    merging.holds_both("ours-7", "theirs-7");
    merging.done(&["add", "-A"]);
    merging.done(&["commit", "-q", "-m", "careless"]);
    merging.holds_both("ours-7", "theirs-7");
    let set = merging
        .house
        .feed(["vault", "set", "KEY"], b"third")
        .fails(6);
    assert!(set.contains("unresolved merge"), "{set}");
    // A merge of it with a third side keeps all three.
    merging.done(&["checkout", "-q", "side"]);
    merging.set("KEY", "later-7");
    merging.on("main");
    assert_eq!(merging.git(&["merge", "side"]).code(), 1);
    merging.holds_both("ours-7", "theirs-7");
    merging.holds_both("ours-7", "later-7");
}

#[test]
fn every_way_of_merging_keeps_both_sides() {
    for words in [
        &["rebase", "-q", "side"][..],
        &["cherry-pick", "side"],
        &["merge", "--squash", "-q", "side"],
        &["revert", "--no-edit", "HEAD~1"],
    ] {
        let merging = Merging::new();
        merging.both("one-7", "two-7");
        if words[0] == "revert" {
            merging.set("KEY", "one-7");
            merging.set("KEY", "three-7");
            let merge = merging.git(words);
            assert_eq!(merge.code(), 1, "{words:?}: {}", merge.stderr);
            merging.holds_both("three-7", "two-7");
            continue;
        }
        let merge = merging.git(words);
        assert_eq!(merge.code(), 1, "{words:?}: {}", merge.stderr);
        merging.holds_both("one-7", "two-7");
    }
    let merging = Merging::new();
    merging.house.seal("KEY", b"stashed-7");
    merging.done(&["stash", "-q"]);
    merging.set("KEY", "committed-7");
    assert_eq!(merging.git(&["stash", "pop"]).code(), 1);
    merging.holds_both("stashed-7", "committed-7");
}

/// Both branches merged the other one and chose differently; the older base decides, not either.
#[test]
fn a_criss_cross_merge_takes_no_side_silently() {
    let merging = Merging::new();
    merging.both("b-7", "a-7");
    let a = merging.done(&["rev-parse", "main"]).trim().to_owned();
    let choose = |other: &str, from: &str| {
        assert_eq!(merging.git(&["merge", other]).code(), 1);
        merging.done(&["checkout", from, "--", ".hoziron/vault/KEY.age"]);
        merging.done(&["commit", "-q", "-m", "chosen"]);
    };
    choose("side", "side");
    merging.on("side");
    choose(&a, &a);
    merging.on("main");
    assert_eq!(merging.git(&["merge", "side"]).code(), 1);
    merging.holds_both("a-7", "b-7");
}

fn join(merging: &Merging, how: &[&str]) -> age::x25519::Identity {
    let bob = age::x25519::Identity::generate();
    let file = merging.house.home().join("recipients/bob.pub");
    fs::write(file, format!("{}\n", bob.to_public())).unwrap();
    apply(merging, how);
    bob
}

#[track_caller]
fn apply(merging: &Merging, how: &[&str]) {
    let words = [&["apply", "--yes"], how].concat();
    let refused = merging.house.run(words.clone());
    if refused.code() != 0 {
        let (_, digest) = refused.stderr.split_once("--accept-recipients ").unwrap();
        let digest = digest.split(['`', ' ', '\n']).next().unwrap();
        merging
            .house
            .run([&words[..], &["--accept-recipients", digest]].concat())
            .ok();
    }
    merging.house.commit("applied");
}

/// While git merges, the other side's keys are in no work tree.
#[test]
fn a_changed_value_meets_a_new_key_and_is_sealed_to_its_readers() {
    let merging = Merging::new();
    merging.set("KEY", "changed-7");
    merging.on("side");
    let bob = join(&merging, &["--new-key"]);
    merging.on("main");
    let merge = merging.git(&["merge", "-q", "side"]);
    assert_eq!(merge.code(), 0, "{}", merge.stderr);
    assert_eq!(merging.value("KEY"), "changed-7");
    let file = fs::read(merging.house.vault("KEY.age")).unwrap();
    assert_eq!(age::decrypt(&bob, &file).unwrap(), b"changed-7");
    merging.house.run(["plan", "--detailed-exitcode"]).ok();
}

/// Somebody who has left may have made the value; only a person may lift it to the new key.
#[test]
fn a_value_from_under_a_left_key_is_never_lifted() {
    let merging = Merging::new();
    let bob = join(&merging, &[]);
    merging.done(&["branch", "-f", "side"]);
    merging.on("side");
    fs::remove_file(merging.house.home().join("recipients/bob.pub")).unwrap();
    apply(&merging, &[]);
    for (value, clean) in [("changed-7", false), ("first", true)] {
        merging.done(&["checkout", "-q", "-B", "old", "main"]);
        // The same value again is another file.
        merging.house.git(["rm", "-q", ".hoziron/vault/KEY.age"]);
        let mut set = merging.house.hoziron(["vault", "set", "KEY"]);
        set.env("XDG_STATE_HOME", merging.house.root().join("fresh"));
        finish(&mut set, value.as_bytes()).ok();
        merging.house.commit("under the old key");
        merging.on("side");
        let merge = merging.git(&["merge", "-q", "old"]);
        assert_eq!(merge.code(), i32::from(!clean), "{}", merge.stderr);
        assert_eq!(merging.value("KEY"), "first");
        if !clean {
            assert!(merge.stderr.contains("stale"), "{}", merge.stderr);
            merging.done(&["merge", "--abort"]);
        }
    }
    let file = fs::read(merging.house.vault("KEY.age")).unwrap();
    assert!(age::decrypt(&bob, &file).is_err());
}

#[test]
fn diffs_show_facts_and_equal_values_look_equal() {
    let merging = Merging::new();
    merging.set("prod/KEY", "canary-value-7");
    merging.set("COPY", "canary-value-7");
    merging.set("KEY", "another-value-7");
    let log = merging.done(&["log", "-p"]);
    assert!(
        !log.contains("-value-7\"") && !log.contains("(not available)"),
        "{log}"
    );
    let mark = |name: &str| {
        let shown = merging.done(&[
            "show",
            "--textconv",
            &format!("HEAD:.hoziron/vault/{name}.age"),
        ]);
        let line = shown
            .lines()
            .find(|line| line.starts_with("value "))
            .unwrap();
        assert!(shown.contains(&format!("secret      {name}\n")), "{shown}");
        line.to_owned()
    };
    assert_eq!(mark("prod/KEY"), mark("COPY"));
    assert_ne!(mark("prod/KEY"), mark("KEY"));
    assert!(mark("COPY").contains("(14 bytes)"));
    let key = merging.house.root().join("key.txt");
    fs::rename(merging.house.identity(), key).unwrap();
    let shown = merging.done(&["show", "HEAD"]);
    assert!(shown.contains(" value       (locked)"), "{shown}");
    assert!(shown.contains("+sealed      sha256:"), "{shown}");
    // A person without a key merges nothing and loses nothing.
    merging.done(&["reset", "-q", "--hard"]);
}

/// Nobody sees a value because git's output goes to a file.
#[test]
fn a_value_is_revealed_on_a_terminal_only() {
    let merging = Merging::new();
    for (name, value) in [("HOZIRON_GIT_REVEAL", "1"), ("GIT_PAGER_IN_USE", "true")] {
        let mut show = merging.command(&["show", "HEAD"]);
        show.env("HOZIRON_GIT_REVEAL", "1").env(name, value);
        let shown = String::from_utf8(finish(&mut show, b"").ok()).unwrap();
        assert!(
            shown.contains("••••") && !shown.contains("+first"),
            "{shown}"
        );
    }
}

#[test]
fn resolving_takes_the_side_that_was_chosen_and_stages_it() {
    for (option, value) in [
        ("--ours", "ours-7"),
        ("--theirs", "theirs-7"),
        ("--newest", "ours-7"),
    ] {
        let merging = Merging::new();
        merging.on("side");
        merging.set("KEY", "theirs-7");
        merging.set("OTHER", "theirs-other");
        std::thread::sleep(std::time::Duration::from_millis(1100));
        merging.on("main");
        merging.set("KEY", "ours-7");
        assert_eq!(merging.git(&["merge", "side"]).code(), 1);
        let shown = merging.house.run(["vault", "resolve"]);
        assert_eq!(shown.code(), 1);
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(
            shown.starts_with("KEY\n") && shown.contains("theirs, set "),
            "{shown}"
        );
        assert!(!shown.contains("-7"), "{shown}");
        merging
            .house
            .run(["vault", "resolve", "--all", option])
            .ok();
        assert_eq!(merging.value("KEY"), value);
        assert_eq!(merging.done(&["ls-files", "-u"]), "");
        assert_eq!(merging.done(&["diff", "--name-only"]), "");
        merging.done(&["commit", "-q", "-m", "merged"]);
        assert_eq!(merging.value("OTHER"), "theirs-other");
        let again = merging.house.run(["vault", "resolve", "--all"]);
        assert!(again.stderr.contains("nothing is unresolved"));
    }
}

#[test]
fn what_was_staged_or_committed_too_early_is_resolved_as_well() {
    let merging = Merging::new();
    merging.both("theirs-7", "ours-7");
    assert_eq!(merging.git(&["merge", "side"]).code(), 1);
    merging.done(&["checkout", "-q", "--ours", "--", ".hoziron/vault/KEY.age"]);
    merging.done(&["add", "-A"]);
    merging
        .house
        .run(["vault", "resolve", "KEY", "--theirs"])
        .ok();
    assert_eq!(merging.value("KEY"), "theirs-7");
    merging.done(&["merge", "--abort"]);
    assert_eq!(merging.git(&["merge", "side"]).code(), 1);
    merging.house.commit("careless");
    merging
        .house
        .run(["vault", "resolve", "KEY", "--theirs"])
        .ok();
    assert_eq!(merging.value("KEY"), "theirs-7");
    let calm = merging
        .house
        .run(["vault", "resolve", "KEY", "--theirs"])
        .fails(1);
    assert!(calm.contains("not in conflict"), "{calm}");
}

/// In a clone where nothing was installed, git writes markers into the armor.
#[test]
fn a_merge_without_a_driver_is_resolved_from_what_git_has() {
    let merging = Merging::new();
    merging.house.run(["git", "install", "--uninstall"]).ok();
    merging.both("same-7", "same-7");
    assert_eq!(merging.git(&["merge", "side"]).code(), 1);
    merging.house.run(["vault", "resolve", "--all"]).ok();
    assert_eq!(merging.value("KEY"), "same-7");
    merging.done(&["commit", "-q", "-m", "merged"]);
    merging.on("side");
    merging.house.git(["rm", "-q", ".hoziron/vault/KEY.age"]);
    merging.done(&["commit", "-q", "-m", "removed"]);
    merging.on("main");
    merging.set("KEY", "kept-7");
    assert_eq!(merging.git(&["merge", "side"]).code(), 1);
    let open = merging.house.run(["vault", "resolve", "--all"]);
    assert_eq!(open.code(), 1);
    assert!(
        String::from_utf8(open.stdout)
            .unwrap()
            .contains("removes it")
    );
    merging
        .house
        .run(["vault", "resolve", "--all", "--theirs"])
        .ok();
    assert!(!merging.house.vault("KEY.age").exists());
    assert_eq!(merging.done(&["ls-files", "-u"]), "");
}

/// Two branches declare secrets in the same place of the manifest; both change one of them later.
#[test]
fn manifests_merge_by_table_and_show_markers_where_they_cannot() {
    let merging = Merging::new();
    let manifest = merging.house.home().join("hoziron.toml");
    let declare = |name: &str, what: &str| {
        let text = fs::read_to_string(&manifest).unwrap();
        let table = format!("\n[secrets.{name}]\ndescription = \"{what}\"\n");
        fs::write(&manifest, text + &table).unwrap();
        merging.house.commit("declared");
    };
    merging.on("side");
    declare("THEIRS", "x");
    merging.on("main");
    declare("OURS", "x");
    merging.done(&["merge", "-q", "side"]);
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("[secrets.THEIRS]") && text.contains("[secrets.OURS]"));
    merging.done(&["checkout", "-q", "-b", "third"]);
    declare("BOTH", "one");
    merging.on("main");
    declare("BOTH", "two");
    assert_eq!(merging.git(&["merge", "third"]).code(), 1);
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(
        text.contains("<<<<<<< ours\n") && text.contains("\"one\""),
        "{text}"
    );
}
