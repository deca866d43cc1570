//! The metadata of a sops file that knows no nesting: `age__list_0__map_recipient` is the path of one
//! text. Here such names become a tree. A line end is the two characters `\n`
//! there, whoever wrote the file.

use std::collections::BTreeMap;

use crate::input::tree::{Child, MAX_DEPTH, Node, Scalar};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// A part of a name.
enum Step<'a> {
    Index(usize),
    Key(&'a str),
}

/// What the names add up to.
enum Flat {
    Leaf(String),
    List(BTreeMap<usize, Flat>),
    Map(BTreeMap<String, Flat>),
}

/// Puts names and texts together; `None` if they contradict each other or a list has gaps.
pub fn unflatten<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Option<Vec<Child>> {
    let mut root = Flat::Map(BTreeMap::new());
    for (name, text) in pairs {
        let steps = steps(name)?;
        insert(&mut root, &steps, text.replace(r"\n", "\n"))?;
    }
    match node(root)? {
        Node::Map(children) => Some(children),
        _ => None,
    }
}

fn steps(name: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = name;
    let mut mark = MAP;
    loop {
        let next = [MAP, LIST]
            .into_iter()
            .filter_map(|mark| Some((rest.find(mark)?, mark)))
            .min();
        let (end, following) = next.unwrap_or((rest.len(), ""));
        let part = &rest[..end];
        steps.push(if mark == LIST {
            Step::Index(part.parse().ok()?)
        } else {
            Step::Key(part)
        });
        if steps.len() > MAX_DEPTH {
            return None;
        }
        if following.is_empty() {
            return Some(steps);
        }
        rest = &rest[end + following.len()..];
        mark = following;
    }
}

fn insert(into: &mut Flat, steps: &[Step<'_>], text: String) -> Option<()> {
    let (first, rest) = steps.split_first()?;
    let empty = || match rest.first() {
        Some(Step::Index(_)) => Flat::List(BTreeMap::new()),
        Some(Step::Key(_)) => Flat::Map(BTreeMap::new()),
        None => Flat::Leaf(String::new()),
    };
    let mut fresh = false;
    let mut make = || {
        fresh = true;
        empty()
    };
    let child = match (into, first) {
        (Flat::List(list), Step::Index(at)) => list.entry(*at).or_insert_with(&mut make),
        (Flat::Map(map), Step::Key(key)) => map.entry((*key).to_owned()).or_insert_with(&mut make),
        _ => return None,
    };
    if !rest.is_empty() {
        return insert(child, rest, text);
    }
    match child {
        Flat::Leaf(leaf) if fresh => *leaf = text,
        _ => return None,
    }
    Some(())
}

fn node(flat: Flat) -> Option<Node> {
    Some(match flat {
        Flat::Leaf(text) => Node::Scalar(Scalar::text(text)),
        Flat::List(list) => {
            let whole = list.keys().copied().eq(0..list.len());
            let children = list
                .into_values()
                .map(|child| Some(Child::Node(String::new(), node(child)?)));
            Node::List(children.collect::<Option<_>>().filter(|_| whole)?)
        }
        Flat::Map(map) => {
            let children = map
                .into_iter()
                .map(|(key, child)| Some(Child::Node(key, node(child)?)));
            Node::Map(children.collect::<Option<_>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Option<Vec<Child>> {
        unflatten(all.iter().map(|(name, text)| (*name, (*text).to_owned())))
    }

    /// Checklist 18.
    #[test]
    fn names_become_a_tree_in_any_order() {
        let found = pairs(&[
            ("key_groups__list_1__map_age__list_0__map_enc", r"a\nb"),
            ("mac", "x"),
            ("key_groups__list_0__map_age__list_0__map_enc", "c"),
        ]);
        let shown = format!("{:?}", found.unwrap());
        assert_eq!(shown.matches("\"enc\"").count(), 2);
        let Some(Child::Node(_, Node::Scalar(Scalar::Text(text)))) =
            pairs(&[("enc", r"a\nb")]).unwrap().pop()
        else {
            panic!("not a text");
        };
        assert_eq!(text.reveal(), b"a\nb");
    }

    #[test]
    fn contradictions_and_gaps_are_refused() {
        for wrong in [
            &[("a__list_1", "x")][..],
            &[("a__list_x", "x")],
            &[("a", "x"), ("a", "y")],
            &[("a", "x"), ("a__map_b", "y")],
            &[("a__map_b", "x"), ("a", "y")],
            &[("a__map_b", "x"), ("a__list_0", "y")],
            &[("a__list_0", ""), ("a__list_0", "")],
        ] {
            assert!(pairs(wrong).is_none(), "{wrong:?}");
        }
        let deep = "a".to_owned() + &"__map_a".repeat(1000);
        assert!(pairs(&[(&deep, "x")]).is_none());
    }
}
