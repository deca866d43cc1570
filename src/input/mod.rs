//! Floor 2, beside the vault: files of names and values that somebody else wrote, such as `.env`.
//! Each format becomes names and values, or a list of the lines that cannot be read. No error here
//! holds any text of a file but its keys, and nothing here reads the environment.

pub mod age_dir;
pub mod dotenv;
pub mod ini;
pub mod json;
pub mod naming;
pub mod number;
pub mod time;
pub mod tree;
pub mod yaml;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use thiserror::Error;

use crate::domain::SecretValue;
use dotenv::{DotEnv, DotEnvError};
use tree::{Budget, Child, Node, Scalar};

/// The largest file of names and values that is parsed, in bytes (1 MiB); a `.env` may be larger.
pub const MAX_FILE: usize = 1024 * 1024;

/// How a file of names and values is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `KEY=value`, a line an assignment.
    Dotenv,
    /// Sections of `key = value`.
    Ini,
    /// One object.
    Json,
    /// One table.
    Toml,
    /// One map.
    Yaml,
}

impl Format {
    /// Chooses by the end of a file's name; `.env` is what the rest is.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match Path::new(&name).extension().and_then(OsStr::to_str) {
            Some("ini") => Self::Ini,
            Some("json") => Self::Json,
            Some("toml") => Self::Toml,
            Some("yaml" | "yml") => Self::Yaml,
            _ => Self::Dotenv,
        }
    }
}

/// A name of a file and what stands there.
#[derive(Debug)]
pub struct Item {
    /// The keys from the outermost to the innermost, at least one.
    pub path: Vec<String>,
    /// What stands there.
    pub found: Found,
}

/// What stands under a name.
#[derive(Debug)]
pub enum Found {
    /// A map without keys.
    Empty,
    /// A list; names lead to no single value in it.
    List,
    /// A word for nothing.
    Null,
    /// A value; one that is not text keeps the spelling of the file.
    Value(SecretValue),
}

/// Why a file is not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InputError {
    /// A YAML alias, which may stand for a million values.
    #[error("line {line} has an alias (`*name`); write the value out")]
    Alias {
        /// The line.
        line: usize,
    },
    /// The lines of a `.env` file.
    #[error(transparent)]
    DotEnv(#[from] DotEnvError),
    /// More than one YAML document.
    #[error("it holds more than one document")]
    Documents,
    /// A name that stands twice.
    #[error("`{path}` stands there twice")]
    Duplicate {
        /// The keys, joined by dots.
        path: String,
    },
    /// A YAML key that is not text.
    #[error("line {line} has a key that is not text; put it in quotes")]
    Key {
        /// The line.
        line: usize,
    },
    /// A YAML merge key.
    #[error("line {line} has a merge key (`<<`); write the values out")]
    Merge {
        /// The line.
        line: usize,
    },
    /// Bytes that are not text.
    #[error("it is not UTF-8")]
    NotText,
    /// A line that is not of the format.
    #[error("line {line} cannot be read")]
    Syntax {
        /// The line.
        line: usize,
    },
    /// A YAML tag.
    #[error("line {line} has a tag (`!name`); only text is taken")]
    Tag {
        /// The line.
        line: usize,
    },
    /// Nested too deep.
    #[error("it nests deeper than 64 levels")]
    TooDeep,
    /// Longer than the format's limit.
    #[error("it is longer than {limit} MiB")]
    TooLarge {
        /// The limit, in MiB.
        limit: usize,
    },
    /// More nodes than are read.
    #[error("it has more than 100,000 keys and values")]
    TooMany,
    /// The outermost value is no map.
    #[error("its outermost value is not a map of names")]
    Top,
}

/// Reads names and values, in the order of the file.
///
/// ```text
/// {"db": {"user": "app"}, "n": 1.50, "l": [1]}   db.user = app, n = 1.50, l is a list
/// ```
pub fn read(bytes: &[u8], format: Format) -> Result<Vec<Item>, InputError> {
    if format == Format::Dotenv {
        return Ok(dotenv_items(DotEnv::parse(bytes)?));
    }
    if bytes.len() > MAX_FILE {
        return Err(InputError::TooLarge { limit: 1 });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| InputError::NotText)?;
    let node = match format {
        Format::Dotenv | Format::Ini => ini::parse(text)?,
        Format::Json => json::parse(text)?,
        Format::Toml => toml_node(text)?,
        Format::Yaml => {
            let mut documents = yaml::parse(text, yaml::Dialect::Plain)?;
            documents.pop().unwrap_or(Node::Map(Vec::new()))
        }
    };
    let Node::Map(children) = node else {
        return Err(InputError::Top);
    };
    let mut items = Vec::new();
    // What stands above the sections of an INI file is in none.
    for child in children {
        match child {
            Child::Node(name, Node::Map(keys)) if format == Format::Ini && name == ini::TOP => {
                flatten(keys, &mut Vec::new(), &mut items);
            }
            child => flatten(vec![child], &mut Vec::new(), &mut items),
        }
    }
    refuse_twins(&items)?;
    Ok(items)
}

/// Takes out the last value of each name of a `.env` file.
pub fn dotenv_items(dotenv: DotEnv) -> Vec<Item> {
    let winning = dotenv.into_winning();
    winning
        .map(|entry| Item {
            path: vec![entry.name.as_str().to_owned()],
            found: Found::Value(entry.value),
        })
        .collect()
}

fn flatten(children: Vec<Child>, path: &mut Vec<String>, items: &mut Vec<Item>) {
    for child in children {
        let Child::Node(key, node) = child else {
            continue;
        };
        path.push(key);
        let found = match node {
            Node::List(_) => Some(Found::List),
            Node::Map(children) if children.is_empty() => Some(Found::Empty),
            Node::Map(children) => {
                flatten(children, path, items);
                None
            }
            Node::Scalar(scalar) => Some(found(scalar)),
        };
        items.extend(found.map(|found| Item {
            path: path.clone(),
            found,
        }));
        path.pop();
    }
}

fn found(scalar: Scalar) -> Found {
    match scalar {
        Scalar::Bool(bool) => Found::Value(SecretValue::new(bool.to_string().into_bytes())),
        Scalar::Null => Found::Null,
        Scalar::Plain(text) if is_null(&text) => Found::Null,
        Scalar::Number(text) | Scalar::Plain(text) | Scalar::Text(text) => Found::Value(text),
    }
}

fn is_null(text: &SecretValue) -> bool {
    ["", "~", "null", "Null", "NULL"]
        .iter()
        .any(|word| text.reveal() == word.as_bytes())
}

fn refuse_twins(items: &[Item]) -> Result<(), InputError> {
    let mut known = HashSet::new();
    match items.iter().find(|item| !known.insert(&item.path)) {
        Some(item) => Err(InputError::Duplicate {
            path: item.path.join("."),
        }),
        None => Ok(()),
    }
}

fn toml_node(text: &str) -> Result<Node, InputError> {
    let table: toml::Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        InputError::Syntax { line }
    })?;
    toml_tree(toml::Value::Table(table), 0, &mut Budget::default())
}

fn toml_tree(value: toml::Value, depth: usize, budget: &mut Budget) -> Result<Node, InputError> {
    budget.take(depth)?;
    Ok(match value {
        toml::Value::Array(_) => Node::List(Vec::new()),
        toml::Value::Boolean(bool) => Node::Scalar(Scalar::Bool(bool)),
        toml::Value::Datetime(time) => Node::Scalar(Scalar::text(time.to_string())),
        toml::Value::Float(float) => Node::Scalar(Scalar::text(number::float_text(float))),
        toml::Value::Integer(integer) => Node::Scalar(Scalar::text(integer.to_string())),
        toml::Value::String(text) => {
            Node::Scalar(Scalar::Text(SecretValue::new(text.into_bytes())))
        }
        toml::Value::Table(table) => {
            let mut children = Vec::with_capacity(table.len());
            for (key, value) in table {
                children.push(Child::Node(key, toml_tree(value, depth + 1, budget)?));
            }
            Node::Map(children)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8], format: Format) -> Vec<String> {
        let tell = |item: &Item| {
            let what = match &item.found {
                Found::Empty => "{}".to_owned(),
                Found::List => "[]".to_owned(),
                Found::Null => "null".to_owned(),
                Found::Value(value) => format!("={}", String::from_utf8_lossy(value.reveal())),
            };
            format!("{}{what}", item.path.join("."))
        };
        read(bytes, format).unwrap().iter().map(tell).collect()
    }

    /// What is not text keeps its spelling; what holds no single value is still named.
    #[test]
    fn each_format_becomes_names_and_values() {
        let json = br#"{"db": {"user": "app", "port": 05e0}, "l": [1], "n": null, "e": {}}"#;
        assert!(read(json, Format::Json).is_err());
        let json =
            br#"{"db": {"user": "app", "n": 1.50}, "l": [1], "n": null, "e": {}, "t": true}"#;
        let expected = ["db.user=app", "db.n=1.50", "l[]", "nnull", "e{}", "t=true"];
        assert_eq!(told(json, Format::Json), expected);
        let yaml = b"db: {user: app, n: 1.50}\nl: [1]\nn: ~\ne: {}\nt: true # c\n";
        assert_eq!(told(yaml, Format::Yaml), expected);
        let toml = b"t = true\nl = [1]\nwhen = 2024-01-02\n[db]\nuser = 'app'\nn = 1.50\n[e]\n";
        assert_eq!(
            told(toml, Format::Toml),
            [
                "db.n=1.5",
                "db.user=app",
                "e{}",
                "l[]",
                "t=true",
                "when=2024-01-02"
            ]
        );
        let ini = b"top = 1\n[db]\nuser = app\n";
        assert_eq!(told(ini, Format::Ini), ["top=1", "db.user=app"]);
        let dotenv = b"A=1\nB=$x\nA='2'\n";
        assert_eq!(told(dotenv, Format::Dotenv), ["B=$x", "A=2"]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let cases: [(&[u8], Format, InputError); 8] = [
            (
                b"{\"a\": 1, \"a\": 2}",
                Format::Json,
                InputError::Duplicate {
                    path: "a".to_owned(),
                },
            ),
            (
                b"a: &x 1\nb: *x\n",
                Format::Yaml,
                InputError::Alias { line: 2 },
            ),
            (b"a: 1\n---\nb: 1\n", Format::Yaml, InputError::Documents),
            (
                b"a: {x: 1}\nb:\n  <<: {y: 1}\n",
                Format::Yaml,
                InputError::Merge { line: 3 },
            ),
            (
                b"a: !!binary aGk=\n",
                Format::Yaml,
                InputError::Tag { line: 1 },
            ),
            (b"1: x\n", Format::Yaml, InputError::Key { line: 1 }),
            (b"- x\n", Format::Yaml, InputError::Top),
            (b"a: \xff\n", Format::Yaml, InputError::NotText),
        ];
        for (bytes, format, error) in cases {
            assert_eq!(read(bytes, format).unwrap_err(), error);
        }
    }

    /// Sizes and depths are looked at before anything is built.
    #[test]
    fn limits_hold_in_every_format() {
        for format in [Format::Ini, Format::Json, Format::Toml, Format::Yaml] {
            let large = vec![b' '; MAX_FILE + 1];
            assert_eq!(
                read(&large, format).unwrap_err(),
                InputError::TooLarge { limit: 1 }
            );
        }
        let deep = b"[".repeat(400_000);
        for format in [Format::Json, Format::Yaml] {
            assert!(read(&deep, format).is_err());
        }
        let deep = [&b"a = "[..], &b"[".repeat(100_000)].concat();
        assert!(read(&deep, Format::Toml).is_err());
        let wide = [&b"a: ["[..], &b"1,".repeat(150_000), b"]"].concat();
        assert_eq!(read(&wide, Format::Yaml).unwrap_err(), InputError::TooMany);
    }

    /// What is refused is told by line; the line itself may hold a secret.
    #[test]
    fn an_error_shows_nothing_of_a_line() {
        for (bytes, format) in [
            (&b"a: 1\nqCanary: [qCanary\n"[..], Format::Yaml),
            (b"{\"a\": 1\nqCanary", Format::Json),
            (b"a = 1\nqCanary = = qCanary\n", Format::Toml),
            (b"a = 1\nqCanary\n", Format::Ini),
            (b"a=1\nqCanary\n", Format::Dotenv),
        ] {
            let error = read(bytes, format).unwrap_err().to_string();
            assert!(
                !error.contains("qCanary") && error.contains("line"),
                "{error}"
            );
        }
    }
}
