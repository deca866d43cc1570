//! Private keys under a passphrase, typed at a terminal: age files and ssh keys, made by the real
//! programs. Each is opened once, a wrong passphrase is asked for again, nobody there to ask is said,
//! and the terminal is left as it was. ssh keys without one are here as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use age::secrecy::SecretString;
use serde_json::{Value, json};

use crate::house::{HOZIRON, House, finish, has_judge};
use crate::identities::{NAME, VALUE, assert_discreet, get, key, keyless, put};

const PASSPHRASE: &str = "correct canary battery";

/// Somebody at a terminal runs a program, with variables, and takes these steps.
#[track_caller]
pub fn at_terminal(house: &House, argv: &[&str], vars: &[(&str, &str)], steps: Value) -> Value {
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pty/drive.py");
    let job = json!({ "argv": argv, "steps": steps });
    let mut command = house.program("python3");
    command.arg(driver).envs(vars.iter().copied());
    let report = finish(&mut command, job.to_string().as_bytes()).ok();
    let seen: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(seen["missed"], Value::Null, "{seen}");
    assert_eq!((&seen["echo"], &seen["unread"]), (&json!(true), &json!(0)));
    assert_discreet(seen["terminal"].as_str().unwrap());
    seen
}

#[track_caller]
fn get_at_terminal(house: &House, options: &[&str], steps: Value) -> Value {
    let words = [&[HOZIRON], options, &["vault", "get", NAME]].concat();
    at_terminal(house, &words, &[], steps)
}

/// What a person does who is asked once and answers.
fn answer(path: &Path) -> Value {
    let typed = format!("{PASSPHRASE}\r");
    json!([["expect", question(path)], ["note"], ["type", typed]])
}

fn question(path: &Path) -> String {
    format!("passphrase for {}: ", path.display())
}

#[track_caller]
fn assert_opened(seen: &Value) {
    assert_eq!(seen["exit"], json!(0), "{seen}");
    assert!(seen["stdout"].as_str().unwrap().as_bytes() == VALUE);
    assert_eq!(seen["notes"], json!([false]), "the passphrase was shown");
}

/// The identity file of [`keyless`], under the passphrase, with little work.
fn locked(house: &House, armor: bool) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE.to_owned()));
    recipient.set_work_factor(10);
    let text = fs::read(key(house)).unwrap();
    if armor {
        let armored = age::encrypt_and_armor(&recipient, &text).unwrap();
        return armored.into_bytes();
    }
    age::encrypt(&recipient, &text).unwrap()
}

/// In a usual place or a named one, in armor or without.
#[test]
fn an_age_file_under_a_passphrase_opens() {
    if !has_judge("python3", "an_age_file_under_a_passphrase_opens") {
        return;
    }
    let house = keyless();
    put(&house.identity(), locked(&house, false), 0o600);
    assert_opened(&get_at_terminal(&house, &[], answer(&house.identity())));
    let given = house.root().join("given");
    put(&given, locked(&house, true), 0o600);
    let options = ["--identity", given.to_str().unwrap()];
    assert_opened(&get_at_terminal(&house, &options, answer(&given)));
    // A key that needs nobody is preferred.
    let plain = key(&house);
    let options = ["--identity", plain.to_str().unwrap()];
    let seen = get_at_terminal(&house, &options, json!([["note"]]));
    assert_eq!(seen["terminal"], "");
}

/// `age -p` makes the file, with the work it thinks right.
#[test]
fn a_file_of_the_real_age_opens() {
    let test = "a_file_of_the_real_age_opens";
    if !has_judge("python3", test) || !has_judge("age", test) {
        return;
    }
    let house = keyless();
    let (to, from) = (house.identity(), key(&house));
    let words = ["-p", "-o", to.to_str().unwrap(), from.to_str().unwrap()];
    let typed = format!("{PASSPHRASE}\r");
    let steps = json!([
        ["expect", "Enter passphrase"],
        ["hidden"],
        ["type", typed],
        ["expect", "Confirm passphrase"],
        ["hidden"],
        ["type", typed]
    ]);
    let seen = at_terminal(&house, &[&["age"], &words[..]].concat(), &[], steps);
    assert_eq!(seen["exit"], json!(0), "{seen}");
    put(&to, fs::read(&to).unwrap(), 0o600);
    assert_opened(&get_at_terminal(&house, &[], answer(&to)));
}

/// However many secrets there are, a person is asked once.
#[test]
fn a_passphrase_is_asked_for_once() {
    let test = "a_passphrase_is_asked_for_once";
    if !has_judge("python3", test) || !has_judge("ssh-keygen", test) {
        return;
    }
    let (house, ssh) = with_ssh(&["-t", "ed25519", "-N", ""]);
    for number in 0..5 {
        house
            .run(["vault", "generate", &format!("KEY_{number}")])
            .ok();
    }
    change_passphrase(&house, &ssh);
    let words = [HOZIRON, "env", "export", "--format", "dotenv"];
    let seen = at_terminal(&house, &words, &[], answer(&ssh));
    assert_eq!(seen["exit"], json!(0), "{seen}");
    assert_eq!(seen["stdout"].as_str().unwrap().lines().count(), 6);
    let terminal = seen["terminal"].as_str().unwrap();
    assert_eq!(terminal.matches("passphrase").count(), 1, "{terminal}");
}

#[test]
fn a_wrong_passphrase_is_asked_for_three_times() {
    if !has_judge("python3", "a_wrong_passphrase_is_asked_for_three_times") {
        return;
    }
    let house = keyless();
    put(&house.identity(), locked(&house, false), 0o600);
    let asked = question(&house.identity());
    let wrong = [
        json!(["expect", asked]),
        json!(["type", "canary\r"]),
        json!(["expect", "the passphrase does not open it"]),
    ];
    let thrice = [&wrong[..], &wrong, &wrong].concat();
    let seen = get_at_terminal(&house, &[], json!(thrice));
    assert_eq!((&seen["exit"], &seen["stdout"]), (&json!(5), &json!("")));
    let terminal = seen["terminal"].as_str().unwrap();
    let said = format!(
        "{}: not opened by the passphrase",
        house.identity().display()
    );
    assert!(terminal.contains(&said), "{terminal}");
    assert!(terminal.contains("(alice)"), "{terminal}");

    let right = json!([["expect", asked], ["type", format!("{PASSPHRASE}\r")]]);
    let steps = [&wrong[..], &wrong, right.as_array().unwrap()].concat();
    let seen = get_at_terminal(&house, &[], json!(steps));
    assert_eq!(seen["exit"], json!(0), "{seen}");
}

/// Ctrl-C ends the program by its signal, and echo is on again.
#[test]
fn an_interrupted_passphrase_leaves_the_terminal_as_it_was() {
    if !has_judge(
        "python3",
        "an_interrupted_passphrase_leaves_the_terminal_as_it_was",
    ) {
        return;
    }
    let house = keyless();
    put(&house.identity(), locked(&house, false), 0o600);
    let asked = question(&house.identity());
    let steps = json!([["expect", asked], ["hidden"], ["type", "cana\u{3}"]]);
    let seen = get_at_terminal(&house, &[], steps);
    assert_eq!(seen["signal"], json!(2), "{seen}");
}

/// A script or a service is told which file needs a person.
#[test]
fn without_a_terminal_the_file_is_named() {
    let house = keyless();
    put(&house.identity(), locked(&house, false), 0o600);
    let expected = format!(
        "{}: needs a passphrase, and nobody can be asked",
        house.identity().display()
    );
    let mut command = house.program("setsid");
    command.args(["-w", HOZIRON, "vault", "get", NAME]);
    let said = finish(&mut command, b"").fails(5);
    assert!(said.contains(&expected), "{said}");
    let said = get(&house, &["--no-input"], &[]).fails(5);
    assert!(said.contains(&expected), "{said}");
}

/// A file says itself how much work it takes; one that would take hours is refused at once.
#[test]
fn too_much_work_is_refused_quickly() {
    if !has_judge("python3", "too_much_work_is_refused_quickly") {
        return;
    }
    let house = keyless();
    let file = locked(&house, false);
    let end = file.windows(4).position(|bytes| bytes == b" 10\n").unwrap();
    for factor in [&b" 21\n"[..], b" 30\n", b" 63\n"] {
        let changed = [&file[..end], factor, &file[end + 4..]].concat();
        put(&house.identity(), changed, 0o600);
        let start = Instant::now();
        let seen = get_at_terminal(&house, &[], answer(&house.identity()));
        assert!(start.elapsed() < Duration::from_secs(5));
        let terminal = seen["terminal"].as_str().unwrap();
        assert!(terminal.contains("more work than is allowed"), "{terminal}");
        assert_eq!(seen["exit"], json!(5));
    }
}

/// A house with a vault of an ssh key's, made by `ssh-keygen`, and the key's file.
fn with_ssh(options: &[&str]) -> (House, PathBuf) {
    let house = House::bare();
    let kind = options
        .iter()
        .find(|option| ["ed25519", "rsa"].contains(option));
    let path = house
        .user()
        .join(".ssh")
        .join(format!("id_{}", kind.unwrap()));
    make_ssh(&house, options, &path);
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    let words = ["vault", "init", "--name", "alice", "--no-recovery"];
    house
        .run([&words[..], &["--recipient", &public]].concat())
        .ok();
    assert!(!house.identity().exists(), "a key that nobody asked for");
    house.seal(NAME, VALUE);
    (house, path)
}

fn make_ssh(house: &House, options: &[&str], path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut command = house.program("ssh-keygen");
    command
        .args(["-q", "-C", "alice@example.org", "-f"])
        .arg(path);
    finish(command.args(options), b"").ok();
}

fn change_passphrase(house: &House, path: &Path) {
    let mut command = house.program("ssh-keygen");
    command
        .args(["-q", "-p", "-P", "", "-N", PASSPHRASE, "-f"])
        .arg(path);
    finish(&mut command, b"").ok();
}

/// Both kinds open from their usual place, and under a passphrase; a stranger's is listed.
#[test]
fn ssh_keys_open() {
    let test = "ssh_keys_open";
    if !has_judge("ssh-keygen", test) || !has_judge("python3", test) {
        return;
    }
    for options in [
        &["-t", "ed25519", "-N", ""][..],
        &["-t", "rsa", "-b", "2048", "-N", ""],
    ] {
        let (house, path) = with_ssh(options);
        assert!(get(&house, &[], &[]).ok() == VALUE);
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        let public = public.rsplit_once(' ').unwrap().0;

        put(&path, fs::read(&path).unwrap(), 0o644);
        let said = get(&house, &[], &[]).fails(5);
        assert!(
            said.contains(&format!("`chmod 600 {}`", path.display())),
            "{said}"
        );
        put(&path, fs::read(&path).unwrap(), 0o600);
        // The text is good in a variable as well.
        let elsewhere = house.root().join("moved");
        fs::rename(&path, &elsewhere).unwrap();
        let text = fs::read_to_string(&elsewhere).unwrap();
        assert!(get(&house, &[], &[("HOZIRON_IDENTITY", &text)]).ok() == VALUE);
        fs::rename(&elsewhere, &path).unwrap();

        change_passphrase(&house, &path);
        assert_opened(&get_at_terminal(&house, &[], answer(&path)));
        let said = get(&house, &["--no-input"], &[]).fails(5);
        let expected = format!("{}: {public}, needs a passphrase", path.display());
        assert!(said.contains(&expected), "{said}");

        fs::remove_file(&path).unwrap();
        make_ssh(&house, &["-t", "ed25519", "-N", ""], &path);
        let said = get(&house, &[], &[]).fails(5);
        assert!(
            said.contains(&format!("{}: ssh-ed25519 AAAA", path.display())),
            "{said}"
        );
        fs::remove_file(&path).unwrap();
        make_ssh(&house, &["-t", "ecdsa", "-N", ""], &path);
        let said = get(&house, &[], &[]).fails(5);
        assert!(said.contains("of a kind that age cannot use"), "{said}");
    }
}

/// A passphrase that only `ssh-keygen` can undo is said, with what repairs the key.
#[test]
fn an_ssh_key_under_an_unusual_cipher_is_named() {
    if !has_judge("ssh-keygen", "an_ssh_key_under_an_unusual_cipher_is_named") {
        return;
    }
    let house = keyless();
    let path = house.user().join(".ssh/id_rsa");
    for options in [
        &["-t", "ed25519", "-Z", "chacha20-poly1305@openssh.com"][..],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
    ] {
        make_ssh(&house, &[options, &["-N", PASSPHRASE]].concat(), &path);
        let said = get(&house, &[], &[]).fails(5);
        let expected = format!("{}: its passphrase is of a kind", path.display());
        assert!(said.contains(&expected), "{said}");
        fs::remove_file(&path).unwrap();
    }
}
