//! `sh`: `export N='…'`, a line a variable, for bash, dash, zsh, ksh and busybox. Inside single
//! quotes every byte but the quote stands for itself, in every locale. What this does not survive
//! is an `eval` without quotes around the substitution; `bash` does.

use crate::env::Variables;

/// Writes an assignment a line. No value holds a NUL byte.
pub(super) fn write(variables: &Variables, out: &mut dyn FnMut(&[u8])) {
    for (name, value) in variables.iter() {
        out(b"export ");
        out(name.as_str().as_bytes());
        out(b"='");
        for (index, part) in value.reveal().split(|&byte| byte == b'\'').enumerate() {
            if index > 0 {
                out(br"'\''");
            }
            out(part);
        }
        out(b"'\n");
    }
}
