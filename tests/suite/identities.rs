//! Where private keys are looked for: every place opens, in the order that is documented, and a key
//! that others can read, a program that others can choose, or a vault that nobody vouches for is
//! refused with the repair. What opens nothing is listed, by its public half.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519;

use crate::house::{House, Outcome, finish};

/// A secret of [`keyless`].
pub const NAME: &str = "API_KEY";
/// Its value.
pub const VALUE: &[u8] = b"canary-5ecre7";

/// A vault of alice's, whose key is in no place where one is looked for, but in [`key`].
pub fn keyless() -> House {
    let house = House::new();
    house.seal(NAME, VALUE);
    fs::rename(house.identity(), key(&house)).unwrap();
    house
}

/// The private key of [`keyless`].
pub fn key(house: &House) -> PathBuf {
    house.root().join("key.txt")
}

/// Writes a file with a mode, and the folders above it.
pub fn put(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Writes the user's own configuration.
pub fn configure(house: &House, text: &str) {
    put(&config(house), text, 0o600);
}

fn config(house: &House) -> PathBuf {
    house.user().join(".config/hoziron/config.toml")
}

/// Asks for the secret, with options before and variables. No part of a key is on stderr.
#[track_caller]
pub fn get(house: &House, options: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = house.hoziron(options);
    command.args(["vault", "get", NAME]);
    let outcome = finish(command.envs(variables.iter().copied()), b"");
    assert_discreet(&outcome.stderr);
    outcome
}

/// Asserts that neither the value nor a private key is in a text.
#[track_caller]
pub fn assert_discreet(text: &str) {
    assert!(!text.contains("canary"), "a value is shown");
    for begin in ["AGE-SECRET-KEY-1", "AGE-PLUGIN-TOY-1"] {
        let shown = text.split(begin).skip(1).any(|key| !key.starts_with('…'));
        assert!(!shown, "a private key is shown");
    }
    assert!(!text.contains("PRIVATE KEY---"), "a private key is shown");
}

/// A key of nobody in the vault: its text and its public half.
fn stranger() -> (String, String) {
    let key = x25519::Identity::generate();
    let text = key.to_string().expose_secret().to_owned();
    (text, key.to_public().to_string())
}

/// A file where a key is looked for: what says so, and where.
struct Source {
    file: PathBuf,
    options: &'static [&'static str],
    variable: Option<&'static str>,
    configured: bool,
}

impl Source {
    fn all(house: &House) -> Vec<Self> {
        let source = |file: &str| Self {
            file: house.root().join(file),
            options: &[],
            variable: None,
            configured: false,
        };
        let variable = |name| Self {
            variable: Some(name),
            ..source(&format!("by-{name}"))
        };
        vec![
            Self {
                options: &["--identity", "../given.txt"],
                ..source("given.txt")
            },
            variable("HOZIRON_IDENTITY_FILE"),
            variable("SOPS_AGE_KEY_FILE"),
            Self {
                configured: true,
                ..source("user/.config/hoziron/keys/own.txt")
            },
            source("user/.config/hoziron/identity.txt"),
            source("user/.config/sops/age/keys.txt"),
            source("user/.ssh/id_ed25519"),
            source("user/.ssh/id_rsa"),
        ]
    }

    /// Says whether somebody named the file, so that it must be usable.
    fn is_named(&self) -> bool {
        !self.options.is_empty() || self.variable.is_some() || self.configured
    }

    #[track_caller]
    fn get(&self, house: &House) -> Outcome {
        if self.configured {
            configure(house, "identities = [\"keys/own.txt\"]");
        }
        let file = self.file.to_str().unwrap();
        let variables: Vec<_> = self.variable.iter().map(|name| (*name, file)).collect();
        let outcome = get(house, self.options, &variables);
        let _ = fs::remove_file(config(house));
        outcome
    }
}

/// Each file opens, unless others can read it or it is gone.
#[test]
fn a_key_opens_from_every_file_while_it_is_private() {
    let house = keyless();
    let text = fs::read(key(&house)).unwrap();
    get(&house, &[], &[]).fails(5);
    for source in Source::all(&house) {
        let shown = source.file.display();
        put(&source.file, &text, 0o600);
        assert!(source.get(&house).ok() == VALUE, "{shown}");
        let code = if source.is_named() { 1 } else { 5 };
        for mode in [0o644, 0o640, 0o606] {
            put(&source.file, &text, mode);
            let said = source.get(&house).fails(code);
            let name = source.file.file_name().unwrap().to_str().unwrap();
            let chmod = said.lines().find(|line| line.contains("chmod 600"));
            assert!(chmod.unwrap().contains(name), "{said}");
            assert!(said.contains(&format!("mode {mode:04o}")), "{said}");
        }
        fs::remove_file(&source.file).unwrap();
        let said = source.get(&house).fails(code);
        let missing = if source.is_named() {
            "does not exist"
        } else {
            "not there"
        };
        assert!(said.contains(missing), "{said}");
    }
}

/// A variable may hold one key, or a whole file; set to nothing it is not set.
#[test]
fn a_key_opens_from_a_variable() {
    let house = keyless();
    let file = fs::read_to_string(key(&house)).unwrap();
    let line = file.lines().last().unwrap();
    for name in ["HOZIRON_IDENTITY", "SOPS_AGE_KEY"] {
        for text in [line, &file, &format!("\r\n{}\r\n{line}\r\n", stranger().0)] {
            assert!(get(&house, &[], &[(name, text)]).ok() == VALUE, "{name}");
        }
        get(&house, &[], &[(name, "")]).fails(5);
        let said = get(&house, &[], &[(name, "canary: not a key")]).fails(1);
        assert!(said.contains(&format!("{name}: line 1")), "{said}");
    }
}

/// `--identity` may be repeated, and one file may hold several keys.
#[test]
fn the_last_of_several_keys_opens() {
    let house = keyless();
    let own = fs::read_to_string(key(&house)).unwrap();
    let (other, _) = stranger();
    let (first, many) = (house.root().join("first"), house.root().join("many"));
    put(&first, &other, 0o600);
    let text = format!("# some keys\r\n\r\n{}\r\n{other}\r\n{own}", stranger().0);
    put(&many, text, 0o600);
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    for last in [many, key(&house)] {
        let options = ["--identity", &path(&first), "--identity", &path(&last)];
        assert!(get(&house, &options, &[]).ok() == VALUE);
    }
}

/// Named places come before the usual ones, and each is listed with the public half of its key.
#[test]
fn what_opens_nothing_is_listed_in_order() {
    let house = keyless();
    let keys: Vec<_> = (0..11).map(|_| stranger()).collect();
    let sources = Source::all(&house);
    // `identity_command` and two variables stand between the files.
    let files = [0, 2, 4, 5, 7, 8, 9, 10];
    for (source, index) in sources.iter().zip(files) {
        put(&source.file, &keys[index].0, 0o600);
    }
    let printed = house.root().join("printed");
    put(&printed, &keys[6].0, 0o600);
    configure(
        &house,
        &format!("identities = [\"keys/own.txt\"]\nidentity_command = [\"cat\", {printed:?}]"),
    );
    let file = |index: usize| sources[index].file.to_str().unwrap();
    let said = get(
        &house,
        sources[0].options,
        &[
            ("HOZIRON_IDENTITY", &keys[1].0),
            (sources[1].variable.unwrap(), file(1)),
            ("SOPS_AGE_KEY", &keys[3].0),
            (sources[2].variable.unwrap(), file(2)),
        ],
    )
    .fails(6);
    let places = [
        "../given.txt",
        "HOZIRON_IDENTITY",
        file(1),
        "SOPS_AGE_KEY",
        file(2),
        file(3),
        "cat (identity_command)",
        file(4),
        file(5),
        file(6),
        file(7),
    ];
    let listed: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("cause: looked in "))
        .collect();
    let expected: Vec<_> = places
        .iter()
        .zip(&keys)
        .map(|(place, (_, public))| format!("{place}: {public}"))
        .collect();
    assert_eq!(listed, expected);
    assert!(said.contains("ask alice to let you in"), "{said}");
}

/// A usual place may hold anything; one that somebody named must hold keys.
#[test]
fn a_usual_place_with_something_else_does_not_matter() {
    let house = keyless();
    let own = fs::read(key(&house)).unwrap();
    for source in Source::all(&house) {
        put(&source.file, "canary, not a key", 0o600);
        let code = if source.is_named() { 1 } else { 5 };
        let said = source.get(&house).fails(code);
        assert!(said.contains("line 1 is not a private key"), "{said}");
        if !source.is_named() {
            let last = house.user().join(".ssh/id_rsa");
            put(&last, &own, 0o600);
            assert!(source.get(&house).ok() == VALUE);
            fs::remove_file(last).unwrap();
        }
        let _ = fs::remove_file(&source.file);
    }
}

/// The program prints the key; it does not see what else opens secrets, and its output is not shown.
#[test]
fn a_program_of_the_user_prints_the_key() {
    let house = keyless();
    let seen = house.root().join("seen");
    let program = |script: &str| {
        let own = key(&house);
        let script = script.replace("SEEN", seen.to_str().unwrap());
        let script = script.replace("KEY", own.to_str().unwrap());
        configure(
            &house,
            &format!("identity_command = ['sh', '-c', '{script}']"),
        );
    };
    program("env > SEEN; cat KEY");
    let (other, _) = stranger();
    let others = [("HOZIRON_IDENTITY", &*other), ("SOPS_AGE_KEY", &other)];
    assert!(get(&house, &[], &others).ok() == VALUE);
    let environment = fs::read_to_string(&seen).unwrap();
    assert!(environment.contains("HOME="));
    assert!(!environment.contains("_IDENTITY=") && !environment.contains("SOPS_"));

    for (script, why) in [
        (
            "cat KEY; exit 3",
            "`sh` (identity_command) ended with exit code 3",
        ),
        (
            "kill -9 $$",
            "`sh` (identity_command) was ended by a signal",
        ),
        ("echo canary", "sh: line 1 is not a private key"),
        ("true", "sh: there is no private key in it"),
    ] {
        program(script);
        let said = get(&house, &[], &[]).fails(1);
        assert!(said.contains(why), "{said}");
    }
    configure(&house, "identity_command = [\"no-such-program\"]");
    let said = get(&house, &[], &[]).fails(1);
    assert!(
        said.contains("`no-such-program` (identity_command)"),
        "{said}"
    );
}

/// The user's configuration may name programs, so that of somebody else is not used.
#[test]
fn a_configuration_that_others_can_write_is_refused() {
    let house = keyless();
    let marker = house.root().join("ran");
    let text = format!("identity_command = [\"touch\", {marker:?}]");
    let path = config(&house);
    for mode in [0o620, 0o602, 0o666] {
        put(&path, &text, mode);
        let said = get(&house, &[], &[]).fails(6);
        assert!(
            said.contains(&format!("chmod 600 {}", path.display())),
            "{said}"
        );
    }
    put(&path, &text, 0o600);
    if chown(&path, Some(65534), None).is_ok() {
        let said = get(&house, &[], &[]).fails(6);
        assert!(said.contains("belongs to another user"), "{said}");
    }
    for text in [
        format!("{text}\nidentites = []"),
        format!("{text}\nplugins = \"canary\""),
        format!("{text}\n[canary]"),
        format!("{text}\ncanary"),
    ] {
        fs::remove_file(&path).unwrap();
        put(&path, text, 0o600);
        let said = get(&house, &[], &[]).fails(1);
        assert!(said.contains(path.to_str().unwrap()), "{said}");
    }
    assert!(!marker.exists(), "it was run");
    // It holds no secret: others may read it.
    put(&path, format!("identities = [{:?}]", key(&house)), 0o644);
    assert!(get(&house, &[], &[]).ok() == VALUE);
}

/// Nothing in a repository chooses a program or a key.
#[test]
fn a_repository_names_no_program_and_no_key() {
    let house = keyless();
    let marker = house.root().join("ran");
    let text = format!(
        "identities = [{:?}]\nidentity_command = [\"touch\", {marker:?}]\n",
        key(&house)
    );
    for path in [
        "config.toml",
        ".hoziron/config.toml",
        "hoziron/config.toml",
        ".config/hoziron/config.toml",
    ] {
        put(&house.repo().join(path), &text, 0o600);
    }
    put(
        &house.repo().join("hoziron/identity.txt"),
        fs::read(key(&house)).unwrap(),
        0o600,
    );
    get(&house, &[], &[]).fails(5);
    // A relative path in XDG_CONFIG_HOME is to be ignored (XDG Base Directory Specification).
    get(&house, &[], &[("XDG_CONFIG_HOME", ".")]).fails(5);
    for words in [["env", "list"], ["config", "show"], ["config", "check"]] {
        assert_discreet(&house.run(words).stderr);
    }
    assert!(!marker.exists(), "it was run");
    let folder = house.repo();
    assert!(
        get(
            &house,
            &[],
            &[("XDG_CONFIG_HOME", folder.to_str().unwrap())]
        )
        .code()
            == 1
    );
    assert!(marker.exists(), "the absolute one is the user's own");
}

/// Who reads but is not the founder must have been told the vault's id.
#[test]
fn a_pin_accepts_a_vault_of_somebody_else() {
    let house = House::bare();
    let words = ["vault", "init", "--name", "alice", "--recovery"];
    let text = String::from_utf8(house.run(words).ok()).unwrap();
    house.seal(NAME, VALUE);
    fs::remove_file(house.identity()).unwrap();
    fs::remove_dir_all(house.state()).unwrap();
    let id = text
        .lines()
        .find_map(|line| line.strip_prefix("# hoziron vault "));
    let id = id.unwrap();
    let bare: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    let recovery = [("HOZIRON_IDENTITY", &*bare)];

    let said = get(&house, &[], &recovery).fails(6);
    assert!(said.contains(&format!("`--pin {id}`")), "{said}");
    let other = "abcdefghijklmnopqrstuvwxyz234567";
    get(&house, &["--pin", other], &recovery).fails(6);
    get(&house, &["--pin", "canary"], &recovery).fails(64);
    get(&house, &[], &[recovery[0], ("HOZIRON_PIN", "nonsense")]).fails(64);
    assert!(get(&house, &["--pin", other, "--pin", id], &recovery).ok() == VALUE);
    // A pin is for one run.
    get(&house, &[], &recovery).fails(6);
    assert!(get(&house, &[], &[recovery[0], ("HOZIRON_PIN", id)]).ok() == VALUE);
    // The text as it was shown names the vault itself.
    assert!(get(&house, &[], &[("HOZIRON_IDENTITY", &text)]).ok() == VALUE);
    // A pin lets nobody in.
    let said = get(
        &house,
        &["--pin", id],
        &[("HOZIRON_IDENTITY", &stranger().0)],
    )
    .fails(5);
    assert!(said.contains("(alice, recovery)"), "{said}");
}
