//! The `hoziron/v1` stanza, the first of every sealed file: which folder keys the value was sealed
//! under, its revision and the time of the value, and the file key under the folder key. What it
//! says can be read without a key; it counts once the file has been opened.

use std::fmt;

use age_core::format::Stanza;

use crate::sealed::header::StanzaText;
use crate::sealed::{FramingError, SealedError};

/// The stanza's type.
pub const TAG: &str = "hoziron/v1";

const CONFLICT: &str = "conflict";

/// The public name of a folder key: 20 characters of base64url, 120 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 20]);

impl KeyId {
    /// Parses 20 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 20] = text.as_bytes().try_into().ok()?;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
        bytes.iter().all(plain).then_some(Self(bytes))
    }

    /// Returns the 20 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII is let in")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Every folder key a value was ever sealed under, oldest first; the last one opens the file.
///
/// Invariant: never empty, no key twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail(Vec<KeyId>);

impl Trail {
    /// Starts the trail of a new value.
    pub fn start(key: KeyId) -> Self {
        Self(vec![key])
    }

    /// Parses ids joined by commas.
    pub fn parse(text: &str) -> Option<Self> {
        let mut ids = Vec::new();
        for id in text.split(',') {
            let id = KeyId::parse(id)?;
            if ids.contains(&id) {
                return None;
            }
            ids.push(id);
        }
        Some(Self(ids))
    }

    /// Returns the trail of the same value, sealed under `key` now.
    pub fn under(mut self, key: KeyId) -> Self {
        self.0.retain(|id| *id != key);
        self.0.push(key);
        self
    }

    /// Returns the trail of a merge: these keys, then those of the other side that are not among them.
    pub fn and(mut self, other: &Self) -> Self {
        for id in &other.0 {
            if !self.0.contains(id) {
                self.0.push(*id);
            }
        }
        self
    }

    /// Returns the key that opens the file.
    pub fn last(&self) -> KeyId {
        *self.0.last().expect("a trail is never empty")
    }

    /// Returns the keys, oldest first.
    pub fn ids(&self) -> &[KeyId] {
        &self.0
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.0.iter().enumerate() {
            write!(f, "{}{id}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// What kind of value a sealed file holds; the label of its key differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Both sides of a merge, as text for a person; never handed out as a value.
    Conflict,
    /// A value.
    Value,
}

/// What the stanza says, readable without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The folder keys of this value.
    pub trail: Trail,
    /// Rises with every change of the file.
    pub revision: u64,
    /// Unix seconds when the value last changed.
    pub value_time: u64,
    /// A value, or both sides of a merge.
    pub content: Content,
}

impl Facts {
    /// Reads the arguments and the body of our stanza.
    pub fn parse(stanza: &StanzaText<'_>) -> Result<(Self, [u8; 32]), SealedError> {
        let content = match stanza.args.get(3) {
            None => Content::Value,
            Some(&CONFLICT) => Content::Conflict,
            Some(_) => return Err(FramingError::Stanza.into()),
        };
        let [trail, revision, value_time, ..] = stanza.args[..] else {
            return Err(FramingError::Stanza.into());
        };
        if stanza.args.len() > 4 {
            return Err(FramingError::Stanza.into());
        }
        let facts = Self {
            trail: Trail::parse(trail).ok_or(FramingError::Stanza)?,
            revision: decimal(revision).ok_or(FramingError::Stanza)?,
            value_time: decimal(value_time).ok_or(FramingError::Stanza)?,
            content,
        };
        let body = stanza.body[..]
            .try_into()
            .map_err(|_| FramingError::Stanza)?;
        Ok((facts, body))
    }

    /// Writes the stanza.
    pub fn to_stanza(&self, body: &[u8; 32]) -> Stanza {
        let mut args = vec![
            self.trail.to_string(),
            self.revision.to_string(),
            self.value_time.to_string(),
        ];
        if self.content == Content::Conflict {
            args.push(CONFLICT.to_owned());
        }
        Stanza {
            tag: TAG.to_owned(),
            args,
            body: body.to_vec(),
        }
    }
}

/// Reads a decimal in its one spelling: digits, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (digits && canonical).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for (text, number) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("18446744073709551615", Some(u64::MAX)),
        ] {
            assert_eq!(decimal(text), number);
        }
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1e3",
            "18446744073709551616",
        ] {
            assert_eq!(decimal(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_merge_keeps_the_keys_of_both_trails_under_the_head() {
        let trail = |ids: &str| {
            let ids = ids.split(',').map(|id| id.repeat(20));
            Trail::parse(&ids.collect::<Vec<_>>().join(",")).unwrap()
        };
        let head = trail("b").last();
        let merged = trail("a,b").and(&trail("c,b,d")).under(head);
        assert_eq!(merged, trail("a,c,d,b"));
    }

    #[test]
    fn a_trail_has_no_key_twice_and_is_not_empty() {
        let (a, b) = ("a".repeat(20), "b".repeat(20));
        assert_eq!(
            Trail::parse(&format!("{a},{b}")).unwrap().last().as_str(),
            b
        );
        for text in [
            String::new(),
            format!("{a},"),
            format!("{a},{b},{a}"),
            "x".repeat(19),
        ] {
            assert!(Trail::parse(&text).is_none(), "{text:?}");
        }
    }
}
