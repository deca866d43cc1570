//! A person at a terminal: what they see while a value is asked for, and the state in which the
//! terminal is left. `tests/pty/drive.py` plays the person and the shell.

use std::fs::File;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::house::{HOZIRON, House, finish, has_judge};

const KEY: &str = "API_KEY";
/// What is shown before the first entry and before the second.
const FIRST: &str = "API_KEY: ";
const AGAIN: &str = "again: ";
const DIFFER: &str = "the two entries differ, try again";
const REFUSED: &str = "the entry holds a control character, try again";
const QUESTION: &str = "remove `API_KEY`? [y/N] ";
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

/// A house with somebody at its terminal.
struct Person {
    house: House,
}

impl Person {
    /// `None` where the driver cannot run.
    fn new(test: &str) -> Option<Self> {
        has_judge("python3", test).then(|| Self {
            house: House::new(),
        })
    }

    /// Runs `vault set` on a terminal, with these steps.
    #[track_caller]
    fn set(&self, steps: Value) -> Seen {
        self.drive(&["vault", "set", KEY], json!({ "steps": steps }))
    }

    /// Runs the real binary on a terminal. Whatever happens: all steps are taken, echo is on in
    /// the end, nothing that was typed is left for the shell, stdout is empty.
    #[track_caller]
    fn drive(&self, arguments: &[&str], mut job: Value) -> Seen {
        job["argv"] = json!([&[HOZIRON], arguments].concat());
        let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pty/drive.py");
        let report = finish(
            self.house.program("python3").arg(driver),
            job.to_string().as_bytes(),
        )
        .ok();
        let seen: Seen = serde_json::from_slice(&report).unwrap();
        assert_eq!(seen.missed, None, "{seen:?}");
        assert!(seen.echo, "echo is off: {seen:?}");
        assert_eq!(seen.unread, 0, "{seen:?}");
        assert_eq!(seen.stdout, "", "{seen:?}");
        seen
    }

    #[track_caller]
    fn assert_stored(&self, value: &str) {
        let stored = self.house.run(["vault", "get", KEY]).ok();
        assert_eq!(String::from_utf8_lossy(&stored), value);
    }
}

#[test]
fn a_value_is_asked_for_twice_and_not_shown() {
    let Some(person) = Person::new("a_value_is_asked_for_twice_and_not_shown") else {
        return;
    };
    let line = format!("{TYPED}\r");
    let seen = person.set(json!([
        ["expect", FIRST],
        ["note"],
        ["type", line],
        ["expect", AGAIN],
        ["note"],
        ["type", line]
    ]));
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert_eq!(seen.notes, [false, false]);
    assert!(!seen.terminal.contains("horse"), "{seen:?}");
    person.assert_stored(TYPED);
}

/// The lines that are left of a pasted text do not count as another try.
#[test]
fn entries_that_differ_are_asked_for_again() {
    let Some(person) = Person::new("entries_that_differ_are_asked_for_again") else {
        return;
    };
    let seen = person.set(json!([
        ["expect", FIRST],
        ["type", "one\rtwo\rtwo\rtwo\r"],
        ["expect", DIFFER],
        ["expect", FIRST],
        ["type", "three\r"],
        ["expect", AGAIN],
        ["type", "three\r"]
    ]));
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    person.assert_stored("three");
}

#[test]
fn entries_that_differ_three_times_write_nothing() {
    let Some(person) = Person::new("entries_that_differ_three_times_write_nothing") else {
        return;
    };
    let before = person.house.snapshot();
    let round = [
        ["expect", FIRST],
        ["type", "one\r"],
        ["expect", AGAIN],
        ["type", "two\r"],
    ];
    let seen = person.set(json!(round.repeat(3)));
    assert_eq!(seen.exit, Some(1), "{seen:?}");
    assert_eq!(person.house.snapshot(), before);
}

/// The shell sees death by the signal, and a loop around us ends as well.
#[track_caller]
fn ends_by_a_key(test: &str, key: &str, signal: i32) {
    let Some(person) = Person::new(test) else {
        return;
    };
    let before = person.house.snapshot();
    let seen = person.set(json!([
        ["expect", FIRST],
        ["type", "one\r"],
        ["expect", AGAIN],
        ["type", format!("on{key}")]
    ]));
    assert_eq!((seen.exit, seen.signal), (None, Some(signal)), "{seen:?}");
    assert_eq!(person.house.snapshot(), before);
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
    let Some(person) = Person::new("control_d_gives_no_answer_and_writes_nothing") else {
        return;
    };
    let before = person.house.snapshot();
    let seen = person.set(json!([["expect", FIRST], ["type", CTRL_D]]));
    assert_eq!(seen.exit, Some(130), "{seen:?}");
    assert_eq!(person.house.snapshot(), before);
}

#[track_caller]
fn ends_by_a_signal(test: &str, name: &str, signal: i32) {
    let Some(person) = Person::new(test) else {
        return;
    };
    let before = person.house.snapshot();
    let seen = person.set(json!([["expect", FIRST], ["signal", name]]));
    assert_eq!((seen.exit, seen.signal), (None, Some(signal)), "{seen:?}");
    assert_eq!(person.house.snapshot(), before);
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
    let Some(person) = Person::new("control_z_shows_echo_until_we_are_continued") else {
        return;
    };
    let seen = person.set(json!([
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
    ]));
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert_eq!(seen.notes, [true, false]);
    assert!(
        !seen.terminal.contains("ho") && !seen.terminal.contains("rse"),
        "{seen:?}"
    );
    person.assert_stored("correct horse");
}

#[test]
fn a_stopped_prompt_can_be_ended_with_echo_on() {
    let Some(person) = Person::new("a_stopped_prompt_can_be_ended_with_echo_on") else {
        return;
    };
    let seen = person.set(json!([
        ["expect", FIRST],
        ["type", CTRL_Z],
        ["stopped"],
        ["signal", "TERM"],
        ["signal", "CONT"]
    ]));
    assert_eq!(seen.signal, Some(SIGTERM), "{seen:?}");
}

/// SIGSTOP cannot be caught. The shell turns echo on for itself; we turn it off when continued.
#[test]
fn a_continued_prompt_hides_again() {
    let Some(person) = Person::new("a_continued_prompt_hides_again") else {
        return;
    };
    let seen = person.set(json!([
        ["expect", FIRST],
        ["signal", "STOP"],
        ["stopped"],
        ["echo", true],
        ["foreground"],
        ["hidden"],
        ["type", "one\r"],
        ["expect", AGAIN],
        ["type", "one\r"]
    ]));
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains("one"), "{seen:?}");
    person.assert_stored("one");
}

/// A terminal that reads line by line cuts a line at 4096 bytes.
#[test]
fn a_pasted_line_of_ten_thousand_bytes_arrives_whole() {
    let Some(person) = Person::new("a_pasted_line_of_ten_thousand_bytes_arrives_whole") else {
        return;
    };
    let value = "0123456789".repeat(1_000);
    let line = format!("{value}\r");
    let seen = person.set(json!([
        ["expect", FIRST],
        ["type", line],
        ["expect", AGAIN],
        ["type", line]
    ]));
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    person.assert_stored(&value);
}

/// What is left of a pasted text must not be there for the shell to run.
#[test]
fn the_lines_after_the_entries_are_dropped() {
    let Some(person) = Person::new("the_lines_after_the_entries_are_dropped") else {
        return;
    };
    let seen = person.set(json!([
        ["expect", FIRST],
        ["type", "one\rone\rrm -r elsewhere\r"]
    ]));
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains("elsewhere"), "{seen:?}");
    person.assert_stored("one");
}

#[test]
fn a_pipe_is_read_without_asking() {
    let Some(person) = Person::new("a_pipe_is_read_without_asking") else {
        return;
    };
    let seen = person.drive(
        &["vault", "set", KEY],
        json!({ "steps": [], "stdin": "piped\n" }),
    );
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains(FIRST), "{seen:?}");
    person.assert_stored("piped");
}

/// The handlers stay behind, so they must do what the signal does by itself. Somebody else reads
/// the vault, for which the writer waits after the prompt.
#[test]
fn a_signal_after_the_prompt_ends_us() {
    let Some(person) = Person::new("a_signal_after_the_prompt_ends_us") else {
        return;
    };
    let lock = File::open(person.house.home().join(".state/lock")).unwrap();
    lock.lock_shared().unwrap();
    for (name, signal) in [
        ("HUP", SIGHUP),
        ("INT", SIGINT),
        ("QUIT", SIGQUIT),
        ("TERM", SIGTERM),
    ] {
        let seen = person.set(json!([
            ["expect", FIRST],
            ["type", "one\rone\r"],
            ["expect", AGAIN],
            ["shown"],
            ["signal", name]
        ]));
        assert_eq!(seen.signal, Some(signal), "{seen:?}");
    }
}

/// Arrow keys, and the marks that some terminals put around a pasted text.
#[test]
fn a_control_character_is_refused_and_asked_for_again() {
    let Some(person) = Person::new("a_control_character_is_refused_and_asked_for_again") else {
        return;
    };
    let seen = person.set(json!([
        ["expect", FIRST],
        ["type", "one\x1b[D\r"],
        ["expect", REFUSED],
        ["expect", FIRST],
        ["type", "\x1b[200~one\x1b[201~\r"],
        ["expect", REFUSED],
        ["expect", FIRST],
        ["type", "four\r"],
        ["expect", AGAIN],
        ["type", "four\r"]
    ]));
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    assert!(!seen.terminal.contains("one"), "{seen:?}");
    person.assert_stored("four");
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let Some(person) = Person::new("without_a_terminal_nobody_is_asked") else {
        return;
    };
    let before = person.house.snapshot();
    let seen = person.drive(
        &["vault", "set", KEY],
        json!({ "controlling": false, "steps": [] }),
    );
    assert_eq!(seen.exit, Some(1), "{seen:?}");
    assert!(
        seen.terminal.contains("there is no terminal to ask on"),
        "{seen:?}"
    );
    assert!(!seen.terminal.contains(FIRST), "{seen:?}");
    assert_eq!(person.house.snapshot(), before);
}

#[test]
fn a_question_is_answered_by_yes_alone() {
    let Some(person) = Person::new("a_question_is_answered_by_yes_alone") else {
        return;
    };
    for (typed, exit) in [
        ("y\r", 0),
        ("Yes \r", 0),
        ("\r", 1),
        ("n\r", 1),
        // Anything else is asked again.
        ("yesterday\rn\r", 1),
        (CTRL_D, 130),
    ] {
        person.house.seal(KEY, b"one");
        let seen = person.drive(
            &["vault", "remove", KEY],
            json!({ "steps": [["expect", QUESTION], ["type", typed]] }),
        );
        assert_eq!(seen.exit, Some(exit), "{seen:?}");
        let there = person.house.run(["vault", "get", KEY]).status.success();
        assert_eq!(there, exit != 0, "{seen:?}");
    }
}

#[test]
fn a_yes_before_the_question_does_not_answer_it() {
    let Some(person) = Person::new("a_yes_before_the_question_does_not_answer_it") else {
        return;
    };
    person.house.seal(KEY, b"one");
    let seen = person.drive(
        &["vault", "remove", KEY],
        json!({ "typed": "yes\r", "steps": [["expect", QUESTION], ["type", "\r"]] }),
    );
    assert_eq!(seen.exit, Some(1), "{seen:?}");
    person.assert_stored("one");
}
