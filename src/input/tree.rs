//! What a structured file says, in its own order: maps, lists, scalars and comments. A scalar keeps
//! the spelling it has in the file, because a reader of the tree may need it to the letter; all text
//! but keys is wiped on drop. Nothing here decides what a scalar means.

use zeroize::Zeroizing;

use crate::domain::SecretValue;
use crate::input::InputError;

/// How deep a file may nest.
pub const MAX_DEPTH: usize = 64;

/// How many keys, values, comments and containers a file may have.
pub const MAX_NODES: usize = 100_000;

/// One node of a file.
#[derive(Debug)]
pub enum Node {
    /// A list; its children have empty keys.
    List(Vec<Child>),
    /// A map, keys in the order of the file, not necessarily unique.
    Map(Vec<Child>),
    /// Anything else.
    Scalar(Scalar),
}

/// What a map or a list holds.
#[derive(Debug)]
pub enum Child {
    /// A comment: what stands behind its mark.
    Comment(Zeroizing<String>),
    /// A key and what is under it.
    Node(String, Node),
}

/// A value that holds no others.
#[derive(Debug)]
pub enum Scalar {
    /// A truth value of a format that has them.
    Bool(bool),
    /// Nothing, in a format that has a word for it.
    Null,
    /// A number, as it is spelt in the file.
    Number(SecretValue),
    /// A YAML scalar without quotes, whose type depends on how it is spelt.
    Plain(SecretValue),
    /// Text.
    Text(SecretValue),
}

impl Node {
    /// Returns the children of a map.
    pub fn map(&self) -> Option<&[Child]> {
        match self {
            Self::Map(children) => Some(children),
            _ => None,
        }
    }
}

/// Nests values by their keys, sorted; an error is the keys that stand there twice, or have others
/// below them.
pub fn nest(mut values: Vec<(Vec<String>, SecretValue)>) -> Result<Vec<Child>, Vec<String>> {
    values.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut root = Vec::new();
    for (path, value) in values {
        let mut here: &mut Vec<Child> = &mut root;
        let (key, folders) = path.split_last().expect("a value stands under a key");
        for (depth, folder) in folders.iter().enumerate() {
            if !matches!(here.last(), Some(Child::Node(last, _)) if last == folder) {
                here.push(Child::Node(folder.clone(), Node::Map(Vec::new())));
            }
            here = match here.last_mut() {
                Some(Child::Node(_, Node::Map(children))) => children,
                _ => return Err(path[..=depth].to_vec()),
            };
        }
        if matches!(here.last(), Some(Child::Node(last, _)) if last == key) {
            return Err(path);
        }
        here.push(Child::Node(key.clone(), Node::Scalar(Scalar::Text(value))));
    }
    Ok(root)
}

impl Scalar {
    /// Copies a text.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(SecretValue::new(text.as_ref().to_vec()))
    }
}

/// Counts nodes, so that a small file cannot become a large tree.
#[derive(Debug, Default)]
pub struct Budget(usize);

impl Budget {
    /// Takes one node at a depth.
    pub fn take(&mut self, depth: usize) -> Result<(), InputError> {
        self.0 += 1;
        if depth > MAX_DEPTH {
            return Err(InputError::TooDeep);
        }
        if self.0 > MAX_NODES {
            return Err(InputError::TooMany);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(paths: &[&[&str]]) -> Result<String, Vec<String>> {
        let value = |path: &&[&str]| {
            let path = path.iter().map(|key| (*key).to_owned()).collect();
            (path, SecretValue::new(Vec::new()))
        };
        let shown = format!("{:?}", nest(paths.iter().map(value).collect())?);
        let bare = shown.replace("Scalar(Text(SecretValue(…)))", "=");
        Ok(bare.replace(['"', ' '], "").replace("Node", ""))
    }

    #[test]
    fn values_are_nested_and_sorted() {
        let found = nested(&[&["b", "y"], &["a"], &["b", "x"], &["b", "c", "z"]]);
        assert_eq!(
            found.unwrap(),
            "[(a,=),(b,Map([(c,Map([(z,=)])),(x,=),(y,=)]))]"
        );
    }

    #[test]
    fn a_value_with_others_below_it_is_named() {
        let error = nested(&[&["a", "b"], &["a", "b", "c"]]).unwrap_err();
        assert_eq!(error, ["a", "b"]);
        assert_eq!(nested(&[&["a"], &["a"]]).unwrap_err(), ["a"]);
    }
}
