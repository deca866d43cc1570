//! What a value must look like: its type, a pattern, its length. Checks look at the value and say no
//! more than what it should have been. Patterns are matched whole and in linear time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex_lite::{Regex, RegexBuilder};
use serde::de::IgnoredAny;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::SecretValue;

/// The most memory one compiled pattern may take, in bytes (64 KiB).
const MAX_PATTERN: usize = 64 * 1024;

/// How a value differs from what it should look like. Says nothing of the value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ShapeError {
    /// Longer than `max_length`.
    #[error("the value is longer than {0} characters")]
    Long(usize),
    /// Another text than the pattern describes.
    #[error("the value does not match the pattern, which must match all of it")]
    Pattern,
    /// Shorter than `min_length`.
    #[error("the value is shorter than {0} characters")]
    Short(usize),
    /// Not UTF-8 where a text is asked for.
    #[error("the value is not UTF-8 text")]
    Text,
    /// Not of the type.
    #[error("the value is not {0}")]
    Type(Type),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Base64 on one line, of either alphabet, padded or not.
    Base64,
    /// `true` or `false`.
    Bool,
    /// `name@domain`.
    Email,
    /// Bytes in hexadecimal.
    Hex,
    /// A whole number.
    Int,
    /// A JSON document.
    Json,
    /// One or more PEM blocks (RFC 7468), with or without text around them.
    Pem,
    /// A TCP or UDP port.
    Port,
    /// Any UTF-8 text.
    String,
    /// `scheme://…` without white space.
    Url,
    /// A UUID in its usual form.
    Uuid,
}

impl Type {
    /// The words of the manifest.
    pub(super) const WORDS: [(&'static str, Self); 11] = [
        ("base64", Self::Base64),
        ("bool", Self::Bool),
        ("email", Self::Email),
        ("hex", Self::Hex),
        ("int", Self::Int),
        ("json", Self::Json),
        ("pem", Self::Pem),
        ("port", Self::Port),
        ("string", Self::String),
        ("url", Self::Url),
        ("uuid", Self::Uuid),
    ];

    fn fits(self, text: &str) -> bool {
        match self {
            Self::Base64 => is_base64(text),
            Self::Bool => text == "true" || text == "false",
            Self::Email => is_email(text),
            Self::Hex => {
                !text.is_empty() && text.len().is_multiple_of(2) && all(text, u8::is_ascii_hexdigit)
            }
            Self::Int => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                !digits.is_empty() && all(digits, u8::is_ascii_digit)
            }
            Self::Json => serde_json::from_str::<IgnoredAny>(text).is_ok(),
            Self::Pem => is_pem(text),
            Self::Port => {
                all(text, u8::is_ascii_digit)
                    && !text.starts_with('0')
                    && text.parse::<u16>().is_ok()
            }
            Self::String => true,
            Self::Url => is_url(text),
            Self::Uuid => is_uuid(text),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "base64 on one line",
            Self::Bool => "`true` or `false`",
            Self::Email => "an e-mail address",
            Self::Hex => "an even number of hexadecimal digits",
            Self::Int => "a whole number",
            Self::Json => "a JSON document",
            Self::Pem => "in PEM (`-----BEGIN …-----`)",
            Self::Port => "a port, 1 to 65535",
            Self::String => "text",
            Self::Url => "a URL (`scheme://…`)",
            Self::Uuid => "a UUID",
        })
    }
}

/// A pattern that must match all of a text.
#[derive(Clone)]
pub struct Pattern(Arc<Regex>);

impl Pattern {
    /// Compiles a pattern; `None` if it is no regular expression, or one that is too large.
    pub fn parse(text: &str) -> Option<Self> {
        let compile = |text: &str| RegexBuilder::new(text).size_limit(MAX_PATTERN).build().ok();
        // By itself first: `a)|(b` would close the group that is put around it.
        compile(text)?;
        compile(&format!(r"\A(?:{text})\z")).map(|whole| Self(Arc::new(whole)))
    }

    fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.0.as_str())
    }
}

/// Patterns by their text, so that one that many secrets have is compiled once.
#[derive(Default)]
pub(super) struct Patterns<'t>(HashMap<&'t str, Option<Pattern>>);

impl<'t> Patterns<'t> {
    /// Compiles a pattern, or finds it.
    pub(super) fn parse(&mut self, text: &'t str) -> Option<Pattern> {
        let known = self.0.entry(text);
        known.or_insert_with(|| Pattern::parse(text)).clone()
    }
}

/// What a value must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// What it is; absent, any bytes.
    pub kind: Option<Type>,
    /// What it matches, from its beginning to its end.
    pub pattern: Option<Pattern>,
    /// The fewest characters; of what is not text, bytes.
    pub min_length: Option<usize>,
    /// The most characters; of what is not text, bytes.
    pub max_length: Option<usize>,
}

impl Shape {
    /// Checks a value.
    pub fn check(&self, value: &SecretValue) -> Result<(), ShapeError> {
        let text = std::str::from_utf8(value.reveal());
        let length = text.map_or(value.len(), |text| text.chars().count());
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            return Err(ShapeError::Short(least));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            return Err(ShapeError::Long(most));
        }
        if self.kind.is_none() && self.pattern.is_none() {
            return Ok(());
        }
        let text = text.map_err(|_| ShapeError::Text)?;
        if let Some(kind) = self.kind.filter(|kind| !kind.fits(text)) {
            return Err(ShapeError::Type(kind));
        }
        match &self.pattern {
            Some(pattern) if !pattern.fits(text) => Err(ShapeError::Pattern),
            _ => Ok(()),
        }
    }
}

fn all(text: &str, fits: impl Fn(&u8) -> bool) -> bool {
    text.as_bytes().iter().all(fits)
}

fn is_base64(text: &str) -> bool {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut decoded = Zeroizing::new(vec![0; text.len() / 4 * 3 + 3]);
    !text.is_empty()
        && [STANDARD, URL_SAFE].iter().any(|alphabet| {
            GeneralPurpose::new(alphabet, config)
                .decode_slice(text, &mut decoded)
                .is_ok()
        })
}

fn is_email(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '@';
    text.rsplit_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && !name.contains(odd)
            && !domain.contains(odd)
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty())
    })
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && all(scheme, |byte| {
                byte.is_ascii_alphanumeric() || b"+-.".contains(byte)
            })
            && !rest.is_empty()
            && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && all(text, |byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Says whether there is a block, and every block that begins ends, with base64 in between. Lines
/// with a colon are the headers of an older form (RFC 1421).
fn is_pem(text: &str) -> bool {
    let mut open: Option<&str> = None;
    let mut body = Zeroizing::new(String::with_capacity(text.len()));
    let mut blocks = 0;
    for line in text.lines().map(str::trim_end) {
        let marker = |word: &str| {
            let label = line.strip_prefix("-----")?.strip_prefix(word)?;
            label.strip_suffix("-----")?.strip_prefix(' ')
        };
        match (open, marker("BEGIN"), marker("END")) {
            (None, Some(label), _) => {
                open = Some(label);
                body.clear();
            }
            (Some(label), None, Some(end)) if label == end && is_base64(&body) => {
                open = None;
                blocks += 1;
            }
            (Some(_), None, None) => {
                if !line.contains(':') {
                    body.push_str(line);
                }
            }
            (None, None, None) => {}
            _ => return false,
        }
    }
    open.is_none() && blocks > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &Shape, value: &[u8]) -> Result<(), ShapeError> {
        shape.check(&SecretValue::new(value.to_vec()))
    }

    #[test]
    fn a_type_takes_what_it_says_and_nothing_near_it() {
        let pem = "about it\n-----BEGIN X KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\r\nAAA=\n-----END X KEY-----\n";
        let cases: [(Type, &[&str], &[&str]); 11] = [
            (
                Type::Base64,
                &["aGk=", "aGk", "_-8=", "+/8="],
                &["", "a", "_+8=", "aG k="],
            ),
            (Type::Bool, &["true", "false"], &["True", "1", "yes", ""]),
            (
                Type::Email,
                &["a@b.c", "a.b+c@d.example"],
                &["a", "@b.c", "a@b", "a@b..c", "a b@c.d", "a@b@c.d"],
            ),
            (Type::Hex, &["00", "aBcD"], &["", "0", "0x00", "gg"]),
            (
                Type::Int,
                &["0", "-17", "007"],
                &["", "-", "1.0", "+1", " 1", "1\n"],
            ),
            (
                Type::Json,
                &["{}", "[1]", "\"a\"", "null"],
                &["", "{", "{} {}", "{a:1}"],
            ),
            (
                Type::Pem,
                &[pem],
                &[
                    "",
                    "x",
                    "-----BEGIN A-----\nAAAA\n-----END B-----",
                    "-----BEGIN A-----\nAAAA",
                    "-----BEGIN A-----\n!\n-----END A-----",
                ],
            ),
            (
                Type::Port,
                &["1", "8080", "65535"],
                &["0", "65536", "080", "+80", "", "-1"],
            ),
            (Type::String, &["", "ä"], &[]),
            (
                Type::Url,
                &["https://a", "postgres://u:p@h/d?x=1", "x+y.z-1://q"],
                &[
                    "",
                    "a",
                    "://a",
                    "http://",
                    "1a://b",
                    "http://a b",
                    "mailto:a@b.c",
                ],
            ),
            (
                Type::Uuid,
                &["123e4567-e89b-12d3-a456-426614174000"],
                &[
                    "",
                    "123e4567e89b12d3a456426614174000",
                    "123e4567-e89b-12d3-a456-42661417400g",
                ],
            ),
        ];
        for (kind, good, bad) in cases {
            let shape = Shape {
                kind: Some(kind),
                ..Shape::default()
            };
            for value in good {
                assert_eq!(check(&shape, value.as_bytes()), Ok(()), "{kind:?} {value}");
            }
            for value in bad {
                let error = Err(ShapeError::Type(kind));
                assert_eq!(check(&shape, value.as_bytes()), error, "{kind:?} {value}");
            }
            assert_eq!(check(&shape, b"\xff"), Err(ShapeError::Text), "{kind:?}");
        }
    }

    #[test]
    fn a_pattern_matches_all_of_a_value() {
        let fits = |pattern, text| Pattern::parse(pattern).unwrap().fits(text);
        assert!(fits("sk_live_.*", "sk_live_1"));
        assert!(!fits("sk_live_", "sk_live_1"));
        assert!(!fits("a|b", "ab"));
        assert!(!fits("a", "a\n"));
        for pattern in ["(", "a)|(b", "[", "(?x)a #", "(.{1000}){1000}"] {
            assert!(Pattern::parse(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn characters_are_counted_and_not_bytes_of_a_text() {
        let shape = Shape {
            min_length: Some(2),
            max_length: Some(3),
            ..Shape::default()
        };
        assert_eq!(check(&shape, "äöü".as_bytes()), Ok(()));
        assert_eq!(check(&shape, "ä".as_bytes()), Err(ShapeError::Short(2)));
        assert_eq!(check(&shape, b"abcd"), Err(ShapeError::Long(3)));
        assert_eq!(check(&shape, b"\xff\xff"), Ok(()));
    }
}
