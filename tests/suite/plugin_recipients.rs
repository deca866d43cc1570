//! Public keys of age plugins among the readers, with the same toy: its program seals only if the user's
//! own configuration allows the name, gets nothing that opens secrets, and is not run where its stanzas
//! can stay. Looking at such a vault runs nothing. Keys that cannot share a file are told apart by name.
//! Stock `age`, with the same plugin, is the judge of what was sealed.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519;

use crate::house::{House, Outcome, finish, has_judge};
use crate::identities::{assert_discreet, configure, put};

const VALUE: &[u8] = b"canary-5ecre7";
const ALLOWED: &str = "plugins = [\"other\", \"toy\"]";
const SEALS: &str = "--age-plugin=recipient-v1\n";

/// A post-quantum key of a kind that needs no program (from the tests of the `age` crate).
const POST_QUANTUM: &str = include_str!("../../fixtures/recipients/age1tagpq.txt");

/// Whatever only looks at a vault.
const LOOKING: &[&[&str]] = &[
    &["plan"],
    &["plan", "--no-identity", "--json"],
    &["vault", "access"],
    &["vault", "access", "--format", "html"],
    &["vault", "members", "list"],
    &["vault", "members", "show", "bob"],
    &["vault", "members", "show", "bob", "--json"],
    &["vault", "exposure", "bob"],
    &["vault", "join", "--status"],
    &["vault", "get", "KEY"],
    &["vault", "list"],
    &["vault", "show", "KEY"],
    &["vault", "verify"],
    &["env", "export", "--format", "json"],
    &["env", "exec", "--", "true"],
    &["doctor"],
    &["scan"],
];

/// A vault of alice's with two secrets, and the toy on the PATH. Bob's key is the toy's.
struct Toys {
    house: House,
    bob: x25519::Identity,
}

impl Toys {
    /// `None` where there is no Python, or no `age`.
    fn new(test: &str) -> Option<Self> {
        if !has_judge("python3", test) || !has_judge("age", test) {
            return None;
        }
        let house = House::new();
        house.seal("KEY", VALUE);
        house.seal("OTHER", VALUE);
        let toys = Self {
            house,
            bob: x25519::Identity::generate(),
        };
        toys.install("toy", &toys.bin());
        Some(toys)
    }

    fn bin(&self) -> PathBuf {
        self.house.root().join("bin")
    }

    fn log(&self) -> PathBuf {
        self.house.root().join("log")
    }

    fn install(&self, name: &str, folder: &Path) {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
        let script = format!(
            "#!/bin/sh\nexport PYTHONPATH='{tests}/second' PYTHONDONTWRITEBYTECODE=1\n\
             export TOY_LOG=\"${{TOY_LOG:-{}}}\"\nexec python3 '{tests}/plugin/toy.py' \"$@\"\n",
            self.log().display()
        );
        put(&folder.join(format!("age-plugin-{name}")), script, 0o755);
    }

    /// The toy writes a key as somebody's identity or recipient.
    fn toy(&self, option: &str, name: &str, key: &x25519::Identity) -> String {
        let mut command = self.house.program(self.bin().join("age-plugin-toy"));
        command.args([option, name]).env("TOY_LOG", "/dev/null");
        let text = key.to_string();
        let line = finish(&mut command, text.expose_secret().as_bytes()).ok();
        String::from_utf8(line).unwrap()
    }

    /// Bob's key as a recipient of a plugin.
    fn bob_of(&self, plugin: &str) -> String {
        self.toy("--recipient", plugin, &self.bob)
    }

    fn claim(&self, who: &str, key: &str) {
        let file = self.house.home().join(format!("recipients/{who}.pub"));
        put(&file, key, 0o644);
    }

    /// What was run since the last time.
    fn runs(&self) -> String {
        let runs = fs::read_to_string(self.log()).unwrap_or_default();
        let _ = fs::remove_file(self.log());
        runs
    }

    #[track_caller]
    fn run(&self, words: &[&str], variables: &[(&str, &str)], stdin: &[u8]) -> Outcome {
        let mut command = self.house.hoziron(words);
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.bin().display());
        command.env("PATH", path).envs(variables.iter().copied());
        let outcome = finish(&mut command, stdin);
        assert_discreet(&outcome.stderr);
        outcome
    }

    /// Carries out whatever there is to do, whoever it lets in.
    #[track_caller]
    fn apply(&self, variables: &[(&str, &str)]) -> Outcome {
        self.runs();
        let plan = self.run(&["plan", "--json"], &[], b"").ok();
        let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
        assert!(!self.runs().contains(SEALS), "a plan seals");
        let mut words = vec!["apply", "--yes"];
        if let Some(digest) = plan["recipients_digest"].as_str() {
            words.extend(["--accept-recipients", digest]);
        }
        self.run(&words, variables, b"")
    }

    /// Bob is let in.
    fn let_bob_in(&self) {
        self.claim("bob", &self.bob_of("toy"));
        configure(&self.house, ALLOWED);
        self.apply(&[]).ok();
        self.runs();
    }

    /// Stock `age` opens a secret, with the plugin, and with the same key as it is.
    #[track_caller]
    fn bob_opens(&self, name: &str, value: &[u8]) {
        let plain = self.bob.to_string().expose_secret().to_owned();
        for text in [self.toy("--identity", "toy", &self.bob), plain] {
            let key = self.house.root().join("bob.txt");
            put(&key, text, 0o600);
            let mut command = self.house.program("age");
            let path = std::env::var("PATH").unwrap();
            command.env("PATH", format!("{}:{path}", self.bin().display()));
            command.args(["-d", "-i"]).arg(key);
            command.arg(self.house.vault(&format!("{name}.age")));
            assert!(finish(&mut command, b"").ok() == value);
        }
        self.runs();
    }
}

#[test]
fn a_plugin_seals_when_the_user_allows_it() {
    let Some(toys) = Toys::new("a_plugin_seals_when_the_user_allows_it") else {
        return;
    };
    let key = toys.bob_of("toy");
    let add = ["vault", "members", "add", "bob", key.trim()];
    toys.run(&add, &[], b"").ok();
    for config in ["", "plugins = [\"other\", \"to\", \"age-plugin-toy\"]"] {
        configure(&toys.house, config);
        let before = toys.house.snapshot();
        let said = toys.apply(&[]).fails(1);
        assert!(
            said.contains(
                "cannot seal to the key of bob: it takes the plugin `toy`, which you have not allowed"
            ),
            "{said}"
        );
        assert!(
            said.contains("`plugins = [\"toy\"]` in ~/.config"),
            "{said}"
        );
        assert_eq!(toys.runs(), "");
        assert!(toys.house.snapshot() == before, "something was written");
    }
    configure(&toys.house, ALLOWED);
    toys.apply(&[]).ok();
    // The grant, and one wrap a file.
    assert_eq!(toys.runs(), SEALS.repeat(3));
    toys.bob_opens("KEY", VALUE);
    toys.bob_opens("OTHER", VALUE);
    let said = toys.run(&["plan"], &[], b"").ok();
    assert!(said.starts_with(b"No changes. 2 secrets"));

    toys.run(&["vault", "set", "KEY"], &[], b"canary-new").ok();
    assert_eq!(toys.runs(), SEALS);
    toys.bob_opens("KEY", b"canary-new");
    // Its program may be missing, break, or refuse.
    let path = std::env::var("PATH").unwrap();
    for (variable, expected) in [
        (("PATH", &*path), "`age-plugin-toy` is not on the PATH"),
        (("TOY_BREAKS", "1"), "the plugin `toy` did not seal to it"),
        (
            ("TOY_REFUSES", "no\ntoday\u{1b}[2J"),
            "did not seal to it: 'age-plugin-toy' couldn't use recipient it: no today[2J",
        ),
    ] {
        let said = toys
            .run(&["vault", "set", "KEY"], &[variable], b"x")
            .fails(1);
        assert!(said.contains(expected), "{said}");
    }
    toys.bob_opens("KEY", b"canary-new");
}

/// Who has the plugin's identity reads with hoziron, too.
#[test]
fn who_reads_by_a_plugin_is_a_member_like_any_other() {
    let Some(toys) = Toys::new("who_reads_by_a_plugin_is_a_member_like_any_other") else {
        return;
    };
    toys.let_bob_in();
    let manifest = fs::read_to_string(toys.house.home().join("hoziron.toml")).unwrap();
    let id = manifest.lines().find(|line| line.starts_with("id "));
    let id = id.unwrap().split('"').nth(1).unwrap().to_owned();
    fs::rename(toys.house.identity(), toys.house.root().join("alice.txt")).unwrap();
    put(
        &toys.house.identity(),
        toys.toy("--identity", "toy", &toys.bob),
        0o600,
    );
    let get = ["--pin", &id, "vault", "get", "KEY"];
    assert!(toys.run(&get, &[], b"").ok() == VALUE);
    let set = ["--pin", &id, "vault", "set", "KEY"];
    toys.run(&set, &[], b"canary-bob").ok();
    toys.bob_opens("KEY", b"canary-bob");
}

/// File key, payload and the stanzas of the others stay, so only the newcomer's key is sealed to.
#[test]
fn a_plugin_is_not_run_where_its_stanzas_stay() {
    let Some(toys) = Toys::new("a_plugin_is_not_run_where_its_stanzas_stay") else {
        return;
    };
    toys.let_bob_in();
    configure(&toys.house, "");
    let carol = x25519::Identity::generate();
    toys.claim("carol", &carol.to_public().to_string());
    toys.apply(&[]).ok();
    assert_eq!(toys.runs(), "");
    toys.bob_opens("KEY", VALUE);
    let text = fs::read_to_string(toys.house.vault("KEY.age")).unwrap();
    let file = age::armor::ArmoredReader::new(text.as_bytes());
    let decryptor = age::Decryptor::new(file).unwrap();
    let opened = decryptor.decrypt(std::iter::once(&carol as &dyn age::Identity));
    assert!(opened.is_ok());
    // Where somebody leaves there is a new key, which takes everybody's.
    fs::remove_file(toys.house.home().join("recipients/carol.pub")).unwrap();
    toys.apply(&[]).fails(1);
    configure(&toys.house, ALLOWED);
    toys.apply(&[]).ok();
    assert_eq!(toys.runs(), SEALS.repeat(3));
    toys.bob_opens("KEY", VALUE);
}

/// Neither a claim nor a signed statement has a program run, wherever it lies and however it is called.
#[test]
fn a_cloned_repository_runs_no_plugin() {
    let Some(toys) = Toys::new("a_cloned_repository_runs_no_plugin") else {
        return;
    };
    for folder in [toys.bin(), toys.house.repo(), toys.house.home()] {
        toys.install("evil", &folder);
    }
    let repo = toys.house.repo();
    for path in ["config.toml", ".config/hoziron/config.toml"] {
        put(&repo.join(path), "plugins = [\"evil\", \"toy\"]", 0o600);
    }
    let path = std::env::var("PATH").unwrap();
    let path = format!(".:{}:{path}:{}", toys.bin().display(), repo.display());
    let evil = toys.bob_of("evil");
    toys.claim("bob", &evil);
    for config in ["", ALLOWED] {
        configure(&toys.house, config);
        for words in LOOKING {
            let code = toys.run(words, &[("PATH", &path)], b"").code();
            assert!(code <= 3, "{words:?}: {code}");
        }
        toys.apply(&[("PATH", &path)]).fails(1);
        assert_eq!(toys.runs(), "");
    }
    // The statement has it, once somebody who allows it has let bob in.
    configure(&toys.house, "plugins = [\"evil\"]");
    toys.claim("bob", &toys.bob_of("toy"));
    configure(&toys.house, ALLOWED);
    toys.apply(&[]).ok();
    assert_eq!(toys.runs(), SEALS.repeat(3));
    toys.house.commit("bob is in");
    configure(&toys.house, "plugins = [\"evil\"]");
    for words in LOOKING {
        let outcome = toys.run(words, &[("PATH", &path)], b"");
        assert!(outcome.code() <= 1, "{words:?}: {}", outcome.stderr);
    }
    let said = toys.run(&["vault", "set", "NEW"], &[], b"x").fails(1);
    assert!(
        said.contains("the key of bob: it takes the plugin `toy`"),
        "{said}"
    );
    assert_eq!(toys.runs(), "");
}

/// Nothing that opens secrets is in its environment, and what was piped in arrives.
#[test]
fn a_plugin_that_seals_gets_no_key() {
    let Some(toys) = Toys::new("a_plugin_that_seals_gets_no_key") else {
        return;
    };
    toys.let_bob_in();
    let identity = fs::read_to_string(toys.house.identity()).unwrap();
    let variables = [
        ("HOZIRON_IDENTITY", &*identity),
        ("SOPS_AGE_KEY", &identity),
        ("AGE_PASSPHRASE", "canary"),
        ("AGEDEBUG", "plugin"),
    ];
    let set = toys.run(&["vault", "set", "KEY"], &variables, b"canary-piped");
    assert!(!set.stderr.contains("wrap-file-key"), "a file key is shown");
    set.ok();
    assert_eq!(toys.runs(), SEALS);
    toys.bob_opens("KEY", b"canary-piped");
    let apply = ["apply", "--yes", "--input", "-"];
    toys.run(&apply, &variables, b"KEY=canary-given\n").ok();
    assert_eq!(toys.runs(), SEALS);
    toys.bob_opens("KEY", b"canary-given");
}

/// Found by what the keys say of themselves: the plan says so, before anything is sealed.
#[test]
fn keys_that_cannot_share_a_folder_are_blocked_by_name() {
    let Some(toys) = Toys::new("keys_that_cannot_share_a_folder_are_blocked_by_name") else {
        return;
    };
    configure(&toys.house, "plugins = [\"pq\", \"toy\"]");
    toys.install("pq", &toys.bin());
    let before = fs::read(toys.house.vault("KEY.age")).unwrap();
    for key in [POST_QUANTUM, &toys.bob_of("pq")] {
        toys.claim("bob", key);
        let plan = toys.run(&["plan", "--no-identity", "--detailed-exitcode"], &[], b"");
        assert_eq!(plan.code(), 3);
        let shown = String::from_utf8(plan.stdout).unwrap();
        let expected = "the readers of `.`: these keys cannot share a file: alice (classic); \
                        bob (post-quantum)";
        assert!(shown.contains(expected), "{shown}");
        assert!(
            shown.contains("`hoziron vault members replace-key`"),
            "{shown}"
        );
        let said = toys.apply(&[]).fails(3);
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(toys.runs(), "");
    assert!(fs::read(toys.house.vault("KEY.age")).unwrap() == before);
    let new = [
        "--home",
        "elsewhere",
        "vault",
        "init",
        "--name",
        "a",
        "--recipient",
    ];
    let mut words = new.to_vec();
    words.extend([POST_QUANTUM.trim(), "--recovery"]);
    let said = toys.run(&words, &[], b"").fails(64);
    assert!(said.contains("a (post-quantum)"), "{said}");
}

/// Found by what a plugin answers when it seals: the same words, and nothing is written.
#[test]
fn a_plugin_whose_labels_differ_is_refused_in_the_same_words() {
    let Some(toys) = Toys::new("a_plugin_whose_labels_differ_is_refused_in_the_same_words") else {
        return;
    };
    configure(&toys.house, ALLOWED);
    toys.claim("bob", &toys.bob_of("toy"));
    let before = toys.house.snapshot();
    for (labels, kind) in [("postquantum", "post-quantum"), ("x a", "labelled `a x`")] {
        let said = toys.apply(&[("TOY_LABELS", labels)]).fails(1);
        let expected = format!("these keys cannot share a file: alice (classic); bob ({kind})");
        assert!(said.contains(&expected), "{said}");
        assert!(
            said.contains("`hoziron vault members replace-key`"),
            "{said}"
        );
    }
    toys.runs();
    assert!(toys.house.snapshot() == before, "something was written");
    toys.apply(&[]).ok();
    toys.bob_opens("KEY", VALUE);
}

/// Files are counted by their stanzas, and one with a passphrase's would not open again.
#[test]
fn a_plugin_makes_one_stanza_a_key() {
    let Some(toys) = Toys::new("a_plugin_makes_one_stanza_a_key") else {
        return;
    };
    toys.let_bob_in();
    for variable in [
        ("TOY_STANZAS", "2"),
        ("TOY_TYPE", "scrypt"),
        ("TOY_TYPE", "hoziron/v1"),
        ("TOY_TYPE", "x-grease"),
    ] {
        let said = toys
            .run(&["vault", "set", "KEY"], &[variable], b"x")
            .fails(1);
        assert!(
            said.contains("the plugin `toy` made other stanzas than one for each key"),
            "{variable:?}: {said}"
        );
    }
    toys.bob_opens("KEY", VALUE);
}

/// A vault whose founder has nothing but the plugin; who he is, only the grants that open show.
#[test]
fn who_reads_by_a_plugin_does_not_lock_himself_out() {
    let Some(toys) = Toys::new("who_reads_by_a_plugin_does_not_lock_himself_out") else {
        return;
    };
    configure(&toys.house, ALLOWED);
    fs::remove_file(toys.house.identity()).unwrap();
    put(
        &toys.house.identity(),
        toys.toy("--identity", "toy", &toys.bob),
        0o600,
    );
    fs::remove_dir_all(toys.house.home()).unwrap();
    fs::remove_dir_all(toys.house.state()).unwrap();
    let key = toys.bob_of("toy");
    let words = [
        "vault",
        "init",
        "--no-recovery",
        "--name",
        "bob",
        "--recipient",
        key.trim(),
    ];
    toys.run(&words, &[], b"").ok();
    toys.run(&["vault", "set", "KEY"], &[], b"canary-own").ok();
    toys.bob_opens("KEY", b"canary-own");
    let carol = x25519::Identity::generate();
    let bobs = fs::read_to_string(toys.house.home().join("recipients/bob.pub")).unwrap();
    let signing = bobs.lines().find(|line| line.starts_with('#')).unwrap();
    toys.claim("carol", &format!("{signing}\n{}\n", carol.to_public()));
    toys.apply(&[]).ok();
    fs::remove_file(toys.house.home().join("recipients/bob.pub")).unwrap();
    let said = toys.run(&["apply", "--yes"], &[], b"").fails(1);
    assert!(
        said.contains("you would lock yourself out of `.`"),
        "{said}"
    );
    toys.bob_opens("KEY", b"canary-own");
}
