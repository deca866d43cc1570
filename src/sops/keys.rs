//! The key of a sops file: each recipient holds it in an age file of its own, or with several groups
//! a share of it. Recipients that nothing here can use are passed over and named; a passphrase in a
//! recipient's place is refused, because its cost is the file's choice.

use zeroize::Zeroizing;

use crate::domain::{Identity, Keyring, SecretValue};
use crate::sealed::{FramingError, SealedError, open_foreign};
use crate::sops::SopsError;
use crate::sops::metadata::{AgeEntry, Group, Metadata};
use crate::sops::shamir::combine;
use crate::sops::value::Cipher;

/// How the recipients start that no identity of ours can be.
const POST_QUANTUM: &str = "age1pq1";

/// A file's key.
pub struct Recovered {
    /// The key.
    pub cipher: Cipher,
    /// The recipients that cannot be used here, or whose part is damaged.
    pub passed_over: Vec<String>,
}

/// Opens the key, or enough shares of it.
pub fn recover(metadata: &Metadata, keyring: &Keyring) -> Result<Recovered, SopsError> {
    let mut passed_over = Vec::new();
    let mut parts = Vec::new();
    for group in &metadata.groups {
        parts.extend(open_group(group, keyring, &mut passed_over)?);
    }
    let key = match &metadata.groups[..] {
        [_] => match parts.first() {
            Some(key) => key.reveal().try_into().ok().map(Zeroizing::new),
            None => return Err(unopened(metadata, keyring)),
        },
        groups => {
            let needed = match metadata.threshold {
                0 => parts.len().max(2),
                threshold => threshold,
            };
            if parts.len() < needed {
                return Err(SopsError::Groups {
                    opened: parts.len(),
                    groups: groups.len(),
                    needed,
                });
            }
            combine(&parts)
        }
    };
    let key = key.ok_or(SopsError::Key)?;
    Ok(Recovered {
        cipher: Cipher::new(key),
        passed_over,
    })
}

/// Opens one part; the recipients that are one of our own come first.
fn open_group(
    group: &Group,
    keyring: &Keyring,
    passed_over: &mut Vec<String>,
) -> Result<Option<SecretValue>, SopsError> {
    passed_over.extend(group.others.iter().cloned());
    let mine = |entry: &&AgeEntry| {
        let mut all = keyring.identities().iter();
        all.any(|identity| entry.recipient.starts_with(identity.public()))
    };
    let (first, then): (Vec<_>, Vec<_>) = group.age.iter().partition(mine);
    for entry in first.into_iter().chain(then) {
        match open_foreign(entry.sealed.as_bytes(), keyring) {
            Ok(part) => return Ok(Some(part)),
            Err(SealedError::Damaged(FramingError::Passphrase)) => {
                return Err(SopsError::Passphrase);
            }
            Err(SealedError::NoIdentity) if entry.recipient.starts_with(POST_QUANTUM) => {
                passed_over.push(format!("{} (post-quantum)", entry.recipient));
            }
            Err(SealedError::NoIdentity) => {}
            Err(_) => passed_over.push(format!("{} (damaged)", entry.recipient)),
        }
    }
    Ok(None)
}

/// Names whom the file is for, and what was tried.
fn unopened(metadata: &Metadata, keyring: &Keyring) -> SopsError {
    let each = |group: &Group| {
        let age = group.age.iter().map(|entry| entry.recipient.clone());
        age.chain(group.others.iter().cloned()).collect::<Vec<_>>()
    };
    let tried = keyring.identities().iter().map(Identity::public);
    SopsError::NoKey {
        recipients: metadata.groups.iter().flat_map(each).collect(),
        tried: tried.map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Plugins, Recipient};
    use crate::sealed::seal_foreign;
    use crate::sops::metadata::Rule;

    fn person() -> (Keyring, Recipient) {
        let identity = Identity::generate("a test");
        let recipient = Recipient::parse(identity.public()).unwrap();
        let mut keyring = Keyring::default();
        keyring.add(identity);
        (keyring, recipient)
    }

    fn entry(recipient: &Recipient, part: &[u8]) -> AgeEntry {
        let sealed = seal_foreign(
            &SecretValue::new(part.to_vec()),
            [recipient],
            &Plugins::default(),
        );
        let sealed = sealed.unwrap();
        AgeEntry {
            recipient: recipient.text().to_owned(),
            sealed: String::from_utf8(sealed).unwrap(),
        }
    }

    fn metadata(groups: Vec<Group>, threshold: usize) -> Metadata {
        Metadata {
            groups,
            threshold,
            last_modified: String::new(),
            mac: None,
            rule: Rule::EncryptedSuffix(String::new()),
            mac_only_encrypted: false,
            version: String::new(),
        }
    }

    fn only(entry: AgeEntry) -> Group {
        Group {
            age: vec![entry],
            others: Vec::new(),
        }
    }

    /// Checklist 30: what cannot be used here stands in nobody's way.
    #[test]
    fn recipients_that_cannot_be_used_are_passed_over() {
        let (keyring, alice) = person();
        let (_, bob) = person();
        let damaged = AgeEntry {
            recipient: "age1yubikey1q".to_owned(),
            sealed: "nonsense".to_owned(),
        };
        let quantum = AgeEntry {
            recipient: "age1pq1x".to_owned(),
            ..entry(&bob, &[7; 32])
        };
        let group = Group {
            age: vec![
                damaged,
                quantum,
                entry(&bob, &[7; 32]),
                entry(&alice, &[7; 32]),
            ],
            others: vec!["pgp F".to_owned()],
        };
        let found = recover(&metadata(vec![group], 0), &keyring).ok().unwrap();
        assert_eq!(found.cipher.key().reveal(), [7; 32]);
        assert_eq!(found.passed_over, ["pgp F"]);
    }

    #[test]
    fn the_error_names_whom_it_is_for_and_what_was_tried() {
        let (_, bob) = person();
        let (keyring, alice) = person();
        let group = Group {
            others: vec!["pgp F".to_owned()],
            ..only(entry(&bob, &[7; 32]))
        };
        let error = recover(&metadata(vec![group], 0), &keyring)
            .err()
            .unwrap()
            .to_string();
        for name in [bob.text(), "pgp F", alice.text()] {
            assert!(error.contains(name), "{error}");
        }
    }

    /// Checklist 23.
    #[test]
    fn several_groups_hold_shares_and_as_many_as_asked_for_are_needed() {
        let (keyring, alice) = person();
        let (_, bob) = person();
        // f(x) = 5 + 9x in every byte.
        let share = |point: u8, value: u8| [&[value; 32][..], &[point]].concat();
        let groups = |second: &Recipient| {
            vec![
                only(entry(&alice, &share(1, 5 ^ 9))),
                only(entry(second, &share(2, 5 ^ 18))),
            ]
        };
        for threshold in [0, 2] {
            let found = recover(&metadata(groups(&alice), threshold), &keyring);
            assert_eq!(found.ok().unwrap().cipher.key().reveal(), [5; 32]);
        }
        for threshold in [0, 2] {
            let found = recover(&metadata(groups(&bob), threshold), &keyring);
            assert!(matches!(
                found.err(),
                Some(SopsError::Groups {
                    opened: 1,
                    groups: 2,
                    needed: 2
                })
            ));
        }
    }

    #[test]
    fn a_passphrase_and_a_key_of_another_length_are_refused() {
        let (keyring, alice) = person();
        let passphrase = AgeEntry {
            recipient: String::new(),
            sealed: include_str!("../../fixtures/sops/passphrase.age").to_owned(),
        };
        let found = recover(&metadata(vec![only(passphrase)], 0), &keyring);
        assert!(matches!(found.err(), Some(SopsError::Passphrase)));
        let found = recover(&metadata(vec![only(entry(&alice, &[7; 31]))], 0), &keyring);
        assert!(matches!(found.err(), Some(SopsError::Key)));
    }
}
