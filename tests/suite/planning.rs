//! What `plan` and `apply` promise before anything happens: the same plan every time, nothing written,
//! no private key looked for where none is needed, no value in a saved plan, and a way out at every
//! question.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::applying::manifest;
use crate::house::{HOZIRON, House, finish, has_judge};
use crate::stand::digest;
use crate::twice::marks;

/// A reader whose private key nobody needs here.
const BOB: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\n";

/// Part of every value, and of nothing that may be printed or saved.
const CANARY: &str = "canary-5d1e";

const SIGINT: i64 = 2;

/// A house in which every kind of step waits: two secrets are made, one is moved, one goes, one is
/// missing, and bob joins.
fn house() -> House {
    let house = House::new();
    for name in ["API_KEY", "OLD", "prod/TOKEN"] {
        house.seal(name, format!("{CANARY} {name}").as_bytes());
    }
    manifest(
        &house,
        r#"
        [[moved]]
        from = "prod/TOKEN"
        to = "prod/KEY"
        [[removed]]
        name = "OLD"
        [secrets.API_KEY]
        [secrets.MADE]
        generate = { kind = "password", length = 20 }
        [secrets.prod_MADE]
        generate = { kind = "hex", bytes = 16 }
        [secrets.NEEDED]
        description = "asked for"
        "#,
    );
    fs::write(house.home().join("recipients/bob.pub"), BOB).unwrap();
    house.commit("ready");
    house
}

/// Values for what is missing.
fn input(house: &House) -> String {
    let path = house.root().join("input.env");
    fs::write(&path, format!("NEEDED={CANARY}-new\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn saved(house: &House) -> PathBuf {
    house.root().join("plan.json")
}

/// Saves a plan.
fn save(house: &House, more: &[&str]) -> String {
    let path = saved(house);
    let words = ["plan", "--out", path.to_str().unwrap()];
    house.run([&words, more].concat()).ok();
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_plan_is_the_same_twice_and_writes_nothing() {
    let house = house();
    let input = input(&house);
    for words in [
        &["plan"][..],
        &["plan", "--json"],
        &["plan", "--no-identity"],
        &["plan", "--prune", "--rotate", "*"],
        &["plan", "--input", &input],
        &["plan", "--detailed-exitcode", "-P", "prod"],
    ] {
        let before = marks(&house.repo());
        let first = house.run(words);
        let second = house.run(words);
        assert!([0, 2, 3].contains(&first.code()), "{}", first.stderr);
        assert_eq!(first.code(), second.code());
        assert!(!first.stdout.is_empty());
        assert_eq!(first.stdout, second.stdout, "{words:?}");
        assert_eq!(first.stderr, second.stderr, "{words:?}");
        let text = String::from_utf8(first.stdout).unwrap() + &first.stderr;
        assert!(!text.contains(CANARY), "{text}");
        assert!(before == marks(&house.repo()), "{words:?} wrote something");
    }
    assert_eq!(house.git(["status", "--porcelain"]), "");
}

/// The paths that a run looks at, by whichever call.
fn looked_at(house: &House, words: &[&str]) -> String {
    let log = house.root().join("log");
    let mut strace = house.program("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-e", "trace=%file", "-o"]);
    let run = finish(strace.arg(&log).arg(HOZIRON).args(words), b"");
    assert!([0, 2, 3].contains(&run.code()), "{}", run.stderr);
    fs::read_to_string(log).unwrap()
}

/// The owner's key lies where it always does, and an agent's folder and ssh keys beside it.
#[test]
fn without_an_identity_no_private_key_is_looked_for() {
    if !has_judge("strace", "without_an_identity_no_private_key_is_looked_for") {
        return;
    }
    let house = house();
    let ssh = house.user().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    fs::write(ssh.join("id_ed25519"), "no key").unwrap();
    let private = [
        "identity.txt",
        "identities",
        ".ssh",
        "signing.key",
        "id_ed25519",
    ];
    for words in [
        &["plan", "--no-identity"][..],
        &["plan", "--no-identity", "--json", "--detailed-exitcode"],
        &["plan", "--no-identity", "--prune", "--key", "prod/*"],
    ] {
        let looked = looked_at(&house, words);
        assert!(looked.contains("epoch.toml"), "{looked}");
        for word in private {
            let line = looked.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "{words:?}");
        }
    }
    assert!(looked_at(&house, &["plan"]).contains("identity.txt"));
}

#[test]
fn one_change_among_a_thousand_secrets_touches_one_file() {
    let house = House::new();
    let path = house.root().join("input.env");
    let line = |number| format!("S{number:04}={CANARY}-{number}\n");
    let mut input: String = (0..1000).map(line).collect();
    fs::write(&path, &input).unwrap();
    let path = path.to_str().unwrap();
    let apply = ["apply", "--yes", "--input", path];
    house.run(apply).ok();
    house.commit("a thousand");

    let before = marks(&house.vault(""));
    assert!(before.len() > 1000);
    input = input.replace(&line(617), "S0617=another\n");
    fs::write(path, &input).unwrap();
    let rows = String::from_utf8(house.run(apply).ok()).unwrap();
    assert_eq!(rows.lines().count(), 1, "{rows}");
    let changed = || {
        let after = marks(&house.vault(""));
        assert_eq!(before.len(), after.len());
        let differs = after.iter().filter(|(path, mark)| before[*path] != **mark);
        let files = differs.map(|(path, _)| path.clone());
        files.filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    assert_eq!(changed(), [house.vault("S0617.age")]);
    assert_eq!(
        house.git(["status", "--porcelain"]),
        " M .hoziron/vault/S0617.age\n"
    );
    house.run(apply).ok();
    assert_eq!(changed(), [house.vault("S0617.age")]);
}

#[test]
fn a_saved_plan_holds_nothing_of_a_value() {
    if !has_judge("sha256sum", "a_saved_plan_holds_nothing_of_a_value") {
        return;
    }
    let house = house();
    let input = input(&house);
    let text = save(&house, &["--input", &input, "--rotate", "MADE"]);
    let values = [
        format!("{CANARY}-new"),
        format!("{CANARY} API_KEY"),
        format!("{CANARY} prod/TOKEN"),
    ];
    for value in &values {
        for program in [&["sha256sum"][..], &["sha1sum"], &["md5sum"], &["base64"]] {
            let shown = finish(&mut house.program(program[0]), value.as_bytes()).ok();
            let shown = String::from_utf8(shown).unwrap();
            let form = shown
                .split_whitespace()
                .next()
                .unwrap()
                .trim_end_matches('=');
            assert!(!text.contains(&form[..form.len() - 1]), "{program:?}");
        }
    }
    for word in [
        CANARY,
        "BEGIN AGE",
        "age-encryption",
        "-> X25519",
        "AGE-SECRET",
    ] {
        assert!(!text.contains(word), "{word}");
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(saved(&house)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// The cases beside the code change every byte; here the real binary refuses some.
#[test]
fn a_changed_plan_is_refused() {
    let house = house();
    let input = input(&house);
    let text = save(&house, &["--input", &input]).into_bytes();
    let path = saved(&house);
    let digest = digest(&house);
    let words = ["apply", path.to_str().unwrap(), "--yes", "--input", &input];
    let words = [&words[..], &["--accept-recipients", &digest]].concat();
    let before = house.snapshot();
    for at in (0..text.len()).step_by(97).chain([text.len() - 1]) {
        let mut changed = text.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        house.run(&words).fails(1);
    }
    fs::write(&path, &text[..text.len() - 1]).unwrap();
    house.run(&words).fails(1);
    assert!(house.snapshot() == before, "a changed plan was carried out");
    fs::write(&path, &text).unwrap();
    house.run(&words).ok();
    assert_eq!(
        house.run(["vault", "get", "prod/KEY"]).ok(),
        format!("{CANARY} prod/TOKEN").into_bytes()
    );
}

#[test]
fn a_stale_plan_is_refused_and_what_changed_is_named() {
    type Change = fn(&House);
    let changes: [(&str, Change); 7] = [
        ("`API_KEY` was changed", |house| {
            house.seal("API_KEY", b"another")
        }),
        ("`NEW` is new", |house| house.seal("NEW", b"new")),
        ("`OLD` is gone", |house| {
            house.run(["vault", "remove", "OLD", "--yes"]).ok();
        }),
        ("`hoziron.toml` was changed", |house| {
            manifest(house, "# more\n")
        }),
        ("`recipients/bob.pub` was changed", |house| {
            fs::remove_file(house.home().join("recipients/bob.pub")).unwrap();
        }),
        ("`recipients/carol.pub` was changed", |house| {
            let alice = house.home().join("recipients/alice.pub");
            fs::copy(alice, house.home().join("recipients/carol.pub")).unwrap();
        }),
        ("the readers of `.`", |house| {
            let digest = digest(house);
            let words = [
                "apply",
                "--yes",
                "--key",
                "prod/*",
                "--accept-recipients",
                &digest,
            ];
            house.run(words).ok();
            let input = input(house);
            let words = [
                "apply",
                "--yes",
                "--input",
                &input,
                "--accept-recipients",
                &digest,
            ];
            house.run(words).ok();
        }),
    ];
    for (what, change) in changes {
        let house = house();
        let input = input(&house);
        save(&house, &["--input", &input]);
        let digest = digest(&house);
        change(&house);
        let before = house.snapshot();
        let path = saved(&house);
        let words = ["apply", path.to_str().unwrap(), "--yes", "--input", &input];
        let words = [&words[..], &["--accept-recipients", &digest]].concat();
        let said = house.run(&words).fails(4);
        assert!(said.contains(what), "{what}: {said}");
        assert!(house.snapshot() == before, "{what}: something was written");
    }
}

#[test]
fn a_plan_of_another_vault_is_stale() {
    let (house, other) = (house(), house());
    save(&house, &[]);
    let path = saved(&house);
    let said = other
        .run(["apply", path.to_str().unwrap(), "--yes"])
        .fails(4);
    assert!(said.contains("another vault"), "{said}");
}

/// A protected profile takes a flag that says what is to be done.
#[test]
fn a_protected_profile_takes_an_explicit_flag() {
    let house = House::new();
    house.seal("prod/OLD", b"old");
    house.seal("dev/OLD", b"old");
    manifest(
        &house,
        r#"
        [profiles.prod]
        protect = true
        [secrets.MADE]
        profiles = ["dev", "prod"]
        generate = { kind = "password", length = 20 }
        [[removed]]
        name = "prod/OLD"
        "#,
    );
    house.run(["apply", "--yes", "--key", "*/MADE"]).ok();
    let before = house.snapshot();
    let said = house.run(["apply", "--yes"]).fails(3);
    assert!(
        said.contains("`prod/OLD`") && said.contains("`--prune`"),
        "{said}"
    );
    assert!(house.snapshot() == before, "something was written");
    house
        .run(["apply", "--yes", "--prune", "--key", "prod/*"])
        .ok();
    assert!(!house.vault("prod/OLD.age").exists());
    assert!(house.vault("dev/OLD.age").exists());

    // Who leaves has seen what the machine made; in prod that is said, and not done.
    fs::write(house.home().join("recipients/bob.pub"), BOB).unwrap();
    let digest = digest(&house);
    house
        .run(["apply", "--yes", "--accept-recipients", &digest])
        .ok();
    fs::remove_file(house.home().join("recipients/bob.pub")).unwrap();
    let value = |name| house.run(["vault", "get", name]).ok();
    let values = (value("dev/MADE"), value("prod/MADE"));
    let said = house.run(["apply", "--yes"]).fails(3);
    assert!(said.contains("`--rotate prod/MADE`"), "{said}");
    assert_eq!((value("dev/MADE"), value("prod/MADE")), values);
    house.run(["apply", "--yes", "--rotate", "prod/MADE"]).ok();
    assert_ne!(value("prod/MADE"), values.1);
    assert_ne!(value("dev/MADE"), values.0);
}

#[test]
fn without_a_terminal_the_flag_to_add_is_named() {
    let house = house();
    let before = house.snapshot();
    let digest = digest(&house);
    let input = input(&house);
    let readers = format!("`--yes --accept-recipients {digest}`");
    let wrong = "0".repeat(64);
    for (words, code, flag) in [
        (&["apply"][..], 1, &*readers),
        (&["apply"], 1, "give the values with `--input FILE`"),
        (&["apply"], 1, "`NEEDED` is required"),
        (&["apply", "--no-input", "--input", &input], 1, &readers),
        (&["apply", "--input", &input], 1, &readers),
        (
            &["apply", "--yes", "--input", &input],
            1,
            &*format!("`--accept-recipients {digest}`"),
        ),
        (
            &[
                "apply",
                "--yes",
                "--input",
                &input,
                "--accept-recipients",
                &wrong,
            ],
            1,
            &*format!("`--accept-recipients {digest}`"),
        ),
        (
            &["apply", "--yes", "--accept-recipients", &digest],
            1,
            "`--input FILE`",
        ),
        (&["apply", "--key", "prod/*"], 1, "`--yes`"),
    ] {
        let said = house.run(words).fails(code);
        assert!(
            said.contains(flag),
            "{words:?} does not name {flag}: {said}"
        );
        assert!(house.snapshot() == before, "{words:?} wrote something");
    }
}

/// Somebody at a terminal who runs `apply`, and what is left of it.
fn at_a_terminal(house: &House, words: &[&str], steps: Value) -> Value {
    let argv = [&[HOZIRON], words].concat();
    let job = json!({ "argv": argv, "steps": steps });
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pty/drive.py");
    let mut python = house.program("python3");
    let report = finish(python.arg(driver), job.to_string().as_bytes()).ok();
    let seen: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(seen["missed"], Value::Null, "{seen}");
    assert_eq!(seen["echo"], json!(true), "{seen}");
    seen
}

#[test]
fn ctrl_c_at_any_question_changes_nothing() {
    if !has_judge("python3", "ctrl_c_at_any_question_changes_nothing") {
        return;
    }
    let house = house();
    let value = format!("{CANARY}-typed\r");
    let path = [
        json!(["expect", "NEEDED: "]),
        json!(["type", value]),
        json!(["expect", "again: "]),
        json!(["type", value]),
        json!(["expect", "let the new readers in? [y/N] "]),
    ];
    let before = marks(&house.home());
    for (questions, keys) in [1, 3, 5]
        .into_iter()
        .flat_map(|at| [(at, "\x03"), (at, "\x04")])
    {
        let mut steps = path[..questions].to_vec();
        steps.push(json!(["type", keys]));
        let seen = at_a_terminal(&house, &["apply"], json!(steps));
        match keys {
            "\x03" => assert_eq!(seen["signal"], json!(SIGINT), "{seen}"),
            _ => assert_eq!(seen["exit"], json!(130), "{seen}"),
        }
        assert!(!seen.to_string().contains(CANARY), "{seen}");
        assert!(before == marks(&house.home()), "something was written");
    }
    for answer in ["n\r", "\r"] {
        let mut steps = path.to_vec();
        steps.push(json!(["type", answer]));
        let seen = at_a_terminal(&house, &["apply"], json!(steps));
        assert_eq!(seen["exit"], json!(1), "{seen}");
        assert!(before == marks(&house.home()), "something was written");
    }
    let mut steps = path.to_vec();
    steps.push(json!(["type", "y\r"]));
    let seen = at_a_terminal(&house, &["apply"], json!(steps));
    assert_eq!(seen["exit"], json!(0), "{seen}");
    let typed = format!("{CANARY}-typed");
    assert_eq!(house.run(["vault", "get", "NEEDED"]).ok(), typed.as_bytes());
}

/// No field names a program or an address, and what looks like one is text.
#[test]
fn a_manifest_of_a_stranger_runs_nothing() {
    for field in [
        "[secrets.A]\ncommand = \"touch started\"\n",
        "[secrets.A]\nexec = [\"touch\", \"started\"]\n",
        "[secrets.A]\nurl = \"http://127.0.0.1/\"\n",
        "[secrets.A]\ngenerate = { kind = \"command\", run = \"touch started\" }\n",
        "[secrets.A]\ngenerate = \"touch started\"\n",
        "[secrets.A]\nas_file = true\n",
        "[hooks]\napply = \"touch started\"\n",
        "[profiles.prod]\nsource = \"https://example.org\"\n",
        "include = \"https://example.org/hoziron.toml\"\n",
    ] {
        let house = House::new();
        manifest(&house, field);
        house.run(["plan"]).fails(1);
        house.run(["apply", "--yes"]).fails(1);
        assert!(!house.repo().join("started").exists(), "{field}");
    }
    if !has_judge("strace", "a_manifest_of_a_stranger_runs_nothing") {
        return;
    }
    let house = House::new();
    manifest(
        &house,
        r#"
        [secrets.A]
        default = "$(touch started) `touch started`"
        [secrets.B]
        compose = "http://127.0.0.1/${A}|touch started"
        [secrets.C]
        description = "$(touch started)"
        generate = { kind = "password", length = 20 }
        rotate = { how = "`touch started`" }
        "#,
    );
    let log = house.root().join("log");
    for words in [&["plan"][..], &["apply", "--yes"]] {
        let mut strace = house.program("strace");
        let calls = "trace=execve,execveat,socket,connect";
        strace.args(["-f", "-qq", "-e", "signal=none", "-e", calls, "-o"]);
        finish(strace.arg(&log).arg(HOZIRON).args(words), b"").ok();
        let log = fs::read_to_string(&log).unwrap();
        let calls = log.lines().filter(|line| !line.contains("+++"));
        assert_eq!(calls.count(), 1, "{words:?}: {log}");
    }
    assert!(!Path::new(&house.repo().join("started")).exists());
}
