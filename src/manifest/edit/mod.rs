//! Changes of a manifest's text: a declaration more, less, or under another name. Every byte that is
//! not part of the declaration stays: comments, order, blank lines, line ends. What was changed must
//! be parsed again by the caller; whether it makes sense is not decided here.

mod layout;

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use thiserror::Error;

use crate::domain::{FolderName, SecretName};
use crate::manifest::edit::layout::{Block, Form, Layout, List, Place};

/// Why a manifest cannot be changed. Holds no part of it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EditError {
    /// Nothing declares it.
    #[error("it is not declared")]
    Missing,
    /// Written in a way that cannot be changed without touching something else.
    #[error(
        "line {line}: it is not written as a table like `[secrets.KEY]`, nor on lines of its own"
    )]
    Odd {
        /// Counted from 1.
        line: usize,
    },
    /// Not TOML.
    #[error("it is not TOML")]
    Syntax,
    /// The new name is declared already.
    #[error("the new name is declared already")]
    Taken,
}

/// Replacements of parts of a text, by where each part begins.
#[derive(Default)]
struct Changes(BTreeMap<usize, (usize, String)>);

impl Changes {
    fn put(&mut self, part: Range<usize>, text: impl Into<String>) {
        self.0.insert(part.start, (part.end, text.into()));
    }

    fn carry_out(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (start, (end, new)) in self.0 {
            out.push_str(&text[at..start]);
            out.push_str(&new);
            at = end;
        }
        out.push_str(&text[at..]);
        out
    }
}

/// Declares secrets, each in its sorted place among the tables of the others. Those that are declared
/// stay as they are.
pub fn declare<'n>(
    text: &str,
    names: impl IntoIterator<Item = &'n SecretName>,
) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    let mut tables = BTreeMap::new();
    let mut changes = Changes::default();
    for name in names {
        if locate(&layout, name)?.is_some() {
            continue;
        }
        let named = layout.find(name.as_str())?;
        match named.and_then(|place| place.profiles) {
            // A second table under this key is not TOML.
            Some(List { place: list, items }) => {
                let last = items.last().map_or(list.start + 1, |(_, item)| item.end);
                let comma = if items.is_empty() { "" } else { ", " };
                changes.put(last..last, format!("{comma}\"{}\"", name.folder()));
            }
            None => {
                let key = written(name.as_str());
                let table = format!("[secrets.{key}]{}", layout.line_end);
                tables.insert(name.as_str().to_owned(), table);
            }
        }
    }
    Ok(insert(&layout, &tables, changes))
}

/// Takes back a declaration. One that is for several profiles stays for the others.
pub fn undeclare(text: &str, name: &SecretName) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    let place = locate(&layout, name)?.ok_or(EditError::Missing)?;
    let mut changes = Changes::default();
    match &place.profiles {
        Some(List { items, .. }) if items.len() > 1 => {
            drop_profile(text, items, name, &mut changes)
        }
        _ => {
            for block in place.blocks() {
                changes.put(with_blank_lines(text, &block.lines), "");
            }
        }
    }
    Ok(changes.carry_out(text))
}

/// Gives a declaration another name. One that is for several profiles keeps the name for the others.
pub fn rename(text: &str, from: &SecretName, to: &SecretName) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    let place = locate(&layout, from)?.ok_or(EditError::Missing)?;
    if locate(&layout, to)?.is_some() {
        return Err(EditError::Taken);
    }
    let mut changes = Changes::default();
    let Some(List { place: list, items }) = &place.profiles else {
        put_key(&place, to.as_str(), &mut changes);
        return checked(&layout, to.as_str(), changes);
    };
    let folder = format!("\"{}\"", to.folder());
    if from.key() == to.key() {
        let item = item_of(items, from).ok_or(EditError::Missing)?;
        changes.put(items[item].1.clone(), folder);
        return Ok(changes.carry_out(text));
    }
    if items.len() == 1 {
        put_key(&place, to.key(), &mut changes);
        changes.put(list.clone(), format!("[{folder}]"));
        return checked(&layout, to.key(), changes);
    }
    let mut tables = BTreeMap::new();
    let mut copy = String::new();
    for block in place.blocks() {
        let mut own = Changes::default();
        let shift =
            |part: &Range<usize>| part.start - block.lines.start..part.end - block.lines.start;
        own.put(shift(&block.key), written(to.key()));
        if block.lines.contains(&list.start) {
            own.put(shift(list), format!("[{folder}]"));
        }
        copy.push_str(&own.carry_out(&text[block.lines.clone()]));
    }
    if !copy.ends_with('\n') {
        copy.push_str(layout.line_end);
    }
    if layout.find(to.key())?.is_some() {
        return Err(EditError::Taken);
    }
    drop_profile(text, items, from, &mut changes);
    match &place.form {
        Form::Blocks(_) => {
            tables.insert(to.key().to_owned(), copy);
        }
        Form::Entry(block) => changes.put(block.lines.end..block.lines.end, copy),
    }
    Ok(insert(&layout, &tables, changes))
}

impl Place {
    fn blocks(&self) -> &[Block] {
        match &self.form {
            Form::Blocks(blocks) => blocks,
            Form::Entry(block) => std::slice::from_ref(block),
        }
    }
}

/// Finds the declaration of a secret: under its whole name, or under its key and a profile.
fn locate(layout: &Layout<'_>, name: &SecretName) -> Result<Option<Place>, EditError> {
    let named = layout.find(name.as_str())?;
    if let Some(place) = named
        && (place.profiles.is_none() || covers(&place, name))
    {
        return Ok(Some(place));
    }
    let place = layout.find(name.key())?;
    Ok(place.filter(|place| place.profiles.is_some() && covers(place, name)))
}

fn covers(place: &Place, name: &SecretName) -> bool {
    let list = place.profiles.as_ref();
    list.is_some_and(|list| item_of(&list.items, name).is_some())
}

fn item_of(items: &[(String, Range<usize>)], name: &SecretName) -> Option<usize> {
    let folder: FolderName = name.folder();
    items.iter().position(|(item, _)| item == folder.as_str())
}

fn drop_profile(
    text: &str,
    items: &[(String, Range<usize>)],
    name: &SecretName,
    changes: &mut Changes,
) {
    let index = item_of(items, name).expect("the place was found by it");
    let part = items[index].1.clone();
    let end = after_comma(text, part.end).unwrap_or(part.end);
    let line = text[..part.start].rfind('\n').map_or(0, |at| at + 1);
    let rest = text[end..].split_inclusive('\n').next().unwrap_or_default();
    let after = rest.trim_start();
    let alone = text[line..part.start].trim().is_empty()
        && rest.ends_with('\n')
        && (after.is_empty() || after.starts_with('#'));
    if alone {
        changes.put(line..end + rest.len(), "");
    } else if let Some((_, next)) = items.get(index + 1) {
        changes.put(part.start..next.start, "");
    } else if text[items[index - 1].1.end..part.start].contains('#') {
        // The comma of the one before stays with its comment, and one is enough.
        changes.put(part.start..end, "");
    } else {
        changes.put(items[index - 1].1.end..part.end, "");
    }
}

/// Looks for the comma behind an item of a list, over comments and line ends.
fn after_comma(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = text[at..].trim_start();
        at = text.len() - rest.len();
        if rest.starts_with(',') {
            return Some(at + 1);
        }
        if !rest.starts_with('#') {
            return None;
        }
        at += rest.find('\n')?;
    }
}

fn put_key(place: &Place, key: &str, changes: &mut Changes) {
    for block in place.blocks() {
        changes.put(block.key.clone(), written(key));
    }
}

/// A key that is there already would be there twice.
fn checked(layout: &Layout<'_>, key: &str, changes: Changes) -> Result<String, EditError> {
    match layout.find(key)? {
        Some(_) => Err(EditError::Taken),
        None => Ok(changes.carry_out(layout.text)),
    }
}

/// Writes a key of TOML.
fn written(key: &str) -> String {
    if key.contains('/') {
        format!("\"{key}\"")
    } else {
        key.to_owned()
    }
}

/// Puts tables where they belong: behind the greatest of those that are less, else before all.
fn insert(layout: &Layout<'_>, tables: &BTreeMap<String, String>, mut changes: Changes) -> String {
    let text = layout.text;
    let line_end = layout.line_end;
    let blocks = layout.blocks();
    let first = blocks.values().map(|lines| lines.start).min();
    let mut pieces: BTreeMap<usize, String> = BTreeMap::new();
    for (key, table) in tables {
        let less = blocks
            .range::<str, _>((Bound::Unbounded, Bound::Excluded(&**key)))
            .next_back();
        let behind = less.map(|(_, lines)| lines.end);
        let behind = behind.or_else(|| match first {
            Some(_) => None,
            None => Some(layout.end_of_secrets().unwrap_or(text.len())),
        });
        match (behind, first) {
            (Some(at), _) => {
                let piece = pieces.entry(at).or_default();
                if piece.is_empty() && !text[..at].ends_with('\n') && at > 0 {
                    piece.push_str(line_end);
                }
                let rest = &text[at..];
                let apart = at > 0 && (rest.is_empty() || rest.starts_with(['\n', '\r']));
                let blank = text[..at].ends_with("\n\n") || text[..at].ends_with("\n\r\n");
                if apart && !blank {
                    piece.push_str(line_end);
                }
                piece.push_str(table);
            }
            (None, at) => {
                let at = at.expect("with no table at all, there is a place behind");
                let piece = pieces.entry(at).or_default();
                piece.push_str(table);
                let before = text[..at].trim_end_matches([' ', '\t', '\r', '\n']);
                if before.is_empty() || text[before.len()..at].matches('\n').count() > 1 {
                    piece.push_str(line_end);
                }
            }
        }
    }
    for (at, piece) in pieces {
        // What is dropped elsewhere never begins at the end of a table.
        changes.put(at..at, piece);
    }
    changes.carry_out(text)
}

/// The blank lines behind what is removed go with it; at the end of the file, those before.
fn with_blank_lines(text: &str, lines: &Range<usize>) -> Range<usize> {
    let blank = |line: &&str| line.trim().is_empty();
    let behind = text[lines.end..].split_inclusive('\n').take_while(blank);
    let end = lines.end + behind.map(str::len).sum::<usize>();
    if end < text.len() {
        return lines.start..end;
    }
    let before = text[..lines.start]
        .trim_end_matches([' ', '\t', '\r', '\n'])
        .len();
    let kept = text[before..lines.start].find('\n').map_or(0, |at| at + 1);
    before + kept..end
}

#[cfg(test)]
mod tests;
