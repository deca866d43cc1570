//! Edits of an identity's text: the comments by which its holder trusts a vault. Every other line
//! stays as it is, byte for byte. A text that is sealed, or is not a list of keys, is left alone.

use crate::domain::{SecretValue, VaultId};

/// The comment by which an identity text names a vault its holder trusts.
pub(super) const VAULT_COMMENT: &str = "# hoziron vault ";

/// What the keys of such a text begin with.
const KEY: &str = "AGE-";

/// Adds the comment that names a vault, above the first key; `None` if the text is no list of keys.
pub fn with_vault(text: &SecretValue, id: &VaultId) -> Option<SecretValue> {
    let lines = keys(text)?;
    let before: usize = lines
        .split_inclusive('\n')
        .take_while(|line| !line.trim().starts_with(KEY))
        .map(str::len)
        .sum();
    let comment = format!("{VAULT_COMMENT}{id}\n");
    // Reserved at once, for growing would leave a copy of the key behind.
    let mut bytes = Vec::with_capacity(lines.len() + comment.len());
    bytes.extend_from_slice(&lines.as_bytes()[..before]);
    bytes.extend_from_slice(comment.as_bytes());
    bytes.extend_from_slice(&lines.as_bytes()[before..]);
    Some(SecretValue::new(bytes))
}

/// Removes the comments that name a vault; `None` if there is none, or the text is no list of keys.
pub fn without_vault(text: &SecretValue, id: &VaultId) -> Option<SecretValue> {
    let lines = keys(text)?;
    let mut bytes = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive('\n') {
        let named = line.trim().strip_prefix(VAULT_COMMENT);
        if named.is_none_or(|named| named.trim() != id.as_str()) {
            bytes.extend_from_slice(line.as_bytes());
        }
    }
    (bytes.len() < lines.len()).then(|| SecretValue::new(bytes))
}

fn keys(text: &SecretValue) -> Option<&str> {
    let lines = std::str::from_utf8(text.reveal()).ok()?;
    let mut keys = 0;
    for line in lines.lines().map(str::trim) {
        match () {
            () if line.starts_with(KEY) => keys += 1,
            () if line.is_empty() || line.starts_with('#') => {}
            () => return None,
        }
    }
    (keys > 0).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Identity, Keyring};

    fn id() -> VaultId {
        VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap()
    }

    fn names(text: &SecretValue) -> bool {
        let mut keyring = Keyring::default();
        keyring.read("here", text).unwrap();
        assert_eq!(keyring.identities().len(), 1);
        keyring.names_vault(&id())
    }

    #[test]
    fn a_vault_is_named_and_forgotten_and_nothing_else_changes() {
        let before = Identity::generate("here").file_text(&[]).unwrap();
        assert!(!names(&before) && without_vault(&before, &id()).is_none());
        let after = with_vault(&before, &id()).unwrap();
        assert!(names(&after));
        assert!(without_vault(&after, &id()).unwrap().same_as(&before));
    }

    #[test]
    fn what_is_no_list_of_keys_is_left_alone() {
        for text in [
            "age-encryption.org/v1\n-> scrypt x 18\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n",
            "# only a comment\n",
            "",
        ] {
            let text = SecretValue::new(text.as_bytes().to_vec());
            assert!(with_vault(&text, &id()).is_none() && without_vault(&text, &id()).is_none());
        }
    }
}
