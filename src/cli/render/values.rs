//! How two values differ, for a person at a terminal who asked to see it: a JSON value by its paths,
//! any other text by its lines. What would act on the terminal is shown as escapes. All of it is
//! secret, and is in memory that is wiped.

use std::collections::BTreeMap;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};
use zeroize::Zeroizing;

use crate::cli::display::line;
use crate::domain::SecretValue;
use crate::input::json;
use crate::input::tree::{Child, Node, Scalar};

/// After this long, what is left is shown as taken out and put in.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many lines that are the same are shown around those that are not.
const AROUND: usize = 3;

/// Shows what differs; `None` if one of the values is no text. A value that is not there has no lines.
pub fn difference(
    before: Option<&SecretValue>,
    after: Option<&SecretValue>,
) -> Option<SecretValue> {
    let text = |value: Option<&'_ SecretValue>| match value {
        None => Some(Zeroizing::new(String::new())),
        Some(value) => {
            let text = std::str::from_utf8(value.reveal()).ok()?;
            Some(Zeroizing::new(text.to_owned()))
        }
    };
    let (before, after) = (text(before)?, text(after)?);
    let by_path = by_path(&before, &after);
    let lines = by_path.unwrap_or_else(|| by_line(&before, &after));
    let room = lines.iter().map(|line| line.len() + 1).sum();
    let mut shown = Zeroizing::new(Vec::with_capacity(room));
    for line in &lines {
        shown.extend_from_slice(line.as_bytes());
        shown.push(b'\n');
    }
    Some(SecretValue::new(std::mem::take(&mut *shown)))
}

type Lines = Vec<Zeroizing<String>>;

fn shown(sign: char, text: &str) -> Zeroizing<String> {
    let text = Zeroizing::new(line(text));
    Zeroizing::new(format!("{sign} {}", *text))
}

fn by_line(before: &str, after: &str) -> Lines {
    let mut config = TextDiff::configure();
    let difference = config.timeout(PATIENCE).diff_lines(before, after);
    let mut lines = Vec::new();
    for (index, group) in difference.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            lines.push(Zeroizing::new("…".to_owned()));
        }
        for change in group.iter().flat_map(|op| difference.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Equal => ' ',
                ChangeTag::Insert => '+',
            };
            let text: &str = change.value();
            lines.push(shown(sign, text.strip_suffix('\n').unwrap_or(text)));
        }
    }
    let ends = [before, after].map(|text| text.is_empty() || text.ends_with('\n'));
    if ends[0] != ends[1] && !before.is_empty() && !after.is_empty() {
        let which = if ends[0] { "before" } else { "after" };
        lines.push(Zeroizing::new(format!(
            "  (a line end at the end {which} only)"
        )));
    }
    lines
}

/// The places of two JSON values that differ; `None` if one is not of several parts, or if no place
/// says what differs.
fn by_path(before: &str, after: &str) -> Option<Lines> {
    let (before, after) = (places(before)?, places(after)?);
    let mut lines = Vec::new();
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (was, is) = (before.get(key), after.get(key));
        if was == is {
            continue;
        }
        for (sign, text) in [('-', was), ('+', is)] {
            if let Some(text) = text {
                let text = Zeroizing::new(format!("{key} = {}", **text));
                lines.push(shown(sign, &text));
            }
        }
    }
    (!lines.is_empty()).then_some(lines)
}

/// Every part of a JSON value that has none itself, by its path.
fn places(text: &str) -> Option<BTreeMap<String, Zeroizing<String>>> {
    let root = json::parse(text).ok()?;
    if matches!(root, Node::Scalar(_)) {
        return None;
    }
    let mut found = BTreeMap::new();
    walk("", &root, &mut found).then_some(found)
}

/// Collects the parts; says whether every path is there once.
fn walk(path: &str, node: &Node, found: &mut BTreeMap<String, Zeroizing<String>>) -> bool {
    let text = match node {
        Node::List(children) if !children.is_empty() => {
            let mut children = children.iter().enumerate();
            return children.all(|(index, child)| match child {
                Child::Comment(_) => true,
                Child::Node(_, node) => walk(&format!("{path}[{index}]"), node, found),
            });
        }
        Node::Map(children) if !children.is_empty() => {
            let dot = if path.is_empty() { "" } else { "." };
            return children.iter().all(|child| match child {
                Child::Comment(_) => true,
                Child::Node(key, node) => walk(&format!("{path}{dot}{}", part(key)), node, found),
            });
        }
        Node::List(_) => Some("[]".to_owned()),
        Node::Map(_) => Some("{}".to_owned()),
        Node::Scalar(Scalar::Bool(value)) => Some(value.to_string()),
        Node::Scalar(Scalar::Null) => Some("null".to_owned()),
        Node::Scalar(Scalar::Number(text) | Scalar::Plain(text)) => {
            str::from_utf8(text.reveal()).ok().map(str::to_owned)
        }
        Node::Scalar(Scalar::Text(text)) => str::from_utf8(text.reveal()).ok().map(quoted),
    };
    match text {
        None => false,
        Some(text) => {
            let before = found.insert(path.to_owned(), Zeroizing::new(text));
            before.is_none()
        }
    }
}

/// A key as a part of a path.
fn part(key: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if !key.is_empty() && key.chars().all(is_plain) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: Option<&str>, after: Option<&str>) -> String {
        let value = |text: &str| SecretValue::new(text.as_bytes().to_vec());
        let (before, after) = (before.map(value), after.map(value));
        let shown = difference(before.as_ref(), after.as_ref()).unwrap();
        String::from_utf8(shown.reveal().to_vec()).unwrap()
    }

    #[test]
    fn a_text_is_shown_by_the_lines_that_differ() {
        assert_eq!(shown(Some("one"), Some("two")), "- one\n+ two\n");
        assert_eq!(shown(None, Some("a\nb\n")), "+ a\n+ b\n");
        assert_eq!(shown(Some("a\n"), None), "- a\n");
        let long: String = (0..20).map(|number| format!("{number}\n")).collect();
        let other = long.replace("\n10\n", "\nten\n").replace("\n19\n", "\n");
        assert_eq!(
            shown(Some(&long), Some(&other)),
            "  7\n  8\n  9\n- 10\n+ ten\n  11\n  12\n  13\n\u{2026}\n  16\n  17\n  18\n- 19\n"
        );
        assert!(shown(Some("a\n"), Some("a")).contains("before only"));
    }

    #[test]
    fn json_is_shown_by_the_paths_that_differ() {
        let before = r#"{"a": {"b": [1, "x\ny", null], "c.d": true}, "same": 1}"#;
        let after = r#"{"same": 1, "a": {"b": [1, "z", null, {}], "c.d": false}}"#;
        assert_eq!(
            shown(Some(before), Some(after)),
            "- a.\"c.d\" = true\n+ a.\"c.d\" = false\n- a.b[1] = \"x\\ny\"\n\
             + a.b[1] = \"z\"\n+ a.b[3] = {}\n"
        );
        // The same parts in another order, or a key twice: then by line.
        assert_eq!(shown(Some("[1]"), Some("[ 1]")), "- [1]\n+ [ 1]\n");
        assert!(shown(Some(r#"{"a":1,"a":2}"#), Some("{}")).starts_with("- {\""));
    }

    #[test]
    fn nothing_acts_on_the_terminal_and_what_is_no_text_is_not_shown() {
        assert_eq!(shown(None, Some("\u{1b}[2J")), "+ \\u{1b}[2J\n");
        let binary = SecretValue::new(vec![0xff]);
        assert!(difference(Some(&binary), None).is_none());
    }
}
