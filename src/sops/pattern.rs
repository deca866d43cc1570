//! Patterns of a sops file, which are Go's: read with Go's grammar and handed on as a pattern that
//! means the same to the engine in use. What cannot be carried over exactly is refused, for a rule
//! that matches something else decides what is in the open. Matching takes linear time.

use regex_lite::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const MAX: usize = 4096;

/// The most room a compiled pattern may take, in bytes. What it costs to match grows with it.
const MAX_COMPILED: usize = 128 * 1024;

/// The room that one state of a compiled pattern takes, in bytes, roughly.
const STATE: usize = 32;

/// A pattern that is looked for anywhere in a text.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// The most states it can be in, within a factor of two.
    states: usize,
}

impl Pattern {
    /// Reads a pattern of Go's; `None` if it is not one, or cannot be carried over.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX {
            return None;
        }
        let translated = Translator::run(text)?;
        let mut builder = RegexBuilder::new(&translated);
        let sizes = std::iter::successors(Some(1024), |size| Some(size * 2));
        let mut sizes = sizes.take_while(|size| *size <= MAX_COMPILED);
        sizes.find_map(|size| {
            let regex = builder.size_limit(size).build().ok()?;
            let states = size / STATE;
            Some(Self { regex, states })
        })
    }

    /// Says whether it is found in a text.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Returns the most steps that looking for it in a text can take.
    pub fn cost(&self, text: &str) -> usize {
        (text.len() + 1).saturating_mul(self.states)
    }
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    /// Case is ignored somewhere, and letters outside of ASCII stand somewhere.
    folds: bool,
    foreign: bool,
}

impl<'a> Translator<'a> {
    fn run(text: &'a str) -> Option<String> {
        let mut it = Self {
            rest: text,
            out: String::with_capacity(text.len() + 16),
            folds: false,
            foreign: false,
        };
        while let Some(char) = it.next() {
            match char {
                '\\' => it.escape(false)?,
                '[' => it.class()?,
                '(' => it.group()?,
                '{' => it.brace(),
                '}' => it.out.push_str(r"\}"),
                _ => it.plain(char),
            }
        }
        // Go folds every alphabet, the engine ASCII's alone.
        (!it.folds || !it.foreign).then_some(it.out)
    }

    fn next(&mut self) -> Option<char> {
        let char = self.rest.chars().next()?;
        self.rest = &self.rest[char.len_utf8()..];
        Some(char)
    }

    fn plain(&mut self, char: char) {
        self.foreign |= !char.is_ascii();
        self.out.push(char);
    }

    /// A character that means itself.
    fn literal(&mut self, char: char) {
        self.foreign |= !char.is_ascii();
        if char.is_ascii_alphanumeric() || !char.is_ascii() {
            self.out.push(char);
        } else {
            self.code(u32::from(char));
        }
    }

    fn code(&mut self, code: u32) {
        self.out.push_str(&format!(r"\x{{{code:X}}}"));
    }

    fn escape(&mut self, in_class: bool) -> Option<()> {
        let char = self.next()?;
        match char {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                // Go's \s has no vertical tab.
                match char {
                    's' if in_class => self.out.push_str(r"\t\n\f\r "),
                    's' => self.out.push_str(r"[\t\n\f\r ]"),
                    'S' if in_class => return None,
                    'S' => self.out.push_str(r"[^\t\n\f\r ]"),
                    _ => self.out.extend(['\\', char]),
                }
            }
            'A' | 'z' | 'b' | 'B' if !in_class && !self.rest.starts_with('{') => {
                self.out.extend(['\\', char]);
            }
            'a' => self.code(7),
            'f' => self.code(12),
            'n' => self.code(10),
            'r' => self.code(13),
            't' => self.code(9),
            'v' => self.code(11),
            'x' => self.hexadecimal()?,
            'Q' if !in_class => self.quoted(),
            '0'..='7' => self.octal(char)?,
            _ if char.is_ascii() && !char.is_ascii_alphanumeric() => self.code(u32::from(char)),
            _ => return None,
        }
        Some(())
    }

    fn hexadecimal(&mut self) -> Option<()> {
        let digits = match self.rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?.0,
            None => self.rest.get(..2)?,
        };
        let skipped = digits.len() + if self.rest.starts_with('{') { 2 } else { 0 };
        let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| hex)?;
        let char = char::from_u32(code)?;
        self.foreign |= !char.is_ascii();
        self.code(code);
        self.rest = &self.rest[skipped..];
        Some(())
    }

    /// `\0` and up to two digits more, or `\1` to `\7` with at least one more; else a back-reference.
    fn octal(&mut self, first: char) -> Option<()> {
        let octal = |char: &char| ('0'..='7').contains(char);
        let more: String = self.rest.chars().take(2).take_while(octal).collect();
        if first != '0' && more.is_empty() {
            return None;
        }
        self.rest = &self.rest[more.len()..];
        let code = u32::from_str_radix(&format!("{first}{more}"), 8).ok()?;
        self.foreign |= code > 127;
        self.code(code);
        Some(())
    }

    fn quoted(&mut self) {
        let (inner, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        inner.chars().for_each(|char| self.literal(char));
    }

    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let char = self.next()?;
            match char {
                ']' if !first => break,
                '\\' => self.escape(true)?,
                '[' if self.rest.starts_with(':') => {
                    let (name, rest) = self.rest[1..].split_once(":]")?;
                    self.out.push_str(&format!("[:{name}:]"));
                    self.rest = rest;
                }
                '-' if first || self.rest.starts_with(']') => self.code(u32::from('-')),
                '-' => self.out.push('-'),
                _ => self.literal(char),
            }
            first = false;
        }
        self.out.push(']');
        Some(())
    }

    /// A group; of its flags only those that both know.
    fn group(&mut self) -> Option<()> {
        self.out.push('(');
        let Some(inner) = self.rest.strip_prefix('?') else {
            return Some(());
        };
        if inner.starts_with("P<") || inner.starts_with('<') {
            let (name, rest) = self.rest.split_once('>')?;
            let bare = name.trim_start_matches(['?', 'P', '<']);
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if bare.is_empty() || !bare.bytes().all(word) {
                return None;
            }
            self.rest = rest;
            // Nothing asks for a group by name.
            return Some(());
        }
        let end = inner.find([':', ')'])?;
        let flags = &inner[..end];
        if flags.is_empty() && inner.starts_with(')')
            || !flags.bytes().all(|byte| b"imsU-".contains(&byte))
        {
            return None;
        }
        self.folds |= flags.split('-').next()?.contains('i');
        self.out.push('?');
        self.out.push_str(flags);
        self.rest = &inner[end..];
        Some(())
    }

    /// A brace that is no repetition means itself in Go.
    fn brace(&mut self) {
        let count = self.rest.split_once('}').map(|(inner, _)| inner);
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let repeats = count.filter(|inner| match inner.split_once(',') {
            Some((least, most)) => number(least) && (most.is_empty() || number(most)),
            None => number(inner),
        });
        match repeats {
            Some(inner) => {
                self.out.push_str(&format!("{{{inner}}}"));
                self.rest = &self.rest[inner.len() + 1..];
            }
            None => self.out.push_str(r"\{"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checklist 29: what Go's grammar means, where the engine's own would differ.
    #[test]
    fn a_pattern_means_what_it_means_in_go() {
        for (pattern, yes, no) in [
            ("^(password|key)$", "key", "keys"),
            ("pass", "my_password", "pas"),
            ("^", "", "\u{0}never"),
            (r"^\d+$", "12", "١٢"),
            (r"^\w$", "a", "ä"),
            ("^[a[b]$", "[", "c"),
            ("^[a&&b]$", "&", "c"),
            ("^[]x]$", "]", "y"),
            ("^[a~~b]+$", "~", "-"),
            ("^[a-]$", "-", "b"),
            (r"^[\d_-]+$", "1-_", "a"),
            ("^[[:upper:]]+$", "AB", "ab"),
            (r"\Qa.b\E$", "a.b", "axb"),
            (r"^\101\x42\x{43}$", "ABC", "abc"),
            ("^a{,2}$", "a{,2}", "aa"),
            ("^a{1,2}$", "aa", "aaa"),
            ("(?i)^PASS", "password", "word"),
            ("(?P<n>a)b", "ab", "b"),
            (r"^a\.b\-c\_d$", "a.b-c_d", "axb-c_d"),
            (r"^\s$", "\t", "\u{b}"),
            ("{", "a{b", "ab"),
        ] {
            let found = Pattern::parse(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert!(found.matches(yes), "{pattern} in {yes:?}");
            if pattern != "^" {
                assert!(!found.matches(no), "{pattern} in {no:?}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_or_cannot_be_carried_over_is_refused() {
        for pattern in [
            "(",
            "a)",
            "[",
            "[b-a]",
            "*",
            r"\",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            r"(a)\1",
            r"\p{Greek}",
            r"\C",
            "(?x)a b",
            "(?R)a",
            r"\h",
            r"\b{start}",
            "a{9999999}",
            "(?i)straße",
            r"[\S]",
            "((a{1000}){1000}){1000}",
            r"\x{110000}",
            r"\Z",
            "(?",
            "(?P<a",
        ] {
            assert!(Pattern::parse(pattern).is_none(), "{pattern}");
        }
        assert!(Pattern::parse(&"a".repeat(5000)).is_none());
    }
}
