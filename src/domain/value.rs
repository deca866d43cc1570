//! The bytes of a secret. They will not print, copy, serialise or compare by accident, and
//! they are wiped when dropped. What this does not stop: a value that was handed to another
//! program, or swapped to disk by the kernel.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The longest value that is sealed or opened, in bytes (16 MiB).
pub const MAX_VALUE: usize = 16 * 1024 * 1024;

/// The value of a secret.
///
/// Has no `Display`, `Serialize`, `Clone` or `PartialEq`; [`SecretValue::reveal`] is its one
/// door, so an audit of where plaintext goes is a search for that word.
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes ownership of bytes; no copy is made.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Shows the bytes. Every call is a place where plaintext leaves the type.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Says whether two values are the same bytes, in time that depends on their lengths only.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Copies the value without the one line end (LF or CRLF) at its end; `None` if there is none.
    pub fn without_line_end(&self) -> Option<Self> {
        let text = self.0.strip_suffix(b"\n")?;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(Self::new(text.to_vec()))
    }

    /// Says whether there are no bytes. An empty value is a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value does not show itself in debug output, whatever it is wrapped in.
    #[test]
    fn debug_prints_a_constant() {
        let shown = format!("{:?}", Some(SecretValue::new(b"hunter2".to_vec())));
        assert_eq!(shown, "Some(SecretValue(…))");
    }

    #[test]
    fn one_line_end_comes_off() {
        for (text, rest) in [
            ("a\n", Some("a")),
            ("a\n\r\n", Some("a\n")),
            ("a", None),
            ("a\r", None),
        ] {
            let found = SecretValue::new(text.as_bytes().to_vec()).without_line_end();
            assert_eq!(
                found.map(|value| value.reveal().to_vec()),
                rest.map(|rest| rest.as_bytes().to_vec())
            );
        }
    }

    #[test]
    fn equality_is_by_bytes() {
        let value = SecretValue::new(b"a".to_vec());
        assert!(value.same_as(&SecretValue::new(b"a".to_vec())));
        assert!(!value.same_as(&SecretValue::new(b"b".to_vec())));
        assert!(!value.same_as(&SecretValue::new(Vec::new())));
    }
}
