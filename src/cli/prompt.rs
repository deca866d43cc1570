//! Asking a person: for a value, without showing it, or for a yes. A value is exactly the bytes
//! that were typed or pasted, or it is refused: never cut, never filtered. Nothing here reads
//! stdin or writes to stdout, and no error holds what was typed.

use std::io;

use zeroize::Zeroizing;

use super::terminal::{Concealment, Terminal};
use crate::domain::SecretValue;

/// The longest entry that is read from a terminal, in bytes (64 KiB). Its memory is reserved
/// before the first byte, because growing would leave copies behind that nobody wipes.
pub const MAX_ENTRY: usize = 64 * 1024;

/// How often an entry that cannot be used is asked for again.
const ROUNDS: usize = 3;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The entry held a control character other than a tab: an arrow key, or the marks that some
    /// terminals put around a pasted text.
    #[error("the entry holds a control character")]
    ControlCharacter,
    /// Ctrl-D was typed instead of an answer. Ctrl-C ends the program by its signal.
    #[error("no answer was given")]
    Interrupted,
    /// The terminal could not be read, written or changed.
    #[error("cannot use `/dev/tty`")]
    Io(#[from] io::Error),
    /// The two entries were not the same bytes.
    #[error("the two entries differ")]
    Mismatch,
    /// There is nobody to ask.
    #[error("there is no terminal to ask on")]
    NoTerminal,
    /// The entry was longer than [`MAX_ENTRY`].
    #[error("the entry is longer than {MAX_ENTRY} bytes")]
    TooLong,
}

impl PromptError {
    /// Says whether another try may go better.
    fn is_about_the_entry(&self) -> bool {
        match self {
            Self::ControlCharacter | Self::Mismatch | Self::TooLong => true,
            Self::Interrupted | Self::Io(_) | Self::NoTerminal => false,
        }
    }
}

/// Asks for a value once, without showing it; the label is shown as it is, with a colon.
pub fn hidden(label: &str) -> Result<SecretValue, PromptError> {
    in_rounds(|person| person.entry(label))
}

/// Asks for a value twice, without showing it, until both entries are the same.
pub fn hidden_twice(label: &str) -> Result<SecretValue, PromptError> {
    in_rounds(|person| {
        let value = person.entry(label)?;
        if !person.entry("again")?.same_as(&value) {
            return Err(PromptError::Mismatch);
        }
        Ok(value)
    })
}

/// Asks a question, shown as it is, until the answer is yes or no; nothing at all is a no.
pub fn confirm(question: &str) -> Result<bool, PromptError> {
    let terminal = open()?;
    // A yes that was typed before the question was not meant for it.
    terminal.discard()?;
    loop {
        terminal.say(question)?;
        terminal.say(" [y/N] ")?;
        let answer = line(&terminal)?.trim_ascii().to_ascii_lowercase();
        match &answer[..] {
            b"y" | b"yes" => return Ok(true),
            b"" | b"n" | b"no" => return Ok(false),
            _ => terminal.say("please answer y or n\n")?,
        }
    }
}

/// Reads a line that is shown while it is typed.
fn line(terminal: &Terminal) -> Result<Vec<u8>, PromptError> {
    let mut line = Vec::new();
    loop {
        match terminal.byte()? {
            Some(b'\n') => return Ok(line),
            Some(byte) => line.push(byte),
            None => {
                terminal.say("\n")?;
                return Err(PromptError::Interrupted);
            }
        }
    }
}

/// Says whether there is a terminal to ask on.
pub fn has_terminal() -> bool {
    Terminal::open().is_ok()
}

fn open() -> Result<Terminal, PromptError> {
    Terminal::open().map_err(|_| PromptError::NoTerminal)
}

/// Asks with echo off from the first entry to the last, so that what is typed between two
/// entries is not shown either.
fn in_rounds(
    ask: impl Fn(&mut Person<'_>) -> Result<SecretValue, PromptError>,
) -> Result<SecretValue, PromptError> {
    let terminal = open()?;
    let mut person = Person {
        terminal: &terminal,
        concealment: terminal.conceal()?,
    };
    let mut round = 1;
    loop {
        match ask(&mut person) {
            Err(error) if error.is_about_the_entry() && round < ROUNDS => {
                // The lines that are left of a pasted text are not answers.
                terminal.discard()?;
                terminal.say(&format!("{error}, try again\n"))?;
                round += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Somebody at the keyboard who does not see what they type.
struct Person<'a> {
    terminal: &'a Terminal,
    concealment: Concealment<'a>,
}

impl Person<'_> {
    fn entry(&mut self, label: &str) -> Result<SecretValue, PromptError> {
        let mut entry = Entry::new();
        self.terminal.say(&format!("{label}: "))?;
        loop {
            let Some(byte) = self.terminal.byte()? else {
                return Err(PromptError::Io(io::ErrorKind::UnexpectedEof.into()));
            };
            match entry.take(byte) {
                Taken::More => {}
                Taken::Suspend => {
                    self.concealment.suspend()?;
                    self.terminal.say(&format!("{label}: "))?;
                }
                Taken::End => {
                    self.terminal.say("\n")?;
                    return entry.finish();
                }
                Taken::Leave => {
                    self.terminal.say("\n")?;
                    return Err(PromptError::Interrupted);
                }
            }
        }
    }
}

/// What a byte meant.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    End,
    Leave,
    More,
    Suspend,
}

/// What cannot be made good by typing on.
#[derive(Clone, Copy)]
enum Flaw {
    ControlCharacter,
    TooLong,
}

/// A line being typed, with the keys people use where they see nothing.
struct Entry {
    bytes: Zeroizing<Vec<u8>>,
    flaw: Option<Flaw>,
}

impl Entry {
    fn new() -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(MAX_ENTRY)),
            flaw: None,
        }
    }

    fn take(&mut self, byte: u8) -> Taken {
        match byte {
            b'\n' | b'\r' => return Taken::End,
            // Ctrl-D.
            0x04 if self.bytes.is_empty() && self.flaw.is_none() => return Taken::Leave,
            // Ctrl-Z.
            0x1a => return Taken::Suspend,
            // Backspace, by either of its names.
            0x08 | 0x7f => self.erase(),
            // Ctrl-U.
            0x15 => {
                self.bytes.clear();
                self.flaw = None;
            }
            // Ctrl-W.
            0x17 => self.erase_word(),
            b'\t' | 0x20.. => self.push(byte),
            _ => self.flaw = Some(Flaw::ControlCharacter),
        }
        Taken::More
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() == MAX_ENTRY {
            self.flaw = Some(Flaw::TooLong);
        } else {
            self.bytes.push(byte);
        }
    }

    /// Takes back one character, which in UTF-8 is its first byte and those that continue it.
    fn erase(&mut self) {
        while let Some(byte) = self.bytes.pop() {
            if byte & 0b1100_0000 != 0b1000_0000 {
                return;
            }
        }
    }

    fn erase_word(&mut self) {
        let end = self.bytes.trim_ascii_end().len();
        let start = self.bytes[..end].iter().rposition(u8::is_ascii_whitespace);
        self.bytes.truncate(start.map_or(0, |space| space + 1));
    }

    fn finish(mut self) -> Result<SecretValue, PromptError> {
        match self.flaw {
            None => Ok(SecretValue::new(std::mem::take(&mut *self.bytes))),
            Some(Flaw::ControlCharacter) => Err(PromptError::ControlCharacter),
            Some(Flaw::TooLong) => Err(PromptError::TooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types and presses Enter.
    fn typed(bytes: &[u8]) -> Result<Vec<u8>, PromptError> {
        let mut entry = Entry::new();
        for byte in bytes {
            assert_eq!(entry.take(*byte), Taken::More);
        }
        assert_eq!(entry.take(b'\r'), Taken::End);
        entry.finish().map(|value| value.reveal().to_vec())
    }

    /// Tabs, spaces, quotes, accents and bytes that are not UTF-8 arrive as they were typed.
    #[test]
    fn an_entry_is_the_bytes_that_were_typed() {
        for bytes in [
            &b""[..],
            b" a\tb \"$x\" \\n ",
            "käse 🚲".as_bytes(),
            b"\x80\xff\xfe\xc3",
        ] {
            assert_eq!(typed(bytes).unwrap(), bytes);
        }
    }

    #[test]
    fn backspace_takes_back_a_whole_character() {
        assert_eq!(typed("a🚲\x7f".as_bytes()).unwrap(), b"a");
        assert_eq!(typed("ä\x08".as_bytes()).unwrap(), b"");
        assert_eq!(typed(b"\x7f\x7fab\x7fc").unwrap(), b"ac");
    }

    #[test]
    fn the_other_erasing_keys_take_back_a_word_or_all() {
        assert_eq!(
            typed(b"correct horse  \x17battery").unwrap(),
            b"correct battery"
        );
        assert_eq!(typed(b"horse\x17\x17battery").unwrap(), b"battery");
        assert_eq!(typed(b"wrong\x1b[D\x15right").unwrap(), b"right");
    }

    /// An arrow key, a NUL, a late Ctrl-D or the marks around a pasted text refuse the entry, and
    /// erasing does not make it good again.
    #[test]
    fn a_control_character_is_refused_rather_than_dropped() {
        for bytes in [
            &b"ab\x1b[D"[..],
            b"a\0b",
            b"ab\x04",
            b"\x1b[200~ab\x1b[201~",
            b"\x01\x7f",
        ] {
            assert!(matches!(typed(bytes), Err(PromptError::ControlCharacter)));
        }
    }

    #[test]
    fn an_entry_that_is_too_long_is_refused_rather_than_cut() {
        let longest = vec![b'x'; MAX_ENTRY];
        assert_eq!(typed(&longest).unwrap(), longest);
        assert!(matches!(
            typed(&[longest, vec![b'x']].concat()),
            Err(PromptError::TooLong)
        ));
    }

    #[test]
    fn control_d_leaves_an_empty_entry_and_control_z_suspends_any() {
        let mut entry = Entry::new();
        assert_eq!(entry.take(0x04), Taken::Leave);
        assert_eq!(entry.take(b'a'), Taken::More);
        assert_eq!(entry.take(0x1a), Taken::Suspend);
        assert_eq!(entry.finish().unwrap().reveal(), b"a");
    }
}
