//! Values from people and machines that can only encrypt: what they hand in waits, is shown as theirs and
//! nobody's else, and is sealed by a reader or not at all. Stock `age` makes such files and opens
//! them; nothing that waits disturbs anything that works.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::forge::vault_id;
use crate::house::{HOZIRON, House, Outcome, finish, has_judge};
use crate::stand::digest;

/// A house, and somebody who may write to its repository and holds no key.
struct Place {
    house: House,
    outside: PathBuf,
}

impl Place {
    fn new() -> Self {
        let house = House::new();
        house.commit("init");
        let outside = house.root().join("outside");
        fs::create_dir(&outside).unwrap();
        Self { house, outside }
    }

    /// Runs a command as the one without a key.
    fn outsider(&self, words: &[&str], stdin: &[u8]) -> Outcome {
        let mut command = self.house.hoziron(words);
        finish(command.env("HOME", &self.outside), stdin)
    }

    #[track_caller]
    fn submit(&self, name: &str, value: &str) -> String {
        let before = self.waiting();
        self.outsider(&["vault", "submit", name], value.as_bytes())
            .ok();
        let mut after = self.waiting();
        after.retain(|path| !before.contains(path));
        assert_eq!(after.len(), 1, "{after:?}");
        after.remove(0)
    }

    /// Every file in an inbox, below the vault.
    fn waiting(&self) -> Vec<String> {
        let files = self.house.snapshot();
        let paths = files.keys().filter_map(|path| path.to_str());
        let waiting = paths.filter(|path| path.contains("/.inbox/"));
        waiting
            .filter_map(|path| Some(path.strip_prefix("vault/")?.to_owned()))
            .collect()
    }

    /// Puts a file into the inbox by hand.
    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.house.vault(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[track_caller]
    fn value(&self, name: &str) -> String {
        String::from_utf8(self.house.run(["vault", "get", name]).ok()).unwrap()
    }

    /// What stock `age` opens with alice's key.
    fn age_opens(&self, path: &Path) -> Vec<u8> {
        let mut age = self.house.program("age");
        age.arg("-d").arg("-i").arg(self.house.identity()).arg(path);
        finish(&mut age, b"").ok()
    }

    /// What stock `age` seals for alice.
    fn age_seals(&self, more: &[&str], value: &[u8]) -> Vec<u8> {
        let mut age = self.house.program("age");
        age.args(more).arg("-R");
        age.arg(self.house.home().join("recipients/alice.pub"));
        finish(&mut age, value).ok()
    }

    /// Runs a command with a person at the terminal.
    fn drive(&self, words: &[&str], mut job: Value) -> Value {
        let argv: Vec<&str> = [HOZIRON].iter().chain(words).copied().collect();
        job["argv"] = json!(argv);
        let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pty/drive.py");
        let job = job.to_string();
        let mut python = self.house.program("python3");
        let report = finish(python.arg(driver), job.as_bytes()).ok();
        let seen: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(seen["missed"], Value::Null, "{seen}");
        seen
    }
}

fn mark(path: &str) -> &str {
    let (_, mark) = path.split_once('~').unwrap();
    mark.strip_suffix(".age").unwrap()
}

#[test]
fn a_job_without_a_key_hands_in_and_a_reader_takes() {
    let test = "a_job_without_a_key_hands_in_and_a_reader_takes";
    if !has_judge("age", test) || !has_judge("git", test) {
        return;
    }
    let place = Place::new();
    let house = &place.house;
    let submit = place.outsider(&["vault", "submit", "prod/TOKEN"], b"t0ken\n");
    assert!(
        submit
            .stderr
            .contains("to alice: the readers whom the vault's signed statements")
    );
    assert!(
        submit.stderr.contains("vault accept prod/TOKEN"),
        "{}",
        submit.stderr
    );
    assert_eq!(submit.ok(), b"");
    let [path] = &place.waiting()[..] else {
        panic!("{:?}", place.waiting());
    };
    assert!(path.starts_with("prod/.inbox/TOKEN~"), "{path}");
    let file = fs::read_to_string(house.vault(path)).unwrap();
    assert!(file.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert_eq!(place.age_opens(&house.vault(path)), b"t0ken");
    // Nothing else has changed, and nothing is handed out.
    assert_eq!(house.git(["status", "--porcelain"]).lines().count(), 1);
    assert_eq!(house.run(["vault", "list"]).ok(), b"");
    house.run(["vault", "get", "prod/TOKEN"]).fails(1);

    house.git(["add", "-A"]);
    let mut commit = house.program("git");
    commit.args(["commit", "-q", "-m", "a token"]);
    commit.env("GIT_AUTHOR_NAME", "Eve\x1b[31m Example");
    finish(commit.env("GIT_AUTHOR_EMAIL", "eve@example.org"), b"").ok();
    let plan = house.run(["plan", "--detailed-exitcode"]);
    let plan = String::from_utf8(plan.ok()).unwrap();
    assert!(
        plan.contains(". prod/TOKEN  note         a value from outside waits"),
        "{plan}"
    );
    assert!(plan.contains("`hoziron vault accept prod/TOKEN`"), "{plan}");
    let plan = place
        .outsider(&["plan", "--no-identity", "--json"], b"")
        .ok();
    let plan: Value = serde_json::from_slice(&plan).unwrap();
    assert_eq!(plan["attention"][0]["name"], "prod/TOKEN");
    assert_eq!(plan["attention"][0]["action"], "note");

    // Nobody is at the terminal to be asked.
    let said = house.run(["vault", "accept"]).fails(1);
    assert!(said.contains("name it and add `--yes`"), "{said}");
    house.run(["vault", "accept", "--yes"]).fails(64);
    assert_eq!(place.waiting().len(), 1);
    let accept = house.run(["vault", "accept", "prod/TOKEN", "--yes"]);
    let said = accept.stderr.clone();
    assert!(said.contains("a new secret"), "{said}");
    assert!(said.contains("claimed committer: Eve"), "{said}");
    assert!(
        said.contains("<eve@example.org>") && said.contains("nobody has verified"),
        "{said}"
    );
    assert!(!said.contains('\x1b') && !said.contains("t0ken"), "{said}");
    assert!(said.contains("sealed `prod/TOKEN` for alice"), "{said}");
    assert_eq!(accept.ok(), b"");
    assert_eq!(place.value("prod/TOKEN"), "t0ken");
    assert_eq!(place.age_opens(&house.vault("prod/TOKEN.age")), b"t0ken");
    assert!(!house.vault("prod/.inbox").exists());
    house.run(["vault", "verify"]).ok();
    let said = house.run(["vault", "accept"]);
    assert!(said.stderr.contains("nothing waits"), "{}", said.stderr);
    said.ok();
}

#[test]
fn who_is_right_to_read_is_said_and_a_pin_decides() {
    let place = Place::new();
    let id = vault_id(&place.house);
    let submit = |more: &[&str]| {
        let words = [&["vault", "submit", "KEY"], more].concat();
        place.outsider(&words, b"value")
    };
    let said = submit(&[]);
    assert!(
        said.stderr.contains("nothing here but the repository"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains(&id), "{}", said.stderr);
    said.ok();
    let said = submit(&["--pin", &id]);
    assert!(!said.stderr.contains("nothing here"), "{}", said.stderr);
    said.ok();
    let said = submit(&["--pin", &"a".repeat(32)]).fails(6);
    assert!(said.contains("the pins name another"), "{said}");
    let said = submit(&["--pin", &format!("{id},.>=2")]).fails(6);
    assert!(said.contains("must be 2 or higher"), "{said}");
    // Whoever has accepted the vault before needs no pin.
    place.house.seal("OTHER", b"x");
    let said = place.house.feed(["vault", "submit", "KEY"], b"value");
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    said.ok();
    assert_eq!(place.waiting().len(), 3);
}

/// A claim in `recipients/` lets nobody read what is submitted.
#[test]
fn a_value_is_sealed_to_the_readers_of_the_statements_only() {
    let test = "a_value_is_sealed_to_the_readers_of_the_statements_only";
    if !has_judge("age", test) {
        return;
    }
    let place = Place::new();
    let mallory = age::x25519::Identity::generate();
    let claim = format!("{}\n", mallory.to_public());
    fs::write(place.house.home().join("recipients/mallory.pub"), claim).unwrap();
    let path = place.submit("KEY", "value");
    let text = age::secrecy::ExposeSecret::expose_secret(&mallory.to_string()).to_owned();
    let key = place.house.root().join("mallory");
    fs::write(&key, format!("{text}\n")).unwrap();
    let mut age = place.house.program("age");
    age.arg("-d")
        .arg("-i")
        .arg(key)
        .arg(place.house.vault(&path));
    assert!(!finish(&mut age, b"").status.success());
    assert_eq!(place.age_opens(&place.house.vault(&path)), b"value");
}

#[test]
fn a_plain_age_file_is_taken_when_that_is_said() {
    let test = "a_plain_age_file_is_taken_when_that_is_said";
    if !has_judge("age", test) {
        return;
    }
    let place = Place::new();
    let house = &place.house;
    place.put(".inbox/ONE~00000001.age", &place.age_seals(&["-a"], b"one"));
    place.put(".inbox/TWO~00000002.age", &place.age_seals(&[], b"two\xff"));
    for name in ["ONE", "TWO"] {
        let said = house.run(["vault", "accept", name, "--yes"]).fails(6);
        assert!(said.contains("plain age file"), "{said}");
        house
            .run(["vault", "accept", name, "--yes", "--plain"])
            .ok();
    }
    assert_eq!(house.run(["vault", "get", "ONE"]).ok(), b"one");
    assert_eq!(house.run(["vault", "get", "TWO"]).ok(), b"two\xff");
    assert_eq!(place.waiting(), Vec::<String>::new());
}

#[test]
fn what_is_no_submission_for_its_name_is_refused() {
    let test = "what_is_no_submission_for_its_name_is_refused";
    if !has_judge("age", test) {
        return;
    }
    let place = Place::new();
    let house = &place.house;
    house.seal("OWN", b"own-canary");
    let other = Place::new();
    let foreign = other.submit("KEY", "foreign-canary");
    let foreign = fs::read(other.house.vault(&foreign)).unwrap();
    let own = place.submit("prod/OTHER", "other-canary");
    let named = fs::read(house.vault(&own)).unwrap();
    fs::remove_file(house.vault(&own)).unwrap();
    let sealed = fs::read(house.vault("OWN.age")).unwrap();
    let keys = house.snapshot().into_iter();
    let mut grants = keys.filter(|(path, _)| path.ends_with("alice.age"));
    let grant = grants.next().unwrap().1;
    let bob = age::x25519::Identity::generate().to_public().to_string();
    let mut age = house.program("age");
    let for_bob = finish(age.args(["-a", "-r", &bob]), b"bob-canary").ok();
    let mut cut = named.clone();
    cut.truncate(named.len() / 2);
    for (bytes, code, why) in [
        (foreign, 6, "another vault"),
        (named, 6, "another name"),
        (sealed, 6, "a sealed file of a vault"),
        (grant, 6, "a folder key of this vault"),
        (for_bob, 5, "none of the identities opens it"),
        (cut, 6, "damaged"),
        (b"plaintext-canary\n".to_vec(), 6, "damaged"),
    ] {
        place.put(".inbox/KEY~aaaaaaaa.age", &bytes);
        let before = house.snapshot();
        for words in [
            &["vault", "accept", "KEY", "--yes", "--plain"][..],
            &["vault", "accept", "KEY~aaaaaaaa", "--yes", "--plain"],
            &["vault", "accept", "KEY"],
        ] {
            let said = house.run(words).fails(code);
            assert!(said.contains(why), "{why}: {said}");
            assert!(!said.contains("canary"), "{said}");
        }
        // Among all that waits, it is said and passed over.
        let said = house.run(["vault", "accept"]).fails(6);
        assert!(said.contains(why), "{why}: {said}");
        assert!(house.snapshot() == before, "{why}: something was written");
    }
    house.run(["vault", "get", "KEY"]).fails(1);
    assert_eq!(place.value("OWN"), "own-canary");
}

#[test]
fn nothing_is_overwritten_until_a_reader_says_so() {
    let place = Place::new();
    let house = &place.house;
    house.seal("KEY", b"in use");
    let first = place.submit("KEY", "first");
    let second = place.submit("KEY", "second");
    assert_ne!(mark(&first), mark(&second));
    assert_eq!(place.value("KEY"), "in use");
    let said = house.run(["vault", "accept", "KEY", "--yes"]).fails(1);
    assert!(said.contains(&format!("KEY~{}", mark(&first))), "{said}");
    assert_eq!(place.value("KEY"), "in use");

    let one = format!("KEY~{}", mark(&second));
    let said = house.run(["vault", "accept", &one, "--yes"]);
    assert!(said.stderr.contains("replaces revision"), "{}", said.stderr);
    said.ok();
    assert_eq!(place.value("KEY"), "second");
    assert_eq!(place.waiting(), [first]);
    // The same value writes nothing but the end of the submission.
    let sealed = fs::read(house.vault("KEY.age")).unwrap();
    house
        .run(["vault", "accept", "KEY", "--reject", "--yes"])
        .ok();
    let same = place.submit("KEY", "second");
    let said = house.run(["vault", "accept", "KEY", "--yes"]);
    assert!(said.stderr.contains("unchanged"), "{}", said.stderr);
    said.ok();
    assert_eq!(fs::read(house.vault("KEY.age")).unwrap(), sealed);
    assert!(!house.vault(&same).exists());
}

#[test]
fn what_is_rejected_goes_and_nothing_else_does() {
    let place = Place::new();
    let house = &place.house;
    let kept = place.submit("KEPT", "kept");
    place.submit("KEY", "one");
    place.submit("KEY", "two");
    house.run(["vault", "accept", "--reject"]).fails(64);
    let said = house.run(["vault", "accept", "--reject", "NONE", "--yes"]);
    assert!(said.fails(1).contains("nothing of this name"));
    let said = house.run(["vault", "accept", "--reject", "KEY"]).fails(1);
    assert!(said.contains("add `--yes`"), "{said}");
    assert_eq!(place.waiting().len(), 3);
    // Whoever holds no key may reject as well: he may write to the repository.
    let said = place.outsider(&["vault", "accept", "--reject", "KEY", "--yes"], b"");
    assert_eq!(
        said.code(),
        1,
        "two wait, and nobody is asked: {}",
        said.stderr
    );
    for path in place.waiting() {
        let one = format!("KEY~{}", mark(&path));
        if path != kept {
            house
                .run(["vault", "accept", "--reject", &one, "--yes"])
                .ok();
        }
    }
    assert_eq!(place.waiting(), [kept]);
}

#[test]
fn a_value_that_does_not_fit_its_declaration_is_refused_at_both_ends() {
    let place = Place::new();
    let manifest = place.house.home().join("hoziron.toml");
    let path = place.submit("PORT", "no-number-canary");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        format!("{text}\n[secrets.PORT]\ntype = \"port\"\n"),
    )
    .unwrap();
    let said = place.outsider(&["vault", "submit", "PORT"], b"no-number-canary");
    let said = said.fails(1);
    assert!(said.contains("declared"), "{said}");
    let accept = place
        .house
        .run(["vault", "accept", "PORT", "--yes"])
        .fails(1);
    assert!(accept.contains("declared"), "{accept}");
    assert!(!format!("{said}{accept}").contains("canary"));
    assert_eq!(place.waiting(), [path]);
    place.outsider(&["vault", "submit", "PORT"], b"8080").ok();
}

/// What anybody may put into an inbox is told, and stops nothing.
#[test]
fn a_full_and_hostile_inbox_disturbs_nothing() {
    let place = Place::new();
    let house = &place.house;
    house.seal("KEY", b"value");
    house.seal("prod/KEY", b"value in prod");
    house.commit("values");
    let path = place.submit("KEY", "submitted");
    let file = fs::read(house.vault(&path)).unwrap();
    let inbox = house.vault(".inbox");
    std::os::unix::fs::symlink("/etc/passwd", inbox.join("KEY~llllllll.age")).unwrap();
    std::os::unix::fs::symlink("/etc", house.vault("prod/.inbox")).unwrap();
    fs::create_dir(inbox.join("KEY~dddddddd.age")).unwrap();
    fs::create_dir_all(house.vault(".inbox/prod/.keys")).unwrap();
    finish(
        house.program("mkfifo").arg(inbox.join("KEY~ffffffff.age")),
        b"",
    )
    .ok();
    place.put(".inbox/..~00000000.age", &file);
    place.put(".inbox/LD_PRELOAD~00000000.age", &file);
    place.put(".inbox/KEY\x1b[2J~00000000.age", &file);
    place.put(".inbox/.gitkeep", b"");

    assert_eq!(house.run(["vault", "list"]).ok(), b"KEY\nprod/KEY\n");
    assert_eq!(house.run(["vault", "verify"]).ok(), b"2 verified\n");
    assert_eq!(place.value("KEY"), "value");
    let exec = house.run(["env", "exec", "--", "sh", "-c", "printf %s \"$KEY\""]);
    assert_eq!(exec.ok(), b"value");
    let doctor = house.run(["doctor"]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(!doctor.contains("inbox"), "{doctor}");
    let plan = house.run(["plan", "--detailed-exitcode"]).ok();
    let plan = String::from_utf8(plan).unwrap();
    for told in [
        ".inbox/KEY~llllllll.age` is a symbolic link",
        ".inbox/KEY~dddddddd.age` is a folder",
        ".inbox/KEY~ffffffff.age` is a named pipe",
        "vault/prod/.inbox",
        "No changes. 2 secrets match",
    ] {
        assert!(plan.contains(told), "{told}: {plan}");
    }
    assert!(!plan.contains('\x1b'), "{plan:?}");
    house.run(["apply", "--yes"]).ok();
    let said = house
        .run(["vault", "accept", "KEY~llllllll", "--yes"])
        .fails(1);
    assert!(said.contains("nothing of this name"), "{said}");
    place
        .outsider(&["vault", "submit", "prod/NEW"], b"x")
        .fails(6);
    assert!(!Path::new("/etc/NEW").exists());
    house
        .run(["vault", "accept", &format!("KEY~{}", mark(&path)), "--yes"])
        .ok();
    assert_eq!(place.value("KEY"), "submitted");
    let said = house
        .run(["vault", "accept", "LD_PRELOAD", "--yes"])
        .fails(6);
    assert!(said.contains("another name"), "{said}");
}

#[test]
fn a_submission_is_no_leak_and_plaintext_in_an_inbox_is() {
    let place = Place::new();
    let house = &place.house;
    place.submit("KEY", "submitted");
    house.commit("submitted");
    house.run(["scan"]).ok();
    place.put(".inbox/KEY~00000000.age", b"hunter2\n");
    house.git(["add", "-A"]);
    let scan = house.run(["scan", "--staged"]);
    assert_eq!(scan.code(), 1, "{}", scan.stderr);
    let text = String::from_utf8(scan.stdout).unwrap();
    assert!(text.contains(".inbox/KEY~00000000.age"), "{text}");
}

#[test]
fn git_keeps_its_hands_off_an_inbox() {
    let place = Place::new();
    let house = &place.house;
    house.run(["git", "install", "--yes"]);
    house.git(["checkout", "-q", "-b", "side"]);
    let side = place.submit("prod/KEY", "side");
    house.commit("side");
    house.git(["checkout", "-q", "main"]);
    let main = place.submit("prod/KEY", "main");
    house.commit("main");
    house.git(["merge", "-q", "--no-edit", "side"]);
    for path in [&side, &main] {
        let path = format!(".hoziron/vault/{path}");
        let found = house.git(["check-attr", "merge", "diff", "text", "filter", "--", &path]);
        let values: Vec<_> = found
            .lines()
            .filter_map(|line| line.rsplit(": ").next())
            .collect();
        assert_eq!(
            values,
            ["binary", "unset", "unset", "unspecified"],
            "{found}"
        );
    }
    let top = house.git([
        "check-attr",
        "merge",
        "--",
        ".hoziron/vault/.inbox/A~00000000.age",
    ]);
    assert!(top.ends_with("merge: binary\n"), "{top}");
    for path in [side, main] {
        let one = format!("prod/KEY~{}", mark(&path));
        house.run(["vault", "accept", &one, "--yes"]).ok();
    }
    assert_eq!(place.value("prod/KEY"), "main");
}

#[test]
fn an_inbox_has_an_end() {
    let place = Place::new();
    let file = fs::read(place.house.vault(&place.submit("KEY", "value"))).unwrap();
    for index in 0..101 {
        place.put(&format!(".inbox/KEY~{index:08}.age"), &file);
    }
    let said = place
        .outsider(&["vault", "submit", "KEY"], b"value")
        .fails(1);
    assert!(said.contains("100 values wait already"), "{said}");
    let plan = String::from_utf8(place.house.run(["plan"]).ok()).unwrap();
    assert!(plan.contains("100 values from outside wait"), "{plan}");
    assert!(plan.contains("2 more files are in an inbox"), "{plan}");
    assert_eq!(place.waiting().len(), 102);
}

/// Who was a reader when it was submitted could open it, and is in no trail.
#[test]
fn a_submission_for_somebody_who_has_left_is_said_to_be() {
    let place = Place::new();
    let house = &place.house;
    let bob = age::x25519::Identity::generate().to_public();
    let file = house.home().join("recipients/bob.pub");
    fs::write(&file, format!("{bob}\n")).unwrap();
    let digest = digest(house);
    house
        .run(["apply", "--yes", "--accept-recipients", &digest])
        .ok();
    place.submit("KEY", "value");
    fs::remove_file(file).unwrap();
    house.run(["apply", "--yes"]).ok();
    let accept = house.run(["vault", "accept", "KEY", "--yes"]);
    assert!(
        accept.stderr.contains("sealed for other keys"),
        "{}",
        accept.stderr
    );
    accept.ok();
}

#[test]
fn a_person_looks_at_a_value_and_is_asked() {
    let test = "a_person_looks_at_a_value_and_is_asked";
    if !has_judge("python3", test) {
        return;
    }
    let place = Place::new();
    place.submit("KEY", "shown \x1b[31m once");
    let said = place
        .house
        .run(["vault", "accept", "KEY", "--show"])
        .fails(64);
    assert!(said.contains("terminal only"), "{said}");
    let question = "seal it as `KEY` for alice? [y/N] ";
    let seen = place.drive(
        &["vault", "accept", "--show"],
        json!({ "screen": true, "steps": [["expect", question], ["type", "n\r"]] }),
    );
    let text = seen["terminal"].as_str().unwrap();
    assert!(text.contains("shown \\u{1b}[31m once"), "{text}");
    assert!(text.contains("claimed committer: none"), "{text}");
    assert_eq!(place.waiting().len(), 1);

    let seen = place.drive(
        &["vault", "accept", "KEY"],
        json!({ "steps": [["expect", question], ["type", "y\r"]] }),
    );
    assert_eq!(seen["exit"], 0, "{seen}");
    assert!(
        !seen["terminal"].as_str().unwrap().contains("shown"),
        "{seen}"
    );
    assert_eq!(place.value("KEY"), "shown \x1b[31m once");
}

/// What is sealed is what was looked at, or nothing.
#[test]
fn a_submission_that_changes_while_it_is_looked_at_is_not_taken() {
    let test = "a_submission_that_changes_while_it_is_looked_at_is_not_taken";
    if !has_judge("python3", test) {
        return;
    }
    let place = Place::new();
    let first = place.submit("KEY", "looked at");
    let second = place.submit("KEY", "exchanged");
    let [from, to] = [&second, &first].map(|path| place.house.vault(path));
    let exchange = format!("mv '{}' '{}'", from.display(), to.display());
    let one = format!("KEY~{}", mark(&first));
    let seen = place.drive(
        &["vault", "accept", &one],
        json!({ "steps": [
            ["expect", "[y/N] "],
            ["do", exchange],
            ["type", "y\r"],
        ] }),
    );
    assert_eq!(seen["exit"], 4, "{seen}");
    place.house.run(["vault", "get", "KEY"]).fails(1);
    assert_eq!(place.waiting(), [first]);
}
