//! `json`: one object, a member a line, every value a string. Only ASCII is written, so that no
//! reader has to guess an encoding, and a string never turns into a number or a truth value.

use std::str;

use crate::env::Variables;

/// Writes the object. Every value is UTF-8.
pub(super) fn write(variables: &Variables, out: &mut dyn FnMut(&[u8])) {
    out(b"{");
    for (index, (name, value)) in variables.iter().enumerate() {
        out(if index == 0 { b"\n  \"" } else { b",\n  \"" });
        out(name.as_str().as_bytes());
        out(b"\": \"");
        let text = str::from_utf8(value.reveal()).expect("a value that is not UTF-8 is refused");
        text.chars().for_each(|char| write_char(char, out));
        out(b"\"");
    }
    out(if variables.is_empty() {
        b"}\n"
    } else {
        b"\n}\n"
    });
}

fn write_char(char: char, out: &mut dyn FnMut(&[u8])) {
    match char {
        '"' => out(br#"\""#),
        '\\' => out(br"\\"),
        '\n' => out(br"\n"),
        '\r' => out(br"\r"),
        '\t' => out(br"\t"),
        ' '..='~' => out(char.encode_utf8(&mut [0; 4]).as_bytes()),
        _ => char.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| {
            out(&[
                b'\\',
                b'u',
                digit(unit >> 12),
                digit(unit >> 8),
                digit(unit >> 4),
                digit(unit),
            ]);
        }),
    }
}

fn digit(bits: u16) -> u8 {
    b"0123456789abcdef"[usize::from(bits & 15)]
}
