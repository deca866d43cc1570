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

/// Whatever of the examples one takes, with the headers around it.
#[test]
fn every_example_of_the_starter_reads_as_it_stands() {
    let id = VaultId::parse(ID).unwrap();
    let starter = Manifest::starter(&id);
    let example = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let examples = starter.lines().filter(|line| example(line)).count();
    let all = starter.lines().map(|line| match example(line) {
        true => format!("{}\n", &line[1..]),
        false => format!("{line}\n"),
    });
    let all: String = all.collect();
    let manifest = Manifest::parse(all.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(manifest.unmanaged, Unmanaged::Warn);
    assert_eq!(manifest.access.len(), 2);
    assert_eq!(manifest.declarations.len(), 5);
    assert_eq!(manifest.profiles.len(), 1);
    let people = [ReaderName::parse("alice").unwrap()].into();
    assert_eq!(manifest.check_people(&people, &BTreeSet::new()), []);
    let mut tried = 0;
    for paragraph in starter.split("\n\n") {
        for only in paragraph.lines().filter(|line| example(line)) {
            let lines = paragraph.lines().map(|line| {
                let taken = line == only || line.starts_with("#[");
                format!("{}\n", if taken { &line[1..] } else { line })
            });
            let text = text(&format!("{}\n", lines.collect::<String>()));
            // `unmanaged` is a field of the table that every text here begins with.
            let manifest = Manifest::parse(text.as_bytes());
            assert!(manifest.is_ok(), "{}\n{text}", manifest.unwrap_err());
            tried += 1;
        }
    }
    assert_eq!((tried, examples), (18, 18));
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

#[test]
fn a_chain_of_moves_has_one_end_however_long_it_is() {
    let mut text = String::new();
    let count = 10_000;
    for number in 0..count {
        let next = number + 1;
        text.push_str(&format!(
            "[[moved]]\nfrom = \"N{number}\"\nto = \"N{next}\"\n"
        ));
    }
    let manifest = parse(&text);
    let moves = manifest.moves();
    assert_eq!(moves.len(), count);
    let end = SecretName::parse(&format!("N{count}")).unwrap();
    assert!(moves.values().all(|to| **to == end));
}
