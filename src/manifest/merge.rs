//! The three-way merge of manifests, table by table: two branches may each declare secrets side by side,
//! where lines of text would conflict. What both changed, and what does not read as a manifest, is not
//! merged here.

use std::collections::BTreeMap;

use crate::manifest::Manifest;

/// A table as it is written: its header, with the comments directly above it.
struct Piece<'t> {
    // The header's line, or all of it where a header may stand more than once; empty at the top.
    key: &'t str,
    text: &'t str,
}

/// Merges; `None` if both sides changed the same table, or the result would be no manifest.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let is_plain = |text: &&str| !text.contains("\"\"\"") && !text.contains("'''");
    if ![base, ours, theirs].iter().all(is_plain) {
        return None;
    }
    let (base, ours, theirs) = (pieces(base), pieces(ours), pieces(theirs));
    let (of_base, of_ours, of_theirs) = (by_key(&base)?, by_key(&ours)?, by_key(&theirs)?);
    let mut merged: Vec<(&str, &str)> = Vec::new();
    for piece in &ours {
        let key = piece.key;
        let sides = (of_base.get(key), Some(&piece.text), of_theirs.get(key));
        merged.extend(decide(sides)?.map(|text| (key, text)));
    }
    for (index, piece) in theirs.iter().enumerate() {
        let key = piece.key;
        if of_ours.contains_key(key) {
            continue;
        }
        let Some(text) = decide((of_base.get(key), None, Some(&piece.text)))? else {
            continue;
        };
        // Behind the table that it follows on their side, if that one is here.
        let before = theirs[..index].iter().rev();
        let place = before.filter_map(|before| {
            let mut known = merged.iter();
            known.position(|(key, _)| *key == before.key)
        });
        let place = place.take(1).next().map_or(merged.len(), |place| place + 1);
        merged.insert(place, (key, text));
    }
    let texts: Vec<_> = merged.iter().map(|(_, text)| *text).collect();
    let text = format!("{}\n", texts.join("\n\n"));
    Manifest::parse(text.as_bytes()).is_ok().then_some(text)
}

/// What becomes of a table; nothing inside if it goes, nothing at all if both sides changed it.
fn decide<'t>(
    (base, ours, theirs): (Option<&&'t str>, Option<&&'t str>, Option<&&'t str>),
) -> Option<Option<&'t str>> {
    match () {
        () if ours == theirs || theirs == base => Some(ours.copied()),
        () if ours == base => Some(theirs.copied()),
        () => None,
    }
}

fn by_key<'t>(pieces: &[Piece<'t>]) -> Option<BTreeMap<&'t str, &'t str>> {
    let all: BTreeMap<_, _> = pieces.iter().map(|piece| (piece.key, piece.text)).collect();
    (all.len() == pieces.len()).then_some(all)
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut starts = vec![(0, 0)];
    // Where the comments directly above the next line begin.
    let mut above = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_header(line.trim_end()) {
            starts.push((above.unwrap_or(at), at));
            above = None;
        } else if line.starts_with('#') {
            above.get_or_insert(at);
        } else {
            above = None;
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start);
    let ends: Vec<_> = ends.chain([text.len()]).collect();
    let piece = |(index, (&(start, header), end)): (usize, (&(usize, usize), usize))| {
        let whole = text[start..end].trim_matches(['\n', '\r']);
        let line = text[header..].lines().next().unwrap_or_default().trim_end();
        let key = match () {
            () if index == 0 => "",
            () if line.starts_with("[[") => whole,
            () => line,
        };
        Piece { key, text: whole }
    };
    let pieces = starts.iter().zip(ends).enumerate().map(piece);
    let is_something = |piece: &Piece<'_>| !piece.text.is_empty();
    pieces.filter(is_something).collect()
}

/// Says whether a line is the header of a table. Elements of a list stand further in, or end with a
/// comma.
fn is_header(line: &str) -> bool {
    line.starts_with('[') && line.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: &str = "[vault]\nformat = 1\nid = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n";

    fn with(tables: &[&str]) -> String {
        tables.iter().fold(TOP.to_owned(), |text, table| {
            let (name, what) = table.split_once('=').unwrap_or((table, "x"));
            format!("{text}\n# About {name}.\n[secrets.{name}]\ndescription = \"{what}\"\n")
        })
    }

    fn merged(base: &[&str], ours: &[&str], theirs: &[&str]) -> Option<String> {
        merge(&with(base), &with(ours), &with(theirs))
    }

    #[test]
    fn tables_in_the_same_place_are_both_kept() {
        assert!(Manifest::parse(with(&["A"]).as_bytes()).is_ok());
        assert_eq!(
            merged(&["A"], &["A", "B"], &["A", "C"]),
            Some(with(&["A", "C", "B"]))
        );
        assert_eq!(
            merged(&["A", "B"], &["A", "B=y"], &["B"]),
            Some(with(&["B=y"]))
        );
        assert_eq!(
            merged(&["A"], &["A", "B"], &["A", "B"]),
            Some(with(&["A", "B"]))
        );
    }

    #[test]
    fn what_both_changed_is_not_merged() {
        assert_eq!(merged(&["A"], &["A=y"], &["A=z"]), None);
        assert_eq!(merged(&["A"], &["A=y"], &[]), None);
        assert_eq!(merged(&[], &["A=y"], &["A=z"]), None);
        assert_eq!(
            merge(&with(&["A"]), &with(&["A", "B"]), "nothing of the kind"),
            None
        );
    }
}
