//! The library as an application uses it: opened without a key, asked when a request needs a value, by
//! several threads, with a vault that changes meanwhile, and where there is no home at all.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test arranges files as it likes, and fails by panicking"
)]

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use age::secrecy::ExposeSecret;
use hoziron::{CredentialError, Credentials, Environment, FolderName, Options, Pin, Prefer};
use tempfile::TempDir;

const CANARY: &str = "canary-c0de";

/// A vault of its own user.
struct House(TempDir);

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        fs::create_dir(house.0.path().join("user")).unwrap();
        house.run(&["vault", "init", "--name", "alice", "--no-recovery"], "");
        house
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("user/.hoziron")
    }

    fn identity(&self) -> PathBuf {
        self.0.path().join("user/.config/hoziron/identity.txt")
    }

    fn program(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(self.0.path().join("user"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.0.path().join("user"));
        command
    }

    #[track_caller]
    fn run(&self, words: &[&str], stdin: &str) {
        let mut command = self.program(env!("CARGO_BIN_EXE_hoziron"));
        command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // A program that does not read its stdin closes it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }

    fn seal(&self, name: &str, value: &str) {
        self.run(&["vault", "set", name], value);
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.home().join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The process environment of an application of this user, with more variables.
    fn environment(&self, more: &[(&str, &str)]) -> Environment {
        let user = self.0.path().join("user");
        let mut variables = vec![("HOME".into(), user.clone().into_os_string())];
        let path = std::env::var_os("PATH").unwrap();
        variables.push(("PATH".into(), path));
        let more = more.iter().map(|(name, value)| (name.into(), value.into()));
        variables.extend(more.collect::<Vec<(OsString, OsString)>>());
        Environment::of(variables, user)
    }

    #[track_caller]
    fn open(&self, options: Options) -> Credentials {
        Credentials::with(self.environment(&[]), options).unwrap()
    }
}

/// Compares without showing either side.
#[track_caller]
fn is(found: Result<hoziron::SecretValue, CredentialError>, value: &str) {
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    assert!(found.reveal() == value.as_bytes(), "another value");
}

#[test]
fn credentials_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Credentials>();
    shared::<CredentialError>();
    let house = House::new();
    house.seal("API_KEY", CANARY);
    let credentials = house.open(Options::default());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| is(credentials.resolve("API_KEY"), CANARY)));
        }
    });
}

/// By name, by provider and by integration; the process environment first, unless asked otherwise.
#[test]
fn credentials_are_found_by_the_names_that_settings_use() {
    let house = House::new();
    house.seal("ANTHROPIC_API_KEY", CANARY);
    house.seal("prod/ANTHROPIC_API_KEY", "prod");
    house.write(
        "config.toml",
        "[providers.anthropic]\napi_key_env = \"ANTHROPIC_API_KEY\"\n\
         [integrations.postgres]\nconnection_url_env = \"POSTGRES_CONNECTION_URL\"\n",
    );
    house.write(".env", "POSTGRES_CONNECTION_URL='postgres://u:pa$$@h'\n");
    let credentials = house.open(Options::default());
    is(credentials.resolve("ANTHROPIC_API_KEY"), CANARY);
    is(credentials.provider("anthropic").key("api_key"), CANARY);
    let url = credentials.integration("postgres").key("connection_url");
    is(url, "postgres://u:pa$$@h");

    let outer = [
        ("ANTHROPIC_API_KEY", "outer"),
        ("POSTGRES_CONNECTION_URL", ""),
    ];
    let with = |prefer| {
        let options = Options {
            prefer,
            ..Options::default()
        };
        Credentials::with(house.environment(&outer), options).unwrap()
    };
    is(
        with(Prefer::Environment).resolve("ANTHROPIC_API_KEY"),
        "outer",
    );
    is(with(Prefer::Vault).resolve("ANTHROPIC_API_KEY"), CANARY);
    // Empty counts as not set.
    let url = with(Prefer::Environment).resolve("POSTGRES_CONNECTION_URL");
    is(url, "postgres://u:pa$$@h");

    let profile = |name| Options {
        profile: Some(FolderName::parse(name).unwrap()),
        ..Options::default()
    };
    is(
        house.open(profile("prod")).resolve("ANTHROPIC_API_KEY"),
        "prod",
    );
    let said = house.open(profile("prdo")).resolve("ANTHROPIC_API_KEY");
    let said = said.err().unwrap().to_string();
    assert!(said.contains("`prdo`") && said.contains("`prod`"), "{said}");
}

/// The error names the variable, what refers to it and where it was looked for; other requests go on.
#[test]
fn a_missing_credential_is_explained() {
    let house = House::new();
    house.seal("HERE", CANARY);
    house.write(
        "config.toml",
        "[providers.anthropic]\napi_key_env = \"ANTHROPIC_API_KEY\"\n",
    );
    let credentials = house.open(Options::default());
    let missing = credentials
        .provider("anthropic")
        .key("api_key")
        .err()
        .unwrap();
    let CredentialError::Missing {
        variable,
        referred_by,
        looked_in,
    } = &missing
    else {
        panic!("{missing}");
    };
    assert_eq!(variable.as_str(), "ANTHROPIC_API_KEY");
    assert_eq!(referred_by, &["providers.anthropic.api_key_env"]);
    let home = house.home();
    let home = home.display();
    let places = [
        "the process environment",
        &format!("`{home}/.env`"),
        &format!("the vault in `{home}`"),
    ];
    assert_eq!(looked_in, &places);
    let said = missing.to_string();
    for part in places
        .into_iter()
        .chain(["ANTHROPIC_API_KEY", "providers.anthropic.api_key_env"])
    {
        assert!(said.contains(part), "{said}");
    }
    let said = credentials
        .provider("nobody")
        .key("api_key")
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        said,
        "`providers.nobody.api_key_env` is not in `config.toml`"
    );
    is(credentials.resolve("HERE"), CANARY);
    // A value where a name belongs is not repeated any further than it was given.
    assert!(matches!(
        credentials.resolve("a b"),
        Err(CredentialError::Name { .. })
    ));
}

/// Each call looks at what is there now.
#[test]
fn what_changed_is_read_again() {
    let house = House::new();
    house.seal("API_KEY", "first");
    let credentials = house.open(Options::default());
    is(credentials.resolve("API_KEY"), "first");
    house.seal("API_KEY", "second");
    is(credentials.resolve("API_KEY"), "second");
    house.write(".env", "API_KEY=local\n");
    is(credentials.resolve("API_KEY"), "local");
    fs::remove_file(house.home().join(".env")).unwrap();
    is(credentials.resolve("API_KEY"), "second");
    assert!(credentials.resolve("LATER").is_err());
    house.seal("LATER", "later");
    is(credentials.resolve("LATER"), "later");
    house.write("config.toml", "[providers.p]\nkey_env = \"LATER\"\n");
    is(credentials.provider("p").key("key"), "later");
    fs::remove_file(house.home().join("vault/API_KEY.age")).unwrap();
    assert!(credentials.resolve("API_KEY").is_err(), "a value was kept");
    // A `.env` that others can write is no source, not even of what it does not name.
    house.write(".env", "X=1\n");
    let path = house.home().join(".env");
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(
        credentials.resolve("LATER"),
        Err(CredentialError::Local(_))
    ));
}

/// Without a key the process starts, and what needs none goes on; with one, it needs no restart.
#[test]
fn a_key_is_asked_for_when_a_value_is() {
    let house = House::new();
    house.seal("API_KEY", CANARY);
    let away = house.0.path().join("away");
    fs::rename(house.identity(), &away).unwrap();
    let credentials = house.open(Options::default());
    house.write(".env", "LOCAL=local\n");
    is(credentials.resolve("LOCAL"), "local");
    assert!(matches!(
        credentials.resolve("API_KEY"),
        Err(CredentialError::Keys(_))
    ));
    fs::rename(&away, house.identity()).unwrap();
    is(credentials.resolve("API_KEY"), CANARY);
}

/// A container: process variables, and no home anywhere.
#[test]
fn without_a_home_the_process_environment_is_all() {
    let folder = tempfile::tempdir().unwrap();
    for home in [None, Some("/nonexistent")] {
        let mut variables: Vec<(OsString, OsString)> = vec![
            ("API_KEY".into(), CANARY.into()),
            ("EMPTY".into(), "".into()),
        ];
        variables.extend(home.map(|home| ("HOME".into(), home.into())));
        let environment = Environment::of(variables, folder.path().to_owned());
        let credentials = Credentials::with(environment, Options::default()).unwrap();
        is(credentials.resolve("API_KEY"), CANARY);
        for name in ["EMPTY", "NOWHERE"] {
            let said = credentials.resolve(name).err().unwrap().to_string();
            assert!(
                said.contains(&format!("`{name}`")) && said.contains("no home"),
                "{said}"
            );
        }
    }
    // A home that was asked for and is not there is a mistake.
    let environment = Environment::of(Vec::new(), folder.path().to_owned());
    let options = Options {
        home: Some(folder.path().join("none")),
        ..Options::default()
    };
    assert!(Credentials::with(environment, options).is_err());
}

/// The program in `examples/`, built as this test was.
fn web_app() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_hoziron")).parent().unwrap();
    let program = folder.join("examples/web_app");
    if !program.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--example", "web_app"]);
        cargo.args((!cfg!(debug_assertions)).then_some("--release"));
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.unwrap().success(), "the example does not build");
    }
    program
}

/// A program starts without any key, fails only where it needs one, and goes on when it is there.
#[test]
fn the_example_starts_without_a_key() {
    let house = House::new();
    house.write(
        "config.toml",
        "[providers.anthropic]\napi_key_env = \"ANTHROPIC_API_KEY\"\n",
    );
    let mut program = house.program(web_app());
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut requests = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answer = || answers.next().unwrap().unwrap();
    let mut ask = |request: &str| writeln!(requests, "{request}").unwrap();
    assert_eq!(answer(), "ready");
    ask("GET /health");
    assert_eq!(answer(), "200 well");
    ask("GET /ask/anthropic");
    let said = answer();
    assert!(
        said.starts_with("503 ") && said.contains("`providers.anthropic.api_key_env`"),
        "{said}"
    );
    house.seal("ANTHROPIC_API_KEY", CANARY);
    ask("GET /ask/anthropic");
    assert_eq!(
        answer(),
        format!("200 asked anthropic with {} bytes", CANARY.len())
    );
    drop(requests);
    assert!(child.wait().unwrap().success());
}

/// Opening and idling touches neither a sealed file nor a private key; a request that needs one does.
#[test]
fn opening_reads_no_secret_and_no_key() {
    let works = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    if !works.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "strace is missing");
        eprintln!("skipped opening_reads_no_secret_and_no_key: strace may not trace here");
        return;
    }
    let house = House::new();
    house.seal("ANTHROPIC_API_KEY", CANARY);
    house.write(
        "config.toml",
        "[providers.anthropic]\napi_key_env = \"ANTHROPIC_API_KEY\"\n",
    );
    let log = house.0.path().join("log");
    let opened = |requests: &str| {
        let mut strace = house.program("strace");
        strace
            .args(["-f", "-qq", "-e", "trace=open,openat,openat2", "-o"])
            .arg(&log);
        let mut child = strace
            .arg(web_app())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(requests.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let answers = String::from_utf8(output.stdout).unwrap();
        (answers, fs::read_to_string(&log).unwrap())
    };
    let private = [
        ".age\"",
        "identity.txt",
        "keys.txt",
        "id_ed25519",
        "id_rsa",
        ".keys",
    ];
    let (answers, idle) = opened("GET /health\n");
    assert_eq!(answers, "ready\n200 well\n");
    for file in private {
        assert!(!idle.contains(file), "{file} was opened");
    }
    let (answers, busy) = opened("GET /ask/anthropic\n");
    assert!(answers.contains("200 asked"), "{answers}");
    for file in [".age\"", "identity.txt"] {
        assert!(
            busy.contains(file),
            "{file} was not opened; the test sees nothing"
        );
    }
}

/// A pin names the vault where no key of the founder's is, and how far its keys have come; the
/// variable and the option are the same.
#[test]
fn a_pin_is_heeded_by_the_library() {
    let house = House::new();
    house.seal("API_KEY", CANARY);
    let manifest = fs::read_to_string(house.home().join("hoziron.toml")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("id "));
    let id = line.unwrap().split('"').nth(1).unwrap();
    let by_option = |text: &str| {
        let pins = vec![Pin::parse(text).unwrap()];
        let options = Options {
            pins,
            ..Options::default()
        };
        house.open(options).resolve("API_KEY")
    };
    let by_variable = |text: &str| {
        let environment = house.environment(&[("HOZIRON_PIN", text)]);
        let credentials = Credentials::with(environment, Options::default());
        credentials.unwrap().resolve("API_KEY")
    };
    let refused = |found: Result<hoziron::SecretValue, CredentialError>| {
        let error = found.unwrap_err();
        assert!(matches!(error, CredentialError::Keys(_)), "{error}");
        assert!(error.to_string().contains("must be 2 or higher"), "{error}");
    };
    let (first, second) = (format!("{id},.>=1"), format!("{id},.>=2"));
    is(by_option(&first), CANARY);
    is(by_variable(&first), CANARY);
    refused(by_option(&second));
    refused(by_variable(&second));
    let error = by_variable("nonsense").unwrap_err();
    assert!(matches!(error, CredentialError::Pin(_)), "{error}");
    house.run(&["vault", "rekey", "--yes"], "");
    is(by_option(&second), CANARY);
    is(by_variable(&second), CANARY);
}

/// A machine that holds a reader's key and has not been told of the vault.
#[test]
fn a_pin_trusts_a_vault_that_nobody_vouches_for() {
    let house = House::new();
    house.seal("API_KEY", CANARY);
    let key = age::x25519::Identity::generate();
    let bob = house.home().join("recipients/bob.pub");
    fs::write(bob, format!("{}\n", key.to_public())).unwrap();
    let mut plan = house.program(env!("CARGO_BIN_EXE_hoziron"));
    let plan = plan.args(["plan", "--json"]).output().unwrap().stdout;
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    let digest = plan["recipients_digest"].as_str().unwrap();
    house.run(&["apply", "--yes", "--accept-recipients", digest], "");
    fs::remove_file(house.identity()).unwrap();
    fs::remove_dir_all(house.0.path().join("user/.local")).unwrap();

    let manifest = fs::read_to_string(house.home().join("hoziron.toml")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("id "));
    let id = line.unwrap().split('"').nth(1).unwrap();
    let text = key.to_string();
    let resolve = |more: &[(&str, &str)]| {
        let mut variables = vec![("HOZIRON_IDENTITY", text.expose_secret())];
        variables.extend(more);
        let environment = house.environment(&variables);
        let credentials = Credentials::with(environment, Options::default());
        credentials.unwrap().resolve("API_KEY")
    };
    let error = resolve(&[]).unwrap_err();
    assert!(matches!(error, CredentialError::Keys(_)), "{error}");
    let other = "abcdefghijklmnopqrstuvwxyz234567";
    assert!(resolve(&[("HOZIRON_PIN", other)]).is_err());
    is(resolve(&[("HOZIRON_PIN", id)]), CANARY);
}
