//! Both sides of a merge in one sealed file, as a TOML text: `age -d` shows it to a person, and nothing
//! is lost by committing it. It stands in the place of a value and is never handed out as one. A value
//! that is not text is in base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use thiserror::Error;
use toml::Value;
use zeroize::Zeroizing;

use crate::domain::{SecretName, SecretValue};

/// How the sides of a merge fail to be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("what it holds is not the sides of a merge")]
pub struct ConflictError;

/// One side of a merge.
#[derive(Debug)]
pub struct Side {
    /// What git calls it: a branch, a commit.
    pub label: String,
    /// The revision of its file.
    pub revision: u64,
    /// When its value last changed, in Unix seconds.
    pub value_time: u64,
    /// Its value.
    pub value: SecretValue,
}

/// The sides of a merge that both changed a value.
///
/// Invariant: at least two, ours first, theirs last; more only if a merge was merged.
#[derive(Debug)]
pub struct Conflict(Vec<Side>);

impl Conflict {
    /// Joins the sides of two files. Of equal values, the first is kept.
    pub fn join(ours: Vec<Side>, theirs: Vec<Side>) -> Self {
        let mut sides = ours;
        for side in theirs {
            if !sides.iter().any(|known| known.value.same_as(&side.value)) {
                sides.push(side);
            }
        }
        Self(sides)
    }

    /// Returns the sides, ours first.
    pub fn sides(&self) -> &[Side] {
        &self.0
    }

    /// Takes the sides.
    pub fn into_sides(self) -> Vec<Side> {
        self.0
    }

    /// Writes the text.
    pub fn text(&self, name: &SecretName) -> SecretValue {
        let lengths = self
            .0
            .iter()
            .map(|side| side.value.len() + side.label.len());
        // Room for every escape, so that no copy is left behind when it grows.
        let room = 6 * lengths.sum::<usize>() + 256 * (self.0.len() + 1);
        let mut text = Zeroizing::new(String::with_capacity(room));
        text.push_str("# Both sides of a merge. Choose one: `hoziron vault resolve ");
        text.push_str(name.as_str());
        text.push_str("`\nname = ");
        push_string(&mut text, name.as_str());
        text.push('\n');
        for side in &self.0 {
            text.push_str("\n[[side]]\nlabel = ");
            push_string(&mut text, &side.label);
            let counters = [("revision", side.revision), ("value_time", side.value_time)];
            for (key, number) in counters {
                // A number of TOML has 63 bits.
                let number = number.min(i64::MAX as u64);
                text.push_str(&format!("\n{key} = {number}"));
            }
            match std::str::from_utf8(side.value.reveal()) {
                Ok(value) => {
                    text.push_str("\nvalue = ");
                    push_string(&mut text, value);
                }
                Err(_) => {
                    let value = Zeroizing::new(BASE64_STANDARD.encode(side.value.reveal()));
                    text.push_str("\nvalue_base64 = ");
                    push_string(&mut text, &value);
                }
            }
            text.push('\n');
        }
        SecretValue::new(std::mem::take(&mut *text).into_bytes())
    }

    /// Reads the text, which was sealed for this name.
    pub fn parse(text: &SecretValue, name: &SecretName) -> Result<Self, ConflictError> {
        let text = std::str::from_utf8(text.reveal()).map_err(|_| ConflictError)?;
        let mut table: toml::Table = toml::from_str(text).map_err(|_| ConflictError)?;
        let is_named = table.get("name").and_then(Value::as_str) == Some(name.as_str());
        let Some(Value::Array(sides)) = table.remove("side") else {
            return Err(ConflictError);
        };
        if !is_named || sides.len() < 2 {
            return Err(ConflictError);
        }
        let sides: Option<_> = sides.into_iter().map(side).collect();
        sides.map(Self).ok_or(ConflictError)
    }
}

fn side(table: Value) -> Option<Side> {
    let Value::Table(mut table) = table else {
        return None;
    };
    let number = |key| u64::try_from(table.get(key)?.as_integer()?).ok();
    let (revision, value_time) = (number("revision")?, number("value_time")?);
    let value = match (table.remove("value"), table.remove("value_base64")) {
        (Some(Value::String(value)), None) => value.into_bytes(),
        (None, Some(Value::String(value))) => BASE64_STANDARD.decode(value).ok()?,
        _ => return None,
    };
    Some(Side {
        label: table.get("label")?.as_str()?.to_owned(),
        revision,
        value_time,
        value: SecretValue::new(value),
    })
}

/// Writes a basic string on one line (TOML 1.0, "String").
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            character if character.is_control() => {
                text.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            character => text.push(character),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_read_back_as_they_were() {
        let name = SecretName::parse("prod/KEY").unwrap();
        let side = |label: &str, value: &[u8]| Side {
            label: label.to_owned(),
            revision: 7,
            value_time: 1_700_000_000,
            value: SecretValue::new(value.to_vec()),
        };
        let values: [&[u8]; 6] = [
            b"plain",
            b"",
            b"\"quoted\" \\ and\nlines\r\n\t\x7f\x00",
            b"\xff\xfe not text",
            "\u{85}\u{2028} caf\u{e9}".as_bytes(),
            b"'''\"\"\"",
        ];
        for one in values {
            for other in values.into_iter().filter(|other| *other != one) {
                let conflict = Conflict::join(vec![side("a \"b\"", one)], vec![side("c", other)]);
                let text = conflict.text(&name);
                let read = Conflict::parse(&text, &name).unwrap();
                assert_eq!(read.sides().len(), 2);
                for (read, wrote) in read.sides().iter().zip(conflict.sides()) {
                    assert!(read.value.same_as(&wrote.value));
                    assert_eq!((read.revision, read.value_time), (7, 1_700_000_000));
                    assert_eq!(read.label, wrote.label);
                }
                let other = SecretName::parse("KEY").unwrap();
                assert_eq!(Conflict::parse(&text, &other).unwrap_err(), ConflictError);
            }
        }
    }

    #[test]
    fn what_is_not_two_sides_is_refused() {
        let name = SecretName::parse("KEY").unwrap();
        for text in [
            "",
            "name = \"KEY\"",
            "name = \"KEY\"\n[[side]]\nlabel = \"a\"\nrevision = 1\nvalue_time = 1\nvalue = \"x\"\n",
            "name = \"KEY\"\nside = [1, 2]",
        ] {
            let text = SecretValue::new(text.as_bytes().to_vec());
            assert!(Conflict::parse(&text, &name).is_err());
        }
    }
}
