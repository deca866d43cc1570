//! From the keys of somebody's file to the names of secrets: nested keys become folders or are joined,
//! by the user's choice, and single ones may be given another name. What cannot be a secret (a list,
//! nothing, a text that is no name) is told with its reason and never dropped in silence.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::domain::{FolderName, NameError, SecretName, SecretValue};
use crate::input::{Found, Item};

/// How names are made.
#[derive(Clone, Debug)]
pub struct Naming {
    /// The folder of all of them.
    pub folder: FolderName,
    /// The names of single keys, by their keys joined with dots.
    pub map: BTreeMap<String, String>,
    /// What stands before every name that is not in `map`.
    pub prefix: String,
    /// What stands between nested keys.
    pub separator: String,
}

/// Values with the names they get, and what gets none.
#[derive(Debug, Default)]
pub struct Names {
    /// Sorted by name.
    pub values: BTreeMap<SecretName, SecretValue>,
    /// In the order of the file.
    pub misfits: Vec<Misfit>,
}

/// Something that is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Its keys, joined by dots.
    pub path: String,
    /// Why.
    pub why: Why,
}

/// Why something is no secret.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Why {
    /// A map without keys.
    #[error("a map without keys")]
    Empty,
    /// A list.
    #[error("a list; a secret is one value")]
    List,
    /// Not a name.
    #[error("not a name: {0}")]
    Name(NameError),
    /// A word for nothing.
    #[error("null; a secret has a value")]
    Null,
}

/// Why no names are given at all.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NamingError {
    /// Two keys would get one name.
    #[error("`{first}` and `{second}` would both become `{name}`")]
    Same {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// The name.
        name: SecretName,
    },
    /// A key to be renamed is not there.
    #[error("there is no `{0}`")]
    Unknown(String),
}

impl Naming {
    /// Gives every value its name.
    pub fn names(&self, items: Vec<Item>) -> Result<Names, NamingError> {
        let mut names = Names::default();
        let mut origins: BTreeMap<SecretName, String> = BTreeMap::new();
        let mut unused: BTreeSet<&String> = self.map.keys().collect();
        for item in items {
            let path = item.path.join(".");
            unused.remove(&path);
            let (name, value) = match (self.name(&item.path, &path), item.found) {
                (Ok(name), Found::Value(value)) => (name, value),
                (Err(error), Found::Value(_)) => {
                    let why = Why::Name(error);
                    names.misfits.push(Misfit { path, why });
                    continue;
                }
                (_, found) => {
                    let why = match found {
                        Found::Empty => Why::Empty,
                        Found::List => Why::List,
                        Found::Null | Found::Value(_) => Why::Null,
                    };
                    names.misfits.push(Misfit { path, why });
                    continue;
                }
            };
            if let Some(first) = origins.insert(name.clone(), path.clone()) {
                let second = path;
                return Err(NamingError::Same {
                    first,
                    second,
                    name,
                });
            }
            names.values.insert(name, value);
        }
        match unused.first() {
            Some(path) => Err(NamingError::Unknown((*path).clone())),
            None => Ok(names),
        }
    }

    fn name(&self, path: &[String], joined: &str) -> Result<SecretName, NameError> {
        let key = match self.map.get(joined) {
            Some(name) => name.clone(),
            None => format!("{}{}", self.prefix, path.join(&self.separator)),
        };
        SecretName::within(&self.folder, &key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming() -> Naming {
        Naming {
            folder: FolderName::top(),
            map: BTreeMap::new(),
            prefix: String::new(),
            separator: "/".to_owned(),
        }
    }

    fn items(paths: &[&str]) -> Vec<Item> {
        let item = |path: &&str| Item {
            path: path.split('.').map(str::to_owned).collect(),
            found: match *path {
                "list" => Found::List,
                "null" => Found::Null,
                "empty" => Found::Empty,
                _ => Found::Value(SecretValue::new(b"x".to_vec())),
            },
        };
        paths.iter().map(item).collect()
    }

    fn told(naming: &Naming, paths: &[&str]) -> Vec<String> {
        let names = naming.names(items(paths)).unwrap();
        let values = names.values.keys().map(ToString::to_string);
        values
            .chain(
                names
                    .misfits
                    .iter()
                    .map(|misfit| format!("!{}", misfit.path)),
            )
            .collect()
    }

    #[test]
    fn nested_keys_become_folders_or_are_joined() {
        assert_eq!(told(&naming(), &["A", "db.user"]), ["A", "db/user"]);
        let joined = Naming {
            separator: "_".to_owned(),
            prefix: "APP_".to_owned(),
            folder: FolderName::parse("prod").unwrap(),
            ..naming()
        };
        assert_eq!(
            told(&joined, &["A", "db.user"]),
            ["prod/APP_A", "prod/APP_db_user"]
        );
        let mapped = Naming {
            map: [("x-y.z".to_owned(), "Z".to_owned())].into(),
            ..naming()
        };
        assert_eq!(told(&mapped, &["x-y.z"]), ["Z"]);
    }

    #[test]
    fn what_is_no_secret_is_told_and_never_dropped() {
        let paths = ["list", "x-y", "A", "null", "empty", "DB.user"];
        let told = told(&naming(), &paths);
        assert_eq!(told, ["A", "!list", "!x-y", "!null", "!empty", "!DB.user"]);
    }

    #[test]
    fn two_keys_of_one_name_and_a_key_that_is_not_there_are_refused() {
        let joined = Naming {
            separator: "_".to_owned(),
            ..naming()
        };
        let same = joined.names(items(&["a.b", "a_b"])).unwrap_err();
        assert!(matches!(same, NamingError::Same { first, .. } if first == "a.b"));
        let mapped = Naming {
            map: [("b".to_owned(), "B".to_owned())].into(),
            ..naming()
        };
        let unknown = mapped.names(items(&["a"])).unwrap_err();
        assert_eq!(unknown, NamingError::Unknown("b".to_owned()));
    }
}
