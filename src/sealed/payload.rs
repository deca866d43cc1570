//! The payload of an age v1 file: STREAM, chunks of 64 KiB under ChaCha20-Poly1305 with a counter
//! and a last-chunk flag (C2SP age.md, "Payload"). Plaintext is written into one buffer of its final
//! size, and nothing is handed out before the last chunk has been checked.

use age_core::format::FileKey;
use age_core::secrecy::ExposeSecret;
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Tag};
use hkdf::Hkdf;
use rand_core::{OsRng, RngCore};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::SecretValue;
use crate::sealed::FramingError;

const CHUNK: usize = 64 * 1024;
const NONCE: usize = 16;
const TAG: usize = 16;

/// Seals a value under a file key: a random nonce, then the chunks.
pub fn seal_payload(file_key: &FileKey, value: &SecretValue) -> Vec<u8> {
    let plaintext = value.reveal();
    let mut nonce = [0; NONCE];
    OsRng.fill_bytes(&mut nonce);
    let cipher = cipher(file_key, &nonce);

    let chunks = plaintext.len().div_ceil(CHUNK).max(1);
    let mut out = Vec::with_capacity(NONCE + plaintext.len() + chunks * TAG);
    out.extend_from_slice(&nonce);
    for index in 0..chunks {
        let end = plaintext.len().min((index + 1) * CHUNK);
        let start = out.len();
        out.extend_from_slice(&plaintext[index * CHUNK..end]);
        let tag = cipher
            .encrypt_in_place_detached(
                &stream_nonce(index, index + 1 == chunks).into(),
                b"",
                &mut out[start..],
            )
            .expect("a chunk is far below the cipher's limit");
        out.extend_from_slice(&tag);
    }
    out
}

/// Opens a payload; checks every chunk, their order and their end.
pub fn open_payload(file_key: &FileKey, payload: &[u8]) -> Result<SecretValue, FramingError> {
    let size = value_length(payload)?;
    let (nonce, body) = payload
        .split_first_chunk::<NONCE>()
        .ok_or(FramingError::Payload)?;
    let cipher = cipher(file_key, nonce);

    let chunks = body.len().div_ceil(CHUNK + TAG);
    let mut plaintext = Zeroizing::new(Vec::with_capacity(size));
    for (index, chunk) in body.chunks(CHUNK + TAG).enumerate() {
        let (sealed, tag) = chunk
            .split_last_chunk::<TAG>()
            .ok_or(FramingError::Payload)?;
        if sealed.is_empty() && index > 0 {
            return Err(FramingError::Payload);
        }
        let start = plaintext.len();
        plaintext.extend_from_slice(sealed);
        cipher
            .decrypt_in_place_detached(
                &stream_nonce(index, index + 1 == chunks).into(),
                b"",
                &mut plaintext[start..],
                Tag::from_slice(tag),
            )
            .map_err(|_| FramingError::Payload)?;
    }
    if chunks == 0 {
        return Err(FramingError::Payload);
    }
    Ok(SecretValue::new(std::mem::take(&mut *plaintext)))
}

fn cipher(file_key: &FileKey, nonce: &[u8; NONCE]) -> ChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(nonce), file_key.expose_secret())
        .expand(b"payload", &mut *key)
        .expect("32 bytes is a valid length for HKDF-SHA256");
    ChaCha20Poly1305::new((&*key).into())
}

/// Returns how long the value in a payload is; needs no key.
pub fn value_length(payload: &[u8]) -> Result<usize, FramingError> {
    let body = payload.len().checked_sub(NONCE);
    let body = body.ok_or(FramingError::Payload)?;
    let tags = body.div_ceil(CHUNK + TAG) * TAG;
    body.checked_sub(tags).ok_or(FramingError::Payload)
}

/// Eleven bytes of counter, one of last-chunk flag.
fn stream_nonce(index: usize, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(index as u64).to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}
