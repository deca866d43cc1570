//! What a profile has: by folder, by inheritance, by what the manifest says; and what never takes the
//! place of something else.

use super::*;
use crate::domain::VaultId;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567";

fn manifest(text: &str) -> Manifest {
    let text = format!("[vault]\nformat = 1\nid = \"{ID}\"\n{text}");
    Manifest::parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What `-P profile` chooses, one variable a line, then what is missing.
fn chosen(text: &str, sealed: &str, profile: &str, seen: &str) -> Result<Vec<String>, SelectError> {
    let state = tempfile::tempdir().unwrap();
    let names = |text: &str| -> Vec<_> {
        let names = text.split_whitespace();
        names.map(|name| SecretName::parse(name).unwrap()).collect()
    };
    let inventory = Inventory {
        names: names(sealed).into_iter().collect(),
        ..Inventory::default()
    };
    let mut marks = Seen::load(state.path(), &VaultId::parse(ID).unwrap()).unwrap();
    for name in names(seen) {
        marks.raise(&name, 7);
    }
    let profile = FolderName::parse(profile).unwrap();
    let chosen = select(&manifest(text), &inventory, Some(&profile), Some(&marks))?;
    let sources = chosen.sources.iter().map(|(variable, source)| {
        let parts = source.secret().and_then(|name| chosen.recipes.get(name));
        let parts = parts.into_iter().flat_map(|recipe| recipe.parts.values());
        let parts: String = parts.map(|part| format!(" {part}")).collect();
        match source {
            Source::Composed(name) => format!("{variable} composed {name}{parts}"),
            Source::Default(name) => format!("{variable} default {name}"),
            Source::Vault(name) => format!("{variable} {name}"),
            other => panic!("{other:?}"),
        }
    });
    let missing = chosen.missing.iter().map(ToString::to_string);
    Ok(sources.chain(missing).collect())
}

#[track_caller]
fn is(found: Result<Vec<String>, SelectError>, expected: &[&str]) {
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn a_profile_takes_from_the_top_unless_the_manifest_says_otherwise() {
    let sealed = "A B prod/A prod/db/C base/B base/x/D";
    is(
        chosen("", sealed, "prod", ""),
        &["A prod/A", "B B", "C prod/db/C"],
    );
    let alone = "[profiles.prod]\ninherits = []";
    is(
        chosen(alone, sealed, "prod", ""),
        &["A prod/A", "C prod/db/C"],
    );
    let base = "[profiles.prod]\ninherits = [\"base\"]";
    let with_base = ["A prod/A", "B base/B", "C prod/db/C", "D base/x/D"];
    is(chosen(base, sealed, "prod", ""), &with_base);
    is(chosen("", sealed, ".", ""), &["A A", "B B"]);
}

/// A default is the last resort: what is sealed anywhere in the profile comes before it.
#[test]
fn a_default_gives_way_to_everything_that_is_sealed() {
    let text = "[secrets.A]\nprofiles = [\"prod\"]\ndefault = \"x\"";
    is(chosen(text, "", "prod", ""), &["A default prod/A"]);
    is(chosen(text, "A", "prod", ""), &["A A"]);
    is(chosen(text, "A prod/A", "prod", ""), &["A prod/A"]);
}

#[test]
fn references_are_looked_for_where_the_value_is_declared() {
    let text = "[secrets.URL]\nprofiles = [\".\", \"prod\"]\ncompose = \"${P}${H}\"\n\
                [secrets.P]\nprofiles = [\".\", \"prod\"]\n[secrets.H]\ndefault = \"h\"";
    let prod = ["H default H", "P prod/P", "URL composed prod/URL H prod/P"];
    is(chosen(text, "P prod/P", "prod", ""), &prod);
    let top = ["H default H", "P P", "URL composed URL H P"];
    is(chosen(text, "P prod/P", ".", ""), &top);
    // One that is declared at the top is the top's, whoever inherits it.
    let text = "[secrets.URL]\ncompose = \"${P}\"\n[secrets.P]\nprofiles = [\".\", \"prod\"]";
    let inherited = ["P prod/P", "URL composed URL P"];
    is(chosen(text, "P prod/P", "prod", ""), &inherited);
}

/// On a fresh machine nobody remembers what was sealed; the declaration does.
#[test]
fn what_is_required_and_missing_does_not_fall_back() {
    let text = "[secrets.A]\nprofiles = [\"prod\"]";
    let missing = ["`prod/A` is required and has no value"];
    is(chosen(text, "A", "prod", ""), &missing);
    let optional = format!("{text}\nrequired = false");
    is(chosen(&optional, "A", "prod", ""), &["A A"]);
    is(chosen(&optional, "", "prod", ""), &[]);
    let gone = ["`prod/A` was sealed as revision 7 and is gone"];
    is(chosen(text, "A", "prod", "prod/A"), &gone);
}

#[test]
fn what_lacks_a_part_names_both() {
    let text = "[secrets.TOP]\nprofiles = [\"prod\"]\ncompose = \"<${URL}>\"\n\
                [secrets.URL]\nprofiles = [\"prod\"]\ncompose = \"x${P}\"\n\
                [secrets.P]\nprofiles = [\"prod\"]\nrequired = false";
    let both = [
        "`prod/TOP` is put together from `prod/P`, which has no value",
        "`prod/URL` is put together from `prod/P`, which has no value",
    ];
    is(chosen(text, "", "prod", ""), &both);
    let all = [
        "P prod/P",
        "TOP composed prod/TOP prod/URL",
        "URL composed prod/URL prod/P",
    ];
    is(chosen(text, "prod/P", "prod", ""), &all);
}

/// Whoever deletes a file must not decide by it which value is used.
#[test]
fn nothing_takes_the_place_of_what_is_gone_unless_the_manifest_lets_it_go() {
    let default = "[secrets.A]\ndefault = \"x\"";
    let compose = "[secrets.A]\nprofiles = [\"prod\"]\ncompose = \"x\"";
    let base = "[profiles.prod]\ninherits = [\"base\"]\n[profiles.base]\ninherits = [\".\"]";
    for (text, sealed, profile, seen) in [
        ("", "A", "prod", "prod/A"),
        (default, "", ".", "A"),
        (default, "", "prod", "prod/A"),
        (compose, "", "prod", "prod/A"),
        (base, "A", "prod", "base/A"),
    ] {
        let error = chosen(text, sealed, profile, seen).unwrap_err();
        assert!(
            matches!(&error, SelectError::Gone { name, revision: 7, .. } if name.as_str() == seen),
            "{error}"
        );
    }
    let removed = "[[removed]]\nname = \"prod/A\"";
    is(chosen(removed, "A", "prod", "prod/A"), &["A A"]);
    let moved = "[[moved]]\nfrom = \"prod/A\"\nto = \"prod/B\"";
    is(
        chosen(moved, "A prod/B", "prod", "prod/A"),
        &["A A", "B prod/B"],
    );
    // What a narrower folder has was there before, and goes on to count.
    is(chosen("", "prod/A", "prod", "A"), &["A prod/A"]);
    is(chosen("", "prod/b/A", "prod", "prod/a/A"), &["A prod/b/A"]);
}

/// The part of a value counts as the value does.
#[test]
fn a_part_that_is_gone_is_not_replaced_either() {
    let text = "[secrets.URL]\nprofiles = [\"prod\"]\ncompose = \"${P}\"\n\
                [secrets.P]\nprofiles = [\".\", \"prod\"]\nrequired = false";
    let error = chosen(text, "P", "prod", "prod/P").unwrap_err();
    assert!(matches!(error, SelectError::Gone { .. }), "{error}");
}

#[test]
fn one_variable_from_two_secrets_of_a_folder_is_refused() {
    let compose = "[secrets.\"prod/a/A\"]\ncompose = \"x\"";
    for (text, sealed) in [("", "prod/a/A prod/b/A"), (compose, "prod/b/A")] {
        let error = chosen(text, sealed, "prod", "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`A` is both `prod/a/A` and `prod/b/A`",
            "{sealed}"
        );
    }
}

#[test]
fn a_profile_is_one_if_it_has_secrets_or_is_declared() {
    let error = chosen("", "prod/A", "prdo", "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no folder `prdo` in the vault; there is `prod`"
    );
    is(chosen("[profiles.prdo]", "prod/A B", "prdo", ""), &["B B"]);
}
