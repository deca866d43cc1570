//! Whole files: the known answers, what each line of the list of known faults of implementations
//! asks for, and what is refused.

use super::*;
use crate::domain::{Identity, Keyring, Plugins, Recipient, SecretValue};
use crate::input::tree::nest;
use crate::input::{Found, Item};

const KEY: &str = include_str!("../../fixtures/sops/key.txt");
const KAT: &str = include_str!("../../fixtures/sops/kat.sops.yaml");
const KAT_ONLY_SEALED: &str = include_str!("../../fixtures/sops/kat_moe.sops.yaml");

fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    keyring
        .read("a test", &SecretValue::new(KEY.as_bytes().to_vec()))
        .unwrap();
    keyring
}

fn named(text: &str, store: Store, check: Check) -> Result<Named, SopsError> {
    let document = Document::parse(text.as_bytes(), store)?;
    Ok(open(&document, &keyring(), check)?.named())
}

fn told(items: &[Item]) -> Vec<String> {
    let tell = |item: &Item| {
        let what = match &item.found {
            Found::Empty => "{}".to_owned(),
            Found::List => "[]".to_owned(),
            Found::Null => " null".to_owned(),
            Found::Value(value) => format!("={}", String::from_utf8_lossy(value.reveal())),
        };
        format!("{}{what}", item.path.join("."))
    };
    items.iter().map(tell).collect()
}

fn read(text: &str) -> Result<Vec<String>, SopsError> {
    Ok(told(&named(text, Store::Yaml, Check::Verify)?.items))
}

const VALUES: [&str; 12] = [
    "db.password=hunter2",
    "db.port=-42",
    "db.ratio=1.5",
    "db.tls=true",
    "db.since=2024-01-02T03:04:05Z",
    "db.empty=",
    "db.nothing null",
    "list[]",
    "list.x[]",
    "we:ird=a:b",
    "uni=ü\n",
    "open_unencrypted.greeting=visible",
];

/// Checklist 3 (null), 9 (paths), 13 (comments): the MAC holds only if all of them are right.
#[test]
fn the_known_files_open() {
    for text in [KAT, KAT_ONLY_SEALED] {
        let found = read(text).unwrap();
        assert_eq!(found[..12], VALUES, "{found:?}");
        assert_eq!(found[12], "open_unencrypted.count=7");
    }
}

/// Checklist 16, 17, 28: what old and other writers leave out or spell in another way.
#[test]
fn metadata_of_old_and_other_writers_is_read() {
    for (from, to) in [
        ("    version: 3.13.2\n", ""),
        ("version: 3.13.2", "version: 1.14"),
        ("version: 3.13.2", "version: 99.0.0\n    unknown: {a: [1]}"),
        ("    unencrypted_suffix: _unencrypted\n", ""),
        ("\"2026-01-02T03:04:05Z\"", "2026-01-02T03:04:05Z"),
        (
            "\"2026-01-02T03:04:05Z\"",
            "\"2026-01-02T03:04:05.999+00:00\"",
        ),
        ("    age:\n", "    kms: []\n    pgp: null\n    age:\n"),
        ("    lastmodified", "    # a comment\n    lastmodified"),
    ] {
        let text = KAT.replace(from, to);
        assert_ne!(text, KAT);
        assert_eq!(read(&text).unwrap().len(), 13, "{to}");
    }
}

/// Checklist 24.
#[test]
fn line_ends_do_not_matter() {
    assert_eq!(read(&KAT.replace('\n', "\r\n")).unwrap().len(), 13);
}

/// Checklist 10 and 12: the rule says what is sealed, for every key on the way.
#[test]
fn the_rule_decides_and_not_the_look() {
    let look = KAT.replace("greeting: visible", "greeting: ENC[AES256_GCM,data:x]");
    let found = named(&look, Store::Yaml, Check::Skip).unwrap().items;
    assert!(told(&found).contains(&"open_unencrypted.greeting=ENC[AES256_GCM,data:x]".to_owned()));

    let error = read(&KAT.replace("empty: \"\"", "empty: open")).unwrap_err();
    assert_eq!(
        error,
        SopsError::Value {
            path: "db.empty".to_owned(),
            source: ValueError::NotSealed
        }
    );
    for clear in ["7", "true", "2024-01-02"] {
        let error = read(&KAT.replace("empty: \"\"", &format!("empty: {clear}"))).unwrap_err();
        assert!(
            matches!(
                error,
                SopsError::Value {
                    source: ValueError::NotSealed,
                    ..
                }
            ),
            "{clear}"
        );
    }
    let deep = KAT.replace("greeting: visible", "a: {b: [{c: visible}]}");
    assert_eq!(read(&deep).unwrap().len(), 13);
}

#[test]
fn a_mac_that_is_missing_or_another_is_refused_unless_asked_for() {
    let missing: String = KAT
        .lines()
        .filter(|line| !line.contains(" mac:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let other = KAT.replace("count: 7", "count: 8");
    let moved = KAT.replace("03:04:05Z\"", "03:04:06Z\"");
    for (text, error) in [
        (missing, SopsError::NoMac),
        (other, SopsError::Mac),
        (moved, SopsError::UnreadableMac),
    ] {
        assert_eq!(read(&text).unwrap_err(), error);
        let document = Document::parse(text.as_bytes(), Store::Yaml).unwrap();
        let opened = open(&document, &keyring(), Check::Skip).unwrap();
        assert_eq!(opened.unverified, Some(error));
    }
}

/// The first tampering a reader must see: a value that was swapped, cut, blanked or relabelled.
#[test]
fn tampering_is_refused_by_name_and_without_a_value() {
    let line = |key: &str| {
        KAT.lines()
            .find(|line| line.trim_start().starts_with(key))
            .unwrap()
    };
    let (password, port) = (line("password:"), line("port:"));
    let swapped = KAT.replace(password, &port.replace("port:", "password:"));
    let blank = KAT.replace(password, "    password: \"\"");
    let kind = KAT.replace("type:int]\n    ratio", "type:what]\n    ratio");
    assert!(
        matches!(read(&swapped), Err(SopsError::Value { path, source: ValueError::Tampered }) if path == "db.password")
    );
    assert_eq!(read(&blank), Err(SopsError::Mac));
    assert!(matches!(
        read(&kind),
        Err(SopsError::Value {
            source: ValueError::UnknownKind,
            ..
        })
    ));
}

/// Checklist 21: numbers in the open count as go-yaml reads them.
#[test]
fn clear_scalars_count_as_go_yaml_reads_them() {
    for spelling in ["0x7", "07", "0b111", "+7", "0_7", "7.0", "7e0"] {
        let text = KAT.replace("count: 7", &format!("count: {spelling}"));
        assert_eq!(read(&text).unwrap().len(), 13, "{spelling}");
    }
    for spelling in ["08", "\"07\"", "7.5"] {
        let text = KAT.replace("count: 7", &format!("count: {spelling}"));
        assert_eq!(read(&text), Err(SopsError::Mac), "{spelling}");
    }
}

/// Checklist 8: YAML of sops has no two equal keys, and a second block is refused.
#[test]
fn a_second_block_and_a_block_that_is_no_map_are_refused() {
    let twice = format!("{KAT}sops:\n    x: 1\n");
    assert_eq!(read(&twice), Err(SopsError::Metadata("sops")));
    assert_eq!(read("a: 1\nsops: 1\n"), Err(SopsError::Metadata("sops")));
    assert_eq!(read("a: 1\n"), Err(SopsError::NoBlock));
    assert_eq!(
        named("A=1\n", Store::Dotenv, Check::Verify).unwrap_err(),
        SopsError::NoBlock
    );
}

/// Checklist 22: further documents belong to the same MAC, and their blocks are not looked at.
#[test]
fn several_documents_are_one_file() {
    let (values, block) = KAT.split_once("sops:\n").unwrap();
    let (first, second) = values.split_once("we:ird").unwrap();
    let text = format!("{first}sops:\n{block}---\nwe:ird{second}sops:\n    x: 1\n");
    assert_eq!(read(&text).unwrap().len(), 13);
}

/// An alias could stand for a million values, and depth for a stack that ends.
#[test]
fn bombs_are_refused() {
    let deep = format!("a: {}\n", "[".repeat(1_000_000));
    assert!(matches!(
        read(&deep),
        Err(SopsError::Input(
            InputError::Syntax { .. } | InputError::TooDeep
        ))
    ));
    let alias = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    assert_eq!(
        read(alias),
        Err(SopsError::Input(InputError::Alias { line: 2 }))
    );
    let large = " ".repeat(MAX_FILE + 1);
    assert!(matches!(
        read(&large),
        Err(SopsError::Input(InputError::TooLarge { .. }))
    ));
    let recipient = "        - recipient: a\n          enc: b\n";
    let many = format!("a: 1\nsops:\n    age:\n{}", recipient.repeat(100_000));
    assert!(matches!(
        read(&many),
        Err(SopsError::Input(InputError::TooMany))
    ));
}

#[test]
fn a_store_is_chosen_as_sops_does() {
    for (name, store) in [
        ("a.yaml", Store::Yaml),
        ("x/a.sops.yml", Store::Yaml),
        (".env", Store::Dotenv),
        ("foo.env", Store::Dotenv),
        (".env.prod", Store::Binary),
        ("a.YAML", Store::Binary),
        ("a.ini", Store::Ini),
        ("a.json", Store::Json),
    ] {
        assert_eq!(Store::of_name(name), store, "{name}");
    }
    for (text, store) in [
        (KAT, Some(Store::Yaml)),
        (
            "{\"a\": 1, \"sops\": {\"lastmodified\": 1}}",
            Some(Store::Json),
        ),
        ("A=1\nsops_mac=x\n", Some(Store::Dotenv)),
        ("[a]\nb = 1\n[sops]\n", Some(Store::Ini)),
        ("sops: true\n", None),
        ("A=sops_mac=\n", None),
    ] {
        assert_eq!(Store::of_content(text.as_bytes()), store);
    }
}

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
