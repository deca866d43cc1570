//! INI files as go-ini reads them, for that is what sops reads: sections that may repeat, inline
//! comments behind `#` and `;`, quotes around a value, values over several lines. The last of two
//! equal keys of a section counts. Keys above the first section are in the section `DEFAULT`.

use std::collections::HashMap;
use std::str::Lines;

use zeroize::Zeroizing;

use crate::input::InputError;
use crate::input::tree::{Budget, Child, Node, Scalar};

/// The section of what stands above all sections.
pub const TOP: &str = "DEFAULT";

/// Parses a file into a map of maps.
pub fn parse(text: &str) -> Result<Node, InputError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser {
        lines: text.lines(),
        line: 0,
        budget: Budget::default(),
        sections: vec![(TOP.to_owned(), Vec::new())],
        known: HashMap::new(),
        comment: Zeroizing::default(),
    };
    while let Some(line) = parser.next() {
        parser.take(line.trim())?;
    }
    let sections = parser.sections.into_iter();
    let sections = sections.filter(|(name, children)| name != TOP || !children.is_empty());
    Ok(Node::Map(
        sections
            .map(|(name, children)| Child::Node(name, Node::Map(children)))
            .collect(),
    ))
}

struct Parser<'a> {
    lines: Lines<'a>,
    line: usize,
    budget: Budget,
    sections: Vec<(String, Vec<Child>)>,
    /// Where the keys of the last section are.
    known: HashMap<String, usize>,
    /// The comment lines since the last section or key.
    comment: Zeroizing<String>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.line += 1;
        self.lines.next()
    }

    fn take(&mut self, line: &str) -> Result<(), InputError> {
        let wrong = InputError::Syntax { line: self.line };
        match line.as_bytes().first() {
            None => {}
            Some(b'#' | b';') => {
                if !self.comment.is_empty() {
                    self.comment.push('\n');
                }
                self.comment
                    .push_str(line.trim_start_matches(['#', ';', ' ']));
            }
            Some(b'[') => {
                let end = line.rfind(']').ok_or(wrong)?;
                self.budget.take(1)?;
                let comment = self.comment()?;
                self.known.clear();
                self.sections.push((
                    line[1..end].trim().to_owned(),
                    comment.into_iter().collect(),
                ));
            }
            Some(_) => {
                let (key, rest) = split_key(line).ok_or(wrong)?;
                let (key, rest) = (key.to_owned(), rest.trim().to_owned());
                let rest = Zeroizing::new(rest);
                let value = self.value(&rest)?;
                self.insert(key, &value)?;
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<Option<Child>, InputError> {
        let text = std::mem::take(&mut self.comment);
        if text.is_empty() {
            return Ok(None);
        }
        self.budget.take(2)?;
        Ok(Some(Child::Comment(text)))
    }

    /// A key's comment stands behind the key in sops' order.
    fn insert(&mut self, key: String, value: &str) -> Result<(), InputError> {
        self.budget.take(2)?;
        let comment = self.comment()?;
        let (_, children) = self.sections.last_mut().expect("the top is a section");
        let node = Node::Scalar(Scalar::text(value));
        match self.known.get(&key) {
            Some(at) => children[*at] = Child::Node(key, node),
            None => {
                self.known.insert(key.clone(), children.len());
                children.push(Child::Node(key, node));
            }
        }
        children.extend(comment);
        Ok(())
    }

    fn value(&mut self, text: &str) -> Result<Zeroizing<String>, InputError> {
        let quote = match text.as_bytes() {
            [b'"', b'"', b'"', _, ..] => "\"\"\"",
            [b'`', ..] => "`",
            _ => return self.bare(text),
        };
        let rest = &text[quote.len()..];
        match rest.rfind(quote) {
            Some(end) => Ok(Zeroizing::new(rest[..end].to_owned())),
            None => self.over_lines(rest, quote),
        }
    }

    fn over_lines(&mut self, first: &str, quote: &str) -> Result<Zeroizing<String>, InputError> {
        let start = self.line;
        let mut value = Zeroizing::new(first.to_owned());
        while let Some(line) = self.next() {
            value.push('\n');
            if let Some(end) = line.find(quote) {
                value.push_str(&line[..end]);
                return Ok(value);
            }
            value.push_str(line);
        }
        Err(InputError::Syntax { line: start })
    }

    fn bare(&mut self, text: &str) -> Result<Zeroizing<String>, InputError> {
        if let Some(first) = text.strip_suffix('\\') {
            let mut value = Zeroizing::new(first.to_owned());
            while let Some(line) = self.next().map(str::trim).filter(|line| !line.is_empty()) {
                value.push_str(line.strip_suffix('\\').unwrap_or(line));
                if !line.ends_with('\\') {
                    break;
                }
            }
            return Ok(value);
        }
        let end = text.find(['#', ';']).unwrap_or(text.len());
        let text = text[..end].trim();
        let quoted = ['\'', '"'].iter().find_map(|&quote| {
            let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
            (!inner.contains(quote)).then_some(inner)
        });
        Ok(Zeroizing::new(quoted.unwrap_or(text).to_owned()))
    }
}

/// A key, possibly in quotes, up to the first `=` or `:`; and what is behind it.
fn split_key(line: &str) -> Option<(&str, &str)> {
    let quote = ["\"\"\"", "\"", "`"]
        .into_iter()
        .find(|quote| line.starts_with(quote) && line.len() > quote.len());
    if let Some(quote) = quote {
        let rest = &line[quote.len()..];
        let end = rest.find(quote)?;
        let behind = &rest[end + quote.len()..];
        let mark = behind.find(['=', ':'])?;
        return Some((rest[..end].trim(), &behind[mark + 1..]));
    }
    let mark = line.find(['=', ':']).filter(|mark| *mark > 0)?;
    Some((line[..mark].trim(), &line[mark + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for section in parse(text).unwrap().map().unwrap() {
            let Child::Node(name, Node::Map(children)) = section else {
                panic!("a section is a map");
            };
            for child in children {
                found.push(match child {
                    Child::Comment(text) => format!("{name}#{}", text.as_str()),
                    Child::Node(key, Node::Scalar(Scalar::Text(value))) => {
                        let value = String::from_utf8(value.reveal().to_vec()).unwrap();
                        format!("{name}.{key}={value}")
                    }
                    Child::Node(key, _) => format!("{name}.{key}?"),
                });
            }
        }
        found
    }

    #[test]
    fn sections_keys_and_comments_are_read() {
        let text = "a = 1\n; about s\n[s]\nb: 2\n# one\n# two\nc=3\nb = 4\n[s]\nb=5\n";
        assert_eq!(
            values(text),
            [
                "DEFAULT.a=1",
                "s# about s",
                "s.b=4",
                "s.c=3",
                "s# one\ntwo",
                "s.b=5"
            ]
            .map(|line| line.replace("# ", "#"))
        );
    }

    /// sops-format.md 1.9.2: what go-ini makes of quotes, inline comments and several lines.
    #[test]
    fn quotes_inline_comments_and_several_lines_are_read() {
        let text = "a = \"x\"\nb = 'y z'\nc = x # y\nd = `a;b`\ne =\nf = \"\"\"one\ntwo\"\"\"\n\
                    g = x\\\n  y\nh = \"a\"b\"\n\"k = 1\" = v\r\ni = \"\"\n";
        assert_eq!(
            values(text),
            [
                "a=x",
                "b=y z",
                "c=x",
                "d=a;b",
                "e=",
                "f=one\ntwo",
                "g=xy",
                "h=\"a\"b\"",
                "k = 1=v",
                "i="
            ]
            .map(|line| format!("DEFAULT.{line}"))
        );
    }

    #[test]
    fn a_line_that_is_nothing_is_named_by_number() {
        for (text, line) in [
            ("[s]\nx", 2),
            ("[s", 1),
            ("=x", 1),
            ("a=`x\ny", 1),
            ("\"k", 1),
        ] {
            assert_eq!(
                parse(text).unwrap_err(),
                InputError::Syntax { line },
                "{text}"
            );
        }
    }
}
