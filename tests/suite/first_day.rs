//! The first day: no vault, a new one, a recovery key, another machine, another person, and what is
//! said when a file is of a later version.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::forge::{AgeFile, identity, key_file};
use crate::house::{House, finish, has_judge};

const VALUE: &[u8] = b"first value";

/// What a command printed.
#[track_caller]
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Another user's home directory, empty.
fn stranger(house: &House) -> PathBuf {
    let user = house.root().join("stranger");
    fs::create_dir_all(&user).unwrap();
    user
}

/// The binary, run by that user.
fn as_stranger(house: &House, words: &[&str]) -> Command {
    let mut command = house.hoziron(words);
    command.env("HOME", stranger(house));
    command
}

fn edit(path: &Path, from: &str, to: &str) {
    let before = fs::read_to_string(path).unwrap();
    assert!(before.contains(from), "{from}");
    fs::write(path, before.replacen(from, to, 1)).unwrap();
}

#[test]
fn without_a_vault_the_next_step_is_to_make_one() {
    let house = House::bare();
    let shown = text(house.run([""; 0]).ok());
    assert!(
        shown.starts_with("There is no vault here yet.\n"),
        "{shown}"
    );
    assert!(shown.contains("next: hoziron vault init "), "{shown}");
    assert!(house.snapshot().is_empty(), "looking wrote something");
}

#[test]
fn with_a_vault_it_says_where_and_who_and_what_next() {
    let house = House::new();
    let before = house.snapshot();
    let shown = text(house.run([""; 0]).ok());
    let home = house.home().canonicalize().unwrap();
    for part in [
        format!("home     {}\n", home.display()),
        format!(
            "you      alice, with the key from {}\n",
            house.identity().display()
        ),
        "readers  alice\n".to_owned(),
        "secrets  0\n".to_owned(),
        "next: hoziron vault set API_KEY".to_owned(),
    ] {
        assert!(shown.contains(&part), "{part:?} in {shown}");
    }
    assert!(house.snapshot() == before, "looking wrote something");
    house.seal("API_KEY", VALUE);
    let shown = text(house.run([""; 0]).ok());
    assert!(
        shown.contains("secrets  1\n") && shown.contains("hoziron env exec"),
        "{shown}"
    );
}

#[test]
fn making_a_vault_says_what_was_made_and_warns_of_a_single_reader() {
    let house = House::bare();
    let run = house.run(["vault", "init", "--no-recovery"]);
    let said = run.stderr.clone();
    assert_eq!(text(run.ok()), "");
    for part in [
        "made a private key in",
        "made vault ",
        "you are `alice`",
        "next: ",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(said.contains("warning: you are its only reader"), "{said}");
    assert!(!said.contains("AGE-SECRET-KEY"), "{said}");
    let mode = house.identity().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Shown once, stored nowhere, a reader like any other; it opens everything without the owner.
#[test]
fn the_recovery_key_opens_everything() {
    let house = House::bare();
    let run = house.run(["vault", "init", "--name", "alice", "--recovery"]);
    assert!(
        !run.stderr.contains("AGE-SECRET-KEY"),
        "the key is on stderr"
    );
    assert!(!run.stderr.contains("only reader"), "{}", run.stderr);
    let printed = text(run.ok());
    let key = printed
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-1"));
    let key = key.expect("the key is printed").to_owned();
    assert_eq!(printed.matches("AGE-SECRET-KEY").count(), 1);
    let kept = fs::read_to_string(house.identity()).unwrap();
    assert!(!kept.contains(&key), "the recovery key was kept");
    for (path, bytes) in house.snapshot() {
        assert!(
            !String::from_utf8_lossy(&bytes).contains(&key),
            "{}",
            path.display()
        );
    }
    let statement = fs::read_to_string(key_file(&house, "epoch.toml")).unwrap();
    assert!(
        statement.contains("{ name = \"recovery\", recipients = [\"age1"),
        "{statement}"
    );
    assert!(house.home().join("recipients/recovery.pub").is_file());

    house.seal("API_KEY", VALUE);
    house.seal("prod/DB", b"\0\xff");
    fs::remove_file(house.identity()).unwrap();
    let paper = house.root().join("paper");
    fs::write(&paper, &printed).unwrap();
    fs::set_permissions(&paper, fs::Permissions::from_mode(0o600)).unwrap();
    let paper = paper.to_str().unwrap();
    let judge = has_judge("age", "the_recovery_key_opens_everything");
    for (name, value) in [("API_KEY", VALUE), ("prod/DB", b"\0\xff")] {
        let mut get = as_stranger(&house, &["--identity", paper, "vault", "get", name]);
        assert!(finish(&mut get, b"").ok() == value, "{name}");
        if judge {
            let mut age = house.program("age");
            age.args(["-d", "-i", paper])
                .arg(house.vault(&format!("{name}.age")));
            assert!(finish(&mut age, b"").ok() == value, "{name} by age");
        }
    }
}

#[test]
fn a_second_clone_needs_no_question() {
    let house = House::new();
    house.seal("API_KEY", VALUE);
    house.commit("a vault");
    house.git(["clone", "-q", ".", "../clone"]);
    let mut get = house.hoziron(["--no-input", "vault", "get", "API_KEY"]);
    let got = finish(get.current_dir(house.root().join("clone")), b"");
    assert_eq!(got.stderr, "");
    assert!(got.ok() == VALUE);
}

#[test]
fn another_persons_key_opens_nothing_and_the_places_are_listed() {
    let house = House::new();
    house.seal("API_KEY", VALUE);
    let user = stranger(&house);
    let places = [".config/hoziron/identity.txt", ".config/sops/age/keys.txt"];

    let get = || finish(&mut as_stranger(&house, &["vault", "get", "API_KEY"]), b"");
    let nothing = get();
    assert_eq!(nothing.code(), 5, "{}", nothing.stderr);
    assert!(
        nothing.stderr.contains("readers (alice)"),
        "{}",
        nothing.stderr
    );
    let own = house.root().join("own");
    let own = own.to_str().unwrap();
    let words = [
        "--home",
        own,
        "vault",
        "init",
        "--name",
        "eve",
        "--no-recovery",
    ];
    finish(&mut as_stranger(&house, &words), b"").ok();
    // Whether no key fits or nobody vouches for the vault, the keys that were tried are shown.
    let another = get();
    assert!([5, 6].contains(&another.code()), "{}", another.stderr);
    assert!(
        another.stderr.contains("identity.txt: age1"),
        "{}",
        another.stderr
    );
    for run in [nothing, another] {
        assert!(run.stdout.is_empty());
        for place in places.map(|place| user.join(place).display().to_string()) {
            assert!(run.stderr.contains(&place), "{place} in {}", run.stderr);
        }
        assert!(run.stderr.contains("--identity"), "{}", run.stderr);
    }
    let mut exec = as_stranger(&house, &["env", "exec", "--", "echo", "started"]);
    finish(&mut exec, b"").fails(125);
    let bare = text(finish(&mut as_stranger(&house, &[]), b"").ok());
    assert!(bare.contains("you      not a reader"), "{bare}");
}

/// A file of a later version is named with its format, and nothing is handed out or written.
#[test]
fn files_of_a_later_version_are_named_and_left_alone() {
    let house = House::new();
    house.seal("API_KEY", VALUE);
    house.seal("LATER", VALUE);
    let statement = key_file(&house, "epoch.toml");
    for (path, code, shown) in [
        (house.home().join("hoziron.toml"), 1, "hoziron.toml"),
        (statement, 6, "epoch.toml"),
    ] {
        let good = fs::read(&path).unwrap();
        let line = if code == 1 {
            "format = 1"
        } else {
            "\nformat = 1"
        };
        edit(&path, line, &line.replace('1', "2"));
        let before = house.snapshot();
        for words in [
            &["vault", "get", "API_KEY"][..],
            &["vault", "generate", "NEW"],
            &[],
        ] {
            let said = house.run(words).fails(code);
            for part in [shown, "format 2", "use a newer hoziron"] {
                assert!(said.contains(part), "{part:?} in {said}");
            }
        }
        house.run(["env", "exec", "--", "true"]).fails(125);
        assert!(house.snapshot() == before);
        fs::write(&path, good).unwrap();
    }

    let path = house.vault("LATER.age");
    let mut file = AgeFile::parse(&fs::read(&path).unwrap());
    let key = file.file_key(&identity(&house));
    assert_eq!(file.stanzas[0].tag, "hoziron/v1");
    file.stanzas[0].tag = "hoziron/v2".to_owned();
    fs::write(&path, file.finish(&key)).unwrap();
    let said = house.run(["vault", "get", "LATER"]).fails(6);
    assert!(
        said.contains("`LATER`") && said.contains("use a newer hoziron"),
        "{said}"
    );
    assert!(house.run(["vault", "get", "API_KEY"]).ok() == VALUE);
}

#[test]
fn an_unknown_field_of_the_manifest_is_named_with_its_line() {
    let house = House::new();
    let path = house.home().join("hoziron.toml");
    let lines = fs::read_to_string(&path).unwrap().lines().count();
    fs::write(
        &path,
        fs::read_to_string(&path).unwrap() + "colour = \"hunter2\"\n",
    )
    .unwrap();
    let said = house.run(["vault", "list"]).fails(1);
    assert!(
        said.contains(&format!("line {}: what is named is not a field", lines + 1)),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

/// A recovery key that nobody could read must not become a reader.
#[test]
fn a_recovery_key_that_nobody_reads_makes_no_vault() {
    let house = House::bare();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut init = house.hoziron(["vault", "init", "--name", "alice", "--recovery"]);
    let status = init
        .stdout(writer)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(!house.home().exists());
}

/// A value in base64 ends in `=`; it is no name with a value behind it, and is not repeated.
#[test]
fn a_value_in_base64_is_not_taken_for_a_name() {
    let house = House::new();
    let stderr = house
        .run(["vault", "set", "dGhpcyBpcyBzZWNyZXQ="])
        .fails(64);
    assert!(!stderr.contains("dGhpc"), "{stderr}");
}

/// A file that a newer version, another key or a fresh checkout opens is whole: it is not replaced.
#[test]
fn a_whole_file_that_does_not_open_here_is_not_replaced() {
    let house = House::new();
    house.seal("API_KEY", b"old");
    let path = house.vault("API_KEY.age");
    let text = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    fs::write(&path, &text).unwrap();
    let stderr = house.feed(["vault", "set", "API_KEY"], b"new").fails(6);
    assert!(stderr.contains("line endings"), "{stderr}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}
