//! Edits of texts with comments everywhere.

use proptest::prelude::*;

use super::*;
use crate::manifest::Manifest;

const HEAD: &str =
    "# top\n[vault] # v\nformat = 1\nid = \"abcdefghijklmnopqrstuvwxyz234567\"\n# end\n\n";

const SECRETS: &str = r#"# --- ours ---

# about B
[secrets.B] # b
required = false # b1
#pattern = "x"

# about the rotation of B
[secrets.B.rotate]
every = "30d"

# --- theirs ---

[secrets."prod/D"]
description = """
# no comment
[secrets.C]
"""
# about F
[secrets.F]
profiles = [
  "dev", # first
  "prod", # second
]

# last words
"#;

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn text() -> String {
    format!("{HEAD}{SECRETS}")
}

fn declared(text: &str) -> Vec<String> {
    let manifest =
        Manifest::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    manifest
        .declarations
        .keys()
        .map(ToString::to_string)
        .collect()
}

/// The lines of `after` that `before` has not, and those that it has not any more.
fn difference(before: &str, after: &str) -> (String, String) {
    let before: Vec<_> = before.split_inclusive('\n').collect();
    let after: Vec<_> = after.split_inclusive('\n').collect();
    let same = before
        .iter()
        .zip(&after)
        .take_while(|(a, b)| a == b)
        .count();
    let shorter = before.len().min(after.len()) - same;
    let back = before.iter().rev().zip(after.iter().rev());
    let back = back.take(shorter).take_while(|(a, b)| a == b).count();
    (
        after[same..after.len() - back].concat(),
        before[same..before.len() - back].concat(),
    )
}

#[test]
fn a_declaration_is_put_in_its_sorted_place() {
    for (new, behind, before) in [
        ("A", "# --- ours ---\n\n", "# about B\n"),
        ("C", "every = \"30d\"\n\n", "\n# --- theirs ---\n"),
        ("G", "# second\n]\n\n", "\n# last words\n"),
        ("prod/A", "# second\n]\n\n", "\n# last words\n"),
    ] {
        let edited = declare(&text(), [&name(new)]).unwrap();
        let table = format!("[secrets.{}]\n", written(new));
        let at = edited.find(&table).unwrap();
        assert!(edited[..at].ends_with(behind), "{new}\n{edited}");
        let rest = edited[at + table.len()..].trim_start_matches(|_| false);
        assert!(
            rest.trim_start_matches('\n')
                .starts_with(before.trim_start()),
            "{new}\n{edited}"
        );
        assert!(declared(&edited).contains(&new.to_owned()));
        let (added, lost) = difference(&text(), &edited);
        assert_eq!((added.trim(), &*lost), (table.trim(), ""), "{new}");
    }
}

#[test]
fn what_is_declared_stays_as_it_is() {
    for known in ["B", "dev/F", "prod/D"] {
        assert_eq!(declare(&text(), [&name(known)]).unwrap(), text());
    }
}

#[test]
fn a_key_that_profiles_have_is_declared_at_the_top_in_their_list() {
    let edited = declare(&text(), [&name("F")]).unwrap();
    assert_eq!(declared(&edited), ["B", "F", "dev/F", "prod/D", "prod/F"]);
    assert_eq!(
        edited,
        text().replace("\"prod\", # second", "\"prod\", \".\", # second")
    );
}

#[test]
fn the_first_declaration_of_a_file_is_at_its_end() {
    let edited = declare(HEAD.trim_end(), [&name("B"), &name("A")]).unwrap();
    assert_eq!(
        edited,
        format!("{}\n\n[secrets.A]\n\n[secrets.B]\n", HEAD.trim_end())
    );
    let windows = HEAD.replace('\n', "\r\n");
    let edited = declare(&windows, [&name("A")]).unwrap();
    assert_eq!(edited, format!("{windows}[secrets.A]\r\n"));
}

#[test]
fn a_declaration_goes_with_its_comments_and_no_others() {
    let edited = undeclare(&text(), &name("B")).unwrap();
    let (added, lost) = difference(&text(), &edited);
    assert_eq!(added, "");
    assert!(
        lost.starts_with("# about B\n") && lost.ends_with("every = \"30d\"\n\n"),
        "{lost}"
    );
    assert!(
        edited.contains("# --- ours ---\n\n# --- theirs ---\n"),
        "{edited}"
    );
    let edited = undeclare(&text(), &name("prod/D")).unwrap();
    assert!(
        edited.contains("# --- theirs ---\n\n# about F\n"),
        "{edited}"
    );
    assert_eq!(undeclare(&text(), &name("C")), Err(EditError::Missing));
    assert_eq!(undeclare(&text(), &name("F")), Err(EditError::Missing));
    assert_eq!(undeclare("[", &name("F")), Err(EditError::Syntax));
}

#[test]
fn one_of_several_profiles_goes_alone() {
    let edited = undeclare(&text(), &name("prod/F")).unwrap();
    assert_eq!(declared(&edited), ["B", "dev/F", "prod/D"]);
    assert!(edited.contains("[\n  \"dev\", # first\n]"), "{edited}");
    let edited = undeclare(&text(), &name("dev/F")).unwrap();
    assert!(edited.contains("[\n  \"prod\", # second\n]"), "{edited}");
    let edited = undeclare(&edited, &name("prod/F")).unwrap();
    assert_eq!(declared(&edited), ["B", "prod/D"]);
    let line = format!("{HEAD}[secrets.F]\nprofiles = [\"a\", \"b\"]\n");
    let edited = undeclare(&line, &name("b/F")).unwrap();
    assert!(edited.ends_with("profiles = [\"a\"]\n"), "{edited}");
    for list in [
        "[\"a\", \"b\", \"c\"]",
        "[\"a\", \"b\", \"c\",]",
        "[\n  \"a\"\n  , \"b\" # two\n  , \"c\"\n]",
        "[ # all\n  \"a\" # one\n  , # of\n  \"b\", # two\n  \"c\", ]",
        "[\n \"a\", \"b\", # two\n \"c\" # three\n ,\n]",
    ] {
        let line = format!("{HEAD}[secrets.F]\nprofiles = {list}\n");
        for (gone, left) in [
            ("a/F", ["b/F", "c/F"]),
            ("b/F", ["a/F", "c/F"]),
            ("c/F", ["a/F", "b/F"]),
        ] {
            let edited = undeclare(&line, &name(gone)).unwrap();
            assert_eq!(declared(&edited), left, "{list}");
            let again = declare(&line, [&name("F")]).unwrap();
            assert_eq!(declared(&again), ["F", "a/F", "b/F", "c/F"], "{list}");
        }
    }
}

#[test]
fn a_name_changes_in_every_header_and_nothing_else_does() {
    let edited = rename(&text(), &name("B"), &name("eu/X")).unwrap();
    let expected = text().replace("[secrets.B", "[secrets.\"eu/X\"");
    assert_eq!(edited, expected);
    let edited = rename(&text(), &name("prod/D"), &name("D")).unwrap();
    assert_eq!(edited, text().replace("\"prod/D\"", "D"));
    let edited = rename(&text(), &name("dev/F"), &name("eu/F")).unwrap();
    assert_eq!(edited, text().replace("\"dev\"", "\"eu\""));
    assert_eq!(
        rename(&text(), &name("B"), &name("dev/F")),
        Err(EditError::Taken)
    );
    assert_eq!(
        rename(&text(), &name("B"), &name("F")),
        Err(EditError::Taken)
    );
    assert_eq!(
        rename(&text(), &name("X"), &name("Y")),
        Err(EditError::Missing)
    );
}

#[test]
fn one_of_several_profiles_gets_a_declaration_of_its_own() {
    let edited = rename(&text(), &name("prod/F"), &name("eu/E")).unwrap();
    assert_eq!(declared(&edited), ["B", "dev/F", "eu/E", "prod/D"]);
    assert!(
        edited.contains("# about F\n[secrets.E]\nprofiles = [\"eu\"]\n"),
        "{edited}"
    );
    assert!(edited.contains("\"dev\", # first\n"), "{edited}");
}

#[test]
fn an_entry_of_a_line_is_changed_where_it_is() {
    let text = format!(
        "{HEAD}[secrets]\n# a\nA = {{ required = false }} # a1\nB = {{ profiles = [\"x\", \"y\"] }}\n"
    );
    let edited = undeclare(&text, &name("A")).unwrap();
    assert_eq!(
        edited,
        text.replace("# a\nA = { required = false } # a1\n", "")
    );
    let edited = rename(&text, &name("A"), &name("eu/A")).unwrap();
    assert_eq!(edited, text.replace("A = {", "\"eu/A\" = {"));
    let edited = rename(&text, &name("x/B"), &name("x/C")).unwrap();
    assert_eq!(declared(&edited), ["A", "x/C", "y/B"]);
    let edited = declare(&text, [&name("C")]).unwrap();
    assert_eq!(edited, format!("{text}\n[secrets.C]\n"));
    let odd = format!("{HEAD}[secrets]\nA.required = false\n");
    let error = undeclare(&odd, &name("A"));
    assert_eq!(error, Err(EditError::Odd { line: 8 }));
}

fn names() -> impl Strategy<Value = Vec<SecretName>> {
    let one = "(prod/|eu/x/)?[A-F]{1,2}".prop_map(|text| name(&text));
    prop::collection::btree_set(one, 1..12).prop_map(|names| names.into_iter().collect())
}

proptest! {
    /// Whatever is declared, in whatever order, and taken back, leaves the text as it was.
    #[test]
    fn declaring_is_undone_by_undeclaring(names in names(), comments in any::<[bool; 3]>()) {
        let [ours, theirs, tail] = comments;
        let before = format!(
            "{HEAD}{}[secrets.C1]\nrequired = false # c\n\n{}[secrets.\"k/C\"]\n{}",
            if ours { "# ours\n\n" } else { "# about\n" },
            if theirs { "# theirs\n\n# of k\n" } else { "" },
            if tail { "\n# the end\n" } else { "" },
        );
        let all = declare(&before, &names).unwrap();
        let mut expected: Vec<_> = names.iter().map(ToString::to_string).collect();
        expected.extend(["C1".to_owned(), "k/C".to_owned()]);
        expected.sort();
        prop_assert_eq!(declared(&all), expected.clone());
        // One after the other or all at once is the same.
        let mut one_by_one = before.clone();
        for name in names.iter().rev() {
            one_by_one = declare(&one_by_one, [name]).unwrap();
        }
        prop_assert_eq!(&all, &one_by_one);
        let tables: Vec<_> = all.lines().filter(|line| line.starts_with("[secrets.")).collect();
        prop_assert_eq!(tables.len(), expected.len());
        let mut after = all;
        for name in &names {
            after = undeclare(&after, name).unwrap();
        }
        prop_assert_eq!(after, before);
    }

    /// Renaming there and back leaves the text as it was.
    #[test]
    fn renaming_is_undone_by_renaming(to in "(prod/|eu/)?[G-K]{1,3}") {
        for from in ["B", "prod/D"] {
            let there = rename(&text(), &name(from), &name(&to)).unwrap();
            prop_assert!(declared(&there).contains(&to));
            let back = rename(&there, &name(&to), &name(from)).unwrap();
            prop_assert_eq!(back, text());
        }
    }

    /// No text makes an edit panic, and what was TOML stays TOML.
    #[test]
    fn any_text_is_edited_or_refused(text in "(\\[secrets\\]|\\[secrets\\.A\\]|A|=|\\{|\\}|\"|'|\n|#|\\.|x = 1|profiles = \\[\"a\"\\]| ){0,20}") {
        toml_stays_toml(&text)?;
    }

    /// However a list of profiles is laid out, an edit leaves a list.
    #[test]
    fn any_list_is_edited_or_refused(list in "\"(a|b|x)\"( |\n|# ,\n|,){1,4}(\"b\"|\"c\"|\n|,){0,3}( |\n|# c\n|,){0,3}") {
        toml_stays_toml(&format!("[secrets.A]\nprofiles = [{list}]\n"))?;
        toml_stays_toml(&format!("[secrets]\nA = {{ profiles = [{list}] }} # a"))?;
    }
}

fn toml_stays_toml(text: &str) -> Result<(), TestCaseError> {
    let was = toml::de::DeTable::parse(text).is_ok();
    for known in ["A", "a/A", "b/A", "x"] {
        let edits = [
            declare(text, [&name(known)]),
            undeclare(text, &name(known)),
            rename(text, &name(known), &name("B")),
            rename(text, &name(known), &name("e/A")),
        ];
        for edited in edits {
            prop_assert_eq!(was, !matches!(edited, Err(EditError::Syntax)));
            if let Ok(edited) = edited {
                let parsed = toml::de::DeTable::parse(&edited);
                prop_assert!(parsed.is_ok(), "{known}\n{text}\n=>\n{edited}");
            }
        }
    }
    Ok(())
}
