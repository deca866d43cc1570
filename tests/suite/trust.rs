//! What this user has seen is never taken back silently, and ordinary git use asks nothing: an older
//! branch, a stash, a file checked out, a work tree of its own. Git is real, and says which commit
//! rolled something back.

use std::fs;
use std::path::Path;

use crate::house::{House, finish};

/// A house with one committed secret of two values, `old` and then `new`.
fn house() -> House {
    let house = House::new();
    house.seal("KEY", b"old");
    house.commit("the first value");
    house.git(["branch", "before"]);
    house.seal("KEY", b"new");
    house.commit("the second value");
    house
}

/// Runs a reading command with nothing to be said on the side.
#[track_caller]
fn reads(house: &House, value: &str) {
    for words in [&["vault", "get", "KEY"][..], &["env", "get", "KEY"]] {
        let outcome = house.run(words);
        assert_eq!(outcome.stderr, "", "{words:?}");
        assert_eq!(String::from_utf8(outcome.ok()).unwrap(), value, "{words:?}");
    }
    let outcome = house.run(["env", "exec", "--", "sh", "-c", "printf %s \"$KEY\""]);
    assert_eq!(outcome.stderr, "");
    assert_eq!(String::from_utf8(outcome.ok()).unwrap(), value);
}

#[test]
fn an_older_branch_is_read_as_it_is() {
    let house = house();
    house.git(["checkout", "-q", "before"]);
    reads(&house, "old");
    house.git(["checkout", "-q", "main"]);
    reads(&house, "new");
    house.git(["checkout", "-q", "--detach", "HEAD~1"]);
    reads(&house, "old");
}

#[test]
fn a_stash_and_a_file_that_is_checked_out_ask_nothing() {
    let house = house();
    house.seal("KEY", b"not committed");
    house.git(["stash", "-q"]);
    reads(&house, "new");
    house.git(["stash", "pop", "-q"]);
    reads(&house, "not committed");
    house.git(["checkout", "-q", "--", ".hoziron/vault/KEY.age"]);
    reads(&house, "new");
}

#[test]
fn another_work_tree_is_read_as_it_is() {
    let house = house();
    let other = house.root().join("other");
    house.git(["worktree", "add", "-q", other.to_str().unwrap(), "before"]);
    let mut command = house.hoziron(["vault", "get", "KEY"]);
    let outcome = finish(command.current_dir(&other), b"");
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.ok(), b"old");
    reads(&house, "new");
}

/// An uncommitted change is the user's own doing: told, and read.
#[test]
fn an_older_file_in_the_work_tree_is_told_and_read() {
    let house = house();
    house.git(["checkout", "-q", "before", "--", ".hoziron/vault/KEY.age"]);
    let outcome = house.run(["vault", "get", "KEY"]);
    assert!(outcome.stderr.contains("older than what you have seen"));
    assert_eq!(outcome.ok(), b"old");
}

#[test]
fn a_committed_rollback_is_refused_and_the_commit_named() {
    let house = house();
    house.git(["checkout", "-q", "before", "--", ".hoziron/vault/KEY.age"]);
    house.commit("roll it back");
    let commit = house.git(["rev-parse", "HEAD"]);
    let commit = &commit[..12];
    for words in [
        &["vault", "get", "KEY"][..],
        &["vault", "show", "KEY"],
        &["vault", "copy", "KEY", "OTHER"],
        &["vault", "rename", "KEY", "OTHER"],
        &["vault", "edit", "KEY"],
        &["env", "get", "KEY"],
        &["env", "export", "--format", "json"],
        &["vault", "get", "KEY", "--allow-stale"],
    ] {
        let said = house.run(words).fails(6);
        assert!(said.contains("rolled back"), "{words:?}: {said}");
        assert!(said.contains(commit), "{words:?}: {said}");
    }
    let said = house.run(["env", "exec", "--", "env"]).fails(125);
    assert!(said.contains(commit), "{said}");
}

#[test]
fn the_library_refuses_a_committed_rollback_as_well() {
    let house = house();
    let resolve = || {
        let path = std::env::var_os("PATH").unwrap();
        let variables = vec![
            ("HOME".into(), house.user().into_os_string()),
            ("PATH".into(), path),
        ];
        let environment = hoziron::Environment::of(variables, house.repo());
        let credentials = hoziron::Credentials::with(environment, hoziron::Options::default());
        credentials.unwrap().resolve("KEY")
    };
    house.git(["checkout", "-q", "before", "--", ".hoziron/vault/KEY.age"]);
    resolve().unwrap();
    house.commit("roll it back");
    let commit = house.git(["rev-parse", "HEAD"]);
    let error = resolve().unwrap_err().to_string();
    assert!(error.contains(&commit[..12]), "{error}");
}

#[test]
fn a_rollback_without_git_is_refused() {
    let house = house();
    house.git(["checkout", "-q", "before"]);
    fs::rename(house.repo().join(".git"), house.root().join("git")).unwrap();
    let said = house.run(["vault", "get", "KEY"]).fails(6);
    assert!(said.contains("no git history"), "{said}");
}

/// Git is not started unless something is older; without it on the PATH everything is read.
#[test]
fn git_is_not_asked_while_nothing_is_older() {
    let house = house();
    let mut command = house.hoziron(["vault", "get", "KEY"]);
    let outcome = finish(command.env("PATH", house.root()), b"");
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.ok(), b"new");
}

#[test]
fn a_restored_value_is_a_new_revision_that_everybody_reads() {
    let house = house();
    let before = revision(&house);
    let said = house.run(["vault", "restore", "KEY"]);
    assert!(said.stderr.contains("sealed `KEY` as commit"));
    said.ok();
    reads(&house, "old");
    assert!(revision(&house) > before);
    house.commit("restored");
    reads(&house, "old");
    house.run(["vault", "restore", "KEY", "HEAD~1"]).ok();
    reads(&house, "new");
    let said = house.run(["vault", "restore", "KEY", "HEAD~1"]);
    assert!(said.stderr.contains("unchanged"), "{}", said.stderr);
    said.ok();
}

#[test]
fn what_was_rolled_back_or_removed_is_restored() {
    let house = house();
    house.git(["checkout", "-q", "before", "--", ".hoziron/vault/KEY.age"]);
    house.commit("roll it back");
    house.run(["vault", "restore", "KEY"]).ok();
    reads(&house, "new");
    house.commit("restored");
    house.git(["rm", "-q", ".hoziron/vault/KEY.age"]);
    house.commit("gone");
    house.run(["vault", "restore", "KEY"]).ok();
    reads(&house, "new");
}

#[test]
fn what_cannot_be_restored_says_why() {
    let house = house();
    for (words, why) in [
        (
            &["vault", "restore", "KEY", "nowhere"][..],
            "no such commit",
        ),
        (&["vault", "restore", "OTHER", "HEAD"], "no such secret"),
        (&["vault", "restore", "OTHER"], "no other value"),
    ] {
        let said = house.run(words).fails(1);
        assert!(said.contains(why), "{words:?}: {said}");
    }
}

#[test]
fn a_new_key_is_made_on_request_and_old_branches_are_still_read() {
    let house = house();
    house.run(["vault", "rekey", "--yes"]).ok();
    house.commit("a new key");
    assert_eq!(keys(&house).len(), 2);
    reads(&house, "new");
    house.git(["checkout", "-q", "before"]);
    assert_eq!(keys(&house).len(), 1);
    reads(&house, "old");
    // Under an older key nothing is sealed.
    let said = house.feed(["vault", "set", "KEY"], b"x").fails(6);
    assert!(said.contains("older key"), "{said}");
}

#[test]
fn a_key_that_a_commit_takes_away_is_missed() {
    let house = house();
    house.run(["vault", "rekey", "--yes"]).ok();
    house.commit("a new key");
    house.git(["checkout", "-q", "before", "--", ".hoziron/vault"]);
    let newest = keys(&house).pop().unwrap();
    house.git(["rm", "-q", "-r", &format!(".hoziron/vault/.keys/{newest}")]);
    house.commit("take the key away");
    let commit = house.git(["rev-parse", "HEAD"]);
    for words in [&["vault", "get", "KEY"][..], &["env", "get", "KEY"]] {
        let said = house.run(words).fails(6);
        assert!(said.contains(&commit[..12]), "{words:?}: {said}");
    }
}

#[test]
fn a_folder_without_keys_of_its_own_has_none_to_renew() {
    let house = house();
    let said = house.run(["vault", "rekey", "prod", "--yes"]).fails(1);
    assert!(said.contains("none of its own"), "{said}");
}

#[test]
fn a_pin_with_a_floor_refuses_an_older_key() {
    let house = house();
    let id = id(&house);
    let pinned = |floor: &str| {
        let mut command = house.hoziron(["vault", "get", "KEY"]);
        finish(command.env("HOZIRON_PIN", format!("{id},{floor}")), b"")
    };
    assert_eq!(pinned(".>=1").ok(), b"new");
    let said = pinned(".>=2").fails(6);
    assert!(said.contains("must be 2 or higher"), "{said}");
    pinned("prod>=1").fails(6);
    pinned("prod").fails(64);
    house.run(["vault", "rekey", "--yes"]).ok();
    assert_eq!(pinned(".>=2").ok(), b"new");
}

fn id(house: &House) -> String {
    let manifest = fs::read_to_string(house.home().join("hoziron.toml")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("id"));
    line.unwrap().split('"').nth(1).unwrap().to_owned()
}

/// Where no private key is at hand, in the CI of a fork: the key that is shown must be as new as the
/// pin says, and the vault the one that it names.
#[test]
fn a_pin_holds_without_an_identity() {
    let house = house();
    let id = id(&house);
    fs::rename(house.identity(), house.root().join("alice.txt")).unwrap();
    let other = "abcdefghijklmnopqrstuvwxyz234567";
    let public = [
        &["plan", "--no-identity"][..],
        &["vault", "access"],
        &["vault", "members", "list"],
    ];
    for words in public {
        let pinned = |pin: &str| {
            let mut command = house.hoziron(words);
            finish(command.env("HOZIRON_PIN", pin), b"")
        };
        pinned(&format!("{id},.>=1")).ok();
        let said = pinned(&format!("{id},.>=2")).fails(6);
        assert!(said.contains("must be 2 or higher"), "{words:?}: {said}");
        let said = pinned(&format!("{id},prod>=1")).fails(6);
        assert!(said.contains("`prod` is number 0"), "{words:?}: {said}");
        pinned("prod").fails(64);
    }
    let plan = |pins: &[&str]| {
        let mut words = vec!["plan", "--no-identity"];
        words.extend(pins.iter().flat_map(|pin| ["--pin", pin]));
        house.run(words)
    };
    let said = plan(&[other]).fails(6);
    assert!(said.contains("the pins name another"), "{said}");
    plan(&[other, &id]).ok();
    // What the pin forbids says more than that nothing opens.
    let verify = |pin: &str| house.run(["--pin", pin, "vault", "verify"]);
    let said = verify(&format!("{id},.>=2")).fails(6);
    assert!(said.contains("must be 2 or higher"), "{said}");
    verify(&id).fails(5);
}

fn revision(house: &House) -> u64 {
    let file = fs::read(house.vault("KEY.age")).unwrap();
    hoziron::sealed::read_facts(&file).unwrap().revision
}

fn keys(house: &House) -> Vec<String> {
    let entries = fs::read_dir(house.vault(".keys")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there = |name: &String| Path::new(&house.vault(".keys")).join(name).is_dir();
    let mut names: Vec<_> = names.filter(there).collect();
    names.sort();
    names
}

const BOB: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// A house that bob has left; the branch `before` is of when he was there.
fn left_house() -> House {
    let house = House::new();
    let manifest = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        format!("{text}\n[profiles.prod]\nprotect = true\n"),
    )
    .unwrap();
    house.seal("KEY", b"old");
    house.seal("prod/KEY", b"old in prod");
    house.commit("alice alone");
    house.git(["branch", "start"]);
    let bob = house.home().join("recipients/bob.pub");
    fs::write(&bob, format!("{BOB}\n")).unwrap();
    let plan = house.run(["plan", "--json"]).ok();
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    let digest = plan["recipients_digest"].as_str().unwrap();
    house
        .run(["apply", "--yes", "--accept-recipients", digest])
        .ok();
    house.commit("bob is here");
    house.git(["branch", "before"]);
    fs::remove_file(bob).unwrap();
    house.run(["apply", "--yes"]).ok();
    house.commit("bob has left");
    house
}

#[test]
fn an_old_branch_with_somebody_who_has_left_is_read_on_request() {
    let house = left_house();
    house.run(["vault", "get", "KEY"]).ok();
    house.git(["checkout", "-q", "before"]);
    for words in [
        &["vault", "get", "KEY"][..],
        &["env", "get", "KEY"],
        &["env", "export", "--format", "json"],
    ] {
        let said = house.run(words).fails(6);
        assert!(said.contains("stale") && said.contains("bob"), "{said}");
        let words: Vec<_> = words.iter().chain(&["--allow-stale"]).collect();
        assert_eq!(house.run(&words).stderr, "", "{words:?}");
        house.run(words).ok();
    }
    let allowed = |words: &[&str]| {
        let mut command = house.hoziron(words);
        finish(command.env("HOZIRON_ALLOW_STALE", "1"), b"")
    };
    assert_eq!(allowed(&["vault", "get", "KEY"]).ok(), b"old");
    // In a protected profile only the flag counts.
    allowed(&["vault", "get", "prod/KEY"]).fails(6);
    let flag = ["vault", "get", "prod/KEY", "--allow-stale"];
    assert_eq!(house.run(flag).ok(), b"old in prod");
    // What changes the vault lifts nothing.
    allowed(&["vault", "copy", "KEY", "OTHER"]).fails(6);
}

#[test]
fn bisecting_past_a_departure_asks_nothing_when_stale_values_are_allowed() {
    let house = left_house();
    house.git(["commit", "-q", "--allow-empty", "-m", "more"]);
    house.git(["bisect", "start", "HEAD", "start"]);
    let script = format!(
        "test -e .hoziron/recipients/bob.pub || exit 1
        {} run -- sh -c 'test \"$KEY\" = old' || exit 128",
        crate::house::HOZIRON
    );
    let mut command = house.program("git");
    command.args(["bisect", "run", "sh", "-c", &script]);
    let outcome = finish(command.env("HOZIRON_ALLOW_STALE", "1"), b"");
    assert!(!outcome.stderr.contains("error:"), "{}", outcome.stderr);
    let text = String::from_utf8(outcome.ok()).unwrap();
    assert!(text.contains("bob has left"), "{text}");
}

#[test]
fn a_stale_version_is_restored_only_by_its_name() {
    let house = left_house();
    house.seal("KEY", b"new");
    // So that git knows the old value only from when bob was there.
    house.git(["reset", "-q", "--soft", "before"]);
    house.commit("all at once");
    let said = house.run(["vault", "restore", "KEY"]).fails(6);
    assert!(said.contains("stale") && said.contains("name it"), "{said}");
    house.run(["vault", "restore", "KEY", "before"]).ok();
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), b"old");
}

#[test]
fn a_vault_that_is_as_it_should_be_is_verified_and_remembered() {
    let house = house();
    let outcome = house.run(["vault", "verify", "--history"]);
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.ok(), b"1 verified\n");
    let seen = || {
        let vaults = fs::read_dir(house.state().join("vaults")).unwrap();
        let vault = vaults.map(|entry| entry.unwrap().path()).next().unwrap();
        vault.join("seen")
    };
    fs::remove_file(seen()).unwrap();
    house.run(["vault", "verify"]).ok();
    let text = fs::read_to_string(seen()).unwrap();
    assert_eq!(text, format!("{} KEY\n", revision(&house)));
    // What somebody else brought, a mark is left of.
    house.git(["checkout", "-q", "before"]);
    house.run(["vault", "verify"]).ok();
    assert_eq!(fs::read_to_string(seen()).unwrap(), text);
}

#[test]
fn verifying_names_what_is_not_to_be_trusted() {
    let house = house();
    let file = |name: &str| house.vault(name);
    fs::copy(file("KEY.age"), file("OTHER.age")).unwrap();
    fs::write(file("notes.txt"), "x").unwrap();
    let outcome = house.run(["vault", "verify"]);
    assert_eq!(outcome.code(), 6);
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert!(text.contains("! OTHER  refused"), "{text}");
    assert!(text.contains("notes.txt"), "{text}");
    assert!(text.contains("1 verified, 2 not to be trusted"), "{text}");
    assert_eq!(house.run(["vault", "verify", "OTHER"]).code(), 6);
    fs::remove_file(file("OTHER.age")).unwrap();
    fs::remove_file(file("notes.txt")).unwrap();
    house.run(["vault", "verify", "KEY"]).ok();
    house.run(["vault", "verify", "NONE"]).fails(1);

    house.git(["rm", "-q", ".hoziron/vault/KEY.age"]);
    house.commit("take it away");
    let commit = house.git(["rev-parse", "HEAD"]);
    let outcome = house.run(["vault", "verify", "--json"]);
    assert_eq!(outcome.code(), 6);
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert!(text.contains(&commit[..12]), "{text}");
    house.run(["vault", "remove", "KEY", "--yes"]).ok();
    house.run(["vault", "verify"]).ok();
}

#[test]
fn verifying_says_what_is_to_be_sealed_anew() {
    let house = left_house();
    house.git([
        "checkout",
        "-q",
        "before",
        "--",
        ".hoziron/vault/prod/KEY.age",
    ]);
    let outcome = house.run(["vault", "verify", "prod/KEY"]);
    assert_eq!(outcome.code(), 6, "{}", outcome.stderr);
    house.git(["checkout", "-q", "main", "-f"]);
    let old = fs::read(house.vault("KEY.age")).unwrap();
    house.run(["vault", "rekey", "--yes"]).ok();
    house.run(["vault", "verify"]).ok();
    house.commit("a new key");
    fs::write(house.vault("KEY.age"), old).unwrap();
    let outcome = house.run(["vault", "verify"]);
    assert_eq!(outcome.code(), 2, "{}", outcome.stderr);
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert!(text.contains("~ KEY  reseal"), "{text}");
}

#[test]
fn a_rollback_in_history_is_named_after_it_was_repaired() {
    let house = house();
    house.git(["checkout", "-q", "before", "--", ".hoziron/vault/KEY.age"]);
    house.commit("roll it back");
    let commit = house.git(["rev-parse", "HEAD"]);
    house.seal("KEY", b"newer");
    house.commit("a newer value");
    house.run(["vault", "verify"]).ok();
    let outcome = house.run(["vault", "verify", "--history"]);
    assert_eq!(outcome.code(), 6);
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert!(
        text.contains(&format!("{} lowered it", &commit[..12])),
        "{text}"
    );
}

/// Somebody pushes the branch's commit before the last with force, and it is fetched as people do.
/// Returns the commit that is lost.
fn pushed_with_force(house: &House) -> String {
    let lost = house.git(["rev-parse", "HEAD"]);
    let remote = house.root().join("remote.git");
    let remote = remote.to_str().unwrap();
    house.git(["init", "-q", "--bare", remote]);
    house.git(["push", "-q", remote, "main"]);
    house.git(["push", "-q", "--force", remote, "HEAD~1:refs/heads/main"]);
    house.git(["fetch", "-q", remote, "main"]);
    house.git(["reset", "-q", "--hard", "FETCH_HEAD"]);
    lost[..12].to_owned()
}

/// Accepts a rewritten history, and returns what was said.
#[track_caller]
fn accept_rewritten(house: &House) -> String {
    let said = house.run(["vault", "trust", "--rewritten"]).fails(1);
    assert!(said.contains("add `--yes`"), "{said}");
    let accepted = house.run(["vault", "trust", "--rewritten", "--yes"]);
    let said = accepted.stderr.clone();
    accepted.ok();
    let again = house.run(["vault", "trust", "--rewritten"]);
    assert!(again.stderr.contains("is still there"), "{}", again.stderr);
    again.ok();
    said
}

#[test]
fn a_rewritten_history_is_told_until_it_is_accepted() {
    let house = house();
    let lost = pushed_with_force(&house);
    let get = house.run(["vault", "get", "KEY"]);
    assert!(get.stderr.contains("history rewritten"), "{}", get.stderr);
    assert!(get.stderr.contains(&lost), "{}", get.stderr);
    assert_eq!(get.ok(), b"old");
    house
        .run(["vault", "trust", "--rewritten", "--json"])
        .fails(64);
    house.run(["vault", "trust", "--yes"]).fails(64);

    let said = accept_rewritten(&house);
    assert!(said.contains("of `KEY`") && said.contains(&lost), "{said}");
    reads(&house, "old");
    house.seal("KEY", b"newer");
    reads(&house, "newer");
}

#[test]
fn a_rewritten_history_is_refused_in_a_protected_profile() {
    let house = House::new();
    let manifest = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let text = format!("{text}\n[profiles.prod]\nprotect = true\n");
    fs::write(&manifest, text).unwrap();
    house.seal("prod/KEY", b"old");
    house.commit("the first value");
    house.seal("prod/KEY", b"new");
    house.seal("prod/LATER", b"later");
    house.commit("the second value");
    let lost = pushed_with_force(&house);
    for words in [
        &["vault", "get", "prod/KEY"][..],
        &["env", "get", "KEY", "-P", "prod"],
        &["vault", "get", "prod/KEY", "--allow-stale"],
    ] {
        let said = house.run(words).fails(6);
        assert!(said.contains("history rewritten"), "{words:?}: {said}");
        assert!(said.contains(&lost), "{words:?}: {said}");
        assert!(
            said.contains("vault trust --rewritten"),
            "{words:?}: {said}"
        );
    }
    let verify = house.run(["vault", "verify"]);
    assert_eq!(verify.code(), 6, "{}", verify.stderr);
    let text = String::from_utf8(verify.stdout).unwrap();
    assert_eq!(text.matches("history rewritten").count(), 2, "{text}");

    let said = accept_rewritten(&house);
    assert!(said.contains("`prod/LATER`"), "{said}");
    assert_eq!(house.run(["vault", "get", "prod/KEY"]).ok(), b"old");
    house.run(["vault", "verify"]).ok();
}

/// An accepted key that the branch has lost is never passed over: it decides who reads.
#[test]
fn an_accepted_key_that_was_rewritten_away_is_missed() {
    let house = left_house();
    let lost = house.git(["rev-parse", "HEAD"]);
    house.git(["reset", "-q", "--hard", "before"]);
    for words in [
        &["vault", "get", "KEY"][..],
        &["vault", "get", "KEY", "--allow-stale"],
        &["env", "get", "KEY"],
    ] {
        let said = house.run(words).fails(6);
        assert!(said.contains("history rewritten"), "{words:?}: {said}");
        assert!(said.contains(&lost[..12]), "{words:?}: {said}");
        assert!(
            said.contains("vault trust --rewritten"),
            "{words:?}: {said}"
        );
    }
    house.feed(["vault", "set", "KEY"], b"x").fails(6);
    let said = accept_rewritten(&house);
    assert!(said.contains("bob reads again then"), "{said}");
    reads(&house, "old");
    house.seal("KEY", b"newer");
}

/// An amended commit and a branch that was rebased have what was seen.
#[test]
fn ordinary_rewriting_asks_nothing() {
    let house = house();
    house.seal("KEY", b"newer");
    house.git(["add", "-A"]);
    house.git(["commit", "-q", "--amend", "-m", "amended"]);
    reads(&house, "newer");
    house.git(["checkout", "-q", "-b", "topic", "HEAD~1"]);
    house.git(["commit", "-q", "--allow-empty", "-m", "topic"]);
    reads(&house, "old");
    house.git(["rebase", "-q", "main"]);
    reads(&house, "newer");
}

/// What somebody seals himself he has accepted, one value or many: its key, and exactly this file.
#[test]
fn an_own_write_is_remembered_with_its_key() {
    let house = House::new();
    let state = || {
        let mut vaults = fs::read_dir(house.state().join("vaults")).unwrap();
        vaults.next().unwrap().unwrap().path()
    };
    let values = house.root().join("values.env");
    fs::write(&values, "ONE=1\nTWO=2\n").unwrap();
    for words in [
        &["vault", "set", "KEY", "--generate", "uuid"][..],
        &["vault", "import", values.to_str().unwrap(), "--yes"],
        &["vault", "rename", "KEY", "OTHER"],
        &["vault", "generate", "ONE", "uuid", "--yes"],
    ] {
        if house.state().join("vaults").exists() {
            let _ = fs::remove_file(state().join("heads"));
        }
        house.run(words).ok();
        let heads = fs::read_to_string(state().join("heads")).unwrap();
        let key = keys(&house).pop().unwrap();
        assert!(
            heads.starts_with(&format!(". {key} ")),
            "{words:?}: {heads}"
        );
    }
    let seen = fs::read_to_string(state().join("seen")).unwrap();
    let words: Vec<_> = seen.lines().map(|line| line.split(' ').count()).collect();
    assert_eq!(words, [3, 3, 3, 3], "{seen}");
    assert!(seen.lines().next().unwrap().ends_with(" KEY -"), "{seen}");
}
