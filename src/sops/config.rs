//! `.sops.yaml`, read for the public keys in its rules and for nothing else: whom a vault could be
//! sealed to, and what people call them. Everything that is not carried over is listed with the reason.
//! Nothing that stands there is run, and no pattern in it decides anything.

use crate::domain::{ReaderName, Recipient, RecipientError};
use crate::input::tree::{Child, Node, Scalar};
use crate::input::yaml::{self, Dialect};
use crate::input::{InputError, MAX_FILE};

const FOREIGN: &str = "a vault is sealed to age and ssh keys alone";
const UNKNOWN: &str = "sops does not know it either";

/// The most words of a comment that is taken for a name.
const NAME_WORDS: usize = 3;

/// What is of use in a `.sops.yaml`.
#[derive(Debug, Default)]
pub struct Config {
    /// Each public key once, in the order of the file.
    pub keys: Vec<ConfigKey>,
    /// What was not used.
    pub ignored: Vec<Ignored>,
    /// How many rules there are.
    pub rules: usize,
}

/// A public key.
#[derive(Debug)]
pub struct ConfigKey {
    /// The key.
    pub recipient: Recipient,
    /// What an anchor or a comment calls it.
    pub name: Option<ReaderName>,
    /// The rules it stands in, counted from 1.
    pub rules: Vec<usize>,
}

/// A field that was not used. Holds nothing of what stands there.
#[derive(Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Where: `creation_rules[1].pgp`, counted from 1.
    pub field: String,
    /// Why.
    pub why: &'static str,
}

impl Config {
    /// Parses a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, InputError> {
        if bytes.len() > MAX_FILE {
            return Err(InputError::TooLarge { limit: 1 });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| InputError::NotText)?;
        let documents = yaml::parse(text, Dialect::Config)?;
        let fields = match documents.first() {
            Some(Node::Map(fields)) => &fields[..],
            _ => &[],
        };
        let mut config = Self::default();
        for (key, node, _) in noted(fields) {
            match key {
                "creation_rules" => config.rules(node),
                "destination_rules" => config.ignore(key, "they are for `sops publish`"),
                "keys" => {}
                "stores" => config.ignore(key, "it is about the layout of files of sops"),
                _ => config.ignore(key, UNKNOWN),
            }
        }
        let named = noted(fields).into_iter().filter(|(key, ..)| *key == "keys");
        for (_, node, _) in named {
            config.unused(node);
        }
        Ok(config)
    }

    /// Says whether all rules name the same keys.
    pub fn is_uniform(&self) -> bool {
        let mut keys = self.keys.iter();
        keys.all(|key| key.rules.len() == self.rules)
    }

    fn ignore(&mut self, field: impl Into<String>, why: &'static str) {
        let field = field.into();
        self.ignored.push(Ignored { field, why });
    }

    fn rules(&mut self, node: &Node) {
        let Node::List(rules) = node else {
            return self.ignore("creation_rules", "it is no list");
        };
        for (_, node, _) in noted(rules) {
            self.rules += 1;
            let place = format!("creation_rules[{}]", self.rules);
            match node {
                Node::Map(fields) => self.rule(&place, fields),
                _ => self.ignore(place, "it is no map"),
            }
        }
    }

    fn rule(&mut self, place: &str, fields: &[Child]) {
        let fields = noted(fields);
        let has_groups = fields.iter().any(|(key, ..)| *key == "key_groups");
        for (key, node, notes) in fields {
            let field = format!("{place}.{key}");
            match key {
                "age" if has_groups => {
                    self.ignore(field, "sops does not read it beside `key_groups`");
                }
                "age" => self.keys(&field, node, &notes),
                "key_groups" => self.groups(&field, node),
                "path_regex" => {
                    self.ignore(field, "who reads which folder is said in `[access]`");
                }
                "shamir_threshold" => self.ignore(field, "any one reader can open a secret"),
                "encrypted_comment_regex"
                | "encrypted_regex"
                | "encrypted_suffix"
                | "mac_only_encrypted"
                | "unencrypted_comment_regex"
                | "unencrypted_regex"
                | "unencrypted_suffix" => self.ignore(field, "a vault seals every value"),
                _ => self.other(field, key, node),
            }
        }
    }

    fn groups(&mut self, place: &str, node: &Node) {
        let Node::List(groups) = node else {
            return self.ignore(place, "it is no list");
        };
        for (at, (_, node, _)) in noted(groups).into_iter().enumerate() {
            let place = format!("{place}[{}]", at + 1);
            let Node::Map(fields) = node else {
                self.ignore(place, "it is no map");
                continue;
            };
            for (key, node, notes) in noted(fields) {
                let field = format!("{place}.{key}");
                match key {
                    "age" => self.keys(&field, node, &notes),
                    "merge" => self.groups(&field, node),
                    _ => self.other(field, key, node),
                }
            }
        }
    }

    /// Keys of another kind, if there are any, or nothing that sops knows.
    fn other(&mut self, field: String, key: &str, node: &Node) {
        let empty = match node {
            Node::List(children) | Node::Map(children) => children.is_empty(),
            Node::Scalar(scalar) => text(scalar).is_empty(),
        };
        let foreign = [
            "aws_profile",
            "azure_keyvault",
            "gcp_kms",
            "hc_vault",
            "hc_vault_transit_uri",
            "hckms",
            "kms",
            "pgp",
        ];
        match foreign.contains(&key) {
            true if empty => {}
            true => self.ignore(field, FOREIGN),
            false => self.ignore(field, UNKNOWN),
        }
    }

    /// Keys as a list, or joined by commas; a comment beside several of them names none.
    fn keys(&mut self, place: &str, node: &Node, notes: &[&str]) {
        let children = match node {
            Node::Scalar(scalar) => return self.joined(place, text(scalar), notes),
            Node::Map(_) => return self.ignore(place, "it is no list"),
            Node::List(children) => children,
        };
        for (at, (_, node, notes)) in noted(children).into_iter().enumerate() {
            let place = format!("{place}[{}]", at + 1);
            match node {
                Node::Scalar(scalar) => self.joined(&place, text(scalar), &notes),
                _ => self.ignore(place, "it is no text"),
            }
        }
    }

    fn joined(&mut self, place: &str, text: &str, notes: &[&str]) {
        let keys: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .collect();
        let notes = if keys.len() == 1 { notes } else { &[] };
        for key in keys {
            match Recipient::parse(key) {
                Ok(recipient) => self.add(recipient, name(key, notes)),
                Err(error) => self.ignore(place, why(key, error)),
            }
        }
    }

    fn add(&mut self, recipient: Recipient, name: Option<ReaderName>) {
        let rules = vec![self.rules];
        match self.keys.iter_mut().find(|key| key.recipient == recipient) {
            Some(key) => {
                key.name = key.name.take().or(name);
                if key.rules.last() != rules.last() {
                    key.rules.extend(rules);
                }
            }
            None => self.keys.push(ConfigKey {
                recipient,
                name,
                rules,
            }),
        }
    }

    /// Keys that were only given a name.
    fn unused(&mut self, node: &Node) {
        let Node::List(children) = node else {
            return self.ignore("keys", UNKNOWN);
        };
        for (at, (_, node, _)) in noted(children).into_iter().enumerate() {
            let key = match node {
                Node::Scalar(scalar) => Recipient::parse(text(scalar)).ok(),
                _ => None,
            };
            let used = |key: &Recipient| self.keys.iter().any(|known| known.recipient == *key);
            match key {
                Some(key) if used(&key) => {}
                Some(_) => self.ignore(format!("keys[{}]", at + 1), "no rule names it"),
                None => self.ignore(format!("keys[{}]", at + 1), FOREIGN),
            }
        }
    }
}

/// The children that are no comments, with the comments that stand before each.
fn noted(children: &[Child]) -> Vec<(&str, &Node, Vec<&str>)> {
    let mut notes = Vec::new();
    let mut all = Vec::with_capacity(children.len());
    for child in children {
        match child {
            Child::Comment(text) => notes.push(text.as_str()),
            Child::Node(key, node) => all.push((&key[..], node, std::mem::take(&mut notes))),
        }
    }
    all
}

fn text(scalar: &Scalar) -> &str {
    match scalar {
        Scalar::Plain(text) | Scalar::Text(text) => {
            std::str::from_utf8(text.reveal()).unwrap_or_default()
        }
        Scalar::Bool(_) | Scalar::Null | Scalar::Number(_) => "",
    }
}

fn why(key: &str, error: RecipientError) -> &'static str {
    match error {
        RecipientError::PrivateKey => "a private key stands there",
        RecipientError::NotARecipient if key.starts_with("age1") => "not an age key",
        RecipientError::NotARecipient => "not a public key",
    }
}

/// The anchor says it best, then the nearest comment, then what an ssh key says itself.
fn name(key: &str, notes: &[&str]) -> Option<ReaderName> {
    let anchor = notes.iter().find_map(|note| note.strip_prefix('&'));
    let nearest = notes.iter().rfind(|note| !note.starts_with('&'));
    let own = key.split_whitespace().nth(2);
    [anchor, nearest.copied(), own]
        .into_iter()
        .flatten()
        .find_map(reader)
}

/// `Bob Example <bob@example.org>` is `bob-example`; a sentence is nobody's name.
fn reader(note: &str) -> Option<ReaderName> {
    let note = note.split(['@', '<', '(']).next()?.to_ascii_lowercase();
    let kept = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    let words: Vec<_> = note
        .split(|char| !kept(char))
        .map(|word| word.trim_matches(['-', '_']))
        .filter(|word| !word.is_empty())
        .collect();
    let a_key = |word: &&str| word.starts_with("age") && word.len() > 20;
    if words.len() > NAME_WORDS || words.iter().any(a_key) {
        return None;
    }
    ReaderName::parse(&words.join("-")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const B: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    const C: &str = "age1xhqm5upvy0g2q83sa63sf92ncrn36c8jxgwlwttl9wzlf8ljyqvsvdvkh7";

    fn told(text: &str) -> (Vec<String>, Vec<String>) {
        let text = text.replace("$A", A).replace("$B", B).replace("$C", C);
        let config = Config::parse(text.as_bytes()).unwrap();
        let key = |key: &ConfigKey| {
            let letter = [A, B, C]
                .iter()
                .position(|known| *known == key.recipient.text());
            let name = key.name.as_ref().map_or("-", ReaderName::as_str);
            format!(
                "{} {name} {:?}",
                ["A", "B", "C"][letter.unwrap()],
                key.rules
            )
        };
        (
            config.keys.iter().map(key).collect(),
            config
                .ignored
                .into_iter()
                .map(|ignored| ignored.field)
                .collect(),
        )
    }

    #[test]
    fn names_come_from_anchors_comments_and_ssh_keys() {
        let (keys, ignored) = told(
            "keys:\n  - &alice $A\n  - &server_1 $C # not this\ncreation_rules:\n  \
             - path_regex: prod/.*\n    key_groups:\n      - age:\n          - *alice\n          \
             # Bob Example <bob@x.org>\n          - $B\n  - age: [*server_1, *alice]\n",
        );
        assert_eq!(
            keys,
            ["A alice [1, 2]", "B bob-example [1]", "C server_1 [2]"]
        );
        assert_eq!(ignored, ["creation_rules[1].path_regex"]);
        let (keys, _) =
            told("creation_rules:\n  - age: $A # Carol\n  - age: >-\n      $B,\n      $C\n");
        assert_eq!(keys, ["A carol [1]", "B - [2]", "C - [2]"]);
        let (keys, _) =
            told("creation_rules:\n  # one of the rules that we have here\n  - age:\n    - $A\n");
        assert_eq!(keys, ["A - [1]"]);
        assert_eq!(
            name("ssh-ed25519 AAAA bob@laptop", &[]).unwrap().as_str(),
            "bob"
        );
        assert_eq!(name(A, &[&format!(" {B}")]), None);
    }

    #[test]
    fn everything_that_is_not_used_is_told() {
        let (keys, ignored) = told(
            "creation_rules:\n  - path_regex: x\n    pgp: ABC\n    kms: []\n    azure_keyvault: u\n    \
             encrypted_regex: ^a\n    shamir_threshold: 2\n    encryped_regex: b\n    age: $A,age1pq1x\n  \
             - age: $B\n    key_groups:\n      - pgp: [X]\n        merge:\n          - age: [$C, 7]\n\
             stores: {yaml: {indent: 2}}\ndestination_rules: []\nkeys: [$B]\n",
        );
        assert_eq!(keys, ["A - [1]", "C - [2]"]);
        assert_eq!(
            ignored,
            [
                "creation_rules[1].path_regex",
                "creation_rules[1].pgp",
                "creation_rules[1].azure_keyvault",
                "creation_rules[1].encrypted_regex",
                "creation_rules[1].shamir_threshold",
                "creation_rules[1].encryped_regex",
                "creation_rules[1].age",
                "creation_rules[2].age",
                "creation_rules[2].key_groups[1].pgp",
                "creation_rules[2].key_groups[1].merge[1].age[2]",
                "stores",
                "destination_rules",
                "keys[1]",
            ]
        );
    }

    /// An alias stands for one text at most, and what stands there is not repeated.
    #[test]
    fn a_hostile_configuration_is_refused_or_told_without_its_text() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\n";
        let error = Config::parse(bomb.as_bytes()).unwrap_err();
        assert_eq!(error, InputError::Alias { line: 2 });
        let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
        let text = format!("creation_rules: [{{age: {secret}}}]\n");
        let config = Config::parse(text.as_bytes()).unwrap();
        assert!(config.keys.is_empty());
        assert!(!format!("{config:?}").contains("GQ9778"), "{config:?}");
        assert!(Config::parse(b"- a\n").is_err());
        assert!(Config::parse(b"").unwrap().keys.is_empty());
    }
}
