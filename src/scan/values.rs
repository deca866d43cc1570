//! From the vault's secrets to strings to look for. What cannot be told from ordinary text is left out
//! and counted: short values, words that stand everywhere, and lines without a random part.

use zeroize::Zeroizing;

use crate::domain::{Encoding, SecretName, SecretValue, forms, in_parallel};
use crate::people::{OpenError, Opener};
use crate::scan::search::{Searcher, WINDOW};
use crate::scan::text::{Known, LONGEST};

/// How much of a long value is looked for, in bytes: enough to be no chance.
const MOST: usize = 512;

/// The fewest characters of a random part, by which a single line of a value is known.
const RANDOM: usize = 12;

/// Words of eight characters and more that are set as values and stand everywhere, in lower case.
const COMMON: [&str; 34] = [
    "0.0.0.0:8080",
    "123456789",
    "1234567890",
    "12345678",
    "admin123",
    "administrator",
    "anonymous",
    "application",
    "application/json",
    "changeme",
    "changeit",
    "database",
    "debugging",
    "development",
    "disabled",
    "eu-central-1",
    "eu-west-1",
    "example.com",
    "example.org",
    "http://localhost",
    "http://localhost:3000",
    "http://localhost:8080",
    "localhost",
    "localhost:5432",
    "localhost:6379",
    "127.0.0.1",
    "password",
    "password1",
    "postgres",
    "production",
    "test1234",
    "us-east-1",
    "username",
    "warning",
];

/// The vault's values, ready to be looked for.
pub struct Values {
    names: Vec<SecretName>,
    searcher: Searcher<Known>,
    /// The secrets whose values are too short or too common to be looked for.
    pub ordinary: Vec<SecretName>,
}

impl Values {
    /// Prepares values.
    pub fn new(secrets: Vec<(SecretName, SecretValue)>) -> Self {
        let (mut names, mut ordinary, mut strings) = (Vec::new(), Vec::new(), Vec::new());
        for (name, secret) in secrets {
            let value = names.len();
            let before = strings.len();
            for form in forms(&secret, MOST) {
                let encoding = form.encoding;
                let bytes = form.bytes();
                let telling = match encoding {
                    Encoding::Line => has_random_part(bytes),
                    Encoding::Plain => !is_common(bytes),
                    _ => true,
                };
                // Encoded, a common word is as common.
                if encoding == Encoding::Plain && !telling {
                    break;
                }
                if telling && bytes.len() >= WINDOW {
                    let string = bytes[..bytes.len().min(LONGEST)].to_vec();
                    strings.push((Zeroizing::new(string), Known { value, encoding }));
                }
            }
            if strings.len() == before {
                ordinary.push(name);
            } else {
                names.push(name);
            }
        }
        Self {
            names,
            searcher: Searcher::new(strings),
            ordinary,
        }
    }

    /// Returns how many values are looked for.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Returns the secret whose value has a number.
    pub(super) fn name(&self, value: usize) -> &SecretName {
        &self.names[value]
    }

    pub(super) fn searcher(&self) -> &Searcher<Known> {
        &self.searcher
    }
}

/// What opened, and what did not.
pub type OpenedAll = (Vec<(SecretName, SecretValue)>, Vec<(SecretName, OpenError)>);

/// Opens secrets, many of them on several threads. One that does not open stops no other.
pub fn open_all(names: &[SecretName], opener: &Opener<'_>) -> OpenedAll {
    let opened = in_parallel(names, |part| {
        let mut opener = opener.another();
        part.iter().map(|name| opener.open(name)).collect()
    });
    let (mut values, mut refused) = (Vec::new(), Vec::new());
    for (name, opened) in names.iter().zip(opened) {
        match opened {
            Ok(Some((value, _))) => values.push((name.clone(), value.into_inner())),
            // It was removed meanwhile.
            Ok(None) => {}
            Err(error) => refused.push((name.clone(), error)),
        }
    }
    (values, refused)
}

/// Too short, one byte over and over, or a word that stands everywhere.
fn is_common(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let Some(first) = value.first() else {
        return true;
    };
    value.len() < WINDOW
        || value.iter().all(|byte| byte == first)
        || COMMON
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a line has letters and digits in a row, as a key has and a sentence has not.
fn has_random_part(line: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+_-=".contains(byte);
    line.split(|byte| !part(byte)).any(|part| {
        part.len() >= RANDOM
            && part.iter().any(u8::is_ascii_digit)
            && part.iter().any(u8::is_ascii_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(all: &[&str]) -> Values {
        let secret = |(at, text): (usize, &&str)| {
            let name = SecretName::parse(&format!("K{at}")).unwrap();
            (name, SecretValue::new(text.as_bytes().to_vec()))
        };
        Values::new(all.iter().enumerate().map(secret).collect())
    }

    #[test]
    fn what_stands_everywhere_is_not_looked_for() {
        let all = [
            "",
            "short",
            "production\n",
            "aaaaaaaaaaaa",
            "localhost",
            "hunter2!",
        ];
        let values = values(&all);
        let ordinary: Vec<_> = values.ordinary.iter().map(SecretName::as_str).collect();
        assert_eq!(ordinary, ["K0", "K1", "K2", "K3", "K4"]);
        assert_eq!((values.count(), values.name(0).as_str()), (1, "K5"));
    }

    #[test]
    fn lines_of_a_key_are_looked_for_and_its_frame_is_not() {
        assert!(!has_random_part(b"-----BEGIN PRIVATE KEY-----"));
        assert!(!has_random_part(b"\"type\": \"service_account\","));
        assert!(has_random_part(b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"));
        assert!(has_random_part(b"PASSWORD=hK9wq2Lm4xZz"));
    }
}
