//! Digests as words that two people can compare by voice. A word carries 16 bits: five letters that
//! alternate between consonants and vowels, chosen so that none sounds like another. Six words are 96
//! bits, more than anybody can search for a second key with the same words.

use sha2::{Digest, Sha256};

use crate::domain::push_field;

/// Four bits each.
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";

/// Two bits each.
const VOWELS: &[u8; 4] = b"aiou";

/// How many words a digest is cut to.
const WORDS: usize = 6;

/// Returns the words of a list of fields. `label` says what they are of, so that the words of one
/// thing are never those of another.
pub fn words<'a>(label: &str, fields: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = Vec::new();
    push_field(&mut text, label.as_bytes());
    for field in fields {
        push_field(&mut text, field);
    }
    let digest = Sha256::digest(&text);
    let pairs = digest.chunks_exact(2).take(WORDS);
    let each = pairs.map(|pair| word(u16::from_be_bytes([pair[0], pair[1]])));
    each.collect::<Vec<_>>().join(" ")
}

/// The highest bits come first: consonant, vowel, consonant, vowel, consonant.
fn word(bits: u16) -> String {
    let letter = |shift: u16, letters: &[u8]| {
        let index = usize::from(bits >> shift) % letters.len();
        char::from(letters[index])
    };
    [
        letter(12, CONSONANTS),
        letter(10, VOWELS),
        letter(6, CONSONANTS),
        letter(4, VOWELS),
        letter(0, CONSONANTS),
    ]
    .iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pair_of_bytes_has_a_word_of_its_own() {
        let all: BTreeSet<String> = (0..=u16::MAX).map(word).collect();
        assert_eq!(all.len(), 1 << 16);
        assert!(all.iter().all(|word| word.len() == 5));
        // Worked out by hand: the bits are those of 127.0 and 0.1 in four, two, four, two and four.
        assert_eq!(word(0x7f00), "lusab");
        assert_eq!(word(0x0001), "babad");
        assert_eq!(word(u16::MAX), "zuzuz");
    }

    /// The first twelve bytes of the digest, as `printf … | sha256sum` prints them.
    #[test]
    fn words_are_the_beginning_of_the_digest() {
        let found = words("ab", [&b"c"[..]]);
        let digest = Sha256::digest(b"\0\0\0\x02ab\0\0\0\x01c");
        let expected: Vec<_> = (0..6)
            .map(|at| word(u16::from(digest[2 * at]) * 256 + u16::from(digest[2 * at + 1])))
            .collect();
        assert_eq!(found, expected.join(" "));
        assert_eq!(found.split(' ').count(), 6);
    }

    #[test]
    fn where_one_field_ends_makes_a_difference() {
        let one = words("x", [&b"ab"[..], b"c"]);
        assert_ne!(one, words("x", [&b"a"[..], b"bc"]));
        assert_ne!(one, words("y", [&b"ab"[..], b"c"]));
        assert_ne!(words("x", [&b"ab"[..]]), words("x", [&b"ab"[..], b""]));
    }
}
