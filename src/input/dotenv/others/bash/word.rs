//! One word of a shell line: an assignment or anything else, with its quotes removed. Where an
//! expansion decides, the value is not known, only where it ends; an expansion that could set a
//! variable of the shell, or whose end cannot be found without parsing commands, is not followed.

use super::{Parser, RESERVED, Stop};
use crate::input::dotenv::buffer::Buffer;
use crate::input::dotenv::others::Reading;

/// A word without its quotes.
pub(super) struct Word<'t> {
    pub(super) kind: Kind<'t>,
    /// Nothing in it was a substitution.
    pub(super) constant: bool,
    /// What it is if it is no assignment and known.
    bytes: Option<Buffer>,
}

pub(super) enum Kind<'t> {
    Assignment {
        name: &'t [u8],
        value: Reading,
    },
    /// `NAME+=…`, `NAME[…`, `NAME=(…`.
    OddAssignment,
    Plain,
}

impl Word<'_> {
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_ref().map(Buffer::bytes)
    }
}

/// What a word has come to so far.
struct Draft {
    out: Buffer,
    /// No substitution yet.
    constant: bool,
    /// Nothing yet that depends on the machine.
    known: bool,
    /// How far an unquoted `{ , }` or `{ .. }` has come.
    brace: Brace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Brace {
    None,
    Open,
    Parted,
}

impl<'t> Parser<'t> {
    /// Parses a word. The arguments of `export` are assignments that braces expand in.
    pub(super) fn word(&mut self, export: bool) -> Result<Word<'t>, Stop> {
        let mut draft = Draft {
            out: Buffer::default(),
            constant: true,
            known: true,
            brace: Brace::None,
        };
        let name = self.assigned();
        let odd = name.is_some_and(|name| self.text.get(self.at + name.len()) != Some(&b'='));
        let name = name.filter(|_| !odd);
        self.at += name.map_or(0, |name| name.len() + 1);
        let start = self.at;
        // Whether a tilde would be expanded here.
        let mut boundary = true;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')' => break,
                b'(' if name.is_some() && self.at == start => return Err(Stop::Unsure),
                b'(' => break,
                b'<' | b'>' if self.text.get(self.at + 1) == Some(&b'(') => {
                    return Err(Stop::Unsure);
                }
                b'<' | b'>' => break,
                _ => self.at += 1,
            }
            if byte == b'\\' && self.peek() == Some(b'\n') {
                if name.is_none() {
                    // What is joined may be an assignment.
                    return Err(Stop::Unsure);
                }
                self.at += 1;
                continue;
            }
            match byte {
                b'\\' => self.escape(&mut draft),
                b'\'' => self.single(&mut draft)?,
                b'"' => self.double(&mut draft)?,
                b'`' => self.backquoted(&mut draft)?,
                b'$' => self.dollar(&mut draft, false)?,
                _ => {
                    let glob = name.is_none() && matches!(byte, b'*' | b'?' | b'[');
                    let tilde = boundary && byte == b'~';
                    draft.known &= !(glob || tilde);
                    draft.unquoted(byte, self.peek());
                }
            }
            boundary = byte == b':' && name.is_some();
        }
        let expands = draft.brace == Brace::Parted && (export || name.is_none());
        let known = draft.known && draft.constant && !expands;
        Ok(match name {
            Some(name) => Word {
                kind: Kind::Assignment {
                    name,
                    value: match known {
                        true => Reading::Value(draft.out.into_value()),
                        false => Reading::Unsure,
                    },
                },
                constant: draft.constant,
                bytes: None,
            },
            None => Word {
                kind: if odd {
                    Kind::OddAssignment
                } else {
                    Kind::Plain
                },
                constant: draft.constant,
                bytes: known.then_some(draft.out),
            },
        })
    }

    /// Finds the name in front of `=`, `+=` or `[`.
    fn assigned(&self) -> Option<&'t [u8]> {
        let rest = self.rest();
        let length = rest.iter().take_while(|byte| is_name(**byte)).count();
        let (name, rest) = rest.split_at(length);
        let named = name.first().is_some_and(|byte| !byte.is_ascii_digit());
        let assigns = [&b"="[..], b"+=", b"["];
        (named && assigns.iter().any(|sign| rest.starts_with(sign))).then_some(name)
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn escape(&mut self, draft: &mut Draft) {
        match self.take() {
            // At the very end of a file it stands for itself.
            None => draft.out.push(b'\\'),
            Some(byte) => draft.out.push(byte),
        }
    }

    fn single(&mut self, draft: &mut Draft) -> Result<(), Stop> {
        let length = self.rest().iter().position(|&byte| byte == b'\'');
        let length = length.ok_or(Stop::Syntax)?;
        draft.out.extend(&self.rest()[..length]);
        self.at += length + 1;
        Ok(())
    }

    fn double(&mut self, draft: &mut Draft) -> Result<(), Stop> {
        loop {
            match self.take().ok_or(Stop::Syntax)? {
                b'"' => return Ok(()),
                b'\\' => match self.take().ok_or(Stop::Syntax)? {
                    b'\n' => {}
                    byte @ (b'$' | b'`' | b'"' | b'\\') => draft.out.push(byte),
                    byte => {
                        // Bash marks quoted bytes with these two, and loses some of them.
                        draft.known &= !matches!(byte, 0x01 | 0x7f);
                        draft.out.extend(&[b'\\', byte]);
                    }
                },
                b'`' => self.backquoted(draft)?,
                b'$' => self.dollar(draft, true)?,
                byte => draft.out.push(byte),
            }
        }
    }

    /// Skips a command in backquotes, which is parsed when it runs, in a shell of its own.
    fn backquoted(&mut self, draft: &mut Draft) -> Result<(), Stop> {
        draft.constant = false;
        self.skip_to(b'`')
    }

    /// Skips to behind a byte that no backslash is in front of.
    fn skip_to(&mut self, end: u8) -> Result<(), Stop> {
        loop {
            match self.take().ok_or(Stop::Syntax)? {
                b'\\' => _ = self.take(),
                byte if byte == end => return Ok(()),
                _ => {}
            }
        }
    }

    fn dollar(&mut self, draft: &mut Draft, quoted: bool) -> Result<(), Stop> {
        match self.peek() {
            Some(b'\'') if !quoted => {
                self.at += 1;
                draft.known = false;
                return self.skip_to(b'\'');
            }
            Some(b'"') if !quoted => {
                self.at += 1;
                draft.known = false;
                return self.double(draft);
            }
            Some(b'(') => {
                self.at += 1;
                self.simple_command()?;
            }
            Some(b'{') => {
                self.at += 1;
                let length = self
                    .rest()
                    .iter()
                    .take_while(|byte| is_name(**byte))
                    .count();
                let name = &self.rest()[..length];
                let digits = name.iter().all(u8::is_ascii_digit);
                let plain = digits || !name[0].is_ascii_digit();
                if name.is_empty() || !plain || self.rest().get(length) != Some(&b'}') {
                    return Err(Stop::Unsure);
                }
                self.at += length + 1;
            }
            Some(b'[') => return Err(Stop::Unsure),
            // The name goes on behind the line end.
            Some(b'\\') if self.rest().starts_with(b"\\\n") => return Err(Stop::Unsure),
            Some(byte) if byte.is_ascii_digit() || b"*@#?-$!".contains(&byte) => self.at += 1,
            Some(byte) if is_name(byte) => {
                self.at += self
                    .rest()
                    .iter()
                    .take_while(|byte| is_name(**byte))
                    .count();
            }
            _ => {
                draft.out.push(b'$');
                return Ok(());
            }
        }
        draft.constant = false;
        Ok(())
    }

    /// Skips `$(…)` around plain words; it runs in a shell of its own.
    fn simple_command(&mut self) -> Result<(), Stop> {
        let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b" _./:,=%@+-".contains(byte);
        let length = self.rest().iter().take_while(plain).count();
        let words = &self.rest()[..length];
        let mut words = words.split(|&byte| byte == b' ');
        if self.rest().get(length) != Some(&b')') || words.any(|word| RESERVED.contains(&word)) {
            return Err(Stop::Unsure);
        }
        self.at += length + 1;
        Ok(())
    }
}

impl Draft {
    fn unquoted(&mut self, byte: u8, next: Option<u8>) {
        self.brace = match (self.brace, byte) {
            (Brace::None, b'{') => Brace::Open,
            (Brace::Open, b',') => Brace::Parted,
            (Brace::Open, b'.') if next == Some(b'.') => Brace::Parted,
            (brace, _) => brace,
        };
        self.out.push(byte);
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
