//! What a command gets, and what is refused before it runs.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};

use rustix::process::{Rlimit, setrlimit};

use super::*;
use crate::domain::SecretValue;
use crate::env::hygiene::harden;

/// Tells a process of this test binary which part it plays.
const ROLE: &str = "EXEC_TEST_ROLE";

/// What stands before the output of the command.
const MARK: &str = "-- handed over --\n";

const PATH: (&str, &str) = ("PATH", "/usr/bin:/bin");

fn secrets<'a>(pairs: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Variables {
    let mut secrets = Variables::default();
    for (name, value) in pairs {
        let name = VarName::parse(name).unwrap();
        secrets.insert(name, SecretValue::new(value));
    }
    secrets
}

fn parent(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn prepare(command: &str, args: &[&str], environment: Environment) -> Result<Launch, ExecError> {
    let args: Vec<_> = args.iter().map(OsString::from).collect();
    Launch::prepare(OsStr::new(command), &args, environment)
}

fn with_path(secrets: Variables) -> Environment {
    Environment::build(parent(&[PATH]), Inherit::All, secrets)
}

/// Values of which the last is as long as the system takes, with `more` bytes on top.
fn full(more: usize) -> Variables {
    let limit = limit(getrlimit(Resource::Stack).current);
    let cost = |name: &str, value: usize| name.len() + 1 + value + 1 + 8;
    let fixed = HEADROOM + "true".len() + 1 + 8 + cost("PATH", PATH.1.len());
    let names: Vec<_> = (0..64).map(|index| format!("A{index:02}")).collect();
    let mut left = limit - fixed - cost("B", 0);
    let mut all = secrets([]);
    for name in &names {
        if left > 120_000 {
            left -= cost(name, 100_000);
            let name = VarName::parse(name).unwrap();
            all.insert(name, SecretValue::new(vec![b'a'; 100_000]));
        }
    }
    let rest = SecretValue::new(vec![b'b'; left + more]);
    all.insert(VarName::parse("B").unwrap(), rest);
    all
}

fn refused(environment: Environment) -> ExecError {
    prepare("true", &[], environment).unwrap_err()
}

fn told(names: &[VarName]) -> Vec<&str> {
    names.iter().map(VarName::as_str).collect()
}

/// Becomes the command of a role, in a process that a test below started; an ordinary run has
/// none.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the role of this process was set by its parent"
)]
fn role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let mut core = CoreLimit::current();
    let launch = match &*role {
        "core limit" => {
            let hard = getrlimit(Resource::Core).maximum;
            let soft = Some(hard.map_or(8192, |hard| hard.min(8192)));
            setrlimit(
                Resource::Core,
                Rlimit {
                    current: soft,
                    maximum: hard,
                },
            )
            .unwrap();
            core = harden();
            assert_eq!(
                getrlimit(Resource::Core),
                Rlimit {
                    current: Some(0),
                    maximum: hard
                }
            );
            let dumpable = rustix::process::dumpable_behavior().unwrap();
            assert_eq!(dumpable, rustix::process::DumpableBehavior::NotDumpable);
            prepare(
                "grep",
                &["core", "/proc/self/limits"],
                with_path(secrets([])),
            )
        }
        "directory" => prepare("/", &[], with_path(secrets([]))),
        "environment" => {
            let parent = parent(&[
                PATH,
                ("TOKEN", "the parent's"),
                ("KEPT", "1"),
                ("SOPS_AGE_KEY", "no"),
                ("HOZIRON_IDENTITY_FILE", "no"),
            ]);
            let secrets = secrets([("TOKEN", b"a\n\xff'=\"$".to_vec()), ("EMPTY", vec![])]);
            prepare(
                "env",
                &["-0"],
                Environment::build(parent, Inherit::All, secrets),
            )
        }
        "exit" => prepare("sh", &["-c", "exit 7"], with_path(secrets([]))),
        "full" => prepare("true", &[], with_path(full(0))),
        "killed" => prepare("sh", &["-c", "kill -TERM $$"], with_path(secrets([]))),
        "longest" => {
            let value = vec![b'x'; LONGEST_STRING - "A=\0".len()];
            prepare("true", &[], with_path(secrets([("A", value)])))
        }
        "missing" => prepare(
            "env",
            &[],
            Environment::build(parent(&[("PATH", "/dev")]), Inherit::All, secrets([])),
        ),
        "not a program" => prepare("/etc/passwd", &[], with_path(secrets([]))),
        "pid" => prepare("sh", &["-c", "echo $$"], with_path(secrets([]))),
        "signals" => prepare(
            "grep",
            &["^Sig", "/proc/self/status"],
            with_path(secrets([])),
        ),
        other => panic!("nobody plays {other}"),
    };
    let launch = launch.unwrap();
    print!("{MARK}");
    std::io::stdout().flush().unwrap();
    let error = launch.hand_over(core);
    println!("{error:?}");
}

fn start(role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "env::exec::tests::role",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns how a role ended, with its output after the hand-over.
fn play(role: &str) -> Output {
    let mut output = start(role).wait_with_output().unwrap();
    let mark = MARK.as_bytes();
    let at = output
        .stdout
        .windows(mark.len())
        .position(|window| window == mark);
    output
        .stdout
        .drain(..at.expect("the role reaches the hand-over") + mark.len());
    output
}

#[test]
fn the_command_gets_values_byte_for_byte_and_no_identity() {
    let output = play("environment");
    let mut got: Vec<_> = output.stdout.split(|&byte| byte == 0).collect();
    got.sort_unstable();
    let expected: &[&[u8]] = &[
        b"",
        b"EMPTY=",
        b"KEPT=1",
        b"PATH=/usr/bin:/bin",
        b"TOKEN=a\n\xff'=\"$",
    ];
    assert_eq!(got, expected);
}

#[test]
fn the_process_becomes_the_command() {
    let child = start("pid");
    let pid = child.id().to_string();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(&format!("{MARK}{pid}\n")));

    assert_eq!(play("exit").status.code(), Some(7));
    assert_eq!(play("killed").status.signal(), Some(15));
}

/// Rust ignores SIGPIPE in its own programs; a command that inherits that ends in an error where
/// it should end quietly.
#[test]
fn signals_are_at_their_defaults() {
    let ignored = |text: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    let sigpipe = 1 << (13 - 1);
    let ours = std::fs::read_to_string("/proc/self/status").unwrap();
    assert_ne!(ignored(&ours) & sigpipe, 0);

    let output = play("signals");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(ignored(&text) & sigpipe, 0, "{text}");
    let blocked = text
        .lines()
        .find_map(|line| line.strip_prefix("SigBlk:"))
        .unwrap();
    assert_eq!(blocked.trim().trim_start_matches('0'), "");
}

#[test]
fn the_command_has_the_core_limit_that_was_there_before() {
    let hard = getrlimit(Resource::Core).maximum;
    let soft = hard.map_or(8192, |hard| hard.min(8192)).to_string();
    let text = String::from_utf8(play("core limit").stdout).unwrap();
    let limits = text.strip_prefix("Max core file size").unwrap();
    assert_eq!(limits.split_whitespace().next(), Some(&*soft), "{text}");
}

#[test]
fn what_is_missing_and_what_is_no_program_are_told_apart() {
    let not_found = play("missing");
    assert!(
        not_found
            .stdout
            .starts_with(b"NotFound { command: \"env\" }")
    );
    for role in ["directory", "not a program"] {
        let text = String::from_utf8(play(role).stdout).unwrap();
        assert!(
            text.starts_with("NotExecutable") && text.contains("PermissionDenied"),
            "{text}"
        );
    }
}

#[test]
fn the_longest_variable_is_the_longest_of_the_kernel() {
    assert_eq!(play("longest").status.code(), Some(0));

    let value = vec![b'x'; LONGEST_STRING - "A=\0".len() + 1];
    let kernel = Command::new("true")
        .env("A", OsStr::from_bytes(&value))
        .status();
    assert_eq!(
        kernel.unwrap_err().kind(),
        io::ErrorKind::ArgumentListTooLong
    );

    let error = refused(with_path(secrets([
        ("A", value),
        ("FINE", vec![b'x'; 1000]),
    ])));
    let ExecError::TooLong(names) = &error else {
        panic!("{error}")
    };
    assert_eq!(told(names), ["A"]);
    assert!(!error.to_string().contains("xx"));
}

#[test]
fn the_fullest_environment_is_accepted_by_the_kernel() {
    assert_eq!(play("full").status.code(), Some(0));

    let larger = full(HEADROOM);
    let larger = larger
        .iter()
        .map(|(name, value)| (name.as_str(), OsStr::from_bytes(value.reveal())));
    let kernel = Command::new("true")
        .env_clear()
        .env(PATH.0, PATH.1)
        .envs(larger)
        .status();
    assert_eq!(
        kernel.unwrap_err().kind(),
        io::ErrorKind::ArgumentListTooLong
    );

    let error = refused(with_path(full(1)));
    let ExecError::TooLarge {
        largest,
        size,
        limit,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(*size, limit + 1);
    let names: Vec<_> = full(1)
        .iter()
        .map(|(name, value)| (value.len(), name.clone()))
        .collect();
    assert_eq!(largest.as_ref(), names.iter().max().map(|(_, name)| name));
}

/// execve(2) and fs/exec.c: a quarter of the stack, between 128 KiB and 6 MiB.
#[test]
#[cfg(target_os = "linux")]
fn the_limit_follows_the_stack() {
    assert_eq!(limit(Some(8 << 20)), 2 << 20);
    assert_eq!(limit(Some(64 << 10)), 128 << 10);
    assert_eq!(limit(Some(1 << 40)), 6 << 20);
    assert_eq!(limit(None), 6 << 20);
}

#[test]
fn what_steers_the_command_is_refused() {
    let secrets = secrets(["PATH", "A", "LD_PRELOAD"].map(|name| (name, b"hunter2".to_vec())));
    let error = refused(with_path(secrets));
    assert!(!error.to_string().contains("hunter2"));
    let ExecError::Steering(names) = error else {
        panic!("{error}")
    };
    assert_eq!(told(&names), ["LD_PRELOAD", "PATH"]);
}

#[test]
fn a_nul_byte_is_refused_and_named() {
    let values = [
        ("A", b"fine".to_vec()),
        ("B", b"hunter2\0".to_vec()),
        ("C", b"\0".to_vec()),
    ];
    let error = refused(with_path(secrets(values)));
    assert!(!error.to_string().contains("hunter2"));
    let ExecError::Nul(names) = error else {
        panic!("{error}")
    };
    assert_eq!(told(&names), ["B", "C"]);
}

#[test]
fn a_clean_environment_keeps_ten_kinds_of_variables() {
    let kept = [
        "HOME", "LANG", "LC_ALL", "LC_X", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ",
        "USER",
    ];
    let dropped = ["DISPLAY", "LD_PRELOAD", "OTHER", "PATHS", "SSH_AUTH_SOCK"];
    let parent: Vec<_> = kept
        .iter()
        .chain(&dropped)
        .map(|name| (*name, "1"))
        .collect();
    let clean = Environment::build(self::parent(&parent), Inherit::Clean, secrets([]));
    assert_eq!(clean.inherited.keys().collect::<Vec<_>>(), kept);
    let all = Environment::build(self::parent(&parent), Inherit::All, secrets([]));
    assert_eq!(all.inherited.len(), parent.len());
}

#[test]
fn a_secret_takes_the_place_of_an_inherited_variable() {
    let parent = parent(&[PATH, ("TOKEN", "hunter2")]);
    let secrets = secrets([("TOKEN", b"hunter3".to_vec())]);
    let environment = Environment::build(parent, Inherit::All, secrets);
    assert_eq!(environment.inherited.keys().collect::<Vec<_>>(), ["PATH"]);
    assert_eq!(format!("{environment:?}"), r#"{"PATH", "TOKEN"}"#);
}

/// An identity never goes on; a team's secret that has such a name is a secret like any other.
#[test]
fn identities_are_not_inherited() {
    let identities = [
        "HOZIRON_IDENTITY",
        "HOZIRON_IDENTITY_FILE",
        "HOZIRON_PASSPHRASE",
        "SOPS_AGE_KEY",
        "SOPS_AGE_KEY_FILE",
        "SOPS_AGE_KEY_CMD",
        "AGE_PASSPHRASE",
        "AGE_PASSPHRASE_FILE",
        "ROPS_AGE",
        "FNOX_AGE_KEY",
        "FNOX_AGE_KEY_FILE",
        "DOTENV_PRIVATE_KEY",
        "DOTENV_PRIVATE_KEY_PRODUCTION",
    ];
    for inherit in [Inherit::All, Inherit::Clean] {
        let parent = parent(&identities.map(|name| (name, "hunter2")));
        let secrets = secrets([("SOPS_AGE_KEY", b"a secret".to_vec())]);
        let environment = Environment::build(parent, inherit, secrets);
        assert!(environment.inherited.is_empty(), "{environment:?}");
        assert_eq!(environment.secrets.len(), 1);
    }
    assert!(!holds_identity(OsStr::new("HOZIRON_PROFILE")));
}
