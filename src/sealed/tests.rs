//! Sealed files: what opens, what is refused, and the community's vectors.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use age_core::format::FileKey;
use age_core::secrecy::ExposeSecret;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::header::{Header, StanzaText};
use super::payload::open_payload;
use super::*;
use crate::domain::{FolderName, Identity, Recipient, VaultId};

const VAULT: &str = "abcdefghijklmnopqrstuvwxyz234567";

struct Fixture {
    alice: Identity,
    key: FolderKey,
    name: SecretName,
}

impl Fixture {
    fn new() -> Self {
        let vault = VaultId::parse(VAULT).unwrap();
        Self {
            alice: Identity::generate("alice"),
            key: FolderKey::generate(&vault, &FolderName::top()),
            name: SecretName::parse("STRIPE_API_KEY").unwrap(),
        }
    }

    fn recipients(&self) -> [Recipient; 1] {
        [Recipient::parse(self.alice.public()).unwrap()]
    }

    fn facts(&self) -> Facts {
        Facts {
            trail: Trail::start(self.key.id()),
            revision: 7,
            value_time: 1_700_000_000,
            content: Content::Value,
        }
    }

    fn seal(&self, value: &[u8]) -> Vec<u8> {
        let value = SecretValue::new(value.to_vec());
        seal(
            &value,
            &self.name,
            &self.facts(),
            &self.key,
            &self.recipients(),
            &Plugins::default(),
        )
        .unwrap()
    }

    fn open(&self, file: &[u8]) -> Result<Vec<u8>, SealedError> {
        open(file, &self.name, |id| {
            (id == self.key.id()).then_some(&self.key)
        })
        .map(|(value, _)| value.into_inner().reveal().to_vec())
    }
}

/// Opens with the age crate's own reader and the reader's own key, as stock `age -d` does.
fn open_with_age(file: &[u8], identity: &Identity) -> Vec<u8> {
    let text = identity.file_text(&[]).unwrap();
    let key: age::x25519::Identity = std::str::from_utf8(text.reveal())
        .unwrap()
        .lines()
        .last()
        .unwrap()
        .parse()
        .unwrap();
    let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(file)).unwrap();
    let mut reader = decryptor
        .decrypt(std::iter::once(&key as &dyn age::Identity))
        .unwrap();
    let mut value = Vec::new();
    reader.read_to_end(&mut value).unwrap();
    value
}

#[test]
fn a_value_comes_back_and_age_reads_the_same() {
    let fixture = Fixture::new();
    for size in [0, 1, 15, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let value: Vec<u8> = (0..size).map(|at| (at * 7) as u8).collect();
        let file = fixture.seal(&value);
        assert_eq!(fixture.open(&file), Ok(value.clone()), "{size}");
        assert_eq!(open_with_age(&file, &fixture.alice), value, "{size}");
    }
}

#[test]
fn the_longest_value_fits_and_one_byte_more_does_not() {
    let fixture = Fixture::new();
    let file = fixture.seal(&vec![9; MAX_VALUE]);
    assert!(file.len() <= MAX_FILE);
    assert_eq!(fixture.open(&file).map(|value| value.len()), Ok(MAX_VALUE));
    let value = SecretValue::new(vec![9; MAX_VALUE + 1]);
    let refused = seal(
        &value,
        &fixture.name,
        &fixture.facts(),
        &fixture.key,
        &fixture.recipients(),
        &Plugins::default(),
    );
    assert_eq!(refused, Err(SealedError::TooLong));
}

#[test]
fn a_file_opens_for_its_name_and_key_only() {
    let fixture = Fixture::new();
    let file = fixture.seal(b"value");
    let other = SecretName::parse("OTHER").unwrap();
    let wrong_name = open(&file, &other, |_| Some(&fixture.key)).map(|_| ());
    assert_eq!(wrong_name, Err(SealedError::Forged));
    let stranger = Fixture::new();
    let wrong_key = open(&file, &fixture.name, |_| Some(&stranger.key)).map(|_| ());
    assert_eq!(wrong_key, Err(SealedError::Forged));
    let unknown = open(&file, &fixture.name, |_| None::<&FolderKey>).map(|_| ());
    assert_eq!(unknown, Err(SealedError::UnknownKey(fixture.key.id())));
}

/// Whoever knows one file key keeps the stanza and puts another payload behind it.
#[test]
fn a_payload_swapped_by_somebody_who_knows_the_file_key_is_refused() {
    let fixture = Fixture::new();
    let file = fixture.seal(b"true value");
    let data = dearmor(&file).unwrap();
    let header = Header::parse(&data).unwrap();
    let stanzas: Vec<_> = header.stanzas.iter().map(StanzaText::to_stanza).collect();
    let file_key = fixture.alice.unwrap(&stanzas).unwrap();
    let payload = seal_payload(&file_key, &SecretValue::new(b"false value".to_vec()));
    let forged = armor(&assemble(&file_key, &render_stanzas(&stanzas), &payload));
    assert_eq!(open_with_age(&forged, &fixture.alice), b"false value");
    assert_eq!(fixture.open(&forged), Err(SealedError::Forged));
}

/// The body of our stanza does not commit to a file key; the header's MAC does.
#[test]
fn a_known_file_key_does_not_let_a_reader_be_added() {
    let fixture = Fixture::new();
    let file = fixture.seal(b"value");
    let data = dearmor(&file).unwrap();
    let header = Header::parse(&data).unwrap();
    let mut stanzas: Vec<_> = header.stanzas.iter().map(StanzaText::to_stanza).collect();
    let file_key = fixture.alice.unwrap(&stanzas).unwrap();
    let mallory = Recipient::parse(Identity::generate("m").public()).unwrap();
    let wrapped = Recipient::wrap(&[(&mallory).into()], &file_key, &Plugins::default()).unwrap();
    stanzas.extend(wrapped.into_iter().flat_map(|one| one.wrapped.0));
    let forged = armor(&assemble(
        &file_key,
        &render_stanzas(&stanzas),
        header.payload,
    ));
    assert_eq!(fixture.open(&forged), Err(SealedError::Forged));
}

#[test]
fn the_conflict_label_is_a_label_of_its_own() {
    let fixture = Fixture::new();
    let facts = Facts {
        content: Content::Conflict,
        ..fixture.facts()
    };
    let value = SecretValue::new(b"both".to_vec());
    let file = seal(
        &value,
        &fixture.name,
        &facts,
        &fixture.key,
        &fixture.recipients(),
        &Plugins::default(),
    )
    .unwrap();
    assert_eq!(fixture.open(&file), Err(SealedError::Conflict));

    let data = dearmor(&file).unwrap();
    let header = Header::parse(&data).unwrap();
    let mut stanzas: Vec<_> = header.stanzas.iter().map(StanzaText::to_stanza).collect();
    let file_key = fixture.alice.unwrap(&stanzas).unwrap();
    stanzas[0].args.pop();
    let stripped = armor(&assemble(
        &file_key,
        &render_stanzas(&stanzas),
        header.payload,
    ));
    assert_eq!(fixture.open(&stripped), Err(SealedError::Forged));
}

#[test]
fn plain_age_files_and_newer_ones_are_named_as_such() {
    let fixture = Fixture::new();
    let value = SecretValue::new(b"from outside".to_vec());
    let plain = seal_plain(&value, &fixture.recipients(), &Plugins::default()).unwrap();
    assert_eq!(fixture.open(&plain), Err(SealedError::NoStanza));

    let file = fixture.seal(b"value");
    let data = dearmor(&file).unwrap();
    let newer = String::from_utf8_lossy(&data[..60]).replace("hoziron/v1", "hoziron/v2");
    let newer = armor(&[newer.as_bytes(), &data[60..]].concat());
    assert_eq!(fixture.open(&newer), Err(SealedError::Newer));
}

#[test]
fn a_grant_holds_the_key_for_its_folder_and_vault() {
    let fixture = Fixture::new();
    let grant = fixture
        .key
        .grant(&fixture.recipients(), &Plugins::default())
        .unwrap();
    let mut keyring = Keyring::default();
    let vault = VaultId::parse(VAULT).unwrap();
    let opened = |folder: &FolderName, keyring: &Keyring| {
        FolderKey::from_grant(&grant, &vault, folder, keyring).map(|key| key.id())
    };
    assert_eq!(
        opened(&FolderName::top(), &keyring),
        Err(SealedError::NoIdentity)
    );
    keyring
        .read("alice", &fixture.alice.file_text(&[]).unwrap())
        .unwrap();
    assert_eq!(opened(&FolderName::top(), &keyring), Ok(fixture.key.id()));
    assert_ne!(
        opened(&FolderName::parse("prod").unwrap(), &keyring),
        Ok(fixture.key.id())
    );
}

#[test]
fn a_costly_header_is_refused_before_it_costs() {
    let fixture = Fixture::new();
    let stanza = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nAAAA\n";
    let many = |count| format!("age-encryption.org/v1\n{}--- AAAA\n", stanza.repeat(count));
    let refusal = |text: String| fixture.open(&armor(text.as_bytes())).unwrap_err();
    assert_eq!(refusal(many(257)), FramingError::TooManyStanzas.into());
    let line = format!("-> X25519 {}\nAAAA\n", "a".repeat(70_000));
    assert_eq!(
        refusal(format!("age-encryption.org/v1\n{line}")),
        FramingError::HeaderTooLong.into()
    );
    let passphrase =
        "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 22\nqW9eVsT0NVb/Vswtw8kPIxUnaYmm9Px1dYmq2+4+qZA\n";
    let mac = "A".repeat(43);
    let file = format!("age-encryption.org/v1\n{passphrase}--- {mac}\n");
    assert_eq!(refusal(file), FramingError::Passphrase.into());
}

proptest! {
    /// No byte of a sealed file can change without the file being refused.
    #[test]
    fn any_changed_byte_is_refused(value in proptest::collection::vec(any::<u8>(), 0..200), at: usize, flip in 1_u8..) {
        let fixture = Fixture::new();
        let mut file = fixture.seal(&value);
        let at = at % file.len();
        file[at] ^= flip;
        prop_assert!(fixture.open(&file).is_err());
    }

    #[test]
    fn any_truncation_is_refused(value in proptest::collection::vec(any::<u8>(), 0..200), keep: usize) {
        let fixture = Fixture::new();
        let file = fixture.seal(&value);
        prop_assert!(fixture.open(&file[..keep % file.len()]).is_err());
    }

    /// Bytes from anywhere are refused without a panic.
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Header::parse(&bytes);
        let _ = Header::parse(&[b"age-encryption.org/v1\n", &*bytes].concat());
        let _ = Fixture::new().open(&armor(&[b"age-encryption.org/v1\n-> hoziron/v1 ", &*bytes].concat()));
    }
}

/// Vectors whose expectation we do not meet, each with the reason. All of them are refused.
const DIFFERENT: [(&str, &str); 22] = [
    ("armor_crlf", ONE_SPELLING),
    ("armor_hybrid", HYBRID),
    ("armor_no_eol", ONE_SPELLING),
    ("armor_scrypt", PASSPHRASE),
    ("armor_whitespace_outside", ONE_SPELLING),
    ("hybrid", HYBRID),
    ("hybrid_and_x25519", HYBRID),
    ("hybrid_extra_argument", HYBRID),
    ("hybrid_grease", HYBRID),
    ("hybrid_identity", HYBRID),
    ("hybrid_long_file_key", HYBRID),
    ("hybrid_long_share", HYBRID),
    ("hybrid_low_order", HYBRID),
    ("hybrid_multiple_recipients", HYBRID),
    ("hybrid_not_canonical_enc", HYBRID),
    ("hybrid_short_share", HYBRID),
    ("scrypt", PASSPHRASE),
    ("scrypt_bad_tag", PASSPHRASE),
    ("scrypt_no_match", PASSPHRASE),
    ("scrypt_work_factor_wrong", PASSPHRASE),
    ("stream_no_nonce", NONCE),
    ("stream_short_nonce", NONCE),
];

const ONE_SPELLING: &str = "the armor has one spelling here, so that no byte of a file can change";
const PASSPHRASE: &str =
    "a passphrase stanza is refused in a vault, before the passphrase is tried";
const HYBRID: &str = "age 0.12.1 reads hybrid identities through a plugin only: no match";
const NONCE: &str = "a missing nonce is named as a failure of the payload it belongs to";

/// Every expectation of the community's vectors (C2SP/CCTV) is met by our own framing, or named.
#[test]
fn the_community_vectors_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/age");
    let mut disagree = BTreeMap::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let vector = Vector::parse(&std::fs::read(&path).unwrap());
        count += 1;
        let seen = vector.outcome();
        if seen != vector.expect {
            disagree.insert(name, (seen, vector.expect));
        }
    }
    assert_eq!(count, 143);
    let named: BTreeMap<_, _> = DIFFERENT.into_iter().collect();
    let unexpected: Vec<_> = disagree
        .iter()
        .filter(|(name, _)| !named.contains_key(name.as_str()))
        .collect();
    let met: Vec<_> = named
        .keys()
        .filter(|name| !disagree.contains_key(**name))
        .collect();
    assert!(
        unexpected.is_empty() && met.is_empty(),
        "{unexpected:#?}, named but met: {met:?}"
    );
}

struct Vector {
    expect: String,
    payload: Option<String>,
    file_key: Option<String>,
    identities: Vec<age::x25519::Identity>,
    armored: bool,
    file: Vec<u8>,
}

impl Vector {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let field = |key: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
                .map(str::to_owned)
        };
        let body = &bytes[end + 2..];
        let file = if field("compressed").is_some() {
            miniz_oxide::inflate::decompress_to_vec_zlib(body).unwrap()
        } else {
            body.to_vec()
        };
        let identities = head
            .lines()
            .filter_map(|line| line.strip_prefix("identity: ")?.parse().ok())
            .collect();
        Self {
            expect: field("expect").unwrap(),
            payload: field("payload"),
            file_key: field("file key"),
            identities,
            armored: field("armored").is_some(),
            file,
        }
    }

    /// What our framing makes of the file, in the words of the vectors.
    fn outcome(&self) -> String {
        let data = if self.armored {
            dearmor(&self.file)
        } else {
            Ok(self.file.clone())
        };
        let Ok(data) = data else {
            return "armor failure".to_owned();
        };
        let header = Header::parse(&data);
        let Ok(header) = header else {
            return "header failure".to_owned();
        };
        if refuse_passphrase(&header).is_err() {
            return "header failure".to_owned();
        }
        let stanzas: Vec<_> = header.stanzas.iter().map(StanzaText::to_stanza).collect();
        let unwrapped = self
            .identities
            .iter()
            .find_map(|key| age::Identity::unwrap_stanzas(key, &stanzas));
        let file_key: FileKey = match unwrapped {
            None => return "no match".to_owned(),
            Some(Err(_)) => return "header failure".to_owned(),
            Some(Ok(key)) => key,
        };
        if let Some(expected) = &self.file_key {
            let hex: String = file_key
                .expose_secret()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(&hex, expected);
        }
        if header.verify(&file_key).is_err() {
            return "HMAC failure".to_owned();
        }
        let Ok(value) = open_payload(&file_key, header.payload) else {
            return "payload failure".to_owned();
        };
        let digest: String = Sha256::digest(value.reveal())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(Some(digest), self.payload);
        "success".to_owned()
    }
}
