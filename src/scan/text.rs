//! Reads a text of any length once and says what stands in it, line by line: values that are known,
//! and what has the shape of a credential. Memory is bounded, nothing is missed where one piece ends
//! and the next begins, and the buffer is wiped, for it may hold values.

use std::collections::BTreeSet;
use std::io::{self, Read};

use zeroize::Zeroizing;

use crate::domain::{Encoding, token_at, token_starts};
use crate::scan::search::{Searcher, WINDOW};

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// What is kept of a text on either side of the place that is looked at, in bytes: the longest form of
/// a value, and the line around it.
const MARGIN: usize = 4096;

/// The longest string that is looked for, in bytes.
pub const LONGEST: usize = 2048;

/// Words that make a line an exception.
const ALLOW: &[u8] = b"hoziron:allow";

/// What a string that is looked for stands for: the value with this number, in an encoding.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Counted from 0, in the order of the names.
    pub value: usize,
    /// How it is written.
    pub encoding: Encoding,
}

/// What was found on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// What has the shape of this.
    Shape(&'static str),
    /// The value with this number.
    Value(usize, Encoding),
}

/// A thing on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnLine {
    /// Counted from 1.
    pub line: usize,
    /// What.
    pub found: Found,
}

/// What was found in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// In the order of the lines; one value once a line.
    pub found: BTreeSet<OnLine>,
    /// On how many lines something was found that a comment allows.
    pub allowed: usize,
    /// The length of the text in bytes.
    pub length: u64,
}

/// Reads texts, one after the other.
pub struct Looker<'a> {
    searcher: &'a Searcher<Known>,
    // A bit for every hash of three bytes that a credential may start with.
    starts: Vec<u64>,
    buffer: Zeroizing<Vec<u8>>,
}

impl<'a> Looker<'a> {
    /// Makes one.
    pub fn new(searcher: &'a Searcher<Known>) -> Self {
        Self::reading(searcher, PIECE)
    }

    fn reading(searcher: &'a Searcher<Known>, piece: usize) -> Self {
        let mut starts = vec![0; 1024];
        for [a, b, c] in token_starts() {
            let slot = start_slot(u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]));
            starts[slot / 64] |= 1 << (slot % 64);
        }
        Self {
            searcher,
            starts,
            buffer: Zeroizing::new(vec![0; piece + 2 * MARGIN]),
        }
    }

    /// Reads a text to its end.
    pub fn look(&mut self, text: &mut dyn Read) -> io::Result<Findings> {
        let mut findings = Findings::default();
        let mut buffer = std::mem::take(&mut *self.buffer);
        let looked = self.look_through(text, &mut buffer, &mut findings);
        *self.buffer = buffer;
        looked?;
        Ok(findings)
    }

    fn look_through(
        &self,
        text: &mut dyn Read,
        buffer: &mut [u8],
        findings: &mut Findings,
    ) -> io::Result<()> {
        let (mut filled, mut from, mut line) = (0, 0, 1);
        loop {
            let read = fill(text, &mut buffer[filled..])?;
            findings.length += read as u64;
            filled += read;
            let at_end = filled < buffer.len();
            let to = if at_end { filled } else { filled - MARGIN };
            self.look_at(&buffer[..filled], from, to, line, findings);
            if at_end {
                return Ok(());
            }
            let kept = to - MARGIN;
            line += line_ends(&buffer[..kept]);
            buffer.copy_within(kept..filled, 0);
            filled -= kept;
            from = MARGIN;
        }
    }

    /// Looks at all that starts within a part of a piece. `line` is the number of its first line.
    fn look_at(&self, piece: &[u8], from: usize, to: usize, line: usize, findings: &mut Findings) {
        let mut lines = Lines {
            piece,
            at: 0,
            line,
            allowed: None,
        };
        let end = piece.len().min(to + WINDOW - 1);
        for (index, window) in piece[from.min(end)..end].windows(WINDOW).enumerate() {
            let window = u64::from_le_bytes(window.try_into().expect("a window is eight bytes"));
            let place = from + index;
            if self.searcher.may_be(window) {
                self.searcher.at(piece, place, |hit| {
                    let known = hit.stands_for;
                    let found = Found::Value(known.value, known.encoding);
                    lines.note(hit.start, hit.end, found, findings);
                });
            }
            let slot = start_slot(window);
            if self.starts[slot / 64] >> (slot % 64) & 1 == 1
                && let Some(kind) = token_at(piece, place)
            {
                lines.note(place, place, Found::Shape(kind), findings);
            }
        }
    }
}

fn start_slot(window: u64) -> usize {
    ((window & 0xff_ffff).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

/// Counts lines as far as there is something to say about them.
struct Lines<'a> {
    piece: &'a [u8],
    at: usize,
    line: usize,
    allowed: Option<usize>,
}

impl Lines<'_> {
    fn note(&mut self, start: usize, end: usize, found: Found, findings: &mut Findings) {
        // A string is told at the bytes it is known by, so the next one may start before the last.
        if start >= self.at {
            self.line += line_ends(&self.piece[self.at..start]);
        } else {
            self.line -= line_ends(&self.piece[start..self.at]);
        }
        self.at = start;
        let line = self.line;
        if self.allows(start, end) {
            if self.allowed != Some(line) {
                findings.allowed += 1;
            }
            self.allowed = Some(line);
            return;
        }
        let same = |other: Found| match (found, other) {
            (Found::Value(one, _), Found::Value(other, _)) => one == other,
            (one, other) => one == other,
        };
        let first = OnLine {
            line,
            found: Found::Shape(""),
        };
        let known = findings.found.range(first..);
        let mut known = known.take_while(|on| on.line == line);
        if !known.any(|on| same(on.found)) {
            findings.found.insert(OnLine { line, found });
        }
    }

    /// Says whether the lines that something stands on hold the words that allow it.
    fn allows(&self, start: usize, end: usize) -> bool {
        let before = &self.piece[start.saturating_sub(MARGIN)..start];
        let head = before.iter().rposition(|byte| *byte == b'\n');
        let first = start - (before.len() - head.map_or(0, |at| at + 1));
        let after = &self.piece[end..self.piece.len().min(end + MARGIN)];
        let last = end
            + after
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(after.len());
        self.piece[first..last]
            .windows(ALLOW.len())
            .any(|words| words == ALLOW)
    }
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Fills a buffer; less only at the end of the text.
fn fill(text: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match text.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{SecretValue, forms};

    const VALUE: &str = "pa$$ \"w0rd\"/<&>'k7\\Qz";

    /// Its first line is too short to be looked for by itself.
    const LINES: &str = "k7&Q\nlong-line-77Qz\nx";

    fn searcher(values: &[&str]) -> Searcher<Known> {
        let strings = values.iter().enumerate().flat_map(|(value, text)| {
            let secret = SecretValue::new(text.as_bytes().to_vec());
            let known = |form: crate::domain::Form| {
                let encoding = form.encoding;
                (
                    Zeroizing::new(form.bytes().to_vec()),
                    Known { value, encoding },
                )
            };
            forms(&secret, 512)
                .into_iter()
                .map(known)
                .collect::<Vec<_>>()
        });
        Searcher::new(strings)
    }

    fn lines(text: &[u8], values: &[&str], piece: usize) -> Vec<(usize, Found)> {
        let searcher = searcher(values);
        let findings = Looker::reading(&searcher, piece).look(&mut &text[..]);
        let findings = findings.unwrap();
        assert_eq!(findings.length, text.len() as u64);
        findings
            .found
            .iter()
            .map(|on| (on.line, on.found))
            .collect()
    }

    /// Every form of a value, at every place around the end of a piece, each on the right line.
    #[test]
    fn a_leak_is_found_wherever_a_piece_ends() {
        let piece = 64;
        let size = piece + 2 * MARGIN;
        let searcher = searcher(&[VALUE, LINES]);
        let mut looker = Looker::reading(&searcher, piece);
        let mut encodings: BTreeMap<Encoding, usize> = BTreeMap::new();
        let secret = |text: &str| SecretValue::new(text.as_bytes().to_vec());
        let all = [VALUE, LINES].map(|text| forms(&secret(text), 512));
        for form in all.iter().flatten() {
            let form_bytes = form.bytes();
            for end in [size - MARGIN, size, size + piece] {
                for start in end - form_bytes.len() - 1..=end + 1 {
                    // What stands around is no part of any encoding.
                    let mut text = vec![b'\n'; start - 1];
                    text.push(b'~');
                    text.extend_from_slice(form_bytes);
                    text.extend_from_slice(&vec![b'~'; 2 * size]);
                    let findings = looker.look(&mut &text[..]).unwrap();
                    let on: Vec<_> = findings.found.iter().map(|on| on.line).collect();
                    assert_eq!(on[0], start, "{:?} at {start}", form.encoding);
                    assert!(on.len() <= 1 + line_ends(form_bytes));
                    *encodings.entry(form.encoding).or_default() += 1;
                }
            }
        }
        let count: usize = encodings.values().sum();
        assert!(encodings.len() == 12 && count > 5000, "{encodings:?}");
    }

    #[test]
    fn a_value_is_told_once_a_line_and_values_are_told_apart() {
        let text = format!("one {VALUE} {VALUE}\n\nand-others-7 {VALUE}\nand-others-7");
        let found = lines(text.as_bytes(), &[VALUE, "and-others-7"], PIECE);
        let found: Vec<_> = found
            .iter()
            .map(|(line, found)| match found {
                Found::Value(value, _) => (*line, *value),
                Found::Shape(_) => unreachable!(),
            })
            .collect();
        assert_eq!(found, [(1, 0), (3, 0), (3, 1), (4, 1)]);
    }

    #[test]
    fn a_comment_on_the_line_allows_it_and_nothing_else() {
        let text = format!("{VALUE} # hoziron:allow\n{VALUE}\n// hoziron:allow {VALUE}\n");
        let searcher = searcher(&[VALUE]);
        let findings = Looker::new(&searcher).look(&mut text.as_bytes()).unwrap();
        let on: Vec<_> = findings.found.iter().map(|on| on.line).collect();
        assert_eq!((on, findings.allowed), (vec![2], 2));
    }

    #[test]
    fn shapes_are_found_beside_values() {
        let text = "x\n  token: ghp_16C7e42F292c6912E7710c838347Ae178B4a\n"; // hoziron:allow
        let found = lines(text.as_bytes(), &[], 100);
        assert_eq!(found, [(2, Found::Shape("a GitHub token"))]);
    }
}
