//! The walk through a sops file: the file's rule, never the look of a value, says what is sealed.
//! What it says is sealed must open, all else is taken literally; the MAC is made of every value on
//! the way, in the file's own order. The walk decides nothing about whether the MAC holds.

use crate::domain::SecretValue;
use crate::input::number::go_float;
use crate::input::tree::{Child, Node, Scalar};
use crate::input::yaml::{Resolved, resolve};
use crate::sops::SopsError;
use crate::sops::document::Document;
use crate::sops::mac::Mac;
use crate::sops::metadata::{Metadata, Rule};
use crate::sops::pattern::Pattern;
use crate::sops::value::{Cipher, Kind, Parts, Plain, ValueError};

/// The most steps that a file's pattern may take; a few seconds in the worst case, and far from what
/// 100,000 keys and a usual pattern take.
const MAX_STEPS: usize = 100_000_000;

/// One value of a file.
#[derive(Debug)]
pub struct Leaf<'d> {
    /// The keys it stands under.
    pub path: Vec<String>,
    /// Whether it is in a list.
    pub in_list: bool,
    /// What it is; nothing, where the file has a word for that.
    pub plain: Option<Plain>,
    /// Its sealed text.
    pub sealed: Option<&'d str>,
}

/// How the numbers count that stand in the open in JSON: sops knew only floats up to 3.13.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// All of them are floats.
    Floats,
    /// Those without a fraction are whole.
    Whole,
}

/// What a walk found.
pub struct Walk<'d, 'k> {
    cipher: &'k Cipher,
    metadata: &'d Metadata,
    numbers: Numbers,
    /// Every value, in the order of the file.
    pub leaves: Vec<Leaf<'d>>,
    /// The MAC of what was found.
    pub mac: Mac,
    /// Whether a number was met that versions of sops spell differently.
    pub ambiguous: bool,
    keys: Vec<&'d str>,
    /// The keys as sops joins them: each with a colon behind it.
    path: String,
    lists: usize,
    /// How many comments in scope match, for each container.
    comments: Vec<usize>,
    /// What looking for the pattern may still take.
    steps: usize,
}

impl<'d, 'k> Walk<'d, 'k> {
    /// Walks through every document.
    pub fn run(
        document: &'d Document,
        cipher: &'k Cipher,
        numbers: Numbers,
    ) -> Result<Self, SopsError> {
        let metadata = &document.metadata;
        let mut walk = Self {
            cipher,
            metadata,
            numbers,
            leaves: Vec::new(),
            mac: Mac::start(metadata.mac_only_encrypted),
            ambiguous: false,
            keys: Vec::new(),
            path: String::new(),
            lists: 0,
            comments: Vec::new(),
            steps: MAX_STEPS,
        };
        for tree in &document.trees {
            walk.map(tree, false)?;
        }
        Ok(walk)
    }

    /// `named`: the rule names one of the keys down to here.
    fn map(&mut self, children: &'d [Child], named: bool) -> Result<(), SopsError> {
        self.comments.push(0);
        for child in children {
            match child {
                Child::Comment(text) => self.comment(text)?,
                Child::Node(key, node) => {
                    let before = self.path.len();
                    self.path.push_str(key);
                    self.path.push(':');
                    self.keys.push(key);
                    let named = named || self.names(key)?;
                    self.node(node, named)?;
                    self.keys.pop();
                    self.path.truncate(before);
                    self.forget();
                }
            }
        }
        self.comments.pop();
        Ok(())
    }

    /// Places in a list are no part of a path.
    fn list(&mut self, children: &'d [Child], named: bool) -> Result<(), SopsError> {
        self.comments.push(0);
        self.lists += 1;
        for child in children {
            match child {
                Child::Comment(text) => self.comment(text)?,
                Child::Node(_, node) => {
                    self.node(node, named)?;
                    self.forget();
                }
            }
        }
        self.lists -= 1;
        self.comments.pop();
        Ok(())
    }

    fn node(&mut self, node: &'d Node, named: bool) -> Result<(), SopsError> {
        match node {
            Node::List(children) => self.list(children, named),
            Node::Map(children) => self.map(children, named),
            Node::Scalar(scalar) => self.scalar(scalar, named),
        }
    }

    /// A comment governs what comes next, until that is done.
    fn comment(&mut self, text: &str) -> Result<(), SopsError> {
        let metadata = self.metadata;
        if let Rule::EncryptedComment(pattern) | Rule::UnencryptedComment(pattern) = &metadata.rule
            && self.finds(pattern, text)?
        {
            let scope = self.comments.last_mut();
            *scope.expect("a comment is in a container") += 1;
        }
        Ok(())
    }

    fn forget(&mut self) {
        let scope = self.comments.last_mut();
        *scope.expect("a child is in a container") = 0;
    }

    fn names(&mut self, key: &str) -> Result<bool, SopsError> {
        let metadata = self.metadata;
        match &metadata.rule {
            Rule::EncryptedSuffix(suffix) | Rule::UnencryptedSuffix(suffix) => {
                Ok(key.ends_with(suffix.as_str()))
            }
            Rule::EncryptedRegex(pattern) | Rule::UnencryptedRegex(pattern) => {
                self.finds(pattern, key)
            }
            Rule::EncryptedComment(_) | Rule::UnencryptedComment(_) => Ok(false),
        }
    }

    fn finds(&mut self, pattern: &Pattern, text: &str) -> Result<bool, SopsError> {
        let left = self.steps.checked_sub(pattern.cost(text));
        self.steps = left.ok_or(SopsError::Costly)?;
        Ok(pattern.matches(text))
    }

    fn is_sealed(&self, named: bool) -> bool {
        let commented = || self.comments.iter().any(|matching| *matching > 0);
        match &self.metadata.rule {
            Rule::EncryptedRegex(_) | Rule::EncryptedSuffix(_) => named,
            Rule::UnencryptedRegex(_) | Rule::UnencryptedSuffix(_) => !named,
            Rule::EncryptedComment(_) => commented(),
            Rule::UnencryptedComment(_) => !commented(),
        }
    }

    fn scalar(&mut self, scalar: &'d Scalar, named: bool) -> Result<(), SopsError> {
        let is_sealed = self.is_sealed(named);
        let mut sealed = None;
        let plain = match (is_sealed, text_of(scalar)) {
            (_, _) if is_null(scalar) => None,
            (true, Some(text)) if text.is_empty() => Some(Plain::text(b"")),
            (true, Some(text)) => {
                let text = std::str::from_utf8(text.reveal());
                let text = text.map_err(|_| self.wrong(ValueError::NotSealed))?;
                sealed = Some(text);
                let opened =
                    Parts::parse(text).and_then(|parts| self.cipher.open(&parts, &self.path));
                Some(opened.map_err(|error| self.wrong(error))?)
            }
            (true, None) => return Err(self.wrong(ValueError::NotSealed)),
            (false, _) => Some(self.literal(scalar)?),
        };
        // A sealed comment of a list is one of its items; that does not make it a value.
        if plain
            .as_ref()
            .is_some_and(|plain| plain.kind == Kind::Comment)
        {
            return Ok(());
        }
        if let Some(plain) = &plain
            && (is_sealed || !self.metadata.mac_only_encrypted)
        {
            self.mac.add(&plain.text);
        }
        self.leaves.push(Leaf {
            path: self.keys.iter().map(|&key| key.to_owned()).collect(),
            in_list: self.lists > 0,
            plain,
            sealed,
        });
        Ok(())
    }

    /// What stands in the open means what it means to sops.
    fn literal(&mut self, scalar: &Scalar) -> Result<Plain, SopsError> {
        Ok(match scalar {
            Scalar::Bool(bool) => Plain::bool(*bool),
            Scalar::Null => Plain::text(b""),
            Scalar::Number(text) => self.number(text)?,
            Scalar::Text(text) => Plain::text(text.reveal()),
            Scalar::Plain(text) => {
                let spelt = std::str::from_utf8(text.reveal()).unwrap_or_default();
                match resolve(spelt) {
                    Resolved::Bool(bool) => Plain::bool(bool),
                    Resolved::Float(float) => Plain::float(float),
                    Resolved::Int(int) => Plain::int(int),
                    Resolved::Null | Resolved::Text => Plain::text(text.reveal()),
                    Resolved::Time(time) => Plain::time(&time),
                    Resolved::Unsigned => return Err(self.wrong(ValueError::Number)),
                }
            }
        })
    }

    fn number(&mut self, text: &SecretValue) -> Result<Plain, SopsError> {
        let spelt = std::str::from_utf8(text.reveal()).unwrap_or_default();
        let float = go_float(spelt).map(Plain::float);
        let float = float.ok_or_else(|| self.wrong(ValueError::Number))?;
        let Ok(int) = spelt.parse::<i64>() else {
            return Ok(float);
        };
        let whole = Plain::int(int);
        if !whole.text.same_as(&float.text) {
            self.ambiguous = true;
        }
        Ok(match self.numbers {
            Numbers::Floats => float,
            Numbers::Whole => whole,
        })
    }

    fn wrong(&self, source: ValueError) -> SopsError {
        SopsError::Value {
            path: self.keys.join("."),
            source,
        }
    }
}

/// The text that could be sealed; `None` for what is no text.
fn text_of(scalar: &Scalar) -> Option<&SecretValue> {
    match scalar {
        Scalar::Text(text) => Some(text),
        Scalar::Plain(text) => {
            let spelt = std::str::from_utf8(text.reveal()).ok()?;
            (resolve(spelt) == Resolved::Text).then_some(text)
        }
        Scalar::Bool(_) | Scalar::Null | Scalar::Number(_) => None,
    }
}

fn is_null(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Null => true,
        Scalar::Plain(text) => {
            let spelt = std::str::from_utf8(text.reveal());
            spelt.is_ok_and(|spelt| resolve(spelt) == Resolved::Null)
        }
        _ => false,
    }
}
