//! Looks for many byte strings at once, in one pass. Each string is known by eight of its bytes: a
//! window of the text whose hash is in a small table may be one of them, and is then compared. The
//! strings are wiped on drop, which an automaton of another crate would not do.

use zeroize::{Zeroize, Zeroizing};

/// The bytes by which a string is known.
pub const WINDOW: usize = 8;

/// How far into a string its eight bytes are chosen from, in bytes.
const REACH: usize = 56;

/// The size of the table, as a power of two of bits: at least, and at most (1 MiB, so that it stays in
/// a processor's cache).
const BITS: (u32, u32) = (16, 23);

/// Strings that are looked for together. `T` is what a string stands for.
pub struct Searcher<T> {
    strings: Vec<(Zeroizing<Vec<u8>>, T)>,
    // Invariant: sorted; the string of `keys[i]`, and where in it, is `places[i]`.
    keys: Zeroizing<Vec<u64>>,
    places: Vec<(usize, usize)>,
    table: Vec<u64>,
    shift: u32,
}

/// A string that was found.
pub struct Hit<'a, T> {
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it stands for.
    pub stands_for: &'a T,
}

impl<T> Searcher<T> {
    /// Makes a searcher. Strings shorter than [`WINDOW`] are not looked for.
    pub fn new(strings: impl IntoIterator<Item = (Zeroizing<Vec<u8>>, T)>) -> Self {
        let strings: Vec<_> = strings
            .into_iter()
            .filter(|(string, _)| string.len() >= WINDOW)
            .collect();
        let wanted = (strings.len() * 128).max(1).ilog2() + 1;
        let shift = 64 - wanted.clamp(BITS.0, BITS.1);
        let mut table = vec![0; 1 << (64 - shift - 6)];
        let mut chosen: Vec<(u64, usize, usize)> = Vec::with_capacity(strings.len());
        let mut crowd = vec![0_u8; 1 << (64 - shift)];
        for (index, (string, _)) in strings.iter().enumerate() {
            let (key, at) = choose(string, |key| crowd[slot(key, shift)]);
            let slot = slot(key, shift);
            crowd[slot] = crowd[slot].saturating_add(1);
            table[slot / 64] |= 1 << (slot % 64);
            chosen.push((key, index, at));
        }
        chosen.sort_unstable();
        let searcher = Self {
            keys: Zeroizing::new(chosen.iter().map(|(key, ..)| *key).collect()),
            places: chosen.iter().map(|(_, index, at)| (*index, *at)).collect(),
            strings,
            table,
            shift,
        };
        chosen.iter_mut().for_each(|(key, ..)| key.zeroize());
        searcher
    }

    /// Says whether the eight bytes of a window may belong to one of the strings.
    #[inline]
    pub fn may_be(&self, window: u64) -> bool {
        let slot = slot(window, self.shift);
        self.table[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// Tells every string of which the window at a place of a text is the one it is known by.
    pub fn at(&self, text: &[u8], place: usize, mut tell: impl FnMut(Hit<'_, T>)) {
        let Some(window) = text[place..].first_chunk() else {
            return;
        };
        let key = u64::from_le_bytes(*window);
        let first = self.keys.partition_point(|known| *known < key);
        let same = self.keys[first..].iter().take_while(|known| **known == key);
        for (index, at) in &self.places[first..first + same.count()] {
            let (string, stands_for) = &self.strings[*index];
            let Some(start) = place.checked_sub(*at) else {
                continue;
            };
            if text[start..].starts_with(string) {
                tell(Hit {
                    start,
                    end: start + string.len(),
                    stands_for,
                });
            }
        }
    }
}

fn slot(key: u64, shift: u32) -> usize {
    // Fibonacci hashing; the upper bits depend on all of the key.
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}

/// Chooses the eight bytes that say the most: many different ones, digits, and few strings that are
/// known by the same. Tokens of one kind share their beginning.
fn choose(string: &[u8], crowd: impl Fn(u64) -> u8) -> (u64, usize) {
    let windows = string.windows(WINDOW).take(REACH).enumerate();
    let best = windows.max_by_key(|(at, window)| {
        let key = key_of(window);
        let mut worth = 0_i32;
        for (index, byte) in window.iter().enumerate() {
            worth += 2 * i32::from(!window[..index].contains(byte));
            worth += i32::from(!byte.is_ascii_lowercase() && !byte.is_ascii_whitespace());
        }
        (worth - 8 * i32::from(crowd(key)), std::cmp::Reverse(*at))
    });
    let (at, window) = best.expect("it is as long as a window");
    (key_of(window), at)
}

fn key_of(window: &[u8]) -> u64 {
    u64::from_le_bytes(window.try_into().expect("a window is eight bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(strings: &[Vec<u8>], text: &[u8]) -> Vec<(usize, usize)> {
        let strings = strings.iter().cloned().map(Zeroizing::new);
        let searcher = Searcher::new(strings.zip(0..));
        let mut found = Vec::new();
        for place in 0..text.len().saturating_sub(WINDOW - 1) {
            let window = u64::from_le_bytes(*text[place..].first_chunk().unwrap());
            if searcher.may_be(window) {
                searcher.at(text, place, |hit| found.push((hit.start, *hit.stands_for)));
            }
        }
        found.sort_unstable();
        found
    }

    proptest! {
        /// The same strings at the same places as a search for one after the other, also where they
        /// overlap and share their beginnings.
        #[test]
        fn nothing_is_missed_and_nothing_made_up(
            mut strings in prop::collection::vec(prop::collection::vec(97_u8..100, 8..14), 1..30),
            pieces in prop::collection::vec((any::<prop::sample::Index>(), 97_u8..100), 0..40),
        ) {
            // Two secrets may have one value.
            strings.extend_from_within(..strings.len() / 2);
            let mut text = Vec::new();
            for (index, byte) in pieces {
                text.extend_from_slice(&strings[index.index(strings.len())]);
                text.push(byte);
            }
            let mut expected = Vec::new();
            for (index, string) in strings.iter().enumerate() {
                let windows = text.windows(string.len()).enumerate();
                let at = windows.filter(|(_, window)| window == string);
                expected.extend(at.map(|(at, _)| (at, index)));
            }
            expected.sort_unstable();
            prop_assert_eq!(found(&strings, &text), expected);
        }
    }

    #[test]
    fn a_string_at_either_end_is_found() {
        let strings = [b"sk_live_12345678".to_vec(), b"sk_live_8765432x".to_vec()];
        assert_eq!(found(&strings, b"sk_live_12345678"), [(0, 0)]);
        assert_eq!(found(&strings, b"-sk_live_8765432x"), [(1, 1)]);
        assert_eq!(found(&strings, b"sk_live_1234567"), []);
        assert_eq!(found(&[b"short".to_vec()], b"short short"), []);
    }
}
