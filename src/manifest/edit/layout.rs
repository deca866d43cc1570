//! Where things stand in the text of a manifest: which lines belong to the declaration of a secret,
//! its comments included. A comment belongs to what stands directly below it, or to what it directly
//! follows; one with blank lines around it belongs to nobody and stays where it is.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::manifest::edit::EditError;

/// A header like `[secrets.KEY]`.
struct Header {
    at: usize,
    path: Vec<String>,
}

/// The lines of one header.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// From its first comment to the end of its last line.
    pub(super) lines: Range<usize>,
    /// The key's place in the header.
    pub(super) key: Range<usize>,
}

/// How a declaration is written.
pub(super) enum Form {
    /// One or more tables: `[secrets.KEY]`, `[secrets.KEY.rotate]`.
    Blocks(Vec<Block>),
    /// A line, or several, within `[secrets]`: `KEY = { … }`.
    Entry(Block),
}

/// A declaration in the text.
pub(super) struct Place {
    /// How it is written.
    pub(super) form: Form,
    /// The list of its profiles, if it has one.
    pub(super) profiles: Option<List>,
}

/// A list of texts.
pub(super) struct List {
    /// From bracket to bracket.
    pub(super) place: Range<usize>,
    /// Each text and its place, quotes included.
    pub(super) items: Vec<(String, Range<usize>)>,
}

/// A manifest's text and where everything is.
pub(super) struct Layout<'t> {
    pub(super) text: &'t str,
    /// How its lines end.
    pub(super) line_end: &'static str,
    document: Spanned<DeTable<'t>>,
    headers: Vec<Header>,
    // Where values end, sorted.
    ends: Vec<usize>,
}

impl<'t> Layout<'t> {
    /// Reads a text.
    pub(super) fn of(text: &'t str) -> Result<Self, EditError> {
        let document = DeTable::parse(text).map_err(|_| EditError::Syntax)?;
        let mut layout = Self {
            text,
            line_end: if text.contains("\r\n") { "\r\n" } else { "\n" },
            document,
            headers: Vec::new(),
            ends: Vec::new(),
        };
        let (mut headers, mut ends) = (Vec::new(), Vec::new());
        for (key, value) in layout.document.get_ref() {
            let path = vec![key.get_ref().to_string()];
            walk(text, value, &path, &mut headers, &mut ends);
        }
        headers.sort_by_key(|header| header.at);
        ends.sort_unstable();
        (layout.headers, layout.ends) = (headers, ends);
        Ok(layout)
    }

    /// Returns every declaration that has tables of its own: its key, and from where to where.
    pub(super) fn blocks(&self) -> BTreeMap<&str, Range<usize>> {
        let mut blocks: BTreeMap<&str, Range<usize>> = BTreeMap::new();
        for index in 0..self.headers.len() {
            if let [top, key, ..] = &*self.headers[index].path
                && top == "secrets"
            {
                let lines = self.lines(index);
                let known = blocks.entry(key).or_insert_with(|| lines.clone());
                known.start = known.start.min(lines.start);
                known.end = known.end.max(lines.end);
            }
        }
        blocks
    }

    /// Returns where the lines of `[secrets]` itself end.
    pub(super) fn end_of_secrets(&self) -> Option<usize> {
        let index = self
            .headers
            .iter()
            .position(|header| header.path == ["secrets"])?;
        Some(self.lines(index).end)
    }

    /// Finds the declaration under a key of the file.
    pub(super) fn find(&self, key: &str) -> Result<Option<Place>, EditError> {
        let secrets = self.document.get_ref().get("secrets");
        let secrets = secrets.and_then(|secrets| secrets.get_ref().as_table());
        let Some((name, value)) = secrets.and_then(|secrets| secrets.get_key_value(key)) else {
            return Ok(None);
        };
        let span = name.span();
        let own = |header: &Header| {
            header.path.len() > 1 && header.path[0] == "secrets" && header.path[1] == key
        };
        let owned: Vec<_> = (0..self.headers.len())
            .filter(|index| own(&self.headers[*index]))
            .collect();
        let within_header = owned.iter().any(|index| {
            let at = self.headers[*index].at;
            (at..self.line_after(at)).contains(&span.start)
        });
        let form = if within_header {
            let blocks = owned.iter().map(|index| self.block(*index));
            Form::Blocks(blocks.collect())
        } else if self.text[value.span()].starts_with('{') {
            Form::Entry(self.entry(span, value.span())?)
        } else {
            return Err(self.odd(span.start));
        };
        let profiles = value
            .get_ref()
            .as_table()
            .and_then(|table| table.get("profiles"));
        let profiles = profiles.and_then(|list| {
            let items = list.get_ref().as_array()?.iter();
            let items =
                items.filter_map(|item| Some((item.get_ref().as_str()?.to_owned(), item.span())));
            Some(List {
                place: list.span(),
                items: items.collect(),
            })
        });
        Ok(Some(Place { form, profiles }))
    }

    fn block(&self, index: usize) -> Block {
        Block {
            lines: self.lines(index),
            key: second_key(self.text, self.headers[index].at),
        }
    }

    fn entry(&self, key: Range<usize>, value: Range<usize>) -> Result<Block, EditError> {
        let start = self.line_start(key.start);
        let end = self.line_after(value.end);
        let before = &self.text[start..key.start];
        let after = self.text[value.end..end].trim_start();
        if !before.trim().is_empty() || !(after.is_empty() || after.starts_with('#')) {
            return Err(self.odd(key.start));
        }
        Ok(Block {
            lines: self.with_comments(start)..end,
            key,
        })
    }

    fn odd(&self, at: usize) -> EditError {
        let line = self.text[..at].matches('\n').count() + 1;
        EditError::Odd { line }
    }

    /// From the first comment directly above a header to the last line that is its own.
    fn lines(&self, index: usize) -> Range<usize> {
        let header = self.headers[index].at;
        let next = self
            .headers
            .get(index + 1)
            .map_or(self.text.len(), |next| next.at);
        let before_next = self.ends.partition_point(|end| *end <= next);
        let last = self.ends[..before_next].last().copied().unwrap_or_default();
        let mut end = self.line_after(last.max(header));
        // Fields that are commented out.
        let limit = if next < self.text.len() {
            self.with_comments(next)
        } else {
            next
        };
        while end < limit
            && self.text[end..]
                .trim_start_matches([' ', '\t'])
                .starts_with('#')
        {
            end = self.line_after(end);
        }
        self.with_comments(header)..end
    }

    /// Goes up over the comments that stand directly above a line.
    fn with_comments(&self, at: usize) -> usize {
        // A text of several lines may hold what looks like a comment.
        let values = self.ends.partition_point(|end| *end <= at);
        let floor = self.ends[..values].last().copied().unwrap_or_default();
        let mut start = self.line_start(at);
        while start > floor {
            let above = self.line_start(start - 1);
            if above < floor || !self.text[above..start].trim_start().starts_with('#') {
                break;
            }
            start = above;
        }
        start
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    fn line_after(&self, at: usize) -> usize {
        self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |end| at + end + 1)
    }
}

fn walk(
    text: &str,
    value: &Spanned<DeValue<'_>>,
    path: &[String],
    headers: &mut Vec<Header>,
    ends: &mut Vec<usize>,
) {
    let span = value.span();
    match value.get_ref() {
        DeValue::Table(table) if !text[span.clone()].starts_with('{') => {
            if text[span.clone()].starts_with('[') {
                ends.push(span.end);
                headers.push(Header {
                    at: span.start,
                    path: path.to_vec(),
                });
            }
            for (key, value) in table {
                let mut path = path.to_vec();
                path.push(key.get_ref().to_string());
                walk(text, value, &path, headers, ends);
            }
        }
        DeValue::Array(items) => {
            ends.push(span.end);
            for item in items.iter() {
                walk(text, item, path, headers, ends);
            }
        }
        _ => ends.push(span.end),
    }
}

/// Finds the second key of the header that starts at `at`, quotes included.
fn second_key(text: &str, at: usize) -> Range<usize> {
    let mut rest = at + 1;
    let mut key = rest..rest;
    for _ in 0..2 {
        rest += text[rest..].len() - text[rest..].trim_start_matches([' ', '\t', '.']).len();
        let length = match text[rest..].chars().next() {
            // No name of ours has a backslash or a quote in it.
            Some(quote @ ('"' | '\'')) => text[rest + 1..].find(quote).map(|end| end + 2),
            _ => text[rest..].find([' ', '\t', '.', ']']),
        };
        key = rest..rest + length.unwrap_or_default();
        rest = key.end;
    }
    key
}
