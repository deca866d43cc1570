//! JSON, YAML and TOML, all in ASCII and with every value in double quotes, so that no reader has to
//! guess an encoding and no text turns into a number, a date or a truth value. The three agree on
//! quotes and differ in how they spell what is not printable. What is written is wiped when dropped.

use crate::domain::SecretValue;
use crate::export::ExportError;
use crate::input::tree::{Child, Node, Scalar};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// One object.
    Json,
    /// One table, and one for each folder.
    Toml,
    /// One map.
    Yaml,
}

/// Renders values as text.
pub fn render(tree: &[Child], syntax: Syntax) -> Result<SecretValue, ExportError> {
    let mut foreign = Vec::new();
    find_foreign(tree, &mut Vec::new(), &mut foreign);
    if !foreign.is_empty() {
        return Err(ExportError::NotText(foreign));
    }
    let write = |out: &mut dyn FnMut(&[u8])| match syntax {
        Syntax::Json => {
            json(tree, 1, out);
            out(b"\n");
        }
        Syntax::Toml => toml(tree, &mut Vec::new(), out),
        Syntax::Yaml if tree.is_empty() => out(b"{}\n"),
        Syntax::Yaml => yaml(tree, 0, out),
    };
    // Twice: a buffer that grows would leave copies behind it that nobody wipes.
    let mut length = 0;
    write(&mut |part| length += part.len());
    let mut text = Vec::with_capacity(length);
    write(&mut |part| text.extend_from_slice(part));
    Ok(SecretValue::new(text))
}

fn find_foreign<'t>(tree: &'t [Child], path: &mut Vec<&'t str>, found: &mut Vec<String>) {
    for (key, node) in nodes(tree) {
        path.push(key);
        match node {
            Node::Map(children) => find_foreign(children, path, found),
            node if text_of(node).is_none() => found.push(path.join("/")),
            _ => {}
        }
        path.pop();
    }
}

fn json(tree: &[Child], depth: usize, out: &mut dyn FnMut(&[u8])) {
    out(b"{");
    for (at, (key, node)) in nodes(tree).enumerate() {
        out(if at == 0 { b"\n" } else { b",\n" });
        indent(depth, out);
        quoted(key, Syntax::Json, out);
        out(b": ");
        match node {
            Node::Map(children) => json(children, depth + 1, out),
            node => quoted(text_of(node).unwrap_or_default(), Syntax::Json, out),
        }
    }
    if !tree.is_empty() {
        out(b"\n");
        indent(depth - 1, out);
    }
    out(b"}");
}

fn yaml(tree: &[Child], depth: usize, out: &mut dyn FnMut(&[u8])) {
    for (key, node) in nodes(tree) {
        indent(depth, out);
        quoted(key, Syntax::Yaml, out);
        match node {
            Node::Map(children) => {
                out(b":\n");
                yaml(children, depth + 1, out);
            }
            node => {
                out(b": ");
                quoted(text_of(node).unwrap_or_default(), Syntax::Yaml, out);
                out(b"\n");
            }
        }
    }
}

/// A table's own values come before the tables below it.
fn toml<'t>(tree: &'t [Child], path: &mut Vec<&'t str>, out: &mut dyn FnMut(&[u8])) {
    for (key, node) in nodes(tree) {
        if let Some(text) = text_of(node) {
            quoted(key, Syntax::Toml, out);
            out(b" = ");
            quoted(text, Syntax::Toml, out);
            out(b"\n");
        }
    }
    for (key, node) in nodes(tree) {
        if let Node::Map(children) = node {
            path.push(key);
            out(b"\n[");
            for (at, key) in path.iter().enumerate() {
                out(if at == 0 { b"" } else { b"." });
                quoted(key, Syntax::Toml, out);
            }
            out(b"]\n");
            toml(children, path, out);
            path.pop();
        }
    }
}

fn nodes(tree: &[Child]) -> impl Iterator<Item = (&str, &Node)> {
    tree.iter().filter_map(|child| match child {
        Child::Comment(_) => None,
        Child::Node(key, node) => Some((key.as_str(), node)),
    })
}

fn text_of(node: &Node) -> Option<&str> {
    match node {
        Node::Scalar(Scalar::Text(value)) => std::str::from_utf8(value.reveal()).ok(),
        _ => None,
    }
}

fn indent(depth: usize, out: &mut dyn FnMut(&[u8])) {
    for _ in 0..depth {
        out(b"  ");
    }
}

fn quoted(text: &str, syntax: Syntax, out: &mut dyn FnMut(&[u8])) {
    out(b"\"");
    for char in text.chars() {
        match char {
            '"' => out(br#"\""#),
            '\\' => out(br"\\"),
            '\n' => out(br"\n"),
            '\r' => out(br"\r"),
            '\t' => out(br"\t"),
            ' '..='~' => out(char.encode_utf8(&mut [0; 4]).as_bytes()),
            _ if syntax == Syntax::Json => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    number(b'u', u32::from(*unit), 4, out);
                }
            }
            _ if u32::from(char) > 0xffff => number(b'U', u32::from(char), 8, out),
            _ => number(b'u', u32::from(char), 4, out),
        }
    }
    out(b"\"");
}

fn number(letter: u8, code: u32, digits: u32, out: &mut dyn FnMut(&[u8])) {
    out(&[b'\\', letter]);
    for place in (0..digits).rev() {
        let digit = char::from_digit(code >> (4 * place) & 15, 16);
        out(digit.unwrap_or('0').encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Format, Found, read, tree::nest};

    fn values(all: &[(&str, &[u8])]) -> Vec<Child> {
        let value = |(path, value): &(&str, &[u8])| {
            let path = path.split('/').map(str::to_owned).collect();
            (path, SecretValue::new(value.to_vec()))
        };
        nest(all.iter().map(value).collect()).unwrap()
    }

    /// Our own readers are the first judges; python's are in the suite.
    #[test]
    fn what_is_written_reads_back_byte_for_byte() {
        let hostile: String = (0..0x300)
            .filter_map(char::from_u32)
            .chain("\u{2028}\u{feff}😀é".chars())
            .collect();
        let all: [(&str, &[u8]); 5] = [
            ("A", hostile.as_bytes()),
            ("EMPTY", b""),
            ("no", b"off"),
            ("web/TOKEN", b"12:30:45"),
            ("web/x/y", b"1_000"),
        ];
        for (syntax, format) in [
            (Syntax::Json, Format::Json),
            (Syntax::Toml, Format::Toml),
            (Syntax::Yaml, Format::Yaml),
        ] {
            let text = render(&values(&all), syntax).unwrap();
            assert!(text.reveal().is_ascii());
            let mut items = read(text.reveal(), format).unwrap();
            items.sort_by(|one, other| one.path.cmp(&other.path));
            assert_eq!(items.len(), all.len());
            for (item, (path, value)) in items.iter().zip(all) {
                assert_eq!(item.path.join("/"), path);
                assert!(matches!(&item.found, Found::Value(found) if found.reveal() == value));
            }
        }
    }

    #[test]
    fn what_is_not_text_is_refused_by_name() {
        let tree = values(&[("a/b", b"\xff"), ("c", b"x"), ("d", b"\xfe")]);
        for syntax in [Syntax::Json, Syntax::Toml, Syntax::Yaml] {
            let error = render(&tree, syntax).unwrap_err();
            assert_eq!(error.to_string(), "not UTF-8: `a/b`, `d`");
        }
    }

    #[test]
    fn no_values_are_an_empty_document() {
        assert_eq!(render(&[], Syntax::Json).unwrap().reveal(), b"{}\n");
        assert_eq!(render(&[], Syntax::Yaml).unwrap().reveal(), b"{}\n");
    }
}
