//! The encodings of a value: how it looks where somebody has put it into JSON, a URL, a shell script,
//! base64 and the like. Forms are searched for, to mask a value or to find where it leaked. What was
//! compressed, encrypted or taken apart has no form here.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::domain::SecretValue;

/// The shortest line of a value of several lines that is a form by itself, in bytes.
const SHORTEST_LINE: usize = 8;

/// How many lines of a value are forms by themselves.
const MOST_LINES: usize = 256;

/// How a form came from its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// Base64, of either alphabet, wherever in a longer text the value starts.
    Base64,
    /// Base64 of base64.
    Base64Twice,
    /// Other line ends.
    LineEnds,
    /// As a program prints it to its developer: Rust, JavaScript, Python.
    Escaped,
    /// Hexadecimal digits.
    Hex,
    /// HTML or XML.
    Html,
    /// JSON.
    Json,
    /// One line of several.
    Line,
    /// As it is.
    Plain,
    /// Quoted for a shell.
    Shell,
    /// Percent-encoded, or a form of the web.
    Url,
    /// UTF-16.
    Utf16,
}

impl Encoding {
    /// Says it in a word or two.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base64Twice => "base64 twice",
            Self::Escaped => "escaped",
            Self::Hex => "hex",
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::Line => "one line of it",
            Self::LineEnds => "other line ends",
            Self::Plain => "as it is",
            Self::Shell => "shell quoting",
            Self::Url => "URL encoding",
            Self::Utf16 => "UTF-16",
        }
    }
}

/// A value in one encoding; wiped on drop.
pub struct Form {
    /// Which.
    pub encoding: Encoding,
    bytes: Zeroizing<Vec<u8>>,
}

impl Form {
    /// Returns the encoded bytes, which are as secret as the value.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Makes every form of a value, each one once, the plain one first. Of a value longer than `most`
/// bytes, the beginning counts.
pub fn forms(value: &SecretValue, most: usize) -> Vec<Form> {
    let whole = value.reveal();
    let start = &whole[..whole.len().min(most)];
    let mut forms = Forms(Vec::new());
    forms.encode(start);
    let trimmed = start.trim_ascii();
    if trimmed.len() < start.len() {
        forms.encode(trimmed);
    }
    let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    for line in lines
        .filter(|line| line.len() >= SHORTEST_LINE)
        .take(MOST_LINES)
    {
        forms.add(Encoding::Line, line[..line.len().min(most)].to_vec());
    }
    forms.0
}

struct Forms(Vec<Form>);

impl Forms {
    fn add(&mut self, encoding: Encoding, bytes: Vec<u8>) {
        let bytes = Zeroizing::new(bytes);
        let known = |form: &Form| form.bytes == bytes;
        if !bytes.is_empty() && !self.0.iter().any(known) {
            self.0.push(Form { encoding, bytes });
        }
    }

    /// Replaces bytes one by one; what is not named stays.
    fn map(&mut self, encoding: Encoding, value: &[u8], put: impl Fn(u8, &mut Vec<u8>) -> bool) {
        // No byte becomes longer than `&quot;` or `\u00ff`; a buffer that grows leaves copies.
        let mut out = Vec::with_capacity(value.len() * 6);
        for byte in value {
            if !put(*byte, &mut out) {
                out.push(*byte);
            }
        }
        self.add(encoding, out);
    }

    fn encode(&mut self, value: &[u8]) {
        self.add(Encoding::Plain, value.to_vec());
        self.line_ends(value);
        self.json(value);
        self.escaped(value);
        self.shell(value);
        self.url(value);
        self.html(value);
        self.base64(value);
        let hex = |digits: &[u8; 16]| {
            let pair = |byte: &u8| {
                [
                    digits[usize::from(byte >> 4)],
                    digits[usize::from(byte & 15)],
                ]
            };
            value.iter().flat_map(pair).collect::<Vec<_>>()
        };
        self.add(Encoding::Hex, hex(b"0123456789abcdef"));
        self.add(Encoding::Hex, hex(b"0123456789ABCDEF"));
        if let Ok(text) = std::str::from_utf8(value) {
            let units = || text.encode_utf16();
            self.add(
                Encoding::Utf16,
                units().flat_map(u16::to_le_bytes).collect(),
            );
            self.add(
                Encoding::Utf16,
                units().flat_map(u16::to_be_bytes).collect(),
            );
        }
    }

    fn line_ends(&mut self, value: &[u8]) {
        if !value.contains(&b'\n') {
            return;
        }
        let mut bare = value.to_vec();
        bare.retain(|byte| *byte != b'\r');
        self.map(Encoding::LineEnds, &bare, |byte, out| {
            let ends = byte == b'\n';
            if ends {
                out.extend_from_slice(b"\r\n");
            }
            ends
        });
        self.add(Encoding::LineEnds, bare);
    }

    /// As JSON libraries write it: with and without `\/`, with `<`, `>`, `&` escaped, in ASCII only.
    fn json(&mut self, value: &[u8]) {
        for also in [&b""[..], b"/", b"<>&"] {
            self.map(Encoding::Json, value, |byte, out| {
                if json_escape(byte, out) {
                    return true;
                }
                let escaped = also.contains(&byte);
                if escaped && byte == b'/' {
                    out.extend_from_slice(b"\\/");
                } else if escaped {
                    unicode(u16::from(byte), out);
                }
                escaped
            });
        }
        let Ok(text) = std::str::from_utf8(value) else {
            return;
        };
        let mut out = Vec::with_capacity(value.len() * 6);
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if json_escape(byte, &mut out) => {}
                Ok(byte) if byte.is_ascii() => out.push(byte),
                _ => unicode(unit, &mut out),
            }
        }
        self.add(Encoding::Json, out);
    }

    fn escaped(&mut self, value: &[u8]) {
        if let Ok(text) = std::str::from_utf8(value) {
            self.add(Encoding::Escaped, text.escape_debug().to_string().into());
        }
        self.map(Encoding::Escaped, value, |byte, out| {
            backslash(byte, b"\\'", out)
        });
    }

    /// `'…'`, `"…"`, `$'…'` and a backslash before all that is special, as `printf %q` has it.
    fn shell(&mut self, value: &[u8]) {
        self.map(Encoding::Shell, value, |byte, out| {
            let quote = byte == b'\'';
            if quote {
                out.extend_from_slice(br"'\''");
            }
            quote
        });
        let before = |special: &'static [u8]| {
            move |byte: u8, out: &mut Vec<u8>| {
                if special.contains(&byte) {
                    out.push(b'\\');
                }
                false
            }
        };
        self.map(Encoding::Shell, value, before(b"\\\"$`"));
        self.map(
            Encoding::Shell,
            value,
            before(b" \t!\"#$&'()*,;<=>?[\\]^`{|}~"),
        );
        self.map(Encoding::Shell, value, |byte, out| {
            backslash(byte, b"\\'", out)
        });
    }

    /// RFC 3986, JavaScript's `encodeURIComponent`, and `application/x-www-form-urlencoded`.
    fn url(&mut self, value: &[u8]) {
        for (kept, space) in [(&b"-_.~"[..], "%20"), (b"-_.!~*'()", "%20"), (b"*-._", "+")] {
            for digits in [b"0123456789ABCDEF", b"0123456789abcdef"] {
                self.map(Encoding::Url, value, |byte, out| {
                    if byte == b' ' {
                        out.extend_from_slice(space.as_bytes());
                    } else if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
                        out.push(byte);
                    } else {
                        let pair = [
                            digits[usize::from(byte >> 4)],
                            digits[usize::from(byte & 15)],
                        ];
                        out.extend_from_slice(&[b'%', pair[0], pair[1]]);
                    }
                    true
                });
            }
        }
    }

    fn html(&mut self, value: &[u8]) {
        for (double, single) in [
            ("\"", "'"),
            ("&quot;", "'"),
            ("&quot;", "&#39;"),
            ("&quot;", "&apos;"),
            ("&quot;", "&#x27;"),
            ("&#34;", "&#39;"),
        ] {
            self.map(Encoding::Html, value, |byte, out| {
                let entity = match byte {
                    b'&' => "&amp;",
                    b'<' => "&lt;",
                    b'>' => "&gt;",
                    b'"' => double,
                    b'\'' => single,
                    _ => return false,
                };
                out.extend_from_slice(entity.as_bytes());
                true
            });
        }
    }

    /// Wherever the value starts within a longer text, without the digits its neighbours decide.
    fn base64(&mut self, value: &[u8]) {
        let inner = Zeroizing::new(BASE64_STANDARD.encode(value));
        for before in 0..3 {
            let place = |bytes: &[u8]| {
                let mut padded = Zeroizing::new(Vec::with_capacity(bytes.len() + before));
                padded.extend_from_slice(&b"\0\0"[..before]);
                padded.extend_from_slice(bytes);
                padded
            };
            let certain = |text: String, bytes: usize| {
                let text = Zeroizing::new(text);
                let end = (before + bytes) * 8 / 6;
                let start = [0, 2, 3][before].min(end);
                text.as_bytes()[start..end].to_vec()
            };
            let padded = place(value);
            for text in [
                BASE64_STANDARD_NO_PAD.encode(&*padded),
                BASE64_URL_SAFE_NO_PAD.encode(&*padded),
            ] {
                self.add(Encoding::Base64, certain(text, value.len()));
            }
            // The padding goes where the value is followed by a line end.
            let digits = inner.trim_end_matches('=').as_bytes();
            let digits = &digits[..value.len() * 8 / 6];
            let twice = BASE64_STANDARD_NO_PAD.encode(&*place(digits));
            self.add(Encoding::Base64Twice, certain(twice, digits.len()));
        }
    }
}

/// Escapes what JSON must have escaped.
fn json_escape(byte: u8, out: &mut Vec<u8>) -> bool {
    match byte {
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\n' | b'\r' | b'\t' | b'"' | b'\\' => return backslash(byte, b"\"\\", out),
        0..0x20 => unicode(u16::from(byte), out),
        _ => return false,
    }
    true
}

fn backslash(byte: u8, special: &[u8], out: &mut Vec<u8>) -> bool {
    let letter = match byte {
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        other if special.contains(&other) => other,
        _ => return false,
    };
    out.extend_from_slice(&[b'\\', letter]);
    true
}

fn unicode(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, text: &str) -> bool {
        let value = SecretValue::new(value.as_bytes().to_vec());
        let forms = forms(&value, 512);
        forms.iter().any(|form| form.bytes() == text.as_bytes())
    }

    #[test]
    fn the_encodings_of_others_are_among_ours() {
        let value = "p&s \"q'\\/\u{e9}\n$x";
        for text in [
            value,
            // serde_json, json.dumps, PHP, Go
            "p&s \\\"q'\\\\/\u{e9}\\n$x",
            "p&s \\\"q'\\\\/\\u00e9\\n$x",
            "p&s \\\"q'\\\\\\/\u{e9}\\n$x",
            "p\\u0026s \\\"q'\\\\/\u{e9}\\n$x",
            // Python's repr, a shell
            "p&s \"q\\'\\\\/\u{e9}\\n$x",
            "p&s \"q'\\''\\/\u{e9}\n$x",
            "p&s \\\"q'\\\\/\u{e9}\n\\$x",
            // urllib.parse.quote, encodeURIComponent, a form
            "p%26s%20%22q%27%5C%2F%C3%A9%0A%24x",
            "p%26s%20%22q'%5C%2F%C3%A9%0A%24x",
            "p%26s+%22q%27%5C%2F%C3%A9%0A%24x",
            "p%26s%20%22q%27%5c%2f%c3%a9%0a%24x",
            // html.escape, XML
            "p&amp;s &quot;q&#x27;\\/\u{e9}\n$x",
            "p&amp;s &quot;q&apos;\\/\u{e9}\n$x",
            "702673202271275c2fc3a90a2478",
            "p&s \"q'\\/\u{e9}\r\n$x",
        ] {
            assert!(has(value, text), "{text}");
        }
    }

    /// What stands in the middle of anything that was encoded as a whole is found, at any offset.
    #[test]
    fn base64_is_found_wherever_the_value_starts() {
        let value = b"s3cr3t/va1ue+x\xff";
        let forms = forms(&SecretValue::new(value.to_vec()), 512);
        for before in ["", "a", "ab", "abc", "abcd"] {
            for after in ["", "\n", "yz"] {
                let text = [before.as_bytes(), value, after.as_bytes()].concat();
                let once = BASE64_STANDARD.encode(&text);
                let url = BASE64_URL_SAFE_NO_PAD.encode(&text);
                let found = |text: &str, encoding| {
                    forms.iter().any(|form| {
                        let form_text = std::str::from_utf8(form.bytes()).unwrap_or("\0");
                        form.encoding == encoding && text.contains(form_text)
                    })
                };
                assert!(found(&once, Encoding::Base64), "{once}");
                assert!(found(&url, Encoding::Base64), "{url}");
                if before.is_empty() {
                    let twice = BASE64_STANDARD.encode(format!("x{once}\n"));
                    assert!(found(&twice, Encoding::Base64Twice), "{twice}");
                }
            }
        }
    }

    #[test]
    fn a_long_value_is_known_by_its_beginning_and_its_lines() {
        let text = format!("{}\nlast-line-1\n", "x".repeat(1000));
        let forms = forms(&SecretValue::new(text.into_bytes()), 100);
        assert!(forms.iter().all(|form| form.bytes().len() <= 600));
        assert!(
            forms
                .iter()
                .any(|form| form.bytes() == b"last-line-1" && form.encoding == Encoding::Line)
        );
    }

    #[test]
    fn a_plain_word_has_few_forms() {
        let forms = forms(&SecretValue::new(b"abcdefgh12345678".to_vec()), 512);
        // Plain, 3 + 3 of base64 once and twice, hex, UTF-16 twice.
        assert_eq!(forms.len(), 1 + 3 + 3 + 1 + 2);
    }
}
