//! `config.toml` and `doctor`: references that resolve or not, credentials where none should be, and
//! what is wrong with a home, each with a repair that can be pasted. No string of a file is shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::house::{House, Outcome, finish};

const CANARY: &str = "canary-7b20";

fn settings(house: &House, text: &str) {
    fs::write(house.home().join("config.toml"), text).unwrap();
}

#[track_caller]
fn silent(outcome: &Outcome) {
    let printed = String::from_utf8_lossy(&outcome.stdout);
    assert!(!printed.contains(CANARY), "a string of the file on stdout");
    assert!(
        !outcome.stderr.contains(CANARY),
        "a string of the file on stderr"
    );
}

/// Any string whose key ends in `_env`, wherever it stands, is shown with what it resolves to.
#[test]
fn references_are_found_anywhere() {
    let house = House::new();
    house.seal("IN_VAULT", CANARY.as_bytes());
    settings(
        &house,
        "top_env = \"IN_VAULT\"\n[a.\"b c\".d]\nkey_env = \"IN_ENV\"\n[[list]]\n\
         items = [{ deep_env = \"NOWHERE\" }, { url = \"x\" }]\n_env = \"no reference\"\n",
    );
    fs::remove_file(house.identity()).unwrap();
    let show = |words: &[&str]| {
        let run = finish(house.hoziron(words).env("IN_ENV", CANARY), b"");
        silent(&run);
        String::from_utf8(run.ok()).unwrap()
    };
    let text = show(&["config", "show"]);
    let rows: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        rows,
        [
            "top_env IN_VAULT the vault, `IN_VAULT`",
            "a.b c.d.key_env IN_ENV the process environment",
            "list.0.items.0.deep_env NOWHERE no value",
        ]
    );
    let json: String = show(&["config", "show", "--json"])
        .split_whitespace()
        .collect();
    for row in [
        r#"{"path":"top_env","line":1,"variable":"IN_VAULT","source":"vault"}"#,
        r#""line":3,"variable":"IN_ENV","source":"process"}"#,
        r#""variable":"NOWHERE","source":null}"#,
    ] {
        assert!(json.contains(row), "{json}");
    }
}

/// Settings that are right pass, with what the process environment alone has, too.
#[test]
fn settings_that_are_right_pass() {
    let house = House::new();
    let run = house.run(["config", "check"]);
    assert!(
        run.stderr.contains("there is no `config.toml`"),
        "{}",
        run.stderr
    );
    run.ok();
    house.seal("IN_VAULT", CANARY.as_bytes());
    settings(
        &house,
        "model = \"m\"\nport = 5432\n[providers.a]\napi_key_env = \"IN_VAULT\"\n\
         token_env = \"IN_ENV\"\nmax_tokens = \"4\"\n",
    );
    let run = finish(house.hoziron(["config", "check"]).env("IN_ENV", "1"), b"");
    assert!(
        run.stderr.contains("2 references resolve"),
        "{}",
        run.stderr
    );
    run.ok();
}

/// Everything that is wrong is told together, by path and line.
#[test]
fn what_should_not_stand_in_settings_is_named_by_path_and_line() {
    let house = House::new();
    house.seal("DB", CANARY.as_bytes());
    let token = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    settings(
        &house,
        &format!(
            "[a]\napi_key = \"raw-{CANARY}\"\nnote = \"{token}\"\n[[b]]\nx = [\"{CANARY}\"]\n\
             [c]\nkey_env = \"NOWHERE\"\n"
        ),
    );
    let run = house.run(["config", "check"]);
    silent(&run);
    let said = run.fails(1);
    assert!(!said.contains(token), "a token was shown");
    for part in [
        "line 2: `a.api_key` ",
        "line 3: `a.note` has the shape of ",
        "line 5: `b.0.x.0` is the value of `DB`",
        "line 7: `c.key_env` names `NOWHERE`, which has no value",
        "hoziron vault set",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Without a key nothing can be compared, which is said; the rest is found all the same.
    fs::remove_file(house.identity()).unwrap();
    let run = house.run(["config", "check"]);
    silent(&run);
    let said = run.fails(1);
    assert!(said.contains("were not compared"), "{said}");
    assert!(
        said.contains("`a.api_key`") && !said.contains("`b.0.x.0`"),
        "{said}"
    );
}

/// What is not TOML, or holds a value where a name belongs, is named by line.
#[test]
fn settings_that_cannot_be_read_are_not_shown() {
    let house = House::new();
    for (text, line) in [
        (format!("a = 1\nb = {CANARY} {CANARY}\n"), "line 2"),
        (format!("a = 1\n\nkey_env = \"{CANARY} x\"\n"), "line 3"),
        (format!("key_env = [\"{CANARY}\"]\n"), "line 1"),
        (format!("[a]\n[a]\nb = \"{CANARY}\"\n"), "line 2"),
        (format!("a = \"{CANARY}\n"), "line 1"),
    ] {
        settings(&house, &text);
        for words in [
            &["config", "check"][..],
            &["config", "show"],
            &["config", "show", "--json"],
            &["run", "--provider", "a", "--", "true"],
            &["doctor"],
        ] {
            let run = house.run(words);
            silent(&run);
            let all = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.stderr);
            assert!(all.contains(line), "{words:?} {line}: {all}");
            assert!([1, 125].contains(&run.code()), "{words:?}");
        }
    }
}

/// The repairs of the wrong things, as they can be pasted.
#[track_caller]
fn repairs(house: &House) -> Vec<String> {
    let run = house.run(["doctor"]);
    silent(&run);
    assert_eq!(run.code(), 1, "{}", run.stderr);
    let text = String::from_utf8(run.stdout).unwrap();
    let json = house.run(["doctor", "--json"]);
    assert_eq!(json.code(), 1);
    let json: String = String::from_utf8(json.stdout).unwrap();
    let parsed = json.matches("\"repair\": \"").count();
    let repairs: Vec<_> = text.split("       repair: ").skip(1).collect();
    assert_eq!(repairs.len(), parsed, "{text}\n{json}");
    let pasted = repairs.into_iter().map(|repair| {
        let repair = match repair.find("\nEOF") {
            Some(end) => &repair[..end + 4],
            None => repair.lines().next().unwrap(),
        };
        match repair.split('`').nth(1) {
            Some(command) => command.to_owned(),
            None => repair.to_owned(),
        }
    });
    pasted.collect()
}

/// Pastes the repairs into a shell.
#[track_caller]
fn repair(house: &House) {
    for command in repairs(house) {
        let mut shell = house.program("sh");
        finish(shell.args(["-ec", &command]), b"").ok();
    }
}

#[track_caller]
fn healthy(house: &House) {
    let run = house.run(["doctor"]);
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(run.code(), 0, "{text}{}", run.stderr);
    assert!(!text.contains("wrong"), "{text}");
    let json = String::from_utf8(house.run(["doctor", "--json"]).ok()).unwrap();
    assert!(!json.contains("\"repair\": \""), "{json}");
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Each thing that can be repaired by a command is, by pasting what doctor says.
#[test]
fn doctor_repairs_what_is_wrong_by_pasting() {
    let house = House::new();
    house.run(["git", "install"]).ok();
    house.seal("API_KEY", CANARY.as_bytes());
    house.commit("first");
    healthy(&house);

    let dotenv = house.home().join(".env");
    fs::write(&dotenv, format!("LOCAL={CANARY}\n")).unwrap();
    for mode in [0o644, 0o666] {
        chmod(&dotenv, mode);
        repair(&house);
        healthy(&house);
    }
    house.git(["add", "-f", ".hoziron/.env"]);
    repair(&house);
    healthy(&house);

    chmod(&house.identity(), 0o644);
    repair(&house);
    healthy(&house);

    for file in [".gitignore", ".gitattributes", "vault/.gitattributes"] {
        fs::write(house.home().join(file), "own $HOME line\n").unwrap();
    }
    repair(&house);
    healthy(&house);
    let ignore = fs::read_to_string(house.home().join(".gitignore")).unwrap();
    assert!(
        ignore.starts_with("own $HOME line\n") && ignore.contains("\n/.env\n"),
        "{ignore}"
    );
}

/// A name from a repository, pasted into a shell, is a name.
#[test]
fn a_strange_name_in_the_vault_runs_nothing_when_pasted() {
    let house = House::new();
    house.run(["git", "install"]).ok();
    for name in [
        "x; touch pwned #",
        "$(touch pwned)",
        "it's & touch pwned",
        "plain.txt",
    ] {
        fs::write(house.vault(name), CANARY).unwrap();
        let commands = repairs(&house);
        assert_eq!(commands.len(), 1, "{commands:?}");
        repair(&house);
        assert!(!house.vault(name).exists(), "{commands:?}");
        assert!(!house.repo().join("pwned").exists(), "{commands:?}");
        healthy(&house);
    }
}

/// What needs a person is found, too, and exit code 1 says so to a script.
#[test]
fn doctor_finds_what_needs_a_person() {
    let house = House::new();
    house.run(["git", "install"]).ok();
    house.seal("API_KEY", b"value");
    settings(&house, &format!("password = \"{CANARY}\"\n"));
    assert_eq!(repairs(&house), ["hoziron config check"]);
    fs::remove_file(house.home().join("config.toml")).unwrap();

    let dotenv = house.home().join(".env");
    fs::write(&dotenv, format!("{CANARY} x\n")).unwrap();
    chmod(&dotenv, 0o600);
    let run = house.run(["doctor"]);
    silent(&run);
    assert_eq!(run.code(), 1);
    assert!(String::from_utf8_lossy(&run.stdout).contains("line 1 "));
    fs::remove_file(&dotenv).unwrap();
    healthy(&house);

    fs::rename(house.identity(), house.root().join("moved")).unwrap();
    let found = house.run(["doctor"]);
    assert_eq!(found.code(), 1);
    let found = String::from_utf8(found.stdout).unwrap();
    assert!(found.contains("wrong  keys: "), "{found}");
    assert!(found.contains("wrong  vault: "), "{found}");

    let bare = House::bare();
    assert!(
        repairs(&bare)
            .iter()
            .any(|command| command == "hoziron vault init")
    );
}
