//! What a manifest says to the leak scan: in which files a find is allowed. Patterns of paths only; a
//! value in them would be no use to anybody. The vault's own files are never among what they allow,
//! which the scan sees to.

use crate::domain::Glob;
use crate::manifest::error::{Problem, Problems};
use crate::manifest::fields::Fields;

/// The most patterns: every file of a repository is held against each.
const MOST: usize = 256;

/// Reads `[scan]`.
pub(super) fn read(top: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Glob> {
    let Some(value) = top.raw("scan") else {
        return Vec::new();
    };
    let what = "a field of `[scan]`";
    let Some(fields) = Fields::new(value, "scan", what, &["allow"], problems) else {
        return Vec::new();
    };
    let mut allow = Vec::new();
    for text in fields.texts("allow", problems).unwrap_or_default() {
        let must = if text.value.is_empty() || outside(text.value) {
            "made of paths from the top of the repository, like \"tests/data/*\""
        } else if allow.len() == MOST {
            "256 patterns at most"
        } else {
            allow.push(Glob::new(text.value));
            continue;
        };
        problems.at(text.at, || Problem::Wrong {
            field: "allow",
            must,
        });
    }
    allow
}

/// Such a path would never be met.
fn outside(path: &str) -> bool {
    ["/", "./", "../"]
        .iter()
        .any(|start| path.starts_with(start))
}

#[cfg(test)]
mod tests {
    use crate::manifest::{Manifest, ManifestErrors};

    fn parse(rest: &str) -> Result<Manifest, ManifestErrors> {
        let id = "abcdefghijklmnopqrstuvwxyz234567";
        Manifest::parse(format!("[vault]\nformat = 1\nid = \"{id}\"\n{rest}").as_bytes())
    }

    #[test]
    fn the_files_in_which_a_find_is_allowed_are_read() {
        let manifest = parse("[scan]\nallow = [\"tests/data/*\", \".github/x.yml\"]").unwrap();
        let allow: Vec<_> = manifest
            .scan_allow
            .iter()
            .map(|glob| glob.as_str())
            .collect();
        assert_eq!(allow, ["tests/data/*", ".github/x.yml"]);
        assert!(parse("[scan]").unwrap().scan_allow.is_empty());
    }

    #[test]
    fn what_could_never_allow_anything_is_refused_by_its_line() {
        for wrong in ["\"\"", "\"/etc/*\"", "\"./a\"", "\"../a\"", "7"] {
            let errors = parse(&format!("[scan]\nallow = [\n{wrong}\n]")).unwrap_err();
            assert_eq!(errors.problems().len(), 1, "{wrong}");
            assert_eq!(errors.problems()[0].line, 6, "{wrong}");
        }
        let many = "\"a\",\n".repeat(257);
        let errors = parse(&format!("[scan]\nallow = [\n{many}]")).unwrap_err();
        assert_eq!(errors.problems()[0].line, 6 + 256);
        let errors = parse("[scan]\nalow = []").unwrap_err();
        let said = errors.to_string();
        assert!(said.contains("did you mean `allow`?"), "{said}");
    }
}
