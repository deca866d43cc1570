//! What the real git does with sealed files, fact by fact: line ends, clones of every kind, what it shows
//! and what it keeps, and the corners of merging. Where git changes its mind, one of these says so.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::house::{HOZIRON, House, Outcome, finish};

const KEY: &str = ".hoziron/vault/KEY.age";

/// A repository whose git shows and merges sealed files.
pub struct Git {
    pub house: House,
}

impl Git {
    pub fn new() -> Self {
        let git = Self {
            house: House::new(),
        };
        git.house.run(["git", "install"]).ok();
        git.set("KEY", "first-7");
        git
    }

    pub fn set(&self, name: &str, value: &str) {
        self.house.seal(name, value.as_bytes());
        self.house.commit(name);
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut git = self.house.program("git");
        git.args(words).env("PATH", path());
        let temporary = self.house.root().join("tmp");
        if temporary.is_dir() {
            git.env("TMPDIR", temporary);
        }
        git
    }

    pub fn run(&self, words: &[&str]) -> Outcome {
        finish(&mut self.command(words), b"")
    }

    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        let outcome = self.run(words);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&outcome.stdout),
            outcome.stderr
        );
        assert_eq!(outcome.code(), 0, "{words:?}: {said}");
        String::from_utf8_lossy(&outcome.stdout).into_owned()
    }

    /// Two branches that both change the value; `main` is checked out.
    pub fn both_change(&self) {
        self.ok(&["checkout", "-q", "-b", "side"]);
        self.set("KEY", "theirs-7");
        self.ok(&["checkout", "-q", "main"]);
        self.set("KEY", "ours-7");
    }

    /// Nothing is handed out, and both values are there.
    #[track_caller]
    pub fn holds_both(&self) {
        let refused = self.house.run(["vault", "get", "KEY"]).fails(6);
        assert!(refused.contains("unresolved merge"), "{refused}");
        let open = self.house.run(["vault", "resolve"]);
        assert_eq!(String::from_utf8(open.stdout).unwrap().lines().count(), 3);
    }

    /// Reads a value where a clone is.
    #[track_caller]
    fn reads(&self, place: &Path, name: &str, value: &str) {
        let mut command = self.house.hoziron(["vault", "get", name]);
        let read = finish(command.current_dir(place), b"").ok();
        assert_eq!(String::from_utf8(read).unwrap(), value);
    }

    fn clone(&self, options: &[&str]) -> std::path::PathBuf {
        let place = self.house.root().join("clone");
        let from = format!("file://{}", self.house.repo().display());
        let words = [&["clone", "-q"], options, &[&from, place.to_str().unwrap()]].concat();
        self.ok(&words);
        place
    }
}

/// The PATH with the binary under test on it.
fn path() -> OsString {
    let own = Path::new(HOZIRON).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path))).unwrap()
}

fn at(place: &Path, words: &[&str], git: &Git) -> Outcome {
    finish(git.command(words).current_dir(place), b"")
}

#[track_caller]
fn clean(place: &Path, git: &Git) {
    let status = at(place, &["status", "--porcelain"], git).ok();
    assert_eq!(String::from_utf8(status).unwrap(), "");
}

/// `vault/.gitattributes` is deeper than what the repository says of line ends.
#[test]
fn no_setting_of_line_ends_changes_a_sealed_file() {
    let git = Git::new();
    for number in 0..20 {
        git.house.seal(&format!("many/K{number}"), b"value-7");
    }
    for (attributes, options) in [
        ("* text=auto eol=crlf\n", &["-c", "core.autocrlf=true"][..]),
        (
            "*.age text eol=crlf ident\n*.toml text eol=crlf\n",
            &["-c", "core.eol=crlf"],
        ),
        ("*.age binary\n", &["-c", "core.autocrlf=input"]),
    ] {
        fs::write(git.house.repo().join(".gitattributes"), attributes).unwrap();
        git.house.commit("attributes");
        let place = git.clone(options);
        clean(&place, &git);
        for file in ["KEY.age", "many/K7.age"] {
            let there = fs::read(place.join(".hoziron/vault").join(file)).unwrap();
            assert_eq!(
                there,
                fs::read(git.house.vault(file)).unwrap(),
                "{attributes}"
            );
        }
        git.reads(&place, "KEY", "first-7");
        let mut verify = git.house.hoziron(["vault", "verify"]);
        finish(verify.current_dir(&place), b"").ok();
        let words = ["check-attr", "diff", "merge", "--", KEY];
        let applies = at(&place, &words, &git).ok();
        let applies = String::from_utf8(applies).unwrap();
        assert_eq!(applies.matches(": hoziron\n").count(), 2, "{applies}");
        fs::remove_dir_all(place).unwrap();
    }
}

/// Without our attributes git rewrites the file, and it is named as that.
#[test]
fn line_ends_that_were_rewritten_are_told_and_undone() {
    let git = Git::new();
    let sealed = fs::read_to_string(git.house.repo().join(KEY)).unwrap();
    fs::write(git.house.repo().join(KEY), sealed.replace('\n', "\r\n")).unwrap();
    let said = git.house.run(["vault", "get", "KEY"]).fails(6);
    assert!(said.contains("line endings were rewritten"), "{said}");
    git.ok(&["checkout", "--", KEY]);
    git.reads(&git.house.repo(), "KEY", "first-7");
}

#[test]
fn a_shallow_clone_has_all_that_is_needed() {
    let git = Git::new();
    git.set("KEY", "second-7");
    git.set("OTHER", "other-7");
    let place = git.clone(&["--depth", "1"]);
    clean(&place, &git);
    git.reads(&place, "KEY", "second-7");
    let mut history = git.house.hoziron(["vault", "history", "KEY"]);
    let history = finish(history.current_dir(&place), b"");
    assert!(
        history.stderr.contains("not have all of the history"),
        "{}",
        history.stderr
    );
    assert_eq!(String::from_utf8(history.ok()).unwrap().lines().count(), 1);
    let mut plan = git.house.hoziron(["plan", "--no-identity"]);
    finish(plan.current_dir(&place), b"").ok();
}

#[test]
fn a_linked_work_tree_shows_merges_and_stops_leaks() {
    let git = Git::new();
    git.both_change();
    git.house.run(["git", "hooks", "install"]).ok();
    let place = git.house.root().join("linked");
    git.ok(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "third",
        place.to_str().unwrap(),
        "side",
    ]);
    clean(&place, &git);
    git.reads(&place, "KEY", "theirs-7");
    let shown = String::from_utf8(at(&place, &["show"], &git).ok()).unwrap();
    assert!(shown.contains("+value       ••••"), "{shown}");
    let merge = at(&place, &["merge", "-q", "main"], &git);
    assert_eq!(merge.code(), 1, "{}", merge.stderr);
    let mut resolve = git.house.hoziron(["vault", "resolve", "--all", "--ours"]);
    finish(resolve.current_dir(&place), b"").ok();
    git.reads(&place, "KEY", "theirs-7");
    fs::write(place.join("leak.txt"), "theirs-7 theirs-7\n").unwrap();
    at(&place, &["add", "leak.txt"], &git).ok();
    let stopped = at(&place, &["commit", "-q", "-m", "leak"], &git);
    assert_eq!(stopped.code(), 1, "{}", stopped.stderr);
}

/// What `--local` writes is shared by the work trees of a clone.
#[test]
fn local_settings_reach_every_work_tree() {
    let git = Git::new();
    git.house.run(["git", "install", "--uninstall"]).ok();
    git.house.run(["git", "install", "--local"]).ok();
    let place = git.house.root().join("linked");
    git.ok(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "third",
        place.to_str().unwrap(),
    ]);
    let mut check = git.house.hoziron(["git", "install", "--check"]);
    finish(check.current_dir(&place), b"").ok();
}

#[test]
fn a_vault_in_a_submodule_opens_and_shows_from_above() {
    let git = Git::new();
    let above = git.house.root().join("above");
    git.ok(&["init", "-q", "-b", "main", above.to_str().unwrap()]);
    let from = git.house.repo();
    let add = ["-c", "protocol.file.allow=always", "submodule", "add", "-q"];
    let words = [&add[..], &[from.to_str().unwrap(), "secrets"]].concat();
    at(&above, &words, &git).ok();
    at(&above, &["commit", "-q", "-m", "secrets"], &git).ok();
    let inside = above.join("secrets");
    git.reads(&inside, "KEY", "first-7");
    clean(&above, &git);
    let value = git.house.root().join("value");
    fs::write(&value, "second-7").unwrap();
    let mut set = git.house.hoziron(["vault", "set", "KEY", "--from-file"]);
    finish(set.arg(&value).current_dir(&inside), b"").ok();
    at(&inside, &["commit", "-q", "-a", "-m", "second"], &git).ok();
    let shown = at(&above, &["diff", "--submodule=diff"], &git).ok();
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown.contains("+sealed      sha256:") && !shown.contains("-7\n"),
        "{shown}"
    );
    let mut history = git.house.hoziron(["vault", "history", "KEY"]);
    let history = finish(history.current_dir(&inside), b"").ok();
    assert_eq!(String::from_utf8(history).unwrap().lines().count(), 2);
}

/// What `git archive` gives away is sealed, and opens for who has a key.
#[test]
fn an_archive_is_sealed_and_whole() {
    let git = Git::new();
    let place = git.house.root().join("unpacked");
    fs::create_dir(&place).unwrap();
    let archive = git.house.root().join("archive.tar");
    git.ok(&["archive", "-o", archive.to_str().unwrap(), "HEAD"]);
    let mut tar = git.house.program("tar");
    finish(tar.arg("-xf").arg(&archive).current_dir(&place), b"").ok();
    assert_eq!(
        fs::read(place.join(KEY)).unwrap(),
        fs::read(git.house.repo().join(KEY)).unwrap()
    );
    git.reads(&place, "KEY", "first-7");
}

/// Where case does not count, two names that differ in nothing else cannot both be there.
#[test]
fn names_that_differ_only_in_case_are_told_before_a_clone_loses_one() {
    let git = Git::new();
    let place = git.clone(&["-c", "core.ignorecase=true"]);
    clean(&place, &git);
    git.reads(&place, "KEY", "first-7");
    git.ok(&["checkout", "-q", "-b", "side"]);
    git.set("Api_Key", "theirs-7");
    git.ok(&["checkout", "-q", "main"]);
    git.set("API_KEY", "ours-7");
    git.ok(&["merge", "-q", "--no-edit", "side"]);
    let listed = git.house.run(["vault", "list"]);
    assert_eq!(listed.code(), 6);
    assert!(listed.stderr.contains("only in case"), "{}", listed.stderr);
    let doctor = String::from_utf8(git.house.run(["doctor"]).stdout).unwrap();
    assert!(doctor.contains("only in case"), "{doctor}");
    let said = git.house.run(["vault", "verify"]);
    assert_eq!(said.code(), 6);
}

/// Facts wherever git shows a difference, sealed text where it needs the bytes, values nowhere.
#[test]
fn git_shows_facts_or_sealed_text_and_never_a_value() {
    let git = Git::new();
    git.set("KEY", "second-7");
    git.both_change();
    git.ok(&["branch", "old", "HEAD~1"]);
    let armor = "-----BEGIN AGE ENCRYPTED FILE-----";
    for words in [
        &["diff", "HEAD~1"][..],
        &["show"],
        &["log", "-p"],
        &["blame", KEY],
        &["diff", "--word-diff", "HEAD~1"],
        &["diff", "--binary", "HEAD~1"],
        &["log", "-p", "-S", "revision", "--", KEY],
        &["log", "-p", "-G", "revision", "--", KEY],
        &[
            "range-diff",
            "--creation-factor=999",
            "old..main",
            "old..side",
        ],
        &["show", "--textconv", &format!("HEAD:{KEY}")],
        &["cat-file", "--textconv", &format!("HEAD:{KEY}")],
        &["grep", "--textconv", "revision", "HEAD"],
    ] {
        let shown = git.ok(words);
        let facts = ["revision ", "sealed ", "value "];
        assert!(
            facts.iter().any(|fact| shown.contains(fact)),
            "{words:?}: {shown}"
        );
        assert!(
            !shown.contains("-7\n") && !shown.contains(armor),
            "{words:?}: {shown}"
        );
    }
    for words in [
        &["show", &format!("HEAD:{KEY}")][..],
        &["diff-tree", "-p", "HEAD"],
        &["format-patch", "--stdout", "HEAD~1"],
        &["diff", "--no-textconv", "HEAD~1"],
    ] {
        let shown = git.ok(words);
        assert!(
            shown.contains(armor) && !shown.contains("-7\n"),
            "{words:?}: {shown}"
        );
    }
    // A patch of facts is no patch of files.
    let patch = git.house.root().join("x.patch");
    fs::write(&patch, git.ok(&["diff", "HEAD~1"])).unwrap();
    assert_ne!(git.run(&["apply", "-R", patch.to_str().unwrap()]).code(), 0);
    clean(&git.house.repo(), &git);
    let exact = git.ok(&["diff", "--no-textconv", "--binary", "HEAD~1"]);
    fs::write(&patch, exact).unwrap();
    git.ok(&["apply", "-R", patch.to_str().unwrap()]);
}

/// A merge is shown as facts, a stash and a bare repository as sealed text; a summary asks for neither.
#[test]
fn merges_stashes_and_bare_repositories_show_no_value() {
    let git = Git::new();
    git.both_change();
    assert_eq!(git.run(&["merge", "-q", "side"]).code(), 1);
    git.house.run(["vault", "resolve", "--all", "--ours"]).ok();
    git.ok(&["commit", "-q", "-m", "merged"]);
    let bare = git.clone(&["--bare"]);
    let bare = bare.to_str().unwrap();
    git.house.seal("KEY", b"stashed-7");
    git.ok(&["stash", "-q"]);
    let armor = "-----BEGIN AGE ENCRYPTED FILE-----";
    for (words, is_sealed) in [
        (&["show"][..], false),
        (&["show", "--remerge-diff"], false),
        (&["log", "-p", "--cc", "-1"], false),
        (&["stash", "show", "-p"], true),
        (&["-C", bare, "show", "HEAD~1"], true),
        (&["-C", bare, "--attr-source=HEAD", "show", "HEAD~1"], false),
    ] {
        let shown = git.ok(words);
        assert_eq!(shown.contains(armor), is_sealed, "{words:?}: {shown}");
        assert_eq!(
            shown.contains("sealed      sha256:"),
            !is_sealed,
            "{words:?}: {shown}"
        );
        assert!(!shown.contains("-7\n"), "{words:?}: {shown}");
    }
    let summary = git.ok(&["diff", "--stat", "HEAD~1"]);
    assert!(summary.contains("KEY.age"), "{summary}");
}

/// A file that was only sealed anew is another file, and no command of git may hide that.
#[test]
fn a_reseal_is_no_invisible_change() {
    let git = Git::new();
    let before = fs::read(git.house.repo().join(KEY)).unwrap();
    let bob = age::x25519::Identity::generate().to_public();
    fs::write(
        git.house.home().join("recipients/bob.pub"),
        format!("{bob}\n"),
    )
    .unwrap();
    let refused = git.house.run(["apply", "--yes"]);
    let (_, digest) = refused.stderr.split_once("--accept-recipients ").unwrap();
    let digest = digest.split(['`', ' ', '\n']).next().unwrap();
    git.house
        .run(["apply", "--yes", "--accept-recipients", digest])
        .ok();
    assert_ne!(fs::read(git.house.repo().join(KEY)).unwrap(), before);
    assert_eq!(git.run(&["diff", "--quiet", "--", KEY]).code(), 1);
    assert_eq!(git.run(&["diff", "--exit-code", "--", KEY]).code(), 1);
    let shown = git.ok(&["diff", "--", KEY]);
    assert!(
        shown.contains("-recipients  1\n") && shown.contains("+recipients  2\n"),
        "{shown}"
    );
    assert!(!shown.contains("+value "), "{shown}");
}

/// After a day's work there is no value in `.git`, nor beside it.
#[test]
fn a_session_leaves_no_value_in_git() {
    let git = Git::new();
    fs::create_dir(git.house.root().join("tmp")).unwrap();
    let lines = |turn: &str| -> String {
        let line = |number: u32| format!("S{number}={}\n", canary(number, turn));
        (0..200).map(line).collect()
    };
    let import = |turn: &str| {
        let words = ["vault", "import", "-", "--yes"];
        git.house.feed(words, lines(turn).as_bytes()).ok();
    };
    let global = ["config", "--global", "diff.hoziron.cachetextconv", "true"];
    git.ok(&global);
    git.house.run(["git", "install"]).ok();
    import("a");
    git.house.commit("first");
    git.ok(&["branch", "side"]);
    import("b");
    let shown = git.house.user().join("shown");
    let mut commit = git.command(&["commit", "-q", "-a", "-v", "-m", "x", "-e"]);
    let editor = format!("cat \"$1\" > {} #", shown.display());
    finish(
        commit.env("GIT_EDITOR", format!("sh -c '{editor}' --")),
        b"",
    )
    .ok();
    assert!(
        fs::read_to_string(&shown).unwrap().contains("+value "),
        "nothing was shown"
    );
    fs::remove_file(shown).unwrap();
    for words in [&["log", "-p"][..], &["blame", ".hoziron/vault/S1.age"]] {
        git.ok(words);
    }
    git.ok(&["checkout", "-q", "side"]);
    git.house.seal("S1", canary(1, "c").as_bytes());
    git.house.commit("side");
    git.ok(&["range-diff", "HEAD~1..side", "HEAD~1..main"]);
    assert_eq!(git.run(&["merge", "main"]).code(), 1);
    git.house
        .run(["vault", "resolve", "--all", "--theirs"])
        .ok();
    git.ok(&["commit", "-q", "-m", "merged"]);
    git.house.seal("S2", canary(2, "d").as_bytes());
    git.ok(&["stash", "-q"]);
    assert_eq!(git.run(&["rebase", "-q", "main"]).code(), 1);
    let resolve = ["vault", "resolve", "--all", "--ours"];
    git.house.run(resolve).ok();
    git.ok(&["-c", "core.editor=true", "rebase", "--skip"]);
    git.ok(&["stash", "pop", "-q"]);
    let refs = git.ok(&["for-each-ref"]);
    assert!(!refs.contains("notes"), "{refs}");
    let names = ["--batch-all-objects", "--batch-check=%(objectname)"];
    let everything = git.ok(&[&["cat-file"], &names[..]].concat());
    let mut batch = git.command(&["cat-file", "--batch"]);
    let bytes = finish(&mut batch, everything.as_bytes()).ok();
    assert!(!has(&bytes, b"qSession"), "a value is in an object");
    let sealed = String::from_utf8_lossy(&bytes);
    assert!(sealed.matches("-----BEGIN AGE").count() > 400);
    search(&git.house.root().join("tmp"));
    search(&git.house.repo());
    search(&git.house.user());
}

/// A value that nothing else contains.
fn canary(number: u32, turn: &str) -> String {
    format!("qSession{turn}{number:03}xWv")
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn search(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            search(&path);
        } else if let Ok(bytes) = fs::read(&path) {
            assert!(
                !has(&bytes, b"qSession"),
                "a value is in {}",
                path.display()
            );
        }
    }
}

#[test]
fn the_corners_of_merging_keep_both_sides() {
    // From a folder below the top.
    let git = Git::new();
    git.both_change();
    let below = git.house.repo().join(".hoziron/recipients");
    assert_eq!(at(&below, &["merge", "side"], &git).code(), 1);
    git.holds_both();
    git.ok(&["merge", "--abort"]);
    git.reads(&git.house.repo(), "KEY", "ours-7");

    // A branch is changed to with work under way.
    git.ok(&["checkout", "-q", "side~1"]);
    git.house.seal("KEY", b"mine-7");
    git.run(&["checkout", "-m", "side"]);
    git.holds_both();
    git.ok(&["checkout", "-q", "-f", "main"]);

    // A patch is applied three ways.
    let patch = git.ok(&["format-patch", "--stdout", "-1", "side"]);
    let file = git.house.root().join("x.patch");
    fs::write(&file, patch).unwrap();
    assert_ne!(git.run(&["am", "-3", file.to_str().unwrap()]).code(), 0);
    git.holds_both();
    git.ok(&["am", "--abort"]);
    assert_eq!(
        git.run(&["apply", "--3way", file.to_str().unwrap()]).code(),
        1
    );
    git.holds_both();
    git.ok(&["reset", "-q", "--hard"]);

    // A resolution that git recorded is not played again.
    git.ok(&["config", "rerere.enabled", "true"]);
    for choice in ["--ours", "--theirs"] {
        assert_eq!(git.run(&["merge", "side"]).code(), 1);
        git.holds_both();
        git.house.run(["vault", "resolve", "--all", choice]).ok();
        git.ok(&["commit", "-q", "-m", "merged"]);
        git.ok(&["reset", "-q", "--hard", "HEAD~1"]);
    }

    // An octopus with a conflict changes nothing.
    git.ok(&["checkout", "-q", "-b", "third", "side~1"]);
    git.set("KEY", "third-7");
    git.ok(&["checkout", "-q", "main"]);
    let before = git.ok(&["rev-parse", "HEAD"]);
    assert_ne!(git.run(&["merge", "-q", "side", "third"]).code(), 0);
    git.run(&["reset", "-q", "--hard"]);
    assert_eq!(git.ok(&["rev-parse", "HEAD"]), before);
    git.reads(&git.house.repo(), "KEY", "ours-7");

    // Without a work tree: the tree that would be has no marks in it.
    let written = git.run(&["merge-tree", "--write-tree", "main", "side"]);
    assert_eq!(written.code(), 1);
    let tree = String::from_utf8(written.stdout).unwrap();
    let tree = tree.lines().next().unwrap();
    let file = git.ok(&["show", &format!("{tree}:{KEY}")]);
    assert!(!file.contains("<<<<<<<"), "{file}");
}

/// git moves files by likeness, and pairs what is alike; the name that is bound into a file decides.
#[test]
fn a_file_that_git_moved_or_paired_is_not_taken_for_another_secret() {
    let git = Git::new();
    git.ok(&["checkout", "-q", "-b", "side"]);
    git.set("KEY", "theirs-7");
    git.ok(&["checkout", "-q", "main"]);
    git.ok(&["mv", KEY, ".hoziron/vault/MOVED.age"]);
    git.ok(&["commit", "-q", "-m", "moved by hand"]);
    git.ok(&["merge", "-q", "--no-edit", "side"]);
    let refused = git.house.run(["vault", "get", "MOVED"]).fails(6);
    assert!(refused.contains("not sealed for this name"), "{refused}");

    // As the driver would be called for two secrets that look alike.
    let git = Git::new();
    git.set("OTHER", "other-7");
    let copy = |name: &str, to: &str| {
        let to = git.house.repo().join(to);
        fs::copy(git.house.vault(&format!("{name}.age")), &to).unwrap();
        to
    };
    let (base, theirs) = (copy("KEY", ".base"), copy("KEY", ".theirs"));
    let ours = copy("OTHER", ".ours");
    let changed = fs::read_to_string(&theirs).unwrap();
    git.set("KEY", "changed-7");
    fs::copy(git.house.vault("KEY.age"), &theirs).unwrap();
    assert_ne!(fs::read_to_string(&theirs).unwrap(), changed);
    let before = fs::read(&ours).unwrap();
    let driver = ["git", "merge-driver", ".base", ".ours", ".theirs", "7"];
    let place = ".hoziron/vault/OTHER.age";
    let merged = git.house.run(driver.iter().chain(&[place]));
    assert_eq!(merged.code(), 1, "{}", merged.stderr);
    assert!(merged.stderr.contains("does not open"), "{}", merged.stderr);
    assert_eq!(fs::read(&ours).unwrap(), before);
    assert!(base.exists());
}

/// Somebody left on one branch, and the other one sealed a new value that he can read.
#[test]
fn a_value_that_was_sealed_for_who_left_in_the_meantime_is_not_handed_out() {
    let git = Git::new();
    let bob = git.house.home().join("recipients/bob.pub");
    let key = age::x25519::Identity::generate().to_public();
    fs::write(&bob, format!("{key}\n")).unwrap();
    let refused = git.house.run(["apply", "--yes"]);
    let (_, digest) = refused.stderr.split_once("--accept-recipients ").unwrap();
    let digest = digest.split(['`', ' ', '\n']).next().unwrap();
    git.house
        .run(["apply", "--yes", "--accept-recipients", digest])
        .ok();
    git.house.commit("joined");
    git.ok(&["checkout", "-q", "-b", "side"]);
    git.set("NEW", "new-7");
    git.ok(&["checkout", "-q", "main"]);
    fs::remove_file(bob).unwrap();
    git.house.run(["apply", "--yes"]).ok();
    git.house.commit("left");
    git.ok(&["merge", "-q", "--no-edit", "side"]);
    let refused = git.house.run(["vault", "get", "NEW"]).fails(6);
    assert!(
        refused.contains("stale") && refused.contains("bob"),
        "{refused}"
    );
    let planned = || git.house.run(["plan", "--detailed-exitcode", "--adopt"]);
    assert_eq!(planned().code(), 2, "who sealed it himself is not asked");
    fs::remove_dir_all(git.house.state().join("vaults")).unwrap();
    let plan = planned();
    assert_eq!(plan.code(), 3, "{}", String::from_utf8_lossy(&plan.stdout));
    let plan = git
        .house
        .run(["plan", "--no-identity", "--detailed-exitcode", "--adopt"]);
    assert_ne!(plan.code(), 0);
}

/// The check that a forge runs, which has no driver and no key: marks do not get past it.
#[test]
fn a_check_without_a_key_refuses_what_a_forge_may_have_left() {
    let git = Git::new();
    git.house.run(["git", "install", "--uninstall"]).ok();
    git.both_change();
    assert_eq!(git.run(&["merge", "side"]).code(), 1);
    git.house.commit("careless");
    fs::rename(git.house.identity(), git.house.root().join("key")).unwrap();
    let words = ["plan", "--no-identity", "--detailed-exitcode", "--adopt"];
    let plan = git.house.run(words);
    let shown = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert_eq!(plan.code(), 3, "{shown}");
    assert!(shown.contains("marks of a merge"), "{shown}");
    let scan = git
        .house
        .run(["scan", "--range", "HEAD~1..HEAD", "--no-identity"]);
    assert_eq!(scan.code(), 1, "{}", scan.stderr);
}

/// An alias is made on request only, and never in the place of somebody's own.
#[test]
fn an_alias_shows_values_on_request_and_is_removed_again() {
    let git = Git::new();
    let shown = git
        .house
        .run(["git", "install", "--aliases", "--dry-run"])
        .ok();
    assert!(
        String::from_utf8(shown)
            .unwrap()
            .starts_with("+ alias.sdiff = !f() ")
    );
    git.house.run(["git", "install", "--aliases"]).ok();
    let again = git.house.run(["git", "install", "--aliases"]);
    assert_eq!(again.stderr, "nothing to change\n");
    git.set("KEY", "second-7");
    // A pipe is no terminal, whoever asks.
    let shown = git.ok(&["sdiff", "HEAD~1"]);
    assert!(
        shown.contains("+value       ••••") && !shown.contains("-7\n"),
        "{shown}"
    );
    git.house.run(["git", "install", "--uninstall"]).ok();
    assert_eq!(git.run(&["config", "alias.sdiff"]).code(), 1);
    git.ok(&["config", "--global", "alias.sdiff", "status"]);
    let kept = git.house.run(["git", "install", "--aliases"]);
    assert!(
        kept.stderr.contains("another `git sdiff`"),
        "{}",
        kept.stderr
    );
    git.house.run(["git", "install", "--uninstall"]).ok();
    assert_eq!(git.ok(&["config", "alias.sdiff"]), "status\n");
}
