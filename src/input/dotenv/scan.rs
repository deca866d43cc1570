//! The scanner: from the bytes of a file to its assignments, or to every line that is none. It goes
//! over the bytes once (a quoted value twice: measured, then copied into a buffer of that size), so
//! that its time is linear and no value is left behind in a buffer that grew.

use std::collections::BTreeMap;
use std::str;

use super::{Entry, Problem, ProblemKind};
use crate::domain::{SecretValue, VarName};

/// What Windows editors put in front of UTF-8.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Finds all assignments, or says which lines are in the way.
pub(super) fn entries(text: &[u8]) -> Result<Vec<Entry>, Vec<Problem>> {
    let mut scanner = Scanner {
        text,
        at: if text.starts_with(BOM) { BOM.len() } else { 0 },
        line: 1,
        problems: nul_lines(text),
    };
    let mut entries = Vec::new();
    while scanner.at < text.len() {
        let line = scanner.line;
        match scanner.statement() {
            Ok(entry) => entries.extend(entry),
            Err(problem) => {
                let at = scanner.problems.entry(problem.line);
                at.or_insert(problem.kind);
            }
        }
        debug_assert!(scanner.line > line || scanner.at == text.len());
    }
    if scanner.problems.is_empty() {
        return Ok(entries);
    }
    let problem = |(line, kind)| Problem { line, kind };
    Err(scanner.problems.into_iter().map(problem).collect())
}

fn nul_lines(text: &[u8]) -> BTreeMap<usize, ProblemKind> {
    let lines = text.split(|&byte| byte == b'\n').zip(1..);
    lines
        .filter(|(line, _)| line.contains(&0))
        .map(|(_, number)| (number, ProblemKind::Nul))
        .collect()
}

struct Scanner<'a> {
    text: &'a [u8],
    /// Where the next line starts.
    at: usize,
    /// The number of that line.
    line: usize,
    problems: BTreeMap<usize, ProblemKind>,
}

impl<'a> Scanner<'a> {
    /// Reads one line, and those that a quoted value on it takes.
    fn statement(&mut self) -> Result<Option<Entry>, Problem> {
        let line = self.line;
        let fault = |kind| Problem { line, kind };
        let start = self.at;
        let content = self.take_line();
        if trim(content).first().is_none_or(|&byte| byte == b'#') {
            return match content.contains(&b'\r') {
                true => Err(fault(ProblemKind::CarriageReturn)),
                false => Ok(None),
            };
        }
        let Some(equals) = content.iter().position(|&byte| byte == b'=') else {
            return Err(fault(ProblemKind::NotAssignment));
        };
        let name = name(&content[..equals]);
        let rest = &content[equals + 1..];
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        let value = match rest.get(blanks) {
            Some(b'\'' | b'"' | b'`') => self.quoted(start + equals + 1 + blanks, line)?,
            _ if content.contains(&b'\r') => return Err(fault(ProblemKind::CarriageReturn)),
            _ => SecretValue::new(unquoted(rest).to_vec()),
        };
        let name = name.ok_or(fault(ProblemKind::Name))?;
        Ok(Some(Entry { name, value, line }))
    }

    /// Takes the rest of the current line, without its line end.
    fn take_line(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            self.at = self.text.len();
            return rest;
        };
        self.at += length + 1;
        self.line += 1;
        let content = &rest[..length];
        content.strip_suffix(b"\r").unwrap_or(content)
    }

    /// Reads a quoted value and the rest of the line that its closing quote is on.
    fn quoted(&mut self, open: usize, opened: usize) -> Result<SecretValue, Problem> {
        let quote = self.text[open];
        let body = &self.text[open + 1..];
        let Some(length) = closing(quote, body) else {
            // Where the value was meant to end is anyone's guess, so nothing below can be judged.
            self.at = self.text.len();
            return Err(Problem {
                line: opened,
                kind: ProblemKind::Unterminated,
            });
        };
        let body = &body[..length];
        self.at = open + 1 + length + 1;
        self.line = opened + body.iter().filter(|&&byte| byte == b'\n').count();
        let line = self.line;
        let rest = self.take_line();
        let fault = |kind| Err(Problem { line, kind });
        if rest.contains(&b'\r') {
            return fault(ProblemKind::CarriageReturn);
        }
        let trailing = trim(rest);
        let comment = trailing.starts_with(b"#") && !rest.starts_with(b"#");
        if !trailing.is_empty() && !comment {
            return fault(ProblemKind::Trailing { opened });
        }
        let mut size = 0;
        undo(quote, body, &mut |_| size += 1);
        let mut value = Vec::with_capacity(size);
        undo(quote, body, &mut |byte| value.push(byte));
        Ok(SecretValue::new(value))
    }
}

/// Finds the name, after an optional `export`.
fn name(text: &[u8]) -> Option<VarName> {
    let text = trim(text);
    let text = match text.strip_prefix(b"export") {
        Some(rest) if rest.first().is_some_and(|&byte| is_blank(byte)) => trim(rest),
        _ => text,
    };
    VarName::parse(str::from_utf8(text).ok()?).ok()
}

/// Cuts off a comment, which starts at a `#` with a blank in front of it, and the blanks around.
fn unquoted(rest: &[u8]) -> &[u8] {
    let comment = rest
        .windows(2)
        .position(|pair| is_blank(pair[0]) && pair[1] == b'#');
    trim(&rest[..comment.unwrap_or(rest.len())])
}

/// Finds the closing quote.
fn closing(quote: u8, body: &[u8]) -> Option<usize> {
    let mut escaped = false;
    body.iter().position(|&byte| {
        let closes = byte == quote && !escaped;
        escaped = quote == b'"' && byte == b'\\' && !escaped;
        closes
    })
}

/// Hands out what stands between quotes, line ends and, in double quotes, escapes undone.
fn undo(quote: u8, body: &[u8], out: &mut dyn FnMut(u8)) {
    let mut at = 0;
    while at < body.len() {
        let pair = (body[at], body.get(at + 1).copied());
        let (byte, width) = match pair {
            (b'\r', Some(b'\n')) => (b'\n', 2),
            (b'\\', Some(next)) if quote == b'"' => match next {
                b'n' => (b'\n', 2),
                b'r' => (b'\r', 2),
                b't' => (b'\t', 2),
                b'\\' | b'"' | b'$' | b'`' => (next, 2),
                _ => (b'\\', 1),
            },
            (byte, _) => (byte, 1),
        };
        out(byte);
        at += width;
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &&u8| is_blank(**byte);
    let front = text.iter().take_while(blank).count();
    let text = &text[front..];
    let back = text.iter().rev().take_while(blank).count();
    &text[..text.len() - back]
}
