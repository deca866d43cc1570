//! Credentials that stand in the settings themselves: by the name of the key, by the shape of the
//! string, or because the string is a value of the vault. Each is named by TOML path and line.

use crate::config::{Config, Text};
use crate::domain::{SecretName, SecretValue, known_token};

/// Values shorter than this are not searched for: ports and words such as `true` stand in every
/// settings file.
const SHORTEST: usize = 4;

/// Keys that hold credentials, alone or after a `_` or `-`.
const KEYS: [&str; 22] = [
    "access_key",
    "access_token",
    "api_key",
    "api_token",
    "apikey",
    "auth_token",
    "bearer_token",
    "client_secret",
    "connection_string",
    "credential",
    "credentials",
    "encryption_key",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "pwd",
    "secret",
    "secret_key",
    "signing_key",
    "token",
    "webhook_secret",
];

/// A string that should not stand in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The TOML path.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// Why it is suspected.
    pub suspicion: Suspicion,
}

/// Why a string is suspected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// The key's name says so.
    Key,
    /// It has the shape of this.
    Shape(&'static str),
    /// It is this secret's value.
    Value(SecretName),
}

impl Config {
    /// Finds what looks like a credential, by key and by shape.
    pub fn literals(&self) -> Vec<Finding> {
        let suspicion = |text: &Text| match known_token(&text.text) {
            Some(kind) => Some(Suspicion::Shape(kind)),
            None if names_credential(text) => Some(Suspicion::Key),
            None => None,
        };
        self.texts
            .iter()
            .filter_map(|text| Some(finding(text, suspicion(text)?)))
            .collect()
    }

    /// Finds the strings that are this value.
    pub fn equal_to(&self, name: &SecretName, value: &SecretValue) -> Vec<Finding> {
        let same = |text: &&Text| {
            value.len() >= SHORTEST
                && value.same_as(&SecretValue::new(text.text.clone().into_bytes()))
        };
        let found = self.texts.iter().filter(same);
        found
            .map(|text| finding(text, Suspicion::Value(name.clone())))
            .collect()
    }
}

fn finding(text: &Text, suspicion: Suspicion) -> Finding {
    Finding {
        path: text.keys.join("."),
        line: text.line,
        suspicion,
    }
}

/// The nearest key that is no index of an array.
fn names_credential(text: &Text) -> bool {
    let is_index = |key: &&String| key.bytes().all(|byte| byte.is_ascii_digit());
    let Some(key) = text.keys.iter().rev().find(|key| !is_index(key)) else {
        return false;
    };
    let key = key.to_ascii_lowercase().replace('-', "_");
    let named = KEYS.iter().any(|name| {
        key.strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    });
    named && !text.text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, usize)> {
        let config = Config::parse(text.as_bytes()).unwrap();
        config
            .literals()
            .into_iter()
            .map(|finding| (finding.path, finding.line))
            .collect()
    }

    #[test]
    fn credentials_are_found_by_key_and_by_shape() {
        let text = "[a]\napi_key = \"x\"\nnote = \"sk_live_4eC39HqLyjWDarjtT1zdp7dc\"\n\
                    db-password = \"p\"\ntokens = [\"t\"]\nmax_tokens = \"4\"\n";
        let lines: Vec<_> = found(text)
            .into_iter()
            .map(|(path, line)| format!("{path}:{line}"))
            .collect();
        assert_eq!(lines, ["a.api_key:2", "a.note:3", "a.db-password:4"]);
    }

    #[test]
    fn settings_are_left_alone() {
        assert_eq!(
            found(
                "model = \"m\"\napi_key_env = \"KEY\"\npassword = \"\"\nkey_file = \"/k\"\nport = 1\n"
            ),
            []
        );
    }

    #[test]
    fn a_value_of_the_vault_is_found() {
        let config = Config::parse(b"greeting = \"hunter2\"\nother = \"no\"\n").unwrap();
        let name = SecretName::parse("DB_PASSWORD").unwrap();
        let value = |text: &str| SecretValue::new(text.as_bytes().to_vec());
        let findings = config.equal_to(&name, &value("hunter2"));
        assert_eq!((findings.len(), findings[0].line), (1, 1));
        assert!(config.equal_to(&name, &value("no")).is_empty());
    }
}
