//! Text that came from a file, a name or a path, made safe for a terminal: control characters, and
//! characters that turn or hide text, are shown as escapes. A file name cannot move the cursor, and
//! a bidirectional override cannot make one name look like another (CVE-2021-42574).

/// Shows one line of text; every character that would do something is written as `\u{…}`.
pub fn line(text: &str) -> String {
    escape(text, |_| false)
}

/// Shows a text of several lines with tabs.
pub fn text(text: &str) -> String {
    escape(text, |character| matches!(character, '\n' | '\t'))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if acts(character) && !keep(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Controls (C0, DEL, C1), bidirectional marks, zero-width characters, separators of lines, and tags.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert_eq!(
            line("a\x1b[31mb\u{202e}c\n"),
            "a\\u{1b}[31mb\\u{202e}c\\u{a}"
        );
        assert_eq!(text("a\n\tb\r"), "a\n\tb\\u{d}");
        assert_eq!(line("plain ä 日本 🦀"), "plain ä 日本 🦀");
    }
}
