//! The source as text: every file below `src`, with spaces for comments, texts and modules of tests,
//! so that a word that is found is code that ships. Offsets and lines stay as they are in the file.
//! It knows as much of Rust as this needs, and no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The top of the package.
pub const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// One file below `src`.
pub struct Source {
    /// Its path there.
    pub path: String,
    /// What is in it.
    pub raw: String,
    /// The same length, but code only.
    pub code: String,
    /// Whether all of it is compiled for tests only.
    pub is_test: bool,
}

impl Source {
    /// The path of its module: that of `vault/transaction/mod.rs` is `vault`, `transaction`.
    pub fn module(&self) -> Vec<&str> {
        let path = stem(&self.path);
        let top = ["lib", "main"];
        path.split('/').filter(|name| !top.contains(name)).collect()
    }

    /// Names a place as a compiler does.
    pub fn at(&self, offset: usize) -> String {
        let line = 1 + self.raw[..offset].matches('\n').count();
        format!("src/{}:{line}", self.path)
    }

    /// Says whether it is one of these files, or in one of these folders.
    pub fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// Every place in the code of a word, or of a path like `fs::write`.
    pub fn places<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let found = self.code.match_indices(word).map(|(at, _)| at);
        found.filter(move |at| {
            let before = self.code[..*at].chars().next_back();
            let after = self.code[at + word.len()..].chars().next();
            let cut = |end: &str, other: Option<char>| {
                end.chars().all(is_word) && other.is_some_and(is_word)
            };
            !cut(&word[..1], before) && !cut(&word[word.len() - 1..], after)
        })
    }

    /// How many lines are code or its comments: all but the tests at the end.
    pub fn code_lines(&self) -> usize {
        let tests = self.raw.find("\n#[cfg(test)]\nmod tests {");
        self.raw[..tests.unwrap_or(self.raw.len())].lines().count()
    }
}

/// Says whether a character can be part of a name.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Where the brace that opens at `open` is closed: behind it.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, character) in code[open..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    panic!("a brace is not closed")
}

/// Reads every file below `src`.
pub fn sources() -> Vec<Source> {
    let root = Path::new(PACKAGE).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let mut tests = BTreeSet::new();
    let mut sources: Vec<_> = files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
            let raw = fs::read_to_string(file).unwrap();
            let mut code = code_of(&raw);
            for name in drop_tests(&mut code) {
                tests.insert(format!("{}/{name}.rs", stem(path)));
            }
            assert_eq!(code.len(), raw.len(), "{path}");
            Source {
                path: path.to_owned(),
                raw,
                code,
                is_test: false,
            }
        })
        .collect();
    for source in &mut sources {
        let below = |test: &String| source.path.starts_with(&format!("{}/", stem(test)));
        source.is_test = tests.contains(&source.path) || tests.iter().any(below);
    }
    assert!(sources.len() > 60, "only {} files", sources.len());
    sources
}

fn stem(path: &str) -> &str {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.strip_suffix("/mod").unwrap_or(path)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Replaces comments and texts by spaces.
fn code_of(raw: &str) -> String {
    let mut code = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(character) = rest.chars().next() {
        let in_word = code.chars().next_back().is_some_and(is_word);
        let length = match words(rest, in_word) {
            0 => {
                code.push(character);
                character.len_utf8()
            }
            length => {
                code.push_str(&blank(&rest[..length]));
                length
            }
        };
        rest = &rest[length..];
    }
    code
}

/// The length of the comment, text or character that starts here; 0 if none does.
fn words(rest: &str, in_word: bool) -> usize {
    let until = |end: Option<usize>| end.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return until(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return until(rest.find("*/").map(|end| end + 2));
    }
    let prefixes = ["r", "br", "cr"];
    let raw = prefixes.iter().find_map(|prefix| rest.strip_prefix(prefix));
    if let Some(raw) = raw.filter(|_| !in_word) {
        let hashes: String = raw.chars().take_while(|c| *c == '#').collect();
        if raw[hashes.len()..].starts_with('"') {
            let start = rest.len() - raw.len() + hashes.len() + 1;
            let close = format!("\"{hashes}");
            let end = rest[start..].find(&close);
            return until(end.map(|end| start + end + close.len()));
        }
    }
    let mut characters = rest.chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some('"'), ..) => quoted(rest, '"'),
        (Some('\''), Some('\\'), _) => quoted(rest, '\''),
        // What has no quote behind its first character is a lifetime.
        (Some('\''), Some(one), Some('\'')) => one.len_utf8() + 2,
        _ => 0,
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn blank(text: &str) -> String {
    let spaces = text.bytes().map(|byte| match byte {
        b'\n' => '\n',
        _ => ' ',
    });
    spaces.collect()
}

/// Replaces what is under `#[cfg(test)]` by spaces, and returns the modules of it that have files
/// of their own.
fn drop_tests(code: &mut String) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(start) = code.find("#[cfg(test)]") {
        let item = &code[start..];
        let semicolon = item.find(';').unwrap_or(item.len());
        let brace = item.find('{').unwrap_or(item.len());
        let end = if semicolon < brace {
            names.extend(
                item[..semicolon]
                    .split_whitespace()
                    .last()
                    .map(str::to_owned),
            );
            semicolon + 1
        } else {
            closing(item, brace)
        };
        let spaces = blank(&item[..end]);
        code.replace_range(start..start + end, &spaces);
    }
    names
}

#[test]
fn comments_texts_and_tests_are_not_code() {
    let raw = "a // \"b\n'\"' c \"\\\" d\" r#\"e \" f\"# <'g> 'h' /* i */ b\"j\" k\n\
               #[cfg(test)]\nmod l {\n fn m() {}\n}\n#[cfg(test)]\nmod n;\no\n";
    let mut code = code_of(raw);
    assert_eq!(drop_tests(&mut code), ["n"]);
    assert_eq!(code.len(), raw.len());
    assert_eq!(code.matches('\n').count(), raw.matches('\n').count());
    let left: Vec<_> = code.split_whitespace().collect();
    assert_eq!(left, ["a", "c", "<'g>", "b", "k", "o"]);
}
