//! Anything done twice is done once: the second time no file is written, not even with the same
//! bytes, and git sees nothing. Commands that only read write nothing the first time either.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::house::{HOZIRON, House, finish, has_judge};

/// A file or folder as it lies on the disk: writing the same bytes again changes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Mark {
    bytes: Vec<u8>,
    changed: (i64, i64),
    inode: u64,
    mode: u32,
}

/// Everything below a folder, but for git's own and the lock, in which a writer leaves his pid.
pub fn marks(folder: &Path) -> BTreeMap<PathBuf, Mark> {
    let mut marks = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let found = path.symlink_metadata().unwrap();
        if path.ends_with(".git") || path.ends_with(".state/lock") {
            continue;
        }
        if found.is_dir() {
            marks.extend(self::marks(&path));
        }
        let mark = Mark {
            bytes: fs::read(&path).unwrap_or_default(),
            changed: (found.ctime(), found.ctime_nsec()),
            inode: found.ino(),
            mode: found.mode(),
        };
        marks.insert(path, mark);
    }
    marks
}

/// Names what differs, without the bytes.
#[track_caller]
fn assert_same(before: &BTreeMap<PathBuf, Mark>, after: &BTreeMap<PathBuf, Mark>, what: &str) {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let new = after.keys().filter(|path| !before.contains_key(*path));
    let other = after
        .iter()
        .filter(|(path, mark)| before.get(*path).is_some_and(|old| old != *mark))
        .map(|(path, _)| path);
    let changed: Vec<_> = gone.chain(new).chain(other).collect();
    assert!(changed.is_empty(), "{what} changed {changed:?}");
}

/// A house with three secrets, committed.
fn house() -> House {
    let house = House::new();
    for name in ["API_KEY", "TOKEN", "prod/API_KEY"] {
        house.seal(name, b"k-123");
    }
    house.commit("secrets");
    assert_eq!(house.git(["status", "--porcelain"]), "");
    house
}

/// What reads, and the exit code of it.
const READING: &[(&[&str], i32)] = &[
    (&[], 0),
    (&["--help"], 0),
    (&["--version"], 0),
    (&["-v", "vault", "list"], 0),
    (&["vault", "list", "--json"], 0),
    (&["vault", "list", "-P", "prod"], 0),
    (&["vault", "get", "API_KEY"], 0),
    (&["vault", "get", "MISSING"], 1),
    (&["vault", "show", "API_KEY"], 0),
    (&["vault", "show", "API_KEY", "--json"], 0),
    (&["env", "export", "--format", "sh"], 0),
    (&["env", "export", "--format", "bash"], 0),
    (&["env", "export", "--format", "json", "-P", "prod"], 0),
    (&["env", "export", "--format", "dotenv"], 0),
    (&["env", "exec", "--", "true"], 0),
    (&["run", "--clean", "--only", "TOKEN", "--", "true"], 0),
    (&["run", "--only", "MISSING", "--", "true"], 125),
    (&["run", "--", "no-such-command-anywhere"], 127),
    (&["vault", "init"], 0),
    (&["vault", "init", "--name", "mallory", "--recovery"], 0),
    (&["vault", "generate", "API_KEY"], 1),
    (&["vault", "generate", "API_KEY", "nonsense"], 64),
    (&["vault", "generate", "API_KEY", "--no-input"], 1),
    (&["vault", "remove", "API_KEY"], 1),
    (&["vault", "remove", "MISSING", "--yes"], 1),
    (&["vault", "rename", "API_KEY", "API_KEY"], 0),
    (&["vault", "set", "API_KEY", "value"], 64),
    (&["vault", "set", "../API_KEY"], 64),
    (&["plan", "--no-identity"], 0),
    (&["plan", "--no-identity", "--json", "--prune"], 0),
    (&["scan"], 0),
    (&["scan", "--staged", "--json"], 0),
    (&["scan", "--all"], 0),
    (&["git", "install", "--check"], 1),
    (&["git", "install", "--dry-run"], 0),
    (&["vault", "set", "API_KEY", "--from-file", "/nowhere"], 1),
];

#[test]
fn what_only_reads_or_refuses_writes_nothing() {
    let house = house();
    let before = marks(house.root());
    for (words, code) in READING {
        let outcome = house.run(*words);
        assert_eq!(outcome.code(), *code, "{words:?}: {}", outcome.stderr);
        assert_same(&before, &marks(house.root()), &format!("{words:?}"));
        assert_eq!(house.git(["status", "--porcelain"]), "", "{words:?}");
    }
    eprintln!("{} commands", READING.len());
}

/// A fresh clone has no `.state` and no record of the home; reading makes neither.
#[test]
fn reading_in_a_fresh_clone_makes_nothing() {
    let house = house();
    let url = house.repo();
    let clone = house.root().join("clone");
    let at = clone.to_str().unwrap();
    house.git(["clone", "-q", url.to_str().unwrap(), at]);
    fs::remove_dir_all(house.state()).unwrap();
    let before = marks(house.root());
    // `init` is the user's own word that this home is this vault, and is remembered.
    for (words, code) in READING.iter().filter(|(words, _)| !words.contains(&"init")) {
        let outcome = finish(house.hoziron(*words).current_dir(&clone), b"");
        let trusted = outcome.code() == *code;
        assert!(trusted, "{words:?}: {} {}", outcome.code(), outcome.stderr);
        assert_same(&before, &marks(house.root()), &format!("{words:?}"));
    }
    let status = house.git(["-C", at, "status", "--porcelain", "--ignored"]);
    assert_eq!(status, "");
}

/// Every command that writes, and what it says the second time. Not among them: whatever makes a
/// new random value, for the second value is what was asked for.
#[test]
fn the_second_time_nothing_is_written() {
    let house = house();
    let file = house.root().join("value");
    fs::write(&file, "from a file\n").unwrap();
    let file = file.to_str().unwrap();
    let commands: [(&[&str], &[u8], i32); 10] = [
        (&["vault", "set", "API_KEY"], b"k-123", 0),
        (&["vault", "set", "API_KEY"], b"k-123\n", 0),
        (&["vault", "set", "API_KEY"], b"k-456\r\n", 0),
        (&["vault", "set", "NEW"], b"", 0),
        (&["vault", "insert", "dev/db/NEW"], b"\xff\0", 0),
        (&["vault", "set", "FILE", "--from-file", file], b"", 0),
        (
            &["vault", "set", "FILE", "-P", "prod", "--from-file", file],
            b"",
            0,
        ),
        (&["vault", "rename", "TOKEN", "TOKEN_2"], b"", 1),
        (&["vault", "remove", "NEW", "--yes"], b"", 1),
        (&["vault", "generate", "FILE"], b"", 1),
    ];
    for (words, stdin, second) in commands {
        house.feed(words, stdin);
        house.git(["add", "-A"]);
        house.git(["commit", "-q", "--allow-empty", "-m", "once"]);
        let before = marks(house.root());
        for _ in 0..2 {
            let outcome = house.feed(words, stdin);
            assert_eq!(outcome.code(), second, "{words:?}: {}", outcome.stderr);
            assert_same(&before, &marks(house.root()), &format!("{words:?}"));
            assert_eq!(house.git(["status", "--porcelain"]), "", "{words:?}");
        }
    }
}

/// Setting what is there is recognised by the value, not by the way it came.
#[test]
fn an_equal_value_is_not_sealed_again() {
    let house = house();
    let before = marks(&house.home());
    let said = house.feed(["vault", "set", "API_KEY"], b"k-123\n").stderr;
    assert!(said.contains("unchanged"), "{said}");
    house.seal("API_KEY", b"k-123");
    assert_same(&before, &marks(&house.home()), "an equal value");

    house.feed(["vault", "set", "API_KEY"], b"k-124").ok();
    assert_eq!(
        house.git(["status", "--porcelain"]),
        " M .hoziron/vault/API_KEY.age\n"
    );
}

/// From anywhere in the repository, with any name and without a key, there is one vault.
#[test]
fn init_is_done_once() {
    let house = house();
    let below = house.repo().join("src/deep");
    fs::create_dir_all(&below).unwrap();
    let away = house.root().join("key.txt");
    fs::rename(house.identity(), &away).unwrap();
    let before = marks(house.root());
    for words in [
        &["vault", "init"][..],
        &["vault", "init", "--name", "bob", "--recovery"],
        &[
            "--identity",
            away.to_str().unwrap(),
            "vault",
            "init",
            "--no-recovery",
        ],
        &["--home", house.home().to_str().unwrap(), "vault", "init"],
    ] {
        let outcome = finish(house.hoziron(words).current_dir(&below), b"");
        assert!(
            outcome.stderr.contains("nothing was changed"),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.ok(), b"", "a key was shown");
        assert_same(&before, &marks(house.root()), &format!("{words:?}"));
    }
    assert_eq!(house.git(["status", "--porcelain"]), "");
}

/// A new random value never takes the place of another without a word, by whichever command.
#[test]
fn a_value_is_not_replaced_by_a_random_one_without_a_yes() {
    let house = house();
    let before = marks(&house.home());
    let said = house.run(["vault", "generate", "API_KEY"]).fails(1);
    assert!(said.contains("--yes"), "{said}");
    assert_same(&before, &marks(&house.home()), "generate");
    assert_eq!(house.run(["vault", "get", "API_KEY"]).ok(), b"k-123");
    house.run(["vault", "generate", "API_KEY", "--yes"]).ok();
    assert_ne!(house.run(["vault", "get", "API_KEY"]).ok(), b"k-123");
}

/// System calls that change a file system, by name; opening is looked at more closely.
const CHANGING: &str = "?creat,?mkdir,mkdirat,?rename,?renameat,renameat2,?link,linkat,?symlink,\
    symlinkat,?unlink,unlinkat,?rmdir,truncate,ftruncate,?fallocate,?chmod,fchmod,fchmodat,?chown,\
    fchown,?lchown,fchownat,?utimensat,?mknod,mknodat,setxattr,?open,openat,?openat2";

/// No call that could have changed something is made at all, for one that fails here may succeed
/// on another machine.
#[test]
fn what_reads_makes_no_call_that_writes() {
    if !has_judge("strace", "what_reads_makes_no_call_that_writes") {
        return;
    }
    let house = house();
    let log = house.root().join("log");
    let mut calls = 0;
    for (words, code) in READING {
        let mut command = house.program("strace");
        command.args([
            "-f",
            "-qq",
            "-e",
            "signal=none",
            "-e",
            &format!("trace={CHANGING}"),
        ]);
        command.arg("-o").arg(&log).arg(HOZIRON).args(*words);
        assert_eq!(finish(&mut command, b"").code(), *code, "{words:?}");
        for line in fs::read_to_string(&log).unwrap().lines() {
            let (_, call) = line.split_once(' ').unwrap();
            let call = call.trim_start();
            if call.starts_with("+++") {
                continue;
            }
            calls += 1;
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"];
            let reads = call.starts_with("open") && !writes.iter().any(|flag| call.contains(flag));
            let device = ["\"/dev/null\"", "\"/dev/tty\""]
                .iter()
                .any(|path| call.contains(path));
            assert!(reads || device, "{words:?}: {call}");
        }
    }
    eprintln!("{calls} calls of {} commands", READING.len());
    assert!(calls > 5 * READING.len(), "{calls}");
}
