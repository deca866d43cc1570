//! git's settings and hooks for a vault, with the real git: written and removed again, and never in
//! git's way.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::house::{HOZIRON, House, finish};

/// A house whose git finds hoziron on the PATH.
fn path_with_hoziron() -> OsString {
    let own = Path::new(HOZIRON).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path))).unwrap()
}

fn config(house: &House) -> String {
    fs::read_to_string(house.user().join(".gitconfig")).unwrap_or_default()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_settings_are_written_once_and_removed_without_a_trace() {
    let house = House::new();
    house.git(["config", "--global", "user.name", "Alice"]);
    let before = config(&house);
    assert_eq!(house.run(["git", "install", "--check"]).code(), 1);

    let shown = text(house.run(["git", "install", "--dry-run"]).ok());
    assert_eq!(config(&house), before);
    let done = text(house.run(["git", "install"]).ok());
    assert_eq!(done, shown);
    assert_eq!(shown.lines().count(), 7);
    assert!(shown.contains("+ merge.hoziron.recursive = binary\n"));
    assert!(shown.contains("+ diff.hoziron.cachetextconv = false\n"));

    let installed = config(&house);
    let again = house.run(["git", "install"]);
    assert_eq!(again.stderr, "nothing to change\n");
    assert_eq!(text(again.ok()), "");
    assert_eq!(config(&house), installed);
    assert_eq!(text(house.run(["git", "install", "--check"]).ok()), "");

    house.run(["git", "install", "--uninstall"]).ok();
    assert_eq!(config(&house), before);
}

#[test]
fn the_repository_s_own_settings_stay_its_own() {
    let house = House::new();
    house.run(["git", "install", "--local"]).ok();
    assert_eq!(config(&house), "");
    let local = fs::read_to_string(house.repo().join(".git/config")).unwrap();
    assert!(local.contains("[merge \"hoziron-manifest\"]"), "{local}");
    house.run(["git", "install", "--check"]).ok();
    let outside = finish(
        house
            .hoziron(["git", "install", "--local"])
            .current_dir(house.user()),
        b"",
    );
    assert!(outside.fails(1).contains("is in no git repository"));
}

/// What `install` writes outlives hoziron: without the program, or if it fails, git shows that
/// sealed files changed, and does not give up.
#[test]
fn a_missing_or_failing_program_never_breaks_the_log() {
    let house = House::new();
    house.run(["git", "install"]).ok();
    for value in [&b"one-7"[..], b"two-7"] {
        house.seal("odd/KEY", value);
        house.commit("sealed");
    }
    let failing = house.root().join("bin");
    fs::create_dir(&failing).unwrap();
    fs::write(failing.join("hoziron"), "#!/bin/sh\necho half\nexit 9\n").unwrap();
    fs::set_permissions(failing.join("hoziron"), fs::Permissions::from_mode(0o755)).unwrap();
    let without = std::env::var_os("PATH").unwrap();
    let with = |folder: &Path| {
        let folders = [folder.to_owned()].into_iter();
        std::env::join_paths(folders.chain(std::env::split_paths(&without))).unwrap()
    };
    for path in [without.clone(), with(&failing), path_with_hoziron()] {
        for words in [
            &["log", "-p", "--", ".hoziron/vault/odd"][..],
            &["diff", "HEAD~1"],
            &["show"],
            &["blame", ".hoziron/vault/odd/KEY.age"],
        ] {
            let mut git = house.program("git");
            let shown = finish(git.args(words).env("PATH", &path), b"");
            let shown = text(shown.ok());
            assert!(!shown.is_empty(), "{words:?}");
            let changes = shown.lines().filter(|line| line.starts_with("+")).count();
            assert!(words[0] == "blame" || changes > 1, "{words:?}: {shown}");
        }
    }
}

#[test]
fn one_run_of_git_gets_the_settings_and_nothing_is_written() {
    let house = House::new();
    let mut command = house.hoziron(["git", "run", "--", "config", "--get-regexp", "hoziron|own"]);
    command
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "own.x")
        .env("GIT_CONFIG_VALUE_0", "kept");
    let shown = text(finish(&mut command, b"").ok());
    assert!(shown.contains("own.x kept\n"), "{shown}");
    assert!(shown.contains(&format!("merge.hoziron.driver {HOZIRON} git merge-driver")));
    assert_eq!(shown.lines().count(), 8);
    assert_eq!(config(&house), "");
    let own = house.run(["git", "run", "--", "no-such-command"]);
    assert_eq!(own.code(), 1);
    assert!(own.stderr.contains("not a git command"), "{}", own.stderr);
}

fn wrong(house: &House) -> Vec<String> {
    let shown = String::from_utf8(house.run(["doctor"]).stdout).unwrap();
    let wrong = shown.split("wrong  ").skip(1);
    wrong.map(str::to_owned).collect()
}

/// Each way in which git may not be set up is told, with a repair that repairs it.
#[test]
fn doctor_finds_every_way_in_which_git_is_not_set_up() {
    let house = House::new();
    house.seal("prod/KEY", b"value-7");
    house.commit("sealed");
    let found = wrong(&house);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("repair: hoziron git install"),
        "{found:?}"
    );
    house.run(["git", "install"]).ok();
    assert_eq!(wrong(&house), [""; 0]);

    house.git(["config", "--global", "--unset", "merge.hoziron.recursive"]);
    let found = wrong(&house);
    assert!(found[0].contains("`merge.hoziron.recursive`"), "{found:?}");
    house.run(["git", "install"]).ok();

    house.git(["config", "diff.hoziron.cachetextconv", "true"]);
    let found = wrong(&house);
    assert!(found[0].contains("config --local --unset-all diff.hoziron.cachetextconv"));
    house.git([
        "config",
        "--local",
        "--unset-all",
        "diff.hoziron.cachetextconv",
    ]);

    house.git(["notes", "--ref", "textconv/hoziron", "add", "-m", "value-7"]);
    let found = wrong(&house);
    let repair = found[0].split("repair: ").nth(1).unwrap().lines().next();
    assert!(found[0].starts_with("git notes"), "{found:?}");
    let mut shell = house.program("sh");
    finish(shell.args(["-ec", repair.unwrap()]), b"").ok();
    assert_eq!(wrong(&house), [""; 0]);

    let info = house.repo().join(".git/info");
    fs::create_dir_all(&info).unwrap();
    fs::write(info.join("attributes"), "*.age binary\n*.toml !merge\n").unwrap();
    let found = wrong(&house);
    let about: Vec<_> = found
        .iter()
        .map(|one| one.lines().next().unwrap().split(", and").next().unwrap())
        .collect();
    assert_eq!(
        about,
        [
            "git attributes: `merge` is `unspecified` for `.hoziron/hoziron.toml`",
            "git attributes: `diff` is `unset` for `.hoziron/vault/prod/KEY.age`",
            "git attributes: `merge` is `unset` for `.hoziron/vault/prod/KEY.age`",
        ]
    );
}

/// A value that is staged does not get into a commit, nor into a merge, nor out by a push.
#[test]
fn the_hooks_stop_a_leak_at_the_commit_the_merge_and_the_push() {
    let house = House::new();
    house.seal("KEY", b"leaked-value-7");
    house.commit("sealed");
    let hooks = house.repo().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    let own = hooks.join("pre-commit");
    fs::write(&own, "#!/bin/sh\necho own >> own-ran\n").unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
    let shown = text(house.run(["git", "hooks", "install"]).ok());
    assert_eq!(shown.lines().count(), 3);
    assert!(shown.contains("(yours is `pre-commit.local`)"), "{shown}");

    let path = path_with_hoziron();
    let git = |words: &[&str]| {
        let mut git = house.program("git");
        finish(git.args(words).env("PATH", &path), b"")
    };
    fs::write(house.repo().join("plain.txt"), "nothing\n").unwrap();
    house.git(["add", "plain.txt"]);
    git(&["commit", "-q", "-m", "fine"]).ok();
    assert!(house.repo().join("own-ran").exists());
    fs::remove_file(house.repo().join("own-ran")).unwrap();

    // Staged, and gone from the work tree: what is committed counts.
    let leak = house.repo().join("leak.txt");
    fs::write(&leak, "a\nkey = leaked-value-7\n").unwrap();
    house.git(["add", "leak.txt"]);
    fs::write(&leak, "clean\n").unwrap();
    let stopped = git(&["commit", "-q", "-m", "leak"]);
    assert_eq!(stopped.code(), 1);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&stopped.stdout),
        stopped.stderr
    );
    assert!(
        said.contains("leak.txt:2: the value of `KEY` (as it is)"),
        "{said}"
    );
    assert!(!said.contains("leaked-value-7"));
    // The same through `commit -a` and `commit -- path`, which have an index of their own.
    fs::write(&leak, "leaked-value-7\n").unwrap();
    assert_eq!(git(&["commit", "-q", "-a", "-m", "leak"]).code(), 1);
    assert_eq!(
        git(&["commit", "-q", "-m", "leak", "--", "leak.txt"]).code(),
        1
    );

    house.git(["checkout", "-q", "-b", "side"]);
    house.git(["commit", "-q", "-a", "--no-verify", "-m", "leak"]);
    house.git(["checkout", "-q", "main"]);
    fs::write(house.repo().join("other.txt"), "x\n").unwrap();
    house.git(["add", "other.txt"]);
    git(&["commit", "-q", "-m", "other"]).ok();
    let merged = git(&["merge", "-q", "--no-edit", "side"]);
    assert_eq!(merged.code(), 1, "{}", merged.stderr);
    house.git(["merge", "--abort"]);

    let remote = house.root().join("remote.git");
    let remote = remote.to_str().unwrap();
    house.git(["init", "-q", "--bare", remote]);
    house.git(["remote", "add", "origin", remote]);
    git(&["push", "-q", "origin", "main"]).ok();
    let pushed = git(&["push", "-q", "origin", "side"]);
    assert_ne!(pushed.code(), 0);
    // Taken back by a later commit, it is in what is pushed all the same.
    house.git(["checkout", "-q", "side"]);
    house.git(["rm", "-q", "-f", "leak.txt"]);
    git(&["commit", "-q", "-m", "taken back"]).ok();
    assert_ne!(git(&["push", "-q", "origin", "side"]).code(), 0);
    house.git(["checkout", "-q", "main"]);
    git(&["push", "-q", "origin", "main:again"]).ok();
    git(&["push", "-q", "origin", ":again"]).ok();
}

/// Whoever holds no key, or has no hoziron, can commit, and is told.
#[test]
fn the_hooks_let_those_without_a_key_go_on() {
    let house = House::new();
    house.seal("KEY", b"leaked-value-7");
    house.commit("sealed");
    house.run(["git", "hooks", "install"]).ok();
    fs::rename(house.identity(), house.root().join("moved")).unwrap();
    let commit = |path: &OsString| {
        let mut git = house.program("git");
        let words = ["commit", "-q", "--allow-empty", "-m", "x"];
        let outcome = finish(git.args(words).env("PATH", path), b"");
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr);
        outcome.stderr
    };
    let said = commit(&path_with_hoziron());
    assert!(
        said.contains("the vault's values` was not looked at"),
        "{said}"
    );
    let said = commit(&std::env::var_os("PATH").unwrap());
    assert!(said.contains("hoziron is not on the PATH"), "{said}");
}

#[test]
fn where_a_program_manages_the_hooks_the_lines_are_printed_and_nothing_is_written() {
    for (file, line) in [
        (".husky/pre-commit", "hoziron scan --staged"),
        ("lefthook.yml", "pre-commit:"),
        (".pre-commit-config.yaml", "- repo: local"),
        ("hk.pkl", "hooks {"),
    ] {
        let house = House::new();
        let path = house.repo().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        let shown = text(house.run(["git", "hooks", "install"]).ok());
        assert!(shown.contains(line), "{file}: {shown}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");
        assert!(!house.repo().join(".git/hooks/pre-commit").exists());
    }
    let house = House::new();
    house.git(["config", "core.hooksPath", "mine"]);
    house.run(["git", "hooks", "install"]).ok();
    assert!(house.repo().join("mine/pre-push").exists());
}
