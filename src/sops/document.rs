//! A sops file taken apart: its documents in their order, and the `sops` block. Five ways to write
//! one are known; what each reader of sops takes literally is taken literally here. Nothing is opened
//! yet, and limits come before parsing.

use crate::input::tree::{Budget, Child, Node, Scalar};
use crate::input::{InputError, ini, json, yaml};
use crate::sops::flat::unflatten;
use crate::sops::metadata::Metadata;
use crate::sops::{SopsError, Store};

/// The largest file that is parsed, in bytes (16 MiB).
pub const MAX_FILE: usize = 16 * 1024 * 1024;

const BLOCK: &str = "sops";
const PREFIX: &str = "sops_";

/// A file, not opened.
#[derive(Debug)]
pub struct Document {
    /// The maps of the file; only YAML can hold more than one.
    pub trees: Vec<Vec<Child>>,
    /// Who can open it, and how it is sealed.
    pub metadata: Metadata,
    /// How it is written.
    pub store: Store,
}

impl Document {
    /// Parses a file.
    pub fn parse(bytes: &[u8], store: Store) -> Result<Self, SopsError> {
        if bytes.len() > MAX_FILE {
            return Err(InputError::TooLarge { limit: 16 }.into());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| InputError::NotText)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match store {
            Store::Binary | Store::Json => Self::nested(vec![json::parse(text)?], store),
            Store::Dotenv => Self::dotenv(text),
            Store::Ini => Self::ini(text),
            Store::Yaml => Self::nested(yaml::parse(text, yaml::Dialect::Sops)?, store),
        }
    }

    /// The block is read from the first document; in the others it is only taken away.
    fn nested(nodes: Vec<Node>, store: Store) -> Result<Self, SopsError> {
        let mut block = None;
        let mut trees = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.into_iter().enumerate() {
            let Node::Map(children) = node else {
                return Err(InputError::Top.into());
            };
            let (blocks, rest): (Vec<_>, Vec<_>) = children
                .into_iter()
                .partition(|child| matches!(child, Child::Node(key, _) if key == BLOCK));
            if at == 0 {
                block = Some(blocks);
            }
            trees.push(rest);
        }
        if store == Store::Binary {
            for tree in &mut trees {
                tree.retain(|child| matches!(child, Child::Node(key, _) if key == "data"));
            }
        }
        let metadata = match block.as_deref() {
            Some([Child::Node(_, Node::Map(fields))]) => Metadata::read(fields)?,
            Some([]) | None => return Err(SopsError::NoBlock),
            _ => return Err(SopsError::Metadata(BLOCK)),
        };
        Ok(Self {
            trees,
            metadata,
            store,
        })
    }

    /// Keys and values are what stands there, blanks and quotes included. A file whose every line
    /// ends in CRLF was rewritten by git or an editor; sops cannot open those.
    fn dotenv(text: &str) -> Result<Self, SopsError> {
        let mut lines: Vec<_> = text.split('\n').collect();
        if lines.last() == Some(&"") {
            lines.pop();
        }
        let rewritten = lines.iter().all(|line| line.ends_with('\r'));
        let mut budget = Budget::default();
        let mut tree = Vec::new();
        let mut block = Vec::new();
        for (at, line) in lines.into_iter().enumerate() {
            let line = if rewritten {
                line.trim_end_matches('\r')
            } else {
                line
            };
            if line.is_empty() {
                continue;
            }
            budget.take(1)?;
            if let Some(comment) = line.strip_prefix('#') {
                tree.push(Child::Comment(comment.to_owned().into()));
                continue;
            }
            let pair = line.split_once('=');
            let (key, value) = pair.ok_or(InputError::Syntax { line: at + 1 })?;
            match key.strip_prefix(PREFIX) {
                Some(field) => block.push((field, value.to_owned())),
                None => {
                    let value = Node::Scalar(Scalar::text(value.replace(r"\n", "\n")));
                    tree.push(Child::Node(key.to_owned(), value));
                }
            }
        }
        Self::flat(tree, block, Store::Dotenv)
    }

    fn ini(text: &str) -> Result<Self, SopsError> {
        let Node::Map(sections) = ini::parse(text)? else {
            return Err(InputError::Top.into());
        };
        let is_block = |child: &Child| matches!(child, Child::Node(name, _) if name == BLOCK);
        let (blocks, tree): (Vec<_>, Vec<_>) = sections.into_iter().partition(is_block);
        let mut pairs = Vec::new();
        for block in &blocks {
            let Child::Node(_, Node::Map(fields)) = block else {
                continue;
            };
            for field in fields {
                if let Child::Node(name, Node::Scalar(Scalar::Text(text))) = field {
                    let text = String::from_utf8_lossy(text.reveal()).into_owned();
                    pairs.push((name.as_str(), text));
                }
            }
        }
        Self::flat(tree, pairs, Store::Ini)
    }

    fn flat(tree: Vec<Child>, block: Vec<(&str, String)>, store: Store) -> Result<Self, SopsError> {
        if block.is_empty() {
            return Err(SopsError::NoBlock);
        }
        let fields = unflatten(block).ok_or(SopsError::Metadata(BLOCK))?;
        Ok(Self {
            trees: vec![tree],
            metadata: Metadata::read(&fields)?,
            store,
        })
    }
}
