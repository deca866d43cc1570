//! Age plugins, with a toy that speaks the protocol (`tests/plugin/toy.py`): the user's own
//! configuration allows one by name, and nothing else does; it gets none of what opens secrets; what
//! it asks is asked at the terminal.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::house::{HOZIRON, House, Outcome, finish, has_judge};
use crate::identities::{NAME, VALUE, assert_discreet, configure, key, keyless, put};
use crate::passphrases::at_terminal;

const ALLOWED: &str = "plugins = [\"other\", \"toy\"]";

/// A vault whose key only the toy holds.
struct Toy {
    house: House,
    path: String,
}

impl Toy {
    /// `None` where there is no Python.
    fn new(test: &str) -> Option<Self> {
        if !has_judge("python3", test) {
            return None;
        }
        let house = keyless();
        let bin = house.root().join("bin");
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
        let script = format!(
            "#!/bin/sh\nexport PYTHONPATH='{tests}/second' PYTHONDONTWRITEBYTECODE=1\n\
             exec python3 '{tests}/plugin/toy.py' \"$@\"\n"
        );
        put(&bin.join("age-plugin-toy"), script, 0o755);
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let toy = Self { house, path };
        let text = toy.identity("toy");
        put(&toy.house.identity(), text, 0o600);
        Some(toy)
    }

    /// The text of the vault's key as an identity of a plugin, and the vault that it trusts.
    fn identity(&self, name: &str) -> String {
        let manifest = fs::read_to_string(self.house.home().join("hoziron.toml")).unwrap();
        let line = manifest.lines().find(|line| line.starts_with("id "));
        let id = line.unwrap().split('"').nth(1).unwrap();
        let key = fs::read(key(&self.house)).unwrap();
        let mut command = self
            .house
            .program(self.house.root().join("bin/age-plugin-toy"));
        command
            .args(["--identity", name])
            .env("TOY_LOG", "/dev/null");
        let line = String::from_utf8(finish(&mut command, &key).ok()).unwrap();
        format!("# hoziron vault {id}\n{line}")
    }

    fn log(&self) -> PathBuf {
        self.house.root().join("log")
    }

    /// What was run since the last time.
    fn runs(&self) -> String {
        let runs = fs::read_to_string(self.log()).unwrap_or_default();
        let _ = fs::remove_file(self.log());
        runs
    }

    #[track_caller]
    fn get(&self, variables: &[(&str, &str)]) -> Outcome {
        let mut command = self.house.hoziron(["vault", "get", NAME]);
        command.env("PATH", &self.path).env("TOY_LOG", self.log());
        let outcome = finish(command.envs(variables.iter().copied()), b"");
        assert_discreet(&outcome.stderr);
        outcome
    }
}

#[test]
fn a_plugin_opens_when_the_user_allows_it() {
    let Some(toy) = Toy::new("a_plugin_opens_when_the_user_allows_it") else {
        return;
    };
    let said = toy.get(&[]).fails(5);
    assert!(
        said.contains("(plugin `toy`): not run; allow it with `plugins = [\"toy\"]`"),
        "{said}"
    );
    configure(
        &toy.house,
        "plugins = [\"other\", \"to\", \"toyy\", \"age-plugin-toy\"]",
    );
    toy.get(&[]).fails(5);
    assert_eq!(toy.runs(), "");

    configure(&toy.house, ALLOWED);
    assert!(toy.get(&[]).ok() == VALUE);
    assert_eq!(toy.runs(), "--age-plugin=identity-v1\n");
    // A program that is not there is said; so is one that breaks.
    let path = std::env::var("PATH").unwrap();
    let said = toy.get(&[("PATH", &path)]).fails(5);
    assert!(said.contains("its program is not on the PATH"), "{said}");
    let said = toy.get(&[("TOY_BREAKS", "1")]).fails(5);
    assert!(said.contains("(plugin `toy`): age-plugin-toy"), "{said}");
}

/// A copy of the user's configuration anywhere in the repository allows nothing.
#[test]
fn a_repository_allows_no_plugin() {
    let Some(toy) = Toy::new("a_repository_allows_no_plugin") else {
        return;
    };
    let repo = toy.house.repo();
    for path in [
        "config.toml",
        ".hoziron/config.toml",
        ".config/hoziron/config.toml",
    ] {
        put(&repo.join(path), ALLOWED, 0o600);
    }
    // Nor does a recipient in it run one.
    put(
        &toy.house.home().join("recipients/bob.pub"),
        "age1toy1qqqq\n",
        0o644,
    );
    let program = fs::read(toy.house.root().join("bin/age-plugin-toy")).unwrap();
    put(&repo.join("age-plugin-toy"), program, 0o755);
    toy.get(&[]).fails(5);
    let identity = fs::read_to_string(toy.house.identity()).unwrap();
    toy.get(&[("HOZIRON_IDENTITY", &identity)]).fails(5);
    assert_eq!(toy.runs(), "");
}

/// Where a PATH leads into the repository, or to wherever one stands, no plugin is looked for.
#[test]
fn a_plugin_does_not_come_from_the_repository() {
    let Some(toy) = Toy::new("a_plugin_does_not_come_from_the_repository") else {
        return;
    };
    configure(&toy.house, ALLOWED);
    let ran = toy.house.root().join("ran");
    let script = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
    let repo = toy.house.repo();
    put(&repo.join("age-plugin-toy"), script, 0o755);
    for first in [".", "", "../repo", repo.to_str().unwrap()] {
        let path = format!("{first}:{}", toy.path);
        assert!(toy.get(&[("PATH", &path)]).ok() == VALUE, "{first:?}");
    }
    assert!(!ran.exists());
}

/// A name is a word, not a path (age GHSA-32gq-x56h-299c).
#[test]
fn a_plugin_is_not_named_by_a_path() {
    let Some(toy) = Toy::new("a_plugin_is_not_named_by_a_path") else {
        return;
    };
    let ran = toy.house.root().join("ran");
    let script = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
    // `age-plugin-x/../evil` is a path once there is a folder `age-plugin-x`.
    for folder in [toy.house.root().join("bin"), toy.house.repo()] {
        fs::create_dir(folder.join("age-plugin-x")).unwrap();
        put(&folder.join("evil"), &script, 0o755);
    }
    for name in ["x/../evil", "../evil", "/evil", "to.y"] {
        configure(&toy.house, &format!("plugins = [\"toy\", {name:?}]"));
        let text = toy.identity(name);
        let said = toy.get(&[("HOZIRON_IDENTITY", &text)]).fails(1);
        assert!(said.contains("HOZIRON_IDENTITY: line 2"), "{said}");
    }
    assert!(!ran.exists());
}

/// Nothing that opens secrets is in the plugin's environment, even when its own identity came so.
#[test]
fn a_plugin_gets_no_other_key() {
    let Some(toy) = Toy::new("a_plugin_gets_no_other_key") else {
        return;
    };
    configure(&toy.house, ALLOWED);
    let identity = fs::read_to_string(toy.house.identity()).unwrap();
    let path = toy.house.identity();
    let path = path.to_str().unwrap();
    for (name, value) in [
        ("HOZIRON_IDENTITY", &*identity),
        ("HOZIRON_IDENTITY_FILE", path),
        ("SOPS_AGE_KEY", &identity),
        ("SOPS_AGE_KEY_FILE", path),
        ("AGE_PASSPHRASE", "canary"),
    ] {
        assert!(toy.get(&[(name, value)]).ok() == VALUE, "{name}");
        let runs = toy.runs();
        // The same identity from two places is one plugin's, asked at most twice.
        assert!(
            runs.lines().all(|run| run == "--age-plugin=identity-v1"),
            "{name}: {runs}"
        );
        assert!(!runs.is_empty());
    }
}

/// What a plugin asks is asked hidden; without a terminal it gets no answer.
#[test]
fn a_plugin_may_ask_for_a_pin() {
    let Some(toy) = Toy::new("a_plugin_may_ask_for_a_pin") else {
        return;
    };
    configure(&toy.house, ALLOWED);
    let log = toy.log();
    let variables = [
        ("PATH", &*toy.path),
        ("TOY_LOG", log.to_str().unwrap()),
        ("TOY_ASKS", "canary-1234"),
    ];
    let words = [HOZIRON, "vault", "get", NAME];
    for (pin, code, stdout) in [("canary-1234\r", 0, VALUE), ("canary\r", 5, b"")] {
        let steps = json!([
            ["expect", "touch the toy"],
            ["expect", "the toy's PIN: "],
            ["note"],
            ["type", pin]
        ]);
        let seen = at_terminal(&toy.house, &words, &variables, steps);
        assert_eq!(seen["exit"], json!(code), "{seen}");
        assert!(seen["stdout"].as_str().unwrap().as_bytes() == stdout);
        assert_eq!(seen["notes"], json!([false]));
    }
    let mut command = toy.house.program("setsid");
    command.args(["-w"]).args(words).envs(variables);
    let said = finish(&mut command, b"").fails(5);
    assert!(!said.contains("canary") && Path::new(&log).exists());
}
