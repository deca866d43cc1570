//! A person at a terminal: what they see while a value is asked for, and the state in which the
//! terminal is left. `tests/pty/drive.py` plays the person and the shell. Where the command line
//! shows too little, a stand-in asks through the library: this test binary, run by itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::ioctl_fionread;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use hoziron::cli::prompt;

const KEY: &str = "API_KEY";
/// What is shown before the first entry and before the second.
const FIRST: &str = "API_KEY: ";
const AGAIN: &str = "again: ";
const DIFFER: &str = "the two entries differ, try again";
/// What a person types, and must never see.
const TYPED: &str = "correct horse\tbattery ✓";

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_BACKSLASH: &str = "\x1c";
const CTRL_Z: &str = "\x1a";

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
const SIGTERM: i32 = 15;

/// What the driver saw.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    terminal: String,
    stdout: String,
    exit: Option<i32>,
    signal: Option<i32>,
    echo: bool,
    unread: usize,
    notes: Vec<bool>,
    missed: Option<String>,
}

impl Seen {
    /// The promise that holds for every case: all steps happened, echo is back, nothing
    /// that was typed is left for the shell, stdout is empty.
    #[track_caller]
    fn left_in_order(self) -> Self {
        assert_eq!(self.missed, None, "{self:?}");
        assert!(self.echo, "echo is off: {self:?}");
        assert_eq!(self.unread, 0, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        self
    }
}

/// A home with a vault, for one test.
struct House {
    root: TempDir,
}

impl House {
    /// `None` where the driver cannot run, which is a failure where `CI` is `true`.
    fn new(test: &str) -> Option<Self> {
        if !can_drive(test) {
            return None;
        }
        let house = Self {
            root: TempDir::new().expect("a temporary folder"),
        };
        let init = house.hoziron(&["vault", "init", "--name", "alice"]);
        assert_eq!(init.exit, Some(0), "{}", init.stderr);
        Some(house)
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("project/.hoziron")
    }

    fn environment(&self) -> [(&'static str, PathBuf); 3] {
        let at = |folder| self.root.path().join(folder);
        [
            ("HOME", at("user")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_STATE_HOME", at("state")),
        ]
    }

    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let home = self
            .home()
            .to_str()
            .expect("a temporary folder with a UTF-8 name")
            .to_owned();
        let mut whole = vec![
            env!("CARGO_BIN_EXE_hoziron").to_owned(),
            "--home".to_owned(),
            home,
        ];
        whole.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        whole
    }

    /// Runs the real binary where nobody is asked.
    fn hoziron(&self, arguments: &[&str]) -> Outcome {
        let whole = self.arguments(arguments);
        let output = Command::new(&whole[0])
            .args(&whole[1..])
            .envs(self.environment())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        Outcome {
            exit: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs `vault set` on a terminal, with these steps of a person.
    fn set(&self, steps: Value) -> Seen {
        drive(
            json!({ "argv": self.arguments(&["vault", "set", KEY]), "steps": steps }),
            &self.environment(),
        )
    }

    #[track_caller]
    fn assert_stored(&self, value: &str) {
        let get = self.hoziron(&["vault", "get", KEY]);
        assert_eq!(get.exit, Some(0), "{}", get.stderr);
        assert_eq!(String::from_utf8_lossy(&get.stdout), value);
    }

    /// Every file of the home and its bytes, without the state that is not shared.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.home(), &mut files);
        files.retain(|path, _| !path.components().any(|part| part.as_os_str() == ".state"));
        files
    }
}

struct Outcome {
    exit: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be listed") {
        let path = entry.expect("an entry that can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let bytes = std::fs::read(&path).expect("a file that can be read");
            files.insert(path, bytes);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "CI says that nothing may be skipped"
)]
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn can_drive(test: &str) -> bool {
    let version = Command::new("python3").arg("--version").output();
    if version.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!ci, "{test} needs python3");
    eprintln!("skipped: {test} needs python3");
    false
}

fn drive(job: Value, environment: &[(&'static str, PathBuf)]) -> Seen {
    let mut driver = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pty/drive.py"))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = driver.stdin.take().expect("stdin is a pipe");
    stdin
        .write_all(job.to_string().as_bytes())
        .expect("the driver reads its job");
    drop(stdin);
    let output = driver.wait_with_output().expect("the driver ends");
    serde_json::from_slice(&output.stdout).expect("the driver reports")
}

/// Runs [`stand_in`] on a terminal.
fn drive_stand_in(role: &'static str, mut job: Value) -> Seen {
    let binary = std::env::current_exe().expect("a test knows where it is");
    job["argv"] = json!([
        binary.to_str().expect("a target folder with a UTF-8 name"),
        "--exact",
        concat!(module_path!(), "::stand_in")
            .split_once("::")
            .expect("a crate and a path")
            .1,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let mut seen = drive(job, &[("HOZIRON_TEST_STAND_IN", PathBuf::from(role))]);
    // The harness reports there; that nobody is asked there, the real binary shows.
    seen.stdout.clear();
    seen
}

/// Asks as it is told to, and says on stderr what it got.
#[test]
#[ignore = "run on a terminal by the other tests"]
#[expect(
    clippy::disallowed_methods,
    reason = "a test binary has no other argument"
)]
fn stand_in() {
    match std::env::var("HOZIRON_TEST_STAND_IN").as_deref() {
        Ok("confirm") => eprintln!("answer: {:?}", prompt::confirm("Remove it?")),
        Ok("confirm late") => {
            let tty = std::fs::File::open("/dev/tty").unwrap();
            eprintln!("busy");
            while ioctl_fionread(&tty).unwrap() == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
            eprintln!("answer: {:?}", prompt::confirm("Remove it?"));
        }
        Ok("hidden") => {
            let got = prompt::hidden(KEY);
            eprintln!("length: {:?}", got.map(|value| value.len()));
        }
        Ok("linger") => {
            prompt::hidden(KEY).unwrap();
            eprintln!("lingering");
            std::thread::sleep(Duration::from_secs(60));
        }
        role => panic!("no such role: {role:?}"),
    }
}

#[test]
fn a_value_is_asked_for_twice_and_not_shown() {
    let Some(house) = House::new("a_value_is_asked_for_twice_and_not_shown") else {
        return;
    };
    let line = format!("{TYPED}\r");
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["note"],
            ["type", line],
            ["expect", AGAIN],
            ["note"],
            ["type", line]
        ]))
        .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert_eq!(seen.notes, [false, false]);
    assert!(!seen.terminal.contains("horse"), "{seen:?}");
    house.assert_stored(TYPED);
}

/// The lines that are left of a pasted text do not count as another try.
#[test]
fn entries_that_differ_are_asked_for_again() {
    let Some(house) = House::new("entries_that_differ_are_asked_for_again") else {
        return;
    };
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["type", "one\rtwo\rtwo\rtwo\r"],
            ["expect", DIFFER],
            ["expect", FIRST],
            ["type", "three\r"],
            ["expect", AGAIN],
            ["type", "three\r"]
        ]))
        .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    house.assert_stored("three");
}

#[test]
fn entries_that_differ_three_times_write_nothing() {
    let Some(house) = House::new("entries_that_differ_three_times_write_nothing") else {
        return;
    };
    let before = house.files();
    let round = [
        ["expect", FIRST],
        ["type", "one\r"],
        ["expect", AGAIN],
        ["type", "two\r"],
    ];
    let seen = house.set(json!(round.repeat(3))).left_in_order();
    assert_eq!(seen.exit, Some(1), "{seen:?}");
    assert_eq!(house.files(), before);
}

/// The shell sees death by the signal, and a loop around us ends as well.
#[track_caller]
fn ends_by_a_key(test: &str, key: &str, signal: i32) {
    let Some(house) = House::new(test) else {
        return;
    };
    let before = house.files();
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["type", "one\r"],
            ["expect", AGAIN],
            ["type", format!("on{key}")]
        ]))
        .left_in_order();
    assert_eq!((seen.exit, seen.signal), (None, Some(signal)), "{seen:?}");
    assert_eq!(house.files(), before);
}

#[test]
fn control_c_ends_us_with_echo_on_and_nothing_written() {
    ends_by_a_key(
        "control_c_ends_us_with_echo_on_and_nothing_written",
        CTRL_C,
        SIGINT,
    );
}

#[test]
fn control_backslash_ends_us_with_echo_on_and_nothing_written() {
    ends_by_a_key(
        "control_backslash_ends_us_with_echo_on_and_nothing_written",
        CTRL_BACKSLASH,
        SIGQUIT,
    );
}

#[test]
fn control_d_gives_no_answer_and_writes_nothing() {
    let Some(house) = House::new("control_d_gives_no_answer_and_writes_nothing") else {
        return;
    };
    let before = house.files();
    let seen = house
        .set(json!([["expect", FIRST], ["type", CTRL_D]]))
        .left_in_order();
    assert_eq!(seen.exit, Some(130), "{seen:?}");
    assert_eq!(house.files(), before);
}

#[track_caller]
fn ends_by_a_signal(test: &str, name: &str, signal: i32) {
    let Some(house) = House::new(test) else {
        return;
    };
    let before = house.files();
    let seen = house
        .set(json!([["expect", FIRST], ["type", "on"], ["signal", name]]))
        .left_in_order();
    assert_eq!((seen.exit, seen.signal), (None, Some(signal)), "{seen:?}");
    assert_eq!(house.files(), before);
}

#[test]
fn a_hangup_ends_us_with_echo_on_and_nothing_written() {
    ends_by_a_signal(
        "a_hangup_ends_us_with_echo_on_and_nothing_written",
        "HUP",
        SIGHUP,
    );
}

#[test]
fn a_termination_ends_us_with_echo_on_and_nothing_written() {
    ends_by_a_signal(
        "a_termination_ends_us_with_echo_on_and_nothing_written",
        "TERM",
        SIGTERM,
    );
}

/// While we are stopped the shell has a terminal with echo; afterwards it is off again. What was
/// typed before still counts, what was typed meanwhile does not.
#[test]
fn control_z_shows_echo_until_we_are_continued() {
    let Some(house) = House::new("control_z_shows_echo_until_we_are_continued") else {
        return;
    };
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["type", format!("correct ho{CTRL_Z}")],
            ["stopped"],
            ["note"],
            ["type", "for the shell\r"],
            ["foreground"],
            ["expect", FIRST],
            ["note"],
            ["type", "rse\r"],
            ["expect", AGAIN],
            ["type", "correct horse\r"]
        ]))
        .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert_eq!(seen.notes, [true, false]);
    assert!(
        !seen.terminal.contains("ho") && !seen.terminal.contains("rse"),
        "{seen:?}"
    );
    house.assert_stored("correct horse");
}

#[test]
fn a_stopped_prompt_can_be_ended_with_echo_on() {
    let Some(house) = House::new("a_stopped_prompt_can_be_ended_with_echo_on") else {
        return;
    };
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["type", CTRL_Z],
            ["stopped"],
            ["signal", "TERM"],
            ["signal", "CONT"]
        ]))
        .left_in_order();
    assert_eq!(seen.signal, Some(SIGTERM), "{seen:?}");
}

/// SIGSTOP cannot be caught. The shell turns echo on for itself; we turn it off when continued.
#[test]
fn a_continued_prompt_hides_again() {
    let Some(house) = House::new("a_continued_prompt_hides_again") else {
        return;
    };
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["signal", "STOP"],
            ["stopped"],
            ["echo", true],
            ["foreground"],
            ["hidden"],
            ["type", "one\r"],
            ["expect", AGAIN],
            ["type", "one\r"]
        ]))
        .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains("one"), "{seen:?}");
    house.assert_stored("one");
}

/// A terminal that reads line by line cuts a line at 4096 bytes.
#[test]
fn a_pasted_line_of_ten_thousand_bytes_arrives_whole() {
    let Some(house) = House::new("a_pasted_line_of_ten_thousand_bytes_arrives_whole") else {
        return;
    };
    let value = "0123456789".repeat(1_000);
    let line = format!("{value}\r");
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["type", line],
            ["expect", AGAIN],
            ["type", line]
        ]))
        .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    house.assert_stored(&value);
}

/// What is left of a pasted text must not be there for the shell to run.
#[test]
fn the_lines_after_the_entries_are_dropped() {
    let Some(house) = House::new("the_lines_after_the_entries_are_dropped") else {
        return;
    };
    let seen = house
        .set(json!([
            ["expect", FIRST],
            ["type", "one\rone\rrm -r elsewhere\r"]
        ]))
        .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains("elsewhere"), "{seen:?}");
    house.assert_stored("one");
}

#[test]
fn a_pipe_is_read_without_asking() {
    let Some(house) = House::new("a_pipe_is_read_without_asking") else {
        return;
    };
    let argv = house.arguments(&["vault", "set", KEY]);
    let seen = drive(
        json!({ "argv": argv, "steps": [], "stdin": "piped\n" }),
        &house.environment(),
    )
    .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains(FIRST), "{seen:?}");
    house.assert_stored("piped");
}

/// The handlers stay behind, so they must do what the signal does by itself.
#[test]
fn an_interrupt_after_the_prompt_ends_us() {
    if !can_drive("an_interrupt_after_the_prompt_ends_us") {
        return;
    }
    for (name, signal) in [
        ("HUP", SIGHUP),
        ("INT", SIGINT),
        ("QUIT", SIGQUIT),
        ("TERM", SIGTERM),
    ] {
        let seen = drive_stand_in(
            "linger",
            json!({ "steps": [
                ["expect", FIRST],
                ["type", "one\r"],
                ["expect", "lingering"],
                ["signal", name]
            ]}),
        )
        .left_in_order();
        assert_eq!(seen.signal, Some(signal), "{seen:?}");
    }
}

/// Arrow keys, and the marks that some terminals put around a pasted text.
#[test]
fn a_control_character_is_refused_and_asked_for_again() {
    if !can_drive("a_control_character_is_refused_and_asked_for_again") {
        return;
    }
    let seen = drive_stand_in(
        "hidden",
        json!({ "steps": [
            ["expect", FIRST],
            ["type", "one\x1b[D\r"],
            ["expect", "the entry holds a control character, try again"],
            ["expect", FIRST],
            ["type", "\x1b[200~one\x1b[201~\r"],
            ["expect", "the entry holds a control character, try again"],
            ["expect", FIRST],
            ["type", "four\r"],
            ["expect", "length: Ok(4)"]
        ]}),
    )
    .left_in_order();
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains("one"), "{seen:?}");
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    if !can_drive("without_a_terminal_nobody_is_asked") {
        return;
    }
    for (role, answer) in [("confirm", "answer"), ("hidden", "length")] {
        let seen = drive_stand_in(
            role,
            json!({
                "controlling": false,
                "steps": [["expect", format!("{answer}: Err(NoTerminal)")]]
            }),
        )
        .left_in_order();
        assert!(!seen.terminal.contains(FIRST), "{seen:?}");
    }
}

#[test]
fn a_question_is_answered_by_yes_alone() {
    if !can_drive("a_question_is_answered_by_yes_alone") {
        return;
    }
    for (typed, answer) in [
        ("y\r", "Ok(true)"),
        ("Yes \r", "Ok(true)"),
        ("\r", "Ok(false)"),
        ("n\r", "Ok(false)"),
        ("yesterday\r", "Ok(false)"),
        (CTRL_D, "Err(Interrupted)"),
    ] {
        drive_stand_in(
            "confirm",
            json!({ "steps": [
                ["expect", "Remove it? [y/N] "],
                ["type", typed],
                ["expect", format!("answer: {answer}")]
            ]}),
        )
        .left_in_order();
    }
}

#[test]
fn a_yes_before_the_question_does_not_answer_it() {
    if !can_drive("a_yes_before_the_question_does_not_answer_it") {
        return;
    }
    drive_stand_in(
        "confirm late",
        json!({ "steps": [
            ["expect", "busy"],
            ["type", "yes\r"],
            ["expect", "Remove it? [y/N] "],
            ["type", "\r"],
            ["expect", "answer: Ok(false)"]
        ]}),
    )
    .left_in_order();
}
