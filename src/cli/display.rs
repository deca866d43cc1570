//! Text that came from a file, a name or a path, made safe for a terminal: control characters, and
//! characters that turn or hide text, are shown as escapes. A file name cannot move the cursor, and
//! a bidirectional override cannot make one name look like another (CVE-2021-42574).

use std::path::Path;

/// Shows one line of text; every character that would do something is written as `\u{…}`.
pub fn line(text: &str) -> String {
    escape(text, |_| false)
}

/// Shows a text of several lines with tabs.
pub fn text(text: &str) -> String {
    escape(text, |character| matches!(character, '\n' | '\t'))
}

/// Shows a word that somebody typed where a name belongs: of `NAME=value`, the name.
pub fn typed(word: &str) -> String {
    match word.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        None => word.to_owned(),
    }
}

/// Shows a path as one word of a shell's command line: a name from a repository, pasted, runs nothing.
pub fn word(path: &Path) -> String {
    let path = path.to_string_lossy();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+:@%,".contains(character);
    if path.chars().all(is_plain) && !path.is_empty() {
        path.into_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

/// The beginnings of private keys, in lower case, that are never shown whatever they stand in.
const PRIVATE: [&str; 2] = ["age-secret-key-", "age-plugin-"];

/// Leaves out what follows the beginning of a private key.
fn without_keys(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    while let Some((at, start)) = PRIVATE
        .iter()
        .filter_map(|start| Some((lower[done..].find(start)?, start)))
        .min()
    {
        let to = done + at + start.len();
        let rest = text[to..]
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '-');
        let end = rest.map_or(text.len(), |rest| to + rest);
        // A plugin is called `age-plugin-yubikey`; its keys are far longer.
        if end - to >= 20 {
            out.push_str(&text[done..to]);
            out.push('…');
        } else {
            out.push_str(&text[done..end]);
        }
        done = end;
    }
    out.push_str(&text[done..]);
    out
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in without_keys(text).chars() {
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
    fn private_keys_are_left_out_and_programs_are_not() {
        let key = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
        assert_eq!(
            line(&format!("`{key}` and {}", key.to_lowercase())),
            "`AGE-SECRET-KEY-…` and age-secret-key-…"
        );
        assert_eq!(
            line("age-plugin-yubikey is not there"),
            "age-plugin-yubikey is not there"
        );
        assert_eq!(typed("KEY=hunter2"), "KEY=…");
    }

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
