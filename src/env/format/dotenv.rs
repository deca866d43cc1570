//! `dotenv`: `N=V`, a line a variable, in the part of the format that node, npm's dotenv,
//! python-dotenv, dotenvy and bash's `source` read alike. There is no specification, and no way of
//! quoting that all of them undo; what cannot be written so that they agree is not written.

use std::str;

use crate::env::Variables;

/// The bytes, next to letters and digits, that may stand without quotes.
const BARE: &[u8] = b"_./:@%+=,-";

/// A way to write a value on which the readers agree.
#[derive(Clone, Copy)]
pub(super) enum Spelling {
    Bare,
    DoubleQuoted,
    SingleQuoted,
}

impl Spelling {
    /// Finds the spelling of a value without NUL bytes, if there is one.
    pub(super) fn of(text: &str) -> Option<Self> {
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || BARE.contains(&byte);
        if !text.is_empty() && text.bytes().all(bare) {
            return Some(Self::Bare);
        }
        // Node drops every carriage return, wherever it stands.
        if text.contains('\r') {
            return None;
        }
        // Inside single quotes python-dotenv expands `${` and turns `\\` into `\`; to all but
        // bash, `\'` is a quote that does not end the value.
        if !text.contains(['\'']) {
            let altered = text.contains("${") || text.contains(r"\\") || text.ends_with('\\');
            return (!altered).then_some(Self::SingleQuoted);
        }
        (!text.contains(['"', '\\', '$', '`', '\n'])).then_some(Self::DoubleQuoted)
    }

    fn quote(self) -> &'static [u8] {
        match self {
            Self::Bare => b"",
            Self::DoubleQuoted => b"\"",
            Self::SingleQuoted => b"'",
        }
    }
}

/// Writes an assignment a line. Every value has a spelling.
pub(super) fn write(variables: &Variables, out: &mut dyn FnMut(&[u8])) {
    for (name, value) in variables.iter() {
        let quote = str::from_utf8(value.reveal())
            .ok()
            .and_then(Spelling::of)
            .expect("a value without a spelling is refused")
            .quote();
        out(name.as_str().as_bytes());
        out(b"=");
        out(quote);
        out(value.reveal());
        out(quote);
        out(b"\n");
    }
}
