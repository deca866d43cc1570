//! `bash`: `export N=$'…';`, a line a variable, for bash and zsh. Everything that a shell could
//! split, expand or complete is three octal digits, so that an `eval $(…)` which forgot its quotes
//! still sees the same words. No byte of a value stands for anything but itself.

use crate::env::Variables;

/// The bytes, next to letters and digits, that need no escape.
const PLAIN: &[u8] = b"_=;.,/:+-";

/// Writes an assignment a line. No value holds a NUL byte.
pub(super) fn write(variables: &Variables, out: &mut dyn FnMut(&[u8])) {
    for (name, value) in variables.iter() {
        out(b"export ");
        out(name.as_str().as_bytes());
        out(b"=$'");
        for &byte in value.reveal() {
            if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
                out(&[byte]);
            } else {
                out(&[b'\\', digit(byte >> 6), digit(byte >> 3), digit(byte)]);
            }
        }
        out(b"';\n");
    }
}

fn digit(bits: u8) -> u8 {
    b'0' + (bits & 7)
}
