//! Rows of what git does with sealed files that need a place of their own: folders that move, parts of a
//! patch, attributes that are gone, a driver that dies, and which hooks run.

use std::fs;

use crate::git_facts::Git;
use crate::house::finish;

const KEY: &str = ".hoziron/vault/KEY.age";

/// git carries a file that is new on one branch into a folder that the other has renamed: there it is no
/// secret of that name, and nothing is handed out; at its own place it is.
#[test]
fn a_folder_that_was_renamed_takes_no_secret_along() {
    let git = Git::new();
    git.set("prod/A", "a-7");
    git.ok(&["checkout", "-q", "-b", "side"]);
    let (prod, production) = (".hoziron/vault/prod", ".hoziron/vault/production");
    git.ok(&["mv", prod, production]);
    git.house.commit("renamed");
    git.ok(&["checkout", "-q", "main"]);
    git.set("prod/NEW", "new-7");
    assert_eq!(git.run(&["merge", "-q", "side"]).code(), 1);
    let status = git.ok(&["status", "--porcelain"]);
    let carried = format!("{production}/NEW.age");
    assert!(status.contains(&carried), "{status}");
    git.house.run(["vault", "get", "production/NEW"]).fails(6);
    git.ok(&["add", "-A"]);
    git.ok(&["mv", &carried, git.house.vault("NEW.age").to_str().unwrap()]);
    git.house.run(["vault", "get", "NEW"]).fails(6);
    fs::create_dir_all(git.house.vault("prod")).unwrap();
    let place = git.house.vault("prod/NEW.age");
    fs::rename(git.house.vault("NEW.age"), &place).unwrap();
    let read = git.house.run(["vault", "get", "prod/NEW"]).ok();
    assert_eq!(read, b"new-7");
}

/// What shows parts of a patch, or lines, has no textconv and so shows armor.
#[test]
fn patches_by_parts_and_lines_show_no_value() {
    let git = Git::new();
    git.house.seal("KEY", b"second-7");
    for words in [
        &["add", "-p"][..],
        &["checkout", "-p"],
        &["stash", "-p"],
        &["log", "-L", "1,3:.hoziron/vault/KEY.age"],
        &["format-patch", "--stdout", "--root", "HEAD"],
    ] {
        let shown = finish(&mut git.command(words), b"n\nn\n");
        let all = [&shown.stdout[..], shown.stderr.as_bytes()].concat();
        let all = String::from_utf8_lossy(&all);
        assert!(all.contains("AGE ENCRYPTED FILE"), "{words:?}: {all}");
        assert!(
            !all.contains("first-7") && !all.contains("second-7"),
            "{words:?}"
        );
    }
}

/// A pull that puts local work aside and back runs the driver for both.
#[test]
fn a_pull_that_puts_work_aside_keeps_both_values() {
    let git = Git::new();
    let bare = git.house.root().join("bare");
    let bare = bare.to_str().unwrap();
    git.ok(&["clone", "-q", "--bare", ".", bare]);
    git.ok(&["remote", "add", "origin", bare]);
    git.ok(&["fetch", "-q", "origin"]);
    git.ok(&["checkout", "-q", "-b", "side"]);
    git.set("KEY", "theirs-7");
    git.ok(&["push", "-q", "origin", "side:main"]);
    git.ok(&["checkout", "-q", "main"]);
    git.house.seal("KEY", b"ours-7");
    let pull = ["pull", "-q", "--rebase", "--autostash", "origin", "main"];
    let said = git.run(&pull).stderr;
    assert_eq!(
        git.ok(&["rev-parse", "HEAD"]),
        git.ok(&["rev-parse", "side"])
    );
    // What was put aside is on the stash if it could not be put back.
    if git.ok(&["stash", "list"]).is_empty() {
        git.holds_both();
    } else {
        git.ok(&["reset", "-q", "--hard"]);
        assert_eq!(git.run(&["stash", "pop"]).code(), 1, "{said}");
        git.holds_both();
    }
}

/// `*.age` is not `*.AGE`, so a sealed file is always written in lower case, and another is no secret.
#[test]
fn attributes_go_by_the_case_of_an_ending() {
    let git = Git::new();
    let ask = |path: &str| git.ok(&["check-attr", "merge", "--", path]);
    assert!(ask(KEY).ends_with("merge: hoziron\n"));
    let loud = ".hoziron/vault/LOUD.AGE";
    assert!(ask(loud).ends_with("merge: unspecified\n"));
    fs::copy(git.house.vault("KEY.age"), git.house.vault("LOUD.AGE")).unwrap();
    let listed = git.house.run(["vault", "list"]);
    assert_eq!((listed.code(), &listed.stdout[..]), (6, &b"KEY\n"[..]));
    assert!(listed.stderr.contains("LOUD.AGE"), "{}", listed.stderr);
}

/// Attributes that are gone from the work tree count for what asks the index, but not for a merge:
/// `doctor` names them, and the marks that git leaves are resolved like any other.
#[test]
fn a_merge_without_attributes_leaves_marks_that_are_resolved() {
    let git = Git::new();
    git.both_change();
    fs::remove_file(git.house.vault(".gitattributes")).unwrap();
    let asked = git.ok(&["check-attr", "merge", "--", KEY]);
    assert!(asked.ends_with("merge: hoziron\n"), "{asked}");
    let doctor = git.house.run(["doctor"]);
    let shown = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(shown.contains(".gitattributes"), "{shown}");
    assert_eq!(git.run(&["merge", "-q", "side"]).code(), 1);
    let refused = git.house.run(["vault", "get", "KEY"]).fails(6);
    assert!(
        refused.contains("unresolved") || refused.contains("marks"),
        "{refused}"
    );
    git.house.run(["vault", "resolve", "KEY", "--theirs"]).ok();
    assert_eq!(git.house.run(["vault", "get", "KEY"]).ok(), b"theirs-7");
}

/// git gives the whole merge up and leaves the tree as it was; with a driver that works it goes on.
#[test]
fn a_driver_that_dies_stops_the_merge_and_changes_nothing() {
    let git = Git::new();
    let driver = git.ok(&["config", "merge.hoziron.driver"]);
    for dying in ["exit 129", "kill -9 $$"] {
        let head = git.ok(&["rev-parse", "HEAD"]);
        git.ok(&[
            "config",
            "merge.hoziron.driver",
            &format!("sh -c '{dying}' %A"),
        ]);
        if head == git.ok(&["rev-list", "--max-parents=0", "HEAD"]) {
            git.both_change();
        }
        let head = git.ok(&["rev-parse", "HEAD"]);
        let merge = git.run(&["merge", "-q", "side"]);
        assert!(merge.code() > 1, "{dying}: {}", merge.code());
        assert_eq!(git.ok(&["status", "--porcelain"]), "", "{dying}");
        assert_eq!(git.ok(&["rev-parse", "HEAD"]), head);
        git.ok(&["config", "merge.hoziron.driver", driver.trim_end()]);
        assert_eq!(git.house.run(["vault", "get", "KEY"]).ok(), b"ours-7");
    }
    assert_eq!(git.run(&["merge", "-q", "side"]).code(), 1);
    git.holds_both();
}

/// No hook runs before the commit of a cherry-pick or a rebase: a leak gets that far, and no further
/// than the push.
#[test]
fn what_no_hook_sees_is_stopped_at_the_push() {
    let git = Git::new();
    let bare = git.house.root().join("bare");
    let bare = bare.to_str().unwrap();
    git.ok(&["clone", "-q", "--bare", ".", bare]);
    git.ok(&["remote", "add", "origin", bare]);
    git.ok(&["fetch", "-q", "origin"]);
    git.set("TOKEN", "a-long-enough-value-to-find");
    git.ok(&["push", "-q", "origin", "main"]);
    git.house.run(["git", "hooks", "install"]).ok();
    let leak = git.house.repo().join("leak.txt");
    git.ok(&["checkout", "-q", "-b", "side"]);
    fs::write(&leak, "a-long-enough-value-to-find\n").unwrap();
    git.ok(&["add", "leak.txt"]);
    assert_ne!(git.run(&["commit", "-q", "-m", "leak"]).code(), 0);
    git.ok(&["commit", "-q", "--no-verify", "-m", "leak"]);
    git.ok(&["checkout", "-q", "main"]);
    git.ok(&["commit", "-q", "--allow-empty", "-m", "more"]);
    git.ok(&["cherry-pick", "side"]);
    assert!(leak.exists());
    let push = git.run(&["push", "-q", "origin", "main"]);
    assert_ne!(push.code(), 0);
    let said = format!("{}{}", String::from_utf8_lossy(&push.stdout), push.stderr);
    assert!(said.contains("leak.txt"), "{said}");
    assert!(!said.contains("a-long-enough"), "{said}");
    git.ok(&["checkout", "-q", "side"]);
    git.ok(&["rebase", "-q", "main~1"]);
    assert_ne!(git.run(&["push", "-q", "origin", "side"]).code(), 0);
}
