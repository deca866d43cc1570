//! Values that are put together from others when they are read: `postgres://app:${PASSWORD|url}@db`.
//! A reference is `${NAME}`, or `${NAME|filter}` to encode the value for the place it stands in; `$${`
//! is a literal `${`. There is no logic, no nesting and no default, and nothing is ever run.

use base64::{Engine, prelude::BASE64_STANDARD};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::{MAX_VALUE, SecretValue, VarName};

/// Why a text cannot be read, or a value cannot be put together. Holds no part of either.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// The name of a filter is not known.
    #[error("the filters are `base64`, `hex`, `json` and `url`")]
    Filter,
    /// There is no value for a name.
    #[error("there is no value for `{0}`")]
    Missing(VarName),
    /// What is between the braces is not a name.
    #[error("`${{…}}` must hold the name of a secret, without its folder")]
    Name,
    /// A value that is not text cannot be written in JSON.
    #[error("the value of `{0}` is not UTF-8 text, which JSON must be")]
    NotText(VarName),
    /// What comes of it is longer than a value may be.
    #[error("what is put together is longer than 16 MiB")]
    TooLong,
    /// A `${` has no `}`.
    #[error("a `${{` is not closed; a literal one is written `$${{`")]
    Unclosed,
}

/// How a value is written where it is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// Standard base64 with padding.
    Base64,
    /// Lower-case hexadecimal.
    Hex,
    /// The inside of a JSON string, without its quotes.
    Json,
    /// Percent-encoding of all but the unreserved characters (RFC 3986, section 2.3).
    Url,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(VarName, Option<Filter>),
}

/// A text with references to other secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

impl Template {
    /// Parses a text.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let before = &rest[..at];
            let after = &rest[at + 2..];
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = after;
                continue;
            }
            literal.push_str(before);
            let (inside, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            let (name, filter) = match inside.split_once('|') {
                Some((name, filter)) => (name, Some(Filter::parse(filter)?)),
                None => (inside, None),
            };
            let name = VarName::parse(name).map_err(|_| TemplateError::Name)?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Value(name, filter));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// Returns the names it refers to, in order; one that is there twice comes twice.
    pub fn names(&self) -> impl Iterator<Item = &VarName> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(name, _) => Some(name),
        })
    }

    /// Puts the value together.
    pub fn render<'v>(
        &self,
        value: impl Fn(&VarName) -> Option<&'v SecretValue>,
    ) -> Result<SecretValue, TemplateError> {
        let mut pieces = Vec::with_capacity(self.0.len());
        let mut length = 0;
        for part in &self.0 {
            let piece = match part {
                Part::Text(text) => Zeroizing::new(text.clone().into_bytes()),
                Part::Value(name, filter) => {
                    let value = value(name).ok_or_else(|| TemplateError::Missing(name.clone()))?;
                    written(value, *filter).ok_or_else(|| TemplateError::NotText(name.clone()))?
                }
            };
            length += piece.len();
            if length > MAX_VALUE {
                return Err(TemplateError::TooLong);
            }
            pieces.push(piece);
        }
        // One buffer of the right size: a growing one leaves copies behind.
        let mut out = Vec::with_capacity(length);
        pieces.iter().for_each(|piece| out.extend_from_slice(piece));
        Ok(SecretValue::new(out))
    }
}

impl Filter {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        match text {
            "base64" => Ok(Self::Base64),
            "hex" => Ok(Self::Hex),
            "json" => Ok(Self::Json),
            "url" => Ok(Self::Url),
            _ => Err(TemplateError::Filter),
        }
    }
}

fn written(value: &SecretValue, filter: Option<Filter>) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = value.reveal();
    // The longest form of a byte is `\u0000`.
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() * 6));
    match filter {
        None => out.extend_from_slice(bytes),
        Some(Filter::Base64) => {
            out.resize(bytes.len().div_ceil(3) * 4, 0);
            BASE64_STANDARD
                .encode_slice(bytes, &mut out)
                .expect("it has the length of padded base64");
        }
        Some(Filter::Hex) => {
            for byte in bytes {
                out.extend([byte >> 4, byte & 15].map(|nibble| digit(nibble, b'a')));
            }
        }
        Some(Filter::Json) => {
            for character in std::str::from_utf8(bytes).ok()?.chars() {
                json(character, &mut out);
            }
        }
        Some(Filter::Url) => {
            for byte in bytes {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                    out.push(*byte);
                } else {
                    out.extend([b'%', digit(byte >> 4, b'A'), digit(byte & 15, b'A')]);
                }
            }
        }
    }
    Some(out)
}

fn digit(nibble: u8, ten: u8) -> u8 {
    match nibble {
        0..10 => b'0' + nibble,
        _ => ten + (nibble - 10),
    }
}

fn json(character: char, out: &mut Vec<u8>) {
    match character {
        '"' => out.extend(b"\\\""),
        '\\' => out.extend(b"\\\\"),
        '\n' => out.extend(b"\\n"),
        '\r' => out.extend(b"\\r"),
        '\t' => out.extend(b"\\t"),
        '\0'..' ' => {
            let code = character as u8;
            out.extend(b"\\u00");
            out.extend([digit(code >> 4, b'a'), digit(code & 15, b'a')]);
        }
        _ => out.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn render(text: &str, values: &[(&str, &[u8])]) -> Result<String, TemplateError> {
        let values: BTreeMap<_, _> = values
            .iter()
            .map(|(name, value)| (*name, SecretValue::new(value.to_vec())))
            .collect();
        let made = Template::parse(text)?.render(|name| values.get(name.as_str()))?;
        Ok(String::from_utf8(made.reveal().to_vec()).unwrap())
    }

    #[test]
    fn values_are_put_where_they_are_named() {
        let values: &[(&str, &[u8])] = &[("P", b"p@ ss/\xc3\xa4"), ("H", b"db")];
        let rendered = |text| render(text, values).unwrap();
        assert_eq!(
            rendered("x://a:${P|url}@${H}/"),
            "x://a:p%40%20ss%2F%C3%A4@db/"
        );
        assert_eq!(rendered("${H|hex} ${H|base64}"), "6462 ZGI=");
        assert_eq!(rendered("$${H} $H $$ $$${H}"), "${H} $H $$ $${H}");
        assert_eq!(rendered(""), "");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, error) in [
            ("${", TemplateError::Unclosed),
            ("a ${B", TemplateError::Unclosed),
            ("${}", TemplateError::Name),
            ("${prod/A}", TemplateError::Name),
            ("${ A }", TemplateError::Name),
            ("${A|shell}", TemplateError::Filter),
            ("${A|url|hex}", TemplateError::Filter),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_missing_value_and_one_that_is_not_text_are_named() {
        let name = VarName::parse("A").unwrap();
        let missing = TemplateError::Missing(name.clone());
        assert_eq!(render("${A}", &[]), Err(missing));
        let not_text = TemplateError::NotText(name);
        assert_eq!(render("${A|json}", &[("A", b"\xff")]), Err(not_text));
    }

    #[test]
    fn what_grows_too_long_is_refused() {
        let half = vec![b' '; MAX_VALUE / 2];
        assert!(render("${A}${A}", &[("A", &half)]).is_ok());
        let error = Err(TemplateError::TooLong);
        assert_eq!(render("${A}${A}.", &[("A", &half)]), error);
    }

    proptest! {
        /// Another program's reader of each encoding reads the value back.
        #[test]
        fn a_filter_is_undone_by_its_reader(value in any::<String>()) {
            let shown = |filter: &str| {
                render(&format!("${{A|{filter}}}"), &[("A", value.as_bytes())]).unwrap()
            };
            let json: String = serde_json::from_str(&format!("\"{}\"", shown("json"))).unwrap();
            prop_assert_eq!(&json, &value);
            let bytes = BASE64_STANDARD.decode(shown("base64")).unwrap();
            prop_assert_eq!(bytes, value.as_bytes());
            let url = shown("url");
            prop_assert!(url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            let mut decoded = Vec::new();
            let mut rest = url.as_bytes();
            while let Some((first, more)) = rest.split_first() {
                if *first == b'%' {
                    let code = std::str::from_utf8(&more[..2]).unwrap();
                    decoded.push(u8::from_str_radix(code, 16).unwrap());
                    rest = &more[2..];
                } else {
                    decoded.push(*first);
                    rest = more;
                }
            }
            prop_assert_eq!(decoded, value.as_bytes());
        }

        /// No text makes the reader panic, and what is read names only names.
        #[test]
        fn any_text_is_read_or_refused(text in "[$\\{\\}|Aurl ]{0,24}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert!(template.names().all(|name| name.as_str().chars().all(|c| "Aurl".contains(c))));
            }
        }
    }
}
