//! Random bytes and what is written with them: characters of a set, hexadecimal, base64, UUIDs. Every
//! character of a set is equally likely (rejection, no modulo). Where the bytes come from is the
//! caller's to say, so that what a generator makes can be tried out on bytes that are not random.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rand_core::{OsRng, RngCore};
use zeroize::Zeroizing;

/// Fills a buffer with random bytes.
pub(super) type Fill<'f> = &'f mut dyn FnMut(&mut [u8]);

/// Fills a buffer from the operating system.
pub(super) fn from_system(buffer: &mut [u8]) {
    OsRng.fill_bytes(buffer);
}

/// Fills buffers with bytes that look random and are the same every time: for trying out a generator,
/// never for a value.
pub(super) fn for_trial(seed: u64) -> impl FnMut(&mut [u8]) {
    // SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
    let mut state = seed;
    move |buffer| {
        for byte in buffer {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = mixed.to_be_bytes()[0];
        }
    }
}

fn bytes(count: usize, fill: Fill<'_>) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    fill(&mut bytes);
    bytes
}

/// Appends `length` characters of a set of at most 256.
pub(super) fn characters(out: &mut Vec<u8>, set: &[u8], length: usize, fill: Fill<'_>) {
    let fair = 256 / set.len() * set.len();
    let end = out.len() + length;
    while out.len() < end {
        let fresh = bytes(length, fill);
        let picks = fresh.iter().map(|byte| usize::from(*byte));
        let picks = picks.filter(|pick| *pick < fair).take(end - out.len());
        out.extend(picks.map(|pick| set[pick % set.len()]));
    }
}

/// Returns random bytes in lower-case hexadecimal.
pub(super) fn hex(count: usize, fill: Fill<'_>) -> Vec<u8> {
    digits(&bytes(count, fill))
}

/// Returns random bytes in standard base64 with padding.
pub(super) fn base64(count: usize, fill: Fill<'_>) -> Vec<u8> {
    BASE64_STANDARD.encode(bytes(count, fill)).into_bytes()
}

/// Returns random bytes in the URL-safe alphabet, without padding.
pub(super) fn base64url(count: usize, fill: Fill<'_>) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD
        .encode(bytes(count, fill))
        .into_bytes()
}

/// Returns 32 random bytes.
pub(super) fn seed(fill: Fill<'_>) -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    fill(&mut *seed);
    seed
}

/// Returns a random UUID (RFC 9562, version 4).
pub(super) fn uuid4(fill: Fill<'_>) -> Vec<u8> {
    uuid(bytes(16, fill), 4)
}

/// Returns a UUID that begins with the time (RFC 9562, version 7). The time is not secret; the 74
/// bits behind it are.
pub(super) fn uuid7(fill: Fill<'_>) -> Vec<u8> {
    let mut bytes = bytes(16, fill);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = now.map_or(0, |now| now.as_millis()).to_be_bytes();
    bytes[..6].copy_from_slice(&millis[10..]);
    uuid(bytes, 7)
}

fn uuid(mut bytes: Zeroizing<Vec<u8>>, version: u8) -> Vec<u8> {
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = Zeroizing::new(digits(&bytes));
    let mut out = Vec::with_capacity(36);
    for (index, digit) in digits.iter().enumerate() {
        if [8, 12, 16, 20].contains(&index) {
            out.push(b'-');
        }
        out.push(*digit);
    }
    out
}

fn digits(bytes: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    out.extend(nibbles.map(digit));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A biased pick (modulo) would show the first characters of 62 a quarter more often.
    #[test]
    fn every_character_is_equally_likely() {
        for size in [10_usize, 62, 94] {
            let set: Vec<u8> = (b'!'..).take(size).collect();
            let mut made = Vec::new();
            characters(&mut made, &set, size * 1000, &mut from_system);
            let mut counts = [0_u32; 256];
            made.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
            let seen = set.iter().map(|byte| counts[usize::from(*byte)]);
            let (least, most) = (seen.clone().min().unwrap(), seen.max().unwrap());
            assert!(least > 800 && most < 1200, "{size}: {least} to {most}");
        }
    }

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        for (version, made) in [
            ("4", uuid4(&mut from_system)),
            ("7", uuid7(&mut from_system)),
        ] {
            let uuid = String::from_utf8(made).unwrap();
            let dashes: Vec<_> = uuid.match_indices('-').map(|(at, _)| at).collect();
            assert_eq!((uuid.len(), dashes), (36, vec![8, 13, 18, 23]));
            assert_eq!(&uuid[14..15], version);
            assert!("89ab".contains(&uuid[19..20]));
        }
    }

    /// The first 48 bits of version 7 are the milliseconds since 1970.
    #[test]
    fn version_7_begins_with_the_time() {
        let uuid = String::from_utf8(uuid7(&mut from_system)).unwrap();
        let head = uuid[..13].replace('-', "");
        let then = u128::from_str_radix(&head, 16).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(now.as_millis() - then < 60_000);
    }
}
