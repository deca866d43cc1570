//! Floor 3: `config.toml`, the application's own settings, in which credentials are referred to by the
//! names of variables (`api_key_env = "ANTHROPIC_API_KEY"`). Finds the references and the strings
//! that look like credentials, with TOML path and line. Shows no string: one may be a value.

mod detect;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use detect::{Finding, Suspicion};

use crate::domain::VarName;

/// The longest file, in bytes (1 MiB).
pub const MAX_CONFIG: usize = 1024 * 1024;

/// How deep tables and arrays may be nested.
const MAX_DEPTH: usize = 64;

/// How long the paths of all values may be together, in bytes (16 MiB): a short file of long keys in
/// deep tables would take gigabytes.
const MAX_PATHS: usize = 16 * 1024 * 1024;

/// The ending of a key whose string names a variable.
const REFERENCE: &str = "_env";

/// Why `config.toml` cannot be used. Holds no line of the file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Nested deeper than any settings are.
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// Keys longer, and more of them, than any settings have.
    #[error("its keys are too long and too many")]
    Paths,
    /// A reference that is not the name of a variable.
    #[error("line {line}: `{path}` must be the name of a variable, like \"API_KEY\"")]
    Reference {
        /// Counted from 1.
        line: usize,
        /// The TOML path.
        path: String,
    },
    /// Not TOML.
    #[error("line {line}: it is not TOML")]
    Syntax {
        /// Counted from 1.
        line: usize,
    },
    /// Not UTF-8, or too long.
    #[error("it is not UTF-8 text of at most 1 MiB")]
    Text,
}

/// A place in the settings that refers to a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The TOML path, such as `providers.anthropic.api_key_env`.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// The variable.
    pub variable: VarName,
    keys: Vec<String>,
}

/// A string in the settings.
struct Text {
    keys: Vec<String>,
    line: usize,
    text: String,
}

/// The settings, as far as credentials go.
pub struct Config {
    references: Vec<Reference>,
    texts: Vec<Text>,
    // How long all paths are together, in bytes.
    paths: usize,
}

impl Config {
    /// Parses the bytes of `config.toml`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.len() <= MAX_CONFIG);
        let text = text.ok_or(ConfigError::Text)?;
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line_of = |at: usize| ends.partition_point(|end| *end < at) + 1;
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            line: line_of(error.span().map_or(0, |span| span.start)),
        })?;
        let mut config = Self {
            references: Vec::new(),
            texts: Vec::new(),
            paths: 0,
        };
        config.walk_table(table.get_ref(), &mut Vec::new(), &line_of)?;
        config.references.sort_by_key(|reference| reference.line);
        config.texts.sort_by_key(|text| text.line);
        Ok(config)
    }

    fn walk_table(
        &mut self,
        table: &DeTable<'_>,
        keys: &mut Vec<String>,
        line_of: &dyn Fn(usize) -> usize,
    ) -> Result<(), ConfigError> {
        for (key, value) in table {
            keys.push(key.get_ref().to_string());
            self.walk(value, keys, line_of)?;
            keys.pop();
        }
        Ok(())
    }

    fn walk(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        keys: &mut Vec<String>,
        line_of: &dyn Fn(usize) -> usize,
    ) -> Result<(), ConfigError> {
        if keys.len() > MAX_DEPTH {
            return Err(ConfigError::Depth);
        }
        self.paths += keys.iter().map(String::len).sum::<usize>();
        if self.paths > MAX_PATHS {
            return Err(ConfigError::Paths);
        }
        let line = line_of(value.span().start);
        let refers = keys
            .last()
            .is_some_and(|key| key.len() > REFERENCE.len() && key.ends_with(REFERENCE));
        match value.get_ref() {
            DeValue::Table(table) => self.walk_table(table, keys, line_of)?,
            DeValue::Array(items) if !refers => {
                for (index, item) in items.iter().enumerate() {
                    keys.push(index.to_string());
                    self.walk(item, keys, line_of)?;
                    keys.pop();
                }
            }
            DeValue::String(text) if refers => {
                let path = keys.join(".");
                let variable = VarName::parse(text).map_err(|_| ConfigError::Reference {
                    line,
                    path: path.clone(),
                })?;
                self.references.push(Reference {
                    path,
                    line,
                    variable,
                    keys: keys.clone(),
                });
            }
            _ if refers => {
                return Err(ConfigError::Reference {
                    line,
                    path: keys.join("."),
                });
            }
            DeValue::String(text) => {
                self.texts.push(Text {
                    keys: keys.clone(),
                    line,
                    text: text.to_string(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns every reference, in the order of the lines.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Returns the references in a table and below it, such as `providers.anthropic`.
    pub fn within<'a>(&'a self, table: &'a [&str]) -> impl Iterator<Item = &'a Reference> {
        self.references.iter().filter(move |reference| {
            reference.keys.len() > table.len()
                && reference.keys.iter().zip(table).all(|(a, b)| a == b)
        })
    }

    /// Finds what a key refers to: `["providers", "anthropic"]` and `api_key` is
    /// `providers.anthropic.api_key_env`.
    pub fn reference(&self, table: &[&str], key: &str) -> Option<&Reference> {
        self.references.iter().find(|reference| {
            let Some((last, above)) = reference.keys.split_last() else {
                return false;
            };
            last.strip_suffix(REFERENCE) == Some(key)
                && above.iter().map(String::as_str).eq(table.iter().copied())
        })
    }

    /// Finds the references to a variable.
    pub fn referring_to<'a>(
        &'a self,
        variable: &'a VarName,
    ) -> impl Iterator<Item = &'a Reference> {
        self.references
            .iter()
            .filter(move |reference| reference.variable == *variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
[providers.anthropic]
api_key_env = "ANTHROPIC_API_KEY"
model = "fast"
[integrations.postgres]
connection_url_env = "POSTGRES_CONNECTION_URL"
pools = [{ url_env = "REPLICA_URL" }]
"#;

    #[test]
    fn references_are_found_anywhere_with_path_and_line() {
        let config = Config::parse(EXAMPLE.as_bytes()).unwrap();
        let found: Vec<_> = config
            .references()
            .iter()
            .map(|reference| {
                format!(
                    "{}:{} {}",
                    reference.path, reference.line, reference.variable
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "providers.anthropic.api_key_env:3 ANTHROPIC_API_KEY",
                "integrations.postgres.connection_url_env:6 POSTGRES_CONNECTION_URL",
                "integrations.postgres.pools.0.url_env:7 REPLICA_URL",
            ]
        );
        let key = config.reference(&["providers", "anthropic"], "api_key");
        assert_eq!(
            key.map(|key| key.variable.as_str()),
            Some("ANTHROPIC_API_KEY")
        );
        assert_eq!(config.within(&["integrations", "postgres"]).count(), 2);
        assert!(
            config
                .reference(&["providers", "openai"], "api_key")
                .is_none()
        );
    }

    /// A value where a name belongs is not repeated.
    #[test]
    fn a_reference_must_be_a_name() {
        for value in ["\"sk-live hunter2\"", "17", "[\"A\"]", "\"\""] {
            let text = format!("[a]\n\nkey_env = {value}\n");
            let error = Config::parse(text.as_bytes()).err().unwrap();
            assert_eq!(
                error,
                ConfigError::Reference {
                    line: 3,
                    path: "a.key_env".to_owned()
                }
            );
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn long_keys_do_not_take_all_memory() {
        let text = format!("[{}]\na = [\"\", \"\"]\n", "k".repeat(300_000));
        assert!(Config::parse(text.as_bytes()).is_ok());
        let lines: String = (0..20_000).map(|n| format!("a{n} = \"\"\n")).collect();
        let text = format!("[{}]\n{lines}", "k".repeat(300_000));
        assert_eq!(
            Config::parse(text.as_bytes()).err(),
            Some(ConfigError::Paths)
        );
    }

    #[test]
    fn what_is_not_toml_is_named_by_line() {
        let error = Config::parse(b"a = 1\nsecret = hunter2 hunter2\n")
            .err()
            .unwrap();
        assert_eq!(error, ConfigError::Syntax { line: 2 });
        assert_eq!(Config::parse(b"\xff").err(), Some(ConfigError::Text));
    }
}
