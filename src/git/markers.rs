//! Both sides of a merge as text with marks: what git or jj wrote into the armor of a sealed file is
//! taken apart into the files it was made of, and two values are put into one text for an editor.
//! What comes of taking apart proves nothing; each side must open by itself.

use zeroize::Zeroizing;

use crate::domain::SecretValue;
use crate::git::conflict::Side;

/// The fewest characters of a mark (git, `conflict-marker-size`).
const SHORTEST: usize = 7;

/// The files that a merge wrote into one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// What both come from, if the marks say so.
    pub base: Vec<u8>,
    /// Ours.
    pub ours: Vec<u8>,
    /// Theirs.
    pub theirs: Vec<u8>,
}

/// Where a line between marks belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Base,
    /// Lines of a difference, as jj writes them, from the base to a side.
    Changes,
    Side,
}

impl Marked {
    /// Takes a text apart; `None` if it has no marks, or not those of a merge of two sides.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut taken = Self::default();
        // The side that lines belong to: 0 until one has begun.
        let mut inside: Option<(Part, u8)> = None;
        let mut hunks = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            // An editor in a browser may have written other line ends.
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            inside = match (mark(line), inside) {
                (Some(b'<'), None) => {
                    hunks += 1;
                    Some((Part::Side, 0))
                }
                (Some(b'>'), Some((_, 2))) => None,
                (Some(b'|'), Some((Part::Side, 0 | 1))) => Some((Part::Base, 1)),
                (Some(b'='), Some((_, 0 | 1))) => Some((Part::Side, 2)),
                (Some(b'%'), Some((_, side @ (0 | 1)))) => Some((Part::Changes, side + 1)),
                (Some(b'+'), Some((_, side @ (0 | 1)))) => Some((Part::Side, side + 1)),
                (Some(b'-'), Some((_, side))) => Some((Part::Base, side)),
                // The rest of a label that jj found too long for one line.
                (Some(b'\\'), Some(part)) => Some(part),
                (Some(_), _) => return None,
                (None, None) => {
                    taken.push(&[0, 1, 2], line);
                    None
                }
                (None, Some((part, side))) => {
                    let side = if part == Part::Side {
                        side.max(1)
                    } else {
                        side
                    };
                    match (part, line.split_first()) {
                        (Part::Side, _) => taken.push(&[side], line),
                        (Part::Base, _) => taken.push(&[0], line),
                        (Part::Changes, Some((b' ', line))) => taken.push(&[0, side], line),
                        (Part::Changes, Some((b'-', line))) => taken.push(&[0], line),
                        (Part::Changes, Some((b'+', line))) => taken.push(&[side], line),
                        (Part::Changes, _) => return None,
                    }
                    Some((part, side))
                }
            };
        }
        (hunks > 0 && inside.is_none()).then_some(taken)
    }

    fn push(&mut self, sides: &[u8], line: &[u8]) {
        for side in sides {
            let file = match side {
                0 => &mut self.base,
                1 => &mut self.ours,
                _ => &mut self.theirs,
            };
            file.extend_from_slice(line);
            file.push(b'\n');
        }
    }
}

/// The character of a mark: at least seven of it, and then a label or nothing.
fn mark(line: &[u8]) -> Option<u8> {
    let first = *line.first()?;
    let rest = &line[run(line, first)..];
    let is_one = b"<>|=%+-\\".contains(&first) && line.len() - rest.len() >= SHORTEST;
    (is_one && (rest.is_empty() || rest[0] == b' ')).then_some(first)
}

fn run(line: &[u8], byte: u8) -> usize {
    line.iter().take_while(|other| **other == byte).count()
}

/// Two or more values in one text, between marks.
pub struct WithMarks {
    /// The text.
    pub text: SecretValue,
    // How long a mark is: longer than what looks like one in a value.
    length: usize,
}

impl WithMarks {
    /// Puts the sides of a merge into a text; `None` if one of them is no text.
    pub fn write(sides: &[Side], label: impl Fn(&Side) -> String) -> Option<Self> {
        let values: Vec<_> = sides.iter().map(|side| side.value.reveal()).collect();
        if values
            .iter()
            .any(|value| std::str::from_utf8(value).is_err())
        {
            return None;
        }
        let lines = values.iter().flat_map(|value| lines(value));
        let longest = lines.map(longest_mark).max().unwrap_or(0);
        let length = SHORTEST.max(longest + 1);
        let labels: Vec<_> = sides.iter().map(label).collect();
        let sizes = values.iter().map(|value| value.len());
        let sizes = sizes.chain(labels.iter().map(String::len));
        // Room for every mark, so that no copy is left behind when it grows.
        let room = sizes.sum::<usize>() + (sides.len() + 1) * (length + 4);
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        let push_mark = |text: &mut Vec<u8>, mark: u8, label: Option<&String>| {
            text.resize(text.len() + length, mark);
            if let Some(label) = label {
                text.push(b' ');
                text.extend_from_slice(label.as_bytes());
            }
            text.push(b'\n');
        };
        push_mark(&mut text, b'<', labels.first());
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                push_mark(&mut text, b'=', None);
            }
            text.extend_from_slice(value);
            if !value.ends_with(b"\n") && !value.is_empty() {
                text.push(b'\n');
            }
        }
        push_mark(&mut text, b'>', labels.last());
        let text = SecretValue::new(std::mem::take(&mut *text));
        Some(Self { text, length })
    }

    /// Says whether one of the marks is still there.
    pub fn is_left_in(&self, text: &SecretValue) -> bool {
        lines(text.reveal()).any(|line| longest_mark(line) >= self.length)
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// How many characters of a mark of ours a line starts with.
fn longest_mark(line: &[u8]) -> usize {
    let marks = b"<=>".iter().map(|mark| run(line, *mark));
    marks.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Option<[String; 3]> {
        let marked = Marked::parse(text.as_bytes())?;
        let texts = [marked.base, marked.ours, marked.theirs];
        Some(texts.map(|text| String::from_utf8(text).unwrap()))
    }

    /// In every style in which git and jj write them.
    #[test]
    fn both_sides_are_taken_out_of_the_marks() {
        let sides = |base: &str| {
            Some([
                format!("a\n{base}z\n"),
                "a\nb\nz\n".into(),
                "a\nc\nd\nz\n".into(),
            ])
        };
        for (text, base) in [
            ("a\n<<<<<<< HEAD\nb\n=======\nc\nd\n>>>>>>> side\nz\n", ""),
            (
                "a\r\n<<<<<<< HEAD\r\nb\r\n=======\r\nc\r\nd\r\n>>>>>>> side\r\nz",
                "",
            ),
            (
                "a\n<<<<<<< HEAD\nb\n||||||| 12ab\nx\n=======\nc\nd\n>>>>>>> side\nz\n",
                "x\n",
            ),
            (
                "a\n<<<<<<<<< HEAD:a\nb\n=========\nc\nd\n>>>>>>>>> side:b\nz\n",
                "",
            ),
            (
                "a\n<<<<<<< Conflict 1 of 1\n%%%%%%% Changes from base to side #1\n-x\n+b\n\
                 +++++++ Contents of side #2\nc\nd\n>>>>>>> Conflict 1 of 1 ends\nz\n",
                "x\n",
            ),
            (
                "a\n<<<<<<< Conflict 1 of 1\n+++++++ Contents of side #1\nb\n\
                 %%%%%%% Changes from base to side #2\n\\\\\\\\\\\\\\        to: two\n c\n+d\n\
                 >>>>>>> Conflict 1 of 1 ends\nz\n",
                "c\n",
            ),
            (
                "a\n<<<<<<< Conflict 1 of 1\n+++++++ Contents of side #1\nb\n------- Contents of base\n\
                 x\n+++++++ Contents of side #2\nc\nd\n>>>>>>> Conflict 1 of 1 ends\nz\n",
                "x\n",
            ),
        ] {
            assert_eq!(taken(text), sides(base), "{text}");
        }
    }

    #[test]
    fn what_is_not_the_marks_of_two_sides_is_not_taken_apart() {
        for text in [
            "",
            "a\nb\n",
            "<<<<<<< HEAD\na\n",
            "<<<<<<< HEAD\na\n=======\nb\n",
            "<<<<<<< HEAD\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n>>>>>>> y\n",
            "a\n>>>>>>> side\n",
            "<<<<<<< 1\n+++++++ 1\na\n+++++++ 2\nb\n+++++++ 3\nc\n>>>>>>> 1\n",
        ] {
            assert_eq!(taken(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_with_marks_is_taken_apart_again_and_says_that_they_are_left() {
        let side = |value: &str| Side {
            label: value.lines().next().unwrap_or("").to_owned(),
            revision: 1,
            value_time: 1,
            value: SecretValue::new(value.as_bytes().to_vec()),
        };
        let sides = [side("one\ntwo\n"), side("three\n")];
        let both = WithMarks::write(&sides, |side| side.label.clone()).unwrap();
        let marked = Marked::parse(both.text.reveal()).unwrap();
        assert_eq!(
            (&*marked.ours, &*marked.theirs),
            (&b"one\ntwo\n"[..], &b"three\n"[..])
        );
        assert!(both.is_left_in(&both.text));
        assert!(!both.is_left_in(&sides[0].value));
        // A value with what looks like marks is no mark.
        let sides = [side("<<<<<<<<<\n"), side("========\n")];
        let both = WithMarks::write(&sides, |side| side.label.clone()).unwrap();
        assert!(!both.is_left_in(&sides[0].value) && both.is_left_in(&both.text));
        let binary = SecretValue::new(vec![0xff]);
        let sides = [
            Side {
                value: binary,
                ..side("")
            },
            side("a"),
        ];
        assert!(WithMarks::write(&sides, |_| String::new()).is_none());
    }
}
