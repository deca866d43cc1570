//! Writing a sops file: every value sealed as text, one group of age recipients, fields in the order
//! of sops 3.13. Of the file that is replaced everything is used again that did not change, so a
//! changed secret is a change of three lines. What sops would bring back altered is refused.

use std::collections::HashMap;

use thiserror::Error;

use crate::domain::{Plugins, Recipient, SecretValue};
use crate::input::ini;
use crate::input::tree::{Child, Node, Scalar};
use crate::sealed::{SealedError, seal_foreign};
use crate::sops::document::Document;
use crate::sops::layout::{Block, Line, layout};
use crate::sops::mac::Mac;
use crate::sops::open::Opened;
use crate::sops::value::{Cipher, Kind, Parts};
use crate::sops::walk::Leaf;
use crate::sops::{Store, metadata::AgeEntry};

/// What keys may be made of: the same to every version of sops and every reader of YAML.
const IN_KEYS: &[u8] = b"_-./";

/// The rule of the files that are written, which is what sops does without a rule.
pub const IN_THE_OPEN: &str = "_unencrypted";

/// The version whose layout is written, and who wrote it.
const VERSION: &str = concat!("3.13.2+hoziron.", env!("CARGO_PKG_VERSION"));

/// Why a file is not written. Names keys, and no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WriteError {
    /// A key that sops keeps for itself, leaves in the open, or cannot tell from others.
    #[error("`{0}` cannot be a key of a sops file")]
    Key(String),
    /// A value that the store gives back as another one.
    #[error("`{path}` {why}, and sops would give it back altered from a file of this kind")]
    Value {
        /// The keys, joined by dots.
        path: String,
        /// What is in the way.
        why: &'static str,
    },
    /// The key cannot be sealed.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

/// A file that is replaced, and what is in it.
pub struct Previous<'d> {
    /// The file.
    pub document: &'d Document,
    /// Its values and its key.
    pub opened: Opened<'d>,
}

/// What came of writing.
#[derive(Debug)]
pub enum Written {
    /// The whole text of the file.
    New(Vec<u8>),
    /// The file holds these values for these recipients; it needs no change.
    Unchanged,
}

impl Previous<'_> {
    /// Says whether the file was written here.
    pub fn is_ours(&self) -> bool {
        self.document.metadata.version.contains("+hoziron")
    }

    /// The recipients' parts of the key, if there is one group of age recipients alone.
    fn parts(&self) -> &[AgeEntry] {
        match &self.document.metadata.groups[..] {
            [group] if group.others.is_empty() => &group.age,
            _ => &[],
        }
    }
}

/// Writes values for recipients, who are sorted by their text; `now` is the time in UTC, in seconds.
/// Of plugins, those are run that the user has allowed.
pub fn write(
    tree: &[Child],
    store: Store,
    recipients: &[&Recipient],
    plugins: &Plugins,
    now: &str,
    previous: Option<&Previous<'_>>,
) -> Result<Written, WriteError> {
    let parts = previous.map_or(&[][..], Previous::parts);
    let has = |recipient: &&Recipient| parts.iter().any(|part| part.recipient == recipient.text());
    let stays = |part: &AgeEntry| {
        recipients
            .iter()
            .any(|known| known.text() == part.recipient)
    };
    // Who is no longer a recipient knows the key, so that is a new one then.
    let key_stays = !parts.is_empty() && parts.iter().all(stays);
    let known = previous.filter(|_| key_stays);
    let mut writer = Writer {
        store,
        cipher: &known.map_or_else(Cipher::generate, |known| {
            Cipher::again(&known.opened.cipher)
        }),
        known: known.map_or_else(HashMap::new, |known| by_path(&known.opened.leaves)),
        mac: Mac::start(false),
        lines: Vec::new(),
        path: Vec::new(),
        used: 0,
    };
    match store {
        Store::Ini => writer.sections(tree)?,
        _ => writer.map(tree)?,
    }
    if let Some(known) = known
        && recipients.iter().all(has)
        && known.document.store == store
        && known.opened.unverified.is_none()
        && (writer.used, writer.used) == (writer.lines(), known.opened.leaves.len())
    {
        return Ok(Written::Unchanged);
    }
    let mut age = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let part = parts.iter().find(|part| part.recipient == recipient.text());
        age.push(match part.filter(|_| key_stays) {
            Some(part) => part.clone(),
            None => AgeEntry {
                recipient: recipient.text().to_owned(),
                sealed: wrap(writer.cipher, recipient, plugins)?,
            },
        });
    }
    let block = Block {
        age: &age,
        last_modified: now,
        mac: &writer.cipher.seal(&writer.mac.text(), now),
        unencrypted_suffix: IN_THE_OPEN,
        version: VERSION,
    };
    Ok(Written::New(
        layout(store, &writer.lines, &block).into_bytes(),
    ))
}

struct Writer<'a> {
    store: Store,
    cipher: &'a Cipher,
    /// The values of the file that is replaced, by path.
    known: HashMap<String, &'a Leaf<'a>>,
    mac: Mac,
    lines: Vec<Line>,
    path: Vec<String>,
    /// How many values are the same as before.
    used: usize,
}

impl Writer<'_> {
    fn map(&mut self, children: &[Child]) -> Result<(), WriteError> {
        children.iter().try_for_each(|child| self.child(child))
    }

    fn child(&mut self, child: &Child) -> Result<(), WriteError> {
        let Child::Node(key, node) = child else {
            return Ok(());
        };
        self.path.push(key.clone());
        self.check_key(key)?;
        let depth = self.path.len() - 1;
        match node {
            Node::Map(children) => {
                self.above(key, depth);
                self.map(children)?;
            }
            Node::Scalar(Scalar::Text(value)) => self.value(key, value, depth)?,
            Node::List(_) | Node::Scalar(_) => return Err(self.bad_key()),
        }
        self.path.pop();
        Ok(())
    }

    fn above(&mut self, key: &str, depth: usize) {
        self.lines.push(Line {
            depth,
            key: key.to_owned(),
            sealed: None,
        });
    }

    /// What is in no section comes first, and is in one of its own to sops.
    fn sections(&mut self, tree: &[Child]) -> Result<(), WriteError> {
        let is_map = |child: &&Child| matches!(child, Child::Node(_, Node::Map(_)));
        let (sections, top): (Vec<_>, Vec<_>) = tree.iter().partition(is_map);
        if !top.is_empty() {
            self.above(ini::TOP, 0);
            self.path.push(ini::TOP.to_owned());
            top.into_iter().try_for_each(|child| self.child(child))?;
            self.path.pop();
        }
        sections.into_iter().try_for_each(|child| self.child(child))
    }

    fn value(&mut self, key: &str, value: &SecretValue, depth: usize) -> Result<(), WriteError> {
        self.check_value(value)?;
        self.mac.add(value);
        let mut path = self.path.join(":");
        path.push(':');
        let same = self.known.get(&path).filter(|leaf| {
            let plain = leaf.plain.as_ref();
            plain.is_some_and(|plain| plain.kind == Kind::Str && plain.text.same_as(value))
        });
        let reused = same.and_then(|leaf| match leaf.sealed {
            None => value.is_empty().then(String::new),
            Some(text) => {
                let lasting = Parts::parse(text).is_ok_and(|parts| parts.is_lasting());
                lasting.then(|| text.to_owned())
            }
        });
        self.used += usize::from(reused.is_some());
        let sealed = reused.unwrap_or_else(|| self.cipher.seal(value, &path));
        self.lines.push(Line {
            depth,
            key: key.to_owned(),
            sealed: Some(sealed),
        });
        Ok(())
    }

    fn check_key(&self, key: &str) -> Result<(), WriteError> {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || IN_KEYS.contains(&byte);
        let kept = match self.store {
            Store::Binary => self.path != ["data"],
            Store::Dotenv => self.path.len() > 1 || key.starts_with("sops_"),
            Store::Ini => match self.path.len() {
                1 => key == "sops" || key == ini::TOP,
                length => length > 2,
            },
            Store::Json | Store::Yaml => self.path.len() == 1 && key == "sops",
        };
        let wrong = key.is_empty() || !key.bytes().all(safe) || key.ends_with(IN_THE_OPEN);
        match kept || wrong {
            true => Err(self.bad_key()),
            false => Ok(()),
        }
    }

    fn bad_key(&self) -> WriteError {
        WriteError::Key(self.path.join("."))
    }

    fn check_value(&self, value: &SecretValue) -> Result<(), WriteError> {
        let bytes = value.reveal();
        let why = if self.store != Store::Binary && std::str::from_utf8(bytes).is_err() {
            "is not UTF-8"
        } else if self.store == Store::Dotenv && bytes.windows(2).any(|pair| pair == br"\n") {
            r"has the two characters `\n`"
        } else {
            return Ok(());
        };
        let path = self.path.join(".");
        Err(WriteError::Value { path, why })
    }

    /// How many values there are.
    fn lines(&self) -> usize {
        let values = self.lines.iter().filter(|line| line.sealed.is_some());
        values.count()
    }
}

/// What stands in a list is left out: nothing that is written stands in one.
fn by_path<'l>(leaves: &'l [Leaf<'l>]) -> HashMap<String, &'l Leaf<'l>> {
    let named = leaves.iter().filter(|leaf| !leaf.in_list);
    named
        .map(|leaf| (format!("{}:", leaf.path.join(":")), leaf))
        .collect()
}

fn wrap(cipher: &Cipher, recipient: &Recipient, plugins: &Plugins) -> Result<String, WriteError> {
    let file = seal_foreign(&cipher.key(), [recipient], plugins)?;
    Ok(String::from_utf8(file).expect("armor is text"))
}
