//! The files of a new home that tell git how to treat it: what never to commit, and that no byte of
//! a sealed file may be rewritten. Files that are there keep what is in them; lines that are missing
//! are added at the end.

use crate::disk::{Dir, DiskError};
use crate::vault::Target;

/// The longest such file that is read, in bytes (1 MiB).
const MAX: u64 = 1024 * 1024;

const IGNORE: &[&str] = &["/.env", "/.env.*", "/.state/"];

const HOME_ATTRIBUTES: &[&str] = &[
    "hoziron.toml text eol=lf merge=hoziron-manifest",
    "recipients/*.pub text eol=lf",
];

/// git.md 1.1: without `-text` git may rewrite line endings, and a sealed file has one spelling.
const VAULT_ATTRIBUTES: &[&str] = &[
    "*.age -text -ident !filter -working-tree-encoding diff=hoziron merge=hoziron",
    "**/.keys/** merge=binary -diff -text",
    "**/.inbox/** merge=binary -diff -text",
    ".gitattributes text eol=lf",
];

/// Returns the files that lack lines of ours, with those lines added.
pub fn missing(home: &Dir) -> Result<Vec<(Target, Vec<u8>)>, DiskError> {
    let vault = home.sub("vault")?;
    let mut changed = Vec::new();
    for (target, dir, lines) in [
        (Target::HomeIgnore, Some(home), IGNORE),
        (Target::HomeAttributes, Some(home), HOME_ATTRIBUTES),
        (Target::VaultAttributes, vault.as_ref(), VAULT_ATTRIBUTES),
    ] {
        let there = match dir {
            Some(dir) => dir.read(target.file(), MAX)?.unwrap_or_default(),
            None => Vec::new(),
        };
        changed.extend(with_lines(&there, lines).map(|bytes| (target, bytes)));
    }
    Ok(changed)
}

fn with_lines(there: &[u8], lines: &[&str]) -> Option<Vec<u8>> {
    let has = |line: &&&str| {
        there
            .split(|&byte| byte == b'\n')
            .any(|found| found.trim_ascii() == line.as_bytes())
    };
    let lacking: Vec<_> = lines.iter().filter(|line| !has(line)).collect();
    if lacking.is_empty() {
        return None;
    }
    let mut bytes = there.to_vec();
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"# written by hoziron\n");
    for line in lacking {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_twice_is_once() {
        let once = with_lines(b"node_modules", IGNORE).unwrap();
        assert_eq!(
            String::from_utf8(once.clone()).unwrap(),
            "node_modules\n# written by hoziron\n/.env\n/.env.*\n/.state/\n"
        );
        assert_eq!(with_lines(&once, IGNORE), None);
    }
}
