//! `node --env-file`, as the releases read it: `src/node_dotenv.cc` of node 20 and, from 22 on, its
//! successor, which differ where a line has no `=` or an empty value. Derived by asking both with
//! random files. All carriage returns are dropped, an unquoted value ends at any `#`, no quote can
//! be escaped, and a closing quote hides the rest of its line.

use super::{Reading, Readings};
use crate::domain::SecretValue;
use crate::input::dotenv::buffer::Buffer;

/// A way node has read `.env` files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    V20,
    V22,
}

impl Release {
    pub(super) const ALL: [Self; 2] = [Self::V20, Self::V22];

    fn trim(self, text: &[u8]) -> &[u8] {
        let space = |byte: &&u8| match self {
            Self::V20 => **byte == b' ',
            Self::V22 => matches!(**byte, b' ' | b'\t' | b'\n'),
        };
        let front = text.iter().take_while(space).count();
        let text = &text[front..];
        let back = text.iter().rev().take_while(space).count();
        &text[..text.len() - back]
    }
}

/// Reads the whole file; there are no errors, only surprises.
pub(super) fn read<'a>(release: Release, text: &[u8], mut readings: Readings<'a>) -> Readings<'a> {
    let mut kept = Buffer::default();
    text.split(|&byte| byte == b'\r')
        .for_each(|part| kept.extend(part));
    let mut rest = release.trim(kept.bytes());
    while let Some(after) = statement(release, rest, &mut readings) {
        rest = after;
    }
    readings
}

/// Reads one assignment or skips a line, and returns what is left.
fn statement<'t>(
    release: Release,
    text: &'t [u8],
    readings: &mut Readings<'_>,
) -> Option<&'t [u8]> {
    let newest = release == Release::V22;
    let first = *text.first()?;
    // Node 20 takes a comment without a line end for the start of a name.
    if (first == b'\n' || first == b'#') && (newest || text.contains(&b'\n')) {
        return Some(below(text));
    }
    let stop = |byte: &u8| *byte == b'=' || (newest && *byte == b'\n');
    let equals = text.iter().position(stop)?;
    if text[equals] == b'\n' {
        return Some(release.trim(&text[equals + 1..]));
    }
    let (whole, rest) = (&text[..equals], &text[equals + 1..]);
    if whole.is_empty() && !newest {
        return None;
    }
    let name = release.trim(whole);
    let bare = name.strip_prefix(b"export ");
    // Node 22 keeps the `export` of a variable that is empty, so that it has another name.
    let empty_name = if newest { name } else { bare.unwrap_or(name) };
    if rest.first().is_none_or(|&byte| byte == b'\n') {
        set(readings, empty_name, b"");
        return rest.get(1..);
    }
    if newest && name.is_empty() {
        return Some(rest);
    }
    if newest && name[0] == b'#' {
        return Some(below(rest));
    }
    let name = match bare {
        Some(bare) if newest => release.trim(bare),
        bare => bare.unwrap_or(name),
    };
    let rest = release.trim(rest);
    match rest.first() {
        None => {
            set(readings, name, b"");
            None
        }
        Some(quote @ (b'"' | b'\'' | b'`')) => quoted(release, name, *quote, rest, readings),
        Some(_) => {
            let line = rest.split(|&byte| byte == b'\n').next().unwrap_or(rest);
            let value = line.split(|&byte| byte == b'#').next().unwrap_or(line);
            set(readings, name, release.trim(value));
            Some(below(rest))
        }
    }
}

fn quoted<'t>(
    release: Release,
    name: &[u8],
    quote: u8,
    text: &'t [u8],
    readings: &mut Readings<'_>,
) -> Option<&'t [u8]> {
    if let Some(length) = text[1..].iter().position(|&byte| byte == quote) {
        let value = &text[1..=length];
        match quote {
            b'"' => readings.set(name, Reading::Value(expanded(value))),
            _ => set(readings, name, value),
        }
        return Some(below(&text[length + 2..]));
    }
    match text.iter().position(|&byte| byte == b'\n') {
        Some(length) => {
            set(readings, name, &text[..length]);
            Some(&text[length + 1..])
        }
        // Node 20 stores nothing and takes the quote for the start of a name.
        None if release == Release::V20 => Some(text),
        None => {
            set(readings, name, text);
            None
        }
    }
}

fn set(readings: &mut Readings<'_>, name: &[u8], value: &[u8]) {
    readings.set(name, Reading::Value(SecretValue::new(value.to_vec())));
}

/// Makes every `\n` a newline, even in `\\n`.
fn expanded(value: &[u8]) -> SecretValue {
    let mut expanded = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        let escape = value[at..].starts_with(b"\\n");
        expanded.push(if escape { b'\n' } else { value[at] });
        at += if escape { 2 } else { 1 };
    }
    SecretValue::new(expanded)
}

/// Returns what stands below the current line.
fn below(text: &[u8]) -> &[u8] {
    match text.iter().position(|&byte| byte == b'\n') {
        Some(length) => &text[length + 1..],
        None => &[],
    }
}
