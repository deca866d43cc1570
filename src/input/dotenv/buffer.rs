//! A value that grows byte by byte. Whatever room it has outgrown is wiped, so no copy stays behind
//! in freed memory, and so is what is left when it is dropped.

use std::mem;

use zeroize::Zeroizing;

use crate::domain::SecretValue;

/// Bytes of a value whose length is not known in advance.
#[derive(Default)]
pub(super) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    /// Appends bytes.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.0.len())));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    /// Appends a byte.
    pub(super) fn push(&mut self, byte: u8) {
        self.extend(&[byte]);
    }

    /// Returns what there is.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Makes a value of it; no copy is made.
    pub(super) fn into_value(mut self) -> SecretValue {
        SecretValue::new(mem::take(&mut *self.0))
    }
}
