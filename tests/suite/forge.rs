//! A second writer of age files, sealed values and statements, for tests that forge them. It shares
//! no code with the binary, and makes files the binary accepts as well: a forgery that is refused
//! shows something only if the same writer's honest file is opened.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519::{Identity, Recipient};
use age::{Decryptor, Encryptor, Identity as _, Recipient as _};
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::house::House;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n";
const END: &str = "-----END AGE ENCRYPTED FILE-----\n";

/// An age file taken apart. What is changed here is not authenticated until [`AgeFile::finish`].
pub struct AgeFile {
    pub stanzas: Vec<Stanza>,
    pub mac: String,
    pub payload: Vec<u8>,
}

impl AgeFile {
    /// Takes an armored file apart; it must be well formed.
    pub fn parse(file: &[u8]) -> Self {
        let data = dearmor(file);
        let mut at = 0;
        let mut line = || {
            let end = at + data[at..].iter().position(|&byte| byte == b'\n').unwrap();
            let text = String::from_utf8(data[at..end].to_vec()).unwrap();
            at = end + 1;
            text
        };
        assert_eq!(line(), "age-encryption.org/v1");
        let mut stanzas = Vec::new();
        loop {
            let first = line();
            if let Some(mac) = first.strip_prefix("--- ") {
                let mac = mac.to_owned();
                let payload = data[at..].to_vec();
                return Self {
                    stanzas,
                    mac,
                    payload,
                };
            }
            let mut words = first.strip_prefix("-> ").unwrap().split(' ');
            let tag = words.next().unwrap().to_owned();
            let args = words.map(str::to_owned).collect();
            let mut body = line();
            while body.len() % 64 == 0 && !body.is_empty() {
                let more = line();
                if more.is_empty() {
                    break;
                }
                body.push_str(&more);
            }
            let body = BASE64_STANDARD_NO_PAD.decode(body).unwrap();
            stanzas.push(Stanza { tag, args, body });
        }
    }

    /// Writes the file with the MAC that stands in it.
    pub fn render(&self) -> Vec<u8> {
        let mut data = self.covered();
        data.extend_from_slice(format!(" {}\n", self.mac).as_bytes());
        data.extend_from_slice(&self.payload);
        armor(&data)
    }

    /// Writes the file with a header MAC made anew, as whoever knows the file key can.
    pub fn finish(mut self, file_key: &FileKey) -> Vec<u8> {
        let key = derive(b"", file_key.expose_secret(), b"header");
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(&key)
            .unwrap()
            .chain_update(self.covered());
        self.mac = BASE64_STANDARD_NO_PAD.encode(mac.finalize().into_bytes());
        self.render()
    }

    /// Returns the file key, as every reader can.
    pub fn file_key(&self, identity: &Identity) -> FileKey {
        let mut keys = self
            .stanzas
            .iter()
            .filter_map(|stanza| identity.unwrap_stanza(stanza));
        keys.next().unwrap().unwrap()
    }

    fn covered(&self) -> Vec<u8> {
        let stanzas = render_stanzas(&self.stanzas);
        [b"age-encryption.org/v1\n", &*stanzas, b"---"].concat()
    }
}

/// The folder key of a vault, out of its owner's grant.
pub struct FolderKey {
    id: String,
    prk: Vec<u8>,
}

impl FolderKey {
    /// Opens the grant of the house's owner.
    pub fn of(house: &House) -> Self {
        Self::in_folder(house, &key_folder(house))
    }

    /// The same, out of the folder of one of the keys of the vault's top.
    pub fn in_folder(house: &House, folder: &Path) -> Self {
        let grant = fs::read(folder.join("alice.age")).unwrap();
        let raw = open_age(&grant, &identity(house));
        let salt = [
            b"hoziron/v1 folder key",
            &*field(vault_id(house).as_bytes()),
            &field(b"."),
        ]
        .concat();
        let (prk, expander) = Hkdf::<Sha256>::extract(Some(&salt), &raw);
        let mut id = [0; 15];
        expander.expand(b"hoziron/v1 key id", &mut id).unwrap();
        Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(id),
            prk: prk.to_vec(),
        }
    }

    /// Seals a value the way the binary does; `label` is what the stanza's key is bound to.
    pub fn seal(&self, name: &str, value: &[u8], label: &str, recipient: &Recipient) -> Vec<u8> {
        let file_key = new_file_key(7);
        let payload = seal_payload(&file_key, value);
        let others = wrap(&file_key, recipient);
        let beneath = render_stanzas(&others);
        let context = Sha256::new()
            .chain_update((beneath.len() as u64).to_be_bytes())
            .chain_update(&beneath)
            .chain_update(&payload)
            .finalize();
        let info = [
            label.as_bytes(),
            &field(self.id.as_bytes()),
            &field(name.as_bytes()),
            &1_u64.to_be_bytes(),
            &1_u64.to_be_bytes(),
            &context,
        ]
        .concat();
        let mut key = [0; 32];
        let expander = Hkdf::<Sha256>::from_prk(&self.prk).unwrap();
        expander.expand(&info, &mut key).unwrap();
        let ours = Stanza {
            tag: "hoziron/v1".to_owned(),
            args: vec![self.id.clone(), "1".to_owned(), "1".to_owned()],
            body: encrypt(&key, [0; 12], file_key.expose_secret()),
        };
        let stanzas = [ours].into_iter().chain(others).collect();
        let file = AgeFile {
            stanzas,
            mac: String::new(),
            payload,
        };
        file.finish(&file_key)
    }
}

/// Reads the owner's private key.
pub fn identity(house: &House) -> Identity {
    let text = fs::read_to_string(house.identity()).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"));
    Identity::from_str(line.unwrap()).unwrap()
}

/// Derives the owner's signing key.
pub fn signing_key(house: &House) -> SigningKey {
    signing_key_of(&identity(house))
}

/// Derives anybody's signing key.
pub fn signing_key_of(identity: &Identity) -> SigningKey {
    let text = identity.to_string();
    let (_, secret) = bech32::decode(text.expose_secret()).unwrap();
    SigningKey::from_bytes(&derive(b"hoziron/v1 sign", &secret, b""))
}

/// Reads the vault's id.
pub fn vault_id(house: &House) -> String {
    let manifest = fs::read_to_string(house.home().join("hoziron.toml")).unwrap();
    quoted(&manifest, "id     = ")
}

/// Returns what stands in quotes behind `key` at the start of a line.
pub fn quoted(text: &str, key: &str) -> String {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap();
    line.trim_matches('"').to_owned()
}

/// Returns the folder of the vault's one key.
pub fn key_folder(house: &House) -> PathBuf {
    let mut entries = fs::read_dir(house.vault(".keys")).unwrap();
    entries.next().unwrap().unwrap().path()
}

/// Returns a file of the vault's one key.
pub fn key_file(house: &House, name: &str) -> PathBuf {
    key_folder(house).join(name)
}

/// Signs a statement, without its last line, as `key`.
pub fn sign_statement(body: &str, key: &SigningKey) -> String {
    sign("epoch", body, key)
}

/// Signs an admission, without its last line, as `key`.
pub fn sign_admission(body: &str, key: &SigningKey) -> String {
    sign("admit", body, key)
}

fn sign(kind: &str, body: &str, key: &SigningKey) -> String {
    let signature = key.sign(format!("hoziron/v1 {kind}\n{body}").as_bytes());
    let signature = BASE64_STANDARD_NO_PAD.encode(signature.to_bytes());
    format!("{body}signature = \"{signature}\"\n")
}

/// Returns the text of a public signing key.
pub fn public_text(key: &SigningKey) -> String {
    BASE64_STANDARD_NO_PAD.encode(key.verifying_key().to_bytes())
}

/// Makes an armored file as `age -a -R` does.
pub fn seal_age(value: &[u8], recipient: &Recipient) -> Vec<u8> {
    let encryptor = Encryptor::with_recipients([recipient as _].into_iter()).unwrap();
    let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    let mut writer = encryptor.wrap_output(armored).unwrap();
    writer.write_all(value).unwrap();
    writer.finish().unwrap().finish().unwrap()
}

/// Opens an armored file as `age -d` does.
pub fn open_age(file: &[u8], identity: &Identity) -> Vec<u8> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(file)).unwrap();
    let mut value = Vec::new();
    let mut reader = decryptor.decrypt([identity as _].into_iter()).unwrap();
    reader.read_to_end(&mut value).unwrap();
    value
}

/// Wraps a file key to a recipient.
pub fn wrap(file_key: &FileKey, recipient: &Recipient) -> Vec<Stanza> {
    recipient.wrap_file_key(file_key).unwrap().0
}

/// Makes a file key that everybody knows.
pub fn new_file_key(byte: u8) -> FileKey {
    FileKey::init_with_mut(|key| key.fill(byte))
}

/// Seals a value of less than 64 KiB into a payload.
pub fn seal_payload(file_key: &FileKey, value: &[u8]) -> Vec<u8> {
    let nonce = [9; 16];
    let key = derive(&nonce, file_key.expose_secret(), b"payload");
    let chunk = encrypt(&key, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], value);
    [&nonce[..], &chunk].concat()
}

/// Writes stanzas as they stand in a header.
pub fn render_stanzas(stanzas: &[Stanza]) -> Vec<u8> {
    let mut out = String::new();
    for stanza in stanzas {
        let words = [vec![stanza.tag.clone()], stanza.args.clone()].concat();
        out.push_str(&format!("-> {}\n", words.join(" ")));
        let body = BASE64_STANDARD_NO_PAD.encode(&stanza.body);
        for line in body.as_bytes().chunks(64) {
            out.push_str(std::str::from_utf8(line).unwrap());
            out.push('\n');
        }
        if body.len().is_multiple_of(64) {
            out.push('\n');
        }
    }
    out.into_bytes()
}

/// Writes binary data in armor.
pub fn armor(data: &[u8]) -> Vec<u8> {
    let text = BASE64_STANDARD.encode(data);
    let lines = text.as_bytes().chunks(64);
    let lines = lines.map(|line| [line, b"\n"].concat()).collect::<Vec<_>>();
    [BEGIN.as_bytes(), &lines.concat(), END.as_bytes()].concat()
}

/// Reads armored data.
pub fn dearmor(file: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(file).unwrap();
    let body = text.strip_prefix(BEGIN).unwrap().strip_suffix(END).unwrap();
    BASE64_STANDARD.decode(body.replace('\n', "")).unwrap()
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let expander = Hkdf::<Sha256>::new(Some(salt), secret);
    expander.expand(info, &mut key).unwrap();
    key
}

fn encrypt(key: &[u8; 32], nonce: [u8; 12], plain: &[u8]) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher.encrypt(Nonce::from_slice(&nonce), plain).unwrap()
}
