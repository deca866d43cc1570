//! What a manifest says, and every way in which it can be wrong.

use super::*;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567";

fn text(rest: &str) -> String {
    format!("[vault]\nformat = 1\nid = \"{ID}\"\n{rest}")
}

#[track_caller]
fn parse(rest: &str) -> Manifest {
    Manifest::parse(text(rest).as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The problems of what stands from line 4 on.
#[track_caller]
fn problems(rest: &str) -> Vec<String> {
    let errors = Manifest::parse(text(rest).as_bytes()).unwrap_err();
    errors.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn a_starter_reads_back() {
    let id = VaultId::parse(ID).unwrap();
    let manifest = Manifest::parse(Manifest::starter(&id).as_bytes()).unwrap();
    assert_eq!(manifest, parse(""));
}

#[test]
fn a_later_format_is_named_before_its_unknown_fields() {
    let text = format!("[vault]\nformat = 2\nid = \"{ID}\"\nnovelty = 1\n");
    let errors = Manifest::parse(text.as_bytes()).unwrap_err();
    assert_eq!(
        errors.problems(),
        [ManifestError {
            line: 1,
            problem: Problem::Newer(2)
        }]
    );
}

#[test]
fn several_problems_are_reported_together_by_line() {
    let found = problems(
        "unmangaged = \"x\"\n[secrets.A]\nrequird = true\ngenerate = { kind = \"pasword\" }\n[acess]\n",
    );
    assert_eq!(
        found,
        [
            "line 4: `unmangaged` is not a field of `[vault]`; did you mean `unmanaged`?",
            "line 6: `requird` is not a field of a secret; did you mean `required`?",
            "line 7: `pasword` is not a kind of `generate`; did you mean `password`?",
            "line 8: `acess` is not a table of the manifest; did you mean `access`?",
        ]
    );
}
