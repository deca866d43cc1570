//! Which names are meant: `prod/*`, `*_KEY`, `DB_?`. A `*` stands for any characters, folders included,
//! a `?` for one; everything else for itself. Matching takes at most the product of both lengths.

/// A pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Makes a pattern; every text is one.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut seen) = (0, 0);
        // Where the last `*` stands, and what it was last tried to end at.
        let mut retry: Option<(usize, usize)> = None;
        while seen < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    retry = Some((at, seen));
                    at += 1;
                }
                Some(&byte) if byte == b'?' || byte == name[seen] => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((star, from)) = retry else {
                        return false;
                    };
                    retry = Some((star, from + 1));
                    at = star + 1;
                    seen = from + 1;
                }
            }
        }
        pattern[at..].iter().all(|&byte| byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_one() {
        for (pattern, name, matches) in [
            ("*", "prod/A", true),
            ("prod/*", "prod/eu/A", true),
            ("prod/*", "dev/A", false),
            ("*_KEY", "STRIPE_KEY", true),
            ("*_KEY", "STRIPE_KEYS", false),
            ("DB_?", "DB_1", true),
            ("DB_?", "DB_", false),
            ("A", "A", true),
            ("A", "AB", false),
            ("*A*B*", "xAyyBz", true),
            ("*A*B", "xAyyBz", false),
            ("", "A", false),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(name),
                matches,
                "{pattern} {name}"
            );
        }
    }
}
