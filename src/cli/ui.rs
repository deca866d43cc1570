//! The five voices: what was asked for goes to stdout, everything said on the side to stderr. All
//! that is said is made safe for a terminal here, once; a value on its way to stdout is written as
//! it is, without a copy left in a buffer.

use std::io::{self, IsTerminal, Write};

use rustix::io::Errno;

use crate::cli::args::{ColorChoice, Global};
use crate::cli::display;
use crate::cli::failure::{Exit, Failure};
use crate::cli::meter::Meter;
use crate::cli::prompt::{self, PromptError};
use crate::domain::SecretValue;

/// How hoziron talks in this run.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    quiet: bool,
    /// Whether warnings are left out, because what they say is reported in another way.
    mute: bool,
    verbose: bool,
    color: bool,
    /// Whether questions may be asked.
    input: bool,
}

impl Ui {
    /// Decides how to talk from the global options and `NO_COLOR`.
    pub fn new(global: &Global, no_color: bool) -> Self {
        let color = match global.color {
            ColorChoice::Always => true,
            ColorChoice::Auto => !no_color && io::stderr().is_terminal(),
            ColorChoice::Never => false,
        };
        Self {
            quiet: global.quiet,
            mute: false,
            verbose: global.verbose,
            color,
            input: !global.no_input,
        }
    }

    /// Talks without colour and without questions: before the options are known, and in a panic.
    pub fn plain() -> Self {
        Self {
            quiet: false,
            mute: false,
            verbose: false,
            color: false,
            input: false,
        }
    }

    /// Talks the same, but for warnings and notes, and never asks.
    pub fn quieter(&self) -> Self {
        Self {
            quiet: true,
            mute: true,
            input: false,
            ..*self
        }
    }

    /// Writes a line that was asked for.
    pub fn out(&self, line: &str) -> Result<(), Failure> {
        write_out(format!("{}\n", display::text(line)).as_bytes())
    }

    /// Writes bytes that will never be shown again; a reader that is gone is a failure.
    pub fn out_once(&self, value: &SecretValue) -> Result<(), Failure> {
        write_all(value.reveal()).map_err(not_written)
    }

    /// Writes bytes that were asked for, as they are.
    pub fn out_value(&self, value: &SecretValue) -> Result<(), Failure> {
        write_out(value.reveal())
    }

    /// Says something that is useful to know; silent under `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say("", "", text);
        }
    }

    /// Says how something was decided; only under `--verbose`.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.say("note: ", "\x1b[2m", text);
        }
    }

    /// Says what is costly to put into words; only under `--verbose`.
    pub fn detail_of(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            self.detail(&text());
        }
    }

    /// Starts to show how far long work has come; silent under `--quiet`.
    pub fn meter(&self, what: &'static str) -> Meter {
        Meter::new(what, self.quiet)
    }

    /// Says something that may need attention, always.
    pub fn warn(&self, text: &str) {
        if !self.mute {
            self.say("warning: ", "\x1b[33m", text);
        }
    }

    /// Says what went wrong.
    pub fn fail(&self, failure: &Failure) {
        self.say("error: ", "\x1b[31m", &failure.what);
        for cause in &failure.causes {
            self.say("cause: ", "", cause);
        }
        for hint in &failure.hints {
            self.say("hint: ", "\x1b[36m", hint);
        }
    }

    /// Asks for a yes; `instead` says which option answers without a terminal.
    pub fn ask(&self, question: &str, instead: &str) -> Result<bool, Failure> {
        self.may_ask(question, instead)?;
        prompt::confirm(&display::line(question)).map_err(|error| unanswered(&error, instead))
    }

    /// Asks for a value twice, without showing it.
    pub fn ask_hidden(&self, label: &str, instead: &str) -> Result<SecretValue, Failure> {
        self.may_ask(label, instead)?;
        prompt::hidden_twice(&display::line(label)).map_err(|error| unanswered(&error, instead))
    }

    /// Asks for a passphrase once, without showing it; works with a pipe on stdin.
    pub fn ask_passphrase(&self, label: &str) -> Result<SecretValue, PromptError> {
        prompt::hidden(&display::line(label))
    }

    /// Says whether there is a terminal and questions are allowed, whatever stdin is.
    pub fn has_terminal(&self) -> bool {
        self.input && prompt::has_terminal()
    }

    /// Says whether questions may be asked at all.
    pub fn has_person(&self) -> bool {
        self.input && io::stdin().is_terminal()
    }

    fn may_ask(&self, question: &str, instead: &str) -> Result<(), Failure> {
        if self.has_person() {
            return Ok(());
        }
        Err(
            Failure::new(format!("nobody can answer `{question}`"), Exit::Error)
                .cause("this is not a terminal, or `--no-input` was given")
                .hint(instead),
        )
    }

    fn say(&self, lead: &str, color: &str, text: &str) {
        let text = display::line(text);
        let line = match (self.color, color) {
            (true, color) if !color.is_empty() => format!("{color}{lead}\x1b[0m{text}\n"),
            _ => format!("{lead}{text}\n"),
        };
        // Nothing can be done about a closed stderr.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

fn unanswered(error: &PromptError, instead: &str) -> Failure {
    let failure = Failure::of("no answer", error);
    if matches!(error, PromptError::NoTerminal) {
        failure.hint(instead)
    } else {
        failure
    }
}

/// Writes to stdout; a reader that is gone has what it wanted, as with `head`.
fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    match write_all(bytes) {
        Ok(()) | Err(Errno::PIPE) => Ok(()),
        Err(errno) => Err(not_written(errno)),
    }
}

/// Writes to stdout without std's line buffer, which would keep a copy of a value.
fn write_all(mut bytes: &[u8]) -> Result<(), Errno> {
    let stdout = rustix::stdio::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(stdout, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn not_written(errno: Errno) -> Failure {
    Failure::new("cannot write to stdout", Exit::Error).cause(io::Error::from(errno).to_string())
}
