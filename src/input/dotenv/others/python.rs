//! python-dotenv, as its `parser.py` reads a file that Python has opened as text: every line end has
//! become `\n`, and one byte that is not UTF-8 makes the whole file unreadable. Its regular
//! expressions are followed by hand, with what they do when a quote is never closed. Then `${NAME}`
//! is substituted, whatever the quotes.

use zeroize::Zeroizing;

use super::{Reading, Readings};
use crate::input::dotenv::buffer::Buffer;

/// Reads the whole file; a statement that cannot be read is skipped to the end of its line.
pub(super) fn read<'a>(text: &[u8], mut readings: Readings<'a>) -> Readings<'a> {
    let Ok(text) = str::from_utf8(text) else {
        return readings;
    };
    let text = universal(text);
    let mut parser = Parser { rest: &text };
    while !parser.rest.is_empty() {
        if parser.statement(&mut readings).is_none() {
            parser.skip(|c| c != '\n');
            parser.eat('\n');
        }
    }
    readings
}

/// Makes every line end `\n`, as Python does for a file opened as text.
fn universal(text: &str) -> Zeroizing<String> {
    let mut lines = Zeroizing::new(String::with_capacity(text.len()));
    let mut after_return = false;
    for c in text.chars() {
        if !(after_return && c == '\n') {
            lines.push(if c == '\r' { '\n' } else { c });
        }
        after_return = c == '\r';
    }
    lines
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    /// Reads one statement. Where it fails, what it has read so far stays read.
    fn statement(&mut self, readings: &mut Readings<'_>) -> Option<()> {
        self.skip(is_space);
        if self.rest.is_empty() {
            return Some(());
        }
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with(is_blank)
        {
            self.rest = after;
            self.skip(is_blank);
        }
        let name = self.name()?;
        self.skip(is_blank);
        let value = match self.eat('=') {
            true => Some(self.value()?),
            false => None,
        };
        let before_comment = self.rest;
        self.skip(is_blank);
        match self.rest.starts_with('#') {
            true => _ = self.skip(|c| c != '\n'),
            false => self.rest = before_comment,
        }
        self.skip(is_blank);
        if !self.eat('\n') && !self.rest.is_empty() {
            return None;
        }
        let reading = match value {
            None => Reading::Nothing,
            Some(value) if substitutes(value.bytes()) => Reading::Unsure,
            Some(value) => Reading::Value(value.into_value()),
        };
        readings.set(name.as_bytes(), reading);
        Some(())
    }

    fn name(&mut self) -> Option<&'t str> {
        if self.rest.starts_with('#') {
            return Some("");
        }
        if let Some(quoted) = self.rest.strip_prefix('\'') {
            let length = quoted.find('\'').filter(|&length| length > 0)?;
            self.rest = &quoted[length + 1..];
            return Some(&quoted[..length]);
        }
        let name = self.skip(|c| c != '=' && c != '#' && !is_space(c));
        (!name.is_empty()).then_some(name)
    }

    fn value(&mut self) -> Option<Buffer> {
        self.skip(is_blank);
        let mut value = Buffer::default();
        match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let body = self.quoted(quote)?;
                undo(quote, body.as_bytes(), &mut value);
            }
            _ => {
                let line = self.skip(|c| c != '\n');
                value.extend(uncommented(line).trim_end_matches(is_space).as_bytes());
            }
        }
        Some(value)
    }

    /// Takes what stands in quotes. A quote after a backslash closes only if no other does, and
    /// then it is the last of those.
    fn quoted(&mut self, quote: char) -> Option<&'t str> {
        let body = &self.rest[1..];
        let (mut last_escaped, mut after_backslash) = (None, false);
        for (at, c) in body.char_indices() {
            if c == quote && !after_backslash {
                last_escaped = Some(at);
                break;
            }
            if c == quote {
                last_escaped = Some(at);
            }
            after_backslash = c == '\\';
        }
        let length = last_escaped?;
        self.rest = &body[length + 1..];
        Some(&body[..length])
    }

    /// Takes the characters that are meant, which may be none.
    fn skip(&mut self, meant: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|c| !meant(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn eat(&mut self, c: char) -> bool {
        let after = self.rest.strip_prefix(c);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }
}

/// Cuts off a comment, which starts at a `#` with a space of any kind in front of it.
fn uncommented(line: &str) -> &str {
    let mut after_space = false;
    for (at, c) in line.char_indices() {
        if c == '#' && after_space {
            return &line[..at];
        }
        after_space = is_space(c);
    }
    line
}

fn undo(quote: char, body: &[u8], out: &mut Buffer) {
    let mut at = 0;
    while at < body.len() {
        let escape = match (body[at], body.get(at + 1)) {
            (b'\\', Some(&next @ (b'\\' | b'\''))) => Some(next),
            (b'\\', Some(next)) if quote == '"' => match next {
                b'"' => Some(b'"'),
                b'a' => Some(0x07),
                b'b' => Some(0x08),
                b'f' => Some(0x0c),
                b'n' => Some(b'\n'),
                b'r' => Some(b'\r'),
                b't' => Some(b'\t'),
                b'v' => Some(0x0b),
                _ => None,
            },
            _ => None,
        };
        out.push(escape.unwrap_or(body[at]));
        at += if escape.is_some() { 2 } else { 1 };
    }
}

/// Says whether a value has `${NAME}` or `${NAME:-default}` in it, where the name may be anything
/// without `}` and `:`.
fn substitutes(value: &[u8]) -> bool {
    let last_brace = value.iter().rposition(|&byte| byte == b'}');
    let mut end = 0;
    for (at, pair) in value.windows(2).enumerate() {
        if pair != b"${" {
            continue;
        }
        // Never behind an earlier `${`, so all of them together look at each byte once.
        end = end.max(at + 2);
        end += value[end..]
            .iter()
            .take_while(|byte| !matches!(**byte, b'}' | b':'))
            .count();
        let with_default =
            || value[end..].starts_with(b":-") && last_brace.is_some_and(|brace| brace >= end + 2);
        if value.get(end) == Some(&b'}') || with_default() {
            return true;
        }
    }
    false
}

/// What Python's `\s` matches.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn is_blank(c: char) -> bool {
    is_space(c) && c != '\n'
}
