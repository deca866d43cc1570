//! The key of a folder: 32 random bytes that only the folder's readers hold, and from which the key
//! of each sealed file is derived. It reaches a reader as a grant, an ordinary age file to his
//! recipients. A grant proves nothing by itself; the id of the key it holds must be the one a signed
//! statement names.

use std::fmt;

use age_core::format::FileKey;
use age_core::secrecy::ExposeSecret;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Tag};
use hkdf::Hkdf;
use hkdf::hmac::digest::Output;
use rand_core::{OsRng, RngCore};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::{
    Addressee, FolderName, Keyring, Plugins, SecretName, SecretValue, VaultId, push_field,
};
use crate::sealed::stanza::{Content, Facts, KeyId};
use crate::sealed::{SealedError, open_plain, seal_plain};

const SALT: &[u8] = b"hoziron/v1 folder key";
const KEY_ID: &[u8] = b"hoziron/v1 key id";
const FILE: &[u8] = b"hoziron/v1 file";
const CONFLICT: &[u8] = b"hoziron/v1 conflict";

/// The length of a folder key, in bytes.
const KEY: usize = 32;

/// The key of one folder of one vault; wiped on drop.
pub struct FolderKey {
    raw: Zeroizing<[u8; KEY]>,
    prk: Zeroizing<Output<Sha256>>,
    id: KeyId,
    folder: FolderName,
}

impl FolderKey {
    /// Makes a new key from the operating system's random source.
    pub fn generate(vault: &VaultId, folder: &FolderName) -> Self {
        let mut raw = Zeroizing::new([0; KEY]);
        OsRng.fill_bytes(&mut *raw);
        Self::derive(raw, vault, folder)
    }

    /// Opens a grant; [`SealedError::NoIdentity`] if it is for none of these identities.
    pub fn from_grant(
        grant: &[u8],
        vault: &VaultId,
        folder: &FolderName,
        keyring: &Keyring,
    ) -> Result<Self, SealedError> {
        let value = open_plain(grant, keyring)?;
        Self::from_value(&value, vault, folder).ok_or(SealedError::BadGrant)
    }

    /// Takes what a grant holds; `None` if it is not 32 bytes.
    pub fn from_value(value: &SecretValue, vault: &VaultId, folder: &FolderName) -> Option<Self> {
        let raw = value.reveal().try_into().ok()?;
        Some(Self::derive(Zeroizing::new(raw), vault, folder))
    }

    fn derive(raw: Zeroizing<[u8; KEY]>, vault: &VaultId, folder: &FolderName) -> Self {
        let mut salt = SALT.to_vec();
        push_field(&mut salt, vault.as_str().as_bytes());
        push_field(&mut salt, folder.as_str().as_bytes());
        let (prk, expander) = Hkdf::<Sha256>::extract(Some(&salt), &*raw);
        let mut id = [0; 15];
        expander
            .expand(KEY_ID, &mut id)
            .expect("15 bytes is a valid length for HKDF-SHA256");
        let id =
            KeyId::parse(&BASE64_URL_SAFE_NO_PAD.encode(id)).expect("15 bytes are 20 characters");
        Self {
            raw,
            prk: Zeroizing::new(prk),
            id,
            folder: folder.clone(),
        }
    }

    /// Seals the key to a reader's recipients.
    pub fn grant<'r>(
        &self,
        to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
        plugins: &Plugins,
    ) -> Result<Vec<u8>, SealedError> {
        seal_plain(&SecretValue::new(self.raw.to_vec()), to, plugins)
    }

    /// Returns the key's public name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the folder the key is for.
    pub fn folder(&self) -> &FolderName {
        &self.folder
    }

    /// Wraps a file key for exactly this name, these facts and these other bytes of the file.
    pub fn wrap(
        &self,
        file_key: &FileKey,
        name: &SecretName,
        facts: &Facts,
        context: &[u8; 32],
    ) -> [u8; 32] {
        let mut body = [0; 32];
        let (sealed, tag) = body.split_at_mut(16);
        sealed.copy_from_slice(file_key.expose_secret());
        tag.copy_from_slice(
            &self
                .cipher(name, facts, context)
                .encrypt_in_place_detached(&[0; 12].into(), b"", sealed)
                .expect("16 bytes are far below the cipher's limit"),
        );
        body
    }

    /// Unwraps a file key; `None` if name, facts, any other byte of the file or the key differ from
    /// what was sealed.
    pub fn unwrap(
        &self,
        body: &[u8; 32],
        name: &SecretName,
        facts: &Facts,
        context: &[u8; 32],
    ) -> Option<FileKey> {
        let (sealed, tag) = body.split_at(16);
        FileKey::try_init_with_mut(|file_key| {
            file_key.copy_from_slice(sealed);
            self.cipher(name, facts, context).decrypt_in_place_detached(
                &[0; 12].into(),
                b"",
                file_key,
                Tag::from_slice(tag),
            )
        })
        .ok()
    }

    /// The key is a function of every other byte of the file, so one nonce is enough.
    fn cipher(&self, name: &SecretName, facts: &Facts, context: &[u8; 32]) -> ChaCha20Poly1305 {
        let mut info = Vec::with_capacity(160);
        info.extend_from_slice(match facts.content {
            Content::Conflict => CONFLICT,
            Content::Value => FILE,
        });
        push_field(&mut info, facts.trail.to_string().as_bytes());
        push_field(&mut info, name.as_str().as_bytes());
        info.extend_from_slice(&facts.revision.to_be_bytes());
        info.extend_from_slice(&facts.value_time.to_be_bytes());
        info.extend_from_slice(context);
        let mut key = Zeroizing::new([0; KEY]);
        Hkdf::<Sha256>::from_prk(&self.prk)
            .expect("a PRK is as long as the digest")
            .expand(&info, &mut *key)
            .expect("32 bytes is a valid length for HKDF-SHA256");
        ChaCha20Poly1305::new((&*key).into())
    }
}

impl fmt::Debug for FolderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FolderKey({})", self.id)
    }
}
