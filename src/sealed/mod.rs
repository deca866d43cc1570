//! Floor 1: one sealed file as bytes. [`seal`] makes an ordinary age v1 file whose first stanza
//! binds name, counters and every other byte to a folder key; [`open`] hands out what somebody
//! holding that key sealed for exactly this name, and nothing else. This floor knows no paths, and
//! it never opens a sealed file by a reader's own key: that would take away what the stanza gives.

mod armor;
mod folder_key;
mod foreign;
mod header;
mod inbox;
mod payload;
mod recipients;
mod stanza;
#[cfg(test)]
mod tests;

use std::ops::Deref;

use age_core::format::{FileKey, Stanza};
use rand_core::{OsRng, RngCore};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use armor::{MAX_FILE, has_markers};
pub use folder_key::FolderKey;
pub use foreign::{check_foreign, open_foreign, seal_foreign};
pub use inbox::{Address, Submission, SubmissionError, open_submission, seal_submission};
pub use stanza::{Content, Facts, KeyId, Trail};

use crate::domain::{
    Addressee, Keyring, MAX_VALUE, Mixed, Plugins, SecretName, SecretValue, WrapError,
};
use armor::{armor, dearmor};
use header::{Header, assemble, render_stanzas};
use payload::{open_payload, seal_payload, value_length};
use recipients::{fits, wrap_for};

/// How bytes fail to be an age file as a vault holds them.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FramingError {
    /// Not one armored age file in the canonical spelling.
    #[error("it is not one age file in armor, from its first byte to its last")]
    Armor,
    /// A malformed header.
    #[error("its header is malformed")]
    Header,
    /// A header over 64 KiB.
    #[error("its header is longer than 64 KiB")]
    HeaderTooLong,
    /// Armored data that is not age v1.
    #[error("it is not an age v1 file")]
    Intro,
    /// Something rewrote the line endings.
    #[error("its line endings were rewritten to CRLF")]
    LineEndings,
    /// A merge wrote its marks into it.
    #[error("it holds the marks of a merge that nobody resolved")]
    Markers,
    /// The header's MAC does not fit.
    #[error("its header was altered")]
    Mac,
    /// A stanza for a passphrase, whose cost an outsider chooses.
    #[error("it has a passphrase stanza")]
    Passphrase,
    /// The payload is cut short, altered or continued.
    #[error("its payload was altered or cut short")]
    Payload,
    /// Our stanza is malformed.
    #[error("its hoziron stanza is malformed")]
    Stanza,
    /// A file over 24 MiB.
    #[error("it is larger than 24 MiB")]
    TooLong,
    /// More than 256 stanzas.
    #[error("it has more than 256 stanzas")]
    TooManyStanzas,
}

/// Why a file is not handed out, or a value not sealed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SealedError {
    /// A grant that does not hold 32 bytes.
    #[error("the grant does not hold a folder key")]
    BadGrant,
    /// Both sides of a merge; a person must choose.
    #[error("it holds an unresolved merge")]
    Conflict,
    /// Not an age file as a vault holds them.
    #[error("it is damaged: {0}")]
    Damaged(#[from] FramingError),
    /// The stanza does not open for this name.
    #[error("it was not sealed for this name by somebody who holds the folder's key")]
    Forged,
    /// Written by a later version.
    #[error("it was sealed by a newer version of hoziron")]
    Newer,
    /// None of the identities is among the recipients.
    #[error("none of the identities opens it")]
    NoIdentity,
    /// An age file without our stanza in front.
    #[error("it was not sealed by hoziron: it has no hoziron stanza")]
    NoStanza,
    /// The recipients disagree about age's labels (post-quantum and classic ones).
    #[error("{0}")]
    MixedRecipients(Mixed),
    /// There is no stanza for a recipient.
    #[error("cannot seal to the key of {whose}: {source}")]
    Recipient {
        /// Whose key, or the key itself.
        whose: String,
        /// Why.
        source: Box<WrapError>,
    },
    /// What its recipients need is longer than a header may be.
    #[error("its recipients need a header of more than 64 KiB")]
    Recipients,
    /// Over 16 MiB.
    #[error("the value is longer than 16 MiB")]
    TooLong,
    /// A key that is not accepted for this folder.
    #[error("it was sealed under key {0}, which is not accepted for its folder")]
    UnknownKey(KeyId),
}

/// A value that was sealed for its name by a holder of the folder's key. Only [`open`] makes one.
#[derive(Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Returns what was verified.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Lends what was verified.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// Seals a value for a name: under the folder key, and to each recipient for plain `age`. Of plugins,
/// those are run that the user has allowed.
pub fn seal<'r>(
    value: &SecretValue,
    name: &SecretName,
    facts: &Facts,
    key: &FolderKey,
    to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
    plugins: &Plugins,
) -> Result<Vec<u8>, SealedError> {
    let (file_key, payload) = seal_value(value)?;
    let others = wrap_for(&file_key, to, &[], plugins)?;
    let body = key.wrap(&file_key, name, facts, &context(&others, &payload));
    let mut stanzas = render_stanzas([&facts.to_stanza(&body)]);
    stanzas.extend_from_slice(&others);
    Ok(armor(&assemble(&file_key, &stanzas, &payload)))
}

/// Which stanzas of its recipients a file keeps.
#[derive(Clone, Copy, Debug)]
pub enum Others<'r> {
    /// All of them, which are for these; the recipients that are named come in addition.
    Kept(&'r [Addressee<'r>]),
    /// None; the recipients that are named are all there are.
    Replaced,
}

/// Seals an opened file to other recipients under the same folder key: file key and payload stay, so
/// it takes one wrap a recipient that is named, and no plugin of the others is run. Only for those who
/// lose nothing: whoever knew the file key still does.
pub fn reseal<'r>(
    file: &[u8],
    name: &SecretName,
    facts: &Facts,
    key: &FolderKey,
    others: Others<'_>,
    to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
    plugins: &Plugins,
) -> Result<Vec<u8>, SealedError> {
    let data = dearmor(file)?;
    let parts = Parts::parse(&data)?;
    let payload = parts.header.payload;
    let file_key = key
        .unwrap(
            &parts.body,
            name,
            &parts.facts,
            &context(parts.others, payload),
        )
        .ok_or(SealedError::Forged)?;
    parts.header.verify(&file_key)?;
    let (mut stanzas, kept) = match others {
        Others::Kept(kept) => (parts.others.to_vec(), kept),
        Others::Replaced => (Vec::new(), &[][..]),
    };
    stanzas.extend(wrap_for(&file_key, to, kept, plugins)?);
    fits(&stanzas)?;
    let body = key.wrap(&file_key, name, facts, &context(&stanzas, payload));
    let mut header = render_stanzas([&facts.to_stanza(&body)]);
    header.extend(stanzas);
    Ok(armor(&assemble(&file_key, &header, payload)))
}

/// Opens a sealed file for a name, with the key `accepted` returns for the file's key id: it must
/// return only keys that are accepted for the name's folder.
pub fn open<K: Deref<Target = FolderKey>>(
    file: &[u8],
    name: &SecretName,
    accepted: impl FnOnce(KeyId) -> Option<K>,
) -> Result<(Verified<SecretValue>, Facts), SealedError> {
    let data = dearmor(file)?;
    let parts = Parts::parse(&data)?;
    match parts.facts.content {
        Content::Conflict => Err(SealedError::Conflict),
        Content::Value => parts.open(name, accepted),
    }
}

/// Opens a sealed file as [`open`] does, or the sides of a merge that stand in its place; the facts
/// say which. Only for what merges: neither is to be taken for the other.
pub fn open_any<K: Deref<Target = FolderKey>>(
    file: &[u8],
    name: &SecretName,
    accepted: impl FnOnce(KeyId) -> Option<K>,
) -> Result<(Verified<SecretValue>, Facts), SealedError> {
    Parts::parse(&dearmor(file)?)?.open(name, accepted)
}

/// Reads what a sealed file says of itself. Nothing of it is verified.
pub fn read_facts(file: &[u8]) -> Result<Facts, SealedError> {
    Ok(Parts::parse(&dearmor(file)?)?.facts)
}

/// Reads what a sealed file says of itself, and counts the recipients' stanzas (age.md: some tools add
/// one that is nobody's, whose type ends in `-grease`). Nothing of it is verified.
pub fn read_claim(file: &[u8]) -> Result<(Facts, usize), SealedError> {
    let data = dearmor(file)?;
    let parts = Parts::parse(&data)?;
    let others = parts.header.stanzas.iter().skip(1);
    let stanzas = others
        .filter(|stanza| !stanza.tag.ends_with("-grease"))
        .count();
    Ok((parts.facts, stanzas))
}

/// What can be seen of a value from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// How long it is.
    pub length: usize,
    // Of the payload: a value that was only resealed may keep it, and another one never has it.
    digest: [u8; 32],
}

/// Reads what can be seen of a sealed file's value from outside. Nothing of it is verified.
pub fn read_outline(file: &[u8]) -> Result<Outline, SealedError> {
    let data = dearmor(file)?;
    let payload = Parts::parse(&data)?.header.payload;
    Ok(Outline {
        length: value_length(payload)?,
        digest: Sha256::digest(payload).into(),
    })
}

/// Seals bytes as an ordinary age file, without our stanza: a grant.
fn seal_plain<'r>(
    value: &SecretValue,
    to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
    plugins: &Plugins,
) -> Result<Vec<u8>, SealedError> {
    let (file_key, payload) = seal_value(value)?;
    let stanzas = wrap_for(&file_key, to, &[], plugins)?;
    Ok(armor(&assemble(&file_key, &stanzas, &payload)))
}

/// Opens an ordinary age file with an identity. Proves nothing about who made it.
fn open_plain(file: &[u8], keyring: &Keyring) -> Result<SecretValue, SealedError> {
    open_binary(&dearmor(file)?, keyring)
}

/// Opens an ordinary age file without armor.
fn open_binary(data: &[u8], keyring: &Keyring) -> Result<SecretValue, SealedError> {
    let header = Header::parse(data)?;
    refuse_passphrase(&header)?;
    let stanzas: Vec<Stanza> = header
        .stanzas
        .iter()
        .map(|stanza| stanza.to_stanza())
        .collect();
    let file_key = keyring.unwrap(&stanzas).ok_or(SealedError::NoIdentity)?;
    header.verify(&file_key)?;
    Ok(open_payload(&file_key, header.payload)?)
}

/// A sealed file taken apart.
struct Parts<'a> {
    header: Header<'a>,
    facts: Facts,
    body: [u8; 32],
    others: &'a [u8],
}

impl<'a> Parts<'a> {
    fn parse(data: &'a [u8]) -> Result<Self, SealedError> {
        let header = Header::parse(data)?;
        refuse_passphrase(&header)?;
        let (first, rest) = header.stanzas.split_first().ok_or(SealedError::NoStanza)?;
        if first.tag != stanza::TAG {
            let newer = first
                .tag
                .strip_prefix("hoziron/v")
                .is_some_and(is_later_version);
            return Err(if newer {
                SealedError::Newer
            } else {
                SealedError::NoStanza
            });
        }
        if rest.iter().any(|other| other.tag == stanza::TAG) {
            return Err(FramingError::Stanza.into());
        }
        let (facts, body) = Facts::parse(first)?;
        let others = &data[first.span.end..header.stanzas_end];
        Ok(Self {
            header,
            facts,
            body,
            others,
        })
    }

    fn open<K: Deref<Target = FolderKey>>(
        self,
        name: &SecretName,
        accepted: impl FnOnce(KeyId) -> Option<K>,
    ) -> Result<(Verified<SecretValue>, Facts), SealedError> {
        let id = self.facts.trail.last();
        let key = accepted(id).ok_or(SealedError::UnknownKey(id))?;
        let context = context(self.others, self.header.payload);
        let file_key = key
            .unwrap(&self.body, name, &self.facts, &context)
            .ok_or(SealedError::Forged)?;
        self.header.verify(&file_key)?;
        let value = open_payload(&file_key, self.header.payload)?;
        Ok((Verified(value), self.facts))
    }
}

fn is_later_version(version: &str) -> bool {
    version.parse::<u32>().is_ok_and(|version| version > 1)
}

fn refuse_passphrase(header: &Header<'_>) -> Result<(), FramingError> {
    let scrypt = header.stanzas.iter().any(|stanza| stanza.tag == "scrypt");
    if scrypt {
        Err(FramingError::Passphrase)
    } else {
        Ok(())
    }
}

/// The digest of all that the stanza does not say itself: `SHA-256(u64be(len H') ‖ H' ‖ P)`.
fn context(others: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update((others.len() as u64).to_be_bytes())
        .chain_update(others)
        .chain_update(payload)
        .finalize()
        .into()
}

fn seal_value(value: &SecretValue) -> Result<(FileKey, Vec<u8>), SealedError> {
    if value.len() > MAX_VALUE {
        return Err(SealedError::TooLong);
    }
    let file_key = FileKey::init_with_mut(|key| OsRng.fill_bytes(key));
    let payload = seal_payload(&file_key, value);
    Ok((file_key, payload))
}
