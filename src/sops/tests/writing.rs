//! Files that are written here: they read back, what did not change stays, and what sops would alter
//! is refused. Two of the known faults need a file to be written first.

use super::*;
use crate::domain::Plugins;
use crate::input::tree::nest;

const NOW: &str = "2026-01-02T03:04:05Z";
const LATER: &str = "2026-01-02T03:04:06Z";

fn me() -> Recipient {
    Recipient::parse(keyring().identities()[0].public()).unwrap()
}

fn written(
    values: &[(&str, &str)],
    store: Store,
    recipients: &[&Recipient],
    now: &str,
    previous: Option<&str>,
) -> Result<Option<String>, WriteError> {
    let value = |(path, value): &(&str, &str)| {
        let path = path.split('/').map(str::to_owned).collect();
        (path, SecretValue::new(value.as_bytes().to_vec()))
    };
    let tree = nest(values.iter().map(value).collect()).unwrap();
    let document = previous.map(|text| Document::parse(text.as_bytes(), store).unwrap());
    let previous = document.as_ref().map(|document| {
        let opened = open(document, &keyring(), Check::Verify).unwrap();
        Previous { document, opened }
    });
    Ok(
        match write(
            &tree,
            store,
            recipients,
            &Plugins::default(),
            now,
            previous.as_ref(),
        )? {
            Written::New(text) => Some(String::from_utf8(text).unwrap()),
            Written::Unchanged => None,
        },
    )
}

const SOME: [(&str, &str); 5] = [
    ("A", "one"),
    ("EMPTY", ""),
    ("db/no", "line1\nline2\n"),
    ("db/x/y", "true"),
    ("z", "007"),
];

fn flat(values: &[(&str, &str)]) -> Vec<String> {
    values
        .iter()
        .map(|(path, value)| format!("{}={value}", path.replace('/', ".")))
        .collect()
}

#[test]
fn what_is_written_reads_back() {
    for store in [Store::Yaml, Store::Json] {
        let text = written(&SOME, store, &[&me()], NOW, None).unwrap().unwrap();
        let found = named(&text, store, Check::Verify).unwrap().items;
        assert_eq!(told(&found), flat(&SOME), "{text}");
        assert!(!text.contains("one") && !text.contains("007"), "{text}");
        assert_eq!(Store::of_content(text.as_bytes()), Some(store));
    }
    let values = [("A", "one"), ("B", "a\nb\n"), ("C", "")];
    let text = written(&values, Store::Dotenv, &[&me()], NOW, None)
        .unwrap()
        .unwrap();
    let found = named(&text, Store::Dotenv, Check::Verify).unwrap().items;
    assert_eq!(told(&found), flat(&values), "{text}");
}

/// The same values again are no change; another one is a change of three lines.
#[test]
fn what_did_not_change_is_used_again() {
    for store in [Store::Yaml, Store::Json] {
        let first = written(&SOME, store, &[&me()], NOW, None).unwrap().unwrap();
        assert_eq!(
            written(&SOME, store, &[&me()], LATER, Some(&first)).unwrap(),
            None
        );
        let mut values = SOME;
        values[3].1 = "false";
        let second = written(&values, store, &[&me()], LATER, Some(&first))
            .unwrap()
            .unwrap();
        let changed = first
            .lines()
            .zip(second.lines())
            .filter(|(one, other)| one != other);
        assert_eq!(changed.count(), 3, "{second}");
        assert_eq!(first.lines().count(), second.lines().count());
        let fewer = written(&SOME[1..], store, &[&me()], LATER, Some(&first))
            .unwrap()
            .unwrap();
        assert_eq!(fewer.lines().count(), first.lines().count() - 1);
        assert!(
            written(&[], store, &[&me()], LATER, Some(&first))
                .unwrap()
                .is_some()
        );
    }
}

/// Somebody who is no longer a recipient knows the old key; somebody new gets a part of it.
#[test]
fn another_set_of_recipients_keeps_the_key_only_if_nobody_left() {
    let other = Recipient::parse(Identity::generate("a test").public()).unwrap();
    let both = written(&SOME, Store::Yaml, &[&me(), &other], NOW, None)
        .unwrap()
        .unwrap();
    let line = |text: &str| text.lines().next().unwrap().to_owned();
    let fewer = written(&SOME, Store::Yaml, &[&me()], LATER, Some(&both))
        .unwrap()
        .unwrap();
    assert_ne!(line(&fewer), line(&both));
    assert!(!fewer.contains(other.text()));
    let more = written(&SOME, Store::Yaml, &[&me(), &other], LATER, Some(&fewer))
        .unwrap()
        .unwrap();
    assert_eq!(line(&more), line(&fewer));
    let part = |text: &str| {
        text.split("enc: |")
            .nth(1)
            .unwrap()
            .split("recipient")
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(more.contains(&part(&fewer)));
}

/// A key of somebody else's kind is not kept, whatever else stays.
#[test]
fn a_file_with_other_kinds_of_recipients_gets_a_new_key() {
    let first = written(&SOME, Store::Yaml, &[&me()], NOW, None)
        .unwrap()
        .unwrap();
    let pgp = first.replace(
        "    lastmodified",
        "    pgp:\n        - fp: F\n          enc: x\n    lastmodified",
    );
    let second = written(&SOME, Store::Yaml, &[&me()], LATER, Some(&pgp))
        .unwrap()
        .unwrap();
    assert_ne!(second.lines().next(), first.lines().next());
}

#[test]
fn what_sops_would_alter_is_refused_by_name() {
    for (path, store) in [
        ("sops", Store::Yaml),
        ("sops/a", Store::Json),
        ("a/x_unencrypted", Store::Yaml),
        ("a:b", Store::Yaml),
        ("a b", Store::Yaml),
        ("a\"b", Store::Json),
        ("a/b", Store::Dotenv),
        ("sops_a", Store::Dotenv),
        ("a=b", Store::Dotenv),
    ] {
        let error = written(&[(path, "qCanary")], store, &[&me()], NOW, None).unwrap_err();
        assert!(matches!(error, WriteError::Key(_)), "{path}");
    }
    let error = written(&[("A", r"qCanary\n")], Store::Dotenv, &[&me()], NOW, None).unwrap_err();
    assert!(matches!(&error, WriteError::Value { path, .. } if path == "A"));
    assert!(!error.to_string().contains("qCanary"));
    let tree = nest(vec![(vec!["A".to_owned()], SecretValue::new(vec![0xff]))]).unwrap();
    let error = write(&tree, Store::Yaml, &[&me()], &Plugins::default(), NOW, None).unwrap_err();
    assert!(matches!(error, WriteError::Value { .. }));
}

/// Keys that some reader of YAML takes for something else stand in quotes.
#[test]
fn keys_that_look_like_other_things_are_quoted() {
    let values = [
        ("1", "a"),
        ("no", "b"),
        ("true", "c"),
        ("_x", "d"),
        ("2024-01-02", "e"),
    ];
    let text = written(&values, Store::Yaml, &[&me()], NOW, None)
        .unwrap()
        .unwrap();
    for key in ["\"1\":", "\"no\":", "\"true\":", "_x:", "\"2024-01-02\":"] {
        assert!(text.lines().any(|line| line.starts_with(key)), "{text}");
    }
    assert_eq!(read(&text).unwrap().len(), 5);
}

/// Checklist 18: two characters, as most versions of sops write it, or a line end in quotes.
#[test]
fn line_ends_in_flat_metadata_are_read_in_both_spellings() {
    let values = [("A", "one"), ("s/B", "two")];
    let text = written(&values, Store::Ini, &[&me()], NOW, None)
        .unwrap()
        .unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("BEGIN AGE"))
        .unwrap();
    let (name, sealed) = line.split_once(" = ").unwrap();
    assert!(sealed.ends_with(r"FILE-----\n"), "{sealed}");
    let quoted = format!("{name} = \"\"\"{}\"\"\"", sealed.replace(r"\n", "\n"));
    for text in [text.clone(), text.replace(line, &quoted)] {
        let found = named(&text, Store::Ini, Check::Verify).unwrap().items;
        assert_eq!(told(&found), ["DEFAULT.A=one", "s.B=two"], "{text}");
    }
    let text = written(&values[..1], Store::Dotenv, &[&me()], NOW, None)
        .unwrap()
        .unwrap();
    assert!(text.contains(r"FILE-----\nYWdl"), "{text}");
    assert!(named(&text, Store::Dotenv, Check::Verify).is_ok());
}

/// Checklist 20: up to 3.13.1 sops counted every number of JSON as a float, from then on not.
#[test]
fn numbers_of_json_in_the_open_count_as_one_of_the_versions_reads_them() {
    let text = written(&[("A", "one")], Store::Json, &[&me()], NOW, None)
        .unwrap()
        .unwrap();
    let document = Document::parse(text.as_bytes(), Store::Json).unwrap();
    let cipher = open(&document, &keyring(), Check::Verify).unwrap().cipher;
    let old = document.metadata.mac.as_deref().unwrap();
    for (counted, holds) in [
        ("9007199254740993", true),
        ("9007199254740992", true),
        ("1", false),
    ] {
        let mut mac = mac::Mac::start(false);
        for text in ["one", counted] {
            mac.add(&SecretValue::new(text.as_bytes().to_vec()));
        }
        let number = "\t\"n_unencrypted\": 9007199254740993,\n\t\"sops\"";
        let text = text
            .replace(old, &cipher.seal(&mac.text(), NOW))
            .replace("\t\"sops\"", number);
        let found = named(&text, Store::Json, Check::Verify);
        let found = found.map(|named| told(&named.items));
        match holds {
            true => assert_eq!(found.unwrap()[1], format!("n_unencrypted={counted}")),
            false => assert_eq!(found, Err(SopsError::Mac)),
        }
    }
}
