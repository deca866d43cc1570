//! The journal: what a transaction will do, written down before the first of it is done. Each line
//! is a typed operation on a place of the closed list, and the whole ends in a MAC under a key that
//! never enters the home, so that a journal somebody committed to a repository is never followed.
//! It holds paths and digests, and no content.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::vault::layout::Target;

/// The most operations one transaction may hold.
pub(super) const MAX_OPERATIONS: usize = 1_000_000;

/// The longest journal in bytes.
pub(super) const MAX_JOURNAL: u64 = 256 * 1024 * 1024;

const FIRST_LINE: &str = "hoziron journal 1";

/// Authenticates journals; made once for a user and kept outside of every home.
pub struct JournalKey(Zeroizing<[u8; 32]>);

impl JournalKey {
    /// Takes 32 random bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(super) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&*self.0)
            .expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        mac
    }
}

impl fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JournalKey(…)")
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Move a staged file to its place.
    Put {
        target: Target,
        stage: u32,
        digest: [u8; 32],
    },
    /// Remove a file.
    Remove { target: Target },
}

impl Operation {
    pub(super) fn target(&self) -> &Target {
        match self {
            Self::Put { target, .. } | Self::Remove { target } => target,
        }
    }
}

/// Writes a journal.
pub(super) fn render<'a>(
    operations: impl Iterator<Item = &'a Operation>,
    key: &JournalKey,
) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for operation in operations {
        match operation {
            Operation::Put {
                target,
                stage,
                digest,
            } => {
                text.push_str(&format!("put {target} {stage} {}\n", hex(digest)));
            }
            Operation::Remove { target } => text.push_str(&format!("remove {target}\n")),
        }
    }
    let mac = hex(&key.mac(&text).finalize().into_bytes());
    text.push_str(&format!("mac {mac}\n"));
    text
}

/// Reads a journal; `None` unless it was written by [`render`] with this key.
pub(super) fn parse(bytes: &[u8], key: &JournalKey) -> Option<Vec<Operation>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let start = text.rfind("mac ")?;
    let (body, last) = text.split_at(start);
    let mac = unhex(last.strip_prefix("mac ")?.strip_suffix('\n')?)?;
    key.mac(body).verify_slice(&mac).ok()?;

    let mut lines = body.strip_suffix('\n')?.split('\n');
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let mut operations = Vec::new();
    let mut seen = BTreeSet::new();
    for line in lines {
        let operation = parse_line(line)?;
        if operations.len() == MAX_OPERATIONS || !seen.insert(operation.target().clone()) {
            return None;
        }
        operations.push(operation);
    }
    Some(operations)
}

/// Returns the digest by which a staged file is known.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn parse_line(line: &str) -> Option<Operation> {
    let mut words = line.split(' ');
    let verb = words.next()?;
    let target = Target::parse(words.next()?)?;
    let operation = match verb {
        "put" => {
            let number = words.next()?;
            let stage: u32 = number.parse().ok()?;
            if stage.to_string() != number {
                return None;
            }
            Operation::Put {
                target,
                stage,
                digest: unhex(words.next()?)?,
            }
        }
        "remove" => Operation::Remove { target },
        _ => return None,
    };
    words.next().is_none().then_some(operation)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> JournalKey {
        JournalKey::new(Zeroizing::new([byte; 32]))
    }

    fn operations() -> Vec<Operation> {
        let target = |path| Target::parse(path).unwrap();
        vec![
            Operation::Put {
                target: target("vault/a/B.age"),
                stage: 0,
                digest: digest(b"x"),
            },
            Operation::Put {
                target: target("hoziron.toml"),
                stage: 17,
                digest: digest(b""),
            },
            Operation::Remove {
                target: target("vault/C.age"),
            },
        ]
    }

    /// Seals a body that `render` would not write.
    fn sealed(body: &str) -> String {
        format!(
            "{body}mac {}\n",
            hex(&key(1).mac(body).finalize().into_bytes())
        )
    }

    #[test]
    fn a_journal_reads_back() {
        let text = render(operations().iter(), &key(1));
        assert_eq!(parse(text.as_bytes(), &key(1)), Some(operations()));
        assert!(
            text.starts_with("hoziron journal 1\nput vault/a/B.age 0 2d711642b726b044"),
            "{text}"
        );
    }

    #[test]
    fn a_journal_under_another_key_is_none() {
        let text = render(operations().iter(), &key(1));
        assert_eq!(parse(text.as_bytes(), &key(2)), None);
    }

    /// Every byte is covered: changed, cut off or added, the journal is not ours.
    #[test]
    fn a_changed_journal_is_none() {
        let text = render(operations().iter(), &key(1)).into_bytes();
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            assert_eq!(parse(&changed, &key(1)), None, "byte {at}");
            assert_eq!(parse(&text[..at], &key(1)), None, "cut at {at}");
        }
        assert_eq!(parse(&[&text[..], b"\n"].concat(), &key(1)), None);
        assert_eq!(parse(&[&text[..], &text[..]].concat(), &key(1)), None);
    }

    /// What our key authenticates is still read strictly.
    #[test]
    fn only_typed_operations_on_known_places_are_read() {
        let zeros = "0".repeat(64);
        let fine = format!("{FIRST_LINE}\nput vault/A.age 1 {zeros}\nremove vault/B.age\n");
        assert_eq!(
            parse(sealed(&fine).as_bytes(), &key(1)).map(|all| all.len()),
            Some(2)
        );
        for line in [
            "remove ../x".to_owned(),
            "remove .git/config".to_owned(),
            "remove vault/A.age ".to_owned(),
            "remove  vault/A.age".to_owned(),
            "remove vault/A.age 1".to_owned(),
            "run vault/A.age".to_owned(),
            "".to_owned(),
            format!("put vault/A.age 01 {zeros}"),
            format!("put vault/A.age -1 {zeros}"),
            format!("put vault/A.age 4294967296 {zeros}"),
            format!("put vault/A.age 1 {}", "A".repeat(64)),
            format!("put vault/A.age 1 {zeros}0"),
            format!("put vault/A.age 1 {zeros} x"),
            "put vault/A.age 1".to_owned(),
            "remove vault/A.age\nremove vault/A.age".to_owned(),
        ] {
            let body = format!("{FIRST_LINE}\n{line}\n");
            assert_eq!(parse(sealed(&body).as_bytes(), &key(1)), None, "{line:?}");
        }
        assert_eq!(
            parse(sealed("hoziron journal 2\n").as_bytes(), &key(1)),
            None
        );
    }
}
