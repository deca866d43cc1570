//! What the command's environment holds: the caller's variables, the secrets that were chosen, and
//! nothing that opens secrets. Either every chosen secret is handed out, or nothing is started.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::house::{HOZIRON, House, Outcome, finish};

/// A house with secrets at the top and in two profiles.
fn house() -> House {
    let house = House::new();
    for (name, value) in [
        ("API_KEY", "top"),
        ("TOKEN", "top-token"),
        ("prod/API_KEY", "prod"),
        ("prod/db/PASSWORD", "prod-db"),
        ("stage/a/API_KEY", "a"),
        ("stage/b/API_KEY", "b"),
    ] {
        house.seal(name, value.as_bytes());
    }
    house
}

/// The whole environment of a command, sorted.
#[track_caller]
fn held(command: &mut Command) -> BTreeSet<Vec<u8>> {
    let printed = finish(command.args(["--", "env", "-0"]), b"").ok();
    let mut held: BTreeSet<_> = printed
        .split(|&byte| byte == 0)
        .map(<[u8]>::to_vec)
        .collect();
    assert!(held.remove(&b""[..]), "every variable ends with a NUL");
    let count = printed.iter().filter(|&&byte| byte == 0).count();
    assert_eq!(held.len(), count, "a variable is there twice");
    held
}

/// What a command gets from the caller in these tests.
fn inherited(house: &House) -> BTreeSet<Vec<u8>> {
    let mut plain = house.program("env");
    let printed = finish(plain.arg("-0"), b"").ok();
    let all = printed.split(|&byte| byte == 0).map(<[u8]>::to_vec);
    all.filter(|variable| !variable.is_empty()).collect()
}

fn with(mut base: BTreeSet<Vec<u8>>, more: &[&str]) -> BTreeSet<Vec<u8>> {
    base.extend(more.iter().map(|variable| variable.as_bytes().to_vec()));
    base
}

/// Asserts that hoziron failed before the command ran, and returns what it said.
#[track_caller]
fn not_started(house: &House, words: &[&str]) -> String {
    let marker = house.root().join("started");
    let touch = format!("touch {}", marker.display());
    let command = ["--", "sh", "-c", &touch];
    let said = house.run(words.iter().chain(&command)).fails(125);
    assert!(!marker.exists(), "the command was started");
    said
}

/// Breaks a sealed file in its middle.
fn damage(house: &House, name: &str) {
    let path = house.vault(&format!("{name}.age"));
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_command_gets_the_callers_variables_and_the_chosen_secrets_and_no_more() {
    let house = house();
    let base = inherited(&house);
    let top = ["API_KEY=top", "TOKEN=top-token"];
    for (words, secrets) in [
        (&["env", "exec"][..], &top[..]),
        (&["run"], &top),
        (&["run", "--only", "TOKEN"], &top[1..]),
        (&["run", "--only", "TOKEN,API_KEY"], &top),
        (&["run", "--only", "TOKEN", "--only", "API_KEY"], &top),
        (
            &["env", "exec", "-P", "prod"],
            &["API_KEY=prod", "PASSWORD=prod-db", "TOKEN=top-token"],
        ),
        (
            &["run", "-P", "prod/db"],
            &["API_KEY=top", "PASSWORD=prod-db", "TOKEN=top-token"],
        ),
        (
            &["run", "-P", "prod", "--only", "API_KEY"],
            &["API_KEY=prod"],
        ),
        (
            &["run", "-P", "stage/b", "--only", "API_KEY"],
            &["API_KEY=b"],
        ),
    ] {
        let found = held(&mut house.hoziron(words));
        assert!(found == with(base.clone(), secrets), "{words:?}");
    }
}

/// Also the system's own record of the process, which is what other programs of the user can read.
#[cfg(target_os = "linux")]
#[test]
fn the_record_of_the_process_holds_what_was_chosen() {
    let house = house();
    let words = ["run", "--only", "TOKEN", "--", "cat", "/proc/self/environ"];
    let printed = house.run(words).ok();
    let held: BTreeSet<_> = printed
        .split(|&byte| byte == 0)
        .map(<[u8]>::to_vec)
        .collect();
    let expected = with(inherited(&house), &["TOKEN=top-token", ""]);
    assert!(held == expected);
}

/// The variable chooses a profile as the option does, and the option is stronger.
#[test]
fn a_profile_can_come_from_the_environment() {
    let house = house();
    let mut command = house.hoziron(["run", "--only", "API_KEY"]);
    let found = held(command.env("HOZIRON_PROFILE", "prod"));
    assert!(found.contains(&b"API_KEY=prod"[..]));

    let mut command = house.hoziron(["run", "--only", "API_KEY", "-P", "stage/a"]);
    let found = held(command.env("HOZIRON_PROFILE", "prod"));
    assert!(found.contains(&b"API_KEY=a"[..]));
}

#[test]
fn one_variable_from_two_secrets_of_a_profile_is_refused() {
    let house = house();
    let said = not_started(&house, &["run", "-P", "stage"]);
    assert!(said.contains("`API_KEY`"), "{said}");
    for name in ["`stage/a/API_KEY`", "`stage/b/API_KEY`"] {
        assert!(said.contains(name), "{said}");
    }
}

/// A secret whose variable is set already is not even opened.
#[test]
fn the_callers_variable_wins_over_the_vault() {
    let house = house();
    damage(&house, "API_KEY");
    let found = held(house.hoziron(["run"]).env("API_KEY", "outer"));
    assert!(found == with(inherited(&house), &["API_KEY=outer", "TOKEN=top-token"]));
}

/// An empty variable counts as not set: CI hands out empty ones where a secret is missing.
#[test]
fn an_empty_variable_does_not_stand_in_the_way_of_the_vault() {
    let house = house();
    let found = held(house.hoziron(["run"]).env("API_KEY", ""));
    assert!(found == with(inherited(&house), &["API_KEY=top", "TOKEN=top-token"]));
}

/// Only what says where things are, who the user is and how to talk to the terminal.
#[test]
fn a_clean_environment_holds_a_short_list() {
    let house = house();
    let kept = [
        "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
    ];
    let mut command = house.hoziron(["run", "--clean"]);
    for name in kept {
        command.env(name, "kept");
    }
    for name in [
        "AWS_PROFILE",
        "LANGUAGE",
        "LCX",
        "PATHEXT",
        "SSH_AUTH_SOCK",
        "XDG_RUNTIME_DIR",
    ] {
        command.env(name, "dropped");
    }
    command.env("HOME", house.user());
    let path = format!("PATH={}", std::env::var("PATH").unwrap());
    let home = format!("HOME={}", house.user().display());
    let expected = [&*path, &home, "API_KEY=top", "TOKEN=top-token"];
    let mut expected = with(BTreeSet::new(), &expected);
    let rest = kept.iter().filter(|name| **name != "HOME");
    expected.extend(rest.map(|name| format!("{name}=kept").into_bytes()));
    assert!(held(&mut command) == expected);
}

/// A variable that a clean environment drops cannot win over the vault: the command would go
/// without.
#[test]
fn a_clean_environment_has_the_secret_whatever_the_caller_has_set() {
    let house = house();
    let found = held(house.hoziron(["run", "--clean"]).env("API_KEY", "outer"));
    assert!(found.contains(&b"API_KEY=top"[..]), "the secret is missing");
    assert!(!found.contains(&b"API_KEY=outer"[..]));
}

/// What opens the vault does not reach the command, least of all when it was just used.
#[test]
fn no_identity_reaches_the_command() {
    let house = house();
    let key = fs::read_to_string(house.identity()).unwrap();
    let elsewhere = house.root().join("key.txt");
    fs::rename(house.identity(), &elsewhere).unwrap();
    let path = elsewhere.to_str().unwrap();
    not_started(&house, &["run"]);

    let expected = with(inherited(&house), &["API_KEY=top", "TOKEN=top-token"]);
    for (name, value) in [
        ("HOZIRON_IDENTITY", &*key),
        ("HOZIRON_IDENTITY_FILE", path),
        ("SOPS_AGE_KEY", &*key),
        ("SOPS_AGE_KEY_FILE", path),
    ] {
        let found = held(house.hoziron(["run"]).env(name, value));
        assert!(found == expected, "{name}");
    }
    // Of tools whose files hoziron reads, and of hoziron's later versions.
    let mut command = house.hoziron(["run", "--identity", path]);
    for name in [
        "AGE_PASSPHRASE",
        "DOTENV_PRIVATE_KEY",
        "DOTENV_PRIVATE_KEY_PRODUCTION",
        "FNOX_AGE_KEY",
        "HOZIRON_IDENTITY_COMMAND",
        "HOZIRON_PASSPHRASE",
        "ROPS_AGE",
        "SOPS_AGE_KEY_CMD",
    ] {
        command.env(name, &key);
    }
    assert!(held(&mut command) == expected);
}

/// An environment carries every byte but NUL.
#[test]
fn values_arrive_as_they_are() {
    let house = House::new();
    let values: [&[u8]; 6] = [
        b"",
        b"\n",
        b" a=b\r\n",
        b"\xff\xfe",
        b"$HOME `x` \\",
        b"'\"",
    ];
    for (index, value) in values.iter().enumerate() {
        house.seal(&format!("VALUE_{index}"), value);
    }
    let found = held(&mut house.hoziron(["run"]));
    for (index, value) in values.iter().enumerate() {
        let variable = [format!("VALUE_{index}=").as_bytes(), value].concat();
        assert!(found.contains(&variable), "VALUE_{index}");
    }
    house.seal("WITH_NUL", b"a\0b");
    assert!(not_started(&house, &["run"]).contains("`WITH_NUL`"));
    house.run(["run", "--only", "VALUE_1", "--", "true"]).ok();
}

/// Nothing is started with a part of what was asked for, and everything that stands in the way is
/// said at once.
#[test]
fn all_that_was_chosen_or_nothing() {
    let house = house();
    damage(&house, "TOKEN");
    fs::write(house.vault("prod/db/PASSWORD.age"), "not sealed").unwrap();
    let said = not_started(&house, &["run", "-P", "prod"]);
    for name in ["`TOKEN`", "`prod/db/PASSWORD`"] {
        assert!(said.contains(name), "{said}");
    }
    assert!(!said.contains("API_KEY"), "{said}");
    house.run(["run", "--only", "API_KEY", "--", "true"]).ok();

    let said = not_started(&house, &["run", "--only", "NOT_THERE,API_KEY,NOR_THIS"]);
    for name in ["`NOT_THERE`", "`NOR_THIS`"] {
        assert!(said.contains(name), "{said}");
    }
    for words in [
        ["run", "--home", "/nowhere"],
        ["run", "--identity", "/nowhere"],
    ] {
        assert!(not_started(&house, &words).contains("/nowhere"));
    }
}

/// A secret that would make the loader, a shell or an interpreter run something else is refused by
/// name, however it is spelt; the caller's own variable of that name is his business.
#[test]
fn a_secret_that_steers_a_program_is_refused() {
    for name in [
        "LD_PRELOAD",
        "ld_preload",
        "PATH",
        "BASH_ENV",
        "GIT_SSH_COMMAND",
        "NODE_OPTIONS",
    ] {
        let house = House::new();
        house.seal("API_KEY", b"k-123");
        house.seal(name, b"/tmp/evil.so");
        let mut command = house.hoziron(["run", "--", "true"]);
        if name != "PATH" {
            command.env_remove(name);
            let said = finish(&mut command, b"").fails(125);
            assert!(said.contains(&format!("`{name}`")), "{said}");
        }
        let found = held(&mut house.hoziron(["run", "--only", "API_KEY"]));
        assert!(
            found == with(inherited(&house), &["API_KEY=k-123"]),
            "{name}"
        );
    }
}

/// An empty vault needs no key.
#[test]
fn without_secrets_the_command_just_runs() {
    let house = House::new();
    fs::remove_file(house.identity()).unwrap();
    assert!(held(&mut house.hoziron(["run"])) == inherited(&house));
}

/// Runs `true` with the secrets under a stack of 8 MiB, which allows 2 MiB of environment.
fn under_eight_megabytes(house: &House) -> Outcome {
    let script = "ulimit -S -s 8192; exec \"$0\" env exec -- true";
    finish(house.program("sh").args(["-c", script, HOZIRON]), b"")
}

/// Refused before the system refuses it, for the system does not say what is too large.
#[test]
fn an_environment_of_three_megabytes_is_refused_by_its_largest_secret() {
    let house = House::new();
    for index in 0..26 {
        house.seal(&format!("PART_{index}"), &vec![b'x'; 120_000 + index]);
    }
    let said = under_eight_megabytes(&house).fails(125);
    assert!(said.contains("the longest secret is `PART_25`"), "{said}");
    assert!(said.contains("arguments and environment are 31"), "{said}");

    house.seal("ALONE", &vec![b'x'; 3 << 20]);
    let said = under_eight_megabytes(&house).fails(125);
    assert!(
        said.contains("`ALONE`") && !said.contains("PART_"),
        "{said}"
    );
}

/// Around the limit either the command runs or we refuse; the system never has to.
#[cfg(target_os = "linux")]
#[test]
fn the_limit_is_the_systems() {
    let house = House::new();
    for index in 0..17 {
        house.seal(&format!("PART_{index:02}"), &vec![b'x'; 120_000]);
    }
    let (mut ran, mut refused) = (0, 0);
    for length in (20_000..60_000).step_by(2_000) {
        house.seal("REST", &vec![b'x'; length]);
        match under_eight_megabytes(&house).code() {
            0 => ran += 1,
            125 => refused += 1,
            code => panic!("the system refused {length}: exit {code}"),
        }
    }
    eprintln!("{ran} ran, {refused} were refused");
    assert!(ran > 0 && refused > 0, "{ran} {refused}");
}

/// The longest single variable is the system's, too: one byte more is refused by name.
#[cfg(target_os = "linux")]
#[test]
fn the_longest_variable_is_the_systems() {
    let house = House::new();
    let most = 128 * 1024 - "LONG=".len() - 1;
    house.seal("LONG", &vec![b'x'; most]);
    let found = held(&mut house.hoziron(["run"]));
    assert!(
        found
            .iter()
            .any(|variable| variable.len() == most + "LONG=".len())
    );
    house.seal("LONG", &vec![b'x'; most + 1]);
    assert!(not_started(&house, &["run"]).contains("`LONG`"));
}

/// Variables of the caller that are no text are passed on.
#[test]
fn the_callers_variables_are_not_altered() {
    let house = house();
    let mut command = house.hoziron(["run", "--only", "TOKEN"]);
    command.env(OsStr::from_bytes(b"\xff"), OsStr::from_bytes(b"\xfe\n"));
    command.env("EMPTY", "").env("EQUALS", "=a=b=");
    let found = held(&mut command);
    for variable in [&b"\xff=\xfe\n"[..], b"EMPTY=", b"EQUALS==a=b="] {
        assert!(found.contains(variable));
    }
}
