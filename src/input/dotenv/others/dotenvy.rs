//! dotenvy 0.15, asked in memory. It substitutes `$NAME` from the process environment, so it never
//! sees the file as it is: every `$NAME` and `${NAME}` gets a letter put before its name, which then
//! names nothing, neither in the environment nor in the file (where a few lines of `B=$A$A` could
//! grow without limit). A substitution always loses its `$` and so is always told from a copy.
//! What dotenvy allocates while it reads is its own and is not wiped.

use std::collections::BTreeSet;

use zeroize::Zeroize;

use super::{Reading, Readings};
use crate::domain::SecretValue;
use crate::input::dotenv::DotEnv;
use crate::input::dotenv::scan::BOM;

/// A letter that stands in no name.
const MARK: &[u8] = "\u{a66e}".as_bytes();

/// Reads up to the first error. Of a name that comes twice, dotenvy keeps the first.
pub(super) fn read<'a>(ours: &DotEnv, text: &[u8], mut readings: Readings<'a>) -> Readings<'a> {
    let text = marked(text.strip_prefix(BOM).unwrap_or(text));
    for pair in dotenvy::from_read_iter(text.reveal()) {
        let (name, value) = match pair {
            Ok(pair) => pair,
            Err(dotenvy::Error::LineParse(mut line, _)) => {
                line.zeroize();
                break;
            }
            Err(_) => break,
        };
        let value = SecretValue::new(value.into_bytes());
        if let Some(place @ Reading::Nothing) = readings.place(name.as_bytes()) {
            *place = Reading::Value(value);
        }
    }
    // What the first of several has substituted may be what the last one says.
    let mut seen = BTreeSet::new();
    for (at, entry) in ours.entries.iter().enumerate() {
        let first = seen.insert(&entry.name);
        let wins = ours.winners.get(&entry.name) == Some(&at);
        if first && !wins && marked_value(&entry.value).len() > entry.value.len() {
            readings.set(entry.name.as_str().as_bytes(), Reading::Unsure);
        }
    }
    readings
}

/// Says whether what was read is the value, marked as the file was.
pub(super) fn same(read: &SecretValue, value: &SecretValue) -> bool {
    read.same_as(&marked_value(value))
}

fn marked_value(value: &SecretValue) -> SecretValue {
    marked(value.reveal())
}

/// Puts the letter before every name that may be substituted; without a `$`, nothing changes.
fn marked(text: &[u8]) -> SecretValue {
    let dollars = text.iter().filter(|&&byte| byte == b'$').count();
    let mut marked = Vec::with_capacity(text.len() + dollars * MARK.len());
    for (at, &byte) in text.iter().enumerate() {
        marked.push(byte);
        let braced = byte == b'{' && at > 0 && text[at - 1] == b'$';
        if braced || (byte == b'$' && text.get(at + 1) != Some(&b'{')) {
            marked.extend_from_slice(MARK);
        }
    }
    SecretValue::new(marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(text: &str) -> Vec<u8> {
        let blank = Readings([("A", Reading::Nothing)].into());
        let ours = DotEnv::parse(b"").unwrap();
        match read(&ours, text.as_bytes(), blank).0.remove("A") {
            Some(Reading::Value(value)) => value.reveal().to_vec(),
            _ => panic!("nothing was read"),
        }
    }

    /// `PATH` is set wherever tests run, and its value is not part of the answer.
    #[test]
    fn the_environment_is_out_of_its_sight() {
        assert_eq!(read_as("A=x${PATH}y$PATH"), b"xy");
        assert_eq!(read_as("PATH=p\nA=\"x${PATH}y\""), b"xy");
    }

    /// Sixty lines of which each doubles the one before would not fit into any memory.
    #[test]
    fn nothing_grows_by_substitution() {
        let mut text = "B0=xxxxxxxx\n".to_owned();
        for n in 1..60 {
            text += &format!("B{n}=$B{m}$B{m}\n", m = n - 1);
        }
        assert_eq!(read_as(&(text + "A=$B59")), b"");
    }
}
