//! The header of an age v1 file (C2SP age.md): stanzas, and a MAC under the file key. Limits come
//! before anything is parsed, so that no header costs more than a read of 64 KiB. Parsing is linear
//! and strict; it says what stands there, never whether it is to be trusted.

use std::ops::Range;

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::sealed::FramingError;

const INTRO: &[u8] = b"age-encryption.org/v1\n";
const COLUMNS: usize = 64;

/// The longest header, in bytes.
pub const MAX_HEADER: usize = 64 * 1024;

/// The most stanzas in a header.
pub const MAX_STANZAS: usize = 256;

/// A parsed header and the payload behind it.
pub struct Header<'a> {
    /// The stanzas, in order.
    pub stanzas: Vec<StanzaText<'a>>,
    /// Everything the MAC covers: from the first byte to `---`.
    pub covered: &'a [u8],
    /// Where the stanzas end and `---` starts.
    pub stanzas_end: usize,
    /// The payload: a nonce and its chunks.
    pub payload: &'a [u8],
    mac: [u8; 32],
}

/// One stanza and where its bytes stand.
pub struct StanzaText<'a> {
    /// The type, its first argument.
    pub tag: &'a str,
    /// The other arguments.
    pub args: Vec<&'a str>,
    /// The decoded body.
    pub body: Vec<u8>,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

impl StanzaText<'_> {
    /// Copies the stanza into age's own type.
    pub fn to_stanza(&self) -> Stanza {
        Stanza {
            tag: self.tag.to_owned(),
            args: self.args.iter().map(|&arg| arg.to_owned()).collect(),
            body: self.body.clone(),
        }
    }
}

impl<'a> Header<'a> {
    /// Parses binary age data.
    pub fn parse(data: &'a [u8]) -> Result<Self, FramingError> {
        let rest = data.strip_prefix(INTRO).ok_or(FramingError::Intro)?;
        let mut lines = Lines {
            data,
            at: data.len() - rest.len(),
        };
        let mut stanzas = Vec::with_capacity(4);
        loop {
            let start = lines.at;
            let line = lines.next()?;
            if let Some(line) = line.strip_prefix(b"-> ") {
                if stanzas.len() == MAX_STANZAS {
                    return Err(FramingError::TooManyStanzas);
                }
                stanzas.push(parse_stanza(line, start, &mut lines)?);
            } else {
                let mac = line.strip_prefix(b"--- ").ok_or(FramingError::Header)?;
                if stanzas.is_empty() {
                    return Err(FramingError::Header);
                }
                return Ok(Self {
                    stanzas,
                    covered: &data[..start + 3],
                    stanzas_end: start,
                    payload: &data[lines.at..],
                    mac: decode(mac)?.try_into().map_err(|_| FramingError::Header)?,
                });
            }
        }
    }

    /// Checks the header's MAC under the file key, in constant time.
    pub fn verify(&self, file_key: &FileKey) -> Result<(), FramingError> {
        mac(file_key, self.covered)
            .verify_slice(&self.mac)
            .map_err(|_| FramingError::Mac)
    }
}

/// Writes the stanzas of a header, byte for byte as a parser would hand them back.
pub fn render_stanzas<'s>(stanzas: impl IntoIterator<Item = &'s Stanza>) -> Vec<u8> {
    let mut out = Vec::new();
    for stanza in stanzas {
        out.extend_from_slice(b"-> ");
        out.extend_from_slice(stanza.tag.as_bytes());
        for arg in &stanza.args {
            out.push(b' ');
            out.extend_from_slice(arg.as_bytes());
        }
        out.push(b'\n');
        let body = BASE64_STANDARD_NO_PAD.encode(&stanza.body);
        for line in body.as_bytes().chunks(COLUMNS) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        if body.len().is_multiple_of(COLUMNS) {
            out.push(b'\n');
        }
    }
    out
}

/// Puts intro, stanzas, MAC and payload together.
pub fn assemble(file_key: &FileKey, stanzas: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(INTRO.len() + stanzas.len() + 48 + payload.len());
    file.extend_from_slice(INTRO);
    file.extend_from_slice(stanzas);
    file.extend_from_slice(b"---");
    let tag = mac(file_key, &file).finalize().into_bytes();
    file.push(b' ');
    file.extend_from_slice(BASE64_STANDARD_NO_PAD.encode(tag).as_bytes());
    file.push(b'\n');
    file.extend_from_slice(payload);
    file
}

fn mac(file_key: &FileKey, covered: &[u8]) -> Hmac<Sha256> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, file_key.expose_secret())
        .expand(b"header", &mut *key)
        .expect("32 bytes is a valid length for HKDF-SHA256");
    Hmac::<Sha256>::new_from_slice(&*key)
        .expect("HMAC takes keys of any length")
        .chain_update(covered)
}

/// Lines of the header, bounded by [`MAX_HEADER`].
struct Lines<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a [u8], FramingError> {
        let bound = self.data.len().min(MAX_HEADER);
        let rest = self.data.get(self.at..bound).unwrap_or_default();
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            let long = self.data.len() > MAX_HEADER;
            return Err(if long {
                FramingError::HeaderTooLong
            } else {
                FramingError::Header
            });
        };
        self.at += end + 1;
        Ok(&rest[..end])
    }
}

fn parse_stanza<'a>(
    line: &'a [u8],
    start: usize,
    lines: &mut Lines<'a>,
) -> Result<StanzaText<'a>, FramingError> {
    let line = std::str::from_utf8(line).map_err(|_| FramingError::Header)?;
    let mut words = line.split(' ');
    let tag = words.next().ok_or(FramingError::Header)?;
    let args: Vec<_> = words.collect();
    let visible =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    if !visible(&tag) || !args.iter().all(visible) {
        return Err(FramingError::Header);
    }
    let mut text = Vec::new();
    loop {
        let line = lines.next()?;
        if line.len() > COLUMNS {
            return Err(FramingError::Header);
        }
        text.extend_from_slice(line);
        if line.len() < COLUMNS {
            break;
        }
    }
    Ok(StanzaText {
        tag,
        args,
        body: decode(&text)?,
        span: start..lines.at,
    })
}

/// Decodes unpadded base64; the crate refuses padding and non-zero trailing bits.
fn decode(text: &[u8]) -> Result<Vec<u8>, FramingError> {
    BASE64_STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| FramingError::Header)
}
