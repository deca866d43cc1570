//! A repository that is out to hurt: files that cost much to read, and names that climb, hide or act
//! on a terminal. Everything is refused by name, and no run takes longer than two seconds.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use age_core::format::Stanza;

use crate::forge::{AgeFile, armor, key_file, new_file_key};
use crate::house::{House, Outcome};

/// The longest that any run may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest that a refusal may take, in the best of five runs.
const REFUSAL: Duration = Duration::from_millis(100);

/// What no run may print, but for the command that is asked for it.
pub const CANARY: &str = "canary-c0de";

/// Runs the binary, and fails the test if it does not come to an end.
#[track_caller]
pub fn run<'a>(house: &House, args: impl IntoIterator<Item = &'a str>) -> Outcome {
    let mut command = house.hoziron(args);
    within_patience(house, &mut command)
}

#[track_caller]
fn within_patience(house: &House, command: &mut Command) -> Outcome {
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| house.root().join(name));
    let file = |path: &PathBuf| Stdio::from(fs::File::create(path).unwrap());
    let mut child = command
        .stdout(file(&stdout))
        .stderr(file(&stderr))
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it hangs: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    Outcome {
        status,
        stdout: fs::read(stdout).unwrap(),
        stderr: String::from_utf8_lossy(&fs::read(stderr).unwrap()).into_owned(),
    }
}

/// Asserts that what stands at a secret's place is refused by every command that would read it.
#[track_caller]
pub fn refused(house: &House, name: &str) {
    let check = |outcome: Outcome, code| {
        let stderr = outcome.fails(code);
        assert!(stderr.contains(name), "{stderr}");
        assert!(!stderr.contains(CANARY), "{stderr}");
    };
    check(run(house, ["vault", "get", name]), 6);
    check(run(house, ["vault", "show", name]), 6);
    check(run(house, ["vault", "rename", name, "ELSEWHERE"]), 6);
    check(run(house, ["env", "export", "--format", "json"]), 6);
    check(run(house, ["env", "exec", "--", "true"]), 125);
}

/// Says how long a refusal takes, in the best of five runs.
#[track_caller]
fn shortest_refusal(house: &House, name: &str) -> Duration {
    let once = || {
        let start = Instant::now();
        run(house, ["vault", "get", name]).fails(6);
        start.elapsed()
    };
    (0..5).map(|_| once()).min().unwrap()
}

pub fn house() -> House {
    let house = House::new();
    house.seal("KEY", CANARY.as_bytes());
    house
}

/// A stanza's cost must not be chosen by whoever can write a file: neither 10,000 of them, nor one
/// for a passphrase with a work factor of 2^30.
#[test]
fn a_costly_header_is_refused_at_once() {
    let house = house();
    let stanza = |tag: &str, args: &[&str], body: &[u8]| Stanza {
        tag: tag.to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        body: body.to_vec(),
    };
    let scrypt = || stanza("scrypt", &["AAAAAAAAAAAAAAAAAAAAAA", "30"], &[1; 32]);
    let share = "hfa0PfZfrUnF4rPHGHC8vrpgEhLQEr/gVNWNAeLQTSM";
    let many: [(&str, Vec<Stanza>); 6] = [
        (
            "10,000 empty",
            (0..10_000).map(|_| stanza("a", &[], b"")).collect(),
        ),
        (
            "10,000 for X25519",
            (0..10_000)
                .map(|_| stanza("X25519", &[share], &[1; 32]))
                .collect(),
        ),
        (
            "256 for X25519",
            (0..256)
                .map(|_| stanza("X25519", &[share], &[1; 32]))
                .collect(),
        ),
        ("one of 1 MiB", vec![stanza("a", &[], &[7; 1 << 20])]),
        ("a passphrase", vec![scrypt()]),
        ("a passphrase twice", vec![scrypt(), scrypt()]),
    ];
    for (what, stanzas) in many {
        let mut file = AgeFile::parse(&fs::read(house.vault("KEY.age")).unwrap());
        file.stanzas.extend(stanzas);
        let behind = file.finish(&new_file_key(1));
        file = AgeFile::parse(&behind);
        file.stanzas.rotate_left(2);
        let before = file.finish(&new_file_key(1));
        let kept = fs::read(house.vault("KEY.age")).unwrap();
        for forged in [&behind, &before] {
            fs::write(house.vault("KEY.age"), forged).unwrap();
            let took = shortest_refusal(&house, "KEY");
            assert!(took < REFUSAL, "{what}: {took:?}");
            refused(&house, "KEY");
        }
        fs::write(house.vault("KEY.age"), kept).unwrap();

        // As a grant, where each stanza might be tried with each identity.
        let grant = key_file(&house, "alice.age");
        let kept = fs::read(&grant).unwrap();
        fs::write(&grant, before).unwrap();
        let took = shortest_refusal(&house, "KEY");
        assert!(took < REFUSAL, "{what}, in a grant: {took:?}");
        fs::write(&grant, kept).unwrap();
    }
    assert_eq!(run(&house, ["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
}

/// Headers that are not a header, among them 60 KiB without a line end and sparse gigabytes.
#[test]
fn an_oversized_file_is_refused_at_once() {
    let house = house();
    let path = house.vault("KEY.age");
    for data in [
        [b"age-encryption.org/v1\n-> ", &*vec![b'a'; 60 << 10]].concat(),
        [b"age-encryption.org/v1\n", &*b"-> ".repeat(20_000)].concat(),
        [
            b"age-encryption.org/v1\n-> a",
            &*b" b".repeat(30_000),
            b"\n\n--- ",
        ]
        .concat(),
        vec![b'\n'; 1 << 20],
        vec![0; 20 << 20],
    ] {
        fs::write(&path, armor(&data)).unwrap();
        refused(&house, "KEY");
    }
    let file = fs::File::create(&path).unwrap();
    for size in [(24 << 20) + 1, 1 << 33, 1 << 40] {
        file.set_len(size).unwrap();
        assert!(shortest_refusal(&house, "KEY") < REFUSAL);
        refused(&house, "KEY");
    }
    for name in ["hoziron.toml", "recipients/alice.pub"] {
        let file = fs::File::create(house.home().join(name)).unwrap();
        file.set_len(1 << 40).unwrap();
        let outcome = run(&house, ["vault", "get", "KEY"]);
        assert!(
            outcome.stdout.is_empty() && outcome.code() == 6,
            "{outcome:?}"
        );
    }
}

/// Names on the command line: none of them is a path, and none gets as far as the disk.
#[test]
fn hostile_names_are_refused() {
    let house = house();
    fs::write(house.root().join("x.age"), "").unwrap();
    let before = house.snapshot();
    let long = "A".repeat(300);
    let deep = "a/".repeat(150) + "KEY";
    let absolute = house.vault("KEY");
    let names = [
        "",
        ".",
        "..",
        "/",
        "../x",
        "../../x",
        "a/../KEY",
        "a//b",
        "/KEY",
        "KEY/",
        "./KEY",
        ".git/x",
        ".keys/x",
        ".state/x",
        "prod/.git/x",
        "CON",
        "con/KEY",
        "aux",
        "NUL",
        "COM1",
        "prod/LPT9",
        "KEY.age",
        "KEY ",
        " KEY",
        "KE Y",
        "KEY\n",
        "KEY\r",
        "KE\x1b[31mY",
        "KE\x07Y",
        "KEY\u{202e}",
        "K\u{c9}Y",
        "\u{ff21}",
        "PROD/KEY",
        "1KEY",
        "KEY-1",
        "a\\b",
        "C:KEY",
        "KEY:x",
        "~/KEY",
        "$HOME",
        "*",
        "KEY,OTHER",
        "-",
        &long,
        &deep,
        absolute.to_str().unwrap(),
    ];
    for name in names {
        for args in [
            &["vault", "get", "--", name][..],
            &["vault", "show", "--", name],
            &["vault", "set", "--", name],
            &["vault", "generate", "--", name],
            &["vault", "remove", "--yes", "--", name],
            &["vault", "rename", "--", "KEY", name],
            &["vault", "rename", "--", name, "ELSEWHERE"],
        ] {
            let stderr = run(&house, args.iter().copied()).fails(64);
            assert!(
                !stderr.contains(['\x1b', '\x07', '\r', '\u{202e}']),
                "{name:?}"
            );
        }
    }
    for profile in [
        "..", "../x", "a//b", "/", ".git", ".keys", "con", "A", "a\n", "", &deep,
    ] {
        for args in [
            &["vault", "get", "KEY", "-P", profile][..],
            &["vault", "list", "-P", profile],
            &["env", "export", "--format", "json", "-P", profile],
        ] {
            run(&house, args.iter().copied()).fails(64);
        }
        let exec = ["env", "exec", "-P", profile, "--", "true"];
        run(&house, exec).fails(125);
    }
    assert!(house.snapshot() == before);
}

/// Files in the vault that cannot be secrets are named, their names do nothing to a terminal, and
/// they are handed to nobody.
#[test]
fn hostile_files_are_named() {
    let house = house();
    let long = format!("{}.age", "A".repeat(240));
    let files = [
        "CON.age",
        "aux.age",
        "k-e-y.age",
        "KE\x1b[31mY.age",
        "KE\u{202e}Y.age",
        "1.age",
        " .age",
        "key.age",
        "notes.txt",
        "PROD/KEY.age",
        &long,
    ];
    fs::create_dir(house.vault("PROD")).unwrap();
    let sealed = fs::read(house.vault("KEY.age")).unwrap();
    for file in files {
        fs::write(house.vault(file), &sealed).unwrap();
        let listed = run(&house, ["vault", "list"]);
        assert_eq!(
            (listed.code(), &*listed.stdout),
            (6, &b"KEY\n"[..]),
            "{file:?}"
        );
        let shown: String = file
            .chars()
            .map(|character| match character {
                '\x1b' | '\u{202e}' => character.escape_unicode().to_string(),
                other => other.to_string(),
            })
            .collect();
        assert!(
            listed.stderr.contains(&shown),
            "{file:?}: {}",
            listed.stderr
        );
        assert!(!listed.stderr.contains(['\x1b', '\u{202e}']));
        assert_eq!(listed.stderr.lines().count(), 1, "{}", listed.stderr);
        fs::remove_file(house.vault(file)).unwrap();
    }
}

/// A file's name is one line, whatever is in it: else it could say what hoziron never said.
#[test]
fn a_line_end_in_a_file_name_forges_no_line() {
    let house = house();
    let sealed = fs::read(house.vault("KEY.age")).unwrap();
    for file in ["A\nhint: run this.age", "A\twarning.age"] {
        fs::write(house.vault(file), &sealed).unwrap();
        let listed = run(&house, ["vault", "list"]);
        assert_eq!(listed.code(), 6);
        assert_eq!(listed.stderr.lines().count(), 1, "{}", listed.stderr);
        assert!(!listed.stderr.contains('\t'));
        fs::remove_file(house.vault(file)).unwrap();
    }
}
