//! YAML as a tree, from parser events: order, comments and the spelling of plain scalars stay.
//! Aliases are refused (but for names of texts, in a configuration), so no small file becomes a large
//! one, and so are keys that are not text. The
//! parser beneath keeps copies of what it reads that are not wiped; sealed files hold no plaintext.

mod resolve;

use std::borrow::Cow;
use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use granit_parser::{Event, Options, Parser, Placement, ScalarStyle, Tag};
use zeroize::Zeroizing;

pub use resolve::{Resolved, resolve};

use crate::domain::SecretValue;
use crate::input::InputError;
use crate::input::tree::{Budget, Child, MAX_DEPTH, Node, Scalar};

/// What is allowed in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A configuration by hand: one document, in which an alias may stand for a text. The name of an
    /// anchor becomes a comment before the text, `&name`.
    Config,
    /// One document, without tags and merge keys.
    Plain,
    /// What sops writes: several documents, `!!binary` and other tags, `<<` as an ordinary key.
    Sops,
}

/// Parses every document; each is a map, an empty document an empty one.
pub fn parse(text: &str, dialect: Dialect) -> Result<Vec<Node>, InputError> {
    let mut options = Options::default();
    options.block_nesting_limit = MAX_DEPTH;
    options.flow_nesting_limit = MAX_DEPTH;
    options.max_buffered_comment_events = 10_000;
    options.set_emit_comments(dialect != Dialect::Plain);
    options.emit_anchor_events = dialect == Dialect::Config;
    let mut builder = Builder {
        dialect,
        budget: Budget::default(),
        documents: Vec::new(),
        frames: Vec::new(),
        comments: Vec::new(),
        anchors: HashMap::new(),
        line: 1,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let line = error.marker().line();
            InputError::Syntax { line }
        })?;
        builder.line = span.start.line();
        builder.take(event, span.start.col())?;
    }
    Ok(builder.documents)
}

struct Builder {
    dialect: Dialect,
    budget: Budget,
    documents: Vec<Node>,
    frames: Vec<Frame>,
    /// Comments that wait for what they stand above, with their columns.
    comments: Vec<(usize, Zeroizing<String>)>,
    /// Texts by the numbers of their anchors, with the anchors' names.
    anchors: HashMap<usize, (String, String)>,
    line: usize,
}

/// A map or list that is not complete.
struct Frame {
    is_map: bool,
    column: usize,
    /// The key whose value comes next.
    key: Option<String>,
    children: Vec<Child>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, column: usize) -> Result<(), InputError> {
        let line = self.line;
        match event {
            Event::Comment(text, placement) => self.comment(text, placement, column),
            Event::Alias(anchor) => self.alias(anchor),
            Event::Anchor(anchor, name) => self.anchor(anchor, &name),
            Event::UnresolvedAlias(_) => Err(InputError::Alias { line }),
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(text, style, anchor, tag.as_deref())
            }
            Event::MappingStart(_, _, tag) => self.start(true, column, tag.as_deref()),
            Event::SequenceStart(_, _, tag) => self.start(false, column, tag.as_deref()),
            Event::MappingEnd | Event::SequenceEnd => self.end(),
            Event::DocumentStart(..) if self.dialect != Dialect::Sops => {
                match self.documents.is_empty() {
                    true => Ok(()),
                    false => Err(InputError::Documents),
                }
            }
            _ => Ok(()),
        }
    }

    /// A comment behind a value stands before it in sops' order, one above waits.
    fn comment(
        &mut self,
        text: Cow<'_, str>,
        placement: Placement,
        column: usize,
    ) -> Result<(), InputError> {
        self.budget.take(self.frames.len())?;
        let text = Zeroizing::new(text.into_owned());
        match self.frames.last_mut() {
            Some(frame) if placement == Placement::Right && !frame.children.is_empty() => {
                let behind = frame.key.is_none();
                let at = frame.children.len() - usize::from(behind);
                frame.children.insert(at, Child::Comment(text));
            }
            _ => self.comments.push((column, text)),
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), InputError> {
        let line = self.line;
        let plain = style == ScalarStyle::Plain;
        if let Some(frame) = self.frames.last_mut()
            && frame.is_map
            && frame.key.is_none()
        {
            let merge = plain && &*text == "<<";
            if merge && self.dialect == Dialect::Plain {
                return Err(InputError::Merge { line });
            }
            if plain && resolve(&text) != Resolved::Text {
                return Err(InputError::Key { line });
            }
            frame.key = Some(text.into_owned());
            return self.flush();
        }
        self.budget.take(self.frames.len())?;
        if self.dialect == Dialect::Config && anchor != 0 {
            let known = (text.clone().into_owned(), String::new());
            self.anchors.insert(anchor, known);
        }
        let bytes = SecretValue::new(text.as_bytes().to_vec());
        let scalar = match self.tag(tag)? {
            Some("binary") => Scalar::Text(SecretValue::new(binary(&text, line)?)),
            Some("str") => Scalar::Text(bytes),
            Some("bool" | "float" | "int" | "null" | "timestamp") if !plain => {
                return Err(InputError::Tag { line });
            }
            _ if plain => Scalar::Plain(bytes),
            _ => Scalar::Text(bytes),
        };
        self.add(Node::Scalar(scalar))
    }

    /// Names the text that was just put.
    fn anchor(&mut self, anchor: usize, name: &str) -> Result<(), InputError> {
        if let (Some(known), Some(frame)) = (self.anchors.get_mut(&anchor), self.frames.last_mut())
        {
            known.1 = format!("&{name}");
            let at = frame.children.len() - 1;
            let comment = Child::Comment(known.1.clone().into());
            frame.children.insert(at, comment);
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize) -> Result<(), InputError> {
        let line = self.line;
        let frame = self.frames.last();
        let is_key = frame.is_none_or(|frame| frame.is_map && frame.key.is_none());
        let known = self.anchors.get(&anchor).cloned();
        let (text, name) = known
            .filter(|_| !is_key)
            .ok_or(InputError::Alias { line })?;
        self.budget.take(self.frames.len())?;
        self.comments.push((0, name.into()));
        if frame.is_some_and(|frame| frame.is_map) {
            self.flush()?;
        }
        self.add(Node::Scalar(Scalar::text(text)))
    }

    /// Returns a tag of YAML's own; others mean nothing to sops.
    fn tag<'t>(&self, tag: Option<&'t Tag>) -> Result<Option<&'t str>, InputError> {
        match tag {
            Some(_) if self.dialect == Dialect::Plain => Err(InputError::Tag { line: self.line }),
            Some(tag) => Ok(tag.core_suffix()),
            None => Ok(None),
        }
    }

    fn start(&mut self, is_map: bool, column: usize, tag: Option<&Tag>) -> Result<(), InputError> {
        self.budget.take(self.frames.len())?;
        self.tag(tag)?;
        let frame = self.frames.last();
        if frame.is_some_and(|frame| frame.is_map && frame.key.is_none()) {
            return Err(InputError::Key { line: self.line });
        }
        if frame.is_some_and(|frame| !frame.is_map) {
            self.flush()?;
        }
        self.frames.push(Frame {
            is_map,
            column,
            key: None,
            children: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), InputError> {
        let mut frame = self.frames.pop().expect("what ends has started");
        let is_root = self.frames.is_empty();
        // What is indented less belongs to a container further out.
        for (column, text) in std::mem::take(&mut self.comments) {
            if is_root || column >= frame.column {
                frame.children.push(Child::Comment(text));
            } else {
                self.comments.push((column, text));
            }
        }
        let node = match frame.is_map {
            true => Node::Map(frame.children),
            false => Node::List(frame.children),
        };
        self.put(node)
    }

    fn add(&mut self, node: Node) -> Result<(), InputError> {
        if self.frames.last().is_some_and(|frame| !frame.is_map) {
            self.flush()?;
        }
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Result<(), InputError> {
        let Some(frame) = self.frames.last_mut() else {
            self.comments.clear();
            self.documents.push(match node {
                Node::Map(_) => node,
                Node::Scalar(Scalar::Plain(text)) if text.is_empty() => Node::Map(Vec::new()),
                _ => return Err(InputError::Top),
            });
            return Ok(());
        };
        let key = frame.key.take().unwrap_or_default();
        frame.children.push(Child::Node(key, node));
        Ok(())
    }

    /// Puts the waiting comments where the next child will stand.
    fn flush(&mut self) -> Result<(), InputError> {
        let frame = self.frames.last_mut().expect("a child is in something");
        let waiting = self.comments.drain(..);
        frame
            .children
            .extend(waiting.map(|(_, text)| Child::Comment(text)));
        Ok(())
    }
}

fn binary(text: &str, line: usize) -> Result<Vec<u8>, InputError> {
    let packed: String = text.split_whitespace().collect();
    let decoded = BASE64_STANDARD.decode(packed);
    decoded.map_err(|_| InputError::Syntax { line })
}
